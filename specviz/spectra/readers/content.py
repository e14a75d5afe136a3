"""``Content``: the bytes of one file, unpacked under limits, and what kind of thing they are."""

from __future__ import annotations

import stat
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from specviz.errors import FileTooLargeError, NotFoundError, ReadError, UnknownLayoutError

#: Largest file that is opened, and largest content that gzip may unpack, in bytes.
MAX_FILE = 200 * 2**20
MAX_UNPACKED = 256 * 2**20
#: Gzip cannot exceed 1032:1 and spectra stay under 20:1; beyond this ratio (and this floor) it is a bomb, refused
#: early.
_PIECE = 2**18
_MAX_RATIO, _BOMB_FLOOR = 50, 32 * 2**20

_OTHER_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
}


@dataclass(frozen=True)
class Content:
    """The unpacked bytes of one file.

    Parameters
    ----------
    name : str
        File name as the person knows it; every error begins with it.
    data : bytes
        Unpacked content, never empty.
    path : str, optional
        Where it came from; None for an upload.
    """

    name: str
    data: bytes
    path: str | None = None

    @cached_property
    def kind(self) -> str:
        """fits, votable, avro, npy or text. Raises UnknownLayoutError with a reason for anything else."""
        head = self.data[:65536]
        if head.startswith((b"SIMPLE  =", b"XTENSION=")):
            return "fits"
        if head.startswith(b"\x93NUMPY"):
            return "npy"
        if head.startswith(b"Obj\x01"):
            return "avro"
        for magic, label in _OTHER_ARCHIVES.items():
            if head.startswith(magic):
                raise UnknownLayoutError(
                    f"{self.name}: packed with {label}", expected="a plain or gzip file", remedy="Unpack it first"
                )
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if start.startswith(b"<"):
            if b"VOTABLE" in head[:8192].upper():
                return "votable"
            page = b"<html" in head.lower() or b"<!doctype" in head.lower()
            raise UnknownLayoutError(
                f"{self.name}: {'a web page' if page else 'an XML document'}, not a spectrum",
                expected="FITS, VOTable, CSV or ECSV",
                remedy="The download may have been answered by a login or error page: fetch it again" if page else "",
            )
        if start.startswith((b"{", b"[{", b"[[")):
            raise UnknownLayoutError(
                f"{self.name}: a JSON reply, not a spectrum",
                remedy="The archive may have answered with an error message: open it as text to read it",
            )
        controls = sum(head.count(bytes((c,))) for c in range(32) if c not in (9, 10, 12, 13))
        if controls:
            raise UnknownLayoutError(
                f"{self.name}: binary content of no known kind",
                expected="FITS, VOTable, CSV, ECSV, avro or npy, plain or gzip",
            )
        return "text"

    @cached_property
    def hdus(self) -> list[Any]:
        """The header-data units of a FITS file (:class:`specviz.spectra.readers.fits_units.Hdu`)."""
        from specviz.spectra.readers.fits_units import scan

        return scan(self.name, self.data)

    @cached_property
    def table(self) -> Any:
        """The content as a :class:`specviz.spectra.readers.tables.Columns` (VOTable, CSV, ECSV, avro, FITS table)."""
        from specviz.spectra.readers.tables import read_columns

        return read_columns(self)


def load(path: str | Path) -> Content:
    """Read a file under the size limits and unpack gzip, whatever its suffix says.

    Raises
    ------
    NotFoundError
        No such file.
    FileTooLargeError
        Over 200 MB, or unpacks to over 256 MB (or to over 50 times its size).
    ReadError
        A folder, a device, no permission, empty, or damaged gzip.
    """
    path = Path(path).expanduser()
    name = path.name or str(path)
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            what = "a folder" if stat.S_ISDIR(info.st_mode) else "not a regular file"
            raise ReadError(f"{name}: {what}", expected="a file with a spectrum")
        if info.st_size > MAX_FILE:
            raise FileTooLargeError(
                f"{name}: {info.st_size / 2**20:.0f} MB", expected=f"at most {MAX_FILE // 2**20} MB"
            )
        with path.open("rb") as stream:
            data = stream.read(info.st_size + 1)  # a read of MAX_FILE would allocate all of it at once
    except FileNotFoundError as error:
        raise NotFoundError(f"{name}: no such file", remedy=f"Check the path {path}") from error
    except (OSError, ValueError) as error:
        raise ReadError(f"{name}: cannot be opened ({error})") from error
    return content_of(data, name, path=str(path))


def content_of(data: bytes, name: str, path: str | None = None) -> Content:
    """Content of bytes already in memory (an upload), under the same limits."""
    if len(data) > MAX_FILE:
        raise FileTooLargeError(f"{name}: over {MAX_FILE // 2**20} MB", expected=f"at most {MAX_FILE // 2**20} MB")
    if data.startswith(b"\x1f\x8b"):
        data = _gunzip(data, name)
        if data.startswith(b"\x1f\x8b"):
            raise UnknownLayoutError(f"{name}: gzip inside gzip", remedy="Unpack it once")
    if not data:
        raise ReadError(f"{name}: empty", remedy="Fetch the file again")
    return Content(name, data, path)


def _gunzip(data: bytes, name: str) -> bytes:
    limit = min(MAX_UNPACKED, max(_BOMB_FLOOR, _MAX_RATIO * len(data)))
    parts: list[bytes] = []
    total = position = 0
    view = memoryview(data)
    try:
        while data[position : position + 2] == b"\x1f\x8b":  # gzip allows several members one after the other
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof:
                piece = view[position : position + _PIECE]
                part = unpacker.decompress(piece, _PIECE)
                if not piece and not part:
                    raise ReadError(
                        f"{name}: the gzip stream ends early", expected="a whole file", remedy="Fetch it again"
                    )
                position += len(piece) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
                total += len(part)
                if total > limit:
                    parts.clear()
                    raise FileTooLargeError(
                        f"{name}: unpacks to more than {limit // 2**20} MB from {len(data) / 2**20:.2g} MB",
                        expected="a spectrum",
                        remedy="This is no spectrum; if it is a large table, unpack and split it",
                    )
                parts.append(part)
    except zlib.error as error:
        raise ReadError(f"{name}: damaged gzip ({error})", remedy="Fetch the file again") from error
    return b"".join(parts)
