"""What LAMOST's low-resolution spectrographs do to light: sampling, throughput, sky, atmosphere.

Every table here was measured on 1,953 public DR10 spectra (A, F, G; ``../shared/data/lamost_dr10_afg_train.npz``): the
ratio of the squared S/N to the flux at each wavelength for stars of S/N 100-1000, and how it falls for faint stars,
where sky and readout dominate. Line and band positions are vacuum Angstrom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.grids import LAMOST_NATIVE


def _table(text: str) -> NDArray[np.float64]:
    return np.array(text.split(), np.float64)


#: Pixels of the native grid that the blue ("window") simulation covers: 3699.99-5750 A, all that the official continuum
#: normalisation of the 4000-5599 A window looks at (it fits 3700-5700 A).
N_WINDOW = 1917
#: Where the two arms are joined (A).
ARM_JOIN = 5850.0
#: Sky and readout, in photo-electrons per pixel at 5000 A.
SKY_ELECTRONS = 45.0

# Detected photo-electrons per unit flux (per pixel, 5000 A = 1) and its star-to-star scatter (natural log, 1 sigma).
_NODES = _table(
    """3690 3720 3760 3800 3850 3900 3960 4050 4200 4400 4600 4800 5000 5200 5400 5500 5580 5650 5700 5750 5800
    5850 5900 5950 6000 6100 6300 6500 6700 7000 7400 7800 8200 8600 8900 9000 9110"""
)
_ELECTRONS = _table(
    """0.04 0.06 0.08 0.11 0.15 0.18 0.23 0.31 0.41 0.56 0.74 0.91 1.00 1.05 1.04 1.02 0.96 0.93 0.89 0.88 0.85
    0.78 0.72 1.06 1.40 1.80 2.05 2.57 2.98 3.38 3.65 3.48 2.95 2.60 2.00 1.70 1.55"""
)
_SCATTER = _table(
    """.50 .46 .38 .34 .30 .28 .26 .21 .18 .13 .10 .05 0.0 .05 .08 .10 .13 .16 .18 .20 .21
    .23 .38 .36 .28 .23 .20 .20 .20 .21 .22 .24 .26 .30 .34 .34 .34"""
)

#: Relative pixel-to-pixel errors that ivar does not know (flat field, fringes), blue and red arm: what second
#: differences of real spectra have beyond the noise at S/N 60-250.
FLAT_FIELD = (0.0035, 0.0048)

#: Night-sky emission lines: wavelength (A), strength as a multiple of the sky continuum at the peak.
SKY_LINES = ((5578.9, 110.0), (5891.6, 6.0), (6302.0, 18.0), (6365.5, 7.0))
#: OH bands, as smooth humps of extra sky: centre (A), width (A), multiple of the sky continuum.
OH_BANDS = ((7280.0, 60.0, 2.0), (7780.0, 90.0, 3.0), (8350.0, 80.0, 4.0), (8850.0, 110.0, 14.0))
#: Telluric bands: centre (A), width (A, 1 sigma), depth at LAMOST's resolution. LAMOST corrects them: what is left in
#: DR10 is a residual of a few per cent of the depth, and fewer photons.
TELLURIC_BANDS = (
    (6872.0, 5.0, 0.20),
    (6890.0, 12.0, 0.08),
    (7190.0, 22.0, 0.06),
    (7250.0, 30.0, 0.04),
    (7607.0, 7.0, 0.42),
    (7640.0, 14.0, 0.22),
    (8170.0, 30.0, 0.05),
    (8250.0, 35.0, 0.04),
    (8990.0, 40.0, 0.10),
)


def native_wave(n: int = LAMOST_NATIVE.size) -> NDArray[np.float64]:
    """The first ``n`` pixels of LAMOST's native grid: vacuum Angstrom."""
    return LAMOST_NATIVE[:n]


def throughput(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Photo-electrons per unit flux and pixel relative to 5000 A: lens, CCD, fibre and telescope together."""
    return np.asarray(np.exp(np.interp(wave, _NODES, np.log(_ELECTRONS))))


def throughput_scatter(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """One-sigma scatter of ln(throughput) between stars, signed: positive in the blue, negative beyond 5000 A.

    The sign makes one standard normal number per arm tilt the blue arm as the atmosphere does (blue loss with red
    gain).
    """
    scatter = np.interp(wave, _NODES, _SCATTER)
    return np.asarray(np.where(wave < 5000.0, scatter, -scatter))


def sky_electrons(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sky and readout electrons per pixel: a constant, night-sky lines and OH bands."""
    sky = np.ones_like(wave)
    for centre, strength in SKY_LINES:
        sky += strength * np.exp(-0.5 * ((wave - centre) / 2.2) ** 2)
    for centre, width, strength in OH_BANDS:
        sky += strength * np.exp(-0.5 * ((wave - centre) / width) ** 2)
    return SKY_ELECTRONS * sky


def telluric(wave: NDArray[np.float64], strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transmission of the atmosphere, shape (b, len(wave)); ``strength`` (b,) scales the optical depth (1 =
    uncorrected).
    """
    depth = np.zeros_like(wave)
    for centre, width, band in TELLURIC_BANDS:
        depth -= np.log1p(-band) * np.exp(-0.5 * ((wave - centre) / width) ** 2)
    return np.asarray(np.exp(-np.asarray(strength)[:, None] * depth))


def line_width(
    wave: NDArray[np.float64], fwhm_blue: NDArray[np.float64], fwhm_red: NDArray[np.float64], bend: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Width (FWHM, A) of the line-spread function, shape (b, len(wave)).

    A VPH grating keeps the width in Angstrom nearly constant along an arm, with a camera that defocuses towards both
    ends (``bend``: relative growth at the ends). Measured on 300 real spectra against the grid: 2.8 A at 4400-5000 A,
    3.2-3.6 A at the ends of the blue arm (R = 1100-1850), 4.2 A at 6700 A and 4.7 A at 8600 A in the red (R =
    1400-1850), 11 % between fibres.
    """
    blue = wave < ARM_JOIN
    centre, half = np.where(blue, 4750.0, 7450.0), np.where(blue, 1050.0, 1600.0)
    shape = 1.0 + np.asarray(bend)[:, None] * ((wave - centre) / half) ** 2
    return np.where(blue, np.asarray(fwhm_blue)[:, None], np.asarray(fwhm_red)[:, None]) * shape
