"""``specviz evaluate``: every figure of the model card, printed by one command."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import NotFoundError, SpecvizError
from specviz.models.protocol import Encoding

LABELS = ("teff", "logg", "fe_h")
#: The last figures of the model card that a newer model has to keep: K, dex, dex.
BAR = (200.0, 0.14, 0.10)
Say = Callable[[str], None]


def encode_arrays(model: Any, survey: str, values: NDArray[Any], ivar: NDArray[Any]) -> list[Encoding]:
    """Arrays on the model's grid (n, L), encoded in batches of 128."""
    from specviz.training.export import prepared_batch

    values, ivar = np.asarray(values, np.float32), np.asarray(ivar, np.float32)
    return [
        model.embed(prepared_batch(survey, values[i : i + 128], ivar[i : i + 128])) for i in range(0, len(values), 128)
    ]


def samples_of(model: Any, encodings: Sequence[Encoding], n: int = 1000) -> NDArray[np.float64]:
    """Posterior samples (stars, n, labels)."""
    return np.stack([p.samples for e in encodings for p in model.posterior(e, samples=n, seed=0)])


def line(name: str, samples: NDArray[np.float64], truth: NDArray[Any]) -> str:
    """Mean and median absolute error and bias of the posterior medians, coverage of the intervals."""
    from specviz.training.calibrate import coverage

    median = np.median(samples[..., : truth.shape[1]], axis=1)
    mae, bias = np.abs(median - truth).mean(axis=0), np.median(median - truth, axis=0)
    typical = np.median(np.abs(median - truth), axis=0)
    c68, c95 = (coverage(samples[..., : truth.shape[1]], truth, q) for q in (0.6827, 0.9545))
    return (
        f"{name:<34} n={len(truth):<5} MAE {mae[0]:6.1f} K {mae[1]:.3f} {mae[2]:.3f}"
        f", median {typical[0]:.0f} K {typical[1]:.3f} {typical[2]:.3f}"
        f"   bias {bias[0]:+6.1f} K {bias[1]:+.3f} {bias[2]:+.3f}"
        f"   68 % interval covers {100 * c68[0]:.0f} {100 * c68[1]:.0f} {100 * c68[2]:.0f} %"
        f", 95 %: {100 * c95[0]:.0f} {100 * c95[1]:.0f} {100 * c95[2]:.0f} %"
    )


def held_out_plates(model: Any, shared: Path, say: Say, *, reference: bool = True) -> tuple[float, ...]:
    """Real plates no training saw: MAE of teff, logg, fe_h on trusted stars (teff < 7000 K, snrg > 20)."""
    from specviz.training.data import TEST, RealLamost

    lamost = RealLamost.load(shared)
    rows = lamost.trusted(TEST)
    plates = len(set(lamost.planid[lamost.part(TEST)]))
    say(f"\nHeld-out LAMOST DR10 plates ({plates} plates; LASP teff < 7000 K, snrg > 20)")
    samples = samples_of(model, encode_arrays(model, "lamost_lrs", *lamost.centred(rows)))
    say(line("specclip-small", samples, lamost.labels[rows]))
    error = np.sort(np.abs(np.median(samples[..., 0], axis=1) - lamost.labels[rows, 0]))
    say(f"the four largest teff residuals (over {error[-4]:.0f} K) make {error[-4:].sum() / len(rows):.0f} K of it")
    bright = lamost.snrg[rows] > 50
    say(line("specclip-small, snrg > 50", samples[bright], lamost.labels[rows][bright]))
    found = np.abs(np.median(samples[..., :3], axis=1) - lamost.labels[rows]).mean(axis=0)
    alpha = np.median(samples[..., 3], axis=1)
    fe_h = lamost.labels[rows, 2]
    parts = [
        f"{np.median(alpha[m]):+.2f} ({m.sum()})"
        for m in (fe_h > -0.2, (fe_h <= -0.2) & (fe_h > -0.7), fe_h <= -0.7)
        if m.any()
    ]
    say("median [alpha/Fe] at [Fe/H] > -0.2, -0.7 to -0.2, < -0.7: " + ", ".join(parts))
    everything = lamost.part(TEST)
    samples = samples_of(model, encode_arrays(model, "lamost_lrs", *lamost.centred(everything)))
    say(line("specclip-small, all held-out stars", samples, lamost.labels[everything]))
    if reference:
        from specviz.training.reference_net import pca_mlp

        mae = np.mean(
            [np.abs(pca_mlp(lamost, rows, seed) - lamost.labels[rows]).mean(axis=0) for seed in range(3)], axis=0
        )
        say(f"{'PCA(80) + MLP, mean of 3 seeds':<34} n={len(rows):<5} MAE {mae[0]:6.1f} K {mae[1]:.3f} {mae[2]:.3f}")
    return tuple(found)


