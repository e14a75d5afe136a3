"""The index of a large catalogue: recall, resumption, damage, stars that are added, filters, threads."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from specviz.catalog.search import building, faiss_index, opening, training
from specviz.catalog.search.building import build_index
from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.search.exact import ExactSearch
from specviz.catalog.search.faiss_index import FaissSearch
from specviz.catalog.search.index_record import IndexRecord
from specviz.catalog.search.opening import AppendedSearch, open_searcher
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CancelledError, CatalogError, OptionError, SpecvizError
from specviz.models.held import held

from .search_stars import SURVEY, append, brute, create, recall, vectors

faiss = pytest.importorskip("faiss")
DIM = 32


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    """Two cores that also run something else make OpenMP's threads wait for each other longer than they work."""
    faiss.omp_set_num_threads(1)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    """30,000 stars with an index; not to be changed."""
    made = vectors(30_000, DIM)
    catalog = create(tmp_path_factory.mktemp("index") / "stars", [made[:9000], made[9000:]])
    build_index(catalog, SURVEY)
    return catalog


@pytest.fixture
def stars(built: StarCatalog, tmp_path: Path) -> StarCatalog:
    """A copy of it."""
    shutil.copytree(built.path, tmp_path / "stars")
    return StarCatalog.open(tmp_path / "stars")


@pytest.fixture(scope="module")
def queries() -> NDArray[np.float32]:
    """Stars that are in no catalogue."""
    return vectors(200, DIM, seed=77)


def test_finds_what_it_says_for_stars_it_has_never_seen(built: StarCatalog, queries: NDArray[np.float32]) -> None:
    search = open_searcher(built, SURVEY)
    assert isinstance(search, FaissSearch) and not search.note
    record = search.record
    assert record.kind == "ivf-fp16" and record.vectors == 30_000 and record.parts == 2 and record.queries == 512
    assert min(record.recall.values()) >= 0.99 and record.nprobe["50"] < record.nlist / 4
    for k in (10, 50, 500):
        true, values = brute(built, queries, k)
        numbers, cosines = search.nearest(queries, k)
        assert recall(numbers, true) > 0.98
        same = numbers == true
        assert np.array_equal(cosines[same], values[same]) and (np.diff(cosines, axis=1) <= 0).all()


def test_more_neighbours_than_the_lists_hold(built: StarCatalog, queries: NDArray[np.float32]) -> None:
    numbers, _ = open_searcher(built, SURVEY).nearest(queries[:1], 29_000)
    assert (numbers >= 0).all() and np.unique(numbers).size == 29_000


@pytest.mark.parametrize("region", ["scattered", "hot", "cool"])
def test_finds_as_much_in_a_selection(built: StarCatalog, queries: NDArray[np.float32], region: str) -> None:
    """Also where the selected stars lie elsewhere than the star that is asked for."""
    teff = built.column("teff")
    among = {"scattered": built.column("snr") > 20, "hot": teff > np.quantile(teff, 0.2),
             "cool": teff < np.quantile(teff, 0.8)}[region]  # fmt: skip
    rows = np.flatnonzero(among)
    assert len(rows) > 20_000  # else all of them are compared
    search = open_searcher(built, SURVEY)
    assert isinstance(search, FaissSearch)
    numbers, _ = search.nearest(queries, 50, rows)
    true, _ = brute(built, queries, 50, rows)
    assert np.isin(numbers, rows).all() and recall(numbers, true) > 0.98
    few = rows[::100]
    assert np.array_equal(search.nearest(queries, 50, few)[0], brute(built, queries, 50, few)[0])


