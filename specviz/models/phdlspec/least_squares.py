"""Levenberg-Marquardt of many stars at once, each with its own pixels, continuum, damping and end.

The continuum's coefficients are solved for, linearly, wherever the labels are (variable projection: Golub & Pereyra
1973, Jacobian after Kaufman 1975). The network computes in float32, everything else in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.observing import Pixels, collect_each
from specviz.models.phdlspec.tangents import norm_and_slopes

if TYPE_CHECKING:
    from specviz.models.phdlspec.fitting import LabelFitter
    from specviz.models.phdlspec.modules import EmulatorNet

_K = len(LABEL_NAMES)
#: Sigma of a difference that is no longer fitted: cosmic rays, emission.
CLIP = 6.0
#: A step that moves nothing by more than this many standard errors, or lowers the cost by less, is the last.
_SMALL_MOVE, _SMALL_DROP = 0.02, 1e-3
_MOST_DAMPING = 1e6
#: After this step the model is near: what still stands out is no part of the star.
_NEAR = 3
#: Lags, pixels, over which residuals may depend on each other.
LAGS = 12
#: Variance of the residuals, in units of their errors, from which their correlation counts in full.
_LEAST_VARIANCE = 0.5


@dataclass(frozen=True, eq=False)
class Solution:
    """Where a batch of fits ended, numpy arrays with a row a star."""

    theta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    chi2: NDArray[np.float64]
    dof: NDArray[np.int64]
    excess: NDArray[np.float64]
    normalised: NDArray[np.float64]
    continuum: NDArray[np.float64]
    used: NDArray[np.bool_]
    steps: NDArray[np.int64]
    converged: NDArray[np.bool_]
    model_sigma: NDArray[np.float64]


class LeastSquares:
    """A batch of stars, stacked.

    Parameters
    ----------
    net : EmulatorNet
    fitters : sequence of LabelFitter
        Data, errors and box of each star.
    device : str
        Where the network is. Apple's MPS has no float64: there only the network runs on it.
    """

    def __init__(self, net: EmulatorNet, fitters: Sequence[LabelFitter], device: str) -> None:
        self._net, self._net_device = net, device
        self._device = device = "cpu" if str(device).startswith("mps") else device
        length = max(f.wave.size for f in fitters)

        def stacked(arrays: Sequence[NDArray[Any]], fill: float) -> Tensor:
            rows = [np.pad(a, [(0, length - len(a)), *[(0, 0)] * (a.ndim - 1)], constant_values=fill) for a in arrays]
            return torch.from_numpy(np.stack(rows)).to(device)

        self.pixels = Pixels.of([f.observer for f in fitters], device)
        self.flux = stacked([f.flux for f in fitters], 0.0)
        self.sigma = stacked([f.sigma for f in fitters], 1.0)
        self.used = stacked([f.usable for f in fitters], 0).bool()
        widest = max(f.basis.shape[1] for f in fitters)
        self.basis = stacked([np.pad(f.basis, [(0, 0), (0, widest - f.basis.shape[1])]) for f in fitters], 0.0)
        self.n_basis = torch.tensor([f.basis.shape[1] for f in fitters], device=device)
        self.low, self.high, self.precision = (
            torch.from_numpy(a).to(device) for a in (fitters[0].low, fitters[0].high, fitters[0].precision)
        )

    # ------------------------------------------------------------------------------------------ the model
    def normalised(self, theta: Tensor, rows: Tensor) -> Tensor:
        """Emulated flux over its continuum at the pixels, (n, L), of the stars ``rows``."""
        labels = theta[:, :_K].float().to(self._net_device)
        with torch.inference_mode():
            norm = self._net(labels)[0].to(self._device)
        at, weight, _ = self.pixels[rows].weights(theta[:, _K:])
        return collect_each(norm[..., None], at, weight)[..., 0].double()

    def jacobian(self, theta: Tensor, rows: Tensor) -> Tensor:
        """Derivative of that by every parameter, (n, L, 32)."""
        norm, slopes = (
            t.to(self._device) for t in norm_and_slopes(self._net, theta[:, :_K].float().to(self._net_device))
        )
        at, weight, by_seeing = self.pixels[rows].weights(theta[:, _K:], slopes=True)
        columns = [collect_each(slopes, at, weight)]
        columns += [collect_each(norm[..., None], at, w) for w in by_seeing]
        return torch.cat(columns, dim=-1).double()

    def residual(self, theta: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(flux - model) / sigma, 0 where not used; normalised flux and continuum; (n, L) each."""
        normalised = self.normalised(theta, rows)
        design = self._design(normalised, rows)
        data = torch.where(self.used[rows], self.flux[rows] / self.sigma[rows], 0.0)
        coefficients = torch.linalg.solve(_gram(design), design.mT @ data[..., None])
        continuum = (self.basis[rows] @ coefficients)[..., 0]
        residual = data - (design @ coefficients)[..., 0]
        return residual, normalised, continuum

    def _design(self, normalised: Tensor, rows: Tensor) -> Tensor:
        scale = torch.where(self.used[rows], normalised / self.sigma[rows], 0.0)
        return self.basis[rows] * scale[..., None]

    def projected(self, theta: Tensor, rows: Tensor, normalised: Tensor, continuum: Tensor) -> Tensor:
        """Derivative of the model over sigma with what a change of the continuum can imitate taken out, (n, L, 32);
        0 where not used.
        """
        return self._slope(theta, rows, normalised, continuum) * self.used[rows][..., None]

    def _slope(self, theta: Tensor, rows: Tensor, normalised: Tensor, continuum: Tensor) -> Tensor:
        """The same at all pixels: the continuum follows the used ones."""
        slope = self.jacobian(theta, rows) * (continuum / self.sigma[rows])[..., None]
        design = self._design(normalised, rows)
        followed = self.basis[rows] @ torch.linalg.solve(_gram(design), design.mT @ slope)
        return slope - followed * (normalised / self.sigma[rows])[..., None]

    # ------------------------------------------------------------------------------------------ the fit
    def solve(
        self, start: NDArray[np.float64], centre: NDArray[np.float64], steps: int, stop: Callable[[], None]
    ) -> Solution:
        """Fit every star of the batch from ``start``, with the centre of its prior, (n, 32) both."""
        theta = torch.from_numpy(start).to(self._device).clamp(self.low, self.high)
        middle = torch.from_numpy(centre).to(self._device)
        n = len(theta)
        every = torch.arange(n, device=self._device)
        self._reject(self.residual(theta, every)[0], every)
        residual, normalised, continuum = self.residual(theta, every)
        excess = torch.ones(n, dtype=torch.float64, device=self._device)
        cost = self._cost(residual, theta, middle, excess)
        damping = torch.full_like(cost, 1e-2)
        taken = torch.zeros(n, dtype=torch.long, device=self._device)
        converged = torch.zeros(n, dtype=torch.bool, device=self._device)
        active = every
        for step_number in range(1, steps + 1):
            stop()
            taken[active] = step_number
            slope = self.projected(theta[active], active, normalised[active], continuum[active])
            weight = excess[active, None, None]
            hessian = slope.mT @ slope / weight + self.precision
            gradient = (slope.mT @ residual[active, :, None])[..., 0] / excess[active, None]
            gradient -= (theta[active] - middle[active]) @ self.precision
            before, cost_before = theta[active].clone(), cost[active].clone()
            # ``open``: places in ``active`` that have not found anything better yet.
            open_ = torch.arange(len(active), device=self._device)
            while len(open_):
                rows = active[open_]
                curve = hessian[open_]
                damped = curve + damping[rows, None, None] * torch.diag_embed(torch.diagonal(curve, dim1=1, dim2=2))
                move = torch.linalg.solve(damped, gradient[open_, :, None])[..., 0]
                tried = (theta[rows] + move).clamp(self.low, self.high)
                new = self.residual(tried, rows)
                new_cost = self._cost(new[0], tried, middle[rows], excess[rows])
                better = new_cost < cost[rows]
                won = rows[better]
                theta[won], cost[won] = tried[better], new_cost[better]
                residual[won], normalised[won], continuum[won] = (part[better] for part in new)
                damping[won] = (damping[won] / 10.0).clamp_min(1e-8)
                damping[rows[~better]] *= 5.0
                stuck = ~better & (damping[rows] >= _MOST_DAMPING)  # nothing better in any direction
                converged[rows[stuck]] = True
                open_ = open_[~better & ~stuck]
            if step_number == _NEAR:
                rows = active[~converged[active]]
                if len(rows):
                    self._reject(residual[rows], rows)
                    residual[rows], normalised[rows], continuum[rows] = self.residual(theta[rows], rows)
                    excess[rows] = self._excess(residual[rows], rows)
                    cost[rows] = self._cost(residual[rows], theta[rows], middle[rows], excess[rows])
            else:
                error = torch.diagonal(torch.linalg.inv(hessian), dim1=1, dim2=2).sqrt()
                moved = ((theta[active] - before).abs() / error).amax(1)
                done = (moved < _SMALL_MOVE) | (cost_before - cost[active] < _SMALL_DROP)
                converged[active] |= done & (step_number > _NEAR)
            active = every[~converged]
            if not len(active):
                break
        return self._solution(theta, residual, normalised, continuum, taken, converged)

    def _cost(self, residual: Tensor, theta: Tensor, centre: Tensor, excess: Tensor) -> Tensor:
        away = theta - centre
        return residual.square().sum(1) / excess + ((away @ self.precision) * away).sum(1)

    def _reject(self, residual: Tensor, rows: Tensor) -> None:
        """Leave out what stands far above the rest; relative to the scatter, for the model may be far off yet."""
        for r, row in zip(residual, rows.tolist(), strict=True):
            used = self.used[row]
            scatter = max(1.0, 1.4826 * float(r[used].abs().median()))
            far = used & (r.abs() > CLIP * scatter)
            if int(far.sum()) < 0.1 * int(used.sum()):  # more are no outliers
                self.used[row] = used & ~far

    def _dof(self, rows: Tensor) -> Tensor:
        free = self.used[rows].sum(1) - self.n_basis[rows] - len(self.low)
        return free.clamp_min(1)

    def _correlation(self, residual: Tensor, rows: Tensor) -> Tensor:
        """Autocorrelation of the residuals at lags 1 to :data:`LAGS`, tapered (Newey & West 1987), (n, LAGS)."""
        used = self.used[rows].double()
        out = []
        for lag in range(1, LAGS + 1):
            both = (used[:, lag:] * used[:, :-lag]).sum(1).clamp_min(1.0)
            mean = (residual[:, lag:] * residual[:, :-lag]).sum(1) / both
            out.append(mean * (1.0 - lag / (LAGS + 1.0)))
        variance = residual.square().sum(1) / used.sum(1).clamp_min(1.0)
        # Residuals far below their errors (a simulation without noise) say nothing of what noise does.
        return torch.stack(out, dim=1) / variance[:, None].clamp_min(_LEAST_VARIANCE)

    def _excess(self, residual: Tensor, rows: Tensor) -> Tensor:
        """Variance of a sum of neighbouring pixels over that of independent ones with their errors, (n,)."""
        scale = (residual.square().sum(1) / self._dof(rows)).clamp_min(1.0)
        return scale * (1.0 + 2.0 * self._correlation(residual, rows).sum(1)).clamp_min(1.0)

    def _covariance(self, slope: Tensor, residual: Tensor, rows: Tensor) -> Tensor:
        """Of the posterior: what correlated residuals do to the estimate (sandwich form), with the prior."""
        straight = slope.mT @ slope
        spread = straight.clone()
        correlation = self._correlation(residual, rows)
        for lag in range(1, LAGS + 1):
            shifted = slope[:, lag:].mT @ slope[:, :-lag]
            spread += correlation[:, lag - 1, None, None] * (shifted + shifted.mT)
        scale = (residual.square().sum(1) / self._dof(rows)).clamp_min(1.0)[:, None, None]
        # Uncorrelated residuals know of each direction what the slopes say; never claim more than that.
        values, vectors = torch.linalg.eigh(straight + 1e-12 * torch.diag_embed(torch.diagonal(straight, 0, 1, 2)))
        root = vectors * values.clamp_min(1e-300).rsqrt()[:, None, :]  # root^T straight root = 1
        grown, axes = torch.linalg.eigh(root.mT @ spread @ root)
        back = straight @ root @ axes  # = root^-T axes
        information = (back / (grown.clamp_min(1.0) * scale[..., 0])[:, None, :]) @ back.mT
        return torch.linalg.inv(information + self.precision)

    def _solution(
        self, theta: Tensor, residual: Tensor, normalised: Tensor, continuum: Tensor, taken: Tensor, converged: Tensor
    ) -> Solution:
        every = torch.arange(len(theta), device=self._device)
        slope = self._slope(theta, every, normalised, continuum)
        covariance = self._covariance(slope * self.used[..., None], residual, every)
        spread = ((slope @ covariance) * slope).sum(-1).clamp_min(0.0).sqrt() * self.sigma
        chi2, excess = residual.square().sum(1), self._excess(residual, every)
        dof = self._dof(every)
        found = (theta, covariance, chi2, dof, excess, normalised, continuum, self.used, taken, converged, spread)
        return Solution(*(t.cpu().numpy() for t in found))


def _gram(design: Tensor) -> Tensor:
    """``design^T design``, a little damped: a knot whose pixels are all masked has no continuum of its own."""
    gram = design.mT @ design
    mean = torch.diagonal(gram, dim1=1, dim2=2).mean(1).clamp_min(1e-300)
    return gram + 1e-8 * mean[:, None, None] * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
