"""The strip above the plots: catalogues, what is out of range, what no archive answered, and how it is heard."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.archives.protocol import Outcome
from specviz.views import formats, summary
from specviz.views.summary import quality_tile, summary_html

LASP = {"teff": 5700.0, "teff_err": 30.0, "source": "LASP, DR10"}
GAIA = {"teff": 5600.0, "logg": 4.3, "source": "Gaia DR3 GSP-Phot"}


@pytest.fixture
def report(make_view: Any) -> Any:
    made = make_view("demo 1").session.state.report
    star = made.star.with_(catalogue=LASP, catalogues={"LASP": LASP, "GSP-Phot": GAIA})
    return replace(made, star=star)


def _tiles(html: str) -> list[str]:
    return re.findall(r'<li class="tile".*?</li>', html)


def _heard(tile: str) -> str:
    found = re.search(r'<span class="said">(.*?)</span>', tile)
    return found[1] if found else ""


def test_the_leading_catalogue_is_shown_and_the_others_are_told(report: Any) -> None:
    teff, logg, fe_h = _tiles(summary_html(report.star, report))[:3]
    median, low, high = report.posterior.summary()["teff"]
    sigma = (5700.0 - median) / np.hypot(30.0, high - median if median < 5700 else median - low)
    assert f"5700 K&ensp;{formats.number(sigma, 1, sign=True)} σ" in teff
    title = re.search(r'title="(.*?)"', teff)
    assert title and "LASP 5700 ± 30 K" in title[1] and "GSP-Phot 5600 K" in title[1] and "in both errors" in title[1]
    assert "4.30" in logg and "M1.4 1.4H8.6" in logg  # LASP has none here: the next one, with its own mark
    assert "no value" in fe_h


def test_tiles_are_a_list_of_sentences(report: Any) -> None:
    html = summary_html(report.star, report)
    tiles = _tiles(html)
    assert len(tiles) == 6 and '<ul role="list" aria-label="Results">' in html
    assert re.match(
        r"effective temperature \d+ plus \d+ minus \d+ kelvin; LASP 5700, [\d.]+ sigma (above|below)", _heard(tiles[0])
    )
    assert _heard(tiles[4]).startswith("Anomaly: ") and _heard(tiles[5]).startswith("Quality: ")
    assert all('<div aria-hidden="true">' in tile for tile in tiles)
    waiting = _tiles(summary_html(report.star, None))
    assert _heard(waiting[0]) == "effective temperature: waiting for the model"


def test_out_of_range_keeps_its_value(report: Any) -> None:
    posterior = replace(report.posterior, prior={"teff": (8000.0, 9000.0)})
    tile = _tiles(summary_html(report.star, replace(report, posteriors={"lamost_lrs": posterior})))[0]
    assert "outside training range" in tile and formats.label("teff", posterior.summary()["teff"][0]) in tile
    assert "LASP 5700" in tile  # in the hint, still


def test_an_archive_that_gave_no_answer_makes_it_partial(report: Any) -> None:
    good = replace(report, flags=tuple(replace(f, passed=True) for f in report.flags))
    assert "Good" in quality_tile(good, good.star)
    services = {"gaia": Outcome("failed", "HTTP 503"), "lamost": Outcome("found")}
    silent = good.star.with_(meta={**good.star.meta, "services": services})
    tile = quality_tile(good, silent)
    assert "Partial" in tile and "no answer from Gaia" in tile and "Good" not in tile
    flagged = replace(good, flags=(replace(good.flags[0], passed=False), *good.flags[1:]))
    assert "1 flag<" in quality_tile(flagged, silent) and "no answer from Gaia" in quality_tile(flagged, silent)


def test_a_measured_velocity_goes_before_the_file_s(make_view: Any) -> None:
    view = make_view("demo 1")
    assert "(measured)" not in view.summary.root.object
    correlated = SimpleNamespace(result=SimpleNamespace(rv=-83.2, sigma=2.6), problem="")
    old = view.session.state
    view.summary.update(old, replace(old, velocity=correlated))
    assert "RV −83 ± 3\u00a0km s⁻¹ (measured)" in view.summary.root.object
    assert view.summary.root.object.count("RV ") == 1
    assert summary.facts(old.star).count("RV ") == 1  # as others call it
