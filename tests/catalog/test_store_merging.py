"""Several catalogues become one: duplicates, order, hashes, and what a kill leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.catalog.store import merging
from specviz.catalog.store.header import Header
from specviz.catalog.store.identity import text_numbers
from specviz.catalog.store.merging import merge
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CancelledError, CatalogError, OptionError

WEIGHTS = "ab" * 32


def catalog(path: Path, weights: str = WEIGHTS, release: str = "LAMOST DR10", **columns: Any) -> StarCatalog:
    """Stars in two parts, with a Gaia vector each that says its number."""
    made = StarCatalog.create(path, Header("fake", "1", weights, release, {}))
    n = len(next(iter(columns.values())))
    for some in np.array_split(np.arange(n), 2):
        angle = (some + 1) / 100
        vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        made.append({name: np.asarray(values)[some] for name, values in columns.items()}, {"gaia_xp": vectors})
    return made


def test_catalogues_follow_one_another(tmp_path: Path) -> None:
    one = catalog(tmp_path / "a", object_id=["a", "b", "c", "d"], teff=[1.0, 2, 3, 4])
    two = catalog(tmp_path / "b", release="Gaia DR3", object_id=["e", "f"], mass=[0.5, 0.6])
    said: list[tuple[int, int]] = []
    found = merge([one, two.path], tmp_path / "all", progress=lambda done, total: said.append((done, total)))
    both = found.catalog
    assert both.column("object_id").tolist() == list("abcdef") and found.dropped == (0, 0)
    np.testing.assert_array_equal(both.column("teff"), [1, 2, 3, 4, np.nan, np.nan])
    np.testing.assert_array_equal(both.column("mass"), [np.nan] * 4 + [0.5, 0.6])
    kept = np.concatenate([c.vectors("gaia_xp").take(np.arange(len(c))) for c in (one, two)])
    np.testing.assert_array_equal(both.vectors("gaia_xp").take(np.arange(6)), kept)
    assert [p.sha256 for p in both.header.parts] == [p.sha256 for c in (one, two) for p in c.header.parts]
    assert both.header.release == "LAMOST DR10; Gaia DR3" and said[-1] == (4, 4) and both.orphans() == ()
    assert {f.name for f in both.path.iterdir()} == {"catalog.json", "catalog.lock", "parts"}


def test_the_same_spectrum_is_kept_once(tmp_path: Path) -> None:
    columns = {"obsid": [1, 2, 0, 0], "source_id": [10, 10, 20, 0], "object_id": ["a", "b", "c", "d"]}
    one = catalog(tmp_path / "a", snr=[5.0, 6, 7, 8], **columns)
    two = catalog(tmp_path / "b", obsid=[2, 3, 0, 0], source_id=[10, 10, 20, 0], object_id=["x", "y", "z", "d"],
                  snr=[9.0, np.nan, 1, np.nan])  # fmt: skip

    def names(**options: Any) -> tuple[str, tuple[int, ...]]:
        found = merge([one, two], tmp_path / f"out-{len(list(tmp_path.iterdir()))}", **options)
        return "".join(found.catalog.column("object_id")), found.dropped

    assert names() == ("abcdy", (0, 3))  # two observations of star 10 stay two; so does its third
    assert names(keep="last") == ("axyzd", (3, 0))
    assert names(keep="snr") == ("acdxy", (1, 2))
    assert names(by="source_id") == ("acdd", (1, 3))  # a star that has no number is like no other
    assert names(by="source_id", keep="snr") == ("cdxd", (2, 2))
    assert names(by="obsid") == ("abcdyzd", (0, 1))
    assert names(by="object_id") == ("abcdxyz", (0, 1))
    assert names(by="nothing") == ("abcdxyzd", (0, 0))


def test_what_is_kept_keeps_its_vectors(tmp_path: Path) -> None:
    one = catalog(tmp_path / "a", object_id=["a", "b", "c", "d"])
    two = catalog(tmp_path / "b", object_id=["c", "e", "f", "a"])
    found = merge([one, two], tmp_path / "all").catalog
    assert "".join(found.column("object_id")) == "abcdef"
    want = np.concatenate([one.vectors("gaia_xp").take([0, 1, 2, 3]), two.vectors("gaia_xp").take([1, 2])])
    np.testing.assert_array_equal(found.vectors("gaia_xp").take(np.arange(6)), want)  # to the bit, though cut


def test_a_number_of_another_release_is_another_star(tmp_path: Path) -> None:
    one = catalog(tmp_path / "a", source_id=[10, 11], gaia_release=["DR3", "DR3"])
    two = catalog(tmp_path / "b", source_id=[10, 11], gaia_release=["DR4", "EDR3"])
    assert merge([one, two], tmp_path / "all").catalog.column("object_id").tolist() == [
        "Gaia DR3 10", "Gaia DR3 11", "Gaia DR4 10",
    ]  # fmt: skip


def test_a_stars_lamost_row_is_no_duplicate_of_its_gaia_row(tmp_path: Path) -> None:
    one = catalog(tmp_path / "a", source_id=[10, 11])
    two = StarCatalog.create(tmp_path / "b", Header("fake", "1", WEIGHTS, "", {}))
    two.append({"source_id": [10, 11]}, {"lamost_lrs": np.ones((2, 3)), "gaia_xp": [[np.nan, np.nan], [1.0, 0.0]]})
    two.append({"source_id": [11]}, {"gaia_xp": [[1.0, 0.0]]})
    found = merge([one, two], tmp_path / "all")
    assert found.dropped == (0, 1) and len(found.catalog) == 4
    assert found.catalog.vectors("lamost_lrs").rows_of([0, 1]).tolist() == [2, 3]
    assert found.catalog.vectors("gaia_xp").rows_of([0, 1, 2]).tolist() == [0, 1, 3]


def test_other_weights_are_refused_by_name(tmp_path: Path) -> None:
    one, two = catalog(tmp_path / "a", object_id=["a", "b"]), catalog(tmp_path / "b", "c" * 64, object_id=["c", "d"])
    with pytest.raises(CatalogError, match=r"a \(fake abababababab…\) and b \(fake cccccccccccc…\) were made by diff"):
        merge([one, two], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_what_cannot_be_merged_is_said_before_anything_is_written(tmp_path: Path) -> None:
    one = catalog(tmp_path / "a", object_id=["a", "b"], note=[1, 2])
    two = catalog(tmp_path / "b", object_id=["a", "b"], note=["x", "y"])
    with pytest.raises(CatalogError, match="'note' holds numbers in this catalogue and words"):
        merge([one, two], tmp_path / "all")
    with pytest.raises(CatalogError, match="is one of those that are merged"):
        merge([one], one.path)
    with pytest.raises(CatalogError, match="There is a catalogue at"):
        merge([one], two.path)
    with pytest.raises(CatalogError, match="There is something at"):
        merge([one], tmp_path)
    with pytest.raises(CatalogError, match=r"No catalogue has a column snr"):
        merge([one], tmp_path / "all", keep="snr")
    with pytest.raises(CatalogError, match="nothing to merge"):
        merge([], tmp_path / "all")
    with pytest.raises(OptionError, match="keep='best'"):
        merge([one], tmp_path / "all", keep="best")
    with pytest.raises(OptionError, match="by='ra'"):
        merge([one], tmp_path / "all", by="ra")


_KILLED = """
import os, sys
from specviz.catalog.store import merging
made, left = merging._made, [2]
def dying(*given):
    if not left[0]:
        os._exit(9)
    left[0] -= 1
    return made(*given)
