"""How good the cross-correlation velocities are: ``python -m specviz.benchmarks.velocity``.

Three questions. Against the pipeline: real LAMOST DR10 spectra, our velocity minus LASP's, by Teff and S/N (needs the
shared data, ``SPECVIZ_SHARED``). Against the truth: demo stars without a companion, whose velocity is known; the errors
are right if (ours - true) / sigma has a robust width of 1. Against nothing: noise without lines must be refused.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo import DemoArchive
from specviz.errors import SpecvizError
from specviz.simulate.templates import rest_templates
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.velocity import cross_correlate

_TEFF = (3500, 5300, 6000, 7000, 8500, 15000)
_SNR = (0, 15, 30, 100, 10000)


@dataclass(frozen=True, eq=False)
class Compared:
    """Ours minus the reference (km/s; NaN where refused), our errors, and what the stars are; each (n,)."""

    difference: NDArray[np.float64]
    sigma: NDArray[np.float64]
    teff: NDArray[np.float64]
    snr: NDArray[np.float64]
    seconds: float = 0.0

    def select(self, teff: tuple[float, float], snr: tuple[float, float]) -> Compared:
        keep = (self.teff >= teff[0]) & (self.teff < teff[1]) & (self.snr >= snr[0]) & (self.snr < snr[1])
        return Compared(self.difference[keep], self.sigma[keep], self.teff[keep], self.snr[keep])

    @property
    def bias(self) -> float:
        """Median difference, km/s."""
        return float(np.nanmedian(self.difference))

    @property
    def scatter(self) -> float:
        """Robust standard deviation (1.4826 times the median absolute deviation), km/s."""
        return 1.4826 * float(np.nanmedian(np.abs(self.difference - self.bias)))

    @property
    def pull(self) -> float:
        """Robust standard deviation of difference / sigma, the bias taken out."""
        return 1.4826 * float(np.nanmedian(np.abs((self.difference - self.bias) / self.sigma)))

    @property
    def refused(self) -> int:
        return int(np.isnan(self.difference).sum())


def compare(stars: Iterator[tuple[Spectrum, float, float, float]]) -> Compared:
    """Measure spectra that come with a reference velocity, Teff and S/N."""
    templates, rows, began = rest_templates(), [], time.perf_counter()
    for spectrum, rv, teff, snr in stars:
        try:
            velocity = cross_correlate(spectrum, templates)
            rows.append((velocity.rv - rv, velocity.sigma, teff, snr))
        except SpecvizError:
            rows.append((np.nan, np.nan, teff, snr))
    seconds = (time.perf_counter() - began) / max(len(rows), 1)
    columns = np.array(rows).reshape(-1, 4)
    return Compared(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3], seconds)


def real_stars(shared: Path, n: int, seed: int = 1) -> Iterator[tuple[Spectrum, float, float, float]]:
    """Real LAMOST DR10 spectra with LASP's velocity (header Z)."""
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz", allow_pickle=False) as file:
        data = {name: file[name] for name in ("wave_vac", "flux", "ivar", "z", "teff", "snrg")}
    for i in np.random.default_rng(seed).permutation(len(data["z"]))[:n]:
        ivar = data["ivar"][i]
        spectrum = Spectrum(data["wave_vac"], data["flux"][i], ivar, ivar <= 0, survey="lamost_lrs")
        yield spectrum, float(data["z"][i]) * C_KM_S, float(data["teff"][i]), float(data["snrg"][i])


def demo_stars(n: int, seed: int = 2) -> Iterator[tuple[Spectrum, float, float, float]]:
    """Demo stars without a companion and without an anomaly, with their true velocity."""
    archive = DemoArchive()
    table = archive.table()
    single = (np.asarray(table["companion"]) == "") & (np.asarray(table["anomaly"]) == "")
    names = np.asarray(table["name"])[single & np.isfinite(np.asarray(table["rv"].value))]
    chosen = np.random.default_rng(seed).permutation(names)[:n]
    for start in range(0, len(chosen), 50):
        for star in archive.fetch_many([str(name) for name in chosen[start : start + 50]]):
            spectrum = star.spectra["lamost_lrs"]
            truth = star.catalogue
            yield spectrum, float(truth["rv"]), float(truth["teff"]), float(spectrum.meta["snr"])


def accepted_noise(n: int, seed: int = 3) -> int:
    """How many of ``n`` spectra of pure noise (S/N 2 to 50 about a continuum without lines) get a velocity."""
    rng, templates, accepted = np.random.default_rng(seed), rest_templates(), 0
    for snr in rng.uniform(2.0, 50.0, n):
        flux = 1.0 + rng.normal(0.0, 1.0 / snr, LAMOST_NATIVE.size)
        try:
            cross_correlate(Spectrum(LAMOST_NATIVE, flux, np.full(flux.size, snr**2), survey="lamost_lrs"), templates)
            accepted += 1
        except SpecvizError:
            pass
    return accepted


def report(title: str, found: Compared) -> str:
    """A table of bias, scatter, typical error and pull by Teff and S/N."""
    lines = [title, "  teff (K)       S/N         stars  refused   bias  scatter  median sigma  pull (km/s)"]
    for teff in pairwise(_TEFF):
        for snr in pairwise(_SNR):
            part = found.select(teff, snr)
            if len(part.difference) - part.refused < 5:
                continue
            lines.append(
                f"  {teff[0]:>5}-{teff[1]:<7} {snr[0]:>4}-{snr[1]:<6} {len(part.difference):>7} {part.refused:>8} "
                f"{part.bias:>+6.1f} {part.scatter:>8.1f} {np.nanmedian(part.sigma):>13.1f} {part.pull:>5.2f}"
            )
    fgk = found.select((3500, 7000), (30, 1e9))
    if len(fgk.difference):
        lines.append(
            f"  FGK, S/N > 30: {len(fgk.difference)} stars, {fgk.refused} refused, bias {fgk.bias:+.2f} km/s, "
            f"scatter {fgk.scatter:.2f} km/s, pull {fgk.pull:.2f}; {1e3 * found.seconds:.0f} ms a star"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the three comparisons."""
    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.velocity", description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=400, help="stars of each kind (default 400)")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SPECVIZ_SHARED", "../shared")))
    options = parser.parse_args(argv)
    if (options.shared / "data" / "lamost_dr10_afg_train.npz").is_file():
        print(report("Real LAMOST DR10, ours - LASP", compare(real_stars(options.shared, options.n))))
    else:
        print(f"No real spectra: {options.shared} is not there (set SPECVIZ_SHARED)")
    print(report("Demo stars, ours - true", compare(demo_stars(options.n))))
    n = max(options.n // 4, 1)
    print(f"Pure noise: {accepted_noise(n)} of {n} spectra got a velocity")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
