"""Spectra of other releases and another instrument, never trained on: LAMOST DR1, DR8 repeats, SDSS templates."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpecvizError
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum
from specviz.training.data import find_material
from specviz.training.evaluation.bench import LABELS, Bench
from specviz.training.evaluation.scores import half_widths, label_scores, line_through, pair_chi2, pairs_within
from specviz.training.evaluation.types import SUBTYPES, subtype_number, temperature_of

#: S/N that the templates, averages of several stars, are read with.
_TEMPLATE_SNR = 100.0
#: Redraws of what differs between two visits, for its share of the errors; slopes as large as in training.
_REDRAWS, _SLOPE = 16, 0.01


def manifest(shared: Path, folder: str) -> list[dict[str, str]]:
    """Rows of ``MANIFEST.csv`` below a folder of the data."""
    with find_material(shared, "data/MANIFEST.csv").open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["path"].startswith(folder + "/")]


def dr1_transfer(bench: Bench) -> None:
    """LAMOST DR1 files (another layout, another version of LASP)."""
    folder = bench.shared / "data" / "lamost_dr1"
    with find_material(bench.shared, "data/lamost_dr1/labels.csv").open(newline="") as stream:
        labels = {row["filename"]: row for row in csv.DictReader(stream)}
    spectra, truth, snr = [], [], []
    for path in sorted(folder.glob("spec-*")):
        row = labels.get(path.name.removesuffix(".gz"))
        if row is None or not row["teff"] or not row["feh"]:
            continue
        try:
            spectrum = read(path).spectra["lamost_lrs"]
            bench.model.prepare(spectrum)
        except SpecvizError as error:
            bench.say(f"{path.name}: {error}")
            continue
        spectra.append(spectrum)
        truth.append([float(row[k]) for k in ("teff", "logg", "feh")])
        snr.append(float(row["snrg"]))
    samples, known = bench.samples(bench.encode_spectra(spectra)), np.asarray(truth)
    trusted = (known[:, 0] < 7000) & (np.asarray(snr) > 20)
    bench.say("\nTransfer to LAMOST DR1 (LASP of DR1; never trained on)")
    scores = label_scores(samples[trusted], known[trusted])
    bench.say_labels("teff < 7000 K, snrg > 20", scores)
    for i, (name, most) in enumerate(zip(LABELS, (120.0, 0.15, 0.11), strict=True)):
        bench.target(f"LAMOST DR1, MAE of {name}", scores.mae[i], high=most)


# ------------------------------------------------------------------ SDSS templates
@dataclass(frozen=True, eq=False)
class Templates:
    """Empirical templates (m): ``number`` of the subtype, ``metallicity`` bin (NaN: none), ``n`` spectra averaged."""

    spectra: tuple[Spectrum, ...]
    number: NDArray[np.int64]
    metallicity: NDArray[np.float64]
    n: NDArray[np.int64]

    @classmethod
    def load(cls, shared: Path) -> Templates:
        """Read ``data/sdss_templates/pyhammer_templates_lamostgrid.npz``."""
        with np.load(find_material(shared, "data/sdss_templates/pyhammer_templates_lamostgrid.npz")) as f:
            wave, flux, types, bins, n = (f[k] for k in ("wave_vac", "flux", "sptype", "feh_bin", "n_spectra"))
        spectra = []
        for row in flux.astype(np.float64):
            ivar = np.where(np.isfinite(row) & (row != 0), (_TEMPLATE_SNR / np.median(row)) ** 2, 0.0)
            spectra.append(Spectrum(wavelength=wave, flux=row, ivar=ivar, survey="sdss"))
        return cls(tuple(spectra), np.array([subtype_number(t) for t in types]), bins, n)


def sdss_templates(bench: Bench) -> None:
    """Empirical SDSS templates of each spectral type: another instrument, resolution and flux calibration.

    Teff has to fall along the types that lie inside the model's range, and [Fe/H] to follow the metallicity bins of
    the F, G and K templates: those of two spectra or more, in bins of the range that stars have (up to +0.5).
    """
    t = Templates.load(bench.shared)
    number, bins, n = t.number, t.metallicity, t.n
    median = np.median(bench.samples(bench.encode_spectra(t.spectra)), axis=1)
    bench.say(f"\nSDSS templates ({len(t.spectra)}; never trained on)")
    low, high = bench.model.describe().ranges["teff"]
    inside = (temperature_of(number) >= low) & (temperature_of(number) <= high)
    _say_types(bench, number, median[:, 0], inside)
    letters = np.array([SUBTYPES[i][0] for i in number])
    good = np.isfinite(bins) & (bins <= 0.5) & (n >= 2)
    middle = np.isin(letters, list("FGK"))
    for name, chosen in (
        *((f"  {c}", good & (letters == c)) for c in "AFGKM"),
        ("  F to K, any number of spectra and bin", np.isfinite(bins) & middle),
        ("F to K", good & middle),
    ):
        slope, offset, r = line_through(bins[chosen], median[chosen, 2])
        by_bin = ", ".join(
            f"{b:+.1f}: {np.median(median[chosen & (bins == b), 2]):+.2f}" for b in np.unique(bins[chosen])
        )
        bench.say(
            f"{name:<42} n={chosen.sum():<4} [Fe/H] slope {slope:.2f}, offset {offset:+.2f}, r {r:.2f} ({by_bin})"
        )
    slope = line_through(bins[good & middle], median[good & middle, 2])[0]
    bench.target("SDSS templates F to K, slope of [Fe/H] with the bin", slope, low=0.9, high=1.1)


def _say_types(bench: Bench, number: NDArray[Any], teff: NDArray[Any], inside: NDArray[np.bool_]) -> None:
    """Teff along the types: half classes in words, and what is asked of them."""
    from scipy.stats import spearmanr

    half = number // 5
    rows = []
    for h in np.unique(half):
        chosen = half == h
        name = f"{SUBTYPES[5 * h]}-{SUBTYPES[5 * h + 4][1]}"
        rows.append((name, float(np.median(teff[chosen])), bool(inside[chosen].mean() >= 0.5)))
    bench.say("median Teff of half classes: " + ", ".join(f"{n} {t:.0f}" + ("" if i else "*") for n, t, i in rows)
              + " (* types outside the model's range)")  # fmt: skip
    known = [t for _, t, i in rows if i]
    steps = np.diff(known)
    rho = float(spearmanr(number[inside], teff[inside]).statistic)
    off = np.log(teff[inside] / temperature_of(number[inside]))
    bench.say(
        f"inside the range ({inside.sum()} templates): Spearman {rho:.3f}; scatter about the dwarf scale of Pecaut & "
        f"Mamajek (2013) {100 * np.std(off):.1f} %, median {100 * np.median(off):+.1f} %"
    )
    bench.target("SDSS templates, largest rise of Teff from a half class to the next, K", float(steps.max()), high=0.0)
    bench.target("SDSS templates, Spearman of type and Teff", rho, high=-0.95)


# ------------------------------------------------------------------ repeated visits
def repeats(bench: Bench) -> None:
    """DR8 stars seen in several nights: chi2 of each pair of visits, (difference)^2 / (sum of the two variances).

    A posterior is of the label that LASP would give, so its width holds the scatter of LASP's labels and of the net
    about the star's own, which two visits share: chi2 stays below 1. The error of a visit alone is found by redrawing
    what changes from night to night, photon noise and the slope of the flux calibration: that chi2 has to be near 1.
    """
    spectra, ra, dec, snr = [], [], [], []
    for row in manifest(bench.shared, "lamost_dr8_repeats"):
        if not row["kind"].startswith("lamost_lrs"):
            continue
        spectra.append(read(bench.shared / "data" / row["path"]).spectra["lamost_lrs"])
        ra.append(float(row["ra"]))
        dec.append(float(row["dec"]))
        snr.append(float(row["snrg"] or 0))
    encodings = bench.encode_spectra(spectra)
    samples = bench.samples(encodings, n=2000)
    median, sigma = np.median(samples, axis=1), half_widths(samples)
    pairs, least = pairs_within(ra, dec), np.asarray(snr)
    least = least[pairs].min(axis=1)
    stars = len(_groups(pairs, len(spectra)))
    bench.say(f"\nRepeated visits, LAMOST DR8 ({len(spectra)} spectra of {stars} stars, {len(pairs)} pairs)")
    chi2 = pair_chi2(median, sigma, pairs)
    noise, visit = (pair_chi2(median, _visit_sigma(bench, encodings, slope), pairs) for slope in (0.0, _SLOPE))
    difference = median[pairs[:, 0]] - median[pairs[:, 1]]
    for i, name in enumerate(LABELS):
        at_snr = ", ".join(
            f"{name_of} {chi2[m, i].mean():.2f} ({m.sum()})"
            for name_of, low, high in (("S/N < 25:", 0, 25), ("25-40:", 25, 40), ("> 40:", 40, np.inf))
            if (m := (least >= low) & (least < high)).any()
        )
        bench.say(
            f"{name:<5} rms difference {np.sqrt(np.mean(difference[:, i] ** 2)):.3g}; mean and median chi2 of a pair: "
            f"{_mean_median(chi2[:, i])} with the posterior's width ({at_snr}); "
            f"{_mean_median(visit[:, i])} with the error of a visit, "
            f"{_mean_median(noise[:, i])} with its photon noise alone (a Gaussian has 1 and 0.45)"
        )
    for i, name in enumerate(LABELS):
        bench.target(f"repeated visits, chi2 per pair of {name}, posterior", chi2[:, i].mean(), high=1.3)
        bench.target(f"repeated visits, chi2 per pair of {name}, error of a visit", visit[:, i].mean(), low=0.5, high=2)


def _mean_median(values: NDArray[Any]) -> str:
    return f"{np.mean(values):.2f}, {np.median(values):.2f}"


def _groups(pairs: NDArray[np.int64], n: int) -> list[set[int]]:
    """Visits (rows) of each star that has a pair."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    return [set(np.flatnonzero(label == k).tolist()) for k in np.unique(label[pairs.ravel()])]


