"""What every composition shares: the surroundings of the views, what a person does to the widget as a whole, and what
may be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from specviz import __version__
from specviz.analysis.engine import Engine
from specviz.app.exporting import downloads
from specviz.archives.protocol import Archive, Candidate
from specviz.errors import ReadError, SpecvizError
from specviz.session.session import Session
from specviz.session.state import Notice
from specviz.spectra.spectrum import Spectrum
from specviz.views.explorer import ExplorerView, Surroundings

#: Columns of a table in memory, by kind: astropy, arrow, pandas.
_TABLE_MARKS = ("colnames", "column_names", "iloc")
#: Files of many spectra, opened as archives.
_MANY = (".h5", ".hdf5", ".parquet")
_LONGEST_PATH = 1000  # a longer text is no path, and the file system refuses it


def surroundings(engine: Engine, stars: Any = None) -> Surroundings:
    """What the views are told of the world; ``stars`` is a Catalogue, where it is another than the demo sky."""
    from specviz.archives.demo import DemoArchive

    return Surroundings(
        reference=lambda: None if stars is None else stars.background(),
        examples=lambda: DemoArchive().examples(),
        model=engine.name,
        n_reference=len(DemoArchive()),
        version=__version__,
    )


def velocity_templates(labels: Mapping[str, float] | None) -> Sequence[Spectrum]:
    """What velocities are measured with; imports the emulator when it is first wanted."""
    from specviz.simulate.templates import rest_templates

    return rest_templates(labels)


def listen(door: Any, view: ExplorerView, session: Session) -> None:
    """Wire what a person does to the widget as a whole; ``door`` is a DocHost or a served page's Inbox."""

    def pressed(press: Any) -> None:
        if not press.field:
            view.key(press.key, press.shift)
        elif press.key == "Escape" and session.state.busy:  # who has just searched still is in the field
            session.cancel()

    door.on_key(pressed, keys=view.KEYS)
    door.on_file(lambda name, data: session.open_bytes(name, data))
    door.on_attach(view.attach)
    door.on_act(view.act)
    view.chat.talk = TalkBeside(session, door)
    view.export = downloads(door, session, lambda: _page_of(door, view))

    def trouble(text: str, error: BaseException | None) -> None:
        known = isinstance(error, SpecvizError)
        session.tell(
            Notice(
                "error",
                "That did not work",
                str(error) if known else f"{text} (a fault of specviz; the rest goes on working)",
            )
        )

    door.on_error(trouble)


class TalkBeside:
    """The conversation beside an Explorer, made when it is first wanted: the star in hand is the star on screen.

    Parameters
    ----------
    session : Session
    door : DocHost or Inbox
        Where files are given to the person.
    """

    def __init__(self, session: Session, door: Any) -> None:
        self._session, self._door = session, door
        self._talking: Any = None
        self._link: Any = None

    def get(self) -> Any:
        """The :class:`specviz.assistant.talking.Talking`."""
        if self._talking is None:
            from specviz.app.chatting import Link, talking_of

            self._talking = talking_of(self._session, own_machine=hasattr(self._door, "doc"))
            self._link = Link(self._session, self._talking)
        return self._talking

    def deliver(self, name: str, mime: str, data: bytes) -> None:
        """Give a file to the person."""
        self._door.download(name, mime, data)

    def close(self) -> None:
        """End the conversation, if there was one."""
        if self._talking is not None:
            self._link.close()
            self._talking.close()


def _page_of(door: Any, view: ExplorerView) -> Any:
    """The document that a saved page is made of, with every panel in it."""
    view.build_all()
    return door if hasattr(door, "doc") else view.layout.document


def targets_of(x: Any) -> list[Any]:
    """What was asked for, one by one: a folder stands for the files in it."""
    if x is None:
        return []
    if any(hasattr(x, mark) for mark in _TABLE_MARKS):
        from specviz.archives import targets

        return list(targets.targets_of(x))
    if isinstance(x, (list, tuple)):
        return [t for item in x for t in targets_of(item)]
    if isinstance(x, Archive) and hasattr(x, "names"):
        return [Candidate(name, "local") for name in x.names()]
    if isinstance(x, (str, Path)) and len(str(x)) < _LONGEST_PATH and Path(x).expanduser().is_dir():
        files = sorted(p for p in Path(x).expanduser().rglob("*") if p.is_file() and not p.name.startswith("."))
        if not files:
            raise SpecvizError(f"The folder {x} has no files", expected="a folder of spectra")
        return list(files)
    return [x]


def archive_of(x: Any) -> Any:
    """An archive of one's own, or the HDF5 or Parquet file that is one; anything else as it is."""
    if not isinstance(x, (str, Path)) or not str(x).lower().endswith(_MANY):
        return x
    from specviz.archives.local import LocalArchive

    archive = LocalArchive(x)
    try:
        archive.names()
    except ReadError:  # a Parquet table may list targets instead; what is neither is told of when it is opened
        return x
    return archive


def fill(session: Session, targets: list[Any]) -> None:
    """Show one star, or several as a work list."""
    if len(targets) == 1:
        session.open(targets[0])
    elif targets:
        session.set_work(targets)
