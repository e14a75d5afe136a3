"""Columns of LAMOST's tables: numbers that come as text become numbers, sentinels and empty cells become masks.

The JSON and CSV of the service, and the VOTable of its SQL, hold numbers as text ("5535.28"); a missing value is null,
an empty text, or -9999 (-999 for magnitudes, 999 for a signal-to-noise ratio) [recorded replies of DR10 v2.0].
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.archives.lamost.replies import SERVICE, error_for
from specviz.errors import BadReplyError

if TYPE_CHECKING:
    from astropy.table import Table

#: Text in every release, though some values look like numbers (a plan may be called "2012").
_TEXT = frozenset(
    {
        "band", "class", "designation", "epoch", "exptime", "fibertype", "file", "gaia_vari_type_sos",
        "gaia_vari_type_sos_arr", "magtype", "mobsid", "moon_flg", "objtype", "obsdate", "obsid_list", "planid", "spec",
        "subclass", "subproject", "subtype", "tcomment", "tfrom", "tname", "tsource", "uid", "unitid", "wd_subclass",
        "accref", "ssa_location", "ssa_dstitle", "mime", "ssa_pubdid", "char_main_id",
        *(f"line_name_{n}" for n in range(1, 7)),
    }
)  # fmt: skip
_SENTINELS = (-9999.0, -999.0)
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.I)
_HEADING = re.compile(r"[A-Za-z_][\w .()*/+-]{0,80}", re.A)
_PREFIX = re.compile(r"^(?:med_)?catalogue_(?=[a-z])")


def table_of(rows: Iterable[Mapping[str, Any]], names: Sequence[str] = ()) -> Table:
    """A table of rows as they came in JSON.

    Parameters
    ----------
    rows : iterable of mapping
    names : sequence of str
        Columns in order, where the reply names them; others that occur follow.

    Returns
    -------
    astropy.table.Table
    """
    held = list(rows)
    order = list(dict.fromkeys([*names, *(key for row in held for key in row)]))
    return _table({name: [row.get(name) for row in held] for name in order})


def read_csv(body: bytes, what: str) -> Table:
    """The table of a CSV reply; it begins with a byte-order mark.

    Raises
    ------
    QueryError
        If an error came as plain text.
    BadReplyError
        If rows are of different length.
    """
    text = body.decode("utf-8-sig", "replace")
    lines = list(csv.reader(io.StringIO(text, newline="")))
    lines = [line for line in lines if line]
    if not lines:
        raise _no_table(what)
    if re.match(r"(?i)\s*(error|exception|traceback|invalid|internal server)\b", lines[0][0]):
        raise error_for(text, what)
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    if not all(_HEADING.fullmatch(name) for name in header) or any(len(row) != len(header) for row in rows):
        raise _no_table(what)
    return _table({name: [row[i] for row in rows] for i, name in enumerate(header)})


def _no_table(what: str) -> BadReplyError:
    return BadReplyError(
        f"LAMOST did not send a whole table for {what}",
        service=SERVICE,
        status=200,
        remedy="Try again: the answer may have been cut short",
    )


def mended(table: Table) -> Table:
    """A table that was read by others (VOTable, astroquery), with its columns as this module makes them."""
    columns: dict[str, Any] = {}
    for name in table.colnames:
        column = table[name]
        missing = np.ma.getmaskarray(column) if hasattr(column, "mask") else np.zeros(len(table), bool)
        if column.ndim == 1 and column.dtype.kind in "iuf" and name not in _TEXT:
            columns[name] = np.ma.MaskedArray(np.asarray(column), missing)
        elif column.ndim == 1:
            columns[name] = [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]
        else:  # an array in every cell: nothing to mend
            columns[name] = column
    out = _table(columns)
    for name in table.colnames:
        ours = out[_PREFIX.sub("", name)]
        ours.description, ours.unit = table[name].description, table[name].unit
    out.meta.update(table.meta)
    return out


def _table(columns: Mapping[str, Any]) -> Table:
    from astropy.table import Table

    out = Table()
    for name, values in columns.items():
        short = _PREFIX.sub("", str(name))
        out[short] = column(short, values)
    return out


def column(name: str, values: Any) -> Any:
    """One masked column: int64, float64 or text, whatever all its values are.

    Ids of 19 digits stay whole: they never pass through a float.
    """
    from astropy.table import MaskedColumn

    if isinstance(values, list):
        values = _parsed(name, values)
    if not isinstance(values, np.ma.MaskedArray) or values.ndim != 1 or values.dtype.kind not in "iuf":
        return values if hasattr(values, "info") or not isinstance(values, np.ma.MaskedArray) else MaskedColumn(values)
    gone = np.ma.getmaskarray(values) | _sentinels(name, values.data)
    return MaskedColumn(values.data, mask=gone)


def _sentinels(name: str, values: Any) -> Any:
    gone = np.isin(values, _SENTINELS)
    if values.dtype.kind == "f":
        gone |= ~np.isfinite(values)
    if name.startswith("snr"):
        gone |= values == 999
    return gone


def _parsed(name: str, values: list[Any]) -> Any:
    texts = [_text(v) for v in values]
    missing = np.array([t is None for t in texts], bool)
    held = [t for t in texts if t is not None]
    if name.lower() not in _TEXT:
        if all(_WHOLE.fullmatch(t) and abs(int(t)) < 2**63 for t in held):
            # A column of nothing but nulls says nothing of its type: most of them are measurements.
            whole = np.array([int(t) if t is not None else 0 for t in texts], np.int64)
            return np.ma.MaskedArray(whole if held else whole.astype(np.float64), missing)
        if all(_NUMBER.fullmatch(t) for t in held):
            return np.ma.MaskedArray(np.array([float(t) if t is not None else np.nan for t in texts]), missing)
    plain = np.array([t if t is not None else "" for t in texts], dtype=str)
    return np.ma.MaskedArray(plain if plain.size else plain.astype("U1"), missing)


def _text(value: Any) -> str | None:
    """A cell as text; None where it is empty."""
    if value is None or value is np.ma.masked or (isinstance(value, float) and math.isnan(value)):
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip() or None
