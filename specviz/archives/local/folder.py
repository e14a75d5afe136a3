"""``Folder``: the files of a folder or of a survey's tree, known by their names first and by their headers when needed.

Three steps, each only when something asks for it: the listing (names, sizes and times of all files, no file opened);
the files whose names say nothing (looked at once); the headers of the rest (only for a search by number or position, or
to put spectra of one star together). What was found in files is kept in the cache, and counts as long as a file's
size and time stay the same.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from specviz.archives.cache import Key, cache
from specviz.archives.local.entry import Entry
from specviz.archives.local.file_names import from_name, label
from specviz.archives.local.holding import DEPTHS, Depth, Holding
from specviz.archives.local.peek import peek, read_entry
from specviz.archives.local.register import Register, normal
from specviz.archives.transport.monitor import current
from specviz.errors import NotFoundError, ReadError, SpecvizError
from specviz.spectra.readers.content import Content, load
from specviz.spectra.star import Star

#: Files of one archive; a whole data release has a hundred times as many.
MAX_FILES = 200_000
#: Seconds after which the folder is listed again when something asks.
FRESH = 5.0
#: Bytes of a table that is kept in memory after a star of it was read.
_KEPT_TABLE = 32 * 2**20
_FORMAT = 1


class Folder(Holding):
    """The stars in the files below a folder, or in one file.

    Parameters
    ----------
    path : path
        A folder, or a file that a reader of spectra knows.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._root = path if path.is_dir() else path.parent
        self._only = None if path.is_dir() else path.name
        self._files: dict[str, tuple[int, int]] = {}
        self._facts: dict[str, list[Entry] | str] = {}
        self._unreadable: dict[str, str] = {}  # folders and files that could not even be listed
        self._listed = -FRESH - 1.0
        self._depth = -1
        self._unsaved = 0
        self._table: tuple[str, tuple[int, int], Content] | None = None  # the table that was last read from

    @property
    def problems(self) -> dict[str, str]:
        """Files that give no spectrum, and why; of those looked at so far."""
        with self._lock:
            found = {place: facts for place, facts in self._facts.items() if isinstance(facts, str)}
            return dict(sorted({**self._unreadable, **found, **self._failed}.items()))

    def refresh(self) -> None:
        """List the folder again at the next question."""
        with self._lock:
            self._listed = -FRESH - 1.0

    def register(self, depth: Depth) -> Register:
        """What the folder holds, known at least as well as ``depth`` says.

        Raises
        ------
        NotFoundError
            If the folder is gone.
        SpecvizError
            If it holds more than :data:`MAX_FILES` files.
        CancelledError
            If the person stopped it; what was looked at so far is kept.
        """
        with self._lock:
            self._list()
            wanted = DEPTHS.index(depth)
            if wanted > self._depth:
                self._look(self._files if depth == "headers" else self._silent(), complete=depth != "names")
                self._depth, self._register = wanted, None
            if self._register is None:
                self._register = _registered(self._known())
            return self._register

    def read(self, row: int, register: Register) -> Star:
        """The star of a row."""
        entry: Entry = register.entries[row]
        try:
            star = read_entry(self._content(entry), entry)
        except (ReadError, NotFoundError) as error:
            with self._lock:
                self._failed[entry.place] = str(error)
            raise
        with self._lock:
            self._failed.pop(entry.place, None)
        return star

    def _content(self, entry: Entry) -> Content:
        """The file of an entry. A table of many sources is kept until another is read: the next star is often there."""
        stamp = self._files.get(entry.place, (0, 0))
        held = self._table
        if entry.row >= 0 and held is not None and held[:2] == (entry.place, stamp):
            return held[2]
        content = load(self._root / entry.place)
        if entry.row >= 0 and len(content.data) <= _KEPT_TABLE:
            self._table = (entry.place, stamp, content)
        return content

    # ------------------------------------------------------------------ listing
    def _list(self) -> None:
        """Names, sizes and times of all files; facts of files that changed are forgotten."""
        if time.monotonic() - self._listed < FRESH:
            return
        if not self._root.is_dir():
            raise NotFoundError(f"The folder {self._root} is gone")
        first = not self._files and not self._facts
        files: dict[str, tuple[int, int]] = {}
        self._unreadable = {}
        if self._only is not None:
            self._add(files, self._root / self._only, self._only)
        else:
            self._walk(files)
        if first:
            self._facts = _load(self.path, files)
        changed = [p for p in {*self._files, *files} if self._files.get(p) != files.get(p)]
        if changed:
            if not first:
                for place in changed:
                    self._facts.pop(place, None)
                    self._failed.pop(place, None)
            self._files, self._depth, self._register = files, -1, None
        self._listed = time.monotonic()

    def _walk(self, files: dict[str, tuple[int, int]]) -> None:
        left, seen = [(self._root, "")], set[tuple[int, int]]()
        while left:
            folder, prefix = left.pop()
            current().check()
            try:
                info = folder.stat()
                if (info.st_dev, info.st_ino) in seen:
                    continue  # a link that leads back
                seen.add((info.st_dev, info.st_ino))
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda e: e.name)
            except OSError as error:
                self._unreadable[prefix or "."] = f"cannot be listed ({error.strerror or error})"
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue  # hidden on purpose: version control, checkpoints
                if entry.is_dir():
                    left.append((folder / entry.name, f"{prefix}{entry.name}/"))
                else:
                    self._add(files, entry, prefix + entry.name)
            if len(files) > MAX_FILES:
                raise SpecvizError(f"{self._root} holds more than {MAX_FILES:,} files", expected="a folder of spectra",
                                   remedy="Open one of its subfolders")  # fmt: skip

    def _add(self, files: dict[str, tuple[int, int]], entry: Any, place: str) -> None:
        try:
            info = entry.stat()
            regular = entry.is_file()
        except OSError as error:
            self._unreadable[place] = f"cannot be opened ({error.strerror or error})"
            return
        if regular:
            files[place] = (info.st_size, info.st_mtime_ns)
        else:
            self._unreadable[place] = "not a regular file"

    # ------------------------------------------------------------------ looking
    def _silent(self) -> list[str]:
        """Files whose names say nothing."""
        return [place for place in self._files if from_name(place) is None]

    def _look(self, places: Iterable[str], complete: bool) -> None:
        """Look at files that are not known yet (none, unless ``complete``); the answers are saved at the end, also
        when it is cancelled.
        """
        unknown = [place for place in places if place not in self._facts] if complete else []
        monitor = current()
        try:
            for done, place in enumerate(unknown):
                if done % 100 == 0:
                    monitor.step("local", f"looking at files, {done:,} of {len(unknown):,}")
                monitor.check()
                self._facts[place] = self._facts_of(place)
                self._unsaved += 1
        finally:
            if self._unsaved:
                _save(self.path, self._files, self._facts)
                self._unsaved = 0

    def _facts_of(self, place: str) -> list[Entry] | str:
        try:
            return peek(self._root / place, place, self._files[place][0])
        except (ReadError, NotFoundError) as error:
            return str(error)

    def _known(self) -> list[Entry]:
        out: list[Entry] = []
        for place in sorted(self._files):
            facts = self._facts.get(place)
            if isinstance(facts, list):
                out += facts
            elif facts is None and (entry := from_name(place)) is not None:
                out.append(entry)
        return out


