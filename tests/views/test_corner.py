"""The corner's geometry: regions hold the probability they claim, ticks are round and apart."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.session.state import Posterior
from specviz.views import corner


@pytest.fixture
def posterior() -> Posterior:
    rng = np.random.default_rng(4)
    cov = np.array([[60.0**2, 2.0, 0.5], [2.0, 0.09**2, 0.001], [0.5, 0.001, 0.05**2]])
    return Posterior(("teff", "logg", "fe_h"), rng.multivariate_normal([5772, 4.4, -0.06], cov, 20_000))


def test_levels_hold_their_mass() -> None:
    x = np.linspace(-5, 5, 201)
    density = np.exp(-0.5 * (x[:, None] ** 2 + x[None, :] ** 2))
    high, low = corner.contour_levels(density, (0.68, 0.95))
    assert density[density >= high].sum() / density.sum() == pytest.approx(0.68, abs=0.01)
    assert density[density >= low].sum() / density.sum() == pytest.approx(0.95, abs=0.01)
    # a 2-D normal: the region of mass m ends at exp(-r^2/2) = 1 - m
    assert high == pytest.approx(0.32, abs=0.01) and low == pytest.approx(0.05, abs=0.005)


def _inside(polygons: list, ys: list, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Even-odd rule over all rings."""
    hits = np.zeros(x.size, int)
    for outer, outer_y in zip(polygons, ys, strict=True):
        for ring, ring_y in zip(outer, outer_y, strict=True):
            px, py = np.asarray(ring), np.asarray(ring_y)
            for a, b, c, d in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
                crosses = (b > y) != (d > y)
                at = a + (y - b) / np.where(d == b, 1e-30, d - b) * (c - a)
                hits += (crosses & (x < at)).astype(int)
    return hits % 2 == 1


def test_filled_regions_hold_68_and_95_per_cent_of_the_samples(posterior: Posterior) -> None:
    made = corner.build(posterior, posterior.names, {}, {})
    ranges = [corner.limits(posterior[n]) for n in posterior.names]
    first = 0  # logg against teff
    x0, y0 = corner.cell(0, 1, 3)
    u = x0 + (posterior["teff"] - ranges[0][0]) / np.ptp(ranges[0])
    v = y0 + (posterior["logg"] - ranges[1][0]) / np.ptp(ranges[1])
    for mass in corner.LEVELS:
        inside = _inside(made.fills[mass][first], made.fill_ys[mass][first], u, v)
        assert inside.mean() == pytest.approx(mass, abs=0.03)


def test_three_labels_make_six_cells_and_the_catalogue_its_diamonds(posterior: Posterior) -> None:
    made = corner.build(posterior, posterior.names, {"teff": 5714.0, "logg": 4.42}, {})
    assert len(made.frames) == 6 and len(made.curves) == 3 and len(made.catalogue) == 1
    bare = corner.build(posterior, posterior.names, {"teff": 12000.0}, {})  # far outside: not drawn
    assert bare.catalogue == [] and bare.dashes == []


@pytest.mark.parametrize(("low", "high"), [(5600.0, 5950.0), (4.1, 4.7), (-0.31, 0.07), (0.0123, 0.0131), (-3.0, 12.0)])
def test_ticks_are_inside_round_and_apart(low: float, high: float) -> None:
    ticks, decimals = corner.nice_ticks(low, high)
    assert 1 <= len(ticks) <= 2
    assert all(low < t < high and abs(round(t, decimals) - t) < 1e-9 * max(abs(t), 1) for t in ticks)
    if len(ticks) == 2:
        widest = max(len(f"{t:.{decimals}f}") for t in ticks)  # both labels and a gap
        assert (ticks[1] - ticks[0]) / (high - low) >= max(0.36, widest * corner.DIGIT)


def test_ticks_are_round_wherever_the_range_lies() -> None:
    """A range in which no step gives one tick, or two far apart, once had its middle written out: 4246.82 K."""
    rng = np.random.default_rng(0)
    for _ in range(2000):
        span = 10.0 ** rng.uniform(-2, 3)
        low = float(rng.uniform(-1, 1)) * 5000
        ticks, _ = corner.nice_ticks(low, low + span)
        unit = 10.0 ** (np.floor(np.log10(span)) - 1)  # a tenth of the range's decade
        assert all(abs(t / unit - round(t / unit)) < 1e-6 * max(1.0, abs(t / unit)) for t in ticks), (low, span, ticks)


