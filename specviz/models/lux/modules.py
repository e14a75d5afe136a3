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

#: Numbers that are worked on at once: 2^23 float64 are 67 MB.
_AT_ONCE = 1 << 23
#: Fewer problems than these are solved one by one: :func:`packed` costs as much as some of them.
_FEW = 24
#: Numbers whose scatter is fitted at once.
_COLUMNS = 256


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
        return mean @ rows.T, quadratic(rows, covariance).clamp_min(0.0)

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
        self.basis.copy_(ridge(latent, data.T, weight.T, covariance=False)[0])

    @torch.no_grad()
    def update_scatter(self, latent: Tensor, covariance: Tensor, data: Tensor, error: Tensor, steps: int = 4) -> None:
        """s of the outputs that have one, given z: the maximum of the likelihood, by fixed-point steps.

        For one number d: ``s^2 <- sum w^2 (r^2 + v - sigma^2) / sum w^2`` with ``w = 1 / (sigma^2 + s^2)``, residual r
        and the variance v of the prediction. v belongs to it (the E step of EM): without it residual and scatter shrink
        together to 0, of which the authors' tutorial warns.
        """
        for output in self.config.outputs:
            if output.scatter:
                at = self.slices[output.name]
                for start in range(at.start, at.stop, _COLUMNS):
                    part = slice(start, min(start + _COLUMNS, at.stop))
                    rows = self.basis[part]
                    residual = (data[:, part] - latent @ rows.T) ** 2 + quadratic(rows, covariance).clamp_min(0.0)
                    s = fitted_scatter(residual, error[:, part], self.scatter[part], steps)
                    self.scatter[part] = s

    def negative_log_posterior(self, latent: Tensor, data: Tensor, weight: Tensor) -> Tensor:
        """-ln p(z, A, B | data) up to a constant that depends on the weights alone."""
        residual = (weight * (data - latent @ self.basis.T) ** 2).sum()
        return 0.5 * (residual + (latent**2).sum() + (self.basis**2).sum())


def fitted_scatter(square: Tensor, error: Tensor, start: Tensor, steps: int) -> Tensor:
    """s (d,) such that ``square`` (n, d), of residuals, is that of errors of variance ``error^2 + s^2``.

    The steps of :meth:`LuxNet.update_scatter`; where ``error`` is not finite nothing was seen.
    """
    there = torch.isfinite(error) & (error > 0)
    variance = torch.where(there, error, 1.0).to(square.dtype) ** 2
    excess = torch.where(there, square - variance, 0.0)
    s2 = start**2
    for _ in range(steps):
        w2 = torch.where(there, (variance + s2) ** -2, 0.0)
        s2 = ((w2 * excess).sum(0) / w2.sum(0).clamp_min(1e-300)).clamp_min(0.0)
    return s2.sqrt()


def packed(rows: Tensor) -> Tensor:
    """The products ``x_p x_q``, q >= p, of each row x (..., P): shape (..., P (P + 1) / 2).

    With them the normal equations of many weighted problems are one matrix product, ``W @ packed(design)``.
    """
    first, second = torch.triu_indices(rows.shape[-1], rows.shape[-1])
    return rows[..., first] * rows[..., second]


def _unpacked(flat: Tensor, size: int) -> Tensor:
    """Symmetric matrices (n, P, P) of their upper triangles (n, P (P + 1) / 2)."""
    first, second = torch.triu_indices(size, size)
    full = flat.new_empty(len(flat), size, size)
    full[:, first, second] = flat
    full[:, second, first] = flat
    return full


def quadratic(rows: Tensor, symmetric: Tensor) -> Tensor:
    """``x_d^T S_n x_d`` for rows x (d, P) and symmetric S (n, P, P): shape (n, d)."""
    if len(symmetric) < _FEW:
        return (
            torch.stack([((rows @ one) * rows).sum(1) for one in symmetric])
            if len(symmetric)
            else rows.new_zeros(0, len(rows))
        )
    return folded(symmetric) @ packed(rows).T


def folded(symmetric: Tensor) -> Tensor:
    """Upper triangles (n, P (P + 1) / 2) of symmetric S (n, P, P), off the diagonal twice: ``folded @ packed``."""
    first, second = torch.triu_indices(symmetric.shape[1], symmetric.shape[1])
    return symmetric[:, first, second] * torch.where(first == second, 1.0, 2.0).to(symmetric.dtype)


def ridge(
    design: Tensor,
    data: Tensor,
    weight: Tensor,
    *,
    covariance: bool = True,
    products: Tensor | None = None,
    precision: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Posterior mean (n, P) and covariance (n, P, P) of x_n in ``data_n = design x_n``, x with a normal prior around 0.

    Parameters
    ----------
    design : Tensor, shape (D, P)
    data, weight : Tensor, shape (n, D)
        float32 data are read in blocks of float64.
    covariance : bool
        False leaves it out, (0, P, P): the rows of a basis are many.
    products : Tensor, optional
        ``packed(design)``, for one who asks again and again.
    precision : float
        1 over the variance of the prior.
    """
    size = design.shape[1]
    if products is None and len(data) >= _FEW:
        products = packed(design)
    one = precision * torch.eye(size, dtype=design.dtype)
    means, covariances = [], [design.new_zeros(0, size, size)]
    block = max(1, _AT_ONCE // (len(design) + size * size))
    for y, w in zip(data.split(block), weight.split(block), strict=True):
        w = w.to(design.dtype)
        if products is None:
            normal = torch.stack([(design * weights[:, None]).T @ design for weights in w])
        else:
            normal = _unpacked(w @ products, size)
        factor = torch.linalg.cholesky(normal + one)
        right = (w * y) @ design
        means.append(torch.cholesky_solve(right[:, :, None], factor)[:, :, 0])
        if covariance:
            covariances.append(torch.cholesky_inverse(factor))
    return torch.cat(means), torch.cat(covariances)
