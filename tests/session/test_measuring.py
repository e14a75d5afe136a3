"""Measuring in a session: velocities beside other work, widths and indices at once, all of it the star's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.errors import OptionError, SpecvizError
from specviz.session.session import Session
from specviz.spectra.frames import C_KM_S, header_velocity, to_rest
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum


def _until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


class Templates:
    """One rest-frame template: lines at known places. Can be held up, to see what happens meanwhile."""

    def __init__(self) -> None:
        self.gate, self.asked = threading.Event(), list[Any]()
        self.gate.set()

    def __call__(self, labels: Any) -> list[Spectrum]:
        self.asked.append(labels)
        self.gate.wait(60)
        wave = np.geomspace(3660.0, 9240.0, 8000)
        star = DemoArchive().star(0)
        rest = to_rest(star.spectra["lamost_lrs"], star.catalogue["rv"])
        flux = np.interp(wave, rest.wavelength, rest.flux)
        return [Spectrum(wave, flux, frame="rest", meta={"object_id": "itself"})]


@pytest.fixture
def templates() -> Templates:
    return Templates()


@pytest.fixture
def session(make_session: Callable[..., Session], templates: Templates) -> Session:
    session = make_session(templates=templates)
    session.open("demo 1")
    session.wait()
    return session


def test_a_velocity_is_found_and_used(session: Session, templates: Templates) -> None:
    truth = DemoArchive().star(0).catalogue["rv"]
    job = session.cross_correlate()
    assert session.state.velocity is not None
    job.finished.wait(60)
    _until(lambda: bool(session.state.velocity and session.state.velocity.result))
    found = session.state.velocity.result  # type: ignore[union-attr]
    assert found is not None and abs(found.rv - truth) < 3 and found.template == "itself"
    assert templates.asked and set(templates.asked[0]) >= {"teff", "logg", "fe_h"}  # of the star's own posterior
    assert session.use_velocity() == pytest.approx(found.rv, abs=0.006) == session.state.view.rv
    assert session.undo() and session.state.view.rv is None


def test_another_star_drops_what_was_measured(session: Session, templates: Templates) -> None:
    session.measure(4850, 4876)
    templates.gate.clear()
    job = session.cross_correlate()
    session.open("demo 2")  # is not held up
    session.wait()
    assert session.state.velocity is None and session.state.measurements == ()
    assert job.cancelled
    templates.gate.set()
    job.finished.wait(60)
    time.sleep(0.05)
    assert session.state.velocity is None


def test_a_velocity_that_cannot_be_told_is_said_in_words(make_session: Any, templates: Templates) -> None:
    rng = np.random.default_rng(0)
    noise = Spectrum(LAMOST_NATIVE, 1 + rng.normal(0, 0.2, 3909), np.full(3909, 25.0), survey="lamost_lrs")
    session = make_session(templates=templates)
    session.open(noise)
    session.wait()
    session.cross_correlate()
    _until(lambda: bool(session.state.velocity and session.state.velocity.problem))
    assert "peak" in session.state.velocity.problem and session.use_velocity() is None
    assert session.state.view.rv is None


def test_widths_are_kept_until_they_are_cleared(session: Session) -> None:
    first = session.measure(4876, 4850)
    assert (first.low, first.high) == (4850, 4876) and first.method == "bands" and first.value > 1 > first.sigma > 0
    session.set(measure_by="edges")
    second = session.measure(5160, 5195)
    assert second.method == "edges" and session.state.measurements == (first, second)
    table = session.measurement_table()
    assert len(table) == 2 and table["low"].unit == "Angstrom" and table.meta["object"] == "demo 1"
    session.clear_measurements(0)
    assert session.state.measurements == (second,)
    session.clear_measurements()
    assert session.state.measurements == () and len(session.measurement_table()) == 0


def test_indices_are_measured_at_the_velocity_that_is_shown(session: Session) -> None:
    own = session.indices()
    spectrum = session.state.star.spectra["lamost_lrs"]  # type: ignore[union-attr]
    assert own.meta["rv_km_s"] == pytest.approx(header_velocity(spectrum))
    session.set(rv=1500.0)
    other = session.indices()
    beta = [str(n) for n in own["name"]].index("Hbeta")
    assert other.meta["rv_km_s"] == 1500.0 and other["value"][beta] < own["value"][beta] - 0.3


def test_what_cannot_be_measured_is_refused(session: Session, make_session: Any) -> None:
    with pytest.raises(SpecvizError, match="covers"):
        session.measure(1200, 1220)
    with pytest.raises(OptionError):
        session.measure(4850, 4876, method="guess")
    with pytest.raises(OptionError):
        session.set(measure_by="guess")
    assert session.state.measurements == ()
    empty = make_session()
    for ask in (empty.cross_correlate, empty.indices, lambda: empty.measure(4850, 4876)):
        with pytest.raises(SpecvizError, match="no star"):
            ask()
    empty.open("demo 1")
    empty.wait()
    with pytest.raises(SpecvizError, match="no templates"):
        empty.cross_correlate()


def test_two_threads_measure_at_once(session: Session) -> None:
    def many(low: float) -> None:
        for k in range(10):
            session.measure(low + k, low + k + 20)

    threads = [threading.Thread(target=many, args=(low,)) for low in (4400.0, 5200.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(session.state.measurements) == 20


def test_the_velocity_of_a_header() -> None:
    wave = np.linspace(4000, 5000, 50)
    plain = Spectrum(wave, np.ones(50))
    assert header_velocity(plain) is None
    assert header_velocity(plain.with_(meta={"z": 1e-3})) == pytest.approx(1e-3 * C_KM_S, rel=1e-3)
    assert header_velocity(plain.with_(meta={"z": 1e-3, "rv": -12.0})) == -12.0
    assert header_velocity(plain.with_(meta={"rv": -12.0}, frame="rest")) is None
