"""Pictures of many points: dots where they are few, an image where they are many, the contour of a posterior."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.views import density
from specviz.views.density import Points, contour, rasterise

RNG = np.random.default_rng(5)


def test_few_points_are_dots_and_of_many_an_even_part() -> None:
    x, y = RNG.uniform(0, 1, 19_000), RNG.uniform(0, 1, 19_000)
    x[3] = np.nan
    points = Points(x, y)
    whole = points.picture((0, 1, 0, 1), (300, 200))
    assert whole.image is None and 3000 < whole.rows.size <= density.DOTS and whole.sampled and whole.inside == 18_999
    part = points.picture((0.2, 0.3, 0.2, 0.4), (300, 200))
    inside = (x >= 0.2) & (x <= 0.3) & (y >= 0.2) & (y <= 0.4)
    assert part.rows.tolist() == np.flatnonzero(inside).tolist() and not part.sampled


def test_more_points_are_an_image_and_dots_again_when_few_are_in_view() -> None:
    pytest.importorskip("datashader")
    x, y = RNG.normal(0, 1, 50_000), RNG.normal(0, 1, 50_000)
    points = Points(x, y)
    picture = points.picture((-3, 3, -3, 3), (120, 80))
    assert picture.image is not None and picture.image.shape == (80, 120) and picture.image.dtype == np.uint32
    alpha = picture.image.view(np.uint8).reshape(80, 120, 4)[..., 3]
    assert alpha[40, 60] > 200 and alpha[0, 0] == 0  # dense in the middle, empty in the corner
    assert np.all((alpha == 0) | (alpha >= int(255 * density.FAINT)))
    near = points.picture((0.0, 0.05, 0.0, 0.5), (120, 80))
    assert near.image is None and near.rows.size == near.inside > 100


def test_counts_are_those_of_a_histogram() -> None:
    pytest.importorskip("datashader")
    import pandas as pd

    x, y, c = RNG.uniform(0.001, 0.999, (3, 5000))
    counts, mean = rasterise(pd.DataFrame({"x": x, "y": y, "c": c}), (0, 1, 0, 1), (10, 8), with_colour=True)
    wanted, _, _ = np.histogram2d(y, x, bins=(np.linspace(0, 1, 9), np.linspace(0, 1, 11)))
    np.testing.assert_array_equal(counts, wanted)
    assert mean is not None and abs(float(np.mean(mean)) - 0.5) < 0.02


def test_colour_is_the_mean_on_the_scale() -> None:
    pytest.importorskip("datashader")
    x = np.repeat([0.25, 0.75], 15_000)
    points = Points(x, np.full(30_000, 0.5), np.repeat([-1.0, 1.0], 15_000), (-1.0, 1.0))
    image = points.shaded((0, 1, 0, 1), (2, 1))[0].view(np.uint8).reshape(2, 4)
    assert image[0, :3].tolist() == density.cividis()[0].tolist()
    assert image[1, :3].tolist() == density.cividis()[255].tolist()


def test_without_datashader_an_even_part_of_many_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "available", lambda: False)
    picture = Points(RNG.uniform(0, 1, 100_000), RNG.uniform(0, 1, 100_000)).picture((0, 1, 0, 1), (300, 200))
    assert picture.image is None and 15_000 < picture.rows.size <= density.SAMPLE and picture.sampled


def test_the_contour_holds_its_share() -> None:
    from matplotlib.path import Path

    samples = RNG.multivariate_normal([5800, 4.4], [[3600, 1.5], [1.5, 0.01]], 10_000)
    xs, ys = contour(*samples.T)
    assert len(xs) == 1
    held = Path(np.column_stack([xs[0], ys[0]])).contains_points(samples).mean()
    assert held == pytest.approx(0.68, abs=0.03)
    assert contour(np.full(1000, 5.0), samples[:1000, 1]) == ([], [])  # a label without a width
