"""Catalogues from partitions: whatever stops a build, and wherever, the same catalogue comes out in the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.catalog.scale.build import PLAN, Progress, build, in_this_process, problems
from specviz.catalog.scale.partition import Block, EngineSpec, made, make_part
from specviz.catalog.store.header import FILE
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.catalog.store.writing import writing
from specviz.errors import CancelledError, CatalogError

from .build_stars import Spectra, Vectors

CPU = EngineSpec(device="cpu")


class Killed(BaseException):
    """Stands for ``kill -9``: nothing catches it."""


def _hash(path: Path) -> str:
    return StarCatalog.open(path).header.content_sha256


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(Vectors(), tmp_path_factory.mktemp("build") / "c", CPU).header.content_sha256


def test_what_is_built(tmp_path: Path, undisturbed: str) -> None:
    told: list[Progress] = []
    catalog = build(Vectors(), tmp_path / "c", CPU, progress=told.append, made_from="a test")
    assert len(catalog) == 30 and catalog.surveys == ("gaia_xp", "lamost_lrs")
    assert catalog.header.content_sha256 == undisturbed and catalog.header.notes["made_from"] == "a test"
    assert [p.done for p in told] == [0, 1, 2, 3] and told[-1].stars == 30 and told[-1].left == 0.0
    assert list(catalog.column("object_id")[[0, 5, 29]]) == ["p0 0", "p0 long 0", "p2 long 4"]
    assert np.isnan(catalog.column("ebv")[5:10]).all() and catalog.column("ebv")[0] == 0.1
    assert catalog.column("note")[0] == "" and catalog.column("note")[5] == "x" and catalog.unit("ebv") == "mag"
    assert len(catalog.vectors("gaia_xp")) == 30 and len(catalog.vectors("lamost_lrs")) == 18
    assert sorted(f.name for f in (tmp_path / "c").iterdir()) == [FILE, "catalog.lock", "parts"]
    assert not [f for f in (tmp_path / "c" / "parts").iterdir() if f.suffix in (".json", ".tmp")]


def test_stopped_at_every_file(tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build is killed just before and just after each file that it puts in its place."""
    real, count, at, after = Path.replace, 0, -1, False

    def replace(self: Path, target: Any) -> Path:
        nonlocal count
        count += 1
        if count == at and not after:
            raise Killed
        done = real(self, target)
        if count == at:
            raise Killed
        return done

    monkeypatch.setattr(Path, "replace", replace)
    build(Vectors(), tmp_path / "count", CPU)
    files = count
    assert files == 1 + 3 * 5 + 1  # the plan; of each part two vectors, rows of one, the table, the record; the header
    for number in range(1, files + 1):
        for after in (False, True):
            path = tmp_path / f"{number}{after}"
            count, at = 0, number
            with pytest.raises(Killed):
                build(Vectors(), path, CPU)
            (path / "parts" / "p1.parquet.0badcafe.tmp").write_bytes(b"half a file")
            at = -1
            assert build(Vectors(), path, CPU).header.content_sha256 == undisturbed, (number, after)
            assert not (path / PLAN).exists() and not list((path / "parts").glob("*.json"))


def test_order_and_splits_do_not_matter(tmp_path: Path, undisturbed: str) -> None:
    def backwards(source: Any, keys: Sequence[str], spec: EngineSpec, folder: Path) -> Iterator[Any]:
        make_part(source, "p1", spec, folder)  # somebody else makes one in between
        return in_this_process(source, list(reversed(keys)), spec, folder)

    assert build(Vectors(), tmp_path / "c", CPU, runner=backwards).header.content_sha256 == undisturbed


