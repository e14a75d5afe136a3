"""Print how the simulated survey compares with real LAMOST and Gaia XP spectra.

    python -m specviz.training.check_simulation --shared ../shared

The sizes in :mod:`specviz.simulate.instrument` and :mod:`specviz.simulate.conditions` come from these comparisons. Real
stars are matched to the nearest grid star by their published labels, XP spectra (no labels) to the best-fitting grid
star behind dust.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.spatial import cKDTree

from specviz.simulate.conditions import Conditions, draw_conditions
from specviz.simulate.continuum_batch import WINDOW, gaspp_window
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.instrument import telluric
from specviz.simulate.lamost import blur, observe_lamost
from specviz.simulate.survey import SurveyPopulation
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH, XP_REFERENCE_INDEX, XP_WAVELENGTH_NM

Array = NDArray[Any]
#: Lines whose depth is compared: name, centre and half width (vacuum A).
LINES = (
    ("Ca I 4227", 4228.0, 6.0), ("G band", 4306.0, 12.0), ("H gamma", 4341.7, 8.0), ("Fe I 4383", 4384.8, 6.0),
    ("H beta", 4862.7, 8.0), ("Mg b", 5176.0, 14.0), ("Fe I 5270", 5271.0, 6.0), ("Fe I 5328", 5329.5, 6.0),
)  # fmt: skip
WIDTH_WINDOWS = ((3950, 4150), (4400, 4700), (5000, 5300), (5300, 5650), (6080, 6270), (6600, 6840), (8450, 8700))


@dataclass(frozen=True, eq=False)
class Matched:
    """Real LAMOST stars (b) with their nearest grid star; ``rest_*`` of the grid, the others as observed."""

    flux: Array
    ivar: Array
    snr: Array
    rv: Array
    rows: NDArray[np.int64]


def match(grid: SyntheticGrid, path: Path, most: int) -> Matched:
    """Real stars with S/N > 60 and a grid star near them.

    Near: 2 % in Teff, 0.2 in log g and 0.12 in [Fe/H] are one unit each; the distance is below one unit.
    """
    with np.load(path) as npz:
        pick = np.flatnonzero((npz["snrg"] > 60) & (npz["teff"] > 4300) & (npz["teff"] < 7500))
        real = np.stack([np.log(npz["teff"][pick]) / 0.02, npz["logg"][pick] / 0.2, npz["feh"][pick] / 0.12], axis=1)
        usual = np.flatnonzero(grid.population != "crich")
        labels = grid.labels
        have = np.stack([np.log(labels["teff"]) / 0.02, labels["logg"] / 0.2, labels["fe_h"] / 0.12], axis=1)[usual]
        far, near = cKDTree(have).query(real)
        middle = np.abs(LAMOST_NATIVE - 5000) < 100
        good = np.flatnonzero((far < 1.0) & (np.median(npz["flux"][pick][:, middle], axis=1) > 0))[:most]
        pick, near = pick[good], usual[near[good]]
        flux, ivar = npz["flux"][pick].astype(float), npz["ivar"][pick].astype(float)
        return Matched(flux, ivar, npz["snrg"][pick].astype(float), npz["z"][pick].astype(float) * C_KM_S, near)


def row(name: str, values: Any, digits: int = 3) -> None:
    print(f"{name:34s}" + " ".join(f"{v:8.{digits}f}" for v in np.atleast_1d(values)))


def line_spread(grid: SyntheticGrid, real: Matched) -> None:
    """Which width (A) of the line-spread function fits each real star best, by window."""
    widths = np.arange(1.8, 6.6, 0.2)
    norm, cont = grid.norm(real.rows), grid.continuum(real.rows, LAMOST_NATIVE)
    misfit = np.full((len(WIDTH_WINDOWS), widths.size, len(real.rows)), np.nan)
    for j, width in enumerate(widths):
        ideal = Conditions.ideal(len(real.rows)).with_(
            rv=real.rv, fwhm_blue=width, fwhm_red=width, vsini=4.0, macro=3.5
        )
        model = blur(norm, grid.wave, ideal, LAMOST_NATIVE.size) * cont
        for i, (low, high) in enumerate(WIDTH_WINDOWS):
            inside = (low < LAMOST_NATIVE) & (high > LAMOST_NATIVE)
            basis = legendre.legvander(np.linspace(-1, 1, int(inside.sum())), 5)
            for k in range(len(real.rows)):
                use = real.ivar[k, inside] > 0
                if use.mean() < 0.8:
                    continue
                design, y = basis[use] * model[k, inside][use, None], real.flux[k, inside][use]
                residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
                misfit[i, j, k] = residual.std() / np.median(y)
    print("\nLine-spread function (A): 16, 50, 84 % of the best width; R at the median; relative rms left")
    for i, (low, high) in enumerate(WIDTH_WINDOWS):
        there = np.isfinite(misfit[i]).all(axis=0)
        best = widths[np.argmin(misfit[i][:, there], axis=0)]
        p = np.percentile(best, [16, 50, 84])
        row(f"  {low}-{high} A", [*p, (low + high) / 2 / p[1], float(np.median(misfit[i][:, there].min(axis=0)))])


def noise_and_calibration(grid: SyntheticGrid, real: Matched, xp: XPSimulator) -> None:
    """S/N profile, masked share, smooth ratio to the model; real, then simulated for the same stars."""
    rng = np.random.default_rng(0)
    labels = grid.labels
    conditions = draw_conditions(rng, labels["teff"][real.rows], labels["logg"][real.rows], snr=real.snr, rv=real.rv)
    seen = observe_lamost(
        grid.norm(real.rows),
        grid.wave,
        lambda w: grid.continuum(real.rows, w),
        conditions,
        rng,
        extinction=xp.extinction_curve,
    )
    ideal = Conditions.ideal(len(real.rows)).with_(rv=real.rv)
    model = blur(grid.norm(real.rows), grid.wave, ideal, LAMOST_NATIVE.size) * grid.continuum(real.rows, LAMOST_NATIVE)
    centres = np.array([3760, 3900, 4100, 4400, 5000, 5400, 5700, 6100, 6600, 7200, 8000, 8800])
    middle = np.abs(LAMOST_NATIVE - 5000) < 100
    print("\nBy wavelength")
    row("  (A)", centres, 0)
    for name, flux, ivar in (("real", real.flux, real.ivar), ("simulated", seen.flux, seen.ivar)):
        flux, ivar = np.asarray(flux, float), np.asarray(ivar, float)
        snr = flux * np.sqrt(ivar) / real.snr[:, None]
        near = [np.abs(LAMOST_NATIVE - c) < 30 for c in centres]
        row(f"  S/N over snrg, {name}", [np.median(snr[:, n]) for n in near], 2)
        ratio = (flux / np.median(flux[:, middle], axis=1)[:, None]) / (
            model / np.median(model[:, middle], axis=1)[:, None]
        )
        smooth = np.log(np.maximum(np.stack([np.median(ratio[:, n], axis=1) for n in near]), 1e-3))
        row(f"  scatter of ln flux, {name}", np.subtract(*np.percentile(smooth, [84, 16], axis=1)) / 2, 3)
        quiet = np.flatnonzero(np.abs(LAMOST_NATIVE - 6165) < 85)
        second = (2 * flux[:, quiet] - flux[:, quiet - 1] - flux[:, quiet + 1]) / np.sqrt(6.0) * np.sqrt(ivar[:, quiet])
        faint = real.snr < 100
        row(
            f"  masked %, roughness/sigma, {name}",
            [100 * np.mean(ivar <= 0), 1.4826 * np.median(np.abs(second[faint]))],
            2,
        )
        curve = np.log(np.maximum(ratio, 0.05))
        blue = (LAMOST_NATIVE > 3800) & (LAMOST_NATIVE < 5800)
        basis = legendre.legvander(2 * (LAMOST_NATIVE[blue] - 3700) / 2200 - 1, 4)
        fit = np.linalg.lstsq(basis, median_filter(curve[:, blue], size=(1, 101)).T, rcond=None)[0]
        row(f"  blue Legendre 1-4, {name}", np.subtract(*np.percentile(fit[1:], [84, 16], axis=1)) / 2)


def line_depths(grid: SyntheticGrid, real: Matched) -> None:
    """Depth of lines after the official normalisation: real against simulated without noise, same velocity."""
    rng = np.random.default_rng(1)
    labels = grid.labels
    conditions = draw_conditions(rng, labels["teff"][real.rows], labels["logg"][real.rows], snr=real.snr, rv=real.rv)
    conditions = conditions.with_(vsini=np.minimum(conditions.vsini, 15.0))
    seen = observe_lamost(grid.norm(real.rows), grid.wave, lambda w: grid.continuum(real.rows, w), conditions, rng)
    clean = gaspp_window(seen.clean, np.ones_like(seen.clean))[0]
    noisy = gaspp_window(real.flux, real.ivar)[0]
    good = real.ivar[:, WINDOW] > 0
    rms = np.array([np.std((noisy - clean)[k, good[k]]) for k in range(len(clean))])
    print("\nNormalised window 4000-5599 A, real minus nearest grid star (labels differ a little too)")
    row("  rms: 16, 50, 84 %", np.percentile(rms, [16, 50, 84]), 4)
    print("  mean depth of a line: real, simulated, ratio, correlation between stars")
    for name, centre, half in LINES:
        pairs = []
        for k in range(len(clean)):
            near = np.abs(SPECCLIP_WAVELENGTH / (1 + real.rv[k] / C_KM_S) - centre) < half
            if good[k, near].all():
                pairs.append((1 - noisy[k, near].mean(), 1 - clean[k, near].mean()))
        a, b = np.array(pairs).T
        row(f"  {name}", [a.mean(), b.mean(), b.mean() / a.mean(), np.corrcoef(a, b)[0, 1]])


def gaia(grid: SyntheticGrid, path: Path, xp: XPSimulator) -> None:
    """Shapes of real XP spectra against the best-fitting grid star behind dust."""
    with np.load(path) as npz:
        flux, error = npz["flux"].astype(float), npz["flux_error"].astype(float)
    good = (np.median(flux / error, axis=1) > 40) & (flux[:, XP_REFERENCE_INDEX] > 0)
    real = flux[good] / flux[good][:, XP_REFERENCE_INDEX, None]
    fit = (XP_WAVELENGTH_NM > 400) & (XP_WAVELENGTH_NM < 950)
    best, model = np.full(len(real), np.inf), np.zeros_like(real)
    target = np.log(np.maximum(real[:, fit], 1e-3))
    sed = grid.sed(np.arange(grid.n))
    for ebv in np.arange(0.0, 0.8, 0.05):
        shape = xp.observe(sed, 12.0, None, ebv=ebv).relative().clean.astype(float)
        log = np.log(np.maximum(shape[:, fit], 1e-3))
        misfit = (log**2).mean(1)[None] - 2 * target @ log.T / fit.sum() + (target**2).mean(1)[:, None]
        k = misfit.argmin(axis=1)
        value = misfit[np.arange(len(real)), k]
        better = value < best
        best[better], model[better] = value[better], shape[k[better]]
    print(f"\nGaia XP: {good.sum()} real spectra with S/N > 40 against the best grid star")
    row("  rms of ln, 400-950 nm: 16, 50, 84 %", np.percentile(np.sqrt(best), [16, 50, 84]), 4)
    at = np.array([336, 350, 376, 390, 410, 450, 500, 600, 636, 650, 700, 800, 900, 1000])
    row("  (nm)", at, 0)
    row("  median real/simulated - 1", np.median(real / model - 1, axis=0)[((at - 336) // 2)])


def faults(grid: SyntheticGrid, real: Matched, xp: XPSimulator) -> None:
    """What ivar does not tell: telluric bands left over, residuals of sky lines, masked pixels by place."""
    rng = np.random.default_rng(3)
    labels = grid.labels
    night = draw_conditions(rng, labels["teff"][real.rows], labels["logg"][real.rows], snr=real.snr, rv=real.rv)
    seen = observe_lamost(grid.norm(real.rows), grid.wave, lambda w: grid.continuum(real.rows, w), night, rng)
    ideal = Conditions.ideal(len(real.rows)).with_(rv=real.rv)
    model = blur(grid.norm(real.rows), grid.wave, ideal, LAMOST_NATIVE.size) * grid.continuum(real.rows, LAMOST_NATIVE)
    wave = LAMOST_NATIVE
    full = -np.log(telluric(wave, np.ones(1))[0])
    print("\nTelluric bands left (share of their depth): 5, 16, 50, 84, 95 %")
    for centre in (6875.0, 7610.0, 8990.0):
        at, beside = np.abs(wave - centre) < 8.0, (np.abs(wave - centre) > 70.0) & (np.abs(wave - centre) < 130.0)
        for name, flux in (("real", real.flux), ("simulated", seen.flux)):
            ratio = np.asarray(flux, float) / model
            level, level_beside = (np.median(ratio[:, p], axis=1) for p in (at, beside))
            sound = (level > 0) & (level_beside > 0)
            left = -np.log(level[sound] / level_beside[sound])
            row(f"  {centre:.0f} A, {name}", np.percentile(left / full[at].mean(), [5, 16, 50, 84, 95]), 3)
    print("\nResidual of sky lines, largest |flux - neighbours| within 5 A in sigma: 16, 50, 84, 97 %; masked there %")
    for centre in (5578.9, 6302.0):
        at, beside = np.abs(wave - centre) < 5.0, (np.abs(wave - centre) > 9.0) & (np.abs(wave - centre) < 30.0)
        for name, flux, ivar in (("real", real.flux, real.ivar), ("simulated", seen.flux, seen.ivar)):
            flux, ivar = np.asarray(flux, float), np.asarray(ivar, float)
            size = np.abs(flux[:, at] - np.median(flux[:, beside], axis=1, keepdims=True)) * np.sqrt(ivar[:, at])
            row(f"  {centre:.0f} A, {name}", [*np.percentile(size.max(axis=1), [16, 50, 84, 97]),
                                             100 * np.mean(ivar[:, at] <= 0)], 1)  # fmt: skip
    print("\nMasked pixels (%): first 20, blue, around the join, red, last 60; spectra with a masked run > 10 inside")
    places = (slice(0, 20), slice(20, 1900), slice(1900, 2100), slice(2100, 3849), slice(3849, 3909))
    for name, ivar in (("real", real.ivar), ("simulated", seen.ivar)):
        bad = np.asarray(ivar) <= 0
        words = ["".join("x" if b else " " for b in line[60:3849]).split() for line in bad]
        runs = [max((len(word) for word in line), default=0) for line in words]
        row(f"  {name}", [*(100 * bad[:, p].mean() for p in places), 100 * np.mean(np.array(runs) > 10)], 1)


def survey(shared: Path) -> None:
    """The simulated survey against LAMOST's labelled A, F, G stars: labels, velocities, S/N, magnitudes."""
    population = SurveyPopulation.from_tracks(shared / "synthetic" / "sse_tracks.npz")
    stars = population.draw(np.random.default_rng(0), 20_000)
    labels = stars.labels
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as npz:
        real = {k: npz[k].astype(float) for k in ("teff", "logg", "feh", "snrg", "z")}
    kind = (labels["teff"] > np.percentile(real["teff"], 1)) & (labels["teff"] < np.percentile(real["teff"], 99))
    print(f"\nSimulated survey ({kind.sum()} stars of the real sample's temperatures): 5, 16, 50, 84, 95 %")
    marks = [5, 16, 50, 84, 95]
    for name, digits, ours, theirs in (
        ("teff (K)", 0, labels["teff"], real["teff"]), ("log g", 2, labels["logg"], real["logg"]),
        ("[Fe/H]", 2, labels["fe_h"], real["feh"]), ("velocity (km/s)", 0, stars.rv, real["z"] * C_KM_S),
        ("S/N in g", 0, stars.snr, real["snrg"]),
    ):  # fmt: skip
        row(f"  {name}, real", np.percentile(theirs, marks), digits)
        row(f"  {name}, simulated", np.percentile(ours[kind], marks), digits)
    row("  log g < 3.5: real, simulated", [np.mean(real["logg"] < 3.5), np.mean(labels["logg"][kind] < 3.5)])
    pair = stars.companion
    row("  with a companion, SB1, SB2", [np.mean(pair.q > 0), np.mean(pair.kind == "SB1"), np.mean(pair.kind == "SB2")])


