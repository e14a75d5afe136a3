"""What DESA's weights carry beside the networks: conformal widths, errors, and the stars drawn behind a star."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.desa.look import Background
from specviz.models.desa.model import conformal
from specviz.models.desa.networks import (
    AGE_LEVELS,
    DIAGRAM_UNIT,
    LEVELS,
    LIGHT_CURVE_LABELS,
    SPECTRUM_LABELS,
    UNIT,
    DesaNet,
    Features,
    catalogue_vector,
    disagreement,
    eigenfeatures,
)
from specviz.models.desa.spectrum_views import spectrum_view
from specviz.training.data import TRAIN, RealLamost
from specviz.training.desa_stages import BLOCK, encoded, scaled, task_truth
from specviz.training.desa_stars import Stars
from specviz.training.real_stars import training_file_stars

Array = NDArray[np.float64]
#: Real stars that calibrate: below this temperature (K), above this S/N in g.
HOTTEST, LEAST_SNR = 7000.0, 20.0
#: Labels of the background that a panel may colour by.
SHOWN = ("teff", "logg", "fe_h", "age", "prot", "radius", "luminosity", "colour", "abs_mag", "ruwe", "young")


def heads_of(net: DesaNet, features: Features, latent: Tensor) -> dict[str, Array]:
    """Outputs (n, OUTPUTS) of the four heads with tasks: each encoder's own, of both, of both with catalogue values."""
    with torch.inference_mode():
        out = {
            "spectrum": net.net.spectrum_head(features.spectrum),
            "light_curve": net.net.light_curve_head(features.light_curve),
            "both": _joint(net, features, None)[0],
            "with": _joint(net, features, latent)[0],
        }
    return {k: v.double().numpy() for k, v in out.items()}


def places(net: DesaNet, features: Features, latent: Tensor | None) -> tuple[Array, Array]:
    """Positions (n, D) in the eigenspace, and how far spectrum and light curve disagree (n,)."""
    with torch.inference_mode():
        _, eigen, off = _joint(net, features, latent)
    return eigen.double().numpy(), off.double().numpy()


