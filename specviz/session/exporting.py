"""What of a session can be taken away as a file: which, under what name, as bytes. Nothing is written here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from specviz import __version__
from specviz.analysis.export import WHAT, export_bytes
from specviz.errors import OptionError
from specviz.session import saved
from specviz.session.state import State
from specviz.spectra.writers.tables import FORMATS, MIME, table_bytes

#: Kinds of tables, in the order of the menu, with their names for a person.
DATA = {
    "spectra": "Observed spectra",
    "predictions": "Model spectra",
    "labels": "Labels with errors",
    "posterior": "Posterior samples",
    "similar": "Similar stars",
    "report": "Report, one row",
    "work": "Work list",
}
#: Their formats: ending -> how it is called.
FORMS = {"fits": "FITS", "ecsv": "ECSV", "vot": "VOTable", "csv": "CSV"}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


@dataclass(frozen=True)
class Exported:
    """A file to be saved somewhere."""

    name: str
    mime: str
    data: bytes


def has(state: State, what: str) -> bool:
    """Whether there is anything of that kind now."""
    report = state.report
    return {
        "spectra": state.star is not None and bool(state.star.spectra),
        "predictions": report is not None and bool(report.reconstructions or report.predictions),
        "labels": report is not None and bool(report.posteriors),
        "posterior": report is not None and report.posterior is not None,
        "similar": state.neighbours is not None,
        "report": report is not None,
        "work": bool(state.work),
        "session": True,
    }.get(what, False)


def exported(state: State, what: str, form: str) -> Exported:
    """One export of what is on screen.

    Parameters
    ----------
    state : State
    what : str
        A key of :data:`DATA`, or "session".
    form : str
        A key of :data:`FORMS`; "json" for the session.

    Raises
    ------
    OptionError
        There is no such kind or format, or nothing of it yet.
    """
    if what == "session":
        return Exported(
            file_name(state, "session", "json"), "application/json", saved.write(state, version=__version__)
        )
    if what not in DATA:
        raise OptionError(f"what={what!r}", expected="one of " + ", ".join([*DATA, "session"]))
    form = {"xml": "vot"}.get(form, form)
    if form not in FORMS:
        raise OptionError(f"No format {form!r}", expected="one of " + ", ".join(FORMS))
    name = FORMATS["." + form]
    if not has(state, what):
        raise OptionError(f"{DATA[what]}: there is nothing to export yet", remedy=_why_nothing(state, what))
    if what == "work":
        data = table_bytes(_work_table(state), name)
    else:
        assert what in WHAT
        data = export_bytes(state.star if what == "spectra" else state.report, what, name, neighbours=state.neighbours)
    return Exported(file_name(state, what, form), MIME[name], data)


def _why_nothing(state: State, what: str) -> str:
    if what == "work":
        return "Put stars on the work list first"
    if state.star is None:
        return "Open a star first"
    if state.report is None:
        return "The model is still at work: try again in a moment"
    return str(state.report.problem) or "The model does not give it for this star"


def file_name(state: State, what: str, suffix: str) -> str:
    """``<star>_<what>.<suffix>``, with nothing in it that a file system or a shell would mind."""
    star = "" if state.star is None or (what in ("work", "session") and len(state.work) > 1) else state.star.name
    return f"{safe_stem(star)}_{what}.{suffix}" if star else f"specviz_{what}.{suffix}"


def safe_stem(name: str) -> str:
    """A star's name as the stem of a file name: letters, digits, ``+ - .`` and underscores, at most 60.

    (Twin in the browser: ``safeStem`` of ``widgets/save_figure.js``.)
    """
    stem = re.sub(r"[^A-Za-z0-9.+-]+", "_", name).strip("._-+")[:60].rstrip("._-+")
    return "star" if not stem or _RESERVED.match(stem) else stem


def _work_table(state: State) -> Any:
    import numpy as np
    from astropy.table import MaskedColumn, Table

    rows = state.work
    percentiles = np.array([np.nan if w.percentile is None else w.percentile for w in rows], np.float64)
    table = Table()
    table["name"] = np.array([w.name for w in rows])
    table["target"] = np.array([_asked(w.target) for w in rows])
    table["status"] = np.array([w.status for w in rows])
    table["percentile"] = MaskedColumn(
        percentiles, mask=~np.isfinite(percentiles), description="percentile of the anomaly score among reference stars"
    )
    table["problem"] = np.array([w.problem for w in rows])
    table.meta.update({"content": "work list", "creator": f"specviz {__version__}", "model": state.model})
    return table


def _asked(target: Any) -> str:
    from specviz.session.resolve import describe

    return describe(target)
