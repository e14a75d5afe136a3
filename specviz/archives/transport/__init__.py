"""The one way to the network: time-outs, retries, a polite pace, cancel at any moment, progress in bytes.

:func:`session` is a ``requests.Session`` for astroquery and pyvo; :func:`request` is for our own clients. Both raise
the errors of :mod:`specviz.errors` and nothing else. ``requests`` is imported at the first call.
"""

from __future__ import annotations

import json as json_
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from specviz.archives.transport.monitor import Monitor, Step, current, watching
from specviz.archives.transport.services import SERVICES, Service, endpoints, title
from specviz.archives.transport.switch import offline, online
from specviz.errors import BadReplyError, QueryError

if TYPE_CHECKING:
    from requests import Session

__all__ = [
    "SERVICES",
    "Monitor",
    "Reply",
    "Service",
    "Step",
    "current",
    "endpoints",
    "offline",
    "online",
    "request",
    "session",
    "title",
    "watching",
]

_lock = threading.Lock()
_session: Session | None = None


@dataclass(frozen=True)
class Reply:
    """A complete answer: ``body`` unpacked; ``headers`` without regard to case; ``url`` without its query."""

    body: bytes
    headers: Mapping[str, str]
    status: int
    url: str
    service: str

    @cached_property
    def text(self) -> str:
        """The body as text; a byte-order mark is dropped."""
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises
        ------
        BadReplyError
            If it is none.
        """
        try:
            return json_.loads(self.text)
        except ValueError as error:
            raise BadReplyError(
                f"{title(self.service)} answered with something that is not JSON",
                service=self.service,
                remedy="Try again later; if it stays so, the service has changed",
            ) from error


def session() -> Session:
    """The session that every request goes through; one a process, shared between threads."""
    global _session
    with _lock:
        if _session is None:
            _session = _make_session()
        return _session


def _make_session() -> Session:
    import logging
    import os
    import platform

    import requests

    from specviz import __version__
    from specviz.archives.transport.adapter import ArchiveAdapter
    from specviz.archives.transport.redact import Redact

    made = requests.Session()
    adapter = ArchiveAdapter(pool_connections=16, pool_maxsize=4)
    for scheme in ("https://", "http://"):
        made.mount(scheme, adapter)
    contact = os.environ.get("SPECVIZ_CONTACT", "").strip()
    who = "; ".join(["jupyter-specviz", *([contact] if contact else [])])
    made.headers["User-Agent"] = f"specviz/{__version__} ({who}) Python/{platform.python_version()}"
    logger = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(f, Redact) for f in logger.filters):
        logger.addFilter(Redact())  # urllib3 logs whole addresses, with the token in them
    return made


def request(
    service: str,
    method: str,
    url: str,
    *,
    params: Any = None,
    data: Any = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Reply:
    """Ask a service.

    Parameters
    ----------
    service : str
        Its key, for messages; where it is follows from ``url``, the public address.
    method, url, params, data, json, headers
        As of ``requests.request``.
    timeout : float, optional
        Seconds that the request may take in all; the service's own limit where it is shorter.

    Returns
    -------
    Reply

    Raises
    ------
    QueryError
        The service refuses the question (4xx).
    ArchiveError
        Anything else; see :mod:`specviz.errors`.
    CancelledError
        The monitor at hand was cancelled.
    """
    response = session().request(
        method, url, params=params, data=data, json=json, headers=dict(headers or {}), timeout=timeout
    )
    body: bytes = response.content
    if response.status_code >= 400:
        said = body[:300].decode("utf-8", "replace").strip() if not body.lstrip().startswith(b"<") else ""
        raise QueryError(
            f"{title(service)} refuses the question ({response.status_code})" + (f": {said}" if said else ""),
            service=service,
            status=response.status_code,
        )
    return Reply(body, response.headers, response.status_code, str(response.url).split("?")[0], service)
