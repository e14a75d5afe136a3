"""``PredictedSpectrum``: reddening that can be changed and undone, and the step from the rest to the observed frame."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.errors import ModelError
from specviz.models.protocol import PredictedSpectrum
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM


def _xp(**more: object) -> PredictedSpectrum:
    wave = XP_WAVELENGTH_NM
    dust = 3.1 * (550.0 / wave - 1.0)  # a smooth stand-in for an extinction curve
    flux = 1.0 + 0.3 * np.sin(wave / 90.0)
    options = {"dust": dust, **more}
    return PredictedSpectrum("gaia_xp", "translation", wave, flux, 0.01 * flux, "f550", source="lamost_lrs", **options)


def test_reddening_follows_its_formula() -> None:
    clean = _xp()
    red = clean.with_reddening(0.3, 0.05, "catalogue")
    assert clean.dust is not None
    attenuation = 10 ** (-0.4 * 0.3 * clean.dust)
    np.testing.assert_allclose(red.flux, clean.flux * attenuation, rtol=1e-12)
    expected = np.sqrt((clean.sigma * attenuation) ** 2 + (red.flux * 0.4 * np.log(10) * clean.dust * 0.05) ** 2)
    np.testing.assert_allclose(red.sigma, expected, rtol=1e-12)
    assert (red.ebv, red.ebv_sigma, red.ebv_source) == (0.3, 0.05, "catalogue")
    at_550 = XP_WAVELENGTH_NM == 550.0
    assert red.flux[at_550] == clean.flux[at_550] and red.flux[0] < clean.flux[0] and red.flux[-1] > clean.flux[-1]


def test_the_error_of_the_reddening_is_that_of_a_small_change() -> None:
    clean = _xp()
    low, high = (clean.with_reddening(value).flux for value in (0.29, 0.31))
    red = clean.with_reddening(0.3, 0.01)
    own = clean.with_reddening(0.3).sigma
    np.testing.assert_allclose(np.sqrt(red.sigma**2 - own**2), np.abs(high - low) / 2, rtol=1e-3, atol=1e-12)


def test_one_reddening_gives_way_to_another() -> None:
    clean = _xp()
    prior = clean.with_reddening(0.08, 0.09, "prior")
    for ebv, sigma in ((0.0, 0.0), (0.5, 0.02), (0.08, 0.09)):
        again, direct = prior.with_reddening(ebv, sigma), clean.with_reddening(ebv, sigma)
        np.testing.assert_allclose(again.flux, direct.flux, rtol=1e-12)
        np.testing.assert_allclose(again.sigma, direct.sigma, rtol=1e-7)
    assert prior.with_reddening(0.0).ebv_source == ""


def test_no_dust_is_said_and_not_passed_over() -> None:
    with pytest.raises(ModelError, match="cannot be reddened"):
        _xp(dust=None).with_reddening(0.1)
    for ebv, sigma in ((np.nan, 0.0), (0.1, -0.1), (0.1, np.inf)):
        with pytest.raises(ModelError, match=r"E\(B-V\)"):
            _xp().with_reddening(ebv, sigma)


def _lamost(rv: float) -> np.ndarray:
    rest = SPECCLIP_WAVELENGTH / (1 + rv / C_KM_S)
    flux = np.ones_like(rest)
    for centre, depth, width in ((4341.7, 0.5, 2.6), (4862.7, 0.6, 3.0), (5175.0, 0.3, 2.0)):
        flux -= depth * np.exp(-0.5 * ((rest - centre) / width) ** 2)
    return flux


@pytest.mark.parametrize("rv", [-312.4, -35.0, 0.0, 120.0, 480.0])
def test_lines_go_to_where_the_velocity_puts_them(rv: float) -> None:
    sigma = np.linspace(0.01, 0.02, SPECCLIP_WAVELENGTH.size)
    rest = PredictedSpectrum(
        "lamost_lrs", "translation", SPECCLIP_WAVELENGTH, _lamost(0.0), sigma, "continuum", frame="rest"
    )
    seen = rest.at_velocity(rv)
    assert seen.frame == "observed" and rest.frame == "rest" and seen.wavelength is rest.wavelength
    np.testing.assert_allclose(seen.flux, _lamost(rv), atol=2.5e-3)  # linear interpolation: 1.2e-2
    assert np.abs(seen.sigma - sigma).max() < 2e-4 and (seen.sigma > 0).all()
    if rv == 0.0:
        np.testing.assert_array_equal(seen.flux, rest.flux)


def test_the_ends_are_held() -> None:
    wave = np.geomspace(4000.0, 4020.0, 40)
    rest = PredictedSpectrum("lamost_lrs", "translation", wave, np.linspace(1, 2, 40), np.ones(40), frame="rest")
    assert rest.at_velocity(600.0).flux[0] == 1.0 and rest.at_velocity(-600.0).flux[-1] == 2.0


def test_a_frame_is_changed_once_and_only_by_a_velocity() -> None:
    with pytest.raises(ModelError, match="observed frame already"):
        _xp().at_velocity(10.0)
    rest = _xp(frame="rest")
    for rv in (np.nan, 4e5):
        with pytest.raises(ModelError, match="Radial velocity"):
            rest.at_velocity(rv)
