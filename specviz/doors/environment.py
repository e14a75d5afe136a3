"""Where this process runs, and which doors work from here. Looks only; imports nothing heavy and asks no network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

#: Release lines whose private names the contract test knows: distribution -> (first, first not).
TESTED: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "bokeh": ((3, 9, 2), (3, 10)),
    "panel": ((1, 9, 4), (1, 10)),
    "anywidget": ((0, 11), (0, 12)),
    "ipywidgets": ((8, 1, 9), (9,)),
}
#: The oldest front ends that the browser tests were run in.
OLDEST: Mapping[str, tuple[int, ...]] = {"jupyterlab": (4, 4), "notebook": (7, 4), "voila": (0, 5, 8)}


@dataclass(frozen=True)
class Door:
    """One way to a screen.

    Attributes
    ----------
    name : str
    works : bool or None
        None: cannot be told from here, or never tried by us.
    why : str
        The reason, in one sentence.
    """

    name: str
    works: bool | None
    why: str


def where(modules: Mapping[str, ModuleType] | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The place this process runs in.

    Parameters
    ----------
    modules, environ : mapping, optional
        Instead of ``sys.modules`` and ``os.environ``, for tests.

    Returns
    -------
    str
        ``"colab"``, ``"marimo"``, ``"vscode"``, ``"voila"``, ``"jupyter"`` (JupyterLab, Notebook 7, nbclient: a
        kernel cannot tell them apart), ``"ipython"`` (a terminal) or ``"script"``.
    """
    modules = sys.modules if modules is None else modules
    environ = os.environ if environ is None else environ
    if "google.colab" in modules:
        return "colab"
    if "marimo" in modules and getattr(modules["marimo"], "running_in_notebook", lambda: False)():
        return "marimo"
    shell = _shell(modules)
    if shell is None:
        return "script"
    if type(shell).__name__ != "ZMQInteractiveShell":
        return "ipython"
    if "VSCODE_PID" in environ or "__vsc_ipynb_file__" in getattr(shell, "user_ns", {}):
        return "vscode"
    if environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return "voila"
    return "jupyter"


def why_no_view(place: str | None = None) -> str:
    """What is read in place of a view where none can be drawn: the reason, and what to do.

    Parameters
    ----------
    place : str, optional
        A word of :func:`where`; this process's own if not given.

    Returns
    -------
    str
        One or two sentences. In a notebook the person sees them only where its page has no widgets.
    """
    trouble = library_trouble()
    if trouble:
        return f"It cannot be shown here: {trouble}. Run: specviz doctor"
    if (place or where()) in ("script", "ipython"):
        return (
            "It cannot be shown here: a terminal draws no plots. "
            "specviz serve opens it in a browser, .save_html('page.html') writes it to a file."
        )
    return (
        "It is shown as text because this page has no Jupyter widgets, or no kernel is behind it. "
        "Run the cell in JupyterLab, Notebook 7, Voila, VS Code or Colab; anywidget belongs beside the Jupyter server."
    )


def at_prompt(text: str) -> str:
    """A ``repr``, with the reason below it at Python's own prompt, which asks an object for nothing else."""
    return f"{text}\n{why_no_view('script')}" if hasattr(sys, "ps1") and where() == "script" else text


def _shell(modules: Mapping[str, ModuleType]) -> Any:
    ipython: Any = modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _numbers(version: str) -> tuple[int, ...]:
    parts = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a copy on the path that nobody installed
        return ""


def library_trouble() -> str:
    """What is missing or of an untested release among the libraries of the doors; empty when nothing is."""
    troubles = []
    for name, (first, end) in TESTED.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            troubles.append(f"{name} is not installed")
            continue
        if not first <= _numbers(version) < end:
            wanted = f">={'.'.join(map(str, first))},<{'.'.join(map(str, end))}"
            troubles.append(f"{name} {version} is not one of the tested releases ({wanted})")
    return "; ".join(troubles)


def _lab_extension(name: str) -> Path | None:
    """An extension of the Jupyter in this environment; the server may run in another one."""
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
        path = Path(prefix) / "share" / "jupyter" / "labextensions" / name
        if path.is_dir():
            return path
    return None


def file_browser_entry() -> Door:
    """Whether "Open in Specviz" is in JupyterLab's file browser and the card in its launcher."""
    name = "Open in Specviz"
    folder = _lab_extension("jupyter-specviz")
    if folder is None:
        why = "the JupyterLab extension is not in this environment; install jupyter-specviz where the server runs"
        return Door(name, None, why)
    try:
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        version, load = str(package["version"]), folder / package["jupyterlab"]["_build"]["load"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Door(name, False, f"the JupyterLab extension in {folder} is damaged ({error}); install it again")
    if not load.is_file():
        return Door(name, False, f"the JupyterLab extension lacks {load}; install jupyter-specviz again")
    return Door(name, True, f"JupyterLab extension {version}: file browser, double click, launcher")


def doors_here() -> list[Door]:
    """Every door, the one of this place first.

    Returns
    -------
    list of Door
    """
    place, trouble = where(), library_trouble()
    doors = [
        *(
            _kernel_door(name, module, place, trouble)
            for name, module in (("JupyterLab", "jupyterlab"), ("Notebook 7", "notebook"), ("Voila", "voila"))
        ),
        file_browser_entry(),
        _preview_door(trouble),
        Door(
            "VS Code", None if not trouble else False, trouble or "an ordinary ipywidget; VS Code was not tried by us"
        ),
        Door("Colab", None if not trouble else False, trouble or "an ordinary ipywidget; Colab was not tried by us"),
        Door("specviz serve", not trouble, trouble or "a page on this machine, in any browser"),
        Door("saved page", not trouble, trouble or "one HTML file, in any browser"),
        Door("terminal", False, "a terminal shows no plots: use specviz serve, or a saved page"),
    ]
    first = {"jupyter": "JupyterLab", "voila": "Voila", "vscode": "VS Code", "colab": "Colab"}.get(
        place, "specviz serve"
    )
    return sorted(doors, key=lambda door: door.name != first)


def _preview_door(trouble: str) -> Door:
    if trouble or util.find_spec("jupyter_server") is None:
        return Door("panel-preview", False if trouble else None, trouble or "jupyter_server is not installed here")
    return Door(
        "panel-preview", True, "/panel-preview/render/explorer_app.py on the Jupyter server, a page without code"
    )


def _kernel_door(name: str, module: str, place: str, trouble: str) -> Door:
    if trouble:
        return Door(name, False, trouble)
    if util.find_spec("ipykernel") is None:
        return Door(name, False, "ipykernel is not installed: notebooks have no kernel of this Python")
    if util.find_spec(module) is None:
        return Door(name, None, f"{module} is not installed here; a server elsewhere needs anywidget beside it")
    version = _version(module)
    if version and _numbers(version) < OLDEST[module]:
        oldest = ".".join(map(str, OLDEST[module]))
        return Door(name, None, f"{module} {version} is older than {oldest}, with which it was never tried")
    if _lab_extension("anywidget") is None:
        return Door(
            name, None, "anywidget's extension is not in this environment; install anywidget where the server runs"
        )
    return Door(name, True, "this is where we are" if place in ("jupyter", "voila") else "ready")
