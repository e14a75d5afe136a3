"""The header-data units of a FITS file: headers, images and binary tables, read without trusting any of it.

Spectra need little of FITS (images, fixed-width and variable-length binary tables), and files dropped on a viewer may
claim anything. This reader checks every size against the bytes that are really there before it touches them, keeps
views of the bytes instead of allocating what a header says, and survives headers that a strict reader complains about
(DR9+ LAMOST files carry NAXIS1/2 beside NAXIS = 0). Layout after the FITS standard 4.0 (IAU FITS Working Group 2018),
sections 3, 4 and 7.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ReadError

_BLOCK, _CARD = 2880, 80
_MAX_CARDS, _MAX_HDUS = 20_000, 1_000
_IMAGE_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_TABLE_TYPES = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "A": "S1"}


@dataclass(frozen=True)
class Column:
    """One column of a binary table: where its bytes are in a row, and how they read."""

    name: str
    code: str
    repeat: int
    offset: int
    unit: str
    heap_code: str
    scale: float
    zero: float
    null: int | None

    @property
    def width(self) -> int:
        return self.repeat * {"P": 8, "Q": 16}.get(self.code, 0 if self.code == "X" else _width(self.code))


@dataclass(frozen=True)
class Hdu:
    """One header-data unit. ``data`` is a view of the file's bytes, of the length that the header claims."""

    file: str
    header: dict[str, Any]
    data: memoryview = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.header.get("EXTNAME", "")).strip().upper()

    @property
    def is_table(self) -> bool:
        return self.header.get("XTENSION") == "BINTABLE"

    @property
    def is_image(self) -> bool:
        return not self.is_table and self.header.get("XTENSION", "IMAGE") == "IMAGE" and bool(self.data)

    def image(self) -> NDArray[np.float64]:
        """The image, scaled by BSCALE and BZERO, as float64 of shape (NAXISn ... NAXIS1)."""
        shape = tuple(self.header[f"NAXIS{i}"] for i in range(self.header["NAXIS"], 0, -1))
        values = np.frombuffer(self.data, _IMAGE_TYPES[self.header["BITPIX"]], count=int(np.prod(shape))).reshape(shape)
        return values * _number(self.header, "BSCALE", 1.0) + _number(self.header, "BZERO", 0.0)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The table's columns by upper-case name."""
        found: dict[str, Column] = {}
        offset = 0
        for i in range(1, _count(self.file, self.header, "TFIELDS", 999) + 1):
            form = str(self.header.get(f"TFORM{i}", "")).strip()
            match = re.fullmatch(r"(\d{0,9})([LXBIJKAEDCMPQ])(?:([LXBIJKAEDCM])\((\d*)\))?.*", form)
            if not match:
                raise ReadError(f"{self.file}: column {i} has the unknown format {form!r}")
            repeat = int(match[1]) if match[1] else 1
            code = match[2]
            width = {"P": 8, "Q": 16, "X": 0, "C": 8, "M": 16}.get(code) or _width(code)
            size = (repeat + 7) // 8 if code == "X" else repeat * width
            name = str(self.header.get(f"TTYPE{i}", f"col{i}")).strip()
            null = self.header.get(f"TNULL{i}")
            found.setdefault(
                name.upper(),
                Column(
                    name,
                    code,
                    repeat,
                    offset,
                    str(self.header.get(f"TUNIT{i}", "")).strip(),
                    match[3] or "",
                    _number(self.header, f"TSCAL{i}", 1.0),
                    _number(self.header, f"TZERO{i}", 0.0),
                    null if isinstance(null, int) else None,
                ),
            )
            offset += size
        if offset > self.header["NAXIS1"]:
            raise ReadError(
                f"{self.file}: the columns need {offset} bytes a row, the header says {self.header['NAXIS1']}"
            )
        return found

    @property
    def n_rows(self) -> int:
        return int(self.header["NAXIS2"]) if self.is_table else 0

    def column(self, name: str) -> Any:
        """Values of a column: (rows,) or (rows, repeat) float64, int64, bool or str; a list of arrays if cells vary."""
        column = self.columns[name.upper()]
        rows, stride = self.n_rows, int(self.header["NAXIS1"])
        if rows == 0 or column.repeat == 0:
            return np.empty((rows, 0))
        if column.code in "PQ":
            return self._variable(column, rows, stride)
        if column.code not in _TABLE_TYPES:
            raise ReadError(f"{self.file}: column {column.name} has the format {column.code}, which no spectrum uses")
        if column.code == "A":
            raw = np.ndarray((rows,), f"S{column.repeat}", self.data, column.offset, (stride,))
            return np.array([cell.decode("latin-1").strip("\x00 ") for cell in raw.tolist()])
        kind = _TABLE_TYPES[column.code]
        view = np.ndarray((rows, column.repeat), kind, self.data, column.offset, (stride, _width(column.code)))
        values = _scaled(view, column, column.code)
        return values[:, 0] if column.repeat == 1 else values

    def _variable(self, column: Column, rows: int, stride: int) -> list[NDArray[Any]]:
        kind = ">i4" if column.code == "P" else ">i8"
        step = 4 if column.code == "P" else 8
        cells = np.ndarray((rows, 2), kind, self.data, column.offset, (stride, step)).tolist()
        heap = self.header.get("THEAP")
        heap = heap if isinstance(heap, int) and heap >= 0 else rows * stride
        code = column.heap_code
        if code not in _TABLE_TYPES or code == "A":
            raise ReadError(f"{self.file}: column {column.name} has cells of the format {code or '?'}")
        out, total = [], 0
        for count, start in cells:
            end = heap + start + count * _width(code)
            total += count
            if count < 0 or start < 0 or end > len(self.data) or total * _width(code) > len(self.data):
                raise ReadError(
                    f"{self.file}: a cell of column {column.name} points outside the file", remedy="Fetch it again"
                )
            view = np.frombuffer(self.data, _TABLE_TYPES[code], count=count, offset=heap + start)
            out.append(_scaled(view, column, code))
        return out


