"""Sources, cones, neighbours, questions and names of the Gaia archive, through real HTTP."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.gaia import Gaia, Neighbour, queries
from specviz.archives.gaia.releases import release_of, source_ids_of
from specviz.archives.protocol import Archive
from specviz.archives.transport import offline
from specviz.errors import (
    AmbiguousError,
    BadReplyError,
    NotFoundError,
    OfflineError,
    OptionError,
    QueryError,
    ServiceDownError,
)
from specviz.spectra.star import Identifier

GOOD, NOTHING, ABSENT, SAMPLED_ONLY, FAST = (str(1_000_000_000_000_000_000 + k) for k in range(1, 6))
DR2 = "2002000000000000001"
SYNC = "POST gaia/tap-server/tap/sync"


def _asked(replay: Any) -> int:
    return sum(line == SYNC for line in replay.log)


# ------------------------------------------------------------------------------------------------ rows
def test_recorded_rows(replay: Any, shared: Path) -> None:
    ids = [5348723816842275584, 4583627001381815936]
    found = Gaia().sources(ids)
    assert list(found) == [str(one) for one in ids]  # the archive's order is the other one
    source = found["4583627001381815936"]
    assert (source.release, source.epoch) == ("DR3", 2016.0)
    assert source.ra == pytest.approx(268.0676646661466, abs=1e-13) and source.dec == pytest.approx(26.50748605871529)
    assert source.g_mag == pytest.approx(7.0120187) and source.bp_rp == pytest.approx(3.6645436)
    assert source.parallax == pytest.approx(2.3034086) and source.parallax_error == pytest.approx(0.0333376, rel=1e-5)
    assert source.radial_velocity == pytest.approx(-20.302576) and source.ruwe == pytest.approx(1.0828560)
    assert source.has_xp_continuous is source.has_xp_sampled is source.has_rvs is True
    assert source.absolute_g == pytest.approx(7.0120187 + 5 * math.log10(0.023034086), abs=1e-6)
    assert source.absolute_g_error == pytest.approx(5 / math.log(10) * 0.0333376 / 2.3034086, rel=1e-5)
    assert "teff" not in source.catalogue and source.catalogue["source"] == "Gaia DR3"
    assert found["5348723816842275584"].absolute_g == pytest.approx(-2.834, abs=1e-3)


def test_labels_of_gsp_phot_and_photometry(replay: Any) -> None:
    source = Gaia().source(GOOD)
    labels = source.catalogue
    assert (labels["teff"], labels["teff_lower"], labels["teff_upper"], labels["teff_err"]) == (5777, 5750, 5810, 30)
    assert (labels["logg"], labels["fe_h"], labels["rv"], labels["rv_err"]) == (4.4, -0.1, -12.5, 0.3)
    assert labels["ebv"] == pytest.approx(0.1) and labels["ebv_err"] == pytest.approx(0.01) and labels["a_0"] == 0.31
    assert labels["source"] == "Gaia DR3 GSP-Phot" and labels["distance"] == 99.5
    assert source.absolute_g == pytest.approx(4.5) and source.absolute_g_error == pytest.approx(0.00434, abs=1e-5)
    assert source.identifier == Identifier("Gaia", "DR3", GOOD) and source.name == f"Gaia DR3 {GOOD}"
    assert pickle.loads(pickle.dumps(source)) == source


def test_sources_are_kept_and_so_is_their_absence(replay: Any) -> None:
    gaia = Gaia()
    assert list(gaia.sources([GOOD, "777", NOTHING])) == [GOOD, NOTHING] and _asked(replay) == 1
    assert list(gaia.sources([NOTHING, 777, GOOD])) == [NOTHING, GOOD] and _asked(replay) == 1
    with pytest.raises(NotFoundError, match="Gaia DR3 has no source 777"):
        gaia.source(777)
    with offline():
        assert gaia.source(GOOD).g_mag == 9.5
        with pytest.raises(OfflineError):
            gaia.source(ABSENT)
    assert _asked(replay) == 1


def test_an_old_row_is_better_than_none(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from specviz.archives.gaia import client

    gaia = Gaia()
    gaia.sources([GOOD, NOTHING])
    monkeypatch.setattr(client, "QUERY_AGE", -1.0)
    replay.fault("status", "gaia/", times=-1, status=500)
    assert list(gaia.sources([NOTHING])) == [NOTHING]
    with pytest.raises(ServiceDownError):
        gaia.sources([GOOD, ABSENT])


def test_many_ids_are_asked_in_batches(replay: Any) -> None:
    ids = [2_000_000_000_000_000_000 + k for k in range(1100)]
    found = Gaia().sources(ids)
    assert len(found) == 1100 and found[str(ids[1000])].dec == pytest.approx(10.0)
    assert _asked(replay) == math.ceil(1100 / queries.BATCH)


def test_has_xp(replay: Any) -> None:
    assert Gaia().has_xp([GOOD, NOTHING, SAMPLED_ONLY, 777]) == {
        GOOD: (True, True), NOTHING: (False, False), SAMPLED_ONLY: (False, True), "777": (False, False),
    }  # fmt: skip
    assert Gaia("DR4").has_xp("4000000000000000001") == {"4000000000000000001": (None, None)}  # it does not say


# ------------------------------------------------------------------------------------------------ positions
def test_a_cone_gives_the_nearest_first_at_the_epoch_of_the_position(replay: Any) -> None:
    found = Gaia().cone(10.0, 20.0, 5.0, epoch=2016.0)
    assert [s.source_id for s in found] == [GOOD, NOTHING]
    assert [s.separation for s in found] == pytest.approx([0.0, 0.0005 * math.cos(math.radians(20)) * 3600], abs=1e-4)
    at_2000 = Gaia().cone(10.0, 20.0, 5.0)
    assert at_2000[0].separation == pytest.approx(16 * math.hypot(3, 5) / 1000, rel=1e-3)
    assert Gaia().cone(10.0, 20.0, 5.0, limit=1)[0].source_id == GOOD
    assert Gaia().cone(200.0, 80.0) == []
    assert not any("async" in line for line in replay.log)
    assert len(Gaia().cone(10.0, 20.0, 5.0, limit=1500)) == 2 and any("async" in line for line in replay.log)


def test_a_fast_star_is_found_where_it_was(replay: Any) -> None:
    """Barnard's star: in J2000 at 17:57:48.498 +04:41:36.21, by 2016 it has moved by 166 arcsec."""
    ra, dec = 269.452075, 4.693391
    for options in ({}, dict(pm_ra=-801.55, pm_dec=10362.39)):
        found = Gaia().cone(ra, dec, 2.0, **options)  # type: ignore[arg-type]
        assert [s.source_id for s in found] == [FAST] and found[0].separation == pytest.approx(0.1, abs=0.05)
    assert Gaia().cone(ra, dec, 2.0, epoch=2016.0) == []
    assert [s.source_id for s in Gaia().cone(269.448503, 4.739420, 2.0, epoch=2016.0)] == [FAST]
    assert Gaia().cone(269.448503, 4.739420, 2.0) == []  # at J2000 it was not there


