"""The plain supervised net that the foundation route has to beat: the same encoder and flow, real labels alone.

The LAMOST encoder, head and label flow of :class:`~specviz.models.specclip.small.SmallNet`, from random weights, on the
labelled training plates with the augmentation of the recipe's last stage; the best state on the validation plates is
kept. No masked modelling, no simulated spectra, no Gaia XP.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.specclip.small import SmallConfig, SmallNet
from specviz.training.data import TRAIN, RealLamost
from specviz.training.loop import run_stage
from specviz.training.stages import Losses, Stage
from specviz.training.validate import contexts, plate_validator, posterior_samples

LABELS = ("teff", "logg", "fe_h")
#: About as many labelled spectra as the recipe's last stage saw (100,000); the best state on validation plates is kept.
SETTINGS: dict[str, Any] = {
    "steps": 3000, "batch": 32, "lr": 1.0e-3, "warmup": 100, "weight_decay": 0.05, "average": 0.99, "report_every": 50,
    "noise": 1.5, "slope": 0.01,
}  # fmt: skip
#: What of the sizes this net shares with the model; decoders and Gaia XP play no part in it.
_SIZES = (
    "lamost_pixels", "embed_dim", "n_layers", "n_heads", "slice_length", "slice_overlap", "flow_summary", "flow_hidden",
    "flow_bins",
)  # fmt: skip


class Supervised(Stage):
    """Likelihood of LASP's labels, as in :class:`~specviz.training.stages.Adapt`, and nothing else."""

    name = "supervised"

    def __init__(self, net: SmallNet, lamost: RealLamost, settings: dict[str, Any]) -> None:
        self.net, self.lamost, self.settings = net, lamost, settings
        self.rows = lamost.part(TRAIN)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The encoder, its head, and the flow: what a LAMOST spectrum passes on its way to labels."""
        heads = ("lamost.", "lamost_head.", "flows.lamost_lrs.")
        return [{"params": [p for n, p in self.net.named_parameters() if n.startswith(heads)], "factor": 1.0}]

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        from specviz.models.specclip.signal import log_snr

        s, net = self.settings, self.net
        rows = rng.choice(self.rows, int(s["batch"]))
        flux, ivar = self.lamost.augmented(rows, rng, noise=s["noise"], slope=s["slope"])[:2]
        snr = torch.from_numpy(log_snr(flux, ivar))
        context = net.context(net.encode(torch.from_numpy(np.ascontiguousarray(flux)), "lamost_lrs"), snr)
        weight = torch.from_numpy(np.clip(self.lamost.snrg[rows] / 30.0, 0.2, 1.0).astype(np.float32))
        log_prob = net.flow("lamost_lrs").log_prob(torch.from_numpy(self.lamost.labels[rows]), context)
        return {"flow": -(log_prob.clamp(min=-8.0).mean(dim=1) * weight).mean()}


def supervised_net(config: SmallConfig, lamost: RealLamost, runs: Path, *, steps: int | None = None, seed: int = 0,
                   progress: bool = False) -> SmallNet:  # fmt: skip
    """Train the net, or take it from ``runs/supervised_<key>``, where the key stands for sizes, settings and seed.

    Parameters
    ----------
    config : SmallConfig
        Sizes of the model that it is compared with; its labels are replaced by teff, logg, fe_h.
    lamost : RealLamost
    runs : Path
        Where checkpoint and log are kept; a killed training goes on from there.
    steps : int, optional
        Instead of those of :data:`SETTINGS`.
    """
    small = replace(config, labels={"lamost_lrs": LABELS, "gaia_xp": LABELS}, extra_labels={})
    settings = {**SETTINGS, **({} if steps is None else {"steps": steps})}
    sizes = {k: v for k, v in small.to_dict().items() if k in _SIZES}
    key = json.dumps([sizes, settings, seed, len(lamost.part(TRAIN))], sort_keys=True)
    folder = runs / f"supervised_{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    net = SmallNet(small)
    flow = net.flow("lamost_lrs")
    raw = flow.raw(torch.from_numpy(lamost.labels[lamost.part(TRAIN)]))
    flow.offset.copy_(raw.mean(dim=0))
    flow.spread.copy_(raw.std(dim=0))
    run_stage(Supervised(net, lamost, settings), folder, seed=seed, validate=plate_validator(lamost), progress=progress)
    return net.eval()


def supervised_samples(config: SmallConfig, lamost: RealLamost, rows: NDArray[np.int64], runs: Path, *,
                       steps: int | None = None) -> NDArray[np.float64]:  # fmt: skip
    """Posterior samples (len(rows), 512, 3) of the supervised net."""
    net = supervised_net(config, lamost, runs, steps=steps, progress=True)
    with torch.no_grad():
        return posterior_samples(net, contexts(net, *lamost.centred(rows)))
