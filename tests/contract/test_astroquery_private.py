"""The private names of astroquery that archives/astroquery_sessions.py uses: fails, in words, when they change."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from specviz.archives import astroquery_sessions
from specviz.archives.transport import session

MEND = "mend specviz/archives/astroquery_sessions.py"


class _Told(Exception):
    """Raised by the stand-in for the network; holds the request."""


def _sender(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What our session is asked to send."""
    from requests import Session

    sent: list[Any] = []

    def request(self: Session, method: str, url: str, **options: Any) -> None:
        sent.append((self, method, url, options))
        raise _Told(url)

    monkeypatch.setattr(Session, "request", request)
    return sent


def test_vizier_asks_through_our_session(monkeypatch: pytest.MonkeyPatch) -> None:
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    asking = astroquery_sessions.vizier(["ObsID", "Teff"], 7)
    assert asking._session is session(), f"VizierClass keeps its session elsewhere: {MEND}"
    sent = _sender(monkeypatch)
    with pytest.raises(_Told):
        asking.query_region_async(
            SkyCoord(1.0, 2.0, unit="deg"), radius=3 * u.arcsec, catalog="V/164/stellar5", frame="icrs", cache=False
        )
    [(which, method, url, options)] = sent
    assert which is session(), f"VizierClass asks through another session than _session: {MEND}"
    assert (method, url) == ("POST", "https://vizier.cds.unistra.fr/viz-bin/votable")
    script = options["data"].splitlines()
    assert {"-source=V/164/stellar5", "-out=ObsID,Teff", "-out.max=7", "-c.rs=3.0"} <= set(script), script
    assert "-c=1.00000000+2.00000000" in script


def test_vizier_takes_constraints(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _sender(monkeypatch)
    with pytest.raises(_Told):
        astroquery_sessions.vizier(["ObsID"], 7).query_constraints_async(
            catalog="V/164/stellar5", cache=False, ObsID="=5"
        )
    assert "ObsID==5" in sent[0][3]["data"].splitlines()


def test_xmatch_builds_the_request_without_asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from astropy.table import Table

    sent = _sender(monkeypatch)
    table = Table({"specviz_row": [1], "specviz_ra": [2.0], "specviz_dec": [3.0]})
    form, files = astroquery_sessions.xmatch_request(table, "vizier:I/355/gaiadr3", 3.0, "specviz_ra", "specviz_dec")
    assert sent == [], f"XMatchClass asks the service before the question: {MEND}"
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
        (VizierClass, {"columns", "row_limit", "vizier_server", "timeout"}),
        (VizierClass.query_region_async, {"radius", "catalog", "column_filters", "frame", "cache"}),
        (VizierClass.query_constraints_async, {"catalog", "cache"}),
        (XMatchClass.query_async, {"cat1", "cat2", "max_distance", "colRA1", "colDec1", "cache", "get_query_payload"}),
    ):
        lacking = names - set(inspect.signature(call).parameters)
        assert not lacking, f"{call.__qualname__} has no {lacking} any more: {MEND}"


def test_pyvo_still_has_what_tap_uses() -> None:
    """Public names, but few: the job and the question."""
    from pyvo.dal import DALAccessError, DALQueryError, TAPQuery, TAPService
    from pyvo.dal.tap import AsyncTAPJob

    assert issubclass(DALQueryError, DALAccessError)
    assert "session" in inspect.signature(TAPService).parameters
    assert {"maxrec", "uploads"} <= set(inspect.signature(TAPService.create_query).parameters)
    assert hasattr(TAPQuery, "submit") and hasattr(TAPQuery, "queryurl")
    assert all(hasattr(AsyncTAPJob, name) for name in ("run", "phase", "job", "result_uri", "delete"))
