"""How another gets to see the same: a line or a cell of Python, and for served pages the query of a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints
from urllib.parse import quote, unquote

from specviz.analysis.engine import DEFAULT_MODEL
from specviz.archives.protocol import Candidate
from specviz.errors import OptionError
from specviz.session.resolve import existing, is_path, is_query
from specviz.session.state import State
from specviz.session.view_options import ViewOptions

#: Longest query that is written or read; servers and mail programs cut longer addresses.
MAX_QUERY = 2000
_TYPES = get_type_hints(ViewOptions)


def code_line(state: State, *, short: bool = False) -> str:
    """The call that shows what is on screen; ``short``: for the eye, with the end of a long path alone."""
    more = [f"model={state.model!r}"] if state.model not in ("", DEFAULT_MODEL) else []
    if state.catalogue:
        more.append(f"catalogue={_end(state.catalogue, 24) if short else state.catalogue!r}")
    if not state.target:
        return f"specviz.explore({', '.join(more)})"
    path: Any = state.star.meta.get("path") if state.star is not None else None
    target = str(path or state.target)
    said = _end(target, max(44 - len(", ".join(more)), 16)) if short else repr(target)
    return f"specviz.explore({', '.join([said, *more])})"


def _end(words: str, room: int) -> str:
    """A text as Python writes it, of a long one the end."""
    return repr(words if len(words) <= room else "…" + words[2 - room :])


def code_cell(state: State) -> str:
    """The cell that shows the same star in the same way."""
    lines = ["import specviz", "", f"explorer = {code_line(state)}"]
    changes = state.view.changes_from(ViewOptions())
    if changes:
        lines.append(f"explorer.set({', '.join(f'{k}={v!r}' for k, v in changes.items())})")
    return "\n".join([*lines, "explorer"])


def query(state: State) -> str:
    """The query that makes a served page show the same: ``?star=demo%201&view=flux:normalised;smooth:2``.

    Names only: a star that came from a file cannot be named in a link, and leaves the query without it.
    """
    name = _name_of(state)
    parts = ["star=" + quote(name, safe=":")] if name else []
    changes = {k: v for k, v in state.view.changes_from(ViewOptions()).items() if k != "region"}  # a drawing: too long
    if changes:
        parts.append("view=" + quote(";".join(f"{k}:{_written(v)}" for k, v in changes.items()), safe=":;,"))
    return "?" + "&".join(parts) if parts else ""


def _name_of(state: State) -> str:
    """What a server can find the star by; "" for one that came from a file."""
    source = state.source.target if state.source is not None else None
    if isinstance(source, str):
        a_name = not is_query(source) and not is_path(source) and existing(source) is None
        return source if a_name else ""
    if state.star is None:
        return ""
    demo = any(i.archive == "demo" for i in state.star.identifiers)
    return state.star.name if demo or isinstance(source, Candidate) else ""


def asked_in(arguments: Mapping[str, Sequence[bytes]]) -> tuple[str, ViewOptions]:
    """Star ("" for none) and view that the query of a page asks for.

    Parameters
    ----------
    arguments : mapping of str to bytes
        As the server has them, percent signs resolved.

    Raises
    ------
    OptionError
        The query is too long, names something else than a star, or asks for a view that there is not.
    """
    star, view = (_first(arguments, key) for key in ("star", "view"))
    if is_path(star) or is_query(star):
        raise OptionError("A link names a file or asks a question", expected="the name of a star")
    return star, view_of(view)


#: Words in one entry of an option that is a list of tuples.
_IN_ONE = {"dials": 2, "brush": 3}


def view_of(words: str) -> ViewOptions:
    """The view that ``flux:normalised;smooth:2`` writes."""
    options: dict[str, Any] = {}
    for part in filter(None, words.split(";")):
        name, _, value = part.partition(":")
        kind = str(_TYPES.get(name, ""))
        if "tuple" in kind:
            entries = tuple(filter(None, value.split(",")))
            of = _IN_ONE.get(name)
            options[name] = entries if of is None else tuple(entries[i : i + of] for i in range(0, len(entries), of))
        elif kind == str(bool):
            options[name] = {"1": True, "0": False}.get(value, value)
        else:
            options[name] = None if value == "" and "None" in kind else unquote(value)
    return ViewOptions.from_dict(options)


def _first(arguments: Mapping[str, Sequence[bytes]], key: str) -> str:
    values = arguments.get(key) or [b""]
    word = values[0].decode("utf-8", "replace") if isinstance(values[0], bytes) else str(values[0])
    if len(word) > MAX_QUERY:
        raise OptionError(f"The link's {key} has {len(word)} letters", expected=f"at most {MAX_QUERY}")
    return "".join(c for c in word if c.isprintable()).strip()


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(map(_written, value))
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else quote(str(value), safe="")
