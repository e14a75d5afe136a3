"""The map's switch of planes and its key, as HTML."""

from __future__ import annotations

from typing import Any

from specviz.session.state import ViewOptions
from specviz.views import density, formats, option_controls
from specviz.views.formats import text
from specviz.views.map_colours import CHOICES, Cluster
from specviz.views.map_scene import PLANES, Scene
from specviz.views.stylesheet import QUIET, WARN_TEXT

CSS = f"""
{option_controls.CSS}
.sv-seg button {{ padding: 0 7px; }}
.sv-seg button[disabled] {{ color: {QUIET}; opacity: 0.6; cursor: default; background: var(--jp-layout-color1); }}
.sv-mapkey {{ display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: center; font-size: 12px; line-height: 22px; }}
.sv-mapkey + .sv-mapkey {{ margin-top: 4px; }}
.sv-mapkey > span {{ white-space: nowrap; }}
.sv-mapkey svg {{ vertical-align: -2px; }}
.sv-mapkey .sv-button {{ height: 24px; line-height: 22px; padding: 0 4px; }}
.sv-mapkey .sv-menu > div {{ top: auto; bottom: 26px; min-width: 96px; }}
.sv-mapkey.sv-wide {{ position: relative; }}
.sv-wide .sv-menu {{ position: static; }}
.sv-wide .sv-menu > div {{ left: 0; bottom: 100%; width: 320px; max-width: 100%; max-height: 246px; overflow-y: auto; scrollbar-width: thin; box-sizing: border-box; }}
.sv-menu .sv-why {{ font-size: 11px; margin-left: auto; padding-left: 12px; }}
.sv-scale {{ display: inline-flex; align-items: center; gap: 5px; }}
.sv-scale i {{ width: 56px; height: 8px; display: inline-block; }}
.sv-cluster {{ font: inherit; font-size: 12px; height: 24px; min-width: 24px; padding: 0 5px; border: 1px solid transparent; border-radius: 2px; background: none;
  color: var(--jp-ui-font-color1); cursor: pointer; display: inline-flex; align-items: center; gap: 4px; }}
.sv-cluster:hover {{ background: var(--jp-layout-color2); }}
.sv-cluster[aria-pressed="true"] {{ background: var(--sv-selected); border-color: var(--jp-brand-color1); font-weight: 500; }}
.sv-clusters {{ display: inline-flex; flex-wrap: wrap; margin-left: -5px; }}
.sv-swatch {{ display: inline-block; width: 9px; height: 9px; flex: none; border-radius: 50%; background: var(--c); }}
.sv-item .sv-title {{ overflow: hidden; text-overflow: ellipsis; }}
"""
_KEYS = (
    '<span><svg width="14" height="14"><circle cx="7" cy="7" r="4.5" fill="none" stroke="var(--sv-reconstructed)" stroke-width="2"/></svg> This star</span>'
    '<span><svg width="14" height="14"><path d="M7 1.5L11 7L7 12.5L3 7Z" fill="none" stroke="var(--sv-catalogue)" stroke-width="1.4"/></svg> {catalogue}</span>'
    '<span><svg width="14" height="14"><circle cx="7" cy="7" r="4" fill="var(--sv-similar)"/></svg> Similar</span>'
)
_STOPS = ",".join(f"rgb({r},{g},{b})" for r, g, b in density.cividis()[::51])


def planes_switch(view: ViewOptions, scene: Scene | None) -> str:
    """One of the planes; those that the catalogue cannot fill say why. More than fit side by side stand in a menu."""
    choices = PLANES if scene is None else scene.choices
    reasons = {} if scene is None else scene.reasons
    shown = view.plane if scene is None else scene.plane.name
    as_menu = len(choices) > len(PLANES)
    buttons = []
    for value, label, title in choices:
        why = reasons.get(value, "")
        does = "disabled" if why else f'data-sv-set="plane {value}"'
        told = f'aria-pressed="{str(shown == value and not why).lower()}" title="{text(why or title)}"'
        note = (
            f'<span class="sv-quiet sv-why">{text(why.removeprefix("This catalogue has "), 26)}</span>'
            if as_menu and why
            else ""
        )
        item = ' class="sv-item"' if as_menu else ""
        buttons.append(f"<button{item} {does} {told}>{text(label)}{note}</button>")
    if as_menu:
        label = next((label for value, label, _ in choices if value == shown), "Plane")
        return option_controls.menu(text(label), "".join(buttons), name=f"Plane of the map: {label}")
    return f'<span class="sv-seg" role="group" aria-label="Plane of the map">{"".join(buttons)}</span>'


