"""Where we are, and which doors work."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from specviz.doors import environment
from specviz.doors.environment import Door, doors_here, library_trouble, where


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
