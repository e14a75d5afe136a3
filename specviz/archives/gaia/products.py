"""From the tables of a data reply to one small FITS file a source, matched by source_id and by nothing else.

The archive answers in two shapes: RAW (DATAMODEL_GAIA), one table with a row a source and arrays in cells; INDIVIDUAL
(DATAMODEL_STANDARD), one file a source, whose id stands in a column, a PARAM, the header, or only in the file's name.
Sources that have no such product are left out without a word (astroquery issue #2973), so order and number say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from specviz.archives.transport import title
from specviz.errors import BadReplyError, SpecvizError
from specviz.spectra.readers.tables import to_id
from specviz.spectra.star import Star

_NAMED = re.compile(r"Gaia[ _](E?DR\d+)[ _](\d{4,20})(?!\d)")
_FORMATS = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "u1": "B"}


@dataclass(frozen=True)
class XpResult:
    """XP spectra of a list of sources of one release.

    Parameters
    ----------
    release : str
        Of every id here ("DR3").
    spectra : mapping of str to Star
        Source id -> star with its ``gaia_xp`` spectrum.
    missing : tuple of str
        Sources that the archive has no such spectrum of.
    failed : mapping of str to SpecvizError
        Sources whose spectrum could not be had, and why: another try may help, or the spectrum cannot be used.
    notes : tuple of str
        What a person should know, such as that another archive stepped in.
    kept : tuple of str
        Sources whose spectrum is an old one, because the archive could not be asked now.
    """

    release: str
    spectra: Mapping[str, Star] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    failed: Mapping[str, SpecvizError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("spectra", "failed"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __len__(self) -> int:
        return len(self.spectra)

    def __repr__(self) -> str:
        counts = f"{len(self.spectra)} spectra, {len(self.missing)} missing, {len(self.failed)} failed"
        return f"<{type(self).__name__} Gaia {self.release}: {counts}>"


@dataclass(frozen=True, repr=False)
class RvsResult(XpResult):
    """RVS spectra of a list of sources, as :class:`XpResult`; the spectrum is in ``star.spectra["other"]``."""


def split(files: Mapping[str, list[Any]], release: str) -> dict[tuple[str, str], bytes]:
    """Every product of a data reply, as one-row FITS files that :mod:`specviz.spectra.readers` reads.

    Parameters
    ----------
    files : mapping of str to list
        File name -> tables, from :func:`specviz.archives.gaia.door.load_data`.
    release : str
        The release that was asked for.

    Returns
    -------
    dict of (kind, source_id) to bytes
        ``kind`` is "continuous" (coefficients) or "sampled" (flux on a wavelength grid, XP or RVS).

    Raises
    ------
    BadReplyError
        The files are of another release than asked for, or do not say whose they are.
    """
    found: dict[tuple[str, str], bytes] = {}
    for name, tables in files.items():
        named = _NAMED.search(name)
        if named and named[1] != release:
            raise BadReplyError(
                f"{title('gaia')} sends Gaia {named[1]} where Gaia {release} was asked for",
                service="gaia",
                remedy="Try again later; if it stays so, the archive has changed",
            )
        if isinstance(tables, str):  # of a file that is no table astroquery leaves the path
            continue
        for table in tables if isinstance(tables, list) else [tables]:
            for source, columns in _sources(table, named[2] if named else None):
                if source is None:
                    raise BadReplyError(f"{name} does not say whose it is", service="gaia")
                kind = "continuous" if any(c.endswith("_coefficients") for c in columns) else "sampled"
                if kind == "continuous" or "flux" in columns:
                    found[kind, source] = pack({**columns, "source_id": np.int64(int(source))})
    return found


def split_rows(rows: list[dict[str, Any]]) -> dict[tuple[str, str], bytes]:
    """The same for rows of coefficients from a TAP service; arrays may be text, as databases write them."""
    from specviz.spectra.readers.tables import to_array

    found = {}
    for row in rows:
        source = to_id(row.get("source_id"))
        if source is not None:
            cells = {n: to_array(v) if "_coefficient" in n else v for n, v in row.items() if v is not None}
            found["continuous", source] = pack({**cells, "source_id": np.int64(int(source))})
    return found


def pack(columns: Mapping[str, Any]) -> bytes:
    """One row of numbers and arrays as a FITS table; types are kept to the bit, what is empty or text is left out."""
    layout, row = [], []
    for name, value in columns.items():
        cell = np.asarray(value)
        letter = _FORMATS.get(cell.dtype.str[1:])
        if letter is None or cell.size == 0 or cell.ndim > 1:
            continue
        layout.append((name, f"{cell.size if cell.ndim else ''}{letter}"))
        row.append(cell.astype(cell.dtype.newbyteorder(">")).tobytes())
    data = b"".join(row)
    return _head(tuple(layout)) + data + b"\0" * (-len(data) % 2880)


@lru_cache(maxsize=64)
def _head(layout: tuple[tuple[str, str], ...]) -> bytes:
    """Headers of a FITS file with one row of these columns: the same for a thousand sources, and slow to make."""
    from astropy.io import fits

    table = fits.BinTableHDU.from_columns([fits.Column(name, form) for name, form in layout], nrows=1)
    return "".join(header.tostring() for header in (fits.PrimaryHDU().header, table.header)).encode("ascii")


# ------------------------------------------------------------------------------------------------ the two shapes
def _sources(table: Any, named: str | None) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """(source id, its columns) of each source of a table."""
    facts = {str(p.name).lower(): p.value for p in getattr(table, "params", ())}
    if hasattr(table, "to_table"):
        table = table.to_table(use_names_over_ids=True)
    facts = {**{str(k).lower(): v for k, v in table.meta.items()}, **facts}
    cells = {str(n).lower(): table[n] for n in table.colnames}
    one = to_id(facts.get("source_id")) or to_id(facts.get("sourceid")) or named
    # A row a wavelength: the cells of "flux" are single numbers and there is more than one of them.
    if "flux" in cells and len(table) > 1 and np.ndim(cells["flux"][0]) == 0:
        ids = [one] * len(table) if "source_id" not in cells else [to_id(c) for c in cells["source_id"]]
        place = np.asarray(facts.get("spatiallocation", ()), dtype=np.float64)
        where = {"ra": place[0], "dec": place[1]} if place.size == 2 else {}
        where |= {k: np.float64(facts[k]) for k in ("ra", "dec") if k in facts}
        for source in dict.fromkeys(ids):
            rows = [i for i, other in enumerate(ids) if other == source]
            arrays = {n: _plain(c[rows]) for n, c in cells.items() if n not in ("source_id", "solution_id")}
            yield source, {**where, **arrays}
        return
    for row in range(len(table)):
        columns = {n: v for n, c in cells.items() if (v := _plain(c[row])) is not None}
        yield to_id(cells["source_id"][row]) if "source_id" in cells else one, columns


def _plain(cell: Any) -> Any:
    """A cell or column without mask and unit, in its own type: NaN where a number is masked, None where all is."""
    if cell is np.ma.masked:
        return None
    mask = np.ma.getmaskarray(cell) if isinstance(cell, np.ma.MaskedArray) else None
    values = np.asarray(getattr(cell, "data", cell) if mask is not None else cell)
    if values.dtype.kind == "O":
        return None
    if mask is not None and mask.any():
        if values.dtype.kind != "f" or mask.all():
            return None
        values = np.where(mask, values.dtype.type(np.nan), values)
    return values if values.size else None
