"""Heads that bring a backbone's output into the common embedding space of LAMOST and Gaia XP."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualMlp(nn.Module):
    """``x + contract(GELU(expand(x)))`` on (..., D), hidden width 4 D."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(dim, 4 * dim)
        self.contract = nn.Linear(4 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.contract(F.gelu(self.expand(x))))


class QueryPooling(nn.Module):
    """Cross-attention of one learned query over all tokens, then layer norm: (B, T, token_dim) -> (B, 1, dim).

    The same maths as ``nn.MultiheadAttention`` with its usual scale 1/sqrt(D).
    """

    def __init__(self, token_dim: int, dim: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Parameter(torch.empty(1, 1, dim))
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(token_dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim)
        nn.init.trunc_normal_(self.query, std=dim**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self._projected(tokens)
        return self._pooled(F.scaled_dot_product_attention(q, k, v, scale=self.scale))

    @property
    def scale(self) -> float:
        """The whole factor on the logits."""
        return (self.query.shape[2] // self.n_heads) ** -0.5

    def weights(self, tokens: Tensor) -> Tensor:
        """The attention (B, heads, T) that :meth:`forward` gives each token; sums to one over the tokens."""
        q, k, _ = self._projected(tokens)
        return torch.softmax(q @ k.transpose(2, 3) * self.scale, dim=3)[:, :, 0]

    def pooled(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """The output (B, 1, dim) under given attention (B, heads, T)."""
        _, _, v = self._projected(tokens)
        return self._pooled(weights[:, :, None] @ v)

    def _projected(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query (B, H, 1, D), keys and values (B, H, T, D)."""
        b, t, _ = tokens.shape
        heads, width = self.n_heads, self.query.shape[2] // self.n_heads
        q = self.q(self.query).view(1, 1, heads, width).transpose(1, 2).expand(b, -1, -1, -1)
        k, v = self.kv(tokens).view(b, t, 2, heads, width).permute(2, 0, 3, 1, 4)
        return q, k, v

    def _pooled(self, mixed: Tensor) -> Tensor:
        """From the mixed values (B, H, 1, D) to the output (B, 1, dim)."""
        return self.norm(self.dropout(self.out(mixed.transpose(1, 2).reshape(len(mixed), 1, self.query.shape[2]))))


class QueryHead(nn.Module):
    """Official ``LamostLRSHead``: learned query over the tokens, then a residual MLP. (B, T, token_dim) -> (B, dim)."""

    def __init__(self, token_dim: int, dim: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.pooling = QueryPooling(token_dim, dim, n_heads, dropout)
        self.mlp = ResidualMlp(dim, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.mlp(self.pooling(tokens)).squeeze(1)


class FeatureHead(nn.Module):
    """Official ``GaiaXPHeadWithMLP``: projection, two normed layers, a residual MLP. (B, input_dim) -> (B, dim)."""

    def __init__(self, input_dim: int, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(input_dim, dim)
        self.expand = nn.Linear(dim, hidden)
        self.expand_norm = nn.LayerNorm(hidden)
        self.contract = nn.Linear(hidden, dim)
        self.contract_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.mlp = ResidualMlp(dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.expand_norm(self.expand(self.projection(x))))
        return self.mlp(self.dropout(self.contract_norm(self.contract(x))))


class MeanHead(FeatureHead):
    """Official variant ``LamostLRSHeadWithMLP``: a feature head on the mean of the tokens (B, T, input_dim)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mean(dim=1))


class SplitHead(nn.Module):
    """Two heads side by side: what both surveys see (shared) and what only this one sees (private)."""

    def __init__(self, shared: QueryHead | FeatureHead, private: QueryHead | FeatureHead) -> None:
        super().__init__()
        self.shared, self.private = shared, private

    def forward(self, x: Tensor) -> Tensor:
        """[shared, private], (B, shared_dim + private_dim), of one backbone output."""
        return torch.cat((self.shared(x), self.private(x)), dim=1)
