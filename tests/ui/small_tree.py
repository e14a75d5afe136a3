"""A small Panel tree for the tests of the doors: a figure, an HTML pane, a table, a button."""

from __future__ import annotations

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, CustomJS, DataTable, TableColumn
from bokeh.plotting import figure

PALETTES = {
    "light": {"observed": "#1F2328", "reconstructed": "#0067B1", "similar_star": "#00855F", "panel": "#FFFFFF"},
    "dark": {"observed": "#E8EAED", "reconstructed": "#5AB4F5", "similar_star": "#3FD69A", "panel": "#212121"},
}
LIGHT = PALETTES["light"]
WAVE = np.linspace(3700.0, 9100.0, 4000)
CHIP = ":host { color: var(--sv-reconstructed); } @container (max-width: 699px) { .wide-only { display: none; } }"


class SmallTree:
    """Each step moves the spectrum, the table and the text."""

    def __init__(self, prefix: str = "tick") -> None:
        self.n, self.prefix = 0, prefix
        self.spectrum = ColumnDataSource({"x": WAVE, "y": np.sin(WAVE / 100)})
        self.stars = ColumnDataSource(
            {"x": [4000.0, 6000.0, 8000.0], "y": [0.0, 0.5, -0.5], "c": [LIGHT["similar_star"]] * 3}
        )
        self.near = ColumnDataSource({"id": np.arange(20), "d": np.round(np.linspace(0, 1, 20), 3)})
        self.plot = figure(
            height=260, sizing_mode="stretch_width", title="spectrum", background_fill_alpha=0, name="spectrum"
        )
        self.plot.title.text_color = LIGHT["observed"]
        self.plot.xaxis.axis_label_text_color = LIGHT["observed"]
        self.plot.line("x", "y", source=self.spectrum, line_color=LIGHT["reconstructed"])
        self.plot.scatter("x", "y", source=self.stars, fill_color="c", line_color="c", size=9)
        table = DataTable(
            source=self.near, columns=[TableColumn(field=c, title=c) for c in ("id", "d")], width=240, height=260
        )
        # Bokeh 3.9.2 redraws a table only when the number of rows changes; say so when the values do.
        self.near.js_on_change("data", CustomJS(args={"table": table}, code="table.view.change.emit()"))
        self.tick = pn.pane.HTML(f"{prefix}0", stylesheets=[CHIP])
        self.heard = pn.pane.HTML("heard nothing")
        self.wide = pn.pane.HTML("<span class='wide-only'>only wide</span>", stylesheets=[CHIP])
        self.button = pn.widgets.Button(label="Next star")
        self.button.on_click(lambda _: self.step())
        self.broken = pn.widgets.Button(label="Break")
        self.broken.on_click(lambda _: 1 / 0)
        self.layout = pn.Column(
            pn.Row(self.button, self.broken, self.tick, self.heard, self.wide),
            pn.Row(
                pn.pane.Bokeh(self.plot, sizing_mode="stretch_width"), pn.pane.Bokeh(table), sizing_mode="stretch_width"
            ),
            sizing_mode="stretch_width",
        )

    def step(self) -> None:
        """The work of one click."""
        self.n += 1
        self.spectrum.data = {"x": WAVE, "y": np.sin(WAVE / 100 + self.n)}
        self.near.data = {"id": np.arange(20) + self.n, "d": np.round(np.random.default_rng(self.n).random(20), 3)}
        self.tick.object = f"{self.prefix}{self.n}"

    def listen(self, inbox) -> None:
        """Write what the inbox hears into the page."""

        def say(text: str) -> None:
            self.heard.object = text

        inbox.on_key(lambda press: say(f"key {press.key} {press.shift}"), keys=["j", "ArrowLeft", "Escape", "?"])
        inbox.on_resize(lambda width: say(f"width {width}"))
        inbox.on_file(lambda name, data: say(f"file {name} {len(data)} {sum(data) % 251}"))
        inbox.on_error(lambda text, error: say(f"error {text}"))

    def host(self):
        """The widget of this tree."""
        from specviz.doors import host_layout

        host = host_layout(self.layout, palettes=PALETTES)
        self.listen(host)
        return host
