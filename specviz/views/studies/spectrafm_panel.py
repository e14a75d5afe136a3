"""The panel of SpectraFM: a part of the spectrum is chosen by dragging, its labels and its attention are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock, Timer
from typing import Any

import numpy as np
from bokeh.events import DoubleTap, SelectionGeometry
from bokeh.models import BoxAnnotation, BoxSelectTool, ColumnDataSource, Range1d
from numpy.typing import NDArray

from specviz.session.state import State
from specviz.spectra.frames import doppler_factor
from specviz.spectra.lines import LINES
from specviz.views import formats, spectrum_data
from specviz.views.controls import column, html, name_plot, row, show
from specviz.views.figures import MARKS, labels, light, mark, spectrum_figure
from specviz.views.pair_lines import thin
from specviz.views.palette import LIGHT
from specviz.views.studies import spectrafm_text
from specviz.views.studies.place import said, study_frame

Range = tuple[float, float]
#: A narrower stretch, Angstrom, was a click.
NARROWEST = 2.0
#: Seconds between two questions while a stretch is dragged.
PAUSE = 0.15
#: A typed wavelength beyond these, Angstrom, is half a number.
TYPED = (2000.0, 30000.0)
FULL = (3690.0, 9110.0)
_EMPTY: NDArray[np.float64] = np.empty(0)
_SIDES = """
@container (max-width: 1039px) { :host { flex-wrap: wrap !important; } :host > * { flex: 1 1 100% !important; width: 100% !important; max-width: none !important; } }
:host { align-items: flex-start; gap: 16px !important; } :host > .sv-numbers { flex: 0 0 440px; max-width: 440px; }
"""
_BELOW = """
@container (min-width: 700px) and (max-width: 1039px) { :host { flex-flow: row wrap !important; gap: 0 32px !important; }
:host > * { flex: 1 1 0 !important; min-width: 300px; } :host > .sv-labels { flex: 1 0 448px !important; } }
"""


class SpectraFMPanel:
    """The spectrum with the stretch that is asked, the attention over wavelength, and the labels.

    A drag draws the stretch, a drag of its inside or edges moves it, a double click asks the whole spectrum. All of it
    is the option ``ask`` of the view; the label whose attention is drawn is ``ask_label``.

    Parameters
    ----------
    session : Session
    apply : callable
        Draws what was worked out on another thread.
    """

    def __init__(self, session: Any, apply: Callable[[Callable[[], None]], None]) -> None:
        self._session, self._apply = session, apply
        self._state = State()
        self._ends = {"low": "", "high": ""}  # what stands in the fields
        self._shown: Range | None = None  # the stretch that the box shows
        self._note, self._turn = "", 0
        self._dragged: Range | None = None  # not asked yet
        self._timer: Timer | None = None
        self._lock = Lock()
        self._window, self._controls = FULL, ""
        self._build_figures()
        self.words = html("", css=":host { padding: 4px 0; }")
        self.controls = html("", css=spectrafm_text.CSS, name="ask-controls")
        self.fields = html(spectrafm_text.fields("", "", FULL), css=spectrafm_text.CSS, name="ask-fields")
        self.said = html("", css=spectrafm_text.SAID, name="ask-said")
        self.table = html("", css=spectrafm_text.TABLE, name="ask-table", classes=["sv-labels"])
        self.parts = html("", css=spectrafm_text.PARTS, name="ask-parts")
        sides = row(
            column(self.figure, self.strip, classes=["sv-grow"]),
            column(self.words, self.table, self.parts, classes=["sv-numbers"], css=_BELOW),
            css=_SIDES,
        )
        above = row(self.controls, self.fields, css=":host { flex-wrap: wrap !important; gap: 0 16px !important; }")
        self.frame = study_frame("Ask a part of the spectrum", body=[above, self.said, sides])
        self._write_controls(session.state)

    # ------------------------------------------------------------------ building
    def _build_figures(self) -> None:
        self.x_range = Range1d(*FULL, bounds=(2000, 26000), reset_start=FULL[0], reset_end=FULL[1])
        self.data = ColumnDataSource(dict(x=_EMPTY, y=_EMPTY))
        self.masks = ColumnDataSource(dict(left=_EMPTY, right=_EMPTY))
        self.attention = ColumnDataSource(dict(x=_EMPTY, y=_EMPTY))
        self.peaks = ColumnDataSource(dict(x=_EMPTY, y=_EMPTY))
        self.names = ColumnDataSource(dict(x=[], y=[], text=[], label=[], rank=[]))
        self.lines = ColumnDataSource(dict(x=_EMPTY))
        self.figure = fig = spectrum_figure(self.x_range, height=190, name="ask-flux", y_label="Flux (relative)")
        self.strip = strip = spectrum_figure(
            self.x_range, height=178, name="ask-attention", x_label="Vacuum wavelength, as observed (Å)",
            y_label="Attention",
        )  # fmt: skip
        band: dict[str, Any] = dict(source=self.masks, fill_color=LIGHT["masked"], y_range_name=MARKS, line_color=None)
        mark(fig, "quad", "left", "right", 1, 0, fill_alpha=0.13, **band)
        mark(fig, "quad", "left", "right", 0.035, 0, **band)
        mark(
            fig, "line", "x", "y", source=self.data, line_color=LIGHT["observed"], line_width=0.75, name="ask-spectrum"
        )
        blue = LIGHT["reconstructed"]
        self.box = BoxAnnotation(
            visible=False, editable=True, level="overlay", line_width=1.5, line_color=blue, fill_color=blue,
            fill_alpha=0.12, left=np.nan, right=np.nan, top=np.nan, bottom=np.nan, name="ask-box",
        )  # fmt: skip
        select = BoxSelectTool(dimensions="width", renderers=[], overlay=self.box, persistent=True, continuous=True)
        fig.toolbar.tools = [*fig.toolbar.tools, select]
        fig.toolbar.active_drag = select
        fig.on_event(SelectionGeometry, self._drag)
        fig.on_event(DoubleTap, lambda _event: self._ask(None))
        even: dict[str, Any] = dict(line_color=LIGHT["continuum"], line_dash=[5, 4], line_width=1)
        mark(strip, "segment", 0, 1, 30000, 1, level="underlay", **even)
        style: dict[str, Any] = dict(y_range_name=MARKS, line_color=LIGHT["tick"])
        mark(strip, "segment", "x", 0, "x", 0.03, source=self.lines, **style)
        mark(strip, "line", "x", "y", source=self.attention, line_color=blue, line_width=1.2, name="ask-attention-line")
        mark(strip, "scatter", "x", "y", source=self.peaks, size=4.5, fill_color=blue, line_color=None)
        labels(strip, self.names, y_range=MARKS, level="overlay")
        thin(strip, self.names)

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        if new.star is not old.star or new.view.flux != old.view.flux:
            self._draw_star(new, reset=new.star is not old.star)
        if new.study is not old.study or new.star is not old.star:
            self._draw_answer(new)
        if new.star is not old.star or new.view.rv != old.view.rv:
            self._draw_lines(new)
        self._write_controls(new)
        if new.view.ask != self._shown:
            self._show_box(new.view.ask)
        if new.view.ask != self._typed_range() and new.view.ask != old.view.ask:
            self._write_fields(new.view.ask)

    def _draw_star(self, state: State, *, reset: bool) -> None:
        curves = None
        if spectrum_data.optical(state.star) is not None:
            curves = spectrum_data.optical_curves(state.star, state.report, normalised=state.view.flux == "normalised")
        elif state.star is not None:
            curves = spectrum_data.xp_as_optical(state.star, state.report)
        if curves is None:
            for source in (self.data, self.masks):
                source.data = dict.fromkeys(source.data, _EMPTY)
            return
        normal = state.view.flux == "normalised"
        x, y = curves.data["x"], curves.data["y"] / curves.data["level"] if normal else curves.data["y"]
        self.data.data, self.masks.data = light(dict(x=x, y=y)), curves.masks
        low, high = spectrum_data.y_limits(y)
        self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)
        label = curves.normal_label if normal else curves.flux_label
        if self.figure.yaxis[0].axis_label != label:
            self.figure.yaxis[0].axis_label = label
        if reset:
            start, end = curves.x_range
            self.x_range.update(start=start, end=end, reset_start=start, reset_end=end)
            self._window = float(x[0]), float(x[-1])
            self._shown = None  # drawn again, to the height of this star
            self.box.visible = False
            self._write_fields(state.view.ask)

    def _draw_lines(self, state: State) -> None:
        own = spectrum_data.own_velocity(state.star)
        factor = doppler_factor(state.view.rv if state.view.rv is not None else own or 0.0)
        self.lines.data = dict(x=np.array([one.wavelength for group in LINES.values() for one in group]) * factor)

    def _draw_answer(self, state: State) -> None:
        study = state.study if state.study is not None and state.study.name == "spectrafm" else None
        answer = None if study is None else study.answer
        self.words.object = said(study, state.busy)
        show(self.words.model, bool(self.words.object))
        if answer is None:
            self.said.object = self.table.object = self.parts.object = ""
            self._draw_attention(_EMPTY, _EMPTY, ())
            self.frame.fact("")
            return
        self.said.object = spectrafm_text.sentence(answer, self._note)
        self.table.object = spectrafm_text.table(answer)
        self.parts.object = spectrafm_text.parts(answer)
        self._draw_attention(answer.wavelength, answer.attention, answer.peaks)
        self.frame.fact(answer.model, "It reads any pixels that it is given, in bags of at most as many as it can hold")
        self._describe(answer)

    def _draw_attention(self, wavelength: Any, attention: Any, peaks: Any) -> None:
        top = float(np.nanmax(attention)) if np.isfinite(attention).any() else 1.0
        self.attention.data = light(dict(x=wavelength, y=attention))
        self.peaks.data = light(dict(x=[p.wavelength for p in peaks], y=[p.height for p in peaks]))
        names = [p.line or f"{formats.number(p.wavelength)} Å" for p in peaks]
        rank = [p.height + (1000.0 if p.line else 0.0) for p in peaks]  # a name says more than a number
        where = [p.wavelength for p in peaks]
        self.names.data = dict(x=where, y=[0.985] * len(names), text=list(names), label=names, rank=rank)
        self.strip.y_range.update(start=0.0, end=1.3 * max(top, 1.0))

    def _describe(self, answer: Any) -> None:
        """What the two plots show, for those who cannot see them."""
        read = spectrafm_text.what_was_read(answer)
        name_plot(self.figure, f"Spectrum with the stretch that is asked. {read}")
        where = ", ".join(p.line or f"{formats.number(p.wavelength)} Å" for p in answer.peaks[:5])
        of = formats.heading(answer.chosen)
        name_plot(self.strip, f"Attention of {of} over wavelength" + (f", highest at {where}" if where else ""))

    # ------------------------------------------------------------------ the controls
    def _write_controls(self, state: State) -> None:
        answer = None if state.study is None else state.study.answer
        known = tuple(one.name for one in getattr(answer, "labels", ()))
        written = spectrafm_text.controls(state.view, known)
        # Only when it says something else: a switch that the browser has turned must not lose the focus.
        bare = written.replace('aria-pressed="true"', "").replace('aria-pressed="false"', "").replace(" selected", "")
        if bare != self._controls and (known or not self._controls):
            self._controls, self.controls.object = bare, written

    def _show_box(self, ask: Range | None) -> None:
        """Draw the stretch that a program, a button or a field chose."""
        self._shown = ask
        if ask is None:
            self.box.visible = False
        else:
            y = self.figure.y_range
            self.box.update(left=ask[0], right=ask[1], top=y.end, bottom=y.start, visible=True)

    def _write_fields(self, ask: Range | None) -> None:
        self._ends = {"low": "", "high": ""} if ask is None else {"low": _written(ask[0]), "high": _written(ask[1])}
        self._note, self._turn = "", self._turn + 1
        self.fields.object = spectrafm_text.fields(self._ends["low"], self._ends["high"], self._window, self._turn)

    # ------------------------------------------------------------------ acting
    def act(self, about: str) -> None:
        """A control of this panel: ``low 4500`` and ``high 5200`` come from its fields, ``label fe_h`` from its list."""
        word, _, value = about.partition(" ")
        if word == "label":
            self._session.set(ask_label=value)
        if word not in self._ends:
            return
        self._ends[word] = value.strip()
        asked = self._typed_range()
        self._note = ""
        if not any(self._ends.values()):
            self._ask(None)
        elif asked is None:
            self._note = "Type two vacuum wavelengths in Å, the lower one first"
        else:
            self._ask(asked)
        answer = None if self._state.study is None else self._state.study.answer
        if answer is not None:
            self.said.object = spectrafm_text.sentence(answer, self._note)

    def _typed_range(self) -> Range | None:
        """What stands in the fields, an empty one as the end of the spectrum; None if that is no stretch."""
        if not any(self._ends.values()):
            return None
        ends = []
        for word, end in zip(("low", "high"), self._window, strict=True):
            try:
                ends.append(float(self._ends[word].replace(",", ".")) if self._ends[word] else round(end, 1))
            except ValueError:
                return None
        low, high = ends
        good = all(math.isfinite(v) and TYPED[0] <= v <= TYPED[1] for v in ends) and high - low >= NARROWEST
        return (low, high) if good else None

    def _drag(self, event: Any) -> None:
        """The box is drawn, moved or stretched in the browser: ask now and then, and in any case at the end."""
        shape = event.geometry
        if shape.get("type") != "rect":
            return
        low, high = sorted((round(float(shape["x0"]), 1), round(float(shape["x1"]), 1)))
        if not (math.isfinite(low) and low > 0):
            return
        if high - low < NARROWEST:
            if event.final:  # a click: the box that it left is taken away
                self.box.visible = False
                self._show_box(self._session.state.view.ask)
            return
        with self._lock:
            self._dragged = low, high
            waiting = self._timer is not None
            if not waiting:
                self._timer = Timer(PAUSE, self._ask_dragged)
                self._timer.daemon = True
                self._timer.start()
        if event.final:
            self._ask_dragged()

    def _ask_dragged(self) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
            asked, self._dragged = self._dragged, None
        if timer is not None:
            timer.cancel()
        if asked is not None:
            self._shown = asked  # the box in the browser is ahead of what it would be told
            self._ask(asked)

    def _ask(self, part: Range | None) -> None:
        self._session.set(ask=part)


def _written(wavelength: float) -> str:
    return f"{wavelength:.1f}".removesuffix(".0")
