"""A local server with the hub's layout: the listing with hashes, ``resolve`` with redirects and ranges; and faults.

server = HubServer({"astroshawn/SpecCLIP": folder})
with server: pull(..., endpoint=server.endpoint)
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"
#: As the hub's .gitattributes has it: these are big files, kept apart and named by their SHA-256.
BIG = (".ckpt", ".pt", ".pkl", ".h5", ".npz", ".safetensors")


@dataclass
class Faults:
    """What goes wrong, by path below the repository. Each happens as often as its number says."""

    cut_after: dict[str, int] = field(default_factory=dict)  # bytes after which the connection is dropped, once
    corrupt: dict[str, int] = field(default_factory=dict)  # how often one byte is wrong
    status: dict[str, list[int]] = field(default_factory=dict)  # answers instead of the file, in turn
    no_ranges: bool = False
    slow: float = 0.0  # seconds between pieces of 64 kB


@lru_cache(maxsize=256)
def sha256(path: Path, _size: int, _time: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class HubServer:
    """Serves folders as repositories; ``log`` counts requests, ``sent`` bytes by path, ``seen`` the headers."""

    def __init__(self, models: Mapping[str, Path], datasets: Mapping[str, Path] | None = None) -> None:
        self.repos = {("models", k): v for k, v in models.items()}
        self.repos |= {("datasets", k): v for k, v in (datasets or {}).items()}
        self.faults = Faults()
        self.log: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.seen: list[dict[str, str]] = []
        self.revision = REVISION
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    def listing(self, folder: Path, repo: str) -> dict[str, Any]:
        siblings = []
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = path.stat()
            entry: dict[str, Any] = {"rfilename": path.relative_to(folder).as_posix(), "size": info.st_size}
            if path.suffix in BIG:
                digest = sha256(path, info.st_size, info.st_mtime_ns)
                entry["blobId"] = hashlib.sha1(digest.encode()).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": info.st_size, "pointerSize": 134}
            else:
                data = path.read_bytes()
                entry["blobId"] = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            siblings.append(entry)
        common = {"id": repo, "modelId": repo, "sha": self.revision, "private": False, "gated": False}
        return {**common, "tags": [], "downloads": 0, "likes": 0, "disabled": False, "siblings": siblings}


def _handler(server: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            server.seen.append({k.lower(): v for k, v in self.headers.items()})
            if match := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                kind, repo, revision = match.groups()
                folder = server.repos.get((kind, repo))
                server.log["listing"] += 1
                if folder is None:
                    self._answer(404, b'{"error":"Repository not found"}', {"X-Error-Code": "RepoNotFound"})
                elif revision not in (None, "main", server.revision):
                    self._answer(404, b'{"error":"Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
                elif server.faults.status.get("listing"):
                    self._answer(server.faults.status["listing"].pop(0), b"{}")
                else:
                    self._answer(200, json.dumps(server.listing(folder, repo)).encode())
            elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                data, repo, _, name = match.groups()
                folder = server.repos.get(("datasets" if data else "models", repo))
                target = None if folder is None else folder / name
                if target is None or not target.is_file():
                    self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
                elif target.suffix in BIG:  # as the hub does: big files come from elsewhere
                    self._answer(302, b"", {"Location": f"/cdn/{'datasets' if data else 'models'}/{repo}/{name}"})
                else:
                    self._file(target, name)
            elif match := re.fullmatch(r"/cdn/(models|datasets)/([^/]+/[^/]+)/(.+)", path):
                kind, repo, name = match.groups()
                self._file(server.repos[kind, repo] / name, name)
            else:
                self._answer(404, b"{}")

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", server.revision)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _file(self, target: Path, name: str) -> None:
            server.log[name] += 1
            waiting = server.faults.status.get(name)
            if waiting:
                status = waiting.pop(0)
                self._answer(status, b"busy", {"Retry-After": "0"} if status == 429 else None)
                return
            size, start = target.stat().st_size, 0
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and not server.faults.no_ranges:
                start = int(asked.group(1))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            stop = server.faults.cut_after.pop(name, None)
            wrong = server.faults.corrupt.get(name, 0) > 0
            if wrong:
                server.faults.corrupt[name] -= 1
            with target.open("rb") as stream:
                stream.seek(start)
                done = 0
                while piece := stream.read(1 << 16):
                    if stop is not None and done + len(piece) > stop:
                        piece = piece[: max(stop - done, 0)]
                    if wrong and piece:
                        piece, wrong = bytes([piece[0] ^ 1]) + piece[1:], False
                    try:
                        self.wfile.write(piece)
                    except OSError:  # the client went away
                        self.close_connection = True
                        return
                    done += len(piece)
                    server.sent[name] += len(piece)
                    if stop is not None and done >= stop:
                        self.close_connection = True
                        self.wfile.flush()
                        self.connection.shutdown(2)
                        return
                    if server.faults.slow:
                        time.sleep(server.faults.slow)

    return Handler
