"""Rows of a table read from the pages of an SQLite file one by one, without what leads to them.

A query comes to a row through the pages above it; where one of those is damaged, all rows below it are out of reach,
though they are there. The layout is that of https://www.sqlite.org/fileformat.html: sections 1.3 (header), 1.6 (pages
of a table, type 13; overflow), 2.1 (records; serial types). No code of SQLite or of its tools was taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LEAF = 13
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type -> bytes


def rows_of_pages(raw: bytes, columns: tuple[int, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The rows that lie in a file, wherever.

    Parameters
    ----------
    raw : bytes
        The file.
    columns : tuple of int
        How many columns a row may have; others belong to other tables.

    Yields
    ------
    (int, tuple)
        Row number and values (integers, text or None), as they are found: twice, where an old page still holds a row.
    """
    size = int.from_bytes(raw[16:18], "big")
    size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        size = 4096  # what SQLite uses unless told otherwise: the header is damaged
    usable = size - (raw[20] if len(raw) > 20 and raw[20] < 32 else 0)
    for start in range(0, len(raw) - size + 1, size):
        head = start + (100 if start == 0 else 0)
        if raw[head] != _LEAF:
            continue
        for n in range(min(int.from_bytes(raw[head + 3 : head + 5], "big"), size // 4)):
            place = int.from_bytes(raw[head + 8 + 2 * n : head + 10 + 2 * n], "big")
            try:
                number, record = _cell(raw, start + place, size, usable)
                values = _values(record, columns)
            except (IndexError, ValueError):  # damaged here; its neighbours may be sound
                continue
            if values is not None:
                yield number, values


def _cell(raw: bytes, at: int, size: int, usable: int) -> tuple[int, bytes]:
    """Row number and record of a cell, with what of it lies on overflow pages."""
    length, at = _varint(raw, at)
    number, at = _varint(raw, at)
    local = length
    if length > usable - 35:
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= usable - 35 else least
    record = raw[at : at + local]
    if local < length:
        page = int.from_bytes(raw[at + local : at + local + 4], "big")
        parts = [record]
        left = length - local
        while left > 0:
            if page < 1 or page * size > len(raw):
                raise ValueError("an overflow page is missing")
            begin = (page - 1) * size
            parts.append(raw[begin + 4 : begin + 4 + min(left, usable - 4)])
            left -= len(parts[-1])
            page = int.from_bytes(raw[begin : begin + 4], "big")
        record = b"".join(parts)
    if len(record) != length:
        raise ValueError("the cell goes beyond the file")
    return number, record


def _values(record: bytes, columns: tuple[int, ...]) -> tuple[Any, ...] | None:
    """The values of a record; None where it has other columns."""
    head, at = _varint(record, 0)
    types = []
    while at < head:
        kind, at = _varint(record, at)
        types.append(kind)
    if len(types) not in columns or at != head:
        return None
    values: list[Any] = []
    for kind in types:
        if kind == 0:
            values.append(None)
        elif kind in (8, 9):
            values.append(kind - 8)
        elif kind in _INTEGERS:
            values.append(int.from_bytes(record[at : at + _INTEGERS[kind]], "big", signed=True))
            at += _INTEGERS[kind]
        elif kind >= 13 and kind % 2:
            size = (kind - 13) // 2
            if at + size > len(record):
                raise ValueError("a value goes beyond its record")
            values.append(record[at : at + size].decode("utf-8"))
            at += size
        else:
            return None
    if at != len(record):
        raise ValueError("a record that is longer than its values")
    return tuple(values)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for n in range(9):
        byte = raw[at + n]
        if n == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    raise ValueError("no number")
