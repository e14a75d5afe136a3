"""LAMOST spectra as DESA reads them: pixels, normalisation, and which way the velocity goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.errors import SpectrumError
from specviz.models.desa.spectrum_views import (
    LENGTH,
    PIXELS,
    arm_steps,
    arm_wavelengths,
    normalised_arm,
    rest_wavelength,
    spectrum_view,
    spectrum_views,
    view_wavelengths,
)
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum


def _lines(wave: np.ndarray, rv: float) -> np.ndarray:
    flux = np.ones(wave.size)
    for centre in (4500.0, 5200.0, 6600.0, 8200.0):
        flux -= 0.5 * np.exp(-0.5 * ((wave / (1.0 + rv / C_KM_S) - centre) / 3.0) ** 2)
    return flux * (wave / 5000.0) ** -1.5


def test_pixels_of_the_recipe() -> None:
    blue, red = arm_wavelengths()
    assert (blue.size, red.size, PIXELS, LENGTH) == (1790, 1810, 3600, 4096)
    assert (blue[0], red[0]) == (pytest.approx(3841.0), pytest.approx(5800.0))
    assert 5798.0 < blue[-1] < 5800.0 and 8796.0 < red[-1] < 8798.0
    np.testing.assert_allclose(np.diff(np.log10(blue)), 1e-4)
    assert view_wavelengths().size == 3600


def test_an_arm_by_hand() -> None:
    # An alternation of 0.9 and 1.1 on a straight line: the median of three flattens it, so use runs of two.
    n = 400
    ripple = np.tile([1.1, 1.1, 0.9, 0.9], n // 4)
    out = normalised_arm(ripple * np.linspace(1.0, 3.0, n))
    assert out.mean() == pytest.approx(0.0, abs=1e-6) and out.std() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(np.abs(out[20:-20]), 1.0, atol=0.08)
    # A spike of one pixel is gone after the median; one of five is set to the mean, 0.
    spiked = ripple.copy()
    spiked[200:205] = 9.0
    assert np.abs(normalised_arm(spiked)[201:204]).max() < 1e-9
    assert not normalised_arm(np.zeros(300)).any() and not normalised_arm(np.ones(300)).any()


def _moved(view: np.ndarray, still: np.ndarray) -> float:
    """Velocity (km/s), to the pixel, by which a view fits the one at rest best."""
    lags = np.arange(-14, 15)
    match = [np.dot(view[100:3500], still[100 - k : 3500 - k]) for k in lags]
    return float(lags[int(np.argmax(match))] * np.log(10.0) * 1e-4 * C_KM_S)


def test_a_receding_stars_lines_come_to_rest() -> None:
    still = spectrum_views(LAMOST_NATIVE, _lines(LAMOST_NATIVE, 0.0))[0]
    for rv in (250.0, -180.0):
        flux = _lines(LAMOST_NATIVE, rv)
        assert _moved(spectrum_views(LAMOST_NATIVE, flux)[0], still) == pytest.approx(rv, abs=70.0)
        assert _moved(spectrum_views(LAMOST_NATIVE, flux, rv=rv)[0], still) == 0.0


def test_compat_moves_them_the_other_way_as_published() -> None:
    assert rest_wavelength(5000.0, 300.0) == pytest.approx(5000.0 / (1.0 + 300.0 / C_KM_S))
    assert rest_wavelength(5000.0, 300.0, compat=True) == pytest.approx(5000.0 * (1.0 + 300.0 / C_KM_S))
    still = spectrum_views(LAMOST_NATIVE, _lines(LAMOST_NATIVE, 0.0))[0]
    view = spectrum_views(LAMOST_NATIVE, _lines(LAMOST_NATIVE, 250.0), rv=250.0, compat=True)[0]
    assert _moved(view, still) == pytest.approx(500.0, abs=35.0)  # twice the velocity from rest


def test_what_is_deeper_than_three_standard_deviations_is_set_to_the_mean() -> None:
    view = spectrum_views(LAMOST_NATIVE, _lines(LAMOST_NATIVE, 0.0))[0]
    assert np.abs(view).max() < 3.3
    core = np.argmin(np.abs(view_wavelengths() - 4500.0))  # half of the light is missing: clipped, as published
    assert abs(view[core]) < 0.01


def test_masked_pixels_are_bridged_and_missing_arms_dark() -> None:
    flux, ivar = _lines(LAMOST_NATIVE, 0.0), np.ones(LAMOST_NATIVE.size)
    clean = spectrum_views(LAMOST_NATIVE, flux)[0]
    flux[1500:1510], ivar[1500:1510] = -50.0, 0.0
    np.testing.assert_allclose(spectrum_views(LAMOST_NATIVE, flux, ivar)[0], clean, atol=0.05)
    ivar[LAMOST_NATIVE > 5850.0] = 0.0
    view = spectrum_views(LAMOST_NATIVE, flux, ivar, rv=np.nan)[0]
    assert view[:1790].any() and not view[1790:].any()
    np.testing.assert_allclose(view[:1790], clean[:1790], atol=0.05)
    with pytest.raises(SpectrumError, match="Flux of shape"):
        spectrum_views(LAMOST_NATIVE, np.ones(5))


def test_of_a_spectrum_with_the_velocity_it_came_with() -> None:
    moving = Spectrum(LAMOST_NATIVE, _lines(LAMOST_NATIVE, 120.0), survey="lamost_lrs", meta={"rv": 120.0})
    np.testing.assert_array_equal(spectrum_view(moving), spectrum_view(moving, rv=120.0))
    assert not np.array_equal(spectrum_view(moving), spectrum_view(moving, rv=0.0))
    steps = arm_steps(moving)
    assert len(steps) == 2 and steps[0]["wavelength"].size == 1790
    np.testing.assert_allclose(steps[1]["view"], spectrum_view(moving)[1790:3600], atol=1e-5)
    with pytest.raises(SpectrumError, match="no LAMOST arms"):
        spectrum_view(Spectrum(XP_WAVELENGTH_NM, np.ones(343), survey="gaia_xp"))
    with pytest.raises(SpectrumError, match="neither arm"):
        wave = np.linspace(5000.0, 5300.0, 400)
        spectrum_view(Spectrum(wave, np.ones(400) + 0.1 * np.sin(wave), survey="other"))


def test_real_lamost_files(shared: Path) -> None:
    for file in sorted((shared / "data" / "lamost_dr10").glob("*.fits*"))[:5]:
        spectrum = read(file).spectra["lamost_lrs"]
        view = spectrum_view(spectrum)
        assert view.shape == (4096,) and np.isfinite(view).all() and not view[3600:].any()
        for arm in (view[:1790], view[1790:3600]):
            assert 0.3 < arm.std() <= 1.001 and np.abs(arm).max() < 4.5
