"""The token for releases that are not public: where it is found, and how it is kept from being seen.

A token leaves this module only through :meth:`Token.reveal`, which one place calls: the one that puts it into the
parameters of a request. Its ``repr`` and ``str`` do not show it, and :meth:`Token.scrub` takes it out of what a service
sends back (LAMOST writes it into the addresses of an SSAP table, and may quote it in an error).
"""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, quote_plus

from specviz.errors import ReadError

ENVIRONMENT = "SPECVIZ_LAMOST_TOKEN"
#: The file that pylamost users already have: a line ``token=...``.
FILE = "pylamost.ini"
_IN_ADDRESS = re.compile(rb"(?i)\b((?:access_)?token=)[^&\s\"'<>]+")


class Token:
    """A secret that does not show itself.

    Parameters
    ----------
    text : str
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The token itself, for the request."""
        return self._text

    def __repr__(self) -> str:
        return "<LAMOST token, not shown>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A LAMOST token is not pickled: it would be readable in the file")

    def spellings(self) -> tuple[str, ...]:
        """How it may look in a text: plain, percent-encoded, or escaped for JSON (two ways) or HTML."""
        plain = self._text
        in_json = json.dumps(plain)[1:-1]
        found = (plain, quote(plain, safe=""), quote_plus(plain), quote(plain), in_json, in_json.replace("/", r"\/"))
        return tuple(sorted({*found, html.escape(plain)}, key=len, reverse=True))

    def scrub(self, body: bytes) -> bytes:
        """``body`` without the token, and without any other value of ``token=``."""
        for spelling in self.spellings():
            body = body.replace(spelling.encode(), b"***")
        return _IN_ADDRESS.sub(rb"\1", body)

    def scrub_text(self, text: str) -> str:
        """The same for a message."""
        for spelling in self.spellings():
            text = text.replace(spelling, "***")
        return text

    def shows_in(self, text: str) -> bool:
        return any(spelling in text for spelling in self.spellings())


def find_token(given: str | Token | None = None) -> Token | None:
    """The token to use: the given one, else ``SPECVIZ_LAMOST_TOKEN``, else ``token=`` of ``~/pylamost.ini``.

    Parameters
    ----------
    given : str, optional
        An empty text means: use none, whatever the environment holds.

    Returns
    -------
    Token or None

    Raises
    ------
    ReadError
        If the file exists and cannot be read. Its content is not quoted.
    """
    if isinstance(given, Token):
        return given
    if given is not None:
        return _clean(given)
    found = _clean(os.environ.get(ENVIRONMENT, ""))
    if found is not None:
        return found
    path = Path.home() / FILE
    return _of_file(path) if path.is_file() else None


def _of_file(path: Path) -> Token | None:
    try:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise ReadError(
            f"{path} cannot be read", expected="a line token=...", remedy=f"Mend its rights, or set {ENVIRONMENT}"
        ) from error
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() == "token":  # "#token" and "[token]" are something else
            return _clean(value)
    return None


def _clean(text: str) -> Token | None:
    text = text.strip().strip("'\"").strip()
    return Token(text) if text else None
