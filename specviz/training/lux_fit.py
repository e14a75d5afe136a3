"""Fitting Lux: exact block updates, the scatter by EM steps between them, broken pixels left out.

The rows of the basis have a normal prior of variance 1 / P, so that a number of a typical star, ``sum_p B_dp z_np``,
has unit variance before anything was seen. It matters in directions that one kind of data has and another does not (the
calibration of real LAMOST spectra, of which no XP is known): with a wider prior they predict noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.lux.checkpoint import LuxWeights
from specviz.models.lux.config import LuxConfig, Output
from specviz.models.lux.modules import LuxNet, fitted_scatter, folded, packed, ridge
from specviz.models.lux.scales import LOGARITHMIC, label_to_scale, spectrum_to_scale
from specviz.training.lux_stars import LABELS, SIZES, Stars

Array = NDArray[np.float64]
#: Stars, and numbers, that are worked on at once.
_STARS, _NUMBERS = 256, 256
#: Numbers farther off than this, in sigma, are left out of the next sweep, from this sweep on.
_BROKEN, _FROM_SWEEP = 6.0, 2
#: A number that fewer of the simulated stars have, as a share, has no units of its own.
_LEAST_SEEN = 0.02
#: Scaled numbers beyond this are broken whatever the fit.
_CLIP = 30.0


def on_scale(stars: Stars) -> tuple[Array, Array]:
    """All numbers of stars on the scale of the model, and their errors (n, D), infinite where missing."""
    labels = [label_to_scale(name, stars.labels[:, k], stars.label_error[:, k]) for k, name in enumerate(LABELS)]
    parts = [tuple(np.stack(side, 1) for side in zip(*labels, strict=True))]
    parts += [spectrum_to_scale(survey, stars.values[survey], stars.ivar[survey]) for survey in SIZES]
    values, errors = (np.concatenate([part[side] for part in parts], 1) for side in (0, 1))
    return np.where(np.isfinite(errors), values, 0.0), errors


def fit(
    simulated: Stars,
    real: Sequence[Stars],
    latent: int,
    sweeps: int,
    *,
    weight_of_real: float = 1.0,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> LuxWeights:
    """Fit a model.

    Parameters
    ----------
    simulated : Stars
        Of which everything is known: they set the units, and the start by principal components.
    real : sequence of Stars
        Of which something is missing.
    latent, sweeps : int
    weight_of_real : float
        How often a real star counts in the fit of the basis.
    """
    values, error = on_scale(simulated)
    centre, scale = _units(values, error)
    parts = [(values, error), *(on_scale(stars) for stars in real if len(stars))]
    data = torch.from_numpy(
        np.concatenate([np.where(np.isfinite(e), (v - centre) / scale, 0.0).astype(np.float32) for v, e in parts])
    ).clamp(-_CLIP, _CLIP)
    sigma = torch.from_numpy(np.concatenate([(e / scale).astype(np.float32) for _, e in parts]))
    del parts, values, error
    n, spectra = len(simulated), slice(len(LABELS), data.shape[1])
    counts = torch.ones(len(data), 1, dtype=torch.float64)
    counts[n:] = weight_of_real
    net = LuxNet(
        LuxConfig(latent, (Output("labels", len(LABELS), True), *(Output(s, k, True) for s, k in SIZES.items())))
    )
    net.scatter.fill_(0.1)
    torch.manual_seed(seed)
    _, _, axes = torch.svd_lowrank(data[:n, spectra], q=latent, niter=4)
    z = (data[:n, spectra] @ axes).double()
    z = z / z.std(0)
    broken = torch.zeros(data.shape, dtype=torch.bool)
    _update_numbers(net, z, None, data[:n], sigma[:n], broken[:n], counts[:n], mark=False)
    for sweep in range(sweeps):
        began = time.monotonic()
        z, covariance = _update_stars(net, data, sigma, broken)
        _update_numbers(net, z, covariance, data, sigma, broken, counts, mark=sweep >= _FROM_SWEEP)
        if say is not None:
            s = net.scatter.median()
            say(f"  sweep {sweep + 1:2d}: median scatter {s:.4f}, {100 * broken.float().mean():.2f} % left out, "
                f"{time.monotonic() - began:.0f} s")  # fmt: skip
    typical = _typical(sigma[:n])
    card = {"version": "1.0", "labels": list(LABELS), "ranges": _ranges(simulated), "latent": latent,
            "stars": [n, *(len(s) for s in real)], "weight_of_real": weight_of_real, "seed": seed, "sweeps": sweeps,
            "logarithmic": list(LOGARITHMIC), "release": "LAMOST DR10, Gaia DR3"}  # fmt: skip
    return LuxWeights(net, torch.from_numpy(centre), torch.from_numpy(scale), typical, card)


def _units(values: Array, error: Array) -> tuple[Array, Array]:
    """Median and robust spread of each number over the stars that have it; 0 and 1 of one that nearly none has."""
    seen = np.where(np.isfinite(error), values, np.nan)
    seen[:, np.isfinite(seen).mean(axis=0) < _LEAST_SEEN] = 0.0
    centre = np.nanmedian(seen, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(seen - centre), axis=0)
    return centre, np.where(spread > 0, np.maximum(spread, 1e-3), 1.0)


def _update_stars(net: LuxNet, data: Tensor, sigma: Tensor, broken: Tensor) -> tuple[Tensor, Tensor]:
    """z of every star, given the basis."""
    means, covariances, products = [], [], packed(net.basis)
    for y, e, bad in zip(data.split(_STARS), sigma.split(_STARS), broken.split(_STARS), strict=True):
        weight = torch.where(bad, 0.0, net.weights(e.double()))
        mean, covariance = ridge(net.basis, y.double(), weight, products=products)
        means.append(mean)
        covariances.append(covariance)
    return torch.cat(means), torch.cat(covariances)


def _update_numbers(
    net: LuxNet, z: Tensor, covariance: Tensor | None, data: Tensor, sigma: Tensor, broken: Tensor, counts: Tensor,
    *, mark: bool,
) -> None:  # fmt: skip
    """Basis and scatter of every number, given z; and which numbers of which stars are broken."""
    products = packed(z)
    open_ = None if covariance is None else folded(covariance)
    for start in range(0, net.config.size, _NUMBERS):
        at = slice(start, min(start + _NUMBERS, net.config.size))
        y, e = data[:, at].double(), torch.where(broken[:, at], torch.inf, sigma[:, at].double())
        there = torch.isfinite(e)
        weight = torch.where(there, 1.0 / (torch.where(there, e, 1.0) ** 2 + net.scatter[at] ** 2), 0.0) * counts
        rows = ridge(z, y.T, weight.T, covariance=False, products=products, precision=z.shape[1])[0]
        net.basis[at] = rows
        if open_ is None:
            continue
        square = (y - z @ rows.T) ** 2 + (open_ @ packed(rows).T).clamp_min(0.0)
        net.scatter[at] = fitted_scatter(square, e, net.scatter[at], 3)
        if mark:
            broken[:, at] = square > _BROKEN**2 * (sigma[:, at].double() ** 2 + net.scatter[at] ** 2)


def _typical(sigma: Tensor) -> Tensor:
    """Median error of each number; 1 where nobody saw it."""
    middle = torch.where(torch.isfinite(sigma), sigma, torch.nan).nanmedian(dim=0).values.double()
    return torch.where(torch.isfinite(middle), middle, 1.0)


def _ranges(stars: Stars) -> dict[str, list[float]]:
    return {name: [float(v) for v in np.nanquantile(stars.label(name), (0.001, 0.999))] for name in LABELS}