def coefficients(shared: Path, xp: XPSimulator) -> None:
    """Errors of XP coefficients: real sources against the model, as relative scatter, by brightness."""
    from astropy.io import fits

    with fits.open(shared / "data" / "gaia_xp_2000" / "xp_continuous_combined_chunk0.fits") as hdus:
        table: Any = hdus[1].data
        values, errors = (np.hstack([np.array([table[f"{p}{b}_coeff_{k}"] for k in range(55)], float).T
                                     for b in ("bp", "rp")]) for p in ("", "e_"))  # fmt: skip
    model = xp.coefficient_errors(values)
    size = np.linalg.norm(values[:, 55:], axis=1)
    print("\nErrors of XP coefficients, ln(real / model) by brightness of RP: median and scatter, low and high orders")
    for low, high in ((0, 20), (40, 60), (80, 100)):
        pick = (size >= np.percentile(size, low)) & (size < np.percentile(size, high))
        ratio = np.log(errors[pick] / model[pick])
        parts = [ratio[:, :10], ratio[:, 30:55], ratio[:, 55:65], ratio[:, 85:]]
        row(f"  {low}-{high} % (BP low, high, RP low, high)", [f(p) for p in parts for f in (np.median, np.std)], 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m specviz.training.check_simulation", description="Compare simulated with real spectra."
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder of the shared materials")
    parser.add_argument("-n", type=int, default=200, help="real LAMOST stars to use (default: %(default)s)")
    args = parser.parse_args()
    xp = XPSimulator()
    with SyntheticGrid.open(args.shared / "synthetic" / "lte_grid.h5") as grid:
        real = match(grid, args.shared / "data" / "lamost_dr10_afg_train.npz", args.n)
        print(f"{len(real.rows)} real LAMOST DR10 stars, S/N > 60, with a grid star close by")
        line_spread(grid, real)
        noise_and_calibration(grid, real, xp)
        line_depths(grid, real)
        faults(grid, real, xp)
        gaia(grid, args.shared / "data" / "gaia_xp_sampled_2010.npz", xp)
    coefficients(args.shared, xp)
    survey(args.shared)


if __name__ == "__main__":
    main()
