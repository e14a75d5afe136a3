"""Our conditional flow: its functions against zuko's and nflows', its samples and densities against sbi's own."""

from __future__ import annotations

import importlib.util
import math
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from zuko.transforms import MonotonicAffineTransform, MonotonicRQSTransform

from specviz.errors import CheckpointError, ModelError
from specviz.models.specclip.label_posterior import LabelPosterior, posterior_from
from specviz.models.specclip.rational_quadratic import element_of
from specviz.models.specclip.spline_flow import FORMAT, SplineFlow

ZUKO = {"rule": "zuko", "bins": 7, "bound": 4.0, "slope": 1e-3}
NFLOWS = {
    "rule": "nflows",
    "bins": 7,
    "bound": 3.0,
    "min_width": 1e-3,
    "min_height": 1e-3,
    "min_slope": 1e-3,
    "divisor": 2.0,
}


def _raw(*shape: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=torch.Generator().manual_seed(7))


@pytest.fixture
def values() -> torch.Tensor:
    return 3 * torch.randn((5, 40, 2), generator=torch.Generator().manual_seed(8))  # some lie outside of every spline


@pytest.mark.parametrize("shared", [True, False], ids=["a star's", "each its own"])
def test_the_spline_is_zukos(values: torch.Tensor, shared: bool) -> None:
    raw = _raw(5, 1 if shared else 40, 2, 20)
    theirs = MonotonicRQSTransform(*raw.expand(5, 40, 2, 20).split((7, 7, 6), -1), bound=4.0, slope=1e-3)
    noise, log_slope = element_of(ZUKO).to_noise(values, raw)
    wanted, wanted_log = theirs.call_and_ladj(values)
    torch.testing.assert_close(noise, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_slope, wanted_log, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(element_of(ZUKO).from_noise(values, raw), theirs.inv(values), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shared", [True, False], ids=["a star's", "each its own"])
def test_the_spline_is_nflows(values: torch.Tensor, shared: bool) -> None:
    pytest.importorskip("nflows", reason="needs nflows, which comes with sbi")
    from nflows.transforms.splines.rational_quadratic import unconstrained_rational_quadratic_spline

    raw = _raw(5, 1 if shared else 40, 2, 20)
    for inverse in (False, True):
        widths, heights, slopes = raw.expand(5, 40, 2, 20).split((7, 7, 6), -1)
        wanted, wanted_log = unconstrained_rational_quadratic_spline(
            values, widths / 2.0, heights / 2.0, slopes, inverse=inverse, tail_bound=3.0
        )
        if inverse:
            torch.testing.assert_close(element_of(NFLOWS).from_noise(values, raw), wanted, atol=1e-5, rtol=1e-5)
        else:
            noise, log_slope = element_of(NFLOWS).to_noise(values, raw)
            torch.testing.assert_close(noise, wanted, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(log_slope, wanted_log, atol=1e-4, rtol=1e-4)


def test_the_affine_map_is_zukos(values: torch.Tensor) -> None:
    raw = _raw(5, 40, 2, 2)
    theirs = MonotonicAffineTransform(*raw.unbind(-1), slope=1e-3)
    noise, log_scale = element_of({"rule": "exp", "slope": 1e-3}).to_noise(values, raw)
    torch.testing.assert_close(noise, theirs(values))
    torch.testing.assert_close(log_scale, theirs.log_abs_det_jacobian(values, noise), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("element", [ZUKO, NFLOWS, {"rule": "exp", "slope": 1e-3}, {"rule": "softplus", "least": 1e-3}])
@pytest.mark.parametrize("shared", [True, False])
def test_there_and_back(values: torch.Tensor, element: dict[str, Any], shared: bool) -> None:
    function = element_of(element)
    raw = _raw(5, 1 if shared else 40, 2, function.n_raw).double()
    noise, log_slope = function.to_noise(values.double(), raw)
    torch.testing.assert_close(function.from_noise(noise, raw), values.double(), atol=1e-7, rtol=1e-7)
    step = 1e-6
    slope = (function.to_noise(values.double() + step, raw)[0] - noise) / step
    near = torch.isclose(slope.log(), log_slope, atol=1e-3)  # all but those within a step of a knot
    assert bool((slope > 0).all()) and float(near.double().mean()) > 0.99


@pytest.mark.parametrize("element", [ZUKO, NFLOWS])
def test_outside_its_square_a_spline_does_nothing(element: dict[str, Any]) -> None:
    function = element_of(element)
    far = torch.tensor([-1e6, -element["bound"] - 1e-3, element["bound"] + 1e-3, 1e6]).reshape(1, 4, 1)
    raw = _raw(1, 4, 1, function.n_raw).requires_grad_()
    noise, log_slope = function.to_noise(far, raw)
    assert torch.equal(noise, far) and torch.equal(log_slope, torch.zeros_like(far))
    back = function.from_noise(far, raw)
    assert torch.equal(back, far)
    (noise.sum() + log_slope.sum() + back.sum()).backward()
    assert raw.grad is not None and bool(torch.isfinite(raw.grad).all())


# What a file may hold ------------------------------------------------------------------------------------------------


def _description(context: int = 4) -> dict[str, Any]:
    net = {"kind": "perceptron", "labels": 0, "star": context, "outputs": 20, "hidden": [8], "activation": "relu"}
    spline = {"kind": "spline", "inputs": [], "outputs": [0], "passes": 1, "element": NFLOWS, "net": net}
    return {
        "format": FORMAT,
        "features": 1,
        "context": context,
        "embedding": [{"kind": "standardise", "size": context}],
        "layers": [{"kind": "affine", "size": 1}, spline, spline],
    }


def _tensors(description: dict[str, Any]) -> dict[str, torch.Tensor]:
    state = SplineFlow(description).state_dict()
    generator = torch.Generator().manual_seed(3)
    return {
        name: value if name.startswith(("embedding", "layers.0")) else torch.randn(value.shape, generator=generator)
        for name, value in state.items()
    }


def test_a_density_integrates_to_one() -> None:
    description = _description()
    flow = SplineFlow.rebuilt(description, _tensors(description))
    stars = torch.randn((3, 4), generator=torch.Generator().manual_seed(1))
    grid = torch.linspace(-12.0, 12.0, 200_001).reshape(1, -1, 1).expand(3, -1, 1)
    density = flow.log_prob(stars, grid).exp().double()
    torch.testing.assert_close(
        torch.trapezoid(density, grid[..., 0].double()), torch.ones(3).double(), atol=2e-3, rtol=0
    )


def test_what_does_not_fit_is_refused() -> None:
    description = _description()
    tensors = _tensors(description)
    first = next(name for name in tensors if name.endswith("from_star.weight"))
    damaged: list[tuple[dict[str, Any], dict[str, torch.Tensor]]] = [
        (description, {name: value for name, value in tensors.items() if name != first}),
        (description, {**tensors, "extra": torch.zeros(1)}),
        (description, {**tensors, first: torch.zeros((2, 2))}),
        (description, {**tensors, first: torch.full_like(tensors[first], math.nan)}),
        ({**description, "format": "another"}, tensors),
        ({**description, "layers": [{"kind": "conv"}]}, tensors),
        ({**description, "layers": [{"kind": "affine", "size": "many"}]}, tensors),
        ({**description, "layers": [{"kind": "permutation", "order": [0, 0]}]}, tensors),
        ({**description, "embedding": [{"kind": "transformer"}]}, tensors),
        ({**description, "layers": [{**description["layers"][1], "element": {"rule": "cubic"}}]}, tensors),
    ]
    for said, held in damaged:
        with pytest.raises(CheckpointError):
            SplineFlow.rebuilt(said, held)


# The posterior of a label --------------------------------------------------------------------------------------------


def _posterior(label: str = "teff", bounds: tuple[float, float] | None = None) -> LabelPosterior:
    import json

    description = _description()
    tensors = {f"flow.{name}": value for name, value in _tensors(description).items()}
    tensors |= {"label_mean": torch.tensor([5000.0]), "label_std": torch.tensor([800.0])}
    if bounds is not None:
        tensors |= {"support_low": torch.tensor([bounds[0]]), "support_high": torch.tensor([bounds[1]])}
    return posterior_from(tensors, {"kind": "nsf", "flow": json.dumps(description), "label": label, "encoder": "split"})


@pytest.fixture
def stars() -> torch.Tensor:
    return torch.randn((6, 4), generator=torch.Generator().manual_seed(2))


def test_a_seed_gives_the_same_samples_whoever_stands_beside(stars: torch.Tensor) -> None:
    posterior = _posterior()
    samples = posterior.sample(stars, 500, seed=3)
    assert samples.shape == (6, 500) and bool(torch.isfinite(samples).all())
    torch.testing.assert_close(posterior.sample(stars[2:3], 500, seed=3)[0], samples[2], rtol=1e-5, atol=1e-2)
    assert not torch.allclose(posterior.sample(stars, 500, seed=4), samples)
    assert not torch.allclose(posterior.sample(stars, 500), posterior.sample(stars, 500))


def test_two_labels_with_one_seed_are_independent(stars: torch.Tensor) -> None:
    one, other = (_posterior(label).sample(stars[:1], 20_000, seed=0)[0].numpy() for label in ("teff", "logg"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_noise_of_every_shape_means_the_same(stars: torch.Tensor) -> None:
    posterior = _posterior()
    noise = torch.randn(100)
    wanted = posterior.sample_from_noise(stars, noise)
    assert wanted.shape == (6, 100)
    for same in (noise[:, None], noise.expand(6, 100), noise[:, None].expand(6, 100, 1)):
        assert torch.equal(posterior.sample_from_noise(stars, same), wanted)
    for wrong in (torch.randn(5, 100), torch.randn(6, 100, 2)):
        with pytest.raises(ModelError):
            posterior.sample_from_noise(stars, wrong)
    with pytest.raises(ModelError):
        posterior.sample(stars[:, :3])
    assert posterior.sample(stars[:0], 10).shape == (0, 10)


def test_the_density_is_per_unit_of_the_label(stars: torch.Tensor) -> None:
    posterior = _posterior()
    grid = torch.linspace(-6_000.0, 16_000.0, 200_001).expand(6, -1)
    density = posterior.log_prob(stars, grid).exp().double()
    torch.testing.assert_close(torch.trapezoid(density, grid.double()), torch.ones(6).double(), atol=5e-3, rtol=0)


def test_samples_can_be_differentiated(stars: torch.Tensor) -> None:
    where = stars.clone().requires_grad_()
    _posterior().sample_from_noise(where, torch.zeros(1)).sum().backward()
    assert where.grad is not None and float(where.grad.abs().sum()) > 0


def test_a_bounded_prior_keeps_samples_inside(stars: torch.Tensor) -> None:
    from scipy.stats import ks_2samp

    free, bound = _posterior(), _posterior(bounds=(-0.5, 0.7))
    assert bound.bounds is not None and [float(b) for b in bound.bounds] == pytest.approx([4600.0, 5560.0])
    kept, low, high = bound.sample(stars, 20_000, seed=1), 4600.0 - 1e-2, 5560.0 + 1e-2
    assert bool(((kept >= low) & (kept <= high)).all())
    for star, samples in enumerate(free.sample(stars, 200_000, seed=2)):
        rejected = samples[(samples >= low) & (samples <= high)]
        if len(rejected) > 5_000:
            assert ks_2samp(rejected.numpy(), kept[star].numpy()).pvalue > 1e-3


def test_far_outside_the_prior_samples_are_still_inside_or_unknown(stars: torch.Tensor) -> None:
    tail = _posterior(bounds=(6.0, 9.0)).sample(stars, 1_000, seed=1)
    assert bool((tail >= 5000 + 6 * 800 - 0.1).all()) and bool((tail <= 5000 + 9 * 800 + 0.1).all())
    assert bool(torch.isnan(_posterior(bounds=(50.0, 51.0)).sample(stars, 100, seed=1)).all())


def test_a_posterior_file_must_be_whole() -> None:
    good = _posterior()
    state = {f"flow.{name}": value for name, value in good.flow.state_dict().items()}
    constants = {"label_mean": torch.zeros(1), "label_std": torch.ones(1)}
    for tensors, metadata in (
        (state, good.metadata),
        ({**state, **constants, "support_low": torch.zeros(2)}, good.metadata),
        ({**state, **constants, "more": torch.zeros(1)}, good.metadata),
        ({**state, **constants}, {**good.metadata, "kind": "mlp"}),
        ({**state, **constants}, {**good.metadata, "flow": "{"}),
        ({**state, **constants}, {**good.metadata, "flow": "[]"}),
    ):
        with pytest.raises(CheckpointError):
            posterior_from(tensors, metadata)


# Against sbi itself --------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """sbi writes logs into the folder it is called from."""
    monkeypatch.chdir(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def trained() -> ModuleType:
    """tests/models/sbi_posteriors.py, with sbi imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sbi's own imports warn of what they deprecate
        pytest.importorskip("sbi.inference", reason="needs the extra sbi")
    path = Path(__file__).with_name("sbi_posteriors.py")
    spec = importlib.util.spec_from_file_location("specviz_sbi_posteriors", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _agrees(trained: ModuleType, **options: Any) -> dict[str, Any]:
    """Train, read, rebuild; the flow's description. Samples must agree to 1e-5 of the spread, densities to 1e-4."""
    from specviz.models.specclip.sbi_reader import read_posterior
    from specviz.models.specclip.sbi_unpickling import compared

    features = options.get("features", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nflows solves triangles in a way that torch deprecates
        inference = trained.tiny_posterior(**{"context": 12, "epochs": 3, "count": 300, **options})
        read = read_posterior({"inference": inference, "mean": 0.0, "std": 1.0})
        differences = compared(SplineFlow.rebuilt(read.description, read.tensors), read, stars=32)
    assert read.description["features"] == features
    assert differences["samples"] < 1e-5 and differences["log_prob"] < 1e-4, differences
    return read.description


@pytest.mark.parametrize(
    "build",
    [
        {},
        {"num_transforms": 1, "num_bins": 4},
        {"num_transforms": 8, "num_bins": 16, "hidden_features": 20, "tail_bound": 5.0},
        {"hidden_layers_spline_context": 3},
        {"z_score_theta": "none"},
        {"z_score_x": "none"},
        {"z_score_x": "structured"},
    ],
    ids=lambda build: ",".join(f"{k}={v}" for k, v in build.items()) or "default",
)
def test_one_label_as_sbi_has_it(trained: ModuleType, build: dict[str, Any]) -> None:
    description = _agrees(trained, build=build, context=12)
    splines = [layer for layer in description["layers"] if layer["kind"] == "spline"]
    assert len(splines) == build.get("num_transforms", 5) and all(layer["inputs"] == [] for layer in splines)


def test_one_label_of_a_full_size_embedding(trained: ModuleType) -> None:
    description = _agrees(trained, context=768)
    assert description["context"] == 768 and description["layers"][1]["net"]["star"] == 768


@pytest.mark.parametrize("features", [2, 3])
@pytest.mark.parametrize("model", ["nsf", "maf", "maf_rqs", "zuko_nsf", "zuko_maf"])
def test_joint_labels_as_sbi_has_them(trained: ModuleType, model: str, features: int) -> None:
    _agrees(trained, features=features, model=model, build={"z_score_theta": "structured"} if features == 3 else {})


@pytest.mark.parametrize("model", ["maf", "maf_rqs", "zuko_nsf", "zuko_maf"])
def test_one_label_of_other_flows(trained: ModuleType, model: str) -> None:
    _agrees(trained, model=model)


def test_coupling_and_other_orders(trained: ModuleType) -> None:
    _agrees(
        trained, features=3, model="nsf", build={"use_batch_norm": True, "num_blocks": 3, "dropout_probability": 0.2}
    )
    _agrees(trained, features=3, model="maf_rqs", build={"use_batch_norm": True, "num_bins": 5})
    _agrees(trained, features=3, model="zuko_nsf", build={"passes": 2, "randperm": True, "num_bins": 5})


@pytest.mark.parametrize("model", ["nsf", "zuko_nsf"])
def test_an_embedding_net_of_plain_layers(trained: ModuleType, model: str) -> None:
    from sbi.neural_nets.embedding_nets import FCEmbedding

    net = FCEmbedding(12, output_dim=6, num_layers=3, num_hiddens=16, enable_layer_norm=True)
    description = _agrees(trained, model=model, build={"embedding_net": net})
    assert description["context"] == 12 and description["layers"][1]["net"]["star"] == 6
    assert [step["kind"] for step in description["embedding"]][:2] == ["standardise", "linear"]
