"""Before training: the scales of labels. After it: posteriors and error bands that cover what they claim."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.specclip.signal import log_snr
from specviz.models.specclip.small import SmallNet
from specviz.simulate.gaia_xp import XPSimulator
from specviz.spectra.grids import XP_REFERENCE_INDEX, XP_WAVELENGTH_NM
from specviz.training.cross_fit import Fold
from specviz.training.data import VALIDATION, RealLamost, RealXp, SimulatedPairs
from specviz.training.validate import contexts, posterior_samples


def standardise_flows(net: SmallNet, pairs: SimulatedPairs) -> None:
    """Offsets and spreads of the labels, from the simulated stars."""
    for survey in net.flows:
        flow = net.flow(survey)
        raw = flow.raw(torch.from_numpy(pairs.label_array(flow.names)))
        flow.offset.copy_(raw.mean(dim=0))
        flow.spread.copy_(raw.std(dim=0))


def coverage(samples: NDArray[np.float64], labels: NDArray[np.float32], level: float) -> NDArray[np.float64]:
    """Fraction of stars whose label lies in the central ``level`` interval of its posterior, a label; (n_labels,).

    ``samples`` (n, S, n_labels), ``labels`` (n, n_labels).
    """
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return np.asarray(((labels >= low) & (labels <= high)).mean(axis=0))


def calibrate(net: SmallNet, lamost: RealLamost, real_xp: RealXp, pairs: SimulatedPairs, folds: Sequence[Fold] = ()
              ) -> None:  # fmt: skip
    """Fit temperatures of the flows and scales of the bands on stars that no gradient saw.

    The temperature of a label is the factor on the base normal at which the central 68 % interval covers 68 % of the
    stars. LAMOST's teff, logg and fe_h: real stars (S/N > 20) of the validation plates, and of the training plates as
    the nets of ``folds`` saw them, which were trained without (:mod:`specviz.training.cross_fit`); rv: the validation
    plates; everything else: simulated validation stars.
    """
    rows = lamost.part(VALIDATION)
    rows = rows[lamost.snrg[rows] > 20]
    flow = net.flow("lamost_lrs")
    flow.temperature.fill_(1.0)
    groups = [(n, contexts(n, *lamost.centred(r)), lamost.labels[r]) for n, r in [(net, rows), *folds]]
    _fit_temperatures(groups, "lamost_lrs", range(3))
    simulated = {
        "lamost_lrs": contexts(net, pairs.lamost.astype(np.float32), pairs.lamost_ivar.astype(np.float32)),
        "gaia_xp": contexts(net, pairs.xp, pairs.xp_ivar, "gaia_xp"),
    }
    # Labels that no real star has, given the true other labels: each factor alone.
    z = _base_values(net, "lamost_lrs", simulated["lamost_lrs"], pairs.label_array(flow.names))
    for i in range(3, len(flow.names)):
        flow.temperature[i] = float(np.quantile(np.abs(z[:, i]), 0.683))
    if flow.extra is not None and flow.extra.free:
        known = np.isfinite(lamost.rv[rows])
        at = flow.n_core
        samples = posterior_samples(net, groups[0][1][torch.from_numpy(known)], "lamost_lrs", 256)[..., at]
        low, centre, high = np.quantile(samples, (0.16, 0.5, 0.84), axis=1)
        ratio = np.quantile(np.abs(lamost.rv[rows][known] - centre) / (0.5 * (high - low)), 0.683)
        flow.temperature[at] = float(np.clip(flow.temperature[at].item() * ratio, 0.5, 5.0))
    xp = net.flow("gaia_xp")
    xp.temperature.fill_(1.0)
    few = slice(0, 600)  # enough for a width to 3 %, and each round draws posteriors of all of them
    group = (net, simulated["gaia_xp"][few], pairs.label_array(xp.names)[few])
    _fit_temperatures([group], "gaia_xp", range(len(xp.names)))
    _fit_bands(net, pairs, simulated)
    _widen_bands_to_real(net, lamost, real_xp)


def deviations(samples: NDArray[np.float64], labels: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far labels (n, k) lie from the medians of their posteriors ``samples`` (n, S, k); NaN for unknown labels.

    In units of the half width, on the label's side, of the interval that holds 68 % of the posterior.
    """
    low, centre, high = np.quantile(samples, (0.16, 0.5, 0.84), axis=1)
    side = np.where(labels > centre, high - centre, centre - low)
    return np.asarray(np.abs(labels - centre) / np.maximum(side, 1e-9))


def _fit_temperatures(
    groups: Sequence[tuple[SmallNet, torch.Tensor, NDArray[np.float32]]], survey: str, which: range
) -> None:
    """One temperature a label for all nets of ``groups`` (net, contexts, labels)."""
    k = slice(which.start, which.stop)
    for _ in range(5):  # a label's marginal also depends on the temperatures of the labels before it
        ratios = []
        for net, context, labels in groups:
            ratios.append(deviations(posterior_samples(net, context, survey, 256)[..., k], labels[:, k]))
        ratio = torch.from_numpy(np.quantile(np.concatenate(ratios), 0.683, axis=0)).float()
        value = (groups[0][0].flow(survey).temperature[k] * ratio).clamp(0.5, 3.0)
        for net, _, _ in groups:
            net.flow(survey).temperature[k] = value


