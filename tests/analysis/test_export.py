"""What a model said, in files: values, units, UCDs, provenance; in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

import specviz
from specviz.analysis.engine import Engine
from specviz.analysis.export import (
    export,
    export_bytes,
    labels_table,
    posterior_table,
    prediction_tables,
    similar_table,
)
from specviz.analysis.report import Report
from specviz.errors import OptionError, SpecvizError
from specviz.spectra.writers import FORMATS

EVIL = "=HYPERLINK('x')<b>ü</b>"


@pytest.fixture
def report(fake_model_class: Any, pair: Any) -> Report:
    star = pair(0).with_(name=EVIL, catalogue={"teff": 5714.0, "source": "LASP"})
    made: Report = Engine(fake_model_class(), samples=300).analyse(star)
    return made


@pytest.fixture
def similar() -> Table:
    names = ["demo 1", "=1+1", "ü <i>"]
    return Table(
        {
            "rank": [1, 2, 3],
            "row": [4, 5, 6],
            "object_id": names,
            "similarity": [0.9, 0.8, 0.7],
            "teff": [5e3, 6e3, 7e3],
        }
    )


def test_labels_have_everything_that_is_known_of_them(report: Report) -> None:
    table = labels_table(report)
    row = next(r for r in table if r["label"] == "teff" and r["survey"] == "lamost_lrs")
    median, low, high = report.posteriors["lamost_lrs"].summary()["teff"]
    assert (row["median"], row["p16"], row["p84"], row["unit"]) == (median, low, high, "K")
    assert (
        row["catalogue"] == 5714.0 and row["catalogue_source"] == "LASP" and row["ucd"] == "phys.temperature.effective"
    )
    assert row["description"] == "effective temperature"
    assert {r["survey"] for r in table} == set(report.posteriors)
    prior = report.posteriors["lamost_lrs"].prior.get("teff")
    if prior is not None:
        assert (row["prior_low"], row["prior_high"]) == prior and 0 <= row["outside"] <= 1


def test_posterior_samples_are_the_samples(report: Report) -> None:
    table = posterior_table(report)
    assert report.posterior is not None
    np.testing.assert_array_equal(table["teff"], report.posterior["teff"])
    assert str(table["teff"].unit) == "K" and table.meta["survey"] == report.survey
    xp = posterior_table(report, "gaia_xp")
    np.testing.assert_array_equal(xp["teff"], report.posteriors["gaia_xp"]["teff"])
    two = posterior_table([report, report])
    assert two.colnames[0] == "object_id" and len(two) == 2 * len(table)


def test_provenance_travels(report: Report, similar: Table) -> None:
    for table in (
        labels_table(report),
        posterior_table(report),
        similar_table(similar, report),
        *prediction_tables(report),
    ):
        meta, made = table.meta, report.provenance
        assert meta["model"] == made.model and meta["weights_sha256"] == made.weights_sha256
        assert meta["creator"] == f"specviz {specviz.__version__}" and meta["created"]
    assert "Guoshoujing" in labels_table(report).meta["acknowledgement"]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("what", ["spectra", "predictions", "labels", "posterior", "similar", "report"])
@pytest.mark.filterwarnings("ignore:.*Angstrom.*deprecated")
def test_every_export_in_every_format(tmp_path: Path, report: Report, similar: Table, what: str, suffix: str) -> None:
    data = export_bytes(report, what, FORMATS[suffix], neighbours=similar)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    if suffix == ".fits":
        with fits.open(path) as units:
            units.verify("exception")
        table = Table.read(path, hdu=1)
        if what != "similar":
            assert "WEIGHTS" in fits.getheader(path, 1) or what == "spectra"
    elif suffix in (".vot", ".xml"):
        one = parse(path).get_first_table()
        assert all(check_ucd(f.ucd, check_controlled_vocabulary=True) for f in one.fields if f.ucd)
        assert what in ("report", "labels") or all(f.ucd for f in one.fields)
        table = one.to_table()
        assert b"<b>" not in data
    else:
        table = Table.read(data.decode(), format=FORMATS[suffix])
    assert len(table) > 0
    if suffix == ".csv":
        assert what == "spectra" or what == "predictions" or any("fake" in str(v) for v in table["model"])
        cells = [str(v) for name in table.colnames if table[name].dtype.kind == "U" for v in table[name]]
        assert not any(c.startswith(("=", "@")) for c in cells)
        if what == "similar":
            assert list(table["object_id"]) == ["demo 1", "'=1+1", "ü <i>"]


def test_predictions_have_their_uncertainty_and_lie_on_the_data(report: Report) -> None:
    tables = {(t.meta["survey"], t.meta["kind"]): t for t in prediction_tables(report)}
    assert len(tables) == len(report.reconstructions) + len(report.predictions)
    for (survey, kind), table in tables.items():
        p = (report.reconstructions if kind == "reconstruction" else report.predictions)[survey]
        np.testing.assert_allclose(table["flux"], p.flux * p.scale)
        np.testing.assert_allclose(table["sigma"], p.sigma * p.scale)


def test_the_function_for_programs(tmp_path: Path, report: Report, similar: Table) -> None:
    path = specviz.export(report, tmp_path / "r.ecsv")
    assert Table.read(path).colnames[:3] == ["path", "survey", "object_id"]
    specviz.export([report, report], tmp_path / "l.vot", "labels")
    specviz.export(similar, tmp_path / "s.csv")
    specviz.export(report.posterior, tmp_path / "p.fits")
    assert len(Table.read(tmp_path / "p.fits")) == 300
    star = specviz.open(export(report.star, tmp_path / "star.fits"))
    assert star.name == EVIL and set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    assert (
        specviz.open(export(report.star.spectra["gaia_xp"], tmp_path / "one.vot")).spectra["gaia_xp"].flux_unit
        == "W m-2 nm-1"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda r, p: export(r, p / "x.fits", "posteriors"), "one of spectra"),
        (lambda r, p: export(r.star, p / "x.fits", "labels"), "specviz.analyse"),
        (lambda r, p: export(5, p / "x.fits"), "cannot be exported"),
        (lambda r, p: export(r, p / "x.fits", "similar"), "specviz.similar"),
        (lambda r, p: export(r, p / "x.docx"), "ends in .ecsv"),
        (lambda r, p: export([], p / "x.fits"), "cannot be exported"),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path: Path, report: Report, make: Any, words: str) -> None:
    with pytest.raises(SpecvizError) as caught:
        make(report, tmp_path)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_report_without_a_posterior(report: Report) -> None:
    bare = Report(report.star, report.provenance, problem="no spectrum")
    with pytest.raises(OptionError, match="no posterior"):
        posterior_table(bare)
    assert len(labels_table(bare)) == 0
