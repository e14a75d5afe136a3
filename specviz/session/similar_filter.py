"""What is shown of the table of similar stars, and in which order: ``teff 5000..6000 snr>50 class G``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from specviz.errors import OptionError, did_you_mean

#: Columns as they are called in a filter, and in the table.
NUMBERS: Mapping[str, str] = {
    "rank": "rank", "#": "rank", "similarity": "similarity", "teff": "teff", "logg": "logg", "fe_h": "fe_h",
    "feh": "fe_h", "[fe/h]": "fe_h", "alpha_fe": "alpha_fe", "[α/fe]": "alpha_fe", "[alpha/fe]": "alpha_fe",
    "snr": "snr", "s/n": "snr",
}  # fmt: skip
TEXTS: Mapping[str, str] = {"class": "class", "name": "object_id", "star": "object_id"}
#: Columns by which the table can be sorted.
SORTABLE = ("rank", "name", "class", "similarity", "teff", "logg", "fe_h", "snr")
_EXAMPLE = "“teff 5000..6000”, “snr>50”, “class G”, or a part of a name"
_NUMBER = r"[-+\u2212]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})?\s*\.\.\s*({_NUMBER})?")
_TERM = re.compile(r"\s*([^\s<>=,;]+)\s*(<=|>=|<|>|=)\s*([^\s,;<>=]+)")
LONGEST = 200


@dataclass(frozen=True)
class Condition:
    """One condition on one column; ``kind`` is "range" (``low`` to ``high``), "below", "above" or "text"."""

    column: str
    kind: Literal["range", "below", "above", "text"]
    low: float = -np.inf
    high: float = np.inf
    text: str = ""

    def mask(self, table: Any) -> NDArray[np.bool_]:
        """Which rows meet it; a missing value meets nothing."""
        if self.kind == "text":
            values = (
                [str(v).lower() for v in table[self.column]] if self.column in table.colnames else [""] * len(table)
            )
            if self.column == "class":  # a class and its subclasses, not every word with the letter
                return np.array([v.startswith(self.text) for v in values], bool)
            return np.array([self.text in v for v in values], bool)
        values_ = numbers(table, self.column)
        with np.errstate(invalid="ignore"):
            if self.kind == "below":
                return np.asarray(values_ < self.high)
            if self.kind == "above":
                return np.asarray(values_ > self.low)
            return np.asarray((values_ >= self.low) & (values_ <= self.high))


def numbers(table: Any, name: str) -> NDArray[np.float64]:
    """A column as plain floats, NaN where masked or absent."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    values = table[name]
    values = getattr(values, "value", values)
    return np.asarray(np.ma.filled(np.ma.asarray(values, np.float64), np.nan))


