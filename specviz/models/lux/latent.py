"""From prepared spectra to latent vectors: scaled data, weights, broken pixels left out, and what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.lux.checkpoint import LuxWeights
from specviz.models.lux.rest import to_rest
from specviz.models.lux.scales import INDEPENDENT, label_to_scale, spectrum_to_scale
from specviz.models.protocol import Prepared
from specviz.spectra.grids import WIDE_WAVELENGTH

#: Between LAMOST's two arms, Angstrom.
ARM_JOIN = 5900.0
#: An arm with a smaller share of its pixels seen is a missing one.
_LEAST_SHARE = 0.05
#: Pixels farther than this from the star's own model, in sigma, are broken, and are left out; how often that is asked.
_BROKEN, _ROUNDS = 5.0, 2
#: With more of them the star is unlike the model, not its pixels.
_MOST_BROKEN = 0.2


@dataclass(frozen=True, eq=False)
class LuxPrepared(Prepared):
    """An optical spectrum as observed, with the radial velocity (km/s) that brings it to rest."""

    velocity: float = 0.0


@dataclass(frozen=True, eq=False)
class LuxState:
    """Posterior of the latent vectors of a batch.

    Parameters
    ----------
    mean, covariance : Tensor, shapes (B, P) and (B, P, P)
    sources : tuple of str
        What each star was inferred from: "lamost_lrs" (both arms), "blue", "red", "gaia_xp" or "both".
    chi2 : array, shape (B,)
        Chi-squared a pixel (of XP: an independent number) of the data against the star's own model.
    left_out : array, shape (B,)
        Pixels that were left out as broken.
    velocity : array, shape (B,)
        Of the optical spectrum, km/s; 0 without one.
    given : frozenset of str
        Labels that were told.
    """

    mean: Tensor
    covariance: Tensor
    sources: tuple[str, ...]
    chi2: NDArray[np.float64]
    left_out: NDArray[np.int64]
    velocity: NDArray[np.float64]
    given: frozenset[str] = frozenset()


def arms(ivar: NDArray[np.floating]) -> NDArray[np.str_]:
    """ "lamost_lrs", "blue" or "red" of each optical spectrum (B, L), by the arms that it has."""
    blue = WIDE_WAVELENGTH < ARM_JOIN
    has = [(ivar[:, side] > 0).mean(axis=1) > _LEAST_SHARE for side in (blue, ~blue)]
    return np.where(has[0] & has[1], "lamost_lrs", np.where(has[1], "red", "blue"))


def one_arm(prepared: Prepared, arm: str) -> Prepared:
    """The same spectrum with the other arm masked; ``arm``: "blue" or "red"."""
    kept = (prepared.wavelength < ARM_JOIN) == (arm == "blue")
    return replace(prepared, ivar=np.where(kept, prepared.ivar, 0.0).astype(np.float32))


def infer(
    weights: LuxWeights,
    given: Mapping[str, Sequence[Prepared]],
    known: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> LuxState:
    """Latent vectors of a batch that is given by survey, the same stars in each; ``known`` labels with their errors."""
    net, n = weights.net, len(next(iter(given.values())))
    data = torch.zeros(n, net.config.size, dtype=torch.float64)
    error = torch.full_like(data, torch.inf)
    velocity, sources = np.zeros(n), np.array(["both"] * n, dtype="<U16")
    for survey, batch in given.items():
        values, ivar = (np.stack([getattr(p, name) for p in batch]) for name in ("values", "ivar"))
        if survey == "lamost_lrs":
            velocity = np.array([float(getattr(p, "velocity", 0.0)) for p in batch])
            if velocity.any():
                values, ivar = to_rest(values, ivar, velocity)
        if len(given) == 1:
            sources = arms(ivar) if survey == "lamost_lrs" else np.array([survey] * n)
        _put(weights, data, error, net.slices[survey], *spectrum_to_scale(survey, values, ivar))
    names = list(weights.card["labels"])
    for name, (value, sigma) in known.items():
        at = net.slices["labels"].start + names.index(name)
        told = label_to_scale(name, np.broadcast_to(value, n)[:, None], np.broadcast_to(sigma, n)[:, None])
        _put(weights, data, error, slice(at, at + 1), *told)
    there = torch.isfinite(error)
    weight = net.weights(error)
    mean, covariance = net.latent(data, weight)
    broken = torch.zeros_like(there)
    for _ in range(_ROUNDS):
        pull = (data - mean @ net.basis.T).abs() * net.weights(error).sqrt()
        broken = pull > _BROKEN
        broken &= broken.sum(1, keepdim=True) < _MOST_BROKEN * there.sum(1, keepdim=True)
        if not broken.any():
            break
        mean, covariance = net.latent(data, torch.where(broken, 0.0, weight))
    used = torch.where(broken, 0.0, weight)
    counts = torch.ones(net.config.size, dtype=torch.float64)
    for survey in given:
        counts[net.slices[survey]] = INDEPENDENT.get(survey, 1.0)
    square = (used * (data - mean @ net.basis.T) ** 2).sum(1) / ((used > 0) * counts).sum(1).clamp_min(1.0)
    return LuxState(
        mean, covariance, tuple(str(s) for s in sources), square.numpy(), broken.sum(1).numpy(), velocity,
        frozenset(known),
    )  # fmt: skip


def _put(
    weights: LuxWeights, data: Tensor, error: Tensor, at: slice, value: NDArray[np.float64], sigma: NDArray[np.float64]
) -> None:
    """Centre and scale numbers into their columns; what is not there has the value 0 and an infinite error."""
    scale = weights.scale[at]
    spread = torch.from_numpy(np.array(sigma, np.float64)) / scale
    scaled = (torch.from_numpy(np.array(value, np.float64)) - weights.centre[at]) / scale
    data[:, at] = torch.where(torch.isfinite(spread), scaled, 0.0)
    error[:, at] = spread
