"""Granulation and oscillations: the Sun's frequencies, the power asked for, peaks a large separation apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.models.desa.light_curve_views import bridged, regular
from specviz.simulate.light_curves.convection import (
    MICROHERTZ_PER_DAY,
    coloured,
    convective_noise,
    delta_nu,
    granulation_power,
    nu_max,
    oscillation_power,
)
from specviz.spectra.readers import read


def test_the_sun() -> None:
    assert nu_max(5772.0, 4.438) == pytest.approx(3090.0)
    assert delta_nu(1.0, 1.0) == pytest.approx(135.1)


def test_a_red_clump_star() -> None:
    # 1.2 Msun, 10.9 Rsun, 4750 K: nu_max about 34, Delta nu about 4.1 muHz.
    assert nu_max(4750.0, 4.438 + np.log10(1.2 / 10.9**2)) == pytest.approx(34.4, abs=0.5)
    assert delta_nu(1.2, 10.9) == pytest.approx(4.11, abs=0.02)


def test_granulation_has_the_variance_of_both_components() -> None:
    nu = np.geomspace(1e-3, 1e7, 40_000)
    for numax in (30.0, 3090.0):
        variance = np.trapezoid(granulation_power(nu, numax), nu)
        assert variance == pytest.approx(2.0 * (3382.0 * numax**-0.609) ** 2, rel=1e-3)
    # The Sun: some 25 ppm a component.
    assert pytest.approx(25.3, abs=0.5) == 3382.0 * 3090.0**-0.609


def test_modes_stand_a_large_separation_apart_under_a_gaussian() -> None:
    separation, numax = 4.1, 34.0
    nu = np.arange(10.0, 60.0, 0.005)
    power = oscillation_power(nu, numax, separation)
    # The mean over one separation is the envelope.
    window = round(separation / 0.005)
    smooth = np.convolve(power, np.ones(window) / window, "same")
    middle = np.argmin(np.abs(nu - numax))
    assert smooth[middle] == pytest.approx(2.03e7 * numax**-2.38, rel=0.05)
    normed = power / np.exp(-0.5 * ((nu - numax) / (0.59 * numax**0.9)) ** 2)
    lag = np.arange(600, 1000) * 0.005
    match = [np.corrcoef(normed[:-k], normed[k:])[0, 1] for k in range(600, 1000)]
    assert lag[int(np.argmax(match))] == pytest.approx(separation, abs=0.01)


def test_noise_has_the_power_it_is_given() -> None:
    rng = np.random.default_rng(0)
    rms = np.zeros((400, 513))
    rms[:, 40] = 3.0
    x = coloured(rng, rms, 1024)
    assert x.std() == pytest.approx(3.0, rel=0.03) and abs(x.mean()) < 1e-6
    spectrum = np.abs(np.fft.rfft(x, axis=1)) ** 2
    assert np.all(np.argmax(spectrum, axis=1) == 40)


def _noise(teff: float, logg: float, mass: float, cadence: float = 1.0 / 24.0, n: int = 200) -> np.ndarray:
    one = np.ones(n)
    radius = np.sqrt(mass / 10.0 ** (logg - 4.438))
    rng = np.random.default_rng(5)
    return convective_noise(rng, 2160, cadence, teff * one, logg * one, mass * one, radius * one)


def test_a_giants_power_rises_at_nu_max() -> None:
    x = _noise(4750.0, 2.5, 1.2)
    power = np.mean(np.abs(np.fft.rfft(x, axis=1)) ** 2, axis=0)
    nu = np.fft.rfftfreq(2160, 1.0 / 24.0) * MICROHERTZ_PER_DAY
    numax = float(nu_max(4750.0, 2.5))

    def mean(low: float, high: float) -> float:
        return float(power[(nu > low) & (nu < high)].mean())

    assert mean(0.85 * numax, 1.15 * numax) > 1.3 * granulation_ratio(numax) * mean(0.3 * numax, 0.5 * numax)
    assert 4e-4 < x.std() < 1.2e-3  # a clump giant flickers by half a thousandth


def granulation_ratio(numax: float) -> float:
    """Granulation alone at nu_max over that at 0.4 nu_max."""
    low, high = granulation_power(np.array([0.4 * numax, numax]), numax)
    return float(high / low)


def test_surface_gravity_shows_in_the_flicker_and_hot_stars_are_still() -> None:
    size = [_noise(5000.0, g, 1.1, n=60).std() for g in (2.0, 3.0, 4.0)]
    assert size[0] > 2.0 * size[1] > 4.0 * size[2]
    assert not _noise(7000.0, 4.0, 1.6, n=4).any()


def test_longer_means_leave_less_of_the_suns_granulation() -> None:
    half, two = (_noise(5772.0, 4.438, 1.0, cadence=c / 24.0).std() * 1e6 for c in (0.5, 2.0))
    assert two < half < 36.0  # ppm; 36 is all of it


def test_a_real_giant_and_a_real_dwarf_have_this_power(shared: Path) -> None:
    # KIC 5899262, a giant of 4710 K and log g 2.54 (the header's): power in bands about nu_max, 20-80 muHz. And KIC
    # 1435467, 6330 K and log g 4.10: above the frequencies of its spots.
    folder = shared / "data"
    giant = read(folder / "kepler_llc" / "kplr005899262-2009166043257_llc.fits").light_curve
    dwarf = np.loadtxt(folder / "lightcurves_text" / "pysyd" / "1435467_LC.txt.gz").T[:2]
    assert giant is not None
    cases = (
        (giant.time, giant.flux, (4710.0, 2.543, 1.2), ((5.0, 10.0), (10.0, 20.0), (20.0, 40.0), (40.0, 80.0))),
        (dwarf[0], dwarf[1], (6330.0, 4.10, 1.34), ((80.0, 160.0), (160.0, 280.0))),
    )
    step = 0.4904
    for time, flux, (teff, logg, mass), bands in cases:
        real = bridged(regular(time, flux / np.median(flux), step))
        one = np.ones(100)
        radius = np.sqrt(mass / 10.0 ** (logg - 4.438))
        ours = convective_noise(
            np.random.default_rng(0), real.size, step / 24.0, teff * one, logg * one, mass * one, radius * one
        )
        nu = np.fft.rfftfreq(real.size, step / 24.0) * MICROHERTZ_PER_DAY
        theirs = np.abs(np.fft.rfft(real - real.mean())) ** 2
        mean = np.mean(np.abs(np.fft.rfft(ours - ours.mean(axis=1, keepdims=True), axis=1)) ** 2, axis=0)
        for low, high in bands:
            here = (nu > low) & (nu < high)
            assert 0.4 < mean[here].mean() / theirs[here].mean() < 2.6, (teff, low)
