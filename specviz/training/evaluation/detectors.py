"""What the detectors of double lines and of emission find, and what they find where there is nothing.

    python -m specviz.training.evaluation.detectors [--stars 600] [--each 60] [--list 10]

Recall of the demo sky's planted classes at 1 % false positives among its ordinary stars, double-lined binaries by
separation and S/N, and the share of real spectra (../shared/data, or ``SPECVIZ_SHARED``) above the same limits, by
temperature. Real samples hold real binaries and real emission, so that share is an upper limit of false positives.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.analysis import double_lines, emission
from specviz.analysis.double_lines import double_lines_of
from specviz.analysis.emission import emission_of
from specviz.analysis.one_star import one_star
from specviz.archives.demo import DemoArchive
from specviz.errors import SpecvizError
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
#: Share of ordinary stars that a limit lets through.
FALSE = 0.01
TYPES = ((3000, 4000), (4000, 5000), (5000, 6000), (6000, 7000), (7000, 9000), (9000, 20000))
_FIRST = 1000  # row of the demo sky: after the showcase


def evaluate(spectra: Iterable[Spectrum]) -> tuple[Array, Array, list[tuple[str, str]], float]:
    """Values of both detectors (n,), their sentences, and seconds a spectrum."""
    double, shining, told = [], [], []
    seconds, n = 0.0, 0
    for spectrum in spectra:
        start = time.perf_counter()
        pair, lines = double_lines_of(spectrum), emission_of(spectrum)
        seconds += time.perf_counter() - start
        n += 1
        double.append(pair.value)
        shining.append(lines.value)
        told.append((pair.text or pair.absent, lines.text or lines.absent))
    return np.array(double), np.array(shining), told, seconds / max(n, 1)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stars", type=int, default=600, help="ordinary demo stars")
    parser.add_argument("--each", type=int, default=60, help="at most so many of every planted class")
    parser.add_argument("--real", type=int, default=600, help="at most so many spectra of every real sample")
    parser.add_argument("--list", type=int, default=0, help="so many of the highest of every real sample")
    options = parser.parse_args(argv)
    limits = _demo(options.stars, options.each)
    for name, spectra, teff in real_samples(options.real):
        kept = list(spectra)
        double, shining, told, _ = evaluate(kept)
        _say_real(name, kept, teff if teff is not None else _template_teff(kept), double, shining, limits)
        for label, values, k in (("double lines", double, 0), ("emission", shining, 1)):
            for i in np.argsort(-np.nan_to_num(values))[: options.list]:
                print(f"    {label:<13} {values[i]:6.1f}  {kept[i].meta.get('object_id')}  {told[i][k]}")


def _demo(stars: int, each: int) -> tuple[float, float]:
    archive = DemoArchive()
    table = archive.table()
    odd = {name for names in archive.anomalies().values() for name in names}
    rows = [
        i for i in range(_FIRST, len(archive)) if f"demo {i + 1}" not in odd and table["companion"][i] != "SB2"
    ][:stars]  # fmt: skip
    double, shining, _, seconds = evaluate(_demo_spectra(archive, [f"demo {i + 1}" for i in rows]))
    limits = tuple(float(np.nanquantile(v, 1.0 - FALSE)) for v in (double, shining))
    print(f"{len(rows)} ordinary demo stars, {1e3 * seconds:.1f} ms a star for both detectors")
    for name, values, limit in (("double lines", double, limits[0]), ("emission", shining, limits[1])):
        shown = ", ".join(f"{q:g} %: {np.nanpercentile(values, q):.1f}" for q in (50, 84, 95, 99, 99.5))
        print(f"  {name}: {shown}; at most {np.nanmax(values):.1f}; limit of 1 % false positives {limit:.1f} sigma")
    print(
        "share of each planted class above the limits of 1 % false positives (double lines, emission); without a value"
    )
    for kind, names in archive.anomalies().items():
        double, shining, _, _ = evaluate(_demo_spectra(archive, names[:each]))
        print(
            f"  {kind:<24} n={len(double):<4} {np.mean(double > limits[0]):5.2f} {np.mean(shining > limits[1]):5.2f};"
            f" {np.mean(double > double_lines.CLEAR):5.2f} {np.mean(shining > emission.CLEAR):5.2f};"
            f"   {np.isnan(double).sum()}"
        )
    _by_separation(archive, limits[0])
    natural = [f"demo {i + 1}" for i in range(len(archive)) if table["companion"][i] == "SB2"][: 2 * each]
    double, _, _, _ = evaluate(_demo_spectra(archive, natural))
    print(f"  SB2 of the demo population (companion > 10 % of the light, > 100 km/s): n={len(double)}, "
          f"{np.mean(double > limits[0]):.2f}")  # fmt: skip
    return limits[0], limits[1]


def _by_separation(archive: DemoArchive, limit: float) -> None:
    names = archive.anomalies()["double-lined binary"]
    stars = archive.fetch_many(names[:200])
    found = [double_lines_of(star.spectra["lamost_lrs"]) for star in stars]
    apart = np.array([float(m[1]) if (m := re.search(r"(\d+) km/s apart", str(s.meta.get("note", "")))) else np.nan
                      for s in stars])  # fmt: skip
    snr = np.array([star.spectra["lamost_lrs"].snr for star in stars], float)
    value = np.array([f.value for f in found])
    print(
        "double-lined binaries by true separation (km/s): share found at S/N 10-30, above 30; error of the separation"
    )
    for low, high in ((130, 160), (160, 200), (200, 250), (250, 350)):
        here = (apart >= low) & (apart < high)
        shares = [f"{np.mean(value[here & s] > limit):.2f} of {np.sum(here & s)}" for s in (snr < 30, snr >= 30)]
        clear = here & (value > limit)
        error = np.array([f.separation for f in found])[clear] - apart[clear]
        print(f"  {low}-{high}: {shares[0]}, {shares[1]}; {np.mean(error):+.0f} +- {np.std(error):.0f} km/s")


def _demo_spectra(archive: DemoArchive, names: list[str]) -> Iterator[Spectrum]:
    for start in range(0, len(names), 50):
        for star in archive.fetch_many(names[start : start + 50]):
            yield star.spectra["lamost_lrs"]


def shared() -> Path:
    """Where the real data lie."""
    return Path(os.environ.get("SPECVIZ_SHARED", Path(__file__).parents[3].parent / "shared")) / "data"


def real_samples(most: int) -> Iterator[tuple[str, list[Spectrum], Array | None]]:
    """Name, spectra and catalogue temperatures (None: the template's) of what is there."""
    packed = shared() / "lamost_dr10_afg_train.npz"
    if packed.exists():
        data = np.load(packed)
        rows = np.linspace(0, len(data["flux"]) - 1, min(most, len(data["flux"]))).astype(int)
        flux, ivar, wave = data["flux"][rows], data["ivar"][rows], data["wave_vac"]
        names, snr = data["designation"][rows], data["snrg"][rows]
        spectra = [
            Spectrum(wave, f, i, i <= 0, survey="lamost_lrs", meta={"object_id": str(n), "snr": float(s)})
            for f, i, n, s in zip(flux, ivar, names, snr, strict=True)
        ]
        yield "LAMOST DR10, A F G stars", spectra, np.asarray(data["teff"][rows], float)
    for folder in ("lamost_dr10", "lamost_dr8_repeats", "lamost_dr1", "lamost_dr7", "lamost_misc"):
        spectra = []
        for path in sorted((shared() / folder).rglob("*.fits*"))[:most]:
            try:
                star = read(path)
            except SpecvizError:
                continue
            spectra += [s for name, s in star.spectra.items() if name == "lamost_lrs"]
        if spectra:
            yield folder, spectra, None


def _template_teff(spectra: list[Spectrum]) -> Array:
    out = []
    for spectrum in spectra:
        try:
            star = one_star(spectrum)
        except SpecvizError:
            out.append(np.nan)
        else:
            out.append(float(star.bank.teff[star.best]))
    return np.array(out)


def _say_real(
    name: str, spectra: list[Spectrum], teff: Array, double: Array, shining: Array, limits: tuple[float, float]
) -> None:
    snr = np.array([s.snr or np.nan for s in spectra], float)
    print(f"{name}: {len(spectra)} real spectra, S/N {np.nanmedian(snr):.0f}; {np.isnan(double).sum()} without a value")
    for low, high in TYPES:
        here = (teff >= low) & (teff < high) & np.isfinite(double)
        if here.any():
            parts = [
                f"{label} {np.mean(v[here] > limit):.3f} above {limit:.1f}, {np.mean(v[here] > clear):.3f} above "
                f"{clear:g} (median {np.median(v[here]):.1f}, "
                f"95 % {np.percentile(v[here], 95):.1f}, most {v[here].max():.1f})"
                for label, v, limit, clear in (
                    ("double", double, limits[0], double_lines.CLEAR),
                    ("emission", shining, limits[1], emission.CLEAR),
                )
            ]
            print(f"  {low}-{high} K  n={here.sum():<5} " + "; ".join(parts))


if __name__ == "__main__":
    main()
