"""``Settings``: the options of the view as the browser holds them, in step with the session's.

One hidden model carries them in its tags: ``[options, facts]``. A control of our HTML changes them in the browser
(``widgets/settings.js``), where short scripts draw what can be drawn there; the change reaches the session as one that a
program makes with ``set``. What a program sets goes the other way. Facts are what the browser must know of the star.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS

from specviz.errors import OptionError
from specviz.session.state import Notice, State, ViewOptions

NAME = "sv-settings"  # by which the browser finds the model


class Settings:
    """The hidden model, wired to a session.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._facts: dict[str, Any] = {}
        self.model = ColumnDataSource({}, name=NAME, tags=[session.state.view.to_dict(), {}])
        self.model.on_change("tags", self._changed)
        self.on_change(CustomJS(args={}, code="__specviz__.settings.changed(cb_obj)"))

    def on_change(self, script: CustomJS) -> None:
        """Run a script in the browser whenever an option changes, also while a slider is dragged."""
        self.model.js_on_change("tags", script)

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Let the browser know something of the star: ``rv`` (km/s), ``optical`` (range of its spectrum)."""
        self._facts |= facts

    def update(self, _old: State, new: State) -> None:
        """Bring the browser up to date. Called after the panels, which tell facts."""
        tags = [new.view.to_dict(), dict(self._facts)]
        if self.model.tags != tags:
            self.model.tags = tags

    def _changed(self, _attr: str, _old: Any, tags: Any) -> None:
        view = self._session.state.view
        try:
            wanted = ViewOptions.from_dict(tags[0])
            changes = wanted.changes_from(view)
            if changes:
                self._session.set(**changes)
        except (OptionError, TypeError, IndexError) as error:
            self.model.tags = [view.to_dict(), dict(self._facts)]
            self._session.tell(Notice("warning", "That cannot be shown", str(error)))
