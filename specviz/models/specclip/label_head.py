"""MLP label head: embedding -> one stellar label."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from specviz.models.specclip.config import LabelHeadConfig


class LabelStage(nn.Module):
    """Linear, batch norm, ReLU, dropout (in this order): (B, input_dim) -> (B, dim)."""

    def __init__(self, input_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, dim)
        self.norm = nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(F.relu(self.norm(self.linear(x))))


class LabelHead(nn.Module):
    """Official ``ParamRegressor`` (specification section 4.1): the output is the label itself, in its own unit."""

    def __init__(self, config: LabelHeadConfig | None = None) -> None:
        super().__init__()
        c = self.config = config or LabelHeadConfig()
        sizes = (c.input_dim, *c.hidden_dims)
        self.stages = nn.ModuleList(LabelStage(a, b, c.dropout) for a, b in zip(sizes, c.hidden_dims, strict=False))
        self.output = nn.Linear(sizes[-1], c.n_labels)

    def forward(self, embedding: Tensor) -> Tensor:
        """Standardised embedding (B, input_dim) -> label (B, n_labels)."""
        for stage in self.stages:
            embedding = stage(embedding)
        return self.output(embedding)

    def predict(self, embedding: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """Label (B, n_labels) of a raw embedding (B, input_dim), standardised with the statistics (input_dim,) of
        this label.

        The official package keeps them in one JSON a label (``stats/lrs/feh_mean_std.json``), not in the checkpoint.
        """
        return self((embedding - mean) / std)
