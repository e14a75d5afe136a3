"""Both posteriors in one corner plot: 68 and 95 % regions of each star, on the same axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d

from specviz.session.pairing import Pair
from specviz.session.state import Posterior
from specviz.views import corner, formats
from specviz.views.controls import html
from specviz.views.corner_axes import CornerAxes
from specviz.views.figures import mark, plain_figure
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame

SHOWN = ("teff", "logg", "fe_h", "alpha_fe")
#: Margins left and below the cells, in cells, and the side of the figure in pixels: as the Explorer's corner.
LEFT, BELOW, EDGE, SIDE = 0.80, 0.68, 0.05, 372
ROLES = ("observed", "similar")


class PairPosterior:
    """The corner of up to four labels that both stars have; of one star where the other has no posterior."""

    def __init__(self) -> None:
        size = len(SHOWN) + (len(SHOWN) - 1) * corner.GAP
        self.figure = fig = plain_figure(
            height=SIDE,
            x_range=Range1d(-LEFT, size + EDGE),
            y_range=Range1d(-BELOW, size + EDGE),
            name="pair-corner",
            x_axis_type=None,
            y_axis_type=None,
        )
        fig.sizing_mode, fig.aspect_ratio = "scale_width", (size + EDGE + LEFT) / (size + EDGE + BELOW)
        fig.min_border = 0
        fig.grid.visible = False
        fig.outline_line_color = None
        fig.background_fill_alpha = fig.border_fill_alpha = 0
        self.fills = [{m: ColumnDataSource(dict(xs=[], ys=[])) for m in corner.LEVELS} for _ in ROLES]
        self.curves = [ColumnDataSource(dict(xs=[], ys=[])) for _ in ROLES]
        self.frames = ColumnDataSource(dict(left=[], bottom=[], right=[], top=[]))
        edges: dict[str, Any] = dict(fill_color=None, line_color=LIGHT["frame"], line_width=1)
        mark(fig, "quad", "left", "right", "top", "bottom", source=self.frames, **edges)
        for i in (1, 0):
            colour = LIGHT[ROLES[i]]
            for mass, alpha in ((0.95, 0.12), (0.68, 0.30)):
                style: dict[str, Any] = dict(fill_color=colour, fill_alpha=alpha, line_color=colour, line_width=1)
                mark(fig, "multi_polygons", "xs", "ys", source=self.fills[i][mass], **style)
            width = 1.4 if i == 0 else 1.8
            mark(fig, "multi_line", "xs", "ys", source=self.curves[i], line_color=colour, line_width=width)
        self.axes = CornerAxes(fig)
        self.message = html("", css=":host { padding: 4px 0; }")
        self.frame = PanelFrame("Posterior", "sv-posterior", body=[self.message, fig])

    def draw(self, pair: Pair) -> None:
        """Show both posteriors on shared ranges."""
        posteriors = _posteriors(pair)
        there = [p for p in posteriors if p is not None]
        names = tuple(n for n in SHOWN if there and all(n in p.names and n not in p.points for p in there))
        missing = [s.name[:30] for s, p in zip(pair.sides, posteriors, strict=True) if p is None and s.star is not None]
        said = (
            f"No posterior of {' and '.join(missing)}." if missing else "" if names or not there else "No shared label."
        )
        self.message.object = f'<span class="sv-quiet">{formats.text(said, 120)}</span>'
        self.message.visible = bool(said)
        if not names:
            self._clear()
            return
        fixed = {}
        for name in names:
            ends = np.array([corner.limits(p[name]) for p in there])
            fixed[name] = (float(ends[:, 0].min()), float(ends[:, 1].max()))
        frame = None
        for i, posterior in enumerate(posteriors):
            made = None if posterior is None else corner.build(posterior, names, {}, formats.DECIMALS, fixed)
            frame = made or frame
            for mass, source in self.fills[i].items():
                source.data = dict(xs=[], ys=[]) if made is None else dict(xs=made.fills[mass], ys=made.fill_ys[mass])
            curves = [] if made is None else made.curves
            self.curves[i].data = dict(xs=[c[0] for c in curves], ys=[c[1] for c in curves])
        assert frame is not None
        self._frame(frame, names)
        surveys = dict.fromkeys(formats.text(p.survey) for p in there)
        self.frame.fact("68 and 95 %" + (", " + " and ".join(_SURVEYS.get(s, s) for s in surveys) if surveys else ""))

    def _frame(self, made: corner.Corner, names: tuple[str, ...]) -> None:
        left, bottom = (np.array([f[k] for f in made.frames]) for k in (0, 1))
        self.frames.data = dict(left=left, bottom=bottom, right=left + 1, top=bottom + 1)
        self.axes.draw(made, lambda label, _side: _heading(names[label]))

    def _clear(self) -> None:
        groups = [source for fills in self.fills for source in fills.values()]
        for source in (*groups, *self.curves, self.frames, *self.axes.marks.values(), *self.axes.titles.values()):
            source.data = {k: [] for k in source.data}
        self.frame.fact("")


def _heading(name: str) -> str:
    unit = formats.unit(name)
    return formats.heading(name) + (f" ({unit})" if unit else "")


_SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP", "sdss": "SDSS"}


def _posteriors(pair: Pair) -> tuple[Posterior | None, Posterior | None]:
    """Of the same kind of spectrum where both stars have one; else each its leading one."""
    reports = [s.report for s in pair.sides]
    held = [{} if r is None else r.posteriors for r in reports]
    shared = next((s for s in ("lamost_lrs", "sdss", "gaia_xp", "other") if all(s in h for h in held)), None)
    if shared is not None:
        return held[0][shared], held[1][shared]
    first, second = (None if r is None else r.posterior for r in reports)
    return first, second
