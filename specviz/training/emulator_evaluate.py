"""Every figure of the emulator's card: ``python -m specviz.training.emulator_evaluate``.

Spectra: the grid's test rows. Gradients: the anchors that :meth:`Anchors.held_out` keeps from the training.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.errors import SpecvizError
from specviz.models.phdlspec.model import Emulator
from specviz.training.emulator_data import TEST, Anchors, GridSpectra, pixel_pairs
from specviz.training.recipe import shared_folder

#: Edges of the wavelength bands of the report, Angstrom.
BANDS = (3700, 4000, 4500, 5000, 5600, 6500, 7500, 8500, 9100)
#: The stars that the accuracy is asked for, teff in K.
CORE_TEFF = (4500.0, 7000.0)
#: Seconds a spectrum and core of the synthesis that made the grid (synthetic/README.md).
SYNTHESIS_SECONDS = (0.7, 1.3)
#: Directions whose lines are strong at R = 5000.
STRONG = ("fe_h", "mg_fe", "ca_fe", "c_fe", "ti_fe", "si_fe", "na_fe", "cr_fe", "mn_fe", "ni_fe")
_ROBUST = 1.4826


@dataclass(frozen=True)
class Residual:
    """Of normalised flux, in % of the continuum: root mean square, 1.4826 median |r|, and the median star's rms."""

    rms: float
    robust: float
    median_star: float

    @classmethod
    def of(cls, residual: NDArray[np.float32]) -> Residual:
        square = np.square(residual, dtype=np.float64)
        return cls(100 * float(np.sqrt(square.mean())), 100 * _ROBUST * float(np.median(np.abs(residual))),
                   100 * float(np.median(np.sqrt(square.mean(axis=1)))))  # fmt: skip

    def __str__(self) -> str:
        return f"{self.rms:6.3f} {self.robust:6.3f} {self.median_star:6.3f}"


def smooth(norm: NDArray[np.float32], step: float, resolution: float = 1800.0, from_resolution: float = 5000.0
           ) -> NDArray[np.float32]:  # fmt: skip
    """Spectra (n, L) with a constant ``step`` in ln lambda, from one resolving power (FWHM) to a lower one."""
    from scipy.ndimage import gaussian_filter1d

    sigma = np.sqrt(resolution**-2 - from_resolution**-2) / np.sqrt(8 * np.log(2)) / step
    return np.asarray(gaussian_filter1d(norm, sigma, axis=1, mode="nearest"), np.float32)


def spectra_figures(model: Emulator, grid: GridSpectra, say: Callable[[str], None]) -> dict[str, Any]:
    """Residuals on the test rows a band, and of continuum and SED."""
    rows = grid.rows(TEST)
    labels, norm = grid.labels[rows].numpy(), grid.norm[rows].numpy()
    found = model.spectra(labels, outside="allow")
    assert found.norm is not None and found.continuum is not None and found.sed is not None
    core = (labels[:, 0] > CORE_TEFF[0]) & (labels[:, 0] < CORE_TEFF[1])
    groups = {"core": core, "all": np.ones(len(rows), bool)}
    low, high = CORE_TEFF
    say(f"Test rows of the grid: {len(rows)}, of them {core.sum()} with {low:.0f} < teff < {high:.0f} K (core)")
    step = float(np.log(model.wave[1] / model.wave[0]))
    figures: dict[str, Any] = {}
    for resolution, residual in ((5000, found.norm - norm), (1800, smooth(found.norm, step) - smooth(norm, step))):
        say(f"\nResidual of the normalised flux at R = {resolution}, % of the continuum: "
            "rms, 1.4826 median |r|, the median star's rms")  # fmt: skip
        say(f"{'band':>12}   {'core':^20}   {'all':^20}")
        for low, high in (*pairwise(BANDS), (BANDS[0], BANDS[-1])):
            inside = (model.wave >= low) & (model.wave < high)
            values = {k: Residual.of(residual[g][:, inside]) for k, g in groups.items()}
            say(f"{low:>7}-{high:<4}   {values['core']}   {values['all']}")
            figures[f"R{resolution} {low}-{high}"] = values
    for name, value, truth in (("continuum", found.continuum, grid.ln_continuum), ("SED", found.sed, grid.ln_sed)):
        r = 100 * (np.log(value) - truth[rows].numpy())
        figures[name] = {k: float(np.sqrt((r[g] ** 2).mean())) for k, g in groups.items()}
        say(f"{name:>12}   rms {figures[name]['core']:.2f} % core, {figures[name]['all']:.2f} % all")
    for population in np.unique(grid.population[rows.numpy()]):
        g = core & (grid.population[rows.numpy()] == population)
        if g.any():
            say(f"core, {population:>5} ({g.sum():3d} stars): {Residual.of((found.norm - norm)[g])}")
    for low, high in ((3400, 4500), (4500, 5500), (5500, 7000), (7000, 13000)):
        g = (labels[:, 0] >= low) & (labels[:, 0] < high)
        say(f"teff {low:>5}-{high:<5} ({g.sum():3d} stars): {Residual.of((found.norm - norm)[g])}")
    return figures


