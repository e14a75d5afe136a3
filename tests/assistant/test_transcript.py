"""A conversation as a notebook and as a script: they run, and give the numbers that were said."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from specviz.archives.demo import DemoArchive
from specviz.assistant.call_code import CallWriter, origin
from specviz.assistant.conversation import Conversation, Turn
from specviz.assistant.desk import Desk
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.result import Answer
from specviz.assistant.transcript import notebook_of, python_of
from specviz.spectra.star import Identifier, Star
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?")
#: What is called on which star; the expected numbers are the answers'.
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("load", {"name": "demo 1"}),
    ("labels", {"only": ["teff", "fe_h", "ebv"]}),
    ("labels", {"survey": "xp"}),
    ("posterior", {"label": "fe_h", "survey": "xp"}),
    ("oddness", {}),
    ("translate", {"to": "xp"}),
    ("similar", {"k": 3}),
    ("similar", {"k": 2, "by": "xp"}),
    ("models", {}),
]


@pytest.fixture(scope="module")
def fits() -> bytes:
    return spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits")


@pytest.fixture(scope="module")
def turns(fits: bytes, tmp_path_factory: pytest.TempPathFactory) -> list[Turn]:
    folder = tmp_path_factory.mktemp("desk")
    desk, tools = Desk(online=False, device="cpu", folder=folder), all_tools()
    answers = [desk.keep(tools[name].call(desk, arguments)) for name, arguments in CALLS]
    made = [Turn("Everything of demo 1", "en", tuple(answers), "Here it is.")]
    talk = Conversation(desk)
    talk.turns += made
    talk.say("", {"my star.fits": fits})
    talk.say("show the XP spectrum")
    talk.say("export the labels to labels.ecsv")
    talk.say("export the labels to labels.ecsv")  # there is one already
    return talk.turns


def cell_of(book: Any, call: str) -> Any:
    return next(c for c in book.cells if c.metadata.get("specviz", {}).get("call") == call)


def printed(cell: Any) -> str:
    shown = [o.data for o in cell.outputs if o.output_type == "execute_result"]
    return "\n".join(d.get("text/html", d["text/plain"]) for d in shown)  # of a table the text has not all columns


def has(value: float, book: Any, call: str, within: float = 0.0) -> bool:
    """Whether the output of a call has a number; tools round to four digits."""
    numbers = [float(n) for n in _NUMBER.findall(printed(cell_of(book, call)))]
    return any(abs(n - value) <= max(within, 6e-4 * abs(value)) for n in numbers)


def test_the_notebook_runs_and_computes_what_was_said(
    turns: list[Turn], fits: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    (tmp_path / "my star.fits").write_bytes(fits)
    book = nbformat.reads(notebook_of(turns).decode(), as_version=4)
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()

    answers = {a.call: a for turn in turns for a in turn.answers}
    for call in ("c2", "c3", "c11"):
        assert answers[call].data["labels"]
        for row in answers[call].data["labels"]:
            assert has(row["value"], book, call), row
    assert all(has(v, book, "c4", 0.005) for v in answers["c4"].data["correlations"].values())
    assert all(has(v, book, "c4") for v in answers["c4"].data["interval_95"])
    assert has(answers["c5"].data["percentile"], book, "c5")
    assert has(answers["c6"].data["off_by_percent"], book, "c6", 0.0005)
    for call in ("c7", "c8"):
        for row in answers[call].data["stars"]:
            assert row["star"] in printed(cell_of(book, call)) and has(row["similarity"], book, call), row
    assert all(m["name"] in printed(cell_of(book, "c9")) for m in answers["c9"].data["models"])
    assert (tmp_path / "labels.ecsv").is_file()
    assert [o.text for c in book.cells for o in c.get("outputs", ()) if o.get("name") == "stderr"] == []


def test_cells_say_who_made_their_numbers(turns: list[Turn]) -> None:
    book = nbformat.reads(notebook_of(turns).decode(), as_version=4)
    about = cell_of(book, "c2")
    assert about.metadata.specviz == {
        "call": "c2", "tool": "labels", "model": "specclip-small", "version": "2.0",
        "weights": turns[0].answers[1].provenance["weights"],
    }  # fmt: skip
    assert about.source.startswith("# c2 labels(only=['teff', 'fe_h', 'ebv']): specclip-small 2.0, weights ")
    assert "my star.fits" in book.cells[0].source
    assert book.cells[-1].source.startswith("This could not be done: ")
    assert len({c.id for c in book.cells}) == len(book.cells)
    assert notebook_of(turns) == notebook_of(turns)


def test_the_script_is_the_same_in_python(turns: list[Turn]) -> None:
    text, book = python_of(turns), nbformat.reads(notebook_of(turns).decode(), as_version=4)
    ast.parse(text)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert all(line in text for line in cell.source.splitlines())
    assert "# > Everything of demo 1" in text and "print(neighbours)" in text


def test_every_tool_is_written() -> None:
    """What has no function of its own is called as the assistant calls it."""
    star = Star("HD 1", identifiers=(Identifier("Gaia", "DR3", "42"),))
    writer = CallWriter()
    code = writer.write(Answer("desa", {}, call="c1", star=star))
    assert code.lines == ("star = specviz.get('Gaia DR3 42')", "desk = Desk()", "desk.take(star)")
    assert code.shown == "all_tools()['desa'].call(desk, {}).data"
    papers = writer.write(Answer("papers", {}, arguments={"query": "x"}, star=Star("HD 2")))
    assert papers.lines == () and papers.shown == "all_tools()['papers'].call(desk, {'query': 'x'}).data"
    odd = writer.write(
        Answer("outliers", {}, arguments={"names": ["demo 1", "a.fits"]}, provenance={"model": "lux-small"})
    )
    (line,) = odd.lines
    assert line.startswith("ranking = specviz.outliers(['demo 1', 'a.fits'], online=False") and "'lux-small'" in line
    made = {"model": "phdlspec-small 1.0", "weights": "x", "start": "lux-small 1.0"}
    assert "default_engine('lux-small')" in writer.write(Answer("abundances", {}, provenance=made)).shown
    assert writer.write(Answer("help", {})).shown == ""


#: Arguments of tools that need some.
SOME: dict[str, dict[str, Any]] = {
    "load": {"name": "demo 4"},
    "posterior": {"label": "teff"},
    "why": {"label": "teff"},
    "export": {"what": "similar", "file": "similar.ecsv"},
    "use_model": {"name": "lux-small"},
    "stretch": {"part": "mg b"},
    "papers": {"query": "SpecCLIP"},
    "compare": {"models": ["specclip-small", "lux-small"]},
}


#: They take seconds and are written like others that are run here, or below.
SLOW = {"light_curve", "desa", "abundances", "outliers"}


@pytest.mark.parametrize("name", [t.name for t in all_tools() if t.reaches != "network" and t.name not in SLOW])
def test_the_code_of_every_tool_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its value is no surprise: none is empty."""
    monkeypatch.chdir(tmp_path)
    desk, tools = Desk(online=False, device="cpu", folder=tmp_path / "desk"), all_tools()
    desk.folder.mkdir()
    answers = [tools["load"].call(desk, {"name": "demo 1"}), tools[name].call(desk, SOME.get(name, {}))]
    writer, known = CallWriter(), dict[str, Any]()
    codes = [writer.write(a) for a in answers]
    exec("\n".join(writer.imports), known)
    for code in codes:
        exec("\n".join(code.lines), known)
    if name != "help":
        assert eval(codes[-1].shown, known) is not None


