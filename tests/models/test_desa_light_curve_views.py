"""Light curves as DESA reads them, against cases worked out by hand and real Kepler files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.errors import SpectrumError
from specviz.models.desa.light_curve_views import (
    CHANNELS,
    OFFICIAL_LENGTH,
    OFFICIAL_RATE,
    autocorrelation,
    bridged,
    cropped,
    light_curve_views,
    log_spectrum,
    regular,
    stitch,
    window_of,
    zscore,
)
from specviz.spectra.readers import read


def test_quarters_are_brought_to_one_level() -> None:
    flux = stitch([[10.0, 20.0, 30.0], [400.0, np.nan, 200.0], [np.nan, np.nan]])
    np.testing.assert_allclose(flux, [0.5, 1.0, 1.5, 4 / 3, np.nan, 2 / 3, np.nan, np.nan])
    assert stitch([]).size == 0


def test_uneven_times_are_averaged_onto_even_steps() -> None:
    # Steps of an hour from the first time; the third has no sample.
    time = np.array([10.0, 10.0 + 0.5 / 24, 10.0 + 1.0 / 24, 10.0 + 3.2 / 24])
    np.testing.assert_allclose(regular(time, [1.0, 3.0, 5.0, 7.0], 1.0), [2.0, 5.0, np.nan, 7.0])
    with pytest.raises(SpectrumError, match="Fewer than two"):
        regular([1.0, np.nan], [1.0, 1.0], 1.0)
    with pytest.raises(SpectrumError, match="do not match"):
        regular([1.0, 2.0], [1.0], 1.0)


def test_gaps_are_bridged_by_lines_and_ends_held() -> None:
    nan = np.nan
    np.testing.assert_allclose(bridged([nan, 1.0, nan, nan, 4.0, nan]), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0])
    np.testing.assert_array_equal(bridged([[nan, nan], [1.0, nan]]), [[0.0, 0.0], [1.0, 1.0]])


def test_crops_start_where_asked_and_are_continued_by_the_last_sample() -> None:
    rows = np.arange(10.0).reshape(2, 5)
    np.testing.assert_array_equal(cropped(rows, 2, [1, 3]), [[1.0, 2.0], [8.0, 9.0]])
    np.testing.assert_array_equal(cropped(rows[0], 7, 1), [1, 2, 3, 4, 4, 4, 4])


def test_autocorrelation_by_hand() -> None:
    # 1, -1, 1, -1: sums of products 4, -3, 2, -1 over 4.
    np.testing.assert_allclose(autocorrelation(np.array([[1.0, -1.0, 1.0, -1.0]])), [[1.0, -0.75, 0.5, -0.25]])
    np.testing.assert_allclose(autocorrelation(np.array([[5.0, 5.0, 5.0]])), 0.0)


def test_log_spectrum_by_hand() -> None:
    # The transform of 1, 0, 0, 0 is 1 everywhere; of 1, -1, 1, -1 it is 4 at Nyquist's frequency.
    np.testing.assert_allclose(log_spectrum(np.array([[1.0, 0.0, 0.0, 0.0]])), np.log(2.0))
    line = log_spectrum(np.array([[1.0, -1.0, 1.0, -1.0]]))
    # Three frequencies over four samples: 0, 2/3, 4/3, 2.
    np.testing.assert_allclose(line, [[0.0, 0.0, np.log(5.0) / 3.0, np.log(5.0)]])


def test_zscore_of_a_constant_is_zero() -> None:
    np.testing.assert_array_equal(zscore(np.full((1, 4), 1e6)), 0.0)
    np.testing.assert_allclose(zscore(np.array([1.0, 3.0])), [-1.0, 1.0])


def test_the_official_size_comes_out() -> None:
    assert OFFICIAL_LENGTH == 720 * OFFICIAL_RATE
    time = np.arange(40_000) / OFFICIAL_RATE
    flux = 5000.0 * (1.0 + 0.01 * np.sin(2.0 * np.pi * time / 10.0))
    views = light_curve_views(flux, 0.5, length=OFFICIAL_LENGTH, start=100)
    assert views.shape == (1, 4, OFFICIAL_LENGTH) and views.dtype == np.float32 and len(CHANNELS) == 4
    first, std, acf, spectrum = views[0]
    assert first.max() == pytest.approx(np.arcsinh(10.0), rel=1e-3)  # 1 % is 10 parts per thousand
    assert std.mean() == pytest.approx(0.0, abs=1e-5) and std.std() == pytest.approx(1.0, abs=1e-5)
    # The autocorrelation comes back after ten days, 480 samples.
    assert 240 + np.argmax(acf[240:720]) == pytest.approx(480, abs=2)
    # 72 cycles of 17,280 frequencies over 34,560 samples.
    assert np.argmax(spectrum) == pytest.approx(144, abs=1)


def test_smoothing_is_as_long_in_time_at_any_cadence() -> None:
    assert [window_of(c) for c in (0.5, 1.0, 2.0, 3.0)] == [13, 5, 3, 1]
    assert window_of(1.0, smooth_hours=9.0) == 9
    flux = np.zeros(60)
    flux[30] = 13.0
    views = light_curve_views(flux + 100.0, 0.5, compat=True)
    # Savitzky-Golay of order 1 is a running mean.
    np.testing.assert_allclose(views[0, 0, 24:37], 101.0, rtol=1e-6)


def test_compat_leaves_the_first_channel_raw_as_published() -> None:
    rng = np.random.default_rng(0)
    flux = 4e4 * (1.0 + 1e-3 * rng.standard_normal((2, 200)))
    ours, theirs = light_curve_views(flux), light_curve_views(flux, compat=True)
    assert np.median(theirs[:, 0]) == pytest.approx(4e4, rel=1e-3) and np.abs(ours[:, 0]).max() < 3.0
    np.testing.assert_allclose(ours[:, 1:3], theirs[:, 1:3])
    assert theirs[0, 3, 0] == pytest.approx(np.log1p(4e4 * 200), rel=1e-3)  # the mean is in it
    # The figure's normalisation: flux over 2^-K over median.
    bright = light_curve_views(flux, magnitude=[3.0, -1.0])
    assert np.median(bright[0, 0]) == pytest.approx(8.0) and np.median(bright[1, 0]) == pytest.approx(0.5)


def test_gaps_constants_and_empty_curves_stay_finite() -> None:
    flux = np.ones((3, 100))
    flux[0, 20:40] = np.nan
    flux[1] = np.nan
    views = light_curve_views(flux, 1.0)
    assert np.isfinite(views).all() and not views[1].any()
    with pytest.raises(SpectrumError, match="of 1 samples"):
        light_curve_views(np.ones(1))


def test_real_kepler_files_go_through(shared: Path) -> None:
    files = sorted((shared / "data" / "kepler_llc").glob("*_llc*"))
    assert len(files) == 5
    for file in files:
        curve = read(file).light_curve
        assert curve is not None
        flux = regular(curve.time, curve.flux, 0.4904)
        assert np.isnan(flux).mean() < 0.1 and flux.size == pytest.approx(len(curve), rel=0.1)
        views = light_curve_views(flux, 0.4904, length=2000)
        assert views.shape == (1, 4, 2000) and np.isfinite(views).all()
        assert 0.1 < np.abs(views[0, 0]).max() < 5.0  # a few parts per thousand


def test_two_quarters_of_a_real_star_are_joined(shared: Path) -> None:
    files = sorted((shared / "data" / "kepler_llc").glob("kplr010424789*"))
    curves = [read(f).light_curve for f in files]
    flux = stitch([c.flux for c in curves if c is not None])
    levels = [np.median(c.flux) for c in curves if c is not None]
    assert abs(levels[0] / levels[1] - 1.0) > 0.01  # another detector
    assert np.median(flux) == pytest.approx(1.0, abs=1e-3) and np.percentile(np.abs(flux - 1.0), 99) < 5e-3
