"""What a vetting widget and a vetting page share: the session of a list, its view, and what a person does to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from specviz import api
from specviz.app.models_here import ModelsHere
from specviz.app.wiring import surroundings, velocity_templates
from specviz.app.work_lists import VetList
from specviz.archives.finder import Sky
from specviz.errors import OptionError, SpecvizError
from specviz.session.state import Notice, State
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.places import journal_path, reviewer_name
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.vocabulary import Vocabulary
from specviz.views.vetting_view import VettingView

ORDERS = ("list", "odd")


def make_session(
    listed: VetList,
    *,
    labels: str | Path | None = None,
    reviewer: str | None = None,
    vocabulary: Any = None,
    blind: bool = True,
    order: str = "list",
    model: str = api.DEFAULT_MODEL,
    device: str = "auto",
    online: bool = True,
    locals: Sequence[Any] = (),
    allow_paths: bool = True,
) -> VetSession:
    """A session for a list, its journal open; :func:`begin` takes the list up.

    Parameters
    ----------
    listed : VetList
    allow_paths : bool
        The person may name files of this machine.
    labels, reviewer, vocabulary, blind, order, model, device, online, locals
        As of :func:`specviz.vet`.
    """
    if order not in ORDERS:
        raise OptionError(f"There is no order {order!r}", expected='"list" or "odd"')
    words = Vocabulary.of(vocabulary)
    engine = api.default_engine(model, device)
    oddity = listed.oddity or _oddity_of(engine)
    sky = Sky(online=online, locals=(*listed.locals, *locals))
    journal = LabelJournal(journal_path(labels, listed.source), reviewer_name(reviewer))
    return VetSession(
        engine, journal=journal, vocabulary=words, work_list=listed.name, blind=blind, oddity=oddity, sky=sky,
        allow_paths=allow_paths, expecting=True, models=ModelsHere(device), templates=velocity_templates,
    )  # fmt: skip


def _oddity_of(engine: Any) -> Callable[[Any], Any]:
    """``OutlierScorer(engine).of``, imported when the first report is there: it would hold the first picture up."""
    made: list[Callable[[Any], Any]] = []

    def of(report: Any) -> Any:
        if not made:
            from specviz.catalog.outliers import OutlierScorer

            made.append(OutlierScorer(engine).of)
        return made[0](report)

    return of


def check(listed: VetList, **options: Any) -> None:
    """Raise what :func:`make_session` would raise; nothing stays open."""
    make_session(listed, **options).close()


def world_of(session: VetSession) -> Any:
    """What the views are told of the world."""
    return surroundings(session.engine)


def begin(session: VetSession, listed: VetList, order: str = "list") -> None:
    """Take up the list, at the star where this reviewer stopped."""
    _tell_left_out(session, listed.left_out)
    session.order_first = "odd" if order == "odd" else "list"
    session.begin(listed.targets, listed.scores, listed.embeddings, listed.oddities)
    if order == "odd" and session.vet.order_by != "odd":  # nobody knows yet how odd they are
        session.set_order("odd")


def _tell_left_out(session: VetSession, names: Sequence[str]) -> None:
    """Say which files of a folder are not in the list, once a star is there: it takes notices away."""
    waiting = [names] if names else []

    def say(_old: State, new: State) -> None:
        if waiting and new.source is not None and not new.busy:
            left = waiting.pop()
            files = "1 file was" if len(left) == 1 else f"{len(left)} files were"
            shown = ", ".join(left[:3]) + (" ..." if len(left) > 3 else "")
            session.tell(Notice("info", f"{files} left out", f"Not named like spectra: {shown[:200]}"))

    session.subscribe(say)


def listen(door: Any, view: VettingView, session: VetSession, leave: Callable[[], None]) -> None:
    """Wire what a person does to the widget as a whole.

    Parameters
    ----------
    door : DocHost or Inbox
    view : VettingView
    session : VetSession
    leave : callable()
        What the Close button does.
    """

    def pressed(press: Any) -> None:
        if not press.field:
            view.key(press.key, press.shift, press.repeat, press.seen)
        elif press.key == "Escape" and session.state.busy:  # who has just searched still is in the field
            session.cancel()

    def trouble(text: str, error: BaseException | None) -> None:
        known = isinstance(error, SpecvizError)
        said = str(error) if known else f"{text} (a fault of specviz; the rest goes on working)"
        session.tell(Notice("error", "That did not work", said))

    door.on_key(pressed, keys=view.KEYS)
    inbox = getattr(door, "inbox", door)
    door.on_act(lambda act: view.act(act, inbox.seen))
    door.on_attach(view.attach)
    door.on_file(lambda name, data: view.attach("labels", name, data))
    door.on_error(trouble)
    view.export = downloads(door, session)
    view.leave = leave


def downloads(door: Any, session: VetSession) -> Callable[[str], None]:
    """What answers the buttons of the Labels menu ("labels ecsv"): a file goes to the browser that asked."""

    def deliver(wanted: str) -> None:
        what, _, form = wanted.partition(" ")
        try:
            file = session.label_file(form or "ecsv", what)  # type: ignore[arg-type]
            door.download(file.name, file.mime, file.data)
        except SpecvizError as error:
            session.tell(Notice("warning", "Nothing was exported", str(error)))

    return deliver
