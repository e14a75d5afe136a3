"""Fixtures for every test: where the shared materials are, and one thread for torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


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
