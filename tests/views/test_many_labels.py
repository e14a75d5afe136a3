"""Labels beyond the leading four, and the dust of a prediction: where they are shown, and that four stay four."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.archives.demo import DemoArchive
from specviz.session.state import Posterior, Report
from specviz.views import formats, label_table, posterior_table
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


def _attributes(model: Any) -> dict[str, str]:
    return dict(model.html_attributes)


def _cells(html: str) -> list[list[str]]:
    """Text of the cells of each label's row."""
    rows = re.findall(r"<tr title.*?</tr>", html)
    return [[re.sub("<.*?>", "", c) for c in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def test_corner_and_table_are_two_faces_of_the_panel(make_view: Any) -> None:
    view = make_view("demo 1")
    panel = view.posterior
    assert _attributes(panel.box) == {"data-sv-when": "posterior corner"}
    assert _attributes(panel.table.model) == {"data-sv-when": "posterior table", "data-sv-hidden": "true"}
    view.session.set(posterior="table")
    assert "data-sv-hidden" in _attributes(panel.box) and "data-sv-hidden" not in _attributes(panel.table.model)
    assert 'data-sv-set="posterior table"' in panel.header.object  # pressed in the browser


def test_every_label_stands_in_the_table_by_group(reported: tuple[Any, Report]) -> None:
    view, report = reported
    _show(view, report)
    panel = view.posterior
    assert len(panel.frames.data["left"]) == 10  # the corner keeps the leading four
    assert view.summary.root.object.count('class="tile"') == 6
    groups = re.findall(r'scope="rowgroup">(.*?)<', panel.table.object)
    assert groups == ["Atmosphere", "Abundances", "Motion and dust"]
    rows = _cells(panel.table.object)
    assert [row[0] for row in rows][3:6] == ["[α/Fe]", "[C/Fe]", "[N/Fe]"] and len(rows) == 16
    known = view.session.state.star.catalogue
    assert rows[14][0] == "RV" and rows[14][3] == "km s⁻¹" and formats.label("rv", known["rv"]) in rows[14]
    shown = formats.label("mg_fe", known["mg_fe"])
    assert rows[6][:4] == ["[Mg/Fe]", "+0.25", "+0.05 −0.05", "dex"] and shown in rows[6]
    assert rows[15][0] == "E(B−V)XP" and formats.label("ebv", known["ebv"]) in rows[15]
    bare = replace(report, star=report.star.with_(catalogue={}))
    assert label_table.table_html(bare).count('<td colspan="2">–</td>') == 16


def test_catalogues_stand_beside_each_other_with_their_distances(reported: tuple[Any, Report]) -> None:
    _, report = reported
    lasp = {"teff": 5700.0, "teff_err": 30.0, "source": "LASP, DR10"}
    gaia = {"teff": 5600.0, "teff_lower": 5580.0, "teff_upper": 5640.0, "fe_h": -0.5, "source": "Gaia DR3 GSP-Phot"}
    star = report.star.with_(catalogue=lasp, catalogues={"LASP": lasp, "GSP-Phot": gaia})
    posterior = replace(report.posteriors["lamost_lrs"], prior={"teff": (4000.0, 5000.0)})
    html = label_table.table_html(replace(report, star=star, posteriors={"lamost_lrs": posterior}))
    assert re.findall(r"</svg> ([\w-]+)</th>", html) == ["LASP", "GSP-Phot"]
    median, low, high = posterior.summary()["teff"]
    sigma = (5700.0 - median) / np.hypot(30.0, high - median if median < 5700 else median - low)
    assert f"{formats.number(sigma, 1, sign=True)} σ" in _cells(html)[0]
    assert "LASP 5700 ± 30 K" in html and "in both errors" in html
    assert "GSP-Phot 5600 +40 −20 K" in html and "([M/H])" in html and "in our error alone" in html
    assert "4000 to 5000" in html and 'aria-label="outside training range"' in html
    assert "No" not in label_table.FLAGS[label_table.range_flag(posterior, "teff")]


def test_what_is_copied_reads_back_at_full_precision(reported: tuple[Any, Report]) -> None:
    _, report = reported
    posterior = replace(report.posteriors["lamost_lrs"], notes={"rv": 'say "–1" =cmd'})
    report = replace(report, star=report.star.with_(name='A "B"\n# x'), posteriors={"lamost_lrs": posterior})
    written = posterior_table.ecsv(report)
    table = Table.read(written, format="ascii.ecsv")
    assert written.isascii() and list(table["label"]) == list(report.labels)
    assert table["median"][0] == posterior.summary()["teff"][0]  # to the last digit
    assert table.meta["star"] == 'A "B"\n# x' and table.meta["model"].startswith(report.provenance.model)
    assert "simulation_sigma" in table.colnames and table["p16"].dtype == float
    lines = posterior_table.tsv(report).splitlines()
    assert len(lines) == 16 and posterior_table.tsv(report).isascii()
    head, row = (line.split("\t") for line in lines[:2])
    assert float(row[head.index("median")]) == posterior.summary()["teff"][0]
    evil = replace(report, posteriors={"lamost_lrs": replace(posterior, notes={"rv": "=1+1"})})
    assert "\t'=1+1" in posterior_table.tsv(evil)


def test_the_table_scrolls_in_its_panel() -> None:
    assert "overflow: auto" in label_table.CSS and label_table.table_html(None) == ""


def test_foreign_notes_are_escaped(reported: tuple[Any, Report]) -> None:
    view, report = reported
    posterior = replace(report.posteriors["lamost_lrs"], notes={"rv": '"><img src=x>'})
    star = report.star.with_(catalogue={"teff": 5000.0, "source": "<img src=y>"})
    report = replace(report, star=star, posteriors={"lamost_lrs": posterior})
    view.session._update(star=star, report=report)
    for html in (label_table.table_html(report), view.posterior.key.object, view.posterior.header.object,
                 view.summary.root.object):  # fmt: skip
        assert "<img" not in html
    assert "&lt;img" in view.posterior.table.object


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
