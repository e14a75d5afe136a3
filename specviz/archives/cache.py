"""``Cache``: what was fetched stays on disk, whole or not at all, and may be shared by several processes.

An entry is one file: a line of JSON (key, length, SHA-256, time) and the bytes. It is written beside its place and
moved there in one step (``os.replace``), so a reader sees the old entry, the new one, or none; a process that is killed
leaves at most a temporary file, which a later run clears away. What does not match its checksum is removed and fetched
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.archives.freshness import note_stood_in, wants_fresh
from specviz.archives.table_text import read_table, table_bytes
from specviz.archives.transport.monitor import current
from specviz.archives.transport.settings import setting
from specviz.errors import OfflineError, ServiceDownError, SpecvizError

if TYPE_CHECKING:
    from astropy.table import Table

#: Seconds for which answers are taken as they are: spectra hardly change, answers to questions may.
PRODUCT_AGE, QUERY_AGE = 365 * 86400.0, 7 * 86400.0
#: Bytes that the cache may take (``SPECVIZ_CACHE_LIMIT``, in MB).
LIMIT = 2 * 1024**3
_MAGIC = b"specviz-cache-1 "
_STALE_PART = 3600.0  # seconds after which a temporary file belongs to nobody
_PRUNE_EVERY = 64  # writes
_LONG = 1000  # characters of an id
_HEAD = 16 * 1024  # bytes; JSON writes a character in at most twelve


@dataclass(frozen=True)
class Key:
    """What an entry is: which service gave it, of which data release, and its name there (never with a token in it)."""

    service: str
    release: str
    id: str

    def __post_init__(self) -> None:
        if len(self.id) > _LONG:  # a long question: its beginning says what it was, its hash which
            digest = hashlib.sha256(self.id.encode()).hexdigest()
            object.__setattr__(self, "id", f"{self.id[: _LONG - 80]} ... {digest}")


@dataclass(frozen=True)
class Entry:
    """One entry as ``specviz cache`` lists it: ``size`` in bytes, ``fetched`` and ``used`` in Unix time."""

    key: Key
    size: int
    fetched: float
    used: float
    path: Path


class Cache:
    """A folder of fetched things.

    Parameters
    ----------
    folder : path
        Made when the first entry is written.
    limit : int
        Bytes; the entries used longest ago go first.

    Notes
    -----
    Safe to use from several threads and from several processes at once. A folder that cannot be written (a full disk, a
    read-only home) is no error: fetching goes on without a cache, and ``problem`` says why.
    """

    def __init__(self, folder: str | Path, limit: int = LIMIT) -> None:
        self.folder, self.limit = Path(folder), limit
        self.problem = ""
        self._writes = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Cache {self.folder}>"

    # ------------------------------------------------------------------ one entry
    def path(self, key: Key) -> Path:
        """Where an entry is kept."""
        digest = hashlib.sha256("\n".join((key.service, key.release, key.id)).encode()).hexdigest()
        return self.folder / _plain(key.service) / (_plain(key.release) or "-") / digest[:2] / f"{digest[2:34]}.bin"

    def get(self, key: Key, max_age: float | None = None) -> bytes | None:
        """The bytes of an entry; None if there is none, it is older than ``max_age`` seconds, or it is damaged (then it
        is removed).
        """
        found = self.look(key)
        if found is None or (max_age is not None and time.time() - found[1] > max_age):
            return None
        return found[0]

    def peek(self, key: Key) -> bytes | None:
        """As :meth:`get`, without counting as a use."""
        found = self.look(key, use=False)
        return None if found is None else found[0]

    def look(self, key: Key, *, use: bool = True) -> tuple[bytes, float] | None:
        """Bytes and time of fetching, however old."""
        path = self.path(key)
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.problem = f"{type(error).__name__} while reading {path.name}"
            return None
        head, body = _split(raw)
        if head is None or head["key"] != [key.service, key.release, key.id]:
            self._remove(path)
            return None
        if len(body) != head["length"] or hashlib.sha256(body).hexdigest() != head["sha256"]:
            self._remove(path)
            return None
        if use:
            with contextlib.suppress(OSError):  # the time of last use; a read-only cache still serves
                os.utime(path)
        return body, float(head["fetched"])

    def put(self, key: Key, data: bytes) -> None:
        """Keep ``data``, replacing what was there. Never raises for a disk that cannot take it; see ``problem``."""
        head = {
            "key": [key.service, key.release, key.id],
            "length": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "fetched": time.time(),
        }
        path = self.path(key)
        part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(6)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as file:
                file.write(_MAGIC + json.dumps(head, ensure_ascii=True).encode() + b"\n")
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _replace(part, path)
            self.problem = ""
        except OSError as error:
            self.problem = f"{type(error).__name__}: {error.strerror or 'cannot write'} in {self.folder}"
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return
        with self._lock:
            self._writes += 1
            due = self._writes % _PRUNE_EVERY == 1
        if due:
            self.prune()

    def forget(self, key: Key) -> None:
        """Remove one entry, if it is there."""
        self._remove(self.path(key))

    # ------------------------------------------------------------------ fetch once
    def remember(
        self,
        key: Key,
        produce: Callable[[], bytes],
        *,
        max_age: float | None = PRODUCT_AGE,
        check: Callable[[bytes], Any] | None = None,
    ) -> bytes:
        """The entry, or what ``produce`` fetches.

        Parameters
        ----------
        key : Key
        produce : callable() -> bytes
        max_age : float or None
            Seconds; an older entry is fetched again. None: any age will do.
        check : callable(bytes), optional
            Raises if the bytes are not what they should be; only what passes is kept. An entry that fails is fetched
            again.

        Raises
        ------
        SpecvizError
            What ``produce`` or ``check`` raised. Where the service cannot be reached and an older entry is there, that
            is given instead, and the monitor is told "kept".
        """
        found = self.look(key)
        if found is not None and check is not None:
            try:
                check(found[0])
            except SpecvizError:  # kept by an older version, perhaps: as good as none
                self.forget(key)
                found = None
        wanted = 0.0 if wants_fresh() else max_age
        if found is not None and (wanted is None or time.time() - found[1] <= wanted):
            current().step(key.service, "found in the cache", len(found[0]), len(found[0]))
            return found[0]
        try:
            data = produce()
        except (OfflineError, ServiceDownError):
            if found is None:
                raise
            note_stood_in(key.service)
            current().step(key.service, "kept", len(found[0]), len(found[0]))
            return found[0]
        if check is not None:
            check(data)
        self.put(key, data)
        return data

    def remember_table(self, key: Key, produce: Callable[[], Table], *, max_age: float | None = QUERY_AGE) -> Table:
        """The same for a table; it is kept as ECSV, with units and masks, and comes back as a ``Table``."""
        fresh: list[Table] = []

        def text() -> bytes:
            fresh.append(produce())
            return table_bytes(fresh[0])

        data = self.remember(key, text, max_age=max_age, check=read_table)
        return fresh[0] if fresh else read_table(data)

    # ------------------------------------------------------------------ the whole
    def entries(self, service: str = "") -> list[Entry]:
        """Every entry (of one service), the one used last first. Reads only the first line of each file."""
        found = []
        for path in self._files(".bin", _plain(service) or "*"):
            try:
                with path.open("rb") as file:
                    head, _ = _split(file.read(_HEAD))
                stat = path.stat()
            except OSError:  # another process has just removed it
                continue
            if head is not None:
                found.append(Entry(Key(*head["key"]), stat.st_size, float(head["fetched"]), stat.st_mtime, path))
        return sorted(found, key=lambda e: -e.used)

    def size(self) -> int:
        """Bytes taken."""
        return sum(size for _, size, _ in self._stats())

    def clear(self, service: str | None = None, *, older_than: float | None = None) -> int:
        """Remove entries (of one service, or used longer than ``older_than`` seconds ago) and tell how many."""
        removed = 0
        for entry in self.entries(service or ""):
            if older_than is not None and time.time() - entry.used < older_than:
                continue
            self._remove(entry.path)
            removed += 1
        if service is None and older_than is None:
            for path in self._files(".part"):
                self._remove(path)
        return removed

    def prune(self) -> int:
        """Clear what killed processes left, then remove the entries used longest ago until the limit holds."""
        now = time.time()
        for path in self._files(".part"):
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > _STALE_PART:
                    self._remove(path)
        stats = sorted(self._stats(), key=lambda s: s[2])
        total, removed = sum(size for _, size, _ in stats), 0
        for path, size, _used in stats:
            if total <= self.limit:
                break
            self._remove(path)
            total, removed = total - size, removed + 1
        return removed

    def _files(self, suffix: str, service: str = "*") -> Iterator[Path]:
        # Another process may remove a folder while it is listed.
        with contextlib.suppress(OSError):
            yield from self.folder.glob(f"{service}/*/*/*{suffix}")

    def _stats(self) -> list[tuple[Path, int, float]]:
        found = []
        for path in self._files(".bin"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((path, stat.st_size, stat.st_mtime))
        return found

    @staticmethod
    def _remove(path: Path) -> None:
        with contextlib.suppress(OSError):  # gone already, or open elsewhere (Windows): prune will meet it again
            path.unlink(missing_ok=True)


def _split(raw: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """Header and body of an entry; (None, b"") for what is none."""
    end = raw.find(b"\n", 0, _HEAD)
    if not raw.startswith(_MAGIC) or end < 0:
        return None, b""
    try:
        head = json.loads(raw[len(_MAGIC) : end])
        ok = len(head["key"]) == 3 and all(isinstance(head[k], int | float) for k in ("length", "fetched"))
    except (ValueError, KeyError, TypeError):
        return None, b""
    return (head if ok else None), raw[end + 1 :]


def _replace(part: Path, path: Path) -> None:
    """Move into place; Windows refuses while another process has the file open, for a moment."""
    for attempt in range(6):
        try:
            part.replace(path)
            return
        except PermissionError:
            if attempt == 5:
                raise
            time.sleep(0.02 * 2**attempt)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip(".")[:60]


_caches: dict[str, Cache] = {}
_caches_lock = threading.Lock()


def default_folder() -> Path:
    """``SPECVIZ_CACHE``, or the platform's folder for such things."""
    told = os.environ.get("SPECVIZ_CACHE", "").strip()
    if told:
        return Path(told).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("specviz", appauthor=False) / "archives"


def cache() -> Cache:
    """The cache of this process (one for each folder that ``SPECVIZ_CACHE`` has named)."""
    folder = default_folder()
    limit = int(setting("SPECVIZ_CACHE_LIMIT", LIMIT / 1024**2) * 1024**2)
    with _caches_lock:
        name = str(folder)
        if name not in _caches:
            _caches[name] = Cache(folder, limit)
        return _caches[name]
