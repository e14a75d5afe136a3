"""Local archives on the real files of the shared materials."""

from __future__ import annotations

from pathlib import Path

import pytest

from specviz.archives.local import LocalArchive
from specviz.spectra.readers import gaia_xp


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_real_folders(shared: Path) -> None:
    data = shared / "data"
    for name, stars, others in (("lamost_dr10", 80, 1), ("lamost_dr8_repeats", 54, 0), ("lamost_dr7", 40, 1),
                                ("lamost_misc", 7, 2), ("kepler_llc", 5, 1)):  # fmt: skip
        archive = LocalArchive(data / name)
        assert (len(archive), len(archive.problems)) == (stars, others), name
        for star in archive.names()[::9]:
            assert archive.fetch(star).spectra or archive.fetch(star).light_curve is not None
    assert "rv_opt" in LocalArchive(data / "lamost_misc").problems.get("MDwarfMachine/data/trvr.fits", "rv_opt")


def test_real_ids_positions_and_repeats(shared: Path) -> None:
    archive = LocalArchive(shared / "data" / "lamost_dr10")
    (candidate,) = archive.resolve("938505172")
    assert candidate.name == "spec-59522-EG224840N075042B03_sp05-172"
    for text in ("341.35782 7.089357", "J224525.87+070521.6", "LAMOST J224525.87+070521.6", "22 45 25.87 +07 05 21.6"):
        assert archive.resolve(text)[0].name == candidate.name, text
    repeats = LocalArchive(shared / "data" / "lamost_dr8_repeats")
    first = repeats.resolve(repeats.names()[0])[0]
    star = repeats.fetch(first.name)
    together = repeats.resolve(f"{star.ra} {star.dec}")
    assert len(together) >= 2  # nights of one star
    best = repeats.fetch(f"{star.ra} {star.dec}").spectra["lamost_lrs"].snr or 0
    assert best == pytest.approx(max(repeats.fetch(c.name).spectra["lamost_lrs"].snr or 0 for c in together))


def test_a_real_table_of_two_thousand_sources(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calibrated: list[int] = []
    calibrate = gaia_xp.calibrate
    monkeypatch.setattr(gaia_xp, "calibrate", lambda *bands: (calibrated.append(1), calibrate(*bands))[1])
    archive = LocalArchive(shared / "data" / "gaia_xp_2000")
    assert len(archive) > 2000
    star = archive.fetch("Gaia 38655544960")
    assert 0 < len(calibrated) < 10  # not all two thousand
    assert star.source_id is not None and star.source_id.value == "38655544960" and "gaia_xp" in star.spectra
    formats = LocalArchive(shared / "data" / "gaia_xp_formats")
    assert len(formats) == 58 and len(formats.problems) == 6
    assert formats.fetch("Gaia 5853498713190525696").spectra["gaia_xp"].has_errors
