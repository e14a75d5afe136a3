"""What was fetched stays whole: atomic writes, checksums, age, limit, kill -9, two processes at once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.cache import Cache, Key, cache
from specviz.archives.table_text import read_table, table_bytes
from specviz.archives.transport import Monitor, watching
from specviz.errors import BadReplyError, OfflineError, QueryError, ServiceDownError, SpecvizError

KEY = Key("lamost", "dr10/v2.0", "fits:353301001")


def _never() -> bytes:
    raise AssertionError("it was fetched again")


def _down() -> bytes:
    raise ServiceDownError("LAMOST does not answer", service="lamost")


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    assert store.get(KEY) is None
    store.put(KEY, b"abc" * 1000)
    assert store.get(KEY) == b"abc" * 1000
    assert Cache(tmp_path).get(KEY) == b"abc" * 1000
    assert store.get(Key("lamost", "dr11/v2.0", KEY.id)) is None  # another release is another thing
    [entry] = store.entries()
    assert entry.key == KEY and entry.size > 3000 and abs(entry.fetched - time.time()) < 60
    assert store.size() == entry.size


def test_a_damaged_entry_is_none_and_goes(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    store.put(KEY, bytes(range(256)) * 10)
    path = store.path(KEY)
    whole = path.read_bytes()
    for broken in (
        whole[:-1],
        whole[:40],
        b"",
        b"\0" * len(whole),
        whole[:-5] + b"xxxxx",
        b"specviz-cache-1 {}\nabc",
        whole + b"!",
    ):
        path.write_bytes(broken)
        assert store.get(KEY) is None
        assert not path.exists()


def test_age(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    store.put(KEY, b"old")
    head, _, body = store.path(KEY).read_bytes().partition(b"\n")
    told = json.loads(head.split(b" ", 1)[1])
    told["fetched"] -= 1000
    store.path(KEY).write_bytes(b"specviz-cache-1 " + json.dumps(told).encode() + b"\n" + body)
    assert store.get(KEY, max_age=500) is None
    assert store.get(KEY, max_age=5000) == b"old"
    assert store.remember(KEY, lambda: b"new", max_age=500) == b"new"
    assert store.remember(KEY, _never, max_age=500) == b"new"


def test_a_service_that_is_down_gives_way_to_what_is_there(tmp_path: Path) -> None:
    store, steps = Cache(tmp_path), []
    with pytest.raises(ServiceDownError):
        store.remember(KEY, _down)
    store.put(KEY, b"kept")
    with watching(Monitor(steps.append)):
        assert store.remember(KEY, _down, max_age=-1) == b"kept"
    assert [s.words for s in steps] == ["kept"]

    def refused() -> bytes:
        raise QueryError("no such column", service="lamost")

    with pytest.raises(QueryError):  # a wrong question is no reason to show something old
        store.remember(KEY, refused, max_age=-1)

    def offline() -> bytes:
        raise OfflineError("no network", service="lamost")

    assert store.remember(KEY, offline, max_age=-1) == b"kept"


def test_only_what_passes_the_check_is_kept(tmp_path: Path) -> None:
    store = Cache(tmp_path)

    def check(data: bytes) -> None:
        if not data.startswith(b"ok"):
            raise BadReplyError("not what was asked for", service="lamost")

    with pytest.raises(BadReplyError):
        store.remember(KEY, lambda: b"<html>", check=check)
    assert store.entries() == []
    store.put(KEY, b"kept before the check was there")
    assert store.remember(KEY, lambda: b"ok now", check=check) == b"ok now"


def test_tables_come_back_with_units_and_masks(tmp_path: Path) -> None:
    from astropy import units as u
    from astropy.table import MaskedColumn, Table

    table = Table({"source_id": np.array([5937083312263887616, 1], np.int64), "name": ["a, b", 'quo"te']})
    table["teff"] = MaskedColumn([5777.0, 0.0], mask=[False, True], unit=u.K)
    table.meta["service"] = object()  # what services leave there no format can hold
    store, calls = Cache(tmp_path), []

    def produce() -> Table:
        calls.append(1)
        return table

    key = Key("gaia", "DR3", "query:x")
    first, second = store.remember_table(key, produce), store.remember_table(key, produce)
    assert calls == [1] and first is table
    assert second["source_id"][0] == 5937083312263887616 and second["source_id"].dtype == np.int64
    assert second["teff"].unit == u.K and second["teff"].mask.tolist() == [False, True]
    assert second["name"].tolist() == ["a, b", 'quo"te']
    assert read_table(table_bytes(Table())).colnames == []  # "nothing there" is an answer too
    with pytest.raises(SpecvizError):
        read_table(table_bytes(table)[:100])


def test_the_oldest_used_go_when_the_limit_is_reached(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=10_000)
    for n in range(8):
        store.put(Key("mast", "", f"{n}"), b"x" * 1500)
        os.utime(store.path(Key("mast", "", f"{n}")), (n, n))
    assert store.get(Key("mast", "", "0")) is not None  # looked at: now the youngest
    assert store.prune() > 0
    assert store.size() <= 10_000
    assert store.get(Key("mast", "", "0")) is not None and store.get(Key("mast", "", "1")) is None


def test_clearing(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    for service in ("gaia", "lamost"):
        for n in range(3):
            store.put(Key(service, "", f"{n}"), b"x")
    assert store.clear("gaia") == 3
    assert {e.key.service for e in store.entries()} == {"lamost"}
    assert store.clear(older_than=3600) == 0
    assert store.clear() == 3 and store.size() == 0


def test_long_and_odd_names(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    keys = [Key("gaia", "../../etc", "a" * n) for n in (999, 1001, 20_000)]
    keys += [Key("gaia", "", odd * 700) for odd in ("\n\0é", "😀")]
    for number, key in enumerate(keys):
        store.put(key, b"%d" % number)
    assert [store.get(key) for key in keys] == [b"0", b"1", b"2", b"3", b"4"]
    assert all(tmp_path in e.path.resolve().parents for e in store.entries()) and len(store.entries()) == 5


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    store = Cache(blocked / "cache")
    assert store.remember(KEY, lambda: b"data") == b"data"
    assert store.problem and str(blocked) in store.problem
    assert store.get(KEY) is None and store.entries() == []


def test_nothing_is_readable_by_its_name_only_for_us(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    store.put(KEY, b"x")
    assert stat.S_ISREG(store.path(KEY).stat().st_mode)
    assert not list(tmp_path.rglob("*.part"))


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "a"))
    first = cache()
    assert cache() is first and first.folder == tmp_path / "a"
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "b"))
    assert cache().folder == tmp_path / "b"


def test_threads_share_it(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=200_000)
    wrong: list[str] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(200):
            n = int(rng.integers(20))
            got = store.get(Key("gaia", "", f"{n}"))
            if got is not None and got != _value(n):
                wrong.append(f"{n}: {got[:20]!r}")
            store.put(Key("gaia", "", f"{n}"), _value(n))

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _value(n: int) -> bytes:
    """What entry ``n`` must hold, whoever wrote it."""
    return hashlib.sha256(str(n).encode()).digest() * (50 + 40 * n)


# ---------------------------------------------------------------------------------------------- other processes
_HAMMER = """
import hashlib, json, sys, time
import numpy as np
from specviz.archives.cache import Cache, Key
folder, seed, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
store, rng = Cache(folder), np.random.default_rng(seed)
def value(n): return hashlib.sha256(str(n).encode()).digest() * (50 + 40 * n)
done = dict(reads=0, writes=0, lost=0, torn=0, problems=[])
ends, written = time.monotonic() + seconds, set()
while time.monotonic() < ends:
    n = int(rng.integers(60))
    key = Key("gaia", "DR3", str(n))
    if rng.random() < 0.5:
        store.put(key, value(n)); written.add(n); done["writes"] += 1
        if store.problem: done["problems"].append(store.problem)
    else:
        got = store.get(key); done["reads"] += 1
        done["lost"] += got is None and n in written
        done["torn"] += got is not None and got != value(n)
