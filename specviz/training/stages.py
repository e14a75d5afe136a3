"""The stages of the recipe: one loss function each, in the order pretrain, align, adapt.

Every stage is a :class:`Stage`: ``loss(step, rng) -> dict of scalars`` on a fresh random batch.
:mod:`specviz.training.loop` turns the crank.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.specclip.signal import log_snr
from specviz.models.specclip.small import SmallNet
from specviz.models.specclip.tokens import standardise
from specviz.spectra.grids import XP_REFERENCE_INDEX, XP_WAVELENGTH_NM
from specviz.training.data import TRAIN, RealLamost, RealXp, SimulatedPairs

Losses = dict[str, Tensor]


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


@dataclass(eq=False)
class Material:
    """All training material, in memory."""

    lamost: RealLamost
    xp: RealXp
    pairs: SimulatedPairs

    def __post_init__(self) -> None:
        self.lamost_rows = self.lamost.part(TRAIN)
        # Spectra of other stars' plates may be seen without labels, those of the test plates not even so.
        self.unlabelled_rows = np.flatnonzero(self.lamost.split < 2)
        self.xp_rows = np.flatnonzero(~self.xp.test)
        self.xp_log_snr = log_snr(self.xp.flux, self.xp.ivar)

    def without(self, rows: NDArray[np.int64]) -> Material:
        """The same material less some real LAMOST stars, which are not even seen unlabelled."""
        out = copy.copy(self)
        out.lamost_rows = np.setdiff1d(self.lamost_rows, rows)
        out.unlabelled_rows = np.setdiff1d(self.unlabelled_rows, rows)
        return out

    def real_lamost(self, n: int, rng: np.random.Generator, rows: NDArray[Any] | None = None, **how: Any
                    ) -> tuple[Tensor, Tensor, NDArray[Any], NDArray[Any]]:  # fmt: skip
        """Augmented real spectra (n, 1462), log10 S/N (n,), their rows, and their radial velocities (n,) km/s."""
        chosen = rng.choice(self.unlabelled_rows if rows is None else rows, n)
        flux, ivar, moved = self.lamost.augmented(chosen, rng, **how)
        return _tensor(flux), _tensor(log_snr(flux, ivar)), chosen, self.lamost.rv[chosen] + moved

    def real_xp(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Real XP spectra (n, 343) and their log10 S/N."""
        chosen = rng.choice(self.xp_rows, n)
        return _tensor(self.xp.flux[chosen]), _tensor(self.xp_log_snr[chosen])


class Stage:
    """One stage of training; ``step`` runs from 0 to ``steps`` - 1."""

    name = ""

    def __init__(self, net: SmallNet, material: Material, settings: dict[str, Any]) -> None:
        self.net, self.material, self.settings = net, material, settings

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups; the learning rate of a group is ``lr`` times its ``factor``."""
        backbone = [p for n, p in self.net.named_parameters() if n.startswith(("lamost.", "xp."))]
        rest = [p for n, p in self.net.named_parameters() if not n.startswith(("lamost.", "xp."))]
        return [
            {"params": backbone, "factor": self.settings.get("backbone_factor", 1.0)},
            {"params": rest, "factor": 1.0},
        ]

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        raise NotImplementedError


class Pretrain(Stage):
    """Masked modelling of LAMOST spectra (real and simulated), auto-encoding of XP spectra (real and simulated)."""

    name = "pretrain"

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        net, m, n = self.net, self.material, int(self.settings["batch"])
        n_real = int(n * self.settings["real_fraction"])
        rows = rng.integers(0, len(m.pairs), n - n_real)
        real = m.real_lamost(n_real, rng)[0]
        lamost = net.clip_input(torch.cat([_tensor(m.pairs.lamost[rows]), real]), "lamost_lrs")
        rows = rng.integers(0, len(m.pairs), 2 * n - n_real)
        xp = net.clip_input(torch.cat([_tensor(m.pairs.xp[rows]), m.real_xp(n_real, rng)[0]]), "gaia_xp")
        return {"masked": net.lamost.masked_loss(lamost, net.lamost.mask_starts(n)), "xp": net.xp.loss(xp)}


def relative_error(flux: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of XP fluxes: relative where the star is bright, of 0.1 f550 where it is not."""
    return ((flux - target).abs() / (0.1 + target.abs())).mean()


