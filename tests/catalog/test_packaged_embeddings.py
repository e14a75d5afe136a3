"""The embeddings in the package belong to the weights and to the demo stars in the package, and find like stars."""

from __future__ import annotations

import numpy as np
import pytest

from specviz import api
from specviz.archives.demo import DemoArchive
from specviz.catalog.demo import PACKAGED, DemoCatalog, fingerprint
from specviz.catalog.npz_file import read_npz


@pytest.fixture(scope="module")
def catalog() -> DemoCatalog:
    return api.demo_catalog(api.default_engine(device="cpu"))


def test_the_file_was_made_by_the_packaged_weights_and_stars() -> None:
    """Else every user waits a minute at the first start: run python -m specviz.training.make_demo_embeddings."""
    header, arrays = read_npz(PACKAGED)
    card = api.load_model(device="cpu").describe()
    assert header["model_sha256"] == card.weights_sha256
    assert header["stars"] == fingerprint(DemoArchive())
    assert {f"codes_{survey}" for survey in card.surveys} <= set(arrays)
    assert len(arrays["column_object_id"]) == len(DemoArchive())


def test_it_is_small() -> None:
    assert PACKAGED.stat().st_size < 9e6


def test_a_demo_star_finds_itself_and_its_like(catalog: DemoCatalog) -> None:
    teff = np.asarray(catalog.table["teff"], float)
    off, random = [], []
    rng = np.random.default_rng(0)
    for row in range(0, len(catalog), len(catalog) // 12):
        star = catalog.neighbour_star(row)
        vector = api.default_engine(device="cpu").embed(star)["lamost_lrs"]
        found = catalog.search(vector, k=6)
        assert str(found["object_id"][0]) == star.name and found["similarity"][0] > 0.999
        off.append(np.nanmedian(np.abs(teff[found["row"][1:]] - teff[row])))
        random.append(np.nanmedian(np.abs(teff[rng.integers(0, len(teff), 5)] - teff[row])))
    assert np.median(off) < 200 and np.median(off) < 0.25 * np.median(random)


def test_a_stars_two_spectra_are_found_in_each_others_space(catalog: DemoCatalog) -> None:
    """The point of a contrastive embedding: XP of a star lies near LAMOST of the same star or one like it."""
    engine = api.default_engine(device="cpu")
    teff = np.asarray(catalog.table["teff"], float)
    rows = range(5, len(catalog), len(catalog) // 20)
    vectors = engine.embed([catalog.neighbour_star(row) for row in rows])
    off = [
        np.nanmedian(np.abs(teff[catalog.search(v["gaia_xp"], k=5)["row"]] - teff[row]))
        for row, v in zip(rows, vectors, strict=True)
    ]
    assert np.nanmedian(off) < 400


def test_thumbnails_are_what_the_model_sees(catalog: DemoCatalog) -> None:
    """In means of two pixels."""
    for row in (10, 4241):  # one that is stored, one that is rendered
        prepared = api.load_model(device="cpu").prepare(catalog.neighbour_star(row).spectra["lamost_lrs"])
        wave, flux = catalog.neighbour_window(row)
        assert wave.size > 140 and 4820 < wave[0] < 4825 and 5215 < wave[-1] < 5220
        first = int(np.searchsorted(prepared.wavelength, 4820.0))
        seen = prepared.values[first : first + 2 * wave.size].reshape(-1, 2).mean(axis=1)
        np.testing.assert_allclose(flux, np.clip(seen, 0, 1.5), atol=0.004)


def test_planted_galaxies_and_white_dwarfs_keep_their_own_company(catalog: DemoCatalog) -> None:
    """What vetting relies on: an odd object's neighbours are odder than chance (3 % of the catalogue)."""
    odd = np.asarray(catalog.table["anomaly"]).astype(str)
    share = []
    for name in ("star-forming galaxy", "DA white dwarf", "carbon star"):
        for row in np.flatnonzero(odd == name)[:8]:
            found = catalog.search(catalog.vectors[row], k=10, exclude=int(row))
            share.append(np.mean(odd[np.asarray(found["row"])] != ""))
    assert np.mean(share) > 0.3
