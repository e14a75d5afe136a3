"""ADQL to every service, through HTTP: at once, as a job, refused, broken, cancelled, from the cache."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives import tap
from specviz.archives.transport import Monitor, watching
from specviz.archives.votables import read_votable
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    CancelledError,
    OptionError,
    QueryError,
    ServiceDownError,
    ServiceTimeoutError,
)


@pytest.mark.parametrize(
    ("adql", "service"),
    [
        ("SELECT TOP 5 * FROM gaiadr3.gaia_source", "gaia"),
        ("select * from gaiaedr3.gaia_source as g join external.apassdr9 as a on 1=1", "gaia"),
        ("SELECT * FROM gaiadr3.xp_continuous_mean_spectrum", "gaia_aip"),
        ("SELECT * FROM basic JOIN ident ON oid = oidref", "simbad"),
        ("SELECT t.* FROM TAP_UPLOAD.mine AS t LEFT JOIN mesFe_h ON 1=1", "simbad"),
        ("SELECT * FROM basic, ident", "simbad"),
        ('SELECT * FROM "V/162/dr11l" WHERE snrg > 20', "vizier"),
        ('SELECT * FROM "I/355/gaiadr3"', "vizier"),
        ("SELECT * FROM catalogue", "lamost"),
        ("select obsid from combined -- from basic\n where class = 'from basic'", "lamost"),
        ("SELECT * FROM med_stellar", "lamost"),
        ("SELECT * /* FROM ident */ FROM gaiadr2.gaia_source", "gaia"),
    ],
)
def test_the_service_follows_from_the_tables(adql: str, service: str) -> None:
    assert tap.service_of(adql) == service


@pytest.mark.parametrize("adql", ["SELECT * FROM foo.bar", "", "nonsense", "SELECT * FROM TAP_UPLOAD.mine"])
def test_a_table_that_nobody_has(adql: str) -> None:
    with pytest.raises(QueryError, match="No known service has"):
        tap.service_of(adql)


def test_few_rows_come_at_once(replay: Any) -> None:
    table = tap.query(None, "SELECT oid, main_id, ra FROM basic;", maxrec=5)
    assert replay.log == ["POST simbad/simbad/sim-tap/sync"]
    assert len(table) == 5
    assert list(table["main_id"][:3]) == ["HD 140283", "KIC 10424789", "* alf Lyr"]
    assert table["ra"][0] == 235.762904
    assert table["main_id"].dtype.kind == "U"
    form = replay.asked[0].form
    assert form["QUERY"] == "SELECT oid, main_id, ra FROM basic"
    assert (form["MAXREC"], form["LANG"], form["REQUEST"]) == ("5", "ADQL", "doQuery")


def test_an_answer_is_kept(replay: Any) -> None:
    first = tap.query("simbad", "SELECT * FROM basic", maxrec=5)
    again = tap.query("simbad", " SELECT * FROM basic ; ", maxrec=5)
    assert len(replay.log) == 1
    assert again.colnames == first.colnames
    assert list(again["ra"]) == list(first["ra"])
    # What a star lacks stays lacking.
    assert bool(again["plx_value"].mask[1]) and bool(np.ma.is_masked(again["rvz_radvel"][1]))
    tap.query("simbad", "SELECT * FROM basic", maxrec=6)
    assert len(replay.log) == 2


def test_many_rows_come_as_a_job(replay: Any) -> None:
    table = tap.query("simbad", "SELECT * FROM basic", maxrec=2400)
    assert len(table) == 2400
    assert table["oid"][2399] == 2399
    paths = [line.removeprefix("GET ").removeprefix("POST ").removeprefix("DELETE ") for line in replay.log]
    assert paths[0] == "simbad/simbad/sim-tap/async"
    assert paths[-2].endswith("/results/result")
    assert replay.log[-1].startswith("DELETE simbad/simbad/sim-tap/async/")


def test_tables_travel_with_the_question(replay: Any) -> None:
    from astropy.table import Table

    mine = Table({"user_specified_id": ["vega", "no such star"], "object_number_id": [1, 2]})
    adql = "SELECT * FROM TAP_UPLOAD.script_infos LEFT JOIN ident ON user_specified_id = id"
    table = tap.query("simbad", adql, uploads={"script_infos": mine})
    assert list(table["object_number_id"]) == [1, 2]
    assert list(table["main_id"]) == ["* alf Lyr", ""]
    other = Table({"user_specified_id": ["HD 140283"], "object_number_id": [1]})
    assert tap.query("simbad", adql, uploads={"script_infos": other})["main_id"][0] == "HD 140283"
    assert len(replay.log) == 2


@pytest.mark.parametrize("maxrec", [10, 5000])
def test_a_refusal_in_the_words_of_the_service(replay: Any, maxrec: int) -> None:
    with pytest.raises(QueryError, match=r'SIMBAD refuses the question: ADQL parse error: .* "SELEC"') as caught:
        tap.query("simbad", "SELEC * FROM basic", maxrec=maxrec)
    assert caught.value.service == "simbad"


@pytest.mark.parametrize(
    ("service", "adql", "maxrec", "kind", "said"),
    [
        ("simbad", " ; ", 10, QueryError, "empty"),
        ("sdss", "SELECT 1", 10, OptionError, "no TAP service 'sdss'"),
        ("simbad", "SELECT 1 FROM basic", 0, OptionError, "maxrec=0"),
        ("simbad", "SELECT 1 FROM basic", True, OptionError, "maxrec=True"),
    ],
)
def test_questions_that_are_none(
    replay: Any, service: str, adql: str, maxrec: int, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        tap.query(service, adql, maxrec=maxrec)
    assert replay.log == []


def test_vizier(replay: Any) -> None:
    table = tap.query(None, 'SELECT * FROM "V/162/dr11sl"')
    assert replay.log == ["POST vizier/TAPVizieR/tap/sync"]
    assert list(table["ObsID"]) == [353301002, 353301001]
    assert table["[Fe/H]"][1] == -2.39
    with pytest.raises(QueryError, match="VizieR refuses the question: Unknown table"):
        tap.query("vizier", 'SELECT * FROM "V/1/none"')


def test_columns_recorded_from_simbad(replay: Any, shared: Path) -> None:
    table = tap.query("simbad", "SELECT * FROM TAP_SCHEMA.columns WHERE table_name = 'basic'")
    assert len(table) == 67
    used = {"main_id", "ra", "dec", "pmra", "pmdec", "plx_value", "rvz_radvel", "sp_type", "otype_txt", "oid"}
    assert used <= set(table["column_name"])
    linked = tap.query("simbad", "SELECT * FROM TAP_SCHEMA.key_columns")
    assert len(linked) == 24
    assert {"ids", "ident", "mesFe_h"} <= set(linked["from_table"])


def test_pyvo_reads_capabilities_and_tables(replay: Any) -> None:
    import pyvo

    from specviz.archives.transport import session

    service = pyvo.dal.TAPService(tap.BASES["simbad"], session=session())
    assert (service.maxrec, service.hardlimit) == (2000, 2000000)
    assert "basic" in [t.name for t in service.tables]


def test_a_job_that_never_ends_is_given_up(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "JOB_SECONDS", -1.0)
    with pytest.raises(ServiceTimeoutError, match="has not finished its job"):
        tap.query("simbad", "SELECT * FROM basic", maxrec=5000)


def test_a_job_is_cancelled_at_once(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "FIRST_LOOK", 60.0)
    monitor, ended = Monitor(), []

    def work() -> None:
        try:
            with watching(monitor):
                tap.query("simbad", "SELECT * FROM basic", maxrec=5000)
        except CancelledError:
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 60
    while not any(line.startswith("GET ") and "/async/" in line for line in replay.log) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    monitor.cancel()
    thread.join(30)
    assert ended  # it would have looked again after a minute


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (dict(kind="status", status=503, times=-1), ServiceDownError),
        (dict(kind="garbage"), BadReplyError),
        (dict(kind="empty"), BadReplyError),
        (dict(kind="cut"), BadReplyError),
        (dict(kind="truncate", times=-1), BadReplyError),
        (dict(kind="status", status=404), QueryError),
        (dict(kind="reset", times=-1), ServiceDownError),
    ],
)
@pytest.mark.parametrize("maxrec", [10, 5000])
def test_faults_of_the_service(replay: Any, fault: dict[str, Any], kind: type[ArchiveError], maxrec: int) -> None:
    replay.fault(**fault, match="simbad/simbad/sim-tap/(sync|async/.*/results/result)")
    with pytest.raises(ArchiveError) as caught:
        tap.query("simbad", "SELECT * FROM basic", maxrec=maxrec)
    assert type(caught.value) is kind
    replay.faults.clear()
    assert len(tap.query("simbad", "SELECT * FROM basic", maxrec=maxrec)) > 5  # nothing broken was kept


def test_a_job_that_the_service_keeps_is_no_trouble(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyvo.dal import DALServiceError
    from pyvo.dal.tap import AsyncTAPJob

    def refuse(job: Any) -> None:
        raise DALServiceError("not allowed")

    monkeypatch.setattr(AsyncTAPJob, "delete", refuse)
    assert len(tap.query("simbad", "SELECT * FROM basic", maxrec=2100)) == 2100


def test_damaged_documents_only_ever_raise_our_errors(shared: Path) -> None:
    folder = shared / "data" / "fixtures"
    document = (folder / "astroquery_simbad" / "simbad_basic_columns.xml").read_bytes()
    binary = (folder / "astroquery_tap" / "job_1.vot").read_bytes()
    rng = np.random.default_rng(4)
    for whole in (document, binary):
        for _ in range(150):
            data = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.4 else whole)
            for _ in range(rng.integers(0, 12)):
                data[rng.integers(len(data))] = rng.integers(256)
            try:
                read_votable(bytes(data), "simbad")
            except ArchiveError as error:
                assert str(error)


def test_recorded_votables(shared: Path) -> None:
    folder = shared / "data" / "fixtures"
    job = read_votable((folder / "astroquery_tap" / "job_1.vot").read_bytes(), "gaia")
    assert job.colnames == ["ra", "dec", "source_id", "table1_oid"]
    assert len(job) == 3
    gaia = read_votable((folder / "astroquery_tap" / "1714556098855O-result.vot").read_bytes(), "gaia")
    assert gaia["source_id"][0] == 5929246508730155392
    with pytest.raises(ServiceDownError, match="The database is not currently reachable"):
        read_votable((folder / "astroquery_vizier" / "no_server_error.xml").read_bytes(), "vizier")
    with pytest.raises(BadReplyError, match="no readable VOTable"):
        read_votable((folder / "astroquery_tap" / "jobs_list.xml").read_bytes(), "gaia")


def test_gaia_at_once_and_as_a_job(replay: Any) -> None:
    few = tap.query(None, "SELECT TOP 10 source_id FROM gaiadr3.gaia_source WHERE random_index < 100")
    many = tap.query(None, "SELECT TOP 2400 source_id FROM gaiadr3.gaia_source WHERE random_index < 9999", maxrec=2400)
    assert replay.log[0] == "POST gaia/tap-server/tap/sync"
    assert replay.log[1] == "POST gaia/tap-server/tap/async"
    assert replay.log[-1].startswith("DELETE gaia/tap-server/tap/async/")
    assert (len(few), len(many)) == (10, 2400)
    assert int(many["source_id"][9]) == int(few["source_id"][9])


def test_lamost_is_asked_with_get_and_mended(replay: Any) -> None:
    table = tap.query(None, "SELECT TOP 3 obsid FROM catalogue ORDER BY obsid", release="dr10/v2.0")
    assert replay.log[0].startswith("GET lamost/dr10/v2.0/voservice/tap/sync?")
    assert "obsid" in table.colnames
    assert len(table) >= 1
