"""The Explorer as a web page, one session a visitor: ``serve`` on a port, ``page`` within another server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from specviz import api
from specviz.analysis.engine import Engine
from specviz.app.models_here import ModelsHere
from specviz.app.studies import Studies
from specviz.app.wiring import fill, listen, surroundings, targets_of, velocity_templates
from specviz.archives.finder import Sky
from specviz.errors import OptionError
from specviz.session.session import Session
from specviz.session.sharing import asked_in, query
from specviz.session.state import Notice, State
from specviz.session.view_options import ViewOptions
from specviz.views.explorer import ExplorerView
from specviz.views.palette import PALETTES


def serve(
    paths: Sequence[Any] | Any = None,
    *,
    port: int = 0,
    address: str = "127.0.0.1",
    browser: bool = False,
    model: str = api.DEFAULT_MODEL,
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
        As of :func:`specviz.doors.serve`, among them ``max_upload`` and ``websocket_origin``.

    Raises
    ------
    SpecvizError
        A path cannot be read, or the port is taken.
    """
    from specviz.doors import serve as serve_door
    from specviz.session.resolve import resolve

    engine = api.default_engine(model, device)
    stars = [resolve(p, sky=Sky(online=online)) for p in targets_of(paths)]
    return serve_door(
        _page(engine, stars, ModelsHere(device), online=online, owner=False),
        port=port,
        address=address,
        title="specviz",
        palettes={k: dict(v) for k, v in PALETTES.items()},
        open_browser=browser,
        **options,
    )


def page(
    target: Any = None, *, model: str = api.DEFAULT_MODEL, device: str = "auto", online: bool = True,
    theme: str = "auto",
) -> Any:  # fmt: skip
    """Make the Explorer the page of the program that calls this: ``notebooks/explorer_app.py``.

    For Panel's preview on a Jupyter server (``/panel-preview/render/explorer_app.py``: every visit is a kernel of its
    own) and for ``panel serve``. The address may name a star: ``?star=demo 7``.

    Parameters
    ----------
    target : path, name, Star, or a list of them, optional
        As in :func:`explore`. Of an address that names a star, the star is shown instead.
    model, device, online, theme
        As in :func:`explore`.

    Raises
    ------
    SpecvizError
        There is no page to fill: the program runs by itself.
    """
    from specviz.doors.environment import where
    from specviz.doors.server import fill_page

    # In a kernel the visitor is the kernel's owner and may name files; at `panel serve` they may not.
    engine, targets = api.default_engine(model, device), targets_of(target)
    factory = _page(engine, targets, ModelsHere(device), online=online, owner=where() == "jupyter")
    palettes = {k: dict(v) for k, v in PALETTES.items()}
    return fill_page(factory, title="specviz", palettes=palettes, theme=theme)


def _link() -> tuple[str, ViewOptions, str]:
    """The star and the view that the page's address asks for, and what is wrong with it."""
    import panel as pn

    try:
        return (*asked_in(pn.state.session_args), "")
    except OptionError as error:
        return "", ViewOptions(), str(error)


def _page(
    engine: Engine, targets: Sequence[Any], models: ModelsHere, *, online: bool, owner: bool
) -> Callable[[Any], Any]:
    """What builds one visitor's Explorer; ``owner``: they may name files of this machine."""
    world = surroundings(engine)

    def build(inbox: Any) -> Any:
        from bokeh.io import curdoc

        star, options, problem = _link()
        wanted = [star] if star else list(targets)
        sky = Sky(online=online)  # of this visitor: one who goes offline must not take the others along
        session = Session(
            engine, api.demo_catalog, sky=sky, allow_paths=owner, expecting=bool(wanted), models=models,
            templates=velocity_templates, studies=Studies(models.device),
        )  # fmt: skip
        view = ExplorerView(session, world)
        doc = curdoc()
        view.connect(lambda draw, later=False: doc.add_next_tick_callback(draw))

        def gone(_context: Any) -> None:
            view.close()
            session.close()

        doc.on_session_destroyed(gone)
        listen(inbox, view, session)
        session.set(**options.changes_from(session.state.view))

        left = [problem] if problem else []

        def say(old: State, new: State) -> None:
            if left and new.source is not None and not new.busy:  # only now: a star that comes takes notices away
                session.tell(Notice("warning", "The link asks for what this page cannot show", left.pop()))
            if query(new) != query(old):
                doc.add_next_tick_callback(lambda: inbox.address(query(session.state)))

        session.subscribe(say)
        fill(session, wanted)
        return view.layout

    return build
