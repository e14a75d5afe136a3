"""DESA behind the protocol: what it says of both, of one alone, with catalogue values; files; refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from specviz.errors import CheckpointError, ModelError, SpectrumError
from specviz.models.desa.config import DesaConfig, DualFormerConfig, LightCurveConfig, SpectrumConfig
from specviz.models.desa.look import Background, Quantiles
from specviz.models.desa.model import Desa, conformal, drawn, placed
from specviz.models.desa.modules import SpectrumMultiTask
from specviz.models.desa.networks import OUTPUTS, DesaNet
from specviz.models.desa.weights_file import DesaWeights, read, write
from specviz.models.protocol import StellarModel
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import LightCurve

CATALOGUE = {"teff": 5600.0, "logg": 4.4, "prot": 12.0, "fe_h": 0.1, "radius": 1.0, "ruwe": 1.02}


def background(size: int, n: int = 30) -> Background:
    rng = np.random.default_rng(size)
    labels = {"teff": rng.uniform(4000, 7000, n), "age": rng.uniform(0, 12, n)}
    kind = np.where(rng.random(n) < 0.3, "eclipsing", "single")
    return Background(rng.normal(size=(n, 2)), rng.normal(size=(n, size)), rng.normal(size=n), kind, labels)


def weights(seed: int = 0) -> DesaWeights:
    torch.manual_seed(seed)
    config = DesaConfig(
        SpectrumConfig((4, 8, 8, 16), blocks=1, heads=4), LightCurveConfig((4, 8, 16), 16, 20, 1, 4, projection=8),
        DualFormerConfig(16, 1, 4, 32, latent=0), hidden=16, outputs=OUTPUTS,
    )  # fmt: skip
    net = DesaNet(config)
    net.spectrum_scale.fill_(100.0)  # a sum over 512 tokens
    card = {
        "version": "test", "days": 30.0, "cadence_hours": 1.0, "ranges": {"teff": [3500, 7500]},
        "conformal": {"tasks.both.age": [0.5], "spectrum.teff": [0.2, 0.1]},
        "diagram_error": {"both": [0.01, 0.1, 0.1, 0.2]},
    }  # fmt: skip
    stars = {False: background(16), True: background(22)}
    return DesaWeights(net.eval().requires_grad_(False), card, stars)


@pytest.fixture(scope="module")
def model() -> Desa:
    return Desa(weights())


@pytest.fixture(scope="module")
def spectrum() -> Spectrum:
    wave = 10.0 ** np.arange(np.log10(3700.0), np.log10(9090.0), 1e-4)
    rng = np.random.default_rng(1)
    flux = 1.0 + 0.1 * np.sin(wave / 300.0) - 0.5 * np.exp(-0.5 * ((wave - 6564.6) / 5.0) ** 2)
    flux = flux + rng.normal(0, 0.02, wave.size)
    return Spectrum(wave, flux, np.full(wave.size, 2500.0), survey="lamost_lrs", meta={"rv": 20.0})


def curve(days: float = 31.0, period: float = 4.0, unit: float = 1.0) -> LightCurve:
    time = np.arange(0.0, days, 0.5 / 24.0)
    flux = 1.0 + 0.01 * np.sin(2 * np.pi * time / period) + np.random.default_rng(2).normal(0, 1e-4, time.size)
    return LightCurve(time + 130.0, unit * flux)


def test_the_protocol(model: Desa, spectrum: Spectrum) -> None:
    assert isinstance(model, StellarModel)
    told = model.describe()
    assert told.name == "desa-small" and told.labels["lamost_lrs"] == ("teff", "logg", "fe_h", "age")
    assert told.windows["lamost_lrs"] == pytest.approx((3841.0, 8797.0), abs=1.0)
    prepared = model.prepare(spectrum)
    assert prepared.values.shape == prepared.wavelength.shape == (3600,) and np.isfinite(prepared.values).all()
    encoding = model.embed([prepared, prepared])
    assert encoding.vectors.shape == (2, 16)
    np.testing.assert_allclose(encoding.vectors[0], encoding.vectors[1], rtol=1e-5)
    posterior = model.posterior(encoding, samples=4000)[0]
    quantiles = model.look(spectrum).labels["spectrum"]["logg"]
    np.testing.assert_allclose(
        posterior.quantile("logg", list(quantiles.levels)), quantiles.values, rtol=0.02, atol=0.02
    )
    for ask in (lambda: model.reconstruct(encoding), lambda: model.translate(encoding, "gaia_xp")):
        with pytest.raises(ModelError, match="does not"):
            ask()


def test_both_together(model: Desa, spectrum: Spectrum) -> None:
    look = model.look(spectrum, curve())
    assert look.seen == ("spectrum", "light_curve") and not look.latent and not look.notes
    assert look.binary is not None and 0.0 < look.binary < 1.0
    assert look.age is not None and (np.diff(look.age.values) >= 0).all() and (look.age.values >= 0).all()
    assert set(look.labels["light_curve"]) == {"teff", "logg", "prot"}
    assert look.diagram["luminosity"][1] == pytest.approx(0.1)
    assert look.eigen is not None and look.eigen.shape == (16,) and look.plane is not None
    assert look.eigenvalues is not None and (np.diff(np.abs(look.eigenvalues)) <= 1e-9).all()
    assert look.nearest.size == 8 and 0.0 <= (look.duality_rank or 0.0) <= 1.0
    again = model.look(model.prepare(spectrum), curve(unit=5e4))  # in e-/s: the unit means nothing
    assert again.binary == pytest.approx(look.binary, abs=1e-5)
    np.testing.assert_allclose(again.eigen, look.eigen, atol=1e-4)


def test_one_of_both(model: Desa, spectrum: Spectrum) -> None:
    alone = model.look(spectrum)
    assert alone.seen == ("spectrum",) and alone.binary is not None and alone.eigen is None and alone.plane is None
    assert any("no light curve" in note for note in alone.notes) and "light_curve" not in alone.labels
    other = model.look(None, curve())
    assert other.seen == ("light_curve",) and any("no spectrum" in note for note in other.notes)
    assert "catalogue values were not used" in model.look(spectrum, latent=CATALOGUE).notes[-1]
    with pytest.raises(ModelError, match="Neither"):
        model.look(None)


def test_catalogue_values_are_off_and_change_the_answer(model: Desa, spectrum: Spectrum) -> None:
    plain, told = model.look(spectrum, curve()), model.look(spectrum, curve(), latent=CATALOGUE)
    assert told.latent and any("may repeat them" in note for note in told.notes)
    assert told.eigen is not None and told.eigen.shape == (22,)  # six numbers longer
    warmer = model.look(spectrum, curve(), latent={**CATALOGUE, "teff": 7000.0})
    assert warmer.diagram["teff"][0] != pytest.approx(told.diagram["teff"][0], rel=1e-9)
    assert told.binary != plain.binary
    few = model.look(spectrum, curve(), latent={"teff": 5600.0, "prot": np.nan})
    assert any(note.startswith("no catalogue value of logg, prot") for note in few.notes)
    with pytest.raises(ModelError, match="parallax"):
        model.look(spectrum, curve(), latent={"parallax": 3.0})


def test_light_curves_that_are_short_or_full_of_holes(model: Desa, spectrum: Spectrum) -> None:
    assert any("has 22 days" in note for note in model.look(spectrum, curve(22.0)).notes)
    with pytest.raises(ModelError, match="long"):
        model.look(spectrum, curve(10.0))
    whole = curve(60.0)
    with pytest.raises(ModelError, match="was measured"):
        model.look(spectrum, LightCurve(whole.time[::12], whole.flux[::12]))
    with pytest.raises(ModelError, match="Channels"):
        model.look(spectrum, np.zeros((4, 10), np.float32))
    # Of a long one the stretch with the fewest gaps is taken.
    gap = (whole.time > 131.0) & (whole.time < 150.0)
    views, _ = model.prepare_light_curve(LightCurve(whole.time[~gap], whole.flux[~gap]))
    part, _ = model.prepare_light_curve(LightCurve(whole.time[whole.time > 150.0], whole.flux[whole.time > 150.0]))
    assert np.corrcoef(views[2], part[2])[0, 1] > 0.9
    flagged = LightCurve(whole.time, np.where(gap, 50.0, whole.flux), quality=gap.astype(np.int64))
    assert np.abs(model.prepare_light_curve(flagged)[0][0]).max() < 10.0


def test_spectra_it_does_not_read(model: Desa) -> None:
    with pytest.raises(ModelError, match="gaia_xp"):
        model.prepare(Spectrum(np.linspace(336, 1020, 343), np.ones(343), survey="gaia_xp"))
    with pytest.raises(SpectrumError, match="neither arm"):
        model.prepare(Spectrum(np.linspace(4000, 4500, 500), np.ones(500), survey="lamost_lrs"))


def test_the_same_again(model: Desa, spectrum: Spectrum) -> None:
    one, other = model.look(spectrum, curve()), model.look(spectrum, curve())
    assert one.binary == other.binary and one.duality == other.duality
    np.testing.assert_array_equal(one.eigen, other.eigen)


def test_a_file_and_back(tmp_path: Path, model: Desa, spectrum: Spectrum) -> None:
    path = tmp_path / "desa.safetensors"
    digest = write(weights(), path)
    back = Desa.from_file(path, sha256=digest)
    assert back.describe().weights_sha256 == digest
    assert back.look(spectrum, curve()).binary == pytest.approx(
        model.look(spectrum, curve()).binary, abs=5e-3
    )  # float16
    stars, own = back.background(latent=True), model.background(latent=True)
    assert stars is not None and own is not None and stars.kind.tolist() == own.kind.tolist()
    np.testing.assert_allclose(stars.labels["teff"], own.labels["teff"], rtol=1e-6)
    np.testing.assert_allclose(stars.plane, own.plane, atol=2e-3)
    with pytest.raises(CheckpointError, match="should be"):
        read(path, "0" * 64)
    from specviz.models.checkpoint_reader import load_weights, save_weights

    tensors, about = load_weights(path)
    save_weights(tmp_path / "other.safetensors", tensors, {**about, "format": "specviz-lux-1"})
    with pytest.raises(CheckpointError, match="format"):
        read(tmp_path / "other.safetensors")
    save_weights(tmp_path / "less.safetensors", {k: v for k, v in tensors.items() if "alignment" not in k}, about)
    with pytest.raises(CheckpointError, match="does not fit"):
        read(tmp_path / "less.safetensors")


def test_official_weights(shared: Path, tmp_path: Path, spectrum: Spectrum) -> None:
    golden = torch.load(shared / "golden" / "other" / "desa_dualnet.pt", weights_only=True)
    torch.save({f"module.{k}": v for k, v in golden["state_dict"].items()}, tmp_path / "desa.pth")
    config = DesaConfig(
        SpectrumConfig((4, 8, 16, 16), blocks=2, heads=4),
        LightCurveConfig((4, 8, 16, 16), width=16, stride=5, blocks=2, heads=4, projection=8),
        DualFormerConfig(16, 2, 4, 32, 6), hidden=16, outputs=3,
    )  # fmt: skip
    model = Desa.from_official(tmp_path / "desa.pth", config)
    assert isinstance(model, StellarModel) and model.capabilities == {"embed"} and model.length == 34_560
    encoding = model.embed([model.prepare(spectrum)])
    assert encoding.vectors.shape == (1, 16)
    with pytest.raises(ModelError, match="no labels"):
        model.posterior(encoding)
    look = model.look(spectrum, curve(730.0))
    assert look.binary is None and look.age is None and look.eigen is not None and look.eigen.shape == (22,)
    told = model.look(spectrum, curve(730.0), latent=CATALOGUE)
    assert look.duality != told.duality and model.background() is None


def test_conformal_quantiles() -> None:
    raw = np.array([[0.3, 0.0, 0.1], [0.0, 0.1, 0.2]])
    np.testing.assert_allclose(conformal(raw, [0.05]), [[-0.05, 0.1, 0.35], [-0.05, 0.1, 0.25]])
    assert (np.diff(conformal(raw, [-1.0]), axis=1) >= 0).all()
    one = Quantiles(np.array([0.1, 0.5, 0.9]), np.array([-1.2815515, 0.0, 1.2815515]))
    found = drawn(one, np.array([0.02, 0.5, 0.975]))
    np.testing.assert_allclose(found, [-2.0537489, 0.0, 1.9599640], atol=1e-5)  # a normal distribution goes on as one
    assert one.at(0.3) == pytest.approx(-0.64, abs=0.01) and one.median == 0.0


def test_a_star_lies_among_its_nearest() -> None:
    stars = background(5)
    where, nearest = placed(stars.eigen[7], stars)
    assert nearest[0] == 7
    far, _ = placed(stars.eigen[7] + 100.0, stars)
    assert np.linalg.norm(where - stars.plane[7]) < np.linalg.norm(far - stars.plane[7])


def test_the_reconstruction_trains_the_conformer() -> None:
    for through in (False, True):
        task = SpectrumMultiTask(SpectrumConfig((4, 8, 8), blocks=1, heads=4), through=through)
        task(torch.randn(3, 64))[1].square().mean().backward()
        trained = task.encoder.blocks[0].attention.query.weight.grad is not None
        assert trained is through
