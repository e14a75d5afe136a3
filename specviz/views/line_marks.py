"""Line marks over a spectrum: short ticks at the top of the frame with labels that never overlap, and their switch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, Toggle
from bokeh.plotting import figure

from specviz.views import stylesheet
from specviz.views.controls import sheet
from specviz.views.figures import MARKS, labels, mark
from specviz.views.palette import LIGHT


@dataclass(frozen=True)
class Mark:
    """A label and the vacuum wavelengths (Angstrom, rest frame) of the ticks it stands for; the first to be dropped
    has the lowest rank."""

    label: str
    ticks: tuple[float, ...]
    rank: int


MARKS_SHOWN = (
    Mark("Ca H, K", (3934.77, 3969.59), 9),
    Mark("Hδ", (4102.89,), 3),
    Mark("CH", (4305.6,), 2),
    Mark("Hγ", (4341.68,), 5),
    Mark("Hβ", (4862.68,), 8),
    Mark("Mg b", (5168.76, 5174.12, 5185.05), 8),
    Mark("Na D", (5891.58, 5897.56), 7),
    Mark("Hα", (6564.61,), 9),
    Mark("Ca II", (8500.36, 8544.44, 8664.52), 7),
)


class LineMarks:
    """Ticks and labels of the strongest lines on the 0-1 range of a spectrum figure.

    The labels of a crowded stretch give way by rank, in the browser, whenever the visible range changes.
    """

    def __init__(self, fig: figure) -> None:
        rest = np.array([t for m in MARKS_SHOWN for t in m.ticks])
        self.ticks = ColumnDataSource(dict(x=rest, y0=np.full(rest.size, 0.885), y1=np.full(rest.size, 0.935)))
        centres = np.array([float(np.mean(m.ticks)) for m in MARKS_SHOWN])
        names = [m.label for m in MARKS_SHOWN]
        self.names = ColumnDataSource(
            dict(
                x=centres,
                y=np.full(centres.size, 0.992),
                text=list(names),
                label=names,
                rank=[m.rank for m in MARKS_SHOWN],
            )
        )
        segment = mark(
            fig,
            "segment",
            "x",
            "y0",
            "x",
            "y1",
            source=self.ticks,
            y_range_name=MARKS,
            line_color=LIGHT["lines"],
            line_width=1,
            level="overlay",
        )
        text = labels(fig, self.names, y_range=MARKS, level="overlay")
        thin = CustomJS(
            args=dict(source=self.names, xr=fig.x_range, fig=fig),
            code="""
            const d = source.data, width = fig.inner_width || 700, span = xr.end - xr.start
            const at = [...d.x.keys()].sort((a, b) => d.rank[b] - d.rank[a]), kept = [], text = d.x.map ? Array.from(d.label, () => '') : []
            for (const i of at) {
                const px = (d.x[i] - xr.start) / span * width, half = d.label[i].length * 3.4 + 5
                if (px < half - 8 || px > width - half + 8) continue
                if (kept.every(([p, h]) => Math.abs(p - px) > h + half)) { kept.push([px, half]); text[i] = d.label[i] }
            }
            if (text.some((t, i) => t !== d.text[i])) { source.data.text = text; source.change.emit() }
            """,
        )
        fig.x_range.js_on_change("start", thin)
        fig.x_range.js_on_change("end", thin)
        fig.js_on_change("inner_width", thin)
        self.control = Toggle(label="Lines", active=True, margin=0, stylesheets=[sheet(_TOGGLE)])
        self.control.js_on_change(
            "active",
            CustomJS(args=dict(marks=[segment, text]), code="for (const m of marks) m.visible = cb_obj.active"),
        )


_TOGGLE = (
    stylesheet.SMALL_BUTTON
    + """.bk-btn.bk-active, .bk-btn.bk-active:hover { background: var(--sv-selected); border-color: var(--jp-brand-color1); font-weight: 500; }"""
)
