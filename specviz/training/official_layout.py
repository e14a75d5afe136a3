"""The HDF5 layout of SpecCLIP's own training sets: what a file holds, what is wrong with it, and how to write one.

Two kinds of file (specs of the official implementation): for an encoder ``train/spectra`` and ``test/spectra``
(N, L, 1), optionally ``ivar``; for pairs ``train|test/gaia_spectra`` (N, 343, 1) and ``lamost_spectra`` (N, 1462, 1),
``test/source_ids`` (N,). The last axis of length 1 may be absent. Ours on top of it, all optional, in both groups:
``source_ids`` (N,), ``gaia_ivar`` (N, 343), ``lamost_ivar`` (N, 1462), ``labels/<name>`` (N,).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import NotFoundError, ReadError, SpectrumError, SpecvizError
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM

Survey = Literal["lamost_lrs", "gaia_xp"]
#: Names of the datasets of flux and ivar of each survey in a file of pairs, and the number of pixels.
FLUX: dict[Survey, str] = {"lamost_lrs": "lamost_spectra", "gaia_xp": "gaia_spectra"}
IVAR: dict[Survey, str] = {"lamost_lrs": "lamost_ivar", "gaia_xp": "gaia_ivar"}
PIXELS: dict[Survey, int] = {"lamost_lrs": SPECCLIP_WAVELENGTH.size, "gaia_xp": XP_WAVELENGTH_NM.size}
GRID: dict[Survey, str] = {
    "lamost_lrs": "1462 pixels, log10(wavelength / Angstrom) = 3.602 to 3.7481 in steps of 1e-4, vacuum",
    "gaia_xp": "343 pixels, 336 to 1020 nm in steps of 2 nm",
}
_ON_GRID: dict[Survey, str] = {
    "lamost_lrs": "specviz.spectra.resample.to_specclip_grid puts a spectrum on this grid",
    "gaia_xp": "specviz.spectra.resample.to_xp_grid puts a spectrum on this grid",
}
GROUPS = ("train", "test")
_LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class OfficialFile:
    """What a file in the official layout holds; nothing but shapes has been read.

    ``flux`` and ``ivar`` give the name of the dataset of each survey inside a group, ``sizes`` the stars of each group.
    """

    path: Path
    flux: Mapping[Survey, str]
    ivar: Mapping[Survey, str]
    sizes: Mapping[str, int]
    labels: tuple[str, ...]
    source_ids: frozenset[str]

    @property
    def paired(self) -> bool:
        """Whether every star has both spectra."""
        return len(self.flux) == 2

    def describe(self) -> str:
        """A line for the person."""
        what = "pairs" if self.paired else f"{next(iter(self.flux))} spectra"
        sizes = ", ".join(f"{n:,} {group}" for group, n in self.sizes.items())
        ivar = "with ivar of " + " and ".join(self.ivar) if self.ivar else "without ivar"
        return f"{self.path.name}: {what}: {sizes}; {ivar}; labels: {', '.join(self.labels) or 'none'}"


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """An HDF5 file for reading, with errors that say what to do.

    Raises
    ------
    SpecvizError
        If h5py is not installed.
    NotFoundError, ReadError
        If the file is absent, no HDF5, or damaged.
    """
    try:
        import h5py
    except ImportError as error:
        raise SpecvizError(
            "Reading HDF5 needs h5py, which is not installed", remedy="pip install 'jupyter-specviz[train]'"
        ) from error
    path = Path(path)
    if not path.exists():
        raise NotFoundError(f"The file {path} does not exist", remedy="Check the path given with --hdf5")
    if not path.is_file() or not h5py.is_hdf5(path):
        raise ReadError(
            f"{path} is no HDF5 file", expected="an HDF5 file with the groups train and test",
            remedy="docs/train.md shows the layout; a file from a download may be a page or a pointer instead",
        )  # fmt: skip
    try:
        with h5py.File(path, "r") as handle:
            yield handle
    except OSError as error:  # h5py has no other class for a damaged file or for a filter that is not there
        raise ReadError(
            f"{path.name} cannot be read: {error}", expected="an undamaged HDF5 file",
            remedy="Copy it again; if it is compressed with a filter of a plugin, write it with gzip or without",
        ) from error  # fmt: skip


def inspect(path: str | Path) -> OfficialFile:
    """Find out which of the two kinds a file is and check all shapes.

    Raises
    ------
    NotFoundError, ReadError, SpectrumError
        With what is missing or misshapen.
    """
    path = Path(path)
    with open_hdf5(path) as f:
        groups = [g for g in GROUPS if _is_group(f, g)]
        if "train" not in groups:
            held = ", ".join(sorted(f)[:6]) or "nothing"
            why = "It is a test set: there is nothing to train on. " if groups else ""
            raise ReadError(f"{why}{path.name} has no group train (it holds {held})",
                            expected="the groups train and test", remedy="docs/train.md shows the layout")  # fmt: skip
        flux, ivar = _surveys(f, path.name)
        sizes = {g: _group_size(f, g, flux, ivar, path.name) for g in groups}
        labels = _label_names(f, sizes, path.name)
        identified = frozenset(g for g in groups if "source_ids" in f[g])
        for g in identified:
            _check_ids(f[g]["source_ids"], f"{g}/source_ids", sizes[g], path.name)
    return OfficialFile(path, flux, ivar, sizes, labels, identified)


def chunk(handle: Any, group: str, name: str, rows: slice) -> NDArray[np.float32]:
    """Rows of a dataset of spectra as (n, L) float32."""
    with np.errstate(over="ignore"):  # beyond float32 is as wrong as infinite
        values = np.asarray(handle[group][name][rows]).astype(np.float32)
    return values[..., 0] if values.ndim == 3 else values


def source_ids(handle: Any, group: str) -> NDArray[Any]:
    """``source_ids`` of a group: int64, or bytes where they are text."""
    ids = handle[group]["source_ids"][...].reshape(-1)
    return ids.astype(np.int64) if ids.dtype.kind in "iu" else ids.astype(bytes)


def _is_group(handle: Any, name: str) -> bool:
    import h5py

    return isinstance(handle.get(name), h5py.Group)


def _surveys(handle: Any, file: str) -> tuple[dict[Survey, str], dict[Survey, str]]:
    """Dataset names of flux and of ivar by survey, from the group train."""
    train = handle["train"]
    if "spectra" in train:
        shape = _shape(train, "train", "spectra", file)
        survey = next((s for s, n in PIXELS.items() if shape[1] == n), None)
        if survey is None:
            raise _wrong_length("train/spectra", shape, file, " or ".join(GRID.values()))
        return {survey: "spectra"}, {survey: "ivar"} if "ivar" in train else {}
    found = {s: name for s, name in FLUX.items() if name in train}
    if len(found) < 2:
        held = ", ".join(sorted(train)[:8]) or "nothing"
        raise ReadError(
            f"The group train of {file} lacks " + " and ".join(n for s, n in FLUX.items() if s not in found)
            + f" (it holds {held})",
            expected="gaia_spectra and lamost_spectra for pairs, or spectra for one survey",
            remedy="docs/train.md shows the layout",
        )  # fmt: skip
    return found, {s: name for s, name in IVAR.items() if name in train}


def _shape(group: Any, group_name: str, name: str, file: str) -> tuple[int, int]:
    import h5py

    where, data = f"{group_name}/{name}", group.get(name)
    if not isinstance(data, h5py.Dataset):
        raise ReadError(f"{file} has no dataset {where}", expected="the same datasets in train and test")
    if data.dtype.kind not in "fiu":
        raise ReadError(f"{where} of {file} holds {data.dtype}", expected="float32")
    shape = data.shape[:2] if data.ndim == 3 and data.shape[2] == 1 else data.shape
    if len(shape) != 2 or shape[0] == 0:
        raise SpectrumError(
            f"{where} of {file} has the shape {data.shape}", expected="(stars, pixels, 1) or (stars, pixels)"
        )
    return int(shape[0]), int(shape[1])


def _wrong_length(where: str, shape: tuple[int, int], file: str, grid: str, remedy: str = "") -> SpectrumError:
    turned = shape[0] in PIXELS.values()
    return SpectrumError(
        f"{where} of {file} has {shape[1]} pixels a spectrum" + (" (the axes seem to be swapped)" if turned else ""),
        expected=grid, remedy="Transpose it: stars come first" if turned else remedy,
    )  # fmt: skip


def _group_size(f: Any, group: str, flux: Mapping[Survey, str], ivar: Mapping[Survey, str], file: str) -> int:
    """Number of stars, the same in all datasets of a group."""
    shapes = {s: _shape(f[group], group, name, file) for s, name in flux.items()}
    for survey, shape in shapes.items():
        if shape[1] != PIXELS[survey]:
            other = next((s for s, n in PIXELS.items() if n == shape[1]), None)
            remedy = f"These look like {other} spectra: swap the two names" if other else _ON_GRID[survey]
            raise _wrong_length(f"{group}/{flux[survey]}", shape, file, GRID[survey], remedy)
    counts = {flux[s]: shape[0] for s, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        raise SpectrumError(
            f"{group} of {file} holds " + " and ".join(f"{n} {k}" for k, n in counts.items()),
            expected="one row of each a star, in the same order",
        )
    for survey, name in ivar.items():
        shape = _shape(f[group], group, name, file)
        if shape != shapes[survey]:
            raise SpectrumError(f"{group}/{name} of {file} has the shape {shape}",
                                expected=f"that of {flux[survey]}, {shapes[survey]}")  # fmt: skip
    return next(iter(counts.values()))


def _label_names(f: Any, sizes: Mapping[str, int], file: str) -> tuple[str, ...]:
    """Labels of the group train; the test group may lack some."""
    for group, n in sizes.items():
        if "labels" not in f[group]:
            continue
        if not _is_group(f[group], "labels"):
            raise ReadError(f"{group}/labels of {file} is a dataset", expected="a group with one dataset a label")
        for name, data in f[group]["labels"].items():
            if not _LABEL.match(name):
                raise ReadError(f"{group}/labels of {file} holds {name!r}",
                                expected="names such as teff, logg, fe_h, mg_fe")  # fmt: skip
            if getattr(data, "shape", None) not in ((n,), (n, 1)) or data.dtype.kind not in "fiu":
                raise SpectrumError(f"{group}/labels/{name} of {file} has the shape {getattr(data, 'shape', 'none')}",
                                    expected=f"({n},) numbers, NaN where unknown")  # fmt: skip
    return tuple(sorted(f["train"]["labels"])) if "labels" in f["train"] else ()


def _check_ids(data: Any, where: str, n: int, file: str) -> None:
    if data.size != n:
        raise SpectrumError(f"{where} of {file} has the shape {data.shape}", expected=f"({n},)")
    if data.dtype.kind == "f":  # 19 digits in 53 bits: neighbours fall together
        raise ReadError(f"{where} of {file} is {data.dtype}: Gaia's numbers do not fit", expected="int64, or text")


@dataclass(frozen=True, eq=False)
class OfficialGroup:
    """One group to be written: ``gaia`` (n, 343), ``lamost`` (n, 1462), what else there is by star."""

    gaia: ArrayLike
    lamost: ArrayLike
    gaia_ivar: ArrayLike | None = None
    lamost_ivar: ArrayLike | None = None
    source_ids: ArrayLike | None = None
    labels: Mapping[str, ArrayLike] | None = None


def write_official_hdf5(path: str | Path, train: OfficialGroup, test: OfficialGroup | None = None) -> None:
    """Write pairs in the official layout: float32, (n, pixels, 1), uncompressed, whole or not at all.

    Raises
    ------
    SpectrumError
        If an array has not the shape that its dataset must have.
    """
    import h5py

    path = Path(path)
    partial = path.with_name(path.name + ".part")
    try:
        with h5py.File(partial, "w") as f:
            for name, content in zip(GROUPS, (train, test), strict=True):
                if content is not None:
                    _write_group(f.create_group(name), content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_group(group: Any, content: OfficialGroup) -> None:
    n = len(np.asarray(content.gaia))
    for survey, flux, ivar in (
        ("gaia_xp", content.gaia, content.gaia_ivar), ("lamost_lrs", content.lamost, content.lamost_ivar),
    ):  # fmt: skip
        for name, values in ((FLUX[survey], flux), (IVAR[survey], ivar)):  # type: ignore[index]
            if values is None:
                continue
            array = np.asarray(values, np.float32)
            if array.shape != (n, PIXELS[survey]):  # type: ignore[index]
                raise SpectrumError(f"{name} has the shape {array.shape}", expected=f"({n}, {PIXELS[survey]})")  # type: ignore[index]
            group.create_dataset(name, data=array[..., None] if name == FLUX[survey] else array)  # type: ignore[index]
    columns = {f"labels/{k}": np.asarray(v, np.float32) for k, v in (content.labels or {}).items()}
    if content.source_ids is not None:
        columns["source_ids"] = np.asarray(content.source_ids, np.int64)
    for name, column in columns.items():
        if column.shape != (n,):
            raise SpectrumError(f"{name} has the shape {column.shape}", expected=f"({n},)")
        group.create_dataset(name, data=column)
