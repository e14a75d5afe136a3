"""Browser fixtures: one Jupyter server and one Chromium a session, one fresh page and kernel a test.

Nothing may leave this machine and no console error may pass; ``specviz.benchmarks.browser.FOREIGN`` names known ones
of others. Skips where there is no Chromium; fails instead with ``REQUIRE_BROWSER=1``, as continuous integration sets.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).resolve().parent
_PYTHON_PATH = os.pathsep.join([str(_HERE.parents[1]), str(_HERE)])  # this checkout, and the trees that the tests show
sys.path.insert(0, str(_HERE))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ui)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    report = yield
    setattr(item, f"rep_{report.when}", report)
    return report


def _no_browser(reason: str) -> None:
    (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        _no_browser("playwright is not installed (pip install playwright)")
    from specviz.benchmarks.browser import chromium_path, open_browser

    if chromium_path() is None:
        _no_browser("no Chromium (apt-get install chromium)")
    with open_browser() as found:
        yield found


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Any]:
    """A running Jupyter server that imports specviz, and takes its JupyterLab extension, from this checkout."""
    from specviz.benchmarks.browser import Jupyter

    server = Jupyter(tmp_path_factory.mktemp("jupyter"))
    extension = server.folder / "DATA" / "labextensions" / "jupyter-specviz"  # goes before the installed copy
    shutil.copytree(_HERE.parents[1] / "widgets" / "labextension", extension)  # Voila serves no links
    with server.start(python_path=_PYTHON_PATH):
        yield server


@pytest.fixture
def shot(tmp_path: Path) -> Callable[..., Path]:
    """``shot(page, name)``: a picture in the folder ``SPECVIZ_SHOTS`` if set, else in the test's own folder."""

    def take(page: Any, name: str, **options: Any) -> Path:
        folder = Path(os.environ.get("SPECVIZ_SHOTS") or tmp_path)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        page.screenshot(path=str(path), **options)
        return path

    return take


@pytest.fixture
def open_page(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``open_page(door, **context options) -> page`` with ``page.guard``; checked when the test ends."""
    from specviz.benchmarks.browser import WAIT, Guard

    opened: list[tuple[str, Any]] = []

    def open_one(door: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
        context.set_default_timeout(WAIT * 1000)
        page = context.new_page()
        page.guard = Guard(page)
        opened.append((door, page))
        return page

    yield open_one
    failed = getattr(request.node, "rep_call", None) is None or request.node.rep_call.failed
    for number, (_, page) in enumerate(opened):
        if failed and not page.is_closed():
            path = tmp_path / f"failed{number}.png"
            page.screenshot(path=str(path))
            sys.stderr.write("\n  ".join(["screenshot:", str(path), *page.guard.errors]) + "\n")
    for _, page in opened:
        page.context.close()
    if not failed:
        for door, page in opened:
            page.guard.check(door)


@pytest.fixture
def open_notebook(jupyter: Any, open_page: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """``open_notebook(cells, door="lab"|"nb7"|"voila", **context options) -> Notebook``; its kernel ends too."""
    from specviz.benchmarks.browser import Notebook

    def open_one(cells: Sequence[str], door: str = "lab", name: str | None = None, **options: Any) -> Notebook:
        page = open_page(door, **options)
        return Notebook(page, page.guard, jupyter, cells, door, name)

    jupyter.forget_theme()  # a test that ended in the dark would let the next begin there
    yield open_one
    jupyter.end_kernels()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """``served(code) -> address``: runs ``code`` as a program that serves at the port in ``PORT``."""
    from contextlib import ExitStack

    from specviz.benchmarks.browser import free_port, running

    with ExitStack() as stack:

        def start(code: str, path: str = "/") -> str:
            port = free_port()
            program = tmp_path / f"app{port}.py"
            program.write_text(code)
            env = {**os.environ, "PORT": str(port), "PYTHONPATH": _PYTHON_PATH}
            address = f"http://127.0.0.1:{port}{path}"
            command = [sys.executable, str(program)]
            stack.enter_context(running(command, address, env=env, cwd=tmp_path, log=tmp_path / "served.log"))
            return address

        yield start