def parse(text: str) -> tuple[Condition, ...]:
    """The conditions that a filter means, all of which must hold; () for an empty one.

    Parameters
    ----------
    text : str
        ``column low..high`` (either end may be left out), ``column>value``, ``<``, ``>=``, ``<=``, ``=``, ``class G``
        (begins with), ``name part``, separated by spaces, commas or "and". A word alone is a part of a name, or a
        class if it looks like one.

    Raises
    ------
    OptionError
        For a column that is not there or what is no number; it says what would be.
    """
    if len(text) > LONGEST:
        raise OptionError(f"A filter of {len(text)} characters", expected=f"at most {LONGEST}")
    out, rest = [], text.strip()
    while rest:
        rest = re.sub(r"^(?:[\s,;]+|and\s+)+", "", rest, flags=re.IGNORECASE)
        if not rest:
            break
        compared = _TERM.match(rest)
        if compared:
            out.append(_compared(*compared.groups()))
            rest = rest[compared.end() :]
            continue
        word, _, after = rest.partition(" ") if " " in rest else (rest, "", "")
        word = word.rstrip(",;")
        after = after.lstrip()
        key = word.lower()
        if key in NUMBERS:
            found = _RANGE.match(after)
            if not found or (found[1] is None and found[2] is None):
                raise OptionError(
                    f"“{word} {after[:20]}” is no range".replace(" ”", "”"),
                    expected=f"such as {word} 1..2, or {word}>1",
                )
            low, high = (
                default if v is None else _float(v)
                for v, default in zip(found.groups(), (-np.inf, np.inf), strict=True)
            )
            if low > high:
                raise OptionError(f"“{word} {found[0].strip()}” runs backwards", expected="the smaller value first")
            out.append(Condition(NUMBERS[key], "range", low, high))
            rest = after[found.end() :]
        elif key in TEXTS:
            wanted = re.match(r"=?\s*([^\s,;]+)", after)
            if not wanted:
                raise OptionError(
                    f"“{word}” needs a value", expected=f"such as {word} {'G' if key == 'class' else 'demo 12'}"
                )
            out.append(Condition(TEXTS[key], "text", text=wanted[1].lower()))
            rest = after[wanted.end() :]
        elif re.search(r"[<>=]|\.\.", word) or re.match(r"[<>=]|\.\.", after) or re.match(rf"{_NUMBER}\s*\.\.", after):
            raise _unknown(re.split(r"[<>=.]", word)[0] or word)
        else:
            out.append(Condition("object_id", "text", text=key))
            rest = after
    return tuple(out)


def _compared(name: str, sign: str, value: str) -> Condition:
    key = name.lower()
    if key in TEXTS and sign == "=":
        return Condition(TEXTS[key], "text", text=value.lower())
    if key not in NUMBERS:
        raise _unknown(name)
    if not re.fullmatch(_NUMBER, value):
        raise OptionError(f"“{value[:20]}” is no number", expected=f"such as {name}{sign}1")
    column, number = NUMBERS[key], _float(value)
    if sign in ("<", ">"):
        return Condition(column, "below", high=number) if sign == "<" else Condition(column, "above", low=number)
    low = number if sign in (">=", "=") else -np.inf
    return Condition(column, "range", low, number if sign in ("<=", "=") else np.inf)


def _unknown(name: str) -> OptionError:
    known = ("rank", "name", "class", "similarity", "teff", "logg", "fe_h", "alpha_fe", "snr")
    return OptionError(
        f"The table has no column “{name[:40]}”",
        expected="one of " + ", ".join(known),
        remedy=did_you_mean(name.lower(), known) or f"A filter reads {_EXAMPLE}",
    )


def _float(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def kept(table: Any, text: str) -> NDArray[np.intp]:
    """Rows of ``table`` that a filter keeps; raises as :func:`parse` does."""
    mask = np.ones(len(table), bool)
    for condition in parse(text):
        mask &= condition.mask(table)
    return np.flatnonzero(mask)


def ordered(table: Any, rows: NDArray[np.intp], sort: str) -> NDArray[np.intp]:
    """``rows`` in the order of a column (``"teff"``, ``"-teff"`` for the largest first); what is missing comes last,
    equal ones by rank.
    """
    name, down = sort.removeprefix("-"), sort.startswith("-")
    column = {"name": "object_id"}.get(name, name)
    if column in ("object_id", "class"):
        words = [_natural(str(table[column][int(r)])) if column in table.colnames else () for r in rows]
        order = sorted(range(len(rows)), key=lambda i: words[i], reverse=down)
        return rows[np.array(order, int)] if order else rows
    values = numbers(table, column)[rows]
    values = np.where(np.isfinite(values), -values if down else values, np.inf)
    return rows[np.argsort(values, kind="stable")]


def _natural(text: str) -> tuple[tuple[int, float, str], ...]:
    """Words and numbers of a name, so that ``demo 9`` comes before ``demo 10``."""
    parts = re.findall(r"\d+|\D+", text.lower())
    return tuple((0, float(p), "") if p.isdigit() else (1, 0.0, p) for p in parts)
