"""Reports as one table: the columns of ``specviz analyse``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from specviz.analysis.report import LEADING, Report
from specviz.errors import ModelError
from specviz.models.posterior import label_unit
from specviz.spectra.spectrum import Spectrum

#: Labels that every table has, whether or not a report has them.
_ALWAYS = ("teff", "logg", "fe_h")
_WORDS: Mapping[str, str] = {
    "teff": "effective temperature",
    "logg": "logarithm of the surface gravity in cm s-2",
    "fe_h": "iron abundance [Fe/H]",
    "alpha_fe": "alpha abundance [alpha/Fe]",
    "rv": "radial velocity",
    "vsini": "projected rotational velocity",
    "vmic": "microturbulence",
    "ebv": "reddening E(B-V)",
    "e_bp_rp": "reddening E(BP-RP)",
    "dnu": "large frequency separation of the oscillations",
    "nu_max": "frequency of maximum power of the oscillations",
    "mass": "stellar mass",
    "radius": "stellar radius",
    "age": "stellar age",
    "delta_pi1": "period spacing of the dipole gravity modes",
}


def reports_to_table(reports: Sequence[Report]) -> Any:
    """One row a report, as an ``astropy.table.Table`` that writes to ECSV, FITS, CSV and VOTable.

    Columns: ``path, survey, object_id, snr``; for each label ``NAME, NAME_lo, NAME_hi`` (median, 16th and 84th
    percentile; teff, logg and fe_h first and always, the others as the posteriors have them); ``anomaly`` (robust
    sigma above the reference stars, see :func:`specviz.analysis.anomaly.anomaly`); ``flags`` (names of the checks that
    failed, joined by ";", or the reason why there is no result); ``model``. Numbers that are missing are masked.

    Returns
    -------
    astropy.table.Table
        With units, a description a column, and who made it in ``meta``.
    """
    from astropy.table import Table

    if isinstance(reports, Report):
        reports = [reports]
    reports = list(reports)
    if not all(isinstance(report, Report) for report in reports):
        raise ModelError("reports_to_table was given something that is no Report", expected="a list of Reports")
    labels = [{name: values for name, (_, values) in report.labels.items()} for report in reports]
    names = list(dict.fromkeys([*_ALWAYS, *(name for found in labels for name in found)]))
    table = Table()
    table["path"] = _words([_path(r) for r in reports], "file that was read")
    table["survey"] = _words([_survey(r) for r in reports], "survey of the spectrum that leads the row")
    table["object_id"] = _words([_object_id(r) for r in reports], "name of the object")
    table["snr"] = _numbers([_snr(r) for r in reports], "", "signal to noise per pixel (g band for LAMOST)")
    for name in names:
        rows = [found.get(name, (np.nan, np.nan, np.nan)) for found in labels]
        unit, word = _unit(reports, name), description_of(name)
        table[name] = _numbers(
            [row[0] for row in rows], unit, f"{word}, median of the posterior, or the one value there is"
        )
        table[name + "_lo"] = _numbers([row[1] for row in rows], unit, f"{word}, 16th percentile of the posterior")
        table[name + "_hi"] = _numbers([row[2] for row in rows], unit, f"{word}, 84th percentile of the posterior")
    scores = [np.nan if r.anomaly is None else r.anomaly.score for r in reports]
    table["anomaly"] = _numbers(scores, "", "misfit to the model in sigma, or its like by the embedding")
    table["flags"] = _words([_flags(r) for r in reports], "checks that failed, or why there is no result")
    table["model"] = _words(
        [f"{r.provenance.model} {r.provenance.model_version}".strip() for r in reports], "model and version"
    )
    table.meta.update(_meta(reports))
    return table


def _numbers(values: Sequence[float], unit: str, description: str) -> Any:
    from astropy.table import MaskedColumn

    data = np.asarray(values, np.float64)
    return MaskedColumn(data, mask=~np.isfinite(data), unit=unit or None, description=description)


def _words(values: Sequence[str], description: str) -> Any:
    from astropy.table import Column

    return Column(np.asarray(values, dtype=str) if values else np.empty(0, "U1"), description=description)


def description_of(name: str) -> str:
    """What a label is, in words."""
    if name not in _WORDS and name.endswith("_fe"):
        return f"abundance ratio [{name.removesuffix('_fe').capitalize()}/Fe]"
    return _WORDS.get(name, name)


def _unit(reports: Sequence[Report], name: str) -> str:
    units = (p.units[name] for r in reports for p in r.posteriors.values() if name in p.names)
    return next(units, label_unit(name))


def _survey(report: Report) -> str:
    return report.survey or next((s for s in LEADING if s in report.star.spectra), "")


def _spectrum(report: Report) -> Spectrum | None:
    return report.star.spectra.get(_survey(report))


def _path(report: Report) -> str:
    spectrum = _spectrum(report)
    return str(report.star.meta.get("path") or (spectrum.meta.get("path") if spectrum is not None else None) or "")


def _object_id(report: Report) -> str:
    spectrum = _spectrum(report)
    return str((spectrum.meta.get("object_id") if spectrum is not None else None) or report.star.name)


def _snr(report: Report) -> float:
    spectrum = _spectrum(report)
    snr = None if spectrum is None else spectrum.snr
    return float("nan") if snr is None else snr


def _flags(report: Report) -> str:
    words = list(dict.fromkeys(flag.name for flag in report.failed_flags))
    return ";".join([*words, *([report.problem] if report.problem else [])])


def _meta(reports: Sequence[Report]) -> dict[str, Any]:
    """Provenance of the table: one value where all rows agree, a list where they do not."""
    from specviz import __version__

    made = [r.provenance for r in reports if r.provenance.model]
    meta: dict[str, Any] = {"creator": f"specviz {__version__}"}
    for key in ("model", "model_version", "weights_sha256", "device", "dtype", "seed"):
        values = list(dict.fromkeys(getattr(p, key) for p in made))
        if values:
            meta[key] = values[0] if len(values) == 1 else values
    created = [p.created for p in made]
    if created:
        meta["created"] = max(created)
    return meta
