"""The same tree on a web address, drawn by Panel: a server of our own, or the page of somebody else's."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT
from bokeh.model import Model
from bokeh.models import ColumnDataSource, CustomJS

from specviz.errors import SpecvizError

from .assets import script_text
from .inbox import FILE_LIMIT, Inbox
from .palettes import Palettes, checked_palettes

UPLOAD = FILE_LIMIT / 2**20
_PAGE = """
{% block preamble %}<link rel="icon" href="data:,">{% endblock %}
{% block contents %}
<style>
body { background: var(--jp-layout-color0); }
main.sv-host { box-sizing: border-box; min-height: 100%; padding: 12px; }
</style>
<main class="sv-host">
<script>{{ sv_script }}
specvizPage.start({{ sv_options }});
</script>
{{ super() }}
</main>
{% endblock %}
"""


class _Channel:
    """The hidden data source through which a served page talks to its session's inbox."""

    def __init__(self, limit: int) -> None:
        self.state: dict[str, Any] = {"keys": [], "notice": "", "notices": 0}
        self.files = ColumnDataSource({"name": [], "mime": [], "data": []})
        self.source = ColumnDataSource({"count": [0], "message": [""], "piece": [""]}, tags=[self.state, self.files])
        ways: dict[str, Any] = dict(deliver=self._deliver, address=self._say, limit=limit)
        self.inbox = Inbox(notice=self._notice, keys_changed=self._keys, **ways)
        self.source.on_change("data", self._changed)

    def _tell(self, **changes: Any) -> None:
        self.state = {**self.state, **changes}
        self.source.tags = [self.state, self.files]

    def _deliver(self, name: str, mime: str, data: bytes, _to: str) -> None:
        # A typed array travels as bytes; text of base64 would be a third longer.
        self.files.data = {"name": [name], "mime": [mime], "data": [np.frombuffer(data, np.uint8)]}

    def _say(self, query: str) -> None:
        if self.state.get("address") != query:
            self._tell(address=query)

    def _keys(self, keys: list[str]) -> None:
        self._tell(keys=keys)

    def _notice(self, text: str) -> None:
        self._tell(notice=text, notices=self.state["notices"] + 1)

    def _changed(self, attr: str, old: Any, new: Any) -> None:
        try:
            content, piece = json.loads(new["message"][0]), new["piece"][0]
            if not self.inbox.receive(content, [base64.b64decode(piece)] if content.get("op") == "file" else []):
                raise SpecvizError(f"The browser sent a message of unknown kind {content.get('op')!r}")
        except Exception as error:  # noqa: BLE001 - reported to the person and to the log
            self.inbox.report(error)


def _origin(text: str) -> str:
    """An origin as Bokeh compares it: no scheme, and no port where it is the scheme's own (browsers leave it out)."""
    host = re.sub(r"^https?://", "", text.strip()).rstrip("/")
    if "*" in host:
        raise SpecvizError(
            "A wildcard origin would let any web page run this view", expected="a name such as hub.example.org"
        )
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d+)?", host):
        raise SpecvizError(f"{text!r} is not an origin", expected="a name such as hub.example.org, or host:port")
    return re.sub(r":(80|443)$", "", host)


def _options(palettes: Palettes | None, theme: str, css: str, max_upload: float) -> dict[str, Any]:
    if not 0 < max_upload <= 2048:
        raise SpecvizError(f"{max_upload} MB is no limit for uploads", expected="more than 0 and at most 2048 MB")
    return {"palettes": checked_palettes(palettes), "theme": theme, "css": css, "upload": int(max_upload * 2**20)}


def _session(factory: Callable[..., Any], options: dict[str, Any]) -> Callable[[], Any]:
    wants_inbox = any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
        for p in inspect.signature(factory).parameters.values()
    )

    def open_session() -> Any:
        import panel as pn

        silence(EMPTY_LAYOUT)  # rows wait for what is put into them; each would be a warning on the terminal
        channel = _Channel(options["upload"])
        doc = pn.state.curdoc
        if doc is None:
            raise SpecvizError("A served view was opened outside a session", remedy="Call serve(factory) instead")
        doc.template = _PAGE
        doc.template_variables.update(
            sv_script=script_text("served_page.js"),
            sv_options=json.dumps(options).replace("<", "\\u003c"),
        )
        pn.config.exception_handler = channel.inbox.report  # of this session only
        doc.js_on_event(
            "document_ready", CustomJS(args={"channel": channel.source}, code="specvizPage.connect(channel)")
        )
        made = factory(channel.inbox) if wants_inbox else factory()
        if isinstance(made, Model):  # Panel's pane would copy what it can of the model and refuse the rest
            made.tags = [*made.tags, channel.source]
            doc.add_root(made)
            return None
        layout = pn.panel(made)
        layout.tags = [*layout.tags, channel.source]  # a model is synchronised only if a root refers to it
        return layout

    return open_session


