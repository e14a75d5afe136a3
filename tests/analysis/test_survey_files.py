"""All 252 LAMOST files of five releases: a row each, no crash; three galaxies and one table that is no spectrum are
told.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz import api
from specviz.analysis.report import Report
from specviz.analysis.table import reports_to_table


def _files(shared: Path) -> list[Path]:
    folders = [p for p in sorted((shared / "data").glob("lamost_*")) if p.is_dir()]
    return sorted(p for folder in folders for p in folder.rglob("*") if p.name.endswith((".fits", ".fits.gz", ".fit")))


def _check_counts(reports: list[Report], files: list[Path]) -> None:
    assert len(files) == 252 and len(reports) == 252  # a file is a row
    problems = [r for r in reports if r.problem]
    assert [Path(str(r.star.meta["path"])).name for r in problems] == ["trvr.fits"]
    assert "table" in problems[0].problem and "spectrum" in problems[0].problem
    said = {f.text for r in reports for f in r.failed_flags if f.name == "not_a_star" and f.text.startswith("Class")}
    galaxies = [r for r in reports if any(f.text == "Class GALAXY: not a star" for f in r.failed_flags)]
    assert len(galaxies) == 3 and said == {"Class GALAXY: not a star"}


def test_every_file_is_a_row_whatever_the_model(shared: Path, fake_model_class: Any) -> None:
    files = _files(shared)
    reports = api.analyse(files, model=fake_model_class(), samples=100)
    _check_counts(reports, files)
    failed = [
        sum(f.name == name for r in reports for f in r.failed_flags) for name in ("low_snr", "masked", "arm_step")
    ]
    assert failed[0] == 27 and 10 <= failed[1] <= 40 and 20 <= failed[2] <= 90
    table = reports_to_table(reports)
    assert len(table) == 252 and int(table["teff"].mask.sum()) == 1


def test_the_default_model_on_every_file(shared: Path) -> None:
    """The real weights: finite labels with errors for 251 spectra, the galaxies among the odd, in less than a
    minute.
    """
    pytest.importorskip("specviz.models.registry")
    files = _files(shared)
    began = time.perf_counter()
    reports = api.analyse(files, device="cpu", samples=2000)
    seconds = time.perf_counter() - began
    _check_counts(reports, files)
    assert seconds < 60
    usable = [r for r in reports if not r.problem]
    for report in usable:
        assert report.survey == "lamost_lrs" and set(report.predictions) == {"gaia_xp"} and report.posterior is not None
        for name, (middle, low, high) in report.posterior.summary().items():
            assert np.isfinite([low, middle, high]).all() and low < high, name
        assert (
            report.anomaly is not None and 0 <= report.anomaly.percentile <= 100 and report.anomaly.n_reference >= 500
        )
        assert len(report.anomaly.reasons) <= 4
    stars = [r for r in usable if not any(f.text.startswith("Class") for f in r.failed_flags)]
    assert len(stars) == 248
    unlike = [r for r in stars if any(f.name == "not_a_star" for f in r.failed_flags)]
    assert len(unlike) <= 12  # the embedding alone may doubt a few M dwarfs and ruined spectra
