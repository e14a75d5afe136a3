"""What the keys of the Explorer do: each a change of the session that a line of Python can make as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.session.state import Reason, State
from specviz.views import formats
from specviz.views.anomaly_panel import REASONS
from specviz.views.spectrum_data import own_velocity

HALF = 100.0  # Angstrom on each side of a difference that is looked at
#: Smoothing (pixels, standard deviation) that "+" and "-" step through.
SMOOTHING = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0)
RV_STEP = 1.0  # km/s
#: Within these (Angstrom) a panel has something to zoom to: LAMOST's range and XP's.
OPTICAL, XP = (3690.0, 9110.0), (3360.0, 10200.0)


class ExplorerKeys:
    """The functions that :data:`specviz.views.keys.EXPLORER` names.

    Parameters
    ----------
    session : Session
    escape : callable
        Stops or closes what is uppermost in the view.
    reset : callable
        Lets the view's axes show everything, also where they were dragged.
    say : callable(text), optional
        Told in words what a key has done, for the hint bar and screen readers.
    """

    def __init__(
        self,
        session: Any,
        escape: Callable[[], Any],
        reset: Callable[[], Any],
        say: Callable[[str], Any] = lambda text: None,
    ) -> None:
        self._session, self._say = session, say
        self.escape, self._reset = escape, reset
        self._lines: tuple[str, ...] = ()  # what "L" has switched off
        self._reason: tuple[Any, int] = (None, -1)  # the report and which of its reasons was looked at

    @property
    def _state(self) -> State:
        state: State = self._session.state
        return state

    # ------------------------------------------------------------------ stars
    def previous_star(self) -> None:
        self._session.previous()

    def next_star(self) -> None:
        self._session.next()

    def open_selected(self) -> None:
        self._session.open_neighbour()

    def jump(self, row: str) -> None:
        """Show a row of the work list, counted from 1, as it was typed."""
        n = len(self._state.work)
        if not row.isdecimal() or not 1 <= int(row) <= n:
            self._say(f"No row {row}: the list has {formats.count(n)}" if n else "The work list is empty")
            return
        self._session.go(int(row) - 1)

    # ------------------------------------------------------------------ zoom
    def next_reason(self) -> None:
        self._look(1)

    def previous_reason(self) -> None:
        self._look(-1)

    def _look(self, step: int) -> None:
        report = self._state.report
        anomaly = None if report is None else report.anomaly
        reasons = () if anomaly is None else anomaly.reasons[:REASONS]
        if not reasons:
            self._say("No differences from the model to look at")
            return
        seen, at = self._reason
        at = (at + step) % len(reasons) if seen is report else (0 if step > 0 else len(reasons) - 1)
        self._reason = report, at
        reason = reasons[at]
        self._session.set(**zoom_to(reason))
        where = f"{formats.number(reason.wavelength)} Å"
        self._say(
            f"{reason.name}, {where}, {formats.number(reason.mean_sigma, 1, sign=True)} σ ({at + 1} of {len(reasons)})"
        )

    def reset_zoom(self) -> None:
        self._session.set(zoom=None, xp_zoom=None)
        self._reset()
        self._reason = None, -1

    # ------------------------------------------------------------------ what is drawn
    def toggle_model(self) -> None:
        hidden = set(self._state.view.hidden)
        self._session.set(hidden=tuple(hidden ^ {"model"}))
        self._say("Model shown" if "model" in hidden else "Model hidden")

    def toggle_flux(self) -> None:
        flux = "flux" if self._state.view.flux == "normalised" else "normalised"
        self._session.set(flux=flux)
        self._say("Flux" if flux == "flux" else "Flux over the continuum")

    def toggle_lines(self) -> None:
        shown = self._state.view.lines
        if shown:
            self._lines = shown
        self._session.set(lines=() if shown else self._lines or type(self._state.view)().lines)
        self._say("Lines off" if shown else "Lines on")

    def toggle_rest(self) -> None:
        frame = "observed" if self._state.view.frame == "rest" else "rest"
        self._session.set(frame=frame)
        self._say("Rest frame" if frame == "rest" else "As observed")

    def smoother(self) -> None:
        now = self._state.view.smooth
        self._smooth(next((s for s in SMOOTHING if s > now), now))

    def less_smooth(self) -> None:
        now = self._state.view.smooth
        self._smooth(next((s for s in reversed(SMOOTHING) if s < now), 0.0))

    def _smooth(self, pixels: float) -> None:
        self._session.set(smooth=pixels)
        self._say(f"Smoothed by {pixels:g} px" if pixels else "Not smoothed")

    def rv_up(self) -> None:
        self._velocity(RV_STEP)

    def rv_down(self) -> None:
        self._velocity(-RV_STEP)

    def _velocity(self, step: float) -> None:
        known = self._state.view.rv
        rv = round(((own_velocity(self._state.star) or 0.0) if known is None else known) + step, 1)
        self._session.set(rv=rv)
        self._say(f"RV {formats.number(rv, 1, sign=True)} km s⁻¹")

    def undo(self) -> None:
        self._say("Undone" if self._session.undo() else "Nothing to undo")

    def redo(self) -> None:
        self._say("Redone" if self._session.redo() else "Nothing to redo")


def zoom_to(reason: Reason) -> dict[str, Any]:
    """The view options that show a difference from the model in every panel that reaches there."""
    middle, half = (reason.low + reason.high) / 2, max(HALF, 0.7 * (reason.high - reason.low))
    stretch = middle - half, middle + half
    shown: dict[str, Any] = {}
    for option, (low, high) in (("zoom", OPTICAL), ("xp_zoom", XP)):
        shown[option] = stretch if low < middle < high else None
    return shown
