"""``ExplorerView``: arranges the panels, wires them to the session, and draws its changes through whatever door shows
it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from specviz.errors import SpecvizError
from specviz.session.session import Session
from specviz.session.state import Notice, State
from specviz.views import formats, spectrum_data, stylesheet
from specviz.views.anomaly_panel import AnomalyPanel
from specviz.views.candidates import CandidateList
from specviz.views.chat.chat_dock import ChatDock
from specviz.views.controls import column, models, shared_sheets
from specviz.views.drawing import update_parts
from specviz.views.explorer_keys import ExplorerKeys
from specviz.views.face_off import FaceOffPanel
from specviz.views.figures import cursor
from specviz.views.first_run import FirstRun, readiness
from specviz.views.footer import Footer
from specviz.views.hint_bar import HintBar
from specviz.views.keys import EXPLORER
from specviz.views.lamost_panel import LamostPanel
from specviz.views.map_panel import MapPanel
from specviz.views.notice import BusyLine, NoticeBar
from specviz.views.places import BUILT_LATER, places
from specviz.views.plot_sentences import PlotSentences
from specviz.views.posterior_panel import PosteriorPanel
from specviz.views.settings import Settings
from specviz.views.side_by_side import SideBySide
from specviz.views.similar_panel import SimilarPanel
from specviz.views.studies.place import StudyPlace
from specviz.views.summary import Summary
from specviz.views.top_bar import TopBar
from specviz.views.work_list import WorkList
from specviz.views.xp_panel import XpPanel

Dispatch = Callable[..., None]  # (draw, later=False)


@dataclass(frozen=True)
class Surroundings:
    """What the views need to know of the world, given by ``app``: nothing here imports a model or an archive.

    ``reference()`` gives the planes of stars for the background of the map, or None for those that are searched;
    ``examples()`` three stars for the first screen.
    """

    reference: Callable[[], Any]
    examples: Callable[[], Any]
    model: str
    n_reference: int
    version: str


class ExplorerView:
    """One display of a session: a fresh tree of models, updated in place until ``close``.

    Parameters
    ----------
    session : Session
    world : Surroundings
    staged : bool
        Build what stands below the spectra only when :meth:`build_all` is called, or one of those panels asked for:
        half of the models, without which the first picture comes in half the time.
    """

    def __init__(self, session: Session, world: Surroundings, *, staged: bool = False) -> None:
        self.session, self._world = session, world
        self._dispatch: Dispatch = lambda draw, later=False: draw()
        self._drawn, self._drawn_below, self._drawing = State(), State(), threading.RLock()
        self._staged, self._sheets = staged, dict[str, Any]()
        self.notice, self.busy = NoticeBar(), BusyLine()
        self.bar: TopBar | None = None
        self._panels: list[Any] = []
        self._below: list[Any] = []
        self._places: list[Any] = []
        self._first: FirstRun | None = None
        self.footer = Footer(world.version)
        self.hints = HintBar(EXPLORER)
        self.keys = ExplorerKeys(session, self._escape, self.reset_zoom, self.hints.say)
        self.export: Callable[[str], None] = lambda _wanted: None  # what the Export menu asks for; given by the door
        self.layout = column(css=stylesheet.ROOT, classes=["sv-root"])
        self.chat = ChatDock(self.layout, lambda draw, later=False: self._dispatch(draw, later), self._drawing)
        state = session.state
        if state.star is None and not session.expecting and not state.work:
            ready = partial(readiness, world.model, world.n_reference)
            self._first = FirstRun(session, world.examples, ready)
            self._lay([self.busy.root, self.notice.root, self._first.root, self.footer.root])
        else:
            self._build()
        self._unsubscribe = session.subscribe(self._changed)
        self._draw(session.state)  # after subscribing: a job may have ended while the panels were built
        if not staged:
            self.build_all()

    def connect(self, dispatch: Dispatch) -> None:
        """Tell how a change reaches the screen.

        ``dispatch(draw, later=False)`` calls ``draw`` where and when the door allows; ``later``: what it changes may
        wait until earlier changes are painted.
        """
        self._dispatch = dispatch

    # ------------------------------------------------------------------ building
    def _build(self) -> None:
        """The full Explorer; from the first screen it is built when the first star is asked for."""
        with shared_sheets(self._sheets):
            self._build_panels()
        self._first = None

    def _build_panels(self) -> None:
        self.bar = TopBar(self.session, self._world.model)
        self.candidates = CandidateList("36px")
        self.summary = Summary()
        view = self.session.state.view
        self.settings = Settings(self.session)
        self.lamost = LamostPanel(self.settings, view, self.session.explain, self._measure)
        self.xp = XpPanel(self.settings, view)
        self.xp.follow(self.lamost.x_range)
        cursor(self.lamost.figure, self.lamost.strip, self.xp.figure, self.xp.strip)
        self._panels = [self.bar, self.candidates, self.summary, self.lamost, self.xp, self.settings]
        self._places = places()
        self._arrange(self._places)

    def build_all(self) -> None:
        """Build what stands below the spectra, if that has not been done; on the first screen, once there is a star."""
        with self._drawing:
            self._staged = False
            if not self._panels or self._below:
                return
            with shared_sheets(self._sheets):
                self._build_below()
            self._draw_below(self._drawn)  # before they are shown: drawn once
            self._arrange([panel.frame.root for panel in self._below])
            self._below.append(PlotSentences(self.lamost, self.xp, self.map))
            update_parts(self._below[-1:], State(), self._drawn_below)

    def __getattr__(self, name: str) -> Any:
        # A program that asks for a panel below the spectra gets it, built or not.
        if name in BUILT_LATER and self.__dict__.get("_panels") and not self.__dict__.get("_below"):
            self.build_all()
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _build_below(self) -> None:
        self.studies = StudyPlace(self.session, self._apply, self._sheets)
        self.face_off = FaceOffPanel()
        self.side_by_side = SideBySide(self.session, self._apply, self._world.version)
        self.posterior = PosteriorPanel(self.session)
        self.map = MapPanel(self.session, self._apply, self._world.reference)
        self.anomaly = AnomalyPanel(self.zoom)
        reference = f"{formats.count(self._world.n_reference)} simulated stars"
        self.similar = SimilarPanel(self.session, reference)
        self.work = WorkList(self.session)
        self._below = [
            self.side_by_side,
            self.face_off,
            self.studies,
            self.posterior,
            self.map,
            self.anomaly,
            self.similar,
            self.work,
        ]

    def _arrange(self, below: list[Any]) -> None:
        assert self.bar is not None
        self._lay(
            [
                self.bar.root,
                self.candidates.root,
                self.busy.root,
                self.notice.root,
                self.summary.root,
                self.lamost.frame.root,
                self.xp.frame.root,
                *below,
                self.footer.root,
                self.hints.root,
            ]
        )

    def _lay(self, parts: list[Any]) -> None:
        self.layout.children = models([*parts, *self.chat.parts])

    # ------------------------------------------------------------------ drawing
    def _changed(self, _old: State, _new: State) -> None:
        # The newest state, not the one of this change: a door may call late, and two changes may then be drawn as one.
        drawn, now = self._drawn, self.session.state
        if self._below and now.star is drawn.star and now.report is drawn.report:
            self._dispatch(self._draw_now)
            return
        # Another star: what is said of it and its spectra are on screen before the rest is even worked out.
        self._dispatch(self._draw_above_now)
        self._dispatch(self._follow, later=True)

    # The state is read under the lock: of two threads that draw, the later one must not bring what it read earlier.
    def _draw_now(self) -> None:
        with self._drawing:
            self._draw(self.session.state)

    def _draw_above_now(self) -> None:
        with self._drawing:
            self._draw_above(self.session.state)

    def _draw(self, new: State) -> None:
        """Draw from what is on screen to ``new`` (a door may merge several changes into one)."""
        self._draw_above(new)
        self._draw_below(new)

    def _follow(self) -> None:
        with self._drawing:
            if not self._staged:
                self.build_all()
            # What is above, not what the session knows by now: the plots are named after what the spectra hold, and a
            # state that those have yet to draw has a call of this of its own.
            self._draw_below(self._drawn)

    def _draw_above(self, new: State) -> None:
        with self._drawing:
            old = self._drawn
            if new is old:
                return
            if self._first is not None and (new.star is not None or new.work):
                self._build()
                old = State()
            self._drawn = new
            first = [] if self._first is None else [self._first]
            update_parts((self.busy, self.notice, self.footer, self.hints, *first, *self._panels), old, new)

    def _draw_below(self, new: State) -> None:
        with self._drawing:
            old = self._drawn_below
            if new is not old and self._below:
                self._drawn_below = new
                update_parts(self._below, old, new)

    def _apply(self, draw: Callable[[], None]) -> None:
        """Draw what a panel has worked out on a thread of its own."""

        def locked() -> None:
            with self._drawing:
                draw()

        self._dispatch(locked)

    # ------------------------------------------------------------------ acting
    def zoom(self, survey: str, low: float, high: float) -> None:
        """Show a stretch (vacuum Angstrom) in the spectrum panel of a survey."""
        self.session.set(**{"xp_zoom" if survey == "gaia_xp" else "zoom": (low, high)})

    def reset_zoom(self) -> None:
        """The whole range again."""
        if not self._panels:
            return
        curves = spectrum_data.optical(self._drawn.star)
        if curves is not None:
            self.lamost.x_range.update(start=self.lamost.x_range.reset_start, end=self.lamost.x_range.reset_end)
        self.xp.x_range.update(start=self.xp.x_range.reset_start, end=self.xp.x_range.reset_end)

    def key(self, key: str, shift: bool = False) -> bool:
        """Act on a key pressed while the widget has the focus; tells whether it meant anything.

        (Keys that go to a field, such as "/", are not among them: the door gives that field the focus, so that nothing
        typed after them is lost.)
        """
        return EXPLORER.press(self.keys, key, shift, full=bool(self._panels))

    def _escape(self) -> None:
        """Stop what runs; else close what lies over the page; else take the overlay away."""
        state = self.session.state
        if state.busy:
            self.session.cancel()
        elif state.candidates:
            self.session.dismiss()
        elif state.view.compare:
            self.session.set(compare=False)
        elif state.view.face_off and state.neighbour is None:
            self.session.face_off(False)
        elif state.view.study and state.neighbour is None:
            self.session.study("")
        elif state.view.brush and state.neighbour is None:
            self.session.set(brush=())
        elif state.view.enlarged and state.neighbour is None:
            self.session.set(enlarged=())
        else:
            self.session.choose(None)

    def act(self, act: str) -> None:
        """Act on a button of the views' HTML (``data-sv-act``): a word, and for some what it is about."""
        word, _, about = act.partition(" ")
        session, state = self.session, self.session.state
        actions: dict[str, Callable[[], Any]] = {
            "cancel": session.cancel,
            "retry": session.retry,
            "again": lambda: session.retry(state.source),
            "online": session.reconnect,
            "dismiss": session.dismiss,
            "open": lambda: session.open(about),
            "pick": lambda: session.pick(int(about)) if about.isdecimal() else None,
            "details": lambda: self._details(about),
            "model": lambda: session.use_model(about),
            "face-off": lambda: session.face_off(not state.view.face_off),
            "face-off-stop": session.stop_face_off,
            "study": lambda: session.study("" if about == state.view.study else about),
            "compare": lambda: session.set(compare=not state.view.compare),
            "correlate": lambda: self._try("The velocity could not be measured", session.cross_correlate),
            "correlate-away": session.drop_velocity,
            "unmeasure": lambda: session.clear_measurements(int(about) if about.isdecimal() else None),
            "jump": lambda: self.keys.jump(about),
            "export": lambda: self.export(about),
            "choose": lambda: session.choose(int(about)) if about.isdecimal() else None,
            "peek": lambda: session.peek(int(about) if about.isdecimal() else None),
            "open-similar": lambda: session.open_neighbour(int(about) if about.isdecimal() else None),
            "filter-similar": lambda: self.similar.typed(about),
            "copy-similar": lambda: self.similar.copy(),
            "similar-way": lambda: session.set(**dict(zip(("similar_by", "similar_in"), about.split(), strict=True))),
            "all-similar": lambda: session.select_region(None),
            "list-region": session.list_region,
        }
        action = actions.get(word)
        if action is not None:
            action()
        elif word.startswith("chat"):
            self.chat.act(act)
        elif word == "study-do" and self._below:
            self.studies.act(about)
        elif word.startswith("pair-") and self._below:
            self.side_by_side.act(act)

    def _measure(self, low: float, high: float) -> None:
        self._try("That could not be measured", lambda: self.session.measure(low, high))

    def _try(self, failed: str, ask: Callable[[], Any]) -> None:
        """Ask for something that a spectrum may not give; why not is said in a notice."""
        try:
            ask()
        except SpecvizError as error:
            self.session.tell(Notice("warning", failed, str(error)))

    def _details(self, about: str) -> None:
        panels: dict[str, Any] = {}
        if self._panels:
            panels = {"gaia_xp": self.xp.message, "lamost_lrs": self.lamost.message}
        panels.get(about, self.notice).toggle_details()

    def attach(self, to: str, name: str, data: bytes) -> None:
        """Take a file that was chosen for something: the work list, or a spectrum that the star on screen lacks."""
        if to == "chat":
            self.chat.attach(name, data)
        elif to == "work":
            self.session.open_bytes(name, data, add=True)
        else:
            self.session.attach(to, name, data)

    KEYS = EXPLORER.wanted

    def close(self) -> None:
        """Stop listening and let everything go."""
        self._unsubscribe()
        self.chat.close()
        if self._below:
            self.map.close()
            self.side_by_side.close()
        self._panels, self._below, self._places = [], [], []
        self._sheets.clear()
        self.layout.children = []
        self._drawn = self._drawn_below = State()