def fill_page(
    factory: Callable[..., Any],
    *,
    title: str = "specviz",
    palettes: Palettes | None = None,
    theme: str = "auto",
    css: str = "",
    max_upload: float = UPLOAD,
) -> Any:
    """Show a view tree on the page that Panel is building now: in a program run by ``panel serve`` or Panel's preview.

    Parameters
    ----------
    factory, title, palettes, theme, css, max_upload
        As of :func:`serve`.

    Returns
    -------
    panel layout, or None for a Bokeh model
        What ``factory`` built.

    Raises
    ------
    SpecvizError
        No page is being built: the program runs by itself.
    """
    import panel as pn

    doc = pn.state.curdoc
    if doc is None or doc.session_context is None:
        raise SpecvizError(
            "There is no page here to fill",
            expected="a program that Panel runs: /panel-preview/render/APP.py of a Jupyter server, panel serve APP.py",
            remedy="Run specviz serve, or specviz.serve() in Python",
        )
    layout = _session(factory, _options(palettes, theme, css, max_upload))()
    doc.title = title
    return layout if layout is None else layout.servable(title=title)


def serve(
    factory: Callable[..., Any],
    *,
    port: int = 0,
    address: str = "127.0.0.1",
    title: str = "specviz",
    palettes: Palettes | None = None,
    theme: str = "auto",
    css: str = "",
    open_browser: bool = False,
    websocket_origin: str | Sequence[str] | None = None,
    max_upload: float = UPLOAD,
    start: bool = True,
    verbose: bool = True,
) -> Any:
    """Serve a view tree until interrupted; each visitor gets a tree of their own.

    Parameters
    ----------
    factory : callable
        ``factory()`` or ``factory(inbox)`` builds and returns the Panel layout of one session. ``inbox`` is the
        session's :class:`Inbox` (keys, width, dropped files, errors).
    port : int
        0 takes a free one.
    address : str
        Where to listen. The default can be reached from this machine only; give another only on a network you trust,
        since visitors run code in this process.
    title, palettes, theme, css
        As of :class:`specviz.doors.DocHost`.
    open_browser : bool
        Open the page on this machine.
    websocket_origin : str or sequence of str, optional
        ``host``, ``host:port`` or ``https://host`` of pages that may connect, instead of the address itself: what a
        browser's address line shows in front of a hub or a proxy. Never ``*``.
    max_upload : float
        MB (2²⁰ bytes) of files that one visitor may send at once.
    start : bool
        Run now and return when interrupted; otherwise return the server without running its loop.
    verbose : bool
        Let Panel write the address to the log.

    Returns
    -------
    panel.io.server.Server

    Raises
    ------
    SpecvizError
        The port is taken, an origin is a wildcard or none, or the upload limit is none.
    """
    import panel as pn

    origins = [websocket_origin] if isinstance(websocket_origin, str) else list(websocket_origin or ())
    options = _options(palettes, theme, css, max_upload)
    try:
        server = pn.serve(
            {"/": _session(factory, options)},
            port=port,
            address=address,
            title={"/": title},
            show=False,
            start=False,
            location=False,
            verbose=False,
            websocket_origin=[_origin(text) for text in origins] or None,
        )
    except OSError as error:
        raise SpecvizError(
            f"Port {port} of {address} cannot be opened: {error.strerror or error}",
            remedy="Choose another port, or 0 for a free one",
        ) from error
    return _run(server, address, start=start, open_browser=open_browser, verbose=verbose)


def _run(server: Any, address: str, *, start: bool, open_browser: bool, verbose: bool) -> Any:
    import logging

    url = f"http://{address}:{server.port}/"
    if verbose:
        logging.getLogger("specviz.doors").info("serving at %s", url)
    if open_browser:
        server.io_loop.add_callback(server.show, "/")
    if start:
        try:
            server.run_until_shutdown()
        except KeyboardInterrupt:
            server.stop()
    return server
