"""Session files: what one exploring person had before them, as versioned JSON that another can open.

A file holds the star on screen and how to open it again, the work list with its statuses, the stars of late, the
options of the view, the model's name, and whether archives were asked. No numbers of a model: they are computed again.
Nothing in a file is executed, and nothing of it is used before all of it has been checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, get_args, get_type_hints

from specviz.errors import FileTooLargeError, OptionError, ReadError
from specviz.session.saved_stars import (
    Shelf,
    list_of,
    number_of,
    part_of,
    plain_target,
    star_of,
    target_of,
    text_of,
    wrong,
)
from specviz.session.state import Asked, Recent, State, WorkItem
from specviz.session.view_options import ViewOptions

FORMAT, VERSION = "specviz session", 1
#: Largest file that is read; what a dropped file may have, too.
MAX_FILE = 64 * 2**20
#: Room for the arrays of uploaded stars, in characters: some 250 LAMOST spectra.
MAX_STARS = 40 * 2**20
MAX_ROWS, MAX_RECENT = 100_000, 100
_STATUSES = get_args(get_type_hints(WorkItem)["status"])


@dataclass(frozen=True)
class Saved:
    """A session file that has been read and checked.

    ``shown`` is the star that was on screen, None if there was none; ``left_out`` names stars whose spectra did not
    fit into the file.
    """

    shown: Asked | None = None
    work: tuple[WorkItem, ...] = ()
    recent: tuple[Recent, ...] = ()
    view: ViewOptions = field(default_factory=ViewOptions)
    model: str = ""
    online: bool = True
    saved: str = ""
    left_out: tuple[str, ...] = ()


def is_session(data: bytes) -> bool:
    """Whether bytes look like a session file (not whether it is a sound one)."""
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"{") and f'"{FORMAT}"'.encode() in head


def write(state: State, *, version: str, now: datetime | None = None) -> bytes:
    """The session file of a state.

    Parameters
    ----------
    state : State
    version : str
        Of specviz, noted in the file.
    now : datetime, optional
        Time to note, UTC.

    Returns
    -------
    bytes
        JSON, UTF-8; :func:`read` takes it.
    """
    shelf = Shelf(MAX_STARS)
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "specviz": version,
        "saved": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "model": state.model,
        "online": state.online,
        "view": state.view.to_dict(),
        "shown": None,
    }
    star, source = state.star, state.source
    if star is not None:  # first, so that this one has room
        mixed = source is None or source.target is None or star.meta.get("attached")
        target = star if mixed or source is None else source.target
        content["shown"] = {
            "name": state.target or star.name,
            "position": state.position,
            "target": plain_target(target, shelf),
        }
    content["recent"] = [{"name": r.name, "target": plain_target(r.target, shelf)} for r in state.recent]
    content["work"] = [
        {
            "name": w.name,
            "target": plain_target(w.target, shelf),
            "status": w.status,
            "percentile": w.percentile if w.percentile is None or math.isfinite(w.percentile) else None,
            "problem": w.problem,
        }
        for w in state.work
    ]
    content["left_out"] = shelf.left_out
    content["stars"] = shelf.stars
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1).encode()


def read(data: bytes, name: str = "session.json", *, allow_paths: bool = True) -> Saved:
    """Read and check a session file.

    Parameters
    ----------
    data : bytes
    name : str
        What the file is called; errors begin with it.
    allow_paths : bool
        Whether the file may name files of this machine. Where not, such rows stay in the list and say why they cannot
        be opened.

    Raises
    ------
    ReadError
        It is no session file, damaged, or of a newer version. Nothing of it has been used then.
    """
    name = name[:80]
    if len(data) > MAX_FILE:
        raise FileTooLargeError(f"{name}: {len(data) / 2**20:.0f} MB", expected=f"at most {MAX_FILE // 2**20} MB")
    if not is_session(data):
        raise ReadError(
            f"{name} is no session file", expected=f'JSON that says "format": "{FORMAT}"', remedy="Save one first"
        )
    try:
        content = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{name} is damaged", expected="whole JSON", remedy="Save the session again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ReadError(f"{name} is no session file", expected=f'JSON that says "format": "{FORMAT}"')
    _check_version(name, content.get("version"))
    try:
        return _saved(content, allow_paths)
    except ReadError as error:
        raise ReadError(f"{name}: {error.what}", expected=error.expected, remedy=error.remedy) from error
    except OptionError as error:
        what, expected = error.what[:200], error.expected[:400]
        raise ReadError(f"{name}: {what}", expected=expected, remedy="Save the session again") from error
    except (TypeError, ValueError) as error:  # a view option of a kind that has no order or no length
        raise ReadError(f"{name}: the view is damaged", expected="the options of a view") from error


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _check_version(name: str, version: Any) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ReadError(f"{name} is damaged", expected=f"a version, at most {VERSION}")
    if version > VERSION:
        raise ReadError(
            f"{name} was saved by a newer specviz (format {str(version)[:20]})",
            expected=f"format {VERSION}",
            remedy="Bring specviz up to date: pip install --upgrade jupyter-specviz",
        )


def _saved(content: Mapping[str, Any], allow_paths: bool) -> Saved:
    stars = [star_of(s, f"Star {i}") for i, s in enumerate(list_of(content.get("stars", []), "stars", 10_000))]

    def target(value: Any, where: str) -> Any:
        return target_of(value, stars, where, allow_paths=allow_paths)

    work = []
    for i, value in enumerate(list_of(content.get("work", []), "The work list", MAX_ROWS)):
        where = f"Row {i + 1} of the work list"
        v = part_of(value, where)
        if v.get("status") not in _STATUSES:
            raise wrong(where, "one of " + ", ".join(_STATUSES))
        percentile = None if v.get("percentile") is None else number_of(v["percentile"], where, 0, 100)
        row = WorkItem(text_of(v.get("name"), where), target(v.get("target"), where), v["status"], percentile,
                       text_of(v.get("problem", ""), where, 20_000))  # fmt: skip
        work.append(row)
    recent = []
    for value in list_of(content.get("recent", []), "The list of recent stars", MAX_RECENT):
        v = part_of(value, "The list of recent stars")
        where = "A recent star"
        recent.append(Recent(text_of(v.get("name"), where), target(v.get("target"), where)))
    shown = None
    if content.get("shown") is not None:
        v = part_of(content["shown"], "The star on screen")
        position = v.get("position")
        if position is not None and (isinstance(position, bool) or not isinstance(position, int)):
            raise wrong("The star on screen", "a row of the work list")
        if position is not None and not 0 <= position < len(work):
            raise wrong("The star on screen", "a row of the work list")
        name = text_of(v.get("name"), "The star on screen")
        shown = Asked(name, target(v.get("target"), "The star on screen"), position)
    online = content.get("online", True)
    if not isinstance(online, bool):
        raise wrong("online", "true or false")
    return Saved(
        shown,
        tuple(work),
        tuple(recent),
        ViewOptions.from_dict(part_of(content.get("view", {}), "The view")),
        text_of(content.get("model", ""), "The model", 200),
        online,
        text_of(content.get("saved", ""), "The time", 60),
        tuple(text_of(n, "left_out", 300) for n in list_of(content.get("left_out", []), "left_out", MAX_ROWS)),
    )