def _joint(net: DesaNet, features: Features, latent: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    tasks, eigen, off = [], [], []
    dual = net.dual(latent is not None)
    for i, part in enumerate(features.split(BLOCK)):
        aligned, found = net.answer(part, None if latent is None else latent[i * BLOCK : (i + 1) * BLOCK])
        assert found is not None
        tasks.append(found)
        eigen.append(eigenfeatures(dual, aligned))
        off.append(disagreement(aligned))
    return torch.cat(tasks), torch.cat(eigen), torch.cat(off)


def widths(predicted: Array, truth: Array, levels: tuple[float, ...]) -> list[float]:
    """What each pair of quantiles (n, Q) must be widened by to cover as often as its levels say (Romano et al. 2019).

    Outermost pair first. In the label's scaled unit; negative where the pair was too wide.
    """
    ordered = np.sort(predicted, axis=1)
    known = np.isfinite(truth)
    out = []
    for i in range(len(levels) // 2):
        score = np.maximum(ordered[:, i] - truth, truth - ordered[:, -1 - i])[known]
        share = min(1.0, (1.0 - 2.0 * levels[i]) * (1.0 + 1.0 / max(score.size, 1)))
        out.append(float(np.quantile(score, share)))
    return out


def temperature(logit: Array, truth: Array) -> float:
    """What logits are divided by so that the probabilities are as often right as they say (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    sign = np.where(truth > 0.5, 1.0, -1.0)
    found = minimize_scalar(
        lambda t: float(np.logaddexp(0.0, -sign * logit / np.exp(t)).mean()), bounds=(-2.0, 2.0), method="bounded"
    )
    return float(np.exp(found.x))


def calibrated(net: DesaNet, stars: Stars, seed: int) -> dict[str, Any]:
    """``conformal``, ``temperature`` and ``diagram_error`` of the card, from stars that nothing was trained on."""
    features = encoded(net, stars)[0]
    outputs = heads_of(net, features, catalogue_vector(stars.catalogue(np.random.default_rng(seed))))
    truth = task_truth(stars).double().numpy()
    n = len(AGE_LEVELS)
    told: dict[str, Any] = {"conformal": {}, "temperature": {}, "diagram_error": {}}
    for head, raw in outputs.items():
        told["conformal"][f"tasks.{head}.age"] = widths(raw[:, 1 : 1 + n], truth[:, 1], AGE_LEVELS)
        told["temperature"][head] = temperature(raw[:, 0], truth[:, 0])
        spread = np.array([s for _, s in DIAGRAM_UNIT])
        rms = np.sqrt(np.mean((raw[:, 1 + n :] - truth[:, 2:]) ** 2, axis=0)) * spread
        told["diagram_error"][head] = [float(x) for x in rms]
    with torch.inference_mode():
        for word, names, module, given in (
            ("spectrum", SPECTRUM_LABELS, net.spectrum_labels, features.spectrum),
            ("light_curve", LIGHT_CURVE_LABELS, net.light_curve_labels, features.light_curve),
        ):
            found, known = module(given).double().numpy(), scaled(stars, names).double().numpy()
            for i, name in enumerate(names):
                told["conformal"][f"{word}.{name}"] = widths(found[:, i], known[:, i], LEVELS)
    return told


def real_widths(net: DesaNet, shared: Path, n: int, seed: int) -> dict[str, list[float]]:
    """``conformal`` of the spectrum's teff, logg and fe_h from real LAMOST stars and LASP's labels.

    Simulated stars make these intervals too narrow for real ones. The stars are of the plates that other models train
    on; DESA trains on no real star, and is measured on other plates.

    Parameters
    ----------
    net : DesaNet
    shared : path
        Of the shared materials.
    n, seed : int
        How many stars of :data:`HOTTEST` K at most and S/N above :data:`LEAST_SNR`, and how they are drawn.
    """
    real = RealLamost.load(shared)
    good = (real.split == TRAIN) & (real.labels[:, 0] < HOTTEST) & (real.snrg > LEAST_SNR)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(good))[:n]
    stars = list(training_file_stars(shared, rows.tolist()))
    views = torch.from_numpy(np.stack([spectrum_view(star.spectra["lamost_lrs"]) for star in stars]))
    with torch.no_grad():
        found = torch.cat([net.spectrum_labels(net.of_spectrum(v)) for v in views.split(BLOCK)]).double().numpy()
    out = {}
    for i, name in enumerate(("teff", "logg", "fe_h")):
        centre, scale = UNIT[name]
        known = (np.array([star.catalogue[name] for star in stars]) - centre) / scale
        out[f"spectrum.{name}"] = widths(found[:, i], known, LEVELS)
    return out


def flat_map(eigen: Array, seed: int) -> Array:
    """UMAP of positions in the eigenspace, (n, 2), centred and of unit spread."""
    import warnings

    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that a seed means one thread, which is what is wanted
        found = umap.UMAP(n_neighbors=20, min_dist=0.15, random_state=seed).fit_transform(eigen)
    found = np.asarray(found, np.float64)
    return np.asarray((found - found.mean(0)) / found.std(0).mean())


def backgrounds(net: DesaNet, stars: Stars, seed: int) -> dict[bool, Background]:
    """Validation stars as both DualFormers see them."""
    features = encoded(net, stars)[0]
    vector = catalogue_vector(stars.catalogue(np.random.default_rng(seed)))
    labels = {name: np.asarray(stars.labels[name], np.float64) for name in SHOWN}
    out = {}
    for latent in (False, True):
        eigen, off = places(net, features, vector if latent else None)
        out[latent] = Background(flat_map(eigen, seed), eigen, off, stars.kind, labels)
    return out


def covered(predicted: Array, truth: Array, levels: tuple[float, ...], width: list[float] | None) -> float:
    """Share of stars whose label lies between the outermost quantiles."""
    found = conformal(predicted, width)
    known = np.isfinite(truth)
    return float(np.mean((truth >= found[:, 0])[known] & (truth <= found[:, -1])[known])) if known.any() else np.nan
