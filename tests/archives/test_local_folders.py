"""Local archives of files: folders and survey trees, the index, joins, and what is no spectrum."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from specviz.archives.local import LocalArchive
from specviz.archives.local import folder as folder_module
from specviz.archives.local.file_names import from_name
from specviz.archives.protocol import Archive
from specviz.archives.transport.monitor import Monitor, watching
from specviz.errors import AmbiguousError, CancelledError, NotFoundError, ReadError, SpecvizError
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM

SOL = 4345775217221821312


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was looked into."""
    count: Counter[str] = Counter()
    real = folder_module.peek

    def counting(path: Path, place: str, size: int) -> Any:
        count[place] += 1
        return real(path, place, size)

    monkeypatch.setattr(folder_module, "peek", counting)
    return count


def lamost(path: Path, *, obsid: int = 938505172, ra: float = 20.94, dec: float = 1.396, snr: float = 55.5,
           layout: str = "image", level: float = 1.0) -> Path:  # fmt: skip
    """A small LAMOST file."""
    rng = np.random.default_rng(obsid % 2**31)
    flux = level * 900 * (LAMOST_NATIVE / 5000) ** -1.2 * rng.normal(1, 0.02, LAMOST_NATIVE.size)
    header = {"COEFF0": 3.5682, "COEFF1": 1e-4, "VACUUM": True, "DATA_V": "LAMOST DR7", "OBSID": obsid, "RA": ra,
              "DEC": dec, "DESIG": f"LAMOST J{obsid}", "CLASS": "STAR", "SUBCLASS": "G5", "SNRG": snr,
              "LMJD": 59000}  # fmt: skip
    if layout == "image":
        primary = fits.PrimaryHDU(np.array([flux, 1 / (flux / 50) ** 2, LAMOST_NATIVE, 0 * flux, 0 * flux], ">f4"))
        hdus = fits.HDUList([primary])
    else:
        cells = {"FLUX": flux, "IVAR": 1 / (flux / 50) ** 2, "WAVELENGTH": LAMOST_NATIVE}
        columns = [fits.Column(name=n, format="3909E", array=[a]) for n, a in cells.items()]
        hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="COADD")])
    hdus[0].header.update(header)
    return _written(path, hdus)


def sdss(path: Path, *, plate: int = 266, fiber: int = 1, ra: float = 350.5, dec: float = 12.25) -> Path:
    """A small SDSS file."""
    columns = [fits.Column(name="flux", format="E", array=np.linspace(1, 2, 500)),
               fits.Column(name="loglam", format="E", array=np.linspace(3.6, 3.9, 500)),
               fits.Column(name="ivar", format="E", array=np.ones(500))]  # fmt: skip
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="COADD")])
    hdus[0].header.update({"PLATEID": plate, "MJD": 51602, "FIBERID": fiber, "PLUG_RA": ra, "PLUG_DEC": dec})
    return _written(path, hdus)


def _written(path: Path, hdus: fits.HDUList) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    hdus.writeto(stream)
    path.write_bytes(gzip.compress(stream.getvalue()) if path.suffix == ".gz" else stream.getvalue())
    return path


def xp(path: Path, sources: dict[int, tuple[float, float]]) -> Path:
    """Sampled XP spectra, a row a source."""
    n = len(sources)
    flux = np.outer(np.arange(n) + 1.0, 1e-15 * np.linspace(1, 2, XP_WAVELENGTH_NM.size))
    table = Table({"source_id": list(sources), "ra": [p[0] for p in sources.values()],
                   "dec": [p[1] for p in sources.values()], "flux": flux, "flux_error": flux / 30})  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path, format="fits")
    return path


