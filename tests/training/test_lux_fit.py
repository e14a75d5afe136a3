"""Fitting Lux in a world that is linear: what is missing has no say, what is broken is found, errors are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specviz.models.lux.checkpoint import LuxWeights, read, write
from specviz.models.lux.model import Lux
from specviz.models.lux.rest import to_rest
from specviz.models.lux.scales import SOFTENING, spectrum_from_scale, spectrum_to_scale
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import WIDE_WAVELENGTH
from specviz.training.evaluation.lux import bright, encode, label_samples, say_band, say_labels
from specviz.training.evaluation.scores import robust_sigma
from specviz.training.lux_calibrate import SOURCES, calibrated, inferred, one_sigma_spread
from specviz.training.lux_fit import fit
from specviz.training.lux_stars import LABELS, SIZES, Stars, real_xp, together

TRUE = 3


def world(n: int, seed: int, noise: float = 0.01) -> Stars:
    """Stars that are linear in three numbers, on the scales of the model."""
    law, rng = np.random.default_rng(7), np.random.default_rng(seed)
    z = rng.standard_normal((n, TRUE))
    clean, values, ivar = {}, {}, {}
    for survey, size in SIZES.items():
        smooth = np.cumsum(law.normal(0, 0.02, (TRUE, size)), axis=1)
        on_scale = 0.05 * z @ smooth + (np.arcsinh(1 / SOFTENING) if survey == "gaia_xp" else 1.0)
        clean[survey] = spectrum_from_scale(survey, on_scale, on_scale)[0].astype(np.float32)
        values[survey] = clean[survey] + rng.normal(0, noise, (n, size)).astype(np.float32)
        ivar[survey] = np.full((n, size), noise**-2.0, np.float32)
    labels = z @ law.normal(0, 1, (TRUE, len(LABELS)))
    labels[:, 0] = 5500.0 * np.exp(0.03 * labels[:, 0])
    error = np.full(labels.shape, 0.01)
    error[:, 0] = 5.0
    return Stars(values, ivar, labels, error, clean)


@pytest.fixture(scope="module")
def fitted() -> LuxWeights:
    train = world(160, 1)
    train.values["lamost_lrs"][5, 800:810] = 30.0  # a cosmic ray
    alone = world(40, 2)
    alone.ivar["lamost_lrs"][:] = 0.0  # XP without labels
    unknown = Stars(alone.values, alone.ivar, alone.labels * 0, np.full(alone.labels.shape, np.inf), {})
    said: list[str] = []
    found = fit(train, (unknown,), 5, 5, weight_of_real=2.0, say=said.append)
    assert len(said) == 5 and "median scatter" in said[0]
    return found


def test_labels_and_spectra_come_back_from_every_source(fitted: LuxWeights) -> None:
    held = world(60, 3)
    at = fitted.net.slices["labels"]
    for source in ("lamost_lrs", "blue", "red", "gaia_xp", "both"):
        state = inferred(fitted, held, source)
        mean, _ = fitted.net.predict(state.mean, state.covariance, "labels")
        found = (mean * fitted.scale[at] + fitted.centre[at]).numpy()
        assert np.median(np.abs(np.exp(found[:, 0]) - held.label("teff"))) < 0.3 * held.label("teff").std(), source
        assert np.median(np.abs(found[:, 1] - held.label("logg"))) < 0.3 * held.label("logg").std()
        assert set(state.sources) == {source}
    assert fitted.card["stars"] == [160, 40] and fitted.card["logarithmic"] == ["teff"]


def test_what_is_missing_has_no_say(fitted: LuxWeights) -> None:
    held = world(10, 4)
    before = inferred(fitted, held, "gaia_xp").mean
    held.values["lamost_lrs"][:] = 17.0
    torch.testing.assert_close(inferred(fitted, held, "gaia_xp").mean, before)


def test_errors_are_those_of_stars_it_was_not_fitted_to(fitted: LuxWeights, tmp_path: Path) -> None:
    held = world(100, 5)
    off = held.labels.copy()
    off[:, 1] += np.random.default_rng(0).normal(0, 0.5, 100)  # a scatter that the fit did not see
    odd = Stars(held.values, held.ivar, off, held.label_error, held.clean)
    weights = calibrated(fitted, odd, odd)
    assert set(weights.spread) == set(SOURCES)
    logg = fitted.net.slices["labels"].start + LABELS.index("logg")
    for source in ("lamost_lrs", "gaia_xp", "both"):
        assert float(weights.spread[source][logg] * fitted.scale[logg]) == pytest.approx(0.5, rel=0.2)
    model = Lux(read(tmp_path / "w.safetensors", write(weights, tmp_path / "w.safetensors")))
    samples = label_samples(model, encode(model, odd, "both"), 300)
    low, high = np.quantile(samples[:, :, 1], (0.16, 0.84), axis=1)
    assert 0.6 < np.mean((odd.label("logg") > low) & (odd.label("logg") < high)) < 0.76


def test_the_spread_holds_68_per_cent() -> None:
    rng = np.random.default_rng(0)
    residual = rng.normal(0, [0.5, 1.0, 3.0], (4000, 3))
    residual[:50, 0] = np.nan
    found = one_sigma_spread(residual, np.full((4000, 3), 0.25))
    np.testing.assert_allclose(found, [0.0, np.sqrt(0.75), np.sqrt(8.75)], atol=0.12)


@pytest.mark.parametrize("survey", list(SIZES))
def test_scales_go_there_and_back(survey: str) -> None:
    flux = np.linspace(-0.05, 3.0, 50)
    value, sigma = spectrum_to_scale(survey, flux, np.full(50, 1e4))
    back, error = spectrum_from_scale(survey, value, sigma)
    np.testing.assert_allclose(back, flux, atol=1e-9)
    assert (error > 0.0099).all() and np.isinf(spectrum_to_scale(survey, flux, np.zeros(50))[1]).all()


def test_a_spectrum_is_moved_to_rest() -> None:
    line = 1.0 - 0.5 * np.exp(-0.5 * ((WIDE_WAVELENGTH / (1 + 200.0 / C_KM_S) - 6564.6) / 4.0) ** 2)
    ivar = np.full(line.shape, 4.0)
    ivar[1000:1010] = 0.0
    rest, weight = to_rest(np.stack([line, line]), np.stack([ivar, ivar]), np.array([200.0, 0.0]))
    still = 1.0 - 0.5 * np.exp(-0.5 * ((WIDE_WAVELENGTH - 6564.6) / 4.0) ** 2)
    assert np.abs(rest[0] - still).max() < 2e-3
    np.testing.assert_allclose(rest[1], line)
    assert 10 <= (weight[0][900:1100] == 0).sum() <= 11 and (weight[1] == 0).sum() == 10 and weight[0][-1] == 0


def test_stars_are_put_together_and_told(fitted: LuxWeights, capsys: Any) -> None:
    one = world(20, 6)

    class Xp:
        flux, ivar = one.values["gaia_xp"], one.ivar["gaia_xp"]

    both = together([one, real_xp(Xp(), np.arange(5))])  # type: ignore[arg-type]
    assert len(both) == 25 and np.isnan(both.label("teff")[20:]).all() and (both.ivar["lamost_lrs"][20:] == 0).all()
    assert bright(one, "gaia_xp").all() and robust_sigma(np.array([0.0, 1.0, -1.0, 100.0])) == pytest.approx(1.4826)
    model = Lux(fitted)
    say_labels(
        label_samples(model, encode(model, one, "blue"), 50),
        one,
        ("teff", "logg"),
        {"ridge": {"teff": one.label("teff")}},
    )
    say_band("XP", [p for e in encode(model, one, "blue") for p in model.translate(e, "gaia_xp")], one.clean["gaia_xp"])
    out = capsys.readouterr().out
    assert "ridge MAE" in out and out.count("teff") == 1 and " %" in out.splitlines()[-1]
