"""A connection to the SAMP hub of this machine, through which TOPCAT, Aladin, SPLAT and others hand each other things.

IVOA SAMP 1.3, standard profile (https://www.ivoa.net/documents/SAMP/). Knows messages and files, nothing of a session.
Loopback only: the hub has to be on this machine, and what a message points at is read from a file or a local address.
"""

from __future__ import annotations

import logging
import threading
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from specviz.errors import FileTooLargeError, NotFoundError, ReadError, SpecvizError

_log = logging.getLogger(__name__)
#: Bytes of a file that another program hands over, at most.
LIMIT = 64 * 1024 * 1024
_LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")
Heard = Callable[[str, Mapping[str, str], str], Any]


class SampError(SpecvizError):
    """The hub, or another program at it."""


class SampHub:
    """One program at the hub.

    Parameters
    ----------
    heard : callable(mtype, parameters, sender's name)
        Called with each message, on a thread of its own; a SpecvizError that it raises is the answer to the sender.
    mtypes : sequence of str
        Which messages are heard.

    Raises
    ------
    SampError
        No hub is running, or it is not on this machine.
    """

    def __init__(self, heard: Heard, mtypes: tuple[str, ...]) -> None:
        samp = _samp()
        self._heard, self._samp, self._lock = heard, samp, threading.RLock()
        with samp.conf.set_temp("use_internet", False):  # else it asks a server far away which name it has
            self._client = samp.SAMPIntegratedClient(
                name="specviz",
                description="Stellar spectra with foundation models, in Jupyter",
                metadata={"author.affiliation": "specviz"},
                addr="127.0.0.1",
            )
            try:
                self._client.connect()
            except (samp.SAMPHubError, samp.SAMPProxyError, OSError) as error:
                raise SampError(
                    "No SAMP hub is running on this machine",
                    expected="TOPCAT, Aladin or another program that brings one",
                    remedy="Start one of them, then connect again",
                ) from error
        address = str(self._client.hub.lockfile.get("samp.hub.xmlrpc.url", "")).replace("\\", "")
        if not is_local(address):
            self.close()
            raise SampError(
                f"The SAMP hub is on another machine ({urlsplit(address).hostname})", expected="one on this machine"
            )
        for mtype in mtypes:
            self._client.bind_receive_notification(mtype, self._notified)
            self._client.bind_receive_call(mtype, self._called)

    @property
    def connected(self) -> bool:
        """Whether the hub still knows this program."""
        return bool(self._client.is_connected)

    def others(self, mtype: str = "") -> dict[str, str]:
        """Names of the other programs by their ids; with ``mtype``, of those that take such messages."""
        with self._lock, self._talking():
            ids = self._client.get_subscribed_clients(mtype) if mtype else self._client.get_registered_clients()
            return {i: self._name(i) for i in ids if i != self._client.get_public_id()}

    def send(self, mtype: str, parameters: Mapping[str, Any], to: str | None = None) -> tuple[str, ...]:
        """Send a message to every program that takes it, or to the one called ``to``; gives the names of who got it.

        Raises
        ------
        NotFoundError
            Nobody takes it.
        """
        takers = self.others(mtype)
        wanted = {i: n for i, n in takers.items() if to is None or to.lower() in (n.lower(), i.lower())}
        if not wanted:
            known = ", ".join(takers.values()) or "none is connected"
            who = "No program" if to is None else f"{to!r}"
            raise NotFoundError(f"{who} at the SAMP hub takes {mtype}", expected=f"one of those that do: {known}")
        message = {"samp.mtype": mtype, "samp.params": dict(parameters)}
        with self._lock, self._talking():
            for client in wanted:
                self._client.notify(client, message)
        return tuple(wanted.values())

    def close(self) -> None:
        """Leave the hub. A second call does nothing."""
        with self._lock:
            if self._client.is_connected:
                try:
                    self._client.disconnect()
                except (self._samp.SAMPHubError, self._samp.SAMPProxyError, OSError):
                    _log.debug("the SAMP hub had gone", exc_info=True)

    # ------------------------------------------------------------------ what comes
    def _notified(self, _key: str, sender: str, mtype: str, params: Mapping[str, str], _extra: Any) -> None:
        self._hand_on(sender, mtype, params)

    def _called(self, _key: str, sender: str, msg: str, mtype: str, params: Mapping[str, str], _extra: Any) -> None:
        wrong = self._hand_on(sender, mtype, params)
        answer: dict[str, Any] = {"samp.status": self._samp.SAMP_STATUS_OK, "samp.result": {}}
        if wrong:
            answer = {"samp.status": self._samp.SAMP_STATUS_ERROR, "samp.error": {"samp.errortxt": wrong}}
        self._client.reply(msg, answer)

    def _hand_on(self, sender: str, mtype: str, params: Mapping[str, str]) -> str:
        """What went wrong, "" if nothing did."""
        try:
            self._heard(mtype, params, self._name(sender))
        except SpecvizError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a thread of the client's: nobody above would hear of it
            _log.exception("a SAMP message of type %s could not be taken", mtype)
            return f"{type(error).__name__}: {error}"
        return ""

    def _name(self, client: str) -> str:
        try:
            return str(self._client.get_metadata(client).get("samp.name") or client)
        except (self._samp.SAMPHubError, self._samp.SAMPProxyError, OSError):
            return client

    def _talking(self) -> _Talking:
        return _Talking((self._samp.SAMPHubError, self._samp.SAMPProxyError, OSError))


class _Talking:
    """Turns what the hub's silence raises into words."""

    def __init__(self, errors: tuple[type[BaseException], ...]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, self._errors):
            raise SampError("The SAMP hub does not answer", remedy="Connect again: explorer.samp()") from error


def is_local(address: str) -> bool:
    """Whether an address is one of this machine's own."""
    return (urlsplit(address).hostname or "") in _LOCAL


def local_bytes(url: str) -> tuple[str, bytes]:
    """Name and content of what a message points at: a file, or an address of this machine.

    Raises
    ------
    ReadError
        It lies elsewhere, is not there, or is too large.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and (parts.hostname or "localhost") in _LOCAL:
        path = Path(urllib.request.url2pathname(parts.path))
        try:
            if path.stat().st_size > LIMIT:
                raise FileTooLargeError(f"{path.name} is too large", expected=f"at most {LIMIT // 2**20} MB")
            return path.name, path.read_bytes()
        except OSError as error:
            raise ReadError(f"{path.name} cannot be read ({error.strerror})") from error
    if parts.scheme != "http" or not is_local(url):
        raise ReadError(
            f"What was sent lies at {parts.scheme}://{parts.hostname or ''}",
            expected="a file, or an address of this machine",
            remedy="Save it there first, then send it again",
        )
    ours = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoWayOut())
    try:
        with ours.open(url, timeout=20) as reply:
            data = reply.read(LIMIT + 1)
    except OSError as error:
        raise ReadError(f"What was sent cannot be read ({error})") from error
    if len(data) > LIMIT:
        raise FileTooLargeError("What was sent is too large", expected=f"at most {LIMIT // 2**20} MB")
    return Path(unquote(parts.path)).name or "sent", bytes(data)


class _NoWayOut(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it could lead off this machine."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


def _samp() -> Any:
    """The client library: of pyvo from 1.9 on, of astropy before (which no longer has it from 8 on, or says so)."""
    from pyvo import samp

    if hasattr(samp, "SAMPHubServer"):
        return samp
    from astropy import samp as older

    return older
