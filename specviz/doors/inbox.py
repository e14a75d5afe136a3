"""What the person does to the widget as a whole: keys, focus, width, dropped files, errors in the browser.

The browser's part is ``widgets/inbox.js``. :class:`DocHost` and :func:`specviz.doors.serve` each hold one inbox a view.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from specviz.errors import SpecvizError

_log = logging.getLogger("specviz.doors")

#: Bytes that a person may drop at once, where nothing else was said.
FILE_LIMIT = 64 * 1024 * 1024
Remove = Callable[[], None]


@dataclass(frozen=True)
class KeyPress:
    """A key pressed while the widget has focus.

    Attributes
    ----------
    key : str
        The browser's name (``"ArrowLeft"``, ``"Enter"``); letters in lower case.
    shift : bool
    field : bool
        Pressed in a text field. Only Escape and Enter come from there.
    repeat : bool
        The key is held down.
    seen : str
        What stood on screen then, as the view's HTML names it (``data-sv-seen``); "" where it does not.
    """

    key: str
    shift: bool = False
    field: bool = False
    repeat: bool = False
    seen: str = ""


class Inbox:
    """Callbacks by subject; an exception in one is logged, told to ``on_error`` and never lost.

    Parameters
    ----------
    notice : callable, optional
        Shows a text to the person when nobody listens to ``on_error``.
    keys_changed : callable, optional
        Told which keys are wanted, each time that changes.
    deliver : callable, optional
        ``deliver(name, mime, data, to)`` gives a file to the browser; ``to`` is the view that asked last.
    address : callable, optional
        ``address(query)`` puts ``?...`` into the address of the page, where the page is ours.
    limit : int
        Bytes of files that may be on their way at once.
    """

    def __init__(
        self,
        notice: Callable[[str], None] | None = None,
        keys_changed: Callable[[list[str]], None] | None = None,
        deliver: Callable[[str, str, bytes, str], None] | None = None,
        address: Callable[[str], None] | None = None,
        limit: int = FILE_LIMIT,
    ) -> None:
        self._callbacks: dict[str, list[Callable[..., None]]] = {}
        self._keys: list[tuple[str, ...]] = []
        self._files: dict[str, dict[int, bytes]] = {}
        self.limit = limit
        self._notice, self._keys_changed, self._deliver = notice, keys_changed, deliver
        self._asker, self._address = "", address
        self.seen = ""
        """What stood on screen when the latest key or button was pressed; see :attr:`KeyPress.seen`."""
        self.width: int | None = None
        """Latest width of the widget, CSS pixels; None before the first view."""

    # -- who listens -----------------------------------------------------------------------------------------------
    def _add(self, subject: str, callback: Callable[..., None]) -> Remove:
        callbacks = self._callbacks.setdefault(subject, [])
        callbacks.append(callback)

        def remove() -> None:
            if callback in callbacks:
                callbacks.remove(callback)

        return remove

    def on_key(self, callback: Callable[[KeyPress], None], keys: Sequence[str] | None = None) -> Remove:
        """Call ``callback(KeyPress)`` for each key; ``keys``: only these, whose browser default is stopped."""
        wanted = tuple(keys) if keys is not None else ("*",)
        self._keys.append(wanted)
        self._tell_keys()
        remove_callback = self._add(
            "key", lambda press: callback(press) if "*" in wanted or press.key in wanted else None
        )

        def remove() -> None:
            remove_callback()
            if wanted in self._keys:
                self._keys.remove(wanted)
                self._tell_keys()

        return remove

    def on_resize(self, callback: Callable[[int], None]) -> Remove:
        """Call ``callback(width)`` with the widget's width in CSS pixels, 150 ms after it has settled."""
        return self._add("size", callback)

    def on_file(self, callback: Callable[[str, bytes], None]) -> Remove:
        """Call ``callback(name, data)`` for each file dropped on the widget; ``name`` has no folder in it."""
        return self._add("file", callback)

    def on_attach(self, callback: Callable[[str, str, bytes], None]) -> Remove:
        """Call ``callback(to, name, data)`` for a file that was chosen for something (``data-sv-act="file to"``)."""
        return self._add("attach", callback)

    def on_act(self, callback: Callable[[str], None]) -> Remove:
        """Call ``callback(act)`` when a button is pressed whose HTML says ``data-sv-act="act"``."""
        return self._add("act", callback)

    def on_focus(self, callback: Callable[[bool], None]) -> Remove:
        """Call ``callback(active)`` when the widget gets or loses the keyboard."""
        return self._add("focus", callback)

    def on_error(self, callback: Callable[[str, BaseException | None], None]) -> Remove:
        """Call ``callback(text, exception)`` for errors of callbacks and of the browser (there without exception)."""
        return self._add("error", callback)

    @property
    def keys(self) -> list[str]:
        """The wanted keys; ``["*"]`` among them: all."""
        return sorted({key for wanted in self._keys for key in wanted})

    def _tell_keys(self) -> None:
        if self._keys_changed is not None:
            self._keys_changed(self.keys)

    # -- what comes ------------------------------------------------------------------------------------------------
    def receive(self, content: dict[str, Any], buffers: Sequence[Any] = ()) -> bool:
        """Handle one message of the browser.

        Returns
        -------
        bool
            False if the message is not of a kind known here.
        """
        op = content.get("op")
        if op in ("key", "act"):
            self.seen = str(content.get("seen", ""))
        if op == "key":
            fields = {name: bool(content.get(name)) for name in ("shift", "field", "repeat")}
            self._call("key", KeyPress(str(content["key"]), seen=self.seen, **fields))
        elif op == "size":
            self.width = int(content["width"])
            self._call("size", self.width)
        elif op == "focus":
            self._call("focus", bool(content["active"]))
        elif op == "act":
            self._asker = str(content.get("from", ""))
            self._call("act", str(content["act"]))
        elif op == "file":
            self._piece(content, buffers)
        elif op == "refused":
            size, names = content["size"] / 2**20, ", ".join(content["names"][:3])
            self.report(
                SpecvizError(
                    f"What was dropped is too large: {size:.0f} MB ({names})",
                    expected=f"at most {self.limit / 2**20:.0f} MB at once",
                    remedy="Give the path of the file instead, or drop fewer files",
                )
            )
        elif op == "error":
            text = str(content["text"])
            _log.error("error in the browser: %s", text)
            self._tell_error(text.splitlines()[0] if text else "Unknown error in the browser", None)
        else:
            return False
        return True

    def download(self, name: str, mime: str, data: bytes) -> None:
        """Give a file to the person: the browser whose button was pressed last saves it.

        Parameters
        ----------
        name : str
            File name, without a folder.
        mime : str
        data : bytes

        Raises
        ------
        SpecvizError
            There is no browser to give it to.
        """
        if self._deliver is None:
            raise SpecvizError("There is no browser to give the file to", remedy="Write it to a path instead")
        self._deliver(PurePosixPath(PureWindowsPath(name).name).name, mime, data, self._asker)

    def address(self, query: str) -> None:
        """Let the address of the page say what is on it, so that it can be copied, kept and loaded again."""
        if self._address is not None:
            self._address(query)

    def _piece(self, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        count, index, size = int(content["count"]), int(content["index"]), int(content["size"])
        upload = str(content["id"])
        pieces = self._files.get(upload, {})
        arrived = sum(len(data) for held in self._files.values() for data in held.values()) + sum(map(len, buffers))
        sound = 0 <= size <= self.limit and 0 <= index < count and len(buffers) == 1 and index not in pieces
        if not sound or arrived > self.limit:  # what the browser says of itself is not to be relied on
            self._files.pop(upload, None)
            if arrived > self.limit:  # what was begun and never ended must not stand in the way of what comes next
                self._files.clear()
            self.report(
                SpecvizError(
                    f"The upload of {content.get('name')!r} does not hold together", remedy="Drop the file again"
                )
            )
            return
        pieces[index] = bytes(buffers[0])
        if len(pieces) < count:
            self._files[upload] = pieces
            return
        self._files.pop(upload, None)
        data = b"".join(pieces[i] for i in sorted(pieces))
        name = PurePosixPath(PureWindowsPath(str(content["name"])).name).name
        if len(data) != size:
            self.report(SpecvizError(f"{name} arrived with {len(data)} of {size} bytes", remedy="Drop the file again"))
            return
        if content.get("to"):
            self._call("attach", str(content["to"]), name, data)
        else:
            self._call("file", name, data)

    def _call(self, subject: str, *args: Any) -> None:
        for callback in list(self._callbacks.get(subject, ())):
            try:
                callback(*args)
            except Exception as error:  # noqa: BLE001 - logged, and told to the person
                self.report(error)

    def report(self, error: BaseException) -> None:
        """Log an exception with its traceback and show its text to the person."""
        if isinstance(error, SpecvizError):
            _log.warning("%s", error, exc_info=error)
            text = str(error)
        else:
            _log.error("error in a callback", exc_info=error)
            text = f"{type(error).__name__}: {error}"
        self._tell_error(text, error)

    def _tell_error(self, text: str, error: BaseException | None) -> None:
        callbacks = list(self._callbacks.get("error", ()))
        if not callbacks and self._notice is not None:
            self._notice(text)
        for callback in callbacks:
            try:
                callback(text, error)
            except Exception:  # noqa: BLE001 - nobody is left to tell but the log
                _log.exception("error in an on_error callback")

    def clear(self) -> None:
        """Forget every callback and half-received file."""
        self._callbacks.clear()
        self._keys.clear()
        self._files.clear()
