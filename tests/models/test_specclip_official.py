"""The official SpecCLIP as one model: goldens through the converted layout, one encoding a star, every label."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import specviz
from specviz.errors import CheckpointError, CoverageError, ModelError, OptionError
from specviz.models import registry
from specviz.models.protocol import StellarModel
from specviz.models.specclip.checkpoint import to_official
from specviz.models.specclip.convert import convert_release
from specviz.models.specclip.official import SpecClipOfficial
from specviz.models.specclip.routing import ROUTES, routes
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum

sys.path.insert(0, str(Path(__file__).parent))
import official_folder

TOLERANCE: dict[str, Any] = dict(atol=2e-5, rtol=1e-4)
GOLDEN_INPUT = {"lamost_lrs": "lamost_spectra", "gaia_xp": "gaia_spectra"}
SIDE = {"lamost_lrs": "lamost", "gaia_xp": "gaia"}
CROSS = {"lamost_lrs": "gaia_from_lamost", "gaia_xp": "lamost_from_gaia"}


@pytest.fixture(scope="module", params=["by hand", "converted"])
def golden(
    request: Any, shared: Path, official_release: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SpecClipOfficial, dict[str, Any]]:
    """The golden networks, which do not share backbones, as a converted release; and their files.

    Written by hand in the layout that was agreed, and put into official checkpoints that the converter reads.
    """
    networks, files = {}, {}
    for kind in ("split", "predrecon"):
        networks[kind], files[kind] = official_folder.golden_network(shared, kind)
    head, files["head"] = official_folder.golden_head(shared)
    if request.param == "converted":
        official = {kind: (files[kind]["config"], to_official(network)) for kind, network in networks.items()}
        made = official_release.make_release(tmp_path_factory.mktemp("release"), networks=official)
        for path in (made.folder / "stats").rglob("*.json"):
            path.write_text(json.dumps({"mean": head["mean"].tolist(), "std": head["std"].tolist()}))
        for path in (made.folder / "downstream_models").rglob("*.pt"):
            torch.save({"epoch": 1, "model_state_dict": to_official(head["net"])}, path)
        folder = tmp_path_factory.mktemp("converted") / "specclip-official"
        convert_release(made.folder, folder)
        return SpecClipOfficial.from_folder(folder), files
    heads = {route: head for route in ROUTES if route.head == "mlp" and route.network == "predrecon"}
    folder = tmp_path_factory.mktemp("golden")
    return SpecClipOfficial.from_folder(official_folder.write_folder(folder, networks, heads)), files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return official_folder.random_folder(tmp_path_factory.mktemp("models") / "specclip-official")


@pytest.fixture(scope="module")
def model(folder: Path) -> SpecClipOfficial:
    return SpecClipOfficial.from_folder(folder)


def spectra(n: int = 5, survey: str = "lamost_lrs") -> np.ndarray:
    rng = np.random.default_rng(n)
    if survey == "gaia_xp":
        return np.exp(-(((XP_WAVELENGTH_NM - 600) / 250) ** 2) * rng.uniform(0.5, 2, (n, 1))) + 0.01
    return 1 - rng.uniform(0, 0.5, (n, 1)) * rng.random((n, SPECCLIP_WAVELENGTH.size))


# ---------------------------------------------------------------------------------------------- goldens
@pytest.mark.parametrize("survey", ["lamost_lrs", "gaia_xp"])
@pytest.mark.parametrize("network", ["split", "predrecon"])
def test_goldens(golden: Any, survey: str, network: str) -> None:
    model, files = golden
    model = model.variant(retrieval=network)
    file = files[network]
    outputs, given = file["outputs"], file["inputs"][GOLDEN_INPUT[survey]]
    encoding = model.embed(model.on_grid(given.numpy(), survey))
    side = SIDE[survey]
    common = outputs[f"{side}_shared" if network == "split" else f"{side}_embedding"]
    whole = outputs[f"{side}_concat" if network == "split" else f"{side}_embedding"]
    np.testing.assert_allclose(encoding.vectors, common, **TOLERANCE)
    np.testing.assert_allclose(getattr(encoding.state, network), whole, **TOLERANCE)
    rebuilt = np.stack([s.flux for s in model.reconstruct(encoding)])
    expected = outputs["gaia_reconstruction" if side == "gaia" else "derived_lamost_reconstruction_flux"]
    np.testing.assert_allclose(rebuilt, expected, **TOLERANCE)
    to = "gaia_xp" if survey == "lamost_lrs" else "lamost_lrs"
    predicted = np.stack([s.flux for s in model.translate(encoding, to)])
    np.testing.assert_allclose(predicted, outputs[CROSS[survey]], **TOLERANCE)


@pytest.mark.parametrize("survey", ["lamost_lrs", "gaia_xp"])
def test_a_single_golden_spectrum_keeps_its_batch_axis(golden: Any, survey: str) -> None:
    model, files = golden
    given = files["split"]["inputs"][GOLDEN_INPUT[survey]][0, :, 0].numpy()
    encoding = model.embed(model.on_grid(given, survey))
    assert encoding.vectors.shape == (1, 24)
    single = files["split"]["outputs"][f"{SIDE[survey]}_shared_single"]
    np.testing.assert_allclose(encoding.vectors[0], single, **TOLERANCE)


def test_cosines_of_the_goldens(golden: Any) -> None:
    model, files = golden
    for network, file in ((n, files[n]) for n in ("split", "predrecon")):
        made = model.variant(retrieval=network)
        unit = {}
        for survey, name in GOLDEN_INPUT.items():
            vectors = made.embed(made.on_grid(file["inputs"][name].numpy(), survey)).vectors
            unit[SIDE[survey]] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for a, b in (("gaia", "lamost"), ("gaia", "gaia"), ("lamost", "lamost")):
            np.testing.assert_allclose(unit[a] @ unit[b].T, file["outputs"][f"cosine_{a}_{b}"], **TOLERANCE)


def test_the_golden_label_head_with_its_statistics(golden: Any) -> None:
    model, files = golden
    head = model.heads.head("lamost_lrs", "mg_fe")
    with torch.inference_mode():
        got = head.predict(files["head"]["embedding"])
    torch.testing.assert_close(got, files["head"]["prediction"][:, 0], **TOLERANCE)
    assert not torch.allclose(got, files["head"]["prediction_without_stats"][:, 0], atol=1e-2)


def test_networks_that_do_not_share_are_both_encoded(golden: Any, model: SpecClipOfficial) -> None:
    assert golden[0].networks.shared == {"lamost_lrs": False, "gaia_xp": False}
    assert model.networks.shared == {"lamost_lrs": True, "gaia_xp": True}


# ---------------------------------------------------------------------------------------------- one model
def test_it_meets_the_protocol(model: SpecClipOfficial) -> None:
    assert isinstance(model, StellarModel)
    card = model.describe()
    assert card.name == "specclip-official" and card.surveys == ("lamost_lrs", "gaia_xp")
    assert card.windows["gaia_xp"] == (336.0, 1020.0) and "astroshawn" in card.citation
    assert not card.ranges  # nobody knows them
    assert len(card.weights_sha256) == 64


def test_the_routing_table() -> None:
    """Specification 4.1 and 4.2, counted."""
    assert len(routes("lamost_lrs")) == 23 and len(routes("gaia_xp")) == 7
    assert len({route.path for route in ROUTES}) == 30
    assert sum(len(route.statistics_paths) > 0 for route in ROUTES) == 19
    split = {(r.survey, r.label) for r in ROUTES if r.network == "split"}
    lamost = {("lamost_lrs", name) for name in ("teff", "logg", "rv", "fe_h")}
    assert split == lamost | {("gaia_xp", "teff"), ("gaia_xp", "logg")}
    sbi = {r.stem for r in ROUTES if r.survey == "lamost_lrs" and r.head == "sbi"}
    assert sbi == {"age", "numax", "mass", "rad", "dnu", "rv", "DP", "teff", "logg"}


def test_one_encoding_a_star_for_everything(model: SpecClipOfficial, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    backbone = model.networks.split.lamost
    real = backbone.embedding
    monkeypatch.setattr(backbone, "embedding", lambda x: calls.append(len(x)) or real(x))
    encoding = model.embed(model.on_grid(spectra(7), "lamost_lrs"))
    model.posterior(encoding, samples=20)
    model.reconstruct(encoding)
    model.translate(encoding, "gaia_xp")
    assert calls == [7]


def test_labels_that_are_points_say_so(model: SpecClipOfficial) -> None:
    encoding = model.embed(model.on_grid(spectra(), "lamost_lrs"))
    first = model.posterior(encoding, samples=50)[0]
    assert set(first.points) == set(first.names) == set(model.heads.labels("lamost_lrs"))
    median, low, high = first.summary()["mg_fe"]
    assert np.isfinite(median) and np.isnan(low) and np.isnan(high)
    assert "no uncertainty" in first.notes["mg_fe"]
    points = model.points(encoding)
    np.testing.assert_allclose(points["mg_fe"][0], median)
    assert np.isnan(first.quantile("mg_fe", (0.16, 0.84))).all() and first.quantile("mg_fe", 0.5) == median


def test_each_head_reads_its_own_embedding(model: SpecClipOfficial) -> None:
    encoding = model.embed(model.on_grid(spectra(), "lamost_lrs"))
    points = model.points(encoding)
    for route in routes("lamost_lrs"):
        if route.head == "mlp":
            head = model.heads.head("lamost_lrs", route.label)
            with torch.inference_mode():
                again = head.predict(torch.from_numpy(getattr(encoding.state, route.network)))
            np.testing.assert_allclose(points[route.label], again, rtol=1e-6)
    assert model.heads.missing("lamost_lrs") == tuple(r.label for r in routes("lamost_lrs") if r.head == "sbi")


def test_a_batch_gives_what_single_stars_give(model: SpecClipOfficial) -> None:
    rows = spectra(300)  # more than are encoded at once
    together = model.embed(model.on_grid(rows, "lamost_lrs"))
    alone = model.embed(model.on_grid(rows[299], "lamost_lrs"))
    np.testing.assert_allclose(together.vectors[299], alone.vectors[0], atol=2e-6)


def test_predicted_spectra_have_no_error_and_say_so(model: SpecClipOfficial) -> None:
    encoding = model.embed(model.on_grid(spectra(), "lamost_lrs"))
    (made, *_), (rebuilt, *_) = model.translate(encoding, "gaia_xp"), model.reconstruct(encoding)
    assert made.kind == "translation" and made.normalisation == "f550" and made.flux.shape == (343,)
    assert rebuilt.kind == "reconstruction" and rebuilt.normalisation == "continuum"
    assert np.isnan(made.sigma).all() and np.isnan(rebuilt.sigma).all()
    with pytest.raises(ModelError, match="translate"):
        model.translate(encoding, "lamost_lrs")


def test_lamost_reconstruction_has_the_mean_and_std_of_the_input(model: SpecClipOfficial) -> None:
    rows = spectra(3)
    scaled = model.embed(model.on_grid(3.0 * rows + 1.0, "lamost_lrs"))
    flux = np.stack([s.flux for s in model.reconstruct(scaled)])
    with torch.inference_mode():
        plain = model.networks.split.reconstruct(torch.from_numpy(scaled.state.split), "lamost_lrs").numpy()
    given = 3.0 * rows + 1.0
    expected = plain * given.std(1, ddof=1, keepdims=True) + given.mean(1, keepdims=True)
    np.testing.assert_allclose(flux, expected, rtol=1e-4)


def test_what_cannot_be_encoded_is_said(model: SpecClipOfficial) -> None:
    with pytest.raises(CoverageError, match="4000"):
        model.prepare(Spectrum(np.linspace(5000, 7000, 2000), np.ones(2000), survey="lamost_lrs"))
    with pytest.raises(ModelError, match="one survey"):
        model.embed([])
    with pytest.raises(ModelError, match="grid"):
        model.on_grid(np.ones((2, 100)), "gaia_xp")


# ---------------------------------------------------------------------------------------------- variants
def test_compat_normalises_twice(model: SpecClipOfficial, shared: Path) -> None:
    with np.load(shared / "golden" / "specclip" / "normalization_lamost.npz") as f:
        for name in ("solar", "hot", "lowsnr"):
            star = Spectrum(f[f"{name}__wave"], f[f"{name}__flux"], survey="lamost_lrs")
            once, twice = model.prepare(star).values, model.variant(compat=True).prepare(star).values
            np.testing.assert_allclose(once, f[f"{name}__grid_flux"], rtol=1e-6)
            np.testing.assert_allclose(twice, f[f"{name}__grid_flux_double"], rtol=1e-6)
            assert np.abs(once - twice).max() > 5e-4


def test_variants_are_told_apart(model: SpecClipOfficial) -> None:
    other = model.variant(retrieval="predrecon")
    assert other.networks is model.networks
    cards = [m.describe() for m in (model, other, model.variant(compat=True), other.variant(compat=True))]
    assert len({card.weights_sha256 for card in cards}) == 4
    assert [card.version for card in cards] == ["1.0", "1.0 (predrecon)", "1.0 (compat)", "1.0 (predrecon) (compat)"]
    rows = model.on_grid(spectra(5, "gaia_xp"), "gaia_xp")
    assert model.embed(rows).vectors.shape == (5, 16) and other.embed(rows).vectors.shape == (5, 24)
    with pytest.raises(OptionError, match="split"):
        model.variant(retrieval="base")  # type: ignore[arg-type]


def test_half_precision_keeps_both_embeddings(model: SpecClipOfficial) -> None:
    half = model.at_precision("auto")
    rows = model.on_grid(spectra(16), "lamost_lrs")
    a, b = model.embed(rows).state, half.embed(rows).state
    for name in ("split", "predrecon"):
        x, y = getattr(a, name), getattr(b, name)
        cosine = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
        assert cosine.min() > 0.999
    assert half.dtype in ("float32", "bfloat16")
    assert half.dtype == "float32" or "cosine" in half.notes[0]


# ---------------------------------------------------------------------------------------------- by name
@pytest.fixture
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SPECVIZ_MODELS", str(folder.parent))
    yield folder
    registry._load_official.cache_clear()
    registry._variant.cache_clear()


def test_by_name(installed: Path) -> None:
    assert registry.available_models()[-1] == "specclip-official"
    assert "23 labels" in registry.list_models()["specclip-official"]
    model = registry.load_model("specclip-official", device="cpu")
    assert registry.load_model("specclip-official", device="cpu") is model
    compat = registry.load_model("specclip-official", device="cpu", compat=True)
    assert compat.compat and compat.networks is model.networks
    assert registry.load_model("specclip-official", device="cpu", compat=True) is compat
    assert specviz.load_model("specclip-official", device="cpu", compat=True) is compat
    assert specviz.load_model("specclip-official", device="cpu") is model
    with pytest.raises(OptionError, match="retrieval"):
        specviz.load_model("specclip-official", retrival="split")
    with pytest.raises(OptionError, match="compat"):
        registry.load_model("specclip-small", device="cpu", compat=True)


def test_not_here_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path))
    assert "specclip-official" not in registry.available_models()
    with pytest.raises(CheckpointError, match="models pull specclip-official"):
        registry.load_model("specclip-official")
    (tmp_path / "specclip-official").mkdir()
    (tmp_path / "specclip-official" / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        registry.load_model("specclip-official")


def test_changed_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "labels" / "lamost_lrs" / "mg_fe.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"mg_fe.*SHA-256"):
        SpecClipOfficial.from_folder(copy)
    SpecClipOfficial.from_folder(copy, check=False)
    path.unlink()  # a head that is not there is a label that is not there
    assert "mg_fe" in SpecClipOfficial.from_folder(copy).heads.missing("lamost_lrs")
