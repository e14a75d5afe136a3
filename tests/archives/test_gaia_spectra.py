"""XP and RVS spectra of the Gaia archive through real HTTP: numbers, matching, both vocabularies, what goes wrong."""

from __future__ import annotations

import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.gaia import Gaia, door, queries, spectra
from specviz.archives.transport import Monitor, offline, watching
from specviz.errors import (
    BadReplyError,
    CancelledError,
    LoginRequiredError,
    NotASpectrumError,
    OfflineError,
    OptionError,
    QueryError,
    ServiceDownError,
)
from specviz.spectra.readers import read_all, read_bytes
from specviz.spectra.xp_calibration import band_of_meta, xp_covariance

GOOD, NOTHING, ABSENT, SAMPLED_ONLY, FAST, RED_ONLY = (str(1_000_000_000_000_000_000 + k) for k in range(1, 7))
RECORDED = "5937083312263887616"
COMING = ("910000000000000001", "910000000000000002")
TROUBLE = [str(990_000_000_000_000_000 + k) for k in range(1, 8)]
DR4_COEFFICIENTS, DR4_SAMPLED = "4000000000000000001", "4000000000000000002"


@pytest.fixture(autouse=True)
def _todays_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "_working", "RAW")


@pytest.fixture(autouse=True)
def _nothing_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """astroquery prints its errors; a notebook shall not see that."""
    yield
    assert capfd.readouterr() == ("", "")


def _requests(replay: Any, path: str = "/data-server/data") -> list[dict[str, str]]:
    return [asked.form for asked in replay.asked if asked.path == path]


# ------------------------------------------------------------------------------------------------ numbers
def test_recorded_coefficients_agree_with_the_recorded_sampled_spectrum(replay: Any, shared: Path) -> None:
    """The archive sampled this star itself: our calibration of its coefficients is the same spectrum."""
    gaia = Gaia()
    ours = gaia.xp(int(RECORDED), "continuous").spectra[RECORDED].spectra["gaia_xp"]
    theirs = gaia.xp(int(RECORDED), "sampled").spectra[RECORDED].spectra["gaia_xp"]
    assert len(ours) == len(theirs) == 343 and ours.flux_unit == theirs.flux_unit == "W m-2 nm-1"
    np.testing.assert_array_equal(ours.wavelength, theirs.wavelength)
    # services.md 2.3: the official calibration agrees with the archive to 4e-6 in flux and 1.6e-6 in the error.
    np.testing.assert_allclose(ours.flux, theirs.flux, rtol=5e-6)
    np.testing.assert_allclose(ours.sigma, theirs.sigma, rtol=3e-6)
    assert float(np.median(ours.flux / ours.sigma)) == pytest.approx(
        float(np.median(theirs.flux / theirs.sigma)), rel=1e-4
    )
    band = band_of_meta(ours.meta, "bp")
    assert band is not None and band.correlations is not None and band.correlations.size == 55 * 54 // 2
    covariance = xp_covariance(ours)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), ours.sigma, rtol=1e-9)
    assert (
        ours.meta["release"] == "DR3" and str(gaia.xp(RECORDED).spectra[RECORDED].source_id) == f"Gaia DR3 {RECORDED}"
    )


def test_a_spectrum_from_the_cache_is_the_archives_own_to_the_bit(replay: Any, shared: Path) -> None:
    fresh = Gaia().xp([RECORDED], "continuous").spectra[RECORDED].spectra["gaia_xp"]
    asked = len(replay.log)
    again = Gaia().xp([RECORDED], "continuous").spectra[RECORDED].spectra["gaia_xp"]
    assert len(replay.log) == asked
    path = shared / f"data/fixtures/astroquery_gaia/gaia_dr3_source_id_{RECORDED}_dl_products_vot.zip"
    with zipfile.ZipFile(path) as packed:
        name = next(n for n in packed.namelist() if n.startswith("XP_CONTINUOUS"))
        direct = read_bytes(packed.read(name), name)[0].spectra["gaia_xp"]
    for other in (again, direct):
        np.testing.assert_array_equal(fresh.flux, other.flux)
        np.testing.assert_array_equal(fresh.ivar, other.ivar)
        for key in ("bp_coefficients", "rp_coefficient_errors", "bp_coefficient_correlations"):
            np.testing.assert_array_equal(fresh.meta[key], other.meta[key])


