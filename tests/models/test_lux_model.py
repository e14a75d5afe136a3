"""Lux behind the protocol: labels and spectra come back from either survey, with errors; files; refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from specviz.errors import CheckpointError, ModelError
from specviz.models.lux.checkpoint import LuxWeights, read, write
from specviz.models.lux.config import LuxConfig, Output
from specviz.models.lux.latent import one_arm
from specviz.models.lux.model import GRIDS, Lux, LuxPrepared
from specviz.models.lux.modules import LuxNet
from specviz.models.protocol import Prepared, StellarModel
from specviz.spectra.spectrum import Spectrum

LABELS = ("teff", "logg", "ebv")
#: f / f(550 nm) of XP is taken as arcsinh(f / 0.04).
SOFT = 0.04


def weights(seed: int = 0, latent: int = 5) -> LuxWeights:
    """A model with a basis of its own; its spread is its scatter, 0.05 of the scale."""
    torch.manual_seed(seed)
    config = LuxConfig(latent, (Output("labels", 3, True), *(Output(s, g.size, True) for s, g in GRIDS.items())))
    net = LuxNet(config)
    net.basis.copy_(torch.randn(config.size, latent, dtype=torch.float64))
    net.scatter.fill_(0.05)
    at = net.slices
    centre, scale = torch.ones(config.size, dtype=torch.float64), torch.full((config.size,), 0.1, dtype=torch.float64)
    centre[at["labels"]] = torch.tensor([np.log(5500.0), 4.0, 0.2], dtype=torch.float64)
    scale[at["labels"]] = torch.tensor([0.1, 0.8, 0.1], dtype=torch.float64)
    centre[at["gaia_xp"]] = float(np.arcsinh(1.0 / SOFT))
    card = {"version": "test", "labels": list(LABELS), "ranges": {"teff": [3500, 7500]}, "release": "DR3"}
    dust = torch.linspace(1.0, -1.0, GRIDS["gaia_xp"].size, dtype=torch.float64)
    return LuxWeights(net, centre, scale, torch.full((config.size,), 0.1, dtype=torch.float64), card, {}, dust)


def stars(made: LuxWeights, survey: str, n: int = 40, seed: int = 1) -> tuple[list[Prepared], np.ndarray, np.ndarray]:
    """Noisy spectra of one survey, the true labels, the true spectra of the other one."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, made.net.config.latent))
    clean = z @ made.net.basis.numpy().T * made.scale.numpy() + made.centre.numpy()
    at, other = made.net.slices, next(s for s in GRIDS if s != survey)
    labels = clean[:, at["labels"]].copy()
    labels[:, 0] = np.exp(labels[:, 0])
    clean[:, at["gaia_xp"]] = SOFT * np.sinh(clean[:, at["gaia_xp"]])
    flux = clean[:, at[survey]] + rng.normal(0, 0.02, (n, GRIDS[survey].size))
    ivar = np.full(GRIDS[survey].size, 1 / 0.02**2, np.float32)
    ivar[:50] = 0.0  # never seen
    flux[:, :50] = 1e6
    prepared = [Prepared(survey, GRIDS[survey], f.astype(np.float32), ivar, 2.0) for f in flux]
    return prepared, labels, clean[:, at[other]]


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
    assert (spread[:, 1] > 0.03).all() and (spread[:, 1] < 0.07).all()
    (to,) = (s for s in GRIDS if s != survey)
    predicted = model.translate(encoding, to)
    flux, sigma = np.stack([p.flux for p in predicted]), np.stack([p.sigma for p in predicted])
    assert np.mean(np.abs(flux - other) < 3 * sigma) > 0.98
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
    length = np.linalg.norm(one, axis=1)
    nearest = (one @ one.T / np.outer(length, length)).argsort(axis=1)[:, -2]  # by the cosine, as catalogues do
    own = np.linalg.norm(one[:, None] - one[None], axis=2)
    assert (own[np.arange(len(one)), nearest] <= 1.3 * np.sort(own, axis=1)[:, 1]).all()
    turn, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))
    made.net.basis.copy_(made.net.basis @ turn.T)
    turned = Lux(made).embed(prepared).vectors
    gaps = [np.linalg.norm(v[:20, None] - v[None, 20:], axis=2) for v in (one, turned)]
    np.testing.assert_allclose(gaps[0], gaps[1], rtol=1e-4)


def test_an_optical_spectrum_is_read_at_rest_and_answered_as_observed() -> None:
    made, wave = weights(), GRIDS["lamost_lrs"]
    model = Lux(made)
    rng = np.random.default_rng(0)
    clean = made.net.basis[made.net.slices["lamost_lrs"]] @ torch.from_numpy(rng.standard_normal(5)) * 0.1 + 1.0
    smooth = np.convolve(clean.numpy(), np.hanning(31) / np.hanning(31).sum(), "same")
    made.net.basis[made.net.slices["lamost_lrs"], 0] = torch.from_numpy((smooth - 1.0) / 0.1)
    made.net.basis[made.net.slices["lamost_lrs"], 1:] = 0.0
    still = Prepared("lamost_lrs", wave, smooth.astype(np.float32), np.full(wave.size, 1e4, np.float32), 1.0)
    seen = np.interp(wave, wave * (1 + 300.0 / 299792.458), smooth)
    moving = LuxPrepared("lamost_lrs", wave, seen.astype(np.float32), still.ivar, 1.0, 0.0, 300.0)
    one, other = model.embed([still]), model.embed([moving])
    np.testing.assert_allclose(other.vectors, one.vectors, atol=0.02 * np.abs(one.vectors).max())
    rebuilt = model.reconstruct(other)[0]
    assert rebuilt.frame == "observed"
    assert np.abs(rebuilt.flux - seen)[20:-20].max() < 0.01
    assert other.state.velocity[0] == 300.0


