"""The parts of the LAMOST client that need no service: what a reply is, columns, releases, motion, SQL, rows."""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specviz.archives.lamost import arguments, columns, releases, replies, sql, votables
from specviz.archives.lamost.observations import Observation, group_repeats, of_row, rows_of
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    LoginRequiredError,
    NotFoundError,
    OptionError,
    QueryError,
    RateLimitedError,
    SpecvizError,
)

DR10, DR11 = releases.Release(10, "v2.0"), releases.Release(11, "v2.0")
LOGIN = b"<!DOCTYPE html>\n<html><body>Please sign in <form action='/oauth'></form></body></html>"


# ---------------------------------------------------------------------- what a reply is
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"), (b" \n", "empty"), (b"\x1f\x8b\x08rest", "gzip"), (b"SIMPLE  =   T", "fits"), (LOGIN, "page"),
        (b"\xef\xbb\xbf<!-- x --><VOTABLE>", "votable"), (b'<?xml version="1.0"?>\n<v:VOTABLE x="">', "votable"),
        (b'\n{"a": 1}', "json"), (b"[]", "json"), (b"\xef\xbb\xbfobsid,ra\n1,2", "text"), (b"\x00\xff", "text"),
    ],
)  # fmt: skip
def test_the_kind_of_a_body_by_its_first_bytes(body: bytes, kind: str) -> None:
    assert replies.kind(body) == kind


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"error": "spectrum not found"}, NotFoundError),
        ({"code": 404, "msg": "No such obsid"}, NotFoundError),
        ({"error": "invalid token"}, LoginRequiredError),
        ({"code": 401, "message": "Unauthorized"}, LoginRequiredError),
        ({"status": "error", "message": "permission denied"}, LoginRequiredError),
        ({"detail": [{"loc": ["query", "obsid"], "msg": "value is not a valid integer"}]}, QueryError),
        ({"error": {"message": "column x is ambiguous"}}, QueryError),
        ({"error": 'syntax error: unexpected token "FRM"'}, QueryError),  # no login word, though it says token
        ({"success": False}, QueryError),
        ({"error": True}, QueryError),
        ({"message": "too many requests"}, RateLimitedError),
        ("an error in words", QueryError),
    ],
)
def test_errors_in_json_at_status_200(value: Any, error: type[SpecvizError]) -> None:
    with pytest.raises(error):
        replies.read_json(json.dumps(value).encode(), "a thing", nothing="LAMOST has no such thing")


@pytest.mark.parametrize(
    "value",
    [[], [{"error": "a column of that name"}], {"rows": [], "columns": [], "message": "ok"}, {"total": 0}, {"url": "x"},
     {"uid": None, "obsid-low": [], "obsid-medium": []}, {"sqlid": 5, "status": "ok"}, {}, None, 5],
)  # fmt: skip
def test_json_that_is_no_error(value: Any) -> None:
    assert replies.read_json(json.dumps(value).encode(), "a thing") == value


def test_a_column_that_does_not_exist_is_no_missing_spectrum() -> None:
    with pytest.raises(QueryError):
        replies.read_json(b'{"error": "column x does not exist"}', "a query")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (LOGIN, LoginRequiredError),
        (b"<html><body>Welcome to LAMOST</body></html>", BadReplyError),
        (b'{"error": "no spectrum"}', NotFoundError),
        (b"file does not exist", NotFoundError),
        (b"please log in", LoginRequiredError),
        (b"hello", BadReplyError),
        (b"", BadReplyError),
        (b"[]", BadReplyError),
        (b'<?xml version="1.0"?><VOTABLE/>', BadReplyError),
    ],
)
def test_what_is_no_fits(body: bytes, error: type[SpecvizError]) -> None:
    with pytest.raises(error) as caught:
        replies.require_fits(body, "the spectrum of obsid 5", nothing="LAMOST has no spectrum 5")
    if isinstance(caught.value, ArchiveError):
        assert caught.value.service == "lamost" and caught.value.remedy


def test_what_begins_like_fits() -> None:
    for body in (gzip.compress(b"x"), b"SIMPLE  =                    T"):
        replies.require_fits(body, "x", nothing="y")


