"""A session that asks a sky: progress, cancel, choices, offline, asking again, the work list."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from fake_sky import CHOICES, FakeSky

from specviz.archives.protocol import Candidate
from specviz.errors import SpecvizError
from specviz.session import running
from specviz.session.jobs import Job, JobRunner
from specviz.session.resolve import resolve, split_names
from specviz.session.state import Notice, State


def _until(ready: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


#: Threads that were there before a test: a test that ran earlier may have left one that ends by itself.
_BEFORE = set[threading.Thread]()


@pytest.fixture(autouse=True)
def _before() -> None:
    _BEFORE.clear()
    _BEFORE.update(threading.enumerate())


def _ours() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("specviz-") and t not in _BEFORE]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words come after a moment instead of 1.5 s."""
    monkeypatch.setattr(running, "QUICK", 0.02)
    monkeypatch.setattr(running, "SLOW", 0.05)


def test_a_name_is_asked_of_the_sky(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("HD 140283")
    state = session.wait()
    assert state.star.name == "HD 140283" and state.report.star is state.star and state.notice is None
    assert state.target == state.source.name == "HD 140283" and state.retry is None
    assert session.sky.asked == ["HD 140283"]


def test_nothing_that_looks_like_a_file_is_sent_to_a_service(make_session: Any, tmp_path: Any) -> None:
    session = make_session(sky=FakeSky())
    secret = tmp_path / "hostname"
    secret.write_text("my-machine\n")  # reads like a list of one star
    session.open(str(secret))
    assert session.wait().notice.level == "error" and session.state.work == ()
    for text in ("/no/such/file", "~/secret.fits", "./x", "my_star.csv", "C:\\data\\a.fits", "x" * 400):
        session.open(text)
        assert "No star or file called" in session.wait().notice.text
    assert session.sky.asked == []


@pytest.mark.parametrize("name", ["stuck 300", "slow 300"])
def test_cancel_frees_the_session_at_once_whatever_the_worker_does(make_session: Any, name: str) -> None:
    session = make_session(sky=FakeSky())
    session.open("demo 1")
    before = session.wait()
    seen: list[State] = []
    session.open(name)
    _until(lambda: session.sky.asked[-1] == name)
    session.subscribe(lambda _old, new: seen.append(new))
    session.cancel()
    assert seen[0].notice.title == "Stopped"
    assert session.state.star is before.star and session.state.busy == ""
    session.open("demo 2")
    assert session.wait().star.name == "demo 2"  # either work takes minutes: it was not waited for
    if name.startswith("stuck"):
        assert session.sky.at_work == 1  # the old worker is still in it
        session.sky.let_go.set()
        _until(lambda: session.sky.at_work == 0)
        time.sleep(0.1)
    assert session.state.star.name == "demo 2"  # what it found was dropped
    session.close()
    _until(lambda: not _ours())


def test_a_new_question_does_not_wait_for_a_stuck_one(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("demo 1")
    session.wait()
    session.open("stuck 300")
    _until(lambda: session.sky.asked[-1] == "stuck 300")
    session.open("demo 2")
    assert session.wait().star.name == "demo 2" and session.sky.at_work == 1
    session.sky.let_go.set()
    session.close()
    _until(lambda: not _ours())


def test_closing_while_work_is_stuck_leaves_no_thread(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("stuck 1")
    _until(lambda: session.sky.asked)
    session.close()
    session.close()
    _until(lambda: not _ours(), 3.0)
    assert session.state.star is None


def test_progress_is_told_by_service_and_not_too_often(make_session: Any, soon: None) -> None:
    session = make_session(sky=FakeSky())
    seen: list[State] = []
    session.subscribe(lambda _old, new: seen.append(new))
    session.open("slow 1.2")
    state = session.wait()
    told = [s for s in seen if s.steps]
    assert 3 <= len(told) <= 1.2 / running.TICK + 4
    services = {p.step.service: p.step.words for s in told for p in s.steps}
    assert list(services) == ["simbad", "gaia", "lamost"] and services["simbad"] == "found"
    assert any(0 < p.step.received < 57_000 == p.step.total for s in told for p in s.steps)
    assert all(s.slow for s in told) and state.steps == () and not state.slow and state.star.name == "slow 1.2"


def test_an_ambiguous_name_gives_choices_and_a_pick_shows_one(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("demo 1")
    session.wait()
    session.open("HD 1234")
    state = session.wait()
    assert state.candidates == CHOICES and state.question.name == "HD 1234" and state.notice is None
    assert state.star.name == "demo 1"
    session.pick(1)
    state = session.wait()
    assert session.sky.asked[-1] is CHOICES[1] and state.star.name == "HD 1234 B"
    assert state.candidates == () and session.pick(7) is None
    session.open("HD 1234")
    session.wait()
    session.dismiss()
    assert session.state.candidates == ()


def test_an_ambiguous_row_keeps_the_choice(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.set_work(["demo 1", "HD 1234"])
    session.wait()
    session.next()
    state = session.wait()
    assert state.work[1].status == "failed" and "several stars" in state.work[1].problem and state.candidates
    session.pick(CHOICES[0])
    state = session.wait()
    assert state.star.name == "HD 1234 A" and state.position == 1
    assert state.work[1].target is CHOICES[0] and state.work[1].name == "HD 1234" and state.work[1].problem == ""


def test_a_service_that_fails_can_be_asked_again(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("down there")
    state = session.wait()
    assert state.notice.title == "SIMBAD does not answer" and "3 times" in state.notice.text
    assert state.notice.actions == ("retry", "file") and "HTTP 500" in state.notice.details
    assert "Traceback" not in state.notice.details
    session.sky.down = False
    session.retry()
    state = session.wait()
    assert state.star.name == "down there" and state.retry is None and state.notice is None


def test_a_part_that_failed_is_asked_for_again_with_the_star(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("half there")
    state = session.wait()
    assert set(state.star.spectra) == {"lamost_lrs"} and state.star.meta["services"]["gaia"].status == "failed"
    session.sky.down = False
    session.retry(state.source)
    assert set(session.wait().star.spectra) == {"lamost_lrs", "gaia_xp"}


def test_offline_says_so_once_and_tries_nothing_until_asked(make_session: Any) -> None:
    session = make_session(sky=FakeSky(online=False))
    assert not session.state.online and "demo sky" in session.state.notice.text
    assert session.state.notice.actions == ("online",)
    session.open("HD 140283")
    state = session.wait()
    assert "has not been fetched before" in state.notice.text and state.retry.name == "HD 140283"
    session.open("demo 4")
    state = session.wait()
    assert state.star.name == "demo 4" and not state.online
    session.dismiss()
    session.open("demo 5")
    assert session.wait().notice is None  # it was closed; the badge still says it
    session.open("HD 140283")
    session.wait()
    session.reconnect()
    state = session.wait()
    assert state.online and session.sky.online and state.star.name == "HD 140283" and state.notice is None


def test_a_lost_network_is_noticed(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("HD 1")
    session.wait()
    session.set_online(False)
    assert not session.state.online and session.state.notice.title == "Offline"
    session.set_online(True)
    assert session.state.online and session.state.notice is None


def test_suggestions_come_from_memory(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    assert session.suggest("  ") == ()
    session.open("HD 140283")
    session.wait()
    session.sky.asked.clear()
    found = session.suggest("hd 14")
    assert [c.name for c in found] == ["HD 140283"] and found[0].archive == "recent"
    assert [c.name for c in session.suggest("hd 1234")] == ["HD 1234 A", "HD 1234 B"]
    assert session.sky.asked == []
    session.pick(found[0])
    assert session.wait().star.name == "HD 140283"


def test_the_next_row_is_fetched_ahead_one_at_a_time_and_once(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.set_work(["demo 1", "slow 0.6", "HD 3", "HD 4"])
    session.wait()
    _until(lambda: "slow 0.6" in session.sky.asked)
    session.next()  # while it is being prepared: waited for, not asked again
    assert session.wait().star.name == "slow 0.6"
    _until(lambda: 2 in session._ready)
    session.next()
    assert session.wait().star.name == "HD 3"
    assert session.sky.asked.count("slow 0.6") == 1 and session.sky.asked.count("HD 3") == 1
    assert session.sky.most_at_work == 1


def test_a_row_that_cannot_be_prepared_is_told_of_when_it_is_opened(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("demo 9")
    session.wait()
    session.set_work(["demo 1", "down there", "half there"])
    session.wait()
    _until(lambda: "down there" in session.sky.asked and session.sky.at_work == 0)
    time.sleep(0.05)
    assert session.state.notice is None and session.state.work[1].status == "waiting"
    session.next()
    state = session.wait()
    assert state.work[1].status == "failed" and state.notice.title == "SIMBAD does not answer"
    session.sky.down = False
    session.retry()
    state = session.wait()
    assert state.position == 1 and state.work[1].status == "current" and state.star.name == "down there"


def test_another_question_stops_what_was_prepared(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("demo 9")
    session.wait()
    session.set_work(["demo 1", "slow 5"])
    session.wait()
    _until(lambda: session.sky.at_work == 1)
    session.open("HD 7")
    assert session.wait().star.name == "HD 7"
    _until(lambda: session.sky.at_work == 0, 1.0)


def test_stars_are_added_to_the_list(make_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(sky=FakeSky())
    session.add_targets("demo 1, HD 2\nHD 3")
    state = session.wait()
    assert [w.name for w in state.work] == ["demo 1", "HD 2", "HD 3"] and state.star.name == "demo 1"
    session.add_targets(Table({"name": ["HD 5", "HD 6"]}))
    state = session.wait()
    assert [w.name for w in state.work][3:] == ["HD 5", "HD 6"] and state.star.name == "demo 1"
    asked = []
    monkeypatch.setattr("specviz.archives.targets.query_targets", lambda adql: asked.append(adql) or ["HD 8"])
    session.open("select source_id from gaiadr3.gaia_source")  # in the search box
    assert [w.name for w in session.wait().work][5:] == ["HD 8"] and len(asked) == 1
    visitor = make_session(sky=FakeSky(), allow_paths=False)
    visitor.add_targets("SELECT 1")
    assert "cannot be asked" in visitor.wait().notice.text and len(asked) == 1


def test_a_table_of_targets_becomes_the_work_list(make_session: Any, tmp_path: Any) -> None:
    data = b"name,remark\nHD 101,a\nHD 102,b\nHD 103,c\n"
    session = make_session(sky=FakeSky())
    session.open_bytes("mine.csv", data)
    state = session.wait()
    assert [w.name for w in state.work] == ["HD 101", "HD 102", "HD 103"] and state.star.name == "HD 101"
    session.open_bytes("more.csv", b"name\nHD 104\n", add=True)
    assert [w.name for w in session.wait().work][3:] == ["HD 104"]
    path = tmp_path / "list.csv"
    path.write_bytes(data)
    again = make_session(sky=FakeSky())
    again.open(str(path))
    assert len(again.wait().work) == 3
    session.open_bytes("nothing.bin", b"\x00\x01\x02 nothing at all")
    assert session.wait().notice.level == "error" and len(session.state.work) == 4


def test_a_spectrum_from_a_file_joins_the_star_that_lacks_it(
    make_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(sky=FakeSky())
    session.open("half there")
    session.wait()
    monkeypatch.setattr("specviz.session.resolve.from_bytes", lambda _name, _data: [resolve("demo 3")])
    session.attach("gaia_xp", "xp.csv", b"...")
    state = session.wait()
    assert state.star.name == "half there" and set(state.star.spectra) == {"lamost_lrs", "gaia_xp"}
    session.attach("sdss", "xp.csv", b"...")
    assert "something else" in session.wait().notice.text


def test_names_are_split_and_coordinates_stay_whole() -> None:
    text = "demo 7, HD 1 ;; 284.4, +41.3, Vega\n18 57 32.80 +41 18 07.2\nHD 1"
    assert split_names(text) == ["demo 7", "HD 1", "284.4, +41.3", "Vega", "18 57 32.80 +41 18 07.2"]


def test_candidates_open_without_a_sky_only_if_they_are_of_the_demo(make_session: Any) -> None:
    session = make_session()
    session.open(Candidate("demo 8", "demo"))
    assert session.wait().star.name == "demo 8"
    session.open(Candidate("HD 1", "simbad"))
    assert session.wait().notice.level == "error"
    with pytest.raises(SpecvizError):
        resolve("HD 1")


def test_two_threads_and_a_slow_sky_end_consistent(make_session: Any) -> None:
    session = make_session(sky=FakeSky())
    session.open("demo 1")
    session.wait()
    names = ["HD 1234", "HD 2", "slow 0.05", "stuck 0.05", "down", "half", "nobody", "demo 3"]
    rng = np.random.default_rng(1)
    errors: list[BaseException] = []

    def hammer(order: Any) -> None:
        try:
            for n in order:
                session.open(names[n])
                time.sleep(0.004)
                if n % 3 == 0:
                    session.cancel()
                if session.state.candidates:
                    session.pick(0)
        except Exception as error:  # noqa: BLE001 - the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=hammer, args=(rng.integers(0, len(names), 120),)) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    session.open("HD 77")
    state = session.wait()
    assert not errors and state.star.name == state.report.star.name == "HD 77"
    assert state.busy == "" and not state.slow and state.steps == () and state.candidates == ()
    session.close()
    _until(lambda: not _ours())


def test_a_cancel_that_raises_is_logged_and_still_cancels(caplog: Any) -> None:
    def refuses() -> None:
        raise OSError("deliberate")

    started, done = threading.Event(), []

    def work(job: Job) -> None:
        with job.monitor.on_cancel(refuses):
            started.set()
            job.monitor.wait(300)

    runner = JobRunner(done.append)
    job = runner.start(Job("waiting", work))
    assert started.wait(30)
    given = runner.give_up()
    assert given is job
    job.cancel()
    assert job.finished.wait(30) and "did not let itself be stopped" in caplog.text and done == []
    runner.close()


def test_notices_are_values() -> None:
    assert Notice("info", "a") == Notice("info", "a") and Notice("info", "a").actions == ()
