"""``specviz train --hdf5 FILE``: weights from a user's own pairs, without any other material.

The same recipe file, stages, checkpoints and logs as for the model that ships; what differs is in
:mod:`specviz.training.official_stages` (losses) and here (calibration, the card, the figures of the test group).
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import SpecvizError
from specviz.models.specclip.small import SmallConfig, SmallNet
from specviz.training.calibrate import deviations
from specviz.training.data import SimulatedPairs
from specviz.training.loop import run_stage
from specviz.training.official_layout import Survey
from specviz.training.official_pairs import OwnData, load_own_data
from specviz.training.official_stages import (
    OWN_STAGES,
    SURVEYS,
    label_config,
    labels_of,
    own_validator,
    pair_tensors,
    standardise_own_flows,
)
from specviz.training.validate import posterior_samples

#: Stars on which calibration and figures are measured, and that a temperature needs.
_N_STARS, _MIN_STARS = 2000, 30
#: The decoders in the order of ``SmallNet.band_scale``: what is predicted, from what.
_BANDS: tuple[tuple[Survey, Survey], ...] = (
    ("lamost_lrs", "lamost_lrs"), ("gaia_xp", "gaia_xp"), ("lamost_lrs", "gaia_xp"), ("gaia_xp", "lamost_lrs"),
)  # fmt: skip
_LEVEL = 0.6827
#: What every stage reads from the recipe, and what those on pairs read besides.
_SETTINGS = ("steps", "batch", "lr", "warmup", "weight_decay", "average", "report_every")
_PAIR_SETTINGS = ("clip_weight", "cross_weight", "flow_weight", "scatter_from")


def train_own(recipe: dict[str, Any], files: Sequence[str | Path], runs: Path, weights: Path, *,
              progress: bool = True) -> str:  # fmt: skip
    """All stages on own files (those done are taken from ``runs``), calibration, weights; returns their SHA-256.

    Parameters
    ----------
    recipe : dict
        As of :func:`specviz.training.recipe.read_recipe`; ``save_every`` (seconds, 120) says how often checkpoints
        are written.
    files : sequence of path
        One of pairs and, if wanted, encoder files, in the official layout.
    runs : Path
        Checkpoints, converted spectra, logs (``pretrain.csv`` ...) and ``test.csv``.
    weights : Path

    Raises
    ------
    SpecvizError
        For files or a recipe that cannot be used; if ``runs`` belongs to another training.
    """
    check_recipe(recipe)
    runs.mkdir(parents=True, exist_ok=True)
    data = load_own_data(files, runs / "cache", progress=progress)
    _claim(runs, recipe, data)
    _say(f"{len(data.train):,} pairs to train, {len(data.validation):,} to validate, {len(data.test):,} to test; "
         f"labels: {', '.join(data.labels) or 'none'}", *data.notes)  # fmt: skip
    seed, save_every = int(recipe["seed"]), float(recipe.get("save_every", 120.0))
    torch.manual_seed(seed)
    net = SmallNet(SmallConfig(**{**recipe["network"], **label_config(data.labels)}))
    standardise_own_flows(net, data.train)
    validator = own_validator(data, recipe["adapt"])
    for number, (name, stage) in enumerate(OWN_STAGES.items()):
        run_stage(stage(net, data, recipe[name]), runs, seed=seed + 100 * number, progress=progress,
                  validate=validator if name == "adapt" else None, save_every=save_every)  # fmt: skip
    net.eval()
    uncalibrated = calibrate_own(net, data)
    digest = export_own(net, recipe, data, [Path(p).name for p in files], weights, uncalibrated)
    _report(measure_own(net, data), runs / "test.csv")
    return digest


def check_recipe(recipe: dict[str, Any]) -> None:
    """Everything that the stages will read is there, before anything long begins.

    Raises
    ------
    SpecvizError
        With the names that are missing or not known.
    """
    if recipe["data"].get("wide") or recipe["network"].get("lamost_pixels", 1462) != 1462:
        raise SpecvizError("The recipe is for the wide LAMOST range", expected="1462 pixels, as in the official layout",
                           remedy="Use specclip_small.toml")  # fmt: skip
    sizes = {f.name for f in fields(SmallConfig)} - {"labels", "extra_labels"}
    if unknown := sorted(set(recipe["network"]) - sizes):
        raise SpecvizError("The section network of the recipe has " + ", ".join(unknown),
                           expected="only " + ", ".join(sorted(sizes)))  # fmt: skip
    for name in OWN_STAGES:
        needed = _SETTINGS + (() if name == "pretrain" else _PAIR_SETTINGS)
        if wrong := [k for k in needed if type(recipe[name].get(k)) not in (int, float)]:
            raise SpecvizError(f"The section {name} of the recipe lacks numbers for " + ", ".join(wrong),
                               remedy="Compare with specclip_small.toml")  # fmt: skip


def _claim(runs: Path, recipe: dict[str, Any], data: OwnData) -> None:
    """Checkpoints of one training must not be continued with another recipe or other data."""
    keep = {k: recipe[k] for k in ("name", "version", "seed", "network", *OWN_STAGES)}
    text = json.dumps([keep, data.key], sort_keys=True, default=str)
    mark, digest = runs / "training.sha256", hashlib.sha256(text.encode()).hexdigest()
    if mark.exists() and mark.read_text().strip() != digest:
        raise SpecvizError(f"{runs} holds a training with another recipe or other files",
                           remedy="Pass another folder with --runs, or delete this one")  # fmt: skip
    if not mark.exists() and any(runs.glob("*.pt")):
        raise SpecvizError(f"{runs} holds checkpoints of another training", remedy="Pass another folder with --runs")
    mark.write_text(digest + "\n")


def _say(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)


# ---------------------------------------------------------------------------------------------- calibration
@torch.no_grad()
def _contexts(net: SmallNet, pairs: SimulatedPairs, rows: NDArray[np.int64]) -> dict[Survey, Tensor]:
    parts: dict[Survey, list[Tensor]] = {k: [] for k in SURVEYS}
    for i in range(0, len(rows), 128):
        flux, _, snr = pair_tensors(pairs, rows[i : i + 128])
        for k in SURVEYS:
            parts[k].append(net.context(net.encode(flux[k], k), snr[k]))
    return {k: torch.cat(v) for k, v in parts.items()}


def _some(pairs: SimulatedPairs) -> NDArray[np.int64]:
    """Rows spread over all of them, at most 2,000."""
    return np.unique(np.linspace(0, len(pairs) - 1, _N_STARS).round().astype(np.int64))


def calibrate_own(net: SmallNet, data: OwnData) -> list[str]:
    """Fit the temperatures of the labels and the scales of the bands on the validation stars.

    Returns the labels that too few of them have: their posteriors are as they were learned.
    """
    pairs, rows = data.validation, _some(data.validation)
    context, missed = _contexts(net, pairs, rows), set[str]()
    for k in SURVEYS:
        if k not in net.flows:
            continue
        flow, labels = net.flow(k), labels_of(pairs, net.flow(k), rows)
        flow.temperature.fill_(1.0)
        for _ in range(3):  # a label's marginal depends on the temperatures of those before it
            samples = posterior_samples(net, context[k], k, 256)
            off = deviations(samples, labels)
            for i, name in enumerate(flow.names):
                at = np.isfinite(labels[:, i])
                if at.sum() < _MIN_STARS:
                    missed.add(name)
                    continue
                ratio = float(np.quantile(off[at, i], _LEVEL))
                flow.temperature[i] = float(np.clip(flow.temperature[i].item() * ratio, 0.5, 5.0))
    _fit_bands(net, data, rows, context)
    return sorted(missed)


@torch.no_grad()
def predictions(net: SmallNet, pairs: SimulatedPairs, rows: NDArray[np.int64], context: dict[Survey, Tensor],
                to: Survey, source: Survey) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Flux and its sigma (n, L) of a survey from the spectra of the same or of the other one."""
    d, c = net.config.embed_dim, context[source]
    if to == source:
        flux, sigma = net.reconstruct_normalised(c[:, :d], c[:, d], pair_tensors(pairs, rows)[0][to], to)
    else:
        flux, sigma = net.translate_normalised(c[:, :d], c[:, d], to)
    return flux.numpy(), sigma.numpy()


