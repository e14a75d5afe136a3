"""What people start: ``specviz.explore`` in a notebook, ``specviz.serve`` on a port. Puts rooms together; holds no
logic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import traitlets

from specviz import __version__, api
from specviz.analysis.engine import Engine
from specviz.archives.finder import Sky
from specviz.archives.protocol import Archive, Candidate
from specviz.doors.doc_host import DocHost
from specviz.errors import ReadError, SpecvizError
from specviz.session.session import Session
from specviz.session.state import Notice, State
from specviz.views.explorer import ExplorerView, Surroundings
from specviz.views.palette import PALETTES

#: Columns of a table in memory, by kind: astropy, arrow, pandas.
_TABLE_MARKS = ("colnames", "column_names", "iloc")
#: Files of many spectra, opened as archives.
_MANY = (".h5", ".hdf5", ".parquet")
_LONGEST_PATH = 1000  # a longer text is no path, and the file system refuses it


def surroundings(engine: Engine) -> Surroundings:
    """What the views are told of the world."""
    from specviz.archives.demo import DemoArchive

    def reference() -> Any:
        known = api.demo_catalog(engine)
        return known.table["teff"], known.table["logg"], known.map

    return Surroundings(
        reference=reference,
        window=lambda row: api.demo_catalog(engine).neighbour_window(row),
        examples=lambda: DemoArchive().examples(),
        model=engine.name,
        n_reference=len(DemoArchive()),
        version=__version__,
    )


class Explorer(DocHost):
    """The Explorer as an ipywidget: show it as a cell's last line, or put it into any ipywidgets container.

    Attributes
    ----------
    star : Star or None
        The star on screen (observable: ``explorer.observe(f, "star")``).
    report : Report or None
        What the model said of it.
    selection : Star or None
        The similar star that is overlaid.
    session : Session
        For programs: ``explorer.session.open("demo 7")``, ``.next()``, ``.choose(0)``, ``.wait()``.
    """

    star = traitlets.Any(None, allow_none=True)
    report = traitlets.Any(None, allow_none=True)
    selection = traitlets.Any(None, allow_none=True)

    def __init__(self, session: Session, world: Surroundings, *, theme: str = "auto") -> None:
        self.session = session
        self._unsubscribe: Callable[[], None] | None = None
        self.view = ExplorerView(session, world)
        super().__init__(
            self.view.layout, palettes={k: dict(v) for k, v in PALETTES.items()}, theme=theme, on_close=self._end
        )
        self.view.connect(self._show)
        _listen(self, self.view, session)
        self._unsubscribe = session.subscribe(self._follow)
        self._follow(State(), State())

    def _show(self, draw: Callable[[], None]) -> None:
        with self.hold():
            draw()

    def _follow(self, _old: State, _new: State) -> None:
        state = self.session.state
        with self.hold_trait_notifications():
            self.star, self.report, self.selection = state.star, state.report, state.neighbour_star

    def show(self, target: Any) -> None:
        """Show another star: a name, a path, a Star or a Spectrum."""
        self.session.open(target)

    def _end(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self.view.close()
        self.session.close()
        self.star = self.report = self.selection = None

    def __repr__(self) -> str:
        what = "no star" if self.session.state.star is None else self.session.state.star.name
        return f"<specviz Explorer: {what}>"


def _listen(door: Any, view: ExplorerView, session: Session) -> None:
    """Wire what a person does to the widget as a whole; ``door`` is a DocHost or a served page's Inbox."""

    def pressed(press: Any) -> None:
        if not press.field:
            view.key(press.key)
        elif press.key == "Escape" and session.state.busy:  # who has just searched still is in the field
            session.cancel()

    door.on_key(pressed, keys=view.KEYS)
    door.on_file(lambda name, data: session.open_bytes(name, data))
    door.on_attach(view.attach)
    door.on_act(view.act)

    def trouble(text: str, error: BaseException | None) -> None:
        known = isinstance(error, SpecvizError)
        session.tell(
            Notice(
                "error",
                "That did not work",
                str(error) if known else f"{text} (a fault of specviz; the rest goes on working)",
            )
        )

    door.on_error(trouble)


def _targets(x: Any) -> list[Any]:
    """What was asked for, one by one: a folder stands for the files in it."""
    if x is None:
        return []
    if any(hasattr(x, mark) for mark in _TABLE_MARKS):
        from specviz.archives.targets import targets_of

        return list(targets_of(x))
    if isinstance(x, (list, tuple)):
        return [t for item in x for t in _targets(item)]
    if isinstance(x, Archive) and hasattr(x, "names"):
        return [Candidate(name, "local") for name in x.names()]
    if isinstance(x, (str, Path)) and len(str(x)) < _LONGEST_PATH and Path(x).expanduser().is_dir():
        files = sorted(p for p in Path(x).expanduser().rglob("*") if p.is_file() and not p.name.startswith("."))
        if not files:
            raise SpecvizError(f"The folder {x} has no files", expected="a folder of spectra")
        return list(files)
    return [x]


