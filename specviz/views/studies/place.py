"""``StudyPlace``: where the panel of a system stands while it is open."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from specviz import extensions
from specviz.session.state import State, Studied
from specviz.views import icons
from specviz.views.controls import column, html, models, shared_sheets, show
from specviz.views.formats import text
from specviz.views.panel_frame import PanelFrame

#: Module under ``specviz.views.studies`` and class of each panel, by the option ``study``.
PANELS = {
    "spectrafm": ("spectrafm_panel", "SpectraFMPanel"),
    "phdlspec": ("phdlspec_panel", "PhdlspecPanel"),
    "desa": ("desa_panel", "DesaPanel"),
    "lux": ("lux_panel", "LuxPanel"),
}


class StudyPlace:
    """As wide as the page; empty while no panel is open. A panel that was built stays, hidden.

    Parameters
    ----------
    session : Session
    apply : callable
        ``apply(draw)`` draws what a panel has worked out on another thread.
    sheets : dict
        Style sheets that all panels of a display share.
    """

    def __init__(self, session: Any, apply: Callable[[Callable[[], None]], None], sheets: dict[str, Any]) -> None:
        self._session, self._apply, self._sheets = session, apply, sheets
        self.panels: dict[str, Any] = {}
        self.root = column(classes=["sv-study"])
        self.frame = SimpleNamespace(root=self.root)
        show(self.root, False)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.view.study != old.view.study:
            self._open(new.view.study, old, new)
            return
        panel = self.panels.get(new.view.study)
        if panel is not None:
            panel.update(old, new)

    def _open(self, name: str, old: State, new: State) -> None:
        if name and name not in self.panels:
            with shared_sheets(self._sheets):
                self.panels[name] = _maker(name)(self._session, self._apply)
            self.root.children = models([panel.frame.root for panel in self.panels.values()])
        for other, panel in self.panels.items():
            show(panel.frame.root, other == name)
        show(self.root, bool(name))
        if name:  # whatever it missed while it was closed
            self.panels[name].update(State(), new)

    def act(self, about: str) -> None:
        """A button of the open panel (``data-sv-act="study-do WORD ..."``)."""
        panel = self.panels.get(self._session.state.view.study)
        if panel is not None:
            panel.act(about)


def _maker(name: str) -> Callable[..., Any]:
    if name not in PANELS:
        return extensions.panels()[name].panel
    module, klass = PANELS[name]
    made: Callable[..., Any] = getattr(import_module(f"specviz.views.studies.{module}"), klass)
    return made


def closing() -> Any:
    """The button that closes a panel, for the end of its header."""
    return html(
        '<button class="sv-button sv-flat" style="padding:0 4px" data-sv-act="study " aria-label="Close panel" '
        f'title="Close">{icons.svg("close", 14)}</button>'
    )


def said(study: Studied | None, busy: str) -> str:
    """HTML for where a picture is missing: that it is being made, or why there is none; "" when there is an answer."""
    if study is None or (study.answer is not None and not study.problem):
        return ""
    if study.problem:
        return f'<span role="status"><span class="sv-bad">{icons.svg("warning", 14)}</span> {text(study.problem, 400)}</span>'
    if study.report is None and not busy:
        return '<span class="sv-quiet">No star is on screen.</span>'
    added = extensions.panels().get(study.name)
    working = _WORKING.get(study.name, added.working if added is not None else "Working")
    return f'<span role="status" class="sv-quiet">{text(working, 80)} …</span>'


_WORKING = {
    "spectrafm": "Reading the spectrum",
    "phdlspec": "Fitting 28 labels, a few seconds",
    "desa": "Reading the spectrum and the light curve",
    "lux": "Solving for the latent vector",
}


def study_frame(title: str, *, controls: Any = (), sub: Any = (), body: Any = (), note_css: str = "") -> PanelFrame:
    """The frame of a study's panel: as wide as the page, with a button that closes it."""
    controls = [*controls, closing()]
    return PanelFrame(title, "sv-study-panel", controls=controls, sub=sub, body=body, note_css=note_css)
