"""Shows a kernel-side Bokeh document or Panel layout as an ipywidget, without asking anything of the network."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anywidget
import traitlets
from bokeh.document import Document
from bokeh.model import Model
from ipywidgets import widget_serialization

from specviz.errors import SpecvizError

from .assets import module_text
from .bokeh_private import (
    apply_events,
    encode_document,
    encode_events,
    is_overtaken,
    models_with_addresses,
    needed_scripts,
    panel_root,
)
from .environment import why_no_view
from .inbox import Inbox, KeyPress, Remove
from .palettes import Palettes, checked_palettes
from .runtime import Runtime

MIN_GAP = 0.03  # seconds between two batches sent while a cell holds the event loop
LONGEST_HOLD = 0.15  # seconds that a thread's changes wait for those of another one


class DocHost(anywidget.AnyWidget):
    """An ipywidget that shows one Bokeh document; every view of it stays in step with the kernel.

    The document travels in the widget's state, built freshly each time it is asked for, so a view appears without a
    round trip to a busy kernel. Changes made by one callback leave as one message. Edits may come from any thread.

    Parameters
    ----------
    root_or_layout : bokeh.model.Model or Panel layout
        What to show. Of a Panel layout this widget owns the Bokeh models: ``close()`` frees them.
    palettes : mapping, optional
        Role colours of both themes. Give all models the light ones; the browser exchanges them.
    theme : {"auto", "light", "dark"}
        ``"auto"``: as the page around it.
    css : str, optional
        Style rules for the widget's own element (not seen inside Bokeh's shadow roots; variables and containers are).
    on_close : callable, optional
        Called once by ``close()``.
    scripts : sequence of str, optional
        Which BokehJS scripts to send; default: what the document needs now.
    again : callable, optional
        Builds the root anew, equal in all but its ids. With it the document is freed while no view shows it: when the
        output of its cell is cleared, or the cell run again; a page that is opened anew gets a new one.
    **traits
        Further traits: ``spoken`` (the widget's name for screen readers), and those of a subclass.

    Raises
    ------
    SpecvizError
        The layout has models whose scripts would come from an address (Tabulator, FileDropper, ...), or figures that
        are on screen already.
    """

    # The text, not the path: anywidget 0.11 keeps every widget alive whose module is a file.
    _esm = module_text("doc_host.js")
    role = traitlets.Unicode("host").tag(sync=True)
    uid = traitlets.Unicode().tag(sync=True)
    runtime = traitlets.Instance(Runtime, allow_none=True).tag(sync=True, **widget_serialization)
    bundle = traitlets.Any().tag(sync=True, to_json=lambda _, self: self._bundle())
    palettes = traitlets.Dict().tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), default_value="auto").tag(sync=True)
    css = traitlets.Unicode().tag(sync=True)
    spoken = traitlets.Unicode("Interactive view").tag(sync=True)  # its name for screen readers
    wanted_keys = traitlets.List(traitlets.Unicode()).tag(sync=True)  # "keys" is a name of ipywidgets

    def __init__(
        self,
        root_or_layout: Any,
        *,
        palettes: Palettes | None = None,
        theme: str = "auto",
        css: str = "",
        on_close: Callable[[], None] | None = None,
        scripts: Sequence[str] | None = None,
        again: Callable[[], Any] | None = None,
        **traits: Any,
    ) -> None:
        self.root: Model | None = None  # a constructor that fails is closed by ipywidgets all the same
        self.doc: Document | None = None
        self.inbox = Inbox(notice=self._notice, keys_changed=self._set_keys, deliver=self._deliver)
        self.lock = threading.RLock()
        self._events: list[Any] = []
        self._seq, self._last, self._scheduled = 0, 0.0, False
        self._opened = False
        self._held = threading.local()
        self._holders, self._since, self._urgent = 0, 0.0, False
        self._on_close = on_close
        self._forget: Callable[[], None] | None = None
        self._again, self._views = again, set[str]()  # the views that are known to stand, by their ids
        checked = checked_palettes(palettes)
        doc = self._adopt(root_or_layout)
        self._loop = _running_loop()
        names = tuple(scripts) if scripts is not None else needed_scripts(doc)
        doc.on_change_dispatch_to(self)  # before the state is sent: an edit by another thread in between is not lost
        super().__init__(
            runtime=Runtime.get(names), uid=uuid.uuid4().hex, palettes=checked, theme=theme, css=css, **traits
        )
        self.on_msg(self._receive)
        with self.lock:
            self._opened = True
        self.flush()

    def _adopt(self, root_or_layout: Any) -> Document:
        """Take a root, and its models where it is a layout."""
        if isinstance(root_or_layout, Model):
            root = root_or_layout
        elif hasattr(root_or_layout, "get_root"):
            root, self._forget = panel_root(root_or_layout)
        else:
            raise SpecvizError(
                f"A {type(root_or_layout).__name__} cannot be shown", expected="a Bokeh model or a Panel layout"
            )
        self.root, self.doc = root, root.document or Document()
        if root.document is None:
            self.doc.add_root(root)
        refused = models_with_addresses(self.doc.models)
        if refused:
            self._free()
            raise SpecvizError(
                f"{', '.join(refused)} would load scripts from the network",
                expected="models whose scripts are part of Bokeh or Panel",
                remedy="Use Bokeh's DataTable instead of Tabulator, and drop files on the widget itself",
            )
        return self.doc

    # -- kernel to browser -----------------------------------------------------------------------------------------
    def _bundle(self) -> dict[str, Any] | None:
        with self.lock:
            if self.doc is None:
                if self._again is None:
                    return None
                self._adopt(self._again()).on_change_dispatch_to(self)
            self.flush()  # views that are open get what is pending; this one gets it in the document
            payload = encode_document(self.doc)
            return dict(seq=self._seq, json=payload.json, ids=payload.ids, css=payload.css, buffers=payload.buffers)

    def _document_patched(self, event: Any) -> None:
        with self.lock:
            if self.doc is None or is_overtaken(event):
                return
            if not any(old.combine(event) for old in reversed(self._events) if old.setter is event.setter):
                self._events.append(event)
            if getattr(self._held, "depth", 0):
                return
            self._urgent = True
            if self._loop is not None and not self._loop.is_closed() and not self._scheduled:
                self._scheduled, self._last = True, time.monotonic()  # the first edit of a burst starts the clock
                self._loop.call_soon_threadsafe(self._flush_unless_held)
                return
            late = self._loop is None or self._loop.is_closed() or time.monotonic() - self._last > MIN_GAP
        if late:  # a long cell holds the loop: send from here
            self._flush_unless_held()

    @contextmanager
    def hold(self, *, later: bool = False) -> Iterator[None]:
        """Every change that this thread makes inside travels in one message, sent on exit.

        ``later``: the browser may draw it when what was sent before is on screen. (Within another hold it goes with
        that one's message.)
        """
        outermost = not getattr(self._held, "depth", 0)
        self._held.depth = getattr(self._held, "depth", 0) + 1
        if outermost:
            with self.lock:
                self._since = self._since if self._holders else time.monotonic()
                self._holders += 1
        try:
            yield
        finally:
            self._held.depth -= 1
            if outermost:
                with self.lock:
                    self._holders -= 1
                    self._urgent = self._urgent or (not later and bool(self._events))
                    self._flush_unless_held()

    def _flush_unless_held(self) -> None:
        """Send, but not the half of what another thread is about to change, unless that takes long."""
        with self.lock:
            self._scheduled = False
            if self._holders and time.monotonic() - self._since < LONGEST_HOLD:
                self._urgent = True
                return
            later, self._urgent = self._holders == 0 and not self._urgent, False
            self.flush(later=later)

    def flush(self, *, later: bool = False) -> None:
        """Send the pending changes now. May be called from any thread."""
        with self.lock:
            if self.doc is None or not self._opened:
                return
            self._scheduled, self._last = False, time.monotonic()
            while self._events:
                setter = self._events[0].setter
                n = next((i for i, e in enumerate(self._events) if e.setter is not setter), len(self._events))
                batch, self._events = self._events[:n], self._events[n:]
                payload = encode_events(self.doc, batch)
                self._seq += 1
                content = dict(op="patch", seq=self._seq, skip=setter, json=payload.json, css=payload.css)
                self.send({**content, "ids": payload.ids, "later": later}, payload.buffers)

    def _notice(self, text: str) -> None:
        self.send({"op": "notice", "text": text})

    def _set_keys(self, keys: list[str]) -> None:
        self.wanted_keys = keys

    def _deliver(self, name: str, mime: str, data: bytes, to: str) -> None:
        self.send({"op": "download", "name": name, "mime": mime, "to": to}, [data])

    def download(self, name: str, mime: str, data: bytes) -> None:
        """See :meth:`Inbox.download`."""
        self.inbox.download(name, mime, data)

    # -- browser to kernel -----------------------------------------------------------------------------------------
    def _receive(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            self._handle(content, buffers)
        except Exception as error:  # noqa: BLE001 - logged, and told to the person
            self.inbox.report(error)

    def _handle(self, content: dict[str, Any], buffers: list[Any]) -> None:
        op, view = content.get("op"), content.get("view")
        if self._again is not None:
            self._count(op, str(view))
        doc = self.doc
        if doc is None and (self._again is None or op not in ("ready", "open")):
            return
        if op == "patch":
            with self.hold():
                apply_events(doc, content["json"], str(view), self.inbox.report)
        elif op == "ready":
            with self.lock:
                if content["seq"] != self._seq:  # the view knows whether it missed something or is just behind
                    self.send(dict(op="check", view=view, seq=self._seq))
            self.complete()
        elif op == "open":
            with self.lock:
                bundle = self._bundle()
                if bundle is not None:
                    arrays = bundle.pop("buffers")
                    self.send(dict(op="doc", view=view, **bundle), arrays)
        elif op != "close":
            with self.hold():
                if not self.inbox.receive(content, buffers):
                    raise SpecvizError(f"The browser sent a message of unknown kind {op!r}")

    def _count(self, op: Any, view: str) -> None:
        """Know which views stand, and rest when one goes; those that still stand ask for the document anew.

        (Not only when the last goes: a page that was loaded again took its views with it and told nobody.)
        """
        with self.lock:
            if op in ("ready", "open"):
                self._views.add(view)
            elif op == "close" and self.doc is not None:
                others, self._views = self._views - {view}, set()
                self._seq += 1
                self._let_go()
                for other in others:
                    self.send(dict(op="check", view=other, seq=self._seq))

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """As of every widget; where no page draws it, the text says why."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/plain"] = f"{self!r}\n{why_no_view()}"
        return bundle

    def complete(self) -> None:
        """Finish what a subclass left out of the first picture; called when a view stands, and before saving a page."""

    def on_key(self, callback: Callable[[KeyPress], None], keys: Sequence[str] | None = None) -> Remove:
        """See :meth:`Inbox.on_key`; this and the next return what removes the callback."""
        return self.inbox.on_key(callback, keys)

    def on_resize(self, callback: Callable[[int], None]) -> Remove:
        """See :meth:`Inbox.on_resize`."""
        return self.inbox.on_resize(callback)

    def on_file(self, callback: Callable[[str, bytes], None]) -> Remove:
        """See :meth:`Inbox.on_file`."""
        return self.inbox.on_file(callback)

    def on_attach(self, callback: Callable[[str, str, bytes], None]) -> Remove:
        """See :meth:`Inbox.on_attach`."""
        return self.inbox.on_attach(callback)

    def on_act(self, callback: Callable[[str], None]) -> Remove:
        """See :meth:`Inbox.on_act`."""
        return self.inbox.on_act(callback)

    def on_focus(self, callback: Callable[[bool], None]) -> Remove:
        """See :meth:`Inbox.on_focus`."""
        return self.inbox.on_focus(callback)

    def on_error(self, callback: Callable[[str, BaseException | None], None]) -> Remove:
        """See :meth:`Inbox.on_error`; without such a callback errors appear as a line in the widget."""
        return self.inbox.on_error(callback)

    # -- the end ---------------------------------------------------------------------------------------------------
    def _free(self) -> None:
        forget, self._forget = self._forget, None
        if forget is not None:
            forget()
        if self.doc is not None:
            self.doc.clear()
        self.root = self.doc = None  # IPython's Out may keep this object alive: keep nothing heavy in it

    def close(self) -> None:
        """Remove every view and free the document, its models and the callbacks. A second call does nothing."""
        if sys.is_finalizing():  # ipywidgets closes what is left at exit, when nothing can be imported any more
            return
        done, self._on_close = self._on_close, None
        if done is not None:
            done()
        with self.lock:
            self._again = None
            self._let_go()
            self.inbox.clear()
        super().close()

    def _let_go(self) -> None:
        if self.doc is not None:
            self.doc.remove_on_change(self)
        self._events.clear()
        self._free()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def host_layout(layout: Any, **options: Any) -> DocHost:
    """A :class:`DocHost` of a Panel layout; the options are those of the class."""
    return DocHost(layout, **options)
