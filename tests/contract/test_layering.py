"""The order of the rooms (DESIGN.md, 'The rooms, from the ground up'), read from the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "specviz"

#: Which rooms a room may import. ``spectra`` (floor 0: what a spectrum and a star are) is open to all but the doors,
#: ``errors`` and the package itself (its version) to all.
MAY_IMPORT = {
    "spectra": set(),
    "models": {"spectra"},
    "simulate": {"models", "spectra"},
    "archives": {"simulate", "spectra"},
    "analysis": {"models", "spectra"},
    "catalog": {"analysis", "models", "spectra"},
    "training": {"catalog", "analysis", "archives", "simulate", "models", "spectra"},
    "benchmarks": {"catalog", "analysis", "archives", "simulate", "models", "spectra"},
    "session": {"catalog", "analysis", "archives", "spectra"},
    "views": {"session", "spectra"},
    "doors": set(),
}
#: Compositions people start: they may import everything below and each other; nothing below may import them.
TOP = {"app", "api", "cli", "assistant", "__main__"}
#: What only some rooms may import, at any depth of the file.
ONLY_IN = {
    "torch": {"models", "training", "benchmarks"},
    "zuko": {"models", "training", "benchmarks"},
    "astroquery": {"archives"},
    "pyvo": {"archives"},
    "specutils": {"spectra"},
    "panel": {"views", "doors", "app"},
    "bokeh": {"views", "doors", "app"},
    "anywidget": {"doors"},
    "ipywidgets": {"doors", "app"},
    "IPython": {"doors", "app"},
}
#: Too slow, or too talkative, for the top of any file.
NEVER_AT_TOP = {"astroquery", "pyvo", "specutils", "gaiaxpy", "sklearn", "pandas", "IPython"} | {
    "pyarrow", "faiss", "umap", "pacmap", "hdbscan", "lsdb", "hats", "dask", "distributed", "numba", "datashader",
}  # fmt: skip
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}

MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = [p for p in MODULES if p != PACKAGE / "__init__.py"]  # its names are lazy: tests/contract/test_import_light.py


def room_of(path: Path) -> str:
    """The room of a file: its folder under specviz/, or its own name at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imports(source: str, package: str) -> Iterator[tuple[str, bool, int]]:
    """Every module a source imports, absolute: (dotted name, at the top of the file?, line).

    ``from specviz.a import b`` gives ``specviz.a.b``: ``b`` may be a module, as in ``from specviz import models``.
    """
    tree = ast.parse(source)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(n) for function in functions for n in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, *([base] if base else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in inside, node.lineno


def violations(source: str, room: str, package: str) -> list[str]:
    """What a file of ``room`` imports and may not."""
    found = []
    for name, at_top, line in imports(source, package):
        first, *rest = name.split(".")
        if first == "specviz":
            target = rest[0] if rest else ""
            known = target in MAY_IMPORT or target in TOP
            if known and target != room and room not in TOP and target not in MAY_IMPORT[room]:
                found.append(f"line {line}: {room} may not import {target}")
            if target == "training" and room not in {"training", "benchmarks", "cli"}:
                found.append(f"line {line}: only the command line imports training")
        elif room not in ONLY_IN.get(first, {room}):
            found.append(f"line {line}: {room} may not import {first}")
        if first in NEVER_AT_TOP and at_top:
            found.append(f"line {line}: import {first} inside the function that needs it")
    return found


def test_every_folder_is_a_known_room() -> None:
    """A new room is a decision about the design, not an accident."""
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.rglob("*.py"))}
    assert folders - set(MAY_IMPORT) - TOP == set()
    files = {p.stem for p in PACKAGE.glob("*.py")}
    assert files - TOP == {"__init__", "errors", "extensions"}  # extensions: plain registries, which import no room


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts[:-1]
    assert violations(path.read_text("utf-8"), room_of(path), ".".join(parts)) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_modules_are_short_and_named_after_what_they_hold(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert path.stem not in VAGUE


def test_browser_modules_are_short() -> None:
    """The same limit for the ES modules we wrote (not for what a build tool or a dependency left)."""
    scripts = [p for p in (ROOT / "widgets").rglob("*.js") if not {"node_modules", "labextension"} & set(p.parts)]
    assert {p.name: n for p in scripts if (n := len(p.read_text("utf-8").splitlines())) > 400} == {}


@pytest.mark.parametrize(
    ("source", "room", "said"),
    [
        ("import torch", "analysis", "analysis may not import torch"),
        ("def f():\n    from torch import nn", "session", "session may not import torch"),
        ("from specviz.session import Session", "analysis", "analysis may not import session"),
        ("from specviz import views", "session", "session may not import views"),
        ("from ..session.state import State", "catalog", "catalog may not import session"),
        ("from specviz.analysis.report import Report", "views", "views may not import analysis"),
        ("from specviz.spectra.star import Star", "doors", "doors may not import spectra"),
        ("from specviz.training.recipe import main", "app", "only the command line imports training"),
        ("from specviz.app import explore", "views", "views may not import app"),
        ("import astroquery.gaia", "archives", "inside the function"),
    ],
)
def test_the_test_sees_a_violation(source: str, room: str, said: str) -> None:
    """A layering test that cannot fail would be worse than none."""
    assert any(said in found for found in violations(source, room, f"specviz.{room}"))


def test_allowed_imports_are_not_complained_of() -> None:
    source = "import numpy\nfrom specviz import __version__\nfrom specviz.errors import ReadError\nfrom . import grids"
    assert violations(source, "spectra", "specviz.spectra") == []
