"""A scripted OpenAI-compatible server on this machine: each request takes the next reply of a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from specviz.assistant.llm.endpoint import Endpoint

#: What a reply may be: (text, calls), bytes to send as they are, an iterator of them, a status, or a function of the
#: request that gives one.
Reply = Any


def words(text: str) -> Reply:
    """The model says something and wants nothing."""
    return text, []


def calls(*wanted: tuple[str, Any]) -> Reply:
    """The model wants tools: (name, arguments), arguments as a mapping or as text."""
    return "", [(n, a if isinstance(a, str) else json.dumps(a)) for n, a in wanted]


def events(reply: Reply) -> Iterator[bytes]:
    """A reply as server-sent events, the text and the arguments in pieces."""
    text, wanted = reply

    def event(delta: dict[str, Any]) -> bytes:
        return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"

    yield b": hello\n\n"
    for i in range(0, len(text), 7):
        yield event({"content": text[i : i + 7]})
    for i, (name, arguments) in enumerate(wanted):
        yield event({"tool_calls": [{"index": i, "id": f"call_{i}", "function": {"name": name, "arguments": ""}}]})
        for j in range(0, len(arguments), 5):
            yield event({"tool_calls": [{"index": i, "function": {"arguments": arguments[j : j + 5]}}]})
    yield b'data: {"choices": [], "usage": {"total_tokens": 3}}\n\ndata: [DONE]\n\n'


@contextmanager
def scripted(script: Iterable[Reply], timeout: float = 10.0) -> Iterator[tuple[Endpoint, list[dict[str, Any]]]]:
    """The endpoint of a server with that script, and the bodies of the requests that it got."""
    replies, got, done = iter(script), list[dict[str, Any]](), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append({**body, "authorization": self.headers.get("Authorization", ""), "path": self.path})
            reply: Reply = next(replies)
            while isinstance(reply, Callable):  # type: ignore[arg-type]
                reply = reply(body, done)
            if isinstance(reply, int):
                self.send_error(reply)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                pieces = (
                    [reply] if isinstance(reply, bytes) else reply if isinstance(reply, Iterator) else events(reply)
                )
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
            except ConnectionError:
                pass  # the client has heard enough

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "scripted", "secret-key", timeout), got
    finally:
        done.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
