"""A real browser before a real Jupyter server, for the benchmarks of the doors and for ``tests/ui``.

One server and one Chromium serve many notebooks; every request to another machine is aborted and remembered; every wait
is bounded and waits for a state. Needs ``playwright`` (its Python package) and a Chromium of the system; neither is a
run-time dependency of specviz.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

TOKEN = "test-token"  # of a server on the loopback address that lives for one session
WAIT = 60.0  # seconds, bound of every wait
# Of several --disable-features only the last counts: here are those of Playwright, and RenderDocument.
# With that on, a page closed at the commit of a navigation stays open, and Playwright waits for ever
# (microsoft/playwright#42068).
NOT_FEATURES = (
    *("RenderDocument", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "PreconnectToSearch"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints", "AimEnabled"),
    *("NetworkTimeServiceQuerying", "ThirdPartyStoragePartitioning"),
)
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=" + ",".join(NOT_FEATURES),
)
# Console errors that these pages write with or without specviz, by door; all others are fatal.
FOREIGN: Mapping[str, tuple[str, ...]] = {
    "lab": (
        r"Command 'filebrowser:[\w-]+' not registered",
        # JupyterLab's splash screen, shown again while it fades (a change of theme does so), is removed from the page
        # twice: apputils-extension calls document.body.removeChild in a timer. No frame of another's code is in it.
        r"\ANotFoundError: Failed to execute 'removeChild' on 'Node'[^\n]*\n    at \S*/static/lab/jlab_core\.\S*\Z",
        # A kernel that is shut down while it works: once ipykernel's IOPub thread has ended, each thread sends on its
        # socket itself (IOPubThread.schedule), and frames of two messages become one, whose header is another's topic.
        r"\ASyntaxError: Kernel message validation error: [^\n]* is not valid JSON\n    at JSON\.parse \(<anonymous>\)"
        r"\n    at e\.deserializeV1KernelWebsocketJupyterOrg ",
    ),
    "nb7": (
        r"Cannot read properties of undefined \(reading 'schema'\)",
        r"Command 'filebrowser:[\w-]+' not registered",
    ),
    "nb7-tree": (  # its file browser, also with an extension in our place that does nothing
        r"Cannot read properties of undefined \(reading 'schema'\)",
        r"Cannot convert undefined or null to object \(\S*/notebook_core\.",
        r"Cannot read properties of null \(reading 'updateRenderOption'\)",
    ),
    "voila": (
        r"pyviz",
        r"[Ss]hared module @jupyterlab/docmanager",
        r"MathJax|font-?awesome",
        r"module-federation\.io/guide/troubleshooting/runtime#runtime-012",
        r"Failed to load resource: net::ERR_FAILED",
        r"Failed to load resource.* 404",
    ),
    "serve": (),
    "file": (),
}
# Addresses that the page of the door itself asks for, before any notebook runs.
FOREIGN_REQUESTS: Mapping[str, str] = {"voila": r"mathjax|font-?awesome"}

_IDLE = "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
_CELLS = "() => window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')"
_KERNEL = "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.id"


def chromium_path() -> str | None:
    """The Chromium of ``CHROMIUM`` or of the search path; None when there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def open_browser() -> Iterator[Any]:
    """A headless Chromium driven by Playwright."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT * 500)  # the default of 5 s is shorter than a cold kernel on a busy machine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_ARGS))
        try:
            yield browser
        finally:
            browser.close()


def free_port() -> int:
    """A port of the loopback address that nobody holds now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], url: str, *, env: Mapping[str, str], cwd: Path, log: Path) -> Iterator[None]:
    """A server process that answers at ``url``; ended by its own process id on exit."""
    with log.open("w") as out:
        process = subprocess.Popen(list(command), env=dict(env), cwd=cwd, stdout=out, stderr=subprocess.STDOUT)
        try:
            end = time.monotonic() + WAIT
            while True:
                try:
                    urllib.request.urlopen(url, timeout=20).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"{command[:4]} did not start:\n{log.read_text()[-3000:]}") from None
                    time.sleep(0.1)
            yield
        finally:
            process.send_signal(signal.SIGTERM)  # stops its kernels too, asks nothing
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