def test_damage_between_two_runs_is_found(tmp_path: Path, undisturbed: str) -> None:
    class Enough(Exception):
        pass

    def two(source: Any, keys: Sequence[str], spec: EngineSpec, folder: Path) -> Iterator[Any]:
        yield from in_this_process(source, keys[:2], spec, folder)
        raise Enough

    def watched(asked: list[str], source: Any, keys: Sequence[str], spec: EngineSpec, folder: Path) -> Iterator[Any]:
        asked.extend(keys)
        return in_this_process(source, keys, spec, folder)

    def cut(file: Path) -> None:
        file.write_bytes(file.read_bytes()[:-20])

    def altered(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[-9] ^= 0x40
        file.write_bytes(bytes(data))

    def emptied(file: Path) -> None:
        file.write_bytes(b"")

    for name in ("p0.parquet", "p0.gaia_xp.npy", "p0.lamost_lrs.rows.npy", "p0.json"):
        for harm in (cut, altered, emptied, Path.unlink):
            path = tmp_path / f"{name} {harm.__name__}"
            with pytest.raises(Enough):
                build(Vectors(), path, CPU, runner=two)
            harm(path / "parts" / name)
            asked: list[str] = []
            assert build(Vectors(), path, CPU, runner=partial(watched, asked)).header.content_sha256 == undisturbed
            # A bit in the words of a table's footer, or in the file that says what is whole, may change no number.
            assert asked == ["p0", "p2"] or (harm is altered and not name.endswith(".npy") and asked == ["p2"])


def test_a_finished_catalogue_is_opened_and_never_lost(tmp_path: Path, undisturbed: str) -> None:
    path = tmp_path / "c"
    build(Vectors(), path, CPU)
    before = {f.name: f.stat().st_mtime_ns for f in (path / "parts").iterdir()}
    (path / PLAN).write_text("{}")  # as if it was killed between the header and the sweeping
    for again in (False, True):
        assert build(Vectors(), path, CPU, again=again).header.content_sha256 == undisturbed
    assert before == {f.name: f.stat().st_mtime_ns for f in (path / "parts").iterdir()} and not (path / PLAN).exists()
    with pytest.raises(CatalogError, match="another catalogue"):
        build(Vectors(seed=1), path, CPU)


def test_parts_of_another_run_are_refused(tmp_path: Path) -> None:
    path, stop = tmp_path / "c", threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        build(Vectors(), path, CPU, cancel=stop)
    assert made(path / "parts", "p0") is not None and made(path / "parts", "p1") is None
    others = (
        (Vectors(seed=1), CPU, "the stars"),
        (Vectors(), replace(CPU, batch=7), "the batch"),
        (Vectors(), replace(CPU, surveys=("gaia_xp",)), "the surveys"),
    )
    for source, spec, word in others:
        with pytest.raises(CatalogError, match=word):
            build(source, path, spec)
    with writing(path), pytest.raises(CatalogError, match=r"Someone|Another"):
        build(Vectors(), path, CPU)
    (path / PLAN).write_text((path / PLAN).read_text()[:30])
    with pytest.raises(CatalogError, match=r"damaged.*--again"):
        build(Vectors(), path, CPU)
    assert len(build(Vectors(seed=1), path, CPU, again=True)) == 30


def test_what_cannot_be_built(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(CatalogError, match="something else"):
        build(Vectors(), tmp_path / "other", CPU)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CatalogError, match="something else"):
        build(Vectors(), tmp_path / "file", CPU)
    with pytest.raises(CatalogError, match="nothing to build"):
        build(Vectors(partitions=0), tmp_path / "none", CPU)
    assert not (tmp_path / "none").exists()

    class Wide(Vectors):
        def blocks(self, key: str) -> Iterator[Block]:
            for block in super().blocks(key):
                wide = np.ones((len(block), 8 if key == "p0" else 9), "f4")
                yield Block(block.columns, vectors={"gaia_xp": wide})

    with pytest.raises(CatalogError, match="8 and of 9 dimensions"):
        build(Wide(), tmp_path / "wide", CPU)


def test_a_full_disk_is_told_and_what_is_made_stays(
    tmp_path: Path, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = np.save

    def save(stream: Any, array: Any) -> None:
        if "p2." in str(stream.name):
            stream.write(b"half")
            raise OSError("8192 requested and 4 written")
        real(stream, array)

    monkeypatch.setattr(np, "save", save)
    with pytest.raises(CatalogError, match=r"4 written.*GB left.*what is made stays"):
        build(Vectors(), tmp_path / "c", CPU)
    assert not list((tmp_path / "c" / "parts").glob("*.tmp"))
    monkeypatch.setattr(np, "save", real)
    assert build(Vectors(), tmp_path / "c", CPU).header.content_sha256 == undisturbed


def test_partitions_without_stars(tmp_path: Path) -> None:
    catalog = build(Vectors(empty=("p1",)), tmp_path / "c", CPU)
    assert len(catalog) == 20 and [part.name for part in catalog.header.parts] == ["p0", "p2"]
    nothing = build(Vectors(empty=("p0", "p1", "p2")), tmp_path / "empty", CPU)
    assert len(nothing) == 0 and nothing.surveys == ()


def test_spectra_are_embedded_and_problems_are_told(tmp_path: Path) -> None:
    import torch

    found = set()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        catalog = build(Spectra(), tmp_path / f"c{threads}", CPU)
        found.add(catalog.header.content_sha256)
    assert len(found) == 1 and problems(catalog) == 6
    said = catalog.column("problem")
    assert said[0] == "The file is damaged." and said[1] == "This star has no spectrum." and "550 nm" in said[2]
    assert len(catalog) == 24 and len(catalog.vectors("gaia_xp")) == 18 and catalog.surveys == ("gaia_xp",)
    only = build(Spectra(1), tmp_path / "only", EngineSpec(device="cpu", surveys=("lamost_lrs",)))
    assert problems(only) == 12 and "lamost_lrs" in only.column("problem")[4] and only.surveys == ()


def test_other_optical_spectra_stand_for_lamost(tmp_path: Path) -> None:
    from specviz.archives.demo import DemoArchive

    star = DemoArchive().star(0)
    lamost = star.spectra["lamost_lrs"]

    class Sdss:
        fingerprint = "one"

        def keys(self) -> list[str]:
            return ["p0"]

        def blocks(self, key: str) -> Iterator[Block]:
            told = star.with_(spectra={"sdss": lamost.with_(survey="sdss")})
            yield Block({"object_id": np.array(["a", "b"])}, [star, told])

    catalog = build(Sdss(), tmp_path / "c", CPU)
    a, b = catalog.vectors("lamost_lrs").take([0, 1]).astype(float)
    assert a @ b > 0.9999 and len(catalog.vectors("gaia_xp")) == 1


def test_the_plan_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        build(Vectors(), tmp_path, CPU, cancel=lambda: True)
    plan = json.loads((tmp_path / PLAN).read_text())
    assert plan["model"] == "specclip-small" and plan["dtype"] == "float32" and "device" not in plan