def _visit_sigma(bench: Bench, encodings: list[Any], slope: float) -> NDArray[np.float64]:
    """Scatter (n, 3) of the posterior medians when a visit's noise, and bends of 1 sigma ``slope``, are drawn again.

    The redrawn spectra hold the noise twice, so to first order the scatter is that of one visit. Bends are those of
    :meth:`~specviz.training.data.RealLamost.augmented`.
    """
    prepared = [p for e in encodings for p in e.prepared]
    values, ivar = np.stack([p.values for p in prepared]), np.stack([p.ivar for p in prepared])
    sigma = np.where(ivar > 0, 1 / np.sqrt(np.maximum(ivar, 1e-9)), 0.0)
    x, rng = np.linspace(-1, 1, values.shape[1]), np.random.default_rng(0)
    shapes = np.stack([x, 1.5 * x**2 - 0.5, np.sin(3 * x)])
    medians = []
    for _ in range(_REDRAWS):
        drawn = values + sigma * rng.standard_normal(values.shape)
        drawn *= 1 + rng.normal(0, slope, (len(values), 3)) @ shapes
        medians.append(np.median(bench.samples(bench.encode("lamost_lrs", drawn, ivar), n=300), axis=1))
    return np.asarray(np.std(medians, axis=0, ddof=1))