def test_a_tree_of_lamost_as_on_the_servers(tmp_path: Path, looked_at: Counter[str]) -> None:
    for day, plan, sp, fib, obsid in (("20211108", "EG01", 8, 200, 11111111), ("20211108", "EG01", 8, 201, 22222222),
                                      ("20211201", "GAC1", 1, 52, 33333333)):  # fmt: skip
        lamost(tmp_path / day / plan / f"spec-59517-{plan}_sp{sp:02d}-{fib:03d}.fits.gz", obsid=obsid, ra=obsid / 1e6,
               layout="coadd")  # fmt: skip
    archive = LocalArchive(tmp_path)
    assert isinstance(archive, Archive) and "LocalArchive" in repr(archive)
    assert archive.names() == ["spec-59517-EG01_sp08-200", "spec-59517-EG01_sp08-201", "spec-59517-GAC1_sp01-052"]
    assert len(archive) == 3 and dict(archive.problems) == {}
    for text in ("spec-59517-EG01_sp08-201", "SPEC-59517-EG01_SP08-201.fits.gz", "spec-59517-EG01_sp08-201.fits",
                 "20211108/EG01/spec-59517-EG01_sp08-201.fits.gz"):  # fmt: skip
        assert [c.name for c in archive.resolve(text)] == ["spec-59517-EG01_sp08-201"], text
    star = archive.fetch("spec-59517-EG01_sp08-201")
    assert star.obsid == "22222222" and star.meta["local_name"] == "spec-59517-EG01_sp08-201"
    assert not looked_at  # names alone told all this
    for text in ("obsid 22222222", "22222222", "22.222222 1.396", "LAMOST 22222222", "LAMOST J22222222"):
        (candidate,) = archive.resolve(text)
        assert candidate.name == "spec-59517-EG01_sp08-201" and candidate.archive == "local", text
        assert candidate.dec == 1.396 and "S/N 56" in candidate.summary
        assert [str(i) for i in candidate.identifiers] == ["LAMOST 22222222"]
    assert set(looked_at.values()) == {1} and len(looked_at) == 3
    assert archive.resolve("EG01") == archive.resolve("59517-EG01") and len(archive.resolve("EG01")) == 2
    with pytest.raises(AmbiguousError) as caught:
        archive.fetch("EG01")
    assert [c.name for c in caught.value.candidates] == archive.names()[:2]
    assert archive.resolve("400.0 10.0") == [] == archive.resolve("") == archive.resolve("obsid 99999999")
    with pytest.raises(NotFoundError, match="Perhaps spec-59517"):
        archive.fetch("spec-59517-EG01_sp08-20")
    assert archive.near("spec-59517-GAC") == ["spec-59517-GAC1_sp01-052"]
    assert archive.near("spec-59517-EQ01_sp08-200")[0] == "spec-59517-EG01_sp08-200"


def test_a_tree_of_sdss(tmp_path: Path) -> None:
    for run in ("26", "103"):
        sdss(tmp_path / run / "0266" / "spec-0266-51602-0001.fits")
    sdss(tmp_path / "v6_1" / "15000" / "spec-15000-59146-4375924456.fits", plate=15000, fiber=7, ra=1.0)
    archive = LocalArchive(tmp_path)
    assert archive.names() == [
        "103/0266/spec-0266-51602-0001.fits", "26/0266/spec-0266-51602-0001.fits", "spec-15000-59146-4375924456",
    ]  # fmt: skip
    for text in ("SDSS 266-51602-1", "266-51602-1", "sdss 266-51602-0001", "spec-0266-51602-0001"):
        assert len(archive.resolve(text)) == 2, text
    star = archive.fetch("26/0266/spec-0266-51602-0001.fits")
    assert star.name == "SDSS 266-51602-0001" and set(star.spectra) == {"sdss"}
    assert archive.fetch("350.5 12.25").name == star.name  # two reductions of one star: the best, not a question


