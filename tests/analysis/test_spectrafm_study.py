"""Asking a part of a spectrum: what is asked, what is kept, what is said where nothing can be read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine, problem_report
from specviz.analysis.report import Report
from specviz.analysis.studies.peaks import attention_peaks, line_at, smoothed
from specviz.analysis.studies.spectrafm import PartAnswer, SpectraFMStudy
from specviz.errors import CancelledError, ModelError
from specviz.spectra.frames import doppler_factor
from specviz.spectra.star import Star
from specviz.spectra.stretches import STRETCHES

sys.path.insert(0, str(Path(__file__).parent))
from fake_spectrafm import WINDOW, FakeSpectraFM


def _report(star: Star) -> Report:
    return Report(star, problem_report("x", "").provenance)


def _nothing() -> None:
    """Nobody stops it."""


@pytest.fixture
def study() -> tuple[SpectraFMStudy, FakeSpectraFM]:
    model = FakeSpectraFM()
    engine = Engine(model)  # type: ignore[arg-type]
    return SpectraFMStudy(lambda: engine), model


@pytest.fixture
def star(lamost: Callable[..., Any]) -> Star:
    made = Star.from_spectrum(lamost(0, rv=150.0))
    return made.with_(catalogue={"teff": 11500.0, "teff_err": 50.0, "source": "LASP"})


def _ask(study: SpectraFMStudy, prepared: Any, ask: Any = None, label: str = "teff") -> PartAnswer:
    return study.answer(prepared, {"ask": ask, "ask_label": label, "rv": None}, _nothing)


def test_the_whole_spectrum_and_a_part_of_it(study: Any, star: Star) -> None:
    asks, model = study
    prepared = asks.prepare(_report(star), _nothing)
    whole = _ask(asks, prepared)
    assert whole.whole and whole.n_bags > 1 and not whole.warnings and not whole.problem
    assert whole.window[0] == pytest.approx(WINDOW[0] * doppler_factor(150.0), abs=2)
    teff = whole.label("teff")
    assert teff is not None and teff.change == 0 and teff.unit == "K" and np.isfinite(teff.scatter)
    part = _ask(asks, prepared, (4000.0, 4500.0))
    assert (part.low, part.high, part.whole) == (4000.0, 4500.0, False)
    teff = part.label("teff")
    assert teff is not None and teff.value == pytest.approx(5000 + 4245 / doppler_factor(150.0), abs=6)
    assert teff.whole > teff.value and teff.change_sigma == pytest.approx(teff.change / teff.error)
    assert teff.catalogue == "LASP" and teff.catalogue_sigma > 0 and not teff.outside
    assert part.label("fe_h").outside  # type: ignore[union-attr]
    assert [one.note for one in part.labels] == ["", "learned from simulated spectra only"]
    made = part.to_table()
    assert list(made["label"]) == ["teff", "fe_h"] and made["change"][0] == teff.change
    assert made.meta["pixels"] == part.pixels and made.meta["low"] == 4000.0
    assert part.wavelength[0] >= 4000 and part.wavelength[-1] <= 4500  # as observed
    asked = model.calls["ask"]
    assert _ask(asks, prepared, (4000.0, 4500.0), "fe_h").chosen == "fe_h"
    assert model.calls["ask"] == asked and model.calls["prepare"] == 1  # nothing is read twice


def test_named_stretches_are_read_when_the_star_comes(study: Any, star: Star, monkeypatch: pytest.MonkeyPatch) -> None:
    asks, model = study
    prepared = asks.prepare(_report(star), _nothing)
    assert model.calls["ask"] == 1 + len(STRETCHES)
    answer = _ask(asks, prepared, (STRETCHES[2].start, STRETCHES[2].stop))
    assert model.calls["ask"] == 1 + len(STRETCHES)
    assert [s.name for s in answer.stretches] == ["All", *(b.label for b in STRETCHES)]
    blue, red = answer.stretches[1], answer.stretches[2]
    assert blue.value < answer.stretches[0].value < red.value and blue.pixels > 1000
    assert len(answer.warnings) == 1 and f"{answer.pixels} pixels are fewer than a tenth" in answer.warnings[0]
    assert not _ask(asks, prepared, (4000.0, 5000.0)).warnings


def test_peaks_bear_the_names_of_lines(study: Any, star: Star) -> None:
    asks, _ = study
    answer = _ask(asks, asks.prepare(_report(star), _nothing))
    assert [p.line for p in answer.peaks[:2]] == ["Hα", "Mg b"] or [p.line for p in answer.peaks[:2]] == ["Mg b", "Hα"]
    alpha = next(p for p in answer.peaks if p.line == "Hα")
    assert alpha.wavelength == pytest.approx(6564.61 * doppler_factor(150.0), abs=1.5)
    away = asks.answer(asks.prepare(_report(star), _nothing), {"ask": None, "rv": 1500.0}, _nothing)
    assert "Hα" not in [p.line for p in away.peaks]  # looked for where the person says that the star moves


def test_what_cannot_be_read_is_a_problem_in_words(study: Any, star: Star) -> None:
    asks, _ = study
    prepared = asks.prepare(_report(star), _nothing)
    narrow = _ask(asks, prepared, (5000.0, 5010.0))
    assert "usable pixels" in narrow.problem and not narrow.peaks and narrow.stretches and narrow.pixels == 0
    teff = narrow.label("teff")
    assert teff is not None and np.isnan([teff.value, teff.change_sigma, teff.catalogue_sigma]).all()
    assert teff.whole > 10000 and teff.catalogue_value == 11500.0 and not teff.outside
    beyond = _ask(asks, prepared, (9500.0, 9900.0))
    assert "only at 3752" in beyond.problem and (beyond.low, beyond.high) == (9500.0, 9900.0)
    half = _ask(asks, prepared, (8000.0, 9900.0))
    assert half.labels and "left out" in half.warnings[0]
    assert _ask(asks, prepared, (1000.0, 20000.0)).whole
    assert _ask(asks, prepared, None, "no_such_label").chosen == "teff"


def test_stars_and_models_that_do_not_fit(
    study: Any, xp: Callable[..., Any], fake_model_class: Any, star: Star
) -> None:
    asks, _ = study
    with pytest.raises(ModelError, match="no spectrum that SpectraFM reads"):
        asks.prepare(_report(Star.from_spectrum(xp())), _nothing)
    other = SpectraFMStudy(lambda: Engine(fake_model_class()))
    with pytest.raises(ModelError, match="cannot be asked"):
        other.prepare(_report(star), _nothing)

    def stop() -> None:
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        asks.prepare(_report(star), stop)


def test_a_spectrum_of_another_survey_is_read_as_lamost(study: Any, star: Star) -> None:
    asks, _ = study
    optical = star.spectra["lamost_lrs"].with_(survey="other")
    assert _ask(asks, asks.prepare(_report(Star.from_spectrum(optical)), _nothing)).survey == "other"


def test_smoothing_keeps_gaps_and_the_mean() -> None:
    wave = np.linspace(5000, 5100, 101)
    flat = np.ones(101)
    flat[:10], flat[40:45] = np.nan, np.nan
    x, y = smoothed(wave, flat)
    assert x[0] == 5010 and x[-1] == 5100 and np.isnan(y[30:35]).all()
    assert y[np.isfinite(y)] == pytest.approx(1.0)
    assert smoothed(wave, np.full(101, np.nan))[0].size == 0 and attention_peaks(wave[:0], flat[:0]) == ()


def test_lines_before_bands_and_the_air_where_nothing_else_is() -> None:
    assert line_at(5168.75) == "Mg b"  # a head of TiO lies there too
    assert line_at(7650.0) == "O₂ A" and line_at(5500.0) == ""
    assert line_at(6575.0) == "Hα" and line_at(6585.0) == ""  # its wing
    assert line_at(5905.0) == "" and line_at(5905.0, near=8.0) == "Na D"
    assert line_at(6564.61 * doppler_factor(300.0), doppler_factor(300.0)) == "Hα"
