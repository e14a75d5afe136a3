"""A small Lux of a made-up basis, for tests of what is done with one."""

from __future__ import annotations

import numpy as np
import torch

from specviz.models.lux.checkpoint import LuxWeights
from specviz.models.lux.config import LuxConfig, Output
from specviz.models.lux.model import GRIDS, Lux
from specviz.models.lux.modules import LuxNet

LABELS = ("teff", "logg", "fe_h", "ebv")


def made_lux(latent: int = 4) -> Lux:
    """Lines of two depths in the optical range, colour and dust in XP."""
    sizes = (Output("labels", len(LABELS), True), *(Output(s, g.size, True) for s, g in GRIDS.items()))
    net = LuxNet(LuxConfig(latent, sizes))
    at, rng = net.slices, np.random.default_rng(0)
    net.basis.copy_(torch.from_numpy(rng.normal(0.0, 0.02, net.basis.shape)))
    lines = np.zeros((GRIDS["lamost_lrs"].size, 2))
    for k, centre in enumerate((4102, 4341, 4862, 6564, 3934, 5175, 5892, 8544)):
        lines[:, k // 4] -= np.exp(-0.5 * ((GRIDS["lamost_lrs"] - centre) / 6.0) ** 2)
    net.basis[at["lamost_lrs"], :2] = torch.from_numpy(lines)
    x = np.linspace(-1, 1, GRIDS["gaia_xp"].size)
    net.basis[at["gaia_xp"], 0], net.basis[at["gaia_xp"], 2] = torch.from_numpy(-x), torch.from_numpy(x - 0.5 * x**2)
    net.basis[at["labels"]] = torch.tensor([[1.0, 0, 0, 0], [0, 0.5, 0, 0.5], [0, 1.0, 0, 0], [0, 0, 1.0, 0]])[
        :, :latent
    ].double()
    net.scatter.fill_(0.1)
    centre, scale = torch.ones(net.config.size).double(), torch.full((net.config.size,), 0.1).double()
    centre[at["labels"]] = torch.tensor([np.log(5800.0), 4.2, -0.2, 0.1]).double()
    scale[at["labels"]] = torch.tensor([0.05, 0.4, 0.3, 0.05]).double()
    centre[at["gaia_xp"]] = float(np.arcsinh(1 / 0.04))
    card = {
        "version": "made", "labels": list(LABELS), "release": "none",
        "ranges": {"teff": [3500, 7500], "logg": [0, 5], "fe_h": [-2.5, 0.5], "ebv": [0, 0.5]},
    }  # fmt: skip
    dust = torch.from_numpy(-2.0 * x)
    return Lux(LuxWeights(net, centre, scale, torch.full((net.config.size,), 0.1).double(), card, {}, dust))
