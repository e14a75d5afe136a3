"""``specviz.get`` and ``Sky``: one question, every archive, through real HTTP; what fails costs its own part only."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.archives.cache import cache
from specviz.archives.demo import DemoArchive
from specviz.archives.finder import Sky
from specviz.archives.local import LocalArchive
from specviz.archives.protocol import Candidate, Outcome
from specviz.archives.transport import Monitor, Step
from specviz.errors import (
    AmbiguousError,
    ArchiveError,
    CancelledError,
    NotFoundError,
    OfflineError,
    OptionError,
    ReadError,
    ServiceDownError,
)

#: A star of the replayed sky that LAMOST saw twice and Gaia has an XP spectrum of.
BOTH = "150 20"


def _status(star: Any) -> dict[str, str]:
    return {key: outcome.status for key, outcome in star.meta["services"].items()}


def test_a_name(replay: Any) -> None:
    star = specviz.get("HD 140283")
    assert star.name == "HD 140283"
    assert set(star.spectra) == {"gaia_xp"}
    assert _status(star) == {"simbad": "found", "gaia": "found", "lamost": "none"}
    assert str(star.source_id) == "Gaia DR3 6268770373590148224"
    assert star.meta["gaia_source"].parallax == pytest.approx(16.267)
    assert specviz.get("hd140283").name == "HD 140283"  # as SIMBAD spells it


def test_both_surveys_of_a_position(replay: Any) -> None:
    star = specviz.get(BOTH)
    assert set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    assert [o.obsid for o in star.meta["observations"]] == [700000002, 700000001]  # best S/N first
    assert star.obsid == "700000002"
    assert star.catalogue["teff"] == 5790.0 and star.catalogue["source"] == "LASP, DR11 v2.0"
    assert star.catalogue["teff_err"] == 25.0
    assert next(iter(star.catalogues)) == "LASP" and dict(star.catalogues["LASP"]) == dict(star.catalogue)
    assert all(name.startswith("G") for name in list(star.catalogues)[1:])  # Gaia's beside it
    assert {i.release for i in star.identifiers if i.archive == "Gaia"} == {"DR3"}
    assert "2 visits" in star.meta["services"]["lamost"].text


@pytest.mark.parametrize("text", ["obsid 353301001", "353301001"])
def test_an_obsid_is_that_spectrum(replay: Any, text: str) -> None:
    star = specviz.get(text)
    assert star.obsid == "353301001" and "lamost_lrs" in star.spectra
    assert star.spectra["lamost_lrs"].meta["obsid"] == 353301001


def test_an_obsid_is_that_spectrum_even_where_another_visit_is_better(replay: Any) -> None:
    star = specviz.get("obsid 700000001")
    assert star.obsid == "700000001"
    assert "2 visits" in star.meta["services"]["lamost"].text


def test_a_gaia_source(replay: Any) -> None:
    star = specviz.get("Gaia DR3 5937083312263887616")
    assert star.name == "Gaia DR3 5937083312263887616"
    assert specviz.get("5937083312263887616").source_id == star.source_id
    with pytest.raises(NotFoundError, match="no source"):
        specviz.get("Gaia DR3 123456789012345678")


def test_the_recorded_spectrum_is_the_archives(replay: Any, shared: Path) -> None:
    """The recorded coefficients of Gaia DR3 5937083312263887616, calibrated here, against the recorded samples."""
    from specviz.archives.gaia import Gaia

    star = specviz.get("Gaia DR3 5937083312263887616")
    sampled = Gaia().xp(5937083312263887616, "sampled").spectra["5937083312263887616"].spectra["gaia_xp"]
    ours = star.spectra["gaia_xp"]
    assert np.median(np.abs(ours.flux / sampled.flux - 1)) < 1e-4
    assert np.median(np.abs(np.sqrt(sampled.ivar / ours.ivar) - 1)) < 1e-3


def test_catalogue_numbers(replay: Any) -> None:
    star = specviz.get("KIC 10424789", light_curve=True)
    assert star.name == "KIC 10424789"
    assert star.light_curve is not None and len(star.light_curve) > 500
    assert _status(star)["mast"] == "found"
    assert specviz.get("TIC 45391862").source_id.value == "6268770373590148224"


def test_a_number_that_only_mast_knows(replay: Any) -> None:
    """SIMBAD does not answer: MAST's catalogue gives the position, and the trouble is told."""
    replay.fault("status", "^simbad/", times=-1, status=500)
    star = specviz.get("TIC 270693998")
    assert star.spectra and star.source_id.value == "2086512227851023872"
    assert _status(star)["simbad"] == "failed" and _status(star)["mast"] == "found"
    with pytest.raises(ServiceDownError):
        specviz.get("HD 140283")


def test_nobody_knows_it(replay: Any) -> None:
    with pytest.raises(NotFoundError, match="know “Nobody 1234”") as caught:
        specviz.get("Nobody 1234")
    assert "HD 140283" in str(caught.value)  # what would have been right
    with pytest.raises(NotFoundError, match="within 5″"):
        specviz.get("0.5 -80.5")