def test_threads_that_search_at_once_get_their_own_answers(built: StarCatalog, queries: NDArray[np.float32]) -> None:
    search, rows = open_searcher(built, SURVEY), np.flatnonzero(built.column("snr") > 20)
    alone = [(search.nearest(q[None], 20)[0], search.nearest(q[None], 20, rows)[0]) for q in queries[:16]]
    got: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}

    def ask(i: int) -> None:
        got[i] = search.nearest(queries[i][None], 20)[0], search.nearest(queries[i][None], 20, rows)[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, (every, some) in enumerate(alone):
        assert np.array_equal(got[i][0], every) and np.array_equal(got[i][1], some)


def test_it_is_made_once_and_again_when_asked(stars: StarCatalog) -> None:
    before, held_open = IndexRecord.read(stars.path / "index", SURVEY), stars.index(SURVEY)
    assert build_index(stars, SURVEY) == before
    after = build_index(stars, SURVEY, again=True)
    assert stars.index(SURVEY).searcher.record == after and len(held_open.search(held_open.vector_of(5), 3)) == 3
    assert before is not None and after.name != before.name and after.kind == before.kind
    assert {f.name for f in (stars.path / "index").iterdir()} == {
        f"{SURVEY}.json", f"{SURVEY}.lock", *(after.name + suffix for suffix in after.bytes)
    }  # fmt: skip


def test_added_stars_are_found_before_the_index_is_made_again(stars: StarCatalog, queries: NDArray[np.float32]) -> None:
    append(stars, queries[:60])
    search = open_searcher(stars, SURVEY)
    assert isinstance(search, AppendedSearch) and not search.note
    numbers, cosines = search.nearest(queries[:60], 5)
    assert np.array_equal(numbers[:, 0], 30_000 + np.arange(60)) and (cosines[:, 0] > 0.999).all()
    rows = np.arange(5000, 30_030)
    assert search.nearest(queries[:1], 5, rows)[0][0, 0] == 30_000
    assert build_index(stars, SURVEY).vectors == 30_060
    assert isinstance(open_searcher(stars, SURVEY), FaissSearch)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder, name: _cut(folder / f"{name}.ivfdata"), "is damaged"),
        (lambda folder, name: (folder / f"{name}.lists.npy").unlink(), "is absent"),
        (lambda folder, name: (folder / f"{name}.faiss").write_bytes(
            bytes(len((folder / f"{name}.faiss").read_bytes()))), "is damaged"),
        (lambda folder, name: (folder / f"{SURVEY}.json").write_text('{"format": "specviz sea'), "is damaged"),
        (lambda folder, name: (folder / f"{SURVEY}.json").write_text("[]"), "is damaged"),
    ],
)  # fmt: skip
def test_a_damaged_index_is_not_used_and_made_anew(
    stars: StarCatalog, queries: NDArray[np.float32], harm: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "EXACT", 1000)
    record = IndexRecord.read(stars.path / "index", SURVEY)
    assert record is not None
    harm(stars.path / "index", record.name)  # type: ignore[operator]
    search = open_searcher(stars, SURVEY)
    assert isinstance(search, ExactSearch) and said in search.note and "specviz catalog index" in search.note
    assert np.array_equal(search.nearest(queries[:2], 5)[0], brute(stars, queries[:2], 5)[0])
    index = CatalogIndex(stars, SURVEY)
    assert index.note == search.note and index.search(queries[0], 3).meta["note"] == search.note


def test_an_index_of_other_stars_is_not_used(
    stars: StarCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "EXACT", 1000)
    other = create(tmp_path / "other", [vectors(3000, DIM, seed=3)])
    shutil.copytree(stars.path / "index", other.path / "index")
    search = open_searcher(other, SURVEY)
    assert isinstance(search, ExactSearch) and "belongs to other stars" in search.note


def test_no_faiss_no_index_but_every_star(
    stars: StarCatalog, queries: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "EXACT", 1000)
    monkeypatch.setattr(opening, "has_faiss", lambda: False)
    search = open_searcher(stars, SURVEY)
    assert isinstance(search, ExactSearch) and "faiss is not installed: all 30,000 stars" in search.note
    assert np.array_equal(search.nearest(queries[:1], 5)[0], brute(stars, queries[:1], 5)[0])