def dr1_transfer(model: Any, shared: Path, say: Say) -> None:
    """LAMOST DR1 files (another layout, another pipeline version of LASP): never trained on."""
    from specviz.spectra.readers import read

    folder = shared / "data" / "lamost_dr1"
    table = folder / "labels.csv"
    if not table.exists():
        raise NotFoundError(f"{table} is absent", remedy="Set SPECVIZ_SHARED or pass --shared to the training material")
    with table.open(newline="") as stream:
        labels = {row["filename"]: row for row in csv.DictReader(stream)}
    prepared, truth, snr = [], [], []
    for path in sorted(folder.glob("spec-*")):
        row = labels.get(path.name.removesuffix(".gz"))
        if row is None or not row["teff"] or not row["feh"]:
            continue
        try:
            prepared.append(model.prepare(read(path).spectra["lamost_lrs"]))
        except SpecvizError as error:
            say(f"{path.name}: {error}")
            continue
        truth.append([float(row[k]) for k in ("teff", "logg", "feh")])
        snr.append(float(row["snrg"]))
    samples, labels_array = samples_of(model, [model.embed(prepared)]), np.asarray(truth)
    trusted = (labels_array[:, 0] < 7000) & (np.asarray(snr) > 20)
    say("\nTransfer to LAMOST DR1 (LASP of DR1; never trained on)")
    say(line("teff < 7000 K, snrg > 20", samples[trusted], labels_array[trusted]))


def simulated_pairs(model: Any, shared: Path, cache: Path, say: Say, n: int, seed: int) -> None:
    """Stars of the grid's test part: translation error and coverage, labels, retrieval across surveys."""
    from specviz.training.data import SimulatedPairs

    pairs = SimulatedPairs.load(shared, cache, "test", n, seed)
    lamost = encode_arrays(model, "lamost_lrs", pairs.lamost, pairs.lamost_ivar)
    xp = encode_arrays(model, "gaia_xp", pairs.xp, pairs.xp_ivar)
    say(f"\nSimulated stars of the grid's test part (n={len(pairs)})")
    truth = pairs.label_array(LABELS)
    samples = samples_of(model, lamost)
    bright = pairs.lamost_log_snr > np.log10(30)
    say(line("labels from LAMOST, S/N > 30", samples[bright], truth[bright]))
    alpha = np.abs(np.median(samples[..., 3], axis=1) - pairs.labels["alpha_fe"])
    say(f"alpha_fe from LAMOST, S/N > 30: MAE {alpha[bright].mean():.3f}")
    say(line("labels from XP", samples_of(model, xp), truth))
    for name, encodings, to, clean, good in (
        ("LAMOST -> XP", lamost, "gaia_xp", pairs.xp_clean, bright),
        ("XP -> LAMOST", xp, "lamost_lrs", pairs.lamost_clean.astype(np.float32), pairs.xp_log_snr > np.log10(30)),
    ):
        predicted = [p for e in encodings for p in model.translate(e, to)]
        _say_band(name, predicted, clean, good, say)
    for name, encodings, clean, good in (
        ("LAMOST reconstructed", lamost, pairs.lamost_clean.astype(np.float32), bright),
        ("XP reconstructed", xp, pairs.xp_clean, pairs.xp_log_snr > np.log10(30)),
    ):
        _say_band(name, [p for e in encodings for p in model.reconstruct(e)], clean, good, say)
    _say_retrieval(np.concatenate([e.vectors for e in lamost]), np.concatenate([e.vectors for e in xp]), say)


