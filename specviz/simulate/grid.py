"""``SyntheticGrid``: lazy access to the labelled grid of LTE spectra that the embedded sky is drawn from."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import NotFoundError, ReadError

SplitName = Literal["train", "validation", "test"]
#: How the file marks its three fixed parts.
SPLITS: dict[str, int] = {"train": 0, "validation": 1, "test": 2}
_NEEDED = ("wave_vac", "norm_flux", "cont_wave_vac", "cont_flux", "sed_wave_vac", "sed_flux", "split", "labels/teff")


class SyntheticGrid:
    """A grid of synthetic stellar spectra: labels at hand, fluxes read row by row when they are asked for.

    Open one with :meth:`open`. Rest frame, vacuum wavelength in Angstrom. Only the rows asked for are read from the
    file, unless ``preload`` was set, which keeps the normalised fluxes (145 MB for 9,000 stars) in memory for training.

    Attributes
    ----------
    wave : array, shape (8077,)
        Wavelength of the normalised flux; constant step 5e-5 in log10, half a LAMOST pixel.
    sed_wave : array, shape (720,)
        Wavelength of the low-resolution surface flux (R = 300).
    cont_wave : array, shape (160,)
        Wavelength of the line-free continuum.
    labels : dict of str to array of float32, shape (n,)
        ``teff`` (K), ``logg`` (cgs), ``fe_h``, ``vmic`` (km/s), ``alpha_fe`` and the element ratios ``c_fe`` ...
    population : array of str, shape (n,)
        ``ms``, ``sg``, ``rc``, ``rgb``, ``hb``, ``broad``, ``crich``.
    split : array of int8, shape (n,)
        0 train, 1 validation, 2 test.
    """

    def __init__(self, handle: Any, path: Path, *, preload: bool = False) -> None:
        self._h, self.path = handle, path
        self.wave = np.asarray(handle["wave_vac"][:], np.float64)
        self.sed_wave = np.asarray(handle["sed_wave_vac"][:], np.float64)
        self.cont_wave = np.asarray(handle["cont_wave_vac"][:], np.float64)
        self.labels = {
            name: np.asarray(values[:], np.float32) for name, values in handle["labels"].items() if name != "population"
        }
        self.population: NDArray[np.str_] = np.asarray(handle["labels/population"][:]).astype(str)
        self.split = np.asarray(handle["split"][:], np.int8)
        self.n = int(self.split.size)
        self._scale = np.float32(handle["norm_flux"].attrs["scale"])
        # The continuum and the SED are small and chunked across stars: reading them whole once is faster than row by
        # row.
        self._cont = np.asarray(handle["cont_flux"][:], np.float32)
        self._sed: NDArray[np.float32] | None = None
        self._norm: NDArray[np.uint16] | None = handle["norm_flux"][:] if preload else None

    @classmethod
    def open(cls, path: str | Path, *, preload: bool = False) -> SyntheticGrid:
        """Open ``lte_grid.h5``.

        Raises
        ------
        NotFoundError
            If there is no such file.
        ReadError
            If h5py is not installed, or the file is not such a grid.
        """
        path = Path(path)
        if not path.is_file():
            raise NotFoundError(f"No synthetic grid at {path}", remedy="Give the path of lte_grid.h5")
        try:
            import h5py
        except ImportError as error:
            raise ReadError("Reading the synthetic grid needs h5py", remedy="pip install h5py") from error
        try:
            handle = h5py.File(path, "r")
        except OSError as error:
            raise ReadError(f"{path.name} is not a sound HDF5 file", expected="lte_grid.h5") from error
        missing = [name for name in _NEEDED if name not in handle]
        if missing:
            handle.close()
            raise ReadError(
                f"{path.name} is not a synthetic grid: {', '.join(missing)} missing", expected="lte_grid.h5"
            )
        return cls(handle, path, preload=preload)

    def close(self) -> None:
        self._h.close()

    def __enter__(self) -> SyntheticGrid:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        teff = self.labels["teff"]
        low, high = self.wave[0], self.wave[-1]
        return f"<SyntheticGrid {self.n} spectra, {teff.min():.0f}-{teff.max():.0f} K, {low:.0f}-{high:.0f} A>"

    def indices(self, split: SplitName | tuple[SplitName, ...]) -> NDArray[np.int64]:
        """Rows of one split, or of several."""
        names = (split,) if isinstance(split, str) else split
        unknown = [name for name in names if name not in SPLITS]
        if unknown:
            raise NotFoundError(f"No split {unknown[0]!r}", expected="one of " + ", ".join(SPLITS))
        return np.flatnonzero(np.isin(self.split, [SPLITS[name] for name in names])).astype(np.int64)

    def norm(self, index: ArrayLike) -> NDArray[np.float32]:
        """Continuum-normalised flux at R = 5000, shape (b, 8077)."""
        index = np.atleast_1d(np.asarray(index, np.int64))
        if self._norm is not None:
            return self._norm[index].astype(np.float32) * self._scale
        return self._rows(self._h["norm_flux"], index).astype(np.float32) * self._scale

    def continuum(self, index: ArrayLike, wave: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Line-free surface flux (erg s-1 cm-2 A-1) on ``wave`` (default: ``self.wave``), shape (b, len(wave)).

        Interpolated linearly in wavelength and log flux, as the grid's own description says.
        """
        index = np.atleast_1d(np.asarray(index, np.int64))
        target = self.wave if wave is None else np.asarray(wave, np.float64)
        left = np.clip(np.searchsorted(self.cont_wave, target) - 1, 0, self.cont_wave.size - 2)
        t = ((target - self.cont_wave[left]) / (self.cont_wave[left + 1] - self.cont_wave[left])).astype(np.float32)
        log = np.log(self._cont[index])
        return np.exp(log[:, left] * (1 - t) + log[:, left + 1] * t)

    def lrs_flux(self, index: ArrayLike) -> NDArray[np.float32]:
        """Surface flux with lines at R = 5000 on ``self.wave``, shape (b, 8077)."""
        return self.norm(index) * self.continuum(index)

    def sed(self, index: ArrayLike) -> NDArray[np.float32]:
        """Surface flux at R = 300 on ``self.sed_wave``, shape (b, 720), erg s-1 cm-2 A-1."""
        if self._sed is None:
            self._sed = np.asarray(self._h["sed_flux"][:], np.float32)
        return self._sed[np.atleast_1d(np.asarray(index, np.int64))]

    @staticmethod
    def _rows(dataset: Any, index: NDArray[np.int64]) -> NDArray[Any]:
        # h5py wants increasing, unique rows.
        unique, inverse = np.unique(index, return_inverse=True)
        return np.asarray(dataset[unique])[inverse]
