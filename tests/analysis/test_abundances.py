"""28 labels of a demo star, begun from the default model's posterior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from specviz import api
from specviz.analysis.abundances import Abundances, fit_abundances
from specviz.archives.demo import DemoArchive
from specviz.errors import CancelledError, ModelError, NotFoundError
from specviz.models.phdlspec.calibration import Correction, LabelCalibration
from specviz.spectra.star import Star


@pytest.fixture(scope="module")
def star() -> Star:
    return DemoArchive().fetch("demo 17")


@pytest.fixture(scope="module")
def found(star: Star) -> Abundances:
    return fit_abundances(star, api.default_engine())


def test_labels_are_those_of_the_simulated_star(star: Star, found: Abundances) -> None:
    fit = found.fit
    assert fit.converged
    for name in ("teff", "logg", "fe_h"):
        truth = float(star.catalogue[name])
        assert abs(fit[name] - truth) < max(4 * fit.errors[name], 0.02 * abs(truth), 0.1), name


def test_the_table_says_what_the_spectrum_does_not_know(found: Abundances) -> None:
    table = found.table()
    assert len(table) == 28 and table["unit"][0] == "K"
    notes = dict(zip(table["label"], table["note"], strict=True))
    assert notes["teff"] == "" and "prior" in notes.values()
    assert found.started_by.startswith("specclip-small") and found.emulator.startswith("phdlspec-small")
    posterior = found.posterior(2000)
    np.testing.assert_allclose(posterior["teff"].std(), found.fit.errors["teff"], rtol=0.1)
    assert set(posterior.notes) == {n for n, note in notes.items() if found.fit.gain[n] < 1.2 or note == "prior"}


def test_a_calibration_moves_values_widens_errors_and_is_named(found: Abundances, star: Star) -> None:
    made = LabelCalibration(
        {"mg_fe": Correction((0.1, 0.0, 0.0, 0.0, 0.0), 0.05, 40, 0)},
        (4000.0, 1.0, -1.0), (7000.0, 5.0, 0.5), "a test", found.weights_sha256,
    )  # fmt: skip
    moved = replace(found, calibration=made)
    assert moved.labels["mg_fe"] == pytest.approx(found.fit["mg_fe"] + 0.1)
    assert moved.errors["mg_fe"] == pytest.approx(np.hypot(found.fit.errors["mg_fe"], 0.05))
    assert moved.fit is found.fit and moved.labels["ca_fe"] == found.labels["ca_fe"]
    table = moved.table()
    assert table["offset"].sum() == pytest.approx(0.1) and "a test" in table.meta["calibration"]
    posterior = moved.posterior(4000)
    assert np.median(posterior["mg_fe"]) == pytest.approx(moved.labels["mg_fe"], abs=0.01)
    assert posterior["mg_fe"].std() == pytest.approx(moved.errors["mg_fe"], rel=0.1)
    assert "after a test" in posterior.notes["mg_fe"]
    with pytest.raises(ModelError, match="another emulator"):
        fit_abundances(star, start={"teff": 5000, "logg": 4, "fe_h": 0}, calibration=replace(made, emulator="other"))


def test_what_cannot_be_fitted_is_said(star: Star) -> None:
    xp = Star(star.name, {"gaia_xp": star.spectra["gaia_xp"]})
    with pytest.raises(NotFoundError, match="no LAMOST spectrum"):
        fit_abundances(xp, api.default_engine())
    optical = star.spectra["lamost_lrs"]
    with pytest.raises(ModelError, match="no errors"):
        fit_abundances(optical.with_(ivar=None), start={"teff": 5000, "logg": 4.0, "fe_h": 0.0})
    with pytest.raises(CancelledError):
        fit_abundances(star, start={"teff": 5000, "logg": 4.0, "fe_h": 0.0}, cancel=lambda: True)