def _say_band(name: str, predicted: Sequence[Any], clean: NDArray[Any], good: NDArray[np.bool_], say: Say) -> None:
    flux, sigma = np.stack([p.flux for p in predicted])[good], np.stack([p.sigma for p in predicted])[good]
    error = np.abs(flux - clean[good])
    relative = np.median(error / np.abs(clean[good]).clip(0.02))
    cover = [100 * np.mean(error < k * sigma) for k in (1, 2)]
    say(
        f"{name:<22} S/N > 30: median |error| {100 * relative:.2f} % of the flux; "
        f"1 sigma covers {cover[0]:.0f} %, 2 sigma {cover[1]:.0f} %"
    )


def _say_retrieval(lamost: NDArray[Any], xp: NDArray[Any], say: Say) -> None:
    a = lamost / np.linalg.norm(lamost, axis=1, keepdims=True)
    b = xp / np.linalg.norm(xp, axis=1, keepdims=True)
    similarity = a @ b.T
    rank = (similarity > np.diag(similarity)[:, None]).sum(axis=1) + 1
    say(
        f"Retrieval LAMOST -> XP among {len(rank)}: top-1 {100 * np.mean(rank == 1):.1f} %, "
        f"top-10 {100 * np.mean(rank <= 10):.1f} %, "
        f"median rank {np.median(rank):.0f} (chance {len(rank) / 2:.0f})"
    )


def real_spectra(model: Any, shared: Path, seed: int, say: Say) -> None:
    """Held-out real spectra rebuilt, and what the labels of real XP spectra look like (nobody labelled them)."""
    from specviz.models.specclip.signal import log_snr
    from specviz.training.data import TEST, RealLamost, RealXp

    lamost, xp = RealLamost.load(shared), RealXp.load(shared, seed)
    rows = lamost.trusted(TEST)
    bright = np.flatnonzero(xp.test & (log_snr(xp.flux, xp.ivar) > np.log10(30)))
    say("\nHeld-out real spectra, rebuilt (error band and noise together)")
    for name, survey, flux, ivar in (
        ("LAMOST", "lamost_lrs", *lamost.centred(rows)),
        ("Gaia XP, S/N > 30", "gaia_xp", xp.flux[bright], xp.ivar[bright]),
    ):
        rebuilt = [r for e in encode_arrays(model, survey, flux, ivar) for r in model.reconstruct(e)]
        mean, sigma = np.stack([r.flux for r in rebuilt]), np.stack([r.sigma for r in rebuilt])
        good = ivar > 0
        residual = np.abs(flux - mean)[good] / np.sqrt(1 / ivar[good] + sigma[good] ** 2)
        relative = np.median(np.abs(flux - mean)[good] / np.abs(flux[good]).clip(0.02))
        cover = [100 * np.mean(residual < k) for k in (1, 2)]
        say(
            f"{name:<22} n={len(flux):<5} median |error| {100 * relative:.2f} % of the flux; "
            f"1 sigma covers {cover[0]:.0f} %, 2 sigma {cover[1]:.0f} %"
        )
    median = np.median(samples_of(model, encode_arrays(model, "gaia_xp", xp.flux[bright], xp.ivar[bright])), axis=1)
    say("Held-out real XP, S/N > 30: Kiel diagram in words (teff: stars, logg at 10, 50, 90 %, median fe_h)")
    for low, high in ((3000, 4000), (4000, 5000), (5000, 6000), (6000, 7000), (7000, 9000), (9000, 20000)):
        inside = median[(median[:, 0] >= low) & (median[:, 0] < high)]
        if len(inside):
            logg = np.percentile(inside[:, 1], (10, 50, 90))
            say(
                f"{low:>6}-{high:<6} {len(inside):>4}   {logg[0]:.2f} {logg[1]:.2f} {logg[2]:.2f}   "
                f"{np.median(inside[:, 2]):+.2f}"
            )


