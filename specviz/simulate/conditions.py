"""``Conditions``: everything that stands between a star's surface and a LAMOST pixel, drawn from one generator."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Flux-calibration errors as Legendre series of order 1-4 in each arm's own coordinate (-1 to 1), 1-sigma size in
#: ln(flux). Measured as the smooth ratio of 300 real DR10 spectra (S/N > 60) to the nearest grid star: robust scatter
#: 0.12, 0.046, 0.023, 0.017 in the blue and 0.060, 0.025, 0.009, 0.014 in the red.
BLUE_CALIBRATION = np.array([0.100, 0.036, 0.023, 0.015])
#: The second order follows the first: errors grow towards the blue end and hardly reach the red one.
BLUE_CURVATURE = -0.28
RED_CALIBRATION = np.array([0.050, 0.025, 0.010, 0.012])
#: LAMOST calibrates on F stars of the same field, which are reddened themselves and are not de-reddened: most of a
#: star's own reddening is calibrated away. Mean and concentration of the (beta-distributed) share that is.
DUST_REMOVED = (0.65, 6.0)


@dataclass(frozen=True)
class Conditions:
    """One row an observation; every array has shape (b,) except ``calibration_*`` (b, 4).

    ``rv`` km/s (observed wavelength = rest * (1 + rv/c)); ``vsini`` km/s; ``macro`` km/s (Gaussian sigma); ``ebv`` mag;
    ``dust_removed`` share of the reddening that the flux calibration took out;
    ``snr`` per pixel in the g band, as LAMOST's ``snrg``; ``fwhm_blue``, ``fwhm_red`` A; ``bend`` relative growth of
    the width towards the ends of an arm; ``calibration_blue``, ``calibration_red`` Legendre coefficients of ln(flux);
    ``arm_step`` ln ratio red/blue; ``tilt_blue``, ``tilt_red`` standard normal numbers that scale the throughput's
    scatter; ``telluric`` what the correction left of the bands (signed fraction); ``noise_scale`` true noise over the
    noise that ivar tells (LAMOST's ivar is pessimistic: 0.85).
    """

    rv: NDArray[np.float64]
    vsini: NDArray[np.float64]
    macro: NDArray[np.float64]
    ebv: NDArray[np.float64]
    dust_removed: NDArray[np.float64]
    snr: NDArray[np.float64]
    fwhm_blue: NDArray[np.float64]
    fwhm_red: NDArray[np.float64]
    bend: NDArray[np.float64]
    calibration_blue: NDArray[np.float64]
    calibration_red: NDArray[np.float64]
    arm_step: NDArray[np.float64]
    tilt_blue: NDArray[np.float64]
    tilt_red: NDArray[np.float64]
    telluric: NDArray[np.float64]
    noise_scale: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.rv.size)

    def __getitem__(self, rows: Any) -> Conditions:
        rows = np.atleast_1d(np.arange(len(self))[rows])
        return Conditions(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def with_(self, **changes: ArrayLike) -> Conditions:
        """A copy with some columns replaced (scalars are broadcast)."""
        return replace(
            self,
            **{k: np.broadcast_to(np.asarray(v, float), getattr(self, k).shape).copy() for k, v in changes.items()},
        )

    @classmethod
    def ideal(cls, n: int, *, snr: float = np.inf) -> Conditions:
        """A perfect night: no velocity, rotation, dust or calibration error; typical widths."""
        zero, one = np.zeros(n), np.ones(n)
        return cls(
            rv=zero,
            vsini=zero,
            macro=zero,
            ebv=zero,
            dust_removed=zero,
            snr=np.full(n, snr),
            fwhm_blue=2.9 * one,
            fwhm_red=4.4 * one,
            bend=zero,
            calibration_blue=np.zeros((n, 4)),
            calibration_red=np.zeros((n, 4)),
            arm_step=zero,
            tilt_blue=zero,
            tilt_red=zero,
            telluric=zero,
            noise_scale=one,
        )


def mean_vsini(teff: ArrayLike, logg: ArrayLike) -> NDArray[np.float64]:
    """Mean projected rotation (km/s): 3 km/s at 5500 K, about 25 at 6500 K, 100 above 7500 K (the run of Royer et al.
    2007 and of the Kraft 1967 curve, roughly); giants (logg < 3.6) of teff < 6000 K have 2.5 km/s.
    """
    nodes, speeds = [5000.0, 5800.0, 6250.0, 6800.0, 7500.0, 9000.0, 13000.0], [2.5, 4.0, 9.0, 35.0, 95.0, 115.0, 120.0]
    mean = np.interp(np.asarray(teff, np.float64), nodes, speeds)
    return np.asarray(np.where((np.asarray(logg) < 3.6) & (np.asarray(teff) < 6000.0), 2.5, mean))


def draw_vsini(rng: np.random.Generator, teff: NDArray[Any], logg: NDArray[Any]) -> NDArray[np.float64]:
    """Projected rotation (km/s): slow below the Kraft break and in giants, 20-300 km/s for A and B dwarfs; a gamma
    distribution about :func:`mean_vsini`.
    """
    mean = mean_vsini(teff, logg)
    shape = np.where(mean > 20.0, 2.2, 3.0)
    return np.minimum(rng.gamma(shape, mean / shape), 320.0)


def draw_rv(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Heliocentric velocity (km/s): discs and halo, as in the real files (16-84 %: -46 to 41; 1-99 %: -185 to 161
    km/s).
    """
    sigma = rng.choice([38.0, 80.0, 190.0], size=n, p=[0.72, 0.21, 0.07])
    return np.clip(rng.normal(-2.0, sigma), -600.0, 600.0)


def draw_snr(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """S/N per pixel in g: log-normal with the quantiles of the real files (5 %: 13, 50 %: 56, 95 %: 315), cut at 5 and
    800.
    """
    return np.clip(np.exp(rng.normal(np.log(56.0), 0.98, n)), 5.0, 800.0)


def draw_conditions(
    rng: np.random.Generator,
    teff: ArrayLike,
    logg: ArrayLike,
    *,
    snr: ArrayLike | None = None,
    ebv: ArrayLike | None = None,
    rv: ArrayLike | None = None,
    ebv_mean: float = 0.1,
) -> Conditions:
    """Draw the conditions of one observation of each star.

    Parameters
    ----------
    rng : numpy.random.Generator
    teff, logg : array, shape (b,)
        Rotation depends on them.
    snr, ebv, rv : array, optional
        Fixed instead of drawn.
    ebv_mean : float
        Mean of the exponential distribution of E(B-V).
    """
    teff, logg = np.atleast_1d(np.asarray(teff, float)), np.atleast_1d(np.asarray(logg, float))
    n = teff.size
    # Everything is drawn always, in a fixed order: fixing one quantity does not change the others of the same seed.
    drawn_rv, drawn_snr, drawn_ebv = draw_rv(rng, n), draw_snr(rng, n), np.minimum(rng.exponential(ebv_mean, n), 2.0)

    def pick(given: ArrayLike | None, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return drawn if given is None else np.broadcast_to(np.asarray(given, float), (n,)).copy()

    blue = rng.normal(0.0, BLUE_CALIBRATION, (n, 4))
    blue[:, 1] += BLUE_CURVATURE * blue[:, 0]
    mean, concentration = DUST_REMOVED
    return Conditions(
        rv=pick(rv, drawn_rv),
        snr=pick(snr, drawn_snr),
        ebv=pick(ebv, drawn_ebv),
        dust_removed=rng.beta(mean * concentration, (1.0 - mean) * concentration, n),
        vsini=draw_vsini(rng, teff, logg),
        macro=np.abs(rng.normal(3.5, 1.5, n)),
        fwhm_blue=2.8 * np.exp(rng.normal(0.0, 0.10, n)),
        fwhm_red=4.25 * np.exp(rng.normal(0.0, 0.10, n)),
        bend=np.abs(rng.normal(0.28, 0.12, n)),
        calibration_blue=blue,
        calibration_red=rng.normal(0.0, RED_CALIBRATION, (n, 4)),
        arm_step=np.where(rng.random(n) < 0.7, rng.normal(0.0, 0.025, n), rng.normal(0.09, 0.05, n)),
        tilt_blue=rng.normal(0.0, 1.0, n),
        tilt_red=rng.normal(0.0, 1.0, n),
        telluric=rng.normal(0.01, 0.03, n),
        noise_scale=np.exp(rng.normal(np.log(0.85), 0.08, n)),
    )
