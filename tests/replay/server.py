"""The replay server: serves the recorded replies of the archives on a loopback port, and faults on request.

In a test: the ``replay`` fixture. As a program, for a browser test or by hand::

    python tests/replay/server.py --port 8765
    SPECVIZ_ENDPOINTS=http://127.0.0.1:8765 jupyter lab

Each service has a file ``routes_<service>.py`` beside this one with ``routes(data) -> list[Route]``; it imports from
``replay_server`` (this file) and ``replay_vo_documents`` (vo_documents.py). ``POST /control``
with a JSON list of faults replaces the faults; ``GET /control`` gives the log of what was asked.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

HERE = Path(__file__).resolve().parent
LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>China-VO login</title></head><body><form action='/oauth/login'>"
    b"<input name='user'><input type='password' name='password'><button>Sign in</button></form></body></html>"
)


@dataclass(frozen=True)
class Asked:
    """One request, below the service's name."""

    service: str
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: Mapping[str, str]

    @cached_property
    def form(self) -> dict[str, str]:
        """The body as a form; the query where there is no body (TAP takes both)."""
        if "multipart/form-data" in self.headers.get("Content-Type", ""):
            found = re.findall(rb'name="([^"]+)"(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', self.body, re.S)
            return {k.decode(): v.decode("utf-8", "replace") for k, v in found} or self.query
        fields = {k: v[0] for k, v in parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True).items()}
        return {**self.query, **fields}

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Answer:
    """One reply."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """Which requests one answer is for: ``pattern`` must match the whole path below the service's name.

    ``recorded``: the reply was recorded from the real service; ``note`` says from where, or how it was built.
    """

    method: str
    pattern: str
    answer: Callable[[Asked], Answer]
    recorded: bool = False
    note: str = ""


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests (-1: all) whose ``service/path`` contains ``match`` (a regex).

    Kinds: ``slow`` (waits ``seconds``, then answers rightly), ``hang`` (waits ``seconds``, then drops), ``reset``,
    ``drip`` (a byte now and then), ``status`` (answers ``status``, with Retry-After ``seconds`` if not 0), ``login``
    (a login page with status 200), ``truncate`` (a length that does not come), ``cut`` (shorter, with a matching
    length), ``garbage`` (other bytes), ``empty``.
    """

    kind: str
    match: str = ""
    times: int = 1
    seconds: float = 0.0
    status: int = 500