# ------------------------------------------------------------------------------------------------ the register
def _registered(entries: list[Entry]) -> Register:
    labels = [label(e.place, e) for e in entries]
    often = Counter(normal(name) for name in labels)
    # Two files of one name (a spectrum and its gzip copy, two releases): the path tells them apart.
    names = [
        name if often[normal(name)] == 1 else f"{e.place}{f' {name}' if e.row >= 0 else ''}"
        for name, e in zip(labels, entries, strict=True)
    ]
    surveys, survey_of = np.unique([e.survey for e in entries] or [""], return_inverse=True)
    releases, release_of = np.unique([e.release for e in entries] or [""], return_inverse=True)
    aliases: dict[str, list[int]] = {}
    for row, e in enumerate(entries):
        told = {e.designation, e.designation.removeprefix("LAMOST ")}
        if e.row < 0:
            told |= {e.place, e.place.rsplit("/", 1)[-1], *_sdss_names(e)}
        for alias in {normal(t) for t in told} - {"", normal(names[row])}:
            aliases.setdefault(alias, []).append(row)
    return Register(
        names,
        [frozenset([str(s)] if s else []) for s in surveys],
        survey_of[: len(entries)],
        {kind: np.array([getattr(e, kind) for e in entries], np.int64) for kind in ("gaia", "obsid", "kic")},
        [str(r) for r in releases],
        release_of[: len(entries)],
        np.array([e.ra for e in entries], np.float64),
        np.array([e.dec for e in entries], np.float64),
        np.array([e.snr for e in entries], np.float64),
        aliases,
        entries,
    )


def _sdss_names(entry: Entry) -> tuple[str, ...]:
    """``SDSS 266-51602-0001`` of ``spec-0266-51602-0001.fits``, as its reader calls the star, and without zeros."""
    match = re.search(r"spec-(\d+)-(\d+)-(\d+)\.", entry.place)
    if entry.survey != "sdss" or match is None:
        return ()
    plate, mjd, fiber = (int(part) for part in match.groups())
    return f"SDSS {plate}-{mjd}-{fiber:04d}", f"SDSS {plate}-{mjd}-{fiber}", f"{plate}-{mjd}-{fiber}"


# ------------------------------------------------------------------------------------------------ the index
def _key(path: Path) -> Key:
    return Key("local", "", f"index of {path.resolve()}")


def _load(path: Path, files: dict[str, tuple[int, int]]) -> dict[str, list[Entry] | str]:
    """What an earlier process found in files that are still the same."""
    raw = cache().get(_key(path))
    out: dict[str, list[Entry] | str] = {}
    if raw is None:
        return out
    try:
        held = json.loads(raw)
        if held["format"] != _FORMAT:
            return out
        for place, (size, mtime, facts) in held["files"].items():
            if files.get(place) == (size, mtime):
                out[place] = facts if isinstance(facts, str) else [Entry.unpacked(place, e) for e in facts]
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}  # of another version: it is made anew
    return out


def _save(path: Path, files: dict[str, tuple[int, int]], facts: dict[str, list[Entry] | str]) -> None:
    kept = {
        place: (*files[place], found if isinstance(found, str) else [e.packed() for e in found])
        for place, found in facts.items()
        if place in files
    }
    cache().put(_key(path), json.dumps({"format": _FORMAT, "files": kept}).encode())
