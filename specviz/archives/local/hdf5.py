"""``Hdf5``: spectra in an HDF5 file, a row a star or a group a star.

* A row a star: datasets (stars, pixels) or (stars, pixels, 1) of flux, and of wavelength, ivar or error, mask; the
  wavelength may be one for all. Identifiers (``source_id``, ``obsid``, ``name``, ``ra``, ``dec``) and ``labels/<name>``
  stand beside them. Several groups may hold such sets. SpecCLIP's own layout (``train/gaia_spectra`` ...) is one.
* A group a star: ``<star>/flux``, ``<star>/wavelength`` ..., or a group a survey within; facts are attributes.

Nothing but shapes and identifiers is read at first, and then one row at a time.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specviz.archives.local.columns import (
    ID_NAMES,
    Part,
    id_columns,
    parts_of,
    plain,
    release_in,
    spectrum_of,
    survey_of,
    taken_apart,
)
from specviz.archives.local.holding import RowFile
from specviz.archives.local.register import Register
from specviz.archives.local.row_register import register_of
from specviz.archives.transport.monitor import current
from specviz.errors import NotASpectrumError, ReadError, SpecvizError
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum

_DEPTH = 3
_MAX_GROUPS = 1_000_000
_BY_PIXELS = {
    **dict.fromkeys((LAMOST_NATIVE.size, SPECCLIP_WAVELENGTH.size), "lamost_lrs"), XP_WAVELENGTH_NM.size: "gaia_xp",
}  # fmt: skip
#: The pixels of SpecCLIP's input, and what they hold there.
_NORMALISED = SPECCLIP_WAVELENGTH.size


#: What stands for an identifier that is not known; NaN for numbers.
_EMPTY: dict[str, Any] = {"name": "", **dict.fromkeys(("gaia", "obsid", "kic", "tic"), 0)}


@dataclass(frozen=True)
class _Rows:
    """A group with a row a star: its path, number of rows, and the surveys' datasets."""

    group: str
    n: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Stars:
    """A group with a group a star: its path and their names."""

    group: str
    names: tuple[str, ...]


