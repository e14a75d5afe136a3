"""``PhdlspecPanel``: 28 labels fitted to the star on screen, a slider for each, and the lines that tell of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import CustomJS

from specviz.session.state import State
from specviz.views import formats, icons, stylesheet
from specviz.views.controls import column, html, icon_button, show, spacer
from specviz.views.formats import text
from specviz.views.studies import dial_table, element_windows
from specviz.views.studies.fit_figure import FitFigure
from specviz.views.studies.place import said, study_frame

_WORDS = """
:host { display: block; width: 100%; min-height: 24px; font-size: 12px; line-height: 24px; }
.sv-told { display: flex; flex-wrap: wrap; gap: 0 16px; } b { font-weight: 600; }
"""
#: The spectrum and, where there is room, the labels beside it: what is turned and what it does are seen at once.
_BODY = """
:host { display: grid !important; grid-template-columns: minmax(0, 7fr) minmax(0, 5fr); gap: 0 16px; width: 100%; }
:host > * { min-width: 0; margin: 0 !important; }
@container (max-width: 1199px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""
_BESIDE = "@container (min-width: 1200px) { .sv-list { position: absolute; inset: 0; overflow: hidden auto; scrollbar-width: thin; padding-right: 6px; } }"
#: A fit is called poor above this chi square per degree of freedom and this scatter over the continuum: with little noise a
#: good model has a large chi square too.
_POOR, _SCATTER = 3.0, 0.05
#: chi square per degree of freedom above which more than noise is told of.
_MORE = 1.5


class PhdlspecPanel:
    """Drawn from ``state.study`` while the option ``study`` is "phdlspec".

    Parameters
    ----------
    session : Session
    apply : callable
        Draws what was worked out on another thread.
    """

    def __init__(self, session: Any, apply: Callable[[Callable[[], None]], None]) -> None:
        self._session = session
        self._fitted: Any = None
        self._drawn: Any = ()  # the answer on screen: while a newer one is made it stays, and is not drawn again
        self.plot = FitFigure()
        self.words = html("", css=_WORDS)
        self.back = html(self._back(False))
        self.windows = html("", css=element_windows.CSS, name="phdlspec-windows")
        self.tables = html("", css=dial_table.CSS + _BESIDE, name="phdlspec-dials")
        reset = CustomJS(args={"fig": self.plot.figure}, code="fig.reset.emit()")
        self.body = column(column(self.plot.figure, self.plot.strip, self.windows), self.tables, css=_BODY)
        self.frame = study_frame(
            "Fit of 28 labels",
            controls=[self.back, icon_button("Reset zoom of the fit", "reset", reset)],
            sub=[*self.plot.chips, spacer()],
            note_css="@container (max-width: 699px) { :host { flex-wrap: wrap !important; } }",
            body=[self.words, self.body],
        )

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        study, view = new.study, new.view
        answer = study.answer if study is not None and study.name == "phdlspec" else None
        fresh = study is not old.study and (answer is None or answer is not self._drawn)
        if fresh:
            self._drawn = answer
            self._draw(answer, new)
        if study is not old.study:
            self.words.object = said(study, new.busy) or _said(answer)
        if view.zoom != old.view.zoom:
            self.plot.show_range(view.zoom)
        if fresh or view.zoom != old.view.zoom:
            self.windows.object = element_windows.windows_html(answer, view.zoom)

    def _draw(self, answer: Any, new: State) -> None:
        fitted = None if answer is None else answer.fitted
        if fitted is not self._fitted:
            self._fitted = fitted
            self.plot.show_fit(fitted, new.view.zoom)
            self.tables.object = dial_table.tables_html(fitted, dict(new.view.dials), new.view.element)
            self.frame.fact(*(("", "") if fitted is None else _fact(fitted)))
        turned = None if answer is None else answer.turned
        self.plot.show_turned(fitted, turned)
        self.plot.show_windows(() if answer is None or answer.element is None else answer.element.windows)
        problem = new.study is not None and bool(new.study.problem)
        # A label that there is not can be taken back too.
        self.back.object = self._back(turned is not None or (problem and bool(new.view.dials)))
        show(self.body, not problem)

    @staticmethod
    def _back(on: bool) -> str:
        return f'<button class="sv-button" data-sv-act="study-do reset"{"" if on else " disabled"}>Back to the fit</button>'

    # ------------------------------------------------------------------ acting
    def act(self, about: str) -> None:
        """``reset``: all labels back to the fit; ``reset LABEL``: one; ``window NUMBER``: show it in the plot."""
        word, _, what = about.partition(" ")
        session = self._session
        if word == "reset":
            session.set(dials=tuple(d for d in session.state.view.dials if what and d[0] != what))
        elif word == "window" and what.isdecimal():
            self._show_window(int(what))

    def _show_window(self, number: int) -> None:
        """The one that is shown already gives way to the whole range."""
        study = self._session.state.study
        element = None if study is None or study.answer is None else study.answer.element
        if element is None or number >= len(element.windows):
            return
        window = element.windows[number]
        zoom, now = (round(window.low, 2), round(window.high, 2)), self._session.state.view.zoom
        shown = now is not None and abs(now[0] - zoom[0]) < 0.1 and abs(now[1] - zoom[1]) < 0.1
        self._session.set(zoom=None if shown else zoom)


def _fact(fitted: Any) -> tuple[str, str]:
    ratio = formats.number(fitted.chi2 / max(fitted.dof, 1), 2)
    more = f"RV {formats.number(fitted.rv, 1)} km/s. First guess: {fitted.started_by}. Emulator: {fitted.emulator}"
    return f"χ² / dof {ratio} · first guess {fitted.started_by}", more


def _said(answer: Any) -> str:
    """The line above the plot: what a turn does to chi square, and what could not be done."""
    if answer is None:
        return ""
    fitted, turned = answer.fitted, answer.turned
    before, ratio = _chi2(fitted.chi2), fitted.chi2 / max(fitted.dof, 1)
    poor = ratio > _POOR and float(np.std((fitted.flux - fitted.model)[fitted.used])) > _SCATTER
    warned = (
        f'<span><span style="color:{stylesheet.WARN_TEXT}">{icons.svg("warning", 14)}</span> '
        "The emulator cannot make this spectrum: its labels mean little.</span>"
        if poor
        else ""
    )
    if turned is None:
        words = "Turn a label: a second curve shows the spectrum that it would give."
        wider = formats.number(fitted.excess**0.5, 1)
        more = f" More than noise: the errors are {wider} times wider for it." if ratio > _MORE else ""
        return (
            f'<div class="sv-told">{warned}<span>χ² <b>{before}</b> for {formats.count(fitted.dof)} degrees of freedom.{more}</span>'
            f'<span class="sv-quiet">{words}</span></div>'
        )
    change = turned.chi2 - fitted.chi2
    sign = "+" if change >= 0 else formats.MINUS
    names = ", ".join(formats.heading_html(name) for name in list(turned.dials)[:4])
    if len(turned.dials) > 4:
        names += f" and {len(turned.dials) - 4} more"
    out = (
        f'<span role="status">χ² {before} → <b>{_chi2(turned.chi2)}</b> ({sign}{_chi2(abs(change))}): {verdict(change / fitted.excess)}</span>'
        f'<span class="sv-quiet">Turned: {names}; all else as in the fit.</span>'
    )
    for name, asked, drawn in turned.clipped:
        word = f"{formats.label(name, asked)} asked, {formats.label(name, drawn)} {formats.unit(name)} shown".replace(
            "  ", " "
        )
        out += (
            f'<span style="color:{stylesheet.WARN_TEXT}">{icons.svg("warning", 14)} {formats.heading_html(name)}: {text(word, 80)}. '
            "The emulator has not learned more.</span>"
        )
    return f'<div class="sv-told">{warned}{out}</div>'


def _chi2(value: float) -> str:
    return formats.number(value, 1) if abs(value) < 10 else formats.count(round(value)) if np.isfinite(value) else "–"


def verdict(change: float) -> str:
    """What a change of chi square, in units of what noise does, means in words."""
    if change < -1:
        return "closer to the data; only what was believed before held the fit back."
    if change < 1:
        return "the spectrum would not notice."
    if change < 9:
        return "hard to tell from the fit."
    if change < 25:
        return "the spectrum speaks against it."
    return "the spectrum rules it out."
