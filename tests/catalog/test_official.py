"""The official retrieval database and test set: read, written, searched as the official retriever does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.catalog.official import OfficialDatabase, build_database, open_pairs
from specviz.catalog.retrieval import retrieve
from specviz.errors import CancelledError, CatalogError, NotFoundError, OptionError
from specviz.models.specclip.official import SpecClipOfficial
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import official_folder

h5py = pytest.importorskip("h5py")
STARS = 40


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpecClipOfficial:
    return SpecClipOfficial.from_folder(official_folder.random_folder(tmp_path_factory.mktemp("official")))


def pair_spectra() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    centre = rng.uniform(450, 900, (STARS, 1))
    xp = np.exp(-(((XP_WAVELENGTH_NM - centre) / 300) ** 2)) + 0.05
    xp /= xp[:, 107:108]
    lamost = 1 - rng.uniform(0, 0.6, (STARS, 1)) * rng.random((STARS, SPECCLIP_WAVELENGTH.size))
    return xp.astype(np.float32), lamost.astype(np.float32)


@pytest.fixture(scope="module", params=["flat", "last axis of one"])
def test_set(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``gaia_lamost_test_only.h5``; spectra of training files have a last axis of one."""
    path = tmp_path_factory.mktemp("pairs") / "gaia_lamost_test_only.h5"
    xp, lamost = pair_spectra()
    deep = request.param != "flat"
    with h5py.File(path, "w") as file:
        file["test/source_ids"] = 4_295_806_720 + np.arange(STARS, dtype=np.int64)
        file["test/gaia_spectra"] = xp[:, :, None] if deep else xp
        file["test/lamost_spectra"] = lamost[:, :, None] if deep else lamost
    return path


@pytest.fixture(scope="module")
def database(model: SpecClipOfficial, test_set: Path) -> OfficialDatabase:
    with open_pairs(test_set) as pairs:
        return build_database(model, pairs, batch=16)


# ---------------------------------------------------------------------------------------------- files
def test_the_test_set_is_read_as_it_is(test_set: Path) -> None:
    xp, lamost = pair_spectra()
    with open_pairs(test_set) as pairs:
        assert len(pairs) == STARS and not pairs.labels
        np.testing.assert_array_equal(np.concatenate(list(pairs.batches("gaia_xp", 7))), xp)
        np.testing.assert_array_equal(pairs.rows("lamost_lrs", 3, 5), lamost[3:5])
        star = pairs.star(2)
    assert star.name == "Gaia DR3 4295806722" and star.source_id is not None and star.source_id.release == "DR3"
    assert set(star.spectra) == {"gaia_xp", "lamost_lrs"}


def test_a_normalised_star_is_not_normalised_again(model: SpecClipOfficial, test_set: Path) -> None:
    xp, lamost = pair_spectra()
    with open_pairs(test_set) as pairs:
        star = pairs.star(2)
    np.testing.assert_allclose(model.prepare(star.spectra["lamost_lrs"]).values, lamost[2], rtol=1e-6)
    np.testing.assert_allclose(model.prepare(star.spectra["gaia_xp"]).values, xp[2], rtol=1e-6)
    twice = model.variant(compat=True).prepare(star.spectra["lamost_lrs"]).values
    assert np.abs(twice - lamost[2]).max() > 1e-2


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="catalog pull"), open_pairs(tmp_path / "absent.h5"):
        pass
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(CatalogError, match="damaged"), open_pairs(tmp_path / "text.h5"):
        pass
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["test/gaia_spectra"] = np.ones((3, 100))
    with pytest.raises(CatalogError, match="343"), open_pairs(tmp_path / "other.h5"):
        pass
    with pytest.raises(CatalogError, match="no group"), open_pairs(tmp_path / "other.h5", "train"):
        pass


def test_a_database_survives_the_disk(database: OfficialDatabase, tmp_path: Path) -> None:
    database.save(tmp_path / "database.npz")
    with np.load(tmp_path / "database.npz", allow_pickle=False) as file:  # as the official code opens it
        assert {"gaia_embeddings", "lamost_embeddings", "gaia_spectra", "lamost_spectra", "source_ids"} < set(file)
        assert file["lamost_embeddings"].shape == (STARS, 16)
    again = OfficialDatabase.read(tmp_path / "database.npz")
    assert again.model_sha256 == database.model_sha256
    for survey in ("gaia_xp", "lamost_lrs"):
        np.testing.assert_array_equal(again.embeddings[survey], database.embeddings[survey])


def test_an_official_database_has_no_model(database: OfficialDatabase, model: Any, tmp_path: Path) -> None:
    arrays = {
        "gaia_embeddings": database.embeddings["gaia_xp"], "lamost_embeddings": database.embeddings["lamost_lrs"],
        "gaia_spectra": database.spectra["gaia_xp"], "lamost_spectra": database.spectra["lamost_lrs"],
        "source_ids": np.array([str(i) for i in database.source_ids]),
    }  # fmt: skip
    np.savez(tmp_path / "official.npz", **arrays)
    official = OfficialDatabase.read(tmp_path / "official.npz")
    assert official.model_sha256 == "" and len(retrieve(model, official, 3).top_indices) == 4
    np.savez(tmp_path / "pickled.npz", **{**arrays, "source_ids": np.array([{}], object)})
    with pytest.raises(CatalogError, match="pickle"):
        OfficialDatabase.read(tmp_path / "pickled.npz")
    del arrays["source_ids"]
    np.savez(tmp_path / "short.npz", **arrays)
    with pytest.raises(CatalogError, match="source_ids"):
        OfficialDatabase.read(tmp_path / "short.npz")


