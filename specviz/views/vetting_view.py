"""``VettingView``: a list of stars and what a reviewer says of them, wired to the session and drawn through any door."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from specviz.errors import SpecvizError
from specviz.session.state import Notice, State
from specviz.views import stylesheet
from specviz.views.controls import column, models, shared_sheets
from specviz.views.drawing import update_parts
from specviz.views.figures import cursor
from specviz.views.footer import Footer
from specviz.views.hint_bar import HintBar
from specviz.views.line_windows import LineWindows
from specviz.views.notice import BusyLine, NoticeBar
from specviz.views.odd_panel import OddPanel
from specviz.views.settings import Settings
from specviz.views.vetting_bar import VettingBar
from specviz.views.vetting_doing import DoingLine
from specviz.views.vetting_form import VettingForm
from specviz.views.vetting_keys import HELD, VettingKeys, said, vetting_keys
from specviz.views.vetting_queue import VettingQueue
from specviz.views.vetting_spectrum import VettingSpectrum

_log = logging.getLogger(__name__)
Dispatch = Callable[..., None]  # (draw, later=False)
#: Seconds that a key waits for a star that is prepared: what it says of one star and the next one are a single message
#: then, and the browser lays out and paints once.
TOGETHER = 0.05
#: Methods of the keys, and acts, that say something of the star on screen.
WRITES = frozenset({"quality", "klass", "flag", "finish", "clear"})
WRITING_ACTS = frozenset({"vet-quality", "vet-class", "vet-flag", "vet-finish", "vet-clear", "vet-take"})

_ROOT = """
:host { display: grid !important; grid-template-columns: 216px minmax(0, 1fr) 260px; gap: 8px 12px; width: 100%; padding: 6px 8px 4px; font-family: var(--jp-ui-font-family);
  color: var(--jp-ui-font-color1); box-sizing: border-box; align-items: stretch; }
