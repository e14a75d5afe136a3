"""Local archives in one file: HDF5 (rows, groups, SpecCLIP's layout) and Parquet (rows, pixels)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.local import LocalArchive
from specviz.archives.protocol import Archive
from specviz.errors import NotASpectrumError, NotFoundError, ReadError, SpecvizError
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM

N = 6
IDS = np.arange(N) + 4345775217221821312
_rng = np.random.default_rng(3)
FLUX = _rng.normal(100.0, 3.0, (N, LAMOST_NATIVE.size))
XP = _rng.normal(1.0, 0.02, (N, XP_WAVELENGTH_NM.size)) * 1e-15


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def h5(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write datasets to an HDF5 file; "group@name" is an attribute."""
    h5py = pytest.importorskip("h5py")

    def write(content: dict[str, Any], name: str = "stars.h5") -> Path:
        with h5py.File(tmp_path / name, "w") as f:
            for key, value in content.items():
                place, _, attribute = key.partition("@")
                if attribute:
                    f[place].attrs[attribute] = value
                else:
                    f[place] = value
        return tmp_path / name

    return write


def test_rows_with_one_wavelength_for_all(h5: Any) -> None:
    ivar = np.full_like(FLUX, 0.25)
    ivar[2, :30] = 0.0
    path = h5({"flux": FLUX, "loglam": np.log10(LAMOST_NATIVE), "ivar": ivar, "source_id": IDS,
               "ra": np.arange(N) * 1.0, "dec": np.arange(N) * -1.0, "mask": FLUX > 108})  # fmt: skip
    archive = LocalArchive(path)
    assert isinstance(archive, Archive) and len(archive) == N
    assert archive.names()[2] == f"Gaia {IDS[2]}"
    for text in (f"Gaia {IDS[2]}", str(IDS[2]), f"Gaia DR3 {IDS[2]}", "2.0 -2.0", "stars 3"):
        (candidate,) = archive.resolve(text)
        assert candidate.name == f"Gaia {IDS[2]}" and candidate.ra == 2.0, text
    star = archive.fetch(str(IDS[2]))
    spectrum = star.spectra["lamost_lrs"]
    np.testing.assert_allclose(spectrum.wavelength, LAMOST_NATIVE, rtol=1e-12)
    np.testing.assert_array_equal(spectrum.flux, FLUX[2])
    np.testing.assert_array_equal(spectrum.ivar, ivar[2])
    np.testing.assert_array_equal(spectrum.mask, FLUX[2] > 108)
    assert star.source_id is not None and star.source_id.value == str(IDS[2]) and star.dec == -2.0
    assert star.meta["local_name"] == f"Gaia {IDS[2]}"
    assert archive.resolve("Gaia DR3 17") == [] == archive.resolve("100.0 20.0")
    with pytest.raises(NotFoundError, match=r"not in stars\.h5"):
        archive.fetch("Vega")


def test_rows_of_two_surveys_and_labels(h5: Any) -> None:
    path = h5({"lamost_flux": FLUX, "lamost_wavelength": np.tile(LAMOST_NATIVE, (N, 1)), "xp_flux": XP,
               "xp_flux_error": XP / 50, "xp_wavelength": XP_WAVELENGTH_NM * 10, "gaia_dr3_source_id": IDS,
               "xp_wavelength@unit": "Angstrom", "labels/teff": np.where(np.arange(N) == 1, np.nan, 5000.0),
               "obsid": np.arange(N) + 353301001})  # fmt: skip
    archive = LocalArchive(path)
    star = archive.fetch("obsid 353301003")
    assert star.name == f"Gaia DR3 {IDS[2]}" == str(star.source_id) and star.obsid == "353301003"
    assert set(star.spectra) == {"lamost_lrs", "gaia_xp"} and star.catalogue["teff"] == 5000.0
    xp = star.spectra["gaia_xp"]
    np.testing.assert_allclose(xp.wavelength, XP_WAVELENGTH_NM)
    assert xp.flux_unit == "W m-2 nm-1" and xp.snr == pytest.approx(50, rel=1e-6)
    assert "teff" not in archive.fetch("353301002").catalogue
    assert archive.resolve(f"Gaia DR2 {IDS[0]}") == []  # another release numbers other stars


