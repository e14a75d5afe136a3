"""MAST through HTTP: stars of the TIC and the KIC, names, lists of light curves, and the files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives import mast
from specviz.archives.transport import Monitor, watching
from specviz.errors import BadReplyError, CancelledError, OptionError, QueryError, ServiceTimeoutError
from specviz.spectra.star import Identifier


def test_a_tic_number_from_the_recorded_catalogue(replay: Any, shared: Path) -> None:
    found = mast.lookup("TIC 10000732586")
    assert found is not None
    assert replay.log == ["POST mast/api/v0/invoke"]
    assert (found.ra, found.dec, found.pm_ra) == (254.306534, -4.146354, None)
    assert dict(found.catalogue) == {"tmag": 15.997, "tmag_err": 0.17, "source": "TIC 20171221"}
    assert found.identifiers == (
        Identifier("TIC", "", "10000732586"),
        Identifier("2MASS", "", "J16571356-0408468"),
    )
    assert mast.lookup("TIC 10000732586") == found
    assert len(replay.log) == 1


def test_the_answer_may_hold_other_stars(replay: Any, shared: Path) -> None:
    """The recorded answer has seven rows; none is the one asked for."""
    assert mast.lookup("TIC 1000") is None


def test_a_kic_number(replay: Any) -> None:
    found = mast.lookup("kic 10424789")
    assert found is not None
    assert found.name == "KIC 10424789"
    assert (found.ra, found.dec, found.pm_ra, found.pm_dec) == (298.61874, 47.56796, -3.2, -5.1)
    assert found.identifiers == (
        Identifier("TIC", "", "270693998"),
        Identifier("KIC", "", "10424789"),
        Identifier("Gaia", "DR2", "2086512227851023872"),
        Identifier("2MASS", "", "J19542849+4734046"),
    )
    assert dict(found.catalogue) == {
        "teff": 5930.0, "teff_err": 120.0, "logg": 4.43, "fe_h": -0.42, "fe_h_err": 0.2, "tmag": 14.4,
        "tmag_err": 0.01, "source": "TIC 20190415",
    }  # fmt: skip


def test_a_kic_number_that_only_the_resolver_knows(replay: Any) -> None:
    found = mast.lookup("KIC 5899262")
    assert found is not None
    assert (found.ra, found.dec) == (297.774041, 41.19022)
    assert found.identifiers == (Identifier("KIC", "", "5899262"),)
    assert len(replay.log) == 2
    assert mast.lookup("KIC 5") is None


@pytest.mark.parametrize(
    ("name", "ra", "dec", "who"),
    [
        ("TIC 307210830", 124.531756290083, -68.3129998725044, "TIC"),
        ("Barnard's star", 269.4520769586187, 4.6933649665767, "SIMBAD"),
        ("M1", 83.6324, 22.0174, "SIMBAD"),
    ],
)
def test_recorded_positions(replay: Any, shared: Path, name: str, ra: float, dec: float, who: str) -> None:
    found = mast.position(name)
    assert found is not None
    assert (found.ra, found.dec, found.source) == (ra, dec, who)


def test_a_name_that_nobody_knows(replay: Any) -> None:
    assert mast.position("nobody") is None
    assert mast.position("  ") is None
    assert len(replay.log) == 1


def test_a_question_that_takes_its_time(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mast, "FIRST_LOOK", 0.01)
    found = mast.position("a star that takes its time")
    assert found is not None
    assert (found.ra, found.dec) == (10.5, -20.25)
    assert len(replay.log) == 3


def test_a_question_that_never_ends(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mast, "FIRST_LOOK", 0.01)
    monkeypatch.setattr(mast, "QUESTION_SECONDS", 0.05)
    with pytest.raises(ServiceTimeoutError, match="has not answered within"):
        mast.position("never done")


def test_waiting_is_cancelled(replay: Any) -> None:
    steps: list[str] = []

    def see(step: Any) -> None:
        steps.append(step.words)
        if step.words == "working on the question":
            monitor.cancel()

    monitor = Monitor(see)
    with watching(monitor), pytest.raises(CancelledError):
        mast.position("never done")
    assert steps[-1] == "working on the question"


def test_a_refusal_in_the_words_of_the_service(replay: Any) -> None:
    with pytest.raises(QueryError, match="MAST refuses the question: The resolver is out of order"):
        mast.position("broken")


def test_kepler_light_curves_are_listed(replay: Any) -> None:
    found = mast.light_curves("KIC 10424789")
    assert [(p.period, p.cadence) for p in found] == [(2, "long"), (1, "long"), (0, "long"), (2, "short")]
    best = found[0]
    assert best.filename == "kplr010424789-2009259160929_llc.fits"
    assert (best.mission, best.target, best.size) == ("Kepler", "KIC 10424789", 463680)
    assert best.label == "Kepler quarter 2, long cadence"
    assert mast.light_curves("KIC 10424789") == found
    assert len(replay.log) == 3  # observations, and two pages of products


def test_tess_light_curves_are_listed(replay: Any) -> None:
    found = mast.light_curves("TIC 307210830")
    assert [(p.period, p.cadence) for p in found] == [(2, "2 min"), (1, "2 min"), (28, "20 s")]
    assert found[0].label == "TESS sector 2, 2 min cadence"
    assert {p.mission for p in found} == {"TESS"}


def test_recorded_lists_without_a_light_curve(replay: Any, shared: Path) -> None:
    """Nineteen observations of Hubble and GALEX, twenty-two products: nothing for us among them."""
    assert mast.light_curves("KIC 7") == []
    assert len(replay.log) == 2
    obsids = replay.asked[1].form["request"]
    assert "2003585980" in obsids


def test_no_light_curves(replay: Any) -> None:
    assert mast.light_curves("TIC 5") == []
    assert mast.light_curves("EPIC 201367065") == []
    assert len(replay.log) == 2


def test_a_kepler_file(replay: Any, shared: Path) -> None:
    product = mast.light_curves("KIC 10424789")[1]
    curve = mast.fetch_light_curve(product)
    assert curve.meta["quarter"] == 1
    assert curve.meta["kind"] == "PDCSAP_FLUX"
    assert len(curve) > 1500
    assert 2454964.0 < curve.time[0] < 2454965.0
    assert np.isfinite(curve.flux).all()
    star = mast.fetch_star(product)
    assert (star.ra, star.dec) == (298.61874, 47.56796)
    assert star.catalogue["teff"] == 5930
    downloads = [line for line in replay.log if "Download" in line]
    assert len(downloads) == 1
    assert downloads[0].endswith("uri=" + product.uri)


def test_the_best_kepler_file_is_the_longest(replay: Any, shared: Path) -> None:
    curve = mast.fetch_light_curve(mast.light_curves("KIC 10424789")[0])
    assert curve.meta["quarter"] == 2
    assert len(curve) > 4000


def test_a_tess_file(replay: Any) -> None:
    curve = mast.fetch_light_curve(mast.light_curves("TIC 307210830")[1])
    assert len(curve) == 19
    assert curve.meta["sector"] == 1
    assert curve.time[0] == pytest.approx(2458325.3)
    assert curve.flux[-1] == 5019.0


def test_a_file_that_is_not_there(replay: Any) -> None:
    product = mast.light_curves("KIC 10424789")[-1]
    with pytest.raises(QueryError, match="404"):
        mast.fetch_light_curve(product)


@pytest.mark.parametrize("fault", ["garbage", "cut", "empty", "login"])
def test_a_damaged_file_is_not_kept(replay: Any, fault: str) -> None:
    from specviz.errors import ArchiveError

    product = mast.light_curves("TIC 307210830")[0]
    replay.fault(fault, "mast/api/v0.1/Download")
    with pytest.raises(ArchiveError):
        mast.fetch_light_curve(product)
    assert len(mast.fetch_light_curve(product)) == 19


@pytest.mark.parametrize("fault", ["garbage", "cut", "empty"])
def test_a_damaged_list_is_not_kept(replay: Any, fault: str) -> None:
    replay.fault(fault, "mast/api/v0/invoke")
    with pytest.raises(BadReplyError):
        mast.light_curves("KIC 10424789")
    assert len(mast.light_curves("KIC 10424789")) == 4


@pytest.mark.parametrize("name", ["HD 140283", "353301001", "10 20"])
def test_what_is_no_number_of_a_catalogue(replay: Any, name: str) -> None:
    with pytest.raises(OptionError, match="no number of the TESS or Kepler catalogues"):
        mast.lookup(name)
    with pytest.raises(OptionError):
        mast.light_curves(name)
    assert replay.log == []
