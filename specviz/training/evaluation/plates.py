"""Held-out LAMOST plates: errors, coverage, and the nets that the foundation route has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.training.data import TEST
from specviz.training.evaluation.bench import LABELS, Bench
from specviz.training.evaluation.scores import LabelScores, covered, label_scores

#: What a newer model has to keep on trusted stars: mean absolute error of teff (K), logg, fe_h.
BAR = (120.0, 0.11, 0.08)
#: The stretch aim.
STRETCH = (90.0, 0.09, 0.06)
#: Coverage asked of the 68 and the 95 % interval, per cent.
COVER68, COVER95 = (63.0, 73.0), (92.0, 98.0)
#: Seeds of the small reference net, whose scores are averaged.
SEEDS = 3


def held_out_plates(bench: Bench) -> LabelScores:
    """Real plates that no training saw; trusted stars have LASP teff < 7000 K and snrg > 20."""
    lamost, say = bench.lamost, bench.say
    rows = lamost.trusted(TEST)
    plates = len(set(lamost.planid[lamost.part(TEST)]))
    say(f"\nHeld-out LAMOST DR10 plates ({plates} plates; LASP teff < 7000 K, snrg > 20)")
    encodings = bench.encode("lamost_lrs", *lamost.centred(rows))
    samples, truth = bench.samples(encodings), lamost.labels[rows]
    scores = label_scores(samples, truth)
    bench.say_labels(bench.name, scores)
    error = np.sort(np.abs(np.median(samples[..., 0], axis=1) - truth[:, 0]))
    say(f"the four largest teff residuals (over {error[-4]:.0f} K) make {error[-4:].sum() / len(rows):.0f} K of it")
    parts: tuple[tuple[str, NDArray[np.bool_]], ...] = (
        ("snrg 20-50", lamost.snrg[rows] <= 50),
        ("snrg > 50", lamost.snrg[rows] > 50),
        ("teff < 5300 K", truth[:, 0] < 5300),
        ("teff 5300-6300 K", (truth[:, 0] >= 5300) & (truth[:, 0] < 6300)),
        ("teff 6300-7000 K", truth[:, 0] >= 6300),
    )
    for name, inside in parts:
        bench.say_labels("  " + name, label_scores(samples[inside], truth[inside]))
    _say_alpha(bench, encodings, truth[:, 2])
    _say_velocity(bench, encodings, rows)
    everything = lamost.part(TEST)
    encodings = bench.encode("lamost_lrs", *lamost.centred(everything))
    bench.say_labels("all held-out stars", label_scores(bench.samples(encodings), lamost.labels[everything]))
    for i, name in enumerate(LABELS):
        bench.target(f"held-out plates, MAE of {name}", scores.mae[i], high=BAR[i])
    for i, name in enumerate(LABELS):
        bench.target(f"held-out plates, 68 % interval of {name}, %", 100 * scores.cover68[i], low=63, high=73)
        bench.target(f"held-out plates, 95 % interval of {name}, %", 100 * scores.cover95[i], low=92, high=98)
    reached = [name for i, name in enumerate(LABELS) if scores.mae[i] <= STRETCH[i]]
    say(f"  stretch aim {STRETCH[0]:.0f} K / {STRETCH[1]} / {STRETCH[2]}: reached in {', '.join(reached) or 'none'}")
    return scores


def _say_alpha(bench: Bench, encodings: list[Any], fe_h: NDArray[Any]) -> None:
    if "alpha_fe" not in bench.labels("lamost_lrs"):
        return
    alpha = np.median(bench.samples(encodings, ("alpha_fe",))[..., 0], axis=1)
    parts = [
        f"{np.median(alpha[m]):+.2f} ({m.sum()})"
        for m in (fe_h > -0.2, (fe_h <= -0.2) & (fe_h > -0.7), fe_h <= -0.7)
        if m.any()
    ]
    bench.say("median [alpha/Fe] at [Fe/H] > -0.2, -0.7 to -0.2, < -0.7: " + ", ".join(parts))


def _say_velocity(bench: Bench, encodings: list[Any], rows: NDArray[np.int64]) -> None:
    """Radial velocities against the pipeline's, where it gives one."""
    if "rv" not in bench.labels("lamost_lrs"):
        return
    truth = bench.lamost.rv[rows][:, None]
    known = np.isfinite(truth[:, 0])
    samples = bench.samples(encodings, ("rv",))[known]
    s = label_scores(samples, truth[known])
    bench.say(
        f"radial velocity, n={s.n}: MAE {s.mae[0]:.1f} km/s, median {s.typical[0]:.1f}, bias {s.bias[0]:+.1f}; "
        f"68 % interval covers {100 * s.cover68[0]:.0f} %, 95 %: {100 * s.cover95[0]:.0f} %"
    )


def reference_nets(bench: Bench, *, steps: int | None = None) -> dict[str, tuple[float, ...]]:
    """Nets trained on the labelled training plates alone: the mean absolute errors the foundation route has to beat.

    PCA (80) with a small MLP, mean of three seeds; and a supervised net of the same size as the model under
    evaluation (:mod:`specviz.training.supervised`), kept under ``bench.runs``.
    """
    from specviz.training.reference_net import pca_mlp
    from specviz.training.supervised import supervised_samples

    lamost = bench.lamost
    rows = lamost.trusted(TEST)
    truth = lamost.labels[rows]
    bench.say("\nTrained on the labelled training plates alone, scored on the same held-out stars")
    mine = label_scores(bench.samples(bench.encode("lamost_lrs", *lamost.centred(rows))), truth)
    bench.say_labels(bench.name, mine)
    mae = np.mean([np.abs(pca_mlp(lamost, rows, seed) - truth).mean(axis=0) for seed in range(SEEDS)], axis=0)
    bench.say(
        f"{f'PCA(80) + MLP, mean of {SEEDS} seeds':<36} n={len(rows):<5} MAE {mae[0]:6.1f} K {mae[1]:.3f} {mae[2]:.3f}"
    )
    small = getattr(getattr(bench.model, "_net", None), "small", None)
    found = {"PCA + MLP": tuple(float(x) for x in mae)}
    if small is not None:
        plain = label_scores(supervised_samples(small, lamost, rows, bench.runs, steps=steps), truth)
        bench.say_labels("plain supervised net of the same size", plain)
        found["supervised net"] = tuple(float(x) for x in plain.mae)
    for other, values in found.items():
        for i, name in enumerate(LABELS):
            bench.target(f"MAE of {name} over that of the {other}", mine.mae[i] / values[i], high=1.0)
    return found


def coverage_by_plate(bench: Bench, level: float = 0.6827) -> dict[str, NDArray[np.float64]]:
    """Share of trusted held-out stars inside the central interval, (3,) for each plate with five stars or more."""
    rows = bench.lamost.trusted(TEST)
    inside = covered(bench.samples(bench.encode("lamost_lrs", *bench.lamost.centred(rows))), bench.lamost.labels[rows],
                     level)  # fmt: skip
    plate = bench.lamost.planid[rows]
    return {str(p): inside[plate == p].mean(axis=0) for p in np.unique(plate) if (plate == p).sum() >= 5}