# ---------------------------------------------------------------------- columns and VOTables
def test_numbers_that_come_as_text() -> None:
    table = columns.table_of(
        [
            {
                "obsid": "17",
                "teff": "5535.28",
                "snrg": "999.00",
                "planid": "2012",
                "gaia_source_id": "3372990963203102848",
            },
            {
                "obsid": 18,
                "teff": None,
                "snrg": "12.5",
                "planid": "HD1",
                "gaia_source_id": "-9999",
                "mag_ps_g": "-999.000",
            },
            {"obsid": "19", "teff": "-9999.000000", "snrg": "", "planid": "", "gaia_source_id": ""},
        ]
    )
    assert table["obsid"].dtype == np.int64 and table["obsid"].tolist() == [17, 18, 19]
    assert table["teff"].tolist() == [5535.28, None, None] and table["snrg"].tolist() == [None, 12.5, None]
    assert table["planid"].tolist() == ["2012", "HD1", None]
    assert table["gaia_source_id"].tolist() == [3372990963203102848, None, None]
    assert table["mag_ps_g"].mask.all() and table["mag_ps_g"].dtype == np.float64
    assert len(columns.table_of([])) == 0 and columns.table_of([], ["a"]).colnames == ["a"]


def test_a_count_of_999_is_a_count() -> None:
    assert columns.table_of([{"count": 999}])["count"].tolist() == [999]


@pytest.mark.parametrize("body", [b"", b"\xff\x00\x01", b"obsid,ra\n1,2\n3", b"obsid,,ra\n1,2,3"])
def test_csv_that_is_none(body: bytes) -> None:
    with pytest.raises(BadReplyError, match="did not send a whole table"):
        columns.read_csv(body, "a query")


def test_errors_in_plain_text() -> None:
    with pytest.raises(QueryError, match="relation x does not exist"):
        columns.read_csv(b"ERROR: relation x does not exist", "a query")


FIELDS = (
    '<FIELD ID="COLID_1" name="obsid" datatype="long"/><FIELD ID="COLID_2" name="obsdate" datatype="date"/>'
    '<FIELD ID="COLID_3" name="n" datatype="int" arraysize=""/>'
    '<FIELD ID="COLID_4" name="t" datatype="char" arraysize=""/>'
    "<FIELD ID='COLID_5' name='when' datatype='date' arraysize='3'/>"
    '<FIELD ID="COLID_6" name="z" datatype="double"/>'
)


def votable(rows: str, info: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>{info}<TABLE>'
        f"{FIELDS}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def test_the_three_quirks_of_votables() -> None:
    row = '<TR><TD>{}</TD><TD>2011-10-24</TD><TD>{}</TD><TD>datatype="date"</TD><TD>2012-01-01</TD><TD>{}</TD></TR>'
    table = votables.read_votable(votable(row.format(5, 1, 0.5) + row.format(6, "", -9999)), "x")
    assert table.colnames == ["obsid", "obsdate", "n", "t", "when", "z"]
    assert table["obsdate"].tolist() == ["2011-10-24"] * 2 and table["when"][0] == "2012-01-01"
    assert table["n"].tolist() == [1, None] and table["z"].tolist() == [0.5, None]  # an empty int is missing, not 0
    assert table["t"][0] == 'datatype="date"'  # only declarations are mended, never data


def test_errors_and_overflow_in_a_votable() -> None:
    error = '<INFO name="QUERY_STATUS" value="ERROR"><![CDATA[ no such table ]]></INFO>'
    with pytest.raises(QueryError, match=r"no such table\. Try this"):
        votables.read_votable(votable("", error), "x", hint="Try this")
    other_order = "<INFO value='ERROR' name='QUERY_STATUS'>bad</INFO>"
    with pytest.raises(QueryError, match="bad"):
        votables.read_votable(votable("", other_order), "x")
    assert votables.read_votable(votable("", '<INFO name="QUERY_STATUS" value="OVERFLOW"/>'), "x").meta == {
        "overflow": True
    }
    assert votables.read_votable(b"<VOTABLE><RESOURCE/></VOTABLE>", "x").colnames == []


@pytest.mark.parametrize(
    "body", [b"", b"x", votable("<TR><TD>5")[:-40], b"<VOTABLE><FIELD", b"<VOTABLE><FIELD name='x'/>"]
)
def test_damaged_votables(body: bytes) -> None:
    with pytest.raises(BadReplyError, match="is damaged"):
        votables.read_votable(body, "x")
    with pytest.raises(LoginRequiredError):
        votables.read_votable(LOGIN, "x")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2000), st.booleans())
