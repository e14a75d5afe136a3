"""Two stars beside each other: differences, their errors, and what is compared with what."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.pair import difference, label_pairs, likeness, pair_table
from specviz.archives.demo import DemoArchive


@pytest.fixture
def reports(fake_model_class: Any) -> Any:
    engine = Engine(fake_model_class(), samples=2000)
    return lambda *stars: [engine.analyse(s) for s in stars]


def test_a_difference_counts_the_errors_that_point_at_each_other() -> None:
    delta, error, sigma = difference((5800.0, 5770.0, 5900.0), (5700.0, 5600.0, 5740.0))
    assert (delta, error, sigma) == (100.0, 50.0, 2.0)  # 30 down, 40 up: a 3-4-5 triangle
    delta, error, sigma = difference((5700.0, 5600.0, 5740.0), (5800.0, 5770.0, 5900.0))
    assert (delta, error, sigma) == (-100.0, 50.0, -2.0)
    assert math.isnan(difference((1.0, math.nan, math.nan), (2.0, 1.9, 2.1))[2])


def test_like_is_compared_with_like(reports: Any) -> None:
    both = DemoArchive().star(0)
    xp_alone = DemoArchive().star(3).with_(spectra={"gaia_xp": DemoArchive().star(3).spectra["gaia_xp"]})
    first, second = reports(both, xp_alone)
    pairs = {p.name: p for p in label_pairs(first, second)}
    assert pairs["teff"].surveys == ("gaia_xp", "gaia_xp")  # although LAMOST leads the first report
    assert pairs["teff"].first == first.posteriors["gaia_xp"].summary()["teff"]
    assert pairs["alpha_fe"].surveys == ("lamost_lrs", "") and math.isnan(pairs["alpha_fe"].difference)
    assert [p.name for p in label_pairs(first, second)][-1] == "alpha_fe"  # what one star alone has comes last
    found = likeness(first, second)
    assert [(x.first, x.second) for x in found] == [("gaia_xp", "gaia_xp")] and -1 <= found[0].cosine <= 1


def test_a_star_is_like_itself_and_across_instruments_where_nothing_is_shared(reports: Any) -> None:
    star = DemoArchive().star(0)
    parts = [star.with_(spectra={s: star.spectra[s]}) for s in ("lamost_lrs", "gaia_xp")]
    whole, lamost, xp = reports(star, *parts)
    assert [round(x.cosine, 6) for x in likeness(whole, whole)] == [1.0, 1.0]
    across = likeness(lamost, xp)
    assert [(x.first, x.second) for x in across] == [("lamost_lrs", "gaia_xp")]


def test_other_weights_have_another_space(reports: Any, fake_model_class: Any) -> None:
    star = DemoArchive().star(0)
    (mine,) = reports(star)
    theirs = Engine(fake_model_class("e" * 64), samples=100).analyse(star)
    assert likeness(mine, theirs) == () and likeness(mine, None) == ()
    assert len(label_pairs(mine, theirs)) == 4  # labels can be compared all the same


def test_the_table_holds_what_is_shown(reports: Any) -> None:
    first, second = reports(DemoArchive().star(0), DemoArchive().star(1))
    table = pair_table(first, second)
    row = table[list(table["label"]).index("teff")]
    assert row["difference"] == pytest.approx(row["first"] - row["second"])
    assert row["sigma"] == pytest.approx(row["difference"] / row["error"]) and row["unit"] == "K"
    assert table.meta["first"] == "demo 1" and "lamost_lrs with lamost_lrs" in table.meta["cosine"]
    assert np.isnan(pair_table(first, None)["second"]).all()
    assert len(pair_table(None, None)) == 0