def _archive(x: Any) -> Any:
    """An archive of one's own, or the HDF5 or Parquet file that is one; anything else as it is."""
    if not isinstance(x, (str, Path)) or not str(x).lower().endswith(_MANY):
        return x
    from specviz.archives.local import LocalArchive

    archive = LocalArchive(x)
    try:
        archive.names()
    except ReadError:  # a Parquet table may list targets instead; what is neither is told of when it is opened
        return x
    return archive


def _fill(session: Session, targets: list[Any]) -> None:
    """Show one star, or several as a work list."""
    if len(targets) == 1:
        session.open(targets[0])
    elif targets:
        session.set_work(targets)


def explore(
    x: Any = None,
    *,
    model: str = "specclip-small",
    device: str = "auto",
    theme: str = "auto",
    online: bool = True,
    locals: Sequence[Any] = (),
) -> Explorer:
    """Explore a star: spectra, posterior, prediction for the other survey, similar stars, how odd it is.

    Parameters
    ----------
    x : str, path, Star, Spectrum, Candidate, a table, or a list of them, optional
        A name (``"HD 140283"``, ``"Gaia DR3 4345775217221821312"``, ``"demo 42"``), a spectrum file, a folder; or what
        becomes the work list: a list, an astropy table or pandas data frame that names stars, the path of such a
        table, an HDF5 or Parquet file of spectra, a :class:`~specviz.archives.local.LocalArchive`. Nothing: the first
        screen.
    model : str
        A name of ``specviz models list``.
    device : {"auto", "cpu", "cuda", "mps"}
    theme : {"auto", "light", "dark"}
        "auto" follows JupyterLab.
    online : bool
        Ask archives for names. When not, the demo sky, files, and what was fetched before can be opened.
    locals : sequence of Archive
        Spectra of yours that names are looked up in first (:class:`specviz.archives.local.LocalArchive`).

    Returns
    -------
    Explorer
        An ipywidget. Its traits ``star``, ``report`` and ``selection`` follow what is on screen.

    Examples
    --------
    >>> import specviz
    >>> explorer = specviz.explore("demo 1")
    >>> explorer.session.wait().report.posterior.summary()["teff"]  # doctest: +SKIP
    (5771.2, 5713.0, 5833.9)
    """
    engine = api.default_engine(model, device)
    x = _archive(x)
    targets = _targets(x)
    own = (*([x] if isinstance(x, Archive) else []), *locals)
    session = Session(engine, api.demo_catalog, sky=Sky(online=online, locals=own), expecting=bool(targets))
    explorer = Explorer(session, surroundings(engine), theme=theme)
    _fill(session, targets)
    return explorer


def serve(
    paths: Sequence[Any] | Any = None,
    *,
    port: int = 0,
    address: str = "127.0.0.1",
    browser: bool = False,
    model: str = "specclip-small",
    device: str = "auto",
    online: bool = True,
    **options: Any,
) -> Any:
    """Serve the Explorer to browsers; sessions are isolated, the model is shared.

    Visitors look stars up by name and upload files; they cannot name files of this machine, nor ask its archives'
    tables.

    Parameters
    ----------
    paths : path, name, Star, or a list of them, optional
        Shown to every visitor: one is opened, several are the work list.
    port : int
        0 takes a free one; the address is written to the log.
    address : str
        The default is reached from this machine only.
    browser : bool
        Open the page here.
    model, device, online
        As in :func:`explore`.
    **options
        As of :func:`specviz.doors.serve`.

    Raises
    ------
    SpecvizError
        A path cannot be read, or the port is taken.
    """
    from bokeh.io import curdoc

    from specviz.doors import serve as serve_door
    from specviz.session.resolve import resolve

    engine = api.default_engine(model, device)
    world = surroundings(engine)
    stars = [resolve(p, sky=Sky(online=online)) for p in _targets(paths)]

    def page(inbox: Any) -> Any:
        sky = Sky(online=online)  # of this visitor: one who goes offline must not take the others along
        session = Session(engine, api.demo_catalog, sky=sky, allow_paths=False, expecting=bool(stars))
        view = ExplorerView(session, world)
        doc = curdoc()
        view.connect(lambda draw: doc.add_next_tick_callback(draw))

        def gone(_context: Any) -> None:
            view.close()
            session.close()

        doc.on_session_destroyed(gone)
        _listen(inbox, view, session)
        _fill(session, list(stars))
        return view.layout

    return serve_door(
        page,
        port=port,
        address=address,
        title="specviz",
        palettes={k: dict(v) for k, v in PALETTES.items()},
        open_browser=browser,
        **options,
    )
