"""The posterior panel: whose posterior, which labels, which catalogues; and that it draws once a change."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bokeh.events import SelectionGeometry, Tap

from specviz.errors import OptionError
from specviz.session.state import Posterior
from specviz.views import corner, posterior_key, posterior_marks, spoken
from specviz.views.posterior_choice import choose

LASP = {"teff": 5790.0, "teff_err": 40.0, "logg": 4.4, "source": "LASP, DR10 v2.0"}
GAIA = {"teff": 5700.0, "teff_lower": 5680.0, "teff_upper": 5760.0, "source": "Gaia DR3 GSP-Phot"}
APOGEE = {"teff": 9900.0, "source": "APOGEE, columns of mine.csv"}


def _posterior(names: tuple[str, ...], survey: str, seed: int, n: int = 3000) -> Posterior:
    typical = {"teff": (5780.0, 60.0), "logg": (4.4, 0.1), "rv": (10.0, 3.0), "ebv": (0.1, 0.03), "mass": (1.0, 0.1)}
    rng = np.random.default_rng(seed)
    samples = np.stack([rng.normal(*typical.get(k, (0.1, 0.05)), n) for k in names], axis=1)
    return Posterior(names, samples, survey=survey)


ELEMENTS = ("c", "n", "o", "na", "mg", "al", "si", "k", "ca", "ti", "v", "cr", "mn", "ni", "ba", "eu")
LAMOST = (
    "teff",
    "logg",
    "fe_h",
    "alpha_fe",
    "rv",
    *(f"{e}_fe" for e in ELEMENTS),
)
XP = ("teff", "logg", "fe_h", "alpha_fe", "ebv")


@pytest.fixture
def view(make_view: Any) -> Any:
    """A star with two posteriors and three catalogues."""
    made = make_view("demo 1")
    state = made.session.state
    star = state.star.with_(catalogue=LASP, catalogues={"LASP": LASP, "GSP-Phot": GAIA, "APOGEE": APOGEE})
    posteriors = {"lamost_lrs": _posterior(LAMOST, "lamost_lrs", 0), "gaia_xp": _posterior(XP, "gaia_xp", 1)}
    made.session._update(star=star, report=replace(state.report, star=star, posteriors=posteriors))
    return made


def _titles(panel: Any) -> list[str]:
    return [t.split(" (")[0] for t in panel.titles["x"].data["text"]]


def test_either_posterior_or_both(view: Any) -> None:
    panel, session = view.posterior, view.session
    assert len(panel.curves.data["xs"]) == 4 and len(panel.other_curves.data["xs"]) == 0
    assert 'data-sv-set="posterior_from both"' in panel.key.object
    session.set(posterior_from="both")
    assert len(panel.fills[0.68].data["xs"]) == 6 and len(panel.outlines.data["xs"]) == 12
    assert set(panel.outlines.data["alpha"]) == {0.0}  # outlines over the filled one
    assert "LAMOST, 68, 95 %" in panel.key.object and "XP: 3\u202f000 samples" in panel.key.object
    label = panel.figure.html_attributes["aria-label"]
    assert "from LAMOST, 3000 samples" in label and "from XP, 3000 samples" in label
    session.set(posterior_from="gaia_xp")
    assert len(panel.fills[0.68].data["xs"]) == 0 and set(panel.outlines.data["alpha"]) == {0.16, 0.34}
    assert session.undo() and len(panel.fills[0.68].data["xs"]) == 6


def test_any_of_twenty_labels_up_to_six(view: Any) -> None:
    panel, session = view.posterior, view.session
    assert panel.header.object.count('data-sv-toggle="corner ') == 21
    session.set(corner=("rv", "teff", "mg_fe", "eu_fe", "c_fe", "ba_fe"))
    assert panel.titles["x"].data["text"][:2] == ["RV\n(km s⁻¹)", "Teff\n(K)"]
    assert panel.titles["y"].data["text"] == ["Teff", "[Mg/Fe]", "[Eu/Fe]", "[C/Fe]", "[Ba/Fe]"]
    assert len(panel.frames.data["left"]) == 21
    x, y = panel.figure.x_range, panel.figure.y_range
    assert (x.end - x.start) / (y.end - y.start) == pytest.approx(panel.figure.aspect_ratio, rel=0.03)  # square cells
    with pytest.raises(OptionError, match="7 labels"):
        session.set(corner=LAMOST[:7])
    session.set(corner=("teff", "logg"))
    assert _titles(panel) == ["Teff", "log g"] and len(panel.fills[0.95].data["xs"]) == 1
    session.set(corner=("ebv", "teff"))  # LAMOST does not see the dust
    assert _titles(panel) == ["Teff"] and len(panel.frames.data["left"]) == 1
    session.set(posterior_from="both")
    assert _titles(panel) == ["E(B−V)", "Teff"]
    assert (len(panel.curves.data["xs"]), len(panel.other_curves.data["xs"])) == (1, 2)
    session.set(corner=())
    assert _titles(panel) == ["Teff", "log g", "[Fe/H]", "[α/Fe]"]


def test_catalogues_differ_by_mark_and_dash(view: Any) -> None:
    panel = view.posterior
    points, dashes = panel.points.data, panel.dashes.data
    # LASP: teff and logg on the diagonal and their cell; GSP-Phot: teff alone; APOGEE is far off the axes
    assert points["marker"].count("diamond") == 3 and points["marker"].count("square") == 1
    assert "inverted_triangle" not in points["marker"] and set(dashes["dash"]) == {"3 3", "1 3"}
    assert len(panel.bars.data["x0"]) == 3  # teff of LASP twice, of GSP-Phot once; logg has no error
    assert re.findall(r'title="([^"]*)">(LASP|GSP-Phot|APOGEE)<', panel.key.object) == [
        ("LASP, DR10 v2.0", "LASP"), ("Gaia DR3 GSP-Phot", "GSP-Phot"), ("APOGEE, columns of mine.csv", "APOGEE"),
    ]  # fmt: skip
    assert "1 off scale" in panel.key.object and "Beyond the axes: Teff" in panel.key.object


def test_an_error_bar_is_cut_at_its_cell() -> None:
    wide = choose_values({"teff": 5000.0, "teff_err": 1e4})
    made = posterior_marks.marks(("teff",), {"teff": (4000.0, 6000.0)}, [wide])
    assert made.errors == [(0.0, 0.86, 1.0, 0.86)] and made.points == [(0.5, 0.86, "diamond")]


def choose_values(values: dict[str, float]) -> Any:
    from specviz.spectra.catalogue_values import CatalogueValues

    return CatalogueValues("LASP", "LASP", values)


def test_nothing_is_drawn_again_that_did_not_change(view: Any) -> None:
    panel, drawn = view.posterior, []
    panel.frames.on_change("data", lambda attr, old, new: drawn.append(1))
    view.session.set(rv=12.0)
    view.session.set(posterior="table")
    assert drawn == []
    header = panel.header.object
    view.session.set(corner=("teff", "logg", "fe_h"))
    assert len(drawn) == 1 and panel.header.object == header  # an open menu stays open
    view.session.set(posterior_from="both")
    assert len(panel.outlines.data["xs"]) == 6


def test_a_star_without_posterior_says_so(view: Any) -> None:
    panel = view.posterior
    view.session._update(report=replace(view.session.state.report, posteriors={}))
    assert "No posterior" in panel.message.object and panel.message.visible and panel.key.object == ""
    assert len(panel.curves.data["xs"]) == 0 and "data-sv-when" not in panel.box.html_attributes


def test_only_one_posterior_needs_no_switch(view: Any) -> None:
    report = view.session.state.report
    alone = replace(report, posteriors={"gaia_xp": report.posteriors["gaia_xp"]})
    choice = choose(report.star, alone, view.session.state.view)
    assert choice is not None and choice.other == "" and choice.first is not None and choice.surveys[0] == "XP"
    view.session._update(report=alone)
    assert "posterior_from" not in view.posterior.key.object
    assert len(view.posterior.fills[0.68].data["xs"]) == 6  # the leading posterior is filled, whatever its survey


def test_what_can_be_copied_is_told(view: Any) -> None:
    header = view.posterior.header.object
    assert "explorer.report.posterior.to_arviz()" in header and 'aria-label="Copy posterior"' in header
    assert header.count("data-sv-copy=") == 6
    assert posterior_key.header_html(None, None, view.session.state.view) == ""


def test_values_are_spoken_in_words() -> None:
    assert spoken.value("teff", 5984.2, 5937.0, 6029.4) == "effective temperature 5984 plus 45 minus 47 kelvin"
    assert spoken.value("fe_h", -0.28, -0.33, -0.23) == "iron abundance minus 0.28 plus 0.05 minus 0.05 dex"
    assert spoken.value("mg_fe", 0.1, float("nan"), float("nan")) == "mg to iron plus 0.10 dex, no uncertainty"
    assert spoken.distance(-1.04) == "1.0 sigma below"


def test_brushed_samples_are_drawn_in_full_and_the_others_faint(view: Any) -> None:
    panel, session = view.posterior, view.session
    assert len(panel.faint.data["xs"]) == 0 and "brushed" not in panel.key.object
    session.set(brush=[("teff", 5900, 5780)])
    assert session.state.view.brush == (("teff", 5780.0, 5900.0),)
    assert len(panel.faint.data["xs"]) == 12 and len(panel.brushed.data["left"]) == 1
    samples = session.state.report.posterior["teff"]
    share = 100 * np.mean((samples >= 5780) & (samples <= 5900))
    assert f"{share:.0f}\u00a0% brushed" in panel.key.object and 'data-sv-set="brush []"' in panel.key.object
    x = np.asarray(panel.curves.data["xs"][0])
    drawn = x[np.asarray(panel.curves.data["ys"][0]) - np.floor(panel.curves.data["ys"][0][0]) > 0.5]
    assert np.ptp(drawn) < np.ptp(np.asarray(panel.faint_curves.data["xs"][0]))  # the teff of those alone
    session.set(brush=[("teff", 1.0, 2.0)])  # of another star: nothing of this one lies there
    assert len(panel.faint.data["xs"]) == 0
    with pytest.raises(OptionError, match="brush"):
        session.set(brush=[("teff", 1.0)])
    session.set(brush=[("teff", 5700, 5800)], enlarged=("posterior",))
    view._escape()
    assert session.state.view.brush == () and session.state.view.enlarged == ("posterior",)
    view._escape()
    assert session.state.view.enlarged == ()


def test_a_box_brushes_the_labels_of_its_cell(view: Any) -> None:
    panel, session = view.posterior, view.session
    names, ranges = panel._axes
    x0, y0 = corner.cell(0, 1, 4)  # logg against teff
    rect = {"type": "rect", "x0": x0 + 0.25, "x1": x0 + 0.75, "y0": y0 + 0.5, "y1": y0 + 1.4}
    panel._dragged(SelectionGeometry(panel.figure, rect, final=False))
    assert session.state.view.brush == ()
    panel._dragged(SelectionGeometry(panel.figure, rect, final=True))
    (a, low, high), (b, bottom, top) = session.state.view.brush
    (t0, t1), (g0, g1) = ranges["teff"], ranges["logg"]
    assert (a, b) == ("teff", "logg") and top == pytest.approx(g1, abs=1e-3)  # cut at the cell
    assert (low, high) == pytest.approx((t0 + 0.25 * (t1 - t0), t0 + 0.75 * (t1 - t0)), abs=1e-2)
    assert bottom == pytest.approx(g0 + 0.5 * (g1 - g0), abs=1e-3)
    assert len(panel.brushed.data["left"]) == 1
    assert posterior_marks.ranges_in(names, ranges, (-1.0, -1.0, -0.9, -0.9)) == ()
    x0, y0 = corner.cell(2, 2, 4)
    band = posterior_marks.ranges_in(names, ranges, (x0 + 0.4, y0 + 0.4, x0 + 0.6, y0 + 0.6))
    assert len(band) == 1 and band[0][0] == "fe_h"
    panel._tapped(Tap(panel.figure))
    assert session.state.view.brush == ()
