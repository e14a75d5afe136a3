"""``DesaPanel``: a star's light curve beside its spectrum, and what DESA says of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.session.state import State
from specviz.views import formats, option_controls
from specviz.views.controls import HIDDEN, column, html, show
from specviz.views.studies import desa_figures, desa_words
from specviz.views.studies.curve_figures import CurveFigures
from specviz.views.studies.desa_figures import DesaFigures
from specviz.views.studies.place import said, study_frame

_GRID = """
:host { display: grid !important; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 4px 16px; width: 100%; }
:host > * { grid-column: span 4; min-width: 0; margin: 0 !important; } :host > .sv-wide { grid-column: span 8; }
:host > .sv-half { grid-column: span 6; } :host([data-sv-alone]) > .sv-half { grid-column: 1 / -1; } :host > .sv-third { grid-column: span 3; }
@container (max-width: 1199px) { :host > * { grid-column: span 6; } :host > .sv-wide, :host > .sv-half { grid-column: 1 / -1; } :host > .sv-third { grid-column: span 6; } }
@container (max-width: 699px) { :host > *, :host > .sv-third { grid-column: 1 / -1; } }
"""


class DesaPanel:
    """Drawn from ``state.study`` while the option ``study`` is "desa".

    Parameters
    ----------
    session : Session
    apply : callable
        Draws what was worked out on another thread.
    """

    def __init__(self, session: Any, apply: Callable[[Callable[[], None]], None]) -> None:
        self._session = session
        self._answer: Any = None
        self._drawn: Any = ()
        self._fold = "rotation"
        self.curves, self.seen = CurveFigures(), DesaFigures()
        self.words = html("", css=desa_words.CSS)
        self.answers = html("", css=desa_words.CSS, name="desa-answers")
        self.missing = html("", css=desa_words.CSS, name="desa-missing")
        self.switch = html("", css=option_controls.CSS)
        self.heads = {name: html("", css=option_controls.CSS + desa_words.HEAD) for name in _TITLES}
        figures = dict(
            curve=self.curves.curve, folded=self.curves.folded, power=self.curves.power, acf=self.curves.acf,
            eigen=self.seen.eigen, arms=self.seen.arms, channel_acf=self.seen.acf, fourier=self.seen.fourier,
        )  # fmt: skip
        self.cells = {
            name: column(self.heads[name], figures[name], classes=[_PLACES.get(name, "sv-cell")]) for name in _TITLES
        }
        self.key = html("", css=desa_words.HEAD)
        self.cells["eigen"].children = [*self.cells["eigen"].children, self.key.model]
        self.grid = column(*self.cells.values(), css=_GRID)
        self.frame = study_frame(
            "Spectrum and light curve",
            controls=[self.switch],
            body=[self.words, self.answers, self.missing, self.grid],
        )

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        study = new.study
        answer = study.answer if study is not None and study.name == "desa" else None
        if new.view.latent != old.view.latent or not self.switch.object:
            self.switch.object = option_controls.toggle("latent", "Catalogue values", new.view)
        if study is not old.study:
            self.words.object = said(study, new.busy)
        if answer is not self._drawn and (answer is not None or study is None or not study.running):
            self._drawn = answer
            self._draw(answer)
        elif study is not old.study and study is not None and study.running and study.answer is None:
            self._drawn = None
            self._draw(None)
        fetching = bool(new.busy) and "light curve" in new.busy
        self.missing.object = desa_words.no_curve(self._answer, fetching)

    def _draw(self, answer: Any) -> None:
        before, self._answer = self._answer, answer
        if answer is None or before is None or answer.measured is not before.measured:
            self._fold = answer.folds[0].why if answer is not None and answer.folds else "rotation"
            self.curves.show(answer, self._fold)
        self.seen.show(answer)
        self.answers.object = desa_words.answers(answer)
        self._name()
        there = {
            "curve": _has(answer, "measured"), "folded": bool(answer and answer.folds), "power": _has(answer, "measured"),
            "acf": _has(answer, "measured"), "eigen": bool(answer and answer.look and answer.look.plane is not None),
            "arms": bool(answer and answer.arms), "channel_acf": _has(answer, "channels"), "fourier": _has(answer, "channels"),
        }  # fmt: skip
        for name, cell in self.cells.items():
            show(cell, there[name])
        alone = {} if there["curve"] else {"data-sv-alone": "true"}  # then the spectrum has the width to itself
        if alone.keys() != self.grid.html_attributes.keys() - {HIDDEN}:
            kept = {k: v for k, v in self.grid.html_attributes.items() if k == HIDDEN}
            self.grid.html_attributes = {**kept, **alone}
        show(self.grid, answer is not None)
        self.frame.fact(*_fact(answer))

    def _name(self) -> None:
        """The lines over the figures."""
        answer = self._answer
        measured = None if answer is None else answer.measured
        for name, title in _TITLES.items():
            fact, more = "", ""
            if measured is not None and name == "curve":
                fact = answer.curve
            elif measured is not None and name == "power":
                fact = "Lomb–Scargle; dashed: false alarm 1 %"
            elif measured is not None and name == "acf":
                fact = "peak at the rotation period" if measured.rotation.found else "no period stands out"
            elif answer is not None and name == "folded":
                one = next((f for f in answer.folds if f.why == self._fold), None)
                more = desa_words.fold_choice(answer, self._fold)
                if one is not None:
                    fact = f"at {formats.number(one.period, 4 if one.why == 'eclipses' else 2)} d"
                    fact += {"strongest": ", the strongest period; no rotation was found"}.get(one.why, "")
            elif name == "eigen":
                self.key.object = desa_figures.legend(answer)
                fact = "with catalogue values" if answer is not None and answer.leaking is not None else ""
            elif name == "arms":
                fact = "rest frame, an arm at a time over its polynomial, clipped at 3 σ"
            self.heads[name].object = desa_words.head(title, fact, more)

    # ------------------------------------------------------------------ acting
    def act(self, about: str) -> None:
        """``fetch``: a light curve of the star on screen; ``fold WHY``: another period."""
        word, _, what = about.partition(" ")
        if word == "fetch":
            self._session.fetch_light_curve()
        elif word == "fold" and self._answer is not None and any(f.why == what for f in self._answer.folds):
            self._fold = what
            self.curves.show_fold(self._answer, what)
            self._name()


_TITLES = {
    "curve": "Light curve",
    "folded": "Folded",
    "power": "Power spectrum",
    "acf": "Autocorrelation",
    "eigen": "Eigenspace",
    "arms": "Spectrum as DESA reads it",
    "channel_acf": "Autocorrelation as DESA reads it",
    "fourier": "Fourier transform as DESA reads it",
}
_PLACES = {"curve": "sv-wide", "arms": "sv-half", "channel_acf": "sv-third", "fourier": "sv-third"}


def _has(answer: Any, part: str) -> bool:
    return answer is not None and getattr(answer, part) is not None


def _fact(answer: Any) -> tuple[str, str]:
    if answer is None:
        return "", ""
    seen = () if answer.plain is None else answer.plain.seen
    what = " and ".join(s.replace("_", " ") for s in seen)
    model = answer.model or "DESA does not speak here"
    return f"{model}{' · ' + what if what else ''}", " ".join(() if answer.plain is None else answer.plain.notes)
