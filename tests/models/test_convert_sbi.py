"""Pickled sbi posteriors to safetensors: what is refused, what the child may do, and that nothing is lost."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from specviz.errors import CancelledError, CheckpointError
from specviz.models.checkpoint_reader import load_weights, sha256_of
from specviz.models.specclip import convert_sbi
from specviz.models.specclip.convert_sbi import convert_posterior, convert_posteriors
from specviz.models.specclip.label_posterior import LabelPosterior, load_label_flow, posterior_from
from specviz.models.specclip.sbi_unpickling import convert_file


class Runs:
    """Pickles into a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """sbi writes logs into the folder it is called from."""
    monkeypatch.chdir(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def sbi() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sbi's own imports warn of what they deprecate
        return pytest.importorskip("sbi", reason="needs the extra sbi")


@pytest.fixture(scope="module")
def trained(sbi: ModuleType) -> ModuleType:
    path = Path(__file__).with_name("sbi_posteriors.py")
    spec = importlib.util.spec_from_file_location("specviz_sbi_posteriors", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _convert(source: Path, **options: Any) -> Path:
    target = source.with_suffix(".safetensors")
    convert_posterior(source, target, label="teff", encoder="split", trust_pickle=True, **options)
    return target


# What is refused -----------------------------------------------------------------------------------------------------


def test_without_trust_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "written by the pickle"
    source = tmp_path / "teff.pkl"
    source.write_bytes(pickle.dumps({"inference": Runs(os.mkdir, str(written)), "mean": 0.0, "std": 1.0}))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(CheckpointError) as refusal:
        convert_posterior(source, tmp_path / "teff.safetensors", label="teff", encoder="split")
    text = str(refusal.value)
    assert "teff.pkl" in text and "run the program inside it" in text and "--trust-pickle" in text
    assert "all others work" in text
    assert not written.exists() and not (tmp_path / "teff.safetensors").exists()


def test_without_sbi_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "teff.pkl"
    source.write_bytes(pickle.dumps({}))
    monkeypatch.setattr(convert_sbi, "find_spec", lambda _: None)
    with pytest.raises(CheckpointError, match=r"jupyter-specviz\[sbi\]"):
        _convert(source)


def test_an_absent_file(sbi: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no file"):
        _convert(tmp_path / "teff.pkl")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a pickle", "cannot be unpickled"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({"mean": 0.0, "std": 1.0}), "holds mean, std"),
        (pickle.dumps({"inference": 3, "mean": 0.0, "std": 1.0}), "holds a int"),
    ],
    ids=["damaged", "a list", "no inference", "a number"],
)
def test_what_is_no_posterior(sbi: ModuleType, tmp_path: Path, content: bytes, words: str) -> None:
    source = tmp_path / "teff.pkl"
    source.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        convert_file(source, tmp_path / "teff.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["teff.pkl"]


def test_a_child_that_dies(sbi: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "teff.pkl"
    source.write_bytes(pickle.dumps({"inference": Runs(os._exit, 7)}))
    with pytest.raises(CheckpointError, match="ended with code 7"):
        _convert(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["teff.pkl"]


def test_the_child_has_no_secrets_and_works_in_a_folder_of_its_own(
    sbi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "teff.pkl"
    source.write_bytes(pickle.dumps({Runs(os.getenv, "HF_TOKEN", "no token"): 0, Runs(os.mkdir, "here"): 1}))
    with pytest.raises(CheckpointError, match="holds no token, None"):
        _convert(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["teff.pkl"]


def test_it_can_be_stopped(sbi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "teff.pkl"
    source.write_bytes(pickle.dumps({"inference": Runs(time.sleep, 300)}))
    children: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def remembered(*arguments: Any, **options: Any) -> Any:
        children.append(start(*arguments, **options))
        return children[-1]

    monkeypatch.setattr(convert_sbi.subprocess, "Popen", remembered)
    began = time.monotonic()
    with pytest.raises(CancelledError):
        _convert(source, cancel=lambda: time.monotonic() > began + 1)
    with pytest.raises(CheckpointError, match="within 1 seconds"):
        _convert(source, timeout=1.0)
    assert len(children) == 2 and all(child.poll() is not None for child in children)
    assert time.monotonic() < began + 60


def test_what_cannot_be_rebuilt_is_refused_in_words(trained: ModuleType) -> None:
    from sbi.inference import NLE, NPE
    from sbi.neural_nets.embedding_nets import CNNEmbedding

    from specviz.models.specclip.sbi_reader import read_posterior

    def words_for(inference: Any, **content: Any) -> str:
        with pytest.raises(CheckpointError) as refusal:
            read_posterior({"inference": inference, "mean": 0.0, "std": 1.0, **content})
        return str(refusal.value)

    small: dict[str, Any] = dict(context=12, epochs=1, count=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sbi warns of flows over one label, and that there is no prior
        assert "never trained" in words_for(NPE(show_progress_bars=False))
        assert "method NLE_A" in words_for(NLE(show_progress_bars=False))
        mixture = trained.tiny_posterior(model="mdn", **small)
        seen_as_image = CNNEmbedding((12,), num_conv_layers=1, out_channels_per_layer=[2], output_dim=3, kernel_size=3)
        images = trained.tiny_posterior(build={"embedding_net": seen_as_image}, **small)
        unlike = trained.tiny_posterior(model="zuko_sospf", **small)
        good = trained.tiny_posterior(**small)
        good._prior = torch.distributions.Dirichlet(torch.ones(2))
        odd_prior = words_for(good)
        good._prior = None
        good._neural_net.net._transform._transforms[1].tails = None
    assert "density estimator is a" in words_for(mixture)
    assert "embedding net holds a CNNEmbedding" in words_for(images)
    assert "made of ShiftedSOSPTransform" in words_for(unlike)
    assert "prior" in odd_prior
    assert "no linear tails" in words_for(good)
    good._neural_net.net._transform._transforms[1].tails = "linear"
    for wrong in ({"std": 0.0}, {"mean": "many"}, {"mean": float("nan")}, {"std": [1.0, 2.0]}):
        words_for(good, **wrong)


# What is kept --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def official(trained: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Posteriors in the layout of the release, converted by one process: folder, inference objects, what was told."""
    from sbi.utils import BoxUniform

    folder = tmp_path_factory.mktemp("posteriors")
    box = BoxUniform(-1.2 * torch.ones(1), 0.9 * torch.ones(1))
    corner = BoxUniform(-1.0 * torch.ones(2), 1.5 * torch.ones(2))
    made = {
        "teff": trained.tiny_posterior(folder / "teff.pkl", context=768),
        "logg": trained.tiny_posterior(folder / "logg.pkl", context=12, prior=box, keys=("means", "stds")),
        "joint": trained.tiny_posterior(folder / "joint.pkl", context=12, features=2, prior=corner),
        "zuko": trained.tiny_posterior(folder / "zuko.pkl", context=12, model="zuko_nsf"),
    }
    before = {path.name for path in folder.iterdir()}
    told: list[tuple[int, int, str]] = []
    jobs = [(folder / f"{name}.pkl", folder / f"{name}.safetensors", name, "split") for name in made]
    hashes = convert_posteriors(jobs, trust_pickle=True, progress=lambda *step: told.append(step))
    return types.SimpleNamespace(folder=folder, made=made, told=told, hashes=hashes, before=before)


def _theirs(inference: Any, star: torch.Tensor, count: int, seed: int = 5) -> torch.Tensor:
    """Samples as the official scripts draw them, in standard units."""
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        posterior = inference.build_posterior()
        return posterior.sample((count,), x=star, max_sampling_batch_size=20_000, show_progress_bars=False)


def test_nothing_but_tensors_is_written(official: Any) -> None:
    written = {path.name for path in official.folder.iterdir()} - official.before
    assert written == {f"{name}.safetensors" for name in official.made}
    assert official.told == [(i + 1, 4, f"{name}.pkl") for i, name in enumerate(official.made)]
    for path, sha256 in official.hashes.items():
        assert sha256_of(path) == sha256
        tensors, metadata = load_weights(path, sha256)
        assert metadata["kind"] == "nsf" and metadata["label"] == path.stem and metadata["encoder"] == "split"
        assert metadata["source_sha256"] == sha256_of(path.with_suffix(".pkl"))
        checked = json.loads(metadata["checked"])
        assert checked["samples"] <= 1e-5 and checked["log_prob"] <= 1e-4
        assert all(name.startswith(("flow.", "label_", "support_")) for name in tensors)


def test_the_hash_does_not_depend_on_who_converts(official: Any, tmp_path: Path) -> None:
    """Catalogues know a model by its files' hashes: neither the process nor rounding may show in them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("teff", "joint"):
            here = tmp_path / f"{name}.safetensors"
            convert_file(official.folder / f"{name}.pkl", here)
            tensors, metadata = load_weights(here)
            theirs, kept = load_weights(official.folder / f"{name}.safetensors")
            assert metadata.items() <= kept.items() and tensors.keys() == theirs.keys()
            assert all(torch.equal(tensor, theirs[key]) for key, tensor in tensors.items())


def test_the_same_noise_gives_the_same_samples(official: Any, trained: ModuleType) -> None:
    posterior = load_label_flow(official.folder / "teff.safetensors")
    assert (posterior.label, posterior.encoder, posterior.n_labels) == ("teff", "split", 1)
    _, stars = trained.simulated(1, 768, 3, seed=11)
    estimator = official.made["teff"]._neural_net.eval()
    torch.manual_seed(0)
    with torch.no_grad():
        theirs = estimator.sample(torch.Size((1_000,)), condition=stars)[..., 0].T  # (stars, samples)
    torch.manual_seed(0)
    noise = torch.randn(3 * 1_000, 1).reshape(3, 1_000)  # nflows draws this, a star's samples one after another
    ours = posterior.sample_from_noise(stars, noise)
    mean, std = trained.MEANS[0], trained.STDS[0]
    torch.testing.assert_close((ours - mean) / std, theirs, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        wanted = estimator.log_prob(theirs.T[..., None], stars).T - np.log(std)
    torch.testing.assert_close(posterior.log_prob(stars, theirs * std + mean), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["teff", "logg", "zuko"])
def test_ten_thousand_samples_are_of_the_same_distribution(official: Any, trained: ModuleType, name: str) -> None:
    from scipy.stats import ks_2samp

    posterior = load_label_flow(official.folder / f"{name}.safetensors")
    _, stars = trained.simulated(1, posterior.flow.context, 4, seed=12)
    ours = posterior.sample(stars, 10_000, seed=1)
    for star, samples in zip(stars, ours, strict=True):
        theirs = _theirs(official.made[name], star, 10_000)[:, 0] * trained.STDS[0] + trained.MEANS[0]
        assert ks_2samp(samples.numpy(), theirs.numpy()).pvalue > 1e-3


LEVELS = torch.tensor([0.05, 0.16, 0.5, 0.84, 0.95], dtype=torch.float64)


@pytest.mark.parametrize("name", ["teff", "zuko"])
def test_quantiles_agree_to_a_hundredth_of_the_width(official: Any, trained: ModuleType, name: str) -> None:
    """Ours are exact (the flow of one label is increasing), sbi's are of 400,000 samples."""
    posterior = load_label_flow(official.folder / f"{name}.safetensors")
    _, stars = trained.simulated(1, posterior.flow.context, 1, seed=13)
    ours = posterior.sample_from_noise(stars, torch.special.ndtri(LEVELS).float())[0].numpy()
    theirs = _theirs(official.made[name], stars[0], 400_000)[:, 0].double().numpy() * trained.STDS[0] + trained.MEANS[0]
    difference = (ours - np.quantile(theirs, LEVELS.numpy())) / theirs.std()
    assert np.abs(difference).max() < 0.01, difference


def test_quantiles_within_a_bounded_prior(official: Any, trained: ModuleType) -> None:
    posterior = load_label_flow(official.folder / "logg.safetensors")
    _, stars = trained.simulated(1, 12, 1, seed=13)
    ours = posterior.sample(stars, 400_000, seed=2)[0].double().numpy()
    theirs = (
        _theirs(official.made["logg"], stars[0], 400_000)[:, 0].double().numpy() * trained.STDS[0] + trained.MEANS[0]
    )
    difference = (np.quantile(ours, LEVELS.numpy()) - np.quantile(theirs, LEVELS.numpy())) / theirs.std()
    assert np.abs(difference).max() < 0.01, difference


def test_a_bounded_prior_is_kept(official: Any, trained: ModuleType) -> None:
    posterior = load_label_flow(official.folder / "logg.safetensors")
    mean, std = trained.MEANS[0], trained.STDS[0]
    assert posterior.bounds is not None
    assert [float(b) for b in posterior.bounds] == pytest.approx([mean - 1.2 * std, mean + 0.9 * std])
    _, stars = trained.simulated(1, 12, 20, seed=14)
    samples = posterior.sample(stars, 2_000, seed=0)
    assert float(samples.min()) >= mean - 1.2 * std - 0.01 and float(samples.max()) <= mean + 0.9 * std + 0.01


def test_a_joint_posterior_keeps_its_correlation(official: Any, trained: ModuleType) -> None:
    from scipy.stats import ks_2samp

    posterior = load_label_flow(official.folder / "joint.safetensors")
    _, stars = trained.simulated(2, 12, 2, seed=15)
    ours = posterior.sample(stars, 10_000, seed=1)
    assert ours.shape == (2, 10_000, 2)
    mean, std = torch.tensor(trained.MEANS[:2]), torch.tensor(trained.STDS[:2])
    for star, samples in zip(stars, ours, strict=True):
        theirs = _theirs(official.made["joint"], star, 10_000) * std + mean
        for i in range(2):
            assert ks_2samp(samples[:, i].numpy(), theirs[:, i].numpy()).pvalue > 1e-3
        turned = [((s - mean) / std).sum(-1).numpy() for s in (samples, theirs)]  # sees the correlation
        assert ks_2samp(*turned).pvalue > 1e-3


# Where a pickle may come from ----------------------------------------------------------------------------------------


@contextmanager
def _older_names() -> Iterator[None]:
    """sbi's classes under the names they had before version 0.23, while a pickle is written."""
    from sbi.inference import NPE
    from sbi.neural_nets.net_builders.flow import ContextSplineMap
    from sbi.utils.sbiutils import ImproperEmpirical, Standardize

    old = {
        NPE: ("sbi.inference.snpe.snpe_c", "SNPE_C"),
        ContextSplineMap: ("sbi.neural_nets.flow", "ContextSplineMap"),
        ImproperEmpirical: ("sbi.utils.metrics_of_old", "ImproperEmpirical"),
        Standardize: ("sbi.utils.gone", "Standardize"),
    }
    now = {kind: (kind.__module__, kind.__qualname__) for kind in old}
    try:
        for kind, (module, name) in old.items():
            sys.modules[module] = types.ModuleType(module)
            setattr(sys.modules[module], name, kind)
            kind.__module__, kind.__qualname__ = module, name
        yield
    finally:
        for kind, (module, name) in now.items():
            kind.__module__, kind.__qualname__ = module, name
            del sys.modules[old[kind][0]]


def _converted_here(folder: Path, content: Any) -> LabelPosterior:
    """As the child does it, in this process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (folder / "x.pkl").write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        convert_file(folder / "x.pkl", folder / "x.safetensors")
    tensors, metadata = load_weights(folder / "x.safetensors")
    assert json.loads(metadata["checked"])["samples"] <= 1e-5
    return posterior_from(tensors, {**metadata, "kind": "nsf"})


def test_classes_that_moved_between_versions_are_found(trained: ModuleType, tmp_path: Path) -> None:
    inference = trained.tiny_posterior(context=12, epochs=1, count=100)
    inference._neural_net = inference._neural_net.net  # the bare flow of nflows, as sbi kept it then
    with _older_names(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pickle.dumps({"inference": inference, "means": np.float32(5.0), "stds": torch.tensor([2.0])})
    assert b"sbi.inference.snpe.snpe_c" in data
    assert _converted_here(tmp_path, data).flow.context == 12


def test_a_pickle_from_a_computer_with_a_gpu(
    trained: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inference = trained.tiny_posterior(context=12, epochs=1, count=100)
    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patched.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        data = pickle.dumps({"inference": inference, "mean": 0.0, "std": 1.0})
    assert b"cuda:0" in data
    assert _converted_here(tmp_path, data).flow.context == 12


def test_a_posterior_instead_of_the_trainer(trained: ModuleType, tmp_path: Path) -> None:
    inference = trained.tiny_posterior(context=12, epochs=1, count=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        posterior = inference.build_posterior()
    assert _converted_here(tmp_path, {"posterior": posterior, "mean": 0.0, "std": 1.0}).flow.context == 12
