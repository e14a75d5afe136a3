"""SQL for LAMOST's PostgreSQL (with pg_sphere): built from checked names and numbers only, so that nothing that a
person types can change what is asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from specviz.errors import OptionError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
#: What ``query_stellar_parameters`` returns unless told otherwise (columns of the table ``stellar``, LASP).
PARAMETERS = (
    "obsid", "uid", "designation", "ra", "dec", "snrg", "class", "subclass", "gaia_source_id",
    "teff", "teff_err", "logg", "logg_err", "feh", "feh_err", "rv", "rv_err", "alpha_m", "alpha_m_err", "vsini_lasp",
)  # fmt: skip


def name(text: str) -> str:
    """A table or column name, if it is one.

    Raises
    ------
    OptionError
    """
    if not isinstance(text, str) or _NAME.fullmatch(text) is None:
        raise OptionError(f"{text!r} is no name of a table or column", expected="letters, digits and underscores")
    return text


def number(value: Any, what: str) -> str:
    """A finite number as SQL."""
    try:
        held = float(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{what} is {value!r}", expected="a number") from error
    if not math.isfinite(held):
        raise OptionError(f"{what} is {held}", expected="a finite number")
    return repr(int(held)) if held.is_integer() and abs(held) < 1e15 else repr(held)


def circle(ra: float, dec: float, radius_deg: float) -> str:
    """Whether a row lies in a circle (services.md 1.2: ``spos(ra,dec) @ scircle '<(10.0d,41.0d),0.2d>'``)."""
    return f"spos(ra,dec) @ scircle '<({ra:.8f}d,{dec:.8f}d),{radius_deg:.8f}d>'"


def span(column: str, limits: Sequence[Any] | None) -> list[str]:
    """Conditions for ``(low, high)``, both included; None leaves a side open."""
    if limits is None:
        return []
    if isinstance(limits, str | bytes) or len(limits) != 2:
        raise OptionError(f"The range of {column} is {limits!r}", expected="(lowest, highest); None leaves a side open")
    low, high = limits
    found = [] if low is None else [f"{name(column)} >= {number(low, column)}"]
    return found + ([] if high is None else [f"{name(column)} <= {number(high, column)}"])


def ids(column: str, values: Iterable[int | str]) -> str:
    """Whether a column holds one of some whole numbers. They are quoted: ``gaia_source_id`` is text in DR10, and a
    quoted number compares with a numeric column too.
    """
    wanted = [str(v).strip() for v in values]
    if not wanted or not all(re.fullmatch(r"\d{1,19}", v) for v in wanted):
        raise OptionError(f"Ids to look for in {column}: {wanted}", expected="whole numbers")
    return f"{name(column)} IN ({', '.join(chr(39) + v + chr(39) for v in wanted)})"


def select(
    table: str,
    conditions: Sequence[str] = (),
    *,
    columns: Sequence[str] | None = None,
    sort_by: str | None = None,
    descending: bool = False,
    limit: int | None = None,
) -> str:
    """``SELECT ... FROM table WHERE ... ORDER BY ... LIMIT``."""
    shown = ", ".join(name(c) for c in columns) if columns else "*"
    text = f"SELECT {shown} FROM {name(table)}"
    if conditions:
        text += " WHERE " + " AND ".join(conditions)
    if sort_by is not None:
        text += f" ORDER BY {name(sort_by)} {'DESC' if descending else 'ASC'}"
    if limit is not None:
        text += f" LIMIT {whole(limit, 'max_rows')}"
    return text


def whole(value: Any, what: str) -> int:
    """A positive whole number.

    Raises
    ------
    OptionError
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OptionError(f"{what} is {value!r}", expected="a whole number above 0")
    return value
