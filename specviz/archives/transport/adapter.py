"""``ArchiveAdapter``: what every request of specviz, astroquery and pyvo passes through.

It finds the service, waits for its turn, sends, reads the whole answer with a size limit and a deadline, tries again
where that can help, and turns what went wrong into our errors. An answer that leaves it is complete.
"""

from __future__ import annotations

import email.utils
import io
import logging
import random
import re
import socket
import time
from typing import Any
from urllib.parse import urljoin

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ProxyError, RequestException, SSLError
from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError, HTTPError, NameResolutionError

from specviz.archives.transport.connection import CONNECT_TIMEOUT, POOLS
from specviz.archives.transport.exchange import DeadlineError, Exchange, exchanging
from specviz.archives.transport.gate import gate
from specviz.archives.transport.monitor import Monitor, current
from specviz.archives.transport.recognise import refuse_page
from specviz.archives.transport.services import Service, locate
from specviz.archives.transport.settings import setting
from specviz.archives.transport.switch import online
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    LoginRequiredError,
    OfflineError,
    RateLimitedError,
    ServiceDownError,
    ServiceTimeoutError,
)

_log = logging.getLogger(__name__)
TRIES = 3
LONGEST_WAIT = 30.0  # seconds; a service that asks for more is not waited for
_CHUNK = 64 * 1024
_AGAIN = "Try again later; what was fetched before stays available"


