"""LAMOST from a made-up star: what each effect does to a line whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate import instrument
from specviz.simulate.conditions import Conditions, draw_conditions
from specviz.simulate.lamost import blur, calibration, observe_lamost
from specviz.spectra.broadening import GRID_RESOLUTION, rotation_transfer
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE

WAVE = 3650.0 * 10.0 ** (5e-5 * np.arange(8077))
LINES = (4000.0, 4500.0, 5000.0, 5500.0, 6500.0, 8000.0)


def star(n: int = 1) -> np.ndarray:
    """Absorption lines with the grid's own resolution, R = 5000."""
    flux = np.ones_like(WAVE)
    for line in LINES:
        sigma = line / GRID_RESOLUTION / 2.3548
        flux -= 0.5 * np.exp(-0.5 * ((WAVE - line) / sigma) ** 2)
    return np.repeat(flux[None], n, axis=0).astype(np.float32)


def flat(wave: np.ndarray) -> np.ndarray:
    return np.ones((1, wave.size))


def moments(wave: np.ndarray, flux: np.ndarray, line: float, half: float = 16.0) -> tuple[float, float]:
    """Centroid and FWHM (from the second moment) of an absorption line."""
    near = np.abs(wave - line) < half
    depth = 1.0 - flux[near]
    centre = float((wave[near] * depth).sum() / depth.sum())
    return centre, float(np.sqrt((depth * (wave[near] - centre) ** 2).sum() / depth.sum()) * 2.3548)


@pytest.mark.parametrize("rv", [-350.0, -20.0, 0.0, 75.0, 600.0])
def test_a_velocity_moves_lines_by_the_doppler_shift(rv: float) -> None:
    out = blur(star(), WAVE, Conditions.ideal(1).with_(rv=rv), LAMOST_NATIVE.size)[0]
    for line in LINES:
        expected = line * (1.0 + rv / C_KM_S)
        centre, _ = moments(LAMOST_NATIVE, out, expected)
        assert abs(centre - expected) / expected * C_KM_S < 1.5, (line, rv)


def test_the_line_width_is_the_instruments() -> None:
    conditions = Conditions.ideal(2).with_(fwhm_blue=[2.6, 3.4], fwhm_red=[4.0, 5.0], bend=[0.0, 0.2])
    out = blur(star(2), WAVE, conditions, LAMOST_NATIVE.size)
    for line in LINES:
        lines = np.array([line])
        want = instrument.line_width(lines, conditions.fwhm_blue, conditions.fwhm_red, conditions.bend)[:, 0]
        pixel = line * 1e-4 * np.log(10.0)
        for row in range(2):
            got = moments(LAMOST_NATIVE, out[row], line, 25.0)[1]
            whole = np.sqrt(want[row] ** 2 + pixel**2 / 12.0 * 2.3548**2)
            assert got == pytest.approx(whole, rel=0.03), (line, row)  # blended between nodes: 3 %


def test_rotation_transfer_is_that_of_the_profile() -> None:
    x = np.linspace(-1, 1, 40_001)
    eps = 0.6
    profile = (2 * (1 - eps) * np.sqrt(1 - x**2) + np.pi * eps / 2 * (1 - x**2)) / (np.pi * (1 - eps / 3))
    for u in (0.0, 0.005, 0.5, 3.0, 11.0):
        integral = np.trapezoid(profile * np.cos(u * x), x)
        assert rotation_transfer(np.array([u]))[0] == pytest.approx(integral, abs=2e-5)


def test_rotation_keeps_the_equivalent_width_and_fills_the_core() -> None:
    still, fast = blur(star(2), WAVE, Conditions.ideal(2).with_(vsini=[0.0, 200.0]), instrument.N_WINDOW)
    wave = LAMOST_NATIVE[: instrument.N_WINDOW]
    near = np.abs(wave - 4500.0) < 25
    assert (1 - fast[near]).sum() == pytest.approx((1 - still[near]).sum(), rel=2e-3)
    assert (1 - fast[near]).max() < 0.7 * (1 - still[near]).max()


def test_noise_is_what_ivar_says() -> None:
    n = 64
    conditions = draw_conditions(np.random.default_rng(5), np.full(n, 5500.0), np.full(n, 4.4)).with_(noise_scale=1.0)
    seen = observe_lamost(star(n), WAVE, flat, conditions, np.random.default_rng(6), artefacts=False)
    chi = (seen.flux - seen.clean) * np.sqrt(seen.ivar)
    assert chi.std() == pytest.approx(1.0, abs=0.01)
    assert np.abs(chi.mean(axis=1)).max() < 0.1
    # Neighbours are correlated as in LAMOST's resampled spectra: 0.25, then 0.02.
    assert np.mean(chi[:, 1:] * chi[:, :-1]) == pytest.approx(0.25, abs=0.02)
    assert np.mean(chi[:, 2:] * chi[:, :-2]) == pytest.approx(0.016, abs=0.02)
    g = (seen.wave > 4000) & (seen.wave < 5500)
    snr = np.median((seen.clean * np.sqrt(seen.ivar))[:, g], axis=1)
    np.testing.assert_allclose(snr, conditions.snr, rtol=0.05)


def test_drawn_noise_is_a_little_below_what_ivar_says() -> None:
    n = 64
    conditions = draw_conditions(np.random.default_rng(5), np.full(n, 5500.0), np.full(n, 4.4), snr=25.0)
    seen = observe_lamost(star(n), WAVE, flat, conditions, np.random.default_rng(6))
    good = seen.ivar > 0
    chi = ((seen.flux - seen.clean) * np.sqrt(seen.ivar))[good]
    assert 1.4826 * np.median(np.abs(chi)) == pytest.approx(0.87, abs=0.04)
    assert 0.001 < 1.0 - good.mean() < 0.06
    assert seen.ivar.min() == 0.0 and np.isfinite(seen.flux).all()


