"""The official SpecCLIP catalogues: the retrieval database (``.npz``) and the test set (HDF5), read and written.

Layouts of the official implementation (specification sections 3.4 and 4.3). A database holds ``gaia_embeddings``,
``lamost_embeddings`` (N, 768 or 512), ``gaia_spectra`` (N, 343), ``lamost_spectra`` (N, 1462) and ``source_ids`` (N,),
and does not say which model made it; ours adds that in one more array. A test set holds the spectra and the ids.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import cancel_check
from specviz.catalog.embedding_map import EmbeddingMap
from specviz.catalog.index import SimilarityIndex
from specviz.errors import CatalogError, NotFoundError
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star

#: Prefix of the arrays of a survey.
SIDES = {"gaia_xp": "gaia", "lamost_lrs": "lamost"}
GRIDS = {"gaia_xp": XP_WAVELENGTH_NM, "lamost_lrs": SPECCLIP_WAVELENGTH}
MADE_BY = "specviz_model_sha256"
_WINDOW = (4820.0, 5220.0)
_BATCH = 256


@dataclass(frozen=True, eq=False)
class OfficialDatabase:
    """Embeddings and spectra of N stars seen by both surveys, row by row the same star.

    Parameters
    ----------
    embeddings, spectra : mapping of survey to array
        (N, D), and (N, 343) f / f(550 nm) or (N, 1462) continuum-normalised flux.
    source_ids : array, shape (N,)
        Gaia DR3.
    model_sha256 : str
        Of the weights that made the embeddings; "" where the file does not say.
    """

    embeddings: dict[str, NDArray[np.float32]]
    spectra: dict[str, NDArray[np.float32]]
    source_ids: NDArray[Any]
    model_sha256: str = ""
    _units: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        n = len(self.source_ids)
        for survey, side in SIDES.items():
            vectors, spectra = self.embeddings[survey], self.spectra[survey]
            if vectors.ndim != 2 or len(vectors) != n or spectra.shape != (n, GRIDS[survey].size):
                raise CatalogError(
                    f"{side}_embeddings {vectors.shape} and {side}_spectra {spectra.shape} of {n} source_ids",
                    expected=f"(N, D) and (N, {GRIDS[survey].size})",
                )

    def __len__(self) -> int:
        return len(self.source_ids)

    def unit_vectors(self, survey: str) -> NDArray[np.float32]:
        """Embeddings of unit length, kept; a vector of zeros stays (its cosine with everything is 0)."""
        if survey not in self._units:
            vectors = np.asarray(self.embeddings[survey], np.float32)
            norm = np.linalg.norm(vectors, axis=1, keepdims=True)
            self._units[survey] = np.asarray(vectors / np.where(norm > 0, norm, 1), np.float32)
        return self._units[survey]

    @classmethod
    def read(cls, path: str | Path) -> OfficialDatabase:
        """Open a database, ours or the official one; no pickle is run.

        Raises
        ------
        CatalogError
            If the file is absent, damaged, or of another layout.
        """
        path = Path(path)
        if not path.is_file():
            raise CatalogError(f"There is no database at {path}")
        wanted = [f"{side}_{kind}" for side in SIDES.values() for kind in ("embeddings", "spectra")] + ["source_ids"]
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                absent = [name for name in wanted if name not in file.files]
                if absent:
                    raise CatalogError(
                        f"{path.name} has no {', '.join(absent)}", expected="an official database: " + ", ".join(wanted)
                    )
                arrays = {name: file[name] for name in wanted}
                made = str(file[MADE_BY]) if MADE_BY in file.files else ""
        except CatalogError:
            raise
        except Exception as error:  # damaged bytes raise a dozen kinds in zipfile, zlib and numpy
            raise CatalogError(
                f"{path.name} is damaged, or no .npz without pickles", remedy="Build it again"
            ) from error
        return cls(
            {survey: _rows(arrays[f"{side}_embeddings"]) for survey, side in SIDES.items()},
            {survey: _rows(arrays[f"{side}_spectra"]) for survey, side in SIDES.items()},
            arrays["source_ids"],
            made,
        )

    def save(self, path: str | Path) -> None:
        """Write it in the official layout (uncompressed), whole or not at all."""
        path = Path(path)
        arrays: dict[str, Any] = {"source_ids": self.source_ids, MADE_BY: np.array(self.model_sha256)}
        for survey, side in SIDES.items():
            arrays |= {f"{side}_embeddings": self.embeddings[survey], f"{side}_spectra": self.spectra[survey]}
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=".database-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        finally:
            Path(scratch).unlink(missing_ok=True)

    def star(self, row: int) -> Star:
        """A row as a star, with both spectra, normalised as they are."""
        return star_of(self.source_ids[row], {survey: spectra[row] for survey, spectra in self.spectra.items()})

    def index(self, survey: str = "lamost_lrs", *, model_sha256: str = "") -> OfficialCatalog:
        """The stars of one survey as an index that the Explorer can show.

        Raises
        ------
        CatalogError
            If other weights made the embeddings than those in use (``model_sha256``).
        """
        made = self.model_sha256
        if made and model_sha256 and made != model_sha256:
            raise CatalogError(
                f"This database was made by other weights ({made[:12]}...) than those in use ({model_sha256[:12]}...)",
                remedy="Build it again with this model",
            )
        return OfficialCatalog(self, survey, made or model_sha256)


class OfficialCatalog(SimilarityIndex):
    """A :class:`SimilarityIndex` over an official database that can also give the stars, and a map."""

    def __init__(self, database: OfficialDatabase, survey: str, model_sha256: str) -> None:
        from astropy.table import Table

        names = [_name(value) for value in database.source_ids]
        table = Table({"object_id": np.array(names, dtype=str)})
        super().__init__(database.embeddings[survey], table, model_sha256=model_sha256, survey=survey)
        self.database = database

    def neighbour_star(self, row: int) -> Star:
        """The star of a row of the index, with its spectra."""
        return self.database.star(self._checked(row))

    def neighbour_window(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Vacuum wavelength (Angstrom) and normalised flux from H beta to Mg b, for thumbnails."""
        wave = GRIDS["lamost_lrs"]
        keep = (wave >= _WINDOW[0]) & (wave <= _WINDOW[1])
        flux = self.database.spectra["lamost_lrs"][self._checked(row)]
        return wave[keep], flux[keep].astype(np.float64)

    @cached_property
    def map(self) -> EmbeddingMap:
        """The flat picture of the embeddings."""
        return EmbeddingMap.fit(self.vectors)

    def _checked(self, row: int) -> int:
        if not 0 <= int(row) < len(self):
            raise CatalogError(f"No row {row} in this catalogue", expected=f"0 to {len(self) - 1}")
        return int(row)


