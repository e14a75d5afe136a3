"""Scores on labelled real plates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.specclip.signal import log_snr
from specviz.models.specclip.small import SmallNet
from specviz.training.data import VALIDATION, RealLamost
from specviz.training.loop import Validate

#: The marks the recipe aims for: MAE in teff (K), logg, fe_h on trusted stars of held-out plates.
AIM = (120.0, 0.11, 0.08)


@torch.no_grad()
def contexts(
    net: SmallNet, values: NDArray[np.float32], ivar: NDArray[np.float32], survey: str = "lamost_lrs"
) -> torch.Tensor:
    """What the flow of a survey reads for spectra (n, L): (n, D + 1)."""
    out = []
    for i in range(0, len(values), 128):
        x = torch.from_numpy(np.ascontiguousarray(values[i : i + 128], dtype=np.float32))
        out.append(
            net.context(net.encode(x, survey), torch.from_numpy(log_snr(values[i : i + 128], ivar[i : i + 128])))
        )
    return torch.cat(out)


def posterior_samples(
    net: SmallNet, context: torch.Tensor, survey: str = "lamost_lrs", n: int = 512
) -> NDArray[np.float64]:
    """Samples (stars, n, labels) from stratified base draws, the same at every call."""
    flow = net.flow(survey)
    uniform = torch.quasirandom.SobolEngine(len(flow.names), scramble=True, seed=0).draw(n).clamp(1e-5, 1 - 1e-5)
    base = torch.special.ndtri(uniform)
    return flow.sample(context, base).numpy().astype(np.float64)


def plate_validator(lamost: RealLamost) -> Validate:
    """Validation on the trusted stars of the validation plates; ``score`` joins likelihood and MAEs against the aim."""
    rows = lamost.trusted(VALIDATION)
    flux, ivar = lamost.centred(rows)
    labels = lamost.labels[rows]

    def validate(net: SmallNet) -> dict[str, float]:
        context = contexts(net, flux, ivar)
        with torch.no_grad():
            log_prob = net.flow("lamost_lrs").log_prob(torch.from_numpy(labels), context).clamp(min=-8).mean().item()
        median = np.median(posterior_samples(net, context, n=256)[..., :3], axis=1)
        mae = np.abs(median - labels).mean(axis=0)
        score = log_prob - float(np.mean(mae / AIM))
        return {"score": score, "log_prob": log_prob, "mae_teff": mae[0], "mae_logg": mae[1], "mae_fe_h": mae[2]}

    return validate
