"""``CompareView``: two stars side by side, in the same frames, with what they differ by."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, Toggle

from specviz.session.pairing import Pair, PairSession, Side
from specviz.session.resolve import describe
from specviz.session.sharing import DEFAULT_MODEL
from specviz.spectra.star import Star
from specviz.views import formats, icons, pair_labels, stylesheet
from specviz.views.controls import (
    column,
    html,
    icon_button,
    models,
    row,
    search,
    segmented,
    shared_sheets,
    sheet,
    spacer,
)
from specviz.views.figures import cursor
from specviz.views.formats import text
from specviz.views.notice import BusyLine, NoticeBar
from specviz.views.pair_curves import optical_pair, xp_pair
from specviz.views.pair_figures import PairPanel
from specviz.views.pair_lines import TOGGLE
from specviz.views.pair_map import PairMap
from specviz.views.pair_posterior import PairPosterior
from specviz.views.panel_frame import PanelFrame

_log = logging.getLogger(__name__)
_PLACEHOLDERS = ("First star: name, id, coordinates, or file", "Second star")
_COPY = """
const text = source.name
const fallback = () => { const t = document.createElement('textarea'); t.value = text; document.body.append(t);
t.select(); document.execCommand('copy'); t.remove() }
if (navigator.clipboard) navigator.clipboard.writeText(text).catch(fallback); else fallback()
"""
_BAR = """
:host > .sv-search { flex: 1 1 240px !important; min-width: 120px; max-width: 420px; }
@container (max-width: 699px) { :host { flex-wrap: wrap !important; } :host > .sv-model { display: none; } }
"""
_FOOTER = ":host { min-height: 28px; } @container (max-width: 919px) { :host > .sv-from { display: none; } }"
_CLOSE = (
    '<button class="sv-button sv-bar" data-sv-act="compare" aria-label="Close comparison" title="Back to one star (Esc)">'
    f"{icons.svg('close', 14)} Close comparison</button>"
)
_LINK = """
const follow = () => { if (link.active) { xp.setv({start: optical.start, end: optical.end}) } }
follow()
"""


class CompareView:
    """One display of a comparison: a fresh tree of models, updated in place until ``close``.

    Parameters
    ----------
    session : PairSession
    model, version : str
        Of the engine and of specviz, for the footer.
    reference : callable
        ``reference() -> (teff, logg)`` of the reference stars, or None.
    closable : bool
        Has a button that says ``data-sv-act="compare"``, which its surroundings close it by.
    """

    KEYS = ("n", "r", "s", "z", "Escape")

    def __init__(
        self,
        session: PairSession,
        *,
        model: str = "",
        version: str = "",
        reference: Callable[[], Any] = lambda: None,
        closable: bool = False,
    ) -> None:
        self.session, self._model, self._version = session, model, version
        self._dispatch: Callable[[Callable[[], None]], None] = lambda draw: draw()
        self._drawn, self._drawing = Pair(), threading.RLock()
        with shared_sheets():
            self._build(reference, closable)
        self._unsubscribe = session.subscribe(lambda _old, _new: self._dispatch(self._draw_now))
        self._draw_now()

    def connect(self, dispatch: Callable[[Callable[[], None]], None]) -> None:
        """Tell how a change reaches the screen: ``dispatch(draw)`` calls ``draw`` where and when the door allows."""
        self._dispatch = dispatch

    def _build(self, reference: Callable[[], Any], closable: bool) -> None:
        session = self.session
        self.busy, self.notice = BusyLine(), NoticeBar()
        self.fields = [search(words, partial(session.open, i)) for i, words in enumerate(_PLACEHOLDERS)]
        for i, field in enumerate(self.fields):
            field.name = f"search-{i + 1}"
        for field in self.fields if closable else self.fields[1:]:  # "/" goes to one field of a page
            field.html_attributes = {}
            field.stylesheets = [*field.stylesheets, sheet(".bk-input-group::after { display: none; }")]
        quiet = f'<span class="sv-quiet" style="white-space:nowrap">Model</span>&ensp;<span style="white-space:nowrap">{text(self._model)}</span>'
        bar = row(
            *(column(f, classes=["sv-search"]) for f in self.fields),
            spacer(),
            html(_CLOSE if closable else quiet, classes=[] if closable else ["sv-model"]),
            css=_BAR,
        )
        self.heads = html(css=pair_labels.HEADS_CSS)
        self.flux = segmented(["Flux", "Normalised"], 0, lambda i: session.set(flux=("flux", "normalised")[i]))
        self.rest = segmented(["Observed", "Rest frame"], 0, lambda i: session.set(frame=("observed", "rest")[i]))
        self.optical = PairPanel("LAMOST", "sv-lamost", "pair-lamost", controls=[self.flux, self.rest], lines=True)
        self.link = Toggle(label="Link zoom", active=False, margin=0, stylesheets=[sheet(TOGGLE)])
        self.xp = PairPanel("Gaia XP", "sv-xp", "pair-xp", nm=True, points=True, controls=[self.link])
        follow = CustomJS(args=dict(link=self.link, optical=self.optical.x_range, xp=self.xp.x_range), code=_LINK)
        self.link.js_on_change("active", follow)
        self.link.on_change("active", lambda _attr, _old, new: session.set(link_zoom=bool(new)))
        for end in ("start", "end"):
            self.optical.x_range.js_on_change(end, follow)
        cursor(self.optical.figure, self.optical.strip, self.xp.figure, self.xp.strip)
        self.posterior, self.map = PairPosterior(), PairMap(reference)
        self.table = html(css=pair_labels.TABLE_CSS)
        self.labels = PanelFrame("Labels", "sv-anomaly", body=[self.table])
        self.provenance, self.code = html("", classes=["sv-from"]), html("", classes=["sv-shrink"])
        self._line = ColumnDataSource(name="specviz.compare()")
        copy = icon_button("Copy code", "copy", CustomJS(args={"source": self._line}, code=_COPY))
        footer = row(self.provenance, spacer(), self.code, copy, classes=["sv-footer"], css=_FOOTER)
        parts = [bar, self.busy.root, self.notice.root, self.heads, self.optical.frame.root, self.xp.frame.root]
        parts += [self.labels.root, self.posterior.frame.root, self.map.frame.root, footer]
        self.layout = column(css=stylesheet.ROOT, classes=["sv-root"])
        self.layout.children = models(parts)

    # ------------------------------------------------------------------ drawing
    def _draw_now(self) -> None:
        with self._drawing:
            # Read under the lock: of two threads that draw, the later one must not bring what it read earlier.
            old, new = self._drawn, self.session.state
            self._drawn = new
            parts = (self._draw_words, self._draw_optical, self._draw_xp, self._draw_inference)
            for draw in parts:
                try:
                    draw(old, new)
                except Exception:  # noqa: BLE001 - one panel that cannot draw leaves the others alone
                    _log.exception("%s failed", draw.__name__)

    def _draw_words(self, old: Pair, new: Pair) -> None:
        self.busy.update(old, new)  # type: ignore[arg-type]  # it asks for what is going on alone
        self.notice.update(old, new)  # type: ignore[arg-type]
        self.heads.object = pair_labels.heads_html(new)
        for field, before, side in zip(self.fields, old.sides, new.sides, strict=True):
            if side.target is not before.target:
                field.value = asked(side.target)
        for control, active in ((self.flux, new.view.flux == "normalised"), (self.rest, new.view.frame == "rest")):
            if control.active != int(active):
                control.active = int(active)
        if self.link.active != new.view.link_zoom:
            self.link.active = new.view.link_zoom
        line = code_line(new, self._model)
        self._line.name = line
        self.code.object = (
            f'<span style="font-size:12px;white-space:nowrap">{icons.svg("code", 14)} '
            f'<code style="font-family:var(--jp-code-font-family)">{text(line, 90)}</code></span>'
        )
        said = " · ".join([*_provenance(new), f"specviz {text(self._version)}"])
        self.provenance.object = f'<span class="sv-quiet" style="font-size:12px;white-space:nowrap">{said}</span>'

    def _draw_optical(self, old: Pair, new: Pair) -> None:
        stars, options = _stars(old) != _stars(new), (old.view.flux, old.view.frame) != (new.view.flux, new.view.frame)
        if not stars and not options:
            return
        rest = new.view.frame == "rest"
        made = optical_pair(new.sides, normalised=new.view.flux == "normalised", rest=rest)
        self.optical.draw(made, new, reset=stars)
        speeds = [f"{formats.number(s.rv, 0, sign=True)}" for s in new.sides if s.rv is not None]
        self.optical.frame.fact(f"at rest from RV {' and '.join(speeds)} km s⁻¹" if rest and speeds else "")
        label = "Rest wavelength, vacuum (Å)" if rest else "Vacuum wavelength (Å)"
        if self.optical.strip.xaxis[0].axis_label != label:
            self.optical.strip.xaxis[0].axis_label = label

    def _draw_xp(self, old: Pair, new: Pair) -> None:
        if _stars(old) != _stars(new):
            self.xp.draw(xp_pair(new.sides), new, reset=True)

    def _draw_inference(self, old: Pair, new: Pair) -> None:
        reports = [s.report for s in new.sides]
        if reports == [s.report for s in old.sides] and [s.busy for s in old.sides] == [s.busy for s in new.sides]:
            return
        self.table.object = pair_labels.labels_html(new)
        count = sum(abs(p.sigma) >= pair_labels.TELLING for p in new.labels)
        self.labels.fact(f"{count} of {len(new.labels)} differ by 3 σ or more" if new.labels else "")
        self.posterior.draw(new)
        self.map.draw(new)

    # ------------------------------------------------------------------ acting
    def act(self, act: str) -> None:
        """Act on a button of the HTML (``data-sv-act``)."""
        word, *about = act.split()
        numbers = [int(a) for a in about if a.isdecimal()]
        if word == "pair-swap":
            self.session.swap()
        elif word == "pair-cancel":
            self.session.cancel()
        elif word == "dismiss":
            self.session.tell(None)
        elif word == "pair-retry" and numbers and numbers[0] < 2:
            self.session.retry(numbers[0])
        elif word == "pair-pick" and len(numbers) == 2 and numbers[0] < 2:
            self.session.pick(*numbers)

    def key(self, key: str) -> bool:
        """Act on a key; tells whether it meant anything."""
        view = self.session.state.view
        if key == "s":
            self.session.swap()
        elif key == "n":
            self.session.set(flux="flux" if view.flux == "normalised" else "normalised")
        elif key == "r":
            self.session.set(frame="observed" if view.frame == "rest" else "rest")
        elif key == "z":
            for panel in (self.optical, self.xp):
                panel.x_range.update(start=panel.x_range.reset_start, end=panel.x_range.reset_end)
        elif key == "Escape":
            self.session.cancel()
        else:
            return False
        return True

    def close(self) -> None:
        """Stop listening and let everything go."""
        self._unsubscribe()
        self.layout.children = []
        self._drawn = Pair()


def asked(target: Any) -> str:
    """What was asked for, as the search field and the line of code write it."""
    if target is None:
        return ""
    star = getattr(target, "star", target)  # a report stands for its star
    return (
        str(star.meta.get("path") or star.name)
        if isinstance(star, Star)
        else str(getattr(star, "path", "") or describe(star))
    )


def code_line(pair: Pair, model: str = "") -> str:
    """The call that shows what is on screen."""
    names = [repr(asked(s.source if s.star is not None else s.target)) for s in pair.sides]
    view = pair.view
    extra = [f"model={model!r}"] if model not in ("", DEFAULT_MODEL) else []
    extra += ['flux="normalised"'] if view.flux == "normalised" else []
    extra += ['frame="rest"'] if view.frame == "rest" else []
    return f"specviz.compare({', '.join([*names, *extra])})"


def _stars(pair: Pair) -> tuple[Star | None, Star | None]:
    return pair.first.star, pair.second.star


def _provenance(pair: Pair) -> list[str]:
    """Which model said it, and when: once, where both stars were read by the same."""
    made = [p for p in (_stamp(s) for s in pair.sides) if p]
    return list(dict.fromkeys(made))


def _stamp(side: Side) -> str:
    if side.report is None or not side.report.provenance.model:
        return ""
    p = side.report.provenance
    try:
        when = datetime.fromisoformat(p.created).astimezone(UTC)
    except ValueError:
        return text(f"{p.model} {p.model_version}", 60)
    return text(f"{p.model} {p.model_version} · {p.device} · {when.day} {when:%b %Y %H:%M} UTC", 90)