class Hdf5(RowFile):
    """The stars of an HDF5 file.

    Raises
    ------
    SpecvizError
        If h5py is not installed.
    """

    layout = "hdf5"
    damage = "damaged, or written with a filter that is not here"
    remedy = "Copy the file again; if it is compressed by a plugin, write it with gzip"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._sets: list[_Rows | _Stars] = []
        self._places: list[tuple[int, int]] = []
        _h5py(path)

    # ------------------------------------------------------------------ finding out what there is
    def _search(self, group: Any, where: str, depth: int) -> None:
        h5py = _h5py(self.path)
        names = list(group)
        if len(names) > _MAX_GROUPS:
            raise SpecvizError(f"{self.path.name}: {len(names):,} things in {where or 'the file'}", expected="fewer")
        # One look tells a thousand groups of the same kind apart from datasets.
        if names and self._is_star(group, names):
            self._sets.append(_Stars(where, tuple(n for n in names if _link(group, n) is h5py.Group)))
            return
        datasets = [n for n in names if _link(group, n) is h5py.Dataset]
        parts = parts_of(n for n in datasets if group[n].dtype.kind in "fiu" or taken_apart(n)[1] == "mask")
        rows = [part for part in parts if len(group[part.names["flux"]].shape) in (2, 3)]
        for n in {group[part.names["flux"]].shape[0] for part in rows}:
            same = [p for p in rows if group[p.names["flux"]].shape[0] == n]
            named = [Part(self._survey(group, part, where), part.names) for part in same]
            self._sets.append(_Rows(where, int(n), tuple(named)))
        if depth < _DEPTH:
            for name in names:
                if name not in datasets and plain(name) != "labels" and _link(group, name) is h5py.Group:
                    self._search(group[name], f"{where}/{name}".strip("/"), depth + 1)

    def _is_star(self, group: Any, names: list[str]) -> bool:
        """Whether the groups in a group are stars: the first of them has a flux with one axis, or its surveys do."""
        h5py = _h5py(self.path)
        first = next((group[n] for n in names[:20] if _link(group, n) is h5py.Group and not survey_of(n)), None)
        return first is not None and bool(_spectra_in(first, h5py))

    def _survey(self, group: Any, part: Part, where: str) -> str:
        shape = group[part.names["flux"]].shape
        return part.survey or survey_of(where.rsplit("/", 1)[-1]) or _BY_PIXELS.get(shape[1], "")

    def _nothing(self, f: Any) -> NotASpectrumError:
        held = list(f)[:8]
        return NotASpectrumError(
            f"{self.path.name}: no spectra found; it holds {', '.join(held) or 'nothing'}",
            expected="a dataset called flux (or spectra) of shape (stars, pixels), or a group a star with a flux in it",
            remedy="Rename the dataset, with wavelength, ivar or error, and source_id beside it",
        )

    def _registered(self, file: Any) -> Register:
        self._sets = []
        self._search(file, "", 0)
        if not self._sets and _spectra_in(file, _h5py(self.path)):
            self._sets = [_Stars("", ("/",))]  # the file itself is a star
        if not self._sets:
            raise self._nothing(file)
        self._places, surveys, codes = [], [], []
        held: dict[str, list[Any]] = {}
        releases: list[str] = []
        fallback: list[str] = []
        for index, part in enumerate(self._sets):
            columns, release = self._facts(file, part)
            if isinstance(part, _Stars):
                first = file[part.group or "/"][part.names[0]]
                seen = {s for s, _ in _spectra_in(first, _h5py(self.path))}
                names = [self.path.stem if n == "/" else n for n in part.names]
                columns["name"] = names
            else:
                seen = {p.survey for p in part.parts}
                names = [f"{part.group or self.path.stem} {i + 1}" for i in range(part.n)]
            n = len(names)
            fallback += names
            releases += [release] * n
            self._places += [(index, i) for i in range(n)]
            surveys.append(frozenset(s or "other" for s in seen))
            codes += [index] * n
            for kind in ID_NAMES:
                held.setdefault(kind, []).extend(columns[kind] if kind in columns else [_EMPTY.get(kind, np.nan)] * n)
        return register_of(len(fallback), held, where=self.path.name, release=releases, surveys=surveys,
                           survey_of=np.array(codes, np.int32), fallback=fallback)  # fmt: skip

    def _facts(self, f: Any, part: _Rows | _Stars) -> tuple[dict[str, Any], str]:
        """Columns of identifiers of a set, and the Gaia release."""
        group = f[part.group or "/"]
        if isinstance(part, _Stars):
            return _attributes(group, part.names)
        sized = [n for n in group if getattr(group[n], "shape", ())[:1] == (part.n,) and group[n].size == part.n]
        columns = id_columns(sized)
        return {kind: _column(group[name]) for kind, name in columns.items()}, release_in(columns.get("gaia", ""))

    # ------------------------------------------------------------------ reading
    def _star(self, file: Any, row: int, name: str) -> tuple[dict[str, Spectrum], dict[str, Any]]:
        index, at = self._places[row]
        held = self._sets[index]
        if isinstance(held, _Rows):
            return self._row(file, held, at, name)
        return self._group(file[held.group or "/"][held.names[at]], name)

    def _row(self, f: Any, part: _Rows, row: int, star: str) -> tuple[dict[str, Spectrum], dict[str, Any]]:
        group = f[part.group or "/"]
        spectra: dict[str, Spectrum] = {}
        for one in part.parts:
            arrays = {kind: _cells(group[name], row, part.n, kind) for kind, name in one.names.items()}
            spectrum = self._spectrum(group, one, arrays, star)
            spectra[spectrum.survey] = spectrum
        catalogue: dict[str, Any] = {}
        labels = group.get("labels")
        if labels is not None and hasattr(labels, "items"):
            for name, data in labels.items():
                if getattr(data, "size", 0) == part.n and data.dtype.kind in "fiu":
                    value = float(np.ravel(data[row])[0])
                    if np.isfinite(value) and value > -9000:
                        catalogue[str(name)] = value
        return spectra, {**catalogue, "source": f"labels of {self.path.name}"} if catalogue else {}

    def _group(self, group: Any, star: str) -> tuple[dict[str, Spectrum], dict[str, Any]]:
        spectra: dict[str, Spectrum] = {}
        for survey, holder in _spectra_in(group, _h5py(self.path)):
            for part in parts_of(holder):
                if holder[part.names["flux"]].ndim == 1:
                    one = Part(part.survey or survey, part.names)
                    arrays = {kind: holder[name][...] for kind, name in one.names.items()}
                    if "wave" not in arrays:  # one for all stars, beside their groups
                        outer = next((n for n in group.parent if taken_apart(n)[1] == "wave"), None)
                        if outer is not None:
                            arrays["wave"] = group.parent[outer][...]
                    spectrum = self._spectrum(holder, one, arrays, star)
                    spectra[spectrum.survey] = spectrum
        if not spectra:
            raise NotASpectrumError(f"{self.path.name}, {star}: no flux in this group")
        return spectra, {}

    def _spectrum(self, group: Any, part: Part, arrays: dict[str, Any], star: str) -> Spectrum:
        name = part.names.get("wave", "wavelength")
        unit = _text(group[name].attrs.get("unit", group[name].attrs.get("units", ""))) if name in group else ""
        flux = np.asarray(arrays.pop("flux"))
        normalised = flux.size == _NORMALISED and part.survey == "lamost_lrs"
        return spectrum_of(
            self.path.name, star, part, flux, unit=unit, path=str(self.path), layout="hdf5",
            meta={"normalised": True} if normalised else None, **arrays,
        )  # fmt: skip

    def _open(self) -> AbstractContextManager[Any]:
        return _h5py(self.path).File(self.path, "r")


