"""How well 28 labels are fitted: ``python -m specviz.training.evaluation.abundances --shared ../shared``.

Simulated observations of test stars of the grid (never seen by the emulator; artefacts and calibration errors
included) beside ridge regression and gradient boosting; real stars of held-out plates against LASP; stars that LAMOST
saw in several nights against themselves; the Cramer-Rao bounds of two stars; and the time a fit takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpecvizError
from specviz.models.phdlspec.bounds import STRONG_LABELS, cramer_rao
from specviz.models.phdlspec.calibration import LabelCalibration
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.fitted import fitter_of
from specviz.models.phdlspec.fitting import LabelFit, LabelFitter, fit_many
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.starting import first_guess
from specviz.spectra.frames import C_KM_S
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum
from specviz.training.data import TEST
from specviz.training.emulator_evaluate import SYNTHESIS_SECONDS
from specviz.training.evaluation.abundance_baselines import Observed, baselines, observe_grid
from specviz.training.evaluation.scores import robust_sigma
from specviz.training.real_stars import training_file_stars

Array = NDArray[np.float64]
_SAME = 3.0 / 3600.0  # degrees: two visits of one star
#: Of the stars that most is asked of: teff (K), and the least fe_h.
_CORE_TEFF, _CORE_FE_H = (4500.0, 7000.0), -1.0
#: What the publication quotes for self-recovery by element, dex.
_QUOTED = (0.05, 0.3)
#: Two stars whose bounds the synthetic material's README gives.
_BOUNDS = {
    "red clump": {"teff": 4800.0, "logg": 2.45, "fe_h": 0.0, "vmic": 1.5},
    "Sun": {"teff": 5772.0, "logg": 4.44, "fe_h": 0.0, "vmic": 1.0},
}


def fit_all(spectra: Sequence[Spectrum], emulator: Emulator) -> tuple[list[LabelFit | None], dict[str, float]]:
    """Each spectrum fitted from a first guess of its own, None where it cannot be; and seconds a star."""
    began = time.monotonic()
    fitters: list[LabelFitter] = []
    starts, places = [], []
    for i, spectrum in enumerate(spectra):
        try:
            fitter = fitter_of(emulator, spectrum)
        except SpecvizError:
            continue
        fitters.append(fitter)
        starts.append(first_guess(fitter, spectrum).start)
        places.append(i)
    guessed = time.monotonic()
    found: list[LabelFit | None] = [None] * len(spectra)
    for i, fit in zip(places, fit_many(fitters, starts), strict=True):
        found[i] = fit
    n = max(len(fitters), 1)
    return found, {"guess": (guessed - began) / n, "fit": (time.monotonic() - guessed) / n}


def say_fits(found: Sequence[LabelFit | None], seconds: Mapping[str, float]) -> None:
    """One line: how many, how they ended, and how long they took."""
    fits = [f for f in found if f is not None]
    print(
        f"  {len(fits)} fitted, {len(found) - len(fits)} refused, {sum(f.converged for f in fits)} converged, "
        f"chi2 / dof {np.median([f.chi2 / f.dof for f in fits]):.2f}; a star: {seconds['guess']:.2f} s for the first "
        f"guess, {seconds['fit']:.2f} s for the fit"
    )


def spectra_of(seen: Observed) -> list[Spectrum]:
    """As a person hands them in; the velocity that came with them is not told."""
    return [
        Spectrum(seen.wave, flux, ivar, ivar <= 0, survey="lamost_lrs")
        for flux, ivar in zip(seen.flux, seen.ivar, strict=True)
    ]


def in_core(labels: Mapping[str, Array]) -> NDArray[np.bool_]:
    low, high = _CORE_TEFF
    return np.asarray((labels["teff"] > low) & (labels["teff"] < high) & (labels["fe_h"] > _CORE_FE_H))


def recovery(
    seen: Observed, emulator: Emulator, others: Mapping[str, Callable[[Observed], dict[str, Array]]]
) -> dict[str, float]:
    """The table of one S/N; returns sigma of each label of the core stars."""
    found, seconds = fit_all(spectra_of(seen), emulator)
    say_fits(found, seconds)
    kept = np.array([f is not None for f in found])
    fits = [f for f in found if f is not None]
    core = in_core(seen.labels)
    guesses = {name: predict(seen) for name, predict in others.items()}
    print(
        f"  {int(kept.sum())} stars, of them {int((core & kept).sum())} core (4500-7000 K, [Fe/H] > -1). sigma = "
        "1.4826 MAD; offset, error, pull and gain are the core's; grid: sigma of its true values"
    )
    heads = "".join(f"{name + (' core' if k else ''):>15s}" for name in guesses for k in (0, 1))
    print(
        f"  {'label':8s}{'all':>9s}{'core':>9s}{'offset':>9s}{'error':>9s}{'pull':>7s}{'gain':>7s}{heads}{'grid':>9s}"
    )
    sigma = {}
    for name in (*LABEL_NAMES, "rv"):
        truth = seen.labels[name]
        off = np.full(len(truth), np.nan)
        error, gain = off.copy(), off.copy()
        off[kept] = np.array([f[name] for f in fits]) - truth[kept]
        error[kept], gain[kept] = [f.errors[name] for f in fits], [f.gain[name] for f in fits]
        at = core & kept
        sigma[name] = robust_sigma(off[at])
        line = f"  {name:8s}{robust_sigma(off[kept]):9.3f}{sigma[name]:9.3f}"
        line += f"{np.median(off[at]):9.3f}{np.median(error[at]):9.3f}"
        line += f"{robust_sigma(off[at] / error[at]):7.2f}{np.median(gain[at]):7.1f}"
        for values in guesses.values():
            if name in values:
                away = values[name] - truth
                line += f"{robust_sigma(away[kept]):15.3f}{robust_sigma(away[at]):15.3f}"
            else:
                line += f"{'-':>15s}{'-':>15s}"
        print(line + f"{robust_sigma(truth[at]):9.3f}")
    return sigma


def say_verdict(sigma: Mapping[str, float], snr: float) -> None:
    """Which elements are as well recovered as the publication says of its own."""
    elements = [n for n in LABEL_NAMES if n.endswith("_fe")] + ["fe_h"]
    low, high = _QUOTED
    groups = {
        f"better than {low:g} dex": [n for n in elements if sigma[n] < low],
        f"{low:g} to {high:g} dex": [n for n in elements if low <= sigma[n] <= high],
        f"worse than {high:g} dex": [n for n in elements if sigma[n] > high],
    }
    print(f"  Core stars at S/N {snr:g}: " + "; ".join(f"{k}: {', '.join(v) or 'none'}" for k, v in groups.items()))


def say_bounds(emulator: Emulator, snr: float = 50.0) -> None:
    """Cramer-Rao bounds of two stars: what the continuum, the other labels and the prior change."""
    print(f"Cramer-Rao bounds, S/N {snr:g} in every pixel, white noise: 18 labels and a known continuum; 18 labels and "
          "the fit's continuum; all 28 and the seeing, with the prior:")  # fmt: skip
    names = ("teff", "logg", "fe_h", "c_fe", "n_fe", "o_fe", "mg_fe", "ca_fe", "ti_fe", "ba_fe")
    for star, labels in _BOUNDS.items():
        columns = [
            cramer_rao(emulator, labels, snr, free=STRONG_LABELS, continuum=False, prior=False),
            cramer_rao(emulator, labels, snr, free=STRONG_LABELS, prior=False),
            cramer_rao(emulator, labels, snr),
        ]
        print(f"  {star}: " + ", ".join(f"{n} " + " | ".join(f"{c[n]:.3g}" for c in columns) for n in names))


def real(shared: Path, emulator: Emulator, n: int, seed: int, calibration: LabelCalibration | None = None) -> None:
    """Held-out plates, S/N > 50, cooler than 7500 K, against LASP; also with the offsets of a calibration."""
    from specviz.training.plates import split_plates

    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as file:
        split = split_plates(file["planid"], file["ra"], file["dec"])
        rows = np.flatnonzero((split == TEST) & (file["snrg"] > 50) & (file["teff"] < 7500))
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:n])
    stars = list(training_file_stars(shared, rows))
    found, seconds = fit_all([s.spectra["lamost_lrs"] for s in stars], emulator)
    say_fits(found, seconds)
    pairs = [(f, s) for f, s in zip(found, stars, strict=True) if f is not None]
    for name in ("teff", "logg", "fe_h"):
        off = np.array([f[name] - float(s.catalogue[name]) for f, s in pairs])
        error = float(np.median([f.errors[name] for f, _ in pairs]))
        line = (
            f"  {name:8s} sigma {robust_sigma(off):8.3f}  offset {np.median(off):8.3f}  error {error:.3f}  (fit - LASP)"
        )
        if calibration is not None:
            off += [calibration.offsets(f).get(name, 0.0) for f, _ in pairs]
            line += f"; calibrated: sigma {robust_sigma(off):.3f}, offset {np.median(off):.3f}"
        print(line)
    velocity = [f["rv"] - C_KM_S * s.spectra["lamost_lrs"].meta["z"] for f, s in pairs]
    print(
        f"  rv       sigma {robust_sigma(velocity):8.2f}  offset {np.median(velocity):8.2f}  km/s  (fit - LAMOST's z)"
    )


def repeats(shared: Path, emulator: Emulator, most: int) -> None:
    """Visits of one star in several nights: how far apart their labels are, over sqrt(2)."""
    folder = shared / "data" / "lamost_dr8_repeats" / "20220313_CCF_test_grouped_fits"
    stars: list[Any] = [read(path) for path in sorted(folder.glob("*.fits*"))]
    groups: list[list[int]] = []
    for i, star in enumerate(stars):
        for group in groups:
            first = stars[group[0]]
            if star.ra is not None and first.ra is not None and star.dec is not None and first.dec is not None:
                across = (star.ra - first.ra) * np.cos(np.radians(star.dec))
                if np.hypot(across, star.dec - first.dec) < _SAME:
                    group.append(i)
                    break
        else:
            groups.append([i])
    pairs = [(g[i], g[i + 1]) for g in groups for i in range(0, len(g) - 1, 2)][:most]
    chosen = sorted({i for pair in pairs for i in pair})
    fitted, seconds = fit_all([stars[i].spectra["lamost_lrs"] for i in chosen], emulator)
    say_fits(fitted, seconds)
    by_visit = dict(zip(chosen, fitted, strict=True))
    both = [(a, b) for a, b in ((by_visit[i], by_visit[j]) for i, j in pairs) if a is not None and b is not None]
    snr = [stars[i].spectra["lamost_lrs"].snr or np.nan for i in chosen]
    print(
        f"  {len(both)} pairs of visits, median S/N {np.nanmedian(snr):.0f}; sigma: of one visit, from the difference"
    )
    for name in (*LABEL_NAMES, "rv"):
        off = np.array([a[name] - b[name] for a, b in both]) / np.sqrt(2.0)
        error = np.sqrt([(a.errors[name] ** 2 + b.errors[name] ** 2) / 2.0 for a, b in both])
        print(
            f"  {name:8s} sigma {1.4826 * np.median(np.abs(off)):8.3f}  error {np.median(error):8.3f}  "
            f"pull {1.4826 * np.median(np.abs(off / error)):5.2f}"
        )


def speed(emulator: Emulator, seen: Observed, n: int = 12) -> None:
    """Seconds a star: one at a time and together, beside one spectrum of the synthesis."""
    import torch

    spectra = spectra_of(seen)[:n]
    fitters = [fitter_of(emulator, s) for s in spectra]
    starts = [first_guess(f, s).start for f, s in zip(fitters, spectra, strict=True)]
    fitters[0].fit(starts[0])
    began = time.perf_counter()
    steps = [f.fit(s).steps for f, s in zip(fitters, starts, strict=True)]
    one = (time.perf_counter() - began) / n
    began = time.perf_counter()
    fit_many(fitters, starts)
    many = (time.perf_counter() - began) / n
    spectra_needed = float(np.mean(steps)) * (len(LABEL_NAMES) + 2)
    low, high = (spectra_needed * seconds for seconds in SYNTHESIS_SECONDS)
    print(
        f"  {emulator.device}, {torch.get_num_threads()} thread(s): {one:.2f} s a star one at a time, {many:.2f} s "
        f"together ({1.0 / many:.1f} stars / s), {np.mean(steps):.1f} steps"
    )
    print(
        f"  With the synthesis the same steps need {spectra_needed:.0f} spectra (28 slopes and 2 trials a step), "
        f"{low:.0f}-{high:.0f} s: {low / many:.0f}-{high / many:.0f} times as long"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    import torch

    from specviz.models.registry import load_model
    from specviz.training.recipe import shared_folder

    parser = argparse.ArgumentParser(prog="specviz evaluate --model phdlspec-fit", description=__doc__)
    parser.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--stars", type=int, default=100, help="simulated stars at each S/N (default: %(default)s)")
    parser.add_argument("--real", type=int, default=60, help="real stars (default: %(default)s)")
    parser.add_argument("--train", type=int, default=2500, help="training spectra of the baselines (%(default)s)")
    parser.add_argument("--snr", type=float, nargs="+", default=[100.0, 50.0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calibration", metavar="FILE", help="offsets to try on the real stars, too")
    parser.add_argument("--quick", action="store_true", help="16 stars, 400 training spectra, one S/N")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda ... (default: %(default)s)")
    options = parser.parse_args(argv)
    if options.quick:
        options.stars, options.real, options.train, options.snr = 16, 12, 400, options.snr[:1]
    torch.set_num_threads(options.threads)
    try:
        shared = shared_folder(options.shared)
        calibration = LabelCalibration.load(options.calibration) if options.calibration else None
        emulator = load_model("phdlspec-small", device=options.device)
        say_bounds(emulator)
        for snr in options.snr:
            print(f"Simulated test stars of the grid, S/N {snr:g}:", flush=True)
            others = baselines(observe_grid(shared, "train", options.train, snr, options.seed + 1))
            seen = observe_grid(shared, "test", options.stars, snr, options.seed)
            say_verdict(recovery(seen, emulator, others), snr)
        print("Speed:", flush=True)
        speed(emulator, seen)
        if options.real:
            print("Real stars of held-out plates:", flush=True)
            real(shared, emulator, options.real, options.seed, calibration)
        print("Two visits of one star:", flush=True)
        repeats(shared, emulator, options.stars)
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
