"""What an answer really is: services show login and maintenance pages with status 200 (services.md 1.2, trap d)."""

from __future__ import annotations

import re

from specviz.archives.transport.services import Service
from specviz.errors import BadReplyError, LoginRequiredError, ServiceDownError

_PAGE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_LOGIN = re.compile(
    rb"type\s*=\s*[\"']?password|/o?auth2?/|\b(?:log|sign)[\s-]?(?:in|on)\b|\bpassport\b|"
    + "登录".encode(),  # "log in"
    re.I,
)
_PAUSE = re.compile(rb"maintenance|temporarily unavailable|service unavailable|be back soon|out of service", re.I)


def is_page(body: bytes) -> bool:
    """Whether a body is a web page and no data."""
    return _PAGE.match(body[:4000]) is not None


def refuse_page(body: bytes, status: int, service: Service) -> None:
    """Raise where a service answers a request for data with a web page.

    Raises
    ------
    LoginRequiredError
        The page asks for a login: the data are not public, or the token is wrong.
    ServiceDownError
        The page tells of maintenance.
    BadReplyError
        Any other page.
    """
    if not is_page(body):
        return
    facts = dict(service=service.key, status=status)
    head = body[:200_000]
    if _LOGIN.search(head):
        raise LoginRequiredError(
            f"{service.title} shows a login page instead of the data",
            expected="public data, or a valid token",
            remedy="Choose a public release, or set the token (docs/archives.md)",
            **facts,  # type: ignore[arg-type]
        )
    if _PAUSE.search(head):
        raise ServiceDownError(
            f"{service.title} says that it is closed for maintenance",
            remedy="Try again later; what was fetched before stays available",
            **facts,  # type: ignore[arg-type]
        )
    if status < 400:
        raise BadReplyError(
            f"{service.title} answers with a web page instead of the data",
            remedy="Try again later; if it stays so, the service has changed",
            **facts,  # type: ignore[arg-type]
        )
