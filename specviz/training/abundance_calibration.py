"""Offsets that bring fitted labels onto LASP: ``python -m specviz.training.abundance_calibration -o lasp.json``.

Real stars of training plates (S/N > 50, below 7500 K) are fitted and compared with LAMOST's own pipeline. Test plates
are never looked at: ``specviz evaluate --model phdlspec-fit --calibration lasp.json`` measures the offsets there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from specviz.errors import SpecvizError
from specviz.models.phdlspec.calibration import LabelCalibration
from specviz.models.phdlspec.fitted import fitter_of
from specviz.models.phdlspec.fitting import fit_many
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.starting import first_guess
from specviz.training.data import TRAIN
from specviz.training.plates import split_plates
from specviz.training.real_stars import training_file_stars

#: What LASP measures, and its usual errors (Luo et al. 2015): teff (K), logg, fe_h.
LASP_ERRORS = {"teff": 100.0, "logg": 0.15, "fe_h": 0.08}


def against_lasp(shared: Path, emulator: Emulator, n: int, seed: int = 0) -> LabelCalibration:
    """Fit ``n`` stars of training plates and learn the offsets of teff, logg and fe_h.

    Raises
    ------
    ModelError
        If too few stars could be fitted.
    """
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as file:
        split = split_plates(file["planid"], file["ra"], file["dec"])
        rows = np.flatnonzero((split == TRAIN) & (file["snrg"] > 50) & (file["teff"] < 7500))
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:n])
    fitters, starts, told = [], [], []
    for star in training_file_stars(shared, rows):
        spectrum = star.spectra["lamost_lrs"]
        try:
            fitter = fitter_of(emulator, spectrum)
        except SpecvizError as error:
            print(f"{star.name}: {error}", file=sys.stderr)
            continue
        fitters.append(fitter)
        starts.append(first_guess(fitter, spectrum).start)
        lasp = {name: float(star.catalogue[name]) for name in LASP_ERRORS}
        told.append(lasp | {f"{name}_err": error for name, error in LASP_ERRORS.items()})
    fits = fit_many(fitters, starts)
    return LabelCalibration.learn(
        [(f, t) for f, t in zip(fits, told, strict=True) if f.converged],
        labels=tuple(LASP_ERRORS),
        source=f"LASP (LAMOST DR10 v2.0), {len(fits)} stars of training plates",
        emulator=emulator.describe().weights_sha256,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    import torch

    from specviz.models.registry import load_model
    from specviz.training.recipe import shared_folder

    parser = argparse.ArgumentParser(description="Learn offsets that bring fitted labels onto LASP.")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="JSON to write")
    parser.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--stars", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    try:
        emulator = load_model("phdlspec-small", device="cpu")
        made = against_lasp(shared_folder(options.shared), emulator, options.stars, options.seed)
        made.save(options.output)
    except (SpecvizError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, found in made.corrections.items():
        terms = " ".join(f"{c:+.3f}" for c in found.coefficients)
        print(f"{name:6s} {terms}  scatter {found.scatter:.3f}, {found.n_references} stars")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