class Jupyter:
    """A Jupyter server with JupyterLab, Notebook 7 and Voila on it.

    Attributes
    ----------
    base : str
        Its address.
    root : Path
        The folder of its notebooks.
    runtime : Path
        The folder of its kernels' connection files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.runtime = folder, folder / "nb", folder / "RUNTIME"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._count = 0

    @contextlib.contextmanager
    def start(self, python_path: str | None = None, *, python: str = sys.executable) -> Iterator[Jupyter]:
        """Run the server, with another environment's ``python`` if told; settings, kernels and logs stay in the given
        folder."""
        self.root.mkdir(parents=True, exist_ok=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_"))}
        env |= {f"JUPYTER_{k}_DIR": str(self.folder / k) for k in ("CONFIG", "DATA", "RUNTIME")}
        env |= {f"JUPYTERLAB_{k}_DIR": str(self.folder / k) for k in ("SETTINGS", "WORKSPACES")}
        env |= {"IPYTHONDIR": str(self.folder / "ipython"), "PYTHONDONTWRITEBYTECODE": "1"}
        env |= {"JUPYTER_PREFER_ENV_PATH": "0"}  # what lies in the folder goes before what is installed
        if python_path is not None:
            env["PYTHONPATH"] = python_path
        quiet = self.folder / "SETTINGS/@jupyterlab/apputils-extension"  # no news dialogue
        quiet.mkdir(parents=True, exist_ok=True)
        (quiet / "notification.jupyterlab-settings").write_text(
            json.dumps({"fetchNews": "false", "checkForUpdates": False})
        )
        command = [
            *(python, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
            *(f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True"),
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]
        url = f"{self.base}/api/status?token={TOKEN}"
        with running(command, url, env=env, cwd=self.folder, log=self.folder / "server.log"):
            yield self

    def write(self, cells: Sequence[str], name: str | None = None) -> str:
        """Write a notebook of code cells; returns its file name."""
        import nbformat

        self._count += 1
        name = name or f"n{self._count}.ipynb"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, self.root / name)
        return name

    def url(self, door: str, name: str) -> str:
        """Address of a notebook at ``"lab"``, ``"nb7"`` or ``"voila"``."""
        path = {"lab": "lab/tree", "nb7": "notebooks", "voila": "voila/render"}[door]
        return f"{self.base}/{path}/{name}?token={TOKEN}" + ("&reset" if door == "lab" else "")

    def forget_theme(self) -> None:
        """Pages that open from now on are light, whatever theme was chosen before."""
        (self.folder / "SETTINGS/@jupyterlab/apputils-extension/themes.jupyterlab-settings").unlink(missing_ok=True)

    def end_kernels(self) -> None:
        """Shut every kernel down, so that memory does not add up over a session."""
        for kind in ("sessions", "kernels"):
            with urllib.request.urlopen(f"{self.base}/api/{kind}?token={TOKEN}", timeout=20) as reply:
                running_now = json.load(reply)
            for entry in running_now:
                request = urllib.request.Request(f"{self.base}/api/{kind}/{entry['id']}?token={TOKEN}", method="DELETE")
                with contextlib.suppress(urllib.error.HTTPError):  # gone meanwhile
                    urllib.request.urlopen(request, timeout=20).close()


class Guard:
    """Watches one page: aborts what leaves this machine, keeps console errors."""

    def __init__(self, page: Any) -> None:
        self.page, self.outside, self.errors = page, set[str](), list[str]()
        local = ("http://127.0.0.1", "ws://127.0.0.1", "file:", "data:", "blob:", "about:")

        def abort(route: Any) -> None:
            self.outside.add(route.request.url)
            route.abort()

        page.route(lambda url: not url.startswith(local), abort)
        page.on(
            "console",
            lambda m: self.errors.append(f"{m.text} ({m.location.get('url', '')})") if m.type == "error" else None,
        )
        page.on("pageerror", lambda e: self.errors.append(e.stack or str(e)))

    def check(self, door: str) -> None:
        """Fail if the page asked another machine for anything, or wrote an error that is not the door's own."""
        allowed = FOREIGN_REQUESTS.get(door)
        outside = {url for url in self.outside if allowed is None or not re.search(allowed, url, re.I)}
        errors = [text for text in self.errors if not any(re.search(known, text) for known in FOREIGN[door])]
        assert outside == set(), f"requests that left this machine: {sorted(outside)}"
        assert errors == [], f"errors in the browser: {errors}"


