"""Connections whose look-up, dial and reading can be broken off, and the pools that make them.

The standard library looks a host up without any time limit and dials without listening to anyone; both are done here in
small steps that look at the exchange at hand.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from specviz.archives.transport.exchange import Exchange, at_hand

CONNECT_TIMEOUT = 15.0
_POLL = 0.05


def look_up(host: str, port: int, exchange: Exchange | None, seconds: float) -> list[Any]:
    """``getaddrinfo`` that can be given up: it runs on a thread of its own, which ends when the resolver does.

    Raises
    ------
    socket.gaierror
        If there is no such host, or the resolver takes more than ``seconds``.
    """
    found: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)
        except UnicodeError:
            found.append(socket.gaierror(socket.EAI_NONAME, f"{host[:80]!r} is no host name"))
        finally:
            done.set()

    threading.Thread(target=ask, name="specviz-http-lookup", daemon=True).start()
    ends = time.monotonic() + seconds
    while not done.wait(_POLL if exchange is not None else seconds):
        if exchange is not None:
            exchange.check()
        if time.monotonic() >= ends:
            raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer")
    if isinstance(found[0], OSError):
        raise found[0]
    return list(found[0])


def dial(address: Any, options: Any, source: Any, exchange: Exchange | None, seconds: float) -> socket.socket:
    """A connected socket to one of ``getaddrinfo``'s answers.

    Raises
    ------
    OSError
        Refused, unreachable, or TimeoutError after ``seconds``.
    """
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        for option in options or ():
            sock.setsockopt(*option)
        if source:
            sock.bind(source)
        sock.setblocking(False)
        code = sock.connect_ex(where)
        ends = time.monotonic() + seconds
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, getattr(errno, "WSAEWOULDBLOCK", -1)):
            with selectors.DefaultSelector() as selector:
                selector.register(sock, selectors.EVENT_WRITE)
                while not selector.select(_POLL):
                    if exchange is not None:
                        exchange.check()
                    if time.monotonic() >= ends:
                        raise TimeoutError("no answer to the call")
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, f"error {errno.errorcode.get(code, code)}")
        sock.setblocking(True)
        return sock
    except BaseException:
        sock.close()
        raise


class _Breakable:
    """What both kinds of connection share; mixed in before urllib3's class."""

    handle: socket.socket | None = None

    def _new_conn(self: Any) -> socket.socket:
        exchange = at_hand()
        seconds = self.timeout if isinstance(self.timeout, int | float) else CONNECT_TIMEOUT
        if exchange is not None:
            seconds = min(seconds, max(exchange.left(), 0.0))
        host = self._dns_host.strip("[]")
        try:
            addresses = look_up(host, self.port, exchange, seconds)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        last: OSError | None = None
        for address in addresses:
            try:
                sock = dial(address, self.socket_options, self.source_address, exchange, seconds)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, f"no connection within {seconds:.0f} s") from error
            except OSError as error:
                last = error
                continue
            sock.settimeout(seconds)
            self._drop_handle()
            self.handle = socket.fromfd(sock.fileno(), sock.family, sock.type)
            if exchange is not None:
                exchange.attach(self.handle)
            return sock
        raise NewConnectionError(self, f"cannot connect: {last}") from last

    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = at_hand()
        if exchange is not None and self.sock is not None and self.handle is not None:
            exchange.attach(self.handle)  # a connection that is used again
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def close(self: Any) -> None:
        super().close()  # type: ignore[misc]
        self._drop_handle()

    def _drop_handle(self) -> None:
        handle, self.handle = self.handle, None
        if handle is not None:
            exchange = at_hand()
            if exchange is not None:
                exchange.detach(handle)  # before it is closed: its number may be another's at once
            with contextlib.suppress(OSError):
                handle.close()


class BreakableHTTPConnection(_Breakable, HTTPConnection):
    """urllib3's connection, breakable."""


class BreakableHTTPSConnection(_Breakable, HTTPSConnection):
    """urllib3's TLS connection, breakable."""


class BreakableHTTPPool(HTTPConnectionPool):
    """A pool of breakable connections."""

    ConnectionCls = BreakableHTTPConnection


class BreakableHTTPSPool(HTTPSConnectionPool):
    """A pool of breakable TLS connections."""

    ConnectionCls = BreakableHTTPSConnection


POOLS = {"http": BreakableHTTPPool, "https": BreakableHTTPSPool}
