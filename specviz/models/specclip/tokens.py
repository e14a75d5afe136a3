"""From a spectrum to what the transformers read, and the random masks of their pretraining."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from specviz.errors import ModelError


def as_batch(spectra: Tensor, n_pixels: int) -> Tensor:
    """Spectra of shape (B, L) or (B, L, 1) as (B, L); ``n_pixels`` is the L that the network was made for."""
    if spectra.ndim == 3 and spectra.shape[2] == 1:
        spectra = spectra.squeeze(2)
    if spectra.ndim != 2 or spectra.shape[1] != n_pixels:
        raise ModelError(
            f"Spectra of shape {tuple(spectra.shape)} do not fit this network",
            expected=f"(batch, {n_pixels}) or (batch, {n_pixels}, 1)",
            remedy="Put the spectrum on the model's grid, and give a single one a batch axis",
        )
    return spectra


def standardise(spectra: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised spectra (B, L), mean (B, 1) and std (B, 1).

    The std is the unbiased one (N - 1) without floor, as in the official code: a constant spectrum gives no finite
    result.
    """
    std, mean = torch.std_mean(spectra, dim=1, keepdim=True)
    return (spectra - mean) / std, mean, std


def slice_tokens(spectra: Tensor, length: int, step: int, n_slices: int) -> Tensor:
    """LAMOST tokens: (B, L) -> (B, n_slices + 1, length + 1).

    Token 0 is (log10 std, 0, ...), token i is (0, pixels of slice i - 1 of the standardised spectrum). The mean is
    not kept: the network is blind to the absolute level.
    """
    values, _, std = standardise(spectra)
    return standardised_slices(values, std, length, step, n_slices)


def standardised_slices(values: Tensor, std: Tensor, length: int, step: int, n_slices: int) -> Tensor:
    """The tokens of :func:`slice_tokens` from standardised spectra (B, L) and the std (B, 1) they were divided by."""
    tokens = F.pad(values.unfold(1, length, step)[:, :n_slices], (1, 0, 1, 0))
    tokens[:, 0, 0] = torch.log10(std[:, 0])
    return tokens


def pixel_tokens(spectra: Tensor) -> Tensor:
    """Gaia XP tokens, (B, L) -> (B, L + 1, 3): (mean, std, 0), then (0, 0, standardised pixel) for every pixel."""
    values, mean, std = standardise(spectra)
    tokens = F.pad(values.unsqueeze(2), (2, 0, 1, 0))
    tokens[:, 0, 0] = mean[:, 0]
    tokens[:, 0, 1] = std[:, 0]
    return tokens


def sample_mask_starts(
    batch: int, n_tokens: int, runs: int, width: int, generator: torch.Generator | None = None
) -> Tensor:
    """Token index (B, runs) at which each masked run starts: one run at random in each of ``runs`` equal windows."""
    room = n_tokens // runs - width
    if room < 1:
        raise ModelError(
            f"{runs} masked runs of {width} tokens do not fit in {n_tokens} tokens", expected="shorter or fewer runs"
        )
    windows = torch.tensor([i * n_tokens // runs for i in range(runs)])
    return windows + torch.randint(0, room, (batch, runs), generator=generator)


def mask_tokens(tokens: Tensor, starts: Tensor, width: int) -> Tensor:
    """A copy of ``tokens`` (B, T, F) with ``width`` tokens from each of ``starts`` (B, runs) set to zero."""
    positions = torch.arange(tokens.shape[1], device=tokens.device)
    offset = positions - starts.to(tokens.device).unsqueeze(2)  # (B, runs, T)
    hidden = ((offset >= 0) & (offset < width)).any(dim=1)
    return tokens.masked_fill(hidden.unsqueeze(2), 0.0)


def masked_loss(output: Tensor, masked: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the elements that masking changed.

    An element whose true value is exactly zero (the padding column) is not changed by masking and never counts.
    """
    changed = (masked != target).to(output.dtype)
    return ((output * changed - target * changed) ** 2).mean() / changed.mean()
