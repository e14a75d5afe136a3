"""Search the demo sky as a person types it: a kind, a spectral class, ranges of labels, or all of them at once.

What is understood (case, commas and the word “demo” in front do not matter):

* kinds of the showcase and of the planted anomalies, whole or in part: ``carbon star``, ``white dwarf``, ``galaxy``;
* spectral classes and luminosities of the table's class column: ``G2``, ``K giant``, ``F5V``, ``M dwarf``;
* populations: ``halo``, ``thick disc``, ``thin disc``, ``binary``, ``metal-poor`` ([Fe/H] < -1), ``metal-rich``
  ([Fe/H] > 0.2);
* labels: ``teff=5600..5900`` (ends included, either may be left out), ``logg>4``, ``fe_h<=-1``, ``4 < logg < 4.5``,
  ``component=halo``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo_table import DemoTable
from specviz.errors import OptionError

Rows = NDArray[np.bool_]
#: Columns of the file that only serve the rendering.
INTERNAL = ("counts", "log_f550", "anomaly_index")
TEXTS = ("subclass", "component", "companion", "anomaly")
_ALIASES = {
    **dict.fromkeys(("feh", "[fe/h]", "fe/h", "m_h", "mh", "metallicity"), "fe_h"),
    **dict.fromkeys(("log_g", "gravity"), "logg"), **dict.fromkeys(("t_eff", "temperature"), "teff"),
    **dict.fromkeys(("alpha", "alpha_m", "[alpha/fe]"), "alpha_fe"), **dict.fromkeys(("g", "gmag", "mag"), "g_mag"),
    "age": "age_gyr", "distance": "distance_pc", "radius": "radius_rsun", "period": "period_days", "z": "redshift",
    "class": "subclass", "sptype": "subclass", "spectral_type": "subclass", "kind": "anomaly", "snrg": "snr",
}  # fmt: skip
_LIMIT = 200  # characters of a question; what is longer is no question
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d{1,3})?"
_COLUMN = r"[a-z\[][a-z0-9_/\]]*"
_SIGN = r"<=|>=|<|>"
_FORMS = (
    rf"(?P<low>{_NUMBER})\s*(?P<below><=|<)\s*(?P<between>{_COLUMN})\s*(?P<above><=|<)\s*(?P<high>{_NUMBER})",
    rf"(?P<ranged>{_COLUMN})\s*[=:]\s*(?P<start>{_NUMBER})?\s*\.\.\s*(?P<end>{_NUMBER})?",
    rf"(?P<compared>{_COLUMN})\s*(?P<sign>{_SIGN})\s*(?P<bound>{_NUMBER})",
    rf"(?P<equal>{_COLUMN})\s*==?\s*(?P<value>{_NUMBER})(?![\w.])",
    rf"(?P<texted>{_COLUMN})\s*==?\s*(?P<word>[a-z][\w-]*)",
)
_CONDITION = re.compile("|".join(f"(?:{form})" for form in _FORMS))
_CLASS = re.compile(r"([obafgkm])(?:([0-9])(?:\.\d)?)?(iii|ii|iv|i|v)?")
_LUMINOSITY = {"supergiant": ("I",), "giant": ("II", "III"), "subgiant": ("IV",), "dwarf": ("V",)}
_FILLERS = {"star", "disc", "disk", "type", "class", "and", "with"}
_EXAMPLES = "such as “demo K giant”, “demo carbon star” or “demo teff=5600..5900 logg>4 fe_h<-1”"


def search(table: DemoTable, kinds: Mapping[str, Sequence[int]], text: str) -> list[int]:
    """Rows that a question means, those of a kind of that very name first, then in the order of the table.

    Parameters
    ----------
    table : DemoTable
    kinds : mapping of str to rows
        By lower-case name.
    text : str
        Without “demo” in front.

    Returns
    -------
    list of int
        Empty if words are not understood, or nothing fits.

    Raises
    ------
    OptionError
        For a column that is not there, or a condition that cannot be read.
    """
    question = " ".join(text.lower().replace("≤", "<=").replace("≥", ">=").replace("−", "-").split())
    if len(question) > _LIMIT:
        raise OptionError(f"A question of {len(question)} characters", expected=_EXAMPLES)
    keep = np.ones(table.n, bool)
    found = list(_CONDITION.finditer(question))
    for match in found:
        keep &= _condition(table, match.groupdict())
    left = _CONDITION.sub(" ", question).replace(",", " ").replace("&", " ")
    if re.search(r"[<>=]|\.\.", left):
        raise OptionError(f"“{' '.join(left.split())[:60]}” is not understood", expected=_EXAMPLES)
    words = " ".join(left.replace("_", " ").split())
    if not words:
        return [int(row) for row in np.flatnonzero(keep)] if found else []
    named = [row for row in kinds.get(words, ()) if keep[row]]
    fits = _words(table, kinds, words)
    if fits is None:
        return named
    first = set(named)
    return [*named, *(int(row) for row in np.flatnonzero(keep & fits) if int(row) not in first)]


def in_range(table: DemoTable, name: str, low: float | None, high: float | None) -> Rows:
    """Rows whose number lies in a range, ends included; half a step of the table more, for 5600 K to be 5600 K."""
    values = table.number(name)
    keep = np.isfinite(values)
    for end, sign in ((low, 1.0), (high, -1.0)):
        if end is not None:
            keep &= sign * (values - float(end)) >= -1e-9 * max(1.0, abs(float(end)))
    return keep


def column(table: DemoTable, asked: str) -> str:
    """The column that a person means.

    Raises
    ------
    OptionError
        With what is there, and what may have been meant.
    """
    name = asked.strip().lower()
    name = _ALIASES.get(name, name)
    shown = [known for known in (*table.names, *TEXTS) if known not in INTERNAL]
    if name in shown:
        return name
    close = difflib.get_close_matches(name, [*shown, *_ALIASES], n=1, cutoff=0.6)
    meant = f"Perhaps {_ALIASES.get(close[0], close[0])} is meant" if close else ""
    common = [known for known in shown if not re.search(r"^companion_|^(?!alpha)[a-z]+_fe$", known)]
    told = f"{', '.join(common)}, an element such as mg_fe, or one of the companion such as companion_teff"
    raise OptionError(f"There is no column {asked[:40]!r}", expected=told, remedy=meant)


def phrases() -> list[str]:
    """Questions by class, for “did you mean”."""
    return [f"{letter} {size}" for letter in "bafgkm" for size in ("giant", "dwarf")] + [
        "white dwarf", "galaxy", "halo", "thick disc", "binary", "metal-poor", "metal-rich",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ conditions
def _condition(table: DemoTable, said: Mapping[str, str | None]) -> Rows:
    asked = next(said[key] for key in ("between", "ranged", "compared", "equal", "texted") if said[key])
    name = column(table, str(asked))
    if said["texted"]:
        if name not in TEXTS:
            raise OptionError(f"{name}={said['word']}", expected=f"a number, as in {name}>1")
        return _text_is(table, name, str(said["word"]))
    if name in TEXTS:
        known = ", ".join(word for word in table.words(name)[:12] if word)
        raise OptionError(f"{name} holds words, not numbers", expected=f"{name}= and one of {known}")
    if said["between"]:
        low = _compare(table.number(name), ">=" if said["below"] == "<=" else ">", float(str(said["low"])))
        return low & _compare(table.number(name), str(said["above"]), float(str(said["high"])))
    if said["compared"]:
        return _compare(table.number(name), str(said["sign"]), float(str(said["bound"])))
    if said["equal"]:
        return _equals(table, name, float(str(said["value"])))
    low_end, high_end = (float(end) if (end := said[key]) else None for key in ("start", "end"))
    if low_end is None and high_end is None:
        raise OptionError(f"{name}=.. has no end", expected=f"a range such as {name}=1..2")
    if low_end is not None and high_end is not None and low_end > high_end:
        raise OptionError(f"{name}={low_end:g}..{high_end:g}", expected="the smaller number first")
    return in_range(table, name, low_end, high_end)


_COMPARISONS: dict[str, Callable[[NDArray[np.float64], float], Rows]] = {
    "<": lambda v, x: v < x, "<=": lambda v, x: v <= x, ">": lambda v, x: v > x, ">=": lambda v, x: v >= x,
}  # fmt: skip


def _compare(values: NDArray[np.float64], sign: str, bound: float) -> Rows:
    return np.asarray(np.isfinite(values) & _COMPARISONS[sign](values, bound))  # NaN is unknown, and fits nothing


def _equals(table: DemoTable, name: str, value: float) -> Rows:
    """Equal within the table's step."""
    step, log = table.header["columns"][name]
    values = table.number(name)
    near = 0.5 * float(step) * (abs(value) * np.log(10.0) if log else 1.0)
    return np.asarray(np.isfinite(values) & (np.abs(values - value) <= near * (1 + 1e-9)))


