"""The file of labels: only added to, brought up to date, and its troubles told in words with nothing lost."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from specviz import __version__
from specviz.errors import JournalError, OptionError
from specviz.session.vetting import journal as module
from specviz.session.vetting import journal_file, journal_trouble
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.journal_file import APPLICATION, VERSION
from specviz.session.vetting.rescue import rescue
from specviz.session.vetting.salvage import rows_of_pages
from specviz.session.vetting.values import ADJUDICATOR, Context, label_of

CONTEXT = Context("specclip", "1.2", "f" * 64, "0123456789ab", True, "abc123", "anomalies")
SAY = [("demo 1", "class", "emission"), ("demo 1", "done", True)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.sqlite"


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., LabelJournal]]:
    made: list[LabelJournal] = []

    def make(reviewer: str = "ada", where: Path = path) -> LabelJournal:
        made.append(LabelJournal(where, reviewer))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


def as_nobody(act: Callable[[], Any]) -> str:
    """What ``act`` raises in a process without root's rights; "" if it does not."""
    if not hasattr(os, "fork"):
        pytest.skip("file permissions are another matter here")
    out, into = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left a thread; the fork needs none
        pid = os.fork()
    if pid == 0:
        told = "nothing was reached"
        with contextlib.suppress(BaseException):
            try:
                if os.geteuid() == 0:
                    os.setgid(65534)
                    os.setuid(65534)
                act()
                told = ""
            except JournalError as error:
                told = str(error)
            except BaseException:  # noqa: BLE001 - told to the test
                told = traceback.format_exc()
        os.write(into, told.encode())
        os._exit(0)
    os.close(into)
    heard = b""
    while part := os.read(out, 65536):
        heard += part
    os.close(out)
    os.waitpid(pid, 0)
    return heard.decode()


# ---------------------------------------------------------------------------------------------- what is kept
def test_every_event_says_who_when_with_what_and_by_which_version(make: Any, path: Path) -> None:
    before = datetime.now(UTC)
    written = make().record(SAY, CONTEXT)
    read = make("bob").events()
    assert tuple(read) == written and [e.number for e in read] == [1, 2]
    for event in read:
        assert event.reviewer == "ada" and event.context == CONTEXT and event.specviz == __version__
        assert not event.imported
        assert before <= datetime.fromisoformat(event.time) <= datetime.now(UTC)
    assert read[0].step == read[1].step and read[0].uuid != read[1].uuid
    assert make("bob").events(after=1) == read[1:] and make().events(reviewer="bob") == []


def test_the_file_is_written_for_network_homes_and_power_cuts(make: Any, path: Path) -> None:
    db = make()._db
    assert db is not None
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)  # never a write-ahead log
    assert db.execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA
    assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM events", "never removed"),
        ("UPDATE events SET reviewer = 'eve'", "never changed"),
        ("INSERT OR REPLACE INTO events SELECT * FROM events", "never replaced"),
        ("UPDATE OR REPLACE events SET uuid = 'x'", "never changed"),
    ],
)
def test_the_file_itself_refuses_what_is_not_an_addition(make: Any, path: Path, statement: str, why: str) -> None:
    written = make().record(SAY, CONTEXT)
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match=why):
        other.execute(statement)
    other.close()
    assert tuple(make().events()) == written


def test_any_text_comes_back_as_it_was(make: Any) -> None:
    texts = ["<b>&\"'", "α Cen\u202e", "a\x00b", "\ud800", "line\nline", "💫", "x" * 100_000, ""]
    make().record([("demo 1", "comment", text) for text in texts], CONTEXT)
    assert [e.value for e in make().events()] == texts


