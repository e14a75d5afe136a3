"""The last stage: decoders and heads of simulated truth, trained on the embeddings of the finished encoders.

Fine-tuning on real labels moves the embeddings, and half of its batches are real; what only simulated stars teach (the
other survey's spectrum, its error band, the labels of XP) lags behind. With the encoders frozen every pair is embedded
once, so thousands of steps of these small networks cost minutes. Nothing that real labels have taught is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from specviz.models.specclip.small import SmallNet
from specviz.training.data import SimulatedPairs
from specviz.training.loop import run_stage
from specviz.training.stages import Losses, Stage, relative_error, scatter_loss, xp_distortion
from specviz.training.validate import contexts

#: What is trained; everything else stays as it is.
PARTS = ("xp_cross_decoder.", "lamost_cross_decoder.", "xp_cross_scatter.", "lamost_cross_scatter.", "flows.gaia_xp.")


class Polish(Stage):
    """Cross decoders, their bands and XP's label flow, on cached contexts (pairs, D + 1) of both surveys."""

    name = "polish"

    def __init__(self, net: SmallNet, pairs: SimulatedPairs, settings: dict[str, Any], lamost: Tensor, xp: Tensor
                 ) -> None:  # fmt: skip
        self.net, self.pairs, self.settings = net, pairs, settings
        self.lamost, self.xp = lamost, xp
        names = net.flow("gaia_xp").names
        self.labels = torch.from_numpy(pairs.label_array(names))

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": [p for n, p in self.net.named_parameters() if n.startswith(PARTS)], "factor": 1.0}]

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        net, d = self.net, self.net.config.embed_dim
        # The statistics of batch normalisation in the parts that are not trained must not move either.
        net.eval()
        for part in (net.xp_cross_decoder, net.lamost_cross_decoder):
            part.train()
        rows = np.sort(rng.choice(len(self.pairs), int(self.settings["batch"]), replace=False))
        c_l, c_g = self.lamost[rows], self.xp[rows]
        free = torch.from_numpy(self.pairs.xp_dustfree[rows].astype(np.float32))
        rest = torch.from_numpy(self.pairs.lamost_rest[rows].astype(np.float32))
        cross_g, cross_l = net.cross_predict(c_l[:, :d], "gaia_xp"), net.cross_predict(c_g[:, :d], "lamost_lrs")
        out = {
            "cross_g": 2.0 * relative_error(cross_g, free),
            "cross_l": 7.0 * (cross_l - rest).abs().mean(),
            "flow_g": -0.1 * net.flow("gaia_xp").log_prob(self.labels[rows], c_g).clamp(min=-20.0).mean(),
        }
        if step >= self.settings["scatter_from"]:
            out["band"] = 0.1 * (
                scatter_loss(cross_g - free, net.xp_cross_scatter(c_l))
                + scatter_loss(cross_l - rest, net.lamost_cross_scatter(c_g))
            )
        return out


def polish(net: SmallNet, pairs: SimulatedPairs, settings: dict[str, Any], runs: Path, *, seed: int,
           progress: bool = True) -> None:  # fmt: skip
    """Embed all pairs with ``net`` as it is, then train :data:`PARTS`; done once, then taken from ``runs/polish.pt``.

    XP spectra are embedded behind the smooth distortions that the earlier stages trained with.
    """
    net.eval()
    lamost = xp = torch.zeros(len(pairs), 0)
    done = runs / "polish.pt"
    if not (done.exists() and torch.load(done, weights_only=True)["done"]):
        lamost = contexts(net, pairs.lamost, pairs.lamost_ivar)
        bend = xp_distortion(len(pairs), float(settings["xp_distortion"]), np.random.default_rng((seed, 1)))
        xp = contexts(net, pairs.xp * bend.astype(np.float32), pairs.xp_ivar, "gaia_xp")
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(PARTS))
    run_stage(Polish(net, pairs, settings, lamost, xp), runs, seed=seed, validate=None, progress=progress)
    net.requires_grad_(True)


__all__ = ["PARTS", "Polish", "polish"]
