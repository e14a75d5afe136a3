"""Tables of targets: which star each row means, whatever the table calls its columns.

``read_targets`` takes the bytes of a file (CSV, TSV, ECSV, VOTable, FITS, Parquet, or names one a line), ``targets_of``
a table in memory or a list of names, ``query_targets`` asks a TAP service. Columns are recognised by their names
(:mod:`specviz.archives.target_columns`), whatever the case. A table that holds spectra is no table of targets.

What a cell says stays plain text: nothing in it is evaluated, and whoever shows it has to escape it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from specviz.archives.catalogue_columns import catalogue_columns, catalogues_in
from specviz.archives.positions import is_position
from specviz.archives.target_columns import LazyCells, Recognised, recognise
from specviz.archives.target_tables import (
    Table,
    is_number,
    split_rows,
    table_of_content,
    table_of_ecsv,
    table_of_object,
    table_of_parquet,
    table_of_rows,
)
from specviz.errors import NotFoundError, OptionError, ReadError, SpecvizError, UnknownLayoutError
from specviz.spectra.readers.content import Content, content_of
from specviz.spectra.readers.tables import text_lines

#: Longest table of targets; a person goes through hundreds.
MAX_TARGETS = 100_000
_LONGEST_NAME = 60  # characters of a name in a plain list
_SENTENCE = re.compile(r"[.!?:;,]$|://|[{}<>|\\]|^[=@]")


@dataclass(frozen=True)
class Target:
    """One row of a work list.

    Parameters
    ----------
    name : str
        What to show.
    text : str
        What to fetch: a name, ``obsid 353301001``, ``Gaia DR3 ...``, a position, a path; "" where the row names no
        star, and ``note`` says so.
    note : str
        What the table remarks on it.
    catalogues : mapping
        Labels in the table's columns, by catalogue, as :attr:`specviz.spectra.star.Star.catalogues` holds them.
    """

    name: str
    text: str
    note: str = ""
    catalogues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)


def read_targets(data: bytes, name: str) -> list[Target] | None:
    """The targets in a file.

    Parameters
    ----------
    data : bytes
        CSV, TSV, ECSV, VOTable, FITS table or Parquet, plain or gzip; or text with one name a line.
    name : str
        Its name, for messages.

    Returns
    -------
    list of Target, or None
        None if it is not a table of targets: a spectrum, a table of spectra, a picture, prose.

    Raises
    ------
    ReadError
        If it is a table of targets that is damaged or empty.
    SpecvizError
        If it has more than :data:`MAX_TARGETS` rows, or ids that a spreadsheet has rounded.
    """
    data = bytes(data)
    shown = _shown(Path(name.replace("\\", "/")).name)[:120] or "the table"
    if data[:4] == b"PAR1":
        return _targets(table_of_parquet(data, shown), shown)
    content = content_of(data, shown)
    try:
        kind = content.kind
    except UnknownLayoutError:
        return None  # whoever reads spectra says what it is instead
    if kind == "text":
        return _from_text(content)
    if kind not in ("fits", "votable"):
        return None
    table = table_of_content(content)
    return None if table is None else _targets(table, shown)


def targets_of(table: Any) -> list[Target]:
    """The targets in a table in memory, or in a list of names.

    Parameters
    ----------
    table : astropy Table or QTable, pandas DataFrame, Arrow table, dict of columns, or iterable of str, int or Target

    Raises
    ------
    OptionError
        If it is no table, or no column names stars.
    SpecvizError
        If it has more than :data:`MAX_TARGETS` rows, or ids that have been rounded.
    """
    if isinstance(table, str | bytes):
        raise OptionError("One text is no list of targets", expected="a list of names", remedy=f"[{str(table)[:40]!r}]")
    if not isinstance(table, dict) and not any(hasattr(table, a) for a in ("colnames", "column_names", "iloc")):
        return _from_names(table)
    held = table_of_object(table)
    found = _targets(held, "the table")
    if found is None:
        raise OptionError(
            "No column names stars; there are " + (", ".join(c.name for c in held.columns[:20]) or "none"),
            expected="obsid, source_id, designation, name, KIC, TIC, file, or ra and dec",
            remedy="Rename the column that does",
        )
    return found


def query_targets(adql: str, service: str | None = None) -> list[Target]:
    """The targets that a TAP query gives.

    Parameters
    ----------
    adql : str
    service : str, optional
        "gaia", "gaia_aip", "simbad", "vizier" or "lamost"; guessed from the tables' names where it is not said.

    Raises
    ------
    QueryError
        If the service refuses the query.
    ArchiveError
        If it does not answer.
    OptionError
        If no column of the answer names stars.
    """
    from specviz.archives import tap

    return targets_of(tap.query(service or tap.service_of(adql), adql))


# ------------------------------------------------------------------------------------------------ rows
def _targets(table: Table, name: str) -> list[Target] | None:
    found = recognise(table)
    if found is None:
        return None
    _limit(table.rows, name)
    if table.rows == 0:
        raise ReadError(f"{name}: a table of targets without rows", expected="one row a star")
    targets = [_target(found, row) for row in range(table.rows)]
    columns = catalogue_columns(c.name for c in table.columns)
    if columns:
        wanted = {n for named in columns.values() for n in named.values()}
        cells = LazyCells({c.name: c for c in table.columns if c.name in wanted})
        said = (catalogues_in({k: cells[k][i] for k in wanted}, columns, name) for i in range(table.rows))
        targets = [t and replace(t, catalogues=values) for t, values in zip(targets, said, strict=True)]
    return [target for target in targets if target is not None]


def _target(found: Recognised, row: int) -> Target | None:
    """The target of a row; None where the whole row is blank."""
    text, trouble = found.text(row)
    label, note = (_shown(found.plain(role, row)) for role in ("name", "note"))
    if not text and not label and not trouble and found.blank(row):
        return None
    if not text:
        note = "; ".join(part for part in (note, trouble or "this row names no star") if part)
        return Target(label or f"row {row + 1}", "", note)
    return Target(label or _shown(found.plain("designation", row)) or text, text, note)


def _limit(rows: int, name: str) -> None:
    if rows > MAX_TARGETS:
        raise SpecvizError(f"{name}: {rows:,} rows", expected=f"at most {MAX_TARGETS:,} targets",
                           remedy="Select the rows that are wanted first")  # fmt: skip


def _shown(text: str) -> str:
    """One line of printable text; what it says is left as it is."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


