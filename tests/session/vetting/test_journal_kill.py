"""What the journal promises: a killed program loses nothing that was acknowledged, and two may write at once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from specviz.session.vetting.journal import LabelJournal

HERE = Path(__file__).parent
#: One thread a program: a fork carries no other, and two cores have other things to do.
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
KILLS, LABELS = 200, 300


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here: 200 programs would each have to be started anew")
def test_killed_at_200_moments_while_labelling_by_key_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(HERE / "kill_nest.py"), str(tmp_path), str(KILLS), str(int.from_bytes(os.urandom(3)))],
        env={**os.environ, **QUIET}, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-4000:]
    found = json.loads(run.stdout.splitlines()[-1])
    print(found)  # noqa: T201 - what was measured
    assert found["kills"] == KILLS and found["events"] > KILLS
    # Most came back to go on, and were killed while a write was under way; in some of them the disk had been changed.
    assert found["reopened"] > KILLS // 2 and found["within"] > KILLS // 4 and found["hot"] > 0


@pytest.mark.parametrize("names", [("ada", "bob"), ("ada", "ada")], ids=["two reviewers", "one, in two windows"])
def test_two_write_at_once_and_both_complete(tmp_path: Path, names: tuple[str, str]) -> None:
    path, labels = tmp_path / "labels.sqlite", LABELS if names[0] != names[1] else LABELS // 6
    writers = [
        subprocess.Popen(
            [sys.executable, str(HERE / "two_writers.py"), str(path), name, other, str(labels)],
            env={**os.environ, **QUIET}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name, other in zip(names, names[::-1], strict=True)
    ]  # fmt: skip
    found = []
    try:
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            out, _ = writer.communicate(timeout=200)
            assert writer.returncode == 0
            found.append(json.loads(out))
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    print(found)  # noqa: T201 - what was measured
    journal = LabelJournal(path, "me")
    events = journal.events()
    journal.close()
    assert [e.number for e in events] == list(range(1, 4 * labels + 1)) and len({e.uuid for e in events}) == 4 * labels
    steps = [e.step for e in events]
    assert steps[::2] == steps[1::2]  # the two events of a label stand together
    for name in set(names):
        times = [e.time for e in events if e.reviewer == name]
        assert len(times) == 2 * labels * names.count(name)
    if names[0] != names[1]:
        assert all(f["mine"] == f["others"] == labels for f in found)
        assert all(f["meanwhile"] > 0 for f in found)
    else:
        assert all(f["mine"] == labels for f in found)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
