"""The live LAMOST. ``pytest -m remote tests/archives/test_lamost_remote.py``."""

from __future__ import annotations

import pytest

from specviz.archives.lamost import Lamost
from specviz.errors import LoginRequiredError

pytestmark = [pytest.mark.remote, pytest.mark.usefixtures("live")]


@pytest.fixture
def lamost() -> Lamost:
    """DR10 v2.0, whose replies were recorded."""
    return Lamost("dr10/v2.0")


def test_releases(lamost: Lamost) -> None:
    assert Lamost().release.number >= 11


def test_spectrum(lamost: Lamost) -> None:
    star = lamost.spectrum(353301001)
    assert star.name == "LAMOST J224415.49+193359.7" and star.spectra["lamost_lrs"].wavelength.shape == (3909,)


def test_row(lamost: Lamost) -> None:
    assert lamost.get_metadata(686112127)["teff"][0] == pytest.approx(7587.59)
    assert lamost.query_repeat_observations(obsid=686112127)["unique_id"] == "G16180605181886"


def test_cone_and_ssap(lamost: Lamost) -> None:
    assert len(lamost.query_region((10.0004738, 40.9952444), 0.2)) == 195
    assert len(lamost.query_ssap((10.0, 40.0), 0.2)) == 225


def test_sql(lamost: Lamost) -> None:
    assert len(lamost.query_sql("SELECT * FROM combined LIMIT 3")) == 3


def test_tap(lamost: Lamost) -> None:
    assert len(lamost.query_tap("SELECT TOP 3 obsid, ra, dec FROM combined ORDER BY obsid")) == 3


def test_many_targets(lamost: Lamost) -> None:
    table = lamost.query_catalog(
        "combined", targets=[(97.2614857, 20.602168), (341.064566, 19.566591)], columns=["obsid"]
    )
    assert set(table["target"]) == {0, 1} and 686112127 in table["obsid"]


def test_find_by_gaia_id_and_by_position(lamost: Lamost) -> None:
    found = lamost.find(97.2614857, 20.602168)
    assert 686112127 in {o.obsid for o in found} and {o.uid for o in found} == {"G16180605181886"}


def test_an_internal_release_shows_a_login_page(lamost: Lamost, no_lamost_token: None) -> None:
    with pytest.raises(LoginRequiredError):
        Lamost("dr14/v0").get_fits(353301001)
