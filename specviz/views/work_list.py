"""The work list: which stars wait, which is shown, which are done; with the anomaly percentile of those that are."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, TextAreaInput

from specviz.session.state import State
from specviz.views import formats
from specviz.views.anomaly_panel import shown_percentile
from specviz.views.controls import Drawing, button, column, html, icon_button, row, sheet, show
from specviz.views.panel_frame import PanelFrame
from specviz.views.stylesheet import QUIET
from specviz.views.tables import TEXT, table
from specviz.views.tables import column as table_column

_FIELDS = ("icon", "name", "percentile", "tone")
#: Mark and name are one column: a narrow one of its own is widened by every change of the page's width (SlickGrid shares
#: out what it takes and gives by different rules).
_STAR = (
    '<svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke-width="1.6" style="margin-right:6px">'
    f'<path d="<%- icon %>" stroke="<%- tone %>"/></svg>{TEXT}'
)
_NUMBER = '<div style="text-align:right"><span style="<%- value.startsWith("!") ? "font-weight:600;color:var(--sv-predicted)" : "" %>"><%- value.replace("!", "") %></span></div>'
_ICONS = {
    "waiting": ("M8 5.5a2.5 2.5 0 1 0 .01 0", "var(--sv-tick)"),
    "current": ("M8 4.5a3.5 3.5 0 1 0 .01 0M8 6a2 2 0 1 0 .01 0M8 7.4a.6 .6 0 1 0 .01 0", "var(--jp-brand-color1)"),
    "done": ("M2.5 8.5l3.5 3.5 7.5-8", "var(--jp-success-color1, #388e3c)"),
    "failed": ("M8 1.8L15 14H1zM8 6.2v4M8 11.6v.6", "var(--jp-warn-color0, #e65100)"),
}
_AREA = f"""
:host {{ font-family: var(--jp-ui-font-family); }}
textarea.bk-input {{ font: inherit; font-size: 12px; line-height: 16px; height: 56px; padding: 4px 8px; resize: none; border-radius: 2px; box-shadow: none;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
textarea.bk-input::placeholder {{ color: {QUIET}; opacity: 1; }}
textarea.bk-input:focus {{ border-color: var(--jp-brand-color1); outline: 1px solid var(--jp-brand-color1); box-shadow: none; }}
"""


class WorkList:
    """Rows to go through; a click shows one, the arrows step; a field adds stars. Empty: one sentence and one action."""

    def __init__(self, session: Any) -> None:
        self._session, self._drawing = session, Drawing()
        self.source = ColumnDataSource({k: [] for k in _FIELDS})
        self.source.selected.on_change("indices", self._clicked)
        columns = [
            table_column("name", "Star", 176, template=_STAR, sortable=False),
            table_column("percentile", "Anomaly percentile", 124, template=_NUMBER, sortable=False),
        ]
        self.table = table(
            self.source, columns, height=168, row_height=28, tint="var(--sv-selected)", name="work-table",
            right_from=2, indent=28,
        )  # fmt: skip
        self.table.html_attributes = {"aria-label": "Stars of the work list"}
        self.empty = html(
            '<span class="sv-quiet">No stars yet. Drop a list, add names below, or add the example stars.</span>'
        )
        self._add = button("Add example stars", session.add_examples)
        self._actions = row(self._add, css=":host { padding-top: 8px; }", classes=["sv-asks"])
        self.progress = html("", css=":host { padding: 2px 0; }")
        self.field = TextAreaInput(
            placeholder="Names, separated by commas or lines, or an ADQL query: SELECT …",
            name="add-stars",
            margin=0,
            max_length=20_000,
            sizing_mode="stretch_width",
            stylesheets=[sheet(_AREA)],
        )
        steps = [
            icon_button("Previous star", "previous", session.previous),
            icon_button("Next star", "next", session.next),
        ]
        for step in steps:
            step.css_classes = ["sv-asks"]
        adding = column(
            button("Add stars", self._added),
            html(
                '<button class="sv-button" data-sv-act="file work">Add table…</button>', css="button { width: 84px; }"
            ),
            css=":host { flex: none !important; gap: 8px !important; width: 84px !important; }",
        )
        adding.children[0].stylesheets = [*adding.children[0].stylesheets, sheet(".bk-btn { width: 84px; }")]
        self.frame = PanelFrame(
            "Work list",
            "sv-work",
            controls=steps,
            body=[
                self.progress,
                self.empty,
                self._actions,
                self.table,
                row(
                    column(self.field, classes=["sv-grow"]),
                    adding,
                    css=":host { padding-top: 8px; align-items: flex-start; }",
                    classes=["sv-asks"],
                ),
            ],
        )
        self.progress.visible = False

    def _clicked(self, _attr: str, _old: Any, new: list[int]) -> None:
        if new and not self._drawing.here:
            self._session.go(int(new[0]))

    def _added(self) -> None:
        typed = self.field.value_input or self.field.value
        if typed.strip():
            self._session.add_targets(typed)
            self.field.value = self.field.value_input = ""

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.work is not old.work or new.position != old.position:
            self._fill(old, new)
        # At any change: the row that was pressed may have led nowhere.
        chosen = [] if new.position is None else [new.position]
        if list(self.source.selected.indices) != chosen:
            with self._drawing:
                self.source.selected.indices = chosen

    def _fill(self, old: State, new: State) -> None:
        work = new.work
        self.empty.visible = not work
        show(self._actions, not work)
        self.progress.visible = bool(work)
        icons = [_ICONS[w.status] for w in work]
        self.source.data = dict(
            icon=[i[0] for i in icons],
            tone=[i[1] for i in icons],
            name=[w.name + (f" ({w.problem})" if w.problem else "") for w in work],
            percentile=[_percentile(w.percentile) for w in work],
        )
        seen = sum(w.status in ("done", "failed") for w in work)
        share = 100 * seen / max(len(work), 1)
        self.progress.object = (
            '<div style="display:flex;gap:12px;align-items:center"><div style="flex:1;height:4px;background:var(--sv-grid)">'
            f'<div style="height:4px;width:{share:.1f}%;background:var(--jp-brand-color1)"></div></div>'
            f'<span class="sv-quiet" style="font-size:12px">{formats.count(seen)} of {formats.count(len(work))}</span></div>'
        )
        if len(work) != len(old.work):
            self.frame.fact(f"{formats.count(len(work))} stars" if work else "")


def _percentile(value: float | None) -> str:
    if value is None:
        return formats.DASH
    return ("!" if value >= 90 else "") + formats.number(shown_percentile(value))
