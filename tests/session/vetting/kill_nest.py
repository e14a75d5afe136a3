"""Labels by key in process after process, each killed with SIGKILL at a random moment; looks at the file after each.

A program of its own (it forks, and must have no threads): ``python kill_nest.py FOLDER KILLS SEED``. Every child opens
the one journal again, so that each reopening is checked by the next. Prints what it found as JSON; a broken promise is
an AssertionError.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import select
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

STARS = 40
#: Pressed in this mixture: qualities, classes, flags, on to the next, clear, undo, redo, back and forward.
KEYS = [*"01234", *"sbehwgax", *"5678", *["Enter"] * 8, "Backspace", *"uu", "U", "ArrowLeft", "ArrowRight"]


class Engine:
    """Has a report of every star at hand: what is tested is the labelling."""

    name, loaded = "fake", True

    def __init__(self, reports: dict[str, Any]) -> None:
        self._reports = reports

    def analyse(self, star: Any, **_options: Any) -> Any:
        return self._reports[star.name]


def ready() -> tuple[list[Any], Engine]:
    """The demo stars and their reports, made before anything is forked."""
    from specviz.analysis.engine import Engine as RealEngine
    from specviz.archives.demo import DemoArchive

    path = Path(__file__).parents[2] / "analysis" / "fake_model.py"
    spec = importlib.util.spec_from_file_location("fake_model", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    archive, real = DemoArchive(), RealEngine(module.FakeModel(), samples=10)
    stars = [archive.star(i) for i in range(STARS)]
    return stars, Engine({star.name: real.analyse(star) for star in stars})


def warm(stars: list[Any], engine: Engine) -> None:
    """Import whatever a child needs, and leave no thread behind."""
    with tempfile.TemporaryDirectory() as folder:
        child(Path(folder) / "warm.sqlite", stars, engine, 0, os.open(os.devnull, os.O_WRONLY), presses=12)
    until = time.monotonic() + 10.0
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == 1, threading.enumerate()


def child(path: Path, stars: list[Any], engine: Engine, seed: int, pipe: int, presses: int = 1 << 30) -> None:
    """Label by key until killed; every event is told to the pipe after it was acknowledged."""
    from specviz.session.vetting.journal import LabelJournal
    from specviz.session.vetting.session import VetSession
    from specviz.session.vetting.vocabulary import DEFAULT
    from specviz.views.vetting_keys import VettingKeys, vetting_keys

    def tell(**what: Any) -> None:
        os.write(pipe, (json.dumps(what) + "\n").encode())

    journal = LabelJournal(path, "ada")
    record = journal.record

    def told(changes: Any, *arguments: Any, **options: Any) -> Any:
        tell(said="try", n=len(changes))
        events = record(changes, *arguments, **options)
        tell(said="kept", events=[[e.number, e.uuid, e.star, e.kind, e.value, e.undoes] for e in events])
        return events

    journal.record = told  # type: ignore[method-assign]
    session = VetSession(engine, journal=journal, vocabulary=DEFAULT, work_list="demo")
    session.begin(stars)
    session.wait()
    vet, at = session.vet, session.state.position
    assert at is not None and not vet.problem, vet.problem
    tell(said="begun", star=vet.rows[at].key, labels=[[r.key, repr(r.label)] for r in vet.rows if not r.label.empty])
    table = vetting_keys(DEFAULT)
    keys = VettingKeys(
        session, lambda: None, lambda: None, lambda words: None, lambda words: tell(said="refused"), lambda by: None
    )
    press = random.Random(seed)
    for _ in range(presses):
        key = press.choice(KEYS)
        table.press(keys, key.lower() if len(key) == 1 else key, key == "U")
        assert not session.vet.problem, session.vet.problem
        tell(said="pressed", key=key)
        session.wait()
        at = session.state.position
        assert at is not None
        tell(said="on", star=session.vet.rows[at].key)
    session.close()


def one(path: Path, stars: list[Any], engine: Engine, rng: random.Random, typical: float) -> dict[str, Any]:
    """Let a child work, kill it, and give all that it said."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(out)
            child(path, stars, engine, rng.randrange(1 << 30), into)
        except BaseException:  # noqa: BLE001 - a fork must not go on as the test; it is told
            import traceback

            os.write(into, (json.dumps({"said": "failed", "why": traceback.format_exc()}) + "\n").encode())
        finally:
            os._exit(1)
    os.close(into)
    heard = b""
    started: list[float] = []  # when a write began
    waits: list[float] = []
    # Mostly some way into the first, second ... write; sometimes at any moment, also while the list is taken up.
    which, late = rng.randint(1, 6), rng.uniform(0.0, 2.0 * typical)
    until = time.monotonic() + (60.0 if rng.random() < 0.85 else rng.uniform(0.0, 40.0 * typical))
    while time.monotonic() < until:
        readable, _, _ = select.select([out], [], [], max(0.0, min(0.5, until - time.monotonic())))
        if not readable:
            continue
        part = os.read(out, 65536)
        if not part:
            break
        heard += part
        now = time.monotonic()
        for word in part.split(b"\n"):
            if b'"try"' in word:
                started.append(now)
            elif b'"kept"' in word and len(waits) < len(started):
                waits.append(now - started[-1])
        if len(started) >= which:
            until = min(until, started[which - 1] + late)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while part := os.read(out, 65536):
        heard += part
    os.close(out)
    words = [json.loads(line) for line in heard.split(b"\n")[:-1]]  # what follows the last line's end was cut off
    assert not any(w["said"] == "failed" for w in words), words[-1]["why"]
    return {"words": words, "waits": waits, "hot": hot(path)}


