"""The plain supervised net: it learns labels from real spectra alone, and is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from specviz.models.specclip.small import SmallConfig
from specviz.training.data import TEST, RealLamost
from specviz.training.supervised import Supervised, supervised_net, supervised_samples

_SMALL = SmallConfig(embed_dim=16, n_layers=1, n_heads=2, decoder_widths=(16, 16), scatter_width=8, xp_hidden=24,
                     xp_latent=16)  # fmt: skip


def test_it_learns_and_is_kept(shared: Path, tmp_path: Path) -> None:
    lamost = RealLamost.load(shared)
    rows = lamost.trusted(TEST)
    samples = supervised_samples(_SMALL, lamost, rows, tmp_path, steps=60)
    assert samples.shape == (len(rows), 512, 3)
    untaught = supervised_samples(_SMALL, lamost, rows, tmp_path / "untaught", steps=1)
    error, before = (np.abs(np.median(s, axis=1) - lamost.labels[rows]).mean(axis=0) for s in (samples, untaught))
    assert error[0] < 0.93 * before[0]
    (kept,) = tmp_path.glob("supervised_*/supervised.pt")
    content = kept.read_bytes()
    again = supervised_samples(_SMALL, lamost, rows, tmp_path, steps=60)
    assert kept.read_bytes() == content
    np.testing.assert_array_equal(again, samples)


def test_only_what_a_lamost_spectrum_passes_is_trained(shared: Path, tmp_path: Path) -> None:
    lamost = RealLamost.load(shared)
    net = supervised_net(_SMALL, lamost, tmp_path, steps=1)
    stage = Supervised(net, lamost, {"batch": 8, "noise": 1.5, "slope": 0.01})
    net.train().requires_grad_(True)
    stage.loss(0, np.random.default_rng(0))["flow"].backward()
    trained = {id(p) for p in stage.parameter_groups()[0]["params"]}
    with_gradient = {id(p) for p in net.parameters() if p.grad is not None and bool(torch.any(p.grad != 0))}
    assert with_gradient and with_gradient <= trained
    assert net.flow("lamost_lrs").names == ("teff", "logg", "fe_h")
