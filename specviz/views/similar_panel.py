"""Similar stars: rank, a thumbnail of Hβ to Mg b over this star's grey halo, labels; a click overlays, a second opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from numpy.typing import NDArray

from specviz.session.state import State
from specviz.views import formats
from specviz.views.controls import button, html
from specviz.views.panel_frame import PanelFrame
from specviz.views.tables import RIGHT, column, table

ROWS = 50
WIDTH, HEIGHT = 140, 30
WINDOW = (4830.0, 5200.0)
_FIELDS = ("rank", "thumb", "halo", "name", "class", "similarity", "bar", "teff", "logg", "fe_h", "snr", "row")
_THUMB = (
    f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"><path d="<%- halo %>" fill="none" stroke="var(--sv-masked)" stroke-opacity="0.55" stroke-width="2.6"/>'
    '<path d="<%- value %>" fill="none" stroke="var(--sv-similar)" stroke-width="1.1"/></svg>'
)
_BAR = (
    '<div style="text-align:right;white-space:nowrap"><svg width="36" height="6" style="vertical-align:2px;margin-right:8px"><rect width="36" height="6" '
    'fill="var(--sv-grid)"/><rect width="<%- bar %>" height="6" fill="var(--sv-similar)"/></svg><%- value %></div>'
)


def path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """SVG path of a normalised spectrum in the thumbnail's frame; one scale for all rows (0.25 to 1.1)."""
    ok = np.isfinite(y)
    if ok.sum() < 2:
        return ""
    px = (x[ok] - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * WIDTH
    py = np.clip(2 + (1.1 - y[ok]) / 0.85 * (HEIGHT - 4), 0, HEIGHT)
    return "M" + "L".join(f"{a:.0f} {b:.1f}" for a, b in zip(px, py, strict=True))


class SimilarPanel:
    """Table of the nearest stars in the embedding, linked with the map and the LAMOST panel through the session.

    Parameters
    ----------
    session : Session
    window : callable
        ``window(row) -> (wavelength, normalised flux)`` of a reference star, for its thumbnail.
    reference_name : str
        What the stars are compared with, said in the header.
    """

    def __init__(self, session: Any, window: Callable[[int], tuple[Any, Any]], reference_name: str) -> None:
        self._session, self._window, self._reference = session, window, reference_name
        self._paths: dict[int, str] = {}
        self._quiet = False
        self.source = ColumnDataSource({k: [] for k in _FIELDS})
        self.source.selected.on_change("indices", self._clicked)
        columns = [
            column("rank", "#", 28, template=RIGHT),
            column("thumb", "Hβ to Mg b", 154, template=_THUMB, sortable=False),
            column("name", "Star", 140),
            column("class", "Class", 50),
            column("similarity", "Similarity", 96, template=_BAR, ascending=False),
            column("teff", "Teff (K)", 60, template=RIGHT),
            column("logg", "log g", 50, template=RIGHT),
            column("fe_h", "[Fe/H]", 54, template=RIGHT),
            column("snr", "S/N", 42, template=RIGHT),
        ]
        self.table = table(
            self.source,
            columns,
            height=273,
            row_height=35,
            tint="color-mix(in srgb, var(--sv-similar) 14%, transparent)",
            name="similar-table",
            right_from=5,
            first_right=True,
        )
        self._open = button("Open", session.open_neighbour, disabled=True, name="open-similar")
        self._clear = button("Clear overlay", lambda: session.choose(None), disabled=True)
        key = (
            '<span style="font-size:12px;white-space:nowrap"><svg width="20" height="8"><path d="M1 4H19" stroke="var(--sv-similar)" stroke-width="2"/></svg> neighbour'
            '&emsp;<svg width="20" height="8"><path d="M1 4H19" stroke="var(--sv-masked)" stroke-width="3"/></svg> this star</span>'
        )
        self.message = html('<span class="sv-quiet">No star yet.</span>')
        self.frame = PanelFrame(
            "Similar stars",
            "sv-similar",
            controls=[html(key, classes=["sv-shrink"]), self._clear, self._open],
            body=[self.message, self.table],
        )

    def _clicked(self, _attr: str, _old: Any, new: list[int]) -> None:
        if not self._quiet:
            self._session.choose(int(self.source.data["row"][new[0]]) if new else None)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.neighbours is not old.neighbours or new.report is not old.report:
            self._fill(new)
        if new.neighbour != old.neighbour or new.neighbours is not old.neighbours:
            chosen = [] if new.neighbour is None else [new.neighbour]
            if list(self.source.selected.indices) != chosen:
                self._quiet = True
                try:
                    self.source.selected.indices = chosen
                finally:
                    self._quiet = False
            self._open.disabled = self._clear.disabled = not chosen

    def _fill(self, state: State) -> None:
        near, report = state.neighbours, state.report
        if near is None or len(near) == 0 or report is None:
            words = "No star yet." if report is None else "No similar stars: this spectrum has no embedding."
            if near is None and report is not None and report.embedding is not None:
                words = "Looking for similar stars. The first time, that may take a large model a minute."
            self.message.object = f'<span class="sv-quiet">{words}</span>'
            self.message.visible = True
            self.source.data = {k: [] for k in _FIELDS}
            self.frame.fact("")
            return
        near = near[:ROWS]
        halo = self._halo(report)
        similarity = np.asarray(near["similarity"], float)
        rows = np.asarray(near["row"], int)
        n = len(near)
        kind = [str(v) for v in near["class"]] if "class" in near.colnames else [""] * n
        # The bar spans the range of what is shown: absolute cosines of a good embedding all look alike.
        low = min(float(similarity.min()), 0.999 * float(similarity.max()))
        top = max(float(similarity.max()), low + 1e-6)
        self.source.data = dict(
            rank=[str(int(v)) for v in near["rank"]],
            thumb=[self._thumb(int(r)) for r in rows],
            halo=[halo] * n,
            name=[str(v).removeprefix("LAMOST ") for v in near["object_id"]],
            similarity=[formats.number(v, 3) for v in similarity],
            bar=[f"{6 + 30 * (v - low) / (top - low):.0f}" for v in similarity],
            teff=[formats.label("teff", v) for v in _plain(near, "teff")],
            logg=[formats.label("logg", v) for v in _plain(near, "logg")],
            fe_h=[formats.label("fe_h", v) for v in _plain(near, "fe_h")],
            snr=[formats.number(v) for v in _plain(near, "snr")],
            row=list(range(n)),
            **{"class": kind},
        )
        self.message.visible = False
        searched = near.meta.get("searched")
        known = self._reference if searched is None else f"{formats.count(searched)} simulated stars"
        self.frame.fact(f"{n} nearest of {known}")

    def _thumb(self, row: int) -> str:
        if row not in self._paths:
            wave, flux = self._window(row)
            keep = (np.asarray(wave) >= WINDOW[0]) & (np.asarray(wave) <= WINDOW[1])
            self._paths[row] = path(np.asarray(wave, float)[keep][::3], np.asarray(flux, float)[keep][::3])
        return self._paths[row]

    @staticmethod
    def _halo(report: Any) -> str:
        seen = report.prepared.get("lamost_lrs") or report.prepared.get("sdss") or report.prepared.get("other")
        if seen is None:
            return ""
        keep = (seen.wavelength >= WINDOW[0]) & (seen.wavelength <= WINDOW[1])
        return path(seen.wavelength[keep][::3], np.asarray(seen.values[keep][::3], float))


def _plain(near: Any, name: str) -> NDArray[np.float64]:
    """A column as plain floats, NaN where masked or absent."""
    if name not in near.colnames:
        return np.full(len(near), np.nan)
    values = near[name]
    values = getattr(values, "value", values)
    return np.asarray(np.ma.filled(np.ma.asarray(values, float), np.nan))