class ReplayServer:
    """A running server.

    Attributes
    ----------
    base : str
        Its address.
    faults : list of Fault
        Consulted in order; the first that matches and is not used up acts.
    log : list of str
        ``"GET lamost/openapi/...?..."`` for every request that came.
    stopping : threading.Event
        Ends the waits of faults when the server closes.
    """

    def __init__(self, data: Path | None, port: int = 0) -> None:
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.routes = load_routes(data)
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="replay", daemon=True)

    def start(self) -> ReplayServer:
        self._thread.start()
        return self

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def __enter__(self) -> ReplayServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def fault(self, kind: str, match: str = "", **options: Any) -> None:
        """Add a fault."""
        self.faults.append(Fault(kind, match, **options))

    def take_fault(self, where: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times != 0 and re.search(fault.match, where):
                    fault.times -= fault.times > 0
                    return fault
        return None

    def answer(self, asked: Asked) -> Answer:
        for route in self.routes.get(asked.service, ()):
            if route.method in (asked.method, "*") and re.fullmatch(route.pattern, asked.path):
                return route.answer(asked)
        known = [f"{r.method} {r.pattern}" for r in self.routes.get(asked.service, ())]
        text = f"the replay server knows no {asked.method} {asked.service}{asked.path}; it knows {known}"
        return Answer(text.encode(), 404, "text/plain")


def load_routes(data: Path | None) -> dict[str, list[Route]]:
    """Service -> routes, from the files beside this one. ``data``: the folder of recorded replies, None if absent."""
    sys.modules.setdefault("replay_server", sys.modules[__name__])  # what the files of routes import from
    _module("vo_documents")  # and this, as ``replay_vo_documents``
    found: dict[str, list[Route]] = {}
    for path in sorted(HERE.glob("routes_*.py")):
        module = _module(path.stem)
        for service, routes in _by_service(module, path.stem.removeprefix("routes_"), data).items():
            found.setdefault(service, []).extend(routes)
    return found


def _module(stem: str) -> Any:
    """A file beside this one as the module ``replay_<stem>``, made anew."""
    spec = importlib.util.spec_from_file_location(f"replay_{stem}", HERE / f"{stem}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _by_service(module: Any, service: str, data: Path | None) -> dict[str, list[Route]]:
    """``routes(data)`` gives a list for the service of the file's name, or a mapping from service to list."""
    routes = module.routes(data)
    return dict(routes) if isinstance(routes, Mapping) else {service: list(routes)}


def _handler(server: ReplayServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_message(self, *args: Any) -> None:
            """The log is ``server.log``."""

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            parts = urlsplit(self.path)
            if parts.path == "/control":
                return self._control(body)
            _, _, rest = parts.path.partition("/")
            service, _, path = rest.partition("/")
            query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            asked = Asked(service, self.command, "/" + unquote(path), query, body, self.headers)
            with server.lock:
                server.log.append(
                    f"{self.command} {service}{asked.path}" + (f"?{unquote(parts.query)}" if query else "")
                )
                server.asked.append(asked)
            fault = server.take_fault(f"{service}{asked.path}?{unquote(parts.query)}")
            if fault is None or fault.kind == "slow":
                if fault is not None:
                    server.stopping.wait(fault.seconds)
                return self._send(server.answer(asked))
            getattr(self, f"_{fault.kind}")(fault, asked)

        def _control(self, body: bytes) -> None:
            if self.command == "POST":
                server.faults[:] = [Fault(**f) for f in json.loads(body)]
            told = {"log": server.log, "faults": [asdict(f) for f in server.faults]}
            self._send(Answer(json.dumps(told).encode()))

        def _send(self, answer: Answer, length: int | None = None) -> None:
            try:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)
                    self.wfile.flush()
            except OSError:  # the client gave up, as it may
                self.close_connection = True

        def _drop(self, abruptly: bool = False) -> None:
            self.close_connection = True
            if abruptly:
                try:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return

        def _hang(self, fault: Fault, asked: Asked) -> None:
            server.stopping.wait(fault.seconds)
            self._drop()

        def _reset(self, fault: Fault, asked: Asked) -> None:
            self._drop(abruptly=True)

        def _drip(self, fault: Fault, asked: Asked) -> None:
            answer = server.answer(asked)
            self._send(Answer(b"", 200, answer.content_type, answer.headers), length=len(answer.body))
            try:
                for byte in answer.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if server.stopping.wait(fault.seconds or 0.2):
                        break
            except OSError:
                pass
            self._drop()

        def _status(self, fault: Fault, asked: Asked) -> None:
            headers = {"Retry-After": f"{fault.seconds:g}"} if fault.seconds else {}
            self._send(Answer(b"the server has a fault", fault.status, "text/plain", headers))

        def _login(self, fault: Fault, asked: Asked) -> None:
            self._send(Answer(LOGIN_PAGE, 200, "text/html; charset=utf-8"))

        def _truncate(self, fault: Fault, asked: Asked) -> None:
            answer = server.answer(asked)
            half = answer.body[: max(len(answer.body) // 2, 1)]
            self._send(Answer(half, 200, answer.content_type, answer.headers), length=len(answer.body) + 1)
            self._drop()

        def _cut(self, fault: Fault, asked: Asked) -> None:
            answer = server.answer(asked)
            self._send(Answer(answer.body[: len(answer.body) * 2 // 3], 200, answer.content_type, answer.headers))

        def _garbage(self, fault: Fault, asked: Asked) -> None:
            self._send(Answer(b"\x89\x00garbage\xff" * 40, 200, server.answer(asked).content_type))

        def _empty(self, fault: Fault, asked: Asked) -> None:
            self._send(Answer(b"", 200, server.answer(asked).content_type))

    return Handler


def shared_replies() -> Path | None:
    """The folder of recorded replies, where there is one."""
    folder = Path(os.environ.get("SPECVIZ_SHARED") or HERE.parents[2] / "shared") / "data" / "fixtures"
    return folder if folder.is_dir() else None


def table() -> str:
    """The Markdown table of docs/archives.md: which reply was recorded, which is built by hand."""
    lines = ["| service | request | reply | from |", "|---|---|---|---|"]
    for service, routes in sorted(load_routes(shared_replies()).items()):
        internal = 0
        for route in routes:
            if route.note.startswith("internal release"):
                internal += 1
                continue
            where = "recorded" if route.recorded else "built by hand"
            pattern, note = (text.replace("|", "\\|") for text in (route.pattern, route.note))
            lines.append(f"| {service} | `{route.method} {pattern}` | {where} | {note} |")
        if internal:
            note = "the same requests to a release that is not public: a login page, or the same with a token"
            lines.append(f"| {service} | {internal} more | built by hand | {note} |")
    return "\n".join(lines)


def main() -> None:
    """Serve until the program is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print which replies were recorded, and end")
    arguments = parser.parse_args()
    if arguments.table:
        sys.stdout.write(table() + "\n")
        return
    with ReplayServer(shared_replies(), arguments.port) as server:
        sys.stdout.write(f"{server.base}\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