def test_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped twice, by a person; what was learned and the pieces that were done are not done again."""
    monkeypatch.setattr(building, "_CHUNK", 4 * DIM * 2000)
    catalog, heard = create(tmp_path / "stars", [vectors(8000, DIM)]), []
    work = catalog.path / "index" / f"{SURVEY}.building"

    def build(upto: str) -> IndexRecord:
        heard.clear()
        return build_index(
            catalog,
            SURVEY,
            progress=lambda _, text: heard.append(text),
            cancel=lambda: bool(heard) and upto in heard[-1],
        )

    with pytest.raises(CancelledError):
        build("4,000 of 8,000 vectors divided")
    done = {file.name: file.stat().st_mtime_ns for file in work.iterdir()}
    assert {"trained.faiss", "lists-000000000000.npy", "lists-000000002000.npy"} <= set(done)
    with pytest.raises(CancelledError):
        build("4,000 of 8,000 vectors written")
    assert all((work / name).stat().st_mtime_ns == at for name, at in done.items())
    assert isinstance(open_searcher(catalog, SURVEY), ExactSearch)  # half an index is none
    record = build("never")
    assert not work.exists() and min(record.recall.values()) >= 0.99
    append(catalog, vectors(100, DIM, seed=4))
    work.mkdir()
    (work / "plan.json").write_text("of another catalogue")
    assert build("never").vectors == 8100


def test_a_killed_build_leaves_the_old_index_and_is_gone_on_with(stars: StarCatalog) -> None:
    """kill -9 in the moment when half of the new lists are written."""
    before = IndexRecord.read(stars.path / "index", SURVEY)
    code = (
        "import os, sys\n"
        "from specviz.catalog.search.building import build_index\n"
        "from specviz.catalog.store.star_catalog import StarCatalog\n"
        "def tell(share, text):\n"
        "    if 'written' in text: os.kill(os.getpid(), 9)\n"
        f"build_index(StarCatalog.open(sys.argv[1]), {SURVEY!r}, again=True, progress=tell)\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code, str(stars.path)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert IndexRecord.read(stars.path / "index", SURVEY) == before
    assert isinstance(open_searcher(stars, SURVEY), FaissSearch)
    heard: list[str] = []
    record = build_index(stars, SURVEY, again=True, progress=lambda _, text: heard.append(text))
    assert not any("sample" in text for text in heard) and before is not None and record.name != before.name


def test_compressed_codes_are_ranked_by_what_is_stored(tmp_path: Path) -> None:
    catalog, asked = create(tmp_path / "stars", [vectors(6000, 16)]), vectors(100, 16, seed=7)
    record = build_index(catalog, SURVEY, "ivf-pq")
    assert record.kind == "ivf-pq" and record.depth > 1 and record.bytes[".ivfdata"] == 6000 * (2 + 8)
    search = open_searcher(catalog, SURVEY)
    assert isinstance(search, FaissSearch)
    numbers, cosines = search.nearest(asked, 50)
    true, values = brute(catalog, asked, 50)
    same = numbers == true
    assert recall(numbers, true) > 0.97 and same.mean() > 0.8 and np.array_equal(cosines[same], values[same])


@pytest.mark.parametrize("kind", ["ivf-fp16", "ivf-pq"])
def test_so_many_lists_that_a_graph_finds_them(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of 70 million stars, from which on their centres are searched through HNSW."""
    monkeypatch.setattr(training, "_GRAPH", 64)
    catalog, asked = create(tmp_path / "stars", [vectors(5000, 16)]), vectors(100, 16, seed=7)
    build_index(catalog, SURVEY, kind)
    search = open_searcher(catalog, SURVEY)
    assert isinstance(search, FaissSearch) and not search._flat
    assert recall(search.nearest(asked, 50)[0], brute(catalog, asked, 50)[0]) > 0.97
    monkeypatch.setattr(faiss_index, "COMPARED", 100)
    rows = np.flatnonzero(catalog.column("teff") > 5500)
    numbers, _ = search.nearest(asked, 20, rows)
    assert np.isin(numbers, rows).all() and recall(numbers, brute(catalog, asked, 20, rows)[0]) > 0.97


def test_a_disk_that_is_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = create(tmp_path / "stars", [vectors(2500, 8)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, "_fill", full)
    with pytest.raises(CatalogError, match=r"No space left on device.*Make room"):
        build_index(catalog, SURVEY)
    monkeypatch.undo()
    assert build_index(catalog, SURVEY).vectors == 2500


def test_one_process_at_a_time_builds_it(built: StarCatalog) -> None:
    with held(built.path / "index" / f"{SURVEY}.lock", "here"), pytest.raises(SpecvizError, match="building the index"):
        build_index(built, SURVEY)


def test_what_a_person_can_ask_wrongly(built: StarCatalog, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="Did you mean 'ivf-pq'"):
        build_index(built, SURVEY, "ivf-qp")
    with pytest.raises(OptionError, match="target"):
        build_index(built, SURVEY, target=1.5)
    with pytest.raises(CatalogError, match="too few for an index"):
        build_index(create(tmp_path / "few", [vectors(50, 8)]), SURVEY)
    with pytest.raises(CatalogError, match="holds no lamost_lrs"):
        open_searcher(built, "lamost_lrs")


def test_nothing_is_printed_or_logged(tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO)\n"
        "from specviz.catalog.search.building import build_index\n"
        "from specviz.catalog.search.opening import open_searcher\n"
        "from specviz.catalog.store.star_catalog import StarCatalog\n"
        "c = StarCatalog.open(sys.argv[1])\n"
        f"build_index(c, {SURVEY!r})\n"
        f"open_searcher(c, {SURVEY!r}).nearest(c.vectors({SURVEY!r}).take([1]), 5)\n"
    )
    create(tmp_path / "stars", [vectors(2100, 8)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "stars")]
    ended = subprocess.run(run, capture_output=True, text=True, env=environment, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