def hot(path: Path) -> bool:
    beside = path.with_name(path.name + "-journal")
    return beside.exists() and beside.stat().st_size > 0


def main(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    from specviz.session.vetting.journal import LabelJournal
    from specviz.session.vetting.record import Record

    stars, engine = ready()
    warm(stars, engine)
    path, rng = folder / "labels.sqlite", random.Random(seed)
    names = [star.name for star in stars]
    acknowledged: dict[int, list[Any]] = {}
    begun = time.monotonic()
    resume = None  # star before the person when the last child died, and the labels then
    labels: list[Any] = []
    found = {"kills": 0, "reopened": 0, "events": 0, "hot": 0, "within": 0, "landed": 0, "refused": 0, "keys": 0}
    took: list[float] = []
    typical = 0.01
    for _ in range(kills):
        result = one(path, stars, engine, rng, typical)
        words = result["words"]
        took += result["waits"]
        typical = statistics.median(took[-50:]) if took else typical
        found["kills"] += 1
        found["hot"] += result["hot"]
        found["refused"] += sum(w["said"] == "refused" for w in words)
        found["keys"] += sum(w["said"] == "pressed" for w in words)
        for word in words:
            if word["said"] == "begun":
                found["reopened"] += 1
                if resume is not None:
                    assert word["star"] == resume, f"stopped at {resume}, came back at {word['star']}"
                assert word["labels"] == labels, "other labels than before"
                break
        for word in words:
            if word["said"] == "kept":
                acknowledged.update({e[0]: e[1:] for e in word["events"]})
        shown = [w for w in words if w["said"] in ("begun", "on", "try")]
        on = shown[-1].get("star") if shown else None  # on screen when it was killed, unless a write was under way
        tries = [w for w in words if w["said"] in ("try", "kept")]
        open_try = tries[-1]["n"] if tries and tries[-1]["said"] == "try" else 0
        found["within"] += bool(open_try)
        if not path.exists():
            continue
        # ---- the file, as the next program finds it
        journal = LabelJournal(path, "ada")
        events = journal.events()
        held = {e.number: [e.uuid, e.star, e.kind, e.value, e.undoes] for e in events}
        for number, event in acknowledged.items():
            assert held.get(number) == event, f"acknowledged and lost: {number} {event}"
        more = [e for e in events if e.number not in acknowledged]
        assert len(more) in (0, open_try) and len({e.step for e in more}) <= 1, f"half a step: {more}"
        found["landed"] += bool(more)
        acknowledged = held  # what has landed is there from now on
        record = Record(journal)
        record.take_up(names)
        resume = record.last_open or None
        looks = [e.star for e in events if e.kind in ("open", "undo", "redo", "quality", "class", "flag", "done")]
        assert resume == (looks[-1] if looks else None) and on in (None, resume)
        labels = [[n, repr(record.label(n))] for n in names if not record.label(n).empty]
        journal.close()
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
    found["events"] = len(acknowledged)
    return {**found, "seconds": round(time.monotonic() - begun, 1), "write_ms": round(1e3 * typical, 1)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
