"""What DESA says of a star: plain arrays and numbers, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: Units of what :class:`Look` and :class:`Background` hold, by name.
UNITS: Mapping[str, str] = {
    "teff": "K", "logg": "dex", "fe_h": "dex", "age": "Gyr", "prot": "d", "luminosity": "solLum", "radius": "solRad",
    "colour": "mag", "abs_mag": "mag", "ruwe": "",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Conformalised quantiles of one label (Romano et al. 2019): ``values`` (Q,) at probabilities ``levels`` (Q,)."""

    levels: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, level: float) -> float:
        """A quantile between the given ones, by linear interpolation."""
        return float(np.interp(level, self.levels, self.values))

    @property
    def median(self) -> float:
        """The middle one."""
        return self.at(0.5)


@dataclass(frozen=True, eq=False)
class Background:
    """Simulated stars that were not trained on, to see a star among: what a panel draws behind it.

    Parameters
    ----------
    plane : array, shape (n, 2)
        Flat map (UMAP) of the eigenspace.
    eigen : array, shape (n, D)
        Positions in the eigenspace, the largest eigenvalue first.
    duality : array, shape (n,)
        See :class:`Look`.
    kind : array of str, shape (n,)
        "single", "eclipsing", "synchronised" ...
    labels : mapping of str to array, shape (n,)
        True labels: teff (K), logg, fe_h, age (Gyr), prot (d), luminosity (solar), colour, abs_mag (mag) ...
    """

    plane: NDArray[np.float64]
    eigen: NDArray[np.float64]
    duality: NDArray[np.float64]
    kind: NDArray[np.str_]
    labels: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.plane)


@dataclass(frozen=True, eq=False)
class Look:
    """What DESA says of one star.

    Parameters
    ----------
    seen : tuple of str
        What was given: "spectrum", "light_curve".
    latent : bool
        Whether catalogue values of this star were given to the network. They leak: the answer repeats them.
    binary : float, optional
        Probability that it is a close binary (eclipsing or synchronised), where half of the stars are: as in the
        training set, not as in the sky.
    age : Quantiles, optional
        Gyr.
    labels : mapping of "spectrum", "light_curve" to mapping of label to Quantiles
        What each encoder reads off alone: teff, logg, fe_h, age; teff, logg, prot.
    diagram : mapping of str to (value, error)
        Place in the HR diagram (teff in K, luminosity in solar units) and in the CMD (colour BP - RP and absolute G
        magnitude, mag): value, and rms of the residuals on calibration stars; of the head of both or of the
        spectrum's own, whichever had the smaller one there. The error of the luminosity is that of its log10, in dex.
    eigen : array, shape (D,), optional
        Position in the eigenspace of the alignment; needs both the spectrum and the light curve.
    eigenvalues : array, shape (D,), optional
        Of the alignment, the largest in magnitude first.
    plane : array, shape (2,), optional
        Place on the map of :class:`Background`: the mean place of the nearest stars in the eigenspace, weighted by
        inverse distance.
    nearest : array of int, shape (k,)
        Rows of the background that are nearest in the eigenspace, nearest first.
    duality : float, optional
        ``<A e1, e1> - <e2, A^T e2>``: how far spectrum and light curve of the star disagree in the aligned space.
    duality_rank : float, optional
        Share of background stars that disagree less. Near 1: the two do not look like one star of the training set.
    notes : tuple of str
        What a reader must know: what is missing, what was filled.
    """

    seen: tuple[str, ...]
    latent: bool = False
    binary: float | None = None
    age: Quantiles | None = None
    labels: Mapping[str, Mapping[str, Quantiles]] = field(default_factory=dict)
    diagram: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    eigen: NDArray[np.float64] | None = None
    eigenvalues: NDArray[np.float64] | None = None
    plane: NDArray[np.float64] | None = None
    nearest: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    duality: float | None = None
    duality_rank: float | None = None
    notes: tuple[str, ...] = ()
