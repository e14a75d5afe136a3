"""``astroquery.nadc.lamost``, still being written: used where it is installed and able, left alone otherwise."""

from __future__ import annotations

import sys
import types
from typing import Any, ClassVar

import pytest

from specviz.archives.lamost import Lamost, nadc
from specviz.archives.transport import session
from specviz.errors import LoginRequiredError, QueryError, ServiceDownError

pytestmark = pytest.mark.usefixtures("no_lamost_token")


class FakeLamost:
    """Like the coming client: keyword-only makings, a ``cache`` option, a table of text."""

    made: ClassVar[list[Any]] = []
    asked: ClassVar[list[Any]] = []
    error: ClassVar[Exception | None] = None

    def __init__(
        self, *, token: str | None = None, data_release: str | None = None, sub_version: str | None = None
    ) -> None:
        self.token, self.data_release, self.sub_version = token, data_release, sub_version
        self._session: Any = None
        self.made.append(self)

    def query_region(self, coordinates: Any, radius: Any, *, resolution: str = "low", cache: bool = True) -> Any:
        from astropy.table import Table

        self.asked.append(("query_region", radius, resolution, cache))
        if self.error is not None:
            raise self.error
        url = f"https://www.lamost.org/openapi/{self.data_release}/{self.sub_version}/tables"
        assert self._session.get(url).status_code == 200
        return Table({"obsid": ["17"], "catalogue_snrg": ["999.0"], "teff": ["5777.5"], "gaia_source_id": ["-9999"]})

    def query_sql(self, sql: str) -> Any:  # no cache option, and another kind of answer
        self.asked.append(("query_sql", sql))
        return {"unexpected": True}

    def query_catalog(self, catalog_name: str) -> Any:  # knows none of our options
        raise AssertionError("must not be called")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, replay: Any) -> type[FakeLamost]:
    module = types.ModuleType(nadc.MODULE)
    module.LamostClass = FakeLamost  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, nadc.MODULE, module)
    FakeLamost.made, FakeLamost.asked, FakeLamost.error = [], [], None
    return FakeLamost


def test_it_is_absent_today(replay: Any) -> None:
    assert nadc.MODULE not in sys.modules
    if nadc.lamost_class() is not None:
        pytest.skip("this astroquery has the module")
    assert len(Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec")) == 4


def test_it_is_used_through_our_session_and_mended(fake: type[FakeLamost], replay: Any) -> None:
    table = Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec")
    assert table.colnames == ["obsid", "snrg", "teff", "gaia_source_id"]
    assert table["obsid"].tolist() == [17] and table["teff"].tolist() == [5777.5]
    assert table["snrg"].mask.all() and table["gaia_source_id"].mask.all()
    (client,) = fake.made
    assert client._session is session() and client.token == "" and client.data_release == "dr10"
    assert fake.asked == [("query_region", pytest.approx(3 / 3600), "low", False)]  # our cache, not its own
    assert replay.log == ["GET lamost/openapi/dr10/v2.0/tables"]
    Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec")
    assert len(fake.asked) == 1


def test_what_it_cannot_do_we_do(fake: type[FakeLamost], replay: Any) -> None:
    lamost = Lamost("dr10/v2.0")
    assert lamost.query_sql("SELECT obsid FROM combined WHERE gaia_source_id IN ('111222333444555666')")[
        "obsid"
    ].tolist() == [
        700000001,
        700000002,
    ]
    assert fake.asked[0][0] == "query_sql"  # it was asked, and answered something else
    assert len(lamost.query_catalog("stellar", max_rows=3)) == 3
    assert len(lamost.query_ssap((150.0, 20.0), "10 arcsec")) == 4
    assert len(lamost.get_metadata(700000001)) == 1


def test_its_errors_become_ours(fake: type[FakeLamost], replay: Any) -> None:
    from astroquery.exceptions import InvalidQueryError, LoginError, TableParseError

    lamost = Lamost("dr10/v2.0")
    for error, kind in (
        (LoginError("no"), LoginRequiredError),
        (InvalidQueryError("bad column"), QueryError),
        (ServiceDownError("away", service="lamost"), ServiceDownError),
    ):
        fake.error = error
        with pytest.raises(kind):
            lamost.query_region((150.0, 20.0), "3 arcsec")
    fake.error = TableParseError("cannot read it")  # it fails by itself: we ask
    assert len(lamost.query_region((150.0, 20.0), "3 arcsec")) == 4


def test_a_token_is_not_handed_to_it(fake: type[FakeLamost], replay: Any) -> None:
    lamost = Lamost("dr12/v1.1", token="s3cr3t/t0ken+of=L")
    assert len(lamost.query_region((150.0, 20.0), "3 arcsec")) == 4 and fake.made == []


def test_a_client_of_another_release_is_not_used(
    fake: type[FakeLamost], monkeypatch: pytest.MonkeyPatch, replay: Any
) -> None:
    class Fixed(FakeLamost):
        def __init__(self, token: str = "") -> None:
            super().__init__(token=token, data_release="dr9", sub_version="v1.0")

    monkeypatch.setattr(sys.modules[nadc.MODULE], "LamostClass", Fixed)
    assert len(Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec")) == 4
    assert replay.log[0].startswith("GET lamost/openapi/dr10/v2.0/lrs/voservice/conesearch")


def test_a_module_without_the_class_is_none(fake: type[FakeLamost], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules[nadc.MODULE], "LamostClass")
    assert nadc.lamost_class() is None
    assert len(Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec")) == 4


def test_the_feature_test_costs_no_import(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} was imported")

    if nadc.lamost_class() is None:
        monkeypatch.setattr(nadc.importlib, "import_module", refuse)
        assert nadc.lamost_class() is None
