"""``specviz evaluate --model lux-small``: labels, predicted spectra and errors of Lux on held-out stars.

Simulated stars of the grid's test part and real stars of held-out LAMOST plates (LASP's labels); beside Lux a ridge
regression and gradient boosting on the same training stars, and specclip-small on the same held-out ones.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.lux.model import GRIDS, Lux
from specviz.models.protocol import Encoding, PredictedSpectrum
from specviz.simulate.grid import SyntheticGrid
from specviz.training.data import TEST, TRAIN, RealLamost
from specviz.training.evaluation.lux_baselines import SpecClip, baseline_labels
from specviz.training.evaluation.scores import ONE_SIGMA, TWO_SIGMA, band_scores, covered, robust_sigma
from specviz.training.lux_calibrate import given, prepared
from specviz.training.lux_stars import LABELS, LASP_ERROR, Stars, real_lamost, simulate
from specviz.training.recipe import shared_folder

#: Sources in the order they are told, with what they are called.
SOURCES = {"lamost_lrs": "LAMOST", "gaia_xp": "Gaia XP", "both": "LAMOST and XP"}
#: Stretches of XP in which its prediction is judged, nm.
BANDS = ((336, 400), (400, 500), (500, 640), (640, 800), (800, 1021))
#: Spectra brighter than this (median S/N a pixel) are those that predictions are judged on.
_BRIGHT = 30.0
#: Stars inferred at once.
_AT_ONCE = 256


def encode(model: Lux, stars: Stars, source: str) -> list[Encoding]:
    """Stars inferred from a source (see :data:`specviz.training.lux_calibrate.SOURCES`), in batches."""
    out = []
    for start in range(0, len(stars), _AT_ONCE):
        spectra, known = given(stars.take(slice(start, start + _AT_ONCE)), source)
        out.append(model.infer(spectra, known=known))
    return out


def label_samples(model: Lux, encodings: Sequence[Encoding], n: int = 400) -> NDArray[np.float32]:
    """Samples of all labels, shape (stars, n, K)."""
    return np.stack([p.samples.astype(np.float32) for e in encodings for p in model.posterior(e, samples=n)])


def say_labels(samples: NDArray[Any], stars: Stars, names: Sequence[str], others: dict[str, dict[str, Any]]) -> None:
    """Bias, mean absolute error, robust scatter and coverage of each label, beside what others predicted."""
    heads = "".join(f"{name + ' MAE':>15s}{'sigma':>8s}" for name in others)
    print(f"  {'label':<9s}{'bias':>8s}{'MAE':>8s}{'sigma':>8s}{'68 %':>6s}{'95 %':>6s}{heads}")
    for name in names:
        truth, drawn = stars.label(name), samples[:, :, LABELS.index(name)]
        error = np.median(drawn, axis=1) - truth
        inside = [100 * covered(drawn[..., None], truth[:, None], level).mean() for level in (ONE_SIGMA, TWO_SIGMA)]
        d = 0 if name == "teff" else 3
        line = f"  {name:<9s}{np.median(error):+8.{d}f}{np.abs(error).mean():8.{d}f}{robust_sigma(error):8.{d}f}"
        line += f"{inside[0]:6.0f}{inside[1]:6.0f}"
        for predicted in others.values():
            if name in predicted:
                off = predicted[name] - truth
                line += f"{np.nanmean(np.abs(off)):15.{d}f}{robust_sigma(off[np.isfinite(off)]):8.{d}f}"
            else:
                line += f"{'-':>15s}{'-':>8s}"
        print(line)


def real_plates(model: Lux, train: Stars, held: Stars, clip: SpecClip) -> None:
    """Held-out plates against LASP, from both arms and from one."""
    print(f"\nHeld-out LAMOST plates, {len(held)} stars (LASP teff < 7000 K, S/N(g) > 20)")
    others = {
        **baseline_labels(train, held, "lamost_lrs", tuple(LASP_ERROR)),
        "specclip": clip.labels(held, at_rest=False),
    }
    for source, name in (("lamost_lrs", "both arms"), ("blue", "blue arm alone"), ("red", "red arm alone")):
        print(f" from {name}")
        samples = label_samples(model, encode(model, held, source))
        say_labels(samples, held, tuple(LASP_ERROR), others if source == "lamost_lrs" else {})


def simulated_labels(model: Lux, train: Stars, held: Stars, clip: SpecClip) -> None:
    """Labels of simulated test stars from each source."""
    print(f"\nSimulated stars of the grid's test part, {len(held)}, all S/N")
    for source, name in SOURCES.items():
        print(f" from {name}")
        others = baseline_labels(train, held, source, LABELS)
        if source in GRIDS:
            others["specclip"] = clip.labels(held, source)
        say_labels(label_samples(model, encode(model, held, source)), held, LABELS, others)


def bright(stars: Stars, survey: str) -> NDArray[np.bool_]:
    """Stars whose median S/N a pixel in a survey is above 30."""
    ivar = np.where(stars.ivar[survey] > 0, stars.ivar[survey], np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmedian(stars.values[survey] * np.sqrt(ivar), axis=1) > _BRIGHT)


def say_band(name: str, predicted: Sequence[PredictedSpectrum], truth: NDArray[Any]) -> None:
    """Median relative error over all and in bands of XP, and how much lies within one and two sigma."""
    flux, sigma = np.stack([p.flux for p in predicted]), np.stack([p.sigma for p in predicted])
    s = band_scores(flux, sigma, truth)
    line = f"  {name:<34s}{100 * s.error:6.2f} %{100 * s.one:6.0f}{100 * s.two:6.0f}"
    if predicted[0].survey == "gaia_xp":
        error = np.abs(flux - truth) / np.abs(truth).clip(0.02)
        wave = GRIDS["gaia_xp"]
        line += "".join(f"{100 * np.median(error[:, (wave >= a) & (wave < b)]):9.2f}" for a, b in BANDS)
    print(line)


def predictions(model: Lux, held: Stars, clip: SpecClip) -> None:
    """Spectra predicted from another survey, or of an arm that is missing, against clean ones."""
    stars = held.take(np.flatnonzero(bright(held, "lamost_lrs") & clip.readable(held)))
    truth, ebv = stars.clean["gaia_xp"], stars.label("ebv")
    print(f"\nXP predicted from LAMOST, {len(stars)} simulated test stars with S/N > 30, against clean spectra")
    heads = "".join(f"{f'{a}-{b - (b == 1021)}':>9s}" for a, b in BANDS)
    print(f"  {'':<34s}{'error':>8s}{'1 s':>6s}{'2 s':>6s}{heads} nm")
    for name, made in (
        ("Lux", [p for e in encode(model, stars, "lamost_lrs") for p in model.translate(e, "gaia_xp")]),
        ("Lux, blue arm alone", [p for e in encode(model, stars, "blue") for p in model.translate(e, "gaia_xp")]),
        ("specclip-small", clip.translated(stars)),
    ):
        say_band(f"{name}, reddening unknown", made, truth)
        known = [p.with_reddening(float(b)) for p, b in zip(made, ebv, strict=True)]
        say_band(f"{name}, reddening known", known, truth)
    told = [p for e in encode(model, stars, "lamost_lrs+ebv") for p in model.translate(e, "gaia_xp")]
    say_band("Lux, E(B-V) told as a label", told, truth)
    rebuilt = [p for e in encode(model, stars, "gaia_xp") for p in model.reconstruct(e)]
    say_band("Lux, from XP itself", rebuilt, truth)
    print("\nLAMOST at rest predicted from")
    for source, name in (("gaia_xp", "Gaia XP"), ("lamost_lrs", "itself"), ("both", "both")):
        made = [p for e in encode(model, stars, source) for p in model.predict(e, "lamost_lrs")]
        say_band(name, made, stars.clean["lamost_lrs"])
    blue = GRIDS["lamost_lrs"] < 5900.0
    for source, part, name in (
        ("blue", ~blue, "red arm from the blue one"),
        ("red", blue, "blue arm from the red one"),
    ):
        made = [p for e in encode(model, stars, source) for p in model.predict(e, "lamost_lrs")]
        flux, sigma = np.stack([p.flux for p in made])[:, part], np.stack([p.sigma for p in made])[:, part]
        s = band_scores(flux, sigma, stars.clean["lamost_lrs"][:, part])
        print(f"  {name:<34s}{100 * s.error:6.2f} %{100 * s.one:6.0f}{100 * s.two:6.0f}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 0 when everything was measured."""
    parser = argparse.ArgumentParser(prog="specviz evaluate --model lux-small", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", help="folder of the evaluation material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--weights", type=Path, help="a weights file instead of the shipped one")
    parser.add_argument("--quick", action="store_true", help="a tenth of the stars")
    parser.add_argument("--only", choices=("plates", "labels", "predictions"), help="one part alone")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = parser.parse_args(argv)
    import torch

    from specviz.models.registry import load_model

    torch.set_num_threads(options.threads)
    began, shared = time.monotonic(), shared_folder(options.shared)
    model = Lux.from_file(options.weights) if options.weights else load_model("lux-small")
    assert isinstance(model, Lux)
    card = model.describe()
    print(f"{card.name} {card.version}, {model.latent} latent numbers, weights sha256 {card.weights_sha256[:16]}")
    size = (400, 150, 60) if options.quick else (4000, 1500, 10**6)
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5", preload=True) as grid:
        train, held = simulate(grid, "train", size[0], 0), simulate(grid, "test", size[1], 2)
    lamost, clip = RealLamost.load(shared, wide=True), SpecClip(shared)
    real = real_lamost(lamost, lamost.trusted(TEST)[: size[2]])
    clip.rows = lamost.trusted(TEST)[: size[2]]
    if options.only in (None, "plates"):
        real_plates(model, real_lamost(lamost, lamost.part(TRAIN)), real, clip)
    if options.only in (None, "labels"):
        simulated_labels(model, train, held, clip)
    if options.only in (None, "predictions"):
        predictions(model, held, clip)
    spectra = prepared(held.take(slice(0, 100)), "lamost_lrs")
    start = time.perf_counter()
    for one in spectra:
        model.posterior(model.embed([one]), samples=1000)
    print(f"\n{1000 * (time.perf_counter() - start) / len(spectra):.1f} ms a star, labels and errors, one by one")
    print(f"{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
