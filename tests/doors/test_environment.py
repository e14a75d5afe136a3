"""Where we are, and which doors work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from specviz.doors import environment
from specviz.doors.environment import Door, doors_here, file_browser_entry, library_trouble, where, why_no_view


def fake(shell_name: str | None, **names: Any) -> dict[str, ModuleType]:
    shell: Any = None if shell_name is None else type(shell_name, (), {"user_ns": names})()
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    return {"IPython": ipython}


@pytest.mark.parametrize(
    ("modules", "environ", "place"),
    [
        ({}, {}, "script"),
        (fake(None), {}, "script"),
        (fake("TerminalInteractiveShell"), {}, "ipython"),
        (fake("ZMQInteractiveShell"), {}, "jupyter"),
        (fake("ZMQInteractiveShell"), {"SERVER_SOFTWARE": "voila/0.5.13"}, "voila"),
        (fake("ZMQInteractiveShell"), {"VSCODE_PID": "1"}, "vscode"),
        (fake("ZMQInteractiveShell", __vsc_ipynb_file__="a.ipynb"), {}, "vscode"),
        ({**fake("Shell"), "google.colab": ModuleType("google.colab")}, {}, "colab"),
    ],
)
def test_where(modules: dict[str, ModuleType], environ: dict[str, str], place: str) -> None:
    assert where(modules, environ) == place


def test_every_door_has_a_reason() -> None:
    doors = {door.name: door for door in doors_here()}
    assert set(doors) == {
        "JupyterLab",
        "Notebook 7",
        "Voila",
        "Open in Specviz",
        "panel-preview",
        "VS Code",
        "Colab",
        "specviz serve",
        "saved page",
        "terminal",
    }
    assert all(door.why for door in doors.values())
    assert doors["specviz serve"].works is True and doors["terminal"].works is False and doors["VS Code"].works is None
    assert doors_here()[0].name == "specviz serve"  # a test is a script


def test_an_untested_release_closes_the_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"bokeh": "3.10.0rc1", "panel": "1.9.4", "anywidget": "0.11.0", "ipywidgets": "8.1.9"}
    monkeypatch.setattr(environment.metadata, "version", versions.__getitem__)
    assert library_trouble() == "bokeh 3.10.0rc1 is not one of the tested releases (>=3.9.2,<3.10)"
    doors = {door.name: door for door in doors_here()}
    assert doors["JupyterLab"] == Door("JupyterLab", False, library_trouble())


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("script", "a terminal draws no plots. specviz serve opens it"),
        ("ipython", "a terminal draws no plots. specviz serve opens it"),
        ("jupyter", "no Jupyter widgets, or no kernel"),
        ("vscode", "no Jupyter widgets, or no kernel"),
        ("colab", "no Jupyter widgets, or no kernel"),
    ],
)
def test_where_nothing_is_drawn_text_says_why(place: str, said: str) -> None:
    assert said in why_no_view(place)


def test_an_untested_release_is_the_reason_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "library_trouble", lambda: "bokeh 4.0 is not one of the tested releases (>=3)")
    assert why_no_view("jupyter") == why_no_view("script")
    assert "bokeh 4.0 is not one of the tested releases" in why_no_view("jupyter")


SHOW = """
import bokeh.plotting
from specviz.doors import host_layout
from specviz.doors.environment import at_prompt

class Host:
    def __repr__(self): return at_prompt("<a host>")

host = host_layout(bokeh.plotting.figure())
"""


@pytest.mark.parametrize(
    ("command", "expression", "said", "unsaid"),
    [
        ([sys.executable, "-q", "-i"], "Host()", "<a host>\nIt cannot be shown here: a terminal", "Traceback"),
        (
            [sys.executable, "-m", "IPython", "--colors=NoColor", "--simple-prompt", "--no-banner"],
            "host",
            "It cannot be shown here: a terminal",
            "Traceback",
        ),
        ([sys.executable, "-"], "print(Host())", "<a host>", "It cannot"),  # a program is told nothing it did not ask
    ],
    ids=["python", "ipython", "program"],
)
def test_in_a_terminal(command: list[str], expression: str, said: str, unsaid: str, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    environment_ = {**os.environ, "PYTHONPATH": str(root), "IPYTHONDIR": str(tmp_path), "PYTHONSTARTUP": ""}
    done = subprocess.run(
        command, input=f"{SHOW}\n{expression}\n", capture_output=True, text=True, env=environment_, check=False
    )
    assert said in done.stdout, done.stdout + done.stderr
    assert unsaid not in done.stdout + done.stderr


def test_the_jupyterlab_extension_is_found_or_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    assert file_browser_entry().works is None and "install jupyter-specviz where" in file_browser_entry().why
    folder = tmp_path / "share/jupyter/labextensions/jupyter-specviz"
    (folder / "static").mkdir(parents=True)
    (folder / "package.json").write_text("{")
    assert file_browser_entry().works is False and "is damaged" in file_browser_entry().why
    package = {"version": "1.2.3", "jupyterlab": {"_build": {"load": "static/remoteEntry.js"}}}
    (folder / "package.json").write_text(json.dumps(package))
    assert file_browser_entry().works is False and "lacks" in file_browser_entry().why
    (folder / "static/remoteEntry.js").write_text("")
    assert file_browser_entry() == Door(
        "Open in Specviz", True, "JupyterLab extension 1.2.3: file browser, double click, launcher"
    )
