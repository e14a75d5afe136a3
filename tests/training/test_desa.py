"""Training DESA: stages that go on where they stopped, losses, calibration, and the figures of the evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from specviz.errors import ModelError
from specviz.models.desa.config import DesaConfig, DualFormerConfig, LightCurveConfig, SpectrumConfig
from specviz.models.desa.model import Desa
from specviz.models.desa.networks import OUTPUTS, DesaNet, catalogue_vector
from specviz.models.desa.weights_file import DesaWeights
from specviz.training.desa_baselines import light_curve_features
from specviz.training.desa_finish import calibrated, covered, temperature, widths
from specviz.training.desa_loop import Settings, run_stage
from specviz.training.desa_stages import (
    encoded,
    pinball,
    scaled,
    standardise,
    task_truth,
    train_dual,
    train_heads,
    train_light_curve,
    train_spectrum,
)
from specviz.training.desa_stars import LENGTH, SEEDS, Stars, draw
from specviz.training.evaluation.desa import evaluate, neighbours, probe, r2, separation


def stars(n: int, seed: int = 0) -> Stars:
    """Noise with a depression in every close pair's light curve; labels that mean nothing."""
    rng = np.random.default_rng(seed)
    close = rng.random(n) < 0.4
    flux = 1.0 + 0.001 * rng.normal(size=(n, LENGTH + 240))
    flux[close, ::100] -= 0.3
    labels = {k: rng.normal(size=n) for k in ("logg", "fe_h", "colour", "abs_mag")}
    labels |= {
        k: np.exp(rng.normal(size=n)) for k in ("age", "prot", "radius", "luminosity", "ruwe", "snr", "amplitude")
    }
    labels |= {"teff": rng.uniform(4000, 7000, n), "close": close.astype(float), "young": np.zeros(n)}
    kind = np.where(close, np.where(rng.random(n) < 0.3, "synchronised", "eclipsing"), "single")
    return Stars(rng.normal(size=(n, 4096)).astype(np.float16), flux.astype(np.float32), labels, kind)


