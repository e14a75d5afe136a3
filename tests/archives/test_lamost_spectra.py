"""LAMOST's spectra and the search for a star's visits, through real HTTP."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.cache import Key, cache
from specviz.archives.lamost import Lamost, Observation, group_repeats
from specviz.archives.protocol import Archive
from specviz.archives.transport import offline
from specviz.errors import (
    AmbiguousError,
    BadReplyError,
    NotFoundError,
    OfflineError,
    OptionError,
    QueryError,
    ReadError,
)
from specviz.spectra.star import Identifier

pytestmark = pytest.mark.usefixtures("no_lamost_token")


# ---------------------------------------------------------------------- one spectrum
def test_recorded_fits(dr10: Lamost, replay: Any, shared: Path) -> None:
    folder = shared / "data" / "fixtures" / "astroquery_nadc_lamost"
    body = dr10.get_fits(353301001)
    assert body == (folder / "spec-57278-EG224429N215706B01_sp01-001.fits.gz").read_bytes() and len(body) == 58242
    assert replay.log == ["GET lamost/openapi/dr10/v2.0/lrs/spectrum/fits?obsid=353301001"]
    assert cache().get(Key("lamost", "dr10/v2.0", "fits:353301001")) == body
    with offline():
        assert Lamost("dr10/v2.0").get_fits("353301001") == body


def test_recorded_star(dr10: Lamost, shared: Path) -> None:
    star = dr10.spectrum(353301001)
    spectrum = star.spectra["lamost_lrs"]
    assert star.name == "LAMOST J224415.49+193359.7" and (star.ra, star.dec) == (341.064566, 19.566591)
    assert spectrum.wavelength.shape == (3909,) and spectrum.meta["snr"] == 75.73 and spectrum.meta["subclass"] == "K7"
    assert star.obsid == "353301001"


def test_the_catalogue_row_joins_the_spectrum(dr10: Lamost, shared: Path) -> None:
    star = dr10.spectrum(686112127)  # its row was recorded; its spectrum was not
    assert dict(star.catalogue) == {
        "teff": 7587.59, "teff_err": 29.37, "logg": 3.874, "logg_err": 0.04, "fe_h": 0.149, "fe_h_err": 0.023,
        "rv": 19.44, "rv_err": 4.51, "source": "LASP, DR10 v2.0",
    }  # fmt: skip
    assert star.identifiers == (
        Identifier("LAMOST", "DR10 v2.0", "686112127"),
    )  # whose Gaia id DR10 holds is not known
    assert star.meta["lamost_gaia_source_id"] == "3372990963203102848" and star.meta["lamost_uid"] == "G16180605181886"
    assert "path" not in star.meta


def test_a_star_without_recorded_replies(replay: Any) -> None:
    star = Lamost("dr11/v2.0").spectrum(700000021)
    assert star.identifiers == (
        Identifier("LAMOST", "DR11 v2.0", "700000021"),
        Identifier("Gaia", "DR3", "333444555666777888"),
    )
    assert (star.ra, star.dec) == pytest.approx((210.0, 10.0)) and star.spectra["lamost_lrs"].flux.shape == (3909,)
    # The parameters of an M star are not LASP's of AFGK stars, and [M/H] is not [Fe/H].
    assert star.catalogue["source"] == "LASP-M, DR11 v2.0" and "fe_h" not in star.catalogue
    assert star.catalogue["m_h"] == -0.2066 and star.catalogue["teff"] == 3604.96


def test_gaia_ids_of_old_releases_are_of_dr2(replay: Any) -> None:
    assert Identifier("Gaia", "DR2", "333444555666777888") in Lamost("dr8/v2.0").spectrum(700000021).identifiers


def test_a_spectrum_without_a_catalogue_row(dr10: Lamost) -> None:
    star = dr10.spectrum(408408408)
    assert star.spectra and not star.catalogue and "has no spectrum" in star.meta["catalogue_note"]


def test_the_catalogue_is_away(dr10: Lamost, replay: Any) -> None:
    replay.fault("status", "spectrum/info", status=500, times=-1)
    star = dr10.spectrum(700000001)
    assert star.spectra and "The catalogue was not read: LAMOST" in star.meta["catalogue_note"]
    replay.faults.clear()
    assert dr10.spectrum(700000001).catalogue["teff"] == 5777.0


def test_a_kept_star_answers_offline(dr10: Lamost, replay: Any) -> None:
    online = dr10.spectrum(700000001)
    with offline():
        again = Lamost("dr10/v2.0").spectrum(700000001)
        assert np.array_equal(again.spectra["lamost_lrs"].flux, online.spectra["lamost_lrs"].flux)
        assert again.catalogue == online.catalogue
        with pytest.raises(OfflineError):
            dr10.spectrum(700000002)


@pytest.mark.parametrize(
    ("obsid", "kind", "words"),
    [
        (404404404, NotFoundError, r"LAMOST DR10 v2\.0 has no spectrum with the obsid 404404404"),  # JSON at status 200
        (405405405, BadReplyError, "cannot be read"),
        (406406406, BadReplyError, "sent the spectrum of obsid 406406407 when asked for 406406406"),
        (407407407, BadReplyError, "the flux is zero"),
    ],
)
def test_files_that_are_not_kept(dr10: Lamost, replay: Any, obsid: int, kind: type[Exception], words: str) -> None:
    for _ in range(2):
        with pytest.raises(kind, match=words):
            dr10.get_fits(obsid)
    assert sum("spectrum/fits" in line for line in replay.log) == 2
    assert cache().get(Key("lamost", "dr10/v2.0", f"fits:{obsid}")) is None


def test_a_damaged_entry_is_fetched_again(dr10: Lamost, replay: Any) -> None:
    cache().put(Key("lamost", "dr10/v2.0", "fits:700000001"), b"<html>login</html>")
    assert dr10.get_fits(700000001)[:2] == b"\x1f\x8b" and len(replay.log) == 1


def test_a_cut_download_is_not_kept(dr10: Lamost, replay: Any) -> None:
    replay.fault("cut", "spectrum/fits")
    with pytest.raises(BadReplyError):
        dr10.get_fits(700000001)
    assert dr10.get_fits(700000001)


@pytest.mark.parametrize("obsid", [0, -5, 1.5, True, "", "12a", "1" * 13, None, "１２３"])
def test_what_is_no_obsid(dr10: Lamost, replay: Any, obsid: Any) -> None:
    with pytest.raises(OptionError, match="is no LAMOST obsid"):
        dr10.spectrum(obsid)
    assert replay.log == []


def test_files_as_astropy_opens_them(dr10: Lamost) -> None:
    lists = dr10.get_spectra([700000001, "700000002"])
    assert [h[0].header["OBSID"] for h in lists] == [700000001, 700000002] and lists[0][1].name == "COADD"
    assert lists[0][1].data["FLUX"].shape == (1, 3909)
    assert len(dr10.get_spectra(700000001)) == 1
    for one in lists:
        one.close()


@pytest.mark.parametrize(
    ("release", "path"),
    [
        ("dr3", "/spectrum/fits/700000001"),
        ("dr4/v2", "/v2/spectrum/fits/700000001"),
        ("dr6/v2", "/v2/spectrum/fits/700000001"),
        ("dr7/v2.0", "/dr7/v2.0/spectrum/fits/700000001"),
        ("dr8/v2.0", "/openapi/dr8/v2.0/lrs/spectrum/fits?obsid=700000001"),
    ],
)
def test_old_releases_have_their_own_addresses(replay: Any, release: str, path: str) -> None:
    star = Lamost(release).spectrum(700000001)
    assert replay.log[0] == f"GET lamost{path}" and star.obsid == "700000001"
    assert bool(star.catalogue) == (release != "dr3")


def test_old_hosts_are_canonical() -> None:
    from specviz.archives.lamost.releases import parse
    from specviz.archives.lamost.stars import fits_question
    from specviz.archives.transport.services import locate

    for text, host in (("dr4/v2", "dr4.lamost.org"), ("dr7/v2.0", "www.lamost.org"), ("dr10/v2.0", "www.lamost.org")):
        url = fits_question(5, parse(text))[0]
        assert url.startswith(f"https://{host}/") and locate(url)[0].key == "lamost"


# ---------------------------------------------------------------------- whole catalogues
def test_download_catalog(dr10: Lamost, replay: Any, tmp_path: Path) -> None:
    name = "dr10_v2.0_LRS_plan.fits.gz"
    path = dr10.download_catalog(name, tmp_path / "new")
    assert path == tmp_path / "new" / name and gzip.decompress(path.read_bytes())[:6] == b"SIMPLE"
    assert dr10.download_catalog(name, tmp_path / "new") == path and len(replay.log) == 1  # it is there already
    dr10.download_catalog(name, tmp_path / "new", overwrite=True)
    assert len(replay.log) == 2 and [p.name for p in path.parent.iterdir()] == [name]


def test_catalogues_that_are_not_saved(dr10: Lamost, replay: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no catalogue file nothing"):
        dr10.download_catalog("nothing.fits.gz", tmp_path)
    for name in ("../up.fits.gz", "a/b", "", ".hidden"):
        with pytest.raises(OptionError):
            dr10.download_catalog(name, tmp_path)
    replay.fault("cut", "lrs/catalog")
    with pytest.raises(BadReplyError, match="damaged"):
        dr10.download_catalog("dr10_v2.0_LRS_plan.fits.gz", tmp_path)
    assert list(tmp_path.glob("*fits*")) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ReadError, match="cannot be written"):
        dr10.download_catalog("dr10_v2.0_LRS_plan.fits.gz", tmp_path / "file" / "below")


# ---------------------------------------------------------------------- finding a star's visits
A, NEIGHBOUR, B = "111222333444555666", "111222333444555777", "222333444555666777"


def gaia(value: str, release: str = "DR3") -> tuple[Identifier, ...]:
    return (Identifier("Gaia", release, value),)


def test_by_gaia_id_best_first(replay: Any) -> None:
    found = Lamost("dr11/v2.0").find(150.0, 20.0, gaia_ids=gaia(A))
    assert [(o.obsid, o.snrg, o.matched_by) for o in found] == [(700000002, 80.0, "gaia"), (700000001, 30.0, "gaia")]
    assert found[0].separation == pytest.approx(0.36, abs=1e-3) and found[0].release == "DR11 v2.0"
    assert found[0].catalogue["teff"] == 5790.0 and found[0].gaia_release == "DR3"
    assert replay.log[0].startswith("GET lamost/openapi/dr11/v2.0/sql?") and len(replay.log) == 1


def test_by_gaia_id_alone(replay: Any) -> None:
    found = Lamost("dr11/v2.0").find(None, None, gaia_ids=gaia(A))
    assert [o.obsid for o in found] == [700000002, 700000001] and found[0].separation is None
    assert Lamost("dr11/v2.0").find(None, None) == []


def test_an_id_of_another_gaia_release_is_not_looked_for(replay: Any) -> None:
    found = Lamost("dr8/v2.0").find(150.0, 20.0, gaia_ids=gaia(A, "DR3"))  # DR8 lists ids of Gaia DR2
    assert all("conesearch" in line for line in replay.log) and {o.matched_by for o in found} == {"position"}
    replay.log.clear()
    found = Lamost("dr8/v2.0").find(150.0, 20.0, gaia_ids=gaia(A, "DR2"))
    assert {o.matched_by for o in found} == {"gaia"} and "gaia_source_id" in replay.log[0]
    assert Lamost("dr11/v2.0").find(None, None, gaia_ids=gaia(A, "DR4")) == []


def test_an_id_that_is_another_star_elsewhere_is_refused(replay: Any) -> None:
    found = Lamost("dr11/v2.0").find(10.0, -60.0, gaia_ids=gaia(A))
    assert found == []


def test_by_position_the_nearest_star_and_not_its_brighter_neighbour(dr10: Lamost) -> None:
    found = dr10.find(150.0, 20.0)
    assert [o.obsid for o in found] == [700000002, 700000001, 700000003]  # 700000003: no Gaia id, other designation
    assert [o.snrg for o in found] == [80.0, 30.0, None]
    assert len({o.designation for o in found}) > 1
    assert [o.obsid for o in dr10.find(150.0, 20.0 + 2.4 / 3600)] == [700000004]


def test_a_row_of_another_gaia_source_nearby_is_another_star(replay: Any) -> None:
    lamost = Lamost("dr11/v2.0")
    assert (
        lamost.find(150.0, 20.0 + 2.4 / 3600, gaia_ids=gaia("999888777666555444"), radius_arcsec=1.5)[0].obsid
        == 700000004
    )
    found = lamost.find(150.0, 20.0 + 3.9 / 3600, gaia_ids=gaia("999888777666555444"), radius_arcsec=2.0)
    assert found == []  # 1.5 arcsec away, with its own id


def test_a_fast_star_is_found_where_it_was(dr10: Lamost) -> None:
    # B: 5 arcsec a year northward; catalogued at its places of J2000 and of J2016, 80 arcsec apart.
    at_2016 = -5.0 + 80.0 / 3600
    found = dr10.find(200.0, at_2016, pm_ra=0.0, pm_dec=5000.0, epoch=2016.0)
    assert [o.obsid for o in found] == [700000011, 700000012] and max(o.separation or 0 for o in found) < 0.1
    assert [o.obsid for o in dr10.find(200.0, -5.0, pm_ra=0.0, pm_dec=5000.0)] == [700000011, 700000012]
    assert [o.obsid for o in dr10.find(200.0, at_2016)] == [700000012]  # without proper motion: only the newer plate
    assert dr10.find(200.0, -5.0 - 20 / 3600, pm_ra=0.0, pm_dec=5000.0, epoch=2000.0, radius_arcsec=1.0) != []


def test_a_star_that_lamost_did_not_see(dr10: Lamost) -> None:
    assert dr10.find(100.0, -80.0) == []


def test_a_release_without_the_combined_table_is_searched_by_position(dr10: Lamost, replay: Any) -> None:
    from specviz.archives.lamost import joins

    def refuse(*_: Any, **__: Any) -> Any:
        raise QueryError('relation "combined" does not exist', service="lamost")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins.tables, "run_sql", refuse)
        assert dr10.find(150.0, 20.0, gaia_ids=gaia(A))[0].obsid == 700000002


def test_recorded_repeats_are_grouped(dr10: Lamost, shared: Path) -> None:
    from specviz.archives.lamost.observations import of_table

    rows = of_table(dr10.query_region((10.0004738, 40.9952444), 0.2), dr10.release)
    groups = group_repeats(rows)
    assert len(rows) == 195 and sum(len(g) for g in groups) == 195
    by_id = {g[0].gaia_source_id: g for g in groups if g[0].gaia_source_id}
    assert len(by_id["381150245551800832"]) == 4
    assert all(g[0].snrg == max(o.snrg or -1 for o in g) for g in groups)
    designations = [len({o.designation for o in g}) for g in groups]
    assert max(designations) > 1  # the same star under two designations: why they are not compared


# ---------------------------------------------------------------------- as an archive
def test_it_is_an_archive(dr10: Lamost) -> None:
    assert isinstance(dr10, Archive)


def test_resolve(dr10: Lamost) -> None:
    (one,) = dr10.resolve("LAMOST 700000001")
    assert one.archive == "lamost" and (one.ra, one.dec) == (150.0, 20.0) and one.name == "LAMOST obsid 700000001"
    assert one.summary == "LAMOST DR10 v2.0, STAR G2, S/N 30 in g, 2018-10-31"
    assert [c.name for c in dr10.resolve("150.0 20.0")] == ["LAMOST obsid 700000002", "LAMOST obsid 700000004"]
    assert dr10.resolve("J100000.00+200000.0")[0].name == "LAMOST obsid 700000002"
    assert [c.name for c in dr10.resolve(f"Gaia DR3 {B}")] == ["LAMOST obsid 700000011"]
    assert dr10.resolve("obsid 404404404") == [] and dr10.resolve("HD 140283") == [] and dr10.resolve("") == []
    assert dr10.resolve("10.0 -80.0") == [] and dr10.resolve("Gaia DR3 123456789012345678") == []


def test_fetch(dr10: Lamost) -> None:
    assert dr10.fetch("obsid 700000001").obsid == "700000001"
    assert dr10.fetch(f"Gaia DR3 {B}").obsid == "700000011"
    assert dr10.fetch(dr10.resolve("200.0 -5.0")[0].name).obsid == "700000011"
    with pytest.raises(AmbiguousError, match="may mean 2 stars") as caught:
        dr10.fetch("150.0 20.0")
    assert [c.name for c in caught.value.candidates] == ["LAMOST obsid 700000002", "LAMOST obsid 700000004"]
    with pytest.raises(NotFoundError, match="has no star"):
        dr10.fetch("HD 140283")


def test_an_observation_shows_what_it_is() -> None:
    one = Observation(5, "DR11 v2.0", gaia_source_id="7", gaia_release="DR3")
    assert one.identifiers == (Identifier("LAMOST", "DR11 v2.0", "5"), Identifier("Gaia", "DR3", "7"))
    assert one.summary == "LAMOST DR11 v2.0"
    with pytest.raises(TypeError):
        one.catalogue["teff"] = 1  # type: ignore[index]