def test_the_layout_of_specclip(h5: Any) -> None:
    xp = _rng.normal(1, 0.1, (N, 343, 1)).astype("f4")
    lamost = _rng.normal(1, 0.1, (N, 1462, 1)).astype("f4")
    path = h5({"train/gaia_spectra": xp, "train/lamost_spectra": lamost, "test/gaia_spectra": xp[:2],
               "test/lamost_spectra": lamost[:2], "test/source_ids": IDS[:2]})  # fmt: skip
    archive = LocalArchive(path)
    assert sorted(archive.names()) == sorted(
        [*(f"Gaia {i}" for i in IDS[:2]), *(f"train {i + 1}" for i in range(N))],
    )
    star = archive.fetch("train 3")
    np.testing.assert_allclose(star.spectra["lamost_lrs"].flux, lamost[2, :, 0])
    np.testing.assert_allclose(star.spectra["lamost_lrs"].wavelength, SPECCLIP_WAVELENGTH)
    np.testing.assert_allclose(star.spectra["gaia_xp"].flux, xp[2, :, 0])
    assert star.spectra["lamost_lrs"].meta["normalised"] is True
    encoder = LocalArchive(h5({"train/spectra": xp, "test/spectra": xp[:1]}, "encoder.h5"))
    assert len(encoder) == N + 1 and set(encoder.fetch("test 1").spectra) == {"gaia_xp"}


@pytest.mark.parametrize("nested", [False, True])
def test_a_group_a_star(h5: Any, nested: bool) -> None:
    content: dict[str, Any] = {} if nested else {"wavelength": LAMOST_NATIVE}
    for i in range(N):
        where = f"sample/HD {i + 100}" if nested else f"HD {i + 100}"
        if nested:
            content |= {f"{where}/lamost/flux": FLUX[i], f"{where}/lamost/wavelength": LAMOST_NATIVE,
                        f"{where}/gaia_xp/flux": XP[i]}  # fmt: skip
        else:
            content[f"{where}/flux"] = FLUX[i]
        content |= {f"{where}@source_id": IDS[i], f"{where}@ra": 10.0 + i, f"{where}@dec": 20.0}
    archive = LocalArchive(h5(content))
    assert archive.names() == [f"HD {i + 100}" for i in range(N)]
    star = archive.fetch("hd 103")
    np.testing.assert_array_equal(star.spectra["lamost_lrs"].flux, FLUX[3])
    assert ("gaia_xp" in star.spectra) is nested and star.ra == 13.0
    assert archive.fetch(str(IDS[4])).name == "HD 104" == archive.fetch("14.0 20.0").name
    assert archive.near("HD 10") == ["HD 100", "HD 101"] and "HD 103" in archive.near("HD 1O3", 6)


def test_groups_of_surveys_are_joined_by_their_gaia_number(h5: Any) -> None:
    path = h5({"lamost/flux": FLUX, "lamost/wavelength": LAMOST_NATIVE, "lamost/source_id": IDS,
               "xp/flux": XP[::-1][:4], "xp/source_id": IDS[::-1][:4]})  # fmt: skip
    archive = LocalArchive(path)
    assert len(archive) == N
    star = archive.fetch(str(IDS[5]))
    np.testing.assert_array_equal(star.spectra["lamost_lrs"].flux, FLUX[5])
    np.testing.assert_array_equal(star.spectra["gaia_xp"].flux, XP[5])
    assert set(archive.fetch(str(IDS[0])).spectra) == {"lamost_lrs"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"image": np.zeros((3, 4))}, "it holds image"),
        ({}, "it holds nothing"),
        ({"flux": np.zeros((0, 100))}, None),
        ({"flux": np.ones((3, 77))}, "77 pixels and no wavelength"),
        ({"flux": np.ones((3, 77)), "wavelength": np.arange(50.0) + 4000}, "77 values of flux and 50 wavelengths"),
        ({"flux": np.zeros((3, 3909))}, "zero or not a number"),
        ({"flux": np.ones((3, 3909)), "source_id": np.ones(3, "f4")}, "long numbers do not fit"),
        ({"flux": np.ones((3, 3909)), "source_id": IDS[:3].astype("f8")}, "long numbers do not fit"),
        ({"flux": np.ones((3, 90)), "wavelength": np.ones((2, 90))}, "expected|Expected"),
    ],
)
def test_what_is_wrong_with_an_hdf5_file_is_said(h5: Any, content: dict[str, Any], told: str | None) -> None:
    archive = LocalArchive(h5(content))
    if told is None:
        assert archive.names() == []
        return
    with pytest.raises(ReadError, match=told):
        archive.fetch(archive.names()[-1])


