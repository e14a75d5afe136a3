"""Labels beyond the leading four, and the dust of a prediction: where they are shown, and that four stay four."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.session.state import Posterior, Report
from specviz.views import formats, label_table
from specviz.views.controls import is_shown
from specviz.views.spectrum_data import xp_curves

EXTRA = ("rv", "c_fe", "n_fe", "mg_fe", "si_fe", "ca_fe", "ti_fe", "cr_fe", "mn_fe", "ni_fe", "ba_fe")


def _wider(posterior: Posterior, names: tuple[str, ...], centre: float) -> Posterior:
    more = np.random.default_rng(0).normal(centre, 0.05, (len(posterior), len(names)))
    return replace(posterior, names=(*posterior.names, *names), samples=np.hstack([posterior.samples, more]), units={})


@pytest.fixture
def reported(make_view: Any) -> tuple[Any, Report]:
    """A view that shows a star, and a report of that star with 15 + 4 labels."""
    view = make_view("demo 1")
    report = view.session.state.report
    wide = {
        "lamost_lrs": _wider(report.posteriors["lamost_lrs"], EXTRA, 0.25),
        "gaia_xp": _wider(report.posteriors["gaia_xp"], ("ebv",), 0.4),
    }
    return view, replace(report, posteriors=wide)


def _show(view: Any, report: Report) -> None:
    old = view.session.state
    new = replace(old, report=report)
    for panel in (view.posterior, view.summary, view.xp):
        panel.update(old, new)


def test_four_labels_need_no_second_page(make_view: Any) -> None:
    panel = make_view("demo 1").posterior
    assert not is_shown(panel.switch) and panel.figure.visible and not panel.table.visible


def test_all_labels_stand_in_a_table_behind_a_switch(reported: tuple[Any, Report]) -> None:
    view, report = reported
    _show(view, report)
    panel = view.posterior
    assert is_shown(panel.switch) and panel.figure.visible and not panel.table.visible
    assert len(panel.frames.data["left"]) == 10  # the corner keeps the leading four
    assert view.summary.root.object.count('class="tile"') == 6
    panel.switch.active = 1
    assert panel.table.visible and not panel.figure.visible
    rows = re.findall(r"<tr title.*?</tr>", panel.table.object)
    assert len(rows) == 16
    cells = [[re.sub("<.*?>", "", c) for c in re.findall(r"<td>(.*?)</td>", row)] for row in rows]
    known = view.session.state.star.catalogue
    assert cells[4][0] == "RV" and cells[4][3:] == ["km s⁻¹", formats.label("rv", known["rv"])]
    shown = formats.label("mg_fe", known["mg_fe"])
    assert cells[7] == ["[Mg/Fe]", "+0.25", "+0.05 −0.05", "dex", shown]
    assert cells[15] == ["E(B−V)XP", "0.40", "+0.05 −0.05", "mag", formats.label("ebv", known["ebv"])]
    bare = replace(report, star=report.star.with_(catalogue={}))
    assert label_table.table_html(bare).count("<td>–</td>") == 16
    view.session.open("demo 2")  # the fake model's own four: back to the corner
    view.session.wait()
    assert panel.figure.visible and not panel.table.visible and not is_shown(panel.switch)


def test_the_table_scrolls_in_its_panel() -> None:
    assert "overflow: hidden auto" in label_table.CSS and label_table.table_html(None) == ""


def test_foreign_notes_are_escaped(reported: tuple[Any, Report]) -> None:
    _, report = reported
    posterior = replace(report.posteriors["lamost_lrs"], notes={"rv": '"><img src=x>'})
    html = label_table.table_html(replace(report, posteriors={"lamost_lrs": posterior}))
    assert "<img" not in html and "&lt;img" in html


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("mg_fe", 0.104, "+0.10"), ("alpha_fe", -0.2, "−0.20"), ("rv", -35.2, "−35"), ("ebv", 0.123, "0.12")],
)
def test_numbers_of_the_new_labels(name: str, value: float, shown: str) -> None:
    assert formats.label(name, value) == shown


def test_headings_and_units() -> None:
    assert [formats.heading(n) for n in ("eu_fe", "ebv", "vsini", "teff")] == ["[Eu/Fe]", "E(B−V)", "v sin i", "Teff"]
    assert formats.heading_html("logg") == "log <i>g</i>" and formats.heading_html("<b>") == "&lt;b&gt;"
    assert [formats.unit(n) for n in ("ba_fe", "rv", "ebv", "other")] == ["dex", "km s⁻¹", "mag", ""]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("fitted", "E(B−V) 0.12 fitted"),
        ("catalogue", "E(B−V) 0.12 catalogue"),
        ("prior", "reddening unknown: survey prior"),
        ("", ""),
    ],
)
def test_the_xp_panel_says_where_the_dust_is_from(reported: tuple[Any, Report], source: Any, words: str) -> None:
    view, report = reported
    predicted = replace(report.predictions["gaia_xp"], ebv=0.12, ebv_source=source)
    report = replace(report, predictions={**report.predictions, "gaia_xp": predicted})
    curves = xp_curves(DemoArchive().fetch("demo 1"), report)
    assert curves is not None and curves.dust == words
    _show(view, report)
    assert (words in view.xp.frame._fact.object) and ("reddening" in view.xp.frame._fact.object) == (source == "prior")
