"""Embeddings as Arrow columns: fixed-size lists, null where a star has none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.layout import EMBEDDING
from specviz.catalog.store import parts as files
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.header import Header, PartRecord
from specviz.catalog.store.star_catalog import PARTS, StarCatalog
from specviz.errors import CatalogError

#: Types in which vectors may be written.
DTYPES = ("float16", "float32")


def vector_field(header: Header, survey: str, dtype: str) -> Any:
    """The Arrow field of a survey's embeddings; it says what they are and which weights made them.

    Raises
    ------
    CatalogError
        If the type is none of :data:`DTYPES`, or the catalogue has no such embeddings.
    """
    pa = pyarrow()
    if dtype not in DTYPES:
        raise CatalogError(f"Vectors of type {dtype!r}", expected=" or ".join(DTYPES))
    if survey not in header.dims:
        raise CatalogError(f"The catalogue holds no {survey} embeddings", expected=", ".join(header.dims) or "none")
    kind = pa.list_(pa.float16() if dtype == "float16" else pa.float32(), header.dims[survey])
    told = {
        "description": f"embedding of the {survey} spectrum, a unit vector; null where there is none",
        "weights_sha256": header.weights_sha256,
    }
    return pa.field(EMBEDDING + survey, kind, metadata=told)


def vector_array(vectors: NDArray[Any], there: NDArray[np.bool_], dtype: str) -> Any:
    """Vectors (n, D) as an Arrow array, null where a star has none."""
    pa = pyarrow()
    flat = pa.array(vectors.astype(dtype).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=pa.array(~there))


def part_vectors(
    catalog: StarCatalog, record: PartRecord, survey: str, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Vectors (n, D) of rows of one part, zero where a star has none, and which have one."""
    folder, dim, held = catalog.path / PARTS, catalog.header.dims[survey], record.vectors.get(survey, 0)
    out, there = np.zeros((len(rows), dim), files.VECTOR_TYPE), np.zeros(len(rows), bool)
    if held:
        array = files.open_array(files.vector_file(folder, record.name, survey), (held, dim))
        if held == record.rows:
            return np.asarray(array[rows]), ~there
        own = np.asarray(files.open_array(files.rows_file(folder, record.name, survey), (held,)))
        at = np.minimum(np.searchsorted(own, rows), held - 1)
        there = own[at] == rows
        out[there] = array[at[there]]
    return out, there
