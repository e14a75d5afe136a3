"""The replay server for every test of this room; nothing here asks the network."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_REPLAY = Path(__file__).resolve().parents[1] / "replay" / "server.py"


def replay_module() -> Any:
    """tests/replay/server.py as the module ``replay_server`` (the files of routes import it by that name)."""
    if "replay_server" not in sys.modules:
        spec = importlib.util.spec_from_file_location("replay_server", _REPLAY)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["replay_server"] = module
        spec.loader.exec_module(module)
    return sys.modules["replay_server"]


@pytest.fixture(scope="session")
def replay_server() -> Iterator[Any]:
    """One server for the session."""
    module = replay_module()
    with module.ReplayServer(module.shared_replies()) as server:
        yield server


@pytest.fixture
def replay(replay_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The server, with no faults and an empty log; services lead to it, the cache is empty, waits are short.

    ``replay.fault("slow", "lamost/.*fits", seconds=3)`` and the like make something go wrong.
    """
    replay_server.faults.clear()
    replay_server.log.clear()
    replay_server.asked.clear()
    monkeypatch.setenv("SPECVIZ_ENDPOINTS", replay_server.base)
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SPECVIZ_RETRY_WAIT", "0.02")
    monkeypatch.setenv("SPECVIZ_PACE", "0")
    monkeypatch.delenv("SPECVIZ_OFFLINE", raising=False)
    monkeypatch.delenv("SPECVIZ_TIMEOUT", raising=False)
    yield replay_server
    replay_server.faults.clear()


@pytest.fixture
def no_lamost_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor the home folder, which is ``tmp_path``, holds a token for LAMOST."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("SPECVIZ_LAMOST_TOKEN", raising=False)


@pytest.fixture
def dr10(replay: Any) -> Any:
    """A client of the release whose replies were recorded."""
    from specviz.archives.lamost import Lamost

    return Lamost("dr10/v2.0")


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For tests marked ``remote``: the real services, an empty cache; skips where there is no network."""
    for name in ("SPECVIZ_ENDPOINTS", "SPECVIZ_OFFLINE", "SPECVIZ_PACE", "SPECVIZ_RETRY_WAIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    try:
        socket.getaddrinfo("simbad.cds.unistra.fr", 443)
    except OSError:
        pytest.skip("there is no network")
