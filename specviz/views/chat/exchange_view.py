"""``ExchangeView``: one exchange of the conversation: what was said, the calls, the words, tables and plots."""

from __future__ import annotations

from typing import Any

from specviz.views.chat import chat_style, prose
from specviz.views.chat.cards import card_html
from specviz.views.chat.charts import Plot
from specviz.views.chat.plot_frames import PlotFrames
from specviz.views.controls import SPOKEN, column, html, models


class ExchangeView:
    """Grows while the answer comes; what stands is not drawn again.

    Parameters
    ----------
    exchange : Exchange
    """

    def __init__(self, exchange: Any) -> None:
        self.number = exchange.number
        self._frames = PlotFrames()
        self._drawn: list[str] = []  # calls whose cards stand
        self._said = html(prose.said_html(exchange.said, exchange.files), css=chat_style.SAID)
        self._calls = html("", css=chat_style.CALLS)
        self._prose = html("", css=chat_style.PROSE, html_attributes=dict(SPOKEN))
        self._shown = column(css=chat_style.SHOWN)
        self._cards = html("", css=chat_style.CARD)  # one pane: another child of a layout costs all models a visit
        self._again = html("", css=chat_style.FOOT)
        self._foot = html("", css=chat_style.FOOT)
        self.root = column(
            self._said, self._calls, self._prose, self._again, self._shown, self._cards, self._foot, css=chat_style.EXCHANGE,
            classes=["sv-exchange"], html_attributes={"role": "article", "data-sv-exchange": str(exchange.number)},
        )  # fmt: skip
        self._now: Any = None

    def update(self, exchange: Any, *, latest: bool) -> None:
        """Draw what is new; only the latest exchange offers what could be asked next."""
        old, self._now = self._now, exchange
        turn = exchange.turn
        if old is None or (old.made, old.doing, old.turn) != (exchange.made, exchange.doing, turn):
            self._calls.object = prose.calls_html(exchange.made, exchange.doing, over=turn is not None, by=exchange.by)
        if turn is None:
            self._prose.object = _wrapped(prose.streamed_html(exchange.streamed))
        elif old is None or old.turn is None:
            origins = {m.answer.call: m.origin for m in exchange.made}
            said = prose.prose_html(exchange.pieces, origins)
            self._prose.object = _wrapped(said + prose.problem_html(turn.problem))
        new = [m for m in exchange.made if m.answer.call not in self._drawn]
        if new:
            self._draw(new)
        asks = prose.asks_html(exchange.next) if latest and turn is not None else ""
        self._foot.object = asks

    def _draw(self, made: list[Any]) -> None:
        framed, cards = list[Any](), [self._cards.object]
        for one in made:
            self._drawn.append(one.answer.call)
            framed += self._frames.add(one)
            cards.append(card_html(one))
        self._cards.object = "".join(cards)
        if framed:
            self._shown.children = models([*self._shown.children, *framed])

    @property
    def plots(self) -> list[Plot]:
        """Those that stand."""
        return self._frames.plots

    def put_away(self) -> int:
        """Take the plots out and leave a line that brings them back; gives how many they were."""
        n = len(self.plots)
        if n:
            label = "1 plot" if n == 1 else f"{n} plots"
            again = f'<button class=ask data-sv-act="chat-draw {self.number}">Show {label} again</button>'
            self._again.object = f"<div class=foot>{again}</div>"
            self._frames, self._shown.children = PlotFrames(), []
        return n

    def draw_again(self) -> None:
        """Bring the plots back."""
        if self._now is not None and not self.plots:
            self._drawn, self._cards.object, self._again.object = [], "", ""
            self._draw(list(self._now.made))


def _wrapped(inner: str) -> str:
    return f'<div class="prose">{inner}</div>' if inner else ""
