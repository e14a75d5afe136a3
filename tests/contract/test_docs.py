"""What the documents say is there, is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import specviz
from specviz.cli import build_parser
from specviz.spectra.readers import layouts

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/reference").glob("*.md")])


def test_every_layout_is_documented_and_no_other() -> None:
    text = (ROOT / "docs/formats.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(layouts())


def test_every_command_is_documented() -> None:
    (action,) = [a for a in build_parser()._actions if a.dest == "command"]
    text = (ROOT / "docs/cli.md").read_text("utf-8")
    assert {c for c in action.choices if f"specviz {c}" not in text} == {"analyze"}  # the other spelling of analyse


def test_every_option_of_analyse_is_documented() -> None:
    (action,) = [a for a in build_parser()._actions if a.dest == "command"]
    text = (ROOT / "docs/cli.md").read_text("utf-8")
    for name, parser in action.choices.items():
        options = {o for a in parser._actions for o in a.option_strings if o.startswith("--")} - {"--help", "--output"}
        assert {o for o in options if o not in text} == set(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_python_examples_name_what_exists(path: Path) -> None:
    """Every ``specviz.NAME`` of an example is public, and every example parses."""
    for block in re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        dotted = [n for n in ast.walk(ast.parse(block)) if isinstance(n, ast.Attribute)]
        used = {n.attr for n in dotted if isinstance(n.value, ast.Name) and n.value.id == "specviz"}
        assert used <= set(specviz.__all__)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_one_version_everywhere() -> None:
    assert f"version: {specviz.__version__}" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_every_picture_has_the_command_that_makes_it() -> None:
    text = (ROOT / "docs/figures.md").read_text("utf-8")
    assert [p.name for p in sorted((ROOT / "docs/images").glob("*.png")) if f"`{p.name}`" not in text] == []
    for test in re.findall(r"`(tests/[\w/]+\.py)`", text):
        assert (ROOT / test).is_file()


def test_every_notebook_is_listed() -> None:
    text = (ROOT / "docs/tutorials.md").read_text("utf-8")
    assert [p.name for p in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")) if p.name not in text] == []
