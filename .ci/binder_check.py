"""``make binder``: the Binder image rehearsed, in a new environment from binder/'s own files, within 2 GB of memory.

Clones what is committed, makes an environment as ``binder/environment.yml`` says (conda's names become pip's; no
compiler is in reach), runs ``binder/postBuild``, then starts JupyterLab and runs notebooks 00 to 03 beside it, as they
come, under a limit that is first shown to bind (memory_limit.py says how). Prints seconds and the measured peak.

    .venv/bin/python .ci/binder_check.py [--memory GB] [--notebooks 00 01 02 03] [--constraint FILE] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import yaml
from memory_limit import MemoryLimit, binds
from release_check import ROOT, find_python, run, step, without_compilers

#: What conda calls a package, and what pip does.
PIP_NAMES = {"pytorch-cpu": "torch", "pytorch": "torch"}
TOKEN = "binder-rehearsal"  # of a server on the loopback address that lives for a minute
WAIT = 120.0  # seconds, for the server's first answer
#: Addresses that a Binder link opens, and what stands in each answer.
PAGES = (
    ("JupyterLab at 00, without a path", "/", "/lab/tree/notebooks/00_quickstart.ipynb"),
    ("?labpath=notebooks/00_quickstart.ipynb", "/lab/tree/notebooks/00_quickstart.ipynb", "jupyter-config-data"),
    ("?urlpath=panel-preview/render/notebooks/explorer_app.py", "/panel-preview/render/notebooks/explorer_app.py",
     "bokeh"),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Rehearse; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--memory", type=float, default=2.0, metavar="GB", help="of 2**30 bytes; default: %(default)s")
    parser.add_argument("--notebooks", nargs="+", default=["00", "01", "02", "03"], metavar="NN")
    parser.add_argument("--constraint", type=Path, metavar="FILE", help="for pip: the torch of a folder of wheels")
    parser.add_argument("--folder", type=Path, help="where to build; default: a temporary folder")
    arguments = parser.parse_args(argv)
    size = int(arguments.memory * 2**30)
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="binder-") as name:
        folder = Path(name)
        with step(f"the limit of {arguments.memory:g} GB binds"):
            problems = binds(size, folder)
        try:
            clone, environment = image(folder, arguments.constraint)
        except subprocess.CalledProcessError as error:
            print(f"PROBLEM {' '.join(map(str, error.cmd[:6]))} ...\n{error.stdout[-4000:]}", file=sys.stderr)
            return 1
        with MemoryLimit(size) as limit:
            problems += rehearse(clone, environment, limit, arguments.notebooks)
            peak, passed = limit.peak, limit.passed
    print(f"{peak / 2**30:.2f} GB peak of JupyterLab, its kernels and the notebooks' (proportional set size)")
    if passed:
        problems.append(f"everything was ended: {passed / 2**30:.2f} GB were held at once")
    for problem in problems:
        print(f"PROBLEM {problem}", file=sys.stderr)
    print("all well" if not problems else f"{len(problems)} to mend")
    return 1 if problems else 0


def wanted(text: str) -> tuple[str, list[str]]:
    """The Python version and pip's requirements of an ``environment.yml``.

    Raises
    ------
    ValueError
        If it asks for something that this rehearsal cannot follow.
    """
    found = yaml.safe_load(text)
    version, packages = "", []
    for entry in found["dependencies"]:
        if not isinstance(entry, str):
            raise ValueError(f"{entry!r}: a section of pip's is not rehearsed; let postBuild install it")
        name, _, rest = re.sub(r"\s", "", entry).partition("=")
        if name == "python":
            version = rest.strip("=")
        elif name != "pip":
            packages.append(PIP_NAMES.get(name, name) + (f"=={rest.strip('=')}.*" if rest else ""))
    if not version:
        raise ValueError("environment.yml names no Python")
    return version, packages


def image(folder: Path, constraint: Path | None) -> tuple[Path, dict[str, str]]:
    """Build what repo2docker would; the clone, and the environment of processes in it."""
    version, packages = wanted((ROOT / "binder" / "environment.yml").read_text("utf-8"))
    python = find_python(version)
    if python is None:
        raise SystemExit(f"binder/environment.yml asks for Python {version}, which is not on this machine")
    clone, home = folder / "clone", folder / "venv"
    with step("clone what is committed"):
        run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], cwd=folder)
    with step(f"environment.yml: Python {version}, {', '.join(packages)}"):
        run([str(python), "-m", "venv", str(home)], cwd=folder)
        limits = ["-c", str(constraint.resolve())] if constraint else []
        run([str(home / "bin" / "python"), "-m", "pip", "install", "-q", *limits, *packages], cwd=folder)
    environment = without_compilers(folder)
    environment |= {"PATH": f"{home / 'bin'}:{environment['PATH']}", "HOME": str(folder), "PIP_ONLY_BINARY": ":all:"}
    with step("postBuild, no compiler"):
        run(["sh", "binder/postBuild"], cwd=clone, env=environment)
    held = sum(p.stat().st_size for p in home.rglob("*") if p.is_file() and not p.is_symlink())
    print(f"           the environment takes {held / 1e9:.2f} GB of disk")
    return clone, environment


def rehearse(clone: Path, environment: dict[str, str], limit: MemoryLimit, numbers: Sequence[str]) -> list[str]:
    """Start JupyterLab, open what links open, run the notebooks; what went wrong."""
    problems = []
    port = _free_port()
    command = [
        "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={clone}",
    ]  # fmt: skip
    log = clone.parent / "server.log"
    with log.open("w") as out:
        server = limit.start(command, cwd=clone, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            with step("JupyterLab answers"):
                _ask(port, "/api/status")
            print(f"           {limit.held() / 2**30:.2f} GB")
            for what, path, sign in PAGES:
                with step(what):
                    address, text = _ask(port, path)
                if sign not in address and sign not in text:
                    problems.append(f"{what}: {path} answers something else")
            _end_kernels(port)
            for number in numbers:
                problems += _run_notebook(number, clone, environment, limit)
        except OSError as error:
            problems.append(f"the server does not answer ({error})\n{log.read_text()[-2000:]}")
        finally:
            server.terminate()
            server.wait(30)
    return problems


def _run_notebook(number: str, clone: Path, environment: dict[str, str], limit: MemoryLimit) -> list[str]:
    found = sorted((clone / "notebooks").glob(f"{number}_*.ipynb"))
    if not found:
        return [f"there is no notebook {number}"]
    before, limit.peak = limit.peak, 0
    with step(found[0].name):
        status, said = limit.run(["jupyter", "execute", found[0].name], cwd=found[0].parent, env=environment)
    print(f"           {limit.peak / 2**30:.2f} GB at most")
    limit.peak = max(before, limit.peak)
    return [f"{found[0].name} ended with {status}\n{said[-2000:]}"] if status else []


def _ask(port: int, path: str) -> tuple[str, str]:
    """Where an address leads, and what stands there; waits for a server that is starting."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"token {TOKEN}"})
    end = time.monotonic() + WAIT
    while True:
        try:
            with urllib.request.urlopen(request, timeout=WAIT) as answer:
                return str(answer.url), answer.read().decode(errors="replace")
        except ConnectionError:
            if time.monotonic() > end:
                raise
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def _end_kernels(port: int) -> None:
    """As a visitor would who closes the page."""
    for kernel in json.loads(_ask(port, "/api/kernels")[1]):
        address = f"http://127.0.0.1:{port}/api/kernels/{kernel['id']}"
        request = urllib.request.Request(address, headers={"Authorization": f"token {TOKEN}"}, method="DELETE")
        urllib.request.urlopen(request, timeout=WAIT).close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    if shutil.which("git") is None:
        raise SystemExit("git is needed: Binder builds what is committed")
    sys.exit(main())
