"""``compare``: two stars side by side, as an ipywidget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from specviz import __version__, api
from specviz.app.session_widget import SessionWidget
from specviz.archives.finder import Sky
from specviz.errors import OptionError, SpecvizError
from specviz.session.pairing import Pair, PairSession
from specviz.session.state import Notice
from specviz.views.compare import CompareView


class Comparison(SessionWidget):
    """Two stars side by side: show it as a cell's last line, or put it into any ipywidgets container.

    Attributes
    ----------
    first, second : Star or None
        The stars on screen (observable).
    session : PairSession
        For programs: ``comparison.session.open(1, "demo 7")``.
    """

    session: PairSession
    first = traitlets.Any(None, allow_none=True)
    second = traitlets.Any(None, allow_none=True)

    def __init__(self, session: PairSession, view: CompareView, *, theme: str = "auto") -> None:
        super().__init__(session, view, theme=theme, spoken="Two stars compared")
        self.on_key(self._pressed, keys=view.KEYS)
        self.on_act(view.act)
        self.on_error(self._trouble)
        self._follow_session()

    def _take(self, state: Pair) -> None:
        self.first, self.second = state.first.star, state.second.star

    def _pressed(self, press: Any) -> None:
        if not press.field or press.key == "Escape":
            self.view.key(press.key)

    def _trouble(self, message: str, error: BaseException | None) -> None:
        known = isinstance(error, SpecvizError)
        said = str(error) if known else f"{message} (a fault of specviz; the rest goes on working)"
        self.session.tell(Notice("error", "That did not work", said))

    def show(self, first: Any = None, second: Any = None) -> None:
        """Show another star in one place or in both; None leaves the one that is there."""
        for side, target in enumerate((first, second)):
            if target is not None:
                self.session.open(side, target)

    def swap(self) -> None:
        """Let the stars change places."""
        self.session.swap()

    def wait(self, timeout: float = 120.0) -> Pair:
        """Block until both stars are there or have failed."""
        return self.session.wait(timeout)

    def table(self) -> Any:
        """The labels of both stars and their differences, an astropy Table.

        See :func:`specviz.analysis.pair.pair_table` for the columns.
        """
        return self.session.table()

    def _end(self) -> None:
        super()._end()
        self.first = self.second = None

    def __repr__(self) -> str:
        names = " and ".join(s.name or "no star" for s in self.session.state.sides)
        return f"<specviz Comparison: {names}>"


def compare(
    first: Any,
    second: Any,
    *,
    model: str = api.DEFAULT_MODEL,
    device: str = "auto",
    theme: str = "auto",
    online: bool = True,
    locals: Sequence[Any] = (),
    **options: Any,
) -> Comparison:
    """Two stars side by side: spectra, their difference in standard errors, labels, posteriors, how alike they look.

    Parameters
    ----------
    first, second : str, path, Star, Spectrum, Candidate or Report
        What :func:`specviz.explore` takes for one star; of a report nothing is computed again, so the two may come from
        different models.
    model, device, theme, online, locals
        As in :func:`specviz.explore`.
    **options
        How things are shown: ``flux="normalised"``, ``frame="rest"``, ``link_zoom=True``.

    Returns
    -------
    Comparison
        An ipywidget; ``.table()`` gives the labels with their differences. A star that cannot be found is told of in
        it, beside the one that can.

    Examples
    --------
    >>> specviz.compare("HD 140283", "HD 84937", frame="rest")  # doctest: +SKIP
    >>> specviz.compare(report, explorer.selection).table()      # doctest: +SKIP
    """
    engine = api.default_engine(model, device)
    return comparison(first, second, engine, Sky(online=online, locals=locals), theme=theme, **options)


def comparison(first: Any, second: Any, engine: Any, sky: Any, *, theme: str = "auto", **options: Any) -> Comparison:
    """:func:`compare` with an engine and a sky that are there already."""
    for target in (first, second):
        if target is None or isinstance(target, (list, tuple, dict)):
            raise OptionError(
                f"{type(target).__name__} is no star", expected="two stars: names, paths, Stars or Reports"
            )
    session = PairSession(engine, sky=sky)
    if options:
        session.set(**options)
    view = CompareView(session, model=engine.name, version=__version__, reference=_reference)
    made = Comparison(session, view, theme=theme)
    made.show(first, second)
    return made


def _reference() -> Any:
    """Teff and log g of the demo stars, for the background of the Kiel diagram."""
    from specviz.archives.demo import DemoArchive

    table = DemoArchive().table()
    return np.asarray(table["teff"].value), np.asarray(table["logg"].value)