class _Again(Exception):
    """The attempt failed in a way that another may cure; ``error`` is what to raise if it is the last one."""

    def __init__(self, error: ArchiveError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.wait = error, wait


class ArchiveAdapter(HTTPAdapter):
    """See the module's text. Thread-safe; one serves the whole process."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Send, and give back a response whose body has been read.

        Raises
        ------
        ArchiveError
            Of the kind that tells what happened.
        CancelledError
            As soon as the monitor at hand is cancelled.
        """
        service, url = locate(str(request.url))
        monitor = current()
        if not online():
            raise OfflineError(f"Offline: {service.title} was not asked", service=service.key, tries=0)
        # Certificates are always verified; a bundle named by the person (REQUESTS_CA_BUNDLE) is respected.
        options = dict(verify=verify if isinstance(verify, str) else True, cert=cert, proxies=proxies)
        asked, address = request, request.url
        if url != address:
            asked = request.copy()
            asked.url = url
            asked.headers.pop("Host", None)
        for attempt in range(1, TRIES + 1):
            monitor.step(service.key, "asking", attempt=attempt)
            try:
                response = self._attempt(service, asked, timeout, monitor, attempt, options)
            except _Again as again:
                again.error.tries = attempt
                wait = again.wait if again.wait is not None else backoff(attempt)
                if attempt == TRIES or wait > LONGEST_WAIT:
                    raise again.error from again.__cause__
                _log.info("%s: %s; asking again in %.1f s", service.key, type(again.error).__name__, wait)
                monitor.step(service.key, "waiting to ask again", attempt=attempt)
                monitor.wait(wait)
                continue
            if url != address and "Location" in response.headers:  # relative to the mirror that was really asked
                response.headers["Location"] = urljoin(url, response.headers["Location"])
            response.url = str(address)
            response.request = request
            return response
        raise AssertionError("unreachable")

    def _attempt(
        self,
        service: Service,
        request: PreparedRequest,
        timeout: Any,
        monitor: Monitor,
        attempt: int,
        options: dict[str, Any],
    ) -> Response:
        seconds = deadline(service, timeout)
        read = min(service.read_timeout, seconds)
        try:
            with gate(service).turn(monitor), exchanging(monitor, seconds) as exchange:
                response = super().send(request, stream=True, timeout=(CONNECT_TIMEOUT, read), **options)
                try:
                    body = _body(response, service, exchange, attempt)
                except BaseException:
                    response.raw.close()  # with its connection, on which the rest of the body may still come
                    raise
                response.raw.release_conn()
        except (DeadlineError, TimeoutError) as error:
            raise _Again(_too_slow(service, seconds)) from error
        except (RequestException, HTTPError, OSError) as error:
            raise _sorted(error, service, seconds) from error
        _finish(response, body)
        _check_status(response, service)
        refuse_page(body, response.status_code, service)
        monitor.step(service.key, "received", len(body), len(body), attempt)
        return response


def _body(response: Response, service: Service, exchange: Exchange, attempt: int) -> bytes:
    """The whole body, unpacked; progress in bytes as they come over the line."""
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() else None
    if total is not None and total > service.limit:
        raise _too_large(service)
    parts, size = [], 0
    for chunk in response.raw.stream(_CHUNK, decode_content=True):
        parts.append(chunk)
        size += len(chunk)
        if size > service.limit:
            raise _too_large(service)
        exchange.check()
        exchange.monitor.step(service.key, "receiving", response.raw.tell(), total, attempt)
    return b"".join(parts)


def _finish(response: Response, body: bytes) -> None:
    """Put the body where requests, pyvo (which streams ``raw``) and astroquery look for it."""
    response._content = body
    response._content_consumed = True
    for name in ("Content-Encoding", "Transfer-Encoding"):
        response.headers.pop(name, None)
    response.headers["Content-Length"] = str(len(body))
    response.raw = HTTPResponse(
        io.BytesIO(body),
        headers=dict(response.headers),
        status=response.status_code,
        reason=response.reason,
        preload_content=False,
    )


def _check_status(response: Response, service: Service) -> None:
    code = response.status_code
    facts: dict[str, Any] = dict(service=service.key, status=code)
    if code == 429:
        raise _Again(
            RateLimitedError(f"{service.title} asks for fewer questions (429)", remedy=_AGAIN, **facts),
            retry_after(response.headers.get("Retry-After")),
        )
    if code >= 500:
        raise _Again(
            ServiceDownError(f"{service.title} answers with a fault of its own ({code})", remedy=_AGAIN, **facts),
            retry_after(response.headers.get("Retry-After")),
        )
    if code == 401 or (code == 403 and service.has_login):
        raise LoginRequiredError(
            f"{service.title} wants a login for this ({code})",
            expected="public data, or a valid token",
            remedy="Choose a public release, or set the token (docs/archives.md)",
            **facts,
        )
    if code == 403:
        raise RateLimitedError(
            f"{service.title} refuses this address for the moment (403), as it does after too many questions",
            remedy="Wait an hour before the next try",
            **facts,
        )


def _sorted(error: Exception, service: Service, seconds: float) -> _Again | ArchiveError:
    """Our error for one of the network library's."""
    causes = [error, *getattr(error, "args", ())]
    causes += [getattr(c, "reason", None) for c in causes]
    told: dict[str, Any] = dict(service=service.key)
    if any(isinstance(c, NameResolutionError | socket.gaierror) for c in causes):
        return OfflineError(
            f"The address of {service.title} cannot be found: there seems to be no network",
            remedy="Check the connection. The demo sky and stars fetched before work without one",
            **told,
        )
    if isinstance(error, ProxyError):
        return OfflineError(
            f"The proxy on the way to {service.title} does not answer: there seems to be no network",
            remedy="Check HTTPS_PROXY, or unset it where none is needed",
            **told,
        )
    if isinstance(error, SSLError):
        return ServiceDownError(
            f"The certificate of {service.title} cannot be verified",
            expected="a certificate that this machine trusts",
            remedy="If your institute inspects traffic, name its certificates in REQUESTS_CA_BUNDLE",
            **told,
        )
    words = " ".join(type(c).__name__ + str(c)[:400] for c in causes if c is not None)
    if isinstance(error, DecodeError) or "DecodeError" in words:
        return _Again(BadReplyError(f"The answer of {service.title} is damaged", remedy=_AGAIN, **told))
    if "IncompleteRead" in words or "InvalidChunk" in words:
        return _Again(BadReplyError(f"The answer of {service.title} was cut short", remedy=_AGAIN, **told))
    if "TimeoutError" in words or "timed out" in words:
        return _Again(_too_slow(service, seconds))
    if re.search(r"unreachable|ENETUNREACH|EHOSTUNREACH", words):
        return OfflineError(f"There is no way to {service.title}: there seems to be no network", **told)
    if isinstance(error, RequestsConnectionError | HTTPError | OSError) and not isinstance(error, RequestException):
        return _Again(_dropped(service))
    if isinstance(error, RequestsConnectionError):
        return _Again(_dropped(service))
    return BadReplyError(f"The answer of {service.title} is no valid HTTP", remedy=_AGAIN, **told)


def _dropped(service: Service) -> ServiceDownError:
    what = f"{service.title} does not take the connection, or dropped it"
    return ServiceDownError(what, service=service.key, remedy=_AGAIN)


def _too_slow(service: Service, seconds: float) -> ServiceTimeoutError:
    what = f"{service.title} did not answer within {seconds:.0f} s"
    return ServiceTimeoutError(what, service=service.key, remedy=_AGAIN)


def _too_large(service: Service) -> BadReplyError:
    return BadReplyError(
        f"The answer of {service.title} is larger than {service.limit // 1024**2} MB",
        service=service.key,
        remedy="Ask for less at a time",
    )


def deadline(service: Service, timeout: Any = None) -> float:
    """Seconds one request may take: the caller's, at most ``SPECVIZ_TIMEOUT`` or the service's own."""
    most = setting("SPECVIZ_TIMEOUT", service.deadline)
    asked = timeout[-1] if isinstance(timeout, tuple) else timeout
    return min(float(asked), most) if isinstance(asked, int | float) and asked > 0 else most


def backoff(attempt: int) -> float:
    """Seconds to wait after failed attempt 1, 2, ...: doubling, with chance so that many clients do not return at once.

    ``SPECVIZ_RETRY_WAIT`` sets the first one (1 s).
    """
    first = setting("SPECVIZ_RETRY_WAIT", 1.0)
    return min(first * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25), LONGEST_WAIT)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date, RFC 9110 section 10.2.3); None without one."""
    if not header:
        return None
    text = header.strip()
    if text.isdigit():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(when.timestamp() - time.time(), 0.0)
