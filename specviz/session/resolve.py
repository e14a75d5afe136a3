"""From what a person gives (text, a path, bytes, a Star, a candidate) to a :class:`~specviz.spectra.star.Star`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from specviz.archives.protocol import Candidate
from specviz.archives.transport.monitor import Monitor
from specviz.errors import NotFoundError, ReadError, SpecvizError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: Texts that are meant as files: never sent to a service, whether or not there is such a file.
_PATH = re.compile(
    r"[~/\\.]|[a-zA-Z]:[\\/]|.*\.(fits?|fz|gz|csv|ecsv|vot|xml|txt|dat|avro|npy|h5|hdf5|parquet)$", re.IGNORECASE
)
_LIST = re.compile(r"\.(csv|tsv|ecsv|txt|dat|lst|list|tab|tbl|vot|votable|xml|fits?|parquet|pq)(\.gz)?$", re.IGNORECASE)
_SELECT = re.compile(r"\s*select\s", re.IGNORECASE)


def describe(target: Any) -> str:
    """How a target is written in the search box and in the line of code."""
    if isinstance(target, (Star, Candidate)):
        return target.name
    if isinstance(target, Spectrum):
        return str(target.meta.get("object_id") or "spectrum")
    if isinstance(target, Path):
        return target.name
    return str(getattr(target, "text", target))


def title(target: Any) -> str:
    """How a target is called in a list; a row of a table may have a name beside the text that finds it."""
    return str(getattr(target, "name", None) or describe(target))


def resolve(target: Any, *, sky: Any = None, allow_paths: bool = True, monitor: Monitor | None = None) -> Star:
    """Find the star that is meant.

    Parameters
    ----------
    target : Star, Spectrum, Candidate, Target, path or str
        A string is the name of a demo star (``demo 42``), a path where ``allow_paths``, or whatever ``sky`` knows.
    sky : Sky, optional
        Asked for texts and candidates (:class:`specviz.archives.finder.Sky`).
    allow_paths : bool
        False where the person is not the owner of this machine (``specviz serve``): files are then only read from
        uploads.
    monitor : Monitor, optional
        Hears of the progress, and stops it.

    Raises
    ------
    AmbiguousError
        The name may mean several stars.
    SpecvizError
        With what to do, if nothing fits.
    """
    if isinstance(target, Star):
        return target
    if isinstance(target, Spectrum):
        return Star.from_spectrum(target)
    if isinstance(target, (list, tuple)):
        raise SpecvizError("A list opens as a work list", remedy="Give one star at a time here")
    if isinstance(target, Path):
        return _from_path(target)
    if isinstance(target, Candidate):
        return (_demo(target.name) if sky is None else None) or _ask(sky, target, monitor)
    if not isinstance(target, str) and hasattr(target, "text"):  # a row of a table of targets
        if not target.text:
            raise NotFoundError(f"{title(target)[:60]} names no star", remedy=str(target.note))
        words = target.text if isinstance(target.text, Path) else str(target.text)
        star = resolve(words, sky=sky, allow_paths=allow_paths, monitor=monitor)
        listed = getattr(target, "catalogues", None)
        if not listed:
            return star
        # What the person's own table says is kept beside what the archives say, which leads.
        return star.with_(
            catalogue=star.catalogue or next(iter(listed.values())), catalogues={**listed, **star.catalogues}
        )
    text = str(target).strip().strip("'\"")
    if not text:
        raise NotFoundError("No name was given", expected="a star's name, its coordinates, or a spectrum file")
    demo = _demo(text) if sky is None else None
    if demo is not None:
        return demo
    path = existing(text) if allow_paths else None
    if path is not None:
        return _from_path(path)
    if sky is None or _PATH.match(text) or len(text) > 300 or not text.isprintable():
        raise _nothing(text, sky, allow_paths)
    return _ask(sky, text, monitor)


def existing(text: str) -> Path | None:
    """The file that a text names, if there is one."""
    try:
        path = Path(text).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # a name that no file system takes: 5,000 letters, a NUL, ~nobody
        return None


def is_path(text: str) -> bool:
    """Whether a text is meant as a file, whether or not there is one."""
    return _PATH.match(text.strip().strip("'\"")) is not None


def is_query(text: str) -> bool:
    """Whether a text is a question in ADQL, to be asked of a service's tables."""
    return _SELECT.match(text) is not None


def split_names(text: str) -> list[str]:
    """Names separated by lines, semicolons or commas; coordinates such as ``284.4, +41.3`` stay whole."""
    from specviz.archives.names import parse

    def is_position(text: str) -> bool:
        try:
            return parse(text).kind == "coordinates"
        except SpecvizError:  # no name at all, such as a number: it is told of when it is opened
            return False

    names: list[str] = []
    for line in re.split(r"[\n;]+", text):
        parts = [" ".join(part.split()) for part in line.split(",")]
        while parts:
            two = ", ".join(parts[:2])
            take = 2 if len(parts) > 1 and not is_position(parts[0]) and is_position(two) else 1
            names.append(", ".join(parts[:take]))
            parts = parts[take:]
    return list(dict.fromkeys(n for n in names if n))


def from_bytes(name: str, data: bytes) -> list[Star]:
    """Stars in an uploaded file."""
    from specviz.spectra.readers import read_bytes

    return read_bytes(data, name)


def stars_or_targets(name: str, data: bytes) -> tuple[list[Star], Sequence[Any]]:
    """The stars in a file, or else the targets that it lists.

    Raises
    ------
    ReadError
        It holds neither.
    """
    try:
        return from_bytes(name, data), ()
    except ReadError:
        targets = targets_in(name, data)
        if not targets:
            raise
        return [], targets


def targets_in(name: str, data: bytes) -> Sequence[Any]:
    """The targets that a file lists; none if its name does not say that it is a table or a text.

    Any short text reads as a list of names, and names are sent to services; a file that was not meant so must not be.
    """
    if not _LIST.search(name):
        return ()
    from specviz.archives.targets import read_targets

    return read_targets(data, name) or ()


def _ask(sky: Any, which: str | Candidate, monitor: Monitor | None) -> Star:
    if sky is None:
        raise _nothing(describe(which), sky, False)
    found: Star = sky.fetch(which, monitor)
    return found


def _demo(text: str) -> Star | None:
    if not text.lower().startswith("demo"):
        return None
    from specviz.archives.demo import DemoArchive

    demo = DemoArchive()
    hits = demo.resolve(text)
    return demo.fetch(hits[0].name) if hits else None


def _nothing(text: str, sky: Any, allow_paths: bool) -> NotFoundError:
    from specviz.archives.demo import DemoArchive

    near = DemoArchive().near(text)
    expected = "a demo star such as “demo 42”"
    if sky is not None:
        expected = "a star's name, a Gaia or LAMOST id, coordinates, a demo star such as “demo 42”"
    return NotFoundError(
        f"No star or file called “{text[:80]}” on this machine",
        expected=expected + (", or the path of a spectrum file" if allow_paths else ""),
        remedy="Did you mean " + " or ".join(near) + "?" if near else "",
    )


def _from_path(path: Path) -> Star:
    from specviz.spectra.readers import read

    return read(path)