def test_damaged_and_foreign_hdf5_files(h5: Any, tmp_path: Path) -> None:
    path = h5({"flux": FLUX, "source_id": IDS})
    whole = path.read_bytes()
    for cut in (600, 2000, len(whole) // 2):
        (tmp_path / "cut.h5").write_bytes(whole[:cut])
        with pytest.raises(SpecvizError, match=r"cut\.h5"):
            LocalArchive(tmp_path / "cut.h5").fetch(str(IDS[3]))
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        for at in rng.integers(0, 4000, 20):
            broken[at] = rng.integers(0, 256)
        broken[:8] = whole[:8]
        (tmp_path / "broken.h5").write_bytes(bytes(broken))
        try:
            LocalArchive(tmp_path / "broken.h5").fetch(str(IDS[3]))
        except SpecvizError:
            continue
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "link.h5", "w") as f:
        f["flux"] = h5py.ExternalLink("/etc/hostname", "/flux")
        f["gone"] = h5py.SoftLink("/nowhere")
    with pytest.raises(NotASpectrumError):
        LocalArchive(tmp_path / "link.h5").names()


def test_unsigned_ids_stay_whole_beside_stars_without_one(h5: Any) -> None:
    """numpy makes floats of uint64 and int64 together: 19 digits would be lost."""
    rows = h5({"train/xp_flux": XP, "train/source_id": IDS.astype(np.uint64), "val/xp_flux": XP}, "rows.h5")
    assert LocalArchive(rows).names()[N - 1 : N + 1] == [f"Gaia {IDS[N - 1]}", "val 1"]
    stars = h5({"a/flux": XP[0], "b/flux": XP[1], "a@source_id": np.uint64(IDS[0])}, "stars.h5")
    assert [i.value for i in LocalArchive(stars).fetch("a").identifiers] == [str(IDS[0])]
    assert LocalArchive(stars).fetch("b").identifiers == ()


def test_a_file_that_breaks_is_told_and_heals(h5: Any) -> None:
    path = h5({"xp_flux": XP, "source_id": IDS})
    archive, whole = LocalArchive(path), path.read_bytes()
    assert len(archive) == N
    path.write_bytes(whole[:3000])
    for _ in range(2):
        with pytest.raises(ReadError, match="damaged"):
            archive.fetch(str(IDS[0]))
    path.write_bytes(whole)
    assert archive.fetch(str(IDS[0])).name == f"Gaia {IDS[0]}" and archive.problems == {}


def test_a_changed_file_is_noticed(h5: Any) -> None:
    path = h5({"flux": FLUX[:2]})
    archive = LocalArchive(path)
    assert len(archive) == 2
    h5({"flux": FLUX})
    assert len(archive) == N
    path.unlink()
    with pytest.raises(NotFoundError, match="gone"):
        archive.names()


@pytest.mark.parametrize(("module", "suffix"), [("h5py", "h5"), ("pyarrow", "parquet")])
def test_a_missing_extra_is_named(module: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"x.{suffix}").write_bytes(b"\x89HDF\r\n\x1a\n" if suffix == "h5" else b"PAR1")
    monkeypatch.setitem(sys.modules, module, None)
    extra = "hdf5" if suffix == "h5" else "parquet"
    with pytest.raises(SpecvizError, match=rf"pip install 'jupyter-specviz\[{extra}\]'"):
        LocalArchive(tmp_path / f"x.{suffix}")


# ------------------------------------------------------------------------------------------------ Parquet
@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def write(columns: dict[str, Any], name: str = "stars.parquet", **options: Any) -> Path:
        held = {k: list(v) if getattr(v, "ndim", 1) > 1 else v for k, v in columns.items()}
        pq.write_table(pa.table(held), tmp_path / name, **options)
        return tmp_path / name

    return write


def test_parquet_with_a_row_a_star(parquet: Any) -> None:
    path = parquet({"source_id": IDS, "flux": FLUX, "wavelength": np.tile(LAMOST_NATIVE, (N, 1)),
                    "flux_error": FLUX * 0 + 2.0, "xp_flux": XP, "ra": np.arange(N) + 0.5, "dec": np.arange(N) * 1.0},
                   row_group_size=4)  # fmt: skip
    archive = LocalArchive(path)
    assert isinstance(archive, Archive) and archive.names() == [f"Gaia {i}" for i in IDS]
    for i in (0, 3, 4, 5):
        star = archive.fetch(f"Gaia {IDS[i]}")
        np.testing.assert_array_equal(star.spectra["lamost_lrs"].flux, FLUX[i])
        np.testing.assert_allclose(star.spectra["lamost_lrs"].ivar, 0.25)
        np.testing.assert_array_equal(star.spectra["gaia_xp"].flux, XP[i])
        assert star.ra == i + 0.5
    assert archive.resolve("3.5 3.0")[0].name == f"Gaia {IDS[3]}"