def _truth(data: OwnData, pairs: SimulatedPairs, rows: NDArray[np.int64], survey: Survey
           ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:  # fmt: skip
    """Observed flux, variance of its noise (0 where unknown), and which pixels count; each (n, L)."""
    flux, ivar, _ = pair_tensors(pairs, rows)
    if survey not in data.has_ivar:
        return flux[survey].numpy(), np.zeros_like(ivar[survey].numpy()), np.ones(flux[survey].shape, bool)
    good = ivar[survey].numpy() > 0
    return flux[survey].numpy(), np.where(good, 1.0 / np.maximum(ivar[survey].numpy(), 1e-12), 0.0), good


def _fit_bands(net: SmallNet, data: OwnData, rows: NDArray[np.int64], context: dict[Survey, Tensor]) -> None:
    """Scale each decoder's sigma until it and the noise together cover 68 % of the pixels of the validation stars."""
    net.band_scale.fill_(1.0)
    for i, (to, source) in enumerate(_BANDS):
        flux, sigma = predictions(net, data.validation, rows, context, to, source)
        truth, noise, good = _truth(data, data.validation, rows, to)
        residual, band, variance = np.abs(flux - truth)[good], sigma[good], noise[good]
        low, high = 0.02, 20.0
        for _ in range(14):
            middle = float(np.sqrt(low * high))
            inside = float(np.mean(residual < np.sqrt(variance + (middle * band) ** 2)))
            low, high = (middle, high) if inside < _LEVEL else (low, middle)
        net.band_scale[i] = float(np.sqrt(low * high))


# ---------------------------------------------------------------------------------------------- the weights
def export_own(net: SmallNet, recipe: dict[str, Any], data: OwnData, files: Sequence[str], path: Path,
               uncalibrated: Iterable[str] = ()) -> str:  # fmt: skip
    """Write the weights (float16) with their reference scores; returns the SHA-256, also put into ``SHA256SUMS``."""
    from specviz.training.export import N_NEIGHBOURS, N_SCORES, reference_scores, round_to_half, write_weights

    round_to_half(net)
    reference: dict[str, dict[str, NDArray[Any]]] = {}
    for survey in SURVEYS:
        known = _sample(data.train, survey, N_NEIGHBOURS, least=0)
        typical = _sample(data.test, survey, N_SCORES, least=20)
        reference[survey] = reference_scores(net, known, typical)
    values = {k: v[np.isfinite(v)] for k, v in data.train.labels.items()}
    remark = dict.fromkeys(uncalibrated, "width not calibrated: too few validation stars have it")
    card = {
        "version": f"{recipe['version']}+{hashlib.sha256(data.key.encode()).hexdigest()[:8]}",
        "release": ", ".join(files),
        "ranges": {k: np.percentile(v, (0.2, 99.8)).astype(float).round(3).tolist() for k, v in values.items()},
        "rest_frame": False,
        "notes": {s: {k: v for k, v in remark.items() if k in net.flow(s).names} for s in net.small.labels},
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_weights(net, reference, card, path)


def _sample(pairs: SimulatedPairs, survey: Survey, n: int, least: float
            ) -> tuple[str, NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Up to ``n`` stars, those above S/N ``least`` first; survey, flux, ivar."""
    snr = pairs.lamost_log_snr if survey == "lamost_lrs" else pairs.xp_log_snr
    bright = np.flatnonzero(snr > np.log10(least)) if least else np.arange(len(snr))
    rows = bright if len(bright) >= 8 else np.argsort(-snr, kind="stable")[: max(8, len(bright))]
    rows = np.sort(rows[np.unique(np.linspace(0, len(rows) - 1, n).round().astype(np.int64))])
    flux, ivar, _ = pair_tensors(pairs, rows)
    return survey, flux[survey].numpy(), ivar[survey].numpy()


# ---------------------------------------------------------------------------------------------- the figures
def measure_own(net: SmallNet, data: OwnData) -> list[tuple[str, float]]:
    """What the test group says: errors and coverage of the labels, translation, retrieval; (name, value)."""
    pairs, rows = data.test, _some(data.test)
    context, d = _contexts(net, pairs, rows), net.config.embed_dim
    out: list[tuple[str, float]] = [("stars", float(len(rows)))]
    for k in (s for s in SURVEYS if s in net.flows):
        labels, samples = labels_of(pairs, net.flow(k), rows), posterior_samples(net, context[k], k, 256)
        low, centre, high = np.quantile(samples, (0.5 - _LEVEL / 2, 0.5, 0.5 + _LEVEL / 2), axis=1)
        for i, name in enumerate(net.flow(k).names):
            at = np.isfinite(labels[:, i])
            if at.any():
                error = np.abs(labels[at, i] - centre[at, i])
                inside = (labels[at, i] >= low[at, i]) & (labels[at, i] <= high[at, i])
                out += [(f"{k} {name} MAE", float(error.mean())), (f"{k} {name} in 68 %", float(inside.mean()))]
    for to, source in _BANDS[2:]:
        flux, sigma = predictions(net, pairs, rows, context, to, source)
        truth, noise, good = _truth(data, pairs, rows, to)
        error, inside = np.abs(flux - truth)[good], np.abs(flux - truth) < np.sqrt(sigma**2 + noise)
        out += [(f"{source} to {to} median |error|", float(np.median(error))),
                (f"{source} to {to} in 68 %", float(inside[good].mean()))]  # fmt: skip
    unit = {k: torch.nn.functional.normalize(c[:, :d], dim=1) for k, c in context.items()}
    likeness = unit["lamost_lrs"] @ unit["gaia_xp"].T
    rank = (likeness > likeness.diagonal()[:, None]).sum(dim=1).double() + 1
    out += [("retrieval top-1", float((rank <= 1).double().mean())),
            ("retrieval top-10", float((rank <= 10).double().mean())),
            ("retrieval median rank", float(rank.median()))]  # fmt: skip
    return out


def _report(figures: list[tuple[str, float]], path: Path) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("figure", "value"))
        writer.writerows((name, f"{value:.6g}") for name, value in figures)
    _say("On the test group:", *(f"  {name:44} {value:.4g}" for name, value in figures))