@pytest.mark.parametrize("bad", [
    dict(ra=400.0), dict(dec=-91.0), dict(radius_arcsec=0.0), dict(radius_arcsec=1e6), dict(limit=0),
    dict(ra=float("nan")),
])  # fmt: skip
def test_an_impossible_cone(replay: Any, bad: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="A cone"):
        Gaia().cone(**{"ra": 1.0, "dec": 1.0, **bad})  # type: ignore[arg-type]
    assert not replay.log


# ------------------------------------------------------------------------------------------------ releases
def test_neighbours_in_both_directions(replay: Any) -> None:
    found = Gaia().neighbours(DR2, "DR2")
    assert [(n.release, n.source_id) for n in found] == [("DR3", NOTHING), ("DR3", GOOD)]  # nearest first
    assert found[0].separation_mas == pytest.approx(4.25) and found[1].magnitude_difference == pytest.approx(0.9)
    assert found[0].identifier == Identifier("Gaia", "DR3", NOTHING)
    back = Gaia().neighbours(GOOD, to_release="DR2")
    assert [(n.release, n.source_id) for n in back] == [("DR2", DR2)]
    assert Gaia().neighbours(Identifier("Gaia", "DR2", DR2))[0].source_id == NOTHING
    assert Gaia("DR4").neighbours(("DR3", GOOD))[0].source_id == "4000000000000000001"
    assert [n.source_id for n in Gaia().neighbours(GOOD, "EDR3")] == [GOOD]  # EDR3 and DR3 share their sources
    assert Gaia().neighbours(ABSENT, to_release="DR2") == []
    with pytest.raises(OptionError, match="No table joins Gaia DR2 to DR4"):
        Gaia("DR4").neighbours(DR2, "DR2")