:host > * { grid-column: 1 / -1; min-width: 0; margin: 0 !important; }
:host > .sv-vet-queue { grid-column: 1; align-self: stretch !important; height: auto !important; width: auto !important; }
:host > .sv-vet-centre { grid-column: 2; align-self: stretch !important; height: auto !important; width: auto !important; }
:host > .sv-vet-form { grid-column: 3; align-self: stretch !important; height: auto !important; width: auto !important; }
@container (min-width: 1400px) { :host { grid-template-columns: 264px minmax(0, 1fr) 276px; } }
@container (max-width: 1099px) { :host { grid-template-columns: 164px minmax(0, 1fr) 256px; column-gap: 8px; } }
@container (max-width: 899px) { :host { grid-template-columns: minmax(0, 1fr); } :host > .sv-vet-queue, :host > .sv-vet-centre, :host > .sv-vet-form { grid-column: 1 / -1; } }
"""


class VettingView:
    """One display of a vetting session: a fresh tree of models, updated in place until ``close``.

    Parameters
    ----------
    session : VetSession
    world : Surroundings
        What the views are told of the world.

    Attributes
    ----------
    KEYS : tuple of str
        Keys that the door has to send.
    export : callable(wanted)
        What the Labels menu asks for: "labels ecsv" and so on; given by the door.
    leave : callable()
        What the Close button does; given by the door.
    """

    def __init__(self, session: Any, world: Any = None) -> None:
        self.session, self._world = session, world
        self._dispatch: Dispatch = lambda draw, later=False: draw()
        self._drawn, self._drawn_later, self._drawing = State(), State(), threading.RLock()
        self._acting: int | None = None  # the thread on which a person's action is carried out
        self._said: tuple[int | None, str] = (None, "")  # the row that was labelled last, in words
        self.export: Callable[[str], Any] = lambda _wanted: None
        self.leave: Callable[[], Any] = lambda: None
        self.table = vetting_keys(session.vet.vocabulary)
        self.KEYS = self.table.wanted
        with shared_sheets():
            self._build()
        self._unsubscribe = session.subscribe(self._changed)
        session.prepared = self._prepare
        self._draw(session.state)  # after subscribing: a job may have ended while the panels were built

    def _build(self) -> None:
        session = self.session
        self.busy, self.notice, self.hints = BusyLine(), NoticeBar(), HintBar(self.table)
        self.bar, self.queue, self.form = VettingBar(), VettingQueue(), VettingForm()
        self.doing = DoingLine()
        self.footer = Footer(getattr(self._world, "version", ""), _jump_line)
        self.settings = Settings(session)
        self.spectrum = VettingSpectrum(self.settings, session.state.view)
        self.windows, self.odd = LineWindows(session), OddPanel(session)
        cursor(self.spectrum.figure, self.spectrum.strip)
        self.keys = VettingKeys(
            session, self._escape, self.spectrum.reset, self.hints.say, self._refuse, lambda by: self._step_window(by)
        )
        centre = column(
            self.spectrum.root, self.windows.root, self.odd.root, css=stylesheet.PANEL, classes=["sv-vet-centre"]
        )
        self._panels: list[Any] = [
            self.busy, self.notice, self.bar, self.queue, self.form, self.spectrum, self.settings, self.hints,
        ]  # fmt: skip
        self._later: list[Any] = [self.doing, self.windows, self.odd, self.queue.menu, self.footer]
        self.layout = column(
            css=stylesheet.HIDE + _ROOT, classes=["sv-root", "sv-vet"], html_attributes={"data-sv-watched": ""}
        )
        self.layout.children = models(
            [
                self.bar.root,
                self.busy.root,
                self.bar.trouble,
                self.doing.root,
                self.notice.root,
                self.queue.root,
                centre,
                self.form.root,
                self.hints.root,
                self.footer.root,
            ]
        )

    def connect(self, dispatch: Dispatch) -> None:
        """Tell how a change reaches the screen; see :meth:`ExplorerView.connect`."""
        self._dispatch = dispatch

    # ------------------------------------------------------------------ drawing
    def _changed(self, _old: State, _new: State) -> None:
        if self._acting == threading.get_ident():
            return  # drawn when all is done
        # The newest state, not the one of this change: a door may call late, and two changes may then be drawn as one.
        self._dispatch(self._draw_now)
        self._dispatch(self._follow, later=True)

    # The state is read under the lock: of two threads that draw, the later one must not bring what it read earlier.
    def _draw_now(self) -> None:
        with self._drawing:
            self._draw_first(self.session.state)

    def _follow(self) -> None:
        with self._drawing:
            self._draw_rest(self.session.state)

    def _draw(self, new: State) -> None:
        with self._drawing:
            self._draw_first(new)
            self._draw_rest(new)

    def _draw_first(self, new: State) -> None:
        """What a reviewer looks at and says."""
        old = self._drawn
        if new is not old:
            self._drawn = new
            update_parts(self._panels, old, new)
            self._tell_saved(old, new)

    def _draw_rest(self, new: State) -> None:
        """What may come a moment after the spectrum."""
        old = self._drawn_later
        if new is not old:
            self._drawn_later = new
            update_parts(self._later, old, new)

    def _prepare(self, star: Any, report: Any) -> None:
        """Work out what the next star will look like while a person looks at this one; on a worker's thread."""
        try:
            self.windows.prepare(star, report, self.session.state.view)
        except Exception:  # noqa: BLE001 - it will be met, and told, when the star is drawn
            _log.exception("%s could not be worked out ahead", star.name)

    def _tell_saved(self, old: State, new: State) -> None:
        """Say in the hint bar, and to a screen reader, what is on disk now; once more when the next star is there."""
        before, vet = old.vet, new.vet
        if before is None or vet is None or vet.problem:
            return
        changed = next((i for i in (old.position, new.position) if _relabelled(before, vet, i)), None)
        if changed is not None:
            self._said = changed, f"Saved: {said(vet.rows[changed].label, vet.vocabulary)}"
        if new.star is not old.star and new.star is not None:
            row, words = self._said
            self.hints.say(
                f"{words}. {new.star.name} is shown"
                if row is not None and row == old.position
                else f"{new.star.name} is shown"
            )
        elif changed is not None:
            self.hints.say(self._said[1])

    # ------------------------------------------------------------------ acting
    @contextmanager
    def _together(self) -> Iterator[None]:
        """What an action changes is drawn once, though it changes the session several times.

        Enter writes that a star is finished, which reveals what is hidden of it, and goes to the next: where that is
        ready, only the next one is drawn.
        """
        if self._acting == threading.get_ident():
            yield
            return
        self._acting = threading.get_ident()
        try:
            yield
            self.session.settle(TOGETHER)
        finally:
            self._acting = None
            self._changed(self._drawn, self.session.state)

    def key(self, key: str, shift: bool = False, repeat: bool = False, seen: str = "") -> bool:
        """Act on a key pressed while the widget has the focus; tells whether it meant anything.

        Parameters
        ----------
        key, shift
        repeat : bool
            It is held down. Only arrows and brackets may be: another key would label stars nobody looked at.
        seen : str
            The row that stood in the page then, counted from 1; "" if that is not known. What it says is not written
            of another.
        """
        if repeat and key not in HELD:
            return False
        entry = self.table.find(key, shift)
        if entry is not None and entry.does in WRITES and self._unseen(seen):
            return True
        with self._together():
            return self.table.press(self.keys, key, shift)

    def _escape(self) -> None:
        state = self.session.state
        if state.busy:
            self.session.cancel()
        elif state.notice is not None:
            self.session.dismiss()
        elif state.view.zoom is not None:
            self.keys.reset_zoom()

    def _refuse(self, words: str) -> None:
        """Say why something was not written."""
        self._dispatch(lambda: self._say_refused(words))

    def _say(self, words: str) -> None:
        """Tell what was done, in the hint bar."""

        def draw() -> None:
            with self._drawing:
                self.hints.say(" ".join(words.split()))

        self._dispatch(draw)

    def _say_refused(self, words: str) -> None:
        with self._drawing:
            self.bar.refuse(words)
            self.hints.say(words)

    def _step_window(self, by: int) -> None:
        (self.windows.next if by > 0 else self.windows.previous)()

    def _unseen(self, seen: str) -> bool:
        """Whether the star on screen had not reached the person; says so."""
        state = self.session.state
        if not seen or state.position is None or seen == str(state.position + 1):
            return False
        name = state.work[state.position].name
        self._refuse(f"{name} was not on screen yet; nothing was written. Press the key once more.")
        return True

    def act(self, act: str, seen: str = "") -> None:
        """Act on a button of the views' HTML (``data-sv-act``): a word, and for some what it is about.

        ``seen``: as of :meth:`key`.
        """
        word, _, about = act.partition(" ")
        if word in WRITING_ACTS and self._unseen(seen):
            return
        session, keys = self.session, self.keys
        actions: dict[str, Callable[[], Any]] = {
            "vet-quality": lambda: keys.quality(about),
            "vet-class": lambda: keys.klass(about),
            "vet-flag": lambda: keys.flag(about),
            "vet-finish": keys.finish,
            "vet-undo": keys.undo,
            "vet-redo": keys.redo,
            "vet-clear": keys.clear,
            "vet-row": lambda: keys.jump(about),
            "jump": lambda: keys.jump(about),
            "vet-comment": lambda: self._comment(about),
            "vet-take": lambda: self._take(about),
            "vet-find": lambda: self._try(lambda: session.set_filter(self.queue.typed(about))),
            "vet-filter": lambda: self._try(lambda: session.set_filter(about)),
            "vet-order": lambda: self._try(lambda: session.set_order(about)),
            "vet-decide": lambda: self._try(lambda: session.adjudicate(not session.vet.adjudicating)),
            "vet-agree": lambda: self._try(session.agree),
            "vet-learn": lambda: self._try(session.learn_now),
            "vet-stop-learning": session.stop_learning,
            "vet-blind": lambda: self._try(lambda: session.set_blind(not session.vet.blind)),
            "vet-move-on": lambda: session.set_move_on(not session.vet.move_on),
            "vet-stop-ranking": session.stop_ranking,
            "vet-close": lambda: self.leave(),
            "export": lambda: self.export(about),
            "window": lambda: self.windows.act(act),
            "odd-zoom": lambda: self.odd.act(act),
            "cancel": session.cancel,
            "retry": session.retry,
            "again": lambda: session.retry(session.state.source),
            "online": session.reconnect,
            "dismiss": session.dismiss,
            "details": self.notice.toggle_details,
        }
        action = actions.get(word)
        if action is not None:
            with self._together():
                action()

    def _comment(self, about: str) -> None:
        """Keep what was typed, for the row that it was typed for."""
        row, _, words = about.partition(" ")
        if not row.isdecimal() or not 1 <= int(row) <= len(self.session.vet.rows):
            return
        with self._drawing:
            self.form.typed(int(row), words)
        try:
            self.session.comment(words, int(row))
        except SpecvizError as error:
            self._refuse(str(error))
        # What the disk would not have stays in the field of its star.
        if self.session.vet.rows[int(row) - 1].label.comment != words.strip():
            self.form.unsaved[int(row)] = words
        else:
            self.form.unsaved.pop(int(row), None)

    def _take(self, who: str) -> None:
        """Say what another reviewer says; of a conflict: decide so, and go on to the next."""
        if self.session.vet.adjudicating:
            self.keys.attempt(lambda: self.session.decide_as(who))
            return
        label = next((label for name, label in self.session.vet.others if name == who), None)
        if label is not None:
            self.keys.attempt(lambda: self.session.label(quality=label.quality, klass=label.klass, flags=label.flags))

    def _try(self, ask: Callable[[], Any]) -> None:
        """Ask for something that may not be had; why not is said in a notice."""
        try:
            ask()
        except SpecvizError as error:
            self.session.tell(Notice("warning", "That cannot be done", str(error)))

    def attach(self, to: str, name: str, data: bytes) -> None:
        """Take in a file of labels that was chosen."""
        if to == "labels":
            self._try(lambda: self._say(self.session.import_bytes(name, data).text))

    def close(self) -> None:
        """Stop listening and let everything go."""
        self._unsubscribe()
        self.session.prepared = lambda _star, _report: None
        self._panels, self._later = [], []
        self.layout.children = []
        self._drawn = self._drawn_later = State()


def _jump_line(state: State, *, short: bool = False) -> str:
    """The line of Python that shows the star on screen."""
    return "" if state.position is None else f"vetting.jump({state.position + 1})"


def _relabelled(before: Any, vet: Any, row: int | None) -> bool:
    """Whether a row says something else than before."""
    if row is None or not 0 <= row < min(len(vet.rows), len(before.rows)):
        return False
    return bool(vet.rows[row].label != before.rows[row].label)
