"""Marks of the strongest lines over the comparison's spectra, at their rest wavelengths, and their switch."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, Toggle
from bokeh.plotting import figure

from specviz.views import stylesheet
from specviz.views.controls import sheet
from specviz.views.figures import MARKS, labels, mark
from specviz.views.line_marks import MARKS_SHOWN
from specviz.views.palette import LIGHT

#: A button that stays pressed.
TOGGLE = (
    stylesheet.SMALL_BUTTON
    + ".bk-btn.bk-active, .bk-btn.bk-active:hover { background: var(--sv-selected); border-color: var(--jp-brand-color1); font-weight: 500; }"
)
#: In a crowded stretch the label of lower rank gives way; its ticks stay.
_THIN = """
const known = !fig.properties.inner_width.is_unset  // not before the figure is laid out
const d = source.data, width = (known && fig.inner_width) || 700, span = xr.end - xr.start
const at = Array.from(d.x, (_, i) => i).sort((a, b) => d.rank[b] - d.rank[a]), kept = [], text = Array.from(d.label, () => '')
for (const i of at) {
    const px = (d.x[i] - xr.start) / span * width, half = d.label[i].length * 3.4 + 5
    if (px < half - 8 || px > width - half + 8) continue
    if (kept.every(([p, h]) => Math.abs(p - px) > h + half)) { kept.push([px, half]); text[i] = d.label[i] }
}
if (text.some((t, i) => t !== d.text[i])) { source.data.text = text; source.change.emit() }
"""


def thin(fig: figure, words: ColumnDataSource) -> None:
    """Keep labels of a figure from overlapping as its x range changes, in the browser.

    ``words`` has the columns x, label, rank and text: what of a label is shown, "" where it gives way.
    """
    script = CustomJS(args=dict(source=words, xr=fig.x_range, fig=fig), code=_THIN)
    for end in ("start", "end"):
        fig.x_range.js_on_change(end, script)
    fig.js_on_change("inner_width", script)
    words.js_on_change("data", script)


def strongest_lines(fig: figure) -> Toggle:
    """Draw the marks on the 0-1 range of a spectrum figure; gives the button that switches them, in the browser."""
    rest = np.array([t for m in MARKS_SHOWN for t in m.ticks])
    ticks = ColumnDataSource(dict(x=rest, y0=np.full(rest.size, 0.885), y1=np.full(rest.size, 0.935)))
    centres = np.array([float(np.mean(m.ticks)) for m in MARKS_SHOWN])
    names, rank = [m.label for m in MARKS_SHOWN], [m.rank for m in MARKS_SHOWN]
    words = ColumnDataSource(dict(x=centres, y=np.full(centres.size, 0.992), text=list(names), label=names, rank=rank))
    segment = mark(
        fig,
        "segment",
        "x",
        "y0",
        "x",
        "y1",
        source=ticks,
        y_range_name=MARKS,
        line_color=LIGHT["lines"],
        level="overlay",
    )
    text = labels(fig, words, y_range=MARKS, level="overlay")
    thin(fig, words)
    control = Toggle(label="Lines", active=True, margin=0, stylesheets=[sheet(TOGGLE)])
    switch = CustomJS(args=dict(marks=[segment, text]), code="for (const m of marks) m.visible = cb_obj.active")
    control.js_on_change("active", switch)
    return control