def test_catalogues_in_the_columns_of_parquet(parquet: Any) -> None:
    path = parquet({"source_id": IDS, "flux": FLUX, "wavelength": np.tile(LAMOST_NATIVE, (N, 1)),
                    "apogee_teff": np.arange(N) + 5000.0, "apogee_teff_err": np.full(N, 30.0),
                    "teff_gspphot": np.arange(N) + 4900.0})  # fmt: skip
    star = LocalArchive(path).fetch(f"Gaia {IDS[2]}")
    assert {k: v["teff"] for k, v in star.catalogues.items()} == {"APOGEE": 5002.0, "GSP-Phot": 4902.0}
    assert star.catalogue["teff_err"] == 30.0 and star.catalogue["source"] == "APOGEE, columns of stars.parquet"


def test_parquet_with_a_row_a_pixel_sorted_or_not(parquet: Any) -> None:
    n = XP_WAVELENGTH_NM.size
    ids, wave, flux = np.repeat(IDS, n), np.tile(XP_WAVELENGTH_NM, N), XP.ravel()
    path = parquet({"source_id": ids, "wavelength": wave, "flux": flux, "flux_error": flux / 20}, row_group_size=500)
    archive = LocalArchive(path)
    assert len(archive) == N
    for i in (0, 2, 5):
        star = archive.fetch(str(IDS[i]))
        np.testing.assert_array_equal(star.spectra["gaia_xp"].flux, XP[i])
        assert star.spectra["gaia_xp"].snr == pytest.approx(20)
    order = np.random.default_rng(1).permutation(ids.size)
    mixed = parquet({"source_id": ids[order], "wavelength": wave[order], "flux": flux[order]}, "mixed.parquet")
    with pytest.raises(ReadError, match="up and down"):  # wavelengths in no order are not guessed at
        LocalArchive(mixed).fetch(str(IDS[1]))
    by_pixel = np.lexsort((ids, wave))  # all stars' first pixel, all stars' second ...
    turned = parquet({"source_id": ids[by_pixel], "wavelength": wave[by_pixel], "flux": flux[by_pixel]}, "t.parquet")
    np.testing.assert_array_equal(LocalArchive(turned).fetch(str(IDS[1])).spectra["gaia_xp"].flux, XP[1])
    single = parquet({"wavelength": LAMOST_NATIVE, "flux": FLUX[0]}, "vega.parquet")
    assert LocalArchive(single).names() == ["vega"]
    np.testing.assert_array_equal(LocalArchive(single).fetch("Vega").spectra["lamost_lrs"].flux, FLUX[0])


def test_pixels_without_a_star_do_not_mix_others(parquet: Any) -> None:
    """Beside nulls numpy makes floats of ids: two that differ in the last digit would be one star."""
    wave = np.linspace(4000, 5000, 50)
    ids = [*[int(IDS[0])] * 50, *[None] * 50, *[int(IDS[1])] * 50]
    path = parquet({"source_id": ids, "wavelength": np.tile(wave, 3), "flux": np.repeat([1.0, 2.0, 3.0], 50)})
    archive = LocalArchive(path)
    assert archive.names() == [f"Gaia {IDS[0]}", f"Gaia {IDS[1]}"]
    assert archive.problems == {"rows without source_id": "50 rows do not say which star they are of"}
    assert archive.fetch(str(IDS[1])).spectra["other"].flux.tolist() == [3.0] * 50
    path = parquet({"source_id": [None] * 50, "wavelength": wave, "flux": wave}, "none.parquet")
    with pytest.raises(NotASpectrumError, match="50 rows do not say"):
        LocalArchive(path).names()


