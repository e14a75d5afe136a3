"""The XP spectra that models predict, on the observed one: scale, differences, and what is not there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.face_off import Answer, FaceOff, face_off
from specviz.analysis.face_off_xp import predicted_xp, predictions_table
from specviz.archives.demo import DemoArchive


@pytest.fixture
def made(fake_model_class: Any) -> FaceOff:
    return face_off(DemoArchive().star(0), {"fake": Engine(fake_model_class(), samples=200), "absent": "pull it"})


def _with(made: FaceOff, **changes: Any) -> FaceOff:
    """The face-off, its one prediction changed."""
    report = made.answers[0].report
    assert report is not None
    changed = replace(report.predictions["gaia_xp"], **changes)
    return replace(made, answers=(Answer("fake", replace(report, predictions={"gaia_xp": changed})),))


def test_a_prediction_is_scaled_to_what_was_observed(made: FaceOff) -> None:
    (report,) = [a.report for a in made.answers if a.report is not None]
    seen = np.asarray(report.prepared["gaia_xp"].values, float)
    (found,) = predicted_xp(_with(made, flux=7.0 * seen, sigma=np.full(seen.shape, 0.01)))
    assert found.model == "fake" and found.source == "lamost_lrs" and found.observed is not None
    assert found.typical < 1e-6 and found.chi2 < 1e-6
    np.testing.assert_allclose(found.flux, seen, rtol=1e-6)
    np.testing.assert_allclose(found.sigma, 0.01 / 7.0, rtol=1e-6)


def test_a_difference_is_told_in_parts_of_the_flux_and_in_errors(made: FaceOff) -> None:
    (report,) = [a.report for a in made.answers if a.report is not None]
    seen = np.asarray(report.prepared["gaia_xp"].values, float)
    wrong = seen * np.where(np.arange(seen.size) % 2, 1.02, 0.98)
    (exact,) = predicted_xp(_with(made, flux=wrong, sigma=np.zeros(seen.shape)))
    (unsure,) = predicted_xp(_with(made, flux=wrong, sigma=0.02 * seen))
    assert exact.typical == pytest.approx(0.02, rel=0.05) and unsure.typical == pytest.approx(exact.typical)
    assert unsure.chi2 < 1.1 and exact.chi2 > 2 * unsure.chi2
    (silent,) = predicted_xp(_with(made, flux=wrong, sigma=np.full(seen.shape, np.nan)))
    assert np.isnan(silent.chi2) and silent.typical == pytest.approx(exact.typical)


def test_without_an_observed_spectrum_there_is_only_the_prediction(fake_model_class: Any) -> None:
    star = DemoArchive().star(0)
    only = star.with_(spectra={"lamost_lrs": star.spectra["lamost_lrs"]})
    (found,) = predicted_xp(face_off(only, {"fake": Engine(fake_model_class(), samples=200)}))
    assert found.observed is None and np.isnan(found.typical) and np.isnan(found.chi2)
    table = predictions_table([found])
    assert list(table["model"]) == ["fake"] and str(table["typical"].unit) == "%"
    assert len(predictions_table([])) == 0
