"""Seven windows on lines that tell most, always in the same place: one piece of HTML for all of them.

SVG in our own type: two models whatever is drawn, colours by name so that they follow the theme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.session.state import State, ViewOptions
from specviz.spectra.frames import doppler_factor
from specviz.views import formats, spectrum_data, stylesheet
from specviz.views.controls import html
from specviz.views.formats import text
from specviz.views.on_screen import OnScreen, on_screen
from specviz.views.spectrum_data import OpticalCurves

Array = NDArray[np.float64]
#: A window is told apart (bold title) where any pixel that is not masked differs from the model by more than this many
#: sigma. sigma^2 = sigma_observed^2 + sigma_model^2 + (0.01 model)^2, the errors by which the anomaly score judges.
BOLD = 5.0
#: Half of the stretch that the main spectrum shows of a window, Angstrom.
HALF = 100.0
#: Of a drawing; it is stretched to its place, lines keep their width.
SIZE, PAD = 1000, 60


@dataclass(frozen=True)
class LineWindow:
    """A stretch of spectrum (vacuum Angstrom, as observed) with the rest wavelengths of its lines."""

    name: str
    low: float
    high: float
    lines: tuple[float, ...]

    @property
    def zoom(self) -> tuple[float, float]:
        """What the main spectrum shows of it: the lines with 100 Angstrom either side."""
        middle = (self.low + self.high) / 2
        return middle - HALF, middle + HALF

    @property
    def ticks(self) -> tuple[float, ...]:
        """Two round wavelengths, near a quarter and three quarters."""
        span = self.high - self.low
        return tuple(10.0 * round((self.low + share * span) / 10.0) for share in (0.25, 0.75))

    @property
    def middle_tick(self) -> float:
        """The one tick where there is no room for two."""
        return 10.0 * round((self.low + self.high) / 20.0)


#: The windows, in the order in which they stand. Wavelengths: NIST Atomic Spectra Database, in vacuum.
WINDOWS = (
    LineWindow("Ca H, K", 3890.0, 4012.0, (3934.77, 3969.59)),
    LineWindow("Hβ", 4817.0, 4907.0, (4862.68,)),
    LineWindow("Mg b", 5130.0, 5220.0, (5168.76, 5174.12, 5185.05)),
    LineWindow("Na D", 5850.0, 5940.0, (5891.58, 5897.56)),
    LineWindow("Hα [N II]", 6520.0, 6610.0, (6549.86, 6564.61, 6585.27)),
    LineWindow("[S II]", 6680.0, 6770.0, (6718.29, 6732.67)),
    LineWindow("Ca II", 8480.0, 8600.0, (8500.36, 8544.44)),
)
_CSS = f"""
:host {{ display: block; width: 100%; border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); padding-top: 4px; margin-top: 4px !important; }}
.sv-windows {{ display: grid; grid-template-columns: repeat({len(WINDOWS)}, minmax(0, 1fr)); gap: 4px 8px; padding: 0 0 2px; }}
@container (max-width: 699px) {{ .sv-windows {{ grid-template-columns: repeat(4, minmax(0, 1fr)); }} }}
.sv-win {{ display: block; font: inherit; font-size: 12px; line-height: 18px; padding: 1px 4px 0; margin: 0; border: 1px solid transparent; border-radius: 2px;
  background: none; color: inherit; text-align: left; cursor: pointer; min-width: 0; }}
