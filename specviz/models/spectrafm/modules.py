"""The network of SpectraFM: tokens with a value and a wavelength, an encoder, and one decoder pass a request.

Shapes: B stars, L tokens (at most the context), D the width. Blocks are post-norm Transformers whose attention has one
learned key and value more than there are tokens (``add_bias_kv``), so attention maps have L + 1 columns, the last one
of that key.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specviz.models.spectrafm.config import SpectraFMConfig

#: Rows up to which a table is read by a matrix product.
_SMALL_TABLE = 64


class Perception(NamedTuple):
    """What the encoder made of a bag: tokens (B, L, D), which are padding (B, L), its attention (B, L, L + 1)."""

    tokens: Tensor
    padding: Tensor
    attention: Tensor | None


class Answer(NamedTuple):
    """Answer to a request, in standardised units: value, log-variance (B,), attention over the tokens (B, L + 1).

    Of several requests at once each has one more axis of K after B.
    """

    value: Tensor
    log_variance: Tensor
    attention: Tensor | None


class TokenEmbedding(nn.Module):
    """``gelu(E[t] x + b[t]) + code(wavelength)``; padding is a vector of zeros.

    Parameters
    ----------
    config : SpectraFMConfig
    rows : Tensor, shape (T + 1,), optional
        Row of the table that each token uses: the published network lets all pixels share one.
    """

    rows: Tensor

    def __init__(self, config: SpectraFMConfig, rows: Tensor | None = None) -> None:
        super().__init__()
        n = len(config.vocabulary) + 1
        self.config = config
        self.table = nn.Parameter(torch.empty(n, config.width))
        self.bias = nn.Parameter(torch.empty(n, config.width))
        nn.init.xavier_uniform_(self.table)
        nn.init.xavier_uniform_(self.bias)
        with torch.no_grad():
            self.table[0], self.bias[0] = 0.0, 0.0
        self.register_buffer("rows", torch.arange(n) if rows is None else rows.long(), persistent=False)

    def forward(self, tokens: Tensor, values: Tensor, wavelength: Tensor | None) -> Tensor:
        """Vectors (B, L, D) of tokens (B, L) with values (B, L); a token 0 or a value NaN gives zeros."""
        there = torch.isfinite(values) & (tokens != 0)
        row = torch.where(there, self.rows[tokens.long()], 0)
        value = torch.where(there, values, 0.0)[..., None]
        out = F.gelu(self._rows_of(self.table, row) * value + self._rows_of(self.bias, row)) * there[..., None]
        if self.config.knows_wavelength and wavelength is not None:
            out = out + self.code(wavelength) * there[..., None]
        return out

    @staticmethod
    def _rows_of(table: Tensor, row: Tensor) -> Tensor:
        """Rows (..., D) of a table; of a small one by a product, whose gradient does not queue up at one row."""
        if len(table) > _SMALL_TABLE:
            return table[row]
        return F.one_hot(row, len(table)).to(table.dtype) @ table

    def request(self, tokens: Tensor) -> Tensor:
        """Vectors (B, 1, D) that ask for the values of tokens (B,): no value, no bias, no activation."""
        return self.requests(tokens)[:, None]

    def requests(self, tokens: Tensor) -> Tensor:
        """Vectors (..., D) of requests."""
        return self._rows_of(self.table, self.rows[tokens.long()])

    def code(self, wavelength: Tensor) -> Tensor:
        """Sines and cosines (..., D) of a wavelength (Angstrom); zeros where it is 0.

        ``w = (wavelength - origin) / scale``, channel 2i ``sin(1000 w d_i)``, 2i + 1 ``cos``, ``d_i = 10^(-8 i / D)``
        (D the width): with the published numbers, periods from 12.6 Angstrom up.
        """
        width, origin, scale = self.config.width, self.config.wavelength_origin, self.config.wavelength_scale
        assert origin is not None and scale is not None
        rate = torch.exp(torch.arange(0, width, 2, device=wavelength.device) * (-math.log(1e4) / width))
        phase = 1000.0 * ((wavelength - origin) / scale)[..., None] * rate
        out = torch.stack([phase.sin(), phase.cos()], -1).flatten(-2)
        return torch.where((wavelength == 0)[..., None], 0.0, out)


class Block(nn.Module):
    """Post-norm: attention, then a feed-forward layer, each added to what came in and normalised."""

    def __init__(self, width: int, heads: int, dense: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True, add_bias_kv=True)
        self.wide, self.narrow = nn.Linear(width, dense), nn.Linear(dense, width)
        self.norm_attention, self.norm_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, query: Tensor, keys: Tensor, padding: Tensor, attend: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Vectors like ``query`` (B, q, D), and attention (B, q, L + 1), the mean of the heads.

        Without ``attend`` the attention is not kept (None), which is much faster.
        """
        found, attention = self.attention(query, keys, keys, key_padding_mask=padding, need_weights=attend)
        x = self.norm_attention(query + self.dropout(found))
        return self.norm_dense(x + self.dropout(self.narrow(F.gelu(self.wide(x))))), attention