class Notebook:
    """A notebook open at one door, and its kernel seen from the side."""

    def __init__(
        self,
        page: Any,
        guard: Guard,
        jupyter: Jupyter,
        cells: Sequence[str],
        door: str = "lab",
        name: str | None = None,
    ) -> None:
        self.page, self.guard, self.jupyter, self.door = page, guard, jupyter, door
        self.name = jupyter.write(cells, name)
        page.goto(jupyter.url(door, self.name), wait_until="commit")
        if door != "voila":
            self.wait_ready()

    @property
    def errors(self) -> list[str]:
        """Console errors so far."""
        return self.guard.errors

    @property
    def outside(self) -> set[str]:
        """Addresses of aborted requests so far."""
        return self.guard.outside

    def wait_ready(self) -> None:
        """Until the notebook is drawn and its kernel idle."""
        self.page.wait_for_function(_CELLS)
        self.page.wait_for_function(_IDLE)

    def command(self, name: str, args: Mapping[str, Any] | None = None, *, wait: bool = True) -> None:
        """Run a JupyterLab command. Its promise is never returned: it resolves to objects that cannot be serialised."""
        self.page.evaluate(
            "([name, args]) => { window.__ran = null; window.jupyterapp.commands.execute(name, args)"
            ".then(() => { window.__ran = 'ok' }, (e) => { window.__ran = String(e) }); return 1 }",
            [name, dict(args or {})],
        )
        if wait:
            self.wait_command()

    def wait_command(self) -> None:
        """Until the command that runs now is done; fails if it failed."""
        self.page.wait_for_function("() => window.__ran")
        assert self.page.evaluate("window.__ran") == "ok", self.page.evaluate("window.__ran")

    def run_all(self, *, wait: bool = True) -> None:
        """Run every cell; with ``wait``, until the last is done, and fail on an error or on text in stderr."""
        self.command("notebook:run-all-cells", wait=wait)
        if wait:
            self.check_outputs()

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run one cell by its number."""
        self.page.evaluate(
            "(i) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; return 1 }", index
        )
        self.command("notebook:run-cell", wait=wait)
        if wait:
            self.check_outputs()

    def check_outputs(self) -> None:
        """Fail if a cell shows an error or text in stderr."""
        bad = self.page.locator(
            "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
        )
        assert bad.count() == 0, bad.all_inner_texts()

    def reload(self) -> None:
        """Save, load the page again, and wait for the same kernel."""
        self.command("docmanager:save")
        self.page.goto(self.page.url.replace("&reset", ""), wait_until="commit")
        self.wait_ready()

    def set_theme(self, mode: str) -> None:
        """Switch JupyterLab to its light or dark theme and wait for it."""
        self.command("apputils:change-theme", {"theme": f"JupyterLab {mode.capitalize()}"}, wait=False)
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{str(mode == 'light').lower()}'")

    def kernel_eval(self, expression: str, timeout: float = WAIT) -> Any:
        """Value of an expression in the same kernel, over a client of our own; numbers, strings, lists and the like."""
        from jupyter_client import BlockingKernelClient

        kernel = self.page.evaluate(_KERNEL)
        client = BlockingKernelClient(connection_file=str(self.jupyter.runtime / f"kernel-{kernel}.json"))
        client.load_connection_file()
        # The answer comes on the shell channel alone; a heartbeat that starts while we are done already would ask a
        # context that is gone for a socket.
        client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        try:
            question = {"v": f"repr({expression})"}
            reply = client.execute(
                "", silent=True, store_history=False, user_expressions=question, reply=True, timeout=timeout
            )
            value = reply["content"]["user_expressions"]["v"]
            assert value["status"] == "ok", value
            return ast.literal_eval(ast.literal_eval(value["data"]["text/plain"]))
        finally:
            client.stop_channels()

    def until(self, expression: str, wanted: Any = True, timeout: float = WAIT) -> None:
        """Wait until an expression has a value in the kernel: what the page did is on its way there."""
        end = time.monotonic() + timeout
        while (found := self.kernel_eval(expression)) != wanted:
            assert time.monotonic() < end, f"{expression} is {found!r}, not {wanted!r}"
            self.page.wait_for_timeout(100)