@dataclass(frozen=True, eq=False)
class OfficialPairs:
    """An open test set: only what is asked for is read.

    Parameters
    ----------
    spectra : mapping of survey to HDF5 dataset
        (N, 343) or (N, 1462), or with a last axis of one.
    source_ids : array, shape (N,)
    labels : mapping of str to array, shape (N,)
        Known labels, in our extension of the layout (``labels/<name>``); empty in the official files.
    """

    spectra: dict[str, Any]
    source_ids: NDArray[Any]
    labels: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.source_ids)

    def rows(self, survey: str, start: int, stop: int) -> NDArray[np.float32]:
        """Spectra ``start`` to ``stop`` of a survey, (n, L)."""
        part = np.asarray(self.spectra[survey][start:stop], np.float32)
        return part[:, :, 0] if part.ndim == 3 else part

    def batches(self, survey: str, size: int = _BATCH) -> Iterator[NDArray[np.float32]]:
        """All spectra of a survey, ``size`` at a time."""
        return (self.rows(survey, start, min(start + size, len(self))) for start in range(0, len(self), size))

    def star(self, row: int) -> Star:
        """A row as a star, with both spectra, normalised as they are."""
        return star_of(self.source_ids[row], {survey: self.rows(survey, row, row + 1)[0] for survey in self.spectra})


