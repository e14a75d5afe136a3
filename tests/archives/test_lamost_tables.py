"""LAMOST's tables through real HTTP: recorded replies with their numbers, and built ones for what was not recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.lamost import Lamost, asking
from specviz.archives.lamost.releases import FALLBACK
from specviz.archives.transport import offline
from specviz.errors import (
    BadReplyError,
    LoginRequiredError,
    NotFoundError,
    OfflineError,
    OptionError,
    QueryError,
    RateLimitedError,
    ServiceDownError,
)

pytestmark = pytest.mark.usefixtures("no_lamost_token")


# ---------------------------------------------------------------------- releases
def test_the_default_is_the_newest_public_release(replay: Any) -> None:
    lamost = Lamost()
    assert repr(lamost) == "<Lamost newest public release>" and replay.log == []  # making one asks nobody
    assert lamost.release.label == "DR11 v2.0" and lamost.release.public
    assert repr(lamost) == "<Lamost DR11 v2.0>"
    assert lamost.release.key == "dr11/v2.0" and len(replay.log) == 1


def test_recorded_releases(replay: Any, shared: Path) -> None:
    listed = Lamost().get_dr_versions()
    assert len(listed) == 40
    assert {v["dr_version"] for v in listed if v["public_status"] == "internal"} == {"dr12", "dr13", "dr14"}


def test_a_release_without_sub_version_becomes_its_newest(replay: Any) -> None:
    assert Lamost("DR10").release.key == "dr10/v2.0"
    assert Lamost("dr12").release.key == "dr12/v1.1" and Lamost("dr12").release.public is False
    with pytest.raises(NotFoundError, match="LAMOST has no release dr77"):
        _ = Lamost("dr77").release


def test_a_named_release_asks_nobody_for_the_list(dr10: Lamost, replay: Any) -> None:
    assert dr10.release.label == "DR10 v2.0" and replay.log == []


@pytest.mark.parametrize("text", ["newest", "dr", "11.2.3", "", "dr0"])
def test_what_is_no_release(text: str) -> None:
    with pytest.raises(OptionError, match="is not understood"):
        Lamost(text)


def test_the_list_of_releases_is_away(replay: Any) -> None:
    replay.fault("status", "dr_versions", status=503, times=-1)
    lamost = Lamost()
    assert lamost.release == FALLBACK and repr(lamost) == "<Lamost newest public release>"  # not settled
    asked = len(replay.log)
    assert lamost.release == FALLBACK and len(replay.log) == asked  # not asked again at every step
    assert len(lamost.query_region((150.0, 20.0), "3 arcsec")) == 4
    replay.faults.clear()
    lamost._asker._away_until -= asking.AWAY  # half a minute later
    assert lamost.release.public


def test_a_list_of_releases_that_is_none(replay: Any) -> None:
    replay.fault("garbage", "dr_versions", times=-1)
    with pytest.raises(BadReplyError, match="JSON"):
        Lamost().get_dr_versions()


# ---------------------------------------------------------------------- cone: traps (a), (c), (e)
def test_recorded_cone(dr10: Lamost, replay: Any, shared: Path) -> None:
    table = dr10.query_region((10.0004738, 40.9952444), 0.2)
    assert len(table) == 195 and len(table.colnames) == 278
    assert table.colnames[:4] == ["obsid", "uid", "gp_id", "designation"]  # (c): names, not COLID_n
    assert table["obsid"].dtype == np.int64 and table["obsid"].min() == 403127 and table["obsid"].max() == 769512050
    assert str(table["obsdate"][0]) == "2011-10-24"  # (a): datatype="date"
    assert table["gaia_source_id"].dtype == np.int64 and table["gaia_source_id"].mask.sum() == 10  # (e): -9999
    assert int((~table["teff"].mask).sum()) == 127 and set(table["class"]) == {"STAR", "QSO"}
    assert float(table["snrg"].max()) == 319.7
    assert replay.log == [
        "GET lamost/openapi/dr10/v2.0/lrs/voservice/conesearch?ra=10.0004738&dec=40.9952444&sr=0.2&output.fmt=votable"
    ]


def test_a_cone_is_asked_once(dr10: Lamost, replay: Any) -> None:
    first = dr10.query_region((150.0, 20.0), "3 arcsec")
    again = dr10.query_region("150.0 20.0", 3 / 3600)
    assert len(replay.log) == 1 and first.colnames == again.colnames
    assert list(again["obsid"]) == [700000001, 700000002, 700000003, 700000004]
    assert again["snrg"].mask.tolist() == [False, False, True, False]  # (e): 999 is no signal-to-noise ratio
    assert again["alpha_m"].mask.all() and again["snrz"].mask.all()
    with offline():
        assert len(Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec")) == 4
        with pytest.raises(OfflineError):
            dr10.query_region((151.0, 20.0), "3 arcsec")


def test_an_empty_cone(dr10: Lamost) -> None:
    table = dr10.query_region((100.0, -80.0), "3 arcsec")
    assert len(table) == 0 and "obsid" in table.colnames
    assert len(dr10.query_region((150.0, 20.0), "3 arcsec", resolution="medium")) == 0


def test_coordinates_in_many_spellings(dr10: Lamost, replay: Any) -> None:
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    spellings: list[tuple[Any, Any]] = [
        (SkyCoord(150.0, 20.0, unit="deg"), 3 * u.arcsec),
        ("10:00:00 +20:00:00", '3"'),
        ((150.0, 20.0), "3 arcsec"),
    ]
    for coordinates, radius in spellings:
        assert len(dr10.query_region(coordinates, radius)) == 4
    assert len(replay.log) == 1


@pytest.mark.parametrize(
    ("coordinates", "radius"),
    [
        ((1.0, 91.0), 1.0),
        ((float("nan"), 0.0), 1.0),
        ((1.0,), 1.0),
        ((1.0, 2.0), -1.0),
        ((1.0, 2.0), "3 parsec"),
        (None, 1),
    ],
)
def test_what_is_no_cone(dr10: Lamost, replay: Any, coordinates: Any, radius: Any) -> None:
    with pytest.raises(OptionError):
        dr10.query_region(coordinates, radius)
    assert replay.log == []


# ---------------------------------------------------------------------- SSAP: trap (b)
def test_recorded_ssap(dr10: Lamost, shared: Path) -> None:
    table = dr10.query_ssap((10.0, 40.0), 0.2)
    assert len(table) == 225 and len(table.colnames) == 286
    assert table["ssa_length"].dtype.kind == "i" and table["ssa_length"][0] == 1  # (b): arraysize=""
    assert table["ssa_specmid"].mask.all()
    assert table["accref"][0] == "http://www.lamost.org/dr10/v2.0/spectrum/fits/403028?token="
    assert set(table["class"]) == {"STAR", "QSO", "GALAXY"} and int((~table["teff"].mask).sum()) == 160


def test_ssap_without_records(dr10: Lamost) -> None:
    assert len(dr10.query_ssap((150.0, 20.0), "10 arcsec")) == 4


# ---------------------------------------------------------------------- SQL
def test_recorded_sql(dr10: Lamost, shared: Path) -> None:
    table = dr10.query_sql("SELECT * FROM combined LIMIT 3")
    assert len(table) == 3 and len(table.colnames) == 277
    assert table["teff"].tolist() == [None, 5535.28, 3604.96]  # numbers came as text, null is masked
    assert table["feh"].tolist() == [None, -0.099, None]
    assert table["z_err"].mask.tolist() == [True, False, False]
    assert table["gaia_source_id"].tolist() == [605945363488930688, 605852763993885440, 605846781104245248]
    assert table["planid"].dtype.kind == "U" and table["obsid"].dtype == np.int64


@pytest.mark.parametrize("name", ["sql_response_json.json", "sql_response_csv.csv", "sql_response_votable.xml"])
def test_the_three_recorded_formats_give_one_table(shared: Path, name: str) -> None:
    from specviz.archives.lamost.tables import read_table

    body = (shared / "data" / "fixtures" / "astroquery_nadc_lamost" / name).read_bytes()
    table = read_table(body, "three rows")  # the CSV begins with a byte-order mark
    assert table["obsid"].tolist() == [780407018, 780407020, 780407007] and len(table.colnames) == 277
    assert table["teff"].tolist() == [None, 5535.28, 3604.96] and table["subclass"][2] == "dM1"


@pytest.mark.parametrize("page_rows", [5, 3, 10, 5000])
def test_pages_of_sql(dr10: Lamost, replay: Any, page_rows: int) -> None:
    table = dr10.query_sql("SELECT * FROM paged", page_rows=page_rows)
    assert table["obsid"].tolist() == list(range(10001, 10011)) and table["teff"][9] == 5590.0
    pages = [line for line in replay.log if "get_query_result?" in line]
    assert len(pages) == -(-10 // page_rows) and "sqlid=12345" in pages[0]


def test_pages_stop_at_the_wanted_number(dr10: Lamost, replay: Any) -> None:
    assert len(dr10.query_sql("SELECT * FROM paged", page_rows=5, max_rows=4)) == 4
    assert sum("get_query_result?" in line for line in replay.log) == 1


def test_a_service_that_does_not_turn_the_page(dr10: Lamost) -> None:
    with pytest.raises(BadReplyError, match="has 10 rows, and sent 3"):
        dr10.query_sql("SELECT * FROM endless", page_rows=3)


def test_sql_errors_come_with_status_200(dr10: Lamost) -> None:
    with pytest.raises(QueryError, match='syntax error at or near "FRM"') as caught:
        dr10.query_sql("SELECT * FRM combined")
    assert caught.value.service == "lamost" and caught.value.status == 200


def test_sql_without_rows(dr10: Lamost) -> None:
    question = "SELECT * FROM combined WHERE gaia_source_id IN ('1')"
    assert len(dr10.query_sql(question)) == 0
    with offline():  # that there is nothing is kept as well
        assert len(dr10.query_sql(question)) == 0


@pytest.mark.parametrize("text", ["", "   ", "SELECT " + "x" * 9000])
def test_what_is_no_sql(dr10: Lamost, replay: Any, text: str) -> None:
    with pytest.raises(OptionError):
        dr10.query_sql(text)
    assert replay.log == []


# ---------------------------------------------------------------------- TAP
def test_tap(dr10: Lamost, replay: Any) -> None:
    table = dr10.query_tap("SELECT TOP 3 * FROM combined ORDER BY obsid")
    assert len(table) == 3 and table["obsid"].dtype == np.int64
    assert "GET lamost/openapi/dr10/v2.0/voservice/tap_url" in replay.log
    assert replay.log[-1].startswith("GET lamost/dr10/v2.0/voservice/tap/sync?REQUEST=doQuery&LANG=ADQL")


def test_an_error_in_the_tap_document(dr10: Lamost) -> None:
    with pytest.raises(QueryError, match=r"CONTAINS is not supported.*no geometry functions"):
        dr10.query_tap("SELECT * FROM combined WHERE 1 = CONTAINS(x, y)")


def test_rows_that_tap_left_out_are_told_and_not_kept(dr10: Lamost, replay: Any) -> None:
    for _ in range(2):
        assert dr10.query_tap("SELECT overflow").meta["overflow"] is True
    assert sum("tap/sync" in line for line in replay.log) == 2


@pytest.mark.parametrize("url", ["https://elsewhere.example/tap", "", "https://lamost.org.example/tap"])
def test_a_tap_service_elsewhere_is_not_asked(dr10: Lamost, replay: Any, url: str) -> None:
    from specviz.archives.cache import Key, cache

    cache().put(Key("lamost", "dr10/v2.0", "tap_url"), json.dumps({"url": url}).encode())
    with pytest.raises(BadReplyError, match="did not name its TAP service"):
        dr10.query_tap("SELECT 1")
    assert replay.log == []


# ---------------------------------------------------------------------- the form query
def test_recorded_form_query(dr10: Lamost, replay: Any, shared: Path) -> None:
    table = dr10.query_catalog("combined", columns=["obsid", "ra", "dec", "teff", "class"], max_rows=3)
    assert table.colnames == ["obsid", "ra", "dec", "teff", "class"]
    assert table["obsid"].tolist() == [780407018, 780407020, 780407007]
    assert table["teff"].tolist() == [None, 5535.28, 3604.96] and table["ra"][0] == 138.17024
    assert replay.asked[0].json == {
        "output.fmt": "json", "page": 1, "rows": 3, "order": "asc", "showcol": ["obsid", "ra", "dec", "teff", "class"],
    }  # fmt: skip


TARGETS = [(150.0, 20.0), (0.0, 0.0), (210.0, 10.0)]


def test_many_targets_in_one_question(dr10: Lamost, replay: Any) -> None:
    table = dr10.query_catalog("combined", targets=TARGETS, columns=["snrg"])
    assert table["obsid"].tolist() == [700000001, 700000003, 700000002, 700000004, 700000021]
    assert table["target"].tolist() == [0, 0, 0, 0, 2]  # whose a row is; nearest first
    assert table["separation"].tolist() == pytest.approx([0.0, 0.3383, 0.36, 2.4, 0.0], abs=1e-3)
    assert len(replay.log) == 1
    told = replay.asked[0].json["position_constraints"]["proximity"]
    assert told["radecTextarea"].splitlines() == [f"{r:.7f},{d:.7f},3" for r, d in TARGETS]
    assert told["proximity_nearestonly"] is False


def test_the_nearest_of_each_target(dr10: Lamost) -> None:
    table = dr10.query_catalog("combined", targets=TARGETS, nearest_only=True)
    assert table["obsid"].tolist() == [700000001, 700000021]


def test_a_release_that_does_not_heed_positions_is_asked_in_sql(dr10: Lamost, replay: Any) -> None:
    table = dr10.query_catalog("catalogue", targets=TARGETS, columns=["snrg"])
    assert table["obsid"].tolist() == [700000001, 700000003, 700000002, 700000004, 700000021]
    assert [line.split("?")[0] for line in replay.log] == [
        "POST lamost/openapi/dr10/v2.0/query/catalogue",
        "GET lamost/openapi/dr10/v2.0/sql",
    ]


def test_targets_without_any_row(dr10: Lamost, replay: Any) -> None:
    assert len(dr10.query_catalog("combined", targets=[(0.0, 0.0)])) == 0
    assert dr10.query_catalog("combined", targets=[]).colnames == ["obsid", "ra", "dec", "target", "separation"]


def test_more_targets_than_one_question_takes(dr10: Lamost, replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from specviz.archives.lamost import tables

    monkeypatch.setattr(tables, "TARGETS", 2)
    table = dr10.query_catalog("combined", targets=TARGETS, columns=["snrg"])
    assert table["target"].tolist() == [0, 0, 0, 0, 2] and len(replay.log) == 2


def test_pages_of_the_form_query(dr10: Lamost, replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from specviz.archives.lamost import tables

    monkeypatch.setattr(tables, "PAGE_ROWS", 3)
    table = dr10.query_catalog("stellar", targets=TARGETS)
    assert len(table) == 5 and [a.json["page"] for a in replay.asked] == [1, 2]


@pytest.mark.parametrize("name", ["combined; DROP TABLE x", "a b", "", "x'", "../dr_versions"])
def test_names_are_checked(dr10: Lamost, replay: Any, name: str) -> None:
    with pytest.raises(OptionError, match="is no name of a table"):
        dr10.query_catalog(name)
    with pytest.raises(OptionError):
        dr10.query_spectra(columns=[name])
    assert replay.log == []


# ---------------------------------------------------------------------- parameters
def said(replay: Any) -> str:
    """The SQL of the last question."""
    return str(replay.asked[-1].query["sql"])


def test_stellar_parameters(dr10: Lamost, replay: Any) -> None:
    table = dr10.query_stellar_parameters((150.0, 20.0), 5, teff_range=(5780, None), sort_by="snrg", sort_order="desc")
    assert table["obsid"].tolist() == [700000002] and table["teff"][0] == 5790.0 and table["teff_err"][0] == 25.0
    assert "FROM stellar WHERE spos(ra,dec) @ scircle '<(150.00000000d,20.00000000d),0.00138889d>'" in said(replay)
    assert "teff >= 5780 ORDER BY snrg DESC LIMIT 100" in said(replay)


def test_spectra_by_signal_to_noise(dr10: Lamost, replay: Any) -> None:
    table = dr10.query_spectra((150.0, 20.0), "5 arcsec", snr_min=50, feh_range=(-1, 0.5), columns=["obsid", "snrg"])
    assert table["obsid"].tolist() == [700000002, 700000004]
    assert "feh >= -1 AND feh <= 0.5" in said(replay)


@pytest.mark.parametrize(
    "options", [{"teff_range": (1, 2, 3)}, {"teff_range": "12"}, {"snr_min": "x"}, {"logg_range": (float("nan"), 1)}]
)
def test_ranges_are_checked(dr10: Lamost, replay: Any, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        dr10.query_spectra(**options)
    with pytest.raises(OptionError, match="both or neither"):
        dr10.query_spectra((1.0, 2.0))
    assert replay.log == []


# ---------------------------------------------------------------------- repeats, metadata, tables
def test_repeats_by_obsid_and_by_position(dr10: Lamost, shared: Path) -> None:
    found = dr10.query_repeat_observations(obsid=686112127)
    assert found["unique_id"] == "G16180605181886"
    assert len(found["related_obsids_low"]) == 14 and len(found["related_obsids_medium"]) == 12
    assert found["related_obsids_low"][0] == 218204036 and len(found["related_obsids"]) == 26
    assert dr10.query_repeat_observations(coordinates=(97.2614857, 20.602168)) == found
    assert dr10.query_repeat_observations(coordinates=(1.0, 1.0))["unique_id"] is None
    with pytest.raises(NotFoundError, match="no spectrum with the obsid 17"):
        dr10.query_repeat_observations(obsid=17)
    with pytest.raises(OptionError):
        dr10.query_repeat_observations()


def test_recorded_metadata(dr10: Lamost, shared: Path) -> None:
    table = dr10.get_metadata("686112127")
    assert len(table) == 1 and len(table.colnames) == 277
    assert table["teff"][0] == 7587.59 and table["feh"][0] == 0.149 and table["snrg"][0] == 121.75
    assert table["gaia_source_id"][0] == 3372990963203102848  # whole: never by way of a float
    assert table["alpha_m"].mask[0] and table["vsini_lasp"].mask[0] and table["abs_gmag"].mask[0]


def test_metadata_of_an_obsid_that_is_not_there(dr10: Lamost) -> None:
    with pytest.raises(NotFoundError, match=r"LAMOST DR10 v2\.0 has no spectrum with the obsid 404404404"):
        dr10.get_metadata(404404404)


def test_recorded_tables(dr10: Lamost, shared: Path) -> None:
    found = dr10.get_tables()
    assert len(found) == 18 and len(found["combined"]["columns"]) == 277
    assert found["stellar"]["columns"]["teff"]["datatype"] == "double"


# ---------------------------------------------------------------------- what goes wrong
CALLS = {
    "query_region": lambda c: c.query_region((150.0, 20.0), "3 arcsec"),
    "query_ssap": lambda c: c.query_ssap((150.0, 20.0), "3 arcsec"),
    "query_sql": lambda c: c.query_sql("SELECT obsid FROM combined"),
    "query_tap": lambda c: c.query_tap("SELECT 1"),
    "query_catalog": lambda c: c.query_catalog("combined", targets=[(150.0, 20.0)]),
    "query_spectra": lambda c: c.query_spectra((150.0, 20.0), 3),
    "query_stellar_parameters": lambda c: c.query_stellar_parameters((150.0, 20.0), 3),
    "query_repeat_observations": lambda c: c.query_repeat_observations(obsid=686112127),
    "get_metadata": lambda c: c.get_metadata(700000001),
    "get_tables": lambda c: c.get_tables(),
    "get_dr_versions": lambda c: c.get_dr_versions(),
    "find": lambda c: c.find(150.0, 20.0),
    "get_fits": lambda c: c.get_fits(700000001),
    "get_spectra": lambda c: c.get_spectra(700000001),
    "spectrum": lambda c: c.spectrum(700000001),
    "fetch": lambda c: c.fetch("obsid 700000001"),
    "resolve": lambda c: c.resolve("obsid 700000001"),
}
FAULTS: dict[str, tuple[dict[str, Any], tuple[type[Exception], ...]]] = {
    "login": ({}, (LoginRequiredError,)),  # (d): a login page with status 200
    "reset": ({}, (ServiceDownError,)),
    "status": ({"status": 500}, (ServiceDownError,)),
    "garbage": ({}, (BadReplyError, QueryError)),
    "truncate": ({}, (BadReplyError, ServiceDownError)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_every_call_under_every_fault(replay: Any, call: str, fault: str) -> None:
    options, kinds = FAULTS[fault]
    replay.fault(fault, "lamost", times=-1, **options)
    lamost = Lamost("dr10/v2.0")
    with pytest.raises(kinds) as caught:
        CALLS[call](lamost)
    assert "Traceback" not in str(caught.value)
    replay.faults.clear()
    CALLS[call](lamost)  # nothing bad was kept


@pytest.mark.parametrize("call", [c for c in CALLS if c not in ("resolve",)])
def test_every_call_with_an_empty_or_cut_reply(replay: Any, call: str) -> None:
    for fault in ("cut", "empty"):
        replay.fault(fault, "lamost", times=-1)
        lamost = Lamost("dr10/v2.0")
        try:
            found = CALLS[call](lamost)
        except (BadReplyError, NotFoundError, QueryError):
            found = []
        assert len(found) == 0, fault
        replay.faults.clear()


def test_too_many_questions(dr10: Lamost, replay: Any) -> None:
    replay.fault("status", "conesearch", status=429, times=-1)
    with pytest.raises(RateLimitedError):
        dr10.query_region((150.0, 20.0), "3 arcsec")


def test_one_bad_moment_is_bridged(dr10: Lamost, replay: Any) -> None:
    replay.fault("status", "conesearch", status=503, times=2)
    assert len(dr10.query_region((150.0, 20.0), "3 arcsec")) == 4


def test_releases_without_queries_say_where_to_look(replay: Any) -> None:
    with pytest.raises(QueryError, match=r"LAMOST DR3 has no query service.*V/153 at VizieR"):
        Lamost("dr3").query_region((1.0, 2.0), 0.1)
    assert replay.log == []
