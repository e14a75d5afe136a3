"""Fixtures for every test: where the shared materials are, and one thread for torch."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Live archives are asked only by ``pytest -m remote``."""
    if "remote" in str(config.getoption("-m") or ""):
        return
    for item in items:
        if item.get_closest_marker("remote"):
            item.add_marker(pytest.mark.skip(reason="asks a live archive: pytest -m remote"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared materials (``SPECVIZ_SHARED``, default ``../shared`` beside the repository)."""
    folder = Path(os.environ.get("SPECVIZ_SHARED") or _ROOT.parent / "shared")
    if not (folder / "golden").is_dir():
        pytest.skip("the shared materials are absent (set SPECVIZ_SHARED to their folder)")
    return folder


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Where a test's imports brought torch, keep it to one thread: the suite shares its cores."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def fake_model_class() -> Any:
    """``FakeModel`` of tests/analysis/fake_model.py: a numpy model for tests of the rooms above, no weights needed."""
    spec = importlib.util.spec_from_file_location("specviz_fake_model", _ROOT / "tests" / "analysis" / "fake_model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FakeModel


def _module(name: str, path: Path) -> Any:
    """A module beside the tests, by its path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def official_release() -> Any:
    """The module tests/models/official_release.py: a stand-in for the official SpecCLIP release (``make_release``)."""
    return _module("specviz_official_release", _ROOT / "tests" / "models" / "official_release.py")


@pytest.fixture(scope="session")
def tiny_release(official_release: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny release without usable SBI posteriors, made once, only to be read (``folder``, ``files``, ``configs``)."""
    return official_release.make_release(tmp_path_factory.mktemp("release"), "tiny")


@pytest.fixture
def serve_aside() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """``serve_aside(make) -> server``: what ``make`` returns, run on a thread of its own until the test ends.

    With a loop of its own: that of the tests' thread may be Playwright's.
    """
    import asyncio
    from concurrent.futures import Future
    from threading import Thread

    running: list[tuple[Any, Thread]] = []

    def one(make: Callable[[], Any]) -> Any:
        made: Future[Any] = Future()

        def run() -> None:
            asyncio.set_event_loop(asyncio.new_event_loop())
            try:
                server = make()
                server.start()
            except BaseException as error:  # noqa: BLE001 - raised in the test
                made.set_exception(error)
                return
            made.set_result(server)
            server.io_loop.start()
            server.io_loop.close(all_fds=True)

        thread = Thread(target=run, daemon=True)
        thread.start()
        running.append((made.result(60), thread))
        return running[-1][0]

    yield one
    for server, thread in running:

        def stop(server: Any = server) -> None:
            server.stop()
            server.io_loop.stop()

        server.io_loop.add_callback(stop)
        thread.join(30)
        assert not thread.is_alive()