merging._made = dying
merging.merge(sys.argv[2:], sys.argv[1])
"""


def test_a_merge_that_was_killed_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = catalog(tmp_path / "a", object_id=["a", "b", "c", "d"])
    two = catalog(tmp_path / "b", object_id=["c", "e", "f", "a"])
    whole = merge([one, two], tmp_path / "whole").catalog.header.content_sha256
    out = tmp_path / "all"
    command = [sys.executable, "-c", _KILLED, str(out), str(one.path), str(two.path)]
    assert subprocess.run(command, check=False).returncode == 9
    with pytest.raises(CatalogError, match=r"all is not finished.*catalog merge again"):
        StarCatalog.open(out)
    with pytest.raises(CatalogError, match="unfinished merge of other catalogues"):
        merge([two, one], out)
    calls, write = [], merging._copy
    monkeypatch.setattr(merging, "_copy", lambda *given: (calls.append(given), write(*given)))
    found = merge([one, two], out)
    assert found.catalog.header.content_sha256 == whole and found.dropped == (0, 2)
    assert calls == []  # the two whole parts of the first were there; those of the second are cut
    assert found.catalog.orphans() == ()


def test_an_unfinished_merge_can_be_thrown_away(tmp_path: Path) -> None:
    one, two = catalog(tmp_path / "a", object_id=["a", "b"]), catalog(tmp_path / "b", object_id=["c", "d"])
    with pytest.raises(CancelledError):
        merge([one, two], tmp_path / "all", cancel=iter([False, False, True]).__next__)
    assert len(list((tmp_path / "all" / "parts").glob("*.json"))) == 2
    found = merge([two, one], tmp_path / "all", again=True).catalog
    assert "".join(found.column("object_id")) == "cdab" and found.orphans() == ()


def test_a_damaged_input_is_said(tmp_path: Path) -> None:
    one = catalog(tmp_path / "a", object_id=["a", "b"])
    os.truncate(one.path / "parts" / "part-00001.gaia_xp.npy", 20)
    with pytest.raises(CatalogError, match=r"part-00001.gaia_xp.npy of this catalogue is damaged"):
        merge([one], tmp_path / "all", by="nothing")


def test_a_words_number_does_not_depend_on_its_neighbours() -> None:
    words = np.array(["a", "ab", "", "é", "a" * 30])
    assert len(set(text_numbers(words))) == 5
    assert [int(text_numbers(np.array([word]))[0]) for word in words] == text_numbers(words).tolist()
    many = np.array([f"Gaia DR3 {i}" for i in range(20_000)])
    assert len(set(text_numbers(many))) == 20_000
