"""``serve``: the Explorer on a port, one session a visitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz import api
from specviz.app.wiring import fill, listen, surroundings, targets_of
from specviz.archives.finder import Sky
from specviz.session.session import Session
from specviz.views.explorer import ExplorerView
from specviz.views.palette import PALETTES


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
    stars = [resolve(p, sky=Sky(online=online)) for p in targets_of(paths)]

    def page(inbox: Any) -> Any:
        sky = Sky(online=online)  # of this visitor: one who goes offline must not take the others along
        session = Session(engine, api.demo_catalog, sky=sky, allow_paths=False, expecting=bool(stars))
        view = ExplorerView(session, world)
        doc = curdoc()
        view.connect(lambda draw, later=False: doc.add_next_tick_callback(draw))

        def gone(_context: Any) -> None:
            view.close()
            session.close()

        doc.on_session_destroyed(gone)
        listen(inbox, view, session)
        fill(session, list(stars))
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
