"""A session: opening, failing, stopping, stepping through a work list, and threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import NotFoundError, SpecvizError
from specviz.session.jobs import Job, JobRunner
from specviz.session.resolve import resolve


def test_open_shows_star_report_and_neighbours(make_session: Any) -> None:
    session = make_session()
    session.open("demo 3")
    state = session.wait()
    assert state.star.name == "demo 3"
    assert state.report.posterior.names[:3] == ("teff", "logg", "fe_h")
    assert state.busy == "" and state.notice is None and state.target == "demo 3"
    assert list(state.neighbours["object_id"])[:2] == ["demo 1", "demo 2"]
    assert session.index.asked == ["demo 3"]  # the star itself was left out
    assert [r.name for r in state.recent] == ["demo 3"]


def test_a_name_that_is_nothing_says_what_would_be_right_and_keeps_the_screen(make_session: Any) -> None:
    session = make_session()
    session.open("demo 1")
    before = session.wait()
    session.open("HD 140283")
    state = session.wait()
    assert state.star is before.star and state.report is before.report
    assert state.notice.level == "error" and "HD 140283" in state.notice.text and "demo 42" in state.notice.text
    assert state.notice.details == ""  # no traceback for a person's mistake
    session.dismiss()
    assert session.state.notice is None


def test_a_fault_of_ours_is_told_with_details(make_session: Any) -> None:
    session = make_session()

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise ZeroDivisionError("deliberate")

    session.engine.analyse = broken
    session.open("demo 1")
    state = session.wait()
    assert "deliberate" in state.notice.text and "Traceback" in state.notice.details


def test_a_newer_request_replaces_the_one_at_work(make_session: Any) -> None:
    session = make_session()
    release, analyse = threading.Event(), session.engine.analyse

    def slow(star: Any, **options: Any) -> Any:
        if star.name == "demo 1":
            assert release.wait(60)
        return analyse(star, **options)

    session.engine.analyse = slow
    first = session.open("demo 1")
    session.open("demo 2")
    release.set()
    assert session.wait().star.name == "demo 2"
    assert first.cancelled
    assert [r.name for r in session.state.recent] == ["demo 2"]


def test_cancel_keeps_what_was_on_screen(make_session: Any) -> None:
    session = make_session()
    session.open("demo 1")
    before = session.wait()
    reached, analyse = threading.Event(), session.engine.analyse

    def waits(star: Any, *, cancel: Any, **options: Any) -> Any:
        reached.set()
        end = time.monotonic() + 60
        while not cancel():
            assert time.monotonic() < end
            time.sleep(0.002)
        return analyse(star, cancel=cancel, **options)

    session.engine.analyse = waits
    session.open("demo 2")
    assert reached.wait(60)
    session.cancel()
    state = session.wait()
    assert state.star is before.star and state.notice.title == "Stopped"


def test_choose_and_open_a_neighbour(make_session: Any) -> None:
    session = make_session()
    session.open("demo 1")
    session.wait()
    session.choose(2)
    assert session.state.neighbour == 2 and session.state.neighbour_star.name == "demo 4"
    session.choose(99)  # a row that is not there clears
    assert session.state.neighbour is None and session.state.neighbour_star is None
    assert session.open_neighbour() is None
    session.choose(0)
    session.open_neighbour()
    assert session.wait().star.name == "demo 2"
    assert session.state.neighbour is None


def test_work_list_steps_keeps_percentiles_and_survives_a_bad_row(make_session: Any, tmp_path: Path) -> None:
    session = make_session()
    bad = tmp_path / "broken.fits"
    bad.write_bytes(b"no spectrum at all")
    session.set_work(["demo 1", bad, "demo 3"])
    session.wait()
    assert [w.status for w in session.state.work] == ["current", "waiting", "waiting"]
    assert session.state.work[0].percentile is not None
    session.next()
    state = session.wait()
    assert state.work[1].status == "failed" and "broken.fits" in state.work[1].problem
    assert state.star.name == "demo 1"  # still the last good one
    session.next()
    assert session.wait().star.name == "demo 3"
    assert session.next() is None  # the end
    session.previous()
    session.previous()
    assert session.wait().star.name == "demo 1"
    session.open("demo 7")  # an excursion leaves the list as it is
    assert session.wait().position is None and len(session.state.work) == 3


def test_the_next_row_is_prepared_and_not_analysed_twice(make_session: Any) -> None:
    session = make_session()
    calls: list[str] = []
    analyse = session.engine.analyse
    session.open("demo 9")
    session.wait()

    def counted(star: Any, **options: Any) -> Any:
        calls.append(star.name)
        return analyse(star, **options)

    session.engine.analyse = counted
    session.set_work(["demo 1", "demo 2", "demo 3"])
    session.wait()
    end = time.monotonic() + 60
    while calls.count("demo 2") == 0 and time.monotonic() < end:
        time.sleep(0.01)
    while 1 not in session._ready and time.monotonic() < end:
        time.sleep(0.01)
    session.next()
    assert session.wait().star.name == "demo 2"
    assert calls.count("demo 2") == 1


def test_upload_with_several_stars_fills_the_work_list(make_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session()
    stars = [resolve("demo 5"), resolve("demo 6")]
    monkeypatch.setattr("specviz.session.resolve.from_bytes", lambda _name, _data: stars)
    session.open_bytes("two.csv", b"...")
    state = session.wait()
    assert state.star.name == "demo 5" and [w.name for w in state.work] == ["demo 5", "demo 6"]
    session.next()
    assert session.wait().star.name == "demo 6"


def test_visitors_may_not_name_files(make_session: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("4000 1\n4001 1\n")
    session = make_session(allow_paths=False)
    session.open(str(secret))
    assert "No star or file called" in session.wait().notice.text and session.state.star is None


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * 5000, "demo", "demo 0", "demo 99999", "\x00", "<script>alert(1)</script>"]
)
def test_odd_texts_are_refused_with_words(text: str) -> None:
    with pytest.raises(SpecvizError) as caught:
        resolve(text)
    assert len(str(caught.value)) < 600


def test_near_misses_are_suggested() -> None:
    with pytest.raises(NotFoundError, match="Did you mean demo 12"):
        resolve("deno 12")


def test_two_threads_hammering_end_consistent(make_session: Any) -> None:
    session = make_session()
    seen: list[Any] = []
    session.subscribe(lambda _old, _new: seen.append(session.state))
    stop = time.monotonic() + 2.0
    rng = np.random.default_rng(0)
    orders = [rng.integers(1, 60, 400), rng.integers(1, 60, 400)]
    errors: list[BaseException] = []

    def hammer(order: Any) -> None:
        try:
            for n in order:
                if time.monotonic() > stop:
                    break
                session.open(f"demo {n}")
                session.choose(int(n) % 4)
                session.dismiss()
        except Exception as error:  # noqa: BLE001 - the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=hammer, args=(o,)) for o in orders]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    session.open("demo 33")
    state = session.wait()
    assert not errors and state.busy == ""
    assert state.star.name == "demo 33" and state.report.star.name == "demo 33"
    for s in seen:  # never a report under another star's name
        assert s.report is None or s.report.star is s.star


def test_close_ends_threads_and_refuses_more(make_session: Any) -> None:
    session = make_session()
    session.open("demo 1")
    session.wait()
    lane = session._jobs._foreground.thread  # its own: a test that ran earlier may have left others
    session.close()
    lane.join(60)
    assert not lane.is_alive() and session.state.star is None
    with pytest.raises(SpecvizError, match="closed"):
        session.open("demo 2")


@pytest.mark.parametrize("what", ["a row is to be prepared", "a list is to be opened"])
def test_closed_while_the_end_of_a_job_is_told_nothing_more_is_begun(
    make_session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    faults: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    session, told = make_session(), threading.Event()
    session.open("demo 9")
    session.wait()
    lane = session._jobs._foreground.thread

    def close(_old: Any, new: Any) -> None:
        if threading.current_thread() is lane and not new.busy:
            session.close()
            told.set()

    if what == "a row is to be prepared":
        prepare = session._preparation

        def closed_meanwhile(*arguments: Any) -> Job:
            session.close()
            told.set()
            return prepare(*arguments)

        session._preparation = closed_meanwhile
        session.set_work(["demo 1", "demo 2"])
    else:  # by who hears that the list was read
        session.subscribe(close)
        (tmp_path / "stars.csv").write_text("name\ndemo 1\ndemo 2\n")
        session.open(tmp_path / "stars.csv")
    assert told.wait(60)
    lane.join(60)
    assert faults == [] and not lane.is_alive()


def test_a_job_never_raises_on_its_thread() -> None:
    done: list[Job] = []
    runner = JobRunner(done.append)
    job = runner.start(Job("failing", lambda _job: 1 / 0))
    assert job.finished.wait(60) and isinstance(job.error, ZeroDivisionError)
    again = runner.start(Job("working", lambda _job: 7))
    assert again.finished.wait(60) and again.result == 7
    runner.close()


def test_a_path_to_a_file_of_several_stars_fills_the_work_list(make_session: Any, tmp_path: Path) -> None:
    from specviz.spectra.writers import write_spectra

    path = write_spectra([resolve("demo 5"), resolve("demo 6")], tmp_path / "two.fits")
    session = make_session()
    session.open(str(path))
    state = session.wait()
    assert state.notice is None and [w.name for w in state.work] == ["demo 5", "demo 6"]
    assert state.star.name == "demo 5" and state.position == 0
    session.next()
    assert session.wait().star.name == "demo 6"
