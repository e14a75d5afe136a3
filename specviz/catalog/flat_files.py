"""A catalogue as one file that other programs read: Parquet with the embeddings, or a table of what is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from specviz.catalog.hats.vector_columns import part_vectors, vector_array, vector_field
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError

#: Suffix of a table without vectors: how astropy calls its format.
TABLES = {
    ".ecsv": "ascii.ecsv",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".fits": "fits",
    ".csv": "ascii.csv",
}
PARQUET = (".parquet", ".pq")


def export_parquet(
    catalog: StarCatalog,
    path: str | Path,
    *,
    dtype: str = "float16",
    surveys: Sequence[str] | None = None,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write all stars with their embeddings into one Parquet file, a part at a time, in the catalogue's order.

    :func:`specviz.catalog.scale.embeddings.open_embeddings` reads it again.

    Parameters
    ----------
    catalog : StarCatalog
    path : path
    dtype : {"float16", "float32"}
    surveys : sequence of str, optional
        Whose vectors are written; all by default.
    again : bool
        Replace a file that is there.
    progress : callable(done, total), optional
        Called after each part.
    """
    file, pa = _free(path, again), pyarrow()
    chosen = tuple(catalog.surveys if surveys is None else surveys)
    fields = [vector_field(catalog.header, survey, dtype) for survey in chosen]
    about = json.dumps(catalog.header.about())
    schema = pa.schema([*catalog.schema, *fields], metadata={"specviz": about})
    records = catalog.header.parts

    def write(stream: Any) -> None:
        with pa.parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
            for i, record in enumerate(records):
                table = catalog.read_part(record)
                arrays = [table.column(name).cast(schema.field(name).type) for name in catalog.column_names]
                for survey in chosen:
                    vectors, there = part_vectors(catalog, record, survey, np.arange(record.rows))
                    arrays.append(vector_array(vectors, there, dtype))
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                if progress is not None:
                    progress(i + 1, len(records))

    write_whole(file, write)
    return file


def export_table(catalog: StarCatalog, path: str | Path, *, again: bool = False) -> Path:
    """Write what is known of the stars, without embeddings, as ECSV, VOTable, FITS or CSV, by the file's suffix.

    The whole table is in memory: for a catalogue of many millions, write Parquet.
    """
    file = _free(path, again)
    form = TABLES.get(file.suffix.lower())
    if form is None:
        raise CatalogError(f"{file.name} is of no format that is known", expected=", ".join(TABLES))
    table = catalog.table()
    if form == "fits":  # whose keywords have eight characters
        table.meta = {"WEIGHTS": catalog.header.weights_sha256, "RELEASE": catalog.header.release}
    table.write(file, format=form, overwrite=again)
    return file


def _free(path: str | Path, again: bool) -> Path:
    file = Path(path).expanduser()
    if file.is_dir() or (file.exists() and not again):
        raise CatalogError(f"There is something at {file} already", remedy="Name another file, or replace it (--again)")
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
