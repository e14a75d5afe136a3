"""One of two reviewers who label at once: ``python two_writers.py JOURNAL REVIEWER OTHER LABELS``. Prints JSON."""

from __future__ import annotations

import json
import sys
import time

from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.record import Record
from specviz.session.vetting.values import Context


def main(path: str, reviewer: str, other: str, labels: int) -> dict[str, float]:
    stars = [f"star {i}" for i in range(labels)]
    journal = LabelJournal(path, reviewer)
    record = Record(journal)
    record.take_up(stars)
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    sys.stdin.readline()  # both begin at the same moment
    took = []
    for i, star in enumerate(stars):
        began = time.monotonic()
        events = journal.record([(star, "class", "emission" if i % 2 else "binary"), (star, "done", True)], Context())
        took.append(time.monotonic() - began)
        record.add(events)
        assert record.label(star).done
    meanwhile = sum(bool(record.others(s)) for s in stars)
    until = time.monotonic() + (60.0 if other != reviewer else 0.0)
    while sum(bool(record.others(s)) for s in stars) < labels and time.monotonic() < until:
        time.sleep(0.02)
        record.refresh()
    found = sum(other in dict(record.others(s)) for s in stars)
    mine = sum(record.label(s).done for s in stars)
    journal.close()
    return {"mine": mine, "others": found, "meanwhile": meanwhile, "longest_ms": round(1e3 * max(took), 1)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))  # noqa: T201
