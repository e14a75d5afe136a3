"""The two masked transformers: LAMOST LRS (slices of pixels) and Gaia XP (one pixel a token)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from specviz.models.specclip.config import LamostEncoderConfig, XpEncoderConfig
from specviz.models.specclip.tokens import (
    as_batch,
    mask_tokens,
    masked_loss,
    pixel_tokens,
    sample_mask_starts,
    slice_tokens,
)


class SelfAttention(nn.Module):
    """Multi-head self-attention, (B, T, E) -> (B, T, E); ``scale`` is the whole factor on the logits."""

    def __init__(self, embed_dim: int, n_heads: int, scale: float) -> None:
        super().__init__()
        self.n_heads, self.scale = n_heads, scale
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.out = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self._projected(x)
        return self._out(F.scaled_dot_product_attention(q, k, v, scale=self.scale))

    def weights(self, x: Tensor) -> Tensor:
        """The attention (B, H, T, T) that :meth:`forward` uses, row = reading token; ``scale`` is on its logits."""
        q, k, _ = self._projected(x)
        return torch.softmax(q @ k.transpose(2, 3) * self.scale, dim=3)

    def mixed(self, x: Tensor, weights: Tensor) -> Tensor:
        """The output (B, T, E) under given attention (B, H, T, T)."""
        return self._out(weights @ self._projected(x)[2])

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, H, T, D)."""
        b, t, e = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.n_heads, e // self.n_heads).permute(2, 0, 3, 1, 4)
        return q, k, v

    def _out(self, mixed: Tensor) -> Tensor:
        b, heads, t, d = mixed.shape
        return self.out(mixed.transpose(1, 2).reshape(b, t, heads * d))


