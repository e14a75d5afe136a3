"""Exact search: the same answer as the definition, whatever is excluded, saved or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

import specviz.catalog.index as module
from specviz.catalog.index import SimilarityIndex
from specviz.errors import CatalogError

SHA = "a" * 64


def _index(n: int = 500, d: int = 24, seed: int = 0) -> SimilarityIndex:
    rng = np.random.default_rng(seed)
    teff = MaskedColumn(rng.uniform(4000, 7000, n), unit="K")
    teff.mask = np.arange(n) % 50 == 0
    table = Table({"object_id": [f"s{i}" for i in range(n)], "teff": teff, "class": ["G3"] * n})
    return SimilarityIndex(rng.normal(size=(n, d)) * 3, table, model_sha256=SHA, survey="lamost_lrs")


def test_search_is_the_cosine_by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 64)  # several blocks, the last one short
    index = _index()
    query = np.random.default_rng(9).normal(size=24)
    vectors = index.vectors.astype(float)
    cosine = vectors @ query / np.linalg.norm(query) / np.linalg.norm(vectors, axis=1)
    found = index.search(1000 * query, k=10)
    order = np.argsort(-cosine)[:10]
    assert list(found["row"]) == list(order) and list(found["rank"]) == list(range(1, 11))
    np.testing.assert_allclose(found["similarity"], cosine[order], atol=1e-6)
    assert [str(v) for v in found["object_id"]] == [f"s{i}" for i in order]


def test_columns_units_and_what_is_missing() -> None:
    found = _index().search(_index().vectors[50], k=500)
    assert found.colnames == [
        "rank", "row", "object_id", "similarity", "class", "teff", "logg", "fe_h", "alpha_fe", "snr",
    ]  # fmt: skip
    assert str(found["teff"].unit) == "K" and str(found["fe_h"].unit) == "dex"
    assert found["teff"].mask[0] and not found["teff"].mask[1]  # row 50 is masked in the catalogue
    assert found["alpha_fe"].mask.all() and found["snr"].mask.all()
    assert found["similarity"][0] == pytest.approx(1.0, abs=1e-6)


def test_the_star_itself_is_left_out() -> None:
    index = _index()
    assert index.search(index.vectors[7], k=1)["row"][0] == 7
    for exclude in (7, "s7", ["s7", 3], np.int64(7)):
        assert 7 not in index.search(index.vectors[7], k=499, exclude=exclude)["row"]
    assert len(index.search(index.vectors[7], k=900, exclude=[7, "s8"])) == 498
    assert len(index.search(index.vectors[7], k=3, exclude="a star of another catalogue")) == 3


def test_wrong_queries_are_refused() -> None:
    index = _index()
    with pytest.raises(CatalogError, match="5 dimensions does not fit this index of 24"):
        index.search(np.ones(5))
    with pytest.raises(CatalogError, match="zero or not finite"):
        index.search(np.zeros(24))
    with pytest.raises(CatalogError, match="at least 1"):
        index.search(np.ones(24), k=0)
    with pytest.raises(CatalogError, match="do not fit a table"):
        SimilarityIndex(np.ones((3, 4)), Table({"object_id": ["a"]}), model_sha256=SHA, survey="gaia_xp")
    with pytest.raises(CatalogError, match="zero or not finite"):
        SimilarityIndex(np.zeros((1, 4)), Table({"object_id": ["a"]}), model_sha256=SHA, survey="gaia_xp")


def test_saved_and_opened_again(tmp_path: Path) -> None:
    index = _index()
    path = tmp_path / "some.index"
    index.save(path)
    again = SimilarityIndex.load(path, model_sha256=SHA)
    assert again.survey == "lamost_lrs" and again.model_sha256 == SHA and len(again) == 500
    np.testing.assert_allclose(again.vectors, index.vectors, atol=2e-3)  # float16 in the file
    query = index.vectors[3] + 0.01
    assert list(again.search(query, k=5)["row"]) == list(index.search(query, k=5)["row"])
    assert str(again.table["teff"].unit) == "K" and again.search(index.vectors[50], k=1)["teff"].mask[0]


def test_an_index_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.npz"
    _index().save(path)
    with pytest.raises(CatalogError, match=r"other weights \(aaaaaaaaaaaa…\) than those in use \(bbbbbbbbbbbb…\)"):
        SimilarityIndex.load(path, model_sha256="b" * 64)


def test_damaged_files_are_refused_with_words(tmp_path: Path) -> None:
    path = tmp_path / "i.npz"
    _index().save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    broken = [b"", b"not a zip", data[: len(data) // 2], data[:-30]]
    for _ in range(40):
        flipped = bytearray(data)
        for at in rng.integers(0, len(data), 20):
            flipped[at] ^= 0xFF
        broken.append(bytes(flipped))
    refused = 0
    for content in broken:
        path.write_bytes(content)
        try:
            SimilarityIndex.load(path)
        except CatalogError as error:
            refused += 1
            assert "Build it again" in str(error) or "finite" in str(error)
    assert refused >= len(broken) - 5  # a flip in a file name's padding may do no harm
    with pytest.raises(CatalogError, match="no catalogue at"):
        SimilarityIndex.load(tmp_path / "nowhere.npz")
    np.savez(path, a=np.ones(3))
    with pytest.raises(CatalogError, match="no similarity index"):
        SimilarityIndex.load(path)


@pytest.mark.parametrize("k", [1, 20, 46, 47, 3000])
def test_the_nearest_are_found_among_many_and_equal_ones_keep_their_order(k: int) -> None:
    """Against a full sort; a third of the vectors are there three times."""
    rng = np.random.default_rng(4)
    vectors = np.concatenate([rng.normal(size=(1000, 6))] * 3)
    index = SimilarityIndex(
        vectors, Table({"object_id": [f"s{i}" for i in range(3000)]}), model_sha256="a", survey="lamost_lrs"
    )
    query = rng.normal(size=6)
    similarity = index.similarity(query)
    expected = np.lexsort((np.arange(3000), -similarity))
    np.testing.assert_array_equal(index.search(query, k=k)["row"], expected[:k])
    left_out = [int(row) for row in expected[:5]]
    np.testing.assert_array_equal(index.search(query, k=k, exclude=left_out)["row"], expected[5 : k + 5])
