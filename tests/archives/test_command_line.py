"""``specviz get``, ``specviz cache`` and ``specviz doctor --online``, through real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import specviz
from specviz.archives.cache import Key, cache
from specviz.cli import main

BOTH = "150 20"  # a star of the replayed sky with a LAMOST and a Gaia XP spectrum


def test_get_writes_the_archives_own_files(replay: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["get", BOTH, "HD 140283", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "150 20: gaia_xp, lamost_lrs (Gaia DR3 111222333444555666" in printed
    assert sorted(p.name for p in out.iterdir()) == [
        "LAMOST-DR11-v2.0-700000002.fits.gz",
        "XP_CONTINUOUS-Gaia_DR3_111222333444555666.fits",
        "XP_CONTINUOUS-Gaia_DR3_6268770373590148224.fits",
    ]
    assert (out / "LAMOST-DR11-v2.0-700000002.fits.gz").read_bytes() == cache().get(
        Key("lamost", "dr11/v2.0", "fits:700000002")
    )
    fetched = specviz.get(BOTH)
    read = specviz.open(out / "XP_CONTINUOUS-Gaia_DR3_111222333444555666.fits")
    assert (read.spectra["gaia_xp"].flux == fetched.spectra["gaia_xp"].flux).all()
    assert read.source_id == fetched.source_id


def test_get_goes_on_after_a_star_that_is_not_there(replay: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "Nobody 1234", "demo 3"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("demo 3: lamost_lrs, gaia_xp")
    assert told.err.count("\n") == 1 and "specviz: Nobody 1234: Neither SIMBAD" in told.err


def test_get_says_what_is_not_complete(replay: Any, capsys: pytest.CaptureFixture[str]) -> None:
    replay.fault("status", "^lamost/", times=-1, status=503)
    assert main(["get", "HD 140283"]) == 0
    assert "not complete: lamost: LAMOST answers with a fault of its own (503)" in capsys.readouterr().out


def test_get_takes_a_table_of_targets(replay: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "targets.csv"
    table.write_text("obsid,comment\n353301001,first\n700000002,second\n")
    assert main(["get", str(table)]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "obsid 353301001",
        "obsid 700000002",
    ]
    assert main(["get", str(tmp_path / "none.csv")]) == 1
    (tmp_path / "spectrum.txt").write_text("\n".join(f"{4000 + i} {1 + i % 7}" for i in range(500)))
    assert main(["get", str(tmp_path / "spectrum.txt")]) == 1
    assert "not a table of targets" in capsys.readouterr().err


def test_get_without_a_network(replay: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", BOTH]) == 0
    asked = len(replay.log)
    assert main(["get", "--offline", BOTH, "Vega"]) == 1
    told = capsys.readouterr()
    assert "has not been fetched before" in told.err and len(replay.log) == asked


def test_cache_shows_lists_checks_and_clears(replay: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    assert "0 entries" in capsys.readouterr().out
    main(["get", BOTH])
    capsys.readouterr()
    assert main(["cache", "show"]) == 0
    shown = capsys.readouterr().out
    assert str(cache().folder) in shown and "lamost" in shown and "gaia" in shown
    assert main(["cache", "list", "--service", "lamost"]) == 0
    listed = capsys.readouterr().out
    assert "fits:700000002" in listed and "gaia " not in listed
    assert main(["cache", "check"]) == 0
    damaged = cache().path(Key("lamost", "dr11/v2.0", "fits:700000002"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert main(["cache", "check"]) == 1
    assert "1 damaged: removed" in capsys.readouterr().out and not damaged.exists()
    assert main(["cache", "clear", "--service", "gaia"]) == 0
    assert cache().entries("gaia") == [] and cache().entries("lamost")
    assert main(["cache", "clear", "--older-than", "1"]) == 0
    assert cache().entries("lamost")
    assert main(["cache", "clear"]) == 0
    assert cache().entries() == []


def test_the_doctor_asks_each_service(replay: Any, capsys: pytest.CaptureFixture[str]) -> None:
    replay.fault("status", "^simbad/", times=-1, status=503)
    assert main(["doctor", "--online"]) == 0
    told = capsys.readouterr().out
    assert "LAMOST answers in" in told
    assert "note    SIMBAD: SIMBAD answers with a fault of its own (503)" in told
    assert f"SPECVIZ_ENDPOINTS sends lamost to {replay.base}/lamost" in told