def test_prepare_keeps_the_velocity_of_the_header() -> None:
    wave = np.arange(3700.0, 5800.0, 1.2)
    depth = 0.5 * np.exp(-0.5 * ((wave - 5000.0 * (1 + 300.0 / 299792.458)) / 3.0) ** 2)
    spectrum = Spectrum(wave, 1.0 - depth, np.full(wave.size, 1e4), survey="lamost_lrs", meta={"rv": 300.0})
    prepared = Lux(weights()).prepare(spectrum)
    assert isinstance(prepared, LuxPrepared) and prepared.velocity == 300.0
    assert prepared.wavelength[prepared.values.argmin()] == pytest.approx(5005.0, abs=1.5)
    assert (prepared.ivar[prepared.wavelength > 5900] == 0).all()  # the arm that is not there
    assert Lux(weights()).embed([prepared]).state.sources == ("blue",)


def test_both_spectra_say_more_than_either_and_a_known_label_is_kept() -> None:
    made = weights(latent=12)
    made.net.basis[made.net.slices["gaia_xp"], :6] = 0.0  # XP knows nothing of one half of the star,
    made.net.basis[made.net.slices["lamost_lrs"], 6:] = 0.0  # LAMOST nothing of the other
    model = Lux(made)
    lamost, labels, _ = stars(made, "lamost_lrs", seed=3)
    xp, _, _ = stars(made, "gaia_xp", seed=3)
    off = {}
    for source, given in (("lamost", {"lamost_lrs": lamost}), ("xp", {"gaia_xp": xp}),
                          ("both", {"lamost_lrs": lamost, "gaia_xp": xp})):  # fmt: skip
        posteriors = model.posterior(model.infer(given), samples=1000)
        off[source] = np.mean([abs(np.median(p["logg"]) - t) for p, t in zip(posteriors, labels[:, 1], strict=True)])
    assert off["both"] < 0.2 * min(off["lamost"], off["xp"])
    encoding = model.infer({"lamost_lrs": lamost[0]}, known={"ebv": (0.25, 0.01)})
    told = model.posterior(encoding)[0]
    assert np.median(told["ebv"]) == pytest.approx(0.25, abs=0.01) and told["ebv"].std() < 0.012
    assert model.translate(encoding, "gaia_xp")[0].dust is None  # its dust is known


def test_the_dust_of_a_predicted_xp_spectrum_can_be_changed() -> None:
    made = weights()
    predicted = Lux(made).translate(Lux(made).embed(stars(made, "lamost_lrs", 1)[0]), "gaia_xp")[0]
    assert predicted.dust is not None and predicted.ebv_source == "prior" and predicted.ebv_sigma > 0
    assert predicted.ebv_sigma <= 0.1  # of the training stars
    other = predicted.with_reddening(predicted.ebv + 0.1)
    assert other.flux[0] / predicted.flux[0] == pytest.approx(10 ** (-0.04), rel=1e-6)
    assert (other.sigma <= predicted.sigma * 1.2).all()


def test_a_broken_pixel_is_left_out_and_an_arm_can_be_taken_alone() -> None:
    made = weights()
    model = Lux(made)
    lamost, _, _ = stars(made, "lamost_lrs", 3)
    fine = model.embed(lamost)
    hit = np.array(lamost[0].values)
    hit[1000:1005] = 40.0
    broken = replace(lamost[0], values=hit)
    state = model.embed([broken]).state
    assert state.left_out[0] == 5 + fine.state.left_out[0]
    np.testing.assert_allclose(state.mean[0], fine.state.mean[0], atol=0.01)
    red = model.embed([one_arm(p, "red") for p in lamost])
    assert red.state.sources == ("red",) * 3
    whole, part = model.reconstruct(fine)[0], model.reconstruct(red)[0]
    blue = GRIDS["lamost_lrs"] < 5800
    assert np.median(np.abs(part.flux - whole.flux)[blue]) < 0.02  # the missing arm, filled from the other


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
    with pytest.raises(ModelError, match="Nothing"):
        model.infer({"lamost_lrs": lamost, "gaia_xp": xp[:1]})
    with pytest.raises(ModelError, match="knows no age"):
        model.infer({"lamost_lrs": lamost}, known={"age": (1.0, 0.1)})
    with pytest.raises(ModelError, match="positive error"):
        model.infer({"lamost_lrs": lamost}, known={"ebv": (0.1, 0.0)})
