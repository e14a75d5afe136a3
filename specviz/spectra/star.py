"""``Star``: everything known of one object before any model has looked at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpectrumError
from specviz.spectra.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class LightCurve:
    """A light curve: time in days (``time_system`` says which), flux relative to its median or in e-/s, NaN-free.

    ``time``, ``flux`` and ``flux_error`` are 1-D float64 of equal length; ``quality`` holds the mission's bit flags.
    """

    time: NDArray[np.float64]
    flux: NDArray[np.float64]
    flux_error: NDArray[np.float64] | None = None
    quality: NDArray[np.int64] | None = None
    flux_unit: str = ""
    time_system: str = "BJD_TDB"
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        time, flux = np.asarray(self.time, np.float64), np.asarray(self.flux, np.float64)
        if time.ndim != 1 or time.shape != flux.shape or time.size < 2:
            raise SpectrumError("Time and flux of the light curve do not match", expected="1-D arrays of equal length")
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "flux", flux)
        object.__setattr__(self, "meta", MappingProxyType(dict(self.meta)))

    def __len__(self) -> int:
        return int(self.time.size)


@dataclass(frozen=True)
class Identifier:
    """An identifier carries its release: ``Identifier("gaia", "DR3", "2097...")``; DR4 renumbers sources."""

    archive: str
    release: str
    value: str

    def __str__(self) -> str:
        return " ".join(p for p in (self.archive, self.release, self.value) if p)


@dataclass(frozen=True, eq=False)
class Star:
    """One star: identifiers, position, spectra by survey, light curve, catalogue row.

    Parameters
    ----------
    name : str
        What a person calls it; shown as the headline.
    spectra : mapping of str to Spectrum
        At most one a survey, keyed by :data:`specviz.spectra.spectrum.SURVEYS`.
    identifiers : tuple of Identifier
        With their releases.
    ra, dec : float, optional
        ICRS, degrees.
    light_curve : LightCurve, optional
    catalogue : mapping
        Values others measured, by label name: ``{"teff": 5714.0, "teff_err": ..., "source": "LASP"}``. The leading ones
        where several catalogues know the star.
    catalogues : mapping of str to mapping
        All catalogues by their short name ("LASP", "GSP-Phot", "APOGEE"), each like ``catalogue``; see
        :func:`specviz.spectra.catalogue_values.catalogues_of`.
    meta : mapping
        Anything else a reader or an archive found (path, survey notes).
    """

    name: str
    spectra: Mapping[str, Spectrum] = field(default_factory=dict)
    identifiers: tuple[Identifier, ...] = ()
    ra: float | None = None
    dec: float | None = None
    light_curve: LightCurve | None = None
    catalogue: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    catalogues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for survey, spectrum in self.spectra.items():
            if survey != spectrum.survey:
                raise SpectrumError(f"A {spectrum.survey} spectrum was filed under {survey!r}")
        for attribute in ("spectra", "catalogue", "meta"):
            object.__setattr__(self, attribute, MappingProxyType(dict(getattr(self, attribute))))
        held = {name: MappingProxyType(dict(values)) for name, values in self.catalogues.items()}
        object.__setattr__(self, "catalogues", MappingProxyType(held))

    def __repr__(self) -> str:
        what = ", ".join(self.spectra) or "no spectrum"
        return f"<Star {self.name}: {what}{', light curve' if self.light_curve is not None else ''}>"

    @classmethod
    def from_spectrum(cls, spectrum: Spectrum, name: str | None = None) -> Star:
        """A star known by one spectrum; name, position and identifiers come from its ``meta``."""
        m = spectrum.meta
        ids = []
        if m.get("obsid") is not None:
            ids.append(Identifier("LAMOST", str(m.get("release") or ""), str(m["obsid"])))
        if m.get("source_id") is not None:
            ids.append(Identifier("Gaia", str(m.get("release") or ""), str(m["source_id"])))
        return cls(
            name=name or str(m.get("object_id") or "unnamed"),
            spectra={spectrum.survey: spectrum},
            identifiers=tuple(ids),
            ra=m.get("ra"),
            dec=m.get("dec"),
            meta={k: m[k] for k in ("path", "layout", "release") if k in m},
        )

    @property
    def obsid(self) -> str | None:
        return next((i.value for i in self.identifiers if i.archive == "LAMOST"), None)

    @property
    def source_id(self) -> Identifier | None:
        return next((i for i in self.identifiers if i.archive == "Gaia"), None)

    def with_(self, **changes: Any) -> Star:
        """A copy with some fields replaced."""
        return replace(self, **changes)

    def with_spectrum(self, spectrum: Spectrum) -> Star:
        """A copy that also has ``spectrum`` (replacing one of the same survey)."""
        return replace(self, spectra={**self.spectra, spectrum.survey: spectrum})