@torch.no_grad()
def _base_values(net: SmallNet, survey: str, context: torch.Tensor, labels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Labels mapped to the base normal, (n, n_labels); standard normal where the flow is right."""
    flow = net.flow(survey)
    y, c = flow.standardise(torch.from_numpy(labels)), flow.condition(context)
    columns = []
    for i in range(flow.n_core):
        spline, shift, log_scale = flow.factor(i).spline(c, y[:, :i] if i else None)
        columns.append(spline((y[:, i] - shift) * torch.exp(-log_scale)))
    z = torch.stack(columns, dim=1)
    if flow.extra is not None:
        n = flow.n_core
        z = torch.cat((z, flow.extra.base(y[:, n:], c, y[:, :n])), dim=1)
    return z.numpy().astype(np.float64)


@torch.no_grad()
def _fit_bands(net: SmallNet, pairs: SimulatedPairs, context: dict[str, torch.Tensor]) -> None:
    """Scale each decoder's standard deviation so that one sigma covers 68 % of the clean pixels of simulated stars.

    Stars whose spectrum that was read has S/N > 20: where the figures are quoted, and where bands are looked at.
    """
    net.band_scale.fill_(1.0)
    bright = [np.asarray(s > np.log10(20)) for s in (pairs.lamost_log_snr, pairs.xp_log_snr)]
    read = (bright[0], bright[1], bright[1], bright[0])
    for i, ((flux, sigma, truth), rows) in enumerate(zip(band_material(net, pairs, context), read, strict=True)):
        rows = rows if rows.sum() > 20 else np.ones_like(rows)
        ratio = (np.abs(flux - truth) / sigma)[rows]
        net.band_scale[i] = float(np.clip(np.quantile(ratio, 0.683), 0.5, 3.0))


@torch.no_grad()
def _widen_bands_to_real(net: SmallNet, lamost: RealLamost, xp: RealXp) -> None:
    """Widen the reconstruction bands until band and noise together cover 68 % of the pixels of real spectra.

    LAMOST: validation plates; XP: spectra that are not held out. Never narrower than simulated stars ask for.
    """
    d = net.config.embed_dim
    bright = np.flatnonzero(~xp.test & (log_snr(xp.flux, xp.ivar) > np.log10(20)))
    for i, survey, flux, ivar in (
        (0, "lamost_lrs", *lamost.centred(lamost.trusted(VALIDATION))),
        (1, "gaia_xp", xp.flux[bright], xp.ivar[bright]),
    ):
        c = contexts(net, flux, ivar, survey)
        mean, sigma = (t.numpy() for t in net.reconstruct_normalised(c[:, :d], c[:, d], torch.from_numpy(flux), survey))
        good = ivar > 0
        residual, band, noise = np.abs(flux - mean)[good], sigma[good], 1 / ivar[good]
        low, high = 1.0, 4.0
        for _ in range(12):
            middle = 0.5 * (low + high)
            if np.mean(residual < np.sqrt(noise + (middle * band) ** 2)) < 0.683:
                low = middle
            else:
                high = middle
        net.band_scale[i] *= low if low > 1.01 else 1.0


def dust_curve() -> NDArray[np.float64]:
    """k(lambda) - k(550 nm) on the XP grid, magnitudes per unit E(B-V), R_V = 3.1 (Gordon et al. 2023); (343,)."""
    curve = XPSimulator().extinction_curve(XP_WAVELENGTH_NM * 10.0)
    return np.asarray(curve - curve[XP_REFERENCE_INDEX])


@torch.no_grad()
def band_material(net: SmallNet, pairs: SimulatedPairs, context: dict[str, torch.Tensor]
                  ) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:  # fmt: skip
    """Predicted flux, its sigma and the truth, each (n, L), in the order of ``SmallNet.band_scale``.

    The truth is clean; for the predictions of the other survey at rest, and with the drawn dust taken off by the mean
    dust law, as a user would do who knows E(B-V): the scatter of R_V belongs to the band.
    """
    d = net.config.embed_dim
    c_l, c_g = context["lamost_lrs"], context["gaia_xp"]
    x_l, x_g = torch.from_numpy(pairs.lamost.astype(np.float32)), torch.from_numpy(pairs.xp)
    clean_l, clean_g = pairs.lamost_clean.astype(np.float32), pairs.xp_clean
    predicted = [
        net.reconstruct_normalised(c_l[:, :d], c_l[:, d], x_l, "lamost_lrs"),
        net.reconstruct_normalised(c_g[:, :d], c_g[:, d], x_g, "gaia_xp"),
        net.translate_normalised(c_g[:, :d], c_g[:, d], "lamost_lrs"),
        net.translate_normalised(c_l[:, :d], c_l[:, d], "gaia_xp"),
    ]
    off = 10.0 ** (0.4 * pairs.labels["ebv"][:, None] * dust_curve())
    truths = (clean_l, clean_g, pairs.lamost_rest.astype(np.float32), (clean_g * off).astype(np.float32))
    return [(f.numpy(), s.numpy(), t) for (f, s), t in zip(predicted, truths, strict=True)]