class TransformerBlock(nn.Module):
    """Pre-norm block: ``h = x + attention(norm1(x))``, ``h + mlp(norm2(h))``; exact GELU, hidden width 4 E."""

    def __init__(self, embed_dim: int, n_heads: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim)
        self.attention = SelfAttention(embed_dim, n_heads, scale)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.expand = nn.Linear(embed_dim, 4 * embed_dim)
        self.contract = nn.Linear(4 * embed_dim, embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.dropout(self.contract(F.gelu(self.expand(self.norm2(x)))))


class MaskedTransformer(nn.Module):
    """What the two encoders share; a subclass says how a spectrum becomes tokens.

    Spectra are float32 (B, L) or (B, L, 1); T is ``config.n_tokens``, F ``config.token_dim``, E ``config.embed_dim``.
    """

    def __init__(self, config: LamostEncoderConfig | XpEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embed = nn.Linear(config.token_dim, config.embed_dim)
        self.positions = nn.Parameter(torch.empty(config.max_tokens, config.embed_dim))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(config.embed_dim, config.n_heads, config.attention_scale, config.dropout)
            for _ in range(config.n_layers)
        )
        self.final_norm = nn.LayerNorm(config.embed_dim)
        self.head = nn.Linear(config.embed_dim, config.token_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Official start of training: truncated normals of std 1/sqrt(2 fan_in depth), 1/sqrt(E) for the embeddings."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                depth = 0.5 if module is self.head else self.config.n_layers
                std = (2 * module.in_features * depth) ** -0.5
                if module is self.token_embed:
                    std = self.config.embed_dim**-0.5
                nn.init.trunc_normal_(module.weight, std=std)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.positions, std=self.config.embed_dim**-0.5)

    def tokens(self, spectra: Tensor) -> Tensor:
        """Tokens (B, T, F) of spectra (B, L)."""
        raise NotImplementedError

    def embed_tokens(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T, F) projected to the width of the network, plus their positions: (B, T, E)."""
        return self.dropout(self.token_embed(tokens) + self.positions[: tokens.shape[1]])

    def block_outputs(self, spectra: Tensor) -> list[Tensor]:
        """Output (B, T, E) of every block, in order."""
        x, outputs = self.embed_tokens(self.tokens(spectra)), []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs

    def attention_weights(self, tokens: Tensor) -> list[Tensor]:
        """The self-attention (B, H, T, T) really used by every block, for tokens (B, T, F)."""
        x, weights = self.embed_tokens(tokens), []
        for block in self.blocks:
            assert isinstance(block, TransformerBlock)
            weights.append(block.attention.weights(block.norm1(x)))
            x = block(x)
        return weights

    def encode_tokens(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T, F) -> token embeddings (B, T, E), the final norm included."""
        x = self.embed_tokens(tokens)
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x)

    def embedding(self, spectra: Tensor) -> Tensor:
        """Token embeddings (B, T, E) of spectra."""
        return self.encode_tokens(self.tokens(spectra))

    def pooled_embedding(self, spectra: Tensor) -> Tensor:
        """Mean of all token embeddings, token 0 included: (B, E). What the encoder-only label heads read."""
        return self.embedding(spectra).mean(dim=1)

    def reconstruction(self, spectra: Tensor) -> Tensor:
        """Reconstructed tokens (B, T, F) of spectra, nothing masked."""
        return self.reconstruct_tokens(self.tokens(spectra))

    def reconstruct_tokens(self, tokens: Tensor) -> Tensor:
        """Reconstructed tokens (B, T, F) of given (masked) tokens."""
        return self.head(self.encode_tokens(tokens))

    def mask_starts(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Random mask starts (B, runs) as in the official pretraining."""
        return sample_mask_starts(batch, self.config.n_tokens, self.config.mask_runs, self.config.mask_width, generator)

    def masked_tokens(self, spectra: Tensor, starts: Tensor) -> Tensor:
        """Tokens (B, T, F) with ``config.mask_width`` of them set to zero from each of ``starts`` (B, runs)."""
        return mask_tokens(self.tokens(spectra), starts, self.config.mask_width)

    def masked_loss(self, spectra: Tensor, starts: Tensor) -> Tensor:
        """Pretraining loss (scalar): squared error of the reconstruction over the elements that masking changed."""
        tokens = self.tokens(spectra)
        masked = mask_tokens(tokens, starts, self.config.mask_width)
        return masked_loss(self.reconstruct_tokens(masked), masked, tokens)

    def forward(self, spectra: Tensor) -> dict[str, Tensor]:
        """``{"embedding": (B, T, E), "reconstructions": (B, T, F)}``, as the official forward gives them."""
        embedding = self.embedding(spectra)
        return {"embedding": embedding, "reconstructions": self.head(embedding)}


class LamostMaskedTransformer(MaskedTransformer):
    """LAMOST LRS masked transformer (official ``SpecFormerControl20_wstd``, specification section 1.2).

    Input: continuum-normalised flux on the 1,462-pixel grid. Tokens (B, 146, 21) in the released network.
    """

    config: LamostEncoderConfig

    def __init__(self, config: LamostEncoderConfig | None = None) -> None:
        super().__init__(config or LamostEncoderConfig())

    def tokens(self, spectra: Tensor) -> Tensor:
        """Token 0 is (log10 std, 0, ...); token i holds the pixels of slice i - 1 of the standardised spectrum."""
        c = self.config
        return slice_tokens(as_batch(spectra, c.n_pixels), c.slice_length, c.slice_step, c.n_slices)


class XpMaskedTransformer(MaskedTransformer):
    """Gaia XP masked transformer (official ``SpecFormerControl1_stats``, specification section 1.3).

    Input: flux / flux(550 nm) at 343 wavelengths. Tokens (B, 344, 3).
    """

    config: XpEncoderConfig

    def __init__(self, config: XpEncoderConfig | None = None) -> None:
        super().__init__(config or XpEncoderConfig())

    def tokens(self, spectra: Tensor) -> Tensor:
        """Token 0 is (mean, std, 0); token i is (0, 0, standardised pixel i - 1)."""
        return pixel_tokens(as_batch(spectra, self.config.n_pixels))