def test_known_but_without_a_spectrum(replay: Any) -> None:
    with pytest.raises(NotFoundError, match="There is no spectrum of Vega") as caught:
        specviz.get("Vega")
    assert "LAMOST has not observed this star" in str(caught.value)


def test_one_service_down_costs_its_own_part(replay: Any) -> None:
    replay.fault("status", "^gaia/data-server", times=-1, status=503)
    replay.fault("status", "^gaia_aip/", times=-1, status=503)
    star = specviz.get(BOTH)
    assert set(star.spectra) == {"lamost_lrs"}
    outcome = star.meta["services"]["gaia"]
    assert outcome.status == "failed" and outcome.tries == 3 and "fault of its own" in outcome.text
    replay.faults.clear()
    assert set(specviz.get(BOTH).spectra) == {"lamost_lrs", "gaia_xp"}  # a failure is not remembered


def test_every_service_down(replay: Any) -> None:
    replay.fault("reset", "^(gaia|gaia_aip|lamost)/", times=-1)
    with pytest.raises(ArchiveError, match=r"Gaia|LAMOST"):
        specviz.get("HD 140283")


def test_a_login_page_is_no_spectrum(replay: Any) -> None:
    replay.fault("login", "^lamost/.*fits", times=-1)
    star = specviz.get(BOTH)
    assert "lamost_lrs" not in star.spectra
    assert "login" in star.meta["services"]["lamost"].text
    assert not [e for e in cache().entries("lamost") if e.key.id.startswith("fits")]


def test_a_list_goes_on(replay: Any) -> None:
    stars = specviz.get([BOTH, "Nobody 1234", "demo 3"])
    assert [bool(s.spectra) for s in stars] == [True, False, True]
    assert "Nobody 1234" in stars[1].meta["error"]
    reports = specviz.analyse(stars)
    assert [bool(r.problem) for r in reports] == [False, True, False]
    assert "lamost_lrs" in reports[0].posteriors and "gaia_xp" in reports[0].posteriors


