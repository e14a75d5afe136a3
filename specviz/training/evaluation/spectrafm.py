"""How well SpectraFM knows labels: ``specviz evaluate --model spectrafm-small``.

Real LAMOST spectra of held-out plates against LASP and simulated test stars against the truth, beside a ridge
regression and gradient boosting on the same pixels; ``--few-shot``: a hundred labelled stars on another part of the
spectrum and of another survey; ``--attention``: the lines that are looked at in dwarfs and in giants.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.models.registry import WEIGHTS_FOLDER
from specviz.models.spectrafm.model import SpectraFM
from specviz.models.spectrafm.weights_file import SpectraFMWeights, read
from specviz.training.data import TEST, TRAIN
from specviz.training.evaluation.scores import robust_sigma
from specviz.training.spectrafm_data import GRID, LABELS, Stars, grid_stars, other_survey, real_stars
from specviz.training.spectrafm_few_shot import LOWEST, Score, few_shot, pixel_table
from specviz.training.spectrafm_finish import TAUGHT, predictions, trusted

Array = NDArray[np.float64]
#: Weights of the few-shot experiment: what they have seen before, and their file beside the shipped ones.
VARIANTS = {
    "emulated spectra, then real blue arms": "spectrafm_blue_real.safetensors",
    "blue arms alone, emulated and real": "spectrafm_blue.safetensors",
}


def figures(value: Array, truth: Array, error: Array | None = None) -> dict[str, float]:
    """``bias`` (median), ``sigma`` (1.4826 MAD), ``mae``, ``rmse``; ``inside`` one error, percent, where errors are."""
    off = value - truth
    out = {
        "bias": float(np.median(off)),
        "sigma": robust_sigma(off),
        "mae": float(np.abs(off).mean()),
        "rmse": float(np.sqrt((off**2).mean())),
    }
    return out if error is None else {**out, "inside": 100.0 * float((np.abs(off) < error).mean())}


def tables(stars: Stars, test: Stars, weights: SpectraFMWeights, labels: Sequence[str]) -> dict[str, dict[str, Array]]:
    """{method: {label: predictions (n,)}} of a ridge regression and boosted trees on 60 principal components."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    x, held = pixel_table(stars, weights, "all"), pixel_table(test, weights, "all")
    pca = PCA(60, random_state=0).fit(x)
    x, held = pca.transform(x), pca.transform(held)
    out: dict[str, dict[str, Array]] = {"ridge": {}, "boosting": {}}
    for name in labels:
        y = stars.labels[:, LABELS.index(name)]
        out["ridge"][name] = RidgeCV(np.logspace(-2, 5, 15)).fit(x, y).predict(held)
        out["boosting"][name] = HistGradientBoostingRegressor(random_state=0).fit(x, y).predict(held)
    return out


def compare(
    title: str, model: SpectraFM, test: Stars, train: Stars, labels: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Print and return the figures of SpectraFM and the baselines on the trusted rows of ``test``."""
    rows = trusted(test)
    test = test[rows]
    value, error, _ = predictions(model, test)
    others = tables(train, test, model.weights, labels)
    print(f"\n{title}: {len(test)} stars (teff < 7000 K, S/N > 20), baselines on {len(train)}")
    print(f"{'':10s}{'':12s}{'bias':>9s}{'sigma':>9s}{'MAE':>9s}{'RMSE':>9s}{'in 1 sigma':>12s}")
    out = {}
    for name in labels:
        k = LABELS.index(name)
        truth = test.labels[:, k].astype(np.float64)
        out[name] = figures(value[:, k], truth, error[:, k])
        for method, found in (("SpectraFM", out[name]), *((m, figures(v[name], truth)) for m, v in others.items())):
            inside = f"{found['inside']:10.0f} %" if "inside" in found else ""
            cells = "".join(f"{found[c]:9.{1 if name == 'teff' else 3}f}" for c in ("bias", "sigma", "mae", "rmse"))
            print(f"{name if method == 'SpectraFM' else '':10s}{method:12s}{cells}{inside}")
    return out


def print_scores(title: str, scores: Mapping[str, Mapping[str, Score]]) -> None:
    """The few-shot table."""
    print(f"\n{title}: root mean square error of [Fe/H], all and [Fe/H] < {LOWEST:g}")
    tests = list(next(iter(scores.values())))
    some = next(iter(scores.values()))
    print(f"{'':52s}" + "".join(f"{f'{t} ({some[t].n}, {some[t].n_poor})':>24s}" for t in tests))
    for way, found in scores.items():
        print(f"{way:52s}" + "".join(f"{f'{found[t].everywhere:.3f} / {found[t].metal_poor:.3f}':>24s}" for t in tests))


def shots(shared: Path, folder: Path, quick: bool) -> dict[str, dict[str, dict[str, Score]]]:
    """The few-shot experiments: LAMOST's red arm, and a survey of another resolution and grid."""
    variants = {name: read(folder / file) for name, file in VARIANTS.items()}
    real, test = real_stars(shared, TRAIN), real_stars(shared, TEST)
    tests = {"real": test[trusted(test)]}
    out = {"LAMOST's red arm": few_shot(variants, real, tests, "red")}
    print_scores("100 real stars on LAMOST's red arm", out["LAMOST's red arm"])
    _, learn = other_survey(shared, "train", 600, 0)
    grid, held = other_survey(shared, "test", 150 if quick else 300, 1)
    first = dict([next(iter(variants.items()))])
    out["another survey"] = few_shot(first, learn, {"simulated": held}, "red", grid=grid)
    print_scores(
        "100 stars of another survey (R = 1000, 10 Angstrom pixels, 5900-9100 Angstrom)", out["another survey"]
    )
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="specviz evaluate --model spectrafm-small", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SPECVIZ_SHARED", "../shared")))
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FOLDER / "spectrafm_small.safetensors")
    parser.add_argument(
        "--variants", type=Path, default=WEIGHTS_FOLDER, help="folder of the few-shot experiment's weights"
    )
    parser.add_argument("--few-shot", action="store_true", help="also the few-shot experiments (minutes)")
    parser.add_argument("--attention", action="store_true", help="also the lines that are looked at")
    parser.add_argument("--quick", action="store_true", help="fewer simulated stars")
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args(argv)
    import torch

    torch.set_num_threads(told.threads)
    began = time.monotonic()
    model = SpectraFM.from_file(told.weights)
    train, test = real_stars(told.shared, TRAIN), real_stars(told.shared, TEST)
    compare("Held-out plates, LASP", model, test, train, TAUGHT)
    n = (150, 800) if told.quick else (500, 3000)
    simulated, learn = (grid_stars(told.shared, s, k, 3) for s, k in zip(("test", "train"), n, strict=True))
    compare("Simulated test stars", model, simulated, learn, LABELS)
    if told.attention:
        from specviz.training.evaluation.spectrafm_attention import attention_lines, print_lines

        print_lines(attention_lines(model, test[trusted(test)]))
    if told.few_shot:
        shots(told.shared, told.variants, told.quick)
    print(f"\n{time.monotonic() - began:.0f} s, {told.threads} thread(s); grid of {GRID.size} pixels")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
