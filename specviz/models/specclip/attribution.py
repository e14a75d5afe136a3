"""Why a SpecCLIP network gives a label: the attention it really used, and integrated gradients of the label.

**What the star is compared with.** Gradients are integrated along the straight path from a baseline to the spectrum.
The networks read the standardised spectrum, which does not change along a path from a flat one: x = 1 + a (s - 1) has
the same standardised form for every a, and log10 std falls to minus infinity at a = 0. So the plain recipe says
nothing here, or worse. We hold the mean and the std of the star's own spectrum along the path. Then the baseline is the
star with its lines filled in (flux 1, standardised as the star is), a pixel at the continuum adds exactly nothing, and
what a line adds is what the label owes to it.

**Attention** is computed with the factor that is on the logits in the forward pass (1/D in the released backbone, the
"double scaling"; 1/sqrt(D) in the head), so the network's output can be rebuilt from it, and a test does. The official
"return attention weights" branch scales once and gives other maps than were used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from specviz.errors import ModelError
from specviz.models.attribution import Attribution
from specviz.models.protocol import Prepared
from specviz.models.specclip.config import LamostEncoderConfig
from specviz.models.specclip.heads import QueryHead, SplitHead
from specviz.models.specclip.masked_transformer import LamostMaskedTransformer
from specviz.models.specclip.tokens import standardise, standardised_slices
from specviz.models.specclip.xp_autoencoder import XpAutoEncoder

#: The contributions must add up to the label's difference within this fraction.
COMPLETENESS = 0.01
_FIRST_STEPS, _MOST_STEPS = 16, 1024
#: Points of the path in one backward pass; bounds its memory.
_CHUNK = 32
FEATURELESS = {"lamost_lrs": "the star without its lines", "gaia_xp": "a flat spectrum"}


@dataclass(frozen=True, eq=False)
class Target:
    """A label as a differentiable function of a spectrum.

    ``value`` takes embeddings (B, D) to labels (B,) in their unit; ``clip`` bounds the spectra as the model does.
    """

    label: str
    survey: str
    backbone: LamostMaskedTransformer | XpAutoEncoder
    head: nn.Module
    value: Callable[[Tensor], Tensor]
    clip: tuple[float, float] | None = None

    def clipped(self, spectra: Tensor) -> Tensor:
        return spectra if self.clip is None else spectra.clamp(*self.clip)

    def of_standardised(self, values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """Label (B,) of standardised spectra (B, L) whose statistics (B, 1) are given."""
        if isinstance(self.backbone, XpAutoEncoder):
            return self.value(self.head(self.backbone.encode(torch.cat((mean, std, values), dim=1))))
        c = self.backbone.config
        tokens = standardised_slices(values, std, c.slice_length, c.slice_step, c.n_slices)
        return self.value(self.head(self.backbone.encode_tokens(tokens)))


def attribute(target: Target, prepared: Sequence[Prepared], stop: Callable[[], None] | None = None
              ) -> list[Attribution]:  # fmt: skip
    """Integrated gradients and attention of each spectrum of a batch, one after the other.

    Parameters
    ----------
    target : Target
    prepared : sequence of Prepared
        Of the survey that the target reads.
    stop : callable, optional
        Called before each pass; raises to stop the work.

    Raises
    ------
    ModelError
        If the contributions do not add up to 1 % with the finest path: then they would be no explanation.
    """
    device = next(target.head.parameters()).device
    out = []
    for one in prepared:
        spectrum = torch.from_numpy(np.asarray(one.values, np.float32))[None].to(device)
        spectrum = target.clipped(spectrum)
        pixels, value, baseline_value, gap, steps = integrated_gradients(target, spectrum, stop)
        if not gap <= COMPLETENESS:
            raise ModelError(
                f"The contributions to {target.label} do not add up ({gap:.1%} are missing after {steps} steps)",
                expected=f"a sum within {COMPLETENESS:.0%}; this network is too rough on the way to this spectrum",
            )
        seen = attention_over_pixels(target, spectrum)
        out.append(
            Attribution(
                label=target.label, survey=target.survey, wavelength=one.wavelength, flux=_array(spectrum[0]),
                baseline=np.ones(one.wavelength.size), contribution=pixels, value=value, baseline_value=baseline_value,
                completeness=gap, steps=steps, scale=one.scale, compared_with=FEATURELESS[target.survey], **seen,
            )
        )  # fmt: skip
    return out


def integrated_gradients(
    target: Target, spectrum: Tensor, stop: Callable[[], None] | None = None
) -> tuple[NDArray[np.float64], float, float, float, int]:
    """Contributions (L,), label, label of the baseline, relative gap of their sum, and points used.

    The trapezoid rule on the path, halved until the sum is right to 1 %; points already taken are used again.
    """
    values, mean, std = standardise(spectrum)
    base = (1.0 - mean) / std
    difference = values - base

    def gradients(at: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the gradients (L,) at the points of the path, and the labels there."""
        total, labels = torch.zeros_like(difference[0], dtype=torch.float64), []
        for part in at.split(_CHUNK):
            if stop is not None:
                stop()
            path = (base + part[:, None] * difference).requires_grad_(True)
            label = target.of_standardised(path, mean.expand(len(part), 1), std.expand(len(part), 1))
            (slope,) = torch.autograd.grad(label.sum(), path)
            total += slope.double().sum(dim=0)
            labels.append(label.detach().double())
        return total, torch.cat(labels)

    with torch.enable_grad():
        first, ends = gradients(torch.tensor([0.0, 1.0], device=spectrum.device))
        baseline_value, value = (float(v) for v in ends)
        inner, steps, n = torch.zeros_like(first), 1, _FIRST_STEPS
        total, _ = gradients(torch.arange(1, n, device=spectrum.device) / n)
        while True:
            inner, steps = inner + total, n
            pixels = (difference[0].double() * (first / 2 + inner) / n).cpu().numpy()
            gap = _gap(pixels, value - baseline_value)
            if gap <= COMPLETENESS / 2 or n >= _MOST_STEPS:
                return pixels, value, baseline_value, gap, steps + 1
            n *= 2
            total, _ = gradients(torch.arange(1, n, 2, device=spectrum.device) / n)


