"""VizieR through HTTP: LAMOST and Gaia rows with our names, columns that are missing, errors with status 200."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from specviz.archives import vizier
from specviz.errors import BadReplyError, OptionError, QueryError, ServiceDownError

HERE = (235.7629, -10.9335)


def test_lamost_parameters_around_a_position(replay: Any) -> None:
    table = vizier.lamost_rows(*HERE)
    assert replay.log == ["POST vizier/viz-bin/votable"]
    assert list(table["obsid"]) == [353301001, 353301002]  # the nearest first
    assert list(table["teff"]) == [5765.4, 5801.2]
    assert list(table["fe_h"]) == [-2.39, -2.31]
    assert list(table["fe_h_err"]) == [0.05, 0.11]
    assert list(table["rv"]) == [-170.1, -169.0]
    assert list(table["subclass"]) == ["F2", "F5"]
    assert table["separation_arcsec"][0] == pytest.approx(0.0, abs=1e-3)
    assert table["separation_arcsec"][1] == pytest.approx(1.767, abs=1e-3)
    assert table.meta["source"] == "V/162/dr11sl"
    assert table.meta["missing"] == ["designation", "gaia_source_id"]
    script = replay.asked[0].body.decode().splitlines()
    assert "-source=V/162/dr11sl" in script
    assert "-c.rs=3.0" in script
    assert [line for line in script if line.startswith("-out=ObsID,RAJ2000,")]


@pytest.mark.parametrize(
    ("release", "kind", "source", "obsids"),
    [
        ("DR11", "observations", "V/162/dr11l", [353301001, 353301002]),
        ("DR7", "parameters", "V/156/dr7slrs", [353301002]),
        ("DR7", "observations", "V/156/dr7lrs", [353301002]),
        ("dr5", "parameters", "V/164/stellar5", [353301001]),
        ("DR5", "observations", "V/164/dr5", [353301001]),
    ],
)
def test_other_releases(replay: Any, release: str, kind: str, source: str, obsids: list[int]) -> None:
    table = vizier.lamost_rows(*HERE, 3.0, release=release, kind=kind)
    assert list(table["obsid"]) == obsids
    assert table.meta["source"] == source
    assert ("teff" in table.colnames) == (kind == "parameters")


def test_missing_columns_are_told(replay: Any) -> None:
    table = vizier.lamost_rows(*HERE, release="DR5")
    assert {"z", "logg_err"} <= set(table.meta["missing"])
    assert "z" not in table.colnames
    again = vizier.lamost_rows(*HERE, release="DR5")  # from the cache
    assert again.meta == table.meta
    assert len(replay.log) == 1


def test_a_column_that_is_needed(replay: Any) -> None:
    with pytest.raises(BadReplyError, match=r"V/0/renamed has no obsid any more .it has RAJ2000, DEJ2000"):
        vizier.rows("V/0/renamed", {"obsid": ("ObsID",), "ra": ("RAJ2000",), "dec": ("DEJ2000",)}, needed=("obsid",),
                    ra=1.0, dec=1.0)  # fmt: skip


def test_nothing_there(replay: Any) -> None:
    table = vizier.lamost_rows(10.0, 10.0)
    assert len(table) == 0
    assert {"obsid", "teff", "separation_arcsec"} <= set(table.colnames)
    assert table.meta["missing"] == []
    assert len(vizier.lamost_rows(10.0, 10.0)) == 0
    assert len(replay.log) == 1


def test_by_obsid(replay: Any) -> None:
    table = vizier.lamost_row("353301001")
    assert list(table["obsid"]) == [353301001]
    assert table["logg"][0] == 3.66
    assert "separation_arcsec" not in table.colnames
    assert len(vizier.lamost_row(1)) == 0


def test_gaia(replay: Any) -> None:
    table = vizier.gaia_rows(*HERE, 25.0)
    assert list(table["source_id"]) == [6268770373590148224]
    assert table["source_id"].dtype.kind == "i"
    assert (table["g_mag"][0], table["bp_rp"][0], table["ruwe"][0]) == (7.0356, 0.78, 1.12)
    assert (table["has_xp_continuous"][0], table["has_xp_sampled"][0]) == (1, 1)
    assert bool(table["fe_h"].mask[0])
    assert table["separation_arcsec"][0] == pytest.approx(18.53, abs=0.05)
    assert table.meta["missing"] == []
    one = vizier.gaia_row(6268770373590148224)
    assert one["parallax"][0] == 16.2665


def test_a_recorded_table(replay: Any, shared: Path) -> None:
    columns = {"name": ("SSTGLMC",), "j_mag": ("Jmag",), "stage": ("Stg",), "nothing": ("None",)}
    table = vizier.rows("J/ApJ/706/83/ysos", columns, needed=("name",), where={"Seq": ">0"})
    assert len(table) == 50
    assert list(table["name"][:2]) == ["G048.7567-00.6341", "G048.7579-00.2797"]
    assert list(table["stage"][:2]) == ["II", "0/I"]
    assert table["j_mag"][0] == pytest.approx(15.89)
    assert bool(table["j_mag"].mask[2])
    assert table.meta["missing"] == ["nothing"]


def test_the_recorded_error_comes_with_status_200(replay: Any, shared: Path) -> None:
    with pytest.raises(ServiceDownError, match="VizieR is out of order: The database is not currently reachable"):
        vizier.rows("V/999/down", {"a": ("A",)}, where={"A": "=1"})


def test_a_catalogue_that_is_not_there(replay: Any) -> None:
    with pytest.raises(QueryError, match=r"no such catalogue: V/998/none.*Check that VizieR has V/998/none"):
        vizier.rows("V/998/none", {"a": ("A",)}, where={"A": "=1"})


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: vizier.rows("not a table", {"a": ("A",)}, ra=1.0, dec=1.0), "no table of VizieR"),
        (lambda: vizier.rows("V/1/x\n-source=V/2", {"a": ("A",)}, ra=1.0, dec=1.0), "no table of VizieR"),
        (lambda: vizier.rows("V/1/x", {"a": ("A",)}), "Nothing to look for"),
        (lambda: vizier.rows("V/1/x", {"a": ("A",)}, ra=1.0), "Nothing to look for"),
        (lambda: vizier.rows("V/1/x", {"a": ("A",)}, where={"A": "1\n-source=V/2"}), "several lines"),
        (lambda: vizier.lamost_rows(400.0, 0.0), "a position"),
        (lambda: vizier.lamost_rows(0.0, 0.0, release="DR99"), "no LAMOST DR99"),
        (lambda: vizier.lamost_rows(0.0, 0.0, kind="images"), "no LAMOST DR11 images"),
        (lambda: vizier.lamost_row("12 OR 1"), "a whole number"),
        (lambda: vizier.gaia_row(-5), "a whole number"),
    ],
)
def test_what_cannot_be_asked(replay: Any, call: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        call()
    assert replay.log == []


def test_an_older_answer_helps_out(replay: Any) -> None:
    columns = {"obsid": ("ObsID",)}
    first = vizier.rows("V/164/dr5", columns, where={"ObsID": "=353301001"})
    replay.fault("status", "vizier", status=503, times=-1)
    again = vizier.rows("V/164/dr5", columns, where={"ObsID": "=353301001"}, max_age=0.0)
    assert list(again["obsid"]) == list(first["obsid"]) == [353301001]


@pytest.mark.parametrize("fault", ["garbage", "cut", "empty"])
def test_a_damaged_answer_is_not_kept(replay: Any, fault: str) -> None:
    replay.fault(fault, "vizier")
    with pytest.raises(BadReplyError):
        vizier.lamost_rows(*HERE)
    assert len(vizier.lamost_rows(*HERE)) == 2
