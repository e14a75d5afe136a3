"""``specviz.open`` takes the name of a demo star (the real demo sky; tests/test_api.py has a stand-in)."""

from __future__ import annotations

from pathlib import Path

import pytest

import specviz
from specviz.errors import NotFoundError


def test_a_demo_star_is_opened_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of that name goes first; a number beyond the demo sky is said."""
    star = specviz.open("demo 1")
    assert star.name == "demo 1" and {"lamost_lrs", "gaia_xp"} <= set(star.spectra)
    with pytest.raises(NotFoundError, match="demo 1 to demo"):
        specviz.open("demo 999999")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo 1").write_text("\n".join(f"{w} {w / 5000}" for w in range(3800, 9000, 2)))
    assert "gaia_xp" not in specviz.open("demo 1").spectra
