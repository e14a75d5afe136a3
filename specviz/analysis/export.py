"""What was found of a star, as tables for other programs: labels, posterior samples, similar stars, predicted spectra.

Every table carries who made it: model, version, SHA-256 of the weights, device, seed, time, version of specviz, and the
acknowledgement of the survey where the data are real. CSV has no place for that, so there it is a last column.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from specviz.analysis.report import LEADING, Report
from specviz.analysis.table import description_of, reports_to_table
from specviz.errors import OptionError
from specviz.models.posterior import Posterior
from specviz.spectra.acknowledgements import acknowledgement
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.spectra.writers.spectra import model_table, observed_tables, spectra_bytes
from specviz.spectra.writers.tables import FORMATS, output_format, table_bytes, write_whole

#: What can be exported of a star.
WHAT = ("spectra", "predictions", "labels", "posterior", "similar", "report")
#: Label -> UCD (IVOA UCD1+ vocabulary).
UCDS = {
    "teff": "phys.temperature.effective",
    "logg": "phys.gravity",
    "fe_h": "phys.abund.Fe",
    "rv": "spect.dopplerVeloc.opt",
    "vsini": "phys.veloc.rotat",
    "vmic": "phys.veloc.microTurb",
    "ebv": "phot.color.excess",
    "e_bp_rp": "phot.color.excess",
    "mass": "phys.mass",
    "radius": "phys.size.radius",
    "age": "time.age",
    "nu_max": "em.freq",
    "dnu": "em.freq",
    "delta_pi1": "time.period",
}
_OTHER_UCDS = {
    "object_id": "meta.id;meta.main",
    "snr": "stat.snr",
    "class": "src.class",
    "rank": "meta.number",
    "row": "meta.record",
    "similarity": "stat.correlation",
    "anomaly": "stat.value",
    "flags": "meta.code.qual",
    "model": "meta.version",
    "survey": "meta.curation",
    "path": "meta.id",
}


def ucd_of(label: str) -> str:
    """UCD of a label; that of an abundance for any ``x_fe``; "" where none fits."""
    return UCDS.get(label, "phys.abund" if label.endswith("_fe") else "")


# ------------------------------------------------------------------------------------------------ tables
def labels_table(reports: Report | Sequence[Report]) -> Any:
    """A row a label and spectrum: median, 16th and 84th percentile, unit, training range, the catalogue's value.

    Labels differ in unit, so values are plain and the column ``unit`` names it. ``outside`` is the fraction of the
    samples beyond the range that the model was trained in: there the value is an extrapolation.
    """
    from astropy.table import MaskedColumn, Table

    reports = _listed(reports)
    rows = []
    for report in reports:
        known = report.star.catalogue
        for survey in (s for s in LEADING if s in report.posteriors):
            posterior = report.posteriors[survey]
            for name, values in posterior.summary().items():
                low, high = posterior.prior.get(name, (np.nan, np.nan))
                samples = posterior[name]
                outside = (
                    float(np.mean((samples < low) | (samples > high))) if np.isfinite([low, high]).all() else np.nan
                )
                given = known.get(name)
                given = float(given) if isinstance(given, int | float | np.number) else np.nan
                rows.append((report.star.name, survey, name, description_of(name), *values, posterior.units[name], low,
                             high, outside, given, str(known.get("source") or "") if np.isfinite(given) else "",
                             posterior.notes.get(name, ""), ucd_of(name)))  # fmt: skip
    words = {
        "object_id": "name of the star", "survey": "spectrum that the label was read from", "label": "label",
        "description": "what the label is", "median": "median of the posterior, or the one value there is",
        "p16": "16th percentile of the posterior", "p84": "84th percentile of the posterior", "unit": "unit of values",
        "prior_low": "lower end of the training range", "prior_high": "upper end of the training range",
        "outside": "fraction of the posterior outside the training range", "catalogue": "value of a catalogue",
        "catalogue_source": "which catalogue", "note": "remark", "ucd": "UCD of the label",
    }  # fmt: skip
    table = Table()
    numbers = {"median", "p16", "p84", "prior_low", "prior_high", "outside", "catalogue"}
    for i, (name, description) in enumerate(words.items()):
        cells = [row[i] for row in rows]
        if name in numbers:
            data = np.asarray(cells, np.float64)
            table[name] = MaskedColumn(data, mask=~np.isfinite(data), description=description)
        else:
            table[name] = MaskedColumn(
                np.asarray(cells, dtype=str) if cells else np.empty(0, "U1"), description=description
            )
    return _stamped(table, reports, "labels")


def posterior_table(reports: Report | Sequence[Report], survey: str | None = None) -> Any:
    """The posterior samples, a row a sample and a column a label, with units.

    Parameters
    ----------
    reports : Report, or a list of them
        Several stars get a column ``object_id`` in front.
    survey : str, optional
        Whose posterior; by default the leading one's.
    """
    from astropy.table import Column, Table, vstack

    reports = _listed(reports)
    parts = []
    for report in reports:
        posterior = report.posteriors.get(survey) if survey else report.posterior
        if posterior is None:
            continue
        part = Table()
        if len(reports) > 1:
            part["object_id"] = np.full(len(posterior.samples), report.star.name)
        for name in posterior.names:
            unit = posterior.units[name] or None
            part[name] = Column(
                posterior[name], unit=unit, description=description_of(name), meta={"ucd": ucd_of(name)}
            )
        part.meta["survey"] = posterior.survey or report.survey or ""
        parts.append(part)
    if not parts:
        raise OptionError("There is no posterior to export", expected="a report of a model that gives one")
    table = vstack(parts, join_type="outer", metadata_conflicts="silent") if len(parts) > 1 else parts[0]
    return _stamped(table, reports, "posterior")


def similar_table(neighbours: Any, report: Report | None = None) -> Any:
    """The similar stars of :func:`specviz.similar`, with units, UCDs and who found them."""
    table = neighbours.copy()
    if report is not None:
        table.meta["similar_to"] = report.star.name
    return _stamped(table, [] if report is None else [report], "similar")


def report_table(reports: Report | Sequence[Report]) -> Any:
    """A row a star, the columns of ``specviz analyse``, with UCDs."""
    reports = _listed(reports)
    return _stamped(reports_to_table(reports), reports, "report")


def prediction_tables(reports: Report | Sequence[Report]) -> list[Any]:
    """Reconstructed and predicted spectra with their standard deviations, a table each."""
    tables = []
    for report in _listed(reports):
        for predicted in (*report.reconstructions.values(), *report.predictions.values()):
            seen = report.star.spectra.get(predicted.survey)
            scaled = bool(np.any(np.asarray(predicted.scale) != 1.0))
            facts = {
                **provenance_of([report]),
                "predicted_from": predicted.source,
                "normalisation": predicted.normalisation,
                **({"ebv": predicted.ebv, "ebv_sigma": predicted.ebv_sigma} if predicted.ebv_source else {}),
            }
            table = model_table(
                predicted.survey,
                predicted.wavelength,
                np.asarray(predicted.flux * predicted.scale),
                np.asarray(predicted.sigma * predicted.scale),
                kind=predicted.kind,
                star=report.star,
                frame=predicted.frame,
                flux_unit=seen.flux_unit if seen is not None and scaled else "",
                normalised=(predicted.flux, predicted.sigma) if scaled else None,
                facts=facts,
            )
            tables.append(table)
    if not tables:
        raise OptionError("No spectrum was predicted", expected="a report of a model that reconstructs or translates")
    return tables


def provenance_of(reports: Sequence[Report]) -> dict[str, Any]:
    """Who made it, as plain values: one where all reports agree, a list where they do not."""
    return dict(reports_to_table(reports).meta) if reports else {}


# ------------------------------------------------------------------------------------------------ files
def export_bytes(x: Any, what: str, name: str, *, neighbours: Any = None) -> bytes:
    """One export as the bytes of a file.

    Parameters
    ----------
    x : Report, Star, Spectrum, or a list of them
    what : str
        One of :data:`WHAT`.
    name : str
        A value of :data:`specviz.spectra.writers.tables.FORMATS`.
    neighbours : Table, optional
        For "similar": what :func:`specviz.similar` gave.
    """
    if what == "spectra":
        items = x if isinstance(x, list | tuple) else [x]
        return spectra_bytes(observed_tables([i.star if isinstance(i, Report) else i for i in items]), name)
    if what == "similar":
        if neighbours is None:
            raise OptionError("There are no similar stars to export", expected="a table of specviz.similar")
        table = similar_table(neighbours, x if isinstance(x, Report) else None)
    elif what == "predictions":
        return spectra_bytes(prediction_tables(x), name)
    elif what in ("labels", "posterior", "report"):
        table = {"labels": labels_table, "posterior": posterior_table, "report": report_table}[what](x)
    else:
        raise OptionError(f"what={what!r}", expected="one of " + ", ".join(WHAT))
    if name == FORMATS[".csv"] and "model" not in table.colnames and table.meta.get("model"):
        table["model"] = np.full(len(table), _signature(table.meta))
    return table_bytes(table, name)


def export(x: Any, path: str | Path, what: str | None = None) -> Path:
    """Write spectra, or what a model said of a star, to a file; the format follows the suffix.

    Parameters
    ----------
    x : Spectrum, Star, Report, Posterior, table, or a list of spectra, stars or reports
    path : str or Path
        ``.fits``, ``.ecsv``, ``.vot`` or ``.csv``; an older file is replaced in one step.
    what : {"spectra", "predictions", "labels", "posterior", "similar", "report"}, optional
        Of a report, by default "report": one row a star. Of a star or a spectrum, its spectra.

    Returns
    -------
    Path
        What was written. Spectra are read again by :func:`specviz.open`.

    Raises
    ------
    SpecvizError
        The suffix, the folder or ``what`` will not do, or there is nothing of that kind.

    Examples
    --------
    >>> specviz.export(star, "star.fits")                        # doctest: +SKIP
    >>> specviz.export(report, "samples.ecsv", "posterior")      # doctest: +SKIP
    >>> specviz.export(specviz.similar(star), "similar.vot")     # doctest: +SKIP
    """
    path = Path(path)
    name = output_format(path)
    if hasattr(x, "colnames"):
        table = similar_table(x) if "similarity" in x.colnames else x
        return write_whole(path, table_bytes(table, name))
    if isinstance(x, Posterior):
        table = x.samples_qtable() if what in (None, "posterior") else None
        if table is None:
            raise OptionError(f"A posterior holds no {what}", expected="what='posterior'")
        return write_whole(path, table_bytes(table, name))
    first = x[0] if isinstance(x, list | tuple) and x else x
    if what is None:
        what = "report" if isinstance(first, Report) else "spectra"
    if not isinstance(first, Report | Star | Spectrum):
        raise OptionError(
            f"A {type(first).__name__} cannot be exported", expected="a Spectrum, a Star, a Report or a table"
        )
    if what != "spectra" and not isinstance(first, Report):
        raise OptionError(f"A {type(first).__name__} has no {what}", expected="a Report: specviz.analyse(star)")
    return write_whole(path, export_bytes(x, what, name))


# ------------------------------------------------------------------------------------------------ parts
def _listed(reports: Report | Sequence[Report]) -> list[Report]:
    listed = [reports] if isinstance(reports, Report) else list(reports)
    if not all(isinstance(r, Report) for r in listed):
        raise OptionError("That is no report", expected="a Report, or a list of them: specviz.analyse(star)")
    return listed


def _stamped(table: Any, reports: Sequence[Report], what: str) -> Any:
    """Provenance in ``meta``, UCDs on the columns."""
    from specviz import __version__

    own = dict(table.meta)
    table.meta.clear()
    table.meta.update({"content": what, "creator": f"specviz {__version__}", **own, **provenance_of(reports)})
    if len(reports) == 1:
        table.meta.setdefault("object_id", reports[0].star.name)
    sentences = [acknowledgement(s) for r in reports for s in r.star.spectra.values()]
    if thanks := list(dict.fromkeys(s for s in sentences if s)):
        table.meta["acknowledgement"] = " ".join(thanks)
    for name in table.colnames:
        base, _, part = name.rpartition("_")
        word = _OTHER_UCDS.get(name) or ucd_of(name)
        if part in ("lo", "hi") and ucd_of(base):
            word = f"stat.percentile;{ucd_of(base)}"
        info = table[name].info
        if word and not (info.meta or {}).get("ucd"):
            info.meta = {**(info.meta or {}), "ucd": word}
    return table


def _signature(meta: Any) -> str:
    words = [
        str(meta.get("model")),
        str(meta.get("model_version") or ""),
        f"sha256:{str(meta.get('weights_sha256'))[:16]}",
    ]
    return " ".join(w for w in words if w)