def _gap(pixels: NDArray[np.float64], difference: float) -> float:
    against = max(abs(difference), 0.02 * float(np.abs(pixels).sum()), 1e-12)
    return abs(float(pixels.sum()) - difference) / against


# ---------------------------------------------------------------------------------------------- attention
def head_attention(head: nn.Module, tokens: Tensor) -> Tensor | None:
    """Attention (B, heads, T) of a LAMOST head's query over token embeddings (B, T, E); of a split head those of both
    halves. None for a head that does not attend.
    """
    if isinstance(head, SplitHead):
        parts = [head_attention(part, tokens) for part in (head.shared, head.private)]
        return None if any(part is None for part in parts) else torch.cat([p for p in parts if p is not None], dim=1)
    return head.pooling.weights(tokens) if isinstance(head, QueryHead) else None


def attention_over_pixels(target: Target, spectrum: Tensor) -> dict[str, Any]:
    """``attention``, ``attention_elsewhere`` and ``rollout`` of one spectrum (1, L); empty for XP and mean pooling.

    The mean over the heads. The rollout multiplies the layers' attention (mean over heads, half of each layer passing
    straight through the residual) below the head's.
    """
    if not isinstance(target.backbone, LamostMaskedTransformer):
        return {}
    with torch.inference_mode():
        tokens = target.backbone.tokens(spectrum)
        weights = head_attention(target.head, target.backbone.encode_tokens(tokens))
        if weights is None:
            return {}
        reader = weights.mean(dim=1).double()  # (1, T)
        rolled = reader
        for layer in reversed(target.backbone.attention_weights(tokens)):
            rolled = 0.5 * rolled + 0.5 * (rolled[:, None] @ layer.mean(dim=1).double())[:, 0]
    attention, elsewhere = over_pixels(_array(reader[0]), target.backbone.config)
    return {
        "attention": attention,
        "attention_elsewhere": elsewhere,
        "rollout": over_pixels(_array(rolled[0]), target.backbone.config)[0],
    }


def over_pixels(tokens: NDArray[np.float64], config: LamostEncoderConfig) -> tuple[NDArray[np.float64], float]:
    """What falls on each pixel (L,) of weights on the tokens (T,), and what falls on the token of the statistics.

    A token's weight is spread evenly over the pixels of its slice; slices overlap. Pixels behind the last slice get
    nothing: the network does not read them.
    """
    pixels = np.zeros(config.n_pixels)
    for i, weight in enumerate(tokens[1:]):
        start = i * config.slice_step
        pixels[start : start + config.slice_length] += weight / config.slice_length
    return pixels, float(tokens[0])


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().double().cpu().numpy())


__all__ = [
    "COMPLETENESS",
    "FEATURELESS",
    "Target",
    "attention_over_pixels",
    "attribute",
    "head_attention",
    "integrated_gradients",
    "over_pixels",
]
