"""``SideBySide``: the comparison of two stars within the Explorer: the one on screen, and a similar or any other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.session.pairing import PairSession
from specviz.session.state import State
from specviz.views.compare import CompareView
from specviz.views.controls import column, models, show


class SideBySide:
    """Nothing until ``view.compare`` is on; then a :class:`CompareView` over the whole width, in step with the session.

    Parameters
    ----------
    session : Session
    apply : callable(draw)
        Draws what the comparison's own jobs bring, where and when the door allows.
    version : str
    """

    def __init__(self, session: Any, apply: Callable[[Callable[[], None]], None], version: str) -> None:
        self._session, self._apply, self._version = session, apply, version
        self.root = column(classes=["sv-compare"])
        self.frame = self  # as other panels are placed by ``panel.frame.root``
        self.view: CompareView | None = None
        show(self.root, False)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        opened = new.view.compare and new.report is not None
        if not opened:
            if self.view is not None and not new.view.compare:
                self.close()
            return
        fresh = self.view is None
        pair = self._open() if self.view is None else self.view.session
        pair.engine = self._session.engine  # another model may read the stars now
        if fresh or new.report is not old.report:
            pair.open(0, new.report)
        other = new.neighbour_star
        if other is None and fresh and new.neighbours is not None and len(new.neighbours):
            self._session.choose(0)  # its star comes with the next change
        elif other is not None and (fresh or other is not old.neighbour_star):
            pair.open(1, other)

    def _open(self) -> PairSession:
        session = self._session
        pair = PairSession(session.engine, sky=session.sky, allow_paths=session.allow_paths)

        def reference() -> Any:
            planes = session.planes()
            if planes is None or planes.reason("kiel"):
                return None
            return planes.column("teff"), planes.column("logg")

        self.view = CompareView(
            pair, model=session.state.model, version=self._version, reference=reference, closable=True
        )
        self.view.connect(self._apply)
        self.root.children = models([self.view.layout])
        show(self.root, True)
        return pair

    def act(self, act: str) -> None:
        """Act on a button of the comparison."""
        if self.view is not None:
            self.view.act(act)

    def close(self) -> None:
        """Let the comparison go."""
        view, self.view = self.view, None
        show(self.root, False)
        self.root.children = []
        if view is not None:
            view.close()
            view.session.close()
