"""``peek``: whose spectrum a file holds, from as few of its bytes as will tell.

A LAMOST or SDSS spectrum says it in its headers, which are in the first 64 kB also of a gzip file. Any other file that
may be a spectrum is read by the reader that knows it, once; the folder's index remembers the answer.
"""

from __future__ import annotations

import math
import re
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specviz.archives.local.entry import Entry
from specviz.errors import FileTooLargeError, NotASpectrumError, ReadError, SpecvizError, UnknownLayoutError
from specviz.spectra.readers.content import MAX_FILE, Content, load
from specviz.spectra.readers.registry import find, read_content
from specviz.spectra.readers.tables import Columns, to_array, to_id, to_number
from specviz.spectra.star import Star

_HEAD = 2**16
#: Sources of one table; a folder's index keeps them all.
_MAX_SOURCES = 500_000
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class RowContent(Content):
    """One row of a table, read by the reader of the whole."""

    columns: Columns | None = None

    @property
    def kind(self) -> str:
        return "votable"

    @property
    def table(self) -> Any:
        return self.columns


def peek(path: Path, place: str, size: int) -> list[Entry]:
    """The stars of a file.

    Parameters
    ----------
    path : path
    place : str
        What entries call it.
    size : int
        In bytes.

    Raises
    ------
    ReadError
        Or one of its kinds, with the reason why it is not a spectrum.
    """
    name = path.name
    if size == 0:
        raise ReadError(f"{name}: empty")
    if size > MAX_FILE:
        raise FileTooLargeError(f"{name}: {size / 2**20:.0f} MB", expected=f"at most {MAX_FILE // 2**20} MB")
    head, packed = _head(path)
    if head.startswith((_HDF5, b"PAR1")):
        kind = "an HDF5 file" if head.startswith(_HDF5) else "a Parquet table"
        raise UnknownLayoutError(f"{name}: {kind}", remedy="Open it by itself, with LocalArchive and its own path")
    if head.startswith(b"SIMPLE  ="):
        entry = _from_header(place, head, math.inf if packed else size)
        if entry is not None:
            return [entry]
    elif head:
        _ = Content(name, head).kind  # raises for pictures, web pages and archives before all of them is read
    content = load(path)
    if find(content).name.startswith("gaia_xp"):
        sources = _guarded(content.name, lambda: _sources(content, place))
        if sources:
            return sources
    return [_from_star(place, star) for star in read_content(content)]


def read_entry(content: Content, entry: Entry) -> Star:
    """The star of an entry, with its spectrum, from the content of its file.

    Raises
    ------
    ReadError, NotFoundError
        As the readers do.
    """
    if entry.row >= 0:
        find(content)
        table = _guarded(content.name, lambda: content.table)
        if entry.row >= table.rows:
            raise ReadError(f"{content.name}: no row {entry.row + 1}; the file has changed", remedy="Look it up again")
        stars = read_content(RowContent(content.name, b"-", content.path, _one_row(table, entry.row)))
    else:
        stars = read_content(content)
    if "error" in stars[0].meta:
        raise ReadError(str(stars[0].meta["error"]))
    return stars[0]


def _guarded(name: str, work: Callable[[], Any]) -> Any:
    """Run ``work`` on a table; whatever damaged bytes make it stumble over becomes an error of ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a damaged file warns before it fails
            return work()
    except SpecvizError:
        raise
    except Exception as error:  # parsers of damaged bytes raise anything
        raise ReadError(f"{name}: damaged ({str(error)[:120]})", remedy="Fetch the file again") from error


def _head(path: Path) -> tuple[bytes, bool]:
    """The first bytes, unpacked, and whether they were packed."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_HEAD)
    except (OSError, ValueError) as error:
        raise ReadError(f"{path.name}: cannot be opened ({error})") from error
    if not raw.startswith(b"\x1f\x8b"):
        return raw, False
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, _HEAD), True
    except zlib.error as error:
        raise ReadError(f"{path.name}: damaged gzip ({error})", remedy="Fetch the file again") from error


