"""A conversation beside the person: states as they come, nothing raised, stopped, cleared, asked elsewhere."""

from __future__ import annotations

import threading
from typing import Any

import model_server
import pytest
from model_server import calls, words

from specviz.archives.demo import DemoArchive
from specviz.assistant.desk import Desk
from specviz.assistant.follow_ups import QUESTIONS, first_questions
from specviz.assistant.intents.parser import Before, understand
from specviz.assistant.number_sources import pieces_of
from specviz.assistant.talk_state import leaves
from specviz.assistant.talking import Talking
from specviz.assistant.tools.registry import Registry, Tool
from specviz.assistant.tools.result import Answer
from specviz.assistant.tools.star_tools import tools as star_tools
from specviz.errors import SpecvizError
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes


def make(**options: Any) -> Talking:
    return Talking(Desk(online=False, device="cpu"), **options)


def test_a_question_returns_at_once_and_its_states_come() -> None:
    talking, states = make(), []
    talking.subscribe(lambda _old, new: states.append(new))
    talking.say("open demo 1")
    assert talking.state.running  # opening a star takes far longer than to come back
    (exchange,) = talking.wait().exchanges
    assert exchange.made[0].answer.tool == "load" and exchange.turn is not None and not exchange.turn.problem
    assert {e.doing for s in states for e in s.exchanges} >= {"load", ""}  # the tool at work is told
    assert states[-1].star == "demo 1" and not states[-1].running
    assert all(m.seconds > 0 and m.origin.startswith(m.answer.call) for m in exchange.made)


def test_a_dropped_file_gives_parameters_and_similar_stars_without_a_word() -> None:
    talking = make()
    talking.attach("star.fits", spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits"))
    assert talking.state.attached == ("star.fits",)
    talking.say("")
    (exchange,) = talking.wait().exchanges
    assert exchange.files == ("star.fits",) and talking.state.attached == ()
    assert [m.answer.tool for m in exchange.made] == ["star", "labels", "similar"]
    assert exchange.made[2].extra["own"] is not None and len(exchange.made[2].extra["windows"]) == 5
    assert "most similar" in exchange.turn.text and exchange.turn.said == ""
    assert len(exchange.turn.answers) == 3 and talking.turns() == (exchange.turn,)
    assert b"nbformat" in talking.notebook() and "import specviz" in talking.python()
    assert "star.fits" in talking.plain() and "specclip-small" in talking.plain()


def test_a_broken_file_is_said_and_nothing_is_lost() -> None:
    talking = make()
    talking.say("open demo 1")
    talking.say("", {"broken.fits": b"SIMPLE  = no"})
    state = talking.wait()
    assert state.exchanges[1].turn.problem and state.star == "demo 1"
    talking.say("what is its temperature?")
    assert "demo 1" in talking.wait().exchanges[-1].turn.text


def test_a_fault_of_ours_is_said_and_the_next_question_answered() -> None:
    def broken(desk: Desk, **_arguments: Any) -> Answer:
        raise RuntimeError("boom")

    known = {t.name: t for t in star_tools}
    tools = Registry.of([Tool("load", "", broken, known["load"].parameters), known["star"]])
    talking = make(tools=tools)
    talking.say("open demo 1")
    assert "boom" in talking.wait().exchanges[0].turn.problem
    talking.say("what can you do?")
    assert talking.wait().exchanges[1].turn.text


def test_a_listener_that_fails_ends_nothing() -> None:
    talking = make()

    def fails(_old: Any, _new: Any) -> None:
        raise ValueError("no screen")

    talking.subscribe(fails)
    talking.say("help")
    assert talking.wait().exchanges[0].turn.text


def test_stop_ends_what_runs_and_forgets_what_waits() -> None:
    begun, talking = threading.Event(), make()

    def slow(desk: Desk, **_arguments: Any) -> Answer:
        from specviz.errors import CancelledError

        begun.set()
        assert desk.cancelled.wait(60)
        raise CancelledError("The answer was stopped")

    known = {t.name: t for t in star_tools}
    talking = make(tools=Registry.of([Tool("load", "", slow, known["load"].parameters)]))
    talking.say("open demo 1")
    assert begun.wait(60)
    talking.say("open demo 2")
    assert len(talking.state.exchanges) == 2
    talking.stop()
    (exchange,) = talking.wait().exchanges
    assert exchange.turn.problem == "Stopped" and not exchange.doing
    with pytest.raises(SpecvizError):  # nothing hangs for ever
        begun.clear()
        talking.say("open demo 3")
        begun.wait(60)
        talking.wait(0.01)
    talking.stop()
    talking.wait()


def test_begin_anew_keeps_the_star() -> None:
    talking = make()
    talking.say("open demo 1")
    talking.wait()
    talking.clear()
    assert talking.state.exchanges == () and talking.state.star == "demo 1" and talking.turns() == ()


def test_a_star_that_is_handed_over_waits_for_the_question() -> None:
    talking, star = make(), DemoArchive().star(4)
    talking.say("open demo 1")
    talking.hand(star)
    assert talking.wait().star == "demo 5" and talking.desk.star is star


def test_a_language_model_chooses_and_its_words_stream() -> None:
    script = [calls(("load", {"name": "demo 1"}), ("labels", {"only": ["teff"]})), words("It is warm: 99999 K.")]
    with model_server.scripted(script) as (endpoint, got):
        talking, streamed = make(), []
        talking.use_endpoint(endpoint.base_url, endpoint.model, "secret")
        talking.subscribe(lambda _old, new: streamed.append(new.exchanges[-1].streamed if new.exchanges else ""))
        talking.say("what is demo 1?")
        (exchange,) = talking.wait().exchanges
        assert exchange.by == endpoint.model and [m.answer.tool for m in exchange.made] == ["load", "labels"]
        assert any(s and s != exchange.turn.text for s in streamed) and got[0]["authorization"] == "Bearer secret"
        lost = [p.text for p in exchange.pieces if p.unknown]
        assert len(lost) == 1 and lost[0].startswith("99999") and "99999" in exchange.turn.problem
        assert "secret" not in repr(talking.state)
        talking.use_endpoint()
        assert talking.state.base_url == "" and "Nothing leaves" in talking.state.leaves


def test_an_address_that_is_none_is_said() -> None:
    talking = make()
    talking.use_endpoint("file:///etc/passwd", "m")
    assert "no address" in talking.state.problem and not talking.state.base_url
    talking.say("help")
    assert talking.wait().problem == ""


def test_a_served_page_writes_no_file_and_asks_no_language_model() -> None:
    talking = make(own_machine=False)
    talking.use_endpoint("http://localhost:1/v1", "m")
    assert talking.state.problem and not talking.state.base_url and not talking.state.may_ask_elsewhere
    talking.say("open demo 1")
    talking.say("export the labels to labels.ecsv")
    state = talking.wait()
    assert state.exchanges[-1].turn.problem and not [m for m in state.exchanges[-1].made if m.answer.tool == "export"]


def test_a_closed_conversation_says_nothing() -> None:
    talking = make()
    talking.close()
    talking.say("help")
    assert talking.wait().exchanges == ()


def test_what_leaves_is_said() -> None:
    from specviz.assistant.llm.endpoint import Endpoint

    here, there = Endpoint("http://localhost:11434/v1", "m"), Endpoint("https://models.example.org/v1", "m")
    assert leaves(None, False) == "Nothing leaves this machine."
    assert "archives" in leaves(None, True)
    assert "on this machine" in leaves(here, False) and "models.example.org" in leaves(there, False)
    assert "never a spectrum" in leaves(there, True)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.tool)
