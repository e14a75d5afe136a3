"""Small stars for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


def _lamost(seed: int = 0, noise: float = 0.01, **meta: Any) -> Spectrum:
    """A blue-falling continuum with Balmer and Mg b lines and white noise."""
    rng = np.random.default_rng(seed)
    flux = 1000 * (LAMOST_NATIVE / 5000) ** (-1.0 - 0.1 * seed)
    for centre, depth in ((4341.7, 0.3), (4862.7, 0.4), (5175.0, 0.2), (6564.6, 0.4)):
        flux = flux * (1 - depth * np.exp(-0.5 * ((LAMOST_NATIVE - centre) / 6) ** 2))
    sigma = noise * flux
    meta = {"object_id": f"J{seed:06d}", "snr": 1 / noise, "class": "STAR", **meta}
    return Spectrum(
        LAMOST_NATIVE, flux + rng.normal(size=flux.size) * sigma, 1 / sigma**2, survey="lamost_lrs", meta=meta
    )


def _xp(seed: int = 0, level: float = 3e-16) -> Spectrum:
    rng = np.random.default_rng(100 + seed)
    flux = level * (1 + 0.001 * rng.normal(size=XP_WAVELENGTH_NM.size))
    return Spectrum(
        XP_WAVELENGTH_NM,
        flux,
        np.full(flux.size, (0.01 * level) ** -2.0),
        survey="gaia_xp",
        flux_unit="W m-2 nm-1",
        meta={"source_id": 1000 + seed, "release": "DR3"},
    )


@pytest.fixture
def lamost() -> Callable[..., Spectrum]:
    return _lamost


@pytest.fixture
def xp() -> Callable[..., Spectrum]:
    return _xp


@pytest.fixture
def pair() -> Callable[[int], Star]:
    """A star with both spectra."""
    return lambda seed: Star.from_spectrum(_lamost(seed)).with_spectrum(_xp(seed))
