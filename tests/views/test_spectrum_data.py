"""Columns of the spectrum panels: normalisation, masks, residuals, units."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.views import spectrum_data


@pytest.fixture
def star() -> Star:
    return DemoArchive().examples()[0][1]


def test_relative_flux_reads_near_one_and_normalised_flux_near_the_continuum(star: Star) -> None:
    raw = spectrum_data.optical_curves(star, None, normalised=False)
    norm = spectrum_data.optical_curves(star, None, normalised=True)
    assert raw is not None and norm is not None
    inner = (raw.data["x"] > 5000) & (raw.data["x"] < 7000)
    assert np.nanmedian(raw.data["y"][inner]) == pytest.approx(1.0, abs=0.05)
    window = (norm.data["x"] > 5200) & (norm.data["x"] < 5580)
    assert 0.85 < np.nanmedian((norm.data["y"] / norm.data["level"])[window]) < 1.05
    assert np.allclose(norm.continuum["y"] / norm.continuum["level"], 1.0)
    assert raw.y_range[1] > norm.y_range[0] and raw.y_range != norm.y_range and raw.label != norm.label


def test_mask_runs_meet_the_masked_pixels() -> None:
    wave = np.arange(10.0) + 100
    bad = np.array([1, 1, 0, 0, 1, 0, 0, 0, 1, 1], bool)
    runs = spectrum_data.mask_runs(wave, bad)
    assert np.allclose(runs["left"], [99.5, 103.5, 107.5]) and np.allclose(runs["right"], [101.5, 104.5, 109.5])


def test_residual_is_in_sigma_of_data_and_model_together() -> None:
    wave = np.linspace(4000, 5000, 11)
    good = np.ones(11, bool)
    out = spectrum_data._residual(wave, np.full(11, 1.5), np.full(11, 0.3), good, wave, np.ones(11), np.full(11, 0.4))
    assert np.allclose(out["y"], 0.5 / 0.5)
    inside, beyond = spectrum_data.residual_columns({"x": wave, "y": np.linspace(-9, 9, 11)}, 6.0)
    assert np.abs(inside["y"]).max() == 6.0 and beyond["x"].size == 4


def test_xp_is_in_1e_16_and_a_prediction_alone_is_relative(star: Star, make_view: object) -> None:
    curves = spectrum_data.xp_curves(star, None)
    assert curves is not None and "10⁻¹⁶" in curves.unit
    seen = star.spectra["gaia_xp"]
    assert np.allclose(curves.data["y"] * 1e-16, seen.flux[seen.good])
    assert curves.data["x"][0] == pytest.approx(3360.0)  # nm drawn as Angstrom
    assert spectrum_data.xp_curves(Star("nothing"), None) is None


def test_low_signal_is_said(star: Star) -> None:
    spectrum = star.spectra["lamost_lrs"]
    weak = Star.from_spectrum(spectrum.with_(meta={**spectrum.meta, "snr": 6.2}))
    curves = spectrum_data.optical_curves(weak, None, normalised=False)
    assert curves is not None and curves.note == "S/N 6: use with care"


def test_a_spectrum_of_any_origin_draws() -> None:
    wave = np.linspace(3000.0, 10000.0, 500)
    other = Star.from_spectrum(Spectrum(wave, np.where(wave > 4000, 5.0, np.nan), survey="other"))
    curves = spectrum_data.optical_curves(other, None, normalised=True)
    assert curves is not None and curves.masks["left"].size == 1