def test_what_no_file_holds_is_refused_whole(make: Any) -> None:
    journal = make()
    with pytest.raises(JournalError, match="cannot be kept"):
        journal.record([SAY[0], ("demo 1", "comment", object())], CONTEXT)
    for kind, value in (("quality", "3"), ("quality", True), ("flag", "nebula"), ("done", 1), ("class", 2)):
        with pytest.raises(JournalError, match="no value of that kind"):
            journal.record([SAY[0], ("demo 1", kind, value)], CONTEXT)
    with pytest.raises(JournalError):
        journal.record([SAY[0], ("bad \ud800 name", "done", True)], CONTEXT)
    assert journal.events() == [] and journal.record([], CONTEXT) == ()
    journal.record(SAY, CONTEXT)


# ---------------------------------------------------------------------------------------------- times, other journals
def test_a_clock_that_goes_back_reorders_nothing(make: Any, monkeypatch: Any) -> None:
    clock = ["2026-05-01T12:00:00+00:00"]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromisoformat(clock[0])

    monkeypatch.setattr(module, "datetime", Clock)
    journal = make()
    journal.record([("demo 1", "class", "star")], CONTEXT)
    clock[0] = "2026-05-01T11:00:00+00:00"
    journal.record([("demo 1", "class", "emission")], CONTEXT)
    journal.record([("demo 1", "quality", 2), ("demo 2", "quality", 1)], CONTEXT)
    events = make().events()
    assert label_of(e for e in events if e.star == "demo 1").klass == "emission"
    assert [e.time for e in events] == [
        "2026-05-01T12:00:00.000000Z", "2026-05-01T12:00:00.000001Z", "2026-05-01T12:00:00.000002Z",
        "2026-05-01T11:00:00.000000Z",  # of this star nothing was said before: the clock's own time
    ]  # fmt: skip
    make("bob").record([("demo 1", "quality", 4)], CONTEXT)
    assert make().events()[-1].time == "2026-05-01T11:00:00.000000Z"  # the clock of another is another's
    deciding = replace(CONTEXT, role=ADJUDICATOR)
    make("bob").record([("demo 1", "class", "binary")], deciding)
    assert make().events()[-1].time > "2026-05-01T12:00:00.000002Z"  # a decision is later than what it decides on


def test_events_of_another_journal_come_once_and_are_marked(make: Any, tmp_path: Path) -> None:
    mine, other = make(), make("bob", tmp_path / "other.sqlite")
    mine.record(SAY, CONTEXT)
    theirs = other.record([("demo 1", "class", "binary")], CONTEXT)
    assert mine.add(other.events()) == 1 and mine.add(other.events()) == 0 and mine.add([]) == 0
    assert mine.add(iter([theirs[0], theirs[0]])) == 0
    last = mine.events()[-1]
    assert last == replace(theirs[0], number=3, imported=True)
    assert other.add(mine.events()) == 2  # and back: only what it had not
    assert {e.uuid for e in other.events()} == {e.uuid for e in mine.events()}


def test_two_copies_of_a_file_never_give_one_name_to_two_events(make: Any, path: Path, tmp_path: Path) -> None:
    journal = make()
    journal.record(SAY, CONTEXT)
    journal.close()
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(path.read_bytes())
    one, two = make(), make("ada", copy)
    one.record([("demo 2", "quality", 1)], CONTEXT)
    two.record([("demo 3", "quality", 2)], CONTEXT)
    assert one.events()[-1].number == two.events()[-1].number == 3
    assert one.add(two.events()) == 1 and len(one.events()) == 4


# ---------------------------------------------------------------------------------------------- layouts
def _layout_0(path: Path, rows: int = 1) -> None:
    """A file as the first specviz with a journal wrote it: no number, no guards."""
    db = sqlite3.connect(path)
    db.execute(
        "CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, step TEXT NOT NULL,"
        " star TEXT NOT NULL, reviewer TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,"
        " undoes TEXT NOT NULL, context TEXT NOT NULL, specviz TEXT NOT NULL)"
    )
    for n in range(rows):
        db.execute(
            "INSERT INTO events (uuid, step, star, reviewer, time, kind, value, undoes, context, specviz)"
            " VALUES (?, 's', 'demo 1', 'ada', '2026-01-01T00:00:00.000000Z', 'quality', ?, '', ?, '0')",
            (f"u{n}", str(n), '{"blind": false}'),
        )
    db.commit()
    db.close()


