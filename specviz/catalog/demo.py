"""The demo catalogue: the simulated stars of the package, embedded, so that similarity search works with nothing
fetched.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.draft import Draft, encode
from specviz.catalog.embedding_codec import quantise, restore
from specviz.catalog.index import SimilarityIndex
from specviz.catalog.maps.packaged import PackagedMaps
from specviz.catalog.npz_file import read_npz
from specviz.catalog.planes import Planes
from specviz.errors import CatalogError, ModelError
from specviz.models.protocol import StellarModel
from specviz.spectra.star import Star

_log = logging.getLogger(__name__)

#: Embeddings of the packaged stars by the packaged weights; made by ``python -m
#: specviz.training.make_demo_embeddings``.
PACKAGED = Path(__file__).parent / "data" / "demo_embeddings.npz"
#: Range of the thumbnails, vacuum Angstrom: H beta to Mg b.
THUMBNAIL_RANGE = (4820.0, 5220.0)
#: Thumbnails are kept as bytes: flux 0 to 1.5 in 255 steps.
_THUMBNAIL_TOP = 1.5
_FORMAT, _VERSION = "specviz demo embeddings", 2
_BATCH = 64
#: Stars kept at a time where a stopped run shall be resumed.
_PART = 1024
#: Largest share of the stars that a survey may lack (an arm without light); more is no accident.
_LACKING = 0.01
#: Stars embedded for a model that the package has no embeddings of: at most so many, and no more than fit into so many
#: seconds (the published SpecCLIP takes minutes for 2,000 on a CPU), but never fewer than the last.
OWN_STARS, OWN_SECONDS, OWN_LEAST = 2000, 45.0, 128


class StarSource(Protocol):
    """What this room needs of the demo archive (which stands above it in no order, so it is handed in)."""

    def names(self) -> Sequence[str]:
        """Every star's name."""
        ...

    def fetch(self, name: str) -> Star:
        """The star of that name."""
        ...