def _text_is(table: DemoTable, name: str, word: str) -> Rows:
    """Rows whose word is that one, or begins with it (``class=g2``)."""
    hits = [code for code, known in enumerate(table.words(name)) if known and known.lower().startswith(word)]
    if not hits:
        known = ", ".join(w for w in table.words(name)[:30] if w)
        raise OptionError(f"No {name} is called {word[:40]!r}", expected=f"one of {known}")
    return np.isin(table.codes(name), hits)


# ------------------------------------------------------------------------------------------------ words
def _words(table: DemoTable, kinds: Mapping[str, Sequence[int]], words: str) -> Rows | None:
    """Rows of a class, else of kinds that have these words in their name; None where they mean nothing."""
    keep, used = np.ones(table.n, bool), False
    for token in words.split():
        if token in _FILLERS or token.removesuffix("s") in _FILLERS:
            continue
        rows = _term(table, token)
        if rows is None:
            return _kinds_with(table.n, kinds, words)
        keep, used = keep & rows, True
    return keep if used else None


def _term(table: DemoTable, token: str) -> Rows | None:
    match = _CLASS.fullmatch(token)
    if match:
        letter, digit, luminosity = match[1].upper(), match[2] or r"\d", (match[3] or "").upper()
        pattern = rf"{letter}{digit}{luminosity or '[IV]*'}(?![IV])"
        return _subclass(table, pattern)
    singular = token.removesuffix("s")
    if singular in _LUMINOSITY:
        return _subclass(table, rf"[OBAFGKM]\d({'|'.join(_LUMINOSITY[singular])})(?![IV])")
    if singular in ("halo", "thin", "thick"):
        return _text_is(table, "component", singular)
    if token in ("binary", "binaries"):
        return np.asarray(table.codes("companion") != table.words("companion").index(""))
    if token in ("metal-poor", "metal-rich"):
        return _compare(table.number("fe_h"), *(("<", -1.0) if token == "metal-poor" else (">", 0.2)))
    return None


def _subclass(table: DemoTable, pattern: str) -> Rows:
    codes = [code for code, word in enumerate(table.words("subclass")) if re.match(pattern, word)]
    return np.isin(table.codes("subclass"), codes)


def _kinds_with(n: int, kinds: Mapping[str, Sequence[int]], words: str) -> Rows | None:
    """Rows of the kinds in whose name the words stand as they are: “white dwarf” is in “DA white dwarf”."""
    spelt = {words, words.removesuffix("s"), words.replace("galaxies", "galaxy")}
    hits = [
        rows for kind, rows in kinds.items() if any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", kind) for w in spelt)
    ]
    if not hits:
        return None
    keep = np.zeros(n, bool)
    keep[[row for rows in hits for row in rows]] = True
    return keep
