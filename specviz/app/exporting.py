"""Taking things away: to a path, for programs; through the browser, for who presses a button; and a session back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specviz.doors.static_html import save_html
from specviz.errors import OptionError, SpecvizError
from specviz.session import saved
from specviz.session.exporting import FORMS, exported, file_name
from specviz.session.session import Session
from specviz.session.state import Notice, State
from specviz.spectra.writers.tables import write_whole
from specviz.views.palette import PALETTES

NOTE = (
    "Saved page. Zoom, line marks, radial velocity, smoothing and pictures work here; what asks the model or an "
    "archive does not."
)


def export(host: Any, session: Session, path: str | Path, what: str | None = None) -> Path:
    """Write something of what is on screen; the format follows the suffix.

    Parameters
    ----------
    host : DocHost
        Whose page ``.html`` means.
    session : Session
    path : str or Path
        ``.fits``, ``.ecsv``, ``.vot``, ``.csv``: a table; ``.html``: the page; ``.json``: the session.
    what : str, optional
        A key of :data:`specviz.session.exporting.DATA`; by default the observed spectra.
    """
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == "html" and what in (None, "page"):
        return write_page(host, session.state, path)
    if suffix == "json" and what in (None, "session"):
        return write_whole(path, session.save())
    if suffix in ("png", "svg"):
        raise OptionError(
            f"{path.name}: pictures are drawn by the browser",
            remedy="Press Save in the head of a panel, or Export in the bar; for a program: export('page.html')",
        )
    if suffix not in (*FORMS, "xml") or what in ("session", "page"):
        ends = {"session": ".json", "page": ".html"}.get(
            what or "", ", ".join("." + f for f in (*FORMS, "html", "json"))
        )
        raise OptionError(f"Cannot tell the format of {path.name}", expected=f"a name that ends in {ends}")
    return write_whole(path, exported(session.state, what or "spectra", suffix).data)


def title_of(state: State) -> str:
    """The title of a saved page."""
    return "specviz" if state.star is None else f"{state.star.name[:80]} – specviz"


def write_page(what: Any, state: State, path: Path) -> Path:
    """The Explorer as one HTML file that works from a disk, without a kernel and without a network."""
    palettes = {k: dict(v) for k, v in PALETTES.items()}
    return save_html(what, path, title=title_of(state), palettes=palettes, css=getattr(what, "css", ""), note=NOTE)


def page_bytes(what: Any, state: State) -> bytes:
    """The same as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        return write_page(what, state, Path(folder) / "page.html").read_bytes()


def downloads(door: Any, session: Session, page: Callable[[], Any]) -> Callable[[str], None]:
    """What answers the buttons of the Export menu: bytes go to the browser that asked, as a download.

    Parameters
    ----------
    door : DocHost or Inbox
        Has ``download(name, mime, data)``.
    page : callable
        Gives the widget or the document that "page" means.

    Returns
    -------
    callable
        Takes what is wanted: ``"posterior fits"``, ``"page"``, ``"session"``.
    """

    def deliver(wanted: str) -> None:
        what, _, form = wanted.partition(" ")
        state = session.state
        try:
            if what == "page":
                door.download(file_name(state, "page", "html"), "text/html", page_bytes(page(), state))
            else:
                file = exported(state, what, form or "json")
                door.download(file.name, file.mime, file.data)
        except SpecvizError as error:
            session.tell(Notice("warning", "Nothing was exported", str(error)))

    return deliver


def read_session(path: str | Path) -> tuple[bytes, saved.Saved]:
    """The bytes of a session file and what is in it; errors say what is wrong with it."""
    from specviz.spectra.readers.content import load

    content = load(path)
    return content.data, saved.read(content.data, content.name)