class DemoCatalog(SimilarityIndex):
    """A :class:`SimilarityIndex` over the demo stars that can also give the stars, their thumbnails, and a map.

    Made by :func:`demo_index`.
    """

    def __init__(
        self,
        vectors: NDArray[Any],
        table: Any,
        *,
        model_sha256: str,
        survey: str,
        stars: StarSource,
        thumbnails: NDArray[np.uint8],
        wavelength: NDArray[np.float64],
    ) -> None:
        super().__init__(vectors, table, model_sha256=model_sha256, survey=survey)
        self._stars, self._thumbnails, self._wavelength = stars, thumbnails, wavelength

    def neighbour_star(self, row: int) -> Star:
        """The star of a row of the index (column ``row`` of a search result), with its spectra."""
        return self._stars.fetch(str(self.table["object_id"][self._checked(row)]))

    def neighbour_window(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Vacuum wavelength (Angstrom) and normalised flux of a row's star from H beta to Mg b, for thumbnails."""
        flux = self._thumbnails[self._checked(row)].astype(np.float64) * (_THUMBNAIL_TOP / 255.0)
        return self._wavelength, flux

    @cached_property
    def planes(self) -> Planes:
        """The planes in which these stars can be drawn; magnitudes and distances are those of the demo sky's table."""
        maps = PackagedMaps.of(self.survey, self.vectors, self.model_sha256, fingerprint(self._stars))
        return Planes(self.table, lambda: self.map, self._more, maps)

    @cached_property
    def _sky(self) -> tuple[Any, dict[str, int]]:
        """The table of the demo sky, where its archive gives one, and the row of each name in it."""
        table = getattr(self._stars, "table", None)
        sky = table() if callable(table) else None
        return sky, {} if sky is None else {str(name): row for row, name in enumerate(sky["name"])}

    def _more(self, name: str) -> NDArray[np.float64] | None:
        sky, rows = self._sky
        if sky is None or name not in sky.colnames:
            return None
        column = sky[name]
        return np.asarray(getattr(column, "value", column), np.float64)[
            [rows[str(star)] for star in self.table["object_id"]]
        ]

    def _checked(self, row: int) -> int:
        if not 0 <= int(row) < len(self):
            raise CatalogError(f"No row {row} in the demo catalogue", expected=f"0 to {len(self) - 1}")
        return int(row)


def demo_index(
    model: StellarModel,
    stars: StarSource,
    *,
    survey: str = "lamost_lrs",
    progress: Callable[[float, str], None] | None = None,
    packaged: Path | None = None,
    cache_dir: Path | None = None,
) -> DemoCatalog:
    """The demo catalogue as ``model`` sees it.

    The embeddings come from the package if these weights made them, else from the user's cache; else those of the first
    stars are computed, as many as fit into a minute and not more than 2,000, and cached.

    Parameters
    ----------
    model : StellarModel
    stars : StarSource
        The demo archive, ``specviz.archives.demo.DemoArchive()``.
    survey : str
        Whose embeddings are searched.
    progress : callable(fraction, text), optional
        Told while embeddings are computed.
    packaged, cache_dir : path, optional
        Other places, for tests.
    """
    sha, mark = model.describe().weights_sha256, fingerprint(stars)
    cached = (cache_dir or _cache_dir()) / f"demo_{sha[:16]}_{mark[:8]}.npz"
    content = None
    for path in (packaged or PACKAGED, cached):
        content = _read(path, sha, mark)
        if content is not None:
            break
    if content is None:
        names = list(stars.names())[:OWN_STARS]
        content = embed_stars(model, stars, names=names, progress=progress, seconds=OWN_SECONDS)
        try:
            write(cached, content)
        except OSError as error:  # a read-only home costs time at the next start, nothing else
            _log.warning("the demo embeddings could not be kept in %s: %s", cached, error)
    return _catalog(content, stars, survey, sha)


def fingerprint(stars: StarSource) -> str:
    """Hash of the set of stars: embeddings of another set are not used."""
    own = getattr(stars, "fingerprint", None)
    return own if isinstance(own, str) else hashlib.sha256("\n".join(stars.names()).encode()).hexdigest()


def embed_stars(
    model: StellarModel,
    stars: StarSource,
    *,
    names: Sequence[str] | None = None,
    progress: Callable[[float, str], None] | None = None,
    keep: Path | None = None,
    seconds: float = math.inf,
) -> dict[str, NDArray[Any]]:
    """Embeddings, labels and thumbnails of the stars: the content of the packaged file.

    Parameters
    ----------
    model, stars
    names : sequence of str, optional
        Of these only.
    progress : callable(fraction, text), optional
    keep : path, optional
        A folder in which finished parts are kept, so that a stopped run goes on where it was. Parts of other weights or
        stars are not touched.
    seconds : float
        After this time, and :data:`OWN_LEAST` stars, those that are done will do.
    """
    card, mark = model.describe(), fingerprint(stars)
    names = list(stars.names() if names is None else names)
    parts: list[dict[str, NDArray[Any]]] = []
    until = time.monotonic() + seconds
    for start in range(0, len(names), _PART):
        chosen = names[start : start + _PART]
        file = keep / f"demo_{card.weights_sha256[:12]}_{mark[:12]}_{start}_{len(chosen)}.npz" if keep else None
        if file is not None and file.is_file():
            parts.append(read_npz(file)[1])
        else:
            parts.append(_embed_part(model, stars, chosen, start, len(names), progress, until))
            if len(parts[-1]["column_object_id"]) < len(chosen):
                break
            if file is not None:
                write(file, {"header": np.frombuffer(b"{}", np.uint8), **parts[-1]})
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0] if key != "wavelength"}
    header = {"format": _FORMAT, "version": _VERSION, "model_sha256": card.weights_sha256, "stars": mark}
    content = {
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "wavelength": parts[0]["wavelength"],
        **{key: values for key, values in joined.items() if not key.startswith("vectors_")},
    }
    for survey in card.surveys:
        vectors = joined[f"vectors_{survey}"]
        rows = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        if len(rows) < (1.0 - _LACKING) * len(vectors):
            lacking = len(vectors) - len(rows)
            raise ModelError(f"{lacking} of {len(vectors)} demo stars cannot be embedded ({survey})")
        content |= {f"{kind}_{survey}": values for kind, values in quantise(vectors[rows]).items()}
        content[f"rows_{survey}"] = rows.astype(np.int32)
    return content


def _embed_part(
    model: StellarModel,
    stars: StarSource,
    names: Sequence[str],
    before: int,
    total: int,
    progress: Callable[[float, str], None] | None,
    until: float,
) -> dict[str, NDArray[Any]]:
    """Vectors (float32), thumbnails and columns of some stars; only a batch of spectra is in memory at a time."""
    card = model.describe()
    vectors: dict[str, list[NDArray[Any] | None]] = {survey: [] for survey in card.surveys}
    thumbnails: list[NDArray[Any] | None] = []
    columns = []
    wavelength = np.empty(0)
    for start in range(0, len(names), _BATCH):
        chosen = names[start : start + _BATCH]
        batch = [Draft(star) for star in _fetch(stars, chosen)]
        encode(model, card, batch, set(), samples=0, seed=0, stop=lambda: None)
        for draft in batch:
            for survey in card.surveys:
                vectors[survey].append(draft.embeddings.get(survey))
            seen = "lamost_lrs" in draft.prepared
            if seen:
                wavelength, flux = _thumbnail(draft)
            thumbnails.append(flux if seen else None)
        columns.append(_columns([draft.star for draft in batch], chosen))
        if progress is not None:
            done = before + start + len(chosen)
            progress(done / total, f"Embedding the demo stars, {done} of {total}")
        if time.monotonic() > until and before + start + len(chosen) >= OWN_LEAST:
            break
    for survey, rows in vectors.items():
        if all(row is None for row in rows):
            why = " ".join(batch[-1].refusals.values()) or "no such spectrum"
            raise ModelError(f"Demo stars such as {names[-1]} cannot be embedded ({survey}): {why}")
    return {
        "wavelength": wavelength,
        "thumbnails": _stacked(thumbnails, 0).astype(np.uint8),
        **{f"vectors_{survey}": _stacked(rows, np.nan).astype(np.float32) for survey, rows in vectors.items()},
        **{f"column_{name}": np.concatenate([part[name] for part in columns]) for name in columns[0]},
    }


