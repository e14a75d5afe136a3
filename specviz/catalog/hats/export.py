"""``export_hats``: a star catalogue as a HATS catalogue, out of core, gone on with where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specviz.analysis.engine import cancel_check
from specviz.catalog.hats import dataset
from specviz.catalog.hats.layout import EMBEDDING, HEALPIX, ORDER, OURS, hats, properties
from specviz.catalog.hats.pixels import FINEST, bounds, choose, healpix, threshold_for
from specviz.catalog.hats.runs import SortedRuns
from specviz.catalog.hats.vector_columns import part_vectors, vector_array, vector_field
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.header import PartRecord
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError

_ROW = f"{OURS}row"
_LEFT_OUT = b"without_position"
_SKY_ORDER = 8


@dataclass(frozen=True)
class Exported:
    """What was written: where, how many stars in how many partitions, how many could not be placed."""

    path: Path
    stars: int
    partitions: int
    without_position: int


def export_hats(
    catalog: StarCatalog,
    path: str | Path,
    *,
    name: str | None = None,
    threshold: int | None = None,
    dtype: str = "float16",
    surveys: Sequence[str] | None = None,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancel: Any = None,
) -> Exported:
    """Write a catalogue in the HATS layout, which LSDB opens.

    One part of the catalogue or one pixel is in memory at a time. What an interrupted run wrote is used by the next.

    Parameters
    ----------
    catalog : StarCatalog
    path : path
        A new folder, or that of an interrupted run.
    name : str, optional
        Of the HATS catalogue; that of the folder by default.
    threshold : int, optional
        Stars in a partition at most; by default so many that it has about 256 MB.
    dtype : {"float16", "float32"}
        Of the vectors. The catalogue keeps float16; float32 is for readers that do not know it.
    surveys : sequence of str, optional
        Whose vectors are written; all by default.
    again : bool
        Replace what is there.
    progress : callable(done, total), optional
        Called after each step: a part sorted, a pixel written.
    cancel : threading.Event or callable() -> bool, optional

    Returns
    -------
    Exported
        ``without_position`` stars are left out: on a sky that is cut into pixels there is no place for them.

    Raises
    ------
    CatalogError
        If the catalogue has no positions, something else is at ``path``, or an option is none.
    """
    hats()
    folder, stop, tell = Path(path), cancel_check(cancel), progress or (lambda done, total: None)
    chosen = tuple(catalog.surveys if surveys is None else surveys)
    _check(catalog, chosen, dtype, threshold)
    threshold = threshold or threshold_for(_star_bytes(catalog, chosen, dtype))
    plan = {
        "content_sha256": catalog.header.content_sha256, "threshold": str(threshold), "dtype": dtype,
        "surveys": " ".join(chosen),
    }  # fmt: skip
    done = _begin(folder, plan, again)
    if done is not None:
        return done
    with dataset.working(folder):
        return _write(catalog, folder, name or folder.name, threshold, dtype, chosen, plan, tell, stop)


def _write(
    catalog: StarCatalog,
    folder: Path,
    name: str,
    threshold: int,
    dtype: str,
    chosen: Sequence[str],
    plan: Mapping[str, str],
    tell: Callable[[int, int], None],
    stop: Callable[[], None],
) -> Exported:
    """Sort the parts, then gather the pixels from them."""
    runs, records = SortedRuns(folder / dataset.WORK / "runs"), catalog.header.parts
    schema = catalog.schema.remove_metadata()
    for i, record in enumerate(records):
        stop()
        if not runs.has(record.name):
            runs.put(record.name, _placed(catalog, record, schema))
        tell(i + 1, 2 * len(records))
    names = [record.name for record in records]
    where, counts = runs.counts(names, FINEST)
    if not len(where):
        raise CatalogError("No star of the catalogue has a position", expected="columns ra and dec in degrees")
    pixels = choose(where, counts, threshold)
    by_name = {record.name: record for record in records}
    final = _schema(catalog, schema, chosen, dtype)
    for k, slices in runs.gather(names, [bounds(pixel) for pixel in pixels]):
        stop()
        if not dataset.pixel_file(folder, pixels[k]).is_file():
            table = _with_vectors(catalog, [(by_name[n], table) for n, table in slices], final, chosen, dtype)
            dataset.write_pixel(folder, pixels[k], table)
        tell(len(pixels) + k + 1, 2 * len(pixels))
    left_out = sum(int(runs.table(n).schema.metadata[_LEFT_OUT]) for n in names)
    order = min(_SKY_ORDER, FINEST)
    coarse, at = np.unique(where >> 2 * (FINEST - order), return_inverse=True)
    sky = (coarse, np.bincount(at, weights=counts).astype(np.int64), order)
    units = {n: catalog.unit(n) for n in catalog.column_names}
    told = properties(catalog.header, units) | {OURS + key: value for key, value in plan.items()}
    told[f"{OURS}without_position"] = str(left_out)
    dataset.finish(folder, pixels, "object", name, told, sky)
    return Exported(folder, int(counts.sum()), len(pixels), left_out)


def _check(catalog: StarCatalog, surveys: Sequence[str], dtype: str, threshold: int | None) -> None:
    if not {"ra", "dec"} <= set(catalog.column_names):
        raise CatalogError(
            f"{catalog.path.name} has no positions", expected="columns ra and dec in degrees: HATS is cut by the sky"
        )
    if threshold is not None and threshold < 1:
        raise CatalogError(f"threshold={threshold}", expected="at least 1 star in a partition")
    for survey in surveys:
        vector_field(catalog.header, survey, dtype)
    taken = sorted(n for n in catalog.column_names if n in (HEALPIX, _ROW) or n.startswith(EMBEDDING))
    if taken:
        raise CatalogError(f"Columns {', '.join(taken)} have names that HATS or the embeddings need")


def _star_bytes(catalog: StarCatalog, surveys: Sequence[str], dtype: str) -> int:
    return 12 * len(catalog.column_names) + sum(catalog.header.dims[s] for s in surveys) * np.dtype(dtype).itemsize


def _begin(folder: Path, plan: dict[str, str], again: bool) -> Exported | None:
    """Make the folder ready; what is there already if it is this catalogue."""
    if again and folder.is_dir():
        dataset.clear(folder)
    file = folder / dataset.WORK / "plan.json"
    told = dataset.read_properties(folder) if folder.is_dir() and not file.is_file() else None
    if told is not None:
        if all(told.get(OURS + key, "") == value for key, value in plan.items()):
            partitions = len(list(folder.glob("dataset/Norder=*/Dir=*/Npix=*")))
            return Exported(folder, int(told["hats_nrows"]), partitions, int(told.get(f"{OURS}without_position", "0")))
        ours = told.get("hats_builder", "").startswith("specviz")
        raise CatalogError(
            f"There is another HATS catalogue at {folder}",
            remedy="Name another folder" + (", or replace it (--again)" if ours else ": it is not of specviz"),
        )
    if file.is_file():
        try:
            before = json.loads(file.read_text("utf-8"))
        except ValueError:
            before = None
        if before != plan:
            raise CatalogError(
                f"{folder} holds an unfinished export of another catalogue or with other options",
                remedy="Finish that one, name another folder, or replace it (--again)",
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CatalogError(f"There is something else at {folder}", expected="a new folder")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plan).encode()
        write_whole(file, lambda stream: stream.write(text))
    return None


def _placed(catalog: StarCatalog, record: PartRecord, schema: Any) -> Any:
    """A part's stars that have a position, with their pixel and their row in the part."""
    pa = pyarrow()
    table = catalog.read_part(record, schema.names).cast(schema)
    ra, dec = (table.column(n).to_numpy(zero_copy_only=False).astype(np.float64) for n in ("ra", "dec"))
    with np.errstate(invalid="ignore"):
        good = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90.0))
    table = table.take(pa.array(good))
    table = table.append_column(HEALPIX, pa.array(healpix(ra[good], dec[good]) if len(good) else good.astype(np.int64)))
    table = table.append_column(_ROW, pa.array(good.astype(np.int64)))
    return table.replace_schema_metadata({_LEFT_OUT: str(record.rows - len(good))})


