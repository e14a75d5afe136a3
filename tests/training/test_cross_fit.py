"""Folds of whole plates, and posteriors calibrated on stars that a net did not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specviz.models.specclip.small import SmallConfig, SmallNet
from specviz.training.calibrate import _fit_temperatures
from specviz.training.cross_fit import plate_folds
from specviz.training.data import TRAIN, RealLamost
from specviz.training.stages import xp_distortion
from specviz.training.validate import posterior_samples


@pytest.fixture(scope="module")
def lamost(shared: Path) -> RealLamost:
    return RealLamost.load(shared)


def test_folds_are_whole_plates_of_equal_weight(lamost: RealLamost) -> None:
    fold = plate_folds(lamost, 3, seed=7)
    assert set(np.flatnonzero(fold >= 0)) == set(lamost.part(TRAIN))
    for plate in np.unique(lamost.planid[lamost.part(TRAIN)]):
        assert len(set(fold[(lamost.planid == plate) & (fold >= 0)])) == 1
    counts = np.bincount(fold[fold >= 0])
    assert counts.max() - counts.min() <= 20
    np.testing.assert_array_equal(fold, plate_folds(lamost, 3, seed=7))


def test_velocities_follow_the_shift(lamost: RealLamost) -> None:
    """A spectrum moved by whole pixels has the velocity that is said: its lines lie where the shift puts them."""
    row = int(np.flatnonzero((lamost.snrg > 100) & (lamost.labels[:, 0] < 6000))[0])
    flux, ivar, moved = lamost.augmented(np.full(40, row), np.random.default_rng(0), noise=0.0, slope=0.0)
    assert len(np.unique(moved)) > 3 and np.abs(moved).max() < 300
    still = lamost.centred(np.array([row]))[0][0]
    for spectrum, velocity in zip(flux, moved, strict=True):
        pixels = round(float(velocity) / 69.03)
        inside = slice(20, -20)
        np.testing.assert_array_equal(spectrum[inside], np.roll(still, pixels)[inside])
    assert ivar.shape == flux.shape


def test_a_common_temperature_makes_two_nets_cover() -> None:
    """Two nets whose posteriors are too narrow by two get one temperature that widens both to 68 %."""
    torch.manual_seed(0)
    config = SmallConfig(
        embed_dim=8, n_layers=1, n_heads=1, decoder_widths=(8, 8), scatter_width=4, xp_hidden=8, xp_latent=8
    )
    groups: list[Any] = []
    for _ in range(2):
        net = SmallNet(config).eval()
        net.flow("lamost_lrs").offset[:3] = torch.tensor([3.76, 4.2, -0.1])
        net.flow("lamost_lrs").spread[:3] = torch.tensor([0.01, 0.1, 0.1])
        context = torch.randn(150, 9)
        samples = posterior_samples(net, context, "lamost_lrs", 256)[..., :3]
        rng = np.random.default_rng(len(groups))
        middle, sigma = np.median(samples, axis=1), samples.std(axis=1)
        groups.append((net, context, (middle + 2.0 * sigma * rng.standard_normal(middle.shape)).astype(np.float32)))
    _fit_temperatures(groups, "lamost_lrs", range(3))
    for net, _, _ in groups:
        temperature = net.flow("lamost_lrs").temperature[:3].numpy()
        np.testing.assert_allclose(temperature, 2.0, rtol=0.2)
        np.testing.assert_array_equal(temperature, groups[0][0].flow("lamost_lrs").temperature[:3].numpy())


def test_distortions_are_smooth_and_spare_the_reference() -> None:
    curve = xp_distortion(500, 0.01, np.random.default_rng(3))
    assert curve.shape == (500, 343)
    np.testing.assert_allclose(curve[:, 107], 1.0)
    assert 0.008 < np.log(curve[:, -1]).std() < 0.02
    assert np.abs(np.diff(np.log(curve), axis=1)).max() < 0.003