def network() -> DesaNet:
    torch.manual_seed(0)
    return DesaNet(
        DesaConfig(
            SpectrumConfig((2, 4, 4, 4, 4, 8), blocks=1, heads=2),
            LightCurveConfig((2, 4, 4, 4, 8), 8, 40, 1, 2, projection=8),
            DualFormerConfig(8, 1, 2, 16, latent=0), hidden=8, outputs=OUTPUTS,
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[DesaNet, Stars, Path]:
    """All stages, a few steps each."""
    folder, few = tmp_path_factory.mktemp("desa"), Settings(3, 16, 1e-3)
    net, train, held = network(), stars(60), stars(40, 1)
    train_spectrum(net, train, held, few, folder, 0)
    cuts = train.cuts(2, 0, short=0.3)
    train_light_curve(net, train, cuts, held, few, folder, 0)
    net.eval()
    standardise(net, train, cuts)
    features, seen = encoded(net, train, cuts), encoded(net, held)[0]
    train_heads(net, train, features, held, seen, few, folder, 0)
    for latent in (False, True):
        train_dual(net, latent, train, features, held, seen, few, few, folder, 0)
    return net.eval().requires_grad_(False), held, folder


def test_every_stage_leaves_its_state(trained: tuple[DesaNet, Stars, Path]) -> None:
    net, held, folder = trained
    done = {p.stem for p in folder.glob("*.pt")}
    assert done == {
        "spectrum", "light_curve", "heads", "align_without", "tasks_without", "align_with", "tasks_with",
    }  # fmt: skip
    assert all(torch.load(p, weights_only=True)["done"] for p in folder.glob("*.pt"))
    again = network()
    train_spectrum(again, held, held, Settings(3, 16, 1e-3), folder, 0)  # is only loaded
    torch.testing.assert_close(again.net.spectrum.state_dict(), net.net.spectrum.state_dict())
    features = encoded(net, stars(60), stars(60).cuts(1, 0, short=0.3))[0]
    assert features.spectrum.std(0).mean() == pytest.approx(1.0, abs=0.2)


def test_a_stage_goes_on_where_it_stopped(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def run(folder: Path, until: int) -> torch.Tensor:
        torch.manual_seed(0)
        module = torch.nn.Linear(3, 1)
        given = torch.randn(8, 20, 3, generator=torch.Generator().manual_seed(1))

        def losses(step: int) -> dict[str, torch.Tensor]:
            if step == until:
                raise Killed
            return {"square": (module(given[step]) - given[step].sum(1, keepdim=True)).square().mean()}

        run_stage("line", module, Settings(8, 1, 0.05), losses, folder, save_every=0.0)
        return module.weight.detach()

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = run(tmp_path / "a", -1)
    with pytest.raises(Killed):
        run(tmp_path / "b", 5)
    torch.testing.assert_close(run(tmp_path / "b", -1), whole)


def test_the_best_state_is_kept(tmp_path: Path) -> None:
    module, told = torch.nn.Linear(1, 1, bias=False), iter([3.0, 1.0, 2.0])
    seen = []

    def validate() -> float:
        seen.append(float(module.weight.detach()))
        return next(told)

    run_stage(
        "line", module, Settings(6, 1, 0.1), lambda _: {"up": -module.weight.sum()}, tmp_path,
        validate=validate, report_every=2,
    )  # fmt: skip
    assert float(module.weight.detach()) == seen[1]


def test_pinball_is_least_at_the_quantile() -> None:
    truth = torch.linspace(0, 1, 1001)[:, None]
    at = [float(pinball(torch.full((1001, 1, 1), q), truth, [0.2])) for q in (0.1, 0.2, 0.3)]
    assert at[1] < min(at[0], at[2])
    holes = torch.where(torch.arange(1001)[:, None] % 2 == 0, truth, torch.nan)
    assert float(pinball(torch.full((1001, 1, 1), 0.2), holes, [0.2])) == pytest.approx(at[1], rel=0.01)


def test_calibrated_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    truth, levels = rng.normal(size=4000), (0.14, 0.5, 0.86)
    narrow = np.tile([-0.1, 0.0, 0.1], (4000, 1))
    width = widths(narrow[:2000], truth[:2000], levels)
    assert covered(narrow[2000:], truth[2000:], levels, width) == pytest.approx(0.72, abs=0.03)
    p = rng.random(20_000)
    happened = (rng.random(20_000) < p).astype(float)
    assert temperature(3.0 * np.log(p / (1 - p)), happened) == pytest.approx(3.0, rel=0.1)


def test_parts_share_no_seed(tmp_path: Path) -> None:
    first = sorted(SEEDS.values())
    assert min(np.diff(first)) >= 1_000_000  # 200 million stars apart
    with pytest.raises(ModelError, match="validation"):
        draw("rest", 1, tracks=tmp_path, folder=tmp_path)


def test_catalogue_values_of_simulated_stars() -> None:
    some = stars(300)
    some.labels["prot"][:100] = 500.0
    rows = some.catalogue(np.random.default_rng(0))
    assert all(np.isnan(row["prot"]) for row in rows[:100]) and any(np.isfinite(row["prot"]) for row in rows[100:])
    vector = catalogue_vector(rows)
    assert (vector[:100, 2] == 0).all() and torch.isfinite(vector).all()
    np.testing.assert_allclose(vector[:, 0] * 5778, some.labels["teff"], atol=500)


def test_scaled_labels() -> None:
    some = stars(50)
    assert scaled(some, ("teff", "prot")).shape == (50, 2)
    truth = task_truth(some)
    np.testing.assert_array_equal(truth[:, 0], some.labels["close"])


def test_features_of_a_light_curve() -> None:
    time = np.arange(LENGTH + 240) / 24.0
    flux = np.stack(
        [1 + 0.01 * np.sin(2 * np.pi * time / 7.0), 1 + 1e-4 * np.random.default_rng(0).normal(size=time.size)]
    )
    some = stars(2)
    found = light_curve_features(Stars(some.spectra, flux.astype(np.float32), some.labels, some.kind))
    assert np.exp(found[0, 0]) == pytest.approx(7.0, abs=0.1) and found[0, 2] > found[1, 2]
    assert np.isfinite(found).all()


def test_scores() -> None:
    rng = np.random.default_rng(0)
    x, asked = rng.normal(size=(400, 3)), rng.normal(size=(200, 3))
    matrix = rng.normal(size=(3, 2))
    assert r2(asked @ matrix, asked @ matrix) == 1.0
    assert probe(x, x @ matrix, asked, asked @ matrix, [np.arange(50)]) > 0.99
    assert 0.5 < neighbours(x, x @ matrix, asked, asked @ matrix) < 1.0
    one, other = np.arange(400) < 200, (np.arange(400) >= 200) & (np.arange(400) < 300)
    plane = rng.normal(size=(400, 2)) + 10.0 * other[:, None]
    assert separation(plane, one, other) == 1.0
    assert separation(rng.normal(size=(400, 2)), one, other) == pytest.approx(0.5, abs=0.1)


def test_the_evaluation_prints_every_figure(trained: tuple[DesaNet, Stars, Path]) -> None:
    pytest.importorskip("sklearn")
    net, held, _ = trained
    card = {"version": "test", "days": 90.0, "cadence_hours": 1.0, **calibrated(net, held, 0)}
    said: list[str] = []
    found = evaluate(Desa(DesaWeights(net, card)), stars(120, 2), stars(80, 3), say=said.append)
    text = "\n".join(said)
    for word in ("AUC", "age (Gyr)", "HR: kNN", "with catalogue values", "boosting", "published", "too few of either"):
        assert word in text
    assert found["auc.boosting.light_curve"] > 0.9  # the depressions are plain to see
    assert {"age.both", "age.with", "coverage.both", "hr.few.both", "cmd.head.with", "hr.ridge.simple"} <= set(found)
