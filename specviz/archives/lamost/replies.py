"""What a reply of LAMOST really is. It sends login pages, and errors as JSON, with status 200 (services.md 1.2, d)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from specviz.errors import ArchiveError, BadReplyError, LoginRequiredError, NotFoundError, QueryError, RateLimitedError

Kind = Literal["empty", "gzip", "fits", "page", "votable", "json", "text"]
SERVICE = "lamost"
_AGAIN = "Try again later; if it stays so, the service has changed"
_TO_LOG_IN = (
    "Choose a public release, or give the token of your China-VO account: Lamost(token=...), the environment "
    "variable SPECVIZ_LAMOST_TOKEN, or a line token=... in ~/pylamost.ini"
)
_WORDS = ("error", "errmsg", "err", "error_description", "message", "msg", "detail", "reason", "description")
_PAYLOAD = ("rows", "versions", "url", "uid", "unique_id", "obsid-low", "total", "sqlid", "data", "columns", "response")
_LOGIN = re.compile(
    r"(?i)(?<!unexpected )\btoken\b|unauthori[sz]ed|unauthenticated|authenticat|"
    r"log\s?in\b|\bsign\s?in\b|permission|forbidden|\b40[13]\b"
)
_NOTHING = re.compile(
    r"(?i)not\s+(be\s+)?found|no\s+such|no\s+(spectrum|spectra|record|data|file|result)|(does|do)\s?n[o']t\s+exist|"
    r"not\s+exists?|cannot\s+find|invalid\s+obsid|\b404\b"
)
_BUSY = re.compile(r"(?i)too\s+many\s+(requests|queries|connections)|rate\s+limit|\b429\b")


def kind(body: bytes) -> Kind:
    """What a body is, by its first bytes; the declared content type is not believed."""
    if body[:2] == b"\x1f\x8b":
        return "gzip"
    if body[:9] == b"SIMPLE  =":
        return "fits"
    head = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:2000]
    if not head:
        return "empty"
    if head[:1] in b"{[":
        return "json"
    if head[:1] == b"<":
        return "votable" if re.search(rb"<(\w+:)?VOTABLE\b", head, re.I) else "page"
    return "text"


def refuse_page(body: bytes, what: str) -> None:
    """Raise if a web page came where data were asked for; LAMOST shows one to whoever has to log in.

    The transport refuses pages too. This is kept as well: a mirror, or astroquery, may hand us a reply on another way.

    Raises
    ------
    LoginRequiredError
        The page speaks of logging in.
    BadReplyError
        Any other page.
    """
    if kind(body) != "page":
        return
    text = body[:200_000].decode("utf-8", "replace")
    if re.search(r"(?i)oauth|log\s?in|sign\s?in|password|china-vo\.org/sso|登录", text):
        raise login_required(what)
    raise BadReplyError(
        f"LAMOST answered with a web page when asked for {what}", service=SERVICE, status=200, remedy=_AGAIN
    )


def login_required(what: str, words: str = "") -> LoginRequiredError:
    """The error for data that are not public."""
    said = f" (it says: {words})" if words else ""
    return LoginRequiredError(
        f"LAMOST wants a login for {what}{said}",
        service=SERVICE,
        status=200,
        expected="a public release, or a valid token",
        remedy=_TO_LOG_IN,
    )


def words_of_error(value: Any) -> str | None:
    """The words of an error that came as JSON; None if ``value`` is no error."""
    if isinstance(value, str):
        return value.strip() or None
    if not isinstance(value, Mapping):
        return None
    found = next((value[k] for k in _WORDS if value.get(k)), None)
    if isinstance(found, Mapping):
        found = words_of_error(found) or json.dumps(found)[:200]
    elif isinstance(found, list):
        found = "; ".join(str(f.get("msg", f)) if isinstance(f, Mapping) else str(f) for f in found[:3])
    code = next((value[k] for k in ("code", "status", "status_code") if k in value), None)
    bad_code = (isinstance(code, int) and code >= 400) or str(code).lower() in ("error", "fail", "failed", "false")
    failed = value.get("success") is False or bool(value.get("error")) or bad_code
    if failed or (found is not None and not any(k in value for k in _PAYLOAD)):
        told = str(found) if found not in (None, True) else "no reason given"
        return f"{told} (code {code})" if bad_code and isinstance(code, int) else told
    return None


def error_for(words: str, what: str, *, nothing: str = "") -> ArchiveError | NotFoundError:
    """The error that the words of the service stand for.

    Parameters
    ----------
    words : str
        What the service said.
    what : str
        What it was asked for.
    nothing : str
        What to say when the words mean that there is no such thing; "" where they cannot ("column does not exist" is a
        fault of the question).
    """
    words = " ".join(words.split())[:300]
    if _BUSY.search(words):
        return RateLimitedError(f"LAMOST asks for fewer questions: {words}", service=SERVICE, status=200)
    if nothing and _NOTHING.search(words):
        return NotFoundError(nothing, remedy="Check the number, or ask another release")
    if _LOGIN.search(words):
        return login_required(what, words)
    return QueryError(f"LAMOST refuses the question for {what}: {words}", service=SERVICE, status=200)


def read_json(body: bytes, what: str, *, nothing: str = "") -> Any:
    """The value of a JSON reply.

    Raises
    ------
    LoginRequiredError, QueryError, NotFoundError, RateLimitedError
        If it is an error in JSON, or a login page.
    BadReplyError
        If it is no JSON.
    """
    refuse_page(body, what)
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except ValueError as error:
        raise BadReplyError(
            f"LAMOST did not answer with JSON when asked for {what}", service=SERVICE, status=200, remedy=_AGAIN
        ) from error
    words = words_of_error(value)
    if words is not None:
        raise error_for(words, what, nothing=nothing)
    return value


def require_fits(body: bytes, what: str, *, nothing: str) -> None:
    """Raise unless ``body`` begins like a FITS file (plain or gzip); an error that came instead is told in its words.

    Raises
    ------
    NotFoundError, LoginRequiredError, QueryError, BadReplyError
    """
    found = kind(body)
    if found in ("gzip", "fits"):
        return
    refuse_page(body, what)
    if found == "json":
        read_json(body, what, nothing=nothing)
    if found == "text":
        words = body[:300].decode("utf-8", "replace")
        if _NOTHING.search(words) or _LOGIN.search(words):
            raise error_for(words, what, nothing=nothing)
    raise BadReplyError(
        f"LAMOST did not send a FITS file when asked for {what}",
        service=SERVICE,
        status=200,
        expected="bytes that begin like FITS or gzip",
        remedy=_AGAIN,
    )