def test_what_is_offered_is_understood(question: Any) -> None:
    for text in (question.en, question.zh):
        found = understand(text, Before((), "", True), uploads=(), models=("specclip-small",))
        assert [c.tool for c in found.calls] == [question.tool], text


def test_the_first_questions_are_understood() -> None:
    for language in ("en", "zh"):
        for text in first_questions(language):
            assert understand(text, Before((), "", False), uploads=(), models=()).calls, text


def test_numbers_lead_to_their_calls() -> None:
    first = Answer("star", {"name": "demo 12", "values": {"teff": 5779.0}}, call="c1")
    second = Answer("labels", {"labels": [{"value": 5801.3, "plus": 89.0, "minus": 120.0}]}, call="c2")
    text = "demo 12: catalogue 5779 K, model 5801 +89 −120 K.\n1. Not 7777 ⚠ K, 20 stars."
    pieces = pieces_of(text, [first, second])
    assert "".join(p.text for p in pieces) == text
    assert {p.text: p.answer.call for p in pieces if p.answer} == {
        "5779": "c1", "5801": "c2", "+89": "c2", "−120": "c2",
    }  # fmt: skip
    assert [p.text for p in pieces if p.unknown] == ["7777 ⚠"]


def test_the_model_of_the_environment_is_offered_and_asked_only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with model_server.scripted([words("Hello.")]) as (endpoint, got):
        monkeypatch.setenv("SPECVIZ_LLM_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("SPECVIZ_LLM_MODEL", "m")
        monkeypatch.setenv("SPECVIZ_LLM_API_KEY", "from the environment")
        talking = make()
        assert talking.state.offered == (endpoint.base_url, "m") and talking.state.base_url == ""
        talking.say("help")
        talking.wait()
        assert not got
        talking.use_endpoint(endpoint.base_url, "m")
        talking.say("hello")
        assert talking.wait().exchanges[-1].turn.text == "Hello."
        assert got[0]["authorization"] == "Bearer from the environment"


def test_a_number_of_a_sentence_is_its_own_answers_and_no_older_ones() -> None:
    older = Answer("labels", {"labels": [{"value": 3.95, "error": 0.2}]}, call="c1")
    told = Answer("outliers", {"oddest": [{"star": "demo 3", "why": "XP and LAMOST are 3.9 σ apart"}]}, call="c2")
    (piece,) = [p for p in pieces_of("3.9 σ apart", [told], [older]) if p.answer]
    assert piece.answer is told
    assert [p.answer.call for p in pieces_of("an error of 0.2", [told], [older]) if p.answer] == ["c1"]
