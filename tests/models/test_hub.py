"""The hub, played by a server on this machine: resumed, checked, stopped, refused, offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from specviz.errors import (
    BadReplyError,
    CancelledError,
    CatalogError,
    LoginRequiredError,
    NotFoundError,
    OfflineError,
    RateLimitedError,
    ServiceDownError,
    SpecvizError,
    UnknownModelError,
)
from specviz.models.held import held
from specviz.models.hub import listing as hub_listing
from specviz.models.hub import pull as hub_pull
from specviz.models.hub.download import download
from specviz.models.hub.listing import RemoteFile, endpoint_of, list_files, token_for
from specviz.models.hub.pull import catalog_files, pull, pull_catalog
from specviz.models.installed import OFFICIAL, Manifest
from specviz.models.specclip import posterior_files
from specviz.models.work import Work

REPO = "astroshawn/SpecCLIP"
SPLIT = "specclip/specclip_model_split_mlp.ckpt"
BIG, SMALL = "a/big.h5", "notes.json"
Hub = Callable[..., Any]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository: one big file of 1 MB, one small text."""
    folder = tmp_path / "repository"
    (folder / "a").mkdir(parents=True)
    (folder / BIG).write_bytes(bytes(range(256)) * 4096)
    (folder / SMALL).write_text('{"x": 1}')
    return folder


def fetch(server: Any, folder: Path, cancel: Any = None, **options: Any) -> Work:
    listing = list_files(REPO, endpoint=server.endpoint)
    work = Work(sum(f.size for f in listing.files.values()), None, cancel)
    download(listing, sorted(listing.files), folder, work, **options)
    return work


def same(a: Path, b: Path) -> bool:
    return all((b / n).read_bytes() == (a / n).read_bytes() for n in (BIG, SMALL))


