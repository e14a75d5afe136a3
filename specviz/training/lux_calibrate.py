"""How far Lux's predictions are off on stars that it was not fitted to: what the linear model cannot follow.

The covariance of the latent vector holds the noise of the spectrum alone. What a number that is predicted from a given
source is off by beyond that is found here, source by source: such that 68 % of the residuals lie within one sigma.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.lux.checkpoint import LuxWeights
from specviz.models.lux.latent import LuxState, infer, one_arm
from specviz.models.lux.model import GRIDS
from specviz.models.lux.scales import label_to_scale, spectrum_to_scale
from specviz.models.protocol import Prepared
from specviz.training.lux_stars import LABELS, LASP_ERROR, Stars

#: Share of a normal distribution within one standard deviation.
_ONE_SIGMA = 0.6827
#: What is known of E(B-V) when it is given, mag.
EBV_ERROR = 0.01
SOURCES = ("lamost_lrs", "blue", "red", "gaia_xp", "both", "lamost_lrs+ebv", "blue+ebv", "red+ebv")


def prepared(stars: Stars, survey: str) -> list[Prepared]:
    """Stars of the material as the model takes them (at rest)."""
    return [
        Prepared(survey, GRIDS[survey], v, w, 1.0)
        for v, w in zip(stars.values[survey], stars.ivar[survey], strict=True)
    ]


def given(stars: Stars, source: str) -> tuple[dict[str, list[Prepared]], dict[str, Any]]:
    """What a source gives of stars: spectra by survey, and known labels."""
    source, _, known = source.partition("+")
    told = {known: (stars.label(known), EBV_ERROR)} if known else {}
    if source == "both":
        return {survey: prepared(stars, survey) for survey in GRIDS}, told
    if source in GRIDS:
        return {source: prepared(stars, source)}, told
    return {"lamost_lrs": [one_arm(p, source) for p in prepared(stars, "lamost_lrs")]}, told


def inferred(weights: LuxWeights, stars: Stars, source: str) -> LuxState:
    """Latent vectors of stars from a source."""
    spectra, told = given(stars, source)
    return infer(weights, spectra, told)


def calibrated(weights: LuxWeights, simulated: Stars, real: Stars) -> LuxWeights:
    """The same model with ``spread``: from clean spectra and labels of simulated stars; Teff, log g and [Fe/H] from
    LAMOST the larger one of theirs and that of real stars against LASP.
    """
    spread = {}
    for source in SOURCES:
        state = inferred(weights, simulated, source)
        parts = [_spread(weights, state, "labels", _labels(simulated))]
        for survey in GRIDS:
            clean = simulated.clean[survey]
            parts.append(_spread(weights, state, survey, spectrum_to_scale(survey, clean, np.ones_like(clean))[0]))
        found = np.concatenate(parts)
        if source in ("lamost_lrs", "blue", "red"):
            state, at = inferred(weights, real, source), weights.net.slices["labels"].start
            here = _spread(weights, state, "labels", _labels(real))
            for name in LASP_ERROR:
                k = at + LABELS.index(name)
                found[k] = max(found[k], here[LABELS.index(name)])
        spread[source] = torch.from_numpy(found)
    return replace(weights, spread=spread)


def _labels(stars: Stars) -> NDArray[np.float64]:
    """Labels on the scale of the model, NaN where unknown."""
    both = [label_to_scale(name, stars.labels[:, k], stars.label_error[:, k]) for k, name in enumerate(LABELS)]
    return np.stack([np.where(np.isfinite(e), v, np.nan) for v, e in both], 1)


def _spread(weights: LuxWeights, state: LuxState, output: str, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """The spread (d,) of an output against the truth (n, d) on the scale of the model."""
    at = weights.net.slices[output]
    mean, variance = weights.net.predict(state.mean, state.covariance, output)
    scaled = (truth - weights.centre[at].numpy()) / weights.scale[at].numpy()
    return one_sigma_spread(mean.numpy() - scaled, variance.numpy())


def one_sigma_spread(
    residual: NDArray[np.float64], variance: NDArray[np.float64], steps: int = 30
) -> NDArray[np.float64]:
    """s (d,) such that 68.27 % of the residuals (n, d) lie within ``sqrt(variance + s^2)``, but for NaN."""
    known = np.isfinite(residual)
    size = np.abs(np.where(known, residual, 0.0))
    high = np.maximum(size.max(axis=0), 1e-9)
    low = np.zeros_like(high)
    for _ in range(steps):
        middle = 0.5 * (low + high)
        inside = ((size <= np.sqrt(variance + middle**2)) & known).sum(0) / np.maximum(known.sum(0), 1)
        enough = inside >= _ONE_SIGMA
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return high
