"""Similar stars: what is looked for, which are listed, and the table; linked with the map and the LAMOST panel."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, CustomJS

from specviz.session.state import State
from specviz.views import formats, option_controls, similar_rows
from specviz.views.controls import button, html
from specviz.views.formats import text
from specviz.views.panel_frame import PanelFrame
from specviz.views.stylesheet import MEDIUM, WARN_TEXT

SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP"}
_HEAD = f"""
{option_controls.CSS}
.sv-key {{ font-size: 12px; white-space: nowrap; display: inline-flex; gap: 10px; }}
input.sv-filter {{ font: inherit; font-size: 12px; height: 24px; width: 130px; box-sizing: border-box; padding: 0 8px; border-radius: 2px; background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
input.sv-filter[aria-invalid="true"] {{ border-color: var(--jp-error-color1, #d32f2f); }}
.sv-menu .sv-why {{ font-size: 11px; margin-left: auto; padding-left: 12px; }}
@container (max-width: 1359px) {{ .sv-key {{ display: none; }} }}
@container (min-width: 1040px) and {MEDIUM} {{ .sv-key {{ display: inline-flex; }} }}
@container (max-width: 799px) {{ input.sv-filter {{ width: 110px; }} }}
"""
_KEY = (
    '<span class="sv-key"><span><svg width="20" height="8"><path d="M1 4H19" stroke="var(--sv-similar)" stroke-width="2"/></svg> neighbour</span>'
    '<span><svg width="20" height="8"><path d="M1 4H19" stroke="var(--sv-masked)" stroke-width="3"/></svg> this star</span></span>'
)
#: Which row is selected and which is pointed at, written into the rows that stand there.
_MARK = """
const view = pane.document?.views_manager?.find_one(pane)
const {chosen, ring} = marks.data
let found = null
for (const row of view?.shadow_el?.querySelectorAll('[data-sv-row]') ?? []) {
    const here = String(chosen[0]) === row.dataset.svRow
    if (here && row.getAttribute('aria-selected') !== 'true') found = row
    row.setAttribute('aria-selected', here)
    row.toggleAttribute('data-sv-ring', String(ring[0]) === row.dataset.svRow)
    if (chosen[0] >= 0) row.tabIndex = here ? 0 : -1
}
const box = found?.closest('.scroll')
if (box) {
    const top = found.offsetTop - 28, bottom = found.offsetTop + found.offsetHeight - box.clientHeight
    if (box.scrollTop > top) box.scrollTop = top
    else if (box.scrollTop < bottom) box.scrollTop = bottom
}
"""


class SimilarPanel:
    """Table of the nearest stars in the embedding.

    Parameters
    ----------
    session : Session
    reference_name : str
        What the stars are compared with, said in the header.
    """

    def __init__(self, session: Any, reference_name: str) -> None:
        self._session, self._reference = session, reference_name
        self._typed = ""  # in the field; what comes from there is not written into it again
        self._paths: dict[tuple[str, int], str] = {}
        self.marks = ColumnDataSource(dict(chosen=[-1], ring=[-1]), name="similar-marks")
        self.field = html(_field(session.state.view.similar_filter), css=_HEAD, classes=["sv-asks"])
        self.head = html("", css=_HEAD)
        self.legend = html(_KEY, css=_HEAD)
        self.clip = ColumnDataSource(dict(text=[]), name="similar-copied")
        self.clip.js_on_change("data", CustomJS(code="__specviz__.copy?.(cb_obj.data.text[0] ?? '')"))
        self.message = html('<span class="sv-quiet">No star yet.</span>')
        self.table = html("", css=similar_rows.CSS, name="similar-table")
        self.marks.js_on_change("data", CustomJS(args={"pane": self.table.model, "marks": self.marks}, code=_MARK))
        self.table.model.tags = [self.marks, self.clip]  # so that they belong to the page
        self._open = button("Open", session.open_neighbour, disabled=True, name="open-similar")
        self._open.css_classes = ["sv-asks"]
        self.frame = PanelFrame(
            "Similar stars",
            "sv-similar",
            controls=[self.legend, self.field, self.head, self._open],
            body=[self.message, self.table],
        )

    def typed(self, words: str) -> None:
        """Take what was typed into the filter."""
        self._typed = " ".join(words.split())
        self._session.set(similar_filter=self._typed)

    def copy(self) -> None:
        """Let the browser copy the listed stars as tab-separated text, at full precision."""
        state = self._session.state
        if state.neighbours is not None:
            rows, _ = self._session.listed_similar(state)
            self.clip.data = dict(text=[similar_rows.copied(state.neighbours, rows)])

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        view, before = new.view, old.view
        other = new.neighbours is not old.neighbours or new.report is not old.report
        said = new.neighbour_said != old.neighbour_said
        if other or said or (view.similar_sort, view.similar_filter) != (before.similar_sort, before.similar_filter):
            self._fill(new)
        elif view != before or not self.head.object:
            self._header(new)
        if view.similar_filter != self._typed:
            self._typed = view.similar_filter
            self.field.object = _field(self._typed)
        marks = dict(chosen=_mark(new.neighbour), ring=_mark(new.peek))
        if marks != {k: list(v) for k, v in self.marks.data.items()}:
            self.marks.data = marks
        if self._open.disabled != (new.neighbour is None):
            self._open.disabled = new.neighbour is None

    def _fill(self, state: State) -> None:
        near, report = state.neighbours, state.report
        rows, problem = self._session.listed_similar(state)
        self._header(state)
        if near is None or len(near) == 0 or report is None:
            words = "No star yet." if report is None else "No similar stars: this spectrum has no embedding."
            if near is None and report is not None and report.embedding is not None:
                words = "Looking for similar stars. The first time, that may take a large model a minute."
            if near is not None and "region" in near.meta:
                words = "No stars in the region of the map." if state.view.region else "No stars of the cluster."
            self.message.object = f'<span class="sv-quiet">{words}</span>{self._region(state)}'
            self.message.visible = True
            self.table.object = ""
            self.frame.fact("")
            return
        notes = []
        if problem:
            notes.append(f'<span style="color:{WARN_TEXT}">{text(problem, 240)}</span>')
        elif not rows:
            notes.append('<span class="sv-quiet">None of the similar stars meets the filter.</span>')
        notes += [n for n in (_fetching(state), self._region(state), _itself(near)) if n]
        self.message.object = (
            f'<div style="font-size:12px;padding-bottom:2px">{" · ".join(notes)}</div>' if notes else ""
        )
        self.message.visible = bool(notes)
        survey = str(near.meta.get("survey", "lamost_lrs"))
        pictures = self._session.has_similar_windows()
        wanted = _KEY if pictures else ""
        if self.legend.object != wanted:
            self.legend.object = wanted
        self.table.object = similar_rows.table(
            near,
            rows,
            state.view.similar_sort,
            state.neighbour,
            self._halo(report),
            (lambda row: self._thumb(survey, row)) if pictures else None,
        )
        self.frame.fact(self._fact(near, len(rows)), str(near.meta.get("note") or ""))

    def _fact(self, near: Any, listed: int) -> str:
        searched, how = near.meta.get("searched"), near.meta.get("how")
        of = str(near.meta.get("of", "simulated stars"))
        known = (
            self._reference if searched is None else f"{formats.count(searched)} · {of}"
        )  # what has no room is not shown
        if how:  # a catalogue of many: the name comes last, for it may be cut off
            known = f"{formats.count(searched)}, {how} · {of.removeprefix('stars of ')}"
        if "region" in near.meta:
            where = "the region" if "cluster" not in near.meta else f"cluster {near.meta['cluster']}"
            known = f"{formats.count(near.meta['region'])} in {where}"
        return f"{listed} of {known}" if listed == len(near) else f"{listed} of {len(near)} nearest"

    # ------------------------------------------------------------------ the header
    def _header(self, state: State) -> None:
        parts = []
        if state.report is not None:
            parts.append(self._ways(state))
        if state.neighbours is not None:
            shown = str("similar" not in state.view.hidden).lower()
            parts.append(
                f'<button class="sv-button" data-sv-toggle="hidden similar" aria-pressed="{shown}">Overlay selected</button>'
            )
            parts.append(
                option_controls.icon_button("Copy the similar stars as a table", "copy", 'data-sv-act="copy-similar"')
            )
        self.head.object = f'<div class="sv-controls">{"".join(parts)}</div>'

    def _ways(self, state: State) -> str:
        """The menu of what is compared with what; a way that is not possible says why."""
        now = self._session.similar_way() or ("lamost_lrs", "lamost_lrs")
        items = []
        for (by, among), why in self._session.similar_ways().items():
            label = f"{SURVEYS[by]} → {SURVEYS[among]}"
            pressed = str((by, among) == now).lower()
            does = "disabled" if why else f'data-sv-act="similar-way {by} {among}"'
            title = f' title="{text(why)}"' if why else ""
            note = f'<span class="sv-quiet sv-why">{text(why, 60)}</span>' if why else ""
            items.append(f'<button class="sv-item" {does}{title} aria-pressed="{pressed}">{label}{note}</button>')
        label = f"{SURVEYS.get(now[0], now[0])} → {SURVEYS.get(now[1], now[1])}"
        return option_controls.menu(label, "".join(items), name=f"Compare {label}")

    def _region(self, state: State) -> str:
        """Among which stars is searched, where not among all, and how to search all."""
        meta = {} if state.neighbours is None else state.neighbours.meta
        if meta.get("not_found"):
            return f'<span style="color:{WARN_TEXT}">{text(meta["not_found"], 200)}</span>'
        parts = []
        if state.view.region is not None:
            parts.append("Within the region of the map")
        if state.view.cluster is not None:
            parts.append(f"{'and' if parts else 'Within'} cluster {text(meta.get('cluster', state.view.cluster))}")
        if not parts:
            return ""
        every = 'data-sv-act="all-similar"' if state.view.region is not None else 'data-sv-set="cluster null"'
        return (
            f'<span class="sv-quiet">{" ".join(parts)}</span> <button class="sv-button sv-link" data-sv-act="list-region">Add its stars to the work list</button> '
            f'<button class="sv-button sv-link" {every}>Search all stars</button>'
        )

    # ------------------------------------------------------------------ thumbnails
    def _thumb(self, survey: str, row: int) -> str:
        key = survey, row
        if key not in self._paths:
            found = self._session.similar_window(row)
            self._paths[key] = "" if found is None else similar_rows.window_path(*found)
        return self._paths[key]

    @staticmethod
    def _halo(report: Any) -> str:
        seen = report.prepared.get("lamost_lrs") or report.prepared.get("sdss") or report.prepared.get("other")
        return "" if seen is None else similar_rows.window_path(seen.wavelength, seen.values)


def _field(filter_text: str) -> str:
    said = text(filter_text, 200)
    return (
        f'<input class="sv-filter" data-sv-typed="filter-similar" data-sv-told="{said}" value="{said}" placeholder="Filter: snr&gt;50" '
        'aria-label="Filter the similar stars" title="teff 5000..6000, snr&gt;50, class G, or a part of a name" spellcheck="false" maxlength="200">'
    )


def _fetching(state: State) -> str:
    """Why the selected star is not drawn, or not yet."""
    if not state.neighbour_said or state.neighbour is None or state.neighbours is None:
        return ""
    name = str(state.neighbours["object_id"][state.neighbour])
    return f'<span class="sv-quiet"><b>{text(name)}</b>: {text(state.neighbour_said, 240)}</span>'


def _itself(near: Any) -> str:
    """Where this star itself would stand in a search across instruments."""
    left_out, meta = near.meta.get("left_out") or [], near.meta
    if not left_out or meta.get("by") in (None, meta.get("survey")):
        return ""
    _name, rank, similarity = left_out[0]
    there = SURVEYS.get(str(meta.get("survey")), "other")
    return f'<span class="sv-quiet">This star’s own {there} spectrum: rank {formats.count(rank)}, similarity {formats.number(similarity, 3)}; not listed</span>'


def _mark(row: int | None) -> list[int]:
    """A row for the browser: -1 is none."""
    return [-1 if row is None else row]
