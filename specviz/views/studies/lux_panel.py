"""The panel of Lux: a star inferred from what is chosen, and what that says of both spectra and of the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.session.state import State
from specviz.views import formats
from specviz.views.controls import column, html, icon_button, row, show, spacer
from specviz.views.studies import lux_text
from specviz.views.studies.lux_figure import LuxFigure
from specviz.views.studies.place import said, study_frame

_SIDES = """
@container (max-width: 1039px) { :host { flex-wrap: wrap !important; } :host > * { flex: 1 1 100% !important; width: 100% !important; max-width: none !important; } }
:host { align-items: flex-start; gap: 16px !important; } :host > .sv-numbers { flex: 0 0 500px; max-width: 500px; }
"""
_HEAD = ":host { flex-wrap: wrap !important; min-height: 28px; gap: 0 8px !important; }"


class LuxPanel:
    """Gaia XP and LAMOST as observed and as Lux has them, and the labels by what they were inferred from.

    Parameters
    ----------
    session : Session
    apply : callable
        Draws what was worked out on another thread.
    """

    def __init__(self, session: Any, apply: Callable[[Callable[[], None]], None]) -> None:
        self._session, self._apply = session, apply
        self._drawn: Any = None
        self._controls = ""
        self.xp = LuxFigure("lux-xp", "Gaia XP", nm=True)
        self.lamost = LuxFigure("lux-lamost", "LAMOST")
        self.controls = html("", css=lux_text.CSS, name="lux-from")
        self.words = html("", css=":host { padding: 4px 0; }")
        self.table = html("", css=lux_text.TABLE, name="lux-table")
        self.notes = html("", css=lux_text.NOTES, name="lux-notes")
        self.body = row(
            column(*_framed("Gaia XP", self.xp), *_framed("LAMOST", self.lamost), classes=["sv-grow"]),
            column(self.table, self.notes, classes=["sv-numbers"]),
            css=_SIDES,
        )
        self.frame = study_frame("Linear latent model", body=[self.controls, self.words, self.body])
        self._write_controls(session.state, None)
        show(self.body, False)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        study = new.study if new.study is not None and new.study.name == "lux" else None
        answer = None if study is None else study.answer
        if new.study is not old.study or new.busy != old.busy:
            self.words.object = said(study, new.busy)
            show(self.words.model, bool(self.words.object))
        self._write_controls(new, answer)
        if answer is not self._drawn:
            self._draw(answer)
            self._drawn = answer

    def _draw(self, answer: Any) -> None:
        show(self.body, answer is not None)
        other = "" if answer is None else answer.other
        self.xp.draw(None if answer is None else answer.xp, other)
        self.lamost.draw(None if answer is None else answer.lamost, other)
        self.table.object = "" if answer is None else lux_text.table(answer)
        self.notes.object = "" if answer is None else lux_text.notes(answer)
        self.frame.fact("" if answer is None else f"{answer.model}, {formats.count(answer.latent)} latent numbers")

    def _write_controls(self, state: State, answer: Any) -> None:
        written = lux_text.controls(state.view, answer)
        # Only when it says something else: a switch that the browser has turned must not lose the focus.
        bare = written.replace('aria-pressed="true"', "").replace('aria-pressed="false"', "")
        if bare != self._controls and (answer is not None or not self._controls):
            self._controls, self.controls.object = bare, written

    def act(self, about: str) -> None:
        """This panel has no buttons of its own: what it is inferred from is an option of the view."""


def _framed(title: str, figure: LuxFigure) -> list[Any]:
    from bokeh.models import CustomJS

    reset = CustomJS(args={"fig": figure.figure}, code="fig.reset.emit()")
    head = html(f'<b style="font-size:12px">{title}</b>')
    return [
        row(head, *figure.chips, spacer(), icon_button(f"Reset {title} zoom", "reset", reset), css=_HEAD),
        figure.figure,
        figure.strip,
    ]