# ------------------------------------------------------------------------------------------------ text and lists
def _from_text(content: Content) -> list[Target] | None:
    lines = [line for line in text_lines(content) if line.strip()]
    if lines and lines[0].startswith("# %ECSV"):
        return _targets(table_of_ecsv(content), content.name)
    body = [line for line in lines if not line.lstrip().startswith("#")]
    if not body:
        return None
    # A header may stand behind a # (topcat, numpy.savetxt); else it is the first line.
    comments = [line.lstrip("# ") for line in lines[: len(lines)] if line.lstrip().startswith("#")]
    for header, rows in [(body[0], body[1:]), *((comment, body) for comment in comments[-1:])]:
        delimiter = max(",;\t|", key=header.count)
        found = _from_header(content, header, rows, delimiter if delimiter in header else None)
        if found is not None:
            return found
    return _from_lines(body)


def _from_header(content: Content, header: str, lines: list[str], delimiter: str | None) -> list[Target] | None:
    names = [cell.strip() for cell in split_rows(content, [header], delimiter)[0]]
    if not names or all(is_number(n) for n in names) or recognise(table_of_rows(names, [])) is None:
        return None
    if delimiter is None and len(names) > 1 and any(len(line.split()) != len(names) for line in lines):
        return None  # words in a row: rather a list of names than a table
    _limit(len(lines), content.name)
    rows = split_rows(content, lines, delimiter) if len(names) > 1 else [[line.strip()] for line in lines]
    odd = next((i for i, row in enumerate(rows) if len(row) != len(names)), None)
    if odd is not None:
        raise ReadError(f"{content.name}: row {odd + 1} has {len(rows[odd])} cells, the header {len(names)}",
                        expected="the same number in each row", remedy="Put names with commas in quotes")  # fmt: skip
    return _targets(table_of_rows(names, rows), content.name)


def _from_lines(lines: list[str]) -> list[Target] | None:
    """One name a line; None for numbers in columns, and for prose."""
    from specviz.archives.names import parse

    names = [line.strip().strip("\"'").strip() for line in lines]
    if not all(_like_a_name(name) for name in names):
        return None
    cells = [re.split(r"[\s,;]+", name) for name in names]
    numeric = [all(map(is_number, row)) for row in cells]
    columns = sum(yes and len(row) not in (1, 6) for yes, row in zip(numeric, cells, strict=True))
    if 2 * columns >= len(names):
        return None  # two columns of numbers are a spectrum; one may be ids, six sexagesimal positions
    try:
        known = sum(parse(name).kind != "name" for name in names)
    except NotFoundError:
        return None  # a number or a position that cannot exist: no list of stars
    return None if all(numeric) and known < len(names) else _from_names(names)


def _like_a_name(line: str) -> bool:
    words = line.split()
    return (
        0 < len(line) <= _LONGEST_NAME
        and len(words) <= 6  # a sexagesimal position has six parts
        and not _SENTENCE.search(line)
        and re.search(r"[A-Za-z0-9]", line) is not None
        and sum(word.isalpha() and word.islower() for word in words) <= 2
        and (not re.search(r"[,;\t|]", line) or is_position(line))
    )


def _from_names(names: Iterable[Any]) -> list[Target]:
    if not isinstance(names, Iterable):
        raise OptionError(f"A {type(names).__name__} is no table of targets", expected="a table, or a list of names")
    out: list[Target] = []
    for item in names:
        if isinstance(item, Target):
            out.append(item)
        elif isinstance(item, str | int | Path) or hasattr(item, "item") or hasattr(item, "ra"):
            text = f"{item.ra.deg:.7f} {item.dec.deg:+.7f}" if hasattr(item, "ra") else str(item)
            if shown := _shown(text):
                out.append(Target(shown, shown))
        else:
            raise OptionError(f"A {type(item).__name__} names no star", expected="names as text")
        _limit(len(out), "The list")
    return out
