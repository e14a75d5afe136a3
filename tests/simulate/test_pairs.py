"""The grid, the population and the pairs drawn from them (with the shared synthetic grid)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from specviz.errors import NotFoundError, ReadError, SpecvizError
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.pairs import PairSampler
from specviz.simulate.population import Population
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, WIDE_WAVELENGTH


@pytest.fixture(scope="module")
def grid(shared: Path) -> Iterator[SyntheticGrid]:
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as opened:
        yield opened


def test_grid_rows_come_in_the_order_asked_for(grid: SyntheticGrid) -> None:
    assert grid.n == 9000 and len(grid.indices("train")) == 8039
    rows = np.array([700, 3, 3, 42])
    norm = grid.norm(rows)
    assert norm.shape == (4, 8077)
    np.testing.assert_array_equal(norm[1], norm[2])
    np.testing.assert_array_equal(norm[3], grid.norm(42)[0])
    assert 0.8 < np.median(norm) <= 1.01
    split = [set(grid.indices(s).tolist()) for s in ("train", "validation", "test")]  # type: ignore[arg-type]
    assert not split[0] & split[1] and not split[0] & split[2] and sum(map(len, split)) == 9000


def test_line_free_flux_agrees_with_the_sed(grid: SyntheticGrid) -> None:
    """LRS flux, smoothed to the SED's resolution, is the SED: units and interpolation are right."""
    rows = np.array([5, 500, 5000])
    flux, sed = grid.lrs_flux(rows), grid.sed(rows)
    for lo, hi in ((4600, 4800), (6000, 6400), (7000, 8000)):
        mean = flux[:, (grid.wave > lo) & (grid.wave < hi)].mean(axis=1)
        coarse = sed[:, (grid.sed_wave > lo) & (grid.sed_wave < hi)].mean(axis=1)
        np.testing.assert_allclose(mean, coarse, rtol=0.02)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="lte_grid"):
        SyntheticGrid.open(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ReadError, match="not a sound HDF5"):
        SyntheticGrid.open(tmp_path / "text.h5")


def test_pairs_have_the_promised_shapes_and_follow_the_seed(grid: SyntheticGrid) -> None:
    def first(seed: int) -> object:
        return PairSampler(grid, seed, "test", weights="uniform").draw(24)

    one, same, other = first(4), first(4), first(5)
    for name, width in (
        ("lamost", 1462),
        ("lamost_ivar", 1462),
        ("lamost_clean", 1462),
        ("xp", 343),
        ("xp_sigma", 343),
    ):
        value = getattr(one, name)
        assert value.shape == (24, width) and value.dtype == np.float32 and np.isfinite(value).all()
        np.testing.assert_array_equal(value, getattr(same, name))
    assert np.any(one.index != other.index)  # type: ignore[attr-defined]
    assert set(one.index.tolist()) <= set(grid.indices("test").tolist())  # type: ignore[attr-defined]


def test_noise_of_the_normalised_flux_is_what_its_ivar_says(grid: SyntheticGrid) -> None:
    batch = PairSampler(grid, 1, weights="uniform").draw(128, snr=80.0)
    chi = (batch.lamost - batch.lamost_clean) * np.sqrt(batch.lamost_ivar)
    assert 1.4826 * np.median(np.abs(chi[batch.lamost_ivar > 0])) == pytest.approx(0.90, abs=0.06)
    np.testing.assert_array_equal(batch.labels["snr"], 80.0)


def test_the_velocity_label_is_the_shift_in_the_spectrum(grid: SyntheticGrid) -> None:
    """Cross-correlate each spectrum with its own rest-frame template: the lag is the label."""
    solar = np.flatnonzero((np.abs(grid.labels["teff"] - 5500) < 400) & (grid.labels["logg"] > 4))[:12]
    rv = np.linspace(-250, 250, solar.size)
    seen = PairSampler(grid, 2, weights="uniform").draw(indices=solar, rv=rv, snr=150.0)
    # The same seed: the same night and line widths, at rest.
    rest = PairSampler(grid, 2, weights="uniform").draw(indices=solar, rv=0.0, snr=150.0).lamost_clean
    log_wave = np.log(SPECCLIP_WAVELENGTH)
    trial = np.arange(-400, 401, 4.0)
    for row in range(solar.size):
        inner = slice(40, -40)
        score = [
            np.mean(
                (
                    seen.lamost_clean[row, inner]
                    - np.interp(log_wave[inner] - np.log1p(v / 299792.458), log_wave, rest[row])
                )
                ** 2
            )
            for v in trial
        ]
        i = int(np.clip(np.argmin(score), 1, len(trial) - 2))
        a, b, c = score[i - 1], score[i], score[i + 1]
        best = trial[i] + 2.0 * (a - c) / (a - 2 * b + c)
        assert best == pytest.approx(rv[row], abs=4.0)
        assert seen.labels["rv"][row] == pytest.approx(rv[row], abs=1e-3)


