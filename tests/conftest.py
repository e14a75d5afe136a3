"""Fixtures for every test: where the shared materials are, and one thread for torch."""

from __future__ import annotations

import importlib.util
import os
import sys
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
