"""Maps of a catalogue on disk: made, stopped and resumed, extended, damaged, drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.catalog.maps import clusters, making
from specviz.catalog.maps.fitting import chosen, fit
from specviz.catalog.maps.linear import make_eigenspace
from specviz.catalog.maps.making import extend_map, make_map
from specviz.catalog.maps.placing import Sample, unit
from specviz.catalog.maps.stored import StoredMap
from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.cli import main
from specviz.errors import CancelledError, CatalogError, OptionError

for _package in ("pyarrow", "umap", "pacmap", "hdbscan"):
    if find_spec(_package) is None:  # found, not imported: umap takes seconds, and warns
        pytest.skip(f"{_package} is not installed (jupyter-specviz[catalog])", allow_module_level=True)
#: Stars in each part, and in a sample.
PART, SAMPLE = 300, 400


def stars(n: int, seed: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Three kinds of stars in 16 dimensions; every tenth has no LAMOST spectrum."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    centre = 3.0 * np.eye(3, 16)
    vectors = centre[kind] + rng.normal(0, 0.3, (n, 16))
    optical = vectors + rng.normal(0, 0.1, (n, 16))
    optical[::10] = np.nan
    columns = {
        "object_id": [f"s{seed}-{i}" for i in range(n)],
        "teff": np.array([5800.0, 4500.0, 9000.0])[kind] + rng.normal(0, 50, n),
        "logg": np.array([4.4, 2.0, 4.0])[kind],
    }
    return columns, {"gaia_xp": vectors, "lamost_lrs": optical}


def catalogue(path: Path, parts: int) -> StarCatalog:
    made = StarCatalog.create(path, Header("fake", "1", "ab" * 32, "LAMOST DR10, Gaia DR3", {}))
    for seed in range(parts):
        made.append(*stars(PART, seed))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StarCatalog]:
    """900 stars with a UMAP map (fitted to 400 of them) and clusters."""
    folder = tmp_path_factory.mktemp("maps") / "stars.specviz"
    catalog = catalogue(folder, 3)
    make_map(catalog, "gaia_xp", sample=SAMPLE)
    yield catalog
    shutil.rmtree(folder)


@pytest.fixture
def copy(made: StarCatalog, tmp_path: Path) -> StarCatalog:
    """The same, to be changed."""
    shutil.copytree(made.path, tmp_path / "stars.specviz")
    return StarCatalog.open(tmp_path / "stars.specviz")


def test_a_map_places_all_stars_and_finds_the_three_kinds(made: StarCatalog) -> None:
    kept = StoredMap.open(made, "gaia_xp", "umap")
    assert kept.record.rows == 900 and kept.record.sample == SAMPLE and kept.xy.shape == (900, 2)
    assert np.isfinite(kept.xy).all() and kept.note(900) == ""
    quality = kept.record.quality
    assert quality["sample"]["trustworthiness"] > 0.85 and quality["placed"]["trustworthiness"] > 0.75
    found = clusters.stored(made, "gaia_xp")
    assert found is not None and len(found) == 3 and found.labels.dtype == np.int32
    kind = np.arange(900) % 3
    for one in found.summaries:
        members = np.flatnonzero(found.labels == one.number)
        assert one.count == len(members) > 250 and len(set(kind[members])) == 1
        assert found.labels[list(one.exemplars)].tolist() == [one.number] * 5
    assert sorted(one.title for one in found.summaries) == ["A stars", "G dwarfs", "K giants"]
    assert not list((made.path / "maps" / "gaia_xp").glob("*.making"))


def test_the_sample_lies_where_the_method_put_it_and_the_same_seed_gives_the_same_map(made: StarCatalog) -> None:
    vectors = made.vectors("gaia_xp")
    numbers = chosen(900, SAMPLE, 0)
    again = fit(unit(vectors.take(numbers), 16), "umap")
    np.testing.assert_array_equal(again, StoredMap.open(made, "gaia_xp", "umap").xy[numbers])


def test_the_planes_offer_what_is_kept(made: StarCatalog) -> None:
    planes = CatalogIndex(made, "gaia_xp").planes
    assert [name for name, _, _ in planes.offered()] == ["kiel", "embedding", "umap"]
    plane = planes.plane("umap")
    assert plane.columns == ("umap_1", "umap_2") and plane.labels == ("UMAP axis 1", "UMAP axis 2")
    vector = made.vectors("gaia_xp").take([5])[0]
    assert planes.project(vector, "umap") == pytest.approx((plane.x[5], plane.y[5]), abs=0.7)
    own = int(chosen(900, SAMPLE, 0)[7])
    place = planes.project(made.vectors("gaia_xp").take([own])[0], "umap")
    assert place == pytest.approx((plane.x[own], plane.y[own]), abs=1e-5)
    around = ([plane.x[5] - 0.1, plane.x[5] + 0.1, plane.x[5]], [plane.y[5] - 0.1, plane.y[5] - 0.1, plane.y[5] + 0.2])
    assert 5 in planes.within("umap", *around)
    assert planes.clusters is not None and planes.reason("clusters") == ""
    flat = planes.plane("embedding")
    np.testing.assert_allclose(planes.project(vector), (flat.x[5], flat.y[5]), atol=1e-3)
    other = CatalogIndex(made, "lamost_lrs").planes
    assert other.clusters is None and other.reason("clusters") == "This catalogue keeps no clusters"
    assert other.reason("umap") == "This catalogue keeps no UMAP map" and "umap" not in other.reasons()
    assert np.isnan(other.plane("embedding").x[::10]).all() and np.isfinite(other.plane("embedding").x[1::10]).all()
    with pytest.raises(CatalogError, match="keeps no UMAP"):
        other.project(vector, "umap")
    with pytest.raises(OptionError, match="projected into"):
        planes.project(vector, "kiel")


def test_a_stopped_run_goes_on_and_gives_the_same(copy: StarCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = np.array(StoredMap.open(copy, "gaia_xp", "umap").xy)
    labels = np.array(clusters.stored(copy, "gaia_xp").labels)  # type: ignore[union-attr]
    shutil.rmtree(copy.path / "maps")
    folder = copy.path / "maps" / "gaia_xp"
    stop = lambda: (folder / "umap.making" / "done.json").is_file()  # noqa: E731
    with pytest.raises(CancelledError):
        make_map(copy, "gaia_xp", sample=SAMPLE, cancel=stop)
    assert not (folder / "umap.json").exists() and (folder / "umap.making" / "placing.npz").is_file()
    assert "umap" not in CatalogIndex(copy, "gaia_xp").planes.reasons()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(making, "fit", never)
    kept = make_map(copy, "gaia_xp", sample=SAMPLE)
    np.testing.assert_array_equal(kept.xy, wanted)
    np.testing.assert_array_equal(clusters.stored(copy, "gaia_xp").labels, labels)  # type: ignore[union-attr]
    with pytest.raises(AssertionError, match="fitted again"):  # what was asked for is another
        make_map(copy, "gaia_xp", sample=SAMPLE, seed=1)


def test_stars_that_come_later_are_told_of_and_put_on_the_map(copy: StarCatalog) -> None:
    before = np.array(StoredMap.open(copy, "gaia_xp", "umap").xy)
    copy.append(*stars(PART, 9))
    planes = CatalogIndex(copy, "gaia_xp").planes
    assert planes.offered()[-1][2].endswith(
        "Covers the first 900 of 1,200 stars; specviz catalog map --extend adds the others"
    )
    assert np.isnan(planes.plane("umap").x[900:]).all() and planes.plane("umap").note
    assert (
        planes.clusters is not None and (planes.clusters.labels[900:] == -1).all() and "300 new" in planes.clusters.note
    )
    kept = extend_map(copy, "gaia_xp")
    assert kept.record.rows == 1200 and np.isfinite(kept.xy).all()
    np.testing.assert_array_equal(kept.xy[:900], before)
    placing = kept.placing
    assert isinstance(placing, Sample)
    np.testing.assert_allclose(
        kept.xy[900:], placing.place(copy.vectors("gaia_xp").take(np.arange(900, 1200))), atol=1e-5
    )
    found = clusters.stored(copy, "gaia_xp")
    assert found is not None and sum(one.count for one in found.summaries) > 1100
    kind = np.arange(1200) % 3
    assert all(len(set(kind[found.labels == one.number])) == 1 for one in found.summaries)
    assert extend_map(copy, "gaia_xp").record == kept.record  # nothing left to do


def test_a_map_of_other_stars_and_damaged_files_are_refused_in_words(copy: StarCatalog, tmp_path: Path) -> None:
    other = catalogue(tmp_path / "other.specviz", 1)
    shutil.copytree(copy.path / "maps", other.path / "maps")
    planes = CatalogIndex(other, "gaia_xp").planes
    assert "made of other stars" in planes.reason("umap") and "made of other stars" in planes.reason("clusters")
    assert planes.clusters is None and "umap" not in [name for name, _, _ in planes.offered()]
    with pytest.raises(CatalogError, match="specviz catalog map makes it again"):
        extend_map(other, "gaia_xp")
    folder = copy.path / "maps" / "gaia_xp"
    (folder / "umap.placing.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(CatalogError, match="damaged"):
        CatalogIndex(copy, "gaia_xp").planes.project(np.ones(16), "umap")
    (folder / "clusters.npy").unlink()
    assert "absent" in CatalogIndex(copy, "gaia_xp").planes.reason("clusters")
    (folder / "umap.xy.npy").write_bytes(b"\x93NUMPY")
    assert "damaged" in CatalogIndex(copy, "gaia_xp").planes.reason("umap")
    told = json.loads((folder / "umap.json").read_text())
    (folder / "umap.json").write_text(json.dumps({**told, "format_version": 99}))
    assert "later specviz" in CatalogIndex(copy, "gaia_xp").planes.reason("umap")
    (folder / "umap.json").write_text("{")
    assert "damaged" in CatalogIndex(copy, "gaia_xp").planes.reason("umap")


def test_the_eigenspace_of_both_surveys_is_one_map_for_both(copy: StarCatalog) -> None:
    xp, optical = make_eigenspace(copy)
    np.testing.assert_array_equal(xp.xy, optical.xy)
    assert np.isfinite(xp.xy).all() and xp.record.sample == 810  # 90 have no LAMOST spectrum and are placed by XP
    assert xp.record.labels[0].startswith("Eigen axis 1") and len(xp.record.parameters["follows"]) == 8
    planes = CatalogIndex(copy, "lamost_lrs").planes
    plane = planes.plane("eigen")
    place = planes.project(copy.vectors("lamost_lrs").take([0])[0], "eigen")
    assert np.hypot(place[0] - plane.x[1], place[1] - plane.y[1]) < 0.3
    with pytest.raises(CatalogError, match="two surveys"):
        make_eigenspace(copy, ("gaia_xp",))


def test_a_catalogue_that_cannot_be_written_to_still_has_its_axes(
    copy: StarCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "read-only")

    shutil.rmtree(copy.path / "maps")
    monkeypatch.setattr(Path, "mkdir", refuse)
    plane = CatalogIndex(copy, "lamost_lrs").planes.plane("embedding")
    assert np.isfinite(plane.x).sum() == 810 and not (copy.path / "maps").exists()


def test_pacmap_makes_a_map_too(copy: StarCatalog) -> None:
    kept = make_map(copy, "gaia_xp", "pacmap", sample=200, clusters=False)
    assert kept.record.library.startswith("pacmap") and np.isfinite(kept.xy).all()
    assert kept.record.quality["placed"]["trustworthiness"] > 0.7
    assert clusters.made_of(copy.path / "maps" / "gaia_xp")[0] == "umap"  # those of the other map stay
    numbers = chosen(900, 200, 0)
    np.testing.assert_array_equal(kept.xy[numbers], fit(unit(copy.vectors("gaia_xp").take(numbers), 16), "pacmap"))


def test_what_cannot_be_mapped_is_said(copy: StarCatalog, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="umap, pacmap"):
        make_map(copy, "gaia_xp", "tsne")
    with pytest.raises(CatalogError, match="at least 30"):
        make_map(copy, "gaia_xp", sample=10)
    few = StarCatalog.create(tmp_path / "few.specviz", Header("fake", "1", "ab" * 32, "", {}))
    few.append(*stars(5, 0))
    with pytest.raises(CatalogError, match="5 gaia_xp stars"):
        make_map(few, "gaia_xp")
    assert CatalogIndex(few, "gaia_xp").planes.plane("embedding").x.shape == (5,)


def test_the_command_extends_and_prints_a_table(copy: StarCatalog, capsys: pytest.CaptureFixture[str]) -> None:
    copy.append(*stars(PART, 9))
    assert main(["catalog", "map", str(copy.path), "--survey", "xp", "--extend"]) == 0
    out = capsys.readouterr().out
    assert "UMAP of gaia_xp: 1,200 stars, umap-learn" in out and "Eigenspace: 1,200 stars" in out
    assert [line.split("  ")[-1] for line in out.splitlines() if "00" in line and "." in line][1:4]
    assert all(title in out for title in ("G dwarfs", "K giants", "A stars")) and "lie between the clusters" in out
    assert main(["catalog", "map", str(copy.path), "--survey", "lamost", "--extend"]) != 0
    assert "keeps no UMAP map" in capsys.readouterr().err