def test_ids_in_every_spelling() -> None:
    dr3 = release_of("gaia dr3")
    many = [5, "Gaia DR3 6", "DR3 7", ("DR3", 8), Identifier("Gaia", "DR3", "9"), "Gaia EDR3 10", 5]
    assert source_ids_of(many, dr3) == ["5", "6", "7", "8", "9", "10"]
    assert source_ids_of(("DR3", "5937083312263887616"), dr3) == ["5937083312263887616"]
    assert source_ids_of([Neighbour("DR3", "11"), np.int64(12)], dr3) == ["11", "12"]
    assert source_ids_of(np.array([13, 14]), dr3) == ["13", "14"]
    assert source_ids_of((5, 6), dr3) == ["5", "6"] and source_ids_of("5", dr3) == ["5"]
    for bad in ("HD 1", "", "0", -3, "9999999999999999999", None, np.float64(5.0), "Gaia DR1 5"):
        with pytest.raises(OptionError):
            source_ids_of([bad], dr3)
    with pytest.raises(OptionError, match="DR9"):
        Gaia("DR9")


# ------------------------------------------------------------------------------------------------ questions
def test_a_question_of_2000_rows_is_answered_at_once_and_a_larger_one_as_a_job(replay: Any) -> None:
    few = Gaia().query("SELECT TOP 3 source_id FROM gaiadr3.gaia_source WHERE random_index < 9")
    assert few["source_id"].tolist() == [2_000_000_000_000_000_000 + k for k in range(3)]
    assert not any("async" in line for line in replay.log)
    many = Gaia().query("SELECT TOP 2500 source_id FROM gaiadr3.gaia_source WHERE random_index < 9", maxrec=2500)
    assert len(many) == 2500 and int(many["source_id"][-1]) == 2_000_000_000_000_002_499
    assert any("async" in line for line in replay.log)


@pytest.mark.parametrize(("mark", "maxrec"), [("", 2000), ("at_200", 2000), ("", 5000)])
def test_the_archives_own_words(replay: Any, mark: str, maxrec: int) -> None:
    with pytest.raises(QueryError, match="Unknown column 'no_such_column'"):
        Gaia().query(f"SELECT no_such_column, '{mark}' FROM gaiadr3.gaia_source", maxrec=maxrec)


@pytest.mark.parametrize(("fault", "error"), [
    ("garbage", BadReplyError), ("cut", BadReplyError), ("empty", BadReplyError),
])  # fmt: skip
def test_a_damaged_table_is_no_empty_one(replay: Any, fault: str, error: type[Exception]) -> None:
    replay.fault(fault, "tap/sync")
    with pytest.raises(error):
        Gaia().source(GOOD)
    assert Gaia().source(GOOD).g_mag == 9.5