def test_what_was_fetched_is_there_without_a_network(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    online = [specviz.get(name) for name in (BOTH, "HD 140283", "obsid 353301001")]
    asked = len(replay.log)
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    for name, before in zip((BOTH, "HD 140283", "obsid 353301001"), online, strict=True):
        star = specviz.get(name)
        assert set(star.spectra) == set(before.spectra) and star.identifiers == before.identifiers
        for survey, spectrum in star.spectra.items():
            np.testing.assert_array_equal(spectrum.flux, before.spectra[survey].flux)
        assert "offline" not in _status(star).values()
    with pytest.raises(OfflineError, match="has not been fetched before") as caught:
        specviz.get("Vega")
    assert "3 stars fetched before" in str(caught.value)
    assert len(replay.log) == asked
    assert specviz.get("demo 1").name == "demo 1"


def test_a_sky_that_is_told_to_stay_offline(replay: Any) -> None:
    sky = Sky(online=False)
    assert not sky.reachable and "offline" in repr(sky)
    with pytest.raises(OfflineError):
        sky.fetch("HD 140283")
    assert replay.log == []
    sky.online = True
    assert sky.fetch("HD 140283").spectra


def test_asking_again(replay: Any) -> None:
    sky = Sky()
    sky.fetch(BOTH)
    asked = len(replay.log)
    sky.fetch(BOTH)
    assert len(replay.log) == asked
    sky.fetch(BOTH, again=True)
    assert len(replay.log) > asked
    replay.fault("reset", "", times=-1)
    star = sky.fetch(BOTH, again=True)  # nobody answers now: what is there stands in, and says so
    assert set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    assert set(_status(star).values()) == {"kept"}


def test_ambiguous_positions_are_choices(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources 1.8 arcsec apart and alike in brightness; a third is much fainter."""
    sky = sys.modules["replay_routes_gaia"].SKY
    plain = {k: v for k, v in sky[1000000000000000003].items() if k not in ("source_id", "ra", "dec")}
    for number, (dec, mag) in enumerate([(-5.0, 12.0), (-5.0005, 13.0), (-4.9995, 19.0)]):
        one = 2000000000000000100 + number  # of those that have coefficients
        row = {**plain, "source_id": one, "ra": 30.5, "dec": dec, "phot_g_mean_mag": mag}
        monkeypatch.setitem(sky, one, row)
    with pytest.raises(AmbiguousError) as caught:
        specviz.get("30.5 -5")
    names = [c.name for c in caught.value.candidates]
    assert len(names) == 2 and all(name.startswith("Gaia DR3 ") for name in names)
    assert [c.name for c in Sky().resolve("30.5 -5")] == names
    choice = caught.value.candidates[1]
    assert specviz.get(choice).source_id.value == names[1].split()[-1]


def test_demo_searches(replay: Any) -> None:
    sky = Sky()
    assert sky.fetch("demo carbon star").meta  # a kind is its first star
    with pytest.raises(AmbiguousError) as caught:
        sky.fetch("demo K giant")
    assert len(caught.value.candidates) == 20
    with pytest.raises(OptionError, match="tef"):
        sky.fetch("demo tef=5000..6000")
    assert sky.resolve("demo 7")[0].name == "demo 7"
    assert replay.log == []


def test_your_own_files_come_first(replay: Any, tmp_path: Path) -> None:
    star = DemoArchive().star(0)
    spectrum = star.spectra["lamost_lrs"]
    text = "\n".join(f"{w:.3f} {f:.6g}" for w, f in zip(spectrum.wavelength, spectrum.flux, strict=True))
    (tmp_path / "HD 140283.txt").write_text("# wavelength flux\n" + text)
    sky = Sky(locals=[LocalArchive(tmp_path)])
    assert sky.fetch("HD 140283").spectra.keys() == {"other"} or "lamost_lrs" in sky.fetch("HD 140283").spectra
    assert replay.log == []
    assert [c.archive for c in sky.suggest("hd 14")] == ["local"]


def test_a_damaged_file_of_yours_does_not_cost_the_other_suggestions(replay: Any, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "junk.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"junk" * 100)
    sky = Sky(locals=[LocalArchive(tmp_path / "junk.h5")])
    assert sky.suggest("demo 4")[0].name == "demo 4"
    with pytest.raises(ReadError, match=r"junk\.h5: damaged"):
        sky.fetch("HD 140283")


def test_suggestions_never_ask_the_network(replay: Any) -> None:
    sky = Sky()
    assert sky.suggest("") == [] and sky.suggest("hd") == []
    sky.fetch("HD 140283")
    asked = len(replay.log)
    found = sky.suggest("hd 1")
    assert [c.name for c in found] == ["HD 140283"] and found[0].archive == "kept"
    assert "Gaia XP" in found[0].summary
    names = [c.name for c in sky.suggest("demo")]
    assert "demo sun-like" in names or "demo 1" in names
    assert sky.suggest("demo 4")[0].name == "demo 4"
    for typed in ("demo t", "demo tef", "demo tef>3", "demo teff=", "demo teff=5600..", "demo >"):
        sky.suggest(typed)
    for n in range(20):
        sky.suggest(f"demo {n}")
    assert len(replay.log) == asked


def test_progress_tells_each_service(replay: Any) -> None:
    steps: list[Step] = []
    specviz.get(BOTH, progress=steps.append)
    words = {(s.service, s.words) for s in steps}
    assert {("gaia", "asking"), ("gaia", "found"), ("lamost", "found"), ("lamost", "receiving")} <= words
    assert max(s.received for s in steps if s.service == "lamost") > 10_000


def test_a_cancel_stops_every_service(replay: Any) -> None:
    replay.fault("slow", "", times=-1, seconds=300)
    monitor, got = Monitor(), []

    def work() -> None:
        try:
            Sky().fetch(BOTH, monitor)
        except BaseException as error:  # noqa: BLE001 - looked at below
            got.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 60
    while not replay.log and time.monotonic() < deadline:
        time.sleep(0.02)
    monitor.cancel()
    thread.join(60)
    assert isinstance(got[0], CancelledError)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(t.name.startswith("specviz-archive") for t in threading.enumerate()):
        time.sleep(0.02)
    assert [t.name for t in threading.enumerate() if t.name.startswith("specviz-archive")] == []


def test_an_event_cancels_too(replay: Any) -> None:
    replay.fault("slow", "", times=-1, seconds=300)
    event = threading.Event()
    threading.Timer(0.3, event.set).start()
    with pytest.raises(CancelledError):
        specviz.get("HD 140283", cancel=event)


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(OptionError, match="Did you mean 'light_curve'"):
        specviz.get("demo 1", lightcurve=True)
    with pytest.raises(OptionError, match="release"):
        Sky(release="3")
    with pytest.raises(NotFoundError):
        specviz.get("")


def test_two_threads_share_a_sky(replay: Any) -> None:
    sky, stars = Sky(), []
    threads = [threading.Thread(target=lambda: stars.append(sky.fetch(BOTH))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stars) == 4 and all(set(s.spectra) == {"lamost_lrs", "gaia_xp"} for s in stars)


def test_outcomes_and_candidates_are_plain() -> None:
    assert Outcome("none").tries == 1
    assert Candidate("x", "gaia").identifiers == ()


def test_lamost_down_but_vizier_knows(replay: Any) -> None:
    """The catalogue's copy at VizieR gives the values and tells which spectrum there would be."""
    replay.fault("status", "^lamost/", times=-1, status=503)
    star = specviz.get("HD 140283")
    outcome = star.meta["services"]["lamost"]
    assert outcome.status == "failed" and outcome.tries == 3
    assert "VizieR lists obsid 353301001" in outcome.text
    assert star.catalogue["teff"] == pytest.approx(5765.4) and "VizieR" in star.catalogue["source"]
    replay.fault("status", "^vizier/", times=-1, status=503)
    cache().clear("vizier")
    assert "VizieR" not in specviz.get("HD 140283").meta["services"]["lamost"].text


def test_a_designation_is_the_star_that_was_there_in_2000(replay: Any) -> None:
    """HD 140283 has moved 18 arcsec since."""
    star = specviz.get("LAMOST J154303.08-105600.4")
    assert star.source_id.value == "6268770373590148224"
