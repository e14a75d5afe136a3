"""28 labels of a demo star, begun from the default model's posterior."""

from __future__ import annotations

import numpy as np
import pytest

from specviz import api
from specviz.analysis.abundances import Abundances, fit_abundances
from specviz.archives.demo import DemoArchive
from specviz.errors import CancelledError, ModelError, NotFoundError
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


def test_what_cannot_be_fitted_is_said(star: Star) -> None:
    xp = Star(star.name, {"gaia_xp": star.spectra["gaia_xp"]})
    with pytest.raises(NotFoundError, match="no LAMOST spectrum"):
        fit_abundances(xp, api.default_engine())
    with pytest.raises(ModelError, match="no first guess"):
        fit_abundances(star)
    with pytest.raises(CancelledError):
        fit_abundances(star, start={"teff": 5000, "logg": 4.0, "fe_h": 0.0}, cancel=lambda: True)