def test_building_can_be_stopped(model: SpecClipOfficial, test_set: Path) -> None:
    with open_pairs(test_set) as pairs, pytest.raises(CancelledError):
        build_database(model, pairs, cancel=lambda: True)


# ---------------------------------------------------------------------------------------------- search
@pytest.mark.parametrize("search", ["in_modal", "cross_modal"])
@pytest.mark.parametrize("survey", ["gaia_xp", "lamost_lrs"])
def test_the_order_is_that_of_the_cosine(model: Any, database: Any, survey: str, search: str) -> None:
    """Against scikit-learn's definition, written out in float64."""
    target = survey if search == "in_modal" else {"gaia_xp": "lamost_lrs", "lamost_lrs": "gaia_xp"}[survey]
    q, rows = (np.asarray(database.embeddings[s], np.float64) for s in (survey, target))
    cosine = rows @ q[5] / np.linalg.norm(rows, axis=1) / np.linalg.norm(q[5])
    found = retrieve(model, database, 5, query_type=survey, search_type=search, top_k=STARS)
    np.testing.assert_allclose(found.top_scores, np.sort(cosine)[::-1], atol=1e-6)
    np.testing.assert_allclose(cosine[found.top_indices], found.top_scores, atol=1e-6)
    np.testing.assert_array_equal(found.top_spectra[0], database.spectra[target][found.top_indices[0]])
    np.testing.assert_array_equal(found.source_ids, database.source_ids[found.top_indices])
    assert set(found.as_dict()) == {
        "query_spectrum", "query_idx", "query_type", "search_type", "top_indices", "top_scores", "top_spectra",
        "source_ids",
    }  # fmt: skip


def test_a_star_is_most_like_itself_unless_it_is_left_out(model: Any, database: Any) -> None:
    found = retrieve(model, database, 7)
    assert (
        found.top_indices[0] == 7
        and found.top_scores[0] == pytest.approx(1.0, abs=1e-6)
        and len(found.top_indices) == 4
    )
    assert 7 not in retrieve(model, database, 7, exclude_self=True, top_k=STARS).top_indices
    across = retrieve(model, database, 7, search_type="cross_modal", exclude_self=True, top_k=STARS)
    assert len(across.top_indices) == STARS - 1 and 7 not in across.top_indices


def test_flux_on_the_grid_and_a_row_are_the_same_query(model: Any, database: Any) -> None:
    row = retrieve(model, database, 9, query_type="gaia_xp", search_type="cross_modal")
    flux = retrieve(model, database, database.spectra["gaia_xp"][9], query_type="gaia_xp", search_type="cross_modal")
    np.testing.assert_array_equal(row.top_indices, flux.top_indices)
    np.testing.assert_allclose(row.top_scores, flux.top_scores, atol=1e-5)
    assert flux.query_idx is None
    kept = retrieve(model, database, database.spectra["gaia_xp"][9], query_type="gaia_xp", exclude_self=True)
    assert kept.top_indices[0] == 9  # nobody knows that it is row 9
    wave = np.linspace(330.0, 1050.0, 720)
    pair = (wave, 1e-16 * np.interp(wave, XP_WAVELENGTH_NM, database.spectra["gaia_xp"][9]))
    assert retrieve(model, database, pair, query_type="gaia_xp").top_indices[0] == 9


def test_a_raw_lamost_query_is_normalised(model: Any, database: Any) -> None:
    wave = 10 ** np.arange(3.5682, 3.9588, 1e-4)
    rng = np.random.default_rng(1)
    star = Spectrum(wave, 1000 * (wave / 5000) ** -2 * (1 - 0.3 * rng.random(wave.size)), survey="lamost_lrs")
    a = retrieve(model, database, star)
    b = retrieve(model, database, (star.wavelength, star.flux))
    np.testing.assert_array_equal(a.top_indices, b.top_indices)
    np.testing.assert_allclose(a.query_spectrum, model.prepare(star).values)


def test_what_does_not_belong_together_is_refused(model: Any, database: Any) -> None:
    other = model.variant(retrieval="predrecon")
    with pytest.raises(CatalogError, match="other weights"):
        retrieve(other, database, 3)
    nameless = OfficialDatabase(database.embeddings, database.spectra, database.source_ids)
    with pytest.raises(CatalogError, match="dimensions"):
        retrieve(other, nameless, database.spectra["lamost_lrs"][0])
    with pytest.raises(CatalogError, match="No row"):
        retrieve(model, database, STARS)
    with pytest.raises(OptionError, match="search_type"):
        retrieve(model, database, 3, search_type="both")  # type: ignore[arg-type]
    with pytest.raises(CatalogError, match="grid"):
        retrieve(model, database, np.ones(12))


def test_as_an_index_of_ours(model: Any, database: Any) -> None:
    index = database.index("lamost_lrs", model_sha256=model.describe().weights_sha256)
    found = index.search(database.embeddings["lamost_lrs"][4], k=5, exclude="Gaia DR3 4295806724")
    again = retrieve(model, database, 4, exclude_self=True, top_k=5)
    np.testing.assert_array_equal(found["row"], again.top_indices)
    star = index.neighbour_star(int(found["row"][0]))
    assert star.name == found["object_id"][0]
    wave, flux = index.neighbour_window(3)
    assert wave.shape == flux.shape and 4820 <= wave[0] < wave[-1] <= 5220
    assert index.map.coordinates.shape == (STARS, 2)
    with pytest.raises(CatalogError, match="other weights"):
        database.index(model_sha256="0" * 64)
