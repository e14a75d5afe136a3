"""Before training: the scales of labels. After it: posteriors and error bands that cover what they claim."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.specclip.signal import log_snr
from specviz.models.specclip.small import SmallNet
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


def calibrate(net: SmallNet, lamost: RealLamost, real_xp: RealXp, pairs: SimulatedPairs) -> None:
    """Fit temperatures of the flows and scales of the bands on stars that no gradient saw.

    The temperature of a label is the factor on the base normal at which the central 68 % interval covers 68 % of the
    stars: real validation plates (S/N > 20) for LAMOST's teff, logg and fe_h, simulated validation stars for the rest.
    """
    rows = lamost.part(VALIDATION)
    rows = rows[lamost.snrg[rows] > 20]
    real = contexts(net, *lamost.centred(rows))
    flow = net.flow("lamost_lrs")
    flow.temperature.fill_(1.0)
    _fit_temperatures(net, "lamost_lrs", real, lamost.labels[rows], range(3))
    simulated = {
        "lamost_lrs": contexts(net, pairs.lamost.astype(np.float32), pairs.lamost_ivar.astype(np.float32)),
        "gaia_xp": contexts(net, pairs.xp, pairs.xp_ivar, "gaia_xp"),
    }
    names = flow.names
    if len(names) > 3:
        # alpha_fe given the true other labels: its own factor alone.
        z = _base_values(net, "lamost_lrs", simulated["lamost_lrs"], pairs.label_array(names))[:, 3]
        flow.temperature[3] = float(np.quantile(np.abs(z), 0.683))
    xp = net.flow("gaia_xp")
    xp.temperature.fill_(1.0)
    few = slice(0, 400)  # enough for a width to 4 %, and each round draws posteriors of all of them
    _fit_temperatures(net, "gaia_xp", simulated["gaia_xp"][few], pairs.label_array(xp.names)[few], range(len(xp.names)))
    _fit_bands(net, pairs, simulated)
    _widen_bands_to_real(net, lamost, real_xp)


def _fit_temperatures(
    net: SmallNet, survey: str, context: torch.Tensor, labels: NDArray[np.float32], which: range
) -> None:
    flow = net.flow(survey)
    for _ in range(4):  # a label's marginal also depends on the temperatures of the labels before it
        for i in which:
            samples = posterior_samples(net, context, survey, 256)[..., i]
            centre = np.median(samples, axis=1)
            # Ratio of the deviation to the half width of the interval that holds 68 % of the posterior.
            low, high = np.quantile(samples, (0.16, 0.84), axis=1)
            side = np.where(labels[:, i] > centre, high - centre, centre - low)
            ratio = float(np.quantile(np.abs(labels[:, i] - centre) / np.maximum(side, 1e-9), 0.683))
            flow.temperature[i] = float(np.clip(flow.temperature[i].item() * ratio, 0.5, 3.0))


@torch.no_grad()
def _base_values(net: SmallNet, survey: str, context: torch.Tensor, labels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Labels mapped to the base normal, (n, n_labels); standard normal where the flow is right."""
    flow = net.flow(survey)
    y, c = flow.standardise(torch.from_numpy(labels)), flow.condition(context)
    columns = []
    for i in range(len(flow.names)):
        spline, shift, log_scale = flow.factor(i).spline(c, y[:, :i] if i else None)
        columns.append(spline((y[:, i] - shift) * torch.exp(-log_scale)))
    return torch.stack(columns, dim=1).numpy().astype(np.float64)


@torch.no_grad()
def _fit_bands(net: SmallNet, pairs: SimulatedPairs, context: dict[str, torch.Tensor]) -> None:
    """Scale each decoder's standard deviation so that one sigma covers 68 % of the clean pixels of simulated stars."""
    net.band_scale.fill_(1.0)
    for i, (flux, sigma, truth) in enumerate(band_material(net, pairs, context)):
        ratio = np.abs(flux - truth) / sigma
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


@torch.no_grad()
def band_material(net: SmallNet, pairs: SimulatedPairs, context: dict[str, torch.Tensor]
                  ) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:  # fmt: skip
    """Predicted flux, its sigma and the clean truth, each (n, L), in the order of ``SmallNet.band_scale``."""
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
    truths = (clean_l, clean_g, clean_l, clean_g)
    return [(f.numpy(), s.numpy(), t) for (f, s), t in zip(predicted, truths, strict=True)]
