"""Posteriors of many labels: units, summary, tables, ArviZ."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

from specviz.errors import ModelError
from specviz.models.posterior import Posterior, label_unit

NAMES = (
    "teff", "logg", "fe_h", "alpha_fe", "rv", "c_fe", "n_fe", "mg_fe", "si_fe", "ca_fe", "ti_fe", "cr_fe", "mn_fe",
    "ni_fe", "ba_fe", "ebv",
)  # fmt: skip


@pytest.fixture
def posterior() -> Posterior:
    rng = np.random.default_rng(2)
    return Posterior(NAMES, rng.normal(np.arange(16.0), 0.5, (4000, 16)), survey="lamost_lrs")


def test_every_label_has_its_unit(posterior: Posterior) -> None:
    expected = {"teff": "K", "rv": "km / s", "ebv": "mag"}
    assert dict(posterior.units) == {name: expected.get(name, "dex") for name in NAMES}
    assert label_unit("eu_fe") == "dex" and label_unit("vsini") == "km / s" and label_unit("parallax") == ""
    assert Posterior(("rv",), np.zeros((3, 1)), units={"rv": "m / s"}).units["rv"] == "m / s"


def test_summary_is_the_quantiles_and_a_copy(posterior: Posterior) -> None:
    summary = posterior.summary()
    assert tuple(summary) == NAMES
    for i, name in enumerate(NAMES):
        np.testing.assert_allclose(summary[name], np.quantile(posterior.samples[:, i], (0.5, 0.16, 0.84)))
    summary.clear()
    assert tuple(posterior.summary()) == NAMES


def test_tables(posterior: Posterior) -> None:
    table = posterior.to_qtable()
    assert list(table["label"]) == list(NAMES) and set(table["unit"]) == {"K", "dex", "km / s", "mag"}
    samples = posterior.samples_qtable()
    assert samples["rv"].unit == u.km / u.s and samples["ebv"].unit == u.mag and samples["mg_fe"].unit == u.dex
    np.testing.assert_array_equal(samples["rv"].value, posterior["rv"])


def test_arviz_takes_them_all(posterior: Posterior) -> None:
    pytest.importorskip("arviz_base")
    tree = posterior.to_arviz()
    assert set(tree["posterior"].data_vars) == set(NAMES)
    assert tree["posterior"]["rv"].shape == (1, 4000) and tree["posterior"]["rv"].attrs["units"] == "km / s"


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="15 labels"):
        Posterior(NAMES[:15], np.zeros((10, 16)))
