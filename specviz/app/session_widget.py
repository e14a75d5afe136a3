"""``SessionWidget``: what the widgets of a session share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.doors.doc_host import DocHost
from specviz.views.palette import PALETTES


class SessionWidget(DocHost):
    """A view of a session as an ipywidget: each change leaves as one message, traits follow the session's state.

    A subclass says in :meth:`_take` which of its traits are what of the state, calls :meth:`_follow_session` when it is
    built, and lets go of what it holds in :meth:`_end`.

    Parameters
    ----------
    session : object
        With ``state``, ``subscribe``, ``set``, ``undo``, ``redo`` and ``close``.
    view : object
        With ``layout``, ``connect`` and ``close``.
    theme, **traits
        As of :class:`~specviz.doors.doc_host.DocHost`.
    """

    def __init__(self, session: Any, view: Any, *, theme: str = "auto", **traits: Any) -> None:
        self.session, self.view = session, view
        self._unsubscribe: Callable[[], None] | None = None
        palettes = {k: dict(v) for k, v in PALETTES.items()}
        super().__init__(view.layout, palettes=palettes, theme=theme, on_close=self._end, **traits)
        view.connect(self._show)

    def _follow_session(self) -> None:
        self._unsubscribe = self.session.subscribe(self._follow)
        self._follow()

    def _show(self, draw: Callable[[], None], later: bool = False) -> None:
        with self.hold(later=later):
            draw()

    def _follow(self, *_old_and_new: Any) -> None:
        state = None
        while state is not self.session.state:  # again, if another thread has changed it meanwhile
            state = self.session.state
            with self.hold_trait_notifications():
                self._take(state)

    def _take(self, state: Any) -> None:
        """Set the traits to what the state says."""
        raise NotImplementedError

    def set(self, **options: Any) -> None:
        """Change how things are shown, as the controls do: ``set(flux="normalised", smooth=2)``.

        The options are those of :class:`specviz.session.view_options.ViewOptions`; a comparison has some of them.
        """
        self.session.set(**options)

    def undo(self) -> bool:
        """Take the last change of the view back; False if there is none."""
        return bool(self.session.undo())

    def redo(self) -> bool:
        """Make the change of the view that was undone last again; False if there is none."""
        return bool(self.session.redo())

    def _end(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self.view.close()
        self.session.close()