def test_units_of_a_parquet_table(parquet: Any, tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    from astropy.table import Table

    wave = np.arange(380.0, 900.0, 1.0)  # by its range it would be Gaia XP
    table = Table({"lamost_wavelength": wave, "lamost_flux": wave / 500}, units={"lamost_wavelength": "nm"})
    table.write(tmp_path / "astropy.parquet", format="parquet")
    field = pa.field("wavelength", pa.float64(), metadata={"unit": "micron"})
    held = pa.table([wave / 1000, wave / 500], schema=pa.schema([field, pa.field("flux", pa.float64())]))
    pq.write_table(held, tmp_path / "field.parquet")
    for name, survey in (("astropy", "lamost_lrs"), ("field", "other")):
        spectrum = LocalArchive(tmp_path / f"{name}.parquet").fetch(name).spectra[survey]
        np.testing.assert_allclose(spectrum.wavelength, wave * 10)


def test_parquet_with_names_and_holes(parquet: Any) -> None:
    pytest.importorskip("pandas")
    path = parquet({"name": ["Vega", "", None, "Vega"], "flux": [FLUX[0], FLUX[1], None, FLUX[3]],
                    "wavelength": [LAMOST_NATIVE] * 4})  # fmt: skip
    archive = LocalArchive(path)
    assert archive.names() == ["Vega (stars 1)", "stars 2", "stars 3", "Vega (stars 4)"]
    np.testing.assert_array_equal(archive.fetch("Vega (stars 4)").spectra["lamost_lrs"].flux, FLUX[3])
    with pytest.raises(ReadError, match="no flux in this row"):
        archive.fetch("stars 3")
    assert "stars 3" in archive.problems


def test_parquet_with_coefficients(parquet: Any, shared: Path) -> None:
    from specviz.spectra.readers import read_all

    table = shared / "data" / "gaia_xp_formats" / "xp_continuous" / "XP_CONTINUOUS_RAW.fits"
    from astropy.table import Table

    held = Table.read(table)
    columns = {n: [np.asarray(v).tolist() for v in held[n]] for n in held.colnames}
    archive = LocalArchive(parquet(columns))
    for star in read_all(table):
        assert star.source_id is not None
        again = archive.fetch(star.source_id.value)
        np.testing.assert_allclose(again.spectra["gaia_xp"].flux, star.spectra["gaia_xp"].flux, rtol=1e-9)


def test_damaged_parquet_files(parquet: Any, tmp_path: Path) -> None:
    path = parquet({"source_id": IDS, "flux": FLUX, "wavelength": np.tile(LAMOST_NATIVE, (N, 1))})
    whole = path.read_bytes()
    for cut in (4, 100, len(whole) - 50):
        (tmp_path / "cut.parquet").write_bytes(whole[:cut])
        with pytest.raises(ReadError, match="damaged Parquet"):
            LocalArchive(tmp_path / "cut.parquet").names()
    rng = np.random.default_rng(0)
    for _ in range(40):
        broken = bytearray(whole)
        for at in rng.integers(len(whole) - 3000, len(whole) - 8, 10):
            broken[at] = rng.integers(0, 256)
        (tmp_path / "broken.parquet").write_bytes(bytes(broken))
        try:
            LocalArchive(tmp_path / "broken.parquet").fetch(str(IDS[3]))
        except SpecvizError:
            continue
    for columns in ({"mood": [1, 2]}, {"flux": [1.0, 2.0]}):
        with pytest.raises(NotASpectrumError, match="columns"):
            LocalArchive(parquet(columns)).names()


def test_memory_does_not_grow_with_the_file(parquet: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    n = 3000  # 94 MB of flux, in one row group
    flux = np.random.default_rng(0).normal(100, 3, (n, LAMOST_NATIVE.size))
    path = parquet({"source_id": np.arange(n) + 10**15, "flux": flux}, row_group_size=n)
    archive = LocalArchive(path)
    assert len(archive) == n
    before, peak, stop = pa.total_allocated_bytes(), [0], threading.Event()
    watch = threading.Thread(target=lambda: [peak.__setitem__(0, max(peak[0], pa.total_allocated_bytes()))
                                             for _ in iter(lambda: stop.wait(0.001), True)])  # fmt: skip
    watch.start()
    star = archive.fetch(str(10**15 + n - 1))
    stop.set()
    watch.join()
    np.testing.assert_array_equal(star.spectra["lamost_lrs"].flux, flux[-1])
    assert peak[0] - before < 40e6


def test_many_threads_get_their_own_stars(h5: Any) -> None:
    archive = LocalArchive(h5({"flux": FLUX, "source_id": IDS}))
    wrong: list[Any] = []

    def work(k: int) -> None:
        for i in (k, (k + 1) % N, (k + 3) % N):
            flux = archive.fetch(str(IDS[i])).spectra["lamost_lrs"].flux
            if not np.array_equal(flux, FLUX[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