def _stacked(rows: Sequence[NDArray[Any] | None], absent: float) -> NDArray[Any]:
    """Rows of equal length as an array; those that are None are filled with ``absent``."""
    size = next(row.size for row in rows if row is not None)
    return np.stack([np.full(size, absent) if row is None else row for row in rows])


def _fetch(stars: StarSource, names: Sequence[str]) -> Sequence[Star]:
    """The stars of these names, at once where the source can do that faster."""
    several = getattr(stars, "fetch_many", None)
    return list(several(names)) if several is not None else [stars.fetch(name) for name in names]


def _thumbnail(draft: Draft) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Wavelength and flux from H beta to Mg b as the model sees it: means of two pixels, for a picture 140 wide."""
    prepared = draft.prepared["lamost_lrs"]
    wave = np.asarray(prepared.wavelength, np.float64)
    rows = np.flatnonzero((wave >= THUMBNAIL_RANGE[0]) & (wave <= THUMBNAIL_RANGE[1]))
    rows = rows[: rows.size // 2 * 2]
    flux = np.asarray(prepared.values, np.float64)[rows].reshape(-1, 2).mean(axis=1)
    codes = np.clip(np.rint(flux * (255.0 / _THUMBNAIL_TOP)), 0, 255).astype(np.uint8)
    return wave[rows].reshape(-1, 2).mean(axis=1), codes


def write(path: Path, content: Mapping[str, NDArray[Any]]) -> None:
    """Write the content of :func:`embed_stars`; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=".demo-", suffix=".npz", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **dict(content))
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def _columns(stars: Sequence[Star], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The catalogue's columns; NaN or "" where a star does not say."""

    def number(star: Star, key: str) -> float:
        value = star.catalogue.get(key)
        return float(value) if value is not None else float("nan")

    spectra = [star.spectra["lamost_lrs"] for star in stars]
    keys = ("teff", "logg", "fe_h", "alpha_fe")
    labels = {key: np.array([number(star, key) for star in stars], np.float32) for key in keys}
    return {
        "object_id": np.array(list(names)),
        "class": np.array([str(s.meta.get("subclass") or s.meta.get("class") or "") for s in spectra]),
        "anomaly": np.array([str(star.catalogue.get("anomaly") or "") for star in stars]),
        **labels,
        "snr": np.array([np.nan if s.snr is None else s.snr for s in spectra], np.float32),
    }


def _read(path: Path, sha: str, mark: str) -> dict[str, NDArray[Any]] | None:
    """The content of ``path`` if it is there, sound, and of these weights and stars."""
    if not path.is_file():
        return None
    try:
        header, arrays = read_npz(path)
    except CatalogError as error:
        _log.warning("%s It is made again.", error)
        return None
    told = (header.get("format"), header.get("version"), header.get("model_sha256"), header.get("stars"))
    return arrays if told == (_FORMAT, _VERSION, sha, mark) else None


def _catalog(content: Mapping[str, NDArray[Any]], stars: StarSource, survey: str, sha: str) -> DemoCatalog:
    from astropy.table import Table

    if f"codes_{survey}" not in content:
        held = ", ".join(n.removeprefix("codes_") for n in content if n.startswith("codes_"))
        raise CatalogError(f"The demo stars are not embedded for {survey!r}", expected=f"one of {held}")
    rows = content[f"rows_{survey}"]  # a star whose arm has no light is not in that survey's catalogue
    columns = {n.removeprefix("column_"): v[rows] for n, v in content.items() if n.startswith("column_")}
    # Stored as float32; six decimals bring the labels' own back.
    table = Table({n: np.round(v.astype(float), 6) if v.dtype.kind == "f" else v for n, v in columns.items()})
    for name, unit in (("teff", "K"), ("logg", "dex"), ("fe_h", "dex"), ("alpha_fe", "dex")):
        table[name].unit = unit
    return DemoCatalog(
        restore(*(content[f"{part}_{survey}"] for part in ("codes", "centre", "scale"))),
        table,
        model_sha256=sha,
        survey=survey,
        stars=stars,
        thumbnails=content["thumbnails"][rows],
        wavelength=content["wavelength"],
    )


def _cache_dir() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("specviz")
