"""Fixtures of the tests of the official release: a hub on this machine, and a place for models."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def hub_server_module() -> Any:
    """The module tests/models/hub_server.py."""
    name = "specviz_hub_server"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("hub_server.py"))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def hub(hub_server_module: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Start servers in the hub's layout: ``hub(models={name: folder}, datasets={})``; waits between tries are short."""
    pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("specviz.models.hub.download._FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("specviz.models.hub.download._LONGEST_WAIT_S", 0.05)
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    running = []

    def start(models: dict[str, Path] | None = None, datasets: dict[str, Path] | None = None) -> Any:
        server = hub_server_module.HubServer(models or {}, datasets)
        running.append(server.__enter__())
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def models_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models."""
    monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SPECVIZ_CATALOGS", str(tmp_path / "catalogs"))
    return tmp_path / "models"
