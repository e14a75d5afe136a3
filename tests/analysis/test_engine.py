"""The engine: one encoding a star and survey, order kept, one bad star never stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine, problem_report
from specviz.errors import CancelledError, ModelError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


def test_everything_of_a_pair_from_one_encoding_a_survey(fake_model_class: Any, pair: Callable[[int], Star]) -> None:
    model = fake_model_class()
    report = Engine(model, samples=200).analyse(pair(0))
    assert report.problem == ""
    assert set(report.embeddings) == set(report.posteriors) == set(report.reconstructions) == {"lamost_lrs", "gaia_xp"}
    assert report.predictions["gaia_xp"].source == "lamost_lrs"
    assert report.predictions["lamost_lrs"].source == "gaia_xp"
    assert report.survey == "lamost_lrs" and report.posterior is not None and len(report.posterior) == 200
    assert report.anomaly is not None and 0 <= report.anomaly.percentile <= 100 and report.anomaly.n_reference == 1000
    assert model.calls["spectra"] == 2 and model.calls["embed"] == 2 and model.calls["posterior"] == 2


def test_a_list_keeps_its_order_whatever_the_batches(fake_model_class: Any, lamost: Any, xp: Any, pair: Any) -> None:
    stars = [lamost(0), xp(1), pair(2), lamost(3), pair(4)]
    alone = [Engine(fake_model_class(), samples=50).analyse(star) for star in stars]
    for batch_size in (1, 2, 64):
        together = Engine(fake_model_class(), samples=50, batch_size=batch_size).analyse(stars)
        assert [r.star.name for r in together] == [r.star.name for r in alone]
        for one, other in zip(together, alone, strict=True):
            assert set(one.embeddings) == set(other.embeddings)
            for survey, vector in one.embeddings.items():
                np.testing.assert_allclose(vector, other.embeddings[survey], rtol=1e-6)


def test_a_batch_is_encoded_once_a_survey(fake_model_class: Any, pair: Any) -> None:
    model = fake_model_class()
    Engine(model, samples=10).analyse([pair(i) for i in range(5)])
    assert model.calls["embed"] == 2 and model.calls["spectra"] == 10 and model.calls["prepare"] == 10


def test_a_star_the_model_cannot_use_is_a_report_with_the_reason(fake_model_class: Any, lamost: Any) -> None:
    whole = lamost(0)
    red = whole.wavelength > 6000
    cut = Spectrum(
        whole.wavelength[red],
        whole.flux[red],
        whole.ivar[red],
        survey="lamost_lrs",
        meta={"snr": 5.0, "class": "GALAXY"},
    )
    good, bad, empty = Engine(fake_model_class(), samples=10).analyse([whole, cut, Star("nothing")])
    assert good.problem == "" and good.posterior is not None
    assert "4000-5598" in bad.problem and not bad.embeddings and bad.posterior is None
    assert {f.name for f in bad.failed_flags} >= {"low_snr", "not_a_star", "missing_arm"}
    assert empty.problem == "This star has no spectrum." and empty.flags == ()
    assert bad.provenance.model == "fake"


def test_one_survey_failing_leaves_the_other(fake_model_class: Any, lamost: Any, xp: Any) -> None:
    whole = lamost(0)
    red = whole.wavelength > 6000
    star = Star(
        "x",
        {
            "lamost_lrs": whole.with_(
                wavelength=whole.wavelength[red], flux=whole.flux[red], ivar=whole.ivar[red], mask=whole.mask[red]
            ),
            "gaia_xp": xp(),
        },
    )
    report = Engine(fake_model_class(), samples=10).analyse(star)
    assert report.survey == "gaia_xp" and report.problem == ""
    (flag,) = [f for f in report.failed_flags if f.name == "coverage"]
    assert flag.text == "LAMOST not used" and "6001-9099" in flag.detail


def test_an_sdss_spectrum_is_read_as_lamost(fake_model_class: Any, lamost: Any) -> None:
    spectrum = lamost(1)
    same = Engine(fake_model_class(), samples=10).analyse(spectrum)
    report = Engine(fake_model_class(), samples=10).analyse(spectrum.with_(survey="sdss"))
    assert (
        report.survey == "sdss"
        and report.posteriors["sdss"].survey == "sdss"
        and report.prepared["sdss"].survey == "sdss"
    )
    np.testing.assert_array_equal(report.embeddings["sdss"], same.embeddings["lamost_lrs"])
    assert report.predictions["gaia_xp"].source == "sdss"


def test_the_prediction_lies_on_the_observed_xp(fake_model_class: Any, pair: Any, lamost: Any) -> None:
    engine = Engine(fake_model_class(), samples=10)
    predicted = engine.analyse(pair(0)).predictions["gaia_xp"]
    assert predicted.scale == pytest.approx(3e-16, rel=1e-3)  # the observed level; the fake predicts 1 everywhere
    assert engine.analyse(lamost(0)).predictions["gaia_xp"].scale == 1.0


def test_an_embedding_that_is_not_finite_is_a_problem_of_its_star_only(fake_model_class: Any, lamost: Any) -> None:
    class Sick(fake_model_class):
        def embed(self, prepared: Any) -> Any:
            encoding = super().embed(prepared)
            for row, one in enumerate(prepared):
                if one.filled > 0.5:
                    encoding.vectors[row] = np.nan
            return encoding

    sick = lamost(1)
    sick = sick.with_(mask=np.arange(len(sick)) % 4 != 0)
    reports = Engine(Sick(), samples=10).analyse([lamost(0), sick, lamost(2)])
    assert [bool(r.problem) for r in reports] == [False, True, False]
    assert "no finite answer" in reports[1].problem


def test_progress_and_cancel(fake_model_class: Any, lamost: Any) -> None:
    said: list[tuple[float, str]] = []
    engine = Engine(fake_model_class(), samples=10, batch_size=2)
    engine.analyse([lamost(i) for i in range(5)], progress=lambda f, t: said.append((f, t)))
    assert [f for f, _ in said] == pytest.approx([0.4, 0.8, 1.0]) and said[-1][1] == "5 of 5 stars"
    stop = threading.Event()
    with pytest.raises(CancelledError, match="stopped"):
        engine.analyse([lamost(i) for i in range(5)], progress=lambda f, t: stop.set(), cancel=stop)
    with pytest.raises(CancelledError):
        engine.analyse(lamost(0), cancel=lambda: True)


def test_the_model_is_loaded_once_by_whichever_thread_comes_first(
    fake_model_class: Any, lamost: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys
    import time
    import types

    loads: list[str] = []

    def load_model(name: str, *, device: str = "auto") -> Any:
        loads.append(f"{name} {device}")
        time.sleep(0.05)
        return fake_model_class()

    registry = types.ModuleType("specviz.models.registry")
    registry.load_model = load_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "specviz.models.registry", registry)
    engine = Engine("some-model", device="cpu", samples=10)
    assert not engine.loaded and loads == []
    threads = [threading.Thread(target=engine.analyse, args=(lamost(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert loads == ["some-model cpu"] and engine.loaded


def test_wrong_things_are_refused_with_words(fake_model_class: Any) -> None:
    engine = Engine(fake_model_class())
    with pytest.raises(ModelError, match=r"str is no star.*specviz\.open"):
        engine.analyse(["a.fits"])
    with pytest.raises(ModelError, match="int is no star"):
        engine.analyse(3)  # type: ignore[call-overload]
    with pytest.raises(ModelError, match="at least 1"):
        Engine(fake_model_class(), batch_size=0)
    assert engine.analyse([]) == []


def test_translate_draws_no_posterior(fake_model_class: Any, lamost: Any, xp: Any) -> None:
    model = fake_model_class()
    engine = Engine(model)
    one, two = engine.translate([lamost(0), lamost(1)], to="gaia_xp")
    assert one.survey == two.survey == "gaia_xp" and one.kind == "translation" and model.calls["posterior"] == 0
    assert engine.translate(xp(), to="lamost_lrs").survey == "lamost_lrs"
    with pytest.raises(ModelError, match="no spectrum other than Gaia XP"):
        engine.translate(xp(), to="gaia_xp")
    with pytest.raises(ModelError, match="lamost_lrs, gaia_xp"):
        engine.translate(xp(), to="kepler")


def test_provenance_says_who_and_when(fake_model_class: Any, lamost: Any) -> None:
    from datetime import UTC, datetime

    p = Engine(fake_model_class(sha="ab" * 32), seed=7, samples=10).analyse(lamost()).provenance
    assert (p.model, p.model_version, p.weights_sha256, p.device, p.dtype, p.seed) == (
        "fake",
        "1",
        "ab" * 32,
        "cpu",
        "float32",
        7,
    )
    assert p.created.endswith("Z") and abs((datetime.now(UTC) - datetime.fromisoformat(p.created)).total_seconds()) < 60
    assert p.seconds > 0


def test_a_file_that_cannot_be_read_keeps_its_row() -> None:
    report = problem_report("x.fits", "The file is empty.", path="/data/x.fits")
    assert (
        report.problem == "The file is empty."
        and report.star.meta["path"] == "/data/x.fits"
        and report.posterior is None
    )


def test_a_model_that_only_fits_has_no_neighbours(fake_model_class: Any, pair: Callable[[int], Star]) -> None:
    class Fits(fake_model_class):  # type: ignore[misc, valid-type]
        capabilities = frozenset({"posterior", "reconstruct"})

        def describe(self) -> Any:
            return replace(super().describe(), capabilities=self.capabilities)

    engine = Engine(Fits(), samples=100)
    star = pair(0)
    report = engine.analyse(star)
    assert report.embedding is None and not report.embeddings and report.problem == ""
    assert set(report.posteriors) == {"lamost_lrs", "gaia_xp"} and "lamost_lrs" in report.prepared
    for ask in (engine.embed, lambda s: engine.encode([s])):
        with pytest.raises(ModelError, match="has no embeddings"):
            ask(star)
