"""The register of a file with a star a row: identifiers as columns, names made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.local.register import ID_KINDS, Register, normal
from specviz.errors import ReadError, SpecvizError

#: Rows of one file; their identifiers are kept in memory.
MAX_ROWS = 2_000_000


def whole_numbers(values: Any, where: str) -> NDArray[np.int64]:
    """Identifiers as int64, 0 where there is none; texts that end in a number (“Gaia DR3 123”) count.

    Raises
    ------
    ReadError
        If they are floats that cannot hold the number.
    """
    array = np.asarray(values).reshape(-1)
    if array.dtype.kind in "iub":
        return np.where(array > 0, array, 0).astype(np.int64)
    if array.dtype.kind == "f":
        known = np.isfinite(array) & (array > 0)
        if array.dtype.itemsize < 8 or (array[known] >= 2.0**53).any():
            raise ReadError(f"{where} is {array.dtype}: long numbers do not fit", expected="int64, or text")
        return np.where(known, array, 0.0).astype(np.int64)
    out = np.zeros(array.size, np.int64)
    for i, text in enumerate(texts(array)):
        last = text.split()[-1] if text.split() else ""
        if last.isdigit() and int(last) < 2**63:
            out[i] = int(last)
    return out


def texts(values: Any) -> list[str]:
    """Cells as text; "" where there is none."""
    out = []
    for cell in np.asarray(values, object).reshape(-1):
        if cell is None or cell == "" or cell != cell:
            out.append("")
        else:
            text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
            out.append(" ".join("".join(c if c.isprintable() else " " for c in text).split())[:200])
    return out


def floats(values: Any, n: int) -> NDArray[np.float64]:
    """Numbers, NaN where unknown."""
    if values is None:
        return np.full(n, np.nan)
    try:
        array = np.asarray(values, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return np.full(n, np.nan)  # a position in sexagesimal text: rows are found by name then
    return np.where(np.isfinite(array) & (array > -900.0), array, np.nan)


class _Fallback(dict[str, Sequence[int]]):
    """The plain names of rows (“train 17”) that have better ones; made when a name is first looked up."""

    def __init__(self, names: Sequence[str], fallback: Sequence[str]) -> None:
        super().__init__()
        self._made_of: tuple[Sequence[str], Sequence[str]] | None = (names, fallback)

    def get(self, key: str, default: Any = ()) -> Any:
        if self._made_of is not None:
            for row, (name, other) in enumerate(zip(*self._made_of, strict=True)):
                if name != other:
                    self[normal(other)] = (row,)
            self._made_of = None
        return super().get(key, default)


def register_of(
    n: int,
    held: Mapping[str, Any],
    *,
    where: str,
    release: str | Sequence[str],
    surveys: Sequence[frozenset[str]],
    survey_of: NDArray[np.integer[Any]],
    fallback: Sequence[str],
) -> Register:
    """A register of ``n`` rows.

    Parameters
    ----------
    held : mapping
        Columns (n,) by kind: those of :data:`specviz.archives.local.columns.ID_NAMES`.
    where : str
        Name of the file, for messages.
    release : str or n of them
        Of the Gaia numbers.
    fallback : n names
        For rows without an identifier.

    Raises
    ------
    SpecvizError
        Beyond :data:`MAX_ROWS` rows.
    """
    if n > MAX_ROWS:
        raise SpecvizError(f"{where} holds {n:,} stars", expected=f"at most {MAX_ROWS:,}", remedy="Split the file")
    ids = {kind: whole_numbers(held[kind], f"{where}, {kind}") if kind in held else np.zeros(n, np.int64)
           for kind in ID_KINDS}  # fmt: skip
    releases = [release] * n if isinstance(release, str) else list(release)
    names = texts(held["name"]) if "name" in held else [""] * n
    for kind, word in (("gaia", "Gaia"), ("obsid", "obsid"), ("kic", "KIC"), ("tic", "TIC")):
        for i, value in enumerate(ids[kind].tolist()):
            if value and not names[i]:
                release_word = releases[i] if kind == "gaia" else ""
                names[i] = f"{word} {release_word} {value}" if release_word else f"{word} {value}"
    names = [name or fallback[i] for i, name in enumerate(names)]
    often = Counter(names)
    unique = [name if often[name] == 1 else f"{name} ({fallback[i]})" for i, name in enumerate(names)]
    vocabulary, release_of = np.unique(np.asarray(releases or [""], str), return_inverse=True)
    return Register(
        unique, surveys, survey_of, ids, [str(r) for r in vocabulary], release_of[:n],
        floats(held.get("ra"), n), floats(held.get("dec"), n), floats(held.get("snr"), n),
        _Fallback(unique, fallback),
    )  # fmt: skip
