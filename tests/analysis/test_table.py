"""The table of ``specviz analyse``: its columns, units, masks, and that it survives a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.analysis.engine import Engine, problem_report
from specviz.analysis.table import reports_to_table
from specviz.errors import ModelError
from specviz.models.posterior import Posterior
from specviz.spectra.star import Star

COLUMNS = [
    "path", "survey", "object_id", "snr", "teff", "teff_lo", "teff_hi", "logg", "logg_lo", "logg_hi",
    "fe_h", "fe_h_lo", "fe_h_hi", "alpha_fe", "alpha_fe_lo", "alpha_fe_hi", "anomaly", "flags", "model",
]  # fmt: skip


@pytest.fixture
def table(fake_model_class: Any, lamost: Any, xp: Any) -> Table:
    first = lamost(0, path="/data/a.fits", snr=6.0, **{"class": "GALAXY"})
    reports = Engine(fake_model_class(), samples=400).analyse([first, xp(1)])
    return reports_to_table([*reports, problem_report("b.fits", "The file is empty.", path="/data/b.fits")])


def test_columns_values_and_units(table: Table) -> None:
    assert table.colnames == COLUMNS and len(table) == 3
    assert list(table["path"]) == ["/data/a.fits", "", "/data/b.fits"]
    assert list(table["survey"]) == ["lamost_lrs", "gaia_xp", ""]
    assert list(table["object_id"]) == ["J000000", "unnamed", "b.fits"]
    assert table["snr"][0] == 6.0 and table["snr"].mask.tolist() == [False, False, True]
    assert str(table["teff"].unit) == "K" and str(table["fe_h_lo"].unit) == "dex" and table["anomaly"].unit is None
    row = table[0]
    assert row["teff_lo"] < row["teff"] < row["teff_hi"] and row["teff_hi"] - row["teff_lo"] == pytest.approx(
        120, rel=0.15
    )
    assert table["flags"][0] == "low_snr;not_a_star" and table["flags"][2] == "The file is empty."
    assert list(table["model"]) == ["fake 1", "fake 1", ""]


def test_what_is_missing_is_masked(table: Table) -> None:
    assert table["alpha_fe"].mask.tolist() == [False, True, True]  # the fake gives no alpha from XP
    assert table["teff"].mask.tolist() == table["anomaly"].mask.tolist() == [False, False, True]


def test_every_posterior_of_a_star_is_used(fake_model_class: Any, pair: Any) -> None:
    report = Engine(fake_model_class(), samples=50).analyse(pair(0))
    row = reports_to_table([report])[0]
    assert row["teff"] == pytest.approx(report.posteriors["lamost_lrs"].summary()["teff"][0])
    assert report.to_table().colnames == COLUMNS


def test_more_labels_of_either_spectrum(fake_model_class: Any, pair: Any) -> None:
    """What only XP knows (the reddening) and what only LAMOST knows stand in one row, with units and words."""
    report = Engine(fake_model_class(), samples=300).analyse(pair(0))
    rng = np.random.default_rng(0)
    posteriors = {
        survey: Posterior((*p.names, *more), np.hstack([p.samples, rng.normal(1, 0.1, (300, len(more)))]))
        for (survey, p), more in zip(report.posteriors.items(), (("rv", "mg_fe"), ("ebv",)), strict=True)
    }
    report = replace(report, posteriors=posteriors)
    assert report.labels["teff"][0] == "lamost_lrs" and report.labels["ebv"][0] == "gaia_xp"
    assert list(report.labels) == ["teff", "logg", "fe_h", "alpha_fe", "rv", "mg_fe", "ebv"]
    table = reports_to_table([report])
    assert [str(table[name].unit) for name in ("rv", "mg_fe_lo", "ebv_hi")] == ["km / s", "dex", "mag"]
    assert table["mg_fe"].description.startswith("abundance ratio [Mg/Fe], median")
    assert "alpha_fe" in repr(report) and "mg_fe" not in repr(report) and "2 more labels" in repr(report)


@pytest.mark.parametrize("name", ["t.ecsv", "t.csv"])
def test_it_survives_a_file(table: Table, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    table.write(path)
    again = Table.read(path)
    assert again.colnames == COLUMNS
    np.testing.assert_allclose(again["teff"][:2], table["teff"][:2], rtol=1e-9)
    assert np.ma.getmaskarray(np.ma.asarray(again["teff"]))[2] or np.isnan(again["teff"][2])


def test_provenance_is_in_the_header(table: Table) -> None:
    meta = table.meta
    assert meta["model"] == "fake" and meta["weights_sha256"] == "f" * 64 and meta["creator"].startswith("specviz ")
    assert meta["created"].endswith("Z") and meta["seed"] == 0


def test_no_reports_and_wrong_things() -> None:
    empty = reports_to_table([])
    assert len(empty) == 0 and empty.colnames[:5] == COLUMNS[:5]
    with pytest.raises(ModelError, match="no Report"):
        reports_to_table([Star("x")])  # type: ignore[list-item]
