"""Light curves measured: real ones of Kepler and K2 against published values, made ones against what went into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis.light_curve import CleanCurve, clean, flattened, variability
from specviz.analysis.measured_curve import measure_curve
from specviz.analysis.oscillations import power_spectrum
from specviz.analysis.rotation import autocorrelation, rotation
from specviz.errors import SpectrumError
from specviz.spectra.readers import read
from specviz.spectra.star import LightCurve
from specviz.spectra.stitch import stitch

HALF_HOUR = 29.4244 / 1440.0


def _curve(days: float = 50.0, *, noise: float = 1e-4, level: float = 1.0, **parts: Any) -> LightCurve:
    """Half-hour cadences: ``wave`` and ``spots`` are (period, amplitude), ``dips`` (period, hours, depth)."""
    rng = np.random.default_rng(3)
    t = np.arange(0.0, days, HALF_HOUR)
    flux = 1.0 + noise * rng.standard_normal(t.size)
    for name in ("wave", "spots"):
        if name in parts:
            period, amplitude = parts[name]
            phase = 2 * np.pi * t / period
            flux += amplitude * np.sin(phase)
            if name == "spots":  # a second spot on the other side, and slow changes of both
                flux += 0.6 * amplitude * np.sin(2 * phase + 0.7) * (1 + 0.3 * np.sin(2 * np.pi * t / 40))
    if "dips" in parts:
        period, hours, depth = parts["dips"]
        flux[((t - 1.3) % period) < hours / 24.0] -= depth
    return LightCurve(t, level * flux)


def _text(shared: Path, name: str) -> LightCurve:
    curve = read(shared / "data/lightcurves_text" / name).light_curve
    assert curve is not None
    return curve


# ------------------------------------------------------------------------------------------ real stars
def test_the_transits_of_k2_3(shared: Path) -> None:
    measured = measure_curve(_text(shared, "tls/EPIC201367065.csv"))
    found = measured.eclipses
    assert found is not None and found.found
    # K2-3 b: 10.05465 d (Crossfield et al. 2015); its radius and the star's give 1.2 parts per thousand.
    assert found.period == pytest.approx(10.0546, abs=2 * found.error) and found.error < 0.002
    assert 900 < found.depth < 1400 and found.events == 8
    assert abs(found.odd - found.even) < 0.1 * found.depth
    assert not measured.oscillations.found


def test_the_transits_of_wasp_75(shared: Path) -> None:
    found = measure_curve(_text(shared, "tls/EPIC206154641.csv")).eclipses
    assert found is not None and found.found
    # WASP-75 b: 2.484193 d, depth of 0.0107 at mid-transit (Gomez Maqueo Chew et al. 2013); a box finds its mean.
    assert found.period == pytest.approx(2.484193, abs=2 * found.error) and found.error < 0.0003
    assert 6000 < found.depth < 10_700


def test_the_oscillations_of_a_subgiant_and_a_giant(shared: Path) -> None:
    # KIC 1435467, 27 d of one-minute cadence: nu_max 1406 (Lund et al. 2017).
    hump = measure_curve(_text(shared, "pysyd/1435467_LC.txt.gz"), teff=6326.0).oscillations
    assert hump.found and hump.nu_max == pytest.approx(1406.0, rel=0.03)
    assert hump.logg == pytest.approx(4.10, abs=0.03)
    # KIC 5899262, half-hour cadence: the gravity in the header of the file is photometric, good to 0.3 dex.
    files = sorted((shared / "data/kepler_llc").glob("kplr005899262*_llc*"))
    stars = [read(f) for f in files]
    curve = stitch([s.light_curve for s in stars if s.light_curve is not None])
    assert curve.meta["quarter"] == "0, 1" and curve.meta["segments"] == 2
    hump = measure_curve(curve, teff=stars[0].catalogue["teff"]).oscillations
    assert hump.found and hump.logg == pytest.approx(stars[0].catalogue["logg"], abs=0.3)


def test_a_quiet_star_of_kepler_shows_nothing(shared: Path) -> None:
    files = sorted((shared / "data/kepler_llc").glob("kplr010424789*_llc*"))
    measured = measure_curve(stitch([c for f in files if (c := read(f).light_curve) is not None]))
    assert not measured.rotation.found and not measured.oscillations.found
    assert measured.eclipses is not None and not measured.eclipses.found
    assert measured.curve.span == pytest.approx(127.0, abs=0.1)
    assert 350 < measured.variability.noise < 450  # KepMag 15: some 400 ppm a half hour


# ------------------------------------------------------------------------------------------ what went in
def test_a_spotted_star_turns() -> None:
    measured = measure_curve(_curve(spots=(7.3, 1e-3)))
    turning = measured.rotation
    assert turning.period == pytest.approx(7.3, abs=3 * turning.error) and turning.error < 0.05
    assert turning.peaks.size == 3 and turning.height > 0.5
    assert measured.power.false_alarm < 1e-20
    assert measured.eclipses is not None and not measured.eclipses.found
    assert not measured.oscillations.found


def test_the_peak_of_two_equal_spots_is_not_half_the_period() -> None:
    t = np.arange(0.0, 80.0, HALF_HOUR)
    flux = 1 + 1e-3 * np.sin(4 * np.pi * t / 12) + 3e-4 * np.sin(2 * np.pi * t / 12 + 0.4)
    found = rotation(clean(LightCurve(t, flux)))
    assert found.period == pytest.approx(12.0, rel=0.02)


def test_a_fast_wave_is_neither_halved_nor_an_eclipse_nor_an_oscillation() -> None:
    measured = measure_curve(_curve(wave=(0.4, 1e-3)))
    assert measured.power.period == pytest.approx(0.4, abs=1e-3)
    assert measured.rotation.period == pytest.approx(0.4, abs=0.01)
    assert measured.eclipses is not None and not measured.eclipses.found
    assert not measured.oscillations.found


def test_noise_is_noise() -> None:
    measured = measure_curve(_curve())
    assert measured.power.false_alarm > 0.01
    assert measured.power.power.max() < measured.power.level
    assert not (measured.rotation.found or measured.oscillations.found or measured.eclipses.found)  # type: ignore[union-attr]
    assert measured.variability.noise == pytest.approx(100.0, rel=0.05)
    # White noise of 100 ppm over the whole band: its density is the variance over the width of the band.
    density = measured.power.power.mean() * measured.power.frequency[-1]
    assert density == pytest.approx(100.0**2, rel=0.05)


def test_dips_that_alternate_are_told_apart() -> None:
    curve = _curve(dips=(3.1, 3.0, 4e-3))
    deeper = curve.flux.copy()
    deeper[((curve.time - 1.3) % 6.2) < 3.0 / 24] -= 2e-3
    found = measure_curve(LightCurve(curve.time, deeper)).eclipses
    assert found is not None and found.found
    assert found.period == pytest.approx(3.1, abs=0.002)
    assert {round(found.odd, -3), round(found.even, -3)} == {4000, 6000}
    assert (found.epoch - 1.3 - 1.5 / 24) % 3.1 == pytest.approx(0.0, abs=0.05) or (
        found.epoch - 1.3 - 1.5 / 24
    ) % 3.1 == pytest.approx(3.1, abs=0.05)


# ------------------------------------------------------------------------------------------ making it fit
def test_units_and_gaps_change_nothing() -> None:
    plain = _curve(spots=(7.3, 1e-3))
    keep = (plain.time < 30) | (plain.time > 41)
    gappy = LightCurve(plain.time[keep] + 2454953.0, 5200.0 * plain.flux[keep])
    a, b = (rotation(clean(c)) for c in (plain, gappy))
    assert a.period == pytest.approx(b.period, abs=0.1)
    assert clean(gappy).start == 2454953.0
    assert variability(clean(gappy)).range == pytest.approx(variability(clean(plain)).range, rel=0.05)


def test_flagged_cadences_and_spikes_go_and_eclipses_stay() -> None:
    curve = _curve(dips=(5.0, 3.0, 0.02))
    flux, quality = curve.flux.copy(), np.zeros(len(curve), np.int64)
    flux[100:110], quality[100:110] = 0.5, 8  # Earth point
    quality[300] = 128  # a cosmic ray, corrected by the pipeline
    flux[700] += 0.05
    done = clean(LightCurve(curve.time, flux, quality=quality))
    assert done.removed == 11 and done.flux.max() < 1.01
    assert (done.flux < 0.99).sum() == (curve.flux < 0.99).sum()
    tess = clean(LightCurve(curve.time, curve.flux, quality=np.where(quality == 8, 128, 0), meta={"sector": 1}))
    assert tess.removed == 10  # bit 8 of TESS is a manual exclusion


def test_quarters_are_brought_to_one_level() -> None:
    curve = _curve(60.0, spots=(7.3, 1e-3))
    half = len(curve) // 2
    first = LightCurve(curve.time[:half], 4000 * curve.flux[:half], np.full(half, 2.0), meta={"quarter": 1})
    rest = len(curve) - half
    second = LightCurve(curve.time[half:], 9000 * curve.flux[half:], np.full(rest, 9.0), meta={"quarter": 2})
    joined = stitch([second, first])
    assert np.all(np.diff(joined.time) > 0) and joined.meta["quarter"] == "1, 2"
    assert joined.flux_error is not None and joined.flux_error[0] == pytest.approx(0.0005, rel=0.01)
    assert rotation(clean(joined)).period == pytest.approx(7.3, abs=0.05)
    with pytest.raises(SpectrumError, match="BJD_TDB and days"):
        stitch([first, LightCurve(curve.time, curve.flux, time_system="days")])
    with pytest.raises(SpectrumError, match="No light curve"):
        stitch([])


def test_minutes_are_binned_to_half_hours() -> None:
    t = np.arange(0.0, 5.0, 1 / 1440)
    curve = CleanCurve(t, 1 + 0.01 * np.sin(2 * np.pi * t / 2), 0.0, 1 / 1440)
    binned = curve.binned()
    assert 239 <= binned.flux.size <= 241 and binned.cadence == pytest.approx(0.5 / 24)
    assert np.interp(2.5, binned.time, binned.flux) == pytest.approx(1.01, abs=1e-4)
    assert binned.binned() is binned


def test_the_autocorrelation_knows_its_gaps() -> None:
    t = np.arange(0.0, 40.0, HALF_HOUR)
    flux = 1 + 1e-3 * np.sin(2 * np.pi * t / 5.0)
    keep = (t % 13) > 4
    lag, acf = autocorrelation(clean(LightCurve(t[keep], flux[keep])))
    assert lag[-1] == pytest.approx(17.5, abs=0.1)
    np.testing.assert_allclose(np.interp([2.5, 5.0, 10.0], lag, acf), [-1, 1, 1], atol=0.12)


def test_what_is_slow_is_taken_out_and_a_gap_is_not_bridged() -> None:
    t = np.concatenate([np.arange(0, 10, HALF_HOUR), np.arange(20, 30, HALF_HOUR)])
    flux = np.where(t < 15, 1.0, 1.1) * (1 + 0.01 * np.sin(t / 3))
    flat = flattened(CleanCurve(t, flux, 0.0, HALF_HOUR))
    assert np.abs(flat - 1).max() < 2e-3


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (LightCurve(np.arange(50.0), np.ones(50)), "50 usable points"),
        (LightCurve(np.linspace(0, 0.5, 500), np.ones(500)), r"500 usable points in 0\.5 d"),
        (LightCurve(np.arange(200.0), np.zeros(200)), "median flux of 0"),
        (LightCurve(np.arange(200.0), np.full(200, np.nan)), "0 usable points"),
    ],
)
def test_what_cannot_be_measured_says_why(curve: LightCurve, said: str) -> None:
    with pytest.raises(SpectrumError, match=said):
        measure_curve(curve)


def test_a_short_curve_has_no_eclipses_but_a_spectrum() -> None:
    measured = measure_curve(_curve(2.0))
    assert measured.eclipses is None and measured.power.frequency.size > 100


def test_a_constant_star_has_no_period() -> None:
    t = np.arange(0.0, 20.0, HALF_HOUR)
    curve = clean(LightCurve(t, np.ones(t.size)))
    assert not rotation(curve).found
    assert np.isfinite(power_spectrum(curve).power).all()
