"""From a trained network to the files that ship: weights with reference scores, and their SHA-256."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.analysis.anomaly import misfit
from specviz.errors import SpecvizError
from specviz.models.checkpoint_reader import save_weights
from specviz.models.protocol import Prepared
from specviz.models.specclip.model import WEIGHTS_FORMAT, SpecClipSmall, neighbour_distance
from specviz.models.specclip.signal import log_snr
from specviz.models.specclip.small import SmallNet
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, WIDE_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.training.calibrate import dust_curve
from specviz.training.data import TRAIN, RealLamost, RealXp, SimulatedPairs

#: Training embeddings kept for the out-of-distribution score, and reference scores kept for percentiles.
N_NEIGHBOURS, N_SCORES = 2000, 1500
#: E(B-V) of the survey's stars: mean and spread of what the simulation draws, near its bulk.
EBV_PRIOR = (0.08, 0.09)
#: Dimensions of the whitened embedding; the rest is noise of the training.
WHITE_DIMENSIONS = 24

Sample = tuple[str, NDArray[np.float32], NDArray[np.float32]]  # survey, values, ivar


def export(net: SmallNet, recipe: dict[str, Any], lamost: RealLamost, xp: RealXp, held_out: SimulatedPairs, path: Path,
           training: SimulatedPairs) -> str:  # fmt: skip
    """Write the weights (float16) with their reference sets; returns the SHA-256 and puts it in ``SHA256SUMS``."""
    round_to_half(net)
    reference = {
        "lamost_lrs": reference_scores(net, *_lamost_samples(lamost, training, held_out)),
        "gaia_xp": reference_scores(net, *_xp_samples(xp, training, held_out)),
    }
    reference["gaia_xp"]["dust"] = dust_curve()
    ranges = {n: np.percentile(training.labels[n], (0.2, 99.8)).round(3).tolist() for n in net.flow("lamost_lrs").names}
    card = {
        "version": recipe["version"],
        "release": "LAMOST DR10, Gaia DR3",
        "ranges": ranges,
        "rest_frame": True,
        "ebv_prior": EBV_PRIOR,
        "notes": {
            "lamost_lrs": dict.fromkeys(net.flow("lamost_lrs").names[3:], "learned from simulated spectra only")
            | {"rv": "LAMOST pipeline's velocities", "n_fe": "simulated spectra only; measured in cool giants alone"},
            "gaia_xp": dict.fromkeys(net.flow("gaia_xp").names, "learned from simulated spectra only"),
        },
    }
    return write_weights(net, reference, card, path)


def round_to_half(net: SmallNet) -> None:
    """Round the matrices to float16: reference scores must be those of the weights as shipped."""
    net.load_state_dict({k: v.float() if v.dtype == torch.float16 else v for k, v in _stored(net).items()})
    net.eval()


def _stored(net: SmallNet) -> dict[str, torch.Tensor]:
    return {k: v.half() if v.is_floating_point() and v.ndim > 1 else v for k, v in net.state_dict().items()}


def write_weights(net: SmallNet, reference: Mapping[str, Mapping[str, NDArray[Any]]], card: Mapping[str, Any],
                  path: Path) -> str:  # fmt: skip
    """Net, reference arrays by survey, and card into one file; the SHA-256, which also goes into ``SHA256SUMS``."""
    tensors = _stored(net)
    for survey, arrays in reference.items():
        for name, array in arrays.items():
            kind = np.float16 if name == "embeddings" else np.float32
            tensors[f"reference.{survey}.{name}"] = torch.from_numpy(np.ascontiguousarray(array.astype(kind)))
    metadata = {"format": WEIGHTS_FORMAT, "config": json.dumps(net.small.to_dict()), "card": json.dumps(card)}
    digest = save_weights(path, tensors, metadata)
    _record(path, digest)
    return digest


def with_measured_labels(net: SmallNet, keep: Sequence[str]) -> SmallNet:
    """The same net with the first of LAMOST's extra labels only: what comes after them does not change their posterior.

    The rest was learned beside them but is hardly measured (the posterior is as wide as the prior).
    """
    old = net.flow("lamost_lrs")
    assert old.extra is not None
    n, k = old.n_core, len(keep)
    if tuple(keep) != old.names[n : n + k]:
        raise SpecvizError(f"The extra labels {', '.join(keep)} cannot be kept",
                           expected="the first of " + ", ".join(old.names[n:]))  # fmt: skip
    rows = torch.cat((torch.arange(k), old.extra.n_labels + torch.arange(k)))  # means, then log scales
    state = net.state_dict()
    head = "flows.lamost_lrs."
    for name in ("output.weight", "output.bias"):
        state[f"{head}extra.{name}"] = state[f"{head}extra.{name}"][rows]
    state[f"{head}extra.core_weight"] = state[f"{head}extra.core_weight"][:k]
    state[f"{head}extra.lower_weight"] = state[f"{head}extra.lower_weight"][:k, :k]
    for name in ("offset", "spread", "temperature"):
        state[head + name] = state[head + name][: n + k]
    out = SmallNet(replace(net.small, extra_labels={"lamost_lrs": tuple(keep)}))
    out.load_state_dict(state)
    return out.eval()


def _record(path: Path, digest: str) -> None:
    sums = path.parent / "SHA256SUMS"
    kept = [x for x in sums.read_text().splitlines() if x.split("  ")[-1] != path.name] if sums.is_file() else []
    sums.write_text("\n".join([*kept, f"{digest}  {path.name}"]) + "\n")


def _lamost_samples(lamost: RealLamost, training: SimulatedPairs, held_out: SimulatedPairs) -> tuple[Sample, Sample]:
    """Training and held-out stars, half of them real as far as they reach."""
    rows = lamost.part(TRAIN)
    flux, ivar = lamost.centred(rows)
    n = N_NEIGHBOURS - len(rows)
    train = ("lamost_lrs", np.concatenate([flux, training.lamost[:n].astype(np.float32)]),
             np.concatenate([ivar, training.lamost_ivar[:n].astype(np.float32)]))  # fmt: skip
    rows = np.flatnonzero((lamost.split != TRAIN) & (lamost.snrg > 20))
    flux, ivar = lamost.centred(rows)
    bright = np.flatnonzero(held_out.lamost_log_snr > np.log10(20))[: N_SCORES - len(rows)]
    test = ("lamost_lrs", np.concatenate([flux, held_out.lamost[bright].astype(np.float32)]),
            np.concatenate([ivar, held_out.lamost_ivar[bright].astype(np.float32)]))  # fmt: skip
    return train, test


def _xp_samples(xp: RealXp, training: SimulatedPairs, held_out: SimulatedPairs) -> tuple[Sample, Sample]:
    real = np.flatnonzero(~xp.test)[: N_NEIGHBOURS // 2]
    n = N_NEIGHBOURS - len(real)
    train = (
        "gaia_xp",
        np.concatenate([xp.flux[real], training.xp[:n]]),
        np.concatenate([xp.ivar[real], training.xp_ivar[:n]]),
    )
    real = np.flatnonzero(xp.test & (log_snr(xp.flux, xp.ivar) > np.log10(20)))
    bright = np.flatnonzero(held_out.xp_log_snr > np.log10(20))[: N_SCORES - len(real)]
    test = (
        "gaia_xp",
        np.concatenate([xp.flux[real], held_out.xp[bright]]),
        np.concatenate([xp.ivar[real], held_out.xp_ivar[bright]]),
    )
    return train, test


def prepared_batch(survey: str, values: NDArray[np.float32], ivar: NDArray[np.float32]) -> list[Prepared]:
    """Arrays on the model's grid as the model's own input objects."""
    wide = values.shape[1] == WIDE_WAVELENGTH.size
    wave = XP_WAVELENGTH_NM if survey == "gaia_xp" else WIDE_WAVELENGTH if wide else SPECCLIP_WAVELENGTH
    return [Prepared(survey, wave, v, w, 1.0) for v, w in zip(values, ivar, strict=True)]


def reference_scores(net: SmallNet, train: Sample, test: Sample) -> dict[str, NDArray[Any]]:
    model = SpecClipSmall(net, {}, {})

    def vectors(sample: Sample) -> NDArray[np.float32]:
        batches = [
            prepared_batch(sample[0], sample[1][i : i + 128], sample[2][i : i + 128])
            for i in range(0, len(sample[1]), 128)
        ]
        return np.concatenate([model.embed(b).vectors for b in batches])

    known = vectors(train).astype(np.float64)
    centre = known.mean(axis=0)
    _, s, axes = np.linalg.svd(known - centre, full_matrices=False)
    k = min(WHITE_DIMENSIONS, len(s))
    whiten = axes[:k].T / (s[:k] / np.sqrt(len(known)))
    embeddings = ((known - centre) @ whiten).astype(np.float16).astype(np.float64)
    scores = []
    for i in range(0, len(test[1]), 128):
        batch = prepared_batch(test[0], test[1][i : i + 128], test[2][i : i + 128])
        encoding = model.embed(batch)
        scores += [misfit(p, r) for p, r in zip(batch, model.reconstruct(encoding), strict=True)]
    whiten, centre = whiten.astype(np.float32), centre.astype(np.float32)
    ood = neighbour_distance(vectors(test), centre, whiten, embeddings)
    return {"misfit": np.asarray(scores), "ood": ood, "embeddings": embeddings, "centre": centre, "whiten": whiten}
