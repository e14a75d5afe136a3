"""Every notebook runs through nbmake in a fresh kernel without a network, and is committed fit for a reader.

How long each takes: ``pytest tests/notebooks -k runs --durations=0``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbmake.nb_run import NotebookRun

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
#: Those in which one learns by doing.
LESSONS = ("02_what_is_a_spectrum", "05_two_surveys_one_star", "06_posteriors_and_honesty")
#: A proxy that nobody answers at: whatever asks the network fails at once instead of hanging.
NOWHERE = "http://127.0.0.1:9"

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The kernel inherits this environment; its caches and its IPython profile are in a folder of their own."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


def _cells(path: Path, kind: str) -> list[Any]:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def test_there_are_notebooks() -> None:
    names = [p.stem for p in NOTEBOOKS]
    assert names[:1] == ["00_quickstart"]
    assert all(re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)*", name) for name in names), names
    numbers = [name[:2] for name in names]
    assert len(set(numbers)) == len(numbers)


@each
def test_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.id for c in cells if c.outputs or c.execution_count is not None] == []
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


@each
def test_begins_with_one_title_and_says_what_it_is(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    title, _, rest = cells[0].source.partition("\n")
    assert re.match(r"# \S", title) and len(rest.split()) > 20
    assert [c.id for c in cells[1:] if c.cell_type == "markdown" and re.search(r"(?m)^# ", c.source)] == []


@each
def test_pictures_have_words(path: Path) -> None:
    text = "\n".join(c.source for c in _cells(path, "markdown"))
    assert re.findall(r"!\[\s*\]\([^)]*\)", text) == []
    assert [tag for tag in re.findall(r"<img\b[^>]*>", text) if not re.search(r'alt="[^"]+', tag)] == []
    code = "\n".join(c.source for c in _cells(path, "code"))
    assert code.count("specviz.chart(") == len(re.findall(r"\balt=", code))  # the call itself refuses an empty one
    assert not re.search(r"matplotlib|plotly|altair|bokeh\.io|pn\.extension", code)


@each
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
    assert re.findall(r"""<(?:script|link|iframe)\b|src=["']https?:|!\[[^]]*\]\(https?:""", text) == []


@each
def test_solutions_are_folded(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        solution = cell.id.startswith("solution")
        assert (cell.metadata.get("jupyter", {}).get("source_hidden", False)) == solution, cell.id
        assert ("solution" in cell.metadata.get("tags", ())) == solution, cell.id
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert prose.count("<details>") == prose.count("</details>") == prose.count("<summary>")
    exercises = len(re.findall(r"\*\*Exercise \d+\.\*\*", prose))
    answers = prose.count("<details>") + sum(c.id.startswith("solution") for c in notebook.cells)
    assert answers >= exercises
    assert exercises >= (4 if path.stem in LESSONS else 0)


@each
def test_it_runs(path: Path) -> None:
    result = NotebookRun(path, 120).execute()
    assert result.error is None, result.error.trace
    cells = [c for c in result.nb.cells if c.cell_type == "code"]
    assert all(c.execution_count for c in cells)
    outputs = [o for c in cells for o in c.outputs]
    assert [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"] == []
    shown = [str(o.get("data", {}).get("text/html") or o.get("text") or "") for o in outputs]
    assert [found for text in shown for found in re.findall(r"(?<![\w=-])-?\d+\.\d{8,}|np\.\w+\(|>nan<", text)] == []
    assert {o.output_type for o in outputs} & {"execute_result", "display_data"}, "no cell shows anything"
