"""Labels as files: ECSV, VOTable and CSV hold tables, JSON holds every event, so that it can be merged without loss."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from specviz import __version__
from specviz.errors import OptionError
from specviz.session.vetting.label_tables import history_table, label_rows, label_table, thanks_for
from specviz.session.vetting.values import Event
from specviz.session.vetting.vocabulary import Vocabulary
from specviz.spectra.writers.tables import MIME, table_bytes, write_whole

What = Literal["labels", "history"]
#: Suffix -> format. The order is that of a menu.
FORMATS = {".ecsv": "ascii.ecsv", ".vot": "votable", ".xml": "votable", ".csv": "ascii.csv", ".json": "json"}
#: Format -> what a browser calls it.
MIMES = {**MIME, "json": "application/json"}
#: Of the JSON file.
JSON_FORMAT, JSON_VERSION = "specviz-labels", 1
#: In the header of ECSV: comments have their line breaks escaped.
ESCAPED = "comment_escaped"
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def label_bytes(
    events: Iterable[Event],
    form: str,
    *,
    what: What = "labels",
    reviewer: str | None = None,
    vocabulary: Vocabulary | None = None,
    positions: Mapping[str, tuple[float, float]] | None = None,
    thanks: Sequence[str] = (),
) -> bytes:
    """Labels as the bytes of a file.

    Parameters
    ----------
    events : iterable of Event
    form : str
        A value of :data:`FORMATS`. JSON holds the labels and all events behind them.
    what : {"labels", "history"}
        What reviewers say now, or everything that was said.
    reviewer, vocabulary, positions, thanks
        As of :func:`specviz.session.vetting.label_tables.label_table`.

    Raises
    ------
    OptionError
        There is no such format, or nothing of that name can be exported.
    """
    listed = list(events)
    if form == "json":
        return _json(listed, reviewer, vocabulary, positions, thanks)
    if what not in ("labels", "history"):
        raise OptionError(f"what={what!r}", expected='"labels" or "history"')
    if form not in FORMATS.values():
        raise OptionError(f"There is no format {form!r}", expected=", ".join(dict.fromkeys(FORMATS.values())))
    if what == "history":
        table = history_table(listed, reviewer, vocabulary=vocabulary, thanks=thanks)
    else:
        table = label_table(listed, reviewer, vocabulary=vocabulary, positions=positions, thanks=thanks)
    return any_table_bytes(table, form)


def any_table_bytes(table: Any, form: str) -> bytes:
    """A table of labels, conflicts, consensus or agreement as the bytes of a file; ``form`` as in :data:`FORMATS`."""
    if form == "ascii.csv":
        return _csv(table)
    if form == "ascii.ecsv":
        return table_bytes(_escaped(table), form)
    if form == "json":
        rows = [{name: _plain(row[name]) for name in table.colnames} for row in table]
        return json.dumps({**table.meta, "rows": rows}, ensure_ascii=False, indent=1).encode()
    return table_bytes(table, form)


def format_of(path: str | Path) -> str:
    """The format that a name asks for.

    Raises
    ------
    OptionError
        None of ours.
    """
    form = FORMATS.get(Path(path).suffix.lower())
    if form is None:
        raise OptionError(f"Cannot tell the format of {path}", expected="a name that ends in " + ", ".join(FORMATS))
    return form


def write_labels(path: str | Path, events: Iterable[Event], **options: Any) -> Path:
    """Write labels in the format of the suffix, whole or not at all; options as of :func:`label_bytes`."""
    return write_whole(Path(path), label_bytes(events, format_of(path), **options))


# ------------------------------------------------------------------------------------------------ JSON
def _json(
    events: Sequence[Event],
    reviewer: str | None,
    vocabulary: Vocabulary | None,
    positions: Mapping[str, tuple[float, float]] | None,
    thanks: Sequence[str],
) -> bytes:
    kept = [e for e in events if reviewer is None or e.reviewer == reviewer]
    rows = label_rows(kept, None, vocabulary)
    for row in rows:
        row["flags"] = [flag for flag in row["flags"].split(";") if flag]
        if (positions or {}).get(row["star"]) is not None:
            row["ra"], row["dec"] = (positions or {})[row["star"]]
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    document = {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "creator": f"specviz {__version__}",
        "written": now,
        "acknowledgement": list(dict.fromkeys((*thanks, *thanks_for(e.star for e in kept)))),
        "vocabulary": None if vocabulary is None else vocabulary.to_dict(),
        "labels": rows,
        "events": [event_to_dict(e) for e in kept],
    }
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False).encode()


def event_to_dict(event: Event) -> dict[str, Any]:
    """As JSON holds it; its place in this journal, and whether it came from another, mean nothing elsewhere."""
    found = asdict(event)
    return {name: value for name, value in found.items() if name not in ("number", "imported")}


# ------------------------------------------------------------------------------------------------ ECSV
def _escaped(table: Any) -> Any:
    """Where a comment has several lines: a copy with them on one. Readers of ECSV drop empty lines, or take each for a
    row."""
    if "comment" not in table.colnames or not any("\n" in str(c) for c in table["comment"]):
        return table
    table = table.copy()
    info = table["comment"].info
    words, meta = info.description, info.meta
    table["comment"] = [str(c).replace("\\", "\\\\").replace("\n", "\\n") for c in table["comment"]]
    table["comment"].info.description = f"{words}; a line break is written as \\n and a backslash as \\\\"
    table["comment"].info.meta = meta
    table.meta[ESCAPED] = True
    return table


def unescaped(comment: str) -> str:
    """A comment with its line breaks, as it was before :data:`ESCAPED` was set."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], comment)


# ------------------------------------------------------------------------------------------------ CSV
def _csv(table: Any) -> bytes:
    """With the header as first line, in UTF-8; text that a spreadsheet would run gets an apostrophe in front.

    Unlike :func:`specviz.spectra.writers.tables.formula_safe` it keeps line breaks, which comments have: the cell is
    quoted. :func:`unquoted` takes the apostrophe away again.
    """
    if (thanks := table.meta.get("acknowledgement")) and "acknowledgement" not in table.colnames:
        table = table.copy()
        table["acknowledgement"] = [str(thanks)] * len(table)  # CSV has no other place for it
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.colnames)
    kinds = {name: table[name].dtype.kind for name in table.colnames}
    for row in table:
        writer.writerow([_cell(row[name], kinds[name]) for name in table.colnames])
    return stream.getvalue().encode()


def _cell(value: Any, kind: str) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    if kind == "b":
        return str(int(plain))
    return quoted(str(plain)) if kind in "UO" else str(plain)


def _plain(value: Any) -> Any:
    """A cell as Python has it; None where it is masked."""
    if getattr(value, "mask", False) is True or type(value).__name__ == "MaskedConstant":
        return None
    return value.item() if hasattr(value, "item") else value


def quoted(cell: str) -> str:
    """Text of a cell that no spreadsheet runs."""
    return "'" + cell if _runs(cell) else cell


def unquoted(cell: str) -> str:
    """What :func:`quoted` was given."""
    return cell[1:] if cell.startswith("'") and _runs(cell) else cell


def _runs(cell: str) -> bool:
    """Whether it begins like a formula, once apostrophes and blanks in front are passed over."""
    return cell.lstrip("'").lstrip(" \u00a0").startswith(_FORMULA)
