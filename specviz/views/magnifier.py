"""The magnifier: a small pane that enlarges what is under the pointer, made when it is first wanted."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, Range1d
from bokeh.plotting import figure

from specviz.views import stylesheet
from specviz.views.controls import sheet
from specviz.views.figures import dress, mark, plain_figure
from specviz.views.palette import LIGHT
from specviz.views.settings import Settings
from specviz.views.spectral_axis import Curve, count_wavelengths

#: Half of the stretch that is enlarged, Angstrom: a line and its neighbours at LAMOST's resolution.
HALF = 30.0
WIDTH, HEIGHT = 264, 176
_CSS = f"""
{stylesheet.HIDE}
:host {{ position: absolute !important; width: {WIDTH}px !important; height: {HEIGHT}px !important; top: 12px; right: 16px; z-index: 6; pointer-events: none;
  background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1); border-radius: 2px; }}
:host([data-sv-away]) {{ visibility: hidden; }}
:host([data-sv-left]) {{ right: auto; left: 64px; }}
"""


def magnifier(
    settings: Settings, fig: figure, observed: ColumnDataSource, model: ColumnDataSource, *, shown: bool
) -> figure:
    """A figure that follows the pointer over ``fig``; pixels as steps, the model beneath, both as the options want."""
    small = plain_figure(height=HEIGHT, x_range=Range1d(5000, 5060), y_range=Range1d(0, 1), name="magnifier")
    small.width, small.sizing_mode, small.min_border_left = WIDTH, "fixed", 40
    dress(small, ticks=(4, 4))
    count_wavelengths(small, settings, 4)
    small.stylesheets = [sheet(_CSS)]
    small.html_attributes = {
        "data-sv-when": "magnifier",
        "data-sv-away": "",
        **({} if shown else {"data-sv-hidden": ""}),
    }
    seen, made = Curve(observed, settings), Curve(model, settings)
    line: dict[str, Any] = dict(line_color=LIGHT["reconstructed"], line_width=2.8, line_alpha=0.72)
    mark(small, "line", "x", made.y, source=model, name="sv-layer:model", **line)
    band: dict[str, Any] = dict(fill_color=LIGHT["observed"], fill_alpha=0.16, name="sv-layer:observed")
    mark(small, "varea", "x", seen.low, seen.high, source=observed, **band)
    mark(
        small, "step", "x", seen.y, source=observed, line_color=LIGHT["observed"], line_width=1.1, mode="center",
        name="sv-layer:observed",
    )  # fmt: skip
    args = dict(settings=settings.model, small=small, data=observed, fallback=model, fig=fig)
    code = f"__specviz__.spectrum.magnify(cb_obj, settings, {{small, data, fallback, fig, half: {HALF}}})"
    for event in ("mousemove", "mouseleave"):
        fig.js_on_event(event, CustomJS(args=args, code=code))
    return small
