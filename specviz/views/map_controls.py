"""The map's switch of planes and its key, as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specviz.session.state import ViewOptions
from specviz.views import density, formats, option_controls
from specviz.views.formats import text
from specviz.views.stylesheet import QUIET, WARN_TEXT

PLANES = (("kiel", "Kiel", "log g over Teff"), ("hr", "HR", "Absolute G magnitude over colour or Teff"),
          ("alpha", "[α/Fe]", "[α/Fe] over [Fe/H]"), ("embedding", "Embedding", "The two main axes of the embedding"))  # fmt: skip
CSS = f"""
{option_controls.CSS}
.sv-seg button {{ padding: 0 7px; }}
.sv-seg button[disabled] {{ color: {QUIET}; opacity: 0.6; cursor: default; background: var(--jp-layout-color1); }}
.sv-mapkey {{ display: flex; flex-wrap: wrap; gap: 0 6px; align-items: center; font-size: 12px; line-height: 22px; }}
.sv-mapkey > span {{ white-space: nowrap; }}
.sv-mapkey svg {{ vertical-align: -2px; }}
.sv-mapkey .sv-button {{ height: 24px; line-height: 22px; padding: 0 4px; }}
.sv-scale {{ display: inline-flex; align-items: center; gap: 5px; }}
.sv-scale i {{ width: 56px; height: 8px; display: inline-block; }}
"""
_KEYS = (
    '<span><svg width="14" height="14"><circle cx="7" cy="7" r="4.5" fill="none" stroke="var(--sv-reconstructed)" stroke-width="2"/></svg> This star</span>'
    '<span><svg width="14" height="14"><path d="M7 1.5L11 7L7 12.5L3 7Z" fill="none" stroke="var(--sv-catalogue)" stroke-width="1.4"/></svg> Catalogue</span>'
    '<span><svg width="14" height="14"><circle cx="7" cy="7" r="4" fill="var(--sv-similar)"/></svg> Similar</span>'
)
_STOPS = ",".join(f"rgb({r},{g},{b})" for r, g, b in density.cividis()[::51])


def planes_switch(view: ViewOptions, reasons: Mapping[str, str]) -> str:
    """One of the planes; those that the catalogue cannot fill say why."""
    buttons = []
    for value, label, title in PLANES:
        why = reasons.get(value, "")
        does = "disabled" if why else f'data-sv-set="plane {value}"'
        pressed = str(view.plane == value and not why).lower()
        buttons.append(f'<button {does} aria-pressed="{pressed}" title="{text(why or title)}">{label}</button>')
    return f'<span class="sv-seg" role="group" aria-label="Plane of the map">{"".join(buttons)}</span>'


def key(
    view: ViewOptions,
    count: int,
    scale: tuple[float, float] | None,
    picture: Any,
    *,
    problem: str = "",
    region: bool = False,
) -> str:
    """What the marks are, how many reference stars there are, and by what they are coloured."""
    by_metals = view.map_colour == "fe_h"
    switch = f'<button class="sv-button" data-sv-set="map_colour {"plain" if by_metals else "fe_h"}" aria-pressed="{str(by_metals).lower()}" title="Colour the reference stars by [Fe/H]">[Fe/H]</button>'
    stars = f"{formats.count(count)} stars" if count else "Reference"
    title = (
        f"{formats.count(picture.rows.size)} of {formats.count(picture.inside)} in view drawn"
        if picture.sampled
        else "All in view drawn"
    )
    if scale is None:
        dot = f'<span title="{title}"><svg width="14" height="14"><circle cx="7" cy="7" r="1.6" fill="var(--sv-reference)"/></svg> {stars}</span>'
    else:
        low, high = (formats.number(v, 1, sign=True) for v in scale)
        dot = f'<span class="sv-scale" title="{title}">{low}<i style="background:linear-gradient(90deg,{_STOPS})"></i>{high} dex, {stars}</span>'
    parts = [_KEYS, dot, switch]
    if region:
        parts.append('<button class="sv-button" data-sv-act="all-similar">Clear region</button>')
    if problem:
        parts.append(f'<span style="color:{WARN_TEXT};white-space:normal">{text(problem)}</span>')
    return f'<div class="sv-mapkey">{"".join(parts)}</div>'
