"""Simulation-based calibration of the posteriors, and the same on real plates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.training.data import TEST
from specviz.training.evaluation.bench import LABELS, Bench
from specviz.training.evaluation.scores import covered, label_scores, ranks, uniformity

#: Samples a star, and stars: 20 bins of ranks need no more, and a posterior of fifteen labels takes its time.
_SAMPLES, _MOST = 399, 2048
_SURVEYS = (("lamost_lrs", "LAMOST"), ("gaia_xp", "Gaia XP"))


def calibration(bench: Bench) -> None:
    """Ranks of the true labels among posterior samples: uniform where posteriors are calibrated, for every label.

    The simulated stars are drawn as the training set was, so this is simulation-based calibration (Talts et al. 2018).
    From LAMOST, teff, logg and fe_h were moved to LASP's scale by the real labels and are calibrated there: their
    ranks are shown for real held-out stars too.
    """
    pairs, say = bench.pairs, bench.say
    n = min(_MOST, len(pairs))
    say(
        f"\nCalibration on {n} held-out simulated stars (KS: largest distance of the ranks from uniform; "
        f"{len(np.unique(pairs.index[:n]))} grid stars repeat, so ranks are not independent and p is too small)"
    )
    histograms: dict[str, dict[str, NDArray[np.float64]]] = {}
    for survey, shown in _SURVEYS:
        names = tuple(n for n in bench.labels(survey) if n in pairs.labels)
        truth = pairs.label_array(names)
        place, rows, inside = [], 0, []
        error = []
        for encoding in bench.pair_encodings[survey]:
            if rows >= _MOST:
                break
            samples = bench.samples([encoding], names, n=_SAMPLES)
            part = truth[rows : rows + len(encoding)]
            rows += len(encoding)
            place.append(ranks(samples, part))
            inside.append(np.stack([covered(samples, part, level) for level in (0.6827, 0.9545)]))
            error.append(np.abs(np.median(samples, axis=1) - part))
        found = np.concatenate(place)
        cover = 100 * np.concatenate(inside, axis=1).mean(axis=1)
        mae = np.concatenate(error).mean(axis=0)
        prior = np.abs(truth[:rows] - np.median(truth[:rows], axis=0)).mean(axis=0)
        for i, name in enumerate(names):
            _say_ranks(bench, f"{shown} {name}", found[:, i], cover[:, i],
                       f"MAE {mae[i]:.3g}, of the prior {prior[i]:.3g}")  # fmt: skip
        histograms[f"{shown}, simulated"] = {name: found[:, i] for i, name in enumerate(names)}
    histograms["LAMOST, held-out plates"] = _real(bench)
    if bench.figures is not None:
        from specviz.training.evaluation.figures import draw_ranks

        draw_ranks(histograms, bench.figures / "calibration.png")


def _real(bench: Bench) -> dict[str, NDArray[np.float64]]:
    """The same ranks for LASP's labels of held-out plates, S/N > 20."""
    lamost = bench.lamost
    rows = lamost.trusted(TEST)
    encodings = bench.encode("lamost_lrs", *lamost.centred(rows))
    names, truth = list(LABELS), lamost.labels[rows]
    samples = bench.samples(encodings, names, n=999)
    found, scores = ranks(samples, truth), label_scores(samples, truth)
    bench.say(f"On held-out plates (n={len(rows)}; LASP teff < 7000 K, snrg > 20)")
    for i, name in enumerate(names):
        cover = 100 * np.array([scores.cover68[i], scores.cover95[i]])
        _say_ranks(bench, f"LAMOST {name}", found[:, i], cover, f"MAE {scores.mae[i]:.3g}", bins=10)
    return {name: found[:, i] for i, name in enumerate(names)}


def _say_ranks(bench: Bench, name: str, found: NDArray[Any], cover: NDArray[Any], error: str, bins: int = 20) -> None:
    u = uniformity(found, bins)
    bench.say(
        f"{name:<18} 68 %: {cover[0]:3.0f}, 95 %: {cover[1]:3.0f}; KS {u.ks:.3f} (p {u.ks_p:.2g}), "
        f"chi2 {u.chi2:.0f} of {u.degrees} (p {u.chi2_p:.2g}); mean rank {np.mean(found):.2f}; {error}"
    )
