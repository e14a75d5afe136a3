"""What archives/astroquery_requests.py and tap.py expect of astroquery and pyvo: fails, in words, when they change."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from specviz.archives import astroquery_requests

MEND = "mend specviz/archives/astroquery_requests.py"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing a request asks nobody."""
    from requests import Session

    def refuse(self: Session, method: str, url: str, **options: Any) -> None:
        pytest.fail(f"astroquery asks {url} before the question: {MEND}")

    monkeypatch.setattr(Session, "request", refuse)


def test_vizier_around_a_position(no_network: None) -> None:
    script = astroquery_requests.vizier_request("V/164/stellar5", ["ObsID", "[Fe/H]"], 7, ra=1.0, dec=2.0).decode()
    lines = set(script.splitlines())
    wanted = {"-source=V/164/stellar5", "-out=ObsID,[Fe/H]", "-out.max=7", "-c=1.00000000+2.00000000", "-c.rs=3.0"}
    assert wanted <= lines, f"astroquery asks VizieR in another way ({script}): {MEND}"


def test_vizier_by_a_constraint(no_network: None) -> None:
    script = astroquery_requests.vizier_request("V/164/stellar5", ["ObsID"], 7, where={"ObsID": "=5"}).decode()
    assert {"-source=V/164/stellar5", "-out=ObsID", "ObsID==5"} <= set(script.splitlines()), MEND


def test_xmatch(no_network: None, capsys: pytest.CaptureFixture[str]) -> None:
    from astropy.table import Table

    table = Table({"specviz_row": [1], "specviz_ra": [2.0], "specviz_dec": [3.0]})
    form, files = astroquery_requests.xmatch_request(table, "vizier:I/355/gaiadr3", 3.0, "specviz_ra", "specviz_dec")
    assert form["request"] == "xmatch"
    assert (form["RESPONSEFORMAT"], form["distMaxArcsec"], form["cat2"]) == ("csv", 3.0, "vizier:I/355/gaiadr3")
    assert (form["colRA1"], form["colDec1"]) == ("specviz_ra", "specviz_dec")
    name, text = files["cat1"]
    assert name.endswith(".csv")
    assert text.split() == ["specviz_row,specviz_ra,specviz_dec", "1,2.0,3.0"]
    assert capsys.readouterr().out == ""


def test_the_calls_still_take_our_keywords() -> None:
    from astroquery.vizier import VizierClass
    from astroquery.xmatch import XMatchClass

    for call, names in (
        (VizierClass, {"columns", "row_limit"}),
        (VizierClass.query_region_async, {"radius", "catalog", "column_filters", "frame", "get_query_payload"}),
        (VizierClass.query_constraints_async, {"catalog", "get_query_payload"}),
        (XMatchClass.query_async, {"cat1", "cat2", "max_distance", "colRA1", "colDec1", "get_query_payload"}),
    ):
        lacking = names - set(inspect.signature(call).parameters)
        assert not lacking, f"{call.__qualname__} has no {lacking} any more: {MEND}"
    assert hasattr(XMatchClass, "is_table_available"), f"XMatchClass looks catalogues up in another way: {MEND}"


def test_pyvo_still_has_what_tap_uses() -> None:
    """Public names, but few: the job and the question."""
    from pyvo.dal import DALAccessError, DALQueryError, TAPQuery, TAPService
    from pyvo.dal.tap import AsyncTAPJob

    assert issubclass(DALQueryError, DALAccessError)
    assert "session" in inspect.signature(TAPService).parameters
    assert {"maxrec", "uploads"} <= set(inspect.signature(TAPService.create_query).parameters)
    assert hasattr(TAPQuery, "submit") and hasattr(TAPQuery, "queryurl")
    assert all(hasattr(AsyncTAPJob, name) for name in ("run", "phase", "job", "result_uri", "delete"))