def test_spectra_are_fetched_though_the_catalogue_is_down(replay: Any) -> None:
    replay.fault("status", "gaia/tap", times=-1, status=500)
    found = Gaia().xp([GOOD, NOTHING])
    assert list(found.spectra) == [GOOD] and found.missing == (NOTHING,)
    assert any("not known beforehand" in note for note in found.notes)


# ------------------------------------------------------------------------------------------------ as an archive
def test_resolve(replay: Any) -> None:
    gaia = Gaia()
    assert isinstance(gaia, Archive)
    (only,) = gaia.resolve(f"Gaia DR3 {GOOD}")
    assert (only.name, only.archive, only.summary) == (f"Gaia DR3 {GOOD}", "gaia", "G = 9.50")
    assert only.identifiers == (Identifier("Gaia", "DR3", GOOD),) and (only.pm_ra, only.pm_dec) == (3.0, -5.0)
    assert only.dec == pytest.approx(20.0 + 16 * 5e-3 / 3600, abs=1e-10)  # J2000
    assert [c.name for c in gaia.resolve(GOOD)] == [only.name]
    assert [c.identifiers[0].value for c in gaia.resolve(f"Gaia DR2 {DR2}")] == [NOTHING, GOOD]
    near = gaia.resolve("10.0 20.0")
    assert [c.identifiers[0].value for c in near] == [GOOD, NOTHING] and "arcsec away" in near[0].summary
    assert gaia.resolve("00h40m00s +20d00m00s")[0].name == only.name
    assert gaia.resolve("Gaia DR3 777777777777") == [] and gaia.resolve("obsid 353301001") == []


def test_fetch(replay: Any) -> None:
    star = Gaia().fetch(f"Gaia DR3 {GOOD}")
    assert star.name == f"Gaia DR3 {GOOD}" and list(star.spectra) == ["gaia_xp"]
    assert star.identifiers == (Identifier("Gaia", "DR3", GOOD),) and star.catalogue["teff"] == 5777
    assert star.dec == pytest.approx(20.0 + 16 * 5e-3 / 3600, abs=1e-10) and star.meta["epoch"] == 2000.0
    assert star.meta["services"]["gaia"].status == "found" and star.spectra["gaia_xp"].meta["release"] == "DR3"
    bare = Gaia().fetch(NOTHING)
    assert not bare.spectra and bare.meta["services"]["gaia"].text.endswith("no XP spectrum")
    with pytest.raises(AmbiguousError) as caught:
        Gaia().fetch("10.0 20.0")
    assert [c.name for c in caught.value.candidates] == [f"Gaia DR3 {GOOD}", f"Gaia DR3 {NOTHING}"]
    assert Gaia().fetch(caught.value.candidates[0].name).spectra
    with pytest.raises(NotFoundError):
        Gaia().fetch("Gaia DR3 777777777777")


def test_fetch_keeps_the_row_when_the_spectrum_fails(replay: Any) -> None:
    replay.fault("status", "data-server|gaia_aip", times=-1, status=503)
    star = Gaia().fetch(GOOD)
    assert not star.spectra and star.catalogue["teff"] == 5777
    outcome = star.meta["services"]["gaia"]
    assert outcome.status == "failed" and outcome.tries == 3 and "503" in outcome.text
    assert Gaia("DR4").fetch("Gaia DR4 4000000000000000001").meta["services"]["gaia"].status == "failed"


def test_a_name_goes_through_simbad(replay: Any) -> None:
    star = Gaia().fetch("hd140283")
    assert star.name == "Gaia DR3 6268770373590148224" and list(star.spectra) == ["gaia_xp"]
    assert (star.ra, star.dec) == pytest.approx((235.762904, -10.933499), abs=2e-6)  # SIMBAD's position, J2000
    assert any(line.startswith("POST simbad/") for line in replay.log)
    near = Gaia().resolve("235.762904 -10.933499")  # a star of 1.15 arcsec/yr is found where it was in J2000
    assert [c.name for c in near] == [star.name]
    assert Gaia().resolve("no such star anywhere") == []