def test_a_file_of_an_earlier_layout_is_brought_up_to_date_with_all_it_holds(make: Any, path: Path) -> None:
    _layout_0(path, 3)
    journal = make()
    assert [(e.uuid, e.value, e.context.blind, e.imported) for e in journal.events()] == [
        (f"u{n}", n, False, False) for n in range(3)
    ]
    assert journal.record(SAY, CONTEXT)[0].number == 4
    assert journal._db is not None
    with pytest.raises(sqlite3.IntegrityError):
        journal._db.execute("DELETE FROM events")
    assert len(make().events()) == 5


def test_two_windows_bring_one_file_up_to_date_once(make: Any, path: Path) -> None:
    _layout_0(path)
    barrier, failed = threading.Barrier(6), []

    def open_it() -> None:
        barrier.wait()
        try:
            journal = LabelJournal(path, "ada")
            journal.record(SAY, CONTEXT)
            journal.close()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(make().events()) == 13


def test_a_file_of_a_later_layout_is_refused_and_left_alone(make: Any, path: Path) -> None:
    make().close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=f"later specviz .layout {VERSION + 1}.*Update specviz"):
        make()
    assert path.read_bytes() == before


def test_a_later_specviz_may_say_more_of_an_event(make: Any) -> None:
    journal = make()
    journal.record(SAY, CONTEXT)
    assert journal._db is not None
    row = list(journal._db.execute("SELECT * FROM events").fetchone())
    row[0], row[1], row[9] = None, "new", '{"model": "m", "telescope": "t"}'
    journal._db.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)
    assert journal.events()[-1].context == Context(model="m")


# ---------------------------------------------------------------------------------------------- not such a file
def test_what_is_no_journal_is_refused_in_words_and_left_alone(make: Any, path: Path, tmp_path: Path) -> None:
    path.write_text("star,class\n" * 200)
    with pytest.raises(JournalError, match="not a file of labels"):
        make()
    assert path.read_text() == "star,class\n" * 200
    other = tmp_path / "other.db"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE moz_places (id)")
    db.commit()
    db.close()
    before = other.read_bytes()
    with pytest.raises(JournalError, match=r"something else .it holds: moz_places"):
        make("ada", other)
    assert other.read_bytes() == before


def test_folders_and_places_that_are_not_there(make: Any, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"is a folder\. .*labels\.sqlite"):
        make("ada", tmp_path)
    with pytest.raises(JournalError, match=r"There is no folder .*nowhere.*Make it first"):
        make("ada", tmp_path / "nowhere" / "labels.sqlite")
    with pytest.raises(OptionError, match="reviewer"):
        make(" ", tmp_path / "labels.sqlite")


def test_a_log_of_another_kind_is_turned_back_unless_in_use(make: Any, path: Path, monkeypatch: Any) -> None:
    make().close()
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    other.execute("SELECT * FROM events").fetchall()
    monkeypatch.setattr(journal_file, "PATIENCE", 0.05)
    monkeypatch.setattr(journal_file.patiently, "__defaults__", (0.05,))
    with pytest.raises(JournalError, match="another program"):
        make()
    other.close()
    make().record(SAY, CONTEXT)


