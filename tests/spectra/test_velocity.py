"""Cross-correlation velocities: injected shifts, gaps, refusals, and real LAMOST spectra against LASP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.benchmarks.velocity import accepted_noise, compare, demo_stars, real_stars
from specviz.errors import CoverageError, SpectrumError
from specviz.simulate.templates import GRID, rest_templates
from specviz.spectra.frames import doppler_factor, to_rest
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.velocity import cross_correlate


@pytest.fixture(scope="module")
def templates() -> tuple[Spectrum, ...]:
    return rest_templates()


def moved(template: Spectrum, rv: float, snr: float = 200.0, seed: int = 0) -> Spectrum:
    """The template at a velocity, on LAMOST's pixels, with noise."""
    flux = np.interp(LAMOST_NATIVE / doppler_factor(rv), template.wavelength, template.flux)
    flux = flux + np.random.default_rng(seed).normal(0, flux / snr)
    return Spectrum(LAMOST_NATIVE, flux, (snr / flux) ** 2, survey="lamost_lrs")


@pytest.mark.parametrize("rv", [-820.0, -83.0, 0.0, 3.3, 251.7, 1300.0])
def test_an_injected_shift_is_found(templates: tuple[Spectrum, ...], rv: float) -> None:
    found = cross_correlate(moved(templates[6], rv), templates)
    assert found.template == "5800/4.4/+0.0" == found.others[0][0] and len(found.others) == len(GRID)
    assert abs(found.rv - rv) < max(4 * found.sigma, 0.7) and found.sigma < 2
    assert found.height > 0.97 and found.r > 10
    assert abs(found.grid[np.argmax(found.values)] - rv) <= 6


def test_errors_are_right_at_low_signal(templates: tuple[Spectrum, ...]) -> None:
    pulls = []
    for seed in range(40):
        found = cross_correlate(moved(templates[5], 40.0, snr=6, seed=seed), templates[5])
        pulls.append((found.rv - 40.0) / found.sigma)
    assert 0.65 < np.std(pulls) < 1.35 and abs(np.mean(pulls)) < 0.5


def test_bad_pixels_emission_and_masks_do_not_matter(templates: tuple[Spectrum, ...]) -> None:
    clean = moved(templates[6], -120.0)
    flux, ivar, mask = clean.flux.copy(), np.array(clean.ivar), np.zeros(len(clean), bool)
    flux[500:560] *= 3  # emission
    flux[1000:1200], mask[1000:1200] = -9999.0, True
    flux[2000:2040], ivar[2000:2040] = np.nan, 0.0
    dirty = cross_correlate(clean.with_(flux=flux, ivar=ivar, mask=mask), templates)
    assert abs(dirty.rv + 120.0) < max(4 * dirty.sigma, 1.0)


def test_in_the_rest_frame_it_is_what_is_left(templates: tuple[Spectrum, ...]) -> None:
    left = cross_correlate(to_rest(moved(templates[6], 75.0), 70.0), templates[6])
    assert abs(left.rv - 5.0) < 4 * left.sigma < 6


def test_refusals_say_why(templates: tuple[Spectrum, ...]) -> None:
    assert accepted_noise(12) == 0
    star = moved(templates[6], 0.0)
    with pytest.raises(CoverageError, match="usable pixels"):
        cross_correlate(star.with_(mask=LAMOST_NATIVE > 3950), templates)
    with pytest.raises(CoverageError, match="too coarse"):
        cross_correlate(Spectrum(np.arange(336.0, 1021, 2), np.ones(343), survey="gaia_xp"), templates)
    with pytest.raises(SpectrumError, match="no template"):
        cross_correlate(star, [])
    with pytest.raises(SpectrumError, match=r"at the edge|No peak|no round peak"):
        cross_correlate(moved(templates[6], 900.0), templates, limits=(-500, 500))


def test_the_star_s_own_template_comes_first() -> None:
    first = rest_templates({"teff": 5012.0, "logg": 2.6, "fe_h": -0.44, "alpha_fe": 0.1})[0]
    assert first.meta["object_id"] == "5012/2.6/-0.4" and first.frame == "rest"
    assert len(rest_templates({"teff": np.nan, "logg": 4.0, "fe_h": 0.0})) == len(GRID)


def test_demo_stars_within_their_errors() -> None:
    found = compare(demo_stars(60, seed=5)).select((3500, 7000), (15, 1e9))
    assert found.refused == 0 and abs(found.bias) < 1.5 and found.scatter < 4 and 0.6 < found.pull < 1.5


def test_real_spectra_agree_with_the_pipeline(shared: Path) -> None:
    found = compare(real_stars(shared, 120, seed=7)).select((3500, 7000), (30, 1e9))
    assert found.refused == 0 and abs(found.bias) < 5 and found.scatter < 10
