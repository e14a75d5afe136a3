"""CDS XMatch through HTTP: what comes back is tied to the rows of the table that was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives import xmatch
from specviz.archives.xmatch import cross_match
from specviz.errors import BadReplyError, OptionError, QueryError, RateLimitedError


def _table(**more: Any) -> Any:
    from astropy.table import Table

    names, ra, dec = ["far", "HD 140283", "none"], [10.0, 235.762904, np.nan], [10.0, -10.933499, 5.0]
    return Table({"name": names, "ra": ra, "dec": dec, **more})


def test_gaia(replay: Any) -> None:
    found = cross_match(_table(), "gaia", 3.0)
    assert replay.log == ["POST xmatch/xmatch/api/v1/sync"]
    assert list(found["row"]) == [1, 1]
    assert list(found["source_id"]) == [6268770373590148224, 6268770373590148225]
    assert found["source_id"].dtype == np.int64
    assert found["separation_arcsec"][1] == pytest.approx(1.753, abs=2e-3)
    assert found["ra"][0] == 235.757843  # the catalogue's own column
    assert not [c for c in found.colnames if c.startswith("specviz")]
    sent = replay.asked[0].form
    assert sent["cat2"] == "vizier:I/355/gaiadr3"
    assert sent["distMaxArcsec"] == "3.0"
    assert sent["cat1"].split() == ["specviz_row,specviz_ra,specviz_dec", "1,10.0,10.0", "2,235.762904,-10.933499"]


def test_the_nearest_only(replay: Any) -> None:
    found = cross_match(_table(), "gaia", nearest=True)
    assert list(found["source_id"]) == [6268770373590148224]


def test_the_recorded_answer(replay: Any, shared: Path) -> None:
    from astropy.table import Table

    positions = Table.read(shared / "data" / "fixtures" / "astroquery_xmatch" / "posList.csv")
    found = cross_match(positions, "II/246/out", 5.0)
    assert len(found) == 11
    assert list(np.bincount(found["row"])) == [5, 1, 1, 1, 1, 2]
    assert found["separation_arcsec"][0] == 1.352044
    assert found["2MASS"][0] == "17485281-2021323"
    best = cross_match(positions, "II/246/out", 5.0, nearest=True)
    assert list(best["row"]) == [0, 1, 2, 3, 4, 5]
    assert list(best["Kmag"]) == [7.55, 7.919, 12.145, 11.38, 12.321, 9.176]
    assert len(replay.log) == 1


def test_the_answer_is_kept(replay: Any) -> None:
    first, again = cross_match(_table()), cross_match(_table(note=[1, 2, 3]))
    assert list(first["source_id"]) == list(again["source_id"])
    assert len(replay.log) == 1
    cross_match(_table(), radius_arcsec=2.0)
    assert len(replay.log) == 2


def test_many_rows_are_several_questions(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from astropy.table import Table

    monkeypatch.setattr(xmatch, "AT_ONCE", 2)
    ra, dec = [10.0, 235.762904, 11.0, 12.0, 235.762904], [0.0, -10.933499, 0.0, 0.0, -10.9335]
    table = Table({"RAJ2000": ra, "DEJ2000": dec})
    found = cross_match(table, nearest=True)
    assert list(found["row"]) == [1, 4]
    assert len(replay.log) == 3


def test_nothing_found_and_nothing_to_find(replay: Any) -> None:
    from astropy.table import Table

    none = cross_match(Table({"ra": [10.0], "dec": [10.0]}))
    assert len(none) == 0
    assert {"row", "separation_arcsec", "source_id"} <= set(none.colnames)
    empty = cross_match(Table({"ra": np.zeros(0), "dec": np.zeros(0)}))
    assert len(empty) == 0
    assert len(replay.log) == 1


def test_units_and_names(replay: Any) -> None:
    from astropy import units as u
    from astropy.table import QTable

    table = QTable({"alpha": [235.762904 / 15.0] * u.hourangle, "delta": [-10.933499 * 60.0] * u.arcmin})
    found = cross_match(table, ra="alpha", dec="delta", nearest=True)
    assert list(found["source_id"]) == [6268770373590148224]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(radius_arcsec=200.0), "at most 180"),
        (dict(radius_arcsec=0.0), "above 0"),
        (dict(catalogue="hipparcos"), "no catalogue 'hipparcos'"),
        (dict(ra="nope", dec="dec"), "no columns nope"),
        (dict(ra="name", dec="dec"), "holds no angles"),
    ],
)
def test_what_cannot_be_asked(replay: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        cross_match(_table(), **options)
    assert replay.log == []


def test_a_table_without_positions(replay: Any) -> None:
    from astropy.table import Table

    with pytest.raises(OptionError, match="no columns for the position"):
        cross_match(Table({"a": [1.0]}))


def test_a_catalogue_that_the_service_lacks(replay: Any) -> None:
    with pytest.raises(QueryError, match="CDS XMatch refuses the question: Unknown table: vizier:X/999/none"):
        cross_match(_table(), "X/999/none")


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_a_damaged_answer_is_not_kept(replay: Any, fault: str) -> None:
    replay.fault(fault, "xmatch")
    with pytest.raises(BadReplyError):
        cross_match(_table())
    assert len(cross_match(_table())) == 2


def test_shut_out(replay: Any) -> None:
    replay.fault("status", "xmatch", status=403)
    with pytest.raises(RateLimitedError, match="CDS XMatch refuses this address"):
        cross_match(_table())
