"""Lux as linear algebra: exact solutions of each block, with the posterior covariance.

Of star n, every number y_nd (a label, a pixel) is ``B_d . z_n`` with an error of variance ``sigma_nd^2 + s_d^2``; z and
each row of B have unit normal priors (Horta et al. 2025, section 2; data are centred, there is no offset). Given one of
z and B, the other is a ridge problem with the exact solution

    z_n = (I + B^T W_n B)^-1 B^T W_n y_n,    cov(z_n) = (I + B^T W_n B)^-1,    W_n = diag(1 / (sigma_nd^2 + s_d^2)),

and the same with the roles exchanged. A number that is missing has weight 0. Everything is float64: the systems are
small and badly scaled.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from specviz.models.lux.config import LuxConfig

#: Numbers of a weighted design that are formed at once: 2^25 float64 are 268 MB.
_AT_ONCE = 1 << 25


class LuxNet(nn.Module):
    """The matrices of a Lux model.

    Parameters
    ----------
    config : LuxConfig

    Attributes
    ----------
    basis : Tensor, shape (D, P)
        The rows of A and B under each other, in the order of the outputs.
    scatter : Tensor, shape (D,)
        s, in the unit of the data; 0 where none is fitted.
    """

    basis: Tensor
    scatter: Tensor

    def __init__(self, config: LuxConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("basis", torch.zeros(config.size, config.latent, dtype=torch.float64))
        self.register_buffer("scatter", torch.zeros(config.size, dtype=torch.float64))
        self.slices = config.slices()

    def weights(self, error: Tensor) -> Tensor:
        """1 / (sigma^2 + s^2), shape (n, D); 0 where the error is not finite or not positive (a missing number)."""
        there = torch.isfinite(error) & (error > 0)
        return torch.where(there, 1.0 / (torch.where(there, error, 1.0) ** 2 + self.scatter**2), 0.0)

    def latent(self, data: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior of the latent vectors: mean (n, P) and covariance (n, P, P).

        Parameters
        ----------
        data, weight : Tensor, shape (n, D)
            Centred data and their weights; what has weight 0 may hold anything finite.
        """
        return ridge(self.basis, data, weight)

    def predict(self, mean: Tensor, covariance: Tensor, output: str) -> tuple[Tensor, Tensor]:
        """An output of stars, shape (n, d), and its variance (n, d) without the scatter."""
        rows = self.basis[self.slices[output]]
        return mean @ rows.T, torch.einsum("dp,npq,dq->nd", rows, covariance, rows)

    def covariance(self, covariance: Tensor, output: str) -> Tensor:
        """Full covariance (n, d, d) of an output, without the scatter: for labels, which are few."""
        rows = self.basis[self.slices[output]]
        return torch.einsum("dp,npq,eq->nde", rows, covariance, rows)

    def metric(self, error: Mapping[str, Tensor]) -> Tensor:
        """G (P, P) such that ``(z - z')^T G (z - z')`` is the chi-squared between two stars' predicted data.

        Latent vectors may be turned by any rotation without changing what is predicted, so distances are measured in
        the data: ``G = sum_d B_d B_d^T / (sigma_d^2 + s_d^2)`` over the outputs of ``error`` (typical errors, (d,)).
        """
        total = torch.zeros(self.config.latent, self.config.latent, dtype=torch.float64)
        for output, sigma in error.items():
            at = self.slices[output]
            rows = self.basis[at]
            total += (rows / (sigma**2 + self.scatter[at] ** 2)[:, None]).T @ rows
        return total

    @torch.no_grad()
    def update_basis(self, latent: Tensor, data: Tensor, weight: Tensor) -> None:
        """The exact solution of all rows of A and B, given the latent vectors."""
        self.basis.copy_(ridge(latent, data.T, weight.T)[0])

    @torch.no_grad()
    def update_scatter(self, latent: Tensor, covariance: Tensor, data: Tensor, error: Tensor, steps: int = 20) -> None:
        """s of the outputs that have one, given z: the maximum of the likelihood, by fixed-point steps.

        For one number d: ``s^2 <- sum w^2 (r^2 + v - sigma^2) / sum w^2`` with ``w = 1 / (sigma^2 + s^2)``, residual r
        and the variance v of the prediction. v belongs to it (the E step of EM): without it residual and scatter shrink
        together to 0, of which the authors' tutorial warns.
        """
        for output in self.config.outputs:
            if not output.scatter:
                continue
            at = self.slices[output.name]
            sigma = error[:, at]
            there = torch.isfinite(sigma) & (sigma > 0)
            variance = torch.where(there, sigma, 1.0) ** 2
            predicted, v = self.predict(latent, covariance, output.name)
            excess = torch.where(there, (data[:, at] - predicted) ** 2 + v - variance, 0.0)
            s2 = self.scatter[at] ** 2
            for _ in range(steps):
                w2 = torch.where(there, 1.0 / (variance + s2) ** 2, 0.0)
                s2 = ((w2 * excess).sum(0) / w2.sum(0).clamp_min(1e-300)).clamp_min(0.0)
            self.scatter[at] = s2.sqrt()

    def negative_log_posterior(self, latent: Tensor, data: Tensor, weight: Tensor) -> Tensor:
        """-ln p(z, A, B | data) up to a constant that depends on the weights alone."""
        residual = (weight * (data - latent @ self.basis.T) ** 2).sum()
        return 0.5 * (residual + (latent**2).sum() + (self.basis**2).sum())


def ridge(design: Tensor, data: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Posterior mean (n, P) and covariance (n, P, P) of x_n in ``data_n = design x_n``, x with a unit normal prior.

    Parameters
    ----------
    design : Tensor, shape (D, P)
    data, weight : Tensor, shape (n, D)
    """
    size = design.shape[1]
    one = torch.eye(size, dtype=design.dtype)
    means, covariances = [], []
    block = max(1, _AT_ONCE // design.numel())
    for y, w in zip(data.split(block), weight.split(block), strict=True):
        weighted = w[:, :, None] * design  # (n, D, P)
        factor = torch.linalg.cholesky(one + weighted.transpose(1, 2) @ design)
        right = torch.einsum("ndp,nd->np", weighted, y)
        means.append(torch.cholesky_solve(right[:, :, None], factor)[:, :, 0])
        covariances.append(torch.cholesky_inverse(factor))
    return torch.cat(means), torch.cat(covariances)
