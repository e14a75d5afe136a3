"""``StarLight`` and ``EmulatedStars``: spectra at the surface of stars, with the methods of ``SyntheticGrid``.

Whatever observes rows of the grid (``observe_lamost``, ``observe_pairs``, the XP simulator) observes these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import SpecvizError

#: The ratios whose mean is [alpha/Fe] in the grid.
ALPHA_ELEMENTS = ("mg_fe", "si_fe", "ca_fe", "ti_fe")
Labels = Mapping[str, NDArray[Any]]


class SpectralEmulator(Protocol):
    """What this room asks of an emulator; ``load_model("phdlspec-small")`` has it."""

    wave: NDArray[np.float64]
    cont_wave: NDArray[np.float64]
    sed_wave: NDArray[np.float64]
    label_names: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]

    def spectra(self, labels: Any, *, norm: bool = True, continuum: bool = True, sed: bool = True) -> Any: ...


def loglinear(target: NDArray[Any], wave: NDArray[Any], flux: NDArray[Any]) -> NDArray[np.float32]:
    """``flux`` (b, n) on ``wave`` interpolated to ``target``, linear in wavelength and log flux; the ends are continued
    with their own slope.
    """
    left = np.clip(np.searchsorted(wave, target) - 1, 0, wave.size - 2)
    t = ((target - wave[left]) / (wave[left + 1] - wave[left])).astype(np.float32)
    log = np.log(np.maximum(flux, 1e-30)).astype(np.float32)
    return np.exp(log[:, left] * (1 - t) + log[:, left + 1] * t)


class StarLight:
    """Surface spectra of n objects, held in memory, in the rest frame.

    Parameters
    ----------
    wave, cont_wave, sed_wave : array
        Vacuum Angstrom: (8077,) constant in log10, (160,), (720,).
    norm : array, shape (n, 8077)
        Flux over continuum at R = 5000.
    continuum : array, shape (n, 160)
        Line-free surface flux, erg s-1 cm-2 A-1 (objects that are no stars: any common unit with ``sed``).
    sed : array, shape (n, 720)
        Surface flux with lines at R = 300.
    labels : mapping of str to array (n,), optional
    """

    def __init__(
        self,
        wave: NDArray[np.float64],
        cont_wave: NDArray[np.float64],
        sed_wave: NDArray[np.float64],
        norm: NDArray[Any],
        continuum: NDArray[Any],
        sed: NDArray[Any],
        labels: Labels | None = None,
    ) -> None:
        self.wave, self.cont_wave, self.sed_wave = wave, cont_wave, sed_wave
        self.n = len(norm)
        for name, array, size in (
            ("norm", norm, wave.size),
            ("continuum", continuum, cont_wave.size),
            ("sed", sed, sed_wave.size),
        ):
            if np.shape(array) != (self.n, size):
                raise SpecvizError(f"{name} of shape {np.shape(array)}", expected=f"({self.n}, {size})")
        f32 = np.float32
        self._norm, self._cont, self._sed = norm.astype(f32), continuum.astype(f32), sed.astype(f32)
        self.labels: dict[str, NDArray[Any]] = dict(labels or {})

    def norm(self, index: ArrayLike) -> NDArray[np.float32]:
        """Normalised flux, shape (b, 8077)."""
        return self._norm[_rows(index)]

    def continuum(self, index: ArrayLike, wave: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Line-free surface flux on ``wave`` (default: ``self.wave``), shape (b, len(wave))."""
        return loglinear(self.wave if wave is None else np.asarray(wave), self.cont_wave, self._cont[_rows(index)])

    def lrs_flux(self, index: ArrayLike) -> NDArray[np.float32]:
        """Surface flux with lines at R = 5000, shape (b, 8077)."""
        return self.norm(index) * self.continuum(index)

    def sed(self, index: ArrayLike) -> NDArray[np.float32]:
        """Surface flux at R = 300 on ``sed_wave``, shape (b, 720)."""
        return self._sed[_rows(index)]