def test_one_recorded_file_of_many_rows_is_matched_by_id(replay: Any, shared: Path) -> None:
    """XP_CONTINUOUS_RAW.xml holds two sources in an order of its own."""
    ids = ["5762406957886626816", GOOD, "5853498713190525696"]
    found = Gaia().xp(ids)
    assert list(found.spectra) == ids and not found.missing
    known = {
        s.source_id.value: s for s in read_all(shared / "data/fixtures/gaiaxpy/XP_CONTINUOUS_RAW.xml") if s.source_id
    }
    for one in (ids[0], ids[2]):
        np.testing.assert_array_equal(found.spectra[one].spectra["gaia_xp"].flux, known[one].spectra["gaia_xp"].flux)


def test_rvs_is_in_vacuum_angstrom_and_at_rest(replay: Any) -> None:
    found = Gaia().rvs([GOOD, NOTHING])
    assert found.missing == (NOTHING,) and list(found.spectra) == [GOOD]
    spectrum = found.spectra[GOOD].spectra["other"]
    assert len(spectrum) == 2401 and spectrum.frame == "rest" and spectrum.meta["layout"] == "gaia_rvs"
    assert spectrum.wavelength[[0, -1]].tolist() == [8460.0, 8700.0]
    assert spectrum.wavelength[np.argmin(spectrum.flux)] == pytest.approx(8664.5)
    assert spectrum.sigma[0] == pytest.approx(0.02) and found.spectra[GOOD].ra == 10.0
    assert _requests(replay)[0]["RETRIEVAL_TYPE"] == "RVS" and _requests(replay)[0]["ID"] == GOOD


def test_a_source_with_rp_only(replay: Any) -> None:
    spectrum = Gaia().xp(RED_ONLY).spectra[RED_ONLY].spectra["gaia_xp"]
    assert spectrum.meta["missing_bands"] == ("bp",)
    assert np.isnan(spectrum.flux[spectrum.wavelength <= 635]).all() and np.isfinite(spectrum.flux[-100:]).all()


# ------------------------------------------------------------------------------------------------ who is asked for what
def test_nothing_is_asked_in_vain_and_what_is_absent_is_said(replay: Any) -> None:
    found = Gaia().xp([NOTHING, ABSENT, GOOD, SAMPLED_ONLY, FAST, "123456"])
    assert list(found.spectra) == [GOOD, SAMPLED_ONLY]
    assert found.missing == (NOTHING, ABSENT, FAST, "123456") and not found.failed
    first, second = _requests(replay)
    assert first["RETRIEVAL_TYPE"] == "XP_CONTINUOUS" and set(first["ID"].split(",")) == {ABSENT, GOOD}
    assert second["RETRIEVAL_TYPE"] == "XP_SAMPLED" and set(second["ID"].split(",")) == {ABSENT, SAMPLED_ONLY}
    assert found.spectra[SAMPLED_ONLY].spectra["gaia_xp"].meta["layout"] == "gaia_xp_sampled"
    Gaia().xp([ABSENT, NOTHING])  # that there is none is remembered
    assert len(_requests(replay)) == 2


def test_only_sources_without_anything(replay: Any) -> None:
    found = Gaia().xp([NOTHING])
    assert (len(found), found.missing) == (0, (NOTHING,)) and not _requests(replay)
    assert repr(found) == "<XpResult Gaia DR3: 0 spectra, 1 missing, 0 failed>"


