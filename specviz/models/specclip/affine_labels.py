"""``AffineLabels``: many further labels given the few that a spline flow has drawn, at the price of a matrix product.

y = m(c) + A x + (1 + L)^-1 (s(c) * z), with x the standardised labels of the spline flow, c the summary of the star, z
a standard normal, L strictly lower triangular: a Gaussian autoregressive flow (Papamakarios et al. 2017,
arXiv:1705.07057) whose conditioners are linear. A posterior of an element ratio is close enough to a Gaussian at the
S/N of LAMOST; what correlates it with teff, logg and fe_h is in A, and the non-Gaussian shape of those is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AffineLabels(nn.Module):
    """p(further labels | core labels, summary), all standardised.

    Parameters
    ----------
    n_labels, n_core, summary : int
        Numbers of labels, of core labels, and length of the summary vector.
    hidden : int
        Width of the hidden layer.
    free : int
        The first ``free`` labels do not depend on the core labels (radial velocity: a real star may have it without a
        known [alpha/Fe]).
    """

    def __init__(self, n_labels: int, n_core: int, summary: int, hidden: int, free: int = 0) -> None:
        super().__init__()
        self.n_labels, self.free = n_labels, free
        self.first = nn.Linear(summary, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, 2 * n_labels)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)
        self.core_weight = nn.Parameter(torch.zeros(n_labels, n_core))
        self.lower_weight = nn.Parameter(torch.zeros(n_labels, n_labels))

    def moments(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """m(c) and s(c), each (..., n_labels)."""
        h = torch.nn.functional.gelu(self.second(torch.nn.functional.gelu(self.first(summary))))
        mean, log_scale = self.output(h).chunk(2, dim=-1)
        return mean, torch.exp(4.0 * torch.tanh(log_scale / 4.0))

    def core(self) -> Tensor:
        """A, (n_labels, n_core)."""
        return torch.cat((torch.zeros_like(self.core_weight[: self.free]), self.core_weight[self.free :]))

    def log_prob(self, y: Tensor, summary: Tensor, core: Tensor | None) -> Tensor:
        """log p of each label given those before it, shape (B, k).

        ``y`` (B, k) may hold the first k labels only; ``core`` (B, n_core) is not needed for k <= ``free``.
        """
        z, log_scale = self._standard(y, summary, core)
        return -0.5 * z.square() - 0.9189385332046727 - log_scale

    def base(self, y: Tensor, summary: Tensor, core: Tensor | None) -> Tensor:
        """The base normals (B, k) of labels ``y`` (B, k): standard normal where the head is right."""
        return self._standard(y, summary, core)[0]

    def _standard(self, y: Tensor, summary: Tensor, core: Tensor | None) -> tuple[Tensor, Tensor]:
        k = y.shape[1]
        mean, scale = (t[:, :k] for t in self.moments(summary))
        residual = y - mean
        if core is not None:
            residual = residual - core @ self.core()[:k].T
        z = (residual + residual @ torch.tril(self.lower_weight, -1)[:k, :k].T) / scale
        return z, torch.log(scale)

    def affine(self, summary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """m(c) (n_labels,), A (n_labels, n_core) and (1 + L)^-1 diag(s(c)) (n_labels, n_labels) of one star."""
        mean, scale = self.moments(summary)
        eye = torch.eye(self.n_labels, device=mean.device, dtype=mean.dtype)
        mix = torch.linalg.solve_triangular(eye + torch.tril(self.lower_weight, -1), eye * scale, upper=False)
        return mean, self.core(), mix

    def sample(self, z: Tensor, summary: Tensor, core: Tensor) -> Tensor:
        """Labels (n_labels, S) of one star from base normals ``z`` (n_labels, S); ``core`` (n_core, S)."""
        mean, weight, mix = self.affine(summary)
        return mean[:, None] + weight @ core + mix @ z


__all__ = ["AffineLabels"]
