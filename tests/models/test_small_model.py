"""The shipped default model, through the protocol, on real spectra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import CheckpointError, CoverageError, ModelError, UnknownModelError
from specviz.models import registry
from specviz.models.protocol import StellarModel
from specviz.spectra.spectrum import Spectrum
from specviz.training.plates import TEST, split_plates


@pytest.fixture(scope="module")
def model() -> Any:
    return registry.load_model("specclip-small", device="cpu")


@pytest.fixture(scope="module")
def dwarfs(shared: Path) -> list[Spectrum]:
    """Eight sun-like dwarfs of held-out plates; LASP's labels in ``meta``."""
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as f:
        held_out = split_plates(f["planid"], f["ra"], f["dec"]) == TEST
        rows = np.flatnonzero(held_out & (f["snrg"] > 80) & (np.abs(f["teff"] - 5800) < 250) & (f["logg"] > 4.1))[:8]
        labels = [{"teff": f["teff"][i], "logg": f["logg"][i], "fe_h": f["feh"][i]} for i in rows]
        return [
            Spectrum(f["wave_vac"], f["flux"][i], f["ivar"][i], survey="lamost_lrs", meta=m)
            for i, m in zip(rows, labels, strict=True)
        ]


@pytest.fixture(scope="module")
def encoding(model: Any, dwarfs: list[Spectrum]) -> Any:
    return model.embed([model.prepare(s) for s in dwarfs])


def test_the_registry_is_light_and_knows_its_models() -> None:
    code = "import sys, specviz.models.registry; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert registry.available_models()[0] == "specclip-small"
    assert set(registry.list_models()) == set(registry.available_models())
    with pytest.raises(UnknownModelError, match="specclip-small"):
        registry.load_model("specclip-huge")


def test_one_object_a_name_and_device(model: Any) -> None:
    assert registry.load_model("specclip-small", device="cpu") is model
    assert isinstance(model, StellarModel)


def test_the_card(model: Any) -> None:
    card = model.describe()
    assert card.name == "specclip-small" and card.surveys == ("lamost_lrs", "gaia_xp")
    assert card.weights_sha256 == registry.expected_sha256(registry.weights_path("specclip-small"))
    assert card.labels["lamost_lrs"][:3] == ("teff", "logg", "fe_h") == card.labels["gaia_xp"][:3]
    assert card.ranges["teff"][0] < 4500 and card.ranges["teff"][1] > 7500
    assert card.windows["gaia_xp"] == (336.0, 1020.0)


def test_weights_are_small(model: Any) -> None:
    assert registry.weights_path("specclip-small").stat().st_size <= 12e6


def test_other_weights_are_refused(tmp_path: Path, model: Any) -> None:
    from specviz.models.specclip.model import SpecClipSmall

    content = bytearray(registry.weights_path("specclip-small").read_bytes())
    content[-1] ^= 1
    changed = tmp_path / "changed.safetensors"
    changed.write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        SpecClipSmall.from_file(changed, sha256=model.describe().weights_sha256)
    changed.write_bytes(content[:5000])
    with pytest.raises(CheckpointError, match="safetensors"):
        SpecClipSmall.from_file(changed)


def test_posteriors_of_sun_like_dwarfs(model: Any, dwarfs: list[Spectrum], encoding: Any) -> None:
    assert encoding.vectors.shape == (8, 128) and encoding.vectors.dtype == np.float32
    error = []
    for posterior, star in zip(model.posterior(encoding, samples=2000), dwarfs, strict=True):
        assert posterior.samples.shape == (2000, len(posterior.names)) and np.isfinite(posterior.samples).all()
        median = posterior.summary()
        error.append([abs(median[n][0] - star.meta[n]) for n in ("teff", "logg", "fe_h")])
        low, high = posterior.quantile("teff", (0.16, 0.84))
        assert 10 < (high - low) / 2 < 300
        assert "simulated" in posterior.notes["alpha_fe"]
    assert (np.median(error, axis=0) < (100, 0.1, 0.08)).all() and (np.max(error, axis=0) < (500, 0.6, 0.5)).all()


def test_posterior_is_reproducible_and_independent_of_the_batch(
    model: Any, dwarfs: list[Spectrum], encoding: Any
) -> None:
    first, again = model.posterior(encoding, samples=500), model.posterior(encoding, samples=500)
    np.testing.assert_array_equal(first[3].samples, again[3].samples)
    alone = model.posterior(model.embed([model.prepare(dwarfs[3])]), samples=500)[0]
    np.testing.assert_allclose(alone.samples, first[3].samples, rtol=2e-3, atol=2e-3)
    other = model.posterior(encoding, samples=500, seed=1)
    assert not np.array_equal(other[3].samples, first[3].samples)


