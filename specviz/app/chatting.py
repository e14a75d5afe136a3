"""``chat``: the assistant beside the Explorer, in a widget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from specviz import api
from specviz.assistant.desk import Desk
from specviz.assistant.llm.endpoint import Endpoint
from specviz.assistant.talking import Talking, TalkState
from specviz.doors.doc_host import DocHost
from specviz.errors import OptionError, SpecvizError
from specviz.views.chat.chat_view import ChatView
from specviz.views.palette import PALETTES

if TYPE_CHECKING:
    from specviz.session.session import Session
    from specviz.session.state import State

#: Seconds that a star on its way to the Explorer is waited for.
LONGEST_WAIT = 60.0


class Link:
    """Keeps the star in hand and the star on screen the same, both ways.

    Parameters
    ----------
    session : Session
    talking : Talking
    """

    def __init__(self, session: Session, talking: Talking) -> None:
        self._session, self._talking = session, talking
        talking.desk.explorer = self
        self._leave = session.subscribe(self._changed)
        self._changed(None, session.state)

    def show(self, star: Any) -> None:
        """Show the star that the assistant has taken in hand.

        What the model says of it there is waited for, so that it is not computed twice.
        """
        session, desk = self._session, self._talking.desk
        before = session.state.star
        if star is before:
            return
        job = session.open(star)
        end = time.monotonic() + LONGEST_WAIT
        while desk.model == session.engine.name and time.monotonic() < end and not desk.cancelled.wait(0.02):
            state = session.state
            if state.report is not None and state.report.star is star:
                desk.hand(state.report.star, state.report)
                return
            if job.ended.is_set() and (job.error is not None or not job.finished.is_set()):
                return  # it came to nothing, or was given up
            if state.star is not before and state.star is not star:
                return  # the person has gone on to another

    def _changed(self, old: State | None, new: State) -> None:
        if new.star is None or (old is not None and new.star is old.star and new.report is old.report):
            return
        self._talking.hand(new.star, new.report)

    def close(self) -> None:
        """Each goes its own way."""
        self._leave()
        self._talking.desk.explorer = None


class Chat(DocHost):
    """The chat as an ipywidget: show it as a cell's last line, or put it into any ipywidgets container.

    Attributes
    ----------
    talking : Talking
        For programs: ``chat.talking.say("open demo 3")``, ``.wait()``, ``.turns()``.
    """

    def __init__(self, talking: Talking, *, link: Link | None = None, theme: str = "auto") -> None:
        self.talking, self._link = talking, link
        self._view = ChatView(talking)
        palettes = {k: dict(v) for k, v in PALETTES.items()}
        super().__init__(self._view.layout, palettes=palettes, theme=theme, spoken="Chat", on_close=self._end)
        listen(self, self._view, talking)
        self._view.connect(self._show)

    def say(self, text: str, *, wait: bool = True) -> TalkState:
        """Say something as a person would; with ``wait`` block until it is answered."""
        self.talking.say(text)
        return self.talking.wait() if wait else self.talking.state

    def _show(self, draw: Any, later: bool = False) -> None:
        with self.hold(later=later):
            draw()

    def _end(self) -> None:
        if self._link is not None:
            self._link.close()
        self._view.close()
        self.talking.close()

    def __repr__(self) -> str:
        return f"<specviz Chat: {len(self.talking.state.exchanges)} questions>"


def listen(door: Any, view: ChatView, talking: Talking) -> None:
    """Wire what a person does to the chat; ``door`` is a DocHost or a served page's Inbox."""

    def trouble(text: str, error: BaseException | None) -> None:
        known = isinstance(error, SpecvizError)
        talking.tell(str(error) if known else f"{text} (a fault of specviz; the rest goes on working)")

    def came(name: str, data: bytes) -> None:  # dropped on the frame, beside the place for files
        view.attach(name, data)
        view.act("chat-arrived now")

    door.on_act(view.act)
    door.on_attach(lambda to, name, data: view.attach(name, data) if to == "chat" else None)
    door.on_file(came)
    door.on_error(trouble)
    view.deliver = door.download


def talking_of(
    session: Session | None = None, *, model: str = api.DEFAULT_MODEL, device: str = "auto", online: bool = True,
    endpoint: Endpoint | None = None, own_machine: bool = True,
) -> Talking:  # fmt: skip
    """A conversation about the stars of a session, or of none.

    Parameters
    ----------
    session : Session, optional
        The star of it is in hand; its model and whether archives are asked count in place of ``model`` and ``online``.
    model, device, online, endpoint
        As of :func:`chat`.
    own_machine : bool
        See :class:`specviz.assistant.talking.Talking`.
    """
    if session is not None:
        model, online = session.engine.name, session.state.online
    return Talking(Desk(model=model, device=device, online=online), endpoint, own_machine=own_machine)


def endpoint_of(given: Any) -> Endpoint | None:
    """What a person gives as ``endpoint``.

    Raises
    ------
    OptionError
        If it is none.
    """
    if given is None or given is False:
        return None
    if given is True or given == "environment":
        found = Endpoint.from_environment()
        if found is None:
            raise OptionError("The environment names no language model", expected="SPECVIZ_LLM_BASE_URL and _MODEL")
        return found
    if isinstance(given, Endpoint):
        return given
    if isinstance(given, dict):
        return Endpoint(**given)
    raise OptionError(
        f"endpoint={type(given).__name__}",
        expected='an Endpoint, {"base_url": ..., "model": ...}, or "environment"',
    )


def chat(
    target: Any = None,
    *,
    model: str = api.DEFAULT_MODEL,
    device: str = "auto",
    online: bool = True,
    endpoint: Any = None,
    explorer: Any = None,
    theme: str = "auto",
) -> Any:
    """Ask about stars in words, beside the Explorer; every number that is said comes from a tool.

    Parameters
    ----------
    target : str, path, Star or Spectrum, optional
        The star to begin with.
    model, device, online, theme
        As in :func:`specviz.explore`.
    endpoint : Endpoint, dict or "environment", optional
        The language model that chooses the tools: an OpenAI-compatible server. By default a built-in grammar does, and
        nothing leaves the machine but what archives are asked.
    explorer : Explorer or False, optional
        One that is there already, which the chat follows and leads from a widget of its own; False: no Explorer.

    Returns
    -------
    Explorer or Chat
        The Explorer with its chat open; a :class:`Chat` where ``explorer`` is given.

    Examples
    --------
    >>> specviz.chat("demo 12")                                          # doctest: +SKIP
    >>> specviz.chat(endpoint={"base_url": "http://localhost:11434/v1", "model": "qwen3:8b"})  # doctest: +SKIP
    """
    asked = endpoint_of(endpoint)  # before anything is made: it may be none
    if explorer is None:
        from specviz.app.explorer import explore

        made = explore(target, model=model, device=device, online=online, theme=theme)
        made.chat()
        if asked is not None:
            made.talking.ask(asked)
        return made
    if explorer is False:
        talking = talking_of(model=model, device=device, online=online, endpoint=asked)
        if target is not None:
            from specviz.session.resolve import resolve

            talking.hand(resolve(target, sky=talking.desk.sky))
        return Chat(talking, theme=theme)
    if target is not None:
        explorer.show(target)
    talking = talking_of(explorer.session, device=device, endpoint=asked)
    return Chat(talking, link=Link(explorer.session, talking), theme=theme)
