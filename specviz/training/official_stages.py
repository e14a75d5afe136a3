"""The recipe's stages on a user's own pairs: observed targets weighted by their noise, labels that may be missing.

The order and the terms are those of :mod:`specviz.training.stages` and of the official SpecCLIP (contrast +
reconstruction + cross prediction, L1); what a simulation adds there, clean, rest-frame and dust-free spectra, is not to
be had here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.specclip.label_flow import FREE, LabelFlow
from specviz.models.specclip.small import SmallNet
from specviz.models.specclip.tokens import standardise
from specviz.training.data import SimulatedPairs
from specviz.training.loop import Validate
from specviz.training.official_layout import Survey
from specviz.training.official_pairs import OwnData
from specviz.training.stages import Losses, Stage

SURVEYS: tuple[Survey, Survey] = ("lamost_lrs", "gaia_xp")
#: Labels of the spline flow, in the order in which they condition each other; the rest of a file's labels follow.
CORE = ("teff", "logg", "fe_h", "alpha_fe")
#: Noise below this (of the flux) does not make a pixel count more: models and calibration are not better.
_FLOOR = {"lamost_lrs": 0.02, "gaia_xp": 0.01}
#: Stars on which the validation runs.
_N_VALIDATION = 512


def label_config(names: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """``labels`` and ``extra_labels`` of a :class:`~specviz.models.specclip.small.SmallConfig` for a file's labels.

    XP spectra say nothing of velocities, and of single elements next to nothing: those are asked of LAMOST alone.
    """
    ratios = [k for k in names if k.endswith("_fe") and k not in CORE]
    free = [k for k in FREE if k in names]
    core = [k for k in CORE if k in names]
    core += [k for k in sorted(names) if k not in (*core, *ratios, *free)]
    extra = [*free, *sorted(ratios)]
    lamost = tuple(core or extra[:1])
    rest = tuple(k for k in extra if k not in lamost)
    return {
        "labels": {s: n for s, n in (("lamost_lrs", lamost), ("gaia_xp", tuple(core))) if n},
        "extra_labels": {"lamost_lrs": rest} if rest else {},
    }


def labels_of(pairs: SimulatedPairs, flow: LabelFlow, rows: NDArray[Any]) -> NDArray[np.float32]:
    """Labels (n, k) of a flow, NaN where unknown."""
    return np.stack([pairs.labels[k][rows] for k in flow.names], axis=1).astype(np.float32)


def standardise_own_flows(net: SmallNet, pairs: SimulatedPairs) -> None:
    """Offset and spread of each label from the stars that have it."""
    for survey in net.flows:
        flow = net.flow(survey)
        labels = labels_of(pairs, flow, np.arange(len(pairs)))
        for i in range(len(flow.names)):
            known = torch.from_numpy(labels[np.isfinite(labels[:, i])])
            raw = flow.raw(known)[:, i]
            flow.offset[i], flow.spread[i] = raw.mean(), raw.std()


def masked_log_prob(flow: LabelFlow, labels: NDArray[np.float32], context: Tensor) -> tuple[Tensor, Tensor]:
    """log density of each label and whether it may be counted, both (n, k).

    A label counts if it is known and so are those it is conditioned on.
    """
    known = np.isfinite(labels)
    middle = flow.restore(torch.zeros(len(flow.names))).numpy()
    log_prob = flow.log_prob(torch.from_numpy(np.where(known, labels, middle).astype(np.float32)), context)
    n, free = flow.n_core, 0 if flow.extra is None else flow.extra.free
    counts = np.logical_and.accumulate(known, axis=1)
    # Free labels lead the further ones and ask for none of the core.
    counts[:, n : n + free] = np.logical_and.accumulate(known[:, n : n + free], axis=1)
    counts[:, n + free :] = np.logical_and.accumulate(known[:, n + free :], axis=1) & known[:, : n + free].all(
        axis=1, keepdims=True
    )
    return log_prob, torch.from_numpy(counts)


class OwnStage(Stage):
    """A stage on :class:`~specviz.training.official_pairs.OwnData`."""

    def __init__(self, net: SmallNet, data: OwnData, settings: dict[str, Any]) -> None:
        self.net, self.data, self.settings = net, data, settings

    def draw(self, n_stars: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Rows for a batch, each once (a star is no negative of itself), in order (the disk reads forward)."""
        return np.unique(rng.integers(0, n_stars, int(self.settings["batch"])))