@contextmanager
def open_pairs(path: str | Path, group: str = "test") -> Iterator[OfficialPairs]:
    """Open the official test set, or another file of pairs.

    Raises
    ------
    NotFoundError, CatalogError
        If there is no such file, or it has another layout.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}", remedy="specviz catalog pull specclip-test-small brings one")
    try:
        import h5py
    except ImportError as error:
        raise CatalogError("h5py is not installed", remedy="pip install 'jupyter-specviz[hdf5]'") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise CatalogError(f"{path.name} is damaged, or no HDF5 file", remedy="Download it again") from error
    with file:
        if group not in file:
            raise CatalogError(f"{path.name} has no group {group!r}", expected="one of " + ", ".join(file))
        found = file[group]
        spectra = {survey: found.get(f"{side}_spectra") for survey, side in SIDES.items()}
        for survey, data in spectra.items():
            if data is None or data.ndim not in (2, 3) or data.shape[1] != GRIDS[survey].size:
                shape = "nothing" if data is None else data.shape
                raise CatalogError(
                    f"{path.name} has {shape} in {group}/{SIDES[survey]}_spectra",
                    expected=f"(N, {GRIDS[survey].size}), as in the official test set",
                )
        counts = {len(data) for data in spectra.values()}
        ids = np.asarray(found["source_ids"][:]) if "source_ids" in found else np.arange(max(counts))
        if counts != {len(ids)}:
            raise CatalogError(f"{path.name} has {sorted(counts)} spectra for {len(ids)} source_ids")
        held = found.get("labels")
        labels = {} if held is None else {str(name): np.asarray(held[name][:], np.float64) for name in held}
        yield OfficialPairs(spectra, ids, labels)


def build_database(
    model: Any,
    pairs: OfficialPairs,
    *,
    progress: Callable[[float, str], None] | None = None,
    cancel: Any = None,
    batch: int = _BATCH,
) -> OfficialDatabase:
    """Embed every star of a test set: the retrieval database of a model.

    Parameters
    ----------
    model : SpecClipOfficial
        Its ``retrieval`` says which embedding is kept: the shared 512 of split, or the 768 of predict + reconstruct.
    pairs : OfficialPairs
    progress : callable(fraction, text), optional
    cancel : threading.Event or callable() -> bool, optional
    batch : int
        Spectra at a time.
    """
    stop, say = cancel_check(cancel), progress or (lambda fraction, text: None)
    n, done = len(pairs), 0
    embeddings: dict[str, NDArray[np.float32]] = {}
    spectra: dict[str, NDArray[np.float32]] = {}
    for survey in SIDES:
        at = 0
        spectra[survey] = np.empty((n, GRIDS[survey].size), np.float32)
        for rows in pairs.batches(survey, batch):
            stop()
            vectors = model.embed(model.on_grid(rows, survey)).vectors
            if survey not in embeddings:
                embeddings[survey] = np.empty((n, vectors.shape[1]), np.float32)
            embeddings[survey][at : at + len(rows)], spectra[survey][at : at + len(rows)] = vectors, rows
            at += len(rows)
            done += len(rows)
            say(done / (2 * n), f"Embedding, {done} of {2 * n} spectra")
    return OfficialDatabase(embeddings, spectra, pairs.source_ids, model.describe().weights_sha256)


def star_of(source_id: Any, spectra: dict[str, NDArray[np.float32]]) -> Star:
    """A star of an official catalogue: normalised spectra on the official grids, and an id of Gaia DR3."""
    name, meta = _name(source_id), {"normalised": True, "source_id": _text(source_id), "release": "DR3"}
    made = {
        survey: Spectrum(
            GRIDS[survey], flux.astype(np.float64), survey=survey, meta={**meta, "object_id": name},
            flux_unit="relative to 550 nm" if survey == "gaia_xp" else "",
        )
        for survey, flux in spectra.items()
    }  # fmt: skip
    return Star(name, made, (Identifier("Gaia", "DR3", _text(source_id)),), meta={"catalogue": "SpecCLIP"})


def _text(source_id: Any) -> str:
    return source_id.decode() if isinstance(source_id, bytes) else str(source_id)


def _name(source_id: Any) -> str:
    return f"Gaia DR3 {_text(source_id)}"


def _rows(array: NDArray[Any]) -> NDArray[np.float32]:
    """(N, L) float32 of what may have a last axis of one."""
    rows = np.asarray(array, np.float32)
    return rows[:, :, 0] if rows.ndim == 3 and rows.shape[2] == 1 else rows