# ------------------------------------------------------------------------------------------------ h5py
def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise SpecvizError(f"{path.name}: reading HDF5 needs h5py, which is not installed",
                           remedy="pip install 'jupyter-specviz[hdf5]'") from error  # fmt: skip
    return h5py


def _link(group: Any, name: str) -> Any:
    """Whether a member is a group or a dataset; None for links that lead nowhere or into other files."""
    import h5py

    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return None  # another file is not part of this one
    try:
        return group.get(name, getclass=True, default=None)
    except (KeyError, RuntimeError):
        return None  # a soft link that leads nowhere


def _spectra_in(group: Any, h5py: Any) -> list[tuple[str, Any]]:
    """Survey ("" unknown) and group of each flux with one axis in a star's group."""
    found = []
    datasets = [n for n in group if _link(group, n) is h5py.Dataset]
    for part in parts_of(n for n in datasets if group[n].ndim == 1 and group[n].size >= 10):
        if group[part.names["flux"]].ndim == 1:
            found.append((part.survey, group))
    for name in list(group)[:20]:
        if survey_of(name) and _link(group, name) is h5py.Group:
            found += [(survey_of(name), holder) for _, holder in _spectra_in(group[name], h5py)]
    return list({id(holder): (survey, holder) for survey, holder in found}.values())


def _cells(data: Any, row: int, n: int, kind: str) -> Any:
    """One row of a dataset, or all of it where it is one for all stars."""
    shape = data.shape
    shared = kind in ("wave", "mask") and (len(shape) == 1 or (shape[0] != n and 1 in shape))
    if shared:
        return data[...]
    if not shape or shape[0] <= row:
        raise ReadError(f"{data.name}: {shape[0] if shape else 0} rows", expected=f"{n}, one a star")
    return data[row]


def _column(data: Any) -> Any:
    values = data[...].reshape(-1)
    # Whole numbers as Python's: put together with other sets' they must not become floats (as uint64 and int64 do).
    return values.tolist() if values.dtype.kind in "OSUiu" else values


def _attributes(group: Any, names: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Identifiers that groups have as attributes (or as small datasets)."""
    held: dict[str, list[Any]] = {}
    release = ""
    for i, name in enumerate(names):
        if i % 100 == 0:
            current().check()
        star = group[name]
        facts: dict[str, Any] = dict(star.attrs)
        for kind, attribute in id_columns(facts).items():
            if kind != "name":
                held.setdefault(kind, [_EMPTY.get(kind, np.nan)] * len(names))[i] = _scalar(facts[attribute])
                release = release or (release_in(attribute) if kind == "gaia" else "")
    return held, release


def _scalar(value: Any) -> Any:
    cell = np.ravel(value)[0] if np.size(value) else 0
    return _text(cell) if isinstance(cell, bytes | str) else int(cell) if isinstance(cell, np.integer) else cell


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