class OwnPretrain(OwnStage):
    """Masked modelling of LAMOST spectra and auto-encoding of XP spectra, of the pairs and of the encoder files."""

    name = "pretrain"

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        lamost = self.net.clip_input(self.spectra("lamost_lrs", rng), "lamost_lrs")
        xp = self.net.clip_input(self.spectra("gaia_xp", rng), "gaia_xp")
        starts = self.net.lamost.mask_starts(len(lamost))
        return {"masked": self.net.lamost.masked_loss(lamost, starts), "xp": self.net.xp.loss(xp)}

    def spectra(self, survey: Survey, rng: np.random.Generator) -> Tensor:
        """A batch (n, L); every spectrum of the survey is as likely as any other."""
        pairs = self.data.train.lamost if survey == "lamost_lrs" else self.data.train.xp
        single = self.data.single.get(survey)
        rows = self.draw(len(pairs) + (0 if single is None else len(single)), rng)
        own, other = rows[rows < len(pairs)], rows[rows >= len(pairs)] - len(pairs)
        parts = [pairs[own]] if single is None else [pairs[own], single.flux[other]]
        return torch.from_numpy(np.concatenate(parts).astype(np.float32))


def noise_weight(survey: Survey, flux: Tensor, ivar: Tensor, has_ivar: bool) -> Tensor:
    """Weight of each pixel (n, L) in an L1 error: 1 without noise, falling as 1 / sigma, 0 where masked."""
    if not has_ivar:
        return torch.ones_like(flux)
    floor = _FLOOR[survey] * flux.abs().clamp(min=0.1)
    return torch.where(ivar > 0, floor / torch.sqrt(floor**2 + 1.0 / ivar.clamp(min=1e-12)), 0.0)


def band_loss(residual: Tensor, log_sigma: Tensor, ivar: Tensor, has_ivar: bool) -> Tensor:
    """Gaussian negative log likelihood of residuals that band and noise explain together; masked pixels are left out.

    Without ivar the band has to explain the noise as well.
    """
    known = ivar > 0 if has_ivar else torch.ones_like(residual, dtype=torch.bool)
    noise = torch.where(known, 1.0 / ivar.clamp(min=1e-12), 0.0) if has_ivar else torch.zeros_like(residual)
    variance = torch.exp(2.0 * log_sigma) + noise
    z2 = (residual.detach().square() / variance).clamp(max=100.0)
    return ((0.5 * z2 + 0.5 * torch.log(variance)) * known).sum() / known.sum().clamp(min=1)


def _mean(error: Tensor, weight: Tensor) -> Tensor:
    return (error * weight).sum() / weight.sum().clamp(min=1e-6)


