"""Asking a SpectraFM: a spectrum's pixels in bags, a request for each label, the answers of the bags put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.spectrafm.modules import SpectraFMNet
from specviz.models.spectrafm.pixels import deal

Array = NDArray[np.float64]
#: Bags that are read at once: more gains no speed on a CPU and costs memory.
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Asked:
    """What the model says of some labels from some pixels of a spectrum.

    Parameters
    ----------
    labels : tuple of str
    value, error : array, shape (K,)
        In the labels' units; ``error`` is one standard deviation, calibrated.
    scatter : array, shape (K,)
        Standard deviation of the single bags' values: what one bag of pixels does not know and another does. NaN for
        one bag.
    n_bags, pixels : int
        Bags that were read, and pixels in them.
    attention : array, shape (K, L)
        Of the decoder's last block, times the number of pixels of the bag: 1 is what a pixel gets where all get the
        same. NaN where a pixel was not used.
    wavelength : array, shape (L,)
        Rest wavelength of the prepared pixels, vacuum Angstrom.
    bags : array, shape (n_bags, K)
        Value of each bag.
    """

    labels: tuple[str, ...]
    value: Array
    error: Array
    scatter: Array
    n_bags: int
    pixels: int
    attention: Array
    wavelength: Array
    bags: Array


@dataclass(frozen=True, eq=False)
class BagAnswers:
    """Answers of every bag of one star, in standardised units: value and log-variance (bags, K).

    ``attention`` (K, L) is put back on the pixels, NaN where none was used; ``pooled`` (D,) is the mean of the tokens.
    """

    value: Array
    log_variance: Array
    attention: Array | None
    pooled: Array


@dataclass(frozen=True, eq=False)
class Pixels:
    """Standardised values (L,), NaN where not to be used; rest wavelengths (L,), Angstrom; the token of a pixel."""

    values: NDArray[np.float32]
    wavelength: Array
    token: int


def answers(
    net: SpectraFMNet, stars: Sequence[Pixels], requests: Sequence[int], *, seed: int = 0, attend: bool = False
) -> list[BagAnswers]:
    """Ask of each star every label; pixels that are NaN are left out before bags are dealt.

    Parameters
    ----------
    net : SpectraFMNet
    stars : sequence of Pixels
        Each with at least one pixel that is not NaN.
    requests : sequence of int
        Tokens of the labels.
    seed : int
        Of the bags; the same for every star, so that a star's answers do not depend on its company.
    attend : bool
        Keep the attention.
    """
    context = net.config.context
    places = [np.flatnonzero(np.isfinite(star.values)) for star in stars]
    bags = [(i, place[part]) for i, place in enumerate(places) for part in deal(place.size, context, seed)]
    order = sorted(range(len(bags)), key=lambda k: -bags[k][1].size)  # bags of like size together: little padding
    device = net.value.weight.device
    k, width = len(requests), net.config.width
    value, log_variance = np.empty((len(bags), k)), np.empty((len(bags), k))
    pooled = np.empty((len(bags), width))
    attention = [np.full((k, star.values.size), np.nan) if attend else None for star in stars]
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            longest = max(bags[b][1].size for b in chosen)
            tokens = np.zeros((len(chosen), longest), np.int64)
            values, wave = (np.zeros((len(chosen), longest), np.float32) for _ in range(2))
            for row, b in enumerate(chosen):
                i, at = bags[b]
                tokens[row, : at.size], values[row, : at.size] = stars[i].token, stars[i].values[at]
                wave[row, : at.size] = stars[i].wavelength[at]
            given = [torch.from_numpy(a).to(device) for a in (tokens, values, wave)]
            seen = net.perceive(given[0], given[1], given[2], attend=False)
            asked = torch.tensor(list(requests), device=device).expand(len(chosen), k)
            found = net.answers(seen, asked, attend=attend)
            there = (~seen.padding)[..., None]
            mean = (seen.tokens * there).sum(1) / there.sum(1)
            value[chosen], log_variance[chosen] = found.value.cpu().numpy(), found.log_variance.cpu().numpy()
            pooled[chosen] = mean.cpu().numpy()
            if found.attention is not None:
                maps = found.attention[..., :-1].cpu().numpy().astype(np.float64)
                for row, b in enumerate(chosen):
                    i, at = bags[b]
                    own = maps[row, :, : at.size]
                    target = attention[i]
                    assert target is not None
                    target[:, at] = own / own.sum(axis=1, keepdims=True) * at.size
    owner = np.array([i for i, _ in bags])
    sizes = np.array([at.size for _, at in bags], np.float64)
    out = []
    for i in range(len(stars)):
        mine = owner == i
        weight = sizes[mine] / sizes[mine].sum()
        out.append(BagAnswers(value[mine], log_variance[mine], attention[i], weight @ pooled[mine]))
    return out


def combined(value: Array, log_variance: Array) -> tuple[Array, Array, Array]:
    """Value, variance and scatter (K,) of a star from the answers of its bags (n, K).

    The value is the mean weighted with 1 / variance. Of a bag's variance v, the part s^2 in which bags differ is
    averaged down by n, the rest is common to all: ``v - s^2 (1 - 1/n)``, at least v / n. (The published evaluation
    averages values and errors, and takes the errors neither as independent nor as what they are.) ``scatter`` is s,
    NaN for one bag.
    """
    n = len(value)
    weight = np.exp(-log_variance)
    weight = weight / weight.sum(axis=0)
    mean = (weight * value).sum(axis=0)
    variance = np.exp(log_variance).mean(axis=0)
    if n == 1:
        return mean, variance, np.full(mean.shape, np.nan)
    scatter = value.std(axis=0, ddof=1)
    return mean, np.maximum(variance - scatter**2 * (1.0 - 1.0 / n), variance / n), scatter