def test_damage_never_escapes_as_a_foreign_error(noise: bytes, at: int, cut: bool) -> None:
    from specviz.archives.lamost.tables import read_table

    whole = votable("<TR><TD>5</TD><TD>a</TD><TD>1</TD><TD>b</TD><TD>c</TD><TD>1</TD></TR>")
    for body in (noise, whole[:at] + noise + (b"" if cut else whole[at:])):
        with contextlib.suppress(SpecvizError):
            read_table(body, "x")
        with contextlib.suppress(SpecvizError):
            replies.require_fits(body, "x", nothing="y")


# ---------------------------------------------------------------------- releases
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("dr10/v2.0", "dr10/v2.0"), ("DR10 v2.0", "dr10/v2.0"), ("LAMOST DR11 v1.1", "dr11/v1.1"), ("10", "dr10"),
        ("dr10", "dr10"), ("dr10/v2", "dr10/v2.0"), ("dr10_v2.0", "dr10/v2.0"), ("dr6/v2", "dr6/v2"),
        ("dr5 v3", "dr5/v3"),
        ("dr7/v1", "dr7/v1"), ("dr7/v2.0", "dr7/v2.0"), ("dr11/v0", "dr11/v0"), ("dr3", "dr3"),
    ],
)  # fmt: skip
def test_names_of_releases(text: str, key: str) -> None:
    assert releases.parse(text).key == key
    assert releases.parse(releases.parse(text)).key == key


def test_recorded_addresses_follow_from_the_names(shared: Path) -> None:
    body = (shared / "data" / "fixtures" / "astroquery_nadc_lamost" / "dr_versions_response.json").read_text()
    entries = json.loads(body)["versions"]
    known = {r.key: r for r in releases.from_versions(entries)}
    assert len(known) == 40
    for entry in entries:
        assert known[f"{entry['dr_version']}/{entry['sub_version']}".rstrip("/")].pages == entry["base_url"]
    assert releases.newest_public(known.values()) == releases.Release(11, "v2.0", True, True)
    assert not any(r.public for r in known.values() if r.number >= 12)


def test_a_new_public_release_is_taken_by_number_and_not_by_text() -> None:
    listed = [
        ("dr9", "v2.0", "public"),
        ("dr12", "v1.2", "public"),
        ("dr12", "v1.10", "public"),
        ("mrs", "v1", "public"),
    ]
    listed.append(("dr13", "v0", "internal"))
    made = [{"dr_version": d, "sub_version": v, "public_status": p} for d, v, p in listed]
    newest = releases.newest_public(releases.from_versions(made))
    assert newest is not None and newest.label == "DR12 v1.10"
    assert releases.newest_public([]) is None


@pytest.mark.parametrize(
    ("number", "ids", "takes"),
    [(7, "DR2", {"DR2"}), (8, "DR2", {"DR2"}), (10, "", {"DR2", "DR3", "EDR3"}), (11, "DR3", {"DR3", "EDR3"})],
)
def test_whose_gaia_ids_a_release_lists(number: int, ids: str, takes: set[str]) -> None:
    release = releases.Release(number, "v2.0")
    assert release.gaia_release == ids
    assert {r for r in ("DR1", "DR2", "EDR3", "DR3", "DR4", "") if release.has_ids_of(r)} == takes


# ---------------------------------------------------------------------- angles
def test_angles() -> None:
    from astropy import units as u

    assert arguments.parse_angle(2 * u.arcmin, bare="deg") == pytest.approx(1 / 30)
    assert arguments.parse_angle("5 arcsec", bare="deg") == pytest.approx(5 / 3600)
    assert (
        arguments.parse_angle(5, bare="arcsec") == pytest.approx(5 / 3600)
        and arguments.parse_angle("0.2", bare="deg") == 0.2
    )
    for bad in ("five", 0, -1, 181, float("nan"), 5 * u.kg, None, "1..2"):
        with pytest.raises(OptionError):
            arguments.parse_angle(bad, bare="deg")


