"""The private names that the doors use exist in the installed Bokeh and Panel, and mean what we take them to mean.

An upgrade that breaks one fails here, with its name, before any browser starts.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import bokeh
import numpy as np
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from specviz.doors import bokeh_private
from specviz.doors.environment import library_trouble

BOKEH_JS = (Path(bokeh.__file__).parent / "server/static/js/bokeh.js").read_text("utf-8")


def test_the_installed_releases_are_the_tested_ones() -> None:
    assert library_trouble() == ""


def test_a_document_travels_with_binary_arrays() -> None:
    y = np.linspace(0, 1, 4000)
    source = ColumnDataSource({"y": y})
    doc = Document()
    doc.add_root(source)
    payload = bokeh_private.encode_document(doc)
    assert len(payload.json) < 10_000 and len(payload.ids) == len(payload.buffers) == 1
    assert np.array_equal(np.frombuffer(payload.buffers[0]), y)


def test_changes_travel_and_known_models_go_by_reference() -> None:
    plot = figure()
    doc = Document()
    doc.add_root(plot)
    bokeh_private.encode_document(doc)
    seen = []

    class Ear:
        def _document_patched(self, event: object) -> None:
            seen.append(event)

    doc.on_change_dispatch_to(Ear())
    plot.title.text = "moved"
    line = plot.line([1, 2], [3, 4])
    payload = bokeh_private.encode_events(doc, seen)
    events = json.loads(payload.json)["events"]
    assert events[0] == {"kind": "ModelChanged", "model": {"id": plot.title.id}, "attr": "text", "new": "moved"}
    assert f'"id":"{line.id}"' in payload.json.replace(" ", "")
    seen.clear()
    line.visible = False  # sent before: only its reference now
    assert json.loads(bokeh_private.encode_events(doc, seen).json)["events"][0]["model"] == {"id": line.id}
    assert all(hasattr(event, "combine") and hasattr(event, "setter") for event in seen)


def test_a_failing_callback_costs_no_other_event_and_leaves_no_current_document() -> None:
    from bokeh.io import curdoc

    plot = figure()
    doc = Document()
    doc.add_root(plot)
    plot.on_change("height", lambda attr, old, new: 1 / 0)
    failures: list[Exception] = []
    outside = curdoc()
    changes = [("height", 300), ("width", 301)]
    events = [{"kind": "ModelChanged", "model": {"id": plot.id}, "attr": a, "new": v} for a, v in changes]
    bokeh_private.apply_events(doc, json.dumps({"events": events}), "view1", failures.append)
    assert (plot.height, plot.width) == (300, 301)
    assert [type(f) for f in failures] == [ZeroDivisionError]
    assert curdoc() is outside


def test_a_closed_panel_root_leaves_no_trace() -> None:
    from panel.io.state import state

    pane = pn.pane.HTML("text")
    layout = pn.Column(pane)
    root, forget = bokeh_private.panel_root(layout)
    ref = root.ref["id"]
    assert ref in state._views and ref in pane._models
    forget()
    assert ref not in state._views and ref not in pane._models
    assert isinstance(state._fake_roots, list)


def test_panel_stylesheets_are_found_by_their_address() -> None:
    root, forget = bokeh_private.panel_root(pn.Column(pn.widgets.Button(label="x")))
    root.document or Document().add_root(root)
    payload = bokeh_private.encode_document(root.document)
    urls = set(re.findall(r'"url":\s*"([^"]+\.css[^"]*)"', payload.json))
    assert urls and set(payload.css) == urls and all(payload.css.values())
    forget()


def test_models_that_load_by_address_are_known() -> None:
    root, forget = bokeh_private.panel_root(pn.Column(pn.widgets.Tabulator(), pn.pane.HTML("fine")))
    doc = Document()
    doc.add_root(root)
    assert bokeh_private.models_with_addresses(doc.models) == ["DataTabulator"]
    forget()


@pytest.mark.parametrize("name", [*bokeh_private.BOKEH_SCRIPTS, "bokeh-gl", "panel"])
def test_the_scripts_are_there(name: str) -> None:
    assert len(bokeh_private.packed_script(name)) > 10_000


def test_needed_scripts_follow_the_document() -> None:
    doc = Document()
    doc.add_root(figure())
    assert bokeh_private.needed_scripts(doc) == bokeh_private.BOKEH_SCRIPTS
    doc.add_root(figure(output_backend="webgl"))
    assert bokeh_private.needed_scripts(doc) == (*bokeh_private.BOKEH_SCRIPTS, "bokeh-gl")


@pytest.mark.parametrize(
    "name",
    [
        "static from_json(doc_json, events, buffers = new Map())",
        "create_json_patch(events)",
        "apply_json_patch(patch, buffers = new Map())",
        "async function add_document_standalone(",
        "exports.default_resolver = ",
        "const sync = options.sync ?? true;",
        "this._all_models = new Map();",
        "have_updated_interactively = false;",
        "get is_unset()",
        'event("document_ready")',
    ],
)
def test_bokehjs_has(name: str) -> None:
    assert name in BOKEH_JS


def test_the_signature_of_get_root() -> None:
    assert list(inspect.signature(pn.Column.get_root).parameters)[:3] == ["self", "doc", "comm"]


def test_the_style_question_that_our_documents_skip_is_still_asked() -> None:
    """``widgets/quicken.js`` replaces one method for speed; gone or renamed, the widget works but paints slower."""
    assert '"core/visuals/visual"' in BOKEH_JS and "_get_css_value(name) {" in BOKEH_JS


@pytest.mark.parametrize(
    "name",
    [
        '"models/plots/plot_canvas"',
        "get base_font_size() {",
        "_paint_outline(ctx, frame_box) {",
    ],
)
def test_what_is_left_out_for_speed_is_still_called_so(name: str) -> None:
    """``widgets/quicken.js`` replaces these; gone or renamed, the widget works but paints slower, or a stray line."""
    assert name in BOKEH_JS


@pytest.mark.parametrize(
    "name",
    [
        'export(type = "auto", hidpi = true)',
        "this._pixel_ratio = devicePixelRatio",
        "get_serialized_svg(fixNamedEntities = false)",
        "get child_views()",
        "document.views_manager = views",
    ],
)
def test_pictures_are_drawn_by_what_bokeh_exports_with(name: str) -> None:
    """``widgets/save_figure.js``; tests/ui/test_export.py looks at what comes out."""
    assert name in BOKEH_JS


def test_legends_are_measured_again_by_the_method_that_bokeh_lays_out_with() -> None:
    """``widgets/theme.js``, when the theme changes; tests/ui/test_magic.py looks at what comes out."""
    assert "request_layout() {" in BOKEH_JS and "(_entries) => this.request_layout()" in BOKEH_JS


def test_quick_models_travel_as_bokeh_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortcut gives the same document, and is taken only where it is asked for."""
    from bokeh.models import DataTable, Slider, TableColumn
    from bokeh.plotting import figure

    from specviz.doors import quick_models as quick

    fig = figure(title="a", tools="pan,wheel_zoom,reset", x_range=(0, 1))
    fig.scatter([1, 2], [3, 4], size=9, fill_color="red")
    fig.line([1, 2], [3, 4], legend_label="line")
    table = DataTable(source=fig.renderers[0].data_source, columns=[TableColumn(field="x", title="x")])
    doc = Document()
    for root in (fig, table, Slider(start=0, end=1, value=0.5)):
        doc.add_root(root)
    whole = doc.to_json()
    with quick.quick_models():
        fast = doc.to_json()
    texts = [json.dumps(made.content, default=str, sort_keys=True) for made in (fast, whole)]
    assert texts[0] == texts[1]
    # elsewhere Bokeh asks in its own way (a class of ours for a try would stay in Bokeh's register for all tests)
    calls: list[str] = []
    monkeypatch.setattr(quick, "_ask_all", lambda *_a, **_k: calls.append("Bokeh's") or {})
    assert fig.properties_with_values(include_defaults=False) == {} and calls == ["Bokeh's"]
    with quick.quick_models():
        assert fig.properties_with_values(include_defaults=False) and calls == ["Bokeh's"]
