"""The labels of a report as text: to copy into a spreadsheet (TSV) or a program (ECSV), plain ASCII at full precision."""

from __future__ import annotations

import json
import math
from typing import Any

from specviz.session.state import Report
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of

_COLUMNS = ("label", "survey", "median", "p16", "p84", "unit", "prior_low", "prior_high")


def rows_of(report: Report) -> tuple[list[str], list[list[Any]]]:
    """Column names and one row a label: every label once, with bounds, training range, and all catalogues.

    Catalogue columns are ``<catalogue>``, ``<catalogue>_lower``, ``<catalogue>_upper`` (1 sigma bounds) and
    ``<catalogue>_sigma``, the distance from our median in both errors. What is not there is None.
    """
    catalogues = catalogues_of(report.star)
    names = [*_COLUMNS, "note"]
    for one in catalogues:
        key = _key(one)
        names += [key, f"{key}_lower", f"{key}_upper", f"{key}_sigma"]
    rows = []
    for label, (survey, (median, low, high)) in report.labels.items():
        posterior = report.posteriors[survey]
        prior = posterior.prior.get(label, (None, None))
        row: list[Any] = [label, survey, median, low, high, posterior.units.get(label, ""), *prior]
        row.append(posterior.notes.get(label, ""))
        for one in catalogues:
            value, errors = one.value(label), one.errors(label)
            bounds = (None, None) if value is None or errors is None else (value - errors[0], value + errors[1])
            row += [value, *bounds, one.distance(label, median, low, high)]
        rows.append([None if isinstance(v, float) and not math.isfinite(v) else v for v in row])
    return names, rows


def tsv(report: Report) -> str:
    """Tab-separated values with a line of names; "" for what is not there."""
    names, rows = rows_of(report)
    return "\n".join("\t".join(_cell(v) for v in row) for row in (names, *rows)) + "\n"


def ecsv(report: Report) -> str:
    """An ECSV table that ``astropy.table.Table.read(text, format="ascii.ecsv")`` reads, with the provenance in it.

    (Written by hand: astropy's writer takes 20 ms and its import more, for text that is seldom asked for.)
    """
    names, rows = rows_of(report)
    words = {"label", "survey", "unit", "note"}
    head = ["%ECSV 1.0", "---", "datatype:"]
    head += [f"- {{name: {json.dumps(n)}, datatype: {'string' if n in words else 'float64'}}}" for n in names]
    p = report.provenance
    facts = {
        "star": report.star.name,
        "catalogues": [one.source or one.name for one in catalogues_of(report.star)],
        "model": f"{p.model} {p.model_version}",
        "weights_sha256": p.weights_sha256,
        "specviz_version": p.specviz_version,
        "created": p.created,
    }
    head += ["meta:", *(f"  {k}: {json.dumps(v)}" for k, v in facts.items()), "schema: astropy-2.0"]
    body = [" ".join(_quoted(v) for v in row) for row in (names, *rows)]
    return "\n".join([*(f"# {line}" for line in head), *body]) + "\n"


def _key(one: CatalogueValues) -> str:
    return _ascii("".join(c if c.isalnum() else "_" for c in one.name.lower()))


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    text = _ascii(" ".join(str(value).split()))
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text  # a spreadsheet would compute it


def _quoted(value: Any) -> str:
    """A cell of ECSV, separated by spaces: quoted where it must be, quotes doubled."""
    if value is None:
        return '""'
    if isinstance(value, float):
        return repr(value)
    text = _ascii(" ".join(str(value).split())).replace('"', '""')
    return text if text and text.replace("_", "").isalnum() else f'"{text}"'
