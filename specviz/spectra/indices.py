"""Spectral indices of a star: Lick/IDS, the calcium triplet, H alpha, TiO5, the 4000 Angstrom break.

Definitions are in air and are converted to vacuum, except where ``medium`` says otherwise. Lick/IDS: Worthey et al.
(1994, ApJS 94, 687) in the bands of Trager et al. (1998, ApJS 116, 1); higher Balmer lines: Worthey & Ottaviani (1997,
ApJS 111, 377). Calcium triplet: Cenarro et al. (2001, MNRAS 326, 959), a sum over three
windows from one line fitted to five bands. TiO5: Reid, Hawley & Gizis (1995, AJ 110, 1838), a ratio of mean
fluxes. Dn4000: Balogh et al. (1999, ApJ 527, 54), a ratio of mean fluxes per unit frequency.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from specviz.errors import SpectrumError
from specviz.spectra.air import air_to_vacuum
from specviz.spectra.frames import to_rest
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.widths import Pixels, Window, measure

Unit = Literal["Angstrom", "mag", "ratio"]


@dataclass(frozen=True)
class Index:
    """One index: ``windows`` are measured, from a line through ``bands``; a ratio is windows[0] over bands[0]."""

    name: str
    windows: tuple[Window, ...]
    bands: tuple[Window, ...]
    unit: Unit = "Angstrom"
    source: str = "Trager et al. 1998"
    medium: Literal["air", "vacuum"] = "air"
    per_frequency: bool = False

    @cached_property
    def vacuum(self) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
        """Windows and bands in vacuum Angstrom."""
        if self.medium == "vacuum":
            return self.windows, self.bands
        return _to_vacuum(self.windows), _to_vacuum(self.bands)


def _to_vacuum(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    return tuple((float(a), float(b)) for a, b in air_to_vacuum(np.array(windows)))


def _lick(name: str, unit: Unit, *ends: float, source: str = "Trager et al. 1998") -> Index:
    a, b, c, d, e, f = ends
    return Index(name, ((a, b),), ((c, d), (e, f)), unit, source)


_W97, _C01 = "Worthey & Ottaviani 1997", "Cenarro et al. 2001"
_CAT_BANDS = ((8474.0, 8484.0), (8563.0, 8577.0), (8619.0, 8642.0), (8700.0, 8725.0), (8776.0, 8792.0))

#: Every index, by wavelength.
INDICES: tuple[Index, ...] = (
    Index("Dn4000", ((4000.0, 4100.0),), ((3850.0, 3950.0),), "ratio", "Balogh et al. 1999", per_frequency=True),
    _lick("HdA", "Angstrom", 4083.500, 4122.250, 4041.600, 4079.750, 4128.500, 4161.000, source=_W97),
    _lick("HdF", "Angstrom", 4091.000, 4112.250, 4057.250, 4088.500, 4114.750, 4137.250, source=_W97),
    _lick("CN1", "mag", 4142.125, 4177.125, 4080.125, 4117.625, 4244.125, 4284.125),
    _lick("CN2", "mag", 4142.125, 4177.125, 4083.875, 4096.375, 4244.125, 4284.125),
    _lick("Ca4227", "Angstrom", 4222.250, 4234.750, 4211.000, 4219.750, 4241.000, 4251.000),
    _lick("G4300", "Angstrom", 4281.375, 4316.375, 4266.375, 4282.625, 4318.875, 4335.125),
    _lick("HgA", "Angstrom", 4319.750, 4363.500, 4283.500, 4319.750, 4367.250, 4419.750, source=_W97),
    _lick("HgF", "Angstrom", 4331.250, 4352.250, 4283.500, 4319.750, 4354.750, 4384.750, source=_W97),
    _lick("Fe4383", "Angstrom", 4369.125, 4420.375, 4359.125, 4370.375, 4442.875, 4455.375),
    _lick("Ca4455", "Angstrom", 4452.125, 4474.625, 4445.875, 4454.625, 4477.125, 4492.125),
    _lick("Fe4531", "Angstrom", 4514.250, 4559.250, 4504.250, 4514.250, 4560.500, 4579.250),
    _lick("C4668", "Angstrom", 4634.000, 4720.250, 4611.500, 4630.250, 4742.750, 4756.500),
    _lick("Hbeta", "Angstrom", 4847.875, 4876.625, 4827.875, 4847.875, 4876.625, 4891.625),
    _lick("Fe5015", "Angstrom", 4977.750, 5054.000, 4946.500, 4977.750, 5054.000, 5065.250),
    _lick("Mg1", "mag", 5069.125, 5134.125, 4895.125, 4957.625, 5301.125, 5366.125),
    _lick("Mg2", "mag", 5154.125, 5196.625, 4895.125, 4957.625, 5301.125, 5366.125),
    _lick("Mgb", "Angstrom", 5160.125, 5192.625, 5142.625, 5161.375, 5191.375, 5206.375),
    _lick("Fe5270", "Angstrom", 5245.650, 5285.650, 5233.150, 5248.150, 5285.650, 5318.150),
    _lick("Fe5335", "Angstrom", 5312.125, 5352.125, 5304.625, 5315.875, 5353.375, 5363.375),
    _lick("Fe5406", "Angstrom", 5387.500, 5415.000, 5376.250, 5387.500, 5415.000, 5425.000),
    _lick("Fe5709", "Angstrom", 5696.625, 5720.375, 5672.875, 5696.625, 5722.875, 5736.625),
    _lick("Fe5782", "Angstrom", 5776.625, 5796.625, 5765.375, 5775.375, 5797.875, 5811.625),
    _lick("NaD", "Angstrom", 5876.875, 5909.375, 5860.625, 5875.625, 5922.125, 5948.125),
    _lick("TiO1", "mag", 5936.625, 5994.125, 5816.625, 5849.125, 6038.625, 6103.625),
    _lick("TiO2", "mag", 6189.625, 6272.125, 6066.625, 6141.625, 6372.625, 6415.125),
    # The core alone, 14 A about the vacuum wavelength: emission of active stars fills it. Our own definition.
    Index(
        "Halpha", ((6557.61, 6571.61),), ((6530.0, 6555.0), (6575.0, 6600.0)), source="specviz: core, 14 A wide",
        medium="vacuum",
    ),
    Index("TiO5", ((7126.0, 7135.0),), ((7042.0, 7046.0),), "ratio", "Reid et al. 1995"),
    Index("CaT", ((8484.0, 8513.0), (8522.0, 8562.0), (8642.0, 8682.0)), _CAT_BANDS, source=_C01),
)  # fmt: skip


def measure_indices(spectrum: Spectrum, rv: float = 0.0) -> Any:
    """Measure every index that the spectrum reaches over.

    Parameters
    ----------
    spectrum : Spectrum
        Optical, vacuum wavelengths, flux per unit wavelength (a continuum-normalised one serves all but the ratios).
    rv : float
        Radial velocity (km/s) that is removed first; ignored for a spectrum in the rest frame.

    Returns
    -------
    astropy.table.Table
        ``name``, ``value``, ``error`` (from ivar; NaN where there is none), ``unit`` ("Angstrom", "mag" or "ratio"),
        ``missing`` (share of the window that was masked and bridged), ``problem`` (why there is no value, else ""),
        ``source``; one row an index of :data:`INDICES`, ``value`` NaN where it could not be measured.

    Notes
    -----
    At the resolution of the spectrum: LAMOST's lines are 3-4.5 A wide, those of the IDS 8.4-11.5 A (Worthey & Ottaviani
    1997), so that narrow Lick indices come out somewhat stronger than tabulated ones, and no Lick zero points are
    applied.
    """
    from astropy.table import Table

    if spectrum.survey == "gaia_xp":
        raise SpectrumError("A Gaia XP spectrum is too coarse for spectral indices", expected="an optical spectrum")
    pixels = Pixels(spectrum if spectrum.frame == "rest" else to_rest(spectrum, rv))
    rows = []
    for index in INDICES:
        try:
            value, sigma, missing = _measured(pixels, index)
            problem = ""
        except SpectrumError as error:
            value, sigma, missing, problem = np.nan, np.nan, np.nan, error.what
        rows.append((index.name, value, sigma, index.unit, missing, problem, index.source))
    table = Table(rows=rows, names=("name", "value", "error", "unit", "missing", "problem", "source"))
    removed = spectrum.meta.get("rv_removed") if spectrum.frame == "rest" else rv
    table.meta["rv_km_s"] = float("nan") if removed is None else float(removed)
    table.meta["resolution"] = "as observed: not smoothed to that of the Lick/IDS"
    return table


def _measured(pixels: Pixels, index: Index) -> tuple[float, float, float]:
    """Value, error and missing share of one index."""
    windows, bands = index.vacuum
    if index.unit == "ratio":
        return _ratio(pixels, windows[0], bands[0], index.per_frequency)
    line = pixels.line_fitted(bands) if len(bands) > 2 else pixels.line_through(bands)
    found = measure(pixels, windows, line, unit=index.unit, bands=bands)
    return found.value, found.sigma, found.missing


def _ratio(pixels: Pixels, over: Window, under: Window, per_frequency: bool) -> tuple[float, float, float]:
    """Mean flux of one window over that of another; with F_nu proportional to wavelength^2 F_lambda."""
    sums, missing = [], 0.0
    for window in (over, under):
        part, lost = pixels.share(*window)
        # The mean over d(nu) = d(lambda) / lambda^2 of F_nu = F_lambda lambda^2, up to c.
        weights = part / float((part / pixels.wave**2 if per_frequency else part).sum())
        sums.append((float(weights @ pixels.flux), weights))
        missing = max(missing, lost)
    (a, wa), (b, wb) = sums
    if not b > 0:
        raise SpectrumError(f"The flux at {under[0]:.0f}-{under[1]:.0f} A is not positive")
    slope = wa / b - a / b**2 * wb
    sigma = float(np.sqrt(slope**2 @ pixels.variance)) if pixels.has_errors else float("nan")
    return a / b, sigma, missing
