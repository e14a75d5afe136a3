"""The small hydrogen atmosphere: is it in equilibrium, and are its Balmer lines those of white dwarfs?"""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate.hydrogen import balmer_wavelength, hydrogen_flux, occupation

WAVE = np.arange(3300.0, 7000.0, 2.0)
BETA = balmer_wavelength(4)


def line(teff: float, logg: float, centre: float = BETA) -> tuple[float, float, float]:
    """Equivalent width (A, within 150 A), full width at half depth, and central depth."""
    flux, continuum = hydrogen_flux(teff, logg, WAVE)
    depth = (1.0 - flux / continuum)[np.abs(WAVE - centre) < 150.0]
    return float(depth.sum() * 2.0), float((depth > 0.5 * depth.max()).sum() * 2.0), float(depth.max())


def test_balmer_wavelengths_are_in_vacuum() -> None:
    for n, want in ((3, 6564.6), (4, 4862.7), (5, 4341.7), (6, 4102.9)):
        assert balmer_wavelength(n) == pytest.approx(want, abs=0.1)


def test_the_flux_is_that_of_the_temperature() -> None:
    wave = np.geomspace(200.0, 1e5, 3000)
    for teff, logg in ((12_000.0, 8.0), (28_000.0, 5.5)):
        flux = np.trapezoid(hydrogen_flux(teff, logg, wave)[0], wave)
        assert flux == pytest.approx(5.670374e-5 * teff**4, rel=0.06)


def test_white_dwarfs_have_broad_lines() -> None:
    """H beta of a DA: about 40-50 A strong near 12,000 K (Bergeron et al.), much wider than in a star of log g 4.5."""
    white, star = line(12_000.0, 8.0), line(12_000.0, 4.5)
    assert 35.0 < white[0] < 55.0
    assert 40.0 < white[1] < 80.0
    assert white[1] > 2.5 * star[1]
    assert white[0] > 3.0 * star[0]


def test_lines_fade_with_temperature_and_higher_ones_dissolve() -> None:
    strength = [line(teff, 8.0)[0] for teff in (12_000.0, 20_000.0, 40_000.0)]
    assert strength[0] > 1.5 * strength[1] > 2.0 * strength[2] > 5.0
    # At white-dwarf densities levels beyond n = 9 hardly exist; in a subdwarf they do.
    assert line(12_000.0, 8.0, balmer_wavelength(10))[2] < line(12_000.0, 4.5, balmer_wavelength(10))[2]
    assert occupation(np.array(5.0), np.array(1e17)) > 0.75
    assert occupation(np.array(10.0), np.array(1e17)) < 0.01


def test_the_balmer_jump_is_no_black_bodys() -> None:
    def jump(teff: float, logg: float) -> float:
        flux = hydrogen_flux(teff, logg, WAVE)[0]
        black = WAVE**-5.0 / np.expm1(1.438777e8 / (WAVE * teff))
        ratio = flux / black
        return float(np.interp(4200.0, WAVE, ratio) / np.interp(3500.0, WAVE, ratio))

    assert jump(12_000.0, 8.0) > 1.3
    assert jump(12_000.0, 4.5) > jump(12_000.0, 8.0) > jump(40_000.0, 8.0) > 0.95
