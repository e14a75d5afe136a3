"""Nothing of ours asks the network from a browser: no remote import, no remote script or style in JS or Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"""(?:https?:)?//(?!127\.0\.0\.1|localhost)[\w-]+\.[\w.-]+""")
#: Names of XML vocabularies look like addresses and are never asked for.
VOCABULARY = re.compile(r"http://www\.w3\.org/[\w/]+")
SCRIPTS = sorted(p for p in (ROOT / "widgets").rglob("*") if p.suffix in {".js", ".mjs", ".css", ".html"})
PYTHON = sorted(p for room in ("doors", "views") for p in (ROOT / "specviz" / room).rglob("*.py"))
IMPORT = re.compile(
    r"""(?:^|\n)\s*(?:import|export)\b[^;\n]*?\bfrom\s*["']([^"']+)["']|\bimport\b\s*\(?\s*["'`]([^"'`]+)"""
)


def addresses(text: str) -> list[str]:
    return [m.group() for m in ADDRESS.finditer(VOCABULARY.sub("", text))]


def test_something_is_looked_at() -> None:
    assert {p.name for p in SCRIPTS} >= {"doc_host.js", "theme.js", "view.js", "inbox.js", "runtime.js"}
    assert len(PYTHON) > 8


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_no_address_in_the_browser_side(path: Path) -> None:
    text = path.read_text("utf-8")
    assert addresses(text) == []
    for names in IMPORT.findall(text):
        assert next(filter(None, names)).startswith("./"), names


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_script_or_style_address_in_python(path: Path) -> None:
    """A link that a person may click is allowed; a source of scripts, styles, fonts or pictures is not."""
    text = path.read_text("utf-8")
    assert re.findall(r"""(?:src|url\(|@import|from)\s*=?\s*["'(]*\s*(?:https?:)?//[\w-]+\.""", text) == []
    assert not re.search(
        r"pn\.extension\(|ipywidgets_bokeh|pn\.ipywidget|output_notebook", re.sub(r"``[^`]*``|#.*", "", text)
    )


@pytest.mark.parametrize(
    "line", ['import x from "https://cdn.example.org/x.js"', "//cdn.example.org/x.js", "url(http://example.org/a.css)"]
)
def test_an_address_would_be_seen(line: str) -> None:
    assert addresses(line)