def xp_distortion(n: int, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth factors (n, 343) on XP spectra, 1 at 550 nm: calibration errors that no matrix knows.

    ln factor of ten knots, normal with standard deviation ``size``, joined by straight lines. What real spectra differ
    from their best simulated match by, from star to star, is 1 %.
    """
    knots = np.linspace(0, XP_WAVELENGTH_NM.size - 1, 10)
    at = np.arange(XP_WAVELENGTH_NM.size)
    left = np.minimum((at / knots[1]).astype(np.int64), 8)
    t = at / knots[1] - left
    ln = rng.normal(0.0, size, (n, 10))
    curve = ln[:, left] * (1.0 - t) + ln[:, left + 1] * t
    return np.asarray(np.exp(curve - curve[:, XP_REFERENCE_INDEX, None]))


def scatter_loss(residual: Tensor, log_sigma: Tensor) -> Tensor:
    """Gaussian negative log likelihood of residuals that the scatter decoder alone has to explain."""
    z2 = (residual.detach() * torch.exp(-log_sigma)).square().clamp(max=100.0)
    return (0.5 * z2 + log_sigma).mean()


class Align(Stage):
    """Contrast, denoising reconstruction, cross prediction, error bands and label flows on simulated pairs.

    A share of real spectra takes part in the reconstruction, so that the decoders know real line shapes as well.
    """

    name = "align"

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        m, n = self.material, int(self.settings["batch"])
        n_real = int(n * self.settings["real_fraction"])
        rows = rng.integers(0, len(m.pairs), n - n_real)
        real_lamost, real_lamost_snr, _, _ = m.real_lamost(n_real, rng)
        real_xp, real_xp_snr = m.real_xp(n_real, rng)
        return self.pair_losses(rows, (real_lamost, real_lamost_snr), (real_xp, real_xp_snr), step)[0]

    def label_weight(self, labels: NDArray[Any]) -> Tensor:
        """Weight of each simulated star (n,) in the LAMOST flow's teff, logg and fe_h."""
        return torch.ones(len(labels))

    def pair_losses(self, rows: NDArray[Any], lamost: tuple[Tensor, Tensor], xp: tuple[Tensor, Tensor], step: int
                    ) -> tuple[Losses, Tensor]:  # fmt: skip
        """Losses of simulated pairs and of the reconstruction of the real spectra (flux, log S/N) in their batch.

        Also returns the embeddings of the real LAMOST spectra.
        """
        net, pairs, s, k = self.net, self.material.pairs, self.settings, len(rows)
        x_l = torch.cat([_tensor(pairs.lamost[rows]), lamost[0]])
        bend = _tensor(xp_distortion(k, s["xp_distortion"], np.random.default_rng((int(rows[0]), step))))
        x_g = torch.cat([_tensor(pairs.xp[rows]) * bend, xp[0]])
        snr_l = torch.cat([_tensor(pairs.lamost_log_snr[rows]), lamost[1]])
        snr_g = torch.cat([_tensor(pairs.xp_log_snr[rows]), xp[1]])
        e_l, e_g = net.encode(x_l, "lamost_lrs"), net.encode(x_g, "gaia_xp")
        clean_l, clean_g = _tensor(pairs.lamost_clean[rows]), _tensor(pairs.xp_clean[rows]) * bend
        # No survey knows the velocity or the dust that the other one sees: these are left out of what is predicted.
        rest_l, free_g = _tensor(pairs.lamost_rest[rows]), _tensor(pairs.xp_dustfree[rows])
        _, mean, std = standardise(net.clip_input(x_l, "lamost_lrs"))
        target = torch.cat([clean_l, net.clip_input(lamost[0], "lamost_lrs")])
        rec_l = net.reconstruct(e_l, "lamost_lrs")
        rec_g = net.reconstruct(e_g, "gaia_xp")
        cross_g, cross_l = net.cross_predict(e_l[:k], "gaia_xp"), net.cross_predict(e_g[:k], "lamost_lrs")
        # Noisy real targets count less: their L1 error cannot fall below their noise.
        weight = torch.cat([torch.ones(k), 0.5 * torch.ones(len(lamost[0]))])[:, None]
        out = {
            "clip": s["clip_weight"] * net.clip_loss(e_g[:k], e_l[:k]),
            "rec_l": ((rec_l - (target - mean) / std).abs() * weight).mean(),
            "rec_g": 2.0 * relative_error(rec_g[:k], clean_g) + 0.5 * relative_error(rec_g[k:], xp[0]),
            "cross_g": s["cross_weight"] * 2.0 * relative_error(cross_g, free_g),
            "cross_l": s["cross_weight"] * 7.0 * (cross_l - rest_l).abs().mean(),
        }
        c_l, c_g = net.context(e_l[:k], snr_l[:k]), net.context(e_g[:k], snr_g[:k])
        names_l, names_g = net.flow("lamost_lrs").names, net.flow("gaia_xp").names
        labels = pairs.label_array(names_l)[rows]
        log_prob = net.flow("lamost_lrs").log_prob(_tensor(labels), c_l)
        n_core = net.flow("lamost_lrs").n_core
        label_weight = self.label_weight(labels)[:, None].repeat(1, 3)
        core = torch.cat([log_prob[:, :3] * label_weight, log_prob[:, 3:n_core]], dim=1)
        out["flow_l"] = -s["flow_weight"] * core.mean()
        if log_prob.shape[1] > n_core:
            out["extra_l"] = -0.5 * s["flow_weight"] * log_prob[:, n_core:].clamp(min=-20.0).mean()
        out["flow_g"] = (
            -s["flow_weight"] * net.flow("gaia_xp").log_prob(_tensor(pairs.label_array(names_g)[rows]), c_g).mean()
        )
        if step >= s["scatter_from"]:
            d_l, d_g = c_l.detach(), c_g.detach()
            out["band"] = 0.1 * (
                scatter_loss(rec_l[:k] * std[:k] + mean[:k] - clean_l, net.lamost_scatter(d_l))
                + scatter_loss(rec_g[:k] - clean_g, net.xp_scatter(d_g))
                + scatter_loss(cross_g - free_g, net.xp_cross_scatter(d_l))
                + scatter_loss(cross_l - rest_l, net.lamost_cross_scatter(d_g))
            )
        return out, e_l[k:]


class Adapt(Align):
    """Fine-tuning on the labelled real plates, with simulated pairs replayed.

    The LAMOST factors of teff, logg, fe_h and rv learn from real labels here; alpha_fe and the element ratios, which no
    real label gives, go on with the simulated ones, and so does everything else that :class:`Align` teaches.
    """

    name = "adapt"

    def label_weight(self, labels: NDArray[Any]) -> Tensor:
        """Full weight where the real set has no stars, next to nothing where LASP's own scale is to be learned."""
        teff, logg, fe_h = labels[:, 0], labels[:, 1], labels[:, 2]
        outside = (teff < 4500) | (teff > 9500) | (fe_h < -1.8) | (fe_h > 0.3) | (logg < 1.8)
        return _tensor(np.where(outside, 1.0, self.settings["simulated_label_weight"]))

    def loss(self, step: int, rng: np.random.Generator) -> Losses:
        net, m, s, n = self.net, self.material, self.settings, int(self.settings["batch"])
        n_real = int(n * s["real_fraction"])
        pairs = rng.integers(0, len(m.pairs), n - n_real)
        flux, snr, rows, rv = m.real_lamost(n_real, rng, m.lamost_rows, noise=s["noise"], slope=s["slope"])
        out, embedding = self.pair_losses(pairs, (flux, snr), m.real_xp(n_real, rng), step)
        # LASP's labels are unreliable where the S/N is low: weight 1 above 30, falling to 0.2 at 5.
        weight = _tensor(np.clip(m.lamost.snrg[rows] / 30.0, 0.2, 1.0))
        log_prob = net.flow("lamost_lrs").log_prob(_tensor(m.lamost.labels[rows]), net.context(embedding, snr))
        # A wrong label must not pull without bound.
        out["flow_real"] = -s["real_weight"] * (log_prob.clamp(min=-8.0).mean(dim=1) * weight).mean()
        known = np.isfinite(rv)
        if net.flow("lamost_lrs").extra is not None and known.any():
            context = net.context(embedding, snr)[torch.from_numpy(known)]
            log_prob = net.flow("lamost_lrs").free_log_prob(_tensor(rv[known])[:, None], context)
            out["rv_real"] = -0.1 * s["real_weight"] * log_prob.clamp(min=-8.0).mean()
        return out


STAGES: dict[str, type[Stage]] = {c.name: c for c in (Pretrain, Align, Adapt)}
__all__ = ["STAGES", "Adapt", "Align", "Material", "Pretrain", "Stage", "relative_error", "scatter_loss"]
