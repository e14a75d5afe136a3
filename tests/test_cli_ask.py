"""``specviz ask``: one question, a conversation from a pipe, files, JSON, transcripts, and what goes wrong."""

from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path

import nbformat
import pytest

from specviz.archives.demo import DemoArchive
from specviz.assistant.llm.endpoint import API_KEY, BASE_URL, MODEL
from specviz.cli import main
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

sys.path.insert(0, str(Path(__file__).parent / "assistant"))
from model_server import calls, scripted, words

Say = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_language_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BASE_URL, *API_KEY, *MODEL):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fits(tmp_path: Path) -> Path:
    path = tmp_path / "my star.fits"
    path.write_bytes(spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits"))
    return path


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_question_is_answered_with_who_made_the_numbers(capsys: Say) -> None:
    assert main(["ask", "Teff", "and [Fe/H] of demo 1", "--offline", "--device", "cpu"]) == 0
    said = capsys.readouterr()
    first, second, made = said.out.splitlines()
    assert first.startswith("demo 1, RA 31.0123°") and second.startswith("demo 1, from LAMOST: Teff 58")
    assert made.startswith("[c2 labels: specclip-small 2.0, weights ") and said.err == ""


def test_a_file_and_json(fits: Path, capsys: Say) -> None:
    assert main(["ask", "它的有效温度是多少?", "--file", str(fits), "--json", "--offline"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["language"] == "zh" and told["problem"] == ""
    answer = told["answers"][-1]
    assert answer["tool"] == "labels" and answer["arguments"] == {"only": ["teff"]}
    assert answer["data"]["star"] == "demo 4" and abs(answer["data"]["labels"][0]["value"] - 4775) < 150
    assert answer["provenance"]["model"] == "specclip-small"


def test_a_conversation_from_a_pipe_is_kept(
    fits: Path, tmp_path: Path, capsys: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "half.py"
    piped(
        monkeypatch, f"open demo 1\n\nits temperature\n:save {script}\n:file {fits}\nits temperature\n:quit\nnot read"
    )
    book = tmp_path / "all.ipynb"
    assert main(["ask", "--offline", "-o", str(book)]) == 0
    said = capsys.readouterr()
    assert "demo 1, from LAMOST: Teff 58" in said.out and "demo 4, from LAMOST: Teff 47" in said.out
    assert "specviz> " not in said.out and said.err.count("wrote the conversation to") == 2
    ast.parse(script.read_text("utf-8"))
    source = "\n".join(c.source for c in nbformat.read(book, as_version=4).cells)
    assert "star = specviz.open('demo 1')" in source and "star = specviz.open('my star.fits')" in source


def test_what_is_not_understood_is_said_and_the_rest_goes_on(capsys: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, "what is the meaning of life\n:nonsense\n:file nowhere.fits\nwhich models are there?\n")
    assert main(["ask", "--offline"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("I have the models specclip-small") or "specclip-small" in said.out
    assert "did not understand" in said.err and "nowhere.fits cannot be read" in said.err and ":save FILE" in said.err


@pytest.mark.parametrize(
    ("words_", "status"),
    [("hello", 0), ("谢谢", 0), ("what is a metallicity?", 0), ("xyzzy plugh", 1), ("天书奇谈", 1), ("export it", 1)],
)
def test_a_greeting_is_answered_and_what_is_asked_back_is_a_complaint(words_: str, status: int, capsys: Say) -> None:
    assert main(["ask", words_, "--offline"]) == status
    said = capsys.readouterr()
    assert bool(said.out) == (status == 0) and bool(said.err) == (status == 1)


def test_a_terminal_gets_a_prompt_and_ctrl_c_ends_only_an_answer(capsys: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        if len(asked) == 1:
            raise KeyboardInterrupt
        if len(asked) == 2:
            return "which models are there?"
        raise EOFError

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(["ask", "--offline"]) == 0
    said = capsys.readouterr()
    assert asked == ["specviz> "] * 3 and "stopped" in said.err and "specclip-small" in said.out


def test_what_cannot_be_done_is_one_line(tmp_path: Path, capsys: Say) -> None:
    big = tmp_path / "big.fits"
    with big.open("wb") as stream:
        stream.truncate(65 * 2**20)
    for arguments, status, words_ in [
        (["--file", str(tmp_path / "none.fits"), "x"], 1, "cannot be read"),
        (["--file", str(big), "x"], 1, "has 65 MB"),
        (["x", "--model", "lux-smal"], 2, "lux-smal"),
        (["x", "-o", "talk.doc"], 2, ".ipynb or .py"),
        (["x", "--llm"], 1, "No language model is configured"),
    ]:
        assert main(["ask", *arguments]) == status, arguments
        said = capsys.readouterr()
        assert words_ in said.err and said.err.count("\n") == 1 and said.out == ""


def test_what_was_found_before_a_problem_is_kept(capsys: Say) -> None:
    assert main(["ask", "labels of demo 1", "--model", "phdlspec-small", "--offline"]) == 1  # it reads no spectrum
    said = capsys.readouterr()
    assert said.out.startswith("demo 1, RA 31.0123°") and "phdlspec-small does not read" in said.err


def test_functions_are_those_of_openai(capsys: Say) -> None:
    assert main(["ask", "--functions"]) == 0
    functions = json.loads(capsys.readouterr().out)
    assert {"labels", "similar", "why"} <= {f["function"]["name"] for f in functions}
    for function in functions:
        assert set(function) == {"type", "function"} and function["type"] == "function"
        assert set(function["function"]) == {"name", "description", "parameters"}


def test_a_language_model_is_asked_only_where_it_is_asked_for(capsys: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    script = [
        calls(("load", {"name": "demo 1"})),
        calls(("labels", {"only": ["teff"]})),
        words("It has 5813 K (specclip-small)."),
    ]
    with scripted(script) as (endpoint, got):
        monkeypatch.setenv(BASE_URL[0], endpoint.base_url)
        monkeypatch.setenv(MODEL[0], endpoint.model)
        assert main(["ask", "which models are there?", "--offline"]) == 0
        assert got == []
        assert main(["ask", "how hot is demo 1?", "--offline", "--llm"]) == 0
    said = capsys.readouterr()
    assert "It has 5813 K (specclip-small)." in said.out and len(got) == 3
    assert f"go to scripted at {endpoint.base_url}" in said.err
