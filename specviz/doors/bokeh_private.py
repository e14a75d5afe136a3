"""Every private name of Bokeh and Panel that the doors rely on; ``tests/contract/test_bokeh_private.py`` watches them.

Python: ``bokeh.core.json_encoder.PayloadEncoder``, ``bokeh.core.serialization.Serializer/Serialized``,
``Document.models.synced_references/flush_synced/_new_models``, ``Document.on_change_dispatch_to`` and its
``_document_patched``,
``bokeh.io.doc._PATCHED_CURDOCS``; of ``HasProps`` ``query_properties_with_values``, ``_property_values`` and
``_unstable_default_values`` (``quick_models.py``); Panel's ``get_root``, ``_cleanup``, ``state._views`` and
``state._fake_roots``.
Browser (``widgets/view.js``, ``runtime.js``, ``theme.js``, ``quicken.js``): ``require("document").Document.from_json``,
``create_json_patch``, ``apply_json_patch``, ``_all_models``, ``require("embed/standalone").add_document_standalone``,
``require("base").default_resolver.names``, ``HasProps.setv(..., {sync: false})``, iteration over its properties and,
for speed alone,
``require("core/visuals/visual").VisualProperties.prototype._get_css_value`` and
``require("models/plots/plot_canvas").PlotView.prototype.base_font_size``; for looks, ``_paint_outline`` of the same and
``request_layout`` of a legend's view.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import bokeh
from bokeh.core.json_encoder import PayloadEncoder
from bokeh.core.serialization import Serialized, Serializer
from bokeh.document import Document
from bokeh.io import doc as _bokeh_doc
from bokeh.model import Model
from bokeh.models import Plot

from specviz.errors import SpecvizError

from .quick_models import quick_models

BOKEH_SCRIPTS = ("bokeh", "bokeh-widgets", "bokeh-tables")
PROBES = {
    "bokeh-widgets": "Slider",
    "bokeh-tables": "DataTable",
    "bokeh-gl": None,
    "panel": "panel.models.layout.Column",
}
_BOKEH_JS = Path(bokeh.__file__).parent / "server" / "static" / "js"
_ID = re.compile(r'"id":\s*"([^"]+)"')
_STYLE_URL = re.compile(r'"url":\s*"([^"]+?\.css[^"]*)"')
_PANEL_PATH = re.compile(r"^.*?(?:/dist/|static/extensions/panel/)")


@dataclass(frozen=True)
class Payload:
    """A document or a batch of changes on its way to the browser: JSON text, and binary arrays named by id."""

    json: str
    ids: list[str]
    buffers: list[bytes]
    css: dict[str, str]


def _payload(content: Any, buffers: Sequence[Any]) -> Payload:
    text = PayloadEncoder().encode(content)
    return Payload(text, [b.id for b in buffers], [b.to_bytes() for b in buffers], panel_styles(text))


def encode_document(doc: Document, *, live: bool = True) -> Payload:
    """The whole document as it stands. ``live``: changes will follow, in which all of its models are taken as known."""
    if live:
        doc.models.flush_synced = _leave_as_it_is
    with quick_models():
        content = doc.to_json()
    payload = _payload(content.content, content.buffers)
    if live:
        sent = set(_ID.findall(payload.json))
        _now_known(doc, lambda model: model.id in sent)
    return payload


def encode_events(doc: Document, events: Sequence[Any]) -> Payload:
    """A batch of change events of one setter; models that were not sent before travel whole."""
    serializer = Serializer(references=doc.models.synced_references)
    with quick_models():
        content = {"events": serializer.encode(list(events))}
    _now_known(doc, serializer.has_ref)
    return _payload(content, serializer.buffers)


def _now_known(doc: Document, was_sent: Callable[[Any], bool]) -> None:
    """From now on the models that were sent go by reference; those that are not sent yet stay new.

    Bokeh sends each change at once and so takes all that the document holds as known, when it was written and after
    each patch from the browser (``flush_synced``). Here changes wait to be sent together, and other threads make
    some: a model among them would go by a reference that no browser knows.
    """
    new = doc.models._new_models
    for model in list(new):
        if was_sent(model):
            new.discard(model)


def _leave_as_it_is(is_still_new: Callable[[Model], bool] | None = None) -> None:
    """In place of Bokeh's ``flush_synced`` on a live document: :func:`_now_known` does it."""