def key(
    view: ViewOptions,
    scene: Scene | None,
    picture: Any,
    *,
    catalogue: str = "Catalogue",
    problem: str = "",
    waiting: bool = False,
) -> str:
    """What the marks are (the diamond is of ``catalogue``), how many reference stars there are, by what they are coloured, and which clusters there are."""
    count = 0 if scene is None else scene.points.x.size
    colours = None if scene is None else scene.colouring
    stars = f"{formats.count(count)} stars" if count else "Reference"
    title = (
        f"{formats.count(picture.rows.size)} of {formats.count(picture.inside)} in view drawn"
        if picture.sampled
        else "All in view drawn"
    )
    if colours is not None and colours.values is not None:
        low, high = (formats.label(colours.name, v) for v in colours.limits)
        unit = formats.unit(colours.name)
        dot = f'<span class="sv-scale" title="{title}">{low}<i style="background:linear-gradient(90deg,{_STOPS})"></i>{high} {unit}, {stars}</span>'
    else:
        dot = f'<span title="{title}"><svg width="14" height="14"><circle cx="7" cy="7" r="1.6" fill="var(--sv-reference)"/></svg> {stars}</span>'
    parts = [_KEYS.replace("{catalogue}", text(catalogue, 20)), dot, _colours(view, scene)]
    if view.region is not None:
        parts.append('<button class="sv-button" data-sv-act="all-similar">Clear region</button>')
    if waiting:
        parts.append('<span class="sv-quiet">Reading the catalogue…</span>')
    problem = problem or ("" if scene is None else scene.problem) or ("" if colours is None else colours.problem)
    if problem:
        parts.append(f'<span style="color:{WARN_TEXT};white-space:normal">{text(problem, 200)}</span>')
    first = f'<div class="sv-mapkey">{"".join(parts)}</div>'
    if colours is None or not colours.clusters or (colours.name != "cluster" and colours.chosen is None):
        return first
    return first + _clusters(colours.clusters, colours.chosen)


def _colours(view: ViewOptions, scene: Scene | None) -> str:
    """The menu of colourings; one that the catalogue has no values for says so."""
    lacking = {} if scene is None else scene.lacking
    items = []
    for value, label in CHOICES:
        why = lacking.get(value, "")
        if value == "cluster" and why.startswith("This catalogue keeps no"):  # few do
            continue
        does = f'disabled title="{text(why)}"' if why else f'data-sv-set="map_colour {value}"'
        pressed = str(view.map_colour == value).lower()
        items.append(f'<button class="sv-item" {does} aria-pressed="{pressed}">{label}</button>')
    label = next(label for value, label in CHOICES if value == view.map_colour)
    said = "Colour" if view.map_colour == "plain" else f"Colour: {label}"
    return option_controls.menu(said, "".join(items), name=f"Colour of the reference stars: {label}", left=True)


def _clusters(clusters: tuple[Cluster, ...], chosen: Cluster | None) -> str:
    """The clusters that have a colour, all of them in a menu, and the words of the one that is looked at."""
    shown = [c for c in clusters if c.colour != density.GREY]
    chips = "".join(_chip(c, chosen) for c in shown)
    more = ""
    if clusters:
        items = "".join(_item(c, chosen) for c in clusters)
        more = option_controls.menu(f"All {len(clusters)}", items, name=f"All {len(clusters)} clusters", left=True)
    out = f'<div class="sv-mapkey sv-wide"><span class="sv-clusters" role="group" aria-label="Clusters">{chips}</span>{more}</div>'
    if chosen is None:
        return out
    return (
        f'{out}<div class="sv-mapkey"><span style="white-space:normal"><b>{chosen.number} {text(chosen.title)}</b>: {text(chosen.text, 300)} '
        '<button class="sv-button sv-link" data-sv-set="cluster null">Show all stars</button></span></div>'
    )


def _chip(cluster: Cluster, chosen: Cluster | None) -> str:
    on = chosen is not None and chosen.number == cluster.number
    title = f"{cluster.title}: {cluster.text}"
    return (
        f'<button class="sv-cluster" data-sv-set="cluster {"null" if on else cluster.number}" aria-pressed="{str(on).lower()}" '
        f'aria-label="Cluster {cluster.number}, {text(cluster.title)}" title="{text(title, 300)}">'
        f'<i class="sv-swatch" style="--c:{cluster.colour}"></i>{cluster.number}</button>'
    )


def _item(cluster: Cluster, chosen: Cluster | None) -> str:
    on = chosen is not None and chosen.number == cluster.number
    return (
        f'<button class="sv-item" data-sv-set="cluster {cluster.number}" aria-pressed="{str(on).lower()}" title="{text(cluster.text, 300)}">'
        f'<i class="sv-swatch" style="--c:{cluster.colour}"></i><span class="sv-title">{cluster.number} {text(cluster.title)}</span>'
        f'<span class="sv-quiet sv-why">{formats.count(cluster.count)}</span></button>'
    )
