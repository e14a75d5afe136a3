"""SIMBAD, VizieR, XMatch and MAST as they are: ``pytest -m remote tests/archives/test_catalogues_remote.py``."""

from __future__ import annotations

import pytest

from specviz.archives import mast, tap, vizier
from specviz.archives.simbad import Simbad
from specviz.archives.xmatch import cross_match

pytestmark = [pytest.mark.remote, pytest.mark.usefixtures("live")]


def test_simbad() -> None:
    found = Simbad().lookup(["hd 140283", "Vega", "no such star at all"])
    assert found[0] is not None and found[1] is not None and found[2] is None
    assert found[0].main_id == "HD 140283"
    assert found[0].ra == pytest.approx(235.7629, abs=1e-3)
    assert found[0].fe_h is not None and -3.0 < found[0].fe_h < -2.0
    assert any(i.archive == "Gaia" and i.release == "DR3" for i in found[0].identifiers)
    assert found[1].main_id == "* alf Lyr"
    assert "HD 140283" in [o.main_id for o in Simbad().cone(235.7629, -10.9335, 10.0)]
    assert Simbad().suggest("HD 14028")


def test_tap() -> None:
    assert len(tap.query(None, "SELECT TOP 3 main_id FROM basic")) == 3
    assert len(tap.query(None, "SELECT TOP 3 source_id FROM gaiadr3.gaia_source")) == 3
    assert len(tap.query(None, "SELECT TOP 2100 oid FROM basic", maxrec=2100)) == 2100


@pytest.mark.parametrize("release", list(vizier.LAMOST_TABLES))
@pytest.mark.parametrize("kind", ["parameters", "observations"])
def test_vizier_lamost(release: str, kind: str) -> None:
    table = vizier.lamost_rows(10.0, 41.0, 1200.0, release=release, kind=kind)
    assert len(table) > 0
    assert {"obsid", "ra", "dec", "snrg"} <= set(table.colnames), table.meta["missing"]
    if kind == "parameters":
        assert {"teff", "logg", "fe_h"} <= set(table.colnames), table.meta["missing"]


def test_vizier_gaia() -> None:
    table = vizier.gaia_rows(235.7629, -10.9335, 30.0)
    assert 6268770373590148224 in list(table["source_id"])
    assert table.meta["missing"] == []


def test_xmatch() -> None:
    from astropy.table import Table

    found = cross_match(Table({"ra": [279.234735], "dec": [38.783689]}), "simbad", 5.0)
    assert len(found) >= 1


def test_mast() -> None:
    star = mast.lookup("KIC 8098300")
    assert star is not None and star.ra is not None
    products = mast.light_curves("KIC 8098300")
    assert products and products[0].mission == "Kepler"
    assert len(mast.fetch_light_curve(products[0])) > 100
    assert mast.light_curves("TIC 307210830")
