"""How good a tuned model is on stars that it did not learn from, beside simple ones; and its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.spectrafm.model import SpectraFM
from specviz.training.evaluation.spectrafm import figures
from specviz.training.own_stars import OwnStars
from specviz.training.spectrafm_finish import answered

Array = NDArray[np.float64]
#: Principal components of the ridge regression, at most.
COMPONENTS = 20
MEAN, RIDGE = "mean of the labels", "ridge regression"
#: {label: {method: {figure: value}}}
Figures = dict[str, dict[str, dict[str, float]]]


def pixel_table(stars: OwnStars, model: SpectraFM) -> Array:
    """Standardised pixels (n, L) on a common grid at rest, 0 (what is usual) where none was measured."""
    scale = model.weights.pixels[stars.prepared[0].survey][1]
    steps = [float(np.median(np.diff(np.log(p.wavelength)))) for p in stars.prepared]
    low = np.log(min(p.wavelength[0] for p in stars.prepared))
    high = np.log(max(p.wavelength[-1] for p in stars.prepared))
    grid = np.exp(np.arange(low, high, float(np.median(steps))))
    rows = []
    for one in stars.prepared:
        good = one.ivar > 0 if (one.ivar > 0).any() else np.isfinite(one.values)
        values = np.interp(grid, one.wavelength[good], one.values[good], left=np.nan, right=np.nan)
        rows.append(np.nan_to_num(scale.standardised(grid, values)))
    return np.stack(rows).astype(np.float64)


def ridge(stars: OwnStars, model: SpectraFM, learn: NDArray[np.bool_], test: NDArray[np.bool_]) -> dict[str, Array]:
    """Labels of the test rows by a ridge regression on the pixels' principal components: all that is linear."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV

    table, out = pixel_table(stars, model), {}
    for name, truth in stars.labels.items():
        rows = learn & np.isfinite(truth)
        pca = PCA(min(COMPONENTS, int(rows.sum()) - 1, table.shape[1]), random_state=0).fit(table[rows])
        made = RidgeCV(np.logspace(-1, 5, 13)).fit(pca.transform(table[rows]), truth[rows])
        out[name] = np.asarray(made.predict(pca.transform(table[test])), np.float64)
    return out


def measured(
    stars: OwnStars, base: SpectraFM, tuned: SpectraFM, learn: NDArray[np.bool_], test: NDArray[np.bool_]
) -> Figures:
    """Bias, scatter and errors of each label on the test rows.

    Parameters
    ----------
    stars : OwnStars
    base, tuned : SpectraFM
        As it was, and as it learned.
    learn, test : array of bool, shape (n,)
        Rows that were learned from (none: the simple methods are left out), and others.
    """
    spectra = [one for one, wanted in zip(stars.prepared, test, strict=True) if wanted]
    answers = {f"{base.name}, as it is": answered(base, spectra), "tuned": answered(tuned, spectra)}
    linear = ridge(stars, base, learn, test) if learn.any() else {}
    out: Figures = {}
    for name, values in stars.labels.items():
        truth, k = values[test], tuned.label_names.index(name)
        known = np.isfinite(truth)
        if not known.any():
            continue
        of: dict[str, dict[str, float]] = {}
        if linear:
            of[MEAN] = figures(np.full(int(known.sum()), np.nanmean(values[learn])), truth[known])
            of[RIDGE] = figures(linear[name][known], truth[known])
        for method, (value, error, _) in answers.items():
            of[method] = figures(value[known, k], truth[known], error[known, k])
        out[name] = {method: {"n": float(known.sum()), **found} for method, found in of.items()}
    return out


def as_lines(found: Figures) -> list[str]:
    """The table that is printed, and a sentence a label on what the tuning was worth."""
    lines = [f"{'':10s}{'':26s}{'n':>5s}{'bias':>9s}{'sigma':>9s}{'MAE':>9s}{'RMSE':>9s}{'in 1 sigma':>12s}"]
    for name, methods in found.items():
        for k, (method, of) in enumerate(methods.items()):
            digits = 0 if name == "teff" else 3
            cells = "".join(f"{of[c]:9.{digits}f}" for c in ("bias", "sigma", "mae", "rmse"))
            inside = f"{of['inside']:10.0f} %" if "inside" in of else ""
            lines.append(f"{'' if k else name:10s}{method:26s}{of['n']:5.0f}{cells}{inside}")
    return lines + verdicts(found)


def verdicts(found: Figures) -> list[str]:
    """Where a simple method is as good, that is said."""
    out = []
    for name, methods in found.items():
        own = methods["tuned"]["rmse"]
        beaten = [method for method, of in methods.items() if method != "tuned" and of["rmse"] <= own]
        if beaten:
            out.append(f"{name}: the tuned model is no better than {' or '.join(beaten)}; take that for this label")
    return out


def model_card(name: str, base: SpectraFM, facts: Mapping[str, Any], found: Figures, notes: Sequence[str]) -> str:
    """The card (Markdown): what it is, what it learned from, how good it is, what to beware of."""
    ranges = facts["ranges"]
    spans = "; ".join(f"{k} {low:g} to {high:g}" for k, (low, high) in ranges.items())
    card = base.describe()
    parts = [
        f"# {name}",
        f"{card.name} {card.version} (weights {card.weights_sha256[:16]}), taught by `specviz fine-tune` with the "
        f"spectra of `{facts['table']}`. Architecture and fine-tuning: Koblischke & Bovy (2024), arXiv:2411.04750.",
        "## What it learned from",
        f"* {facts['learned']} spectra taught it, {facts['held']} chose when to stop and set the width of its errors, "
        f"{facts['tested']} are the test below. The parts share no {facts['by']}. Seed {facts['seed']}, "
        f"{facts['steps']} steps.",
        f"* Labels of the stars that it saw: {spans}. Other labels that it gives were not taught for this instrument.",
        f"* Wavelengths at rest: {facts['window'][0]:.0f} to {facts['window'][1]:.0f} Angstrom, vacuum.",
        *(f"* {note}" for note in notes[:20]),
        "## How good it is",
        "On the spectra of the test. `sigma` is 1.4826 times the median absolute deviation; `in 1 sigma` should be "
        "68 %.",
        "```\n" + "\n".join(as_lines(found)) + "\n```" if found else "No spectra were kept for a test.",
        "## Beware",
        "* Outside of the ranges above it guesses, and its errors there are too small; nothing in an answer says so.",
        "* The errors were set with few spectra, so they are themselves uncertain.",
        "* A label is as good as the ones it was taught: their offsets are learned too.",
        "## Use",
        f'`specviz.explore(star, model="{facts["folder"]}")`; '
        f"`specviz evaluate --model {facts['folder']}` measures it again.",
    ]
    return "\n\n".join(parts).replace("\n\n* ", "\n* ") + "\n"