# ---------------------------------------------------------------------------------------------- cannot be written
@pytest.fixture
def open_to_all(path: Path) -> Iterator[Path]:
    """A folder that anybody may reach (pytest's are closed to others)."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_file_without_permission(make: Any, open_to_all: Path) -> None:
    path = open_to_all / "labels.sqlite"
    journal = make("ada", path)
    journal.record(SAY, CONTEXT)
    journal.close()
    path.chmod(0o444)

    def read_then_write() -> None:
        journal = LabelJournal(path, "eve")
        assert len(journal.events()) == 2  # what it says can be looked at
        journal.record(SAY, CONTEXT)

    told = as_nobody(read_then_write)
    assert "may only be read; nothing was written" in told and "Change their permissions" in told, told
    path.chmod(0o000)
    told = as_nobody(lambda: LabelJournal(path, "eve"))
    assert "you may not read it" in told, told
    path.chmod(0o666)
    open_to_all.chmod(0o555)
    told = as_nobody(lambda: LabelJournal(path, "eve").record(SAY, CONTEXT))
    assert str(open_to_all) in told and "nothing was written" in told, told
    told = as_nobody(lambda: LabelJournal(open_to_all / "new.sqlite", "eve"))
    assert "nothing may be written into the folder" in told, told
    open_to_all.chmod(0o777)
    assert as_nobody(lambda: LabelJournal(path, "eve").record(SAY, CONTEXT)) == ""
    assert [e.reviewer for e in make("ada", path).events()] == ["ada", "ada", "eve", "eve"]


def test_a_file_that_can_be_written_again_is_written_again(open_to_all: Path) -> None:
    path = open_to_all / "labels.sqlite"

    def write() -> None:
        journal = LabelJournal(path, "ada")
        journal.record(SAY, CONTEXT)
        journal.close()
        path.chmod(0o444)
        journal = LabelJournal(path, "ada")
        with pytest.raises(JournalError):
            journal.record(SAY, CONTEXT)
        assert len(journal.events()) == 2
        path.chmod(0o644)
        journal.record(SAY, CONTEXT)
        assert len(journal.events()) == 4

    assert as_nobody(write) == ""


def test_a_full_disk(make: Any) -> None:
    journal = make()
    journal.record(SAY, CONTEXT)
    db = journal._db
    assert db is not None
    db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(JournalError, match=r"the disk is full; nothing was written\. Make room"):
        journal.record([("demo 2", "quality", 1), ("demo 2", "comment", "x" * 100_000)], CONTEXT)
    assert len(journal.events()) == 2
    assert journal.record(SAY, CONTEXT)[0].number == 3  # with room again, it goes on


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit here")
def test_a_disk_that_takes_no_more(path: Path, open_to_all: Path) -> None:
    """A quota: the system refuses to let the file grow."""
    import resource

    def write() -> None:
        journal = LabelJournal(open_to_all / "labels.sqlite", "ada")
        journal.record(SAY, CONTEXT)
        size = journal.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        with pytest.raises(JournalError, match="quota") as caught:
            journal.record([("demo 2", "comment", "x" * 100_000)], CONTEXT)
        assert "nothing was written" in str(caught.value)
        assert len(journal.events()) == 2
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal.record([("demo 2", "comment", "x" * 100_000)], CONTEXT)
        assert len(journal.events()) == 3

    assert as_nobody(write) == ""


def test_another_program_that_keeps_the_file_is_waited_for_and_then_told_of(
    make: Any, path: Path, monkeypatch: Any
) -> None:
    journal = make()
    journal.record(SAY, CONTEXT)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    assert journal.record(SAY, CONTEXT)[0].number == 3  # waited for
    timer.join()
    monkeypatch.setattr(journal_file.writing.__wrapped__, "__defaults__", (0.1,))
    monkeypatch.setattr(journal_file.patiently, "__defaults__", (0.1,))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match=r"another program has kept it.*nothing was written.*Close what else"):
        journal.record(SAY, CONTEXT)
    monkeypatch.setattr(journal_trouble, "locks_work", lambda folder: False)
    with pytest.raises(JournalError, match="does not lock files"):
        journal.record(SAY, CONTEXT)
    other.execute("COMMIT")
    other.close()
    assert journal.record(SAY, CONTEXT)[0].number == 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks everywhere")
def test_whether_a_folder_locks_files_is_tried(tmp_path: Path, monkeypatch: Any) -> None:
    import errno
    import fcntl

    assert journal_trouble.locks_work(tmp_path)
    for number, works in ((errno.ENOLCK, False), (errno.EOPNOTSUPP, False), (errno.EIO, True)):

        def refuse(*_: Any, number: int = number) -> None:
            raise OSError(number, "no")

        monkeypatch.setattr(fcntl, "lockf", refuse)
        assert journal_trouble.locks_work(tmp_path) is works
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved here")
def test_a_file_that_is_taken_away_is_not_written_into_the_void(make: Any, path: Path, tmp_path: Path) -> None:
    journal = make()
    journal.record(SAY, CONTEXT)
    path.rename(tmp_path / "moved.sqlite")
    for _ in range(2):
        with pytest.raises(JournalError, match=r"no longer there; nothing was written.*Put it back"):
            journal.record(SAY, CONTEXT)
    assert not path.exists()  # and no empty one takes its place
    LabelJournal(path, "eve").close()
    with pytest.raises(JournalError, match="not the file that it was"):
        journal.record(SAY, CONTEXT)
    path.unlink()
    (tmp_path / "moved.sqlite").rename(path)
    journal.record(SAY, CONTEXT)
    assert len(make().events()) == 4


def test_after_close_it_says_so(make: Any) -> None:
    journal = make()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.record(SAY, CONTEXT)
    with pytest.raises(JournalError, match="closed"):
        journal.events()
    journal.close()


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    journal = LabelJournal("labels.sqlite", "ada")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    journal._let_go()
    journal.record(SAY, CONTEXT)
    journal.close()
    assert journal.path == tmp_path / "labels.sqlite" and not (tmp_path / "below" / "labels.sqlite").exists()


def test_threads_share_one_journal(make: Any) -> None:
    journal, failed = make(), []

    def write(n: int) -> None:
        try:
            for i in range(10):
                journal.record([(f"demo {n}", "quality", i % 5), (f"demo {n}", "done", True)], CONTEXT)
                journal.events(after=5)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = journal.events()
    assert failed == [] and len(events) == 80
    assert [e.step for e in events[::2]] == [e.step for e in events[1::2]]


# ---------------------------------------------------------------------------------------------- damage
def _filled(path: Path, n: int = 400) -> list[str]:
    journal = LabelJournal(path, "ada")
    events = journal.record([(f"demo {i}", "comment", f"words {i} " + "x" * 60) for i in range(n)], CONTEXT)
    journal.close()
    return [e.uuid for e in events]


def _break(path: Path, page: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096 * page : 4096 * (page + 1)] = os.urandom(4096)
    path.write_bytes(raw)


def test_a_damaged_file_is_told_of_and_what_can_be_read_is_rescued(path: Path) -> None:
    names = _filled(path)
    raw = path.read_bytes()
    pages = len(raw) // 4096
    _break(path, next(i for i in range(pages // 2, pages) if raw[4096 * i] == 13))  # a leaf of a table: rows, no index
    broken = path.read_bytes()
    journal = LabelJournal(path, "ada")
    with pytest.raises(JournalError, match=r"is damaged .*LabelJournal\.rescue\("):
        journal.events()
    journal.close()
    found = rescue(path)
    assert found.path == path.with_name("labels.rescued.sqlite") and path.read_bytes() == broken
    assert found.kept + found.lost == 400 and 0 <= found.lost < 40
    new = LabelJournal(found.path, "ada")
    events = new.events()
    assert len(events) == found.kept and {e.uuid for e in events} <= set(names)
    assert all(names[e.number - 1] == e.uuid and e.context == CONTEXT for e in events)  # numbers and order as before
    assert new.record(SAY, CONTEXT)[0].number > events[-1].number
    new.close()
    assert LabelJournal.rescue(path).name == "labels.rescued-2.sqlite"  # nothing is written over


def test_whichever_page_is_lost_the_events_on_all_others_are_rescued(path: Path, tmp_path: Path) -> None:
    names = _filled(path, 100)
    raw = path.read_bytes()
    lost = []
    for page in range(len(raw) // 4096):
        broken = tmp_path / f"page{page}.sqlite"
        broken.write_bytes(raw)
        _break(broken, page)
        found = rescue(broken)
        journal = LabelJournal(found.path, "ada")
        events = journal.events()
        journal.close()
        assert [e.uuid for e in events] == [names[e.number - 1] for e in events] and len(events) == found.kept
        assert found.kept + found.lost == 100 or page in (0, len(raw) // 4096 - 1)  # or the end is not known
        lost.append(100 - found.kept)
    assert sum(lost) == 100  # each event lies on one page: also without the first, and without that which leads to all
    assert max(lost) < 10


def test_pages_are_read_as_sqlite_reads_them(path: Path) -> None:
    """Every length that a row may have: on its page, and on one, two or more others."""
    journal = LabelJournal(path, "ada")
    lengths = [*range(3300, 4300, 7), *range(7600, 8500, 37), 20_000, 100_000]
    journal.record([(f"demo {n}", "comment", "é" * 3 + "x" * n) for n in lengths], CONTEXT)
    journal.record([("demo 1", "quality", None), ("demo 1", "flag", ["nebula", False])], CONTEXT)
    assert journal._db is not None
    rows = journal._db.execute("SELECT * FROM events ORDER BY number").fetchall()
    journal.close()
    found = dict(rows_of_pages(path.read_bytes(), (12,)))
    assert [(n, *found[n][1:]) for n in sorted(found)] == rows


def test_a_damaged_file_of_an_earlier_layout_is_rescued_too(path: Path) -> None:
    _layout_0(path, 50)
    path.write_bytes(b"no header" + path.read_bytes()[9:])
    found = rescue(path)
    journal = LabelJournal(found.path, "ada")
    assert [(e.uuid, e.value) for e in journal.events()] == [(f"u{n}", n) for n in range(50)]
    journal.close()


def test_nothing_makes_the_reading_of_pages_fail(path: Path) -> None:
    _filled(path, 30)
    raw, rng = path.read_bytes(), random.Random(3)
    for _ in range(200):
        broken = bytearray(raw)
        for _ in range(rng.randrange(1, 40)):
            broken[rng.randrange(len(raw))] = rng.randrange(256)
        for _number, values in rows_of_pages(bytes(broken[: rng.randrange(len(raw))]), (12,)):
            assert len(values) == 12


def test_what_is_beyond_rescue_is_said(path: Path, tmp_path: Path) -> None:
    path.write_bytes(os.urandom(8192))
    with pytest.raises(JournalError, match="Not a single event"):
        LabelJournal.rescue(path)
    with pytest.raises(JournalError, match="no file"):
        LabelJournal.rescue(tmp_path / "none.sqlite")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("quality", "{no json"), ("quality", '"a lot"'), ("flag", '"nebula"'), ("flag", "[1, true]"), ("done", "1")],
)
def test_rows_that_are_no_events_are_told_of_and_left_behind(make: Any, path: Path, kind: str, value: str) -> None:
    journal = make()
    journal.record(SAY, CONTEXT)
    assert journal._db is not None
    row = list(journal._db.execute("SELECT * FROM events").fetchone())
    row[0], row[1], row[6], row[7] = None, "strange", kind, value
    journal._db.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)
    with pytest.raises(JournalError, match="damaged"):
        journal.events()
    journal.close()
    found = rescue(path)
    assert (found.kept, found.lost) == (2, 1)


def test_a_file_whose_write_was_cut_off_is_checked_when_it_is_opened(path: Path, monkeypatch: Any) -> None:
    _filled(path)
    asked: list[Path] = []
    check = journal_file.check
    monkeypatch.setattr(journal_file, "check", lambda db, p: (asked.append(p), check(db, p)))
    LabelJournal(path, "ada").close()
    assert asked == []  # nothing was cut off
    beside = path.with_name(path.name + "-journal")
    beside.write_bytes(b"\0" * 512)  # cut off before its first page was whole: nothing to roll back
    _break(path, path.stat().st_size // 4096 - 3)
    with pytest.raises(JournalError, match=r"a check of the whole file found: .*rescue"):
        LabelJournal(path, "ada")
    assert asked == [path]
