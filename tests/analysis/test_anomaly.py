"""Scores against a reference, and reasons that name what was put into the spectrum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from specviz.analysis.anomaly import MODEL_FLOOR, ReferenceScores, anomaly, find_reasons, misfit, residual_sigma
from specviz.analysis.features import name_feature
from specviz.models.protocol import PredictedSpectrum, Prepared
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM

RNG = np.random.default_rng(3)
REFERENCE = ReferenceScores(RNG.gamma(25.0, 1 / 25, 4000), RNG.gamma(9.0, 1 / 9, 4000))


def _pair(
    wave: np.ndarray, bumps: dict[float, float], *, width: float = 6.0, noise: float = 0.02, survey: str = "lamost_lrs"
) -> tuple[Prepared, PredictedSpectrum]:
    """A flat model of 1, and data with white noise and Gaussian bumps {centre: height}."""
    flux = 1 + noise * np.random.default_rng(0).normal(size=wave.size)
    for centre, height in bumps.items():
        flux = flux + height * np.exp(-0.5 * ((wave - centre) / width) ** 2)
    prepared = Prepared(survey, wave, flux.astype(np.float32), np.full(wave.size, noise**-2.0, np.float32), 1.0)
    return prepared, PredictedSpectrum(survey, "reconstruction", wave, np.ones(wave.size), np.zeros(wave.size))


def test_the_residual_has_the_errors_of_data_and_model_and_a_floor() -> None:
    wave = np.linspace(4000, 5600, 10)
    prepared = Prepared("lamost_lrs", wave, np.full(10, 2.3, np.float32), np.full(10, 100.0, np.float32), 1.0)
    model = PredictedSpectrum("lamost_lrs", "reconstruction", wave, np.full(10, 2.0), np.full(10, 0.2))
    expected = 0.3 / np.sqrt(0.1**2 + 0.2**2 + (MODEL_FLOOR * 2) ** 2)
    np.testing.assert_allclose(residual_sigma(prepared, model), expected, rtol=1e-5)
    no_errors = Prepared("lamost_lrs", wave, prepared.values, np.zeros(10, np.float32), 1.0)
    np.testing.assert_allclose(residual_sigma(no_errors, model), 0.3 / np.hypot(0.2, 0.02), rtol=1e-5)


def test_masked_pixels_do_not_count_and_one_spike_counts_little() -> None:
    prepared, model = _pair(SPECCLIP_WAVELENGTH, {})
    quiet = misfit(prepared, model)
    assert quiet == pytest.approx(0.02 / np.hypot(0.02, 0.01), rel=0.05)
    values, ivar = prepared.values.copy(), prepared.ivar.copy()
    values[700], ivar[700] = 50.0, 0.0
    assert misfit(Prepared("lamost_lrs", prepared.wavelength, values, ivar, 1.0), model) == pytest.approx(
        quiet, rel=1e-2
    )
    ivar[700] = 2500.0
    assert misfit(Prepared("lamost_lrs", prepared.wavelength, values, ivar, 1.0), model) < quiet + 0.1
    assert np.isnan(misfit(Prepared("x", prepared.wavelength, np.full_like(values, np.nan), ivar, 1.0), model))


def test_percentile_and_score() -> None:
    prepared, model = _pair(SPECCLIP_WAVELENGTH, {})
    typical = anomaly(prepared, model, REFERENCE, ood=1.0)
    assert typical.n_reference == 4000 and 20 < typical.percentile < 70 and np.all(np.diff(typical.reference) >= 0)
    line = anomaly(
        *_pair(SPECCLIP_WAVELENGTH, {4862.7: 1.5, 5008.2: 2.0, 4960.3: 0.7, 4341.7: 0.8}), REFERENCE, ood=1.0
    )
    assert line.percentile > 99 and line.score == line.misfit > 1.5
    far = anomaly(prepared, model, REFERENCE, ood=5.0)  # well reconstructed, but nothing like the training set
    assert far.percentile > 99.9 and far.score > 2 and far.misfit == typical.misfit
    order = np.mean(typical.reference < typical.score)
    assert typical.percentile == pytest.approx(100 * order, abs=0.1)


def test_the_reference_stars_are_spread_over_the_percentiles() -> None:
    """A star drawn from the reference set is as likely at any percentile."""
    rng = np.random.default_rng(5)
    scores = [
        REFERENCE.scores(m, o)[0] for m, o in zip(rng.gamma(25, 1 / 25, 500), rng.gamma(9, 1 / 9, 500), strict=True)
    ]
    reference = np.sort(REFERENCE.scores(1.0, 1.0)[1])
    percentiles = np.searchsorted(reference, scores) / reference.size
    assert np.abs(np.quantile(percentiles, (0.1, 0.5, 0.9)) - (0.1, 0.5, 0.9)).max() < 0.06


def test_without_a_reference_the_percentile_is_unknown_not_wrong() -> None:
    prepared, model = _pair(SPECCLIP_WAVELENGTH, {})
    got = anomaly(prepared, model, ReferenceScores(np.empty(0), np.empty(0)), ood=1.0)
    assert np.isnan(got.percentile) and got.n_reference == 0 and got.score == got.misfit


WHAT_LIES_THERE = [
    (4862.7, 0.5, "Hβ", "star"),
    (5176.0, -0.4, "Mg b", "star"),
    (4302.0, -0.3, "CH G band", "star"),
    (5578.9, 0.9, "Sky line 5577 Å", "sky"),
    (5890.0, 0.4, "Join of the arms", "detector"),
    (6302.0, 0.5, "Sky line 6300 Å", "sky"),
    (6564.6, 0.8, "Hα", "star"),
    (6880.0, -0.4, "Telluric O₂ B band", "sky"),
    (7620.0, -0.4, "Telluric O₂ A band", "sky"),
    (8200.0, -0.4, "Telluric H₂O band", "sky"),
    (8544.4, -0.4, "Ca II triplet", "star"),
    (3760.0, 0.5, "Blue end", "detector"),
    (9050.0, 0.5, "Red end", "detector"),
    (3935.0, -0.4, "Ca II K", "star"),
    (4687.0, 0.5, "He II 4686", "star"),
]


@pytest.mark.parametrize(("centre", "height", "name", "kind"), WHAT_LIES_THERE)
def test_a_reason_says_what_lies_there(centre: float, height: float, name: str, kind: str) -> None:
    (reason,) = find_reasons(*_pair(LAMOST_NATIVE, {centre: height}))
    assert (reason.name, reason.kind) == (name, kind)
    assert abs(reason.wavelength - centre) < 6 and reason.low < centre < reason.high
    assert np.sign(reason.mean_sigma) == np.sign(height)


def test_four_reasons_at_most_apart_and_the_strongest_first() -> None:
    bumps = {4200.0: 0.3, 4400.0: -0.5, 4700.0: 0.2, 4950.0: 0.6, 5100.0: -0.25, 5400.0: 0.4}
    reasons = find_reasons(*_pair(SPECCLIP_WAVELENGTH, bumps))
    assert len(reasons) == 4
    strength = [abs(r.mean_sigma) for r in reasons]
    assert strength == sorted(strength, reverse=True)
    spans = sorted((r.low, r.high) for r in reasons)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))
    assert {min(bumps, key=lambda b: abs(b - r.wavelength)) for r in reasons} == {4950.0, 4400.0, 5400.0, 4200.0}


def test_noise_alone_is_no_reason() -> None:
    assert find_reasons(*_pair(SPECCLIP_WAVELENGTH, {})) == ()


def test_the_mean_is_the_mean_over_the_stretch() -> None:
    prepared, model = _pair(SPECCLIP_WAVELENGTH, {4700.0: 0.4}, width=30.0)
    (reason,) = find_reasons(prepared, model)
    inside = (prepared.wavelength >= reason.low) & (prepared.wavelength <= reason.high)
    assert reason.mean_sigma == pytest.approx(np.mean(residual_sigma(prepared, model)[inside]), rel=1e-6)
    assert reason.high - reason.low == pytest.approx(2.355 * 30, rel=0.25)  # to half of the peak


def test_the_stars_own_velocity_is_taken_out() -> None:
    moved = 4862.7 * (1 + 0.008)  # 2400 km/s: 39 Angstrom
    assert find_reasons(*_pair(SPECCLIP_WAVELENGTH, {moved: 0.5}))[0].name == "Unidentified"
    assert find_reasons(*_pair(SPECCLIP_WAVELENGTH, {moved: 0.5}), z=0.008)[0].name == "Hβ"


def test_no_molecule_in_a_hot_star_and_wings_and_ends() -> None:
    assert name_feature(4755.0, 4790.0, 4770.0, teff=3600.0) == ("TiO band 4761 Å", "star")
    assert name_feature(4755.0, 4790.0, 4770.0, teff=6500.0) == ("Unidentified", "star")
    assert name_feature(4297.0, 4310.0, 4303.0, teff=5800.0) == ("CH G band", "star")
    assert name_feature(4880.0, 4898.0, 4889.0, teff=9000.0) == ("Wing of Hβ", "star")
    assert name_feature(3999.0, 4012.0, 4005.0, window=(3999.5, 5598.9)) == ("End of the model's range", "detector")


def test_xp_reasons_are_in_angstrom() -> None:
    prepared, model = _pair(XP_WAVELENGTH_NM, {656.3: 0.3, 980.0: 0.0}, width=8.0, survey="gaia_xp")
    (reason,) = find_reasons(prepared, model)
    assert reason.survey == "gaia_xp" and 6500 < reason.wavelength < 6620
    prepared, model = _pair(XP_WAVELENGTH_NM, {486.0: 0.3}, width=8.0, survey="gaia_xp")
    assert find_reasons(prepared, model)[0].name == "Hβ"


def test_wide_and_narrow_without_a_name() -> None:
    assert name_feature(5300.0, 5420.0, 5365.0) == ("Continuum", "star")
    assert name_feature(4800.0, 4910.0, 4850.0) == ("Hβ", "star")
    assert name_feature(4640.0, 6600.0, 5920.0, survey="gaia_xp") == ("Continuum", "star")
    assert name_feature(7060.0, 7300.0, 7130.0, survey="gaia_xp") == ("TiO band 7054 Å", "star")
    assert name_feature(4560.0, 4620.0, 4590.0) == ("Unidentified", "star")
