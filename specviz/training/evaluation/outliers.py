"""What is no star of the training range must stand out: ROC curves of the out-of-distribution score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.anomaly import ReferenceScores, misfit
from specviz.errors import SpecvizError
from specviz.models.protocol import Encoding
from specviz.spectra.readers import read
from specviz.training.data import TEST
from specviz.training.evaluation.bench import Bench
from specviz.training.evaluation.scores import auc, roc
from specviz.training.evaluation.transfer import Templates, manifest
from specviz.training.evaluation.types import temperature_of

#: What the issue asks of simulated galaxies, sky-only and artefact spectra.
LEAST_AUC = 0.95
#: A real galaxy counts as flagged above this share of held-out stars.
FLAGGED = 99.0
TOO_COOL = "M and L templates, below the range (SDSS)"
Scores = tuple[NDArray[np.float64], NDArray[np.float64]]


def outliers(bench: Bench) -> None:
    """Area under the ROC curve against held-out real stars, and the rank of real galaxies and M dwarfs among them.

    Two scores: the model's own distance from its training set, and the anomaly score of a report, which takes the
    odder of that distance and of the misfit of the rebuilt spectrum.
    """
    from specviz.training.not_stars import not_stars

    flux, ivar = _held_out(bench)
    stars = _scores(bench, bench.encode("lamost_lrs", flux, ivar))
    bench.say(
        f"\nOut-of-distribution score: area under the ROC curve (AUC) against {len(flux)} held-out stars, snrg > 10"
    )
    curves: dict[str, Any] = {}
    artefacts: list[NDArray[np.float64]] = []
    made = not_stars(flux, ivar, bench.model.grids["lamost_lrs"], np.random.default_rng(0))
    for name, (values, weights) in made.items():
        odd = _scores(bench, bench.encode("lamost_lrs", values, weights))
        area = auc(odd[0], stars[0])
        report = auc(odd[1], stars[1])
        bench.say(f"{name:<42} n={len(values):<4} AUC {area:.3f}; anomaly score of a report {report:.3f}")
        curves[name] = (*roc(odd[0], stars[0]), area)
        if name.startswith("artefact"):
            artefacts.append(odd[0])
        else:
            bench.target(f"AUC of {name}", area, low=LEAST_AUC)
    bench.target("AUC of artefacts, all kinds", auc(np.concatenate(artefacts), stars[0]), low=LEAST_AUC)
    for name, encodings in real_outliers(bench):
        odd = _scores(bench, encodings)
        percentile = 100 * np.mean(stars[0][None] < odd[0][:, None], axis=1)
        area = auc(odd[0], stars[0])
        curves[name] = (*roc(odd[0], stars[0]), area)
        bench.say(
            f"{name:<42} n={len(percentile):<4} AUC {area:.3f}; anomaly score of a report "
            f"{auc(odd[1], stars[1]):.3f}; above "
            + (" ".join(f"{p:.0f}" for p in np.sort(percentile)) if len(percentile) < 6
               else f"{percentile.min():.0f} to {percentile.max():.0f}")
            + " % of the stars"
        )  # fmt: skip
        if name == TOO_COOL:
            bench.target(f"AUC of {name}", area, low=LEAST_AUC)
        if name == "galaxies (LAMOST DR7)":
            flagged = int(np.sum(percentile >= FLAGGED))
            bench.target("real galaxies flagged (above 99 % of the stars), of 3", flagged, low=3)
    if bench.figures is not None:
        from specviz.training.evaluation.figures import draw_roc

        draw_roc(curves, bench.figures / "outliers_roc.png")


def _held_out(bench: Bench) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Flux and ivar of the held-out real stars that everything else is compared with."""
    rows = bench.lamost.part(TEST)
    return bench.lamost.centred(rows[bench.lamost.snrg[rows] > 10])


def planted_outliers(bench: Bench, names: Sequence[str] | None = None) -> None:
    """Objects and faults of the simulated survey, all classes or ``names``, against the same real stars.

    The control, ordinary simulated stars, says how far simulated stars are from real ones. A fault counts in full only
    where it is visible in the model's window: nobody sees a broken red arm in 4000-5600 A.
    """
    from specviz.training.evaluation.planted import planted_classes

    stars = _scores(bench, bench.encode("lamost_lrs", *_held_out(bench)))
    bench.say("\nPlanted by the simulated survey: AUC against the same stars (faults: of all; of the visible ones)")
    faults: list[NDArray[np.float64]] = []
    for c in planted_classes(bench.model, names):
        odd = _scores(bench, [bench.model.embed(c.prepared)])
        area, report = (auc(o, s) for o, s in zip(odd, stars, strict=True))
        seen = ""
        if c.kind == "fault":
            seen = f"; {c.visible.sum()} visible"
            if c.visible.any():
                seen += f": {auc(odd[0][c.visible], stars[0]):.3f}, {auc(odd[1][c.visible], stars[1]):.3f}"
        bench.say(f"{c.name:<42} n={len(c.prepared):<4} AUC {area:.3f}; anomaly score of a report {report:.3f}{seen}")
        if c.kind == "galaxy" or c.name == "sky only":
            bench.target(f"AUC of {c.name}, planted", area, low=LEAST_AUC)
        elif c.kind == "fault":
            faults.append(odd[1][c.visible])
    if not faults:
        return
    bench.target("AUC of visible faults, planted, by the anomaly score", auc(np.concatenate(faults), stars[1]),
                 low=LEAST_AUC)  # fmt: skip


def _scores(bench: Bench, encodings: list[Encoding]) -> Scores:
    """The model's out-of-distribution score, and the anomaly score of a report; each (n,)."""
    ood = bench.ood(encodings)
    reference = ReferenceScores.of(bench.model, "lamost_lrs")
    odd = [misfit(p, r) for e in encodings for p, r in zip(e.prepared, bench.model.reconstruct(e), strict=True)]
    return ood, np.array([reference.scores(m, o)[0] for m, o in zip(odd, ood, strict=True)])


def real_outliers(bench: Bench) -> Iterator[tuple[str, list[Encoding]]]:
    """Real spectra: galaxies and M stars of several LAMOST releases, templates cooler than the training set."""
    groups: dict[str, list[Any]] = {"galaxies (LAMOST DR7)": [], "M stars (LAMOST)": []}
    folders = ("lamost_dr1", "lamost_dr7", "lamost_misc")
    for row in (r for folder in folders for r in manifest(bench.shared, folder)):
        if not row["kind"].startswith("lamost_lrs"):
            continue
        try:
            spectrum = read(bench.shared / "data" / row["path"]).spectra["lamost_lrs"]
            prepared = bench.model.prepare(spectrum)
        except (SpecvizError, KeyError):
            continue  # too short or too empty for the model: it says so itself, no score is needed
        kind = row["spectral_class"]
        if str(spectrum.meta.get("class", "")).upper() == "GALAXY":
            groups["galaxies (LAMOST DR7)"].append(prepared)
        elif kind[:1] == "M" or kind[:2] in ("dM", "gM"):
            groups["M stars (LAMOST)"].append(prepared)
    for name, members in groups.items():
        if members:
            yield name, [bench.model.embed(members[i : i + 128]) for i in range(0, len(members), 128)]
    templates = Templates.load(bench.shared)
    cool = temperature_of(templates.number) < bench.model.describe().ranges["teff"][0]
    yield TOO_COOL, bench.encode_spectra([s for s, c in zip(templates.spectra, cool, strict=True) if c])
