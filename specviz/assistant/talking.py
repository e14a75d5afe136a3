"""``Talking``: a conversation that goes on beside the person: nothing waits for it, and nothing of it is raised."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from specviz.assistant.conversation import Conversation, Turn
from specviz.assistant.desk import Desk
from specviz.assistant.exhibits import exhibits_of
from specviz.assistant.follow_ups import first_questions, follow_ups
from specviz.assistant.intents.vocabulary import language_of
from specviz.assistant.llm.endpoint import Endpoint
from specviz.assistant.llm.talk import LanguageModelTalk
from specviz.assistant.number_sources import pieces_of
from specviz.assistant.talk_state import Exchange, Made, TalkState, leaves
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.registry import Registry, Tool
from specviz.assistant.tools.result import Answer
from specviz.assistant.transcript import made_by, notebook_of, python_of
from specviz.assistant.wording.problems import problem_in
from specviz.errors import OptionError, SpecvizError

_log = logging.getLogger("specviz.assistant")
#: Questions that may wait while one is worked at; exchanges that are kept; seconds between two tellings of a stream.
WAITING, KEPT, PACE = 4, 200, 0.08
#: What a file that is handed over without a word asks of a language model; of the grammar, after it has told what the
#: star is.
DROPPED = {
    "en": "What is this star? Give its parameters, and find 5 similar stars.",
    "zh": "这是什么恒星？给出参数，并找 5 颗相似的恒星。",
}
THEN = {"en": "find 5 similar stars", "zh": "找 5 颗相似的恒星"}


class Talking:
    """One conversation behind a thread of its own.

    Every method returns at once. What happens is a new :class:`TalkState`; ``subscribe`` hears of each.

    Parameters
    ----------
    desk : Desk, optional
    endpoint : Endpoint, optional
        The language model that is asked; the grammar if there is none.
    tools : Registry, optional
        All of them by default.
    own_machine : bool
        Whether the person sits at this machine: they may have files written here and name a language model. False for
        a page that is served to others.
    """

    def __init__(
        self,
        desk: Desk | None = None,
        endpoint: Endpoint | None = None,
        *,
        tools: Registry | None = None,
        own_machine: bool = True,
    ) -> None:
        self.desk = desk or Desk()
        self._own = own_machine
        self._tools = self._timed(all_tools() if tools is None else tools)
        self._lock = threading.RLock()
        self._listeners: list[Callable[[TalkState, TalkState], None]] = []
        self._waiting: deque[tuple[Exchange, dict[str, bytes]]] = deque()
        self._attached: dict[str, bytes] = {}
        self._worker: threading.Thread | None = None
        self._handed: tuple[Any, Any] | None = None
        self._number, self._told, self._seconds, self._closed = 0, 0.0, 0.0, False
        self._grammar = Conversation(self.desk, self._tools)
        self._model: LanguageModelTalk | None = None
        offered = _offered() if own_machine else ("", "")
        self.state = TalkState(may_ask_elsewhere=own_machine, first=first_questions("en"), offered=offered)
        self._use(endpoint)

    # ------------------------------------------------------------------ who listens
    def subscribe(self, listener: Callable[[TalkState, TalkState], None]) -> Callable[[], None]:
        """Call ``listener(old, new)`` at each change, on whichever thread makes it; returns what ends that."""
        with self._lock:
            self._listeners.append(listener)

        def leave() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return leave

    def _change(self, **changes: Any) -> None:
        with self._lock:
            old = self.state
            self.state = new = replace(old, **changes)
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(old, new)
            except Exception:  # noqa: BLE001 - a display that fails must not end the conversation
                _log.exception("a listener of the conversation failed")

    # ------------------------------------------------------------------ what a person does
    def say(self, text: str, files: Mapping[str, bytes] | None = None) -> None:
        """Say something, with files or with those that are attached; it waits while another question is worked at."""
        with self._lock:
            handed = {**self._attached, **(files or {})}
            if self._closed or not (text.strip() or handed) or len(self._waiting) >= WAITING:
                return
            self._attached = {}
            self._number += 1
            by = "" if self._model is None else self._model.endpoint.model
            exchange = Exchange(self._number, text.strip(), tuple(handed), by=by)
            self._waiting.append((exchange, handed))
            self._change(exchanges=(*self.state.exchanges, exchange)[-KEPT:], running=True, attached=(), problem="")
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="specviz-chat", daemon=True)
                self._worker.start()

    def attach(self, name: str, data: bytes) -> None:
        """Keep a file for what is said next."""
        with self._lock:
            self._attached[name] = data
            self._change(attached=tuple(self._attached))

    def detach(self, name: str = "") -> None:
        """Put an attached file away again, or all of them."""
        with self._lock:
            self._attached = {n: d for n, d in self._attached.items() if name and n != name}
            self._change(attached=tuple(self._attached))

    def stop(self) -> None:
        """Stop what is worked out, and forget what waits."""
        with self._lock:
            waiting = {exchange.number for exchange, _ in self._waiting}
            self._waiting.clear()
            self.desk.stop()
            self._change(exchanges=tuple(e for e in self.state.exchanges if e.number not in waiting))

    def clear(self) -> None:
        """Begin anew: the star stays in hand, everything that was said is forgotten."""
        self.stop()
        with self._lock:
            if self._model is not None:
                self._model = LanguageModelTalk(self._model.endpoint, self.desk, self._tools)
            self._grammar = Conversation(self.desk, self._tools)
            self._change(exchanges=tuple(e for e in self.state.exchanges if e.turn is None), problem="")

    def use_endpoint(self, base_url: str = "", model: str = "", key: str = "") -> None:
        """Ask a language model from the next question on; without an address the grammar again."""
        try:
            if self._own and not key.strip() and base_url.strip().rstrip("/") == self.state.offered[0] != "":
                known = Endpoint.from_environment()  # a key stands there so that nobody has to type it
                key = "" if known is None else known.key
            if not base_url.strip():
                self._use(None)
            elif not self._own:
                raise OptionError("This page asks no language model", remedy="Run specviz on a machine of yours")
            else:
                self._use(Endpoint(base_url.strip().rstrip("/"), model.strip(), key.strip()))
        except SpecvizError as error:
            self._change(problem=problem_in(self._language(), error))

    def ask(self, endpoint: Endpoint | None) -> None:
        """The same with an :class:`Endpoint`."""
        self._use(endpoint)

    def _use(self, endpoint: Endpoint | None) -> None:
        with self._lock:
            self._model = None if endpoint is None else LanguageModelTalk(endpoint, self.desk, self._tools)
            self._change(
                base_url="" if endpoint is None else endpoint.base_url,
                model="" if endpoint is None else endpoint.model,
                leaves=leaves(endpoint, self.desk.sky.online), problem="",
            )  # fmt: skip

    def hand(self, star: Any, report: Any = None) -> None:
        """Put a star in hand, with what a model said of it: the one that is on the screen beside."""
        with self._lock:
            if self._worker is not None:  # the desk is one thread's: taken when that has ended its question
                self._handed = star, report
                return
            self._take(star, report)

    def _take(self, star: Any, report: Any) -> None:
        if star is self.desk.star and report is None:
            return
        self.desk.hand(star, report)
        self._change(star=str(star.name))

    def tell(self, problem: str) -> None:
        """Say that something did not work which is no question."""
        self._change(problem=problem)

    def turns(self) -> tuple[Turn, ...]:
        """What is over, in its order."""
        return tuple(e.turn for e in self.state.exchanges if e.turn is not None)

    def notebook(self) -> bytes:
        """What is over as a Jupyter notebook; see :func:`specviz.assistant.transcript.notebook_of`."""
        return notebook_of(self.turns())

    def python(self) -> str:
        """What is over as a script; see :func:`specviz.assistant.transcript.python_of`."""
        return python_of(self.turns())

    def plain(self) -> str:
        """What is over as text to paste."""
        parts = []
        for e in self.state.exchanges:
            if e.turn is not None:
                said = " ".join(filter(None, (e.said, *(f"[{name}]" for name in e.files))))
                parts += [f"> {said}", *filter(None, (e.turn.text, e.turn.problem)), *(f"({m.origin})" for m in e.made)]
        return "\n\n".join(parts)

    def wait(self, timeout: float = 120.0) -> TalkState:
        """Block until nothing is worked at (for scripts and tests).

        Raises
        ------
        SpecvizError
            If it takes longer.
        """
        end = time.monotonic() + timeout
        while (worker := self._worker) is not None:
            worker.join(max(0.0, end - time.monotonic()))
            if worker.is_alive():
                raise SpecvizError(f"Still at work after {timeout:.0f} s", remedy="Wait longer: wait(timeout)")
        return self.state

    def close(self) -> None:
        """Stop, and hear nobody any more."""
        self._closed = True
        self.stop()
        with self._lock:
            self._listeners.clear()

    # ------------------------------------------------------------------ the thread
    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._worker = None
                    self._change(running=False)
                    return
                exchange, files = self._waiting.popleft()
                talk = self._model or self._grammar
            began = time.monotonic()
            text = exchange.said
            try:
                turn = self._said(talk, text, files)
            except Exception as error:  # noqa: BLE001 - a fault of ours: said, logged, and the next question is answered
                _log.exception("the conversation failed")
                turn = _fault(text, error)
            self._end(turn, time.monotonic() - began)
            with self._lock:
                if self._handed is not None:
                    handed, self._handed = self._handed, None
                    self._take(*handed)

    def _said(self, talk: Conversation | LanguageModelTalk, text: str, files: Mapping[str, bytes]) -> Turn:
        hears: dict[str, Any] = {"told": self._heard, "said": self._streamed}
        language = self._language()
        if text:
            return talk.say(text, files, **hears)
        if talk is not self._grammar:
            return replace(talk.say(DROPPED[language], files, **hears), said="")
        first = replace(talk.say("", files, **hears), language=language)
        if first.problem:
            return first
        then = talk.say(THEN[language], **hears)
        words = "\n".join(filter(None, (first.text, then.text)))
        return replace(then, said="", answers=(*first.answers, *then.answers), text=words)

    def _end(self, turn: Turn, seconds: float) -> None:
        answers = [m.answer for m in self._now().made]
        new = turn.suggestions or follow_ups(turn, self.desk)
        # The grammar tells what was just called, and nothing else; a language model may come back to earlier answers.
        older = [a for a in self.desk.answers if a not in turn.answers] if self._now().by else []
        over: dict[str, Any] = {
            "turn": turn, "doing": "", "seconds": seconds, "next": new,
            "pieces": pieces_of(turn.text, turn.answers, older),
        }  # fmt: skip
        unheard = [a for a in turn.answers if all(a.call != b.call for b in answers)]  # those that no tool gave: help
        if unheard:
            over["made"] = (*self._now().made, *(Made(a, 0.0, made_by(a)) for a in unheard))
        star = "" if self.desk.star is None else str(self.desk.star.name)
        self._update(star=star, **over)

    def _heard(self, answer: Answer) -> None:
        said = self._now().said
        language = language_of(said) if said else self._language()
        made = Made(answer, self._seconds, made_by(answer), exhibits_of(answer, self.desk), language)
        star = "" if self.desk.star is None else str(self.desk.star.name)
        self._update(star=star, made=(*self._now().made, made), doing="", streamed="")

    def _streamed(self, text: str) -> None:
        said = self._now().streamed + text
        now = time.monotonic()
        if now - self._told < PACE:
            with self._lock:  # kept, and told with the next piece
                self.state = replace(self.state, exchanges=self._with(streamed=said))
            return
        self._told = now
        self._update(streamed=said)

    def _now(self) -> Exchange:
        """The one that is worked at: the first that is not over."""
        return next(e for e in self.state.exchanges if e.turn is None)

    def _with(self, **changes: Any) -> tuple[Exchange, ...]:
        now = self._now()
        return tuple(replace(e, **changes) if e is now else e for e in self.state.exchanges)

    def _update(self, star: str | None = None, **changes: Any) -> None:
        with self._lock:
            more = {} if star is None else {"star": star}
            self._change(exchanges=self._with(**changes), **more)

    def _language(self) -> Any:
        turns = self.turns()
        return turns[-1].language if turns else "en"

    def _timed(self, tools: Registry) -> Registry:
        """The tools that may be called here; each says when it begins, and how long it took."""

        def timed(tool: Tool) -> Tool:
            def run(desk: Desk, **arguments: Any) -> Answer:
                self._update(doing=tool.name)
                began = time.monotonic()
                try:
                    return tool.run(desk, **arguments)
                finally:
                    self._seconds = time.monotonic() - began
                    self._update(doing="")

            return replace(tool, run=run)

        allowed: Sequence[Tool] = [t for t in tools if self._own or t.reaches != "disk"]
        return Registry.of(timed(t) for t in allowed)


def _fault(text: str, error: Exception) -> Turn:
    """What is said of a fault of ours."""
    language, what = language_of(text), f"{type(error).__name__}: {error}"
    return Turn(
        text, language, problem=f"{what}（specviz 自身出错）" if language == "zh" else f"{what} (a fault of specviz)"
    )


def _offered() -> tuple[str, str]:
    """Address and name of the model in the environment; what is wrong there is said when it is asked for."""
    try:
        found = Endpoint.from_environment()
    except SpecvizError:
        return "", ""
    return ("", "") if found is None else (found.base_url, found.model)
