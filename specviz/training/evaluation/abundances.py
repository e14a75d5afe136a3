"""How well 28 labels are fitted: ``python -m specviz.training.evaluation.abundances --shared ../shared``.

Three tables: simulated observations of test stars of the grid (never seen by the emulator, artefacts and calibration
errors included), real stars of held-out plates against LASP, and stars that LAMOST saw in several nights against
themselves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.abundances import Abundances, fit_abundances
from specviz.analysis.engine import Engine
from specviz.errors import SpecvizError
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.lamost import observe_lamost
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum
from specviz.training.data import TEST, RealLamost
from specviz.training.real_stars import training_file_stars

Array = NDArray[np.float64]
_SAME = 3.0 / 3600.0  # degrees: two visits of one star


def robust(values: Sequence[float] | Array) -> float:
    """1.4826 x median absolute deviation from the median."""
    array = np.asarray(values, np.float64)
    return float(1.4826 * np.median(np.abs(array - np.median(array)))) if array.size else float("nan")


def simulated(shared: Path, n: int, snr: float, seed: int) -> Iterator[tuple[Spectrum, dict[str, float]]]:
    """Observations of test stars of the grid at one S/N, full range, with their labels."""
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5", preload=True) as grid:
        rng = np.random.default_rng(seed)
        rows = rng.permutation(grid.indices("test"))[:n]
        dust = XPSimulator()
        for row in rows:
            at = np.array([row])

            def continuum(wave: Array, at: NDArray[np.int64] = at) -> NDArray[np.float32]:
                return grid.continuum(at, wave)

            labels = {k: float(grid.labels[k][row]) for k in (*LABEL_NAMES, "alpha_fe")}
            night = draw_conditions(rng, np.array([labels["teff"]]), np.array([labels["logg"]]), snr=snr)
            seen = observe_lamost(
                grid.norm(at), grid.wave, continuum, night, rng,
                extinction=dust.extinction_curve,
            )  # fmt: skip
            rv = float(night.rv[0])
            ivar = seen.ivar[0].astype(np.float64)
            meta = {"object_id": f"grid {row}", "rv": rv + rng.normal(0.0, 5.0)}
            spectrum = Spectrum(
                seen.wave, seen.flux[0].astype(np.float64), ivar, ivar <= 0, survey="lamost_lrs", meta=meta
            )
            yield spectrum, labels | {"rv": rv}


def fits(pairs: Iterator[tuple[Spectrum, dict[str, float]]]) -> list[tuple[Abundances, dict[str, float]]]:
    """Each spectrum fitted; what cannot be is counted and left out."""
    engine, out, refused, began = Engine("specclip-small"), [], 0, time.monotonic()
    for spectrum, truth in pairs:
        try:
            out.append((fit_abundances(spectrum, engine), truth))
        except SpecvizError:
            refused += 1
    rate = (time.monotonic() - began) / max(len(out), 1)
    print(
        f"  {len(out)} fitted, {refused} refused, {sum(f.fit.converged for f, _ in out)} converged, {rate:.1f} s each"
    )
    return out


def say_recovery(found: list[tuple[Abundances, dict[str, float]]]) -> None:
    """A line a label: offset, scatter, typical error, rms of the pulls, gain; all stars and the core."""
    core = np.array([4500 < t["teff"] < 7000 and t["fe_h"] > -1 for _, t in found])
    print(f"  {'label':8s}{'sigma':>9s}{'sigma core':>12s}{'offset':>9s}{'error':>9s}{'pull':>7s}{'gain':>7s}")
    for name in LABEL_NAMES:
        off = np.array([f.fit[name] - t[name] for f, t in found])
        error = np.array([f.fit.errors[name] for f, _ in found])
        gain = float(np.median([f.fit.gain[name] for f, _ in found]))
        print(
            f"  {name:8s}{robust(off):9.3f}{robust(off[core]):12.3f}{np.median(off):9.3f}{np.median(error):9.3f}"
            f"{robust(off / error):7.2f}{gain:7.1f}"
        )


def real(shared: Path, n: int, seed: int) -> None:
    """Held-out plates, S/N > 50, cooler than 7500 K, against LASP."""
    data = RealLamost.load(shared)
    rows = np.flatnonzero(data.split == TEST)
    stars = [s for s in training_file_stars(shared, rows)
             if s.spectra["lamost_lrs"].meta["snr"] > 50 and s.catalogue["teff"] < 7500]  # fmt: skip
    chosen = np.random.default_rng(seed).permutation(len(stars))[:n]
    found = fits((stars[i].spectra["lamost_lrs"], dict(stars[i].catalogue)) for i in chosen)
    for name in ("teff", "logg", "fe_h"):
        off = np.array([f.fit[name] - float(t[name]) for f, t in found])
        print(f"  {name:8s} sigma {robust(off):8.3f}  offset {np.median(off):8.3f}  (fit - LASP)")
    print(f"  chi2 / dof: median {np.median([f.fit.chi2 / f.fit.dof for f, _ in found]):.2f}")


def repeats(shared: Path, most: int) -> None:
    """Visits of one star in several nights: how far apart their labels are, over sqrt(2)."""
    folder = shared / "data" / "lamost_dr8_repeats" / "20220313_CCF_test_grouped_fits"
    stars = [read(path) for path in sorted(folder.glob("*.fits*"))]
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
    pairs = [g[:2] for g in groups if len(g) > 1][:most]
    found = fits((stars[i].spectra["lamost_lrs"], {"visit": float(i)}) for pair in pairs for i in pair)
    by_visit = {int(t["visit"]): f for f, t in found}
    both = [(by_visit[a], by_visit[b]) for a, b in pairs if a in by_visit and b in by_visit]
    print(f"  {len(both)} stars with two visits")
    for name in ("teff", "logg", "fe_h", "c_fe", "mg_fe", "ca_fe", "ti_fe", "ni_fe"):
        off = np.array([a.fit[name] - b.fit[name] for a, b in both]) / np.sqrt(2.0)
        error = np.median([np.hypot(a.fit.errors[name], b.fit.errors[name]) for a, b in both]) / np.sqrt(2.0)
        print(f"  {name:8s} sigma {1.4826 * np.median(np.abs(off)):8.3f}  error {error:8.3f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the three tables."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.evaluation.abundances", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--stars", type=int, default=100, help="simulated stars at each S/N, and real ones")
    parser.add_argument("--snr", type=float, nargs="+", default=[100.0, 50.0])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    for snr in arguments.snr:
        print(f"Simulated test stars of the grid, S/N {snr:g}:")
        say_recovery(fits(simulated(arguments.shared, arguments.stars, snr, arguments.seed)))
    print("Real stars of held-out plates:")
    real(arguments.shared, arguments.stars, arguments.seed)
    print("Two visits of one star:")
    repeats(arguments.shared, arguments.stars)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
