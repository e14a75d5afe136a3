"""The register of file layouts: one reader each, chosen by content.

A reader registers two functions: ``identify(content) -> bool``, quick and without side effects, and the reader itself,
``(content) -> list[Star]``. The reader of the highest priority that recognises the content reads it. Whatever a damaged
file makes a reader stumble over leaves :func:`read_content` as a ``ReadError`` that names the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from specviz.errors import NotASpectrumError, ReadError, SpectrumError, SpecvizError, UnknownLayoutError
from specviz.spectra.readers.content import Content
from specviz.spectra.star import Star

Read = Callable[[Content], list[Star]]
Identify = Callable[[Content], bool]


@dataclass(frozen=True)
class Reader:
    """One file layout: its name, how to know it, how to read it."""

    name: str
    identify: Identify
    read: Read
    priority: int = 0


_T = TypeVar("_T")
_readers: dict[str, Reader] = {}


def register_reader(name: str, *, identify: Identify, priority: int = 0) -> Callable[[Read], Read]:
    """Decorator that registers a reader. A second one of the same name replaces the first.

    Parameters
    ----------
    name : str
        Layout name, kept in ``meta["layout"]``.
    identify : callable
        ``identify(content) -> bool``.
    priority : int
        Higher is asked first; special layouts come before general ones.
    """

    def put(read: Read) -> Read:
        _readers[name] = Reader(name, identify, read, priority)
        return read

    return put


def layouts() -> tuple[str, ...]:
    """Names of the registered layouts, in the order in which they are asked."""
    return tuple(r.name for r in _ordered())


def find(content: Content) -> Reader:
    """The reader for a content.

    Raises
    ------
    NotASpectrumError
        A sound table or image that holds no spectrum; the columns found are named.
    UnknownLayoutError
        No reader recognises it.
    """
    return _guarded(content, lambda: _find(content))


def read_content(content: Content) -> list[Star]:
    """Every star of a content; never empty."""
    stars = _guarded(content, lambda: _find(content).read(content))
    if not stars:
        raise NotASpectrumError(f"{content.name}: a table without rows", expected="at least one spectrum")
    return stars


def _ordered() -> list[Reader]:
    return sorted(_readers.values(), key=lambda r: -r.priority)


def _find(content: Content) -> Reader:
    kind = content.kind
    for reader in _ordered():
        if reader.identify(content):
            return reader
    if kind == "fits":
        tables = [list(h.columns) for h in content.hdus if h.is_table]
        names = ", ".join(name.lower() for name in (tables[0] if tables else [])[:20])
        raise NotASpectrumError(
            f"{content.name}: " + (f"a table with the columns {names}" if tables else "a FITS file without a spectrum"),
            expected="a spectrum: a LAMOST, SDSS or Gaia XP file, or a table with a wavelength and a flux column",
        )
    if kind in ("votable", "text", "avro"):
        names = ", ".join(list(content.table.cells)[:20]) if kind != "text" else ""
        raise NotASpectrumError(
            f"{content.name}: " + (f"a table with the columns {names}" if names else "text without columns of numbers"),
            expected="wavelength and flux, or a Gaia XP table",
        )
    raise UnknownLayoutError(f"{content.name}: no reader recognises it", expected="one of " + ", ".join(layouts()))


def _guarded(content: Content, work: Callable[[], _T]) -> _T:
    """Run ``work``; any failure becomes an error of ours that begins with the file's name."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a damaged file warns before it fails; what matters is in the error or in the mask
        try:
            return work()
        except SpectrumError as error:
            text = error.what if error.what.startswith(content.name) else f"{content.name}: {error.what}"
            raise NotASpectrumError(text, expected=error.expected, remedy=error.remedy) from error
        except SpecvizError:
            raise
        except MemoryError as error:
            raise ReadError(f"{content.name}: needs more memory than there is", remedy="Split the file") from error
        except Exception as error:
            # Parsers of damaged bytes can raise anything; it is translated here, once, and kept as the cause.
            told = f" ({str(error)[:200]})" if isinstance(error, ValueError | EOFError | OSError) and str(error) else ""
            raise ReadError(
                f"{content.name}: damaged, or not what it claims to be{told}",
                remedy="Fetch the file again",
            ) from error
