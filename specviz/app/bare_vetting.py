"""A stand-in for the vetting view until that is there: the LAMOST panel and the keys."""

from __future__ import annotations

import threading
from typing import Any

from specviz.session.state import State
from specviz.views import stylesheet
from specviz.views.controls import column, html, models, shared_sheets
from specviz.views.formats import text
from specviz.views.lamost_panel import LamostPanel
from specviz.views.notice import BusyLine, NoticeBar
from specviz.views.settings import Settings


class BareView:
    """The LAMOST panel of the star on screen, and a line of what is said of it."""

    KEYS = ("Enter", "ArrowLeft", "ArrowRight", "z", *"01234sbehwgax5678")

    def __init__(self, session: Any, world: Any) -> None:
        self.session = session
        self._drawn, self._lock = State(), threading.RLock()
        self._dispatch: Any = lambda draw, later=False: draw()
        with shared_sheets():
            self.settings = Settings(session)
            self.busy, self.notice, self.line = BusyLine(), NoticeBar(), html("")
            self.lamost = LamostPanel(self.settings, session.state.view, lambda *_: None, lambda *_: None)
        self.layout = column(css=stylesheet.ROOT, classes=["sv-root"])
        parts = [self.busy, self.notice, self.lamost, self.settings]
        self._parts: list[Any] = list(parts)
        self.layout.children = models([self.busy.root, self.notice.root, self.line, self.lamost.frame.root])
        self._unsubscribe = session.subscribe(lambda _o, _n: self._dispatch(self._draw))
        self._draw()

    def connect(self, dispatch: Any) -> None:
        self._dispatch = dispatch

    def _draw(self) -> None:
        with self._lock:
            old, new = self._drawn, self.session.state
            if new is old:
                return
            self._drawn = new
            for part in self._parts:
                part.update(old, new)
            vet = new.vet
            if vet is not None:
                at = "" if new.position is None else vet.rows[new.position].key
                self.line.object = text(f"{at} {vet.label} {vet.progress} {vet.problem}")

    def key(self, key: str, shift: bool = False) -> bool:
        session, words = self.session, self.session.vet.vocabulary
        if key == "Enter":
            session.finish()
        elif key in ("ArrowLeft", "ArrowRight"):
            session.back() if key == "ArrowLeft" else session.forward()
        elif key == "z":
            session.redo_label() if shift else session.undo_label()
        else:
            for group, say in (
                ("qualities", lambda n: session.label(quality=int(n))),
                ("classes", lambda n: session.label(klass=n)),
                ("flags", session.flag),
            ):
                for choice in getattr(words, group):
                    if choice.key == key:
                        say(choice.name)
        return True

    def act(self, word: str) -> None:
        return None

    def close(self) -> None:
        self._unsubscribe()
        self.layout.children = []
