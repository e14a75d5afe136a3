"""The same tree on a web address of this machine, drawn by Panel's own server."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

from bokeh.model import Model
from bokeh.models import ColumnDataSource, CustomJS

from specviz.errors import SpecvizError

from .assets import script_text
from .inbox import Inbox
from .palettes import Palettes, checked_palettes

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

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"keys": [], "notice": "", "notices": 0}
        self.source = ColumnDataSource({"count": [0], "message": [""], "piece": [""]}, tags=[self.state])
        self.inbox = Inbox(notice=self._notice, keys_changed=self._keys)
        self.source.on_change("data", self._changed)

    def _tell(self, **changes: Any) -> None:
        self.state = {**self.state, **changes}
        self.source.tags = [self.state]

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


def _session(factory: Callable[..., Any], options: dict[str, Any]) -> Callable[[], Any]:
    wants_inbox = any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
        for p in inspect.signature(factory).parameters.values()
    )

    def open_session() -> Any:
        import panel as pn

        channel = _Channel()
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
        ``host:port`` of pages that may connect. Default: the address itself. Never ``*``.
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
        The port is taken, or an origin is a wildcard.
    """
    import panel as pn

    origins = [websocket_origin] if isinstance(websocket_origin, str) else list(websocket_origin or ())
    if any("*" in origin for origin in origins):
        raise SpecvizError(
            "A wildcard origin would let any web page run this view",
            expected="names such as hub.example.org:443",
        )
    options = {"palettes": checked_palettes(palettes), "theme": theme, "css": css}
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
            websocket_origin=origins or None,
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
