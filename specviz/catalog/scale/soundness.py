"""``sound``: whether a part that an earlier run made is what its record says, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from specviz.catalog.store.columns import columns_sha256, from_arrow, pyarrow
from specviz.catalog.store.header import PartRecord
from specviz.catalog.store.parts import open_array, rows_file, table_file, vector_file, vectors_sha256
from specviz.errors import CatalogError


def sound(folder: Path, record: PartRecord) -> bool:
    """Read a part and compare its content with its record: half a second for a million numbers on disk.

    Parameters
    ----------
    folder : Path
        ``parts`` of the catalogue.
    record : PartRecord

    Returns
    -------
    bool
        False if a file is absent, cut off or altered.
    """
    if not record.rows:
        return True
    pa = pyarrow()
    try:
        table = pa.parquet.read_table(table_file(folder, record.stem), partitioning=None)
        columns = {name: from_arrow(table.column(name)) for name in table.column_names}
        if table.num_rows != record.rows or columns_sha256(columns) != record.digests.get("columns"):
            return False
        for survey, m in record.vectors.items():
            file = vector_file(folder, record.name, survey)
            unit = np.load(file, mmap_mode="r" if m else None, allow_pickle=False)
            whole = m == record.rows
            rows = np.arange(m) if whole else open_array(rows_file(folder, record.name, survey), (m,))
            if unit.shape[:1] != (m,) or vectors_sha256(unit, rows) != record.digests.get(survey):
                return False
    except (OSError, ValueError, EOFError, pa.ArrowException, CatalogError):
        return False
    return True
