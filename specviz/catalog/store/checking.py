"""``check``: whether a catalogue's files still hold what its header says, by hashing all of it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from specviz.analysis.engine import cancel_check
from specviz.catalog.store import parts as files
from specviz.catalog.store.columns import columns_sha256, from_arrow, pyarrow
from specviz.catalog.store.header import PartRecord
from specviz.catalog.store.star_catalog import PARTS, StarCatalog
from specviz.errors import CatalogError


def check(
    catalog: StarCatalog, *, progress: Callable[[int, int], None] | None = None, cancel: Any = None
) -> tuple[str, ...]:
    """Read every part and hash it again.

    Parameters
    ----------
    catalog : StarCatalog
    progress : callable(done, total), optional
        Called after each part.
    cancel : threading.Event or callable() -> bool, optional

    Returns
    -------
    tuple of str
        What is wrong, a sentence each; empty if the catalogue is as it was written.
    """
    tell, stop, found = progress or (lambda done, total: None), cancel_check(cancel), []
    for number, part in enumerate(catalog.header.parts):
        stop()
        for look in (_columns, _vectors):
            try:
                found += look(catalog, part)
            except CatalogError as error:
                found.append(str(error))
        tell(number + 1, len(catalog.header.parts))
    return tuple(found)


def _columns(catalog: StarCatalog, part: PartRecord) -> list[str]:
    pa = pyarrow()
    file = files.table_file(catalog.path / PARTS, part.stem)
    if not file.is_file():
        raise CatalogError(f"{file.name} of this catalogue is absent")
    try:
        table = pa.parquet.read_table(file, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{file.name} of this catalogue is damaged") from error
    if table.num_rows != part.rows:
        raise CatalogError(f"{file.name} has {table.num_rows} rows, the header says {part.rows}")
    same = columns_sha256({n: from_arrow(table.column(n)) for n in table.column_names}) == part.digests.get("columns")
    return [] if same else [f"{file.name} holds other values than were written."]


def _vectors(catalog: StarCatalog, part: PartRecord) -> list[str]:
    found = []
    for survey, m in part.vectors.items():
        unit, rows = files.open_vectors(catalog.path / PARTS, part, survey, catalog.header.dims.get(survey, 0))
        if files.vectors_sha256(unit, np.asarray(rows)) != part.digests.get(survey):
            found.append(f"{part.name}.{survey}.npy holds other vectors than were written ({m}).")
    return found
