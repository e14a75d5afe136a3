"""Catalogues made by a cluster: what dies is done again, what fails is told, and the result is the same."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from specviz.catalog.scale import dask_runner, dask_task
from specviz.catalog.scale.build import build
from specviz.catalog.scale.dask_runner import ClusterRunner, on_cluster
from specviz.catalog.scale.dask_task import Task, attempt
from specviz.catalog.scale.partition import EngineSpec, made
from specviz.errors import CancelledError, CatalogError, OptionError

pytest.importorskip("distributed")
HERE = Path(__file__).parent
SPEC = EngineSpec(device="cpu", batch=16)


@pytest.fixture(scope="module")
def stars() -> Iterator[Any]:
    """``dask_stars`` under a name by which workers can import it (they get this process's path)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield importlib.import_module("dask_stars")
    sys.modules.pop("dask_stars")


@pytest.fixture(scope="module")
def cluster(stars: Any) -> Iterator[ClusterRunner]:
    with on_cluster(workers=2) as runner:
        yield runner


@pytest.fixture
def told(cluster: ClusterRunner, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(cluster, "_tell", said.append)
    return said


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def expected(stars: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the content, as this process makes it."""
    folder = tmp_path_factory.mktemp("here")
    return build(stars.MadeUp(folder), folder / "stars.specviz", SPEC).header.content_sha256


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def wait_for(there: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_cluster_makes_what_one_process_makes(
    cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path, expected: str
) -> None:
    steps = []
    catalogue = build(stars.MadeUp(marks), tmp_path / "out", SPEC, runner=cluster, progress=steps.append)
    assert catalogue.header.content_sha256 == expected
    assert [step.done for step in steps] == list(range(9)) and steps[-1].stars == len(catalogue) == 40
    assert {int(mark.read_text()) for mark in marks.iterdir()}.isdisjoint({os.getpid()})


def test_a_worker_killed_in_the_middle_changes_nothing(
    cluster: ClusterRunner, told: list[str], stars: Any, marks: Path, tmp_path: Path, expected: str
) -> None:
    killed = []

    def kill() -> None:
        wait_for(lambda: (marks / "p3").exists() and (marks / "p3").read_text() != "")
        killed.append(int((marks / "p3").read_text()))
        os.kill(killed[0], signal.SIGKILL)

    with meanwhile(kill):
        catalogue = build(stars.MadeUp(marks, hangs="p3"), tmp_path / "out", SPEC, runner=cluster)
    assert catalogue.header.content_sha256 == expected
    assert (marks / "p3").read_text() != str(killed[0])  # another process has made it
    assert [said for said in told if "is gone" in said and "done again" in said]


def test_partitions_that_fail_are_told_and_the_others_made(
    cluster: ClusterRunner, told: list[str], stars: Any, marks: Path, tmp_path: Path, expected: str
) -> None:
    source = stars.MadeUp(marks, damaged="p1", broken="p2", deadly="p4", flaky="p6")
    with pytest.raises(CatalogError) as error:
        build(source, tmp_path / "out", SPEC, runner=cluster)
    assert "3 of 8 partitions" in str(error.value) and "only those are redone" in str(error.value)
    for what in ("p1: The table is damaged", "p2: ZeroDivisionError: a slip", "p4: 4 workers died at it"):
        assert what in str(error.value)
    assert {p.stem for p in (tmp_path / "out" / "parts").glob("*.json")} == {"p0", "p3", "p5", "p6", "p7"}
    again = {said.split()[1] for said in told if "tried once more" in said}
    assert "p2" in again and again <= {"p2", "p6"}  # not the damaged one, which says itself what is wrong
    whole = build(stars.MadeUp(marks), tmp_path / "out", SPEC, runner=cluster)
    assert whole.header.content_sha256 == expected


def test_when_everything_fails_it_ends_early(cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path) -> None:
    spec = EngineSpec(model="no-such-model")
    with pytest.raises(CatalogError, match="16 of 200 partitions"):
        list(cluster(stars.MadeUp(marks, partitions=200), [f"p{i}" for i in range(200)], spec, tmp_path))


def test_cancelling_does_not_wait_for_a_partition(
    cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = threading.Event()
    monkeypatch.setattr(cluster, "_stop", dask_runner.cancel_check(cancel))

    def stop() -> None:
        wait_for(lambda: (marks / "p7").exists())
        cancel.set()

    with meanwhile(stop), pytest.raises(CancelledError):
        build(stars.MadeUp(marks, hangs="p7"), tmp_path / "out", SPEC, runner=cluster)
    cancel.clear()
    os.kill(int((marks / "p7").read_text()), signal.SIGKILL)  # it would sleep on
    whole = build(stars.MadeUp(marks), tmp_path / "out", SPEC, runner=cluster)
    assert whole.header.content_sha256 == expected


def test_few_partitions_are_in_flight(cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path) -> None:
    runner = ClusterRunner(cluster.client, in_flight=3)
    most, submit = [0], cluster.client.submit

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(cluster.client, name)

        def submit(self, *arguments: Any, **options: Any) -> Any:
            most[0] += 1
            return submit(*arguments, **options)

    runner.client = Counting()
    running = runner(stars.MadeUp(marks, partitions=30), [f"p{i}" for i in range(30)], SPEC, tmp_path)
    for done, _ in enumerate(running, 1):
        assert most[0] <= done + 3 + 2  # what one look took from the queue is replaced after it
    assert most[0] == 30


def test_any_scheduler_does_and_stays(
    cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path, expected: str
) -> None:
    with on_cluster(cluster.client.scheduler.address) as runner:
        catalogue = build(stars.MadeUp(marks), tmp_path / "out", SPEC, runner=runner)
    assert catalogue.header.content_sha256 == expected
    assert cluster.client.submit(os.getpid).result(timeout=300) != os.getpid()  # scheduler and workers are still there


def test_workers_that_lack_what_is_sent_are_told_of(
    cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stars.MadeUp, "__reduce__", lambda self: (importlib.import_module, ("no_such_module",)))
    with pytest.raises(CatalogError, match="same versions"):
        next(cluster(stars.MadeUp(marks), ["p0"], SPEC, tmp_path))


def test_a_folder_that_is_not_shared_is_told(
    cluster: ClusterRunner, stars: Any, marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_runner, "_SEEN_WITHIN", 0.0)
    monkeypatch.setattr(dask_runner, "made", lambda folder, key: None)
    with pytest.raises(CatalogError, match="all workers see"):
        next(cluster(stars.MadeUp(marks), ["p0"], SPEC, tmp_path))


def test_wrong_ways_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dask_runner, "_ANSWER", 1)
    with pytest.raises(CatalogError, match="No Dask scheduler answers"), on_cluster("tcp://127.0.0.1:9"):
        pass
    with pytest.raises(CatalogError, match="No Dask scheduler answers"), on_cluster("nonsense"):
        pass
    with pytest.raises(OptionError), on_cluster("tcp://127.0.0.1:9", 2):
        pass
    with pytest.raises(OptionError), on_cluster(workers=0):
        pass
    script = tmp_path / "script.py"
    script.write_text("with on_cluster() as runner: pass")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    with pytest.raises(OptionError, match=r"script\.py starts workers"), on_cluster(workers=1):
        pass


def test_each_process_has_its_gpu(stars: Any, marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    import specviz.models.device as device

    monkeypatch.setattr(device, "cuda_devices", lambda: 4)
    monkeypatch.setattr(distributed, "get_worker", lambda: type("W", (), {"name": 6}))
    assert dask_task._own_gpu(EngineSpec()).device == "cuda:2"
    assert dask_task._own_gpu(EngineSpec(device="cpu")).device == "cpu"
    record, why, _ = attempt(Task(stars.MadeUp(marks), SPEC, tmp_path), "p0")
    assert record is not None and why == "" and made(tmp_path, "p0") == record


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from dask_stars import MadeUp
from specviz.catalog.scale.build import build
from specviz.catalog.scale.dask_runner import on_cluster
from specviz.catalog.scale.partition import EngineSpec

if __name__ == "__main__":
    with on_cluster(workers=1) as runner:
        build(MadeUp(Path({marks!r}), pause=0.3), {out!r}, EngineSpec(device="cpu", batch=16), runner=runner)
"""


def test_the_whole_run_killed_and_taken_up(stars: Any, marks: Path, tmp_path: Path, expected: str) -> None:
    script, out = tmp_path / "run.py", tmp_path / "out"
    script.write_text(RUN.format(here=str(HERE), marks=str(marks), out=str(out)))
    run = subprocess.Popen([sys.executable, str(script)])
    try:
        wait_for(lambda: len(list(out.glob("parts/*.json"))) >= 2, 120)
        worker = int((marks / "p1").read_text())
    finally:
        run.kill()
        run.wait()
    assert worker != run.pid
    wait_for(lambda: not Path(f"/proc/{worker}").exists())  # nothing is left behind
    made_before = {p: p.stat().st_mtime_ns for p in out.glob("parts/*.parquet")}
    catalogue = build(stars.MadeUp(marks), out, SPEC)
    assert catalogue.header.content_sha256 == expected
    assert sum(p.stat().st_mtime_ns == when for p, when in made_before.items()) >= 2