def test_where_a_star_came_from() -> None:
    gaia = (Identifier("Gaia", "DR3", "42"),)
    assert origin(Star("x", identifiers=gaia), "HD 140283")[0] == "specviz.get('HD 140283')"
    assert origin(Star("x", identifiers=(Identifier("demo", "simulated", "7"),)))[0] == "specviz.open('x')"
    assert origin(Star("x", meta={"path": "a.fits"})) == ("specviz.open('a.fits')", "a.fits")
    assert origin(Star("x"))[0] == "specviz.get('x')"
    several = origin(Star("x", meta={"path": "a.fits"}), "x")[0]
    assert several == "next(s for s in specviz.open_all('a.fits') if s.name == 'x')"


def test_a_light_curve_that_is_fetched_stays_with_the_star() -> None:
    before, after = Star("HD 1"), Star("HD 1")
    writer = CallWriter()
    writer.write(Answer("star", {}, star=before))
    code = writer.write(Answer("fetch_light_curve", {}, star=after))
    assert code.lines[-1] == "star = desk.star" and not any("specviz.get" in line for line in code.lines)
    assert writer.write(Answer("star", {}, star=after)).lines == ()


NASTY = [
    "x\n#\nimport os\nos.system('true')",
    "x\r\u2028\x85\x0bimport os",
    "'''; import os #",
    "\u202e evil \x00 \ud800",
    "![](http://127.0.0.1:9/a.png) <img src=http://127.0.0.1:9/b.png> [c](javascript:alert(1)) $x$ `y`",
    "# Title\n---\n| a |\n<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text(text: str) -> None:
    """A star's name, a header and a problem may hold anything; in code it is a comment or a literal, in text text."""
    star = Star(text, meta={"path": text})
    answer = Answer("labels", {"labels": [], "star": text}, call="c1", arguments={"model": text}, star=star)
    other = replace(answer, tool="papers", provenance={"model": text})
    turns = [Turn(text, "en", (answer, other), text, text)]
    code = ast.parse(python_of(turns))
    called = {n.func.attr if isinstance(n.func, ast.Attribute) else n.func.id for n in ast.walk(code)
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute | ast.Name)}  # fmt: skip
    assert called <= {"open", "analyse", "labels_table", "Desk", "take", "all_tools", "call", "print"}
    assert not [n for n in ast.walk(code) if isinstance(n, ast.Import | ast.ImportFrom) and "os" in ast.unparse(n)[-3:]]
    for cell in json.loads(notebook_of(turns))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            ast.parse(source)
        else:
            assert not re.search(r"(?<!\\)[\[`$|#*_]", source.removeprefix("# "))
            assert not re.search(r"<\w", source)


def test_a_chinese_conversation_has_chinese_words() -> None:
    turn = Turn("有效温度是多少?", "zh", (), "请先给出恒星", "没有恒星")
    text = python_of([turn])
    assert "与 specviz 的对话" in text and "未能完成：没有恒星" in text
    assert python_of([]).startswith("# %% [markdown]\n# A conversation with specviz")