def test_a_long_list_goes_in_batches_with_the_release_in_each(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert queries.BATCH <= 1000
    monkeypatch.setattr(queries, "BATCH", 40)
    ids = [2_000_000_000_000_000_000 + k for k in range(100)]
    found = Gaia().xp(ids, "continuous")
    assert [int(one) for one in found.spectra] == ids and not found.missing
    forms = _requests(replay)
    assert [len(f["ID"].split(",")) for f in forms] == [40, 40, 20]
    assert {f["RELEASE"] for f in forms} == {"Gaia DR3"} and {f["USE_ZIP_ALWAYS"] for f in forms} == {"true"}
    coefficients = found.spectra[str(ids[77])].spectra["gaia_xp"].meta["bp_coefficients"]
    rng = np.random.default_rng(ids[77] % 2**32)
    rng.normal(size=(55, 55))
    np.testing.assert_array_equal(coefficients, 800.0 * 0.7 ** np.arange(55) * (1 + 0.05 * rng.normal(size=55)))


def test_a_service_that_is_down_is_not_asked_for_every_batch(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 10)
    ids = [2_000_000_000_000_000_000 + k for k in range(50)]
    Gaia().xp(ids[:10], "sampled")
    asked = len(_requests(replay))
    replay.fault("status", "gaia/data-server", times=-1, status=503)
    found = Gaia().xp(ids, "sampled")
    assert len(found.spectra) == 10 and len(found.failed) == 40
    assert {type(error) for error in found.failed.values()} == {ServiceDownError}
    assert len(_requests(replay)) - asked == 3  # the tries of one request


def test_a_batch_that_is_refused_does_not_stop_the_next(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 2)
    found = Gaia().xp([TROUBLE[0], NOTHING, RED_ONLY, GOOD], "continuous")
    assert list(found.spectra) == [GOOD] and found.missing == (NOTHING,)
    assert {one: type(error) for one, error in found.failed.items()} == dict.fromkeys(
        (TROUBLE[0], RED_ONLY), BadReplyError
    )  # they were asked for together


def test_gaia_at_aip_serves_the_rest_of_a_list(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 10)
    ids = [2_000_000_000_000_000_000 + k for k in range(30)]
    Gaia().sources(ids)
    replay.fault("status", "gaia/data-server", times=-1, status=503)
    found = Gaia().xp(ids)
    assert len(found.spectra) == 30 and len(found.notes) == 1
    assert len(_requests(replay)) == 3 and len(_requests(replay, "/tap/sync")) == 3  # tries of one request; batches


def test_the_vocabulary_that_works_is_remembered(replay: Any) -> None:
    gaia = Gaia()
    assert gaia.xp(COMING[0], "continuous").spectra
    assert gaia.xp(COMING[1], "continuous").spectra
    assert [f["DATA_STRUCTURE"] for f in _requests(replay)] == ["RAW", "DATAMODEL_GAIA", "DATAMODEL_GAIA"]
    assert gaia.xp(GOOD, "continuous").spectra  # and the old one is found again
    assert [f["DATA_STRUCTURE"] for f in _requests(replay)][3:] == ["DATAMODEL_GAIA", "RAW"]


@pytest.mark.parametrize(("structure", "source"), [("INDIVIDUAL", GOOD), ("DATAMODEL_STANDARD", COMING[0])])
@pytest.mark.parametrize("retrieval", ["XP_CONTINUOUS", "XP_SAMPLED"])
def test_one_file_a_source_reads_as_one_file_of_many(replay: Any, structure: str, source: str, retrieval: str) -> None:
    files = door.load_data([source], retrieval=retrieval, release="Gaia DR3", structure=structure)
    assert list(files) == [f"{retrieval}-Gaia DR3 {source}.xml"]
    kind = "continuous" if retrieval == "XP_CONTINUOUS" else "sampled"
    data = spectra.split(files, "DR3")[kind, source]
    other = Gaia().xp(source, kind).spectra[source].spectra["gaia_xp"]  # type: ignore[arg-type]
    np.testing.assert_array_equal(read_bytes(data, "x.fits")[0].spectra["gaia_xp"].flux, other.flux)


# ------------------------------------------------------------------------------------------------ DR4
def test_coefficients_of_dr4_are_not_calibrated_with_the_matrices_of_dr3(replay: Any) -> None:
    with pytest.raises(NotASpectrumError, match=r"DR4.*cannot be calibrated here.*Gaia DR3"):
        Gaia("DR4").xp(DR4_COEFFICIENTS)
    found = Gaia("DR4").xp([DR4_COEFFICIENTS, ("DR4", DR4_SAMPLED)])
    assert set(found.failed) == {DR4_COEFFICIENTS} and list(found.spectra) == [DR4_SAMPLED] and found.release == "DR4"
    star = found.spectra[DR4_SAMPLED]
    assert str(star.source_id) == f"Gaia DR4 {DR4_SAMPLED}" and star.spectra["gaia_xp"].meta["release"] == "DR4"
    assert {(f["RELEASE"], f["RETRIEVAL_TYPE"]) for f in _requests(replay)} == {("Gaia DR4", "MEAN_SPECTRUM_XP")}


def test_ids_of_another_release_are_refused(replay: Any) -> None:
    for given in ("Gaia DR4 4000000000000000001", ("DR2", 5), "Gaia DR2 5"):
        with pytest.raises(OptionError, match="not of Gaia DR3"):
            Gaia().xp([given])
    with pytest.raises(OptionError, match="lost digits"):
        Gaia().xp(5.937083312263888e18)
    with pytest.raises(OptionError, match="kind="):
        Gaia().xp(GOOD, "both")  # type: ignore[arg-type]
    assert Gaia("EDR3").xp(GOOD).missing == (GOOD,) and Gaia("DR2").rvs("12345").missing == ("12345",)
    assert not replay.log


# ------------------------------------------------------------------------------------------------ trouble
@pytest.mark.parametrize(("source", "error", "words"), [
    (TROUBLE[0], BadReplyError, "not the zip of products: The data server is out of spectra today"),
    (TROUBLE[1], QueryError, "Number of sources exceeds the maximum allowed"),
    (TROUBLE[2], BadReplyError, "sends Gaia DR2 where Gaia DR3 was asked for"),
    (TROUBLE[3], QueryError, "Invalid value for ID"),
    (TROUBLE[4], BadReplyError, "damaged|not the zip"), (TROUBLE[6], BadReplyError, "cannot be read"),
])  # fmt: skip
def test_a_wrong_answer_is_told_in_the_archives_words_and_not_kept(
    replay: Any, source: str, error: type[Exception], words: str
) -> None:
    for _ in range(2):
        with pytest.raises(error, match=words):
            Gaia().xp(source, "continuous")
    found = Gaia().xp([source, NOTHING], "continuous")
    assert isinstance(found.failed[source], error) and found.missing == (NOTHING,)


def test_a_file_that_is_no_table_does_no_harm(replay: Any) -> None:
    assert list(Gaia().xp(TROUBLE[5], "continuous").spectra) == [TROUBLE[5]]


@pytest.mark.parametrize(("fault", "error"), [
    ("garbage", BadReplyError), ("login", LoginRequiredError), ("cut", BadReplyError), ("empty", BadReplyError),
])  # fmt: skip
def test_faults_on_the_way(replay: Any, fault: str, error: type[Exception]) -> None:
    replay.fault(fault, "gaia/data-server", times=1)
    with pytest.raises(error):
        Gaia().xp(GOOD, "continuous")
    assert Gaia().xp(GOOD, "continuous").spectra  # the next call completes


@pytest.mark.parametrize("fault", ["reset", "truncate", "status"])
def test_what_another_try_cures_is_not_seen(replay: Any, fault: str) -> None:
    replay.fault(fault, "gaia/data-server", times=1)
    assert Gaia().xp(GOOD, "continuous").spectra and len(_requests(replay)) == 2


def test_one_bad_batch_leaves_what_is_kept(replay: Any) -> None:
    Gaia().xp(GOOD)
    found = Gaia().xp([GOOD, TROUBLE[0]])
    assert list(found.spectra) == [GOOD] and isinstance(found.failed[TROUBLE[0]], BadReplyError)


def test_gaia_at_aip_steps_in_with_the_same_spectrum(
    replay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    esa = Gaia().xp(GOOD).spectra[GOOD].spectra["gaia_xp"]
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "another"))
    replay.fault("status", "gaia/", times=-1, status=503)
    found = Gaia().xp([GOOD, RED_ONLY])
    assert "Gaia@AIP" in " ".join(found.notes) and any("503" in note for note in found.notes)
    aip = found.spectra[GOOD].spectra["gaia_xp"]
    np.testing.assert_array_equal(aip.flux, esa.flux)
    np.testing.assert_array_equal(aip.ivar, esa.ivar)
    assert found.spectra[RED_ONLY].spectra["gaia_xp"].meta["missing_bands"] == ("bp",)
    replay.fault("status", "gaia_aip/", times=-1, status=500)
    with pytest.raises(ServiceDownError, match="503"):  # the first trouble is the one that tells something
        Gaia().xp(SAMPLED_ONLY, "continuous")


