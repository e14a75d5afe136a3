"""Light curves for the star on screen: simulated, fetched, from a file; joined, or refused as another star's."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.errors import NotFoundError, ServiceDownError
from specviz.session import curves
from specviz.spectra.star import Identifier, LightCurve, Star


def _text(start: float = 0.0, days: float = 30.0) -> bytes:
    t = start + np.arange(0.0, days, 0.0204)
    rows = "\n".join(f"{a:.5f},{1 + 0.001 * np.sin(a):.6f}" for a in t)
    return f"time,flux\n{rows}\n".encode()


@pytest.fixture
def session(make_session: Callable[..., Any]) -> Any:
    made = make_session()
    made.set_work(["demo 1", "demo 2"])
    made.wait()
    return made


def test_a_demo_star_gets_a_simulated_curve_that_is_always_the_same(session: Any) -> None:
    job = session.fetch_light_curve()
    state = session.wait()
    assert job.error is None and state.star.name == "demo 1" and state.notice is None
    curve = state.star.light_curve
    assert curve.meta["origin"].startswith("simulated: ") and curve.meta["prot"] > 0
    assert curve.time[-1] - curve.time[0] == pytest.approx(180.0, abs=3.0)
    assert state.star.meta["attached"] == ("light_curve",) and state.position == 0
    session.fetch_light_curve()
    assert np.array_equal(session.wait().star.light_curve.flux, curve.flux)


def test_a_file_is_read_for_the_star_on_screen_and_joined(session: Any) -> None:
    session.attach("light_curve", "first.csv", _text())
    first = session.wait().star
    assert first.name == "demo 1" and first.spectra and len(first.light_curve) == 1471
    session.attach("light_curve", "later.csv", _text(40.0))
    later = session.wait().star.light_curve
    assert len(later) == 2942 and later.meta["segments"] == 2
    session.attach("light_curve", "instead.csv", _text(10.0))
    assert len(session.wait().star.light_curve) == 1471  # it overlaps: another version of the same


def test_a_dropped_curve_belongs_to_the_star_only_while_the_panel_is_open(session: Any) -> None:
    session.studies = {"desa": SimpleNamespace(options=(), prepare=lambda *_: None, answer=lambda *_: None)}
    session.study("desa")
    session.open_bytes("dropped.csv.gz", gzip.compress(_text()))
    assert session.wait().star.name == "demo 1" and session.state.star.light_curve is not None
    session.study("")
    session.open_bytes("dropped.csv", _text())
    assert session.wait().star.name == "dropped" and not session.state.star.spectra


def test_what_is_no_light_curve_costs_nothing(session: Any) -> None:
    before = session.state.star
    session.attach("light_curve", "list.csv", b"name\nHD 1\nHD 2\n")
    state = session.wait()
    assert (state.star is before and state.notice.level == "warning") or state.notice.level == "error"
    assert "light curve" in state.notice.text + state.notice.title
    assert "retry" not in state.notice.actions
    assert state.work[0].status == "current"


def test_the_curve_of_another_star_is_refused() -> None:
    star = Star("KIC 1", identifiers=(Identifier("KIC", "", "1"),))
    other = Star("KIC 2", identifiers=(Identifier("KIC", "", "2"),), light_curve=LightCurve([0, 1], [1, 1]))
    with pytest.raises(Exception, match="is the light curve of KIC 2, and KIC 1 is KIC 1"):
        curves.curve_of("k.fits", [other], star)
    assert curves.curve_of("k.fits", [other], Star("HD 1")) is other.light_curve


def test_a_failure_is_a_notice_and_the_row_stays(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_args: Any, **_options: Any) -> Any:
        raise ServiceDownError("MAST is down", service="mast")

    monkeypatch.setattr(curves, "fetched", down)
    before = session.state.star
    session.fetch_light_curve()
    state = session.wait()
    assert state.star is before and "MAST is down" in state.notice.title + state.notice.text
    assert state.work[0].status == "current" and state.position == 0


def test_without_archives_or_a_star() -> None:
    with pytest.raises(NotFoundError, match="There is no light curve of HD 1 here"):
        curves.fetched(Star("HD 1"), sky=None)


def test_nothing_is_fetched_for_no_star(make_session: Callable[..., Any]) -> None:
    assert make_session().fetch_light_curve() is None