def cosine(a: NDArray[Any], b: NDArray[Any], axis: int | None = None) -> NDArray[np.float64]:
    """Of the angle between gradient spectra; NaN where one of them is nothing."""
    size = np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis))
    return np.asarray(np.where(size > 0, (a * b).sum(axis=axis) / np.where(size > 0, size, 1), np.nan))


def gradient_figures(model: Emulator, anchors: Anchors, say: Callable[[str], None]) -> dict[str, tuple[float, ...]]:
    """Cosine of emulated and reference gradient spectra on the held-out anchors, a label.

    "pooled": over pixels of all stars at once; "star": median over stars, of those whose lines of the element are not
    vanishing (above a tenth of the mean star's).
    """
    held = np.flatnonzero(anchors.held_out())
    labels = anchors.labels[held].numpy()
    core = (labels[:, 0] > CORE_TEFF[0]) & (labels[:, 0] < CORE_TEFF[1])
    found = model.gradients(labels, anchors.names, outside="allow")
    figures: dict[str, tuple[float, ...]] = {}
    say(f"\nCosine to the reference gradients, {len(held)} held-out anchors ({core.sum()} core)")
    say(f"{'label':>9}  {'pooled: core':>12} {'all':>7}   {'star: core':>10} {'all':>7}   {'size ratio':>10}")
    for k, name in enumerate(anchors.names):
        wanted = anchors.norm_step[held, k].numpy().astype(np.float64) / float(anchors.step_size[k])
        got = pixel_pairs(torch.from_numpy(found[name])).numpy().astype(np.float64)
        size = np.sqrt((wanted**2).mean(1))
        seen = size > 0.1 * np.sqrt((size**2).mean())
        star = cosine(got, wanted, axis=1)
        values = (float(cosine(got[core], wanted[core])), float(cosine(got, wanted)),
                  float(np.nanmedian(star[core & seen])), float(np.nanmedian(star[seen])),
                  float(np.sqrt((got**2).mean() / (wanted**2).mean())))  # fmt: skip
        figures[name] = values
        say(f"{name:>9}  {values[0]:12.3f} {values[1]:7.3f}   {values[2]:10.3f} {values[3]:7.3f}   {values[4]:10.3f}")
    strong = [figures[k][0] for k in STRONG]
    weak = [v[0] for k, v in figures.items() if k not in (*STRONG, "teff", "logg", "vmic", "alpha_fe")]
    say(f"mean pooled core cosine: strong elements {np.mean(strong):.3f} (least {np.min(strong):.3f}), "
        f"the others {np.mean(weak):.3f} (least {np.min(weak):.3f})")  # fmt: skip
    return figures


def speed_figures(model: Emulator, say: Callable[[str], None], repeats: int = 20) -> dict[str, float]:
    """Milliseconds a spectrum on the threads torch has, one at a time and 64 together, against the synthesis.

    The best of the repeats: other processes on the machine only ever add to it.
    """
    middle = np.array([[5500.0, 4.0, 1.2, *([0.0] * 25)]], np.float32)
    figures = {}
    for name, labels, n in (("one", middle, repeats), ("batch", np.repeat(middle, 64, axis=0), max(1, repeats // 4))):
        model.spectra(labels)
        times = []
        for _ in range(n):
            start = time.perf_counter()
            model.spectra(labels)
            times.append(time.perf_counter() - start)
        figures[name] = 1e3 * min(times) / len(labels)
    say(f"\nSpeed on {torch.get_num_threads()} thread(s), all three outputs, best of {repeats}:")
    for name, milliseconds in figures.items():
        low, high = (1e3 * s / milliseconds for s in SYNTHESIS_SECONDS)
        say(f"{name:>6}: {milliseconds:5.2f} ms a spectrum, {low:.0f}-{high:.0f} times faster than the synthesis "
            f"({SYNTHESIS_SECONDS[0]}-{SYNTHESIS_SECONDS[1]} s)")  # fmt: skip
    return figures


def evaluate_emulator(model: Emulator, shared: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Print every figure of ``weights/phdlspec_small.md``; returns them too."""
    say(f"{model!r}, weights {model.describe().weights_sha256[:12]}")
    figures: dict[str, Any] = {"spectra": spectra_figures(model, GridSpectra.load(shared, (TEST,)), say)}
    figures["gradients"] = gradient_figures(model, Anchors.load(shared), say)
    figures["speed"] = speed_figures(model, say)
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    from specviz.models.registry import load_model

    parser = argparse.ArgumentParser(description="Print every figure of the emulator's card.")
    parser.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--checkpoint", help="a training state (runs/.../blocks.pt) instead of the shipped weights")
    parser.add_argument("--recipe", help="the recipe of that training state (default: the shipped one)")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        if options.checkpoint:
            from specviz.training.emulator_export import trained

            net, step = trained(Path(options.checkpoint), Path(options.recipe) if options.recipe else None)
            model = Emulator(net, {"version": f"{options.checkpoint} at step {step}"})
        else:
            model = load_model("phdlspec-small", device="cpu")
        evaluate_emulator(model, shared_folder(options.shared))
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