class SpectraFMNet(nn.Module):
    """Encoder, decoder and head.

    Parameters
    ----------
    config : SpectraFMConfig
    rows : Tensor, optional
        See :class:`TokenEmbedding`.
    """

    def __init__(self, config: SpectraFMConfig, rows: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        width, drop = config.width, config.dropout
        self.embedding = TokenEmbedding(config, rows)
        self.encoder = nn.ModuleList(
            Block(width, config.encoder_heads // k, config.encoder_dense // k, drop) for k in (1, 2)
        )
        self.decoder = nn.ModuleList(
            Block(width, config.decoder_heads // k, config.decoder_dense // k, drop) for k in (1, 2, 4)
        )
        sizes = [width, *(config.decoder_dense // k for k in (1, 2, 4, 8))]
        self.head = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(drop)
        self.value, self.log_variance = nn.Linear(sizes[-1], 1), nn.Linear(sizes[-1], 1)

    def perceive(
        self,
        tokens: Tensor,
        values: Tensor,
        wavelength: Tensor | None = None,
        *,
        compat: bool = False,
        attend: bool = True,
    ) -> Perception:
        """Read a bag.

        Parameters
        ----------
        tokens : int Tensor, shape (B, L)
            0 where there is none.
        values : Tensor, shape (B, L)
            Standardised; NaN where not measured.
        wavelength : Tensor, shape (B, L), optional
            Angstrom, vacuum.
        compat : bool
            As published: a pixel that is NaN is a vector of zeros that is still attended to, though in training it was
            masked. By default it is masked here too.
        attend : bool
            Keep the encoder's attention; without, it is None and the work is done sooner.
        """
        padding = tokens == 0
        if not compat:
            padding = padding | ~torch.isfinite(values)
        x = self.embedding(tokens, values, wavelength)
        for block in self.encoder:
            x, attention = block(x, x, padding, attend)
        return Perception(x, padding, attention)

    def answer(self, seen: Perception, token: Tensor) -> Answer:
        """One label of each star: ``token`` (B,) says which."""
        found = self.answers(seen, token[:, None])
        assert found.attention is not None
        return Answer(found.value[:, 0], found.log_variance[:, 0], found.attention[:, 0])

    def answers(self, seen: Perception, tokens: Tensor, *, attend: bool = True) -> Answer:
        """Several labels of each star, ``tokens`` (B, K): requests do not see each other, so each is answered as if it
        were alone.
        """
        x = self.embedding.requests(tokens)
        for block in self.decoder:
            x, attention = block(x, seen.tokens, seen.padding, attend)
        for layer in self.head:
            x = self.dropout(F.gelu(layer(x)))
        return Answer(self.value(x)[..., 0], self.log_variance(x)[..., 0], attention)


def robust_loss(value: Tensor, log_variance: Tensor, truth: Tensor, error: Tensor) -> Tensor:
    """Gaussian negative log-likelihood a star, the label's own error added to the variance (section 1.4 of the specs).

    ``sum 0.5 ((truth - value)^2 / v + ln v) / B`` with ``v = exp(log_variance) + error^2 + 1e-8``.
    """
    variance = log_variance.exp() + error**2 + 1e-8
    return (0.5 * ((truth - value) ** 2 / variance + variance.log())).sum() / len(value)