def is_overtaken(event: Any) -> bool:
    """Whether a change that a view made was corrected by a callback, which Bokeh announces before the change itself."""
    if event.setter is None or event.kind != "ModelChanged":
        return False
    now = getattr(event.model, event.attr)
    return isinstance(now, str | int | float | None) and bool(now != event.new)


def apply_events(doc: Document, text: str, setter: str, failed: Callable[[Exception], None]) -> None:
    """Apply a batch from the browser, one event at a time: a callback that fails does not cost the events behind it.

    Parameters
    ----------
    doc : Document
    text : str
        JSON ``{"events": [...]}``.
    setter : str
        The view it came from; Bokeh marks the changes with it.
    failed : callable
        Called with each exception.
    """
    sent = set(_ID.findall(text))
    for event in json.loads(text)["events"]:
        depth = len(_bokeh_doc._PATCHED_CURDOCS)
        try:
            doc.apply_json_patch(Serialized(content={"events": [event]}, buffers=[]), setter=setter)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            # Bokeh's patch_curdoc has no finally: a failed callback would leave this document as everybody's.
            del _bokeh_doc._PATCHED_CURDOCS[depth:]
            failed(error)
        _now_known(doc, lambda model: model.id in sent)


def panel_root(layout: Any) -> tuple[Model, Callable[[], None]]:
    """The Bokeh root of a Panel layout in a document of its own, and what takes it out of Panel's registries again.

    Raises
    ------
    SpecvizError
        A figure of the layout is on screen: Panel would take it away from there without a word.
    """
    panes = layout.select(lambda part: isinstance(getattr(part, "object", None), Model))
    if any(pane.object.document is not None for pane in panes):
        raise SpecvizError(
            "A figure of this layout is on screen already",
            expected="models of its own for each display",
            remedy="Show or save the widget that has it, or build the layout again",
        )
    root = layout.get_root(Document())

    def forget() -> None:
        from panel.io.state import state

        ref = root.ref["id"]
        layout._cleanup(root)
        state._views.pop(ref, None)
        state._fake_roots[:] = [fake for fake in state._fake_roots if fake != ref]

    return root, forget


@lru_cache(maxsize=256)
def _panel_style(url: str, dist: Path) -> str | None:
    path = dist / _PANEL_PATH.sub("", url).split("?")[0]
    return path.read_text(encoding="utf-8") if path.is_file() else None


def panel_styles(text: str) -> dict[str, str]:
    """Text of each Panel stylesheet that serialised JSON names by address, by address."""
    panel = sys.modules.get("panel")
    if panel is None or panel.__file__ is None:
        return {}
    dist = Path(panel.__file__).parent / "dist"
    found = {url: _panel_style(url, dist) for url in set(_STYLE_URL.findall(text))}
    return {url: css for url, css in found.items() if css is not None}


@cache
def packed_script(name: str) -> bytes:
    """One minified script of the installed Bokeh or Panel, gzipped."""
    if name == "panel":
        import panel

        path = Path(panel.__file__).parent / "dist" / "panel.min.js"
    else:
        path = _BOKEH_JS / f"{name}.min.js"
    return gzip.compress(path.read_bytes(), 5)


def needed_scripts(doc: Document) -> tuple[str, ...]:
    """Names of the scripts a document needs, in the order of evaluation."""
    models = list(doc.models)
    names = list(BOKEH_SCRIPTS)
    # Not getattr with a default: Bokeh searches for a similar name each time, 40 ms for the Explorer's models.
    if any(isinstance(model, Plot) and model.output_backend == "webgl" for model in models):
        names.append("bokeh-gl")
    if any(type(model).__module__.startswith("panel.") for model in models):
        names.append("panel")
    return tuple(names)


def models_with_addresses(models: Iterable[Model]) -> list[str]:
    """Names of the model classes that would load scripts by address (Tabulator, FileDropper, Plotly, ...), sorted."""
    found = set()
    for model in models:
        cls = type(model)
        if any(getattr(cls, name, None) for name in ("__javascript_raw__", "__javascript_modules_raw__")):
            found.add(cls.__name__)
    return sorted(found)
