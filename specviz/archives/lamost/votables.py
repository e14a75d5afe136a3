"""LAMOST's VOTables, mended so that astropy can read them (services.md 1.2, traps a to c).

(a) ``datatype="date"`` is no VOTable type: it becomes text. (b) ``arraysize=""`` makes astropy stop: it is dropped, or
becomes ``*`` for text. (c) the FIELDs' IDs are ``COLID_n``: columns are called by their names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specviz.archives.lamost.columns import mended
from specviz.archives.lamost.replies import SERVICE, error_for, kind, read_json, refuse_page
from specviz.archives.votables import UNREADABLE, parsed
from specviz.errors import BadReplyError

if TYPE_CHECKING:
    from astropy.table import Table

_FIELD = re.compile(rb"<(?:FIELD|PARAM)\b[^>]*>")
_NO_TYPE = re.compile(rb"\bdatatype\s*=\s*([\"'])(?:date|datetime|timestamp|time|text|varchar|string)\1")
_ARRAYSIZE = re.compile(rb"\s*\barraysize\s*=\s*([\"'])[^\"']*\1")
_NO_ARRAYSIZE = re.compile(rb"\s*\barraysize\s*=\s*([\"'])\s*\1")


def mend(body: bytes) -> bytes:
    """The document with its FIELDs and PARAMs made valid; data rows are not touched."""
    head, table_data, data = body.partition(b"<DATA>")
    return _FIELD.sub(lambda match: _mend_field(match[0]), head) + table_data + data


def _mend_field(field: bytes) -> bytes:
    if _NO_TYPE.search(field):
        return _NO_TYPE.sub(b'datatype="char" arraysize="*"', _ARRAYSIZE.sub(b"", field))
    if b'"char"' in field or b'"unicodeChar"' in field:
        return _NO_ARRAYSIZE.sub(b' arraysize="*"', field)
    return _NO_ARRAYSIZE.sub(b"", field)


def read_votable(body: bytes, what: str, *, hint: str = "") -> Table:
    """The first table of a VOTable reply, its columns mended (:mod:`specviz.archives.lamost.columns`).

    Parameters
    ----------
    body : bytes
    what : str
        What was asked for, for messages.
    hint : str
        What a person may do when the service refuses the question.

    Returns
    -------
    astropy.table.Table
        Without columns where the document has no table (nothing found). ``meta["overflow"]`` is True where the service
        says that it left rows out.

    Raises
    ------
    QueryError
        The document holds an error instead of a table: LAMOST sends both with status 200.
    LoginRequiredError, BadReplyError
    """
    refuse_page(body, what)
    found = kind(body)
    if found == "json":
        read_json(body, what)
    if found != "votable":
        raise _damaged(what)
    try:
        table, words, overflow = parsed(mend(body))
    except UNREADABLE as error:
        raise _damaged(what) from error
    if words is not None:
        told = error_for(words or "no reason given", what)
        told.remedy = told.remedy or hint
        raise told
    out = mended(table)
    if overflow:
        out.meta["overflow"] = True
    return out


def _damaged(what: str) -> BadReplyError:
    return BadReplyError(
        f"The table that LAMOST sent for {what} is damaged",
        service=SERVICE,
        status=200,
        expected="a VOTable",
        remedy="Try again later; if it stays so, the service has changed",
    )
