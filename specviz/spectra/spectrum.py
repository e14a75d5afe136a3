"""``Spectrum``: one observed or modelled spectrum, with its errors and masks, in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import SpectrumError

Frame = Literal["observed", "rest"]
#: Survey names are the keys of ``Star.spectra``, of model capabilities and of catalogue columns.
SURVEYS = ("lamost_lrs", "gaia_xp", "sdss", "other")
#: How each survey's wavelength is kept inside ``Spectrum`` (DESIGN.md, 'The nouns').
WAVELENGTH_UNITS: Mapping[str, str] = MappingProxyType(
    {"lamost_lrs": "Angstrom", "gaia_xp": "nm", "sdss": "Angstrom", "other": "Angstrom"}
)


def _frozen(values: ArrayLike, dtype: Any) -> NDArray[Any]:
    out = np.array(values, dtype=dtype, copy=True)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One spectrum. Arrays are one-dimensional, of equal length, and read-only.

    Parameters
    ----------
    wavelength : array of float64, shape (n,)
        Vacuum wavelength, strictly increasing. Angstrom for LAMOST and SDSS, nm for Gaia XP
        (``wavelength_unit`` says which). An astropy Quantity is converted to that unit.
    flux : array of float64, shape (n,)
        Flux per unit wavelength, in ``flux_unit`` ("" = relative, as LAMOST publishes it).
    ivar : array of float64, shape (n,), optional
        Inverse variance of ``flux``; 0 where nothing is known. Zeros when absent from the source.
    mask : array of bool, shape (n,), optional
        True = do not use this pixel. Pixels with non-finite flux are always masked.
    frame : {"observed", "rest"}
        "observed" means heliocentric, with the star's radial velocity still in it.
    survey : str
        One of :data:`SURVEYS`.
    meta : mapping
        Header facts with plain values: ``object_id``, ``obsid``, ``snr`` (g band for LAMOST), ``class``, ``subclass``,
        ``z``, ``ra``, ``dec`` (deg, ICRS), ``release``, ``layout``, ``path``, ``source_id``, and what else was found.

    Raises
    ------
    SpectrumError
        If the arrays do not make a spectrum.
    """

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    ivar: NDArray[np.float64] | None = None
    mask: NDArray[np.bool_] | None = None
    frame: Frame = "observed"
    survey: str = "other"
    flux_unit: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.survey not in SURVEYS:
            raise SpectrumError(f"Unknown survey {self.survey!r}", expected="one of " + ", ".join(SURVEYS))
        if self.frame not in ("observed", "rest"):
            raise SpectrumError(f"Unknown frame {self.frame!r}", expected="'observed' or 'rest'")
        wave: Any = self.wavelength
        if hasattr(wave, "to_value"):
            wave = wave.to_value(self.wavelength_unit)
        flux: Any = self.flux
        if hasattr(flux, "unit") and hasattr(flux, "value"):
            put(self, "flux_unit", self.flux_unit or str(flux.unit))
            flux = flux.value
        try:
            wave, flux = _frozen(wave, np.float64), _frozen(flux, np.float64)
        except (TypeError, ValueError) as error:
            raise SpectrumError("Wavelength or flux is not an array of numbers") from error
        if wave.ndim != 1 or wave.shape != flux.shape:
            raise SpectrumError(
                f"Wavelength {wave.shape} and flux {flux.shape} do not match", expected="two 1-D arrays of equal length"
            )
        if wave.size < 2:
            raise SpectrumError(f"Only {wave.size} pixels", expected="at least two")
        if not np.all(np.isfinite(wave)) or not np.all(np.diff(wave) > 0) or wave[0] <= 0:
            raise SpectrumError("The wavelength is not positive, finite and strictly increasing")
        finite = np.isfinite(flux)
        if not finite.any():
            raise SpectrumError("No pixel has a finite flux")
        ivar = _frozen(np.zeros_like(flux) if self.ivar is None else self.ivar, np.float64)
        mask = np.array(np.zeros(flux.shape, bool) if self.mask is None else self.mask, dtype=bool, copy=True)
        if ivar.shape != flux.shape or mask.shape != flux.shape:
            raise SpectrumError("ivar or mask differs in length from the flux")
        good = np.isfinite(ivar) & (ivar > 0) & finite
        mask |= ~finite
        mask.setflags(write=False)
        put(self, "wavelength", wave)
        put(self, "flux", flux)
        put(self, "ivar", _frozen(np.where(good, ivar, 0.0), np.float64))
        put(self, "mask", mask)
        put(self, "meta", MappingProxyType(dict(self.meta)))

    # ------------------------------------------------------------------ what it says of itself
    def __len__(self) -> int:
        return int(self.wavelength.size)

    def __repr__(self) -> str:
        lo, hi = self.wavelength[[0, -1]]
        snr = "" if self.snr is None else f", S/N {self.snr:.0f}"
        name = self.meta.get("object_id") or "unnamed"
        span = f"{lo:.0f}-{hi:.0f} {self.wavelength_unit}"
        return f"<Spectrum {self.survey} {name}: {len(self)} px, {span}, {self.frame}{snr}>"

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = (self.wavelength, self.flux, self.ivar, self.mask)
        return _rebuild, (*arrays, self.frame, self.survey, self.flux_unit, dict(self.meta))

    @property
    def wavelength_unit(self) -> str:
        return WAVELENGTH_UNITS[self.survey]

    @property
    def wavelength_angstrom(self) -> NDArray[np.float64]:
        """Vacuum wavelength in Angstrom, whatever the survey keeps."""
        return self.wavelength * (10.0 if self.wavelength_unit == "nm" else 1.0)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Pixels that are not masked and, where errors are known at all, have ivar > 0."""
        assert self.ivar is not None and self.mask is not None
        return ~self.mask & ((self.ivar > 0) if self.has_errors else np.isfinite(self.flux))

    @property
    def has_errors(self) -> bool:
        assert self.ivar is not None
        return bool((self.ivar > 0).any())

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Standard deviation of each pixel's flux; NaN where it is not known."""
        assert self.ivar is not None
        with np.errstate(divide="ignore"):
            return np.where(self.ivar > 0, 1.0 / np.sqrt(self.ivar), np.nan)

    @property
    def snr(self) -> float | None:
        """Signal to noise per pixel: the header's (g band for LAMOST) or the median of flux/sigma; None if unknown."""
        value = self.meta.get("snr")
        if value is not None and np.isfinite(value):
            return float(value)
        if not self.has_errors:
            return None
        good = self.good
        return float(np.median(self.flux[good] / self.sigma[good])) if good.any() else None

    # ------------------------------------------------------------------ new ones from old
    def with_(self, **changes: Any) -> Spectrum:
        """A copy with some fields replaced."""
        return replace(self, **changes)

    def to_specutils(self) -> Any:
        """The same spectrum as a ``specutils.Spectrum`` (needs the extra ``jupyter-specviz[specutils]``)."""
        from specviz.spectra.specutils_bridge import to_specutils

        return to_specutils(self)

    @classmethod
    def from_specutils(cls, spectrum: Any, *, survey: str | None = None) -> Spectrum:
        """From a ``specutils.Spectrum``; uncertainties become ivar, masks stay masks."""
        from specviz.spectra.specutils_bridge import from_specutils

        return from_specutils(spectrum, survey=survey)


def _rebuild(*args: Any) -> Spectrum:
    return Spectrum(*args)
