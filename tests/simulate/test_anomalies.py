"""Planted objects: is what was planted there, at the size the truth says, and the same every time?"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from specviz.errors import NotFoundError
from specviz.simulate import artefacts, instrument
from specviz.simulate.anomalies import ANOMALIES, catalogue, observe_planted, plant
from specviz.simulate.galaxies import LINES, add_lines, emission_windows, mixed_galaxies, redshifted
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH

SLOW = ("DA white dwarf", "hot subdwarf")  # a model atmosphere each: one object is enough


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, (pattern, text)
    return float(found[1])


def width(wave: np.ndarray, norm: np.ndarray, centre: float, half: float) -> float:
    """Equivalent width (A) of emission."""
    near = np.abs(wave - centre) < half
    return float(np.trapezoid(norm[near] - 1.0, wave[near]))


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("name", ANOMALIES)
def test_every_class_is_described_sound_and_reproducible(emulator: Any, name: str) -> None:
    index = [1] if name in SLOW else [5, 1]
    planted = plant(name, emulator, seed=2, index=index)
    seen = observe_planted(planted, snr=60.0)
    again = plant(name, emulator, seed=2, index=[1])
    np.testing.assert_array_equal(again.light.norm([0]), planted.light.norm([len(index) - 1]))
    assert again.truth[0] == planted.truth[-1]
    for array in (seen.lamost.flux, seen.lamost.ivar, seen.gaia.flux, planted.light.continuum([0])):
        assert np.isfinite(array).all()
    assert (planted.light.sed([0]) > 0).all() and (planted.light.continuum([0]) > 0).all()
    assert len(seen.truth) == len(index) and all(text.endswith(".") for text in seen.truth)
    np.testing.assert_array_equal(observe_planted(again, snr=60.0).lamost.flux[0], seen.lamost.flux[-1])
    row = next(row for row in catalogue() if row["name"] == name)
    assert row["what"].endswith(".") and row["approximate"].endswith(".")
    if len(index) > 1:
        assert seen.truth[0] != seen.truth[1] or "masked" in seen.truth[0]


def test_an_unknown_class_is_named(emulator: Any) -> None:
    with pytest.raises(NotFoundError, match="quasar"):
        plant("quasar", emulator)


# ------------------------------------------------------------------ stars


def test_the_double_line_is_as_wide_as_said(emulator: Any) -> None:
    planted = plant("double-lined binary", emulator, seed=1, index=0)
    apart = number(r"light\), (\d+) km/s", planted.truth[0])
    wave, norm = planted.light.wave, planted.light.norm([0])[0]
    away = np.abs(np.abs(wave / 5000.0 - 1.0) * C_KM_S - apart) < 25.0  # the second star's line
    between = np.abs(np.abs(wave / 5000.0 - 1.0) * C_KM_S - 0.5 * apart) < 10.0
    first = np.abs(wave - 5000.0) < 0.5
    assert norm[first].min() < 0.9 and norm[away].min() < norm[between].min() - 0.05


@pytest.mark.parametrize(("name", "pattern"), [("active dwarf", r"alpha (\S+) A"), ("T Tauri star", r"alpha (\d+) A")])
def test_emission_has_the_equivalent_width_said(emulator: Any, name: str, pattern: str) -> None:
    planted = plant(name, emulator, seed=3, index=0)
    got = width(planted.light.wave, planted.light.norm([0])[0], 6564.6, 30.0)
    assert got == pytest.approx(number(pattern, planted.truth[0]), rel=0.1)


def test_the_be_star_has_two_peaks(emulator: Any) -> None:
    planted = plant("Be star", emulator, seed=3, index=[0, 1, 2, 3])
    vsini = planted.labels["vsini"]
    k = int(np.argmax(vsini))
    wave, norm = planted.light.wave, planted.light.norm([k])[0]
    near = np.abs(wave - 6564.6) < 12.0
    top = gaussian_filter1d(norm[near], 1.0)
    peaks = wave[near][1:-1][(top[1:-1] > top[:-2]) & (top[1:-1] > top[2:]) & (top[1:-1] > 1.3)]
    assert peaks.size == 2
    assert (peaks[1] - peaks[0]) / 6564.6 * C_KM_S == pytest.approx(0.9 * vsini[k], rel=0.2)


def test_carbon_bands_and_cool_dwarfs_go_beyond_the_emulator(emulator: Any) -> None:
    carbon = plant("carbon star", emulator, seed=1, index=0)
    band = np.argmin(np.abs(emulator.wave - 5150.0))
    alone = np.exp(-0.5 * carbon.labels["c_fe"][0])
    assert carbon.light.norm([0])[0, band] < alone - 0.02
    dwarf = plant("cool M dwarf", emulator, seed=1, index=0)
    teff = dwarf.labels["teff"][0]
    assert 2900.0 < teff < 3450.0
    sed, wave = dwarf.light.sed([0])[0], emulator.sed_wave
    black = wave**-5.0 / np.expm1(1.438777e8 / (wave * teff))
    ratio = sed / black  # ln B is nearly linear in 1/T: the extrapolated black body is that of the lower temperature
    assert np.ptp(np.log(ratio)) < 0.05


def test_subdwarfs_have_helium_and_white_dwarfs_have_not(emulator: Any) -> None:
    wave = emulator.wave

    def depth(norm: np.ndarray, centre: float) -> float:
        near, beside = np.abs(wave - centre) < 2.0, np.abs(np.abs(wave - centre) - 20.0) < 4.0
        return float(np.median(norm[beside]) - norm[near].mean())

    subdwarf = plant("hot subdwarf", emulator, seed=1, index=0).light.norm([0])[0]
    white = plant("DA white dwarf", emulator, seed=1, index=0).light.norm([0])[0]
    helium = max(depth(subdwarf, 5877.3), depth(subdwarf, 5413.0))
    assert helium > 0.02 > 5.0 * abs(depth(white, 5877.3))


def test_dust_is_not_calibrated_away(emulator: Any) -> None:
    planted = plant("behind dust", emulator, seed=1, index=0)
    seen = observe_planted(planted, snr=60.0)
    ebv = number(r"E\(B-V\) = (\S+) with", planted.truth[0])
    assert seen.conditions.ebv[0] == pytest.approx(ebv, abs=0.01) and seen.conditions.dust_removed[0] == 0.0
    bare = planted.light.continuum([0], LAMOST_NATIVE)[0]
    ratio = seen.lamost.clean[0] / bare
    red = -2.5 * np.log10(np.median(ratio[np.abs(LAMOST_NATIVE - 4400) < 50]) / np.median(
        ratio[np.abs(LAMOST_NATIVE - 5500) < 50]))  # fmt: skip
    assert red == pytest.approx(ebv, rel=0.35)  # E(B-V), the calibration's slope aside


# ------------------------------------------------------------------ galaxies


def test_a_galaxy_stands_at_its_redshift(emulator: Any) -> None:
    planted = plant("quiescent galaxy", emulator, seed=1, index=[0, 1])
    for k in range(2):
        z = planted.labels["redshift"][k]
        assert number(r"z = (\S+),", planted.truth[k]) == pytest.approx(z, abs=6e-4)
        norm, at = planted.light.norm([k])[0], 5000.0 * (1.0 + z)
        near = np.abs(emulator.wave - at) < 25.0
        depth = 1.0 - norm[near]
        centre = (emulator.wave[near] * depth).sum() / depth.sum()
        assert (centre / at - 1.0) * C_KM_S == pytest.approx(0.0, abs=15.0)
        sigma = np.sqrt((depth * (emulator.wave[near] / centre - 1.0) ** 2).sum() / depth.sum()) * C_KM_S
        said = number(r"dispersion (\d+)", planted.truth[k])
        assert np.sqrt(max(sigma**2 - (C_KM_S / 5000.0 / 2.3548) ** 2, 0.0)) == pytest.approx(said, rel=0.1)


def test_emission_lines_of_a_galaxy_keep_the_balmer_decrement(emulator: Any) -> None:
    planted = plant("star-forming galaxy", emulator, seed=2, index=0)
    z, wave = planted.labels["redshift"][0], emulator.wave
    flux = planted.light.lrs_flux([0])[0]
    level = planted.light.continuum([0])[0]

    def strength(rest: float) -> float:
        near = np.abs(wave / (1 + z) / rest - 1.0) * C_KM_S < 250.0
        return float(np.trapezoid((flux - level)[near], wave[near]))

    assert strength(6564.6) / strength(4862.7) == pytest.approx(2.86, rel=0.15)
    assert {w for w, _ in LINES} >= {4862.7, 5008.2, 6564.6}


def test_lines_go_into_the_sed_too(emulator: Any) -> None:
    norm, cont, sed = np.ones(8077), np.full(160, 2.0), np.full(720, 2.0)
    light = add_lines(emulator, norm, cont, sed, {6564.6: 20.0}, 100.0)
    assert width(emulator.wave, light.norm([0])[0], 6564.6, 40.0) == pytest.approx(20.0, rel=0.01)
    extra = np.trapezoid(light.sed([0])[0] - 2.0, emulator.sed_wave)
    assert extra == pytest.approx(40.0, rel=0.02)
    moved = redshifted(light, 0.05)
    assert width(emulator.wave, moved.norm([0])[0], 6564.6 * 1.05, 40.0) == pytest.approx(20.0 * 1.05, rel=0.02)


def test_windows_of_real_stars_make_galaxies() -> None:
    rng = np.random.default_rng(0)
    stars = np.ones((20, SPECCLIP_WAVELENGTH.size)) - 0.4 * np.exp(-0.5 * ((SPECCLIP_WAVELENGTH - 4500.0) / 1.5) ** 2)
    made = mixed_galaxies(stars, SPECCLIP_WAVELENGTH, rng, 6)
    for row in made:
        depth = 1.0 - row
        centre = (SPECCLIP_WAVELENGTH * depth).sum() / depth.sum()
        assert 4500.0 * 1.018 < centre < 4500.0 * 1.122
        sigma = np.sqrt((depth * (SPECCLIP_WAVELENGTH - centre) ** 2).sum() / depth.sum()) / centre * C_KM_S
        assert 150.0 < sigma < 340.0
    windows = emission_windows(SPECCLIP_WAVELENGTH, rng, 50)
    assert (windows.max(axis=1) > 1.3).mean() > 0.9 and (windows > 0.99).all()


# ------------------------------------------------------------------ faults


def observed(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flux = np.ones((n, LAMOST_NATIVE.size)) + 0.01 * np.random.default_rng(0).standard_normal((n, LAMOST_NATIVE.size))
    return LAMOST_NATIVE, flux, np.full(flux.shape, 1e4)


def test_arms_do_not_meet_by_the_factor_said() -> None:
    wave, flux, ivar = observed()
    out, inverse, notes = artefacts.arm_step(wave, flux, ivar, np.random.default_rng(1))
    red = wave > instrument.ARM_JOIN
    for k in range(len(out)):
        factor = number(r"by (\S+)\.$", notes[k])
        assert np.median(out[k, red]) == pytest.approx(factor, abs=0.01)
        assert not 0.82 < factor < 1.24
        np.testing.assert_allclose(inverse[k, red] * np.median(out[k, red]) ** 2, 1e4, rtol=0.02)
    inner = artefacts.arm_step(wave[400:1800], flux[:, 400:1800], ivar[:, 400:1800], np.random.default_rng(1))[0]
    assert (np.abs(np.median(inner[:, -100:], axis=1) / np.median(inner[:, :100], axis=1) - 1.0) > 0.15).all()


def test_faults_leave_the_original_alone_and_do_what_they_say() -> None:
    wave, flux, ivar = observed()
    before = flux.copy(), ivar.copy()
    rng = np.random.default_rng(1)
    for name, kind in ANOMALIES.items():
        if kind.fault is not None:
            out, inverse, notes = kind.fault(wave, flux, ivar, rng)
            assert out.shape == inverse.shape == flux.shape and len(notes) == len(flux), name
            assert (np.abs(out - flux).max(axis=1) > 0.03).all() or (inverse == 0).any(), name
            np.testing.assert_array_equal(flux, before[0])
            np.testing.assert_array_equal(ivar, before[1])


def test_dead_amplifiers_and_arms() -> None:
    wave, flux, ivar = observed()
    out, inverse, notes = artefacts.dead_amplifier(wave, flux, ivar, np.random.default_rng(1))
    dark = (np.abs(out) < 0.1).sum(axis=1)
    assert dark.min() >= 149 and dark.max() < 910
    masked = np.array(["masked" in note for note in notes])
    assert 0.1 < masked.mean() < 0.6
    np.testing.assert_array_equal((inverse == 0).any(axis=1), masked)
    arms = artefacts.dead_arm(wave, flux, ivar, np.random.default_rng(1))[1]
    lost = (arms == 0).mean(axis=1)
    assert (lost > 0.45).all() and (lost < 0.55).all()


def test_showers_tellurics_slopes_and_empty_fibres() -> None:
    wave, flux, ivar = observed()
    rng = np.random.default_rng(1)
    hits = ((artefacts.cosmic_cluster(wave, flux, ivar, rng)[0] - flux) > 0.05).sum(axis=1)
    assert (hits >= 10).all() and hits.max() < 125
    air = artefacts.telluric_left(wave, flux, ivar, rng)[0]
    at, beside = np.abs(wave - 7607.0) < 4.0, np.abs(wave - 7450.0) < 20.0
    assert (np.abs(air[:, at].mean(axis=1) - air[:, beside].mean(axis=1)) > 0.25).all()
    np.testing.assert_allclose(air[:, wave < 5500], flux[:, wave < 5500], rtol=1e-6)
    tilt = artefacts.wrong_slope(wave, flux, ivar, rng)[0]
    assert (np.abs(np.log(np.median(tilt[:, -200:], axis=1) / np.median(tilt[:, 1500:1700], axis=1))) > 0.2).all()
    empty, inverse, _ = artefacts.sky_only(wave, flux, ivar, rng)
    assert np.median(empty * np.sqrt(inverse)) < 4.0
    at = np.abs(wave - 5579.0) < 2.5
    assert (np.abs(empty[:, at]).max(axis=1) > 5.0 * empty[:, np.abs(wave - 5400.0) < 100].std(axis=1)).all()
