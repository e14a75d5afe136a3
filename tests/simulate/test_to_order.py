"""Stars to order: what is asked for is what is seen, and the same seed sees the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.errors import ModelError, OptionError, SpecvizError
from specviz.spectra.velocity import cross_correlate


def test_one_number_each_is_one_star_with_its_truth() -> None:
    star = specviz.simulate_star(5772, 4.44, 0.0, snr=80, rv=120, mg_fe=0.2)
    assert set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    assert star.catalogue["teff"] == pytest.approx(5772) and star.catalogue["mg_fe"] == pytest.approx(0.2)
    assert star.meta["simulated"] is True
    lamost = star.spectra["lamost_lrs"]
    assert lamost.snr == 80
    blue = (lamost.wavelength > 4000) & (lamost.wavelength < 5500) & lamost.good
    assert np.median(lamost.flux[blue] / lamost.sigma[blue]) == pytest.approx(80, rel=0.05)


def test_arrays_make_as_many_stars_each_with_a_night_of_its_own() -> None:
    stars = specviz.simulate_star(5000, 4.5, [-0.5, -0.5, 0.0], snr=40, seed=3)
    assert [s.catalogue["fe_h"] for s in stars] == pytest.approx([-0.5, -0.5, 0.0])
    flux = [s.spectra["lamost_lrs"].flux for s in stars]
    assert not np.array_equal(flux[0], flux[1])
    again = specviz.simulate_star(5000, 4.5, [-0.5, -0.5, 0.0], snr=40, seed=3)
    np.testing.assert_array_equal(flux[2], again[2].spectra["lamost_lrs"].flux)
    other = specviz.simulate_star(5000, 4.5, [-0.5, -0.5, 0.0], snr=40, seed=4)
    assert not np.array_equal(flux[2], other[2].spectra["lamost_lrs"].flux)


def test_a_list_of_one_is_a_list() -> None:
    assert [s.catalogue["teff"] for s in specviz.simulate_star([6000], 4.2, 0.0)] == [6000.0]


def test_velocity_and_dust_are_seen() -> None:
    from specviz.simulate.templates import rest_templates

    still, red = specviz.simulate_star(5772, 4.44, 0.0, snr=150, rv=[0, -90], ebv=[0.0, 0.4], seed=5)
    assert cross_correlate(red.spectra["lamost_lrs"], rest_templates()).rv == pytest.approx(-90, abs=5)
    colour = [s.spectra["gaia_xp"].flux[300] / s.spectra["gaia_xp"].flux[60] for s in (still, red)]
    assert colour[1] > 1.3 * colour[0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: specviz.simulate_star(20000, 4, 0), ModelError, "outside"),
        (lambda: specviz.simulate_star(5000, 4, 0, snr=0), OptionError, "snr"),
        (lambda: specviz.simulate_star(5000, 4, 0, snr=float("nan")), OptionError, "snr"),
        (lambda: specviz.simulate_star([5000, 6000], 4, [0, 0, 0]), OptionError, "fit together"),
        (lambda: specviz.simulate_star("hot", 4, 0), OptionError, "fit together"),
        (lambda: specviz.simulate_star([], 4, 0), OptionError, "shape"),
        (lambda: specviz.simulate_star(5000, 4, 0, xx_fe=0.1), ModelError, "xx_fe"),
    ],
)
def test_what_cannot_be_is_said(call: Callable[[], Any], error: type[SpecvizError], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
