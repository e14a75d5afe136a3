"""The official SpecCLIP in the engine: what it does not know is said, not made up."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.report import Report
from specviz.models.specclip.official import SpecClipOfficial
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import official_folder


def star() -> Star:
    rng = np.random.default_rng(2)
    wave = 10 ** np.arange(3.5682, 3.9588, 1e-4)
    flux = 1000 * (wave / 5000) ** -1.5 * (1 + 0.02 * rng.standard_normal(wave.size))
    lamost = Spectrum(wave, flux, np.full(wave.size, 20.0**-2), survey="lamost_lrs", meta={"class": "STAR"})
    smooth = 1e-16 * np.exp(-(((XP_WAVELENGTH_NM - 620) / 260) ** 2))
    xp = Spectrum(XP_WAVELENGTH_NM, smooth, np.full(343, 1e36), survey="gaia_xp", meta={"release": "DR3"})
    return Star("made up", {"lamost_lrs": lamost, "gaia_xp": xp})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = official_folder.random_folder(tmp_path_factory.mktemp("official"), posteriors=True)
    return Engine(SpecClipOfficial.from_folder(folder), samples=500).analyse(star())


def test_everything_is_there(report: Report) -> None:
    assert not report.problem and report.survey == "lamost_lrs"
    assert len(report.labels) == 23 and len(report.posteriors["gaia_xp"].names) == 7
    assert set(report.predictions) == {"gaia_xp", "lamost_lrs"} == set(report.reconstructions)


def test_the_anomaly_says_why_it_has_no_percentile(report: Report) -> None:
    assert report.anomaly is not None and np.isfinite(report.anomaly.misfit)
    assert np.isnan(report.anomaly.percentile) and "reference stars" in report.anomaly.note


def test_predictions_without_errors_are_not_judged(report: Report) -> None:
    flags = {flag.name: flag for flag in report.flags}
    assert flags["xp_disagrees"].passed is None and "no error" in flags["xp_disagrees"].detail
    assert flags["out_of_range"].passed is None
    assert flags["xp_release"].passed is True


def test_predictions_lie_on_the_data(report: Report) -> None:
    """Exactly the network's output times one factor: no dust, no velocity is put in."""
    made = report.predictions["gaia_xp"]
    assert made.dust is None and made.frame == "observed" and np.isnan(made.sigma).all()
    assert np.isfinite(made.scale) and made.scale > 0


def test_a_table_leaves_what_is_not_known_blank(report: Report) -> None:
    row = report.to_table()[0]
    assert np.isfinite(row["mg_fe"]) and row["mg_fe_lo"] is np.ma.masked and np.isfinite(row["teff_lo"])
    table = report.to_table()
    assert str(table["nu_max"].unit) == "uHz" and "maximum power" in table["nu_max"].description
    assert "nan" not in repr(report)
