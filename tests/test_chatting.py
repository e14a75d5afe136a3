"""``specviz.chat``: the star in hand is the star on screen, both ways; what is given as an endpoint."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import specviz
from specviz.app.chatting import Chat, endpoint_of
from specviz.app.explorer import Explorer
from specviz.assistant.llm.endpoint import Endpoint
from specviz.errors import OptionError


def test_the_star_in_hand_is_the_star_on_screen() -> None:
    explorer = specviz.chat("demo 3", online=False)
    assert isinstance(explorer, Explorer) and explorer.view.chat.is_open
    explorer.session.wait()
    talking = explorer.talking
    talking.say("what is its temperature?")
    exchange = talking.wait().exchanges[-1]
    assert "demo 3" in exchange.turn.text
    assert exchange.made[0].answer.shown["report"] is explorer.session.state.report  # computed once
    talking.say("open demo 12")
    exchange = talking.wait().exchanges[-1]
    state = explorer.session.wait()
    assert state.star is talking.desk.star and state.star.name == "demo 12"
    assert exchange.made[1].answer.shown["report"] is state.report
    heard = threading.Event()
    talking.subscribe(lambda _old, new: heard.set() if new.star == "demo 5" else None)
    explorer.show("demo 5")
    assert heard.wait(60) and talking.desk.star is explorer.session.wait().star
    explorer.chat(False)
    assert not explorer.view.chat.is_open
    explorer.close()
    talking.say("help")
    assert len(talking.wait().exchanges) == 2  # it ended with the Explorer


def test_a_chat_of_its_own_follows_an_explorer() -> None:
    explorer = specviz.explore("demo 1", online=False)
    explorer.session.wait()
    chat = specviz.chat("demo 2", explorer=explorer)
    assert isinstance(chat, Chat)
    explorer.session.wait()
    assert "demo 2" in chat.say("its temperature?").exchanges[-1].turn.text
    chat.close()
    explorer.show("demo 3")
    explorer.session.wait()
    assert chat.talking.desk.star.name == "demo 2"  # it follows no more
    explorer.close()


def test_a_chat_alone() -> None:
    chat = specviz.chat("demo 1", explorer=False, online=False)
    assert chat.talking.state.star == "demo 1" and repr(chat).startswith("<specviz Chat: 0 questions>")
    chat.close()


@pytest.mark.parametrize("given", [3, {"base_url": "nowhere", "model": "m"}, {"base_url": "http://h/v1", "model": ""}])
def test_an_endpoint_that_is_none_is_refused_before_anything_is_made(given: Any) -> None:
    with pytest.raises(OptionError):
        specviz.chat(endpoint=given)


def test_what_is_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPECVIZ_LLM_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert endpoint_of(None) is None
    with pytest.raises(OptionError, match="names no language model"):
        endpoint_of("environment")
    made = Endpoint("http://localhost:1/v1", "m")
    assert endpoint_of(made) is made and endpoint_of({"base_url": "http://localhost:1/v1", "model": "m"}) == made
