"""The light curve of a star from MAST: by its number or its position, neighbouring quarters as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives import mast
from specviz.archives.light_curves import _neighbouring, light_curve_of
from specviz.archives.transport import offline
from specviz.errors import NotFoundError, OfflineError
from specviz.spectra.star import Identifier, Star

_KIC = Identifier("KIC", "", "10424789")


def test_quarters_of_a_numbered_star_are_one_curve(replay: Any, shared: Path) -> None:
    """Quarter 0 is listed and not given: it costs its own ten days."""
    curve = light_curve_of(Star("x", identifiers=(_KIC,)))
    assert curve.meta["quarter"] == "1, 2" and curve.meta["segments"] == 2
    assert np.all(np.diff(curve.time) > 0) and np.median(curve.flux) == pytest.approx(1.0, abs=1e-4)
    assert len(curve) == 1624 + 4070


def test_a_position_is_enough(replay: Any, shared: Path) -> None:
    assert mast.numbers_at(298.61874, 47.56796) == ["KIC 10424789", "TIC 270693998"]
    curve = light_curve_of(Star("LAMOST J", ra=298.61874, dec=47.56796), most=1)
    assert curve.meta["quarter"] == 2  # the longest


def test_no_star_no_number_no_curve(replay: Any) -> None:
    with pytest.raises(NotFoundError, match="no position to find one by"):
        light_curve_of(Star("HD 1"))
    with pytest.raises(NotFoundError, match="lists no star within 3"):
        light_curve_of(Star("HD 1", ra=10.0, dec=10.0))
    with pytest.raises(NotFoundError, match="MAST has no light curve of TIC 5"):
        light_curve_of(Star("HD 1", identifiers=(Identifier("TIC", "", "5"),)))


def test_without_a_network(replay: Any) -> None:
    with offline(True), pytest.raises(OfflineError):
        light_curve_of(Star("x", identifiers=(_KIC,)))


def test_neighbours_with_most_data_are_taken() -> None:
    def product(period: int, size: int, cadence: str = "long") -> mast.Product:
        return mast.Product("Kepler", "KIC 1", period, cadence, f"q{period}", f"u{period}", size)

    listed = [product(n, 10 if n < 5 else 100) for n in (7, 6, 5, 4, 3, 2, 1)] + [product(9, 9999, "short")]
    assert [p.period for p in _neighbouring(listed, 3)] == [5, 6, 7]
    assert len(_neighbouring(listed, 20)) == 7 and _neighbouring([], 3) == []
