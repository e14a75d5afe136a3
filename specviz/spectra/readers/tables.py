"""One shape for the tables that spectra come in: FITS, VOTable, CSV, ECSV and avro become columns of cells."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import FileTooLargeError, ReadError, UnknownLayoutError

if TYPE_CHECKING:
    from specviz.spectra.readers.content import Content

_MAX_LINES, _MAX_LINE = 2_000_000, 4_000_000
_NULLS = {"", "null", "none", "nan", "--", "n/a"}


@dataclass(frozen=True)
class Columns:
    """A table: ``cells`` by lower-case column name (each of ``rows`` cells), and facts about the whole."""

    cells: dict[str, Any]
    rows: int
    meta: dict[str, Any] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.cells

    def cell(self, name: str, row: int) -> Any:
        return self.cells[name][row]


def read_columns(content: Content) -> Columns:
    """The first table of a content.

    Raises
    ------
    ReadError
        If the content is no table or a damaged one.
    """
    return {"fits": _fits, "votable": _votable, "text": _csv, "avro": _avro}[content.kind](content)


# ------------------------------------------------------------------------------------------------ cells
def to_array(cell: Any) -> NDArray[np.float64]:
    """A cell that holds an array, as float64; "(1, 2, ...)" and "[1,2,...]" are parsed, null and masked become NaN."""
    if cell is None:
        return np.empty(0)
    if isinstance(cell, str):
        parts = cell.strip().strip("()[]{}\"'").replace(",", " ").split()
        try:
            return np.array(parts, dtype=np.float64)
        except ValueError:
            return np.array([np.nan if p.lower() in _NULLS else float(p) for p in parts], dtype=np.float64)
    if isinstance(cell, np.ma.MaskedArray):
        return np.ma.filled(cell.astype(np.float64), np.nan).ravel()
    if isinstance(cell, list | tuple):
        cell = [np.nan if v is None else v for v in cell]
    return np.asarray(cell, np.float64).ravel()


def to_number(cell: Any) -> float | None:
    """A cell that holds one number; None where it is null, masked, empty or not finite."""
    if cell is None or cell is np.ma.masked:
        return None
    if isinstance(cell, str) and cell.strip().lower() in _NULLS:
        return None
    try:
        value = float(np.asarray(cell, np.float64).reshape(-1)[0])
    except (ValueError, TypeError, IndexError):
        return None
    return value if np.isfinite(value) else None


def to_id(cell: Any) -> str | None:
    """An identifier as text, without passing through a float (source ids need 64 bits)."""
    if cell is None or cell is np.ma.masked:
        return None
    text = str(cell.item() if hasattr(cell, "item") else cell).strip().strip("\"'")
    return text if re.fullmatch(r"\d{1,20}", text) else None


def to_floats(cells: Any) -> NDArray[np.float64]:
    """A column of numbers as float64, NaN where a cell is null."""
    if isinstance(cells, np.ma.MaskedArray):
        return np.ma.filled(cells.astype(np.float64), np.nan)
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub":
        return cells.astype(np.float64)
    return np.array([np.nan if (v := to_number(c)) is None else v for c in cells], dtype=np.float64)


# ------------------------------------------------------------------------------------------------ formats
def _fits(content: Content) -> Columns:
    for hdu in content.hdus:
        if hdu.is_table and hdu.n_rows > 0 and hdu.columns:
            cells = {c.name.lower(): hdu.column(c.name) for c in hdu.columns.values() if c.code not in "XCM"}
            units = {c.name.lower(): c.unit for c in hdu.columns.values()}
            return Columns(cells, hdu.n_rows, dict(content.hdus[0].header), units)
    raise ReadError(f"{content.name}: a FITS file without a table that has rows")


def _votable(content: Content) -> Columns:
    if b"<!ENTITY" in content.data or b"<!DOCTYPE" in content.data[:8192]:
        raise ReadError(
            f"{content.name}: an XML file that defines entities", expected="a VOTable", remedy="Fetch it again"
        )
    from astropy.io.votable import parse

    table = parse(io.BytesIO(content.data), verify="ignore").get_first_table()
    array = table.array
    cells = {str(f.name).lower(): array[f.ID] for f in table.fields}
    units = {str(f.name).lower(): str(f.unit or "") for f in table.fields}
    return Columns(cells, len(array), {str(p.name): p.value for p in table.params}, units)


def _avro(content: Content) -> Columns:
    try:
        import fastavro
    except ImportError as error:
        raise UnknownLayoutError(
            f"{content.name}: an avro file", expected="fastavro to be installed", remedy="Install jupyter-specviz[avro]"
        ) from error
    records: list[dict[str, Any]] = list(fastavro.reader(io.BytesIO(content.data)))
    names = sorted({key for record in records for key in record})
    return Columns({n.lower(): [r.get(n) for r in records] for n in names}, len(records))


def _csv(content: Content) -> Columns:
    meta: dict[str, Any] = {}
    lines: list[str] = []
    for line in text_lines(content):
        if line.startswith("#"):  # an ECSV header; the facts of INDIVIDUAL files stand in it as "#   key: value"
            match = re.match(r"#\s+(source_id|solution_id|spatialLocation|ra|dec):\s*(.+)", line)
            if match:
                meta[match[1]] = match[2].strip()
        elif line.strip():
            lines.append(line)
    if len(lines) < 2:
        raise ReadError(f"{content.name}: no rows under the header")
    delimiter = max(",;\t| ", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        header = [name.strip().strip("\"'").lower() for name in next(reader)]
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise ReadError(f"{content.name}: not a table ({error})") from error
    if any(len(row) != len(header) for row in rows):
        raise ReadError(f"{content.name}: rows of different length", expected=f"{len(header)} cells in each row")
    return Columns({name: [row[i] for row in rows] for i, name in enumerate(header)}, len(rows), meta)


def text_lines(content: Content) -> list[str]:
    """Lines of a text file: UTF-8 (with or without a mark), else Latin-1.

    Raises
    ------
    FileTooLargeError
        Beyond 2,000,000 lines, or a line beyond 4 MB: no spectrum, and splitting it would cost gigabytes.
    """
    data = content.data
    if data.count(b"\n") + data.count(b"\r") > _MAX_LINES:
        raise FileTooLargeError(f"{content.name}: more than {_MAX_LINES:,} lines", expected="a spectrum")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = data.decode("latin-1").splitlines()
    if max(map(len, lines), default=0) > _MAX_LINE:
        raise FileTooLargeError(f"{content.name}: a line of more than {_MAX_LINE / 1e6:.0f} MB", expected="a spectrum")
    return lines
