"""From what a person gives (text, a path, bytes, a Star) to a :class:`~specviz.spectra.star.Star`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specviz.errors import NotFoundError, SpecvizError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


def describe(target: Any) -> str:
    """How a target is written in the search box and in the line of code."""
    if isinstance(target, Star):
        return target.name
    if isinstance(target, Spectrum):
        return str(target.meta.get("object_id") or "spectrum")
    if isinstance(target, Path):
        return target.name
    return str(target)


def resolve(target: Any, *, allow_paths: bool = True) -> Star:
    """Find the star that is meant.

    Parameters
    ----------
    target : Star, Spectrum, path or str
        A string is the name of a demo star (``demo 42``), or a path where ``allow_paths``.
    allow_paths : bool
        False where the person is not the owner of this machine (``specviz serve``): files are then only read from
        uploads.

    Raises
    ------
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
    text = str(target).strip().strip("'\"")
    if not text:
        raise NotFoundError("No name was given", expected="a demo star (demo 42) or a spectrum file")
    from specviz.archives.demo import DemoArchive

    demo = DemoArchive()
    hits = demo.resolve(text)
    if hits:
        return demo.fetch(hits[0].name)
    if allow_paths:
        path = Path(text).expanduser()
        try:
            there = path.exists()
        except OSError:  # a name that no file system takes, such as one of 5,000 letters
            there = False
        if there:
            return _from_path(path)
    near = demo.near(text)
    raise NotFoundError(
        f"No star or file called “{text[:80]}” on this machine",
        expected="a demo star such as “demo 42”" + (", or the path of a spectrum file" if allow_paths else ""),
        remedy=("Did you mean " + " or ".join(near) + "? " if near else "")
        + "Names are not looked up online in this version: open a file instead",
    )


def _from_path(path: Path) -> Star:
    from specviz.spectra.readers import read

    return read(path)


def from_bytes(name: str, data: bytes) -> list[Star]:
    """Stars in an uploaded file."""
    from specviz.spectra.readers import read_bytes

    return read_bytes(data, name)