def test_weights_are_checked_and_used(grid: SyntheticGrid) -> None:
    rows = grid.indices("validation")
    only = np.zeros(rows.size)
    only[7] = 1.0
    assert set(PairSampler(grid, 0, "validation", weights=only).draw(5).index.tolist()) == {int(rows[7])}
    with pytest.raises(SpecvizError, match="non-negative"):
        PairSampler(grid, 0, "validation", weights=only[:-1])
    with pytest.raises(SpecvizError, match="survey"):
        PairSampler(grid, 0, "validation", weights="realistic")


def test_the_population_is_a_surveys(grid: SyntheticGrid, shared: Path) -> None:
    population = Population.from_tracks(grid, shared / "synthetic" / "sse_tracks.npz")
    drawn = population.draw(np.random.default_rng(0), 2000)
    teff, logg, fe_h = (grid.labels[k][drawn.index] for k in ("teff", "logg", "fe_h"))
    giants = np.mean((logg < 3.5) & (teff < 5600))
    assert 0.12 < giants < 0.5  # LAMOST has about a quarter
    assert 4800 < np.median(teff) < 6300 and -0.45 < np.median(fe_h) < 0.05
    assert 0.005 < np.mean(fe_h < -1.0) < 0.12
    assert np.percentile(drawn.g_mag, 1) > 9.0 and np.percentile(drawn.g_mag, 99) < 18.2
    assert np.mean(drawn.ebv) == pytest.approx(0.1, abs=0.015)
    # Giants are seen farther away than dwarfs.
    assert np.median(drawn.distance[logg < 3.0]) > 2.0 * np.median(drawn.distance[logg > 4.0])
    again = population.draw(np.random.default_rng(0), 2000)
    np.testing.assert_array_equal(drawn.index, again.index)
    weights = population.grid_weights(grid.indices("train"))
    assert weights.sum() == pytest.approx(1.0) and (weights >= 0).all() and (weights > 0).mean() > 0.5


def test_rest_frame_target_is_the_star_at_rest(grid: SyntheticGrid) -> None:
    """The same stars and nights seen at 150 km/s and at rest: the rest-frame target does not move."""
    rows = grid.indices("validation")[:60]
    moving = PairSampler(grid, seed=5, weights="uniform").draw(indices=rows, rv=150.0)
    still = PairSampler(grid, seed=5, weights="uniform").draw(indices=rows, rv=0.0)
    np.testing.assert_array_equal(still.lamost_rest, still.lamost_clean)
    inside = slice(10, -10)
    moved = np.median(np.abs(moving.lamost_clean - still.lamost_clean)[:, inside])
    back = np.median(np.abs(moving.lamost_rest - still.lamost_clean)[:, inside])
    assert moved > 0.01 and back < 0.1 * moved


def test_dust_free_target_comes_back_behind_dust(grid: SyntheticGrid) -> None:
    """Reddening the dust-free XP spectrum by the drawn E(B-V) gives the clean one, to the dust law's R_V scatter."""
    sampler = PairSampler(grid, seed=6, weights="uniform")
    batch = sampler.draw(100)
    curve = sampler.xp.extinction_curve(10.0 * np.arange(336.0, 1021.0, 2.0))
    dusty = batch.xp_dustfree * 10.0 ** (-0.4 * batch.labels["ebv"][:, None] * (curve - curve[107]))
    good = batch.xp_clean > 0.05
    assert np.median(np.abs(dusty / batch.xp_clean - 1)[good]) < 0.003
    assert np.median(np.abs(batch.xp_dustfree / batch.xp_clean - 1)[good]) > 0.02


def test_wide_pairs_cover_both_arms_and_lose_some(grid: SyntheticGrid) -> None:
    batch = PairSampler(grid, seed=7, weights="uniform", wide=True).draw(64)
    assert batch.lamost.shape == batch.lamost_rest.shape == (64, WIDE_WAVELENGTH.size)
    red = WIDE_WAVELENGTH > 5850
    missing = (batch.lamost_ivar[:, red] == 0).all(axis=1)
    assert 1 <= missing.sum() <= 25
    assert (batch.lamost[missing][:, red] == 1.0).all()
    seen = (batch.lamost_ivar > 0) & (batch.labels["snr"][:, None] > 50)
    assert np.median(np.abs(batch.lamost - batch.lamost_clean)[seen]) < 0.02