def test_what_is_no_spectrum_is_listed(tmp_path: Path) -> None:
    lamost(tmp_path / "spec-1.fits")
    (tmp_path / "README.md").write_text("Spectra of stars.\n")
    (tmp_path / "labels.csv").write_text("obsid,teff\n1,5000\n2,6000\n")
    (tmp_path / "empty.fits").write_bytes(b"")
    (tmp_path / "plot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    (tmp_path / "page.fits").write_text("<html><body>Log in</body></html>")
    (tmp_path / "stars.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "spec-2.fits").write_bytes(b"x")
    with (tmp_path / "huge.dat").open("wb") as file:
        file.truncate(2**30)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone.fits").symlink_to(tmp_path / "nowhere.fits")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    Table({"mood": [1, 2]}).write(tmp_path / "table.fits")
    cut = (tmp_path / "spec-1.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(cut[: len(cut) // 2])
    archive = LocalArchive(tmp_path)
    assert archive.names() == ["spec-1"]
    assert set(archive.problems) == {"README.md", "labels.csv", "empty.fits", "plot.png", "page.fits", "stars.h5",
                                     "huge.dat", "pipe", "gone.fits", "table.fits", "cut.fits"}  # fmt: skip
    for place, told in (
        ("empty.fits", "empty"), ("huge.dat", "1024 MB"), ("page.fits", "web page"), ("pipe", "regular"),
        ("stars.h5", "LocalArchive"), ("table.fits", "mood"), ("gone.fits", "cannot be opened"),
    ):  # fmt: skip
        assert told in archive.problems[place], place


def test_a_promise_that_a_file_breaks_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spec-59517-EG01_sp08-200.fits.gz"
    lamost(path)
    path.write_bytes(path.read_bytes()[:9000])
    archive = LocalArchive(tmp_path)
    assert archive.names() == ["spec-59517-EG01_sp08-200"]
    for _ in range(2):
        with pytest.raises(ReadError, match="ends early"):
            archive.fetch("spec-59517-EG01_sp08-200")
    assert "ends early" in archive.problems["spec-59517-EG01_sp08-200.fits.gz"]
    lamost(path)
    archive.refresh()
    assert archive.fetch("spec-59517-EG01_sp08-200").obsid and dict(archive.problems) == {}


def test_the_index_is_kept_and_notices_changes(tmp_path: Path, looked_at: Counter[str]) -> None:
    for k in range(5):
        lamost(tmp_path / f"star{k}.fits", obsid=10000000 + k, ra=10.0 + k)
    (tmp_path / "notes.txt").write_text("nothing\n")
    assert len(LocalArchive(tmp_path)) == 5 and sum(looked_at.values()) == 6
    again = LocalArchive(tmp_path)
    assert len(again) == 5 and again.resolve("10000003")[0].name == "star3" and "notes.txt" in again.problems
    assert sum(looked_at.values()) == 6  # the second one read the index
    lamost(tmp_path / "star3.fits", obsid=77777777, level=1.001)
    lamost(tmp_path / "star9.fits", obsid=10000009)
    (tmp_path / "star0.fits").unlink()
    again.refresh()
    assert again.resolve("10000003") == [] and again.resolve("77777777")[0].name == "star3"
    assert again.names() == ["star1", "star2", "star3", "star4", "star9"]
    assert looked_at["star3.fits"] == 2 and looked_at["star1.fits"] == 1 and sum(looked_at.values()) == 8
    from specviz.archives.cache import cache

    for entry in cache().entries():
        for bad in (b"{", b"[]", b'{"format": 1, "files": {"star1.fits": 3}}', b'{"format": 99}', b'{"format": 1}'):
            cache().put(entry.key, bad)
            assert len(LocalArchive(tmp_path)) == 5


def test_lamost_and_xp_of_one_star_come_together(tmp_path: Path) -> None:
    lamost(tmp_path / "lrs" / "spec-59000-A_sp01-001.fits", obsid=11111111, ra=10.0, dec=20.0, snr=10)
    lamost(tmp_path / "lrs" / "spec-59001-A_sp01-001.fits", obsid=22222222, ra=10.0002, dec=20.0, snr=90)
    lamost(tmp_path / "lrs" / "spec-59000-A_sp01-002.fits", obsid=33333333, ra=50.0, dec=20.0)
    sdss(tmp_path / "sdss" / "spec-0266-51602-0001.fits", ra=50.0001, dec=20.0)
    xp(tmp_path / "xp.fits", {SOL: (10.0001, 20.0002), SOL + 1: (50.0, 20.1), SOL + 2: (99.0, 20.1)})
    archive = LocalArchive(tmp_path)
    assert sorted(archive.names()) == [f"Gaia {SOL + 1}", f"Gaia {SOL + 2}", "spec-59000-A_sp01-001",
                                       "spec-59000-A_sp01-002", "spec-59001-A_sp01-001"]  # fmt: skip
    one, two = archive.fetch("spec-59000-A_sp01-001"), archive.fetch("spec-59001-A_sp01-001")
    assert one.obsid == "11111111" and two.obsid == "22222222"
    for star in (one, two):
        assert set(star.spectra) == {"lamost_lrs", "gaia_xp"} and star.source_id is not None
        assert star.source_id.value == str(SOL) and star.meta["joined"][0].endswith("xp.fits")
    by_gaia = archive.fetch(f"Gaia {SOL}")
    assert by_gaia.obsid == "22222222" and by_gaia.spectra["gaia_xp"].flux[0] == pytest.approx(1e-15)  # the best night
    assert archive.fetch("10.0 20.0").obsid == "22222222"
    assert set(archive.fetch("33333333").spectra) == {"lamost_lrs", "sdss"}
    assert set(archive.fetch(str(SOL + 2)).spectra) == {"gaia_xp"}
    (tmp_path / "lrs" / "spec-59001-A_sp01-001.fits").write_bytes(b"SIMPLE  = broken")
    archive.refresh()
    assert archive.fetch(f"Gaia {SOL}").obsid == "11111111"


def test_a_partner_that_cannot_be_read_does_not_cost_the_star(tmp_path: Path) -> None:
    lamost(tmp_path / "spec-59000-A_sp01-001.fits", ra=10.0, dec=20.0)
    path = sdss(tmp_path / "spec-0266-51602-0001.fits", ra=10.0, dec=20.0)
    archive = LocalArchive(tmp_path)
    archive.names()
    whole = path.read_bytes()
    path.write_bytes(whole[:6000] + bytes(len(whole) - 6000))
    archive.refresh()
    star = archive.fetch("spec-59000-A_sp01-001")
    assert "lamost_lrs" in star.spectra
    if "sdss" not in star.spectra:
        assert star.meta["not_read"] and "spec-0266-51602-0001.fits" in archive.problems


def test_files_of_other_kinds_and_names(tmp_path: Path) -> None:
    wave = np.arange(4000.0, 9000.0, 5.0)
    np.savetxt(tmp_path / "hd140283_uves.txt", np.c_[wave, wave / 5000])
    np.save(tmp_path / "vega.npy", np.array([wave, wave / 5000]))
    xp(tmp_path / "XP_SAMPLED-Gaia DR3 5853498713190525696.fits", {5853498713190525696: (217.39, -62.68)})
    archive = LocalArchive(tmp_path)
    assert archive.names() == ["Gaia DR3 5853498713190525696", "hd140283_uves", "vega"]
    assert archive.fetch("HD 140283").name.startswith("hd140283") and archive.fetch("Vega.npy").spectra
    assert archive.resolve("HD 14028") == [] == archive.resolve("uve")
    star = archive.fetch("Gaia DR3 5853498713190525696")
    assert str(star.source_id) == "Gaia DR3 5853498713190525696"
    assert archive.resolve("5853498713190525696") and archive.resolve("Gaia DR2 5853498713190525696") == []
    single = LocalArchive(tmp_path / "vega.npy")
    assert single.names() == ["vega"] and single.fetch("vega").spectra


def test_file_names_tell_what_they_can() -> None:
    assert from_name("a/spec-59517-EG025613N082253M02_sp08-200.fits.gz") is not None
    for place in ("spec-1.fits", "med-59517-X_sp08-200.fits.gz", "spec-0266-51602-0001.txt", "101017.fits", "xp.csv"):
        assert from_name(place) is None
    entry = from_name("x/XP_CONTINUOUS-Gaia DR3 5853498713190525696.csv")
    assert entry is not None and (entry.gaia, entry.release, entry.survey) == (5853498713190525696, "DR3", "gaia_xp")


def test_numbers_that_64_bits_cannot_hold_do_not_cost_the_folder(tmp_path: Path) -> None:
    (tmp_path / f"XP_CONTINUOUS-Gaia DR3 {10**19 - 1}.fits").write_bytes(b"x")
    lamost(tmp_path / "odd.fits", obsid=1)
    data = (tmp_path / "odd.fits").read_bytes()
    card = b"OBSID   =                    1"
    assert card in data
    (tmp_path / "odd.fits").write_bytes(data.replace(card, b"OBSID   = 'inf     '          "))
    archive = LocalArchive(tmp_path)
    assert "odd" in archive.names() and archive.resolve("obsid 1") == []


def test_paths_that_are_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="nothing at"):
        LocalArchive(tmp_path / "none")
    for odd in ("bad\x00path", "~nobody-of-that-name/x", "x" * 5000, None, 7):
        with pytest.raises(SpecvizError):
            LocalArchive(odd)  # type: ignore[arg-type]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="not a regular file"):
        LocalArchive(tmp_path / "pipe")
    (tmp_path / "pipe").unlink()
    assert LocalArchive(tmp_path).names() == [] and LocalArchive(tmp_path).near("spec") == []
    (tmp_path / "a").mkdir()
    archive = LocalArchive(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(NotFoundError, match="gone"):
        archive.names()
    monkeypatch.setattr(folder_module, "MAX_FILES", 3)
    for k in range(5):
        (tmp_path / f"{k}.txt").write_text("x")
    with pytest.raises(SpecvizError, match="more than 3 files"):
        LocalArchive(tmp_path).names()


def test_looking_can_be_stopped_and_goes_on_later(tmp_path: Path, looked_at: Counter[str]) -> None:
    for k in range(30):
        lamost(tmp_path / f"s{k:02d}.fits", obsid=10000000 + k)
    archive, heard = LocalArchive(tmp_path), []
    monitor = Monitor(heard.append, cancel=lambda: sum(looked_at.values()) >= 10)
    with watching(monitor), pytest.raises(CancelledError):
        archive.names()
    assert sum(looked_at.values()) == 10 and heard[0].service == "local" and "of 30" in heard[0].words
    assert len(LocalArchive(tmp_path)) == 30
    assert set(looked_at.values()) == {1}  # what the stopped one saw was kept


def test_suggestions_do_not_wait_for_a_thread_that_looks_at_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(3):
        lamost(tmp_path / f"spec-59000-A_sp01-{k:03d}.fits", obsid=10000000 + k)
    archive, held, go = LocalArchive(tmp_path), threading.Event(), threading.Event()
    assert archive.near("spec-59000-A_sp01-001") == ["spec-59000-A_sp01-001"]
    real = folder_module.peek

    def slow(path: Path, place: str, size: int) -> Any:
        held.set()
        assert go.wait(300)
        return real(path, place, size)

    monkeypatch.setattr(folder_module, "peek", slow)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(archive.resolve("10000002")))
    thread.start()
    assert held.wait(30)
    assert archive.near("spec-59000-A_sp01-00") and LocalArchive(tmp_path).near("spec-59000")
    assert thread.is_alive()  # still held
    go.set()
    thread.join()
    assert [c.name for c in found] == ["spec-59000-A_sp01-002"]


def test_threads_share_an_archive(tmp_path: Path) -> None:
    for k in range(6):
        lamost(tmp_path / f"s{k}.fits", obsid=10000000 + k, ra=10.0 + k)
    archive, wrong = LocalArchive(tmp_path), []

    def work(k: int) -> None:
        for i in range(6):
            star = archive.fetch(f"obsid {10000000 + (i + k) % 6}")
            if star.obsid != str(10000000 + (i + k) % 6):
                wrong.append(star)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_damaged_files_are_problems_and_nothing_else(tmp_path: Path) -> None:
    whole = {
        "a.fits": lamost(tmp_path / "a.fits").read_bytes(),
        "x.fits": xp(tmp_path / "x.fits", {SOL: (1.0, 2.0), SOL + 1: (3.0, 4.0)}).read_bytes(),
    }
    rng = np.random.default_rng(2)
    for k in range(60):
        for name, data in whole.items():
            broken = bytearray(data[: rng.integers(1, len(data))] if k % 4 == 0 else data)
            for at in rng.integers(0, min(len(broken), 6000), rng.integers(1, 25)):
                broken[at] = rng.integers(0, 256)
            (tmp_path / f"{k}{name}").write_bytes(bytes(broken))
    archive = LocalArchive(tmp_path)
    names = archive.names()
    assert len(names) + len(archive.problems) >= 122
    for name in names:
        try:
            assert archive.fetch(name).spectra
        except (ReadError, NotFoundError):
            continue
