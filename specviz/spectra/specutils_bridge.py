"""To and from ``specutils.Spectrum``; specutils is an extra and imported only here, when used."""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.errors import SpectrumError
from specviz.spectra.spectrum import WAVELENGTH_UNITS, Spectrum


def to_specutils(spectrum: Spectrum) -> Any:
    """As a ``specutils.Spectrum``: flux and spectral axis with units, ``InverseVariance`` (when errors are known),
    mask, meta.

    ``meta`` gains ``survey`` and ``frame`` so that the way back loses nothing.

    Raises
    ------
    SpectrumError
        If specutils is not installed.
    """
    cls = _specutils()
    import astropy.units as u
    from astropy.nddata import InverseVariance

    unit = u.Unit(spectrum.flux_unit) if spectrum.flux_unit else u.dimensionless_unscaled
    uncertainty = InverseVariance(np.array(spectrum.ivar)) if spectrum.has_errors else None
    return cls(
        flux=np.array(spectrum.flux) * unit,
        spectral_axis=np.array(spectrum.wavelength) * u.Unit(spectrum.wavelength_unit),
        uncertainty=uncertainty,
        mask=np.array(spectrum.mask),
        meta={**spectrum.meta, "survey": spectrum.survey, "frame": spectrum.frame},
    )


def from_specutils(other: Any, *, survey: str | None = None) -> Spectrum:
    """From a 1-D ``specutils.Spectrum`` (or ``Spectrum1D``).

    Parameters
    ----------
    other : specutils.Spectrum
        Its uncertainty of any kind becomes ivar; an axis in frequency, energy or wavenumber becomes wavelength,
        increasing.
    survey : str, optional
        One of ours; by default ``meta["survey"]``, else "other".

    Raises
    ------
    SpectrumError
        More than one dimension, an axis that is no wavelength, or an unknown survey.
    """
    import astropy.units as u
    from astropy.nddata import InverseVariance

    meta = dict(getattr(other, "meta", {}) or {})
    survey = survey or meta.pop("survey", None) or "other"
    frame = meta.pop("frame", "observed")
    if survey not in WAVELENGTH_UNITS:
        raise SpectrumError(f"Unknown survey {survey!r}", expected="one of " + ", ".join(WAVELENGTH_UNITS))
    try:
        wave = other.spectral_axis.to_value(WAVELENGTH_UNITS[survey], u.spectral())
        flux = np.asarray(other.flux.value, np.float64)
    except (AttributeError, u.UnitConversionError) as error:
        raise SpectrumError("Not a spectrum with a wavelength axis", expected="a specutils.Spectrum") from error
    if flux.ndim != 1:
        raise SpectrumError(
            f"A spectrum with flux of shape {flux.shape}", expected="one dimension", remedy="Take one row of it"
        )
    ivar = None
    if other.uncertainty is not None:
        given = other.uncertainty
        if not isinstance(given, InverseVariance):
            with np.errstate(divide="ignore"):  # sigma = 0 becomes ivar = inf, which is unknown below
                given = given.represent_as(InverseVariance)
        ivar = np.asarray(given.array, np.float64)
        ivar = np.where(np.isfinite(ivar), ivar, 0.0)
    mask = None if other.mask is None else np.asarray(other.mask, bool)
    order = slice(None) if wave[0] <= wave[-1] else slice(None, None, -1)
    unit = other.flux.unit
    return Spectrum(
        np.asarray(wave)[order],
        flux[order],
        None if ivar is None else ivar[order],
        None if mask is None else mask[order],
        frame="rest" if frame == "rest" else "observed",
        survey=survey,
        flux_unit="" if unit == u.dimensionless_unscaled else unit.to_string(),
        meta=meta,
    )


def _specutils() -> Any:
    try:
        from specutils import Spectrum as cls
    except ImportError as error:
        raise SpectrumError("specutils is not installed", remedy="Install jupyter-specviz[specutils]") from error
    return cls
