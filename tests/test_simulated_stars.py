"""The stars of a catalogue that was built from a simulated sky are found by their names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.app.simulated_stars import SimulatedStars
from specviz.archives.simulated_sky import CELL, SimulatedSky
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import NotFoundError

pytest.importorskip("pyarrow")


def _catalog(path: Path, **notes: str) -> StarCatalog:
    made = StarCatalog.create(path, Header("fake", "1", "0" * 64, "", {}, (), notes))
    made.append({"object_id": ["sim 0", "sim 1"]}, {s: np.eye(2, 4) for s in ("lamost_lrs", "gaia_xp")})
    return made


def test_a_star_is_drawn_again_with_the_sky_it_was_drawn_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def cell(sky: SimulatedSky, number: int) -> Any:
        asked.append((sky.n, sky.seed, sky.surveys, number))
        return SimpleNamespace(stars=[f"star {number * CELL + i}" for i in range(CELL)])

    monkeypatch.setattr(SimulatedSky, "cell", cell)
    stars = SimulatedStars.of(_catalog(tmp_path / "a", made_from="simulated:5_000:3"))
    assert stars is not None
    assert [c.name for c in stars.resolve(" SIM  1030 ")] == ["sim 1030"] and stars.resolve("sim 5000") == []
    assert stars.fetch("sim 1030") == "star 1030" and asked == [(5000, 3, ("gaia_xp", "lamost_lrs"), 1)]
    with pytest.raises(NotFoundError, match="sim 0 to sim 4999"):
        stars.fetch("demo 1")


def test_other_catalogues_have_none(tmp_path: Path) -> None:
    assert SimulatedStars.of(_catalog(tmp_path / "b", made_from="demo")) is None
    assert SimulatedStars.of(_catalog(tmp_path / "c")) is None