.sv-win:hover {{ background: var(--jp-layout-color2); }}
.sv-win:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -1px; }}
.sv-win[aria-pressed="true"] {{ border-color: var(--jp-brand-color1); background: var(--sv-selected); }}
.sv-win > span {{ display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
.sv-win > span.sv-bold {{ font-weight: 700; }}
.sv-win svg {{ display: block; width: 100%; height: 112px; background: var(--jp-layout-color1); outline: 1px solid var(--sv-frame); outline-offset: -1px; }}
.sv-win path, .sv-win line {{ vector-effect: non-scaling-stroke; fill: none; }}
.sv-win .o {{ stroke: var(--sv-observed); stroke-width: 1; }} .sv-win .e {{ fill: var(--sv-observed); fill-opacity: 0.16; }}
.sv-win .m {{ stroke: var(--sv-reconstructed); stroke-width: 2; stroke-opacity: 0.78; }}
.sv-win .c {{ stroke: var(--sv-continuum); stroke-width: 1; stroke-dasharray: 5 4; }}
.sv-win .l {{ stroke: var(--sv-tick); stroke-width: 1; stroke-dasharray: 2 2; }}
.sv-win .x {{ fill: var(--sv-masked); fill-opacity: 0.16; }} .sv-win .n {{ fill: var(--sv-telluric); }}
.sv-win i {{ display: block; position: relative; height: 16px; font-style: normal; font-size: 11px; line-height: 16px; color: {stylesheet.QUIET}; }}
.sv-win i b {{ position: absolute; transform: translateX(-50%); font-weight: 400; }} .sv-win i b.one {{ display: none; }}
.sv-win i b::before {{ content: ""; position: absolute; left: 50%; top: -2px; height: 3px; border-left: 1px solid var(--sv-tick); }}
@container (max-width: 1199px) {{ .sv-windows {{ column-gap: 2px; }} .sv-win i b {{ display: none; }} .sv-win i b.one {{ display: block; }} }}
"""


class LineWindows:
    """The row of windows below the residual strip.

    Parameters
    ----------
    session : VetSession
        A window that is pressed is shown in the main spectrum: ``session.set(zoom=...)``.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._drawn: tuple[Any, ...] | None = None
        self.root = html(css=_CSS, name="vet-windows", classes=["sv-vet-windows"], html_attributes={"data-sv-hold": ""})
        self._draw(State(view=session.state.view))

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._draw(new)

    def prepare(self, star: Any, report: Any, view: ViewOptions) -> None:
        """Work out what a star will look like here; may be called from any thread."""
        self._written(OnScreen(star.name, star, report), view.for_another_star())

    def _draw(self, state: State) -> None:
        now, view = on_screen(state), state.view
        drawn = (now.star, now.report, view.rv, view.hidden, chosen(view), view.flux)
        if drawn != self._drawn:
            self._drawn = drawn
            self.root.object = self._written(now, view)

    @staticmethod
    def _written(now: OnScreen, view: ViewOptions) -> str:
        curves = None
        if spectrum_data.optical(now.star) is not None:
            # with the same arguments as the main spectrum, so that it is worked out once
            curves = spectrum_data.optical_curves(now.star, now.report, normalised=view.flux == "normalised")
        rv = view.rv if view.rv is not None else spectrum_data.own_velocity(now.star) or 0.0
        return windows_html(curves, rv, chosen=chosen(view), model="model" not in view.hidden)

    # ------------------------------------------------------------------ going there
    def go(self, window: int) -> None:
        """Show a window in the main spectrum; the one that is shown already gives way to the whole range."""
        if not 0 <= window < len(WINDOWS):
            return
        again = window == chosen(self._session.state.view)
        self._session.set(zoom=None if again else WINDOWS[window].zoom)
        self._session.set_window(None if again else window)

    def next(self) -> None:
        """The window to the right, from the last on the first."""
        here = chosen(self._session.state.view)
        self.go(0 if here is None else (here + 1) % len(WINDOWS))

    def previous(self) -> None:
        """The window to the left, from the first on the last."""
        here = chosen(self._session.state.view)
        self.go(len(WINDOWS) - 1 if here is None else (here - 1) % len(WINDOWS))

    def act(self, act: str) -> bool:
        """A press on a window (``data-sv-act="window NUMBER"``); whether it was one."""
        word, _, about = act.partition(" ")
        if word != "window" or not about.isdecimal():
            return False
        self.go(int(about))
        return True


def chosen(view: ViewOptions) -> int | None:
    """The window that the main spectrum shows, by its range: it stays chosen from star to star, and not after a reset."""
    if view.zoom is None:
        return None
    low, high = view.zoom
    near = (i for i, w in enumerate(WINDOWS) if abs(w.zoom[0] - low) < 0.1 and abs(w.zoom[1] - high) < 0.1)
    return next(near, None)


def differs(curves: OpticalCurves, window: LineWindow) -> float:
    """The largest |O - M| in sigma in a window, NaN where there is no model; see :data:`BOLD`."""
    x, y = curves.judged["x"], curves.judged["y"]
    inside = np.abs(y[(x >= window.low) & (x <= window.high)])
    inside = inside[np.isfinite(inside)]
    return float(inside.max()) if inside.size else float("nan")


@lru_cache(maxsize=8)
def windows_html(
    curves: OpticalCurves | None, rv: float = 0.0, *, chosen: int | None = None, model: bool = True
) -> str:
    """All windows. The latest are kept: those of the next star are written before it is asked for.

    Parameters
    ----------
    curves : OpticalCurves or None
        None: the windows stand there empty.
    rv : float
        Radial velocity (km/s) at which the lines are marked.
    chosen : int, optional
        The window that is outlined.
    model : bool
        Draw the reconstruction.
    """
    parts = (_window(i, w, curves, rv, pressed=i == chosen, model=model) for i, w in enumerate(WINDOWS))
    return f'<div class="sv-windows" role="group" aria-label="Line windows">{"".join(parts)}</div>'


def _window(
    number: int, window: LineWindow, curves: OpticalCurves | None, rv: float, *, pressed: bool, model: bool
) -> str:
    span = window.high - window.low
    worst = float("nan") if curves is None else differs(curves, window)
    bold = worst > BOLD
    body, seen = ("", False) if curves is None else _drawing(window, curves, model=model)
    factor = doppler_factor(rv)
    at = [(line * factor - window.low) / span * SIZE for line in window.lines]
    lines = "".join(f'<line class="l" x1="{x:.0f}" x2="{x:.0f}" y1="0" y2="{SIZE}"/>' for x in at if 0 <= x <= SIZE)
    ticks = "".join(_tick(t, window) for t in window.ticks) + _tick(window.middle_tick, window, " class=one")
    said = f"{window.name}, {formats.number(window.low)} to {formats.number(window.high)} Å"
    if curves is not None:
        said += ", no data" if not seen else ""
        said += f", largest difference from the model {formats.number(worst, 1)} σ" if np.isfinite(worst) else ""
    title = text(window.name)
    return (
        f'<button class="sv-win" data-sv-act="window {number}" aria-pressed="{str(pressed).lower()}" aria-label="{text(said)}" title="{text(said)}">'
        f"<span{' class=sv-bold' if bold else ''}>{title}</span>"
        f'<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" aria-hidden="true">{lines}{body}</svg><i>{ticks}</i></button>'
    )


def _tick(at: float, window: LineWindow, klass: str = "") -> str:
    left = 100 * (at - window.low) / (window.high - window.low)
    return f'<b{klass} style="left:{left:.1f}%">{formats.number(at)}</b>'


def _drawing(window: LineWindow, curves: OpticalCurves, *, model: bool) -> tuple[str, bool]:
    """What is in the frame, and whether anything was observed there."""
    span = window.high - window.low
    wave = curves.wavelength

    def across(x: Any) -> NDArray[np.int64]:
        return np.rint(np.clip((np.asarray(x, float) - window.low) / span, -0.1, 1.1) * SIZE).astype(np.int64)

    empty = "".join(
        f'<rect class="n" x="{a}" y="0" width="{b - a}" height="{SIZE}"/>' for a, b in _outside(window, wave, across)
    )
    first, last = np.searchsorted(wave, (window.low, window.high))
    first, last = max(int(first) - 1, 0), min(int(last) + 1, wave.size)
    x, y, e = (np.asarray(curves.data[name][first:last], float) for name in ("x", "y", "e"))
    seen = np.isfinite(y)
    if x.size < 2 or not seen[(x >= window.low) & (x <= window.high)].any():
        return empty, False
    made = _inside(curves.model, window)
    has_model = bool(made["x"].size > 1)
    good = seen & ~_covered(x, curves.masks)
    base = made if has_model else local_continuum(x, np.where(good, y, np.nan), window)
    low, high = _limits(y, base["y"] if base["x"].size > 1 else y)

    def up(v: Any) -> NDArray[np.int64]:
        return np.rint(SIZE - PAD - np.clip((v - low) / (high - low), -2, 3) * (SIZE - 2 * PAD)).astype(np.int64)

    edges = across(np.r_[x[0] - (x[1] - x[0]) / 2, (x[1:] + x[:-1]) / 2, x[-1] + (x[-1] - x[-2]) / 2])
    band, steps = [], []
    known = good & np.isfinite(e)
    for a, b in runs(known):
        band.append(_band(edges[a : b + 1], up(y[a:b] + e[a:b]), up(y[a:b] - e[a:b])))
    for a, b in runs(good):
        steps.append(_steps(edges[a : b + 1], up(y[a:b])))
    masked = "".join(
        f'<rect class="x" x="{edges[a]}" y="0" width="{edges[b] - edges[a]}" height="{SIZE}"/>'
        f'<rect x="{edges[a]}" y="{SIZE - 35}" width="{edges[b] - edges[a]}" height="35" fill="var(--sv-masked)"/>'
        for a, b in runs(~good)
    )
    curve = ""
    if base["x"].size > 1 and (model or not has_model):
        curve = f'<path class="{"m" if has_model else "c"}" d="{_line(across(base["x"]), up(base["y"]))}"/>'
    return (
        f'{empty}{masked}<path class="e" d="{"".join(band)}"/>{curve}<path class="o" d="{"".join(steps)}"/>',
        True,
    )


def _outside(window: LineWindow, wave: Array, across: Any) -> Iterator[tuple[int, int]]:
    """Where the spectrum does not reach."""
    if wave[0] > window.low:
        yield 0, int(min(across(wave[0]), SIZE))
    if wave[-1] < window.high:
        yield int(max(across(wave[-1]), 0)), SIZE


def _inside(columns: dict[str, Array], window: LineWindow) -> dict[str, Array]:
    x = columns["x"]
    first, last = np.searchsorted(x, (window.low, window.high))
    part = slice(max(int(first) - 1, 0), min(int(last) + 1, x.size))
    inside = x.size and x[-1] >= window.low and x[0] <= window.high
    return {name: columns[name][part] if inside else columns[name][:0] for name in ("x", "y")}


def local_continuum(x: Array, y: Array, window: LineWindow) -> dict[str, Array]:
    """A straight line through the medians of a window's outer quarters, where its lines are not; what the eye compares
    with where there is no model. Empty if a quarter has fewer than three good pixels (``y`` is NaN at the others).
    """
    quarter = (window.high - window.low) / 4
    ends = []
    for low, high in ((window.low, window.low + quarter), (window.high - quarter, window.high)):
        inside = (x >= low) & (x <= high) & np.isfinite(y)
        if inside.sum() < 3:
            return dict(x=np.empty(0), y=np.empty(0))
        ends.append((float(x[inside].mean()), float(np.median(y[inside]))))
    (x0, y0), (x1, y1) = ends
    slope = (y1 - y0) / (x1 - x0)
    at = np.array([window.low, window.high])
    return dict(x=at, y=y0 + slope * (at - x0))


def _covered(x: Array, masks: dict[str, Array]) -> NDArray[np.bool_]:
    """Pixels within a masked stretch."""
    left, right = masks["left"], masks["right"]
    if not left.size:
        return np.zeros(x.size, bool)
    at = np.searchsorted(left, x, "right") - 1
    return (at >= 0) & (x <= right[np.maximum(at, 0)])


def _limits(flux: Array, base: Array) -> tuple[float, float]:
    """Of the frame: all that is drawn but single pixels that stand out, which may leave it."""
    values = flux[np.isfinite(flux)]
    if values.size >= 5:  # a median of three takes away what is one pixel wide and leaves every line
        values = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    base = base[np.isfinite(base)]
    low, high = min(values.min(), base.min(initial=np.inf)), max(values.max(), base.max(initial=-np.inf))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return float(low), float(high)


def runs(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and the one behind the last of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, on.astype(np.int8), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _steps(edges: NDArray[np.int64], y: NDArray[np.int64]) -> str:
    """A histogram: each pixel as wide as it is."""
    x, v = edges.tolist(), y.tolist()
    return f"M{x[0]} {v[0]}H{x[1]}" + "".join(f"V{b}H{a}" for a, b in zip(x[2:], v[1:], strict=True))


def _band(edges: NDArray[np.int64], upper: NDArray[np.int64], lower: NDArray[np.int64]) -> str:
    x, low = edges.tolist(), lower.tolist()
    back = "".join(f"V{b}H{a}" for a, b in zip(x[-2::-1], low[::-1], strict=True))
    return _steps(edges, upper) + back + "Z"


def _line(x: NDArray[np.int64], y: NDArray[np.int64]) -> str:
    return "M" + "L".join(f"{a} {b}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