class OwnAlign(OwnStage):
    """Contrast, reconstruction, cross prediction, error bands and label flows on pairs."""

    name = "align"

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        train = self.data.train
        return self.pair_losses(train, self.draw(len(train), rng), step)

    def pair_losses(self, pairs: SimulatedPairs, rows: NDArray[Any], step: int) -> Losses:
        """All losses of some pairs."""
        net, s = self.net, self.settings
        flux, ivar, snr = pair_tensors(pairs, rows)
        e = {k: net.encode(flux[k], k) for k in SURVEYS}
        e_l, e_g = e["lamost_lrs"], e["gaia_xp"]
        x_l, x_g = (net.clip_input(flux[k], k) for k in SURVEYS)
        w_l, w_g = (noise_weight(k, flux[k], ivar[k], k in self.data.has_ivar) for k in SURVEYS)
        _, mean, std = standardise(x_l)
        rec_l, rec_g = net.reconstruct(e_l, "lamost_lrs"), net.reconstruct(e_g, "gaia_xp")
        cross_l, cross_g = net.cross_predict(e_g, "lamost_lrs"), net.cross_predict(e_l, "gaia_xp")
        relative = 0.1 + x_g.abs()
        out = {
            "clip": s["clip_weight"] * net.clip_loss(e_g, e_l),
            "rec_l": _mean((rec_l - (x_l - mean) / std).abs(), w_l),
            "rec_g": 2.0 * _mean((rec_g - x_g).abs() / relative, w_g),
            "cross_g": s["cross_weight"] * 2.0 * _mean((cross_g - x_g).abs() / relative, w_g),
            "cross_l": s["cross_weight"] * 7.0 * _mean((cross_l - x_l).abs(), w_l),
        }
        context = {k: net.context(e[k], snr[k]) for k in SURVEYS}
        for survey in (k for k in SURVEYS if k in net.flows):
            flow = net.flow(survey)
            log_prob, counts = masked_log_prob(flow, labels_of(pairs, flow, rows), context[survey])
            # A wrong label must not pull without bound.
            kept = torch.where(counts, log_prob.clamp(min=-20.0), 0.0)
            out["flow_" + survey[0]] = -s["flow_weight"] * kept.sum() / counts.sum().clamp(min=1)
        if step >= s["scatter_from"]:
            d_l, d_g = (context[k].detach() for k in SURVEYS)
            i_l, i_g = ("lamost_lrs" in self.data.has_ivar, "gaia_xp" in self.data.has_ivar)
            out["band"] = 0.1 * (
                band_loss(rec_l * std + mean - x_l, net.lamost_scatter(d_l), ivar["lamost_lrs"], i_l)
                + band_loss(rec_g - x_g, net.xp_scatter(d_g), ivar["gaia_xp"], i_g)
                + band_loss(cross_g - x_g, net.xp_cross_scatter(d_l), ivar["gaia_xp"], i_g)
                + band_loss(cross_l - x_l, net.lamost_cross_scatter(d_g), ivar["lamost_lrs"], i_l)
            )
        return out


class OwnAdapt(OwnAlign):
    """The same losses at the smaller learning rate; the best state on the validation stars is kept."""

    name = "adapt"


def pair_tensors(pairs: SimulatedPairs, rows: NDArray[Any]
                 ) -> tuple[dict[Survey, Tensor], dict[Survey, Tensor], dict[Survey, Tensor]]:  # fmt: skip
    """Flux, ivar (n, L) and log10 S/N (n,) by survey, read from the disk for these rows alone."""

    def f32(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.asarray(array[rows], np.float32))

    return (
        {"lamost_lrs": f32(pairs.lamost), "gaia_xp": f32(pairs.xp)},
        {"lamost_lrs": f32(pairs.lamost_ivar), "gaia_xp": f32(pairs.xp_ivar)},
        {"lamost_lrs": f32(pairs.lamost_log_snr), "gaia_xp": f32(pairs.xp_log_snr)},
    )


def own_validator(data: OwnData, settings: Mapping[str, Any]) -> Validate:
    """Minus the sum of the losses on (at most 512) validation stars; larger is better."""
    rows = np.unique(np.linspace(0, len(data.validation) - 1, _N_VALIDATION).round().astype(np.int64))

    @torch.no_grad()
    def validate(net: SmallNet) -> dict[str, float]:
        losses = OwnAdapt(net, data, {**settings, "scatter_from": 0}).pair_losses(data.validation, rows, 0)
        parts = {f"validation_{k}": float(v) for k, v in losses.items()}
        return {"score": -sum(parts.values()), **parts}

    return validate


OWN_STAGES: dict[str, type[OwnStage]] = {c.name: c for c in (OwnPretrain, OwnAlign, OwnAdapt)}