# ---------------------------------------------------------------------- SQL
def test_sql_is_built_of_checked_parts() -> None:
    where = [sql.circle(10.0, -41.0, 0.2), *sql.span("teff", (5000, 6000.5)), sql.ids("gaia_source_id", [5, "6"])]
    assert sql.select("stellar", where, columns=["obsid"], sort_by="snrg", descending=True, limit=5) == (
        "SELECT obsid FROM stellar WHERE spos(ra,dec) @ scircle '<(10.00000000d,-41.00000000d),0.20000000d>' AND "
        "teff >= 5000 AND teff <= 6000.5 AND gaia_source_id IN ('5', '6') ORDER BY snrg DESC LIMIT 5"
    )
    assert sql.select("combined") == "SELECT * FROM combined" and sql.span("teff", None) == []
    for bad in (["1'; DROP"], [], ["-9999"], [1.5]):
        with pytest.raises(OptionError):
            sql.ids("obsid", bad)  # type: ignore[arg-type]
    for limit in (0, -1, 2.5, True, "5"):
        with pytest.raises(OptionError):
            sql.select("combined", limit=limit)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- rows
def test_a_row_with_sentinels() -> None:
    one = of_row(
        {
            "obsid": "17", "ra": "10.5", "dec": "-9999.0", "snrg": "999.00", "snru": "3.5", "class": "STAR",
            "subclass": "Non",
            "gaia_source_id": "-9999", "teff": "-9999.000000", "teff_err": "20.0", "logg": "4.4", "logg_err": "-9999",
            "feh": "nan", "rv": np.ma.masked, "z": "0.1", "z_err": "-5.0000000000", "alpha_m": "Non", "lmjd": "58423.0",
        },
        DR10,
    )  # fmt: skip
    assert one is not None and one.obsid == 17 and one.dec is None and one.snrg is None and dict(one.snr) == {"u": 3.5}
    assert one.gaia_source_id is None and dict(one.catalogue) == {"logg": 4.4, "source": "LASP, DR10 v2.0"}
    assert one.z_err is None and one.subclass == "" and one.lmjd == 58423
    assert of_row({"obsid": "-9999"}, DR10) is None and of_row({}, DR10) is None
    assert of_row({"obsid": 5}, DR10).catalogue == {}  # type: ignore[union-attr]


def test_recorded_row(shared: Path) -> None:
    body = (shared / "data" / "fixtures" / "astroquery_nadc_lamost" / "metadata_response.json").read_text()
    one = of_row(json.loads(body)["rows"][0], DR10)
    assert one is not None and (one.obsid, one.snrg, one.class_, one.subclass) == (686112127, 121.75, "STAR", "A7")
    assert one.gaia_source_id == "3372990963203102848" and one.uid == "G16180605181886" and one.lmjd == 58423
    assert (one.ra, one.dec, one.z, one.z_err) == (97.2614857, 20.602168, 6.48449e-05, 1.50437e-05)
    assert one.catalogue["fe_h"] == 0.149 and one.catalogue["fe_h_err"] == 0.023 and "alpha_m" not in one.catalogue


def test_rows_of_a_table() -> None:
    table = columns.table_of([{"obsid": 1, "teff": "5.5", "uid": "a"}, {"obsid": 2, "teff": None, "uid": None}])
    assert list(rows_of(table)) == [{"obsid": 1, "teff": 5.5, "uid": "a"}, {"obsid": 2, "teff": None, "uid": None}]


def test_groups() -> None:
    def at(obsid: int, arcsec: float, snrg: float | None = 10.0, **more: Any) -> Observation:
        return Observation(obsid, "DR11 v2.0", 10.0, arcsec / 3600, snrg, separation=arcsec, **more)

    rows = [
        at(1, 0.0, gaia_source_id="A"), at(2, 0.5, 50.0), at(3, 2.0, gaia_source_id="B"), at(4, 2.9, None),
        at(5, 30.0, uid="U"), at(6, 60.0, uid="U"), Observation(7, "DR11 v2.0"),
    ]  # fmt: skip
    assert [[o.obsid for o in g] for g in group_repeats(rows)] == [[2, 1], [3, 4], [5, 6], [7]]
    assert group_repeats([]) == []
