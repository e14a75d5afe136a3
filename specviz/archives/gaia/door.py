"""The door to ``astroquery.gaia``: quiet, through our transport, and without leaving anything in the working directory.

Three things of astroquery 0.4.11 are not fit for a notebook, and each is cured here and nowhere else.

* ``import astroquery.gaia`` makes a client, which asks the server for messages and prints them. While that import runs,
  connections made by its thread are answered here with "204, nothing to say" (:func:`gaia_class`).
* Its HTTP is bare ``http.client``: no time-out, no retry, no cancel. The constructors take connection handlers, so the
  client made here sends through :func:`specviz.archives.transport.session` (:class:`_Handler`).
* ``GaiaClass.load_data`` makes its temporary folder in the current working directory, named by the time of day. That
  directory may be read-only or shared, and two threads may meet in one folder. The process's working directory cannot
  be changed for one thread, so ``astroquery.gaia.core`` is given an ``os`` whose ``getcwd`` answers with a private
  folder *during our call and in its thread only*; at any other time, and for everybody else, it is ``os`` itself. So
  the real ``load_data`` is used, with its parameters and its parsing.
"""

from __future__ import annotations

import contextvars
import io
import os
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from specviz.archives.gaia.words import error_words, refuse_error_document
from specviz.archives.transport import session, title
from specviz.archives.votables import UNREADABLE
from specviz.errors import BadReplyError, QueryError, SpecvizError

HOST = "gea.esac.esa.int"
#: Bytes that a zip of products may unpack to: 1000 XP_CONTINUOUS take about 40 MB.
MAX_UNPACKED = 1024 * 1024**2
_import_lock = threading.Lock()
_folder: contextvars.ContextVar[str | None] = contextvars.ContextVar("gaia download folder", default=None)


# ------------------------------------------------------------------------------------------------ the import
class _Nothing:
    """A connection whose every answer is 204; ``get_status_messages`` prints nothing then."""

    status, reason, host, port = 204, "No Content", HOST, 443

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send nothing."""

    def getresponse(self) -> _Nothing:
        return self


class _Os:
    """The module ``os`` for ``astroquery.gaia.core``; see the module's text."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def getcwd(self) -> str:
        return _folder.get() or os.getcwd()  # noqa: PTH109 (a stand-in for os speaks as os does)