def test_the_same_seed_gives_the_same_spectra_and_another_does_not() -> None:
    def make(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        conditions = draw_conditions(rng, np.full(8, 6000.0), np.full(8, 4.0))
        return observe_lamost(star(8), WAVE, flat, conditions, rng, n_pixels=instrument.N_WINDOW).flux

    np.testing.assert_array_equal(make(1), make(1))
    assert np.abs(make(1) - make(2)).max() > 0.01


def test_fixing_one_quantity_leaves_the_others_of_the_seed() -> None:
    teff, logg = np.full(5, 5000.0), np.full(5, 3.0)
    free = draw_conditions(np.random.default_rng(3), teff, logg)
    fixed = draw_conditions(np.random.default_rng(3), teff, logg, snr=40.0)
    np.testing.assert_array_equal(fixed.snr, 40.0)
    np.testing.assert_array_equal(fixed.rv, free.rv)
    np.testing.assert_array_equal(fixed.calibration_blue, free.calibration_blue)


def test_the_arms_join_with_the_step_asked_for() -> None:
    curve = calibration(LAMOST_NATIVE, Conditions.ideal(1).with_(arm_step=0.1))[0]
    blue, red = (curve[np.argmin(np.abs(LAMOST_NATIVE - w))] for w in (5790.0, 5910.0))
    assert np.log(red / blue) == pytest.approx(0.1, abs=1e-3)
    assert calibration(LAMOST_NATIVE, Conditions.ideal(1))[0] == pytest.approx(1.0)


def test_spectra_and_errors_look_like_the_real_ones(shared) -> None:  # type: ignore[no-untyped-def]
    """S/N along the spectrum and pixel-to-pixel noise of 300 real stars against simulated ones of the same S/N."""
    from specviz.simulate.grid import SyntheticGrid

    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as npz:
        pick = np.flatnonzero((npz["teff"] > 5000) & (npz["teff"] < 6500) & (npz["snrg"] > 30) & (npz["snrg"] < 200))[
            :300
        ]
        flux, ivar = npz["flux"][pick].astype(float), npz["ivar"][pick].astype(float)
        snr, teff, logg, fe_h = (npz[k][pick].astype(float) for k in ("snrg", "teff", "logg", "feh"))
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as grid:
        have = np.stack([np.log(grid.labels["teff"]) / 0.03, grid.labels["logg"] / 0.3, grid.labels["fe_h"] / 0.2])
        want = np.stack([np.log(teff) / 0.03, logg / 0.3, fe_h / 0.2])
        rows = np.argmin(((have[:, None] - want[:, :, None]) ** 2).sum(axis=0), axis=1)
        rng = np.random.default_rng(0)
        conditions = draw_conditions(rng, teff, logg, snr=snr)
        seen = observe_lamost(grid.norm(rows), grid.wave, lambda wave: grid.continuum(rows, wave), conditions, rng)
    centres = np.array([3900, 4100, 4300, 4700, 5000, 5300, 5600, 6100, 6600, 7100, 8000, 8700])

    def profile(f: np.ndarray, i: np.ndarray) -> np.ndarray:
        ratio = f * np.sqrt(i) / snr[:, None]
        return np.array([np.median(ratio[:, np.abs(LAMOST_NATIVE - c) < 40]) for c in centres])

    np.testing.assert_allclose(profile(seen.flux, seen.ivar), profile(flux, ivar), rtol=0.15)

    def roughness(f: np.ndarray, i: np.ndarray, low: float, high: float) -> float:
        """Second difference over its error where lines are few: the noise, and its correlation."""
        near = np.flatnonzero((low < LAMOST_NATIVE) & (high > LAMOST_NATIVE))
        second = (2 * f[:, near] - f[:, near - 1] - f[:, near + 1]) / np.sqrt(6.0) * np.sqrt(i[:, near])
        sound = (i[:, near] > 0) & (i[:, near - 1] > 0) & (i[:, near + 1] > 0)
        return float(np.median(np.abs(second[sound])) * 1.4826)

    faint = snr < 60
    windows = ((4420, 4470), (5445, 5520), (6080, 6250), (6750, 6830), (8070, 8120))
    ratio = [
        roughness(seen.flux[faint], seen.ivar[faint], *w) / roughness(flux[faint], ivar[faint], *w) for w in windows
    ]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.08)
    assert min(ratio) > 0.82 and max(ratio) < 1.18  # 6080-6250 A: 12 % too smooth


def test_pixels_are_masked_as_in_real_spectra(shared) -> None:  # type: ignore[no-untyped-def]
    """Share of masked pixels by place, number and length of runs, against the 1,953 real spectra."""
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as npz:
        real = npz["ivar"] <= 0
    conditions = draw_conditions(np.random.default_rng(5), np.full(250, 6000.0), np.full(250, 4.3))
    seen = observe_lamost(star(250), WAVE, lambda w: np.ones((250, w.size)), conditions, np.random.default_rng(6))
    ours = seen.ivar <= 0
    blue, red, end = slice(20, 2000), slice(2100, 3849), slice(3900, 3909)
    for part, share in ((blue, 0.006), (red, 0.004), (end, 0.04)):
        assert ours[:, part].mean() == pytest.approx(real[:, part].mean(), abs=share)

    def runs(bad: np.ndarray) -> tuple[float, float]:
        lengths = [len(word) for line in bad[:250, 60:3849] for word in "".join(" x"[int(b)] for b in line).split()]
        return len(lengths) / 250, float(np.median(lengths))

    (count, length), (real_count, real_length) = runs(ours), runs(real)
    assert count == pytest.approx(real_count, rel=0.35) and abs(length - real_length) <= 1.0