done["written"] = sorted(written)
print(json.dumps(done))
"""


@pytest.mark.slow
def test_two_processes_share_it_for_a_minute(tmp_path: Path) -> None:
    """60 s of mixed reads and writes: nothing lost, nothing torn."""
    seconds = float(os.environ.get("SPECVIZ_SOAK") or 60)
    command = [sys.executable, "-c", _HAMMER, str(tmp_path)]
    runs = [subprocess.Popen([*command, str(seed), str(seconds)], stdout=subprocess.PIPE, text=True) for seed in (1, 2)]
    told = [json.loads(run.communicate(timeout=seconds + 60)[0]) for run in runs]
    for one in told:
        assert one["lost"] == one["torn"] == 0 and one["problems"] == []
        assert one["reads"] > 20 * seconds and one["writes"] > 20 * seconds
    store = Cache(tmp_path)
    for n in set(told[0]["written"]) | set(told[1]["written"]):
        assert store.get(Key("gaia", "DR3", str(n))) == _value(n)
    assert not list(tmp_path.rglob("*.part"))


_DOWNLOAD = """
import sys
from specviz.archives.cache import Key, cache
from specviz.archives.transport import request
for n in range(10_000):
    key = Key("lamost", "dr10/v2.0", f"test:{n % 7}")
    cache().remember(key, lambda: request("lamost", "GET", "https://www.lamost.org/test/big").body, max_age=0)
    print(n, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 on this system")
def test_kill_9_during_a_download_leaves_the_cache_readable(replay: Any, tmp_path: Path) -> None:
    """Killed at twelve random moments; each time what is there is whole, and the next call completes."""
    module = sys.modules["replay_server"]
    big = np.random.default_rng(0).bytes(3_000_000)
    replay.routes.setdefault("lamost", []).insert(0, module.Route("GET", "/test/big", lambda _a: module.Answer(big)))
    try:
        rng = np.random.default_rng(4)
        for _ in range(12):
            run = subprocess.Popen([sys.executable, "-c", _DOWNLOAD], stdout=subprocess.PIPE, text=True)
            assert run.stdout is not None and run.stdout.readline().strip() == "0"
            time.sleep(float(rng.uniform(0.0, 0.12)))
            run.send_signal(signal.SIGKILL)
            run.communicate()
            store = cache()
            for entry in store.entries():
                assert store.get(entry.key) == big
            key = Key("lamost", "dr10/v2.0", "test:0")
            from specviz.archives.transport import request

            got = store.remember(
                key, lambda: request("lamost", "GET", "https://www.lamost.org/test/big").body, max_age=0
            )
            assert got == big
        for part in store.folder.rglob("*.part"):
            os.utime(part, (1, 1))
        store.prune()
        assert not list(store.folder.rglob("*.part"))
    finally:
        replay.routes["lamost"].pop(0)