@lru_cache(maxsize=1)
def gaia_class() -> Any:
    """``astroquery.gaia.GaiaClass``, imported without network and without a word."""
    with _import_lock:
        from astroquery.utils.tap.conn.tapconn import ConnectionHandler

        me, real = threading.get_ident(), ConnectionHandler.get_connection
        real_secure = ConnectionHandler.get_connection_secure

        def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _Nothing() if threading.get_ident() == me else real(self, *args, **kwargs)

        def secure(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _Nothing() if threading.get_ident() == me else real_secure(self, *args, **kwargs)

        ConnectionHandler.get_connection, ConnectionHandler.get_connection_secure = plain, secure
        try:
            from astroquery.gaia import GaiaClass, core
        finally:
            ConnectionHandler.get_connection, ConnectionHandler.get_connection_secure = real, real_secure
        if core.os is os:
            core.os = _Os()
        return GaiaClass


# ------------------------------------------------------------------------------------------------ the connection
class _Response:
    """What ``http.client`` gives, of a reply that is complete already."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.reason = status, reason
        self._headers, self._body = dict(headers), io.BytesIO(body)

    def read(self, size: int = -1) -> bytes:
        return self._body.read(size)

    def getheaders(self) -> list[tuple[str, str]]:
        return list(self._headers.items())


class _Connection:
    """One request through our session."""

    host, port = HOST, 443

    def __init__(self) -> None:
        self._response: _Response | None = None

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        kept = {k: v for k, v in (headers or {}).items() if k.lower() not in ("user-agent", "accept")}
        reply = session().request(method, f"https://{HOST}{path}", data=body, headers=kept)
        content: bytes = reply.content
        if reply.status_code == 200 and path.partition("?")[0].endswith("/data"):
            _check_zip(content)
        self._response = _Response(reply.status_code, reply.reason, reply.headers, content)

    def getresponse(self) -> _Response:
        assert self._response is not None
        return self._response


class _Handler:
    """astroquery's ``connhandler``: always our connection, whatever it asks for."""

    def get_connection(self, *, ishttps: bool = False, cookie: Any = None, verbose: bool = False) -> _Connection:
        return _Connection()

    def get_connection_secure(self, verbose: bool = False) -> _Connection:
        return _Connection()


def _check_zip(content: bytes) -> None:
    """Raise unless a data reply is a whole zip of bearable size; an error document at status 200 speaks for itself."""
    refuse_error_document(content, "gaia")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(info.file_size for info in packed.infolist())
            damaged = packed.testzip() if size <= MAX_UNPACKED else None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        said = error_words(content)
        raise BadReplyError(
            f"{title('gaia')} answers with something that is not the zip of products" + (f": {said}" if said else ""),
            service="gaia",
            remedy="Try again later",
        ) from error
    if size > MAX_UNPACKED:
        raise BadReplyError(
            f"The products unpack to more than {MAX_UNPACKED // 1024**2} MB", service="gaia", remedy="Ask for fewer ids"
        )
    if damaged is not None:
        raise BadReplyError(f"{damaged} is damaged in the answer", service="gaia", remedy="Try again later")


@lru_cache(maxsize=1)
def client() -> Any:
    """A ``GaiaClass`` that sends through our transport and shows no messages; one a process."""
    made = gaia_class()
    from astroquery.utils.tap import TapPlus
    from astroquery.utils.tap.conn.tapconn import TapConn

    class Quiet(TapConn):
        """A refusal becomes our error; astroquery prints it and raises one of requests'."""

        def check_launch_response_status(
            self, response: Any, debug: bool, expected_response_status: int, *, raise_exception: bool = True
        ) -> bool:
            if response.status == expected_response_status:
                return False
            if raise_exception:
                said = error_words(response.read()) or response.reason
                raise QueryError(
                    f"{title('gaia')} refuses the request ({response.status}): {said}",
                    service="gaia",
                    status=response.status,
                )
            return True

    def connection(context: str) -> Any:
        return Quiet(
            ishttps=True,
            host=HOST,
            server_context=context,
            tap_context="tap",
            upload_context="Upload",
            table_edit_context="TableTool",
            data_context="data",
            datalink_context="datalink",
            port=443,
            sslport=443,
            connhandler=_Handler(),
        )

    datalink = TapPlus(url=f"https://{HOST}/", data_context="data", connhandler=connection("data-server"))
    return made(tap_plus_conn_handler=connection("tap-server"), datalink_handler=datalink, show_server_messages=False)


# ------------------------------------------------------------------------------------------------ the request
def load_data(ids: Sequence[str], *, retrieval: str, release: str, structure: str) -> dict[str, list[Any]]:
    """``GaiaClass.load_data``: tables by file name.

    Parameters
    ----------
    ids : sequence of str
        Source ids of ``release``.
    retrieval : str
        RETRIEVAL_TYPE, such as "XP_CONTINUOUS".
    release : str
        "Gaia DR3"; never left to the server.
    structure : str
        DATA_STRUCTURE in the server's present vocabulary.

    Returns
    -------
    dict of str to list
        File name -> tables (``astropy.io.votable`` elements or ``astropy.table.Table``, as astroquery has it).

    Raises
    ------
    QueryError
        The archive refuses, in its own words.
    BadReplyError
        The answer is no zip, or holds what cannot be read.
    ArchiveError
        Of the transport.
    """
    gaia = client()
    with tempfile.TemporaryDirectory(prefix="specviz-gaia-") as folder:
        token = _folder.set(folder)
        try:
            # A VOTable keeps 64-bit ids, types and the PARAMs that name the source of an INDIVIDUAL file.
            found: dict[str, list[Any]] = gaia.load_data(
                ids=list(ids),
                data_release=release,
                data_structure=structure,
                retrieval_type=retrieval,
                format="votable",
                avoid_datatype_check=True,  # names of a coming release are the server's to judge
            )
        except SpecvizError:  # OptionError is a TypeError too
            raise
        except UNREADABLE as error:
            if "data_structure" in str(error).lower():  # a coming client may know only the other vocabulary
                raise QueryError(str(error), service="gaia", status=400) from error
            raise BadReplyError(
                f"The products of {title('gaia')} cannot be read ({type(error).__name__})",
                service="gaia",
                remedy="Try again later; if it stays so, the archive has changed its format",
            ) from error
        finally:
            _folder.reset(token)
    return found
