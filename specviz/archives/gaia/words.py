"""The archive's own words in an error document: VOTable with QUERY_STATUS=ERROR, HTML list, JSON, plain text."""

from __future__ import annotations

import html
import json
import re

from specviz.archives.transport import title
from specviz.errors import QueryError

_ERROR = re.compile(
    rb"<(?:\w+:)?INFO\b(?=[^>]*\bname\s*=\s*[\"']QUERY_STATUS[\"'])(?=[^>]*\bvalue\s*=\s*[\"']ERROR[\"'])[^>]*?"
    rb"(?:/>|>(.*?)</(?:\w+:)?INFO>)",
    re.S | re.I,
)
_HTML_MESSAGE = re.compile(rb"<b>\s*Message:?\s*</b>(.*?)</li>", re.S | re.I)
_LONGEST = 400


def error_words(body: bytes) -> str:
    """What an error document says, in one line; "" for a body that says nothing readable."""
    head = body[:200_000]
    for pattern in (_ERROR, _HTML_MESSAGE):
        match = pattern.search(head)
        if match:
            return _plain(match[1] or b"")
    text = head.strip()
    if text.startswith(b"{"):
        try:
            told = json.loads(text)
        except ValueError:
            told = {}
        return str(told.get("message") or told.get("error") or told.get("detail") or "")[:_LONGEST]
    if text.startswith(b"<") or b"\0" in text:
        return ""
    return _plain(text)


def is_error_document(body: bytes) -> bool:
    """Whether a body is a VOTable that says QUERY_STATUS=ERROR."""
    return _ERROR.search(body[:200_000]) is not None


def refuse_error_document(body: bytes, service: str) -> None:
    """Raise for a VOTable that says QUERY_STATUS=ERROR, which services send with status 200.

    Raises
    ------
    QueryError
        With the service's own words.
    """
    if is_error_document(body):
        said = error_words(body)
        raise QueryError(
            f"{title(service)} refuses the request" + (f": {said}" if said else ""), service=service, status=200
        )


def _plain(text: bytes) -> str:
    words = text.decode("utf-8", "replace").replace("<![CDATA[", "").replace("]]>", "")
    words = html.unescape(re.sub(r"<[^>]+>", " ", words))
    return " ".join(words.split())[:_LONGEST]
