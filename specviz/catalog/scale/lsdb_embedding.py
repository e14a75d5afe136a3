"""``embed_catalog``: for people who are in LSDB already, embeddings as columns of a lazy LSDB catalogue."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine
from specviz.catalog.hats.layout import EMBEDDING, OURS, lsdb, properties
from specviz.catalog.scale.hats_source import TOGETHER, HatsSpectra, ReaderOf, RowReader, opened
from specviz.catalog.scale.partition import EngineSpec, embed
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.header import Header
from specviz.catalog.store.parts import write_whole
from specviz.errors import CatalogError
from specviz.models.registry import DEFAULT_MODEL
from specviz.models.threads import one_thread
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: Column that says why a star has no embedding; "" where it has one.
PROBLEM = f"{EMBEDDING}problem"
#: Property of what :func:`write_embedded` writes, and a file there while it is unfinished: what run it is of.
_MADE_BY, _PLAN = f"{OURS}made_by", "embedding.plan"
_GRIDS = {"lamost_lrs": LAMOST_NATIVE, "gaia_xp": XP_WAVELENGTH_NM}


def embed_catalog(
    catalog: Any,
    reader_of: ReaderOf,
    *,
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    precision: str = "float32",
    batch: int = 256,
    surveys: Sequence[str] = (),
    dtype: str = "float32",
) -> Any:
    """An LSDB catalogue with a column of embeddings a survey, computed when it is computed or written.

    Parameters
    ----------
    catalog : lsdb.Catalog
        With spectra in list or nested columns.
    reader_of : callable
        Finds them: ``ArrowRows.of`` (:func:`specviz.embed_catalog` fills it in).
    model, device, precision : str
    batch : int
        Spectra encoded at once.
    surveys : sequence of str, optional
        Whose spectra are embedded; by default all that the model reads and the columns may hold.
    dtype : {"float32", "float16"}
        Of the vectors.

    Returns
    -------
    lsdb.Catalog
        The same, lazily, with ``embedding_SURVEY`` (lists of one length, unit vectors, null where a star has none) and
        ``embedding_problem``. Its properties, and those of what ``write_catalog`` makes of it, name the model and the
        hash of its weights.

    Raises
    ------
    CatalogError
        If LSDB is not installed, there are such columns already, or the model reads none of the surveys.
    NotASpectrumError
        If no column is a spectrum.
    """
    lsdb()
    pa = pyarrow()
    if dtype not in ("float32", "float16"):
        raise CatalogError(f"Vectors of type {dtype!r}", expected="float32 or float16")
    spec = EngineSpec(model, device, precision, batch, tuple(surveys))
    card = spec.engine().describe()
    name, meta = str(catalog.hc_structure.catalog_name), catalog.meta
    reader = reader_of(pa.Schema.from_pandas(meta, preserve_index=False), name)
    wanted = [s for s in card.surveys if s in (surveys or getattr(reader, "surveys", ()) or card.surveys)]
    if not wanted:
        raise CatalogError(f"{card.name} reads none of these spectra", expected="one of " + ", ".join(card.surveys))
    taken = sorted({PROBLEM, *(EMBEDDING + survey for survey in wanted)} & set(meta.columns))
    if taken:
        raise CatalogError(f"{name} has a column {taken[0]} already", remedy="Rename it, or leave it out")
    dims = {survey: _dim(spec.engine(), survey) for survey in wanted}
    out = _with_embeddings(meta, {s: np.empty((0, d), dtype) for s, d in dims.items()}, [])
    embedded = catalog.map_partitions(embed_partition, reader, spec, dims, dtype, name, meta=out)
    told = properties(Header.of_model(card, dims), {})
    embedded.hc_structure.catalog_info = embedded.hc_structure.catalog_info.copy_and_update(**told)
    return embedded


def write_embedded(
    path: str | Path,
    out: str | Path,
    reader_of: ReaderOf,
    *,
    again: bool = False,
    progress: bool = False,
    **options: Any,
) -> tuple[int, int]:
    """Write a HATS catalogue as another one with embeddings, going on from where an earlier run was stopped.

    Computed by the Dask client that is current, in this process if there is none.

    Parameters
    ----------
    path, out : path
        ``out`` is a new folder, or what an earlier run of the same began. One that is finished is left as it is.
    reader_of : callable
    again : bool
        Replace what stands at ``out``, if such a run made it.
    progress : bool
        Show LSDB's own progress bar.
    **options
        Of :func:`embed_catalog`.

    Returns
    -------
    int, int
        Stars, and those without an embedding.

    Raises
    ------
    CatalogError
        If something else stands at ``out``, or a partition cannot be read.
    """
    source, folder = HatsSpectra(path, reader_of), Path(out).expanduser()
    catalog = embed_catalog(lsdb().open_catalog(source.path), reader_of, **options)
    told = catalog.hc_structure.catalog_info.model_dump()
    plan = {"source": source.fingerprint, **{k: v for k, v in told.items() if k.startswith(OURS)}, **options}
    plan.pop("device", None)  # a run may go on elsewhere
    mark = hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode()).hexdigest()
    if not _finished(folder, mark, again):
        catalog.hc_structure.catalog_info = catalog.hc_structure.catalog_info.copy_and_update(**{_MADE_BY: mark})
        try:
            catalog.write_catalog(folder, as_collection=False, resume=True, progress_bar=progress)
        except (OSError, ValueError, RuntimeError) as error:
            raise CatalogError(
                f"A partition of {source.name} could not be embedded ({type(error).__name__}: {str(error)[:200]})",
                remedy="Run the same again: what is written stays. If it says the same, start over (--again)",
            ) from error
        (folder / _PLAN).unlink(missing_ok=True)
    return _counted(folder)


def _finished(folder: Path, mark: str, again: bool) -> bool:
    """Whether it is all there; makes the folder ready if not."""
    plan = folder / _PLAN
    made = (
        str(getattr(opened(str(folder)).catalog_info, _MADE_BY, "")) if (folder / "hats.properties").is_file() else ""
    )
    begun = plan.read_text("utf-8") if plan.is_file() else ""
    if again and (made or begun):
        shutil.rmtree(folder)
    elif made == mark:
        return True
    elif begun and begun != mark:
        raise CatalogError(
            f"{folder} holds an unfinished run of other stars, another model or other options",
            remedy="Finish that one, or start over (--again)",
        )
    elif not begun and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CatalogError(f"There is something else at {folder}", expected="a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(plan, lambda stream: stream.write(mark.encode()))
    return False


def _counted(folder: Path) -> tuple[int, int]:
    """Stars of a HATS catalogue, and those whose problem is told."""
    import pyarrow.compute as pc

    pa, stars, odd = pyarrow(), 0, 0
    for file in folder.glob("dataset/Norder=*/Dir=*/Npix=*"):
        said = pa.parquet.read_table(file, columns=[PROBLEM], partitioning=None).column(PROBLEM)
        stars += len(said)
        odd += int(pc.sum(pc.not_equal(said.fill_null(""), "")).as_py() or 0)
    return stars, odd


def embed_partition(
    frame: Any, reader: RowReader, spec: EngineSpec, dims: Mapping[str, int], dtype: str, name: str
) -> Any:
    """One partition: a NestedFrame with the columns of embeddings, the same wherever it is computed."""
    pa, engine = pyarrow(), spec.engine()
    columns = list(dict.fromkeys(column if column in frame else column.split(".")[0] for column in reader.columns))
    vectors = {survey: [np.empty((0, dim), dtype)] for survey, dim in dims.items()}
    problems: list[str] = []
    with one_thread():
        for first in range(0, len(frame), TOGETHER):
            piece = frame.iloc[first : first + TOGETHER]
            read = reader.read(pa.table({column: _arrow(piece[column]) for column in columns}), name, first)
            found, why = embed(engine, read.stars, spec.surveys or tuple(dims))
            problems += [str(a) or b for a, b in zip(read.problems, why, strict=True)]
            for survey, dim in dims.items():
                vectors[survey].append(_unit(found.get(survey), len(piece), dim).astype(dtype))
    return _with_embeddings(frame, {survey: np.concatenate(pieces) for survey, pieces in vectors.items()}, problems)


def _with_embeddings(frame: Any, vectors: Mapping[str, NDArray[Any]], problems: Sequence[str]) -> Any:
    import pandas as pd

    pa, out = pyarrow(), frame.copy()
    for survey, array in vectors.items():
        absent = pa.array(~np.isfinite(array[:, 0]) if len(array) else np.empty(0, bool))
        cells = pa.FixedSizeListArray.from_arrays(
            pa.array(np.nan_to_num(array).ravel()), array.shape[1], mask=absent if len(array) else None
        )
        out[EMBEDDING + survey] = pd.Series(pd.arrays.ArrowExtensionArray(cells), index=out.index)
    words = pd.arrays.ArrowExtensionArray(pa.array(list(problems), pa.string()))
    out[PROBLEM] = pd.Series(words, index=out.index)
    return out


def _arrow(column: Any) -> Any:
    """A column of a frame as Arrow, nested ones too."""
    pa = pyarrow()
    array = pa.array(column.array)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _unit(vectors: NDArray[np.float32] | None, n: int, dim: int) -> NDArray[np.float32]:
    """Vectors of length 1; NaN where there is none."""
    if vectors is None:
        return np.full((n, dim), np.nan, np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(length > 0, vectors / length, np.nan).astype(np.float32)


def _dim(engine: Engine, survey: str) -> int:
    """Length of a model's vectors of a survey, found by embedding a smooth spectrum."""
    wave = _GRIDS[survey]
    flux = 1.0 + 0.5 * (wave / wave[-1]) ** 2 + 0.01 * np.sin(wave / wave[0] * 40)
    flux = flux * (1e-16 if survey == "gaia_xp" else 1e3)
    star = Star("smooth", {survey: Spectrum(wave, flux, 1e4 / flux**2, survey=survey)})
    vectors, problems = embed(engine, [star], (survey,))
    if survey not in vectors:
        raise CatalogError(f"{engine.name} gives no embeddings of {survey} spectra ({problems[0]})")
    return int(vectors[survey].shape[1])
