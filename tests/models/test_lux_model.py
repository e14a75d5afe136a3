"""Lux behind the protocol: labels and spectra come back from either survey, with errors; files; refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from specviz.errors import CheckpointError, ModelError
from specviz.models.lux.checkpoint import LuxWeights, read, write
from specviz.models.lux.config import LuxConfig, Output
from specviz.models.lux.model import GRIDS, Lux
from specviz.models.lux.modules import LuxNet
from specviz.models.protocol import Prepared, StellarModel
from specviz.spectra.spectrum import Spectrum

LABELS = ("teff", "logg", "fe_h")


def weights(seed: int = 0, latent: int = 5) -> LuxWeights:
    """A model with a basis of its own: smooth in the wavelength, so that few pixels do not decide."""
    torch.manual_seed(seed)
    config = LuxConfig(latent, (Output("labels", 3, True), *(Output(s, g.size, True) for s, g in GRIDS.items())))
    net = LuxNet(config)
    net.basis.copy_(torch.randn(config.size, latent, dtype=torch.float64))
    net.scatter.fill_(0.05)
    at = net.slices
    centre, scale = torch.ones(config.size, dtype=torch.float64), torch.full((config.size,), 0.1, dtype=torch.float64)
    centre[at["labels"]] = torch.tensor([5500.0, 4.0, -0.2], dtype=torch.float64)
    scale[at["labels"]] = torch.tensor([800.0, 0.8, 0.4], dtype=torch.float64)
    card = {"version": "test", "labels": list(LABELS), "ranges": {"teff": [3500, 7500]}, "release": "DR3"}
    return LuxWeights(net, centre, scale, torch.full((config.size,), 0.1, dtype=torch.float64), card)


def stars(made: LuxWeights, survey: str, n: int = 40, seed: int = 1) -> tuple[list[Prepared], np.ndarray, np.ndarray]:
    """Noisy spectra of one survey, the true labels, the true spectra of the other one."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, made.net.config.latent))
    clean = z @ made.net.basis.numpy().T * made.scale.numpy() + made.centre.numpy()
    at, other = made.net.slices, next(s for s in GRIDS if s != survey)
    flux = clean[:, at[survey]] + rng.normal(0, 0.02, (n, GRIDS[survey].size))
    ivar = np.full(GRIDS[survey].size, 1 / 0.02**2, np.float32)
    ivar[:50] = 0.0  # never seen
    flux[:, :50] = 1e6
    prepared = [Prepared(survey, GRIDS[survey], f.astype(np.float32), ivar, 2.0) for f in flux]
    return prepared, clean[:, at["labels"]], clean[:, at[other]]


@pytest.mark.parametrize("survey", list(GRIDS))
def test_labels_and_the_other_spectrum_come_back(survey: str) -> None:
    made = weights()
    model = Lux(made)
    assert isinstance(model, StellarModel)
    prepared, labels, other = stars(made, survey)
    encoding = model.embed(prepared)
    posteriors = model.posterior(encoding, samples=2000)
    middle = np.array([[np.median(p[n]) for n in LABELS] for p in posteriors])
    spread = np.array([[p[n].std() for n in LABELS] for p in posteriors])
    assert (np.abs(middle - labels) < 5 * spread).all()
    # What is left is the labels' own scatter: 5 % of the scale.
    np.testing.assert_allclose(spread[:, 0], 40.0, rtol=0.3)
    (to,) = (s for s in GRIDS if s != survey)
    predicted = model.translate(encoding, to)
    flux, sigma = np.stack([p.flux for p in predicted]), np.stack([p.sigma for p in predicted])
    assert np.mean(np.abs(flux - other) < 3 * sigma) > 0.99
    assert predicted[0].kind == "translation" and predicted[0].source == survey and predicted[0].scale == 1.0
    own = model.reconstruct(encoding)[0]
    assert own.kind == "reconstruction" and own.scale == 2.0
    assert np.isfinite(own.flux).all() and np.abs(own.flux[:50]).max() < 10  # pixels nobody saw are predicted


def test_both_surveys_share_an_embedding_that_no_rotation_changes() -> None:
    made = weights()
    model = Lux(made)
    prepared, *_ = stars(made, "lamost_lrs", seed=5)
    xp, *_ = stars(made, "gaia_xp", seed=5)
    one, other = model.embed(prepared).vectors, model.embed(xp).vectors
    distance = np.linalg.norm(one[:, None] - other[None], axis=2)
    assert (distance.argmin(axis=1) == np.arange(len(one))).all()
    turn, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))
    made.net.basis.copy_(made.net.basis @ turn.T)
    turned = Lux(made).embed(prepared).vectors
    gaps = [np.linalg.norm(v[:20, None] - v[None, 20:], axis=2) for v in (one, turned)]
    np.testing.assert_allclose(gaps[0], gaps[1], rtol=1e-4)


def test_an_optical_spectrum_is_brought_to_rest() -> None:
    wave = np.arange(3700.0, 5800.0, 1.2)
    depth = 0.5 * np.exp(-0.5 * ((wave - 5000.0 * (1 + 300.0 / 299792.458)) / 3.0) ** 2)
    spectrum = Spectrum(wave, 1.0 - depth, np.full(wave.size, 1e4), survey="lamost_lrs", meta={"rv": 300.0})
    prepared = Lux(weights()).prepare(spectrum)
    assert prepared.wavelength[prepared.values.argmin()] == pytest.approx(5000.0, abs=1.2)
    assert (prepared.ivar[-3:] == 0).all()  # what would come from beyond the window


def test_files(tmp_path: Path) -> None:
    made = weights()
    sha = write(made, tmp_path / "lux.safetensors")
    again = read(tmp_path / "lux.safetensors", sha)
    np.testing.assert_allclose(again.net.basis, made.net.basis, rtol=1e-6)
    assert again.card["labels"] == list(LABELS) and again.net.config == made.net.config
    model = Lux.from_file(tmp_path / "lux.safetensors")
    assert model.describe().weights_sha256 == sha and model.describe().labels["gaia_xp"] == LABELS
    with pytest.raises(CheckpointError):
        read(tmp_path / "lux.safetensors", "0" * 64)
    made.net.basis[3, 3] = torch.nan
    write(made, tmp_path / "broken.safetensors")
    with pytest.raises(CheckpointError, match="does not fit"):
        read(tmp_path / "broken.safetensors")


def test_what_it_cannot_do_is_said() -> None:
    made = weights()
    model = Lux(made)
    lamost, xp = stars(made, "lamost_lrs", 2)[0], stars(made, "gaia_xp", 2)[0]
    with pytest.raises(ModelError, match="cannot be encoded"):
        model.embed([lamost[0], xp[0]])
    with pytest.raises(ModelError, match="does not translate"):
        model.translate(model.embed(lamost), "lamost_lrs")
