"""PhDLspec's panel without a browser: what is drawn of an answer, what its buttons do, what the words say."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.studies.line_windows import LineWindow
from specviz.analysis.studies.phdlspec import Element, Fitted, FittedLabel, PhdlspecAnswer, Turned
from specviz.errors import NotFoundError, OptionError
from specviz.session.session import Session
from specviz.session.state import State
from specviz.spectra.lines import Line
from specviz.views.controls import is_shown
from specviz.views.studies.dial_table import GROUPS, slider_range, tables_html
from specviz.views.studies.element_windows import windows_html
from specviz.views.studies.phdlspec_panel import PhdlspecPanel, _said, verdict

WAVE = 3700.0 * 10 ** (1e-4 * np.arange(3900))
NAMES = [name for _, names in GROUPS for name in names]


def _fitted(**changes: Any) -> Fitted:
    labels = tuple(FittedLabel(n, 0.1, 0.02, 12.0, -0.5, 0.9) for n in NAMES[4:])
    labels = (
        FittedLabel("teff", 5772.4, 23.0, 130.0, 3503.4, 12486.8),
        FittedLabel("logg", 4.898, 0.03, 60.0, 0.25, 4.898, "edge"),
        FittedLabel("fe_h", -0.02, 0.01, 100.0, -2.5, 0.5),
        FittedLabel("vmic", 1.02, 0.04, 13.0, 0.52, 4.06),
        *(replace(x, note="prior", gain=1.04) if x.name == "k_fe" else x for x in labels),
    )
    flux = 1 - 0.4 * np.exp(-0.5 * ((WAVE - 5176) / 6) ** 2)
    used = (WAVE > 3720) & (WAVE < 8900) & ~((WAVE > 6860) & (WAVE < 6970))
    values: dict[str, Any] = dict(
        labels=labels, wave=WAVE, flux=flux + 0.01, error=np.full(WAVE.size, 0.01), model=flux, used=used,
        seen=np.ones(WAVE.size, bool), chi2=3100.0, dof=3200, excess=1.0, rv=12.0, converged=True,
        started_by="a model 1 <b>", emulator="phdlspec-small 1.0",
    )  # fmt: skip
    return Fitted(**{**values, **changes})


def _element(fitted: Fitted) -> Element:
    line = Line("Mg b", 5174.1, "mg")
    windows = (
        LineWindow("Mg b", 5154.0, 5194.0, 5174.0, (line,), 0.42),
        LineWindow("in <i>Ca K", 3914.0, 3954.0, 3934.0, (), 0.004),
    )
    return Element("mg_fe", windows, fitted.model - 0.05, fitted.model + 0.05, 0.3, 0.2)


class _Study:
    options = ("dials", "element")

    def __init__(self) -> None:
        self.fitted = _fitted()
        self.element = _element(self.fitted)

    def prepare(self, report: Any, stop: Any) -> None:
        if report.star.name == "demo 3":
            raise NotFoundError("demo 3 has no LAMOST spectrum", expected="<one>")

    def answer(self, prepared: Any, options: Any, stop: Any) -> PhdlspecAnswer:
        dials = dict(options["dials"])
        if dials.keys() - set(NAMES):
            raise OptionError("dials: there is no label 'mg_hf'")
        turned = None
        if dials:
            clipped = tuple((n, v, 0.9) for n, v in dials.items() if v > 0.9)
            turned = Turned(dials, self.fitted.model - 0.1, 3104.0 if len(dials) == 1 else 9000.0, clipped)
        return PhdlspecAnswer(self.fitted, turned, self.element if options["element"] else None)


#: What the panel has drawn last.
_DRAWN: list[Any] = [None]


@pytest.fixture
def opened(fake_model_class: Any) -> Iterator[tuple[Any, Any]]:
    """A session with a star, and the open panel."""
    session = Session(Engine(fake_model_class(), samples=50))
    session.studies = {"phdlspec": _Study()}
    panel = PhdlspecPanel(session, lambda draw: draw())

    lock, last = threading.RLock(), [State()]

    def draw(_old: Any, _new: Any) -> None:  # as the Explorer does: the newest state, two threads one after the other
        with lock:
            new = session.state
            panel.update(last[0], new)
            last[0], _DRAWN[0] = new, new.study

    session.subscribe(draw)
    session.open("demo 1")
    session.wait()
    session.study("phdlspec")
    _settle(session)
    yield session, panel
    session.close()


def _settle(session: Any) -> Any:
    """Wait until what was asked last is drawn."""
    for _ in range(400):
        study = session.state.study
        if study is not None and study.report is not None and not study.running and _DRAWN[0] is study:
            return study
        time.sleep(0.01)
    raise AssertionError(f"no answer: {session.state.study}")


def test_a_fit_is_drawn_with_gaps_where_nothing_was_fitted(opened: Any) -> None:
    _session, panel = opened
    plot = panel.plot
    assert plot.fit.data["x"].size == WAVE.size and plot.turned.data["x"].size == 0
    residual = plot.residual.data["y"]
    assert np.isnan(residual[(WAVE > 6870) & (WAVE < 6960)]).all() and np.nanmax(np.abs(residual - 1)) < 1e-4
    assert len(plot.masks.data["left"]) == 3
    assert "largest difference 1.0 σ" in plot.figure.html_attributes["aria-label"]
    assert "3\u202f100" in panel.words.object and "second curve" in panel.words.object
    assert "a model 1 &lt;b&gt;" in panel.frame._fact.object
    assert "disabled" in panel.back.object


def test_turning_draws_a_second_curve_and_says_what_chi_square_thinks_of_it(opened: Any) -> None:
    session, panel = opened
    tables = panel.tables.object
    session.set(dials=(("mg_fe", 0.3),))
    _settle(session)
    assert panel.plot.turned.data["x"].size == WAVE.size and panel.plot.turned_residual.data["x"].size
    assert "(+4.0): hard to tell" in panel.words.object and "[Mg/Fe]" in panel.words.object
    assert panel.tables.object is tables  # a slider that is held is not written anew
    assert "disabled" not in panel.back.object
    session.set(dials=(("mg_fe", 2.0), ("teff", 6000.0)))
    _settle(session)
    assert "rules it out" in panel.words.object and "+2.00 asked, +0.90 dex shown" in panel.words.object
    panel.act("reset mg_fe")
    assert session.state.view.dials == (("teff", 6000.0),)
    assert session.state.call == 'explorer.session.set(dials=(("teff", 6000.0),))'.replace('"', "'").replace(
        ".session", ""
    )
    panel.act("reset")
    _settle(session)
    assert session.state.view.dials == () and panel.plot.turned.data["x"].size == 0


def test_one_drag_is_one_step_back(opened: Any) -> None:
    session, _panel = opened
    for value in (0.1, 0.2, 0.3, 0.4):
        session.set(dials=(("mg_fe", value),))
    assert session.undo() and session.state.view.dials == ()
    assert session.redo() and session.state.view.dials == (("mg_fe", 0.4),)


def test_windows_show_where_an_element_speaks_and_lead_the_plot_there(opened: Any) -> None:
    session, panel = opened
    assert "Press the name of a label" in panel.windows.object
    session.set(element="mg_fe")
    _settle(session)
    assert panel.windows.object.count('class="sv-el"') == 2
    assert list(panel.plot.windows.data["text"]) == ["Mg b", ""]
    panel.act("window 0")
    assert session.state.view.zoom == (5154.0, 5194.0)
    assert (panel.plot.x_range.start, panel.plot.x_range.end) == (5154.0, 5194.0)
    assert panel.windows.object.count('aria-pressed="true"') == 1
    panel.act("window 0")
    assert session.state.view.zoom is None and panel.plot.x_range.start == panel.plot.x_range.reset_start
    panel.act("window 7")
    panel.act("window <b>")
    assert session.state.view.zoom is None


def test_what_cannot_be_is_said_and_taken_back(opened: Any) -> None:
    session, panel = opened
    session.set(dials=(("mg_hf", 0.3),))
    _settle(session)
    assert "no label &#x27;mg_hf&#x27;" in panel.words.object and not is_shown(panel.body)
    assert "disabled" not in panel.back.object
    panel.act("reset")
    _settle(session)
    assert is_shown(panel.body) and panel.plot.fit.data["x"].size
    session.open("demo 3")
    session.wait()
    _settle(session)
    assert "no LAMOST spectrum" in panel.words.object and "&lt;one&gt;" in panel.words.object
    assert panel.plot.fit.data["x"].size == 0 and panel.tables.object == ""


def test_every_label_has_a_row_with_a_slider_within_what_was_learned() -> None:
    fitted = _fitted()
    shown = tables_html(fitted, {"mg_fe": 0.3}, "mg_fe")
    assert shown.count('type="range"') == 28 == len(set(re.findall(r'data-sv-dial="(\w+)"', shown)))
    teff = re.search(r'data-sv-dial="teff" data-sv-fit="5772.4" min="(\d+)" max="(\d+)" step="10"', shown)
    assert teff and (teff[1], teff[2]) == ("3510", "12480")
    assert 'aria-label="Teff in K"' in shown and "± 23 <small>K</small>" in shown
    assert re.search(r'<tr data-sv-dial-row="k_fe" class=prior title="The spectrum says little', shown)
    assert re.search(r'<tr data-sv-dial-row="logg" class=edge.*?aria-label="At the edge of what', shown)
    assert 'data-sv-dial-row="mg_fe" data-sv-turned' in shown and ">+0.30</td>" in shown
    assert 'data-sv-set="element mg_fe" aria-pressed="true"' in shown
    assert "did not come to rest" not in shown and "did not come to rest" in tables_html(_fitted(converged=False))
    assert tables_html(None) == ""
    low, high, step = slider_range(fitted.label("mg_fe"))
    assert (low, high, step) == (-0.5, 0.9, 0.01)


def test_windows_are_drawn_with_data_fit_and_more_and_less() -> None:
    fitted = _fitted()
    answer = PhdlspecAnswer(fitted, Turned({"mg_fe": 0.4}, fitted.model - 0.1, 4000.0), _element(fitted))
    shown = windows_html(answer)
    first = shown.split('class="sv-el"')[1]
    assert all(f'<path class="{c}"' in first for c in "bpemto") and "42 %" in first and "<title>Mg b</title>" in first
    assert "in &lt;i&gt;Ca K" in shown and "&lt; 1 %" in shown.replace("< 1 %", "&lt; 1 %")
    assert "+0.3 and −0.2 dex (dashed: more)" in shown
    edge = replace(answer, element=replace(_element(fitted), up=0.0))
    assert "with −0.2 dex (more was not learned)" in windows_html(edge)
    assert windows_html(None) == "" and "nan" not in shown
    dark = replace(answer, fitted=replace(fitted, flux=np.full(WAVE.size, np.nan)), turned=None)
    assert "nan" not in windows_html(dark)


def test_chi_square_in_words() -> None:
    def words(**changes: Any) -> str:
        return _said(PhdlspecAnswer(_fitted(**changes)))

    assert "More than noise" not in words() and "cannot make" not in words()
    assert "errors are 3.0 times wider" in words(chi2=12000.0, excess=9.0) and "cannot make" not in words(chi2=12000.0)
    assert "cannot make this spectrum" in words(chi2=12000.0, model=_fitted().model + 0.1 * np.sin(WAVE))
    said = [verdict(change) for change in (-5, 0.2, 5, 20, 300)]
    assert len(set(said)) == 5 and "not notice" in said[1] and "rules it out" in said[-1]
