"""Stars and what opens them as plain values: the part of a session file that knows spectra.

A name, a path, a candidate or a row of a table is written as what it says; a star that was uploaded, which nothing else
could open again, as its arrays (base64 of little-endian numbers). Reading checks every value: a file may come from
anybody.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.protocol import Candidate
from specviz.archives.targets import Target
from specviz.errors import ReadError, SpecvizError
from specviz.session.resolve import existing
from specviz.spectra.spectrum import SURVEYS, Spectrum
from specviz.spectra.star import Identifier, LightCurve, Star

MAX_TEXT = 2000  # characters of any one text
MAX_PIXELS = 1_000_000
MAX_FACTS = 300  # entries of a star's or spectrum's meta
_DTYPES: Mapping[str, np.dtype[Any]] = {"<f8": np.dtype("<f8"), "<i8": np.dtype("<i8"), "|u1": np.dtype("u1")}


# ------------------------------------------------------------------------------------------------ checks
def wrong(where: str, expected: str) -> ReadError:
    """The error for a value that a session file cannot hold."""
    return ReadError(f"{where} is damaged", expected=expected, remedy="Save the session again")


def text_of(value: Any, where: str, most: int = MAX_TEXT) -> str:
    """``value`` if it is a text of a sensible length; control characters become spaces."""
    if not isinstance(value, str) or len(value) > most:
        raise wrong(where, f"a text of at most {most} characters")
    return "".join(c if c.isprintable() else " " for c in value)


def number_of(value: Any, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    """``value`` if it is a finite number between ``low`` and ``high``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise wrong(where, f"a number of {low:g} to {high:g}" if math.isfinite(high) else "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise wrong(where, "a finite number")
    return number


def part_of(value: Any, where: str) -> Mapping[str, Any]:
    """``value`` if it is a mapping."""
    if not isinstance(value, dict):
        raise wrong(where, "named values")
    return value


def list_of(value: Any, where: str, most: int) -> list[Any]:
    """``value`` if it is a list of at most ``most``."""
    if not isinstance(value, list) or len(value) > most:
        raise wrong(where, f"a list of at most {most}")
    return value


# ------------------------------------------------------------------------------------------------ stars
def is_demo(star: Star) -> bool:
    """Whether the star is one of the demo sky as it stands there, so that its name is enough."""
    own = any(i.archive == "demo" for i in star.identifiers)
    return own and all(str(s.meta.get("layout")).startswith("demo") for s in star.spectra.values())


def plain_star(star: Star) -> dict[str, Any]:
    """A star as JSON can hold it; facts that are neither texts nor numbers are left out."""
    out: dict[str, Any] = {
        "name": star.name,
        "identifiers": [[i.archive, i.release, i.value] for i in star.identifiers],
        "ra": star.ra,
        "dec": star.dec,
        "catalogue": _facts(star.catalogue),
        "catalogues": {name[:100]: _facts(values) for name, values in list(star.catalogues.items())[:20]},
        "meta": _facts(star.meta),
        "spectra": [_plain_spectrum(s) for s in star.spectra.values()],
    }
    curve = star.light_curve
    if curve is not None:
        out["light_curve"] = {
            "time": _coded(curve.time),
            "flux": _coded(curve.flux),
            "flux_error": None if curve.flux_error is None else _coded(curve.flux_error),
            "quality": None if curve.quality is None else _coded(curve.quality),
            "flux_unit": curve.flux_unit,
            "time_system": curve.time_system,
            "meta": _facts(curve.meta),
        }
    return out


def star_of(value: Any, where: str) -> Star:
    """The star that :func:`plain_star` wrote.

    Raises
    ------
    ReadError
        Something in it is not what it must be.
    """
    v = part_of(value, where)
    spectra = [
        _spectrum_of(s, f"A spectrum of {where.lower()}") for s in list_of(v.get("spectra"), where, len(SURVEYS))
    ]
    identifiers = [
        Identifier(*(text_of(w, where, 100) for w in list_of(i, where, 3)))
        for i in list_of(v.get("identifiers", []), where, 100)
        if len(list_of(i, where, 3)) == 3
    ]
    ra, dec = _angle(v.get("ra"), where, 0, 360), _angle(v.get("dec"), where, -90, 90)
    try:
        return Star(
            text_of(v.get("name"), where, 300),
            {s.survey: s for s in spectra},
            tuple(identifiers),
            ra,
            dec,
            _light_curve_of(v["light_curve"], where) if v.get("light_curve") is not None else None,
            _facts_of(v.get("catalogue", {}), where),
            _facts_of(v.get("meta", {}), where),
            {text_of(k, where, 100): _facts_of(x, where) for k, x in part_of(v.get("catalogues", {}), where).items()},
        )
    except ReadError:
        raise
    except SpecvizError as error:
        raise wrong(where, error.what) from error


def _plain_spectrum(spectrum: Spectrum) -> dict[str, Any]:
    assert spectrum.ivar is not None and spectrum.mask is not None
    return {
        "survey": spectrum.survey,
        "frame": spectrum.frame,
        "flux_unit": spectrum.flux_unit,
        "wavelength": _coded(spectrum.wavelength),
        "flux": _coded(spectrum.flux),
        "ivar": _coded(spectrum.ivar),
        "mask": _coded(spectrum.mask),
        "meta": _facts(spectrum.meta),
    }


def _spectrum_of(value: Any, where: str) -> Spectrum:
    v = part_of(value, where)
    try:
        return Spectrum(
            _array_of(v.get("wavelength"), where),
            _array_of(v.get("flux"), where),
            _array_of(v.get("ivar"), where),
            _array_of(v.get("mask"), where).astype(bool),
            frame=text_of(v.get("frame"), where, 20),  # type: ignore[arg-type]  # checked by Spectrum
            survey=text_of(v.get("survey"), where, 20),
            flux_unit=text_of(v.get("flux_unit", ""), where, 60),
            meta=_facts_of(v.get("meta", {}), where),
        )
    except ReadError:
        raise
    except SpecvizError as error:
        raise wrong(where, error.what) from error


def _light_curve_of(value: Any, where: str) -> LightCurve:
    v = part_of(value, where)
    error, quality = v.get("flux_error"), v.get("quality")
    return LightCurve(
        _array_of(v.get("time"), where),
        _array_of(v.get("flux"), where),
        None if error is None else _array_of(error, where),
        None if quality is None else _array_of(quality, where),
        text_of(v.get("flux_unit", ""), where, 60),
        text_of(v.get("time_system", ""), where, 60),
        _facts_of(v.get("meta", {}), where),
    )


def _angle(value: Any, where: str, low: float, high: float) -> float | None:
    return None if value is None else number_of(value, where, low, high)


# ------------------------------------------------------------------------------------------------ arrays and facts
def _coded(values: NDArray[Any]) -> dict[str, Any]:
    kind = "|u1" if values.dtype == bool else "<i8" if values.dtype.kind in "iu" else "<f8"
    data = np.ascontiguousarray(values, _DTYPES[kind]).tobytes()
    return {"dtype": kind, "n": int(values.size), "base64": base64.b64encode(data).decode("ascii")}


def _array_of(value: Any, where: str) -> NDArray[Any]:
    v = part_of(value, where)
    dtype = _DTYPES.get(v["dtype"]) if isinstance(v.get("dtype"), str) else None
    n, code = v.get("n"), v.get("base64")
    if dtype is None or isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= MAX_PIXELS:
        raise wrong(where, f"arrays of at most {MAX_PIXELS} numbers")
    if not isinstance(code, str) or len(code) != -(-n * dtype.itemsize // 3) * 4:
        raise wrong(where, "as many numbers as it says")
    try:
        data = base64.b64decode(code, validate=True)
    except (binascii.Error, ValueError) as error:
        raise wrong(where, "arrays in base64") from error
    if len(data) != n * dtype.itemsize:
        raise wrong(where, "as many numbers as it says")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What of a mapping is plain; of a path the name of the file, since a file that is shared tells no folders."""
    out: dict[str, Any] = {}
    for key, value in list(facts.items())[:MAX_FACTS]:
        if key == "path":
            out[key] = PurePosixPath(PureWindowsPath(str(value)).name).name
        elif isinstance(value, np.generic):
            value = value.item()
        if key == "path" or not _is_plain(value):
            continue
        out[str(key)] = (
            value[:MAX_TEXT] if isinstance(value, str) else list(value) if isinstance(value, tuple) else value
        )
    return out


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return len(value) <= 100 and all(isinstance(v, str | int | float | bool) and _is_plain(v) for v in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | bool) or (isinstance(value, int) and abs(value) < 2**63)


def _facts_of(value: Any, where: str) -> dict[str, Any]:
    v = part_of(value, where)
    if len(v) > MAX_FACTS or not all(_is_plain(x) for x in v.values()):
        raise wrong(where, f"at most {MAX_FACTS} plain facts")
    out: dict[str, Any] = {}
    for key, x in v.items():
        name = text_of(key, where, 100)
        out[name] = text_of(x, where) if isinstance(x, str) else tuple(x) if isinstance(x, list) else x
    if isinstance(out.get("path"), str):
        out["path"] = PurePosixPath(PureWindowsPath(out["path"]).name).name
    return out


# ------------------------------------------------------------------------------------------------ targets
class Shelf:
    """The stars that a file holds, each once, up to a size; ``left_out`` names those that found no room."""

    def __init__(self, room: int) -> None:
        self.stars: list[dict[str, Any]] = []
        self.left_out: list[str] = []
        self._room, self._places = room, dict[int, tuple[Star, int]]()
        self._made: dict[int, tuple[Spectrum, Star]] = {}

    def star_with(self, spectrum: Spectrum) -> Star:
        """The star of a lone spectrum; the same one for the same spectrum."""
        return self._made.setdefault(id(spectrum), (spectrum, Star.from_spectrum(spectrum)))[1]

    def put(self, star: Star) -> int | None:
        """The star's place, or None where it does not fit."""
        if id(star) in self._places:
            return self._places[id(star)][1]
        plain = plain_star(star)
        size = sum(
            len(a["base64"]) for s in plain["spectra"] for a in s.values() if isinstance(a, dict) and "base64" in a
        )
        if size > self._room:
            self.left_out.append(star.name)
            return None
        self._room -= size
        self.stars.append(plain)
        self._places[id(star)] = (star, len(self.stars) - 1)  # the star is kept, so that its id stays its own
        return len(self.stars) - 1


_TOO_LARGE = "Its spectrum was too large for the session file: open its file again"
_NO_PATHS = "It is a file of the machine where the session was saved: open the file itself"


def plain_target(target: Any, shelf: Shelf) -> dict[str, Any]:
    """What opens a star, as JSON can hold it."""
    if isinstance(target, Spectrum):
        target = shelf.star_with(target)
    if isinstance(target, Star):
        if is_demo(target):
            return {"name": target.name}
        place = shelf.put(target)
        return {"gone": target.name, "note": _TOO_LARGE} if place is None else {"star": place}
    if isinstance(target, Path):
        return {"path": str(target.absolute())}
    if isinstance(target, Candidate):
        known = {k: getattr(target, k) for k in ("ra", "dec", "pm_ra", "pm_dec") if getattr(target, k) is not None}
        ids = [[i.archive, i.release, i.value] for i in target.identifiers]
        return {"candidate": target.name, "archive": target.archive, "summary": target.summary, "ids": ids, **known}
    if isinstance(target, str):
        path = existing(target.strip().strip("'\""))
        return {"name": target} if path is None else {"path": str(path.absolute())}
    return {"row": str(getattr(target, "name", target)), "text": str(getattr(target, "text", "")),
            "note": str(getattr(target, "note", ""))}  # fmt: skip


def target_of(value: Any, stars: list[Star], where: str, *, allow_paths: bool) -> Any:
    """What :func:`plain_target` wrote; a path, where none may be named, becomes a row that says so when opened."""
    v = part_of(value, where)
    if "star" in v:
        place = v["star"]
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(stars):
            raise wrong(where, "the place of one of its stars")
        return stars[place]
    if "path" in v:
        path = text_of(v["path"], where, 1000)
        if not allow_paths:
            return Target(PurePosixPath(PureWindowsPath(path).name).name or "a file", "", _NO_PATHS)
        return Path(path)
    if "candidate" in v:
        ids = tuple(
            Identifier(*(text_of(w, where, 100) for w in i))
            for i in list_of(v.get("ids", []), where, 100)
            if isinstance(i, list) and len(i) == 3
        )
        bounds = {"ra": (0, 360), "dec": (-90, 90), "pm_ra": (-1e5, 1e5), "pm_dec": (-1e5, 1e5)}
        place_of = {k: number_of(v[k], where, *bounds[k]) for k in bounds if v.get(k) is not None}
        archive, summary = text_of(v.get("archive"), where, 60), text_of(v.get("summary", ""), where)
        return Candidate(text_of(v["candidate"], where, 300), archive, summary, identifiers=ids, **place_of)
    if "row" in v:
        words = (text_of(v["row"], where), text_of(v.get("text", ""), where), text_of(v.get("note", ""), where))
        return Target(*words)
    if "gone" in v:
        return Target(text_of(v["gone"], where, 300), "", text_of(v.get("note", ""), where))
    if "name" in v:
        return text_of(v["name"], where)
    raise wrong(where, "a name, a path, a candidate, a row or a star")
