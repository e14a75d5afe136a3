"""LAMOST-like and Gaia-like catalogues matched by LSDB: complete and pure across borders, motions, false neighbours."""

from __future__ import annotations

from pathlib import Path

import dask
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from specviz.archives.demo import DemoArchive
from specviz.catalog.demo import demo_index
from specviz.catalog.hats import matching
from specviz.catalog.hats.crossmatch import crossmatch
from specviz.catalog.hats.export import export_hats
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.matching import moved
from specviz.catalog.hats.pairs import filled
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError
from specviz.models.registry import load_model

SHA, DIM, N = "e" * 64, 16, 500
ARCSEC = 1.0 / 3600.0
#: The epoch at which both are told where the stars are, and when Gaia measured.
J2000, GAIA = 2000.0, 2016.0


class Sky:
    """True stars: where they were in 2000, how they move, what they look like to a model."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        # A strip across RA 0 and the corner of three base pixels, a crowd, and the pole.
        ra = np.concatenate([rng.uniform(-8.0, 8.0, N - 100), rng.uniform(0.0, 360.0, 50), rng.normal(0.0, 0.05, 50)])
        dec = np.concatenate([rng.uniform(-6.0, 6.0, N - 100), rng.uniform(89.0, 90.0, 50), rng.normal(2.0, 0.05, 50)])
        self.ra, self.dec = ra % 360.0, dec
        # Pairs a few tenths of an arcsec apart on both sides of a border: 45 deg is one of base pixels on the equator.
        self.ra[:20] = 0.0 + rng.normal(0.0, 0.2, 20) * ARCSEC
        self.ra[20:40] = 360.0 - rng.uniform(0.0, 0.3, 20) * ARCSEC
        self.ra %= 360.0
        self.pm_ra, self.pm_dec = rng.normal(0.0, 10.0, (2, N))
        self.pm_ra[40:50], self.pm_dec[40:50] = 900.0, -800.0  # 19 arcsec in 16 years
        self.vectors = rng.normal(size=(N, DIM))
        self.rng = rng

    def seen(self, jitter: float, epoch: float) -> tuple[np.ndarray, np.ndarray]:
        """Positions measured at an epoch."""
        ra, dec = moved(self.ra, self.dec, self.pm_ra, self.pm_dec, epoch - J2000)
        east, north = self.rng.normal(0.0, jitter / np.sqrt(2.0), (2, N)) * ARCSEC
        return moved(ra, dec, east * 3.6e6, north * 3.6e6, 1.0)


@pytest.fixture(scope="module")
def sky() -> Sky:
    return Sky()


@pytest.fixture(scope="module")
def lamost(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    """J2000 positions with 0.3 arcsec of noise; a second, poorer visit of the last 30 stars at the same position."""
    ra, dec = sky.seen(0.3, J2000)
    rows = np.concatenate([np.arange(N), np.arange(N - 30, N)])
    catalog = StarCatalog.create(
        tmp_path_factory.mktemp("lamost") / "lamost.specviz", Header("specclip-small", "1", SHA, "LAMOST DR10", {})
    )
    columns = {
        "object_id": [f"L{i}" for i in range(len(rows))],
        "obsid": np.arange(len(rows)) + 10**8,
        "source_id": np.zeros(len(rows), np.int64),
        "ra": ra[rows],
        "dec": dec[rows],
        "snr": np.where(np.arange(len(rows)) < N, 50.0, 20.0),
        "teff": 4000.0 + rows,
        "truth": rows,
    }
    catalog.append(columns, {"lamost_lrs": sky.vectors[rows]})
    return catalog


@pytest.fixture(scope="module")
def gaia(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    """J2016 positions of the true stars but the first 5, and false neighbours 2 arcsec from every tenth."""
    ra, dec = sky.seen(0.01, GAIA)
    near = np.arange(0, N, 10)
    angle = sky.rng.uniform(0.0, 2.0 * np.pi, len(near))
    east, north = 2000.0 * np.cos(angle), 2000.0 * np.sin(angle)
    pm = np.stack([np.concatenate([sky.pm_ra, sky.pm_ra[near]]), np.concatenate([sky.pm_dec, sky.pm_dec[near]])])
    false_ra, false_dec = moved(ra[near], dec[near], east, north, 1.0)
    keep = np.concatenate([np.arange(N) >= 5, near >= 5])
    vectors = np.concatenate([sky.vectors + sky.rng.normal(0.0, 0.05, (N, DIM)), sky.rng.normal(size=(len(near), DIM))])
    catalog = StarCatalog.create(
        tmp_path_factory.mktemp("gaia") / "gaia.specviz", Header("specclip-small", "1", SHA, "Gaia DR3", {})
    )
    truth = np.concatenate([np.arange(N), np.full(len(near), -1)])
    columns = {
        "object_id": np.array([f"G{i}" for i in range(len(truth))])[keep],
        "source_id": (np.arange(len(truth)) + 1)[keep],
        "gaia_release": np.array(["DR3"] * int(keep.sum())),
        "ra": np.concatenate([ra, false_ra])[keep],
        "dec": np.concatenate([dec, false_dec])[keep],
        "pmra": pm[0][keep],
        "pmdec": pm[1][keep],
        "teff": np.full(int(keep.sum()), 1.0),
        "bp_rp": np.ones(int(keep.sum())),
        "gaia_truth": truth[keep],
    }
    catalog.append(columns, {"gaia_xp": vectors[keep]}, units={"pmra": "mas / yr", "pmdec": "mas / yr"})
    return catalog


@pytest.fixture(scope="module")
def matched(lamost: StarCatalog, gaia: StarCatalog, tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    folder = tmp_path_factory.mktemp("matched")
    left = export_hats(lamost, folder / "lamost", threshold=100).path
    right = export_hats(gaia, folder / "gaia", threshold=130).path
    return crossmatch(left, right, folder / "pairs.specviz", radius_arcsec=3.0)


def test_complete_and_pure(matched: StarCatalog, sky: Sky) -> None:
    right = matched.column("gaia_truth")
    true = matched.column("truth") == right
    assert true.mean() > 0.995  # purity: a false neighbour 2 arcsec away is nearer only by chance
    found = set(right[true].tolist())
    assert len(found) == true.sum()  # one to one
    assert len(found & set(range(5, N))) / (N - 5) > 0.995  # completeness: 0.3 arcsec of noise, radius 3
    assert set(range(20, 40)) <= found  # along RA 0
    assert set(range(40, 50)) <= found  # 19 arcsec from where Gaia saw them
    assert not set(right.tolist()) & set(range(5))
    polar = np.flatnonzero(sky.dec > 89.0)
    assert len(set(polar.tolist()) & found) >= len(polar) - 1
    assert float(matched.column("separation_arcsec").max()) <= 3.0
    assert 0.15 < np.median(matched.column("separation_arcsec")) < 0.45
    assert matched.unit("separation_arcsec") == "arcsec"


def test_columns_of_both_in_one_row(matched: StarCatalog, gaia: StarCatalog) -> None:
    assert {"object_id", "object_id_right", "ra_right", "bp_rp", "teff_right", "pmra"} <= set(matched.column_names)
    assert "right_healpix" not in matched.column_names and "_healpix_29" not in matched.column_names
    np.testing.assert_array_equal(matched.column("source_id"), matched.column("source_id_right"))  # LAMOST knew none
    assert set(matched.column("gaia_release")) == {"DR3"}
    assert matched.header.notes["motion"] == "right catalogue moved by its proper motion"
    assert (matched.column("teff") > 1.0).all() and (matched.column("teff_right") == 1.0).all()  # never mixed
    assert matched.unit("pmra") == "mas / yr"
    assert set(matched.surveys) == {"lamost_lrs", "gaia_xp"}
    assert matched.header.weights_sha256 == SHA and matched.header.release == "LAMOST DR10, Gaia DR3"
    row = {name: i for i, name in enumerate(gaia.column("object_id").tolist())}
    rows = [row[name] for name in matched.column("object_id_right").tolist()]
    np.testing.assert_array_equal(
        matched.vectors("gaia_xp").take(np.arange(len(matched))), gaia.vectors("gaia_xp").take(rows)
    )


def test_a_star_finds_its_partner_across_instruments(matched: StarCatalog) -> None:
    index = matched.index("gaia_xp")
    rows = np.random.default_rng(3).choice(len(matched), 50, replace=False)
    queries = matched.vectors("lamost_lrs").take(rows)
    hits = [index.search(query, k=1)["row"][0] == row for query, row in zip(queries, rows, strict=True)]
    assert np.mean(hits) > 0.95


def test_without_motion_the_fast_stars_are_lost(matched: StarCatalog, tmp_path: Path) -> None:
    """That the moved positions are what finds them; and what is made once is not made again."""
    lamost, gaia = matched.path.parent / "lamost", matched.path.parent / "gaia"
    made = crossmatch(lamost, gaia, tmp_path / "a", radius_arcsec=3.0, epochs=(GAIA, GAIA), pairs="each")
    true = made.column("truth") == made.column("gaia_truth")
    assert not set(made.column("truth")[true].tolist()) & set(range(40, 50))
    visits = made.column("truth")[true]
    assert np.isin(np.arange(N - 30, N), visits[made.column("snr")[true] == 20.0]).mean() > 0.9  # repeats stay
    assert not (tmp_path / "a.work").exists()
    assert crossmatch(lamost, gaia, tmp_path / "a", radius_arcsec=3.0, epochs=(GAIA, GAIA), pairs="each").header == (
        made.header
    )
    with pytest.raises(CatalogError, match="another catalogue"):
        crossmatch(lamost, gaia, tmp_path / "a", radius_arcsec=2.0)


def test_an_interrupted_match_goes_on(
    lamost: StarCatalog, gaia: StarCatalog, matched: StarCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LSDB dies in the third pixel; the next run matches the others only, and gives the same."""
    algorithm, calls = matching._algorithm(), []
    perform = algorithm.perform_crossmatch

    def dying(self: object, crossmatch_args: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError("the worker died")
        return perform(self, crossmatch_args)

    monkeypatch.setattr(algorithm, "perform_crossmatch", dying)
    folder = matched.path.parent
    with dask.config.set(scheduler="synchronous"):
        with pytest.raises(MemoryError):
            crossmatch(folder / "lamost", folder / "gaia", tmp_path / "a")
        pairs, matched_once = tmp_path / "a.work" / "pairs", []
        done = {file: file.stat().st_mtime_ns for file in pairs.glob("dataset/Norder=*/Dir=*/*.parquet")}
        assert len(list(pairs.glob("done/*"))) == len(done) == 2
        (pairs / "hists" / "9_9_histogram.npz").touch()  # killed between two of LSDB's steps
        with pytest.raises(CatalogError, match="unfinished match"):
            crossmatch(folder / "lamost", folder / "gaia", tmp_path / "a", radius_arcsec=1.0)

        def look(step: str, at: int, total: int) -> None:
            if (step, at) == ("match", 1):
                matched_once.extend(pairs.glob("dataset/Norder=*/Dir=*/*.parquet"))
                assert all(file.stat().st_mtime_ns == when for file, when in done.items())

        made = crossmatch(folder / "lamost", folder / "gaia", tmp_path / "a", progress=look)
    assert len(matched_once) > 5
    assert made.header.content_sha256 == matched.header.content_sha256
    assert not (tmp_path / "a.work").exists()


def test_the_demo_sky_in_two_instruments(tmp_path: Path) -> None:
    """Real embeddings: packaged stars as LAMOST and as XP see them, found by position, then by their spectra."""
    archive = DemoArchive()
    model = load_model("specclip-small")
    sky = archive.table()
    place = {
        str(name): (float(r.value), float(d.value))
        for name, r, d in zip(sky["name"], sky["ra"], sky["dec"], strict=True)
    }
    rng, sides = np.random.default_rng(8), []
    for survey, noise in (("lamost_lrs", 0.3), ("gaia_xp", 0.01)):
        index = demo_index(model, archive, survey=survey)
        names = [str(name) for name in index.table["object_id"][:800]]
        ra, dec = np.array([place[name] for name in names]).T
        ra, dec = ra + rng.normal(0.0, noise, len(ra)) / 3600.0, dec + rng.normal(0.0, noise, len(ra)) / 3600.0
        catalog = StarCatalog.create(tmp_path / survey, Header.of_model(model.describe()))
        catalog.append({"object_id": names, "ra": ra % 360.0, "dec": dec}, {survey: index.vectors[: len(names)]})
        sides.append(catalog)
    both = crossmatch(*sides, tmp_path / "both", radius_arcsec=3.0)
    common = set(sides[0].column("object_id")) & set(sides[1].column("object_id"))
    assert len(both) >= 0.99 * len(common)
    right = both.column("object_id") == both.column("object_id_right")
    assert right.mean() > 0.99
    index, queries = both.index("gaia_xp"), both.vectors("lamost_lrs").take(np.arange(100))
    found = [row in index.search(query, k=20)["row"] for row, query in enumerate(queries)]
    assert np.mean(found) > 0.6  # by chance 2.5 %; the small model separates stars of like labels no better


def test_of_two_visits_the_better_spectrum_is_kept(matched: StarCatalog) -> None:
    assert (matched.column("snr") == 50.0).all()
    assert "30 left out" in matched.header.notes["pairs"]


def test_other_weights_and_wrong_options_are_refused(tmp_path: Path) -> None:
    def star(name: str, survey: str, ra: float, weights: str = SHA) -> StarCatalog:
        made = StarCatalog.create(tmp_path / name, Header("specclip-small", "1", weights, "", {}))
        made.append({"object_id": ["a"], "ra": [ra], "dec": [-40.0]}, {survey: np.ones((1, DIM))})
        return made

    lamost, far = star("lamost", "lamost_lrs", 1.0), star("far", "gaia_xp", 200.0)
    with pytest.raises(CatalogError, match="other weights"):
        crossmatch(lamost, star("other", "gaia_xp", 1.0, "f" * 64), tmp_path / "b")
    with pytest.raises(CatalogError, match="radius"):
        crossmatch(lamost, far, tmp_path / "c", radius_arcsec=0.0)
    with pytest.raises(CatalogError, match="pairs"):
        crossmatch(lamost, far, tmp_path / "c", pairs="all")
    with pytest.raises(CatalogError, match="within 3 arcsec"):
        crossmatch(lamost, far, tmp_path / "d")
    with pytest.raises(CatalogError, match="within 3 arcsec"):  # in one pixel, and still apart
        crossmatch(lamost, star("near", "gaia_xp", 1.1), tmp_path / "e")


def test_identifiers_of_one_release_decide() -> None:
    lsdb()
    import pandas as pd

    from specviz.catalog.hats.matching import _partners

    left = pd.DataFrame({"source_id": [7, 8, 0, 9], "gaia_release": ["DR3", "DR3", "", "DR2"]})
    right = pd.DataFrame({"source_id": [7, 1, 2], "gaia_release": ["DR3", "DR3", "DR3"]})
    at, other = np.array([0, 0, 1, 2, 3]), np.array([1, 0, 1, 2, 2])
    distance = np.array([0.1, 0.9, 0.1, 0.2, 0.2])
    found = _partners(left, right, at, other, distance, ("source_id", "gaia_release"))
    # 7 is 7 although another is nearer; 8 is not 1; one without an id, and one of another release, go by distance.
    assert list(zip(at[found], other[found], strict=True)) == [(0, 0), (2, 2), (3, 2)]


def test_source_id_and_release_come_from_one_catalogue() -> None:
    columns = {
        "source_id": np.array([5, 0]),
        "source_id_right": np.array([6, 7]),
        "gaia_release": np.array(["DR3", "DR3"]),
        "g_mag": np.array([np.nan, 12.0]),
        "g_mag_right": np.array([11.0, 13.0]),
    }
    out = filled(columns, {"source_id", "g_mag"})  # the release is the right catalogue's
    assert list(out["source_id"]) == [5, 7] and list(out["gaia_release"]) == ["", "DR3"]
    assert list(out["g_mag"]) == [11.0, 12.0]


def test_motion_is_that_of_astropy() -> None:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0.0, 360.0, 200), rng.uniform(-89.9, 89.9, 200)
    pm_ra, pm_dec = rng.normal(0.0, 3000.0, (2, 200))
    stars = SkyCoord(
        ra * u.deg, dec * u.deg, pm_ra_cosdec=pm_ra * u.mas / u.yr, pm_dec=pm_dec * u.mas / u.yr,
        distance=10 * u.pc, radial_velocity=0 * u.km / u.s, obstime=Time(2016.0, format="jyear"),
    )  # fmt: skip
    then = stars.apply_space_motion(Time(2000.0, format="jyear"))
    ours = SkyCoord(*moved(ra, dec, pm_ra, pm_dec, -16.0), unit="deg")
    assert ours.separation(then).arcsec.max() < 1e-3
    same = moved(ra, dec, np.full(200, np.nan), np.zeros(200), 16.0)
    np.testing.assert_array_equal(same, (ra, dec))
