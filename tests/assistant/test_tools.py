"""The assistant's tools: schemas made of signatures, arguments checked in words, numbers with their makers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest

from specviz.archives.demo import DemoArchive
from specviz.assistant.desk import Desk
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.registry import Registry, schema_of
from specviz.assistant.tools.result import Answer
from specviz.assistant.wording.sentences import say
from specviz.errors import NotFoundError, OptionError, SpecvizError
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

TOOLS = all_tools()


@pytest.fixture(scope="module")
def desk() -> Desk:
    made = Desk(online=False, device="cpu")
    made.keep(TOOLS["load"].call(made, {"name": "demo 1"}))
    return made


def example(desk: Desk, name: str, kind: Literal["a", "b"] = "a", n: int | None = None, many: list[str] | None = None,
            sure: bool = False, width: float = 1.5) -> Answer:  # fmt: skip
    """Do something.

    Quite long.

    Parameters
    ----------
    name, kind : str
        What it is
        called.
    n : int
        How many.

    Returns
    -------
    Answer
        ``n : not a parameter``
    """
    return Answer("example", {"got": [name, kind, n, many, sure, width]})


def test_a_schema_says_what_the_function_takes() -> None:
    schema = schema_of(example)
    jsonschema.Draft202012Validator.check_schema(schema)
    p = schema["properties"]
    assert list(p) == ["name", "kind", "n", "many", "sure", "width"] and schema["required"] == ["name"]
    assert p["name"] == {"type": "string", "description": "What it is called."}
    assert p["kind"]["enum"] == ["a", "b"] and p["kind"]["default"] == "a" and p["n"]["description"] == "How many."
    assert p["many"] == {"type": "array", "items": {"type": "string"}} and p["width"]["type"] == "number"


def test_arguments_are_read_kindly_and_refused_in_words(desk: Desk) -> None:
    registry = Registry()
    registry.add(example)
    tool = registry["example"]
    assert tool.summary == "Do something."
    given = {"name": "x", "n": "3", "many": "one", "width": 2, "kind": None}
    assert tool.call(desk, given).data["got"] == ["x", "a", 3, ["one"], False, 2.0]
    for wrong, said in (
        ({}, "needs name"), ({"name": "x", "nn": 1}, "no argument 'nn'"), ({"name": 3}, "name is int"),
        ({"name": "x", "n": 1.5}, "a whole number"), ({"name": "x", "n": True}, "a whole number"),
        ({"name": "x", "kind": "c"}, "one of a, b"), ({"name": "x", "sure": "yes"}, "true or false"),
        ({"name": "x" * 3000}, "at most 2000"), ({"name": "x", "width": "nan"}, "a number"),
        ({"name": "x", "many": [1]}, "is int"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=said):
            tool.call(desk, wrong)
    with pytest.raises(OptionError, match="Did you mean 'example'"):
        registry["exmaple"]
    with pytest.raises(OptionError, match="two tools"):
        registry.add(example)


def test_every_tool_describes_itself_and_only_some_reach_out() -> None:
    for tool in TOOLS:
        jsonschema.Draft202012Validator.check_schema(tool.parameters)
        assert tool.summary.endswith(".") or tool.summary.endswith("few seconds.")
        assert all(p.get("description") for p in tool.parameters["properties"].values()), tool.name
        assert tool.to_openai()["function"]["name"] == tool.name
    assert {t.name: t.reaches for t in TOOLS if t.reaches} == {
        "fetch": "network", "fetch_light_curve": "network", "papers_online": "network", "export": "disk",
    }  # fmt: skip


def test_numbers_come_with_their_maker_and_leave_as_small_json(desk: Desk) -> None:
    found = desk.keep(TOOLS["labels"].call(desk, {"only": ["teff", "fe_h"]}))
    row = found.data["labels"][0]
    summary = found.shown["report"].posteriors["lamost_lrs"].summary()["teff"]
    assert row["label"] == "teff" and row["unit"] == "K" and row["value"] == pytest.approx(summary[0], abs=0.5)
    assert row["plus"] == pytest.approx(summary[2] - summary[0], rel=0.06) and not row["outside_training"]
    assert found.provenance["model"] == "specclip-small" and len(found.provenance["weights"]) == 12
    assert row["value"] in list(found.numbers()) and found.call.startswith("c") and desk.last("labels") is found
    told = json.dumps(found.to_json(), allow_nan=False)
    assert len(told) < 2000 and "NaN" not in told


@pytest.mark.parametrize(
    ("tool", "arguments", "keys"),
    [
        ("star", {}, {"name", "ra", "spectra", "catalogues"}),
        ("posterior", {"label": "fe_h"}, {"median", "interval_68", "interval_95", "correlations"}),
        ("oddness", {}, {"percentile", "checks", "reasons"}),
        ("translate", {"to": "xp"}, {"off_by_percent", "chi2_per_point"}),
        ("why", {"label": "teff"}, {"lines", "value", "without_lines"}),
        ("similar", {"k": 3, "by": "xp"}, {"stars", "among"}),
        ("compare", {"models": ["specclip-small"]}, {"values", "silent"}),
        ("show", {"what": "xp"}, {"what"}),
        ("models", {}, {"models", "asked"}),
        ("outliers", {"names": ["demo 1", "demo 2", "demo 3"], "k": 2}, {"oddest", "stars"}),
    ],
)
def test_what_each_tool_tells(desk: Desk, tool: str, arguments: dict[str, Any], keys: set[str]) -> None:
    found = TOOLS[tool].call(desk, arguments)
    assert keys <= set(found.data), found.data
    json.dumps(found.to_json(), allow_nan=False)


def test_help_names_every_tool(desk: Desk) -> None:
    found = TOOLS["help"].call(desk)
    assert {row["name"]: row["reaches"] for row in found.data["tools"]} == {t.name: t.reaches for t in TOOLS}
    assert "open demo 12" in say(found, "en") and "打开 demo 12" in say(found, "zh")


def test_an_answer_knows_its_numbers_wherever_they_stand() -> None:
    answer = Answer("x", {"a": [1, {"b": 2.5}], "c": "Teff is 7,595 ± 88 K, −0.25 dex", "d": float("nan"), "e": True})
    assert sorted(answer.numbers()) == [-0.25, 1.0, 2.5, 88.0, 7595.0]
    assert answer.to_json()["data"]["d"] is None


def test_a_file_that_was_handed_over_is_a_star_by_its_name(desk: Desk) -> None:
    other = Desk(online=False, device="cpu")
    with pytest.raises(NotFoundError, match="No star is in hand"):
        TOOLS["labels"].call(other)
    data = spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits")
    star = other.upload("mine.fits", data)
    assert other.in_hand() is star and TOOLS["load"].call(other, {"name": "mine.fits"}).shown["star"] is star
    with pytest.raises(NotFoundError, match=r"an uploaded file \(mine.fits\)"):
        TOOLS["load"].call(other, {"name": "HD 1"})
    with pytest.raises(SpecvizError):
        other.upload("junk.fits", b"no spectrum at all")
    assert other.in_hand() is star


def test_export_stays_in_its_folder_and_never_writes_over(desk: Desk, tmp_path: Path) -> None:
    desk.folder = tmp_path
    assert TOOLS["export"].call(desk, {"what": "labels", "file": "labels.ecsv"}).data["file"] == "labels.ecsv"
    written = (tmp_path / "labels.ecsv").read_bytes()
    assert b"teff" in written
    with pytest.raises(SpecvizError, match="already"):
        TOOLS["export"].call(desk, {"what": "labels", "file": "labels.ecsv"})
    assert (tmp_path / "labels.ecsv").read_bytes() == written
    for file in ("../x.csv", "/tmp/x.csv", "a/b.csv", ".hidden.csv", "", "..", "x.exe"):
        with pytest.raises(SpecvizError):
            TOOLS["export"].call(desk, {"what": "labels", "file": file})
    assert [p.name for p in tmp_path.iterdir()] == ["labels.ecsv"]


def test_another_star_puts_away_what_was_found(desk: Desk) -> None:
    before = desk.report()
    assert desk.report() is before
    desk.keep(TOOLS["load"].call(desk, {"name": "demo 4"}))
    assert desk.report() is not before and desk.report().star.name == "demo 4"
    desk.keep(TOOLS["load"].call(desk, {"name": "demo 1"}))