def test_files_arrive_whole_and_are_not_fetched_twice(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server = hub({REPO: repository})
    work = fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out") and work.done == work.total
    again = fetch(server, tmp_path / "out")
    assert server.log[BIG] == server.log[SMALL] == 1 and again.done == again.total
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_dropped_connection_goes_on_where_it_was(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server = hub({REPO: repository})
    server.faults.cut_after[BIG] = 600_000
    work = fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out") and work.done == work.total
    assert server.log[BIG] == 2
    assert server.sent[BIG] < 1.2 * (repository / BIG).stat().st_size


def test_a_stopped_download_goes_on_the_next_time(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server, stop = hub({REPO: repository}), threading.Event()
    server.faults.slow = 0.01
    listing = list_files(REPO, endpoint=server.endpoint)

    def progress(done: int, *_: Any) -> None:
        if done > 300_000:
            stop.set()

    with pytest.raises(CancelledError):
        download(listing, [BIG], tmp_path / "out", Work(1 << 20, progress, stop))
    (part,) = (tmp_path / "out/a").iterdir()
    have = part.stat().st_size
    assert part.name.startswith("big.h5.") and part.suffix == ".part" and 300_000 < have < 1 << 20
    server.seen.clear()
    server.faults.slow = 0.0
    fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out")
    assert {headers["range"] for headers in server.seen if "range" in headers} == {f"bytes={have}-"}


def test_a_server_without_ranges_starts_over(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server = hub({REPO: repository})
    server.faults.cut_after[BIG], server.faults.no_ranges = 600_000, True
    work = fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out") and work.done == work.total


def test_a_damaged_file_is_fetched_again_once(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server = hub({REPO: repository})
    server.faults.corrupt = {BIG: 1, SMALL: 1}
    work = fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out") and server.log[BIG] == 2 and work.done == work.total
    server.faults.corrupt = {BIG: 2}
    with pytest.raises(BadReplyError, match=r"a/big\.h5 arrived damaged twice"):
        fetch(server, tmp_path / "other")
    assert not (tmp_path / "other" / BIG).exists()


def test_a_file_that_was_changed_here_is_replaced(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server = hub({REPO: repository})
    fetch(server, tmp_path / "out")
    (tmp_path / "out" / BIG).write_bytes(bytes(1 << 20))
    work = fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out") and work.done == work.total


def test_a_busy_server_is_asked_again(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server = hub({REPO: repository})
    server.faults.status = {BIG: [503, 429, 500], SMALL: [502]}
    fetch(server, tmp_path / "out")
    assert same(repository, tmp_path / "out") and server.log[BIG] == 4


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (503, ServiceDownError, "answered 503"),
        (429, RateLimitedError, "fewer questions"),
        (403, LoginRequiredError, "does not show"),
        (404, NotFoundError, "has no"),
    ],
)
def test_what_does_not_pass_is_an_error(
    hub: Hub, repository: Path, tmp_path: Path, status: int, error: type[Exception], said: str
) -> None:
    server = hub({REPO: repository})
    server.faults.status = {BIG: [status] * 20}
    with pytest.raises(error, match=said):
        fetch(server, tmp_path / "out")
    assert server.log[BIG] == (5 if status in (503, 429) else 1)
    server.faults.status = {"listing": [status]}
    with pytest.raises(error, match=said):
        list_files(REPO, endpoint=server.endpoint)


def test_no_room(hub: Hub, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = hub({REPO: repository})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(SpecvizError, match=r"0\.0 GB are needed in .*Make room"):
        fetch(server, tmp_path / "out")
    assert not server.log[BIG]


def test_nobody_there(hub: Hub, repository: Path) -> None:
    server = hub({REPO: repository})
    with pytest.raises(NotFoundError, match="has no someone/else"):
        list_files("someone/else", endpoint=server.endpoint)
    with pytest.raises(NotFoundError, match="Check the name, the revision"):
        list_files(REPO, revision="v9", endpoint=server.endpoint)
    with pytest.raises(ServiceDownError, match=r"cannot be reached .*name their folder with --from"):
        list_files(REPO, endpoint="http://127.0.0.1:9")  # the discard port: nobody listens


def test_offline_by_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE is set"):
        list_files(REPO, endpoint="http://127.0.0.1:9")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SpecvizError, match=r"not installed.*jupyter-specviz\[hub\]"):
        list_files(REPO)


def test_endpoints_and_tokens(hub: Hub, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror is found in HF_ENDPOINT, the argument goes before it, and no mirror is shown a person's token."""
    server = hub({REPO: repository})
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint + "/")
    assert len(list_files(REPO).files) == 2
    assert all("authorization" not in headers for headers in server.seen) and server.seen
    assert endpoint_of("https://mirror.example") == "https://mirror.example"
    assert token_for(None) is None and token_for(server.endpoint) is False
    with pytest.raises(SpecvizError, match="is no endpoint"):
        list_files(REPO, endpoint="mirror.example")
    monkeypatch.delenv("HF_ENDPOINT")
    assert endpoint_of(None) is None


@pytest.mark.parametrize("name", ["../x.h5", "/etc/x.h5", "a/../../x.h5", "a\\..\\x.h5", "C:x.h5"])
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    sibling = SimpleNamespace(rfilename=name, size=1, lfs=None, blob_id="0")
    with pytest.raises(BadReplyError, match="names a file"):
        hub_listing._file(sibling)


def test_a_file_without_a_hash_is_refused(hub: Hub, repository: Path, tmp_path: Path) -> None:
    listing = list_files(REPO, endpoint=hub({REPO: repository}).endpoint)
    bare = SimpleNamespace(**{**vars(listing), "files": {BIG: RemoteFile(BIG, 1 << 20)}})
    with pytest.raises(BadReplyError, match="cannot be checked"):
        download(bare, [BIG], tmp_path / "out", Work(1))  # type: ignore[arg-type]


def test_pull_and_pull_again(hub: Hub, tiny_release: Any, models_here: Path) -> None:
    server, stages = hub({REPO: tiny_release.folder}), []
    server.faults.cut_after[SPLIT] = 3_000_000
    steps: list[tuple[int, int, str]] = []
    done = pull(endpoint=server.endpoint, stage=stages.append, progress=lambda *step: steps.append(step))
    assert (done.outcome, stages) == ("new", ["download", "convert"])
    assert done.folder == models_here / OFFICIAL
    source = {"repo": REPO, "revision": server.revision, "endpoint": server.endpoint}
    assert done.manifest.source == source and Manifest.load(done.folder) == done.manifest
    assert len(done.manifest.files) == 47 and not any(path.endswith(".pkl") for path in server.log)
    assert steps[-1][0] == steps[-1][1]
    assert [p.name for p in models_here.iterdir() if p.is_dir()] == [OFFICIAL]  # what was downloaded is gone again
    before = sum(server.log.values())
    assert pull(endpoint=server.endpoint).outcome == "there"
    assert sum(server.log.values()) == before + 1  # the listing
    server.revision = "f" * 40
    assert pull(endpoint=server.endpoint, keep=True).outcome == "new"
    assert (models_here / "downloads" / OFFICIAL / SPLIT).is_file()


def test_posteriors_come_later(hub: Hub, tiny_release: Any, models_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --trust-pickle a model that was pulled without is completed, and nothing else is fetched."""
    server = hub({REPO: tiny_release.folder})
    pull(endpoint=server.endpoint)
    server.log.clear()

    def convert(jobs: list[Any], **_: Any) -> dict[Path, str]:
        for job in jobs:
            assert job.source.is_file()
            job.target.write_bytes(b"tensors")
        return {job.target: "1" * 64 for job in jobs}

    monkeypatch.setattr(posterior_files, "convert_posteriors", convert)
    done = pull(endpoint=server.endpoint, trust_pickle=True)
    assert done.outcome == "completed" and done.manifest.left_out == {}
    assert server.log.total() == 12 and sum(path.endswith(".pkl") for path in server.log) == 11
    assert len(done.manifest.files) == 58
    assert pull(endpoint=server.endpoint, trust_pickle=True).outcome == "there"


def test_a_stopped_pull_keeps_what_it_has(hub: Hub, tiny_release: Any, models_here: Path) -> None:
    server, stop = hub({REPO: tiny_release.folder}), threading.Event()

    def progress(done: int, total: int, _: str) -> None:
        if done > total / 2:
            stop.set()

    with pytest.raises(CancelledError, match="goes on from here"):
        pull(endpoint=server.endpoint, progress=progress, cancel=stop)
    assert not (models_here / OFFICIAL).exists()
    have = sum(p.stat().st_size for p in (models_here / "downloads").rglob("*") if p.is_file())
    server.sent.clear()
    pull(endpoint=server.endpoint)
    assert server.sent.total() < 1.1 * (tiny_release.bytes - have)


def test_a_killed_pull_goes_on(hub: Hub, tiny_release: Any, models_here: Path) -> None:
    """kill -9 in the middle of a file: the lock is gone with the process, what came is not."""
    server = hub({REPO: tiny_release.folder})
    server.faults.slow = 0.005
    command = [sys.executable, "-m", "specviz", "models", "pull", "--endpoint", server.endpoint]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}) as child:
        end = time.monotonic() + 60
        while server.sent[SPLIT] < 10_000_000 and time.monotonic() < end:
            time.sleep(0.02)
        child.kill()
    (part,) = (models_here / "downloads").rglob("*.part")
    have = part.stat().st_size
    assert have > 5_000_000
    server.seen.clear()
    server.faults.slow = 0.0
    assert pull(endpoint=server.endpoint).outcome == "new"
    assert {headers["range"] for headers in server.seen if "range" in headers} == {f"bytes={have}-"}


def test_pull_from_a_folder_asks_nobody(tiny_release: Any, models_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_pull, "list_files", lambda *_, **__: pytest.fail("the hub was asked"))
    done = pull(source=tiny_release.folder)
    assert done.outcome == "new" and done.manifest.source == {"folder": tiny_release.folder.name}


def test_one_pull_at_a_time(hub: Hub, tiny_release: Any, models_here: Path) -> None:
    server = hub({REPO: tiny_release.folder})
    with (
        held(models_here / f".{OFFICIAL}.pull.lock", "here"),
        pytest.raises(SpecvizError, match="Another process is pull"),
    ):
        pull(endpoint=server.endpoint)
    with held(models_here / f".{OFFICIAL}.lock", "here"), pytest.raises(SpecvizError, match="Another process is conv"):
        pull(source=tiny_release.folder)
    assert not server.log


def test_a_repository_without_the_networks(hub: Hub, repository: Path, models_here: Path) -> None:
    server = hub({REPO: repository})
    with pytest.raises(UnknownModelError, match="has no predrecon and no split network"):
        pull(endpoint=server.endpoint)
    with pytest.raises(UnknownModelError, match="no model 'desa' to pull"):
        pull("desa")


def test_the_test_catalogues(hub: Hub, repository: Path, models_here: Path, tmp_path: Path) -> None:
    server = hub(datasets={"astroshawn/SpecCLIP-TestData-Small": repository})
    assert catalog_files("specclip-test-small") == []
    (path,) = pull_catalog("specclip-test-small", endpoint=server.endpoint)
    assert path == tmp_path / "catalogs/specclip-test-small" / BIG
    assert path.read_bytes() == (repository / BIG).read_bytes()
    assert catalog_files("specclip-test-small") == [path]
    assert "sha256" in (tmp_path / "catalogs/specclip-test-small/origin.json").read_text()
    (copy,) = pull_catalog("specclip-test", source=repository)
    assert copy.read_bytes() == path.read_bytes() and copy.parent.name == "specclip-test"
    (copy,) = pull_catalog("specclip-test", source=repository / BIG)
    assert copy.name == "big.h5"
    with pytest.raises(CatalogError, match="no catalogue 'x'"):
        pull_catalog("x")
    (repository / BIG).unlink()
    with pytest.raises(CatalogError, match="holds no spectra"):
        pull_catalog("specclip-test", source=repository)
    with pytest.raises(CatalogError, match="holds no spectra"):
        pull_catalog("specclip-test-small", endpoint=server.endpoint)


def test_progress_never_goes_beyond_the_end(hub: Hub, repository: Path, tmp_path: Path) -> None:
    server, seen = hub({REPO: repository}), []
    server.faults.corrupt = {BIG: 1}
    server.faults.cut_after[BIG] = 500_000
    listing = list_files(REPO, endpoint=server.endpoint)
    total = sum(f.size for f in listing.files.values())
    download(listing, sorted(listing.files), tmp_path / "out", Work(total, lambda *step: seen.append(step)))
    assert all(0 <= done <= total for done, _, _ in seen) and seen[-1][0] == total


def test_a_folder_that_cannot_be_written(hub: Hub, repository: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = tmp_path / "file"
        target.write_text("not a folder")
    else:
        target = tmp_path / "closed"
        target.mkdir(mode=0o500)
    server = hub({REPO: repository})
    with pytest.raises(SpecvizError, match="cannot be written"):
        fetch(server, target)
