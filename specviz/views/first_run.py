"""The first screen: one question, one field, three ways in (name, file or list, example). Files and examples need no
network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from specviz.session.state import State
from specviz.spectra.star import Star
from specviz.views import formats, icons, spectrum_data, stylesheet
from specviz.views.candidates import CandidateList
from specviz.views.controls import button, column, file_input, html, row, search
from specviz.views.formats import text
from specviz.views.progress import told
from specviz.views.suggest import Suggestions
from specviz.views.top_bar import PLACEHOLDER, draw_progress, submit

_FRAME = """
:host { border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; padding:
40px 24px 0; box-sizing: border-box; }
.sv-middle { max-width: 760px; width: 100%; margin: 0 auto !important; }
"""
_CARD = """
:host { position: relative; border: 1px solid var(--jp-border-color2); border-radius: 2px; padding: 10px 12px; box-sizing: border-box; flex: 1 1 200px !important; min-width: 200px; }
:host(:hover) { border-color: var(--jp-brand-color1); }
:host > .sv-over { position: absolute !important; inset: 0; width: 100% !important; height: 100% !important; }
"""
#: The whole card is one button: it lies over the card, unseen, so mouse, keyboard and screen reader all have it.
_OVER = """
:host { position: absolute; inset: 0; width: 100% !important; height: 100% !important; }
.bk-btn { width: 100%; height: 100%; opacity: 0; cursor: pointer; }
:host(:focus-within) { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
"""


#: Asked when a name is typed.
ARCHIVES = ("LAMOST", "Gaia", "SIMBAD", "VizieR", "MAST")
_NAMES = ("HD 140283", "Gaia DR3 4345775217221821312", "15 43 03.10 -10 56 00.6")
_UNDER = ":host { overflow: hidden; } .sv-words, .line { font-size: 12px; line-height: 18px; max-height: 36px; overflow: hidden; } .line { white-space: nowrap; text-overflow: ellipsis; }"
#: What can be typed, to press instead.
EXAMPLES = (
    '<div class="line"><span class="sv-quiet">For example</span>'
    + "".join(f'&ensp;<button class="sv-button sv-link" data-sv-act="open {name}">{name}</button>' for name in _NAMES)
    + "</div>"
)


class FirstRun:
    """Asks which star.

    Parameters
    ----------
    session : Session
    examples : callable
        ``examples() -> [(title, Star), ...]``: three stars that need no network.
    ready : callable
        ``ready(online) -> str``: HTML of the readiness line.
    """

    def __init__(
        self, session: Any, examples: Callable[[], Sequence[tuple[str, Star]]], ready: Callable[[bool], str]
    ) -> None:
        self._ready = ready
        field = self.field = search(PLACEHOLDER, lambda typed: submit(session, self.suggestions, typed), height=44)
        field.name = "first-search"
        self.suggestions = Suggestions(field, session.suggest)
        self.candidates = CandidateList("52px")

        def shown() -> None:
            typed = field.value_input or field.value
            if typed.strip():
                submit(session, self.suggestions, typed)

        show = button("Show", shown, css=stylesheet.PRIMARY_BUTTON + ".bk-btn { height: 44px; }")
        # One line under the field, always there: examples while nothing goes on, then what the archives do.
        self.words = html(EXAMPLES, classes=["sv-grow"], css=_UNDER)
        self.cancel = html(
            "", css=".sv-button.sv-bar { font-size: 12px; height: 24px; line-height: 22px; padding: 0 8px; }"
        )
        self.cancel.visible = False
        self.ready = html(ready(True), css=":host { padding: 28px 0 14px; font-size: 13px; }")
        cards = [self._card(session, title, star) for title, star in examples()]
        drop = file_input(session.open_bytes, css=stylesheet.DROP_ZONE)
        middle = column(
            html(
                "Which star?",
                css=":host { font-size: 22px; line-height: 28px; font-weight: 600; padding-bottom: 12px; }",
            ),
            column(
                row(column(field, classes=["sv-grow"], css=":host { overflow: visible; }"), show),
                row(self.cancel, self.words, css=":host { height: 44px; }"),
                self.candidates.root,
                css=":host { position: relative; overflow: visible; z-index: 2; }",
            ),
            drop,
            html(
                '<span class="sv-quiet">Start from an example (simulated; no network needed)</span>',
                css=":host { padding: 18px 0 6px; font-weight: 500; }",
            ),
            row(
                *cards,
                css=":host { flex-wrap: wrap !important; gap: 12px !important; align-items: stretch !important; }",
            ),
            self.ready,
            classes=["sv-middle"],
        )
        self.root = column(middle, css=_FRAME, classes=["sv-first"])

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self.candidates.update(old, new)
        if told(new) or told(old):
            draw_progress(new, self.cancel, self.words, else_say=EXAMPLES)
        if new.online != old.online or new.kept != old.kept:
            self.ready.object = self._ready(new.online)

    @staticmethod
    def _card(session: Any, title: str, star: Star) -> Any:
        return column(
            html(card_html(title, star)),
            button(f"Open {title}", lambda: session.open(star), css=_OVER, css_classes=["sv-over"]),
            css=_CARD,
        )


def card_html(title: str, star: Star) -> str:
    """Title, name, the spectrum as one line, class, temperature and S/N."""
    spectrum = spectrum_data.optical(star)
    bits = []
    if spectrum is not None:
        kind = spectrum.meta.get("subclass")
        if kind:
            bits.append(text(kind, 12))
    if star.catalogue.get("teff") is not None:
        bits.append(f"{formats.label('teff', star.catalogue['teff'])} K")
    if spectrum is not None and spectrum.snr is not None:
        bits.append(f"S/N<sub>g</sub> {formats.number(spectrum.snr)}")
    drawn = sparkline(spectrum.wavelength, spectrum.flux, spectrum.good) if spectrum is not None else ""
    return (
        f'<b>{text(title)}</b><div class="sv-quiet" style="font-size:12px">{text(star.name, 40)}</div>{drawn}'
        f'<div class="sv-quiet" style="font-size:12px">{" · ".join(bits)}</div>'
    )


def sparkline(wave: Any, flux: Any, good: Any, *, width: int = 220, height: int = 64) -> str:
    """A spectrum as one thin line: the extremes of each pixel column, so that lines keep their depth."""
    keep = np.asarray(good)
    if keep.sum() < 4:
        return ""
    x, y = np.asarray(wave)[keep], np.asarray(flux)[keep]
    low, high = np.percentile(y, (0.2, 99.6))
    column = np.minimum(((x - x[0]) / (x[-1] - x[0]) * width).astype(int), width - 1)
    starts = np.flatnonzero(np.r_[True, np.diff(column) > 0])
    tops, bottoms = np.maximum.reduceat(y, starts), np.minimum.reduceat(y, starts)
    points = []
    for c, t, b in zip(column[starts], tops, bottoms, strict=True):
        for v in (t, b):
            points.append(f"{c} {np.clip((high - v) / max(high - low, 1e-12), -0.03, 1.03) * (height - 6) + 3:.1f}")
    return (
        f'<svg viewBox="0 0 {width} {height}" width="100%" height="{height}" preserveAspectRatio="none" aria-hidden="true" style="display:block;margin:6px 0">'
        f'<path d="M{"L".join(points)}" fill="none" stroke="var(--sv-observed)" stroke-width="0.8" vector-effect="non-scaling-stroke"/></svg>'
    )


def readiness(model: str, stars: int, online: bool) -> str:
    """What is there to work with, in one line."""
    tick = f'<span style="color:var(--jp-success-color1, #388e3c)">{icons.svg("check", 15)}</span>'
    if online:
        archives = f"{tick} Archives: {', '.join(ARCHIVES)} asked by name"
    else:
        mark = f'<span style="color:{stylesheet.WARN_TEXT}">{icons.svg("offline", 15)}</span>'
        archives = f"{mark} Offline: archives are not asked"
    return (
        f'<div style="display:flex;gap:6px 24px;flex-wrap:wrap"><span>{tick} Model: {text(model)}, built in</span>'
        f"<span>{tick} Example sky: {formats.count(stars)} simulated stars</span><span>{archives}</span></div>"
    )
