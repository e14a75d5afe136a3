"""``read_votable``: the table in an answer, with the service's own words where the answer is an error.

Services send errors as VOTables too, some with status 200: TAP as an INFO ``QUERY_STATUS`` (DALI 1.1, section 4.4.2),
VizieR as INFOs named ``Error``. LAMOST's VOTables need mending before: :mod:`specviz.archives.lamost.votables`.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

import numpy as np

from specviz.archives.transport import title
from specviz.errors import ArchiveError, BadReplyError, QueryError, ServiceDownError

if TYPE_CHECKING:
    from astropy.table import Table

#: What astropy and pyvo raise for bytes that are no VOTable (``VOTableSpecError`` is a SyntaxError; some of astropy's
#: warnings are raised whatever the filters say).
UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, ExpatError, LookupError, OSError, SyntaxError, TypeError,
    ValueError, Warning, struct.error,
)  # fmt: skip
_DOWN = re.compile(r"not (?:currently )?reachable|no connection|couldn't connect|connect error|timed? ?out", re.I)
_AGAIN = "Try again later; if it stays so, the service has changed"


def read_votable(body: bytes, service: str, status: int = 200) -> Table:
    """The first table of a VOTable document.

    Parameters
    ----------
    body : bytes
    service : str
        Its key, for messages.
    status : int
        The HTTP status it came with, for messages.

    Returns
    -------
    astropy.table.Table
        Columns by their names; text columns are plain strings ("" where there was none); without columns where the
        document has no table (VizieR does so when nothing is found). ``meta["overflow"]`` is True where the service
        says that it left rows out.

    Raises
    ------
    QueryError
        The document says that the question is wrong.
    ServiceDownError
        The document says that the service is broken.
    BadReplyError
        It is no VOTable, or a damaged one.
    """
    try:
        table, words, overflow = parsed(body)
    except UNREADABLE as error:
        raise BadReplyError(
            f"The answer of {title(service)} is no readable VOTable", service=service, status=status, remedy=_AGAIN
        ) from error
    if words is not None:
        raise refused(service, words, status)
    table = plain(table)
    table.meta.clear()
    table.meta["overflow"] = overflow
    return table


def parsed(body: bytes) -> tuple[Table, str | None, bool]:
    """The first table of a document (empty where it has none), the words of an error that it tells (None if it tells
    none; the table is empty then), and whether the service says that it left rows out.

    Raises
    ------
    One of :data:`UNREADABLE`
    """
    from astropy.io import votable
    from astropy.table import Table

    # verify="ignore" also keeps astropy from warning: services write sloppy VOTables, and nobody here could act.
    document = votable.parse(io.BytesIO(body), verify="ignore")
    words, overflow = _said(document)
    element = next(iter(document.iter_tables()), None) if words is None else None
    return Table() if element is None else element.to_table(use_names_over_ids=True), words, overflow


def refused(service: str, words: str, status: int | None = None) -> ArchiveError:
    """The error for what a service said: a fault of its own where the words say so, else of the question."""
    said = " ".join(words.split())[:400] or "no reason given"
    if _DOWN.search(said):
        return ServiceDownError(
            f"{title(service)} is out of order: {said}",
            service=service,
            status=status,
            remedy="Try again later; what was fetched before stays available",
        )
    return QueryError(f"{title(service)} refuses the question: {said}", service=service, status=status)


def plain(table: Table) -> Table:
    """``table`` with text columns as strings instead of objects: they can be compared, and kept as ECSV."""
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind == "O" and all(v is np.ma.masked or isinstance(v, str | bytes | None) for v in column):
            texts = [_text(v) for v in column]
            description = column.description
            table.replace_column(name, np.array(texts, dtype=str) if texts else np.empty(0, "U1"))
            table[name].description = description
    return table


def _text(value: Any) -> str:
    if value is None or value is np.ma.masked:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _said(document: Any) -> tuple[str | None, bool]:
    """The words of an error (None if it is none), and whether rows were left out."""
    words: list[str] = []
    failed = overflow = False
    for info in _infos(document):
        name, value = str(info.name or "").upper(), str(info.value or "").strip()
        if name == "QUERY_STATUS":
            overflow |= value.upper() == "OVERFLOW"
            if value.upper() == "ERROR":
                failed = True
                words.append(str(info.content or "").strip())
        elif name == "ERROR":
            failed = True
            words.append(value)
    said = list(dict.fromkeys(w for w in words if w))
    return ("; ".join(said) if failed else None), overflow


def _infos(element: Any) -> Iterator[Any]:
    yield from getattr(element, "infos", ())
    for inner in (*getattr(element, "resources", ()), *getattr(element, "tables", ())):
        yield from _infos(inner)