def _schema(catalog: StarCatalog, plain: Any, surveys: Sequence[str], dtype: str) -> Any:
    """Of the partitions: the index first, vectors last; fields say unit and meaning, the whole what model it was."""
    pa = pyarrow()
    told = {"description": f"HEALPix pixel of order {ORDER}, NESTED, ICRS"}
    fields = [pa.field(HEALPIX, pa.int64(), nullable=False, metadata=told), *plain]
    for survey in surveys:
        fields.append(vector_field(catalog.header, survey, dtype))
    return pa.schema(fields, metadata={"specviz": json.dumps(catalog.header.about())})


def _with_vectors(
    catalog: StarCatalog, slices: Sequence[tuple[PartRecord, Any]], schema: Any, surveys: Sequence[str], dtype: str
) -> Any:
    """The stars of a pixel from the parts that have some, by the sky's index, then in the catalogue's order."""
    pa = pyarrow()
    table = pa.concat_tables([table for _, table in slices]).combine_chunks()
    order = np.argsort(table.column(HEALPIX).to_numpy(), kind="stable")
    arrays = {name: table.column(name).take(pa.array(order)) for name in schema.names if name in table.column_names}
    for survey in surveys:
        found = [part_vectors(catalog, r, survey, t.column(_ROW).to_numpy()) for r, t in slices]
        there = np.concatenate([has for _, has in found])[order]
        vectors = np.concatenate([vectors for vectors, _ in found])[order]
        arrays[EMBEDDING + survey] = vector_array(vectors, there, dtype)
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)