def test_more_noise_means_a_wider_posterior(model: Any, dwarfs: list[Spectrum]) -> None:
    rng = np.random.default_rng(0)
    width = []
    for snr in (150.0, 10.0):
        level = float(np.median(dwarfs[0].flux)) / snr
        noisy = [
            s.with_(flux=s.flux + level * rng.standard_normal(len(s)), ivar=np.where(s.ivar > 0, level**-2.0, 0))
            for s in dwarfs
        ]
        posteriors = model.posterior(model.embed([model.prepare(s) for s in noisy]), samples=1000)
        width.append(np.mean([p.samples.std(axis=0)[:3] for p in posteriors], axis=0))
    assert (width[1] > 1.3 * width[0]).all()


def test_reconstruction_lies_on_the_data(model: Any, encoding: Any) -> None:
    for prepared, spectrum in zip(encoding.prepared, model.reconstruct(encoding), strict=True):
        assert (
            spectrum.kind == "reconstruction"
            and spectrum.survey == "lamost_lrs"
            and spectrum.normalisation == "continuum"
        )
        assert np.median(np.abs(spectrum.flux - prepared.values)) < 0.03
        assert (spectrum.sigma > 0).all() and np.median(spectrum.sigma) < 0.05
        np.testing.assert_array_equal(spectrum.scale, prepared.scale)


def test_translation_to_xp_is_a_dwarfs_spectrum_with_a_band(model: Any, encoding: Any) -> None:
    for spectrum in model.translate(encoding, "gaia_xp"):
        assert spectrum.kind == "translation" and spectrum.source == "lamost_lrs" and spectrum.normalisation == "f550"
        assert spectrum.flux.shape == spectrum.wavelength.shape == (343,)
        assert abs(spectrum.flux[107] - 1.0) < 0.05
        # The reddening cannot be known from a normalised spectrum: the band is widest far from 550 nm.
        relative = spectrum.sigma / np.abs(spectrum.flux)
        assert relative[300] > 2 * relative[107] and 0.003 < np.median(relative) < 0.3
    with pytest.raises(ModelError, match="gaia_xp"):
        model.translate(encoding, "lamost_lrs")


def test_xp_in_and_lamost_out(model: Any, shared: Path) -> None:
    with np.load(shared / "data" / "gaia_xp_sampled_2010.npz") as f:
        snr = np.median(f["flux"] / f["flux_error"], axis=1)
        rows = np.argsort(-snr)[:40:10]
        spectra = [
            Spectrum(f["wave_nm"].astype(float), f["flux"][i], f["flux_error"][i].astype(float) ** -2, survey="gaia_xp")
            for i in rows
        ]
    encoding = model.embed([model.prepare(s) for s in spectra])
    for prepared, rebuilt, other, posterior in zip(
        encoding.prepared, model.reconstruct(encoding), model.translate(encoding, "lamost_lrs"),
        model.posterior(encoding, samples=300), strict=True,
    ):  # fmt: skip
        assert np.median(np.abs(rebuilt.flux - prepared.values) / prepared.values) < 0.05
        assert other.flux.shape == (1462,) and 0.4 < np.median(other.flux) < 1.1
        assert 2800 < posterior.summary()["teff"][0] < 15000 and posterior.survey == "gaia_xp"


def test_what_is_not_a_star_is_far_from_the_stars(model: Any, dwarfs: list[Spectrum], encoding: Any) -> None:
    reference = model.reference["lamost_lrs"]
    assert len(reference["ood"]) == len(reference["misfit"]) >= 1000
    assert 0.5 < np.median(reference["misfit"]) < 2.0
    rng = np.random.default_rng(0)
    noise = [
        s.with_(flux=1000 * (1 + 0.4 * rng.standard_normal(len(s))), ivar=np.full(len(s), 400.0**-2)) for s in dwarfs
    ]
    odd = model.ood_score(model.embed([model.prepare(s) for s in noise]))
    # At S/N 2.5 there is little to see in pure noise; still it lies beyond nearly all stars, and always beyond most.
    assert np.median(odd) > np.quantile(reference["ood"], 0.95) and (odd > np.quantile(reference["ood"], 0.75)).all()
    assert (model.ood_score(encoding) < np.quantile(reference["ood"], 0.95)).all()


def test_spectra_without_errors_are_read_too(model: Any, dwarfs: list[Spectrum]) -> None:
    bare = [Spectrum(s.wavelength, np.where(s.good, s.flux, np.nan), survey="other") for s in dwarfs]
    encoding = model.embed([model.prepare(s) for s in bare])
    assert encoding.survey == "lamost_lrs" and (encoding.state > 1.0).all()
    assert 5200 < model.posterior(encoding, samples=300)[0].summary()["teff"][0] < 6400


def test_what_cannot_be_encoded_is_said(model: Any, encoding: Any) -> None:
    with pytest.raises(CoverageError, match="4000"):
        model.prepare(Spectrum(np.linspace(5000, 7000, 2000), np.ones(2000), survey="lamost_lrs"))
    with pytest.raises(ModelError, match="one survey"):
        model.embed([])
