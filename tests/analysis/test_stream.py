"""Embedding what a disk holds: order, problems, resuming after a kill, and what is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis import stream
from specviz.analysis.engine import Engine
from specviz.analysis.stream import Progress, Row, embed_stream
from specviz.errors import CancelledError, CatalogError, OptionError
from specviz.spectra.star import Identifier, Star


class Shelf:
    """A source in memory; ``read`` is recorded, and may fail."""

    def __init__(self, rows: Sequence[Sequence[Row]], fingerprint: str = "a") -> None:
        self.rows, self.fingerprint, self.asked = rows, fingerprint, list[tuple[int, int]]()
        self.fail_at: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, start: int, stop: int) -> list[Row]:
        self.asked.append((start, stop))
        if self.fail_at is not None and start >= self.fail_at:
            raise OSError("the disk is gone")
        return [row for rows in self.rows[start:stop] for row in rows]


@pytest.fixture
def shelf(lamost: Any, xp: Any, pair: Any) -> Shelf:
    """Ten entries: LAMOST, XP, both, none, an unreadable file, and a file of two stars."""
    rows: list[list[Row]] = [[Row(f"star {i}", Star.from_spectrum(lamost(i)))] for i in range(5)]
    rows.append([Row("xp", Star.from_spectrum(xp(1)))])
    rows.append([Row("both", pair(2).with_(identifiers=(Identifier("Gaia", "DR3", "2097"),)))])
    rows.append([Row("broken", None, "This file is damaged.")])
    rows.append([Row("two a", Star.from_spectrum(lamost(8))), Row("two b", Star.from_spectrum(lamost(9)))])
    rows.append([Row("empty", Star("empty"))])
    return Shelf(rows)


def _load(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_every_row_in_order_with_its_vectors_or_its_problem(
    shelf: Shelf, fake_model_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BLOCK", 3)
    engine, said = Engine(fake_model_class()), list[Progress]()
    written = embed_stream(engine, shelf, tmp_path / "out.npz", shard=4, progress=said.append)
    assert (written.rows, written.problems, written.resumed) == (11, 2, 0)
    assert not (tmp_path / "out.npz.parts").exists() and [p.name for p in tmp_path.iterdir()] == ["out.npz"]
    out = _load(tmp_path / "out.npz")
    expected = [row for rows in shelf.rows for row in rows]
    assert out["name"].tolist() == [row.name for row in expected]
    for i, row in enumerate(expected):
        vectors = {} if row.star is None else engine.embed(row.star)
        for survey in ("lamost_lrs", "gaia_xp"):
            if survey in vectors:
                np.testing.assert_allclose(out[survey][i], vectors[survey], rtol=1e-6)
            else:
                assert np.isnan(out[survey][i]).all()
        assert (out["problem"][i] == "") == bool(vectors)
    assert out["problem"][7] == "This file is damaged." and out["gaia_source_id"][6] == 2097
    assert out["gaia_release"][6] == "DR3" and out["gaia_release"][7] == ""
    header = json.loads(bytes(out["header"]))
    assert header["rows"] == 11 and header["model"] == "fake" and header["weights_sha256"] == "f" * 64
    assert [p.done for p in said] == [0, 3, 4, 7, 8, 10] and said[-1].rate > 0 and said[-1].left == 0


def test_a_run_that_died_goes_on_and_gives_the_same(
    shelf: Shelf, fake_model_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BLOCK", 2)
    engine = Engine(fake_model_class())
    embed_stream(engine, shelf, tmp_path / "whole.npz", shard=4)
    shelf.fail_at = 6
    with pytest.raises(OSError, match="the disk is gone"):
        embed_stream(engine, shelf, tmp_path / "out.npz", shard=4)
    parts = tmp_path / "out.npz.parts"
    assert sorted(p.name for p in parts.iterdir()) == ["part-0000000000.npz", "plan.json"]
    (parts / "part-0000000004.npz.1.tmp").write_bytes(b"half a part")  # of a process that was killed while writing
    shelf.fail_at, shelf.asked = None, []
    written = embed_stream(engine, shelf, tmp_path / "out.npz", shard=4)
    assert written.resumed == 4 and shelf.asked[0] == (4, 6)
    a, b = _load(tmp_path / "whole.npz"), _load(tmp_path / "out.npz")
    assert a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=a[k].dtype.kind == "f") for k in a)


def test_parts_of_other_spectra_or_another_model_are_not_mixed(
    shelf: Shelf, fake_model_class: Any, tmp_path: Path
) -> None:
    path, engine = tmp_path / "out.npz", Engine(fake_model_class())
    shelf.fail_at = 4
    with pytest.raises(OSError, match="gone"):
        embed_stream(engine, shelf, path, shard=4)
    shelf.fail_at = None
    with pytest.raises(CatalogError, match=r"the spectra changed since.*--again"):
        embed_stream(engine, Shelf(shelf.rows, "b"), path, shard=4)
    with pytest.raises(CatalogError, match="weights_sha256 changed since"):
        embed_stream(Engine(fake_model_class("e" * 64)), shelf, path, shard=4)
    (tmp_path / "out.npz.parts" / "part-0000000000.npz").write_bytes(b"PK damaged")
    with pytest.raises(CatalogError, match=r"part-0000000000.npz is damaged.*Delete it"):
        embed_stream(engine, shelf, path, shard=4)
    (tmp_path / "out.npz.parts" / "plan.json").write_text("{")
    with pytest.raises(CatalogError, match="is damaged"):
        embed_stream(engine, shelf, path, shard=4)
    assert embed_stream(engine, shelf, path, shard=4, again=True).rows == 11


def test_it_can_be_stopped_and_what_is_finished_stays(
    shelf: Shelf, fake_model_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BLOCK", 2)
    stop = threading.Event()

    def show(progress: Progress) -> None:
        if progress.done >= 4:
            stop.set()

    with pytest.raises(CancelledError):
        embed_stream(Engine(fake_model_class()), shelf, tmp_path / "out.npz", shard=4, progress=show, cancel=stop)
    assert not any(t.name == "specviz-embed-reader" for t in threading.enumerate())
    assert embed_stream(Engine(fake_model_class()), shelf, tmp_path / "out.npz", shard=4).resumed == 4


def test_nothing_at_all_is_an_empty_file(fake_model_class: Any, tmp_path: Path) -> None:
    assert embed_stream(Engine(fake_model_class()), Shelf([]), tmp_path / "out.npz").rows == 0
    assert _load(tmp_path / "out.npz")["name"].shape == (0,)


def test_names_that_cannot_be_written_are_refused_first(shelf: Shelf, fake_model_class: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"ends in \.npz"):
        embed_stream(Engine(fake_model_class()), shelf, tmp_path / "out.csv")
    with pytest.raises(OptionError, match="no folder"):
        embed_stream(Engine(fake_model_class()), shelf, tmp_path / "none" / "out.npz")
    assert not shelf.asked
