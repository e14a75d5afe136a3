"""Everything that is measured of a light curve, in one result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from specviz.analysis.eclipses import Eclipses, eclipses
from specviz.analysis.light_curve import CleanCurve, Variability, clean, variability
from specviz.analysis.oscillations import Oscillations, PowerSpectrum, oscillations, power_spectrum
from specviz.analysis.rotation import Rotation, rotation
from specviz.errors import SpectrumError
from specviz.spectra.star import LightCurve


@dataclass(frozen=True, eq=False)
class MeasuredCurve:
    """What a light curve shows.

    Parameters
    ----------
    curve : CleanCurve
    variability : Variability
        ppm.
    power : PowerSpectrum
    rotation : Rotation
        Days.
    oscillations : Oscillations
        Microhertz.
    eclipses : Eclipses or None
        None for a curve too short to hold three.
    """

    curve: CleanCurve
    variability: Variability
    power: PowerSpectrum
    rotation: Rotation
    oscillations: Oscillations
    eclipses: Eclipses | None


def measure_curve(
    light_curve: LightCurve, *, teff: float | None = None, stop: Callable[[], None] = lambda: None
) -> MeasuredCurve:
    """Clean a light curve and measure variability, power spectrum, rotation, oscillations and eclipses.

    Parameters
    ----------
    light_curve : LightCurve
    teff : float, optional
        K; gives the surface gravity of a star that oscillates.
    stop : callable, optional
        Called between the measurements; may raise to end them.

    Raises
    ------
    SpectrumError
        If the curve is too short, or its flux is not positive.

    Examples
    --------
    >>> measured = measure_curve(specviz.open("kplr010424789-2009259160929_llc.fits").light_curve)  # doctest: +SKIP
    >>> measured.rotation.period, measured.rotation.error  # doctest: +SKIP
    """
    curve = clean(light_curve)
    stop()
    power = power_spectrum(curve)
    stop()
    try:
        dips = eclipses(curve)
    except SpectrumError:
        dips = None
    stop()
    # Harmonics of an eclipse fill the power spectrum, and its minima are no spots.
    star = curve if dips is None or not dips.found else _without(curve, dips)
    alone = power if star is curve else power_spectrum(star)
    turning = rotation(star, alone.period)
    stop()
    hump = oscillations(alone, teff)
    return MeasuredCurve(curve, variability(curve), power, turning, hump, dips)


def _without(curve: CleanCurve, dips: Eclipses) -> CleanCurve:
    """The curve with a straight line in place of each eclipse: gaps at even times would show in the power spectrum."""
    phase = (curve.time - (dips.epoch - curve.start)) / dips.period
    away = np.abs(phase - np.round(phase)) * dips.period * 24.0 > 0.75 * dips.duration
    if not away.any():
        return curve
    return replace(curve, flux=np.where(away, curve.flux, np.interp(curve.time, curve.time[away], curve.flux[away])))