class LitStars:
    """What observes grid rows asks of stars: four views of :meth:`light`."""

    def light(self, index: ArrayLike) -> StarLight:
        """The light of the stars ``index``."""
        raise NotImplementedError

    def norm(self, index: ArrayLike) -> NDArray[np.float32]:
        """Normalised flux at R = 5000, shape (b, 8077)."""
        light = self.light(index)
        return light.norm(np.arange(light.n))

    def continuum(self, index: ArrayLike, wave: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Line-free surface flux (erg s-1 cm-2 A-1) on ``wave`` (default: ``self.wave``), shape (b, len(wave))."""
        light = self.light(index)
        return light.continuum(np.arange(light.n), wave)

    def lrs_flux(self, index: ArrayLike) -> NDArray[np.float32]:
        """Surface flux with lines at R = 5000, shape (b, 8077)."""
        light = self.light(index)
        return light.lrs_flux(np.arange(light.n))

    def sed(self, index: ArrayLike) -> NDArray[np.float32]:
        """Surface flux at R = 300 on ``sed_wave``, shape (b, 720), erg s-1 cm-2 A-1."""
        light = self.light(index)
        return light.sed(np.arange(light.n))


class EmulatedStars(LitStars):
    """Stars of given labels, their spectra computed when asked for.

    The spectra of the last rows asked for are kept, so that ``norm``, ``continuum`` and ``sed`` of one batch cost one
    run of the emulator.

    Parameters
    ----------
    emulator : object with ``spectra`` (see :class:`SpectralEmulator`)
    labels : mapping of str to array (n,)
        All labels of the emulator; others (``alpha_fe``, masses) are kept beside them. Labels outside the emulator's
        ranges are an error (:func:`inside` moves them to the edge).
    """

    def __init__(self, emulator: SpectralEmulator, labels: Labels) -> None:
        self.emulator = emulator
        self.wave, self.cont_wave, self.sed_wave = emulator.wave, emulator.cont_wave, emulator.sed_wave
        missing = [name for name in emulator.label_names if name not in labels]
        if missing:
            raise SpecvizError("Stars without " + ", ".join(missing), expected="every label of the emulator")
        self.labels: dict[str, NDArray[Any]] = {k: np.atleast_1d(np.asarray(v)) for k, v in labels.items()}
        self.n = int(self.labels["teff"].size)
        if "alpha_fe" not in self.labels and all(k in self.labels for k in ALPHA_ELEMENTS):
            self.labels["alpha_fe"] = np.mean([self.labels[k] for k in ALPHA_ELEMENTS], axis=0)
        self._array = np.stack([self.labels[k].astype(np.float32) for k in emulator.label_names], axis=1)
        self._kept: tuple[NDArray[np.int64], StarLight] | None = None

    def __repr__(self) -> str:
        return f"<EmulatedStars {self.n} from {self.emulator!r}>"

    def light(self, index: ArrayLike) -> StarLight:
        """The spectra of some rows, in memory."""
        rows = _rows(index)
        if self._kept is None or not np.array_equal(self._kept[0], rows):
            made = self.emulator.spectra(self._array[rows])
            light = StarLight(
                self.wave, self.cont_wave, self.sed_wave, made.norm, made.continuum, made.sed,
                {k: v[rows] for k, v in self.labels.items()},
            )  # fmt: skip
            self._kept = rows.copy(), light
        return self._kept[1]


def inside(labels: Labels, ranges: Mapping[str, tuple[float, float]]) -> dict[str, NDArray[Any]]:
    """The labels, those with a range moved to its edge where they are outside."""
    return {k: np.clip(v, *ranges[k]) if k in ranges else np.asarray(v) for k, v in labels.items()}


def _rows(index: ArrayLike) -> NDArray[np.int64]:
    return np.atleast_1d(np.asarray(index, np.int64))
