"""Labels of the official model: independent posteriors side by side, points, and points that were calibrated."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import CheckpointError, ModelError
from specviz.models.posterior import Posterior
from specviz.models.specclip.calibration import calibrate
from specviz.models.specclip.conformal import Conformal
from specviz.models.specclip.official import SpecClipOfficial
from specviz.models.specclip.routing import routes
from specviz.spectra.grids import SPECCLIP_WAVELENGTH

sys.path.insert(0, str(Path(__file__).parent))
import official_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every head: random networks and random flows."""
    return official_folder.random_folder(tmp_path_factory.mktemp("all"), posteriors=True)


@pytest.fixture(scope="module")
def model(folder: Path) -> SpecClipOfficial:
    return SpecClipOfficial.from_folder(folder)


def rows(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return (1 - rng.uniform(0, 0.5, (n, 1)) * rng.random((n, SPECCLIP_WAVELENGTH.size))).astype(np.float32)


@pytest.fixture(scope="module")
def posteriors(model: SpecClipOfficial) -> list[Posterior]:
    return model.posterior(model.embed(model.on_grid(rows(6), "lamost_lrs")))


def test_23_labels_from_lamost_and_7_from_xp(model: SpecClipOfficial, posteriors: list[Posterior]) -> None:
    card = model.describe()
    assert len(card.labels["lamost_lrs"]) == 23 and len(card.labels["gaia_xp"]) == 7
    assert card.labels["lamost_lrs"][:4] == ("teff", "logg", "fe_h", "alpha_fe")
    assert posteriors[0].names == card.labels["lamost_lrs"] and len(posteriors[0]) == 10_000
    assert not model.heads.missing("lamost_lrs") and not model.heads.missing("gaia_xp")


def test_units_are_those_of_the_release(posteriors: list[Posterior]) -> None:
    units = posteriors[0].units
    expected = {
        "teff": "K", "logg": "dex", "rv": "km / s", "e_bp_rp": "mag", "dnu": "uHz", "nu_max": "uHz", "mass": "solMass",
        "radius": "solRad", "age": "Gyr", "delta_pi1": "s", "cr_fe": "dex",
    }  # fmt: skip
    assert {name: units[name] for name in expected} == expected
    from astropy import units as u

    for unit in units.values():
        u.Unit(unit)


def test_only_sbi_labels_have_a_width(posteriors: list[Posterior]) -> None:
    sbi = {route.label for route in routes("lamost_lrs") if route.head == "sbi"}
    for name, (median, low, high) in posteriors[0].summary().items():
        assert np.isfinite(median) and np.isfinite(low) == np.isfinite(high) == (name in sbi)
        assert low < median < high if name in sbi else name in posteriors[0].points
    assert set(posteriors[0].notes) == set(posteriors[0].names)
    assert "correlated" in posteriors[0].notes["teff"]


def test_samples_of_different_labels_are_independent(posteriors: list[Posterior]) -> None:
    """With one seed for all heads every pair of labels would look perfectly correlated."""
    sbi = [i for i, name in enumerate(posteriors[0].names) if name not in posteriors[0].points]
    correlation = np.corrcoef(posteriors[0].samples[:, sbi].T)
    assert np.abs(correlation - np.eye(len(sbi))).max() < 0.05


def test_the_seed_decides_and_the_batch_does_not(model: SpecClipOfficial, posteriors: list[Posterior]) -> None:
    alone = model.embed(model.on_grid(rows(6)[4], "lamost_lrs"))
    again = model.posterior(alone)[0]
    np.testing.assert_allclose(again.samples, posteriors[4].samples, rtol=1e-4, atol=1e-4)
    other = model.posterior(alone, seed=1)[0]
    assert not np.allclose(other["teff"], again["teff"])
    np.testing.assert_array_equal(other["mg_fe"], again["mg_fe"])
    drawn = [model.posterior(alone, samples=50, seed=None)[0]["teff"] for _ in range(2)]
    assert not np.allclose(*drawn)


def test_a_posterior_that_is_given_up_is_left_out(model: SpecClipOfficial, monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = model.embed(model.on_grid(rows(3), "lamost_lrs"))
    flow: Any = model.heads.head("lamost_lrs", "age").flow
    real = flow.sample

    def sample(embeddings: Any, n: int, seed: int | None) -> Any:
        drawn = real(embeddings, n, seed)
        drawn[1, 3] = float("nan")
        return drawn

    monkeypatch.setattr(flow, "sample", sample)
    found = model.posterior(encoding, samples=50)
    assert ["age" in p.names for p in found] == [True, False, True]
    assert np.isfinite(found[1].samples).all() and len(found[1].names) == 22


# ---------------------------------------------------------------------------------------------- calibration
def test_conformal_intervals_cover_what_they_say() -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        skewed = rng.gamma(2.0, size=301)
        made = Conformal.of(skewed[:300], np.zeros(300), "made up")
        low, high = np.quantile(made.residuals(2000, 1), (0.16, 0.84))
        inside.append(low <= skewed[300] <= high)
    assert abs(np.mean(inside) - 0.68) < 0.06
    assert made.half_width == pytest.approx((high - low) / 2, rel=0.02)
    with pytest.raises(ModelError, match="at least 50"):
        Conformal.of(np.ones(49), np.zeros(49), "too few")


def test_calibrated_labels_get_the_width_of_their_residuals(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    model = SpecClipOfficial.from_folder(own)
    spectra = rows(400)
    said = model.points(model.embed(model.on_grid(spectra, "lamost_lrs")))
    rng = np.random.default_rng(3)
    known = {"mg_fe": said["mg_fe"] + rng.normal(0.03, 0.1, 400), "fe_h": np.where(rng.random(400) < 0.3, np.nan, 0.0)}
    known["fe_h"] += said["fe_h"] + rng.normal(0, 0.05, 400)
    made = calibrate(model, "lamost_lrs", [spectra[:250], spectra[250:]], {**known, "teff": known["fe_h"]}, source="us")
    assert set(made) == {"mg_fe", "fe_h"} and made["fe_h"].stars < 330
    assert made["mg_fe"].half_width == pytest.approx(0.1, rel=0.2)

    again = SpecClipOfficial.from_folder(own)
    one = again.posterior(again.embed(again.on_grid(spectra[0], "lamost_lrs")))[0]
    median, low, high = one.summary()["mg_fe"]
    assert (high - low) / 2 == pytest.approx(made["mg_fe"].half_width, rel=0.02)
    assert median - said["mg_fe"][0] == pytest.approx(0.03, abs=0.02)  # the bias goes too
    assert "mg_fe" not in one.points and "400 stars (us)" in one.notes["mg_fe"] and "o_fe" in one.points
    assert again.describe().weights_sha256 == model.describe().weights_sha256


def test_a_calibration_belongs_to_its_weights(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    head = own / "labels" / "lamost_lrs" / "mg_fe.safetensors"
    path = Conformal.of(np.arange(60.0), np.zeros(60), "x").write(head)
    assert Conformal.beside(head) is not None
    content = json.loads(path.read_text())
    for change in ({"head_sha256": "0" * 64}, {"quantiles": [1.0, 0.0]}, {"format": "other"}):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(CheckpointError, match=r"calibrat"):
            SpecClipOfficial.from_folder(own)
    path.write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        SpecClipOfficial.from_folder(own)


def test_what_cannot_be_calibrated_is_said(model: SpecClipOfficial) -> None:
    with pytest.raises(ModelError, match="mg_fe"):
        calibrate(model, "lamost_lrs", [rows(60)], {"teff": np.ones(60)}, source="x")
    with pytest.raises(ModelError, match="one a spectrum"):
        calibrate(model, "lamost_lrs", [rows(60)], {"mg_fe": np.ones(61)}, source="x")
    with pytest.raises(ModelError, match="at least 50"):
        calibrate(model, "lamost_lrs", [rows(60)], {"mg_fe": np.full(60, np.nan)}, source="x")


def test_points_of_a_posterior() -> None:
    made = Posterior(("a", "b"), np.ones((5, 2)), points=frozenset({"b"}))
    assert made.summary()["a"] == (1.0, 1.0, 1.0)
    np.testing.assert_equal(made.summary()["b"], (1.0, np.nan, np.nan))
    with pytest.raises(ModelError, match="no labels"):
        Posterior(("a",), np.ones((5, 1)), points=frozenset({"c"}))
