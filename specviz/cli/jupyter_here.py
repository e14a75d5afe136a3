"""Which Jupyter serves notebooks here, and which Python its kernels are: the usual reason why an import fails."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from specviz.cli.finding import Finding

#: The first JupyterLab that the browser tests run in.
TESTED_LAB = "4.4"
_REGISTER = f"{sys.executable} -m ipykernel install --user --name specviz --display-name 'Python (specviz)'"


def jupyter() -> Iterator[Finding]:
    """The server, the kernels that start this Python, and kernels that do not."""
    yield from server()
    yield from kernels()
    yield from this_kernel()


def server(lab: str | None = None) -> Iterator[Finding]:
    """JupyterLab of this environment, or the one that the command ``jupyter-lab`` starts.

    Parameters
    ----------
    lab : str, optional
        The command's path instead of the one on ``PATH``, for tests.
    """
    from packaging.version import Version

    try:
        version = metadata.version("jupyterlab")
    except metadata.PackageNotFoundError:
        version = ""
    command = lab or shutil.which("jupyter-lab")
    if version and Version(version) < Version(TESTED_LAB):
        yield Finding(
            "note", f"JupyterLab {version} is older than {TESTED_LAB}, the oldest that specviz is tested with: "
            "views may stay empty, 'Open in Specviz' may be missing",
            f"{sys.executable} -m pip install 'jupyterlab>={TESTED_LAB}', then restart the server",
        )  # fmt: skip
    elif version:
        yield Finding("ok", f"JupyterLab {version} in this environment")
    elif command is None:
        yield Finding("note", "no JupyterLab: specviz serve shows the Explorer in a browser without it",
                      f"{sys.executable} -m pip install 'jupyter-specviz[lab]'")  # fmt: skip
    if command is not None and not _is_ours(command):
        yield from _other_server(Path(command))


def _other_server(command: Path) -> Iterator[Finding]:
    """A server of another environment: which of our browser sides it lacks."""
    home = command.absolute().parent.parent
    extensions = home / "share" / "jupyter" / "labextensions"
    lacking = [name for name in ("anywidget", "jupyter-specviz") if not (extensions / name).is_dir()]
    where = f"the command jupyter-lab is another environment's ({home})"
    if "anywidget" in lacking:
        yield Finding("note", f"{where}, and anywidget is not in it: views stay empty there",
                      f"{command.parent / 'python'} -m pip install anywidget jupyter-specviz, or start Jupyter as "
                      f"{sys.executable} -m jupyter lab")  # fmt: skip
    elif lacking:
        yield Finding("note", f"{where}: views work there, 'Open in Specviz' is missing",
                      f"{command.parent / 'python'} -m pip install jupyter-specviz")  # fmt: skip
    else:
        yield Finding("ok", f"{where}; it has what views need")


def kernels(specs: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[Finding]:
    """Which notebook kernels are this Python, and which others cannot import specviz.

    Parameters
    ----------
    specs : mapping, optional
        ``{name: {"argv": [...], "display_name": ..., "language": ...}}`` instead of the installed ones, for tests.
    """
    if specs is None:
        try:
            from jupyter_client.kernelspec import KernelSpecManager
        except ImportError:
            yield Finding("note", "no Jupyter kernel of this Python: notebooks elsewhere cannot import specviz",
                          f"{sys.executable} -m pip install ipykernel, then {_REGISTER}")  # fmt: skip
            return
        found = KernelSpecManager().get_all_specs()
        specs = {name: entry["spec"] for name, entry in found.items()}
    ours = [name for name, spec in specs.items() if is_this_python(spec["argv"])]
    if ours:
        titles = ", ".join(f"{name} ({specs[name].get('display_name', name)})" for name in sorted(ours))
        yield Finding("ok", f"kernels that are this Python: {titles}")
    else:
        yield Finding("note", "no Jupyter kernel starts this Python: notebooks cannot import this specviz",
                      f"{_REGISTER}, then choose 'Python (specviz)' in the notebook's kernel menu")  # fmt: skip
    for name, spec in sorted(specs.items()):
        if name in ours or spec.get("language", "python") != "python" or not spec["argv"]:
            continue
        other = spec["argv"][0]
        title = f"the kernel '{spec.get('display_name', name)}' is another Python ({other})"
        if not Path(other).exists():
            yield Finding("note", f"{title}, which is not there any more", f"jupyter kernelspec remove {name}")
        elif not has_specviz(Path(other)):
            yield Finding("note", f"{title}, and has no specviz: 'import specviz' fails in its notebooks",
                          f"{other} -m pip install jupyter-specviz, or choose another kernel there")  # fmt: skip


def this_kernel(ancestors: Sequence[Sequence[str]] | None = None) -> Iterator[Finding]:
    """``!specviz doctor`` in a cell: is the command of the notebook's own Python?

    Parameters
    ----------
    ancestors : sequence of command lines, optional
        Of the processes above this one, the nearest first, for tests.
    """
    if ancestors is None:
        if "JPY_PARENT_PID" not in os.environ:  # no kernel above us
            return
        import psutil

        try:
            ancestors = [process.cmdline() for process in psutil.Process().parents()]
        except psutil.Error:  # another user's, or gone meanwhile: nothing can be said
            return
    for command in ancestors:
        if any("ipykernel" in word for word in command[1:4]):
            if not is_this_python(command):
                yield Finding(
                    "trouble", f"this notebook's kernel is {command[0]}, but the command specviz belongs to "
                    f"{sys.executable}: what is found here does not hold for the notebook",
                    "run in a cell: %pip install jupyter-specviz, restart the kernel, then: "
                    "!{sys.executable} -m specviz doctor",
                )  # fmt: skip
            return


def is_this_python(argv: Sequence[str]) -> bool:
    """Whether a command line starts the Python that runs now; Jupyter takes its own for a bare ``python``."""
    if not argv:
        return False
    if Path(argv[0]).name == argv[0]:
        return argv[0].startswith("python")
    return _is_ours(argv[0])


def has_specviz(python: Path) -> bool:
    """Whether our distribution lies in the environment of another Python; its files are looked at, it is not run."""
    folder = python.absolute().parent  # bin or Scripts; of conda on Windows the environment itself
    patterns = [f"{lib}/site-packages/jupyter_specviz-*.dist-info" for lib in ("lib/python3*", "Lib")]
    return any(list(home.glob(pattern)) for home in (folder, folder.parent) for pattern in patterns)


def _is_ours(program: str) -> bool:
    """Whether a program lies beside this Python. Links are not followed: a virtual environment's Python is a link to
    the one it was made of, and conda keeps environments inside one another.
    """
    ours = {Path(sys.executable).absolute().parent, Path(sysconfig.get_path("scripts")).absolute()}
    return Path(program).absolute().parent in ours