def scan(file: str, data: bytes) -> list[Hdu]:
    """Split a FITS file in its units; sizes are checked against the bytes before anything is made of them.

    Raises
    ------
    ReadError
        No END card, sizes that are no numbers, or data that end before the header says.
    """
    units: list[Hdu] = []
    view = memoryview(data)
    position = 0
    while position < len(data) and len(units) < _MAX_HDUS:
        if units and data[position : position + 8] != b"XTENSION":
            break  # padding or rubbish after the last unit
        header, position = _header(file, data, position, first=not units)
        size = _claimed(file, header)
        if size > len(data) - position:
            raise ReadError(
                f"{file}: unit {len(units)} claims {_bytes(size)}, the file has {_bytes(len(data) - position)} left",
                expected="a whole file",
                remedy="The file is cut off or its header damaged: fetch it again",
            )
        units.append(Hdu(file, header, view[position : position + size]))
        position += -(-size // _BLOCK) * _BLOCK
    return units


def _header(file: str, data: bytes, start: int, first: bool) -> tuple[dict[str, Any], int]:
    header: dict[str, Any] = {}
    for number in range(_MAX_CARDS):
        at = start + number * _CARD
        card = data[at : at + _CARD]
        if len(card) < 8:
            raise ReadError(f"{file}: the FITS header has no end", expected="a whole file", remedy="Fetch it again")
        key = card[:8].decode("latin-1").rstrip()
        if key == "END" and not card[8:].strip(b" \x00"):
            return header, start + -(-((number + 1) * _CARD) // _BLOCK) * _BLOCK
        if card[8:10] == b"= ":
            header.setdefault(key, _value(card[10:].decode("latin-1")))
    raise ReadError(f"{file}: more than {_MAX_CARDS} header cards", expected="the header of a spectrum")


def _value(text: str) -> Any:
    text = text.strip()
    if text.startswith("'"):
        match = re.match(r"'((?:[^']|'')*)'", text)
        return (match[1].replace("''", "'") if match else text[1:]).rstrip()
    text = text.split("/", 1)[0].strip()
    if text in ("T", "F"):
        return text == "T"
    if re.fullmatch(r"[+-]?\d{1,20}", text):
        return int(text)
    try:
        return float(text.replace("D", "E").replace("d", "e")) if text else None
    except ValueError:
        return text


def _claimed(file: str, header: dict[str, Any]) -> int:
    axes = _count(file, header, "NAXIS", 999)
    if axes == 0:
        return 0
    if header.get("BITPIX") not in _IMAGE_TYPES:
        raise ReadError(f"{file}: BITPIX is {header.get('BITPIX')!r}", expected="8, 16, 32, 64, -32 or -64")
    size = 1
    for i in range(1, axes + 1):
        size *= _count(file, header, f"NAXIS{i}", 2**62)
        if size > 2**62:
            raise ReadError(
                f"{file}: the header claims an impossible size", expected="a spectrum", remedy="Fetch it again"
            )
    extra = _count(file, header, "PCOUNT", 2**62) if "PCOUNT" in header else 0
    groups = _count(file, header, "GCOUNT", 2**31) if "GCOUNT" in header else 1
    if header.get("XTENSION") == "BINTABLE" and (axes != 2 or header["BITPIX"] != 8):
        raise ReadError(f"{file}: a table with {axes} axes of {header['BITPIX']} bits", expected="2 axes of 8 bits")
    return abs(header["BITPIX"]) // 8 * groups * (extra + size)


def _count(file: str, header: dict[str, Any], key: str, most: int) -> int:
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ReadError(f"{file}: {key} is {value!r} in the header", expected="a whole number that is not negative")
    return value


def _number(header: dict[str, Any], key: str, default: float) -> float:
    value = header.get(key, default)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else default


def _width(code: str) -> int:
    return {"C": 8, "M": 16}.get(code) or np.dtype(_TABLE_TYPES[code]).itemsize


def _scaled(view: NDArray[Any], column: Column, code: str) -> NDArray[Any]:
    if code == "L":
        return view == ord("T")
    if code in "ED":
        values = view.astype(np.float64)
        return values if column.scale == 1.0 and column.zero == 0.0 else values * column.scale + column.zero
    if column.scale == 1.0 and column.zero == 0.0 and (column.null is None or not (view == column.null).any()):
        return view.astype(np.int64)
    values = view * column.scale + column.zero
    return values if column.null is None else np.where(view == column.null, np.nan, values)


def _bytes(size: int) -> str:
    for unit, step in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if size >= step:
            return f"{size / step:.4g} {unit}"
    return f"{size} bytes"