# ------------------------------------------------------------------------------------------------ headers
def _from_header(place: str, head: bytes, size: float) -> Entry | None:
    """The entry of a LAMOST or SDSS spectrum; None if the headers are of something else, or not whole, or claim more
    than the file's ``size``.
    """
    cards = _cards(head)
    if cards is None:
        return None
    columns = {c.decode("latin-1").upper() for c in re.findall(rb"TTYPE\d+\s*= '([^' ]+)", head)}
    axes = cards.get("NAXIS")
    image = "COEFF0" in cards and "COEFF1" in cards and axes == "2"
    image &= bool({"OBSID", "LMJD", "PLANID"} & set(cards))
    if image and _number(cards, "NAXIS1") * _number(cards, "NAXIS2") * abs(_number(cards, "BITPIX")) / 8 > size:
        return None
    if image or {"WAVELENGTH", "FLUX", "IVAR"} <= columns:
        obsid = _number(cards, "OBSID")
        designation = cards.get("DESIG") or cards.get("DESIGNAT") or ""
        return Entry(
            place, survey="lamost_lrs", obsid=int(obsid) if 0 < obsid < 2**63 else 0, ra=_number(cards, "RA"),
            dec=_number(cards, "DEC"), snr=_signal(cards, "SNRG", "SN_G"), designation=designation,
        )  # fmt: skip
    if "PLATEID" in cards and {"LOGLAM", "FLUX"} <= columns:
        ra, dec = (_number(cards, first, second) for first, second in (("PLUG_RA", "RA"), ("PLUG_DEC", "DEC")))
        return Entry(place, survey="sdss", ra=ra, dec=dec)
    return None


def _cards(head: bytes) -> dict[str, str] | None:
    """Values of the primary header as text; None if it has no end."""
    cards: dict[str, str] = {}
    for at in range(0, len(head) - 79, 80):
        card = head[at : at + 80]
        key = card[:8].rstrip().decode("latin-1")
        if key == "END":
            return cards
        if card[8:10] == b"= ":
            value = card[10:].decode("latin-1").strip()
            text = value[1:].split("'", 1)[0] if value.startswith("'") else value.split("/", 1)[0]
            cards.setdefault(key, text.strip())
    return None


def _number(cards: dict[str, str], *keys: str) -> float:
    for key in keys:
        try:
            return float(cards[key])
        except (KeyError, ValueError):
            continue  # another release calls it otherwise
    return math.nan


def _signal(cards: dict[str, str], *keys: str) -> float:
    snr = _number(cards, *keys)
    return snr if 0 < snr < 9000 and snr != 999.0 else math.nan  # LAMOST writes -9999 and 999 for unknown


# ------------------------------------------------------------------------------------------------ tables of many
def _sources(content: Content, place: str) -> list[Entry]:
    """The sources of a Gaia table with one row each; empty if it is of another shape."""
    table: Columns = content.table
    wave = next((n for n in ("wavelength", "wl") if n in table), None)
    if "source_id" not in table or table.rows < 2 or (wave and to_array(table.cell(wave, 0)).size == 1):
        return []
    if table.rows > _MAX_SOURCES:
        raise FileTooLargeError(f"{content.name}: {table.rows:,} sources", expected=f"at most {_MAX_SOURCES:,}")
    first = read_content(RowContent(content.name, b"-", content.path, _one_row(table, 0)))[0]
    release = first.source_id.release if first.source_id else ""
    place_known = "ra" in table and "dec" in table
    out = []
    for row in range(table.rows):
        source = to_id(table.cell("source_id", row))
        if source is None:
            continue
        ra, dec = (to_number(table.cell(n, row)) if place_known else None for n in ("ra", "dec"))
        out.append(Entry(place, row, "gaia_xp", int(source), release=release, ra=_nan(ra), dec=_nan(dec)))
    if not out:
        raise NotASpectrumError(f"{content.name}: no row has a source_id")
    return out


def _one_row(table: Columns, row: int) -> Columns:
    cells = {name: values[row : row + 1] for name, values in table.cells.items()}
    return Columns(cells, 1, table.meta, table.units)


def _from_star(place: str, star: Star) -> Entry:
    if "error" in star.meta:
        raise ReadError(str(star.meta["error"]))
    survey = next(iter(star.spectra), "light_curve" if star.light_curve is not None else "")
    spectrum = star.spectra.get(survey)
    numbers = {i.archive: int(i.value) for i in star.identifiers if i.value.isdigit() and len(i.value) < 20}
    source = star.source_id
    snr = spectrum.meta.get("snr") if spectrum is not None else None
    designation = str((spectrum.meta.get("designation") if spectrum is not None else "") or "")
    return Entry(
        place, survey=survey, gaia=numbers.get("Gaia", 0), obsid=numbers.get("LAMOST", 0), kic=numbers.get("KIC", 0),
        release=source.release if source else "", ra=_nan(star.ra), dec=_nan(star.dec), snr=_nan(snr),
        designation=designation,
    )  # fmt: skip


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