def test_most_ranges_have_two_ticks_and_axes_with_upright_room_always() -> None:
    rng = np.random.default_rng(1)
    two, upright = 0, 0
    for _ in range(1000):
        centre, span = rng.choice([(5500.0, 400.0), (4.3, 0.4), (-0.2, 0.3), (0.1, 0.15)]) * rng.uniform(0.5, 1.5, 2)
        two += len(corner.nice_ticks(centre - span / 2, centre + span / 2)[0]) == 2
        upright += len(corner.nice_ticks(centre - span / 2, centre + span / 2, 0.0)[0]) == 2
    assert two > 950 and upright == 1000


def test_an_abrupt_end_neither_fades_nor_leaks() -> None:
    """Samples against the edge of a prior: the density is full up to the edge, and nothing is drawn beyond it."""
    rng = np.random.default_rng(2)
    logg = np.abs(rng.normal(0.0, 0.3, 20_000)) + 4.0  # half a normal
    cut = Posterior(("teff", "logg"), np.stack([rng.normal(5000, 50, logg.size), logg], axis=1))
    made = corner.build(cut, cut.names, {}, {})
    low, high = made.ranges["logg"]
    edge = (4.0 - low) / (high - low)
    assert 0.05 < edge < 0.12
    x0, y0 = corner.cell(1, 1, 2)
    x, y = made.curves[1][0] - x0, made.curves[1][1] - y0
    assert x.min() == pytest.approx(edge, abs=1e-4) and y[0] == 0.0 and y[1] > 0.88  # unmirrored it is half of that
    foot = corner.cell(0, 1, 2)[1]
    for mass in corner.LEVELS:
        bottom = min(min(r) for polygon in made.fill_ys[mass][0] for r in polygon) - foot
        assert bottom == pytest.approx(edge, abs=1 / corner.BINS)
    assert corner.abrupt(rng.normal(0.5, 0.1, 5000)) == (None, None)
    low_edge, high_edge = corner.abrupt(rng.uniform(0.1, 0.9, 5000))
    assert low_edge == pytest.approx(0.1, abs=0.01) and high_edge == pytest.approx(0.9, abs=0.01)


def test_two_modes_are_two_regions() -> None:
    rng = np.random.default_rng(3)
    side = rng.random(20_000) < 0.5
    logg = np.where(side, rng.normal(2.5, 0.1, side.size), rng.normal(4.6, 0.1, side.size))
    teff = np.where(side, rng.normal(4600, 40, side.size), rng.normal(4900, 40, side.size))
    made = corner.build(Posterior(("teff", "logg"), np.stack([teff, logg], axis=1)), ("teff", "logg"), {}, {})
    assert [len(made.fills[m][0]) for m in corner.LEVELS] == [2, 2]


def test_two_posteriors_share_the_ranges_and_may_differ_in_labels(posterior: Posterior) -> None:
    rng = np.random.default_rng(5)
    other = Posterior(("teff", "ebv"), rng.normal([6000, 0.1], [120, 0.02], (4000, 2)))
    names = ("teff", "logg", "ebv")
    ranges = corner.ranges_of([posterior, other], names, {"teff": [6100.0, 20000.0]})
    assert ranges["teff"][0] < 5650 and 6300 < ranges["teff"][1] < 7000 and ranges["ebv"][1] < 0.3
    first, second = (corner.build(p, names, {}, {}, ranges) for p in (posterior, other))
    assert len(first.frames) == len(second.frames) == 6 and first.ticks == second.ticks
    assert (len(first.curves), len(second.curves)) == (2, 2)
    assert (len(first.fills[0.95]), len(second.fills[0.95])) == (1, 1)


def test_a_posterior_without_width_still_draws() -> None:
    flat = Posterior(("teff", "logg"), np.tile([5000.0, 4.0], (100, 1)))
    assert len(corner.build(flat, flat.names, {}, {}).frames) == 3


def test_ticks_of_a_wide_posterior_cost_nothing() -> None:
    """Stepping from the finest step up built arrays of 1e8 values for a Teff range of thousands of K (2 s a star)."""
    import tracemalloc

    tracemalloc.start()
    ticks, _ = corner.nice_ticks(3000.0, 12000.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ticks == [5000.0, 10000.0] and peak < 100_000