def test_offline_the_cache_answers(replay: Any) -> None:
    Gaia().xp([GOOD, NOTHING])
    asked = len(replay.log)
    with offline():
        found = Gaia().xp([GOOD, NOTHING])
        assert list(found.spectra) == [GOOD] and found.missing == (NOTHING,)
        assert isinstance(Gaia().xp([GOOD, RED_ONLY]).failed[RED_ONLY], OfflineError)
        with pytest.raises(OfflineError):
            Gaia().xp(RED_ONLY)
    assert len(replay.log) == asked


def test_an_old_spectrum_is_better_than_none(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Gaia().xp(GOOD).spectra[GOOD]
    monkeypatch.setattr(spectra, "PRODUCT_AGE", -1.0)
    replay.fault("status", "gaia", times=-1, status=503)
    found = Gaia().xp(GOOD)
    assert found.spectra[GOOD].spectra["gaia_xp"].flux[0] == fresh.spectra["gaia_xp"].flux[0] and found.kept == (GOOD,)
    assert Gaia().fetch(GOOD).meta["services"]["gaia"].status == "kept"


def test_cancel_reaches_a_slow_data_request(replay: Any) -> None:
    Gaia().has_xp(GOOD)
    replay.fault("slow", "gaia/data-server", seconds=300, times=-1)
    monitor, caught = Monitor(), list[BaseException]()

    def work() -> None:
        try:
            with watching(monitor):
                Gaia().xp(GOOD)
        except CancelledError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(5000):
        if _requests(replay):
            break
        threading.Event().wait(0.01)
    monitor.cancel()
    thread.join(60)
    assert not thread.is_alive() and len(caught) == 1
    replay.faults.clear()
    assert Gaia().xp(GOOD).spectra


# ------------------------------------------------------------------------------------------------ the working directory
def test_the_working_directory_is_left_alone(replay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it cannot be written: load_data would make its folder there."""
    here = tmp_path / "read-only"
    here.mkdir()
    here.chmod(0o555)
    monkeypatch.chdir(here)
    door.client()
    made, real = list[str](), os.mkdir

    def watch(path: Any, *args: Any, **kwargs: Any) -> None:
        made.append(str(path))
        real(path, *args, **kwargs)

    monkeypatch.setattr(os, "mkdir", watch)
    try:
        assert Gaia().xp(GOOD).spectra
        with pytest.raises(BadReplyError):
            Gaia().xp(TROUBLE[0])
        assert list(here.iterdir()) == [] and Path.cwd() == here
    finally:
        here.chmod(0o755)
    folders = [path for path in made if "temp_" in path]  # load_data's own
    assert folders and all(path.startswith(os.path.join(tempfile.gettempdir(), "specviz-gaia-")) for path in folders)  # noqa: PTH118
    assert not any(Path(path).exists() for path in folders)


def test_a_working_directory_that_is_gone(replay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "gone"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    assert Gaia().xp(GOOD).spectra


def test_many_threads_at_once(replay: Any) -> None:
    ids = [str(2_000_000_000_000_000_000 + k) for k in range(8)]
    Gaia().sources(ids)
    found: dict[str, Any] = {}
    threads = [threading.Thread(target=lambda one=one: found.update(Gaia().xp(one).spectra)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(found) == set(ids)
    for one in ids:
        assert found[one].source_id.value == one
