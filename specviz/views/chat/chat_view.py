"""``ChatView``: the conversation on screen: a log, a field to write in, and what may leave the machine.

Why it is not Panel's ``ChatInterface``: that works within our door, but its icons are Bokeh's ``TablerIcon``, whose style
sheet and fonts come from a CDN (``cdn.jsdelivr.net``), its look follows Panel's themes and not JupyterLab's, and it would
make every Explorer that talks load Panel's scripts. This view is Bokeh models and HTML as all of specviz, with the same
manners.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from bokeh.models import CustomJS

from specviz.errors import SpecvizError
from specviz.views import icons
from specviz.views.chat import chat_style, prose
from specviz.views.chat.chat_head import attached_html, head_html, leaves_html
from specviz.views.chat.exchange_view import ExchangeView
from specviz.views.controls import SPOKEN, column, html, models, row, shared_sheets
from specviz.views.formats import text

Dispatch = Callable[..., None]  # (draw, later=False)
#: Plots that stand at a time; those of the oldest exchanges are put away.
MOST_PLOTS = 16
_FOLLOW = "globalThis.__specviz__?.followChat?.(log.document?.views_manager?.find_one(log)?.el)"
_FIELD = (
    '<textarea data-sv-say="chat-say" data-sv-stop="chat-stop" rows="1" aria-label="Ask about a star" aria-keyshortcuts="t" spellcheck="true" '
    'autocomplete="off" placeholder="Ask, or drop a file"></textarea>'
)
_ATTACH = (
    f'<button class="do icon" data-sv-act="files chat" aria-label="Hand over files" title="Hand over files: FITS, CSV, VOTable">'
    f"{icons.svg('folder', 16)}</button>"
)
_SEND = '<button class="do primary" data-sv-send aria-label="Ask" title="Enter; Shift and Enter begin a new line">Ask</button>'
_STOP = (
    f'<button class="do" data-sv-act="chat-stop" aria-label="Stop" title="Escape">{icons.svg("stop", 14)} Stop</button>'
)


class ChatView:
    """One display of a conversation.

    Parameters
    ----------
    talking : Talking
        With ``state``, ``subscribe``, ``say``, ``stop``, ``attach``, ``detach``, ``clear``, ``use_endpoint``,
        ``notebook``, ``python`` and ``plain``.
    closes : bool
        Whether the header has a button that closes the chat (``chat-close``): in the Explorer.
    """

    def __init__(self, talking: Any, *, closes: bool = False) -> None:
        self._talking, self._closes = talking, closes
        self._dispatch: Dispatch = lambda draw, later=False: draw()
        self._drawing = threading.RLock()
        self._sheets: dict[str, Any] = {}
        self._views: list[ExchangeView] = []
        self._drawn: Any = None
        self.deliver: Callable[[str, str, bytes], None] = lambda _name, _mime, _data: None
        self.close_asked: Callable[[], None] = lambda: None
        with shared_sheets(self._sheets):
            self._head = html("", css=chat_style.HEAD)
            self._fact = html("", css=chat_style.HEAD)
            self._welcome = html("", css=chat_style.WELCOME)
            self._all = column(self._welcome, css=chat_style.ALL)
            self._log = column(
                self._all, css=chat_style.LOG, classes=["sv-chat-log"],
                html_attributes={"role": "log", "aria-label": "Conversation", "tabindex": "0"},
            )  # fmt: skip
            self._attached = html("", css=chat_style.ATTACHED, html_attributes=dict(SPOKEN))
            self._field = html(_FIELD, css=chat_style.FIELD, classes=["sv-grow"])
            self._do = html(_SEND, css=chat_style.BUTTONS)
            self._leaves = html("", css=chat_style.LEAVES, html_attributes=dict(SPOKEN))
            self.layout = column(
                self._head, self._log, self._attached,
                row(html(_ATTACH, css=chat_style.BUTTONS), self._field, self._do, css=chat_style.COMPOSER),
                self._leaves, css=chat_style.ROOT, classes=["sv-chat"], html_attributes={"data-sv-files": "chat"},
            )  # fmt: skip
        self._log.js_on_change("tags", CustomJS(args={"log": self._log}, code=_FOLLOW))
        self._unsubscribe = talking.subscribe(self._changed)
        self._draw()

    def connect(self, dispatch: Dispatch) -> None:
        """Tell how a change reaches the screen; as of :class:`specviz.views.explorer.ExplorerView`."""
        self._dispatch = dispatch

    # ------------------------------------------------------------------ drawing
    def _changed(self, _old: Any, _new: Any) -> None:
        self._dispatch(self._draw)

    def _draw(self) -> None:
        with self._drawing, shared_sheets(self._sheets):
            old, new = self._drawn, self._talking.state
            if new is old:
                return
            self._drawn = new
            self._draw_log(new)
            head = (
                new.star,
                new.base_url,
                new.model,
                len([e for e in new.exchanges if e.turn is not None]),
                bool(new.exchanges),
            )
            if old is None or head != self._headed:
                self._headed = head
                self._head.object = head_html(new, self._talking.plain(), closes=self._closes)
            self._attached.object = attached_html(new.attached)
            self._do.object = _STOP if new.running else _SEND
            self._leaves.object = leaves_html(new)

    _headed: tuple[Any, ...] = ()

    def _draw_log(self, new: Any) -> None:
        numbers = [e.number for e in new.exchanges]
        views = {v.number: v for v in self._views}
        latest = new.exchanges[-1] if new.exchanges else None
        self._views = [views.get(e.number) or ExchangeView(e) for e in new.exchanges]
        for view, exchange in zip(self._views, new.exchanges, strict=True):
            view.update(exchange, latest=exchange is latest)
        self._put_away()
        if [v for v in views if v not in numbers] or [n for n in numbers if n not in views] or self._drawn is None:
            self._all.children = models([self._welcome, *(v.root for v in self._views)])
            self._log.tags = [numbers[-1] if numbers else 0]
        self._welcome.object = "" if new.exchanges else welcome_html(new)

    def _put_away(self) -> None:
        standing = sum(len(v.plots) for v in self._views)
        for view in self._views[:-1]:
            if standing <= MOST_PLOTS:
                return
            standing -= view.put_away()

    # ------------------------------------------------------------------ acting
    def act(self, act: str) -> bool:
        """Act on a button or on what was written; False if it is not about the chat."""
        word, _, about = act.partition(" ")
        talking = self._talking
        actions: dict[str, Callable[[], Any]] = {
            "chat-say": lambda: talking.say(about),
            "chat-stop": talking.stop,
            "chat-clear": talking.clear,
            "chat-detach": lambda: talking.detach(about),
            "chat-arrived": lambda: talking.say("") if about == "now" else None,
            "chat-grammar": talking.use_endpoint,
            "chat-endpoint": lambda: self._endpoint(about),
            "chat-notebook": lambda: self._save("ipynb"),
            "chat-python": lambda: self._save("py"),
            "chat-draw": lambda: self._draw_again(about),
            "chat-close": lambda: self.close_asked(),
        }
        action = actions.get(word)
        if action is not None:
            action()
        return action is not None

    def attach(self, name: str, data: bytes) -> None:
        """Take a file that was dropped on the chat, or chosen for it."""
        self._talking.attach(name, data)

    def _endpoint(self, about: str) -> None:
        try:
            told = json.loads(about)
        except ValueError:
            return
        if isinstance(told, dict):
            self._talking.use_endpoint(*(str(told.get(k, "")) for k in ("base_url", "model", "key")))

    def _save(self, kind: str) -> None:
        try:
            if kind == "ipynb":
                self.deliver("conversation.ipynb", "application/x-ipynb+json", self._talking.notebook())
            else:
                self.deliver("conversation.py", "text/x-python", self._talking.python().encode())
        except SpecvizError as error:
            self._talking.tell(str(error))

    def _draw_again(self, about: str) -> None:
        with self._drawing, shared_sheets(self._sheets):
            for view in self._views:
                if str(view.number) == about:
                    view.draw_again()

    def close(self) -> None:
        """Stop listening and let everything go."""
        self._unsubscribe()
        self._views = []
        self._sheets.clear()
        self._all.children = []


def welcome_html(state: Any) -> str:
    """What stands in an empty conversation: what can be done, a place for files, and words to press."""
    star = text(state.star, 60)
    what = f"{star} is in hand." if star else "Ask about a star by its name, or hand over a spectrum."
    asks = prose.asks_html(state.first)
    return (
        f'<div class="welcome"><h3>Ask in words</h3><p>{what} English and Chinese are understood. Every number comes from a tool: press it to see the call.</p>'
        f'<button class="drop" data-sv-act="files chat">{icons.svg("folder", 20)}<span><b>Drop a FITS file here, or click to choose</b>'
        f"<small>Parameters, spectrum and similar stars come by themselves. The file stays on this machine.</small></span></button>{asks}</div>"
    )
