"""Sixty dialogues, thirty in English and thirty in Chinese: without a model, and again with a scripted one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from dialogues_en import ENGLISH, Line
from dialogues_zh import CHINESE
from model_server import scripted
from notation import Called, read_calls
from playing import content, desk_of, quick_tools, script_of

from specviz.assistant.conversation import Conversation, Turn
from specviz.assistant.intents.vocabulary import language_of
from specviz.assistant.llm.numbers import MARK, marked
from specviz.assistant.llm.talk import LanguageModelTalk

BROKEN = ("junk", "empty", "text", "half of demo 3")
DIALOGUES = {**ENGLISH, **CHINESE}
_NUMBER = re.compile(r"(?<![A-Za-z\d.])[-+−]?\d+(?:\.\d+)?(?![A-Za-z\d])")


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Callable[[str], bytes]:
    return lambda what: content(what, lambda: Path(request.getfixturevalue("shared")))


def _parts(line: Line) -> tuple[str, list[Called], str, dict[str, str]]:
    text, called, said, *files = line
    return text, read_calls("" if called == "~" else called), said, files[0] if files else {}


def test_there_are_thirty_of_each() -> None:
    assert len(ENGLISH) == len(CHINESE) == 30
    assert all(any(language_of(line[0]) == "zh" for line in lines) for lines in CHINESE.values())
    assert sum(any(len(line) > 3 for line in lines) for lines in DIALOGUES.values()) >= 16


@pytest.mark.parametrize("name", DIALOGUES)
def test_without_a_model(name: str, tmp_path: Path, reader: Callable[[str], bytes]) -> None:
    talk = Conversation(desk_of(tmp_path, reachable="offline" not in name), quick_tools())
    for line in DIALOGUES[name]:
        text, called, said, files = _parts(line)
        turn = talk.say(text, {n: reader(what) for n, what in files.items()})
        _has_made(turn, called, failed=said.startswith("!") and bool(called))
        if said.startswith("!"):
            assert re.search(said[1:], turn.problem), (text, turn)
        else:
            assert re.search(said, turn.text, re.DOTALL), (text, turn)
            assert not turn.problem or "junk" in files.values(), (text, turn)
        _says_only_what_is_known(turn)


@pytest.mark.parametrize("name", DIALOGUES)
def test_with_a_scripted_model(name: str, tmp_path: Path, reader: Callable[[str], bytes]) -> None:
    lines = [_parts(line) for line in DIALOGUES[name]]
    language = "zh" if name in CHINESE else "en"
    script = [
        reply
        for _, called, _, files in lines
        for reply in script_of(called, [n for n, what in files.items() if what != "junk"], language, len(name) % 2 == 0)
    ]
    with scripted(script) as (endpoint, got):
        talk = LanguageModelTalk(endpoint, desk_of(tmp_path, reachable="offline" not in name), quick_tools())
        for text, called, said, files in lines:
            turn = talk.say(text, {n: reader(what) for n, what in files.items()})
            made = [a for a in turn.answers if not (len(files) > 1 and a.tool == "load")]
            called = [c for c in called if c[0] != "help"]
            _has_made(Turn(text, turn.language, tuple(made)), called, failed=said.startswith("!") and bool(called))
            assert bool(turn.problem) == any(w in BROKEN for w in files.values())
            assert turn.text and MARK not in turn.text, (text, turn)
            assert _NUMBER.search(turn.text) or not any(a.tool in ("labels", "posterior", "similar") for a in made)
    assert all(len(str(m["content"])) < 12_000 for m in got[-1]["messages"])


def _has_made(turn: Turn, called: list[Called], *, failed: bool) -> None:
    """The answers are those of the calls; the last of them is missing where it failed."""
    expected = called[:-1] if failed else called
    made = [(a.tool, dict(a.arguments)) for a in turn.answers]
    assert made == expected, (turn.said, made, turn.problem)


def _says_only_what_is_known(turn: Turn) -> None:
    """Every number in the words is one of a tool of this turn, as exact as it is written."""
    if not turn.answers or any(a.tool == "help" for a in turn.answers):
        return
    known = [68.0, 95.0, *(float(len(a.data.get("stars", ()) or ())) for a in turn.answers if a.tool == "similar")]
    known += [abs(n) for a in turn.answers for n in a.numbers()]
    names = [str(a.data.get("star", a.data.get("name", ""))) for a in turn.answers]
    text = re.sub(r"(?<=\d),(?=\d{3})|^\d+\. ", "", turn.text, flags=re.MULTILINE)
    for name in sorted(filter(None, {*names}), key=len, reverse=True):
        text = re.sub(rf"{re.escape(name)}(?!\d)", " ", text)
    for word in _NUMBER.findall(text):
        value, digits = abs(float(word.replace("−", "-"))), len(word.split(".")[1]) if "." in word else 0
        assert any(abs(value - n) <= 0.5000001 * 10.0**-digits for n in known), (word, turn.text)
    # And each is told as what it is: the check of what a model says has no complaint, but of a header that is repeated.
    plain = re.sub(r"[(（](?:simulated: |模拟：).*?[)）]", "", turn.text)
    assert marked(plain, turn.answers, [turn.said])[1] == (), turn.text
