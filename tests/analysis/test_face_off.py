"""Every model on one star: values, errors, distances, and what a model that cannot says."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.analysis.engine import Engine
from specviz.analysis.face_off import face_off
from specviz.archives.demo import DemoArchive
from specviz.errors import CancelledError, CheckpointError, OptionError
from specviz.spectra.spectrum import Spectrum


class _Absent:
    def analyse(self, *_args: Any, **_options: Any) -> Any:
        raise CheckpointError("No weights", remedy="Pull them")


@pytest.fixture
def engines(fake_model_class: Any) -> dict[str, Any]:
    return {
        "fake": Engine(fake_model_class(), samples=2000),
        "other": Engine(fake_model_class("e" * 64), samples=2000, seed=1),
        "absent": _Absent(),
        "not here": "specviz models pull it",
    }


def test_every_value_has_its_model_spectrum_error_and_range(engines: dict[str, Any]) -> None:
    told: list[tuple[float, str]] = []
    made = face_off(DemoArchive().star(0), engines, progress=lambda f, t: told.append((f, t)))
    assert told == [(0.0, "fake"), (0.25, "other"), (0.5, "absent"), (0.75, "not here")]
    assert made.labels == ("teff", "logg", "fe_h", "alpha_fe")
    columns = [(v.source, v.survey) for v in made.of("teff")]
    assert columns[:4] == [("fake", "lamost_lrs"), ("fake", "gaia_xp"), ("other", "lamost_lrs"), ("other", "gaia_xp")]
    assert columns[4:] == [("Simulation", "")] and made.of("teff")[4].median == 5779.0
    table = made.to_table()
    row = table[(table["label"] == "teff") & (table["model"] == "fake")][0]
    assert row["unit"] == "K" and row["p16"] < row["median"] < row["p84"] and row["seconds"] > 0
    assert row["median"] == made.answers[0].report.posteriors["lamost_lrs"].summary()["teff"][0]
    catalogue = table[(table["kind"] == "catalogue") & (table["label"] == "teff")][0]
    assert np.isnan(catalogue["p16"])


def test_a_model_that_cannot_says_why_and_stops_no_other(engines: dict[str, Any]) -> None:
    made = face_off(DemoArchive().star(0), engines)
    assert {a.model: a.problem for a in made.answers if a.problem} == {
        "absent": "No weights. Pull them.",
        "not here": "specviz models pull it",
    }
    table = made.to_table()
    assert list(table["model"][table["problem"] != ""]) == ["absent", "not here"]
    assert "absent (no answer)" in repr(made)
    wave = np.linspace(5000.0, 5100.0, 50)
    short = DemoArchive().star(0).with_(spectra={"lamost_lrs": Spectrum(wave, np.ones(50), survey="lamost_lrs")})
    none = face_off(short, {"fake": engines["fake"]})
    assert none.labels == () and "covers" in none.answers[0].problem and len(none.differences()) == 0
    assert len(none.to_table()) == 1


def test_distances_add_errors_and_tell_what_shares_a_spectrum(engines: dict[str, Any]) -> None:
    made = face_off(DemoArchive().star(0), {k: engines[k] for k in ("fake", "other")})
    found = {(d.first, d.second): d for d in made.distances() if d.label == "teff"}
    assert len(found) == 10  # five values, two by two
    same = found["fake lamost_lrs", "other lamost_lrs"]
    assert same.shared and abs(same.sigma) < 0.2
    apart = found["fake lamost_lrs", "fake gaia_xp"]
    assert not apart.shared and apart.sigma == pytest.approx(apart.difference / apart.error)
    known = found["fake lamost_lrs", "Simulation"]
    mine = made.of("teff")[0]
    assert not known.shared  # the truth has no error: that of the model counts alone
    assert known.error == pytest.approx(mine.p84 - mine.median if mine.median < 5779 else mine.median - mine.p16)
    assert list(made.differences().colnames)[-1] == "shared"


def test_a_report_is_not_made_twice(engines: dict[str, Any]) -> None:
    report = engines["fake"].analyse(DemoArchive().star(0))
    calls = engines["fake"].model.calls["embed"]
    made = face_off(report.star, {"fake": engines["fake"]}, known=[report])
    assert made.answers[0].report is report and engines["fake"].model.calls["embed"] == calls


def test_it_can_be_stopped(engines: dict[str, Any]) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        face_off(DemoArchive().star(0), engines, cancel=stop)


def test_the_public_call(fake_model_class: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path))
    model = fake_model_class()
    made = specviz.face_off("demo 1", [model], samples=300, online=False)
    assert (
        made.star.name == "demo 1" and made.answers[0].model == "fake" and len(made.answers[0].report.posterior) == 300
    )
    with pytest.raises(OptionError):
        specviz.face_off("demo 1", [], online=False)
    from specviz.app.models_here import ModelsHere

    choices = {c.name: c for c in ModelsHere().choices()}
    assert not choices["specclip-small"].missing and "models pull" in choices["specclip-official"].missing