def not_stars(model: Any, shared: Path, say: Say) -> None:
    """Area under the ROC curve of the out-of-distribution score, and the percentile of three real galaxies."""
    from specviz.spectra.readers import read
    from specviz.training.data import TEST, RealLamost
    from specviz.training.not_stars import impostors

    lamost = RealLamost.load(shared)
    rows = lamost.part(TEST)
    rows = rows[lamost.snrg[rows] > 10]
    flux, ivar = lamost.centred(rows)
    stars = np.concatenate([model.ood_score(e) for e in encode_arrays(model, "lamost_lrs", flux, ivar)])
    say("\nOut-of-distribution score: AUC against held-out real stars (snrg > 10)")
    for name, values in impostors(flux, np.random.default_rng(0)).items():
        odd = np.concatenate(
            [model.ood_score(e) for e in encode_arrays(model, "lamost_lrs", values, ivar[: len(values)])]
        )
        say(f"{name:<34} AUC {np.mean(odd[:, None] > stars[None]):.3f}")
    for path in sorted((shared / "data" / "lamost_dr7").rglob("*")):
        if path.suffix not in (".fits", ".gz"):
            continue
        spectrum = read(path).spectra["lamost_lrs"]
        if str(spectrum.meta.get("class", "")).upper() == "GALAXY":
            score = model.ood_score(model.embed([model.prepare(spectrum)]))[0]
            say(
                f"galaxy {path.name:<40} S/N {spectrum.snr or 0:5.1f}  "
                f"above {100 * np.mean(stars < score):.0f} % of the stars"
            )


def speed(model: Any, shared: Path, say: Say) -> None:
    """One star on one thread, from the prepared arrays to everything a report needs; medians of 30."""
    import torch

    from specviz.training.data import RealLamost
    from specviz.training.export import prepared_batch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    flux, ivar = RealLamost.load(shared).centred(np.arange(1))
    batch = prepared_batch("lamost_lrs", flux, ivar)
    encoding = model.embed(batch)
    tasks: dict[str, Callable[[], Any]] = {
        "embed": lambda: model.embed(batch),
        "posterior (10,000 samples)": lambda: model.posterior(encoding),
        "reconstruct": lambda: model.reconstruct(encoding),
        "translate": lambda: model.translate(encoding, "gaia_xp"),
        "ood_score": lambda: model.ood_score(encoding),
    }
    total, parts = 0.0, []
    for name, task in tasks.items():
        seconds = []
        for _ in range(30):
            start = time.perf_counter()
            task()
            seconds.append(time.perf_counter() - start)
        total += float(np.median(seconds))
        parts.append(f"{name} {1e3 * np.median(seconds):.1f}")
    torch.set_num_threads(threads)
    say(f"\nOne star, one CPU thread, ms: {', '.join(parts)}; sum {1e3 * total:.1f}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of ``specviz evaluate``."""
    from specviz.models.registry import load_model
    from specviz.training.recipe import DEFAULT_RECIPE, read_recipe, shared_folder

    parser = argparse.ArgumentParser(prog="specviz evaluate", description="Print every figure of the model card.")
    parser.add_argument("--model", default="specclip-small")
    parser.add_argument("--weights", help="a weights file instead of the shipped one")
    parser.add_argument("--shared", help="folder of the evaluation material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--cache", default="runs/specclip_small/cache", help="where simulated pairs are kept")
    parser.add_argument("--plates-only", action="store_true", help="only the held-out plates")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(max(1, options.threads))
    recipe, shared, cache = read_recipe(DEFAULT_RECIPE), shared_folder(options.shared), Path(options.cache)
    try:
        if options.weights:
            from specviz.models.specclip.model import SpecClipSmall

            model: Any = SpecClipSmall.from_file(Path(options.weights))
        else:
            model = load_model(options.model, device="cpu")
        card = model.describe()
        print(f"{card.name} {card.version}, weights sha256 {card.weights_sha256[:16]}")
        mae = held_out_plates(model, shared, print, reference=True)
        if not options.plates_only:
            dr1_transfer(model, shared, print)
            simulated_pairs(model, shared, cache, print, int(recipe["data"]["pairs_test"]), int(recipe["seed"]) + 2)
            real_spectra(model, shared, int(recipe["seed"]), print)
            not_stars(model, shared, print)
            speed(model, shared, print)
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    beaten = all(m < b for m, b in zip(mae, BAR, strict=True))
    print(f"\nHeld-out plates {'beat' if beaten else 'MISS'} {BAR[0]:.0f} K / {BAR[1]} / {BAR[2]}")
    return 0 if beaten else 1


if __name__ == "__main__":
    sys.exit(main())
