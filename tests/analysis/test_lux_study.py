"""The study of Lux: what a star is inferred from, what is predicted of the rest, and what is said of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.analysis.engine import Engine
from specviz.analysis.studies.lux import LuxStudy
from specviz.errors import CoverageError, ModelError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

sys.path.insert(0, str(Path(__file__).parent))
from made_lux import LABELS, made_lux


def _never() -> None:
    """Nobody stops."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(made_lux(), samples=100)


@pytest.fixture(scope="module")
def study(engine: Engine) -> LuxStudy:
    return LuxStudy(lambda: engine)


@pytest.fixture(scope="module")
def prepared(study: LuxStudy, engine: Engine) -> Any:
    return study.prepare(engine.analyse(specviz.open("demo 1")), _never)


def test_every_source_gives_labels_and_both_spectra(study: LuxStudy, prepared: Any) -> None:
    assert prepared.sources == ("both", "lamost_lrs", "gaia_xp", "blue", "red")
    for source in prepared.sources:
        answer = study.answer(prepared, {"lux_from": source}, _never)
        assert answer.source == source and answer.columns[0].source == source
        assert {c.source for c in answer.columns} == {"both", "lamost_lrs", "gaia_xp", source}
        assert set(answer.columns[0].labels) == set(LABELS) == set(answer.names)
        for curve in (answer.xp, answer.lamost):
            assert np.isfinite(curve.model).all() and (curve.error > 0).all() and curve.seen
            assert np.isfinite(curve.off)
        told = answer.to_table()
        assert told.colnames[:4] == ["label", "unit", source, f"{source}_err"] and len(told) == len(LABELS)
        assert told[source][0] == answer.columns[0].labels["teff"][0] and (told[f"{source}_err"] > 0).all()
        assert answer.xp.x[0] == pytest.approx(3360.0)
        assert answer.xp.predicted == (source in ("lamost_lrs", "blue", "red"))
        assert answer.lamost.predicted == (source == "gaia_xp")
        assert ("fitted to the observed XP" in answer.xp.dust) == answer.xp.predicted


def test_one_arm_alone_fills_the_other(study: LuxStudy, prepared: Any) -> None:
    answer = study.answer(prepared, {"lux_from": "blue"}, _never)
    red = answer.lamost.x > 5950
    assert not answer.lamost.used[red].any() and answer.lamost.used[~red].mean() > 0.9
    assert np.isfinite(answer.lamost.observed[red]).mean() > 0.9  # shown, though it was not given


def test_auto_is_lamost_and_what_is_missing_gives_way_to_it(study: LuxStudy, engine: Engine) -> None:
    star = specviz.open("demo 1")
    alone = Star(
        "one", spectra={"lamost_lrs": star.spectra["lamost_lrs"]}, catalogue={"teff": 5700.0, "source": "LASP"}
    )
    prepared = study.prepare(engine.analyse(alone), _never)
    assert prepared.sources == ("lamost_lrs", "blue", "red")
    auto = study.answer(prepared, {"lux_from": "auto"}, _never)
    assert auto.source == "lamost_lrs" and not auto.xp.seen and np.isnan(auto.xp.off)
    assert "as Lux infers it" in auto.xp.dust and auto.catalogues[0].value("teff") == 5700.0
    asked = study.answer(prepared, {"lux_from": "gaia_xp"}, _never)
    assert asked.source == "lamost_lrs" and "not observed of this star" in asked.notes[0]


def test_another_models_prediction_stands_beside(study: LuxStudy) -> None:
    report = specviz.analysis.engine.Engine("specclip-small", samples=100).analyse(specviz.open("demo 1"))
    answer = study.answer(study.prepare(report, _never), {"lux_from": "lamost_lrs"}, _never)
    assert answer.other == "specclip-small" and answer.xp.other is not None
    assert np.median(np.abs(answer.xp.other - answer.xp.observed)) < 0.05 and answer.xp.off_other < 3


def test_a_star_it_does_not_describe_is_said_so(study: LuxStudy, engine: Engine) -> None:
    star = specviz.open("demo 1")
    optical = star.spectra["lamost_lrs"]
    wrong = optical.with_(flux=optical.flux * (1 + 0.5 * np.sin(optical.wavelength / 40.0)))
    answer = study.answer(study.prepare(engine.analyse(Star("odd", spectra={"lamost_lrs": wrong})), _never), {}, _never)
    assert any("does not describe this star" in note for note in answer.notes)


def test_what_cannot_be_read_is_refused(study: LuxStudy, engine: Engine, fake_model_class: Any) -> None:
    wave = np.linspace(15000, 17000, 500)
    infrared = Spectrum(wave, np.ones(500), np.full(500, 100.0), survey="other")
    with pytest.raises(CoverageError):
        study.prepare(engine.analyse(Star("ir", spectra={"other": infrared})), _never)
    with pytest.raises(ModelError, match="cannot read nothing"):
        study.prepare(engine.analyse(Star("empty")), _never)
    other = Engine(fake_model_class())
    with pytest.raises(ModelError, match="no latent vector"):
        LuxStudy(lambda: other).prepare(engine.analyse(specviz.open("demo 1")), _never)
