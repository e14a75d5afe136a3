"""The footer: where the numbers come from, and the line of Python that makes this view, with a copy button."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS

from specviz.session.state import State
from specviz.views import icons
from specviz.views.controls import html, icon_button, row, spacer
from specviz.views.formats import text

_COPY = """
const text = source.name
const fallback = () => { const t = document.createElement('textarea'); t.value = text; document.body.append(t);
t.select(); document.execCommand('copy'); t.remove() }
if (navigator.clipboard) navigator.clipboard.writeText(text).catch(fallback); else fallback()
"""


#: What ``specviz.explore`` takes where no model is named.
DEFAULT_MODEL = "specclip-small"


class Footer:
    """Provenance left, code right."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.provenance = html("", classes=["sv-shrink"])
        self.code = html("", classes=["sv-shrink"])
        # The copy button reads the line from the name of an invisible Bokeh model: text that needs no layout.
        self._line = ColumnDataSource(name="specviz.explore()")
        copy = icon_button("Copy code", "copy", CustomJS(args={"source": self._line}, code=_COPY))
        self.root = row(
            self.provenance, spacer(), self.code, copy, classes=["sv-footer"], css=":host { min-height: 28px; }"
        )
        self.update(State(), State())

    def update(self, _old: State, new: State) -> None:
        """Draw the present state."""
        report = new.report
        parts = [f"specviz {text(self._version)}"]
        if report is not None:
            p = report.provenance
            weights = f"weights SHA-256 {p.weights_sha256}, {p.dtype}, seed {p.seed}"
            parts = [
                f'<span title="{text(weights, 200)}">{text(p.model)} {text(p.model_version)}</span>',
                text(f"{p.device} {p.seconds:.2f} s"),
                *parts,
                text(_utc(p.created)),
            ]
        line = code_line(new)
        shown = code_line(new, short=True)
        self.provenance.object = (
            f'<span class="sv-quiet" style="font-size:12px;white-space:nowrap">{" · ".join(parts)}</span>'
        )
        self.code.object = f'<span style="font-size:12px;white-space:nowrap">{icons.svg("code", 14)} <code style="font-family:var(--jp-code-font-family)">{text(shown, 90)}</code></span>'
        if self._line.name != line:
            self._line.name = line


def code_line(state: State, *, short: bool = False) -> str:
    """The call that shows what is on screen; ``short``: for the eye, with the end of a long path alone."""
    model = f"model={state.model!r}" if state.model not in ("", DEFAULT_MODEL) else ""
    if not state.target:
        return f"specviz.explore({model})"
    path: Any = state.star.meta.get("path") if state.star is not None else None
    target = str(path or state.target)
    room = 44 - len(model)
    if short and len(target) > room:
        target = "…" + target[2 - room :]
    return f"specviz.explore({target!r}{', ' + model if model else ''})"


def _utc(created: str) -> str:
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{when.day} {when:%b %Y %H:%M} UTC"
