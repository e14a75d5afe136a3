"""``LabelFlow``: the posterior of stellar labels as an autoregressive neural spline flow.

p(labels | context) = p(teff | c) p(logg | teff, c) p(fe_h | teff, logg, c) ..., each factor a rational-quadratic spline
(Durkan et al. 2019, arXiv:1906.04032; the spline is zuko's ``MonotonicRQSTransform``) whose knots come from a small
network. Why the factors stand one by one and not in a masked network: a sample then costs one pass a label instead of
one pass of the whole network a label, the first spline is the same for all samples of a star, and a factor can be
trained alone (``alpha_fe`` is learned from simulated spectra only, the other labels from real ones too).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from zuko.transforms import MonotonicRQSTransform

from specviz.models.specclip.affine_labels import AffineLabels
from specviz.models.specclip.flow_sampling import draw

#: The splines act on [-BOUND, BOUND] of the standardised label and of the base normal; outside they are the identity.
BOUND = 6.0
#: Labels that do not depend on the star's other labels; they lead the extra ones.
FREE = ("rv",)


class Spline(MonotonicRQSTransform):
    """zuko's rational-quadratic spline with knots normalised by exp/sum.

    The same function: zuko bounds the raw widths and heights, so exp cannot overflow. ``softmax`` over a last axis of
    ten is nine times slower on a CPU and was half of the sampling time.
    """

    def __init__(
        self, widths: Tensor, heights: Tensor, derivatives: Tensor, *, bound: float, slope: float = 1e-3
    ) -> None:
        super(MonotonicRQSTransform, self).__init__()
        floor = math.log(slope)
        self.horizontal = self._knots(widths, floor, bound)
        self.vertical = self._knots(heights, floor, bound)
        self.derivatives = torch.exp(F.pad(derivatives / (1 + abs(derivatives / floor)), (1, 1)))

    @staticmethod
    def _knots(raw: Tensor, floor: float, bound: float) -> Tensor:
        e = torch.exp(raw / (1 + abs(2 * raw / floor)))
        cumulative = F.pad(torch.cumsum(e, dim=-1), (1, 0))
        return bound * (2 * cumulative / cumulative[..., -1:] - 1)


class ConditionalSpline(nn.Module):
    """p(y | previous labels, context) for one label.

    Parameters
    ----------
    context : int
        Length of the context vector.
    previous : int
        Number of labels this one is conditioned on.
    hidden : int
        Width of the two hidden layers.
    bins : int
        Bins of the spline.
    """

    def __init__(self, context: int, previous: int, hidden: int = 64, bins: int = 10) -> None:
        super().__init__()
        self.bins = bins
        # Two input layers instead of one on the concatenation: the context part is computed once a star, not once a
        # sample.
        self.from_context = nn.Linear(context, hidden)
        self.from_previous = nn.Linear(previous, hidden, bias=False) if previous else None
        self.hidden = nn.Linear(hidden, hidden)
        self.knots = nn.Linear(hidden, 3 * bins - 1 + 2)
        # Starts as the standard normal, shifted and scaled by nothing.
        nn.init.normal_(self.knots.weight, std=0.01)
        nn.init.zeros_(self.knots.bias)

    def spline(self, context: Tensor, previous: Tensor | None) -> tuple[Spline, Tensor, Tensor]:
        """Spline, shift and log scale; ``context`` (..., C) broadcasts against ``previous`` (..., P)."""
        h = self.from_context(context)
        if self.from_previous is not None:
            assert previous is not None
            h = h + self.from_previous(previous)
        h = torch.relu(self.hidden(torch.relu(h)))
        raw = self.knots(h)
        k = self.bins
        widths, heights, slopes, shift, log_scale = raw.split((k, k, k - 1, 1, 1), dim=-1)
        # A sharp posterior is reached by shift and scale; the spline only has to bend it.
        log_scale = 4.0 * torch.tanh(log_scale / 4.0)
        return Spline(widths, heights, slopes, bound=BOUND), shift[..., 0], log_scale[..., 0]

    def log_prob(self, y: Tensor, context: Tensor, previous: Tensor | None) -> Tensor:
        """log p(y | ...), shape (B,); ``y`` (B,) is standardised."""
        transform, shift, log_scale = self.spline(context, previous)
        z, ladj = transform.call_and_ladj((y - shift) * torch.exp(-log_scale))
        # z of the temperature-free base; log N(z; 0, 1)
        return -0.5 * z.square() - 0.9189385332046727 + ladj - log_scale

    def to_label(self, z: Tensor, context: Tensor, previous: Tensor | None) -> Tensor:
        """Base normal -> standardised label of one star.

        ``z`` (S,), ``context`` (C,), ``previous`` (P, S) or None. The inverse of :meth:`spline`, written out:
        samples lie along the last axis, so that every step runs over contiguous memory, and only the bin that a sample
        falls in is brought to its full form. Three times faster than the general inverse.
        """
        k = self.bins
        h = self.from_context(context)[:, None]
        if self.from_previous is not None:
            assert previous is not None
            h = torch.addmm(h, self.from_previous.weight, previous)
        h = torch.addmm(self.hidden.bias[:, None], self.hidden.weight, h.relu_()).relu_()
        raw = torch.addmm(self.knots.bias[:, None], self.knots.weight, h)  # (3 k + 1, S); S is 1 without labels before
        floor = math.log(1e-3)
        e = torch.exp(raw[: 2 * k] / (1 + abs(2 * raw[: 2 * k] / floor)))
        across, up = torch.cumsum(e[:k], dim=0), torch.cumsum(e[k:], dim=0)
        total_x, total_y = across[-1], up[-1]
        target = (0.5 * (z / BOUND) + 0.5) * total_y
        index = (up[:-1] < target).sum(dim=0)[None]  # (1, S)
        raw, e, across, up = (t.expand(-1, z.shape[0]) for t in (raw, e, across, up))
        dx, dy = e.gather(0, index)[0], e.gather(0, index + k)[0]
        x0, y0 = across.gather(0, index)[0] - dx, up.gather(0, index)[0] - dy
        # Slopes at the two knots; at both ends of the spline the slope is one.
        inner = raw[2 * k - 1 : 3 * k]  # knot j's slope stands at j, with a neighbour's value at the two ends
        d0, d1 = (
            torch.exp(d / (1 + abs(d / floor))) for d in (inner.gather(0, index)[0], inner.gather(0, index + 1)[0])
        )
        d0, d1 = torch.where(index[0] == 0, 1.0, d0), torch.where(index[0] == k - 1, 1.0, d1)
        slope = (dy / total_y) / (dx / total_x)
        t = ((target - y0) / dy).clamp(0.0, 1.0)
        bend = d0 + d1 - 2 * slope
        a, b, c = slope - d0 + t * bend, d0 - t * bend, -slope * t
        inside = 2 * c / (-b - (b * b - 4 * a * c).clamp(min=0.0).sqrt())
        x = BOUND * (2 * (x0 + inside * dx) / total_x - 1)
        x = torch.where(z.abs() < BOUND, x, z)
        return x * torch.exp(4.0 * torch.tanh(raw[-1] / 4.0)) + raw[-2]


class LabelFlow(nn.Module):
    """Joint posterior of labels given an embedding (and log10 S/N).

    Parameters
    ----------
    names : sequence of str
        Labels in autoregressive order. ``teff`` is handled as log10(teff).
    context : int
        Length of the vector the flow is conditioned on.
    summary : int
        Length of the summary the factors share.
    hidden, bins : int
        Of each factor.
    extra : sequence of str
        Further labels, drawn by :class:`AffineLabels` given the first ones. ``names`` lists them after the others.

    Notes
    -----
    ``offset`` and ``spread`` standardise the labels (log10 teff for teff), ``temperature`` widens the base normal of
    each factor (calibrated on validation stars), ``context_offset`` and ``context_spread`` standardise the context.
    """

    def __init__(self, names: Sequence[str], context: int, summary: int = 32, hidden: int = 64, bins: int = 10, *,
                 extra: Sequence[str] = ()) -> None:  # fmt: skip
        super().__init__()
        self.n_core = len(names)
        self.names = (*names, *extra)
        self.summary = nn.Sequential(nn.Linear(context, 2 * summary), nn.GELU(), nn.Linear(2 * summary, summary))
        self.factors = nn.ModuleList(ConditionalSpline(summary, i, hidden, bins) for i in range(self.n_core))
        free = next((i for i, name in enumerate(extra) if name not in FREE), len(extra))
        self.extra = AffineLabels(len(extra), self.n_core, summary, 2 * hidden, free) if extra else None
        for name, value in (("offset", 0.0), ("spread", 1.0), ("temperature", 1.0)):
            self.register_buffer(name, torch.full((len(self.names),), value))
        self.register_buffer("context_offset", torch.zeros(context))
        self.register_buffer("context_spread", torch.ones(context))
        self.offset: Tensor
        self.spread: Tensor
        self.temperature: Tensor
        self.context_offset: Tensor
        self.context_spread: Tensor

    def standardise(self, labels: Tensor) -> Tensor:
        """Labels (..., n_labels) in their units -> standardised."""
        return (self.raw(labels) - self.offset[: labels.shape[-1]]) / self.spread[: labels.shape[-1]]

    def raw(self, labels: Tensor) -> Tensor:
        """Labels with log10(teff) in the place of teff."""
        columns = [
            torch.log10(labels[..., i]) if n == "teff" else labels[..., i]
            for i, n in zip(range(labels.shape[-1]), self.names, strict=False)
        ]
        return torch.stack(columns, dim=-1)

    def restore(self, standardised: Tensor) -> Tensor:
        """Standardised -> labels in their units."""
        raw = standardised * self.spread + self.offset
        return torch.stack(
            [10.0 ** raw[..., i] if n == "teff" else raw[..., i] for i, n in enumerate(self.names)], dim=-1
        )

    def factor(self, i: int) -> ConditionalSpline:
        """p(label i | labels before it, context)."""
        factor = self.factors[i]
        assert isinstance(factor, ConditionalSpline)
        return factor

    def condition(self, context: Tensor) -> Tensor:
        """Context (B, C) -> the summary (B, summary) the factors read."""
        return self.summary((context - self.context_offset) / self.context_spread)

    def log_prob(self, labels: Tensor, context: Tensor, *, first: int = 0) -> Tensor:
        """log density of each factor, shape (B, n - first), in standardised labels.

        ``labels`` (B, n) may hold fewer columns than the flow has labels (real stars have no alpha_fe).
        """
        y, c, n = self.standardise(labels), self.condition(context), self.n_core
        out = [self.factor(i).log_prob(y[:, i], c, y[:, :i] if i else None) for i in range(first, min(y.shape[1], n))]
        terms = torch.stack(out, dim=1)
        if self.extra is not None and y.shape[1] > n:
            terms = torch.cat((terms, self.extra.log_prob(y[:, n:], c, y[:, :n])), dim=1)
        return terms

    def free_log_prob(self, labels: Tensor, context: Tensor) -> Tensor:
        """log density (B, k) of the k leading extra labels (B, k) of stars whose other labels nobody knows."""
        assert self.extra is not None and labels.shape[1] <= self.extra.free
        at = slice(self.n_core, self.n_core + labels.shape[1])
        return self.extra.log_prob((labels - self.offset[at]) / self.spread[at], self.condition(context), None)

    def centre(self, context: Tensor) -> Tensor:
        """Labels (B, n_labels) at the centre of the base distribution: each at the median of its factor given the
        centres of those before it. Differentiable; close to the posterior's medians, and drawn from nothing.
        """
        summary, stars = self.condition(context), []
        zero = torch.zeros(1, device=context.device, dtype=context.dtype)
        for star in summary:
            drawn: list[Tensor] = []
            for i in range(self.n_core):
                drawn.append(self.factor(i).to_label(zero, star, torch.stack(drawn) if drawn else None))
            core = torch.stack(drawn)  # (n_core, 1)
            if self.extra is not None:
                nothing = torch.zeros((self.extra.n_labels, 1), device=context.device, dtype=context.dtype)
                core = torch.cat((core, self.extra.sample(nothing, star, core)))
            stars.append(core[:, 0])
        return self.restore(torch.stack(stars))

    @torch.no_grad()
    def sample(self, context: Tensor, base: Tensor) -> Tensor:
        """Samples (B, S, n_labels) in their units from base normals ``base`` (S, n_labels), the same for every star.

        Common base draws make a star's posterior independent of the batch it came in.
        """
        c = self.condition(context)
        if c.device.type == "cpu" and c.dtype == base.dtype == torch.float32 and len(base):
            return torch.from_numpy(draw(self, c, np.ascontiguousarray(base.numpy().T))).transpose(1, 2)
        columns = torch.empty((len(c), len(self.names), len(base)), device=base.device)
        for star, context_star in enumerate(c):  # one at a time: its samples stay in the processor's cache
            for i in range(self.n_core):
                previous = columns[star, :i] if i else None
                columns[star, i] = self.factor(i).to_label(base[:, i] * self.temperature[i], context_star, previous)
            if self.extra is not None:
                n = self.n_core
                columns[star, n:] = self.extra.sample(
                    (base[:, n:] * self.temperature[n:]).T, context_star, columns[star, :n]
                )
        return self.restore(columns.transpose(1, 2))
