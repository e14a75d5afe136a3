"""Toy stars for tests of training on own files: black bodies with hydrogen and metal lines, two labels, noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_REFERENCE_INDEX, XP_WAVELENGTH_NM

if TYPE_CHECKING:
    from specviz.training.official_layout import OfficialGroup

_METALS = np.linspace(4030.0, 5560.0, 40)
_BALMER = (4102.9, 4341.7, 4862.7)

#: The default recipe at a size that trains in seconds.
TOY_RECIPE = """
name = "toy"
version = "0.1"
seed = 3
save_every = {save_every}
[network]
embed_dim = 16
n_layers = 1
n_heads = 2
decoder_widths = [16, 16]
scatter_width = 8
xp_hidden = 24
xp_latent = 16
[data]
[pretrain]
{stage}
[align]
{stage}
[adapt]
{stage}
"""
_STAGE = """
steps = {steps}
batch = 16
lr = 2.0e-3
warmup = 1
weight_decay = 0.05
average = 0.9
report_every = 4
clip_weight = 0.3
cross_weight = 1.5
flow_weight = 1.0
scatter_from = 1
"""


def _recipe(steps: int = 6, save_every: float = 120.0) -> str:
    """Text of a recipe with so many steps a stage."""
    return TOY_RECIPE.format(save_every=save_every, stage=_STAGE.format(steps=steps))


def _group(n: int, seed: int, *, snr: float = 60.0, **other: Any) -> OfficialGroup:
    """``n`` stars between 4500 and 7500 K, with labels teff, fe_h and ivar; ``other`` replaces arrays."""
    from specviz.training.official_layout import OfficialGroup

    rng = np.random.default_rng(seed)
    teff, fe_h = rng.uniform(4500, 7500, n), rng.uniform(-1.5, 0.3, n)
    wave = SPECCLIP_WAVELENGTH
    metal = np.exp(-0.5 * ((wave - _METALS[:, None]) / 4.0) ** 2).sum(0)
    balmer = np.exp(-0.5 * ((wave - np.array(_BALMER)[:, None]) / 8.0) ** 2).sum(0)
    depth = 0.35 * 10 ** (0.5 * fe_h) * (5500 / teff) ** 2
    lamost = 1 - depth[:, None] * metal - (0.5 * (teff - 4000) / 3500)[:, None] * balmer
    flux = 1 / (XP_WAVELENGTH_NM**5 * np.expm1(1.43877e7 / (XP_WAVELENGTH_NM * teff[:, None])))
    xp = flux / flux[:, [XP_REFERENCE_INDEX]]
    lamost_sigma, xp_sigma = np.full(lamost.shape, 1 / snr), 0.5 * xp / snr
    noisy = xp + xp_sigma * rng.standard_normal(xp.shape)
    content: dict[str, Any] = {
        "gaia": noisy / noisy[:, [XP_REFERENCE_INDEX]],
        "lamost": lamost + lamost_sigma * rng.standard_normal(lamost.shape),
        "gaia_ivar": xp_sigma**-2.0, "lamost_ivar": lamost_sigma**-2.0,
        "source_ids": 4_000_000_000_000_000_000 + 1000 * seed + np.arange(n),
        "labels": {"teff": teff, "fe_h": fe_h},
    }  # fmt: skip
    return OfficialGroup(**{**content, **other})


@pytest.fixture(scope="session")
def own_group() -> Callable[..., OfficialGroup]:
    """``own_group(n, seed, *, snr, **arrays)``: toy stars as a group of a user's file."""
    return _group


@pytest.fixture(scope="session")
def own_recipe() -> Callable[..., str]:
    """``own_recipe(steps, save_every)``: text of a recipe at toy size."""
    return _recipe
