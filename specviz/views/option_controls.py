"""Controls of the view's options as plain HTML: the browser changes the option (``widgets/settings.js``), no model each.

Everything here returns text for :func:`specviz.views.controls.html`, whose style sheet must hold :data:`CSS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz.session.state import ViewOptions
from specviz.views import icons
from specviz.views.controls import SWATCHES
from specviz.views.formats import text
from specviz.views.stylesheet import QUIET

CSS = f"""
.sv-controls {{ display: flex; align-items: center; gap: 8px; flex-wrap: nowrap; }}
.sv-controls .sv-button, .sv-seg button, .sv-chip, .sv-icon-button {{ font: inherit; font-size: 12px; cursor: pointer; box-sizing: border-box; }}
.sv-seg {{ display: inline-flex; }}
.sv-seg button {{ height: 24px; line-height: 22px; padding: 0 9px; white-space: nowrap; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1);
  border: 1px solid var(--jp-border-color1); border-radius: 0; }}
.sv-seg button + button {{ margin-left: -1px; }}
.sv-seg button:first-child {{ border-radius: 2px 0 0 2px; }} .sv-seg button:last-child {{ border-radius: 0 2px 2px 0; }}
.sv-seg button:hover {{ background: var(--jp-layout-color2); }}
.sv-seg button[aria-pressed="true"], .sv-button[aria-pressed="true"], .sv-icon-button[aria-pressed="true"] {{ background: var(--sv-selected);
  border-color: var(--jp-brand-color1); font-weight: 500; position: relative; z-index: 1; }}
.sv-chip {{ position: relative; height: 24px; line-height: 22px; padding: 0 3px 0 26px; border: 1px solid transparent; border-radius: 2px; background: none;
  color: var(--jp-ui-font-color1); white-space: nowrap; }}
.sv-chip:hover {{ background: var(--jp-layout-color2); }}
.sv-chip i {{ position: absolute; left: 2px; top: 2px; width: 20px; height: 18px; }}
.sv-chip[aria-pressed="false"], .sv-chip[disabled] {{ color: {QUIET}; }}
.sv-chip[disabled] {{ cursor: default; background: none; }}
.sv-chip[aria-pressed="false"] i, .sv-chip[disabled] i {{ opacity: 0.35; }}
.sv-icon-button {{ width: 24px; height: 24px; padding: 0; border: 1px solid transparent; border-radius: 2px; background: none; color: var(--jp-ui-font-color1);
  display: inline-flex; align-items: center; justify-content: center; flex: none; }}
.sv-icon-button:hover {{ background: var(--jp-layout-color2); }}
.sv-icon-button .sv-icon {{ vertical-align: 0; }}
.sv-menu {{ position: relative; }}
.sv-menu > summary {{ list-style: none; font-size: 12px; height: 22px; line-height: 22px; padding: 0 22px 0 8px; border: 1px solid var(--jp-border-color1); border-radius: 2px;
  cursor: pointer; white-space: nowrap; background: var(--jp-layout-color1); position: relative; }}
.sv-menu > summary::-webkit-details-marker {{ display: none; }}
.sv-menu > summary::after {{ content: ""; position: absolute; right: 8px; top: 7px; width: 5px; height: 5px; border: solid currentColor; border-width: 0 1.5px 1.5px 0; transform: rotate(45deg); }}
.sv-menu > summary:hover, .sv-menu[open] > summary {{ background: var(--jp-layout-color2); }}
.sv-menu > div {{ position: absolute; z-index: 40; right: 0; top: 26px; min-width: 168px; padding: 6px; background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1); border-radius: 2px; }}
.sv-menu.sv-left > div {{ right: auto; left: 0; }}
.sv-menu .sv-item {{ display: flex; width: 100%; align-items: center; gap: 8px; font: inherit; font-size: 12px; line-height: 24px; height: 24px; padding: 0 8px; border: none; border-radius: 2px;
  background: none; color: var(--jp-ui-font-color1); text-align: left; cursor: pointer; white-space: nowrap; box-sizing: border-box; }}
.sv-menu .sv-item:hover {{ background: var(--jp-layout-color2); }}
.sv-menu .sv-item::before {{ content: ""; width: 12px; flex: none; text-align: center; }}
.sv-menu .sv-item[aria-pressed="true"]::before {{ content: "✓"; content: "✓" / ""; }}
.sv-menu .sv-item[disabled] {{ color: {QUIET}; cursor: default; background: none; }}
.sv-menu hr {{ border: none; border-top: 1px solid var(--jp-border-color2); margin: 6px 0; }}
button:focus-visible, summary:focus-visible, input:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
input[type="range"] {{ height: 24px; margin: 0; accent-color: var(--jp-brand-color1); cursor: pointer; vertical-align: middle; }}
input.sv-number {{ font: inherit; font-size: 12px; height: 24px; width: 74px; box-sizing: border-box; padding: 0 6px; text-align: right; border-radius: 2px; font-variant-numeric: tabular-nums;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
"""

#: The row of chips, with the values at the pointer over its end: it may not move while the pointer does.
LEGEND = f"""
{CSS}
:host {{ width: 100%; }}
.sv-legend {{ position: relative; display: flex; align-items: center; gap: 0 8px; min-height: 28px; flex-wrap: wrap; }}
@container (min-width: 1200px) {{ .sv-legend {{ flex-wrap: nowrap; overflow: hidden; }} }}
.sv-legend .sv-readout {{ position: absolute; right: 0; top: 2px; padding-left: 12px; white-space: nowrap; font-size: 12px; line-height: 24px;
  background: var(--jp-layout-color1); }}
.sv-legend .sv-readout:empty {{ display: none; }}
.sv-legend .sv-note {{ font-size: 12px; }}
"""


def segmented(option: str, choices: Sequence[tuple[str, str]], view: ViewOptions, *, name: str) -> str:
    """One of a few, side by side; ``choices`` are (value, label), ``name`` says what is chosen."""
    buttons = "".join(
        f'<button data-sv-set="{option} {value}" aria-pressed="{_bool(_word(getattr(view, option)) == value)}">{text(label)}</button>'
        for value, label in choices
    )
    return f'<span class="sv-seg" role="group" aria-label="{text(name)}">{buttons}</span>'


def chip(layer: str, label: str, view: ViewOptions, *, role: str, mark: str = "line", width: float = 2, enabled: bool = True) -> str:  # fmt: skip
    """A legend entry that is the switch of its layer: a swatch drawn like the mark, pressed = shown."""
    swatch = SWATCHES[mark].format(role=role, width=width)
    pressed = _bool(layer not in view.hidden)
    said = f' aria-label="{text(label)} in XP"' if layer.startswith("xp_") else ""  # both panels have an "Observed"
    return (
        f'<button class="sv-chip" data-sv-toggle="hidden {layer}" aria-pressed="{pressed}"{said}{"" if enabled else " disabled"}>'
        f'<i style="{swatch}"></i>{text(label)}</button>'
    )


def toggle(option: str, label: str, view: ViewOptions, *, icon: str = "") -> str:
    """A switch of an option that is on or off; with an icon the label is its name alone."""
    pressed = _bool(getattr(view, option))
    if icon:
        return (
            f'<button class="sv-icon-button" data-sv-toggle="{option}" aria-pressed="{pressed}" aria-label="{text(label)}" '
            f'title="{text(label)}">{icons.svg(icon)}</button>'
        )
    return f'<button class="sv-button" data-sv-toggle="{option}" aria-pressed="{pressed}">{text(label)}</button>'


def icon_button(label: str, icon: str, attributes: str) -> str:
    """A square button; ``attributes`` say what it does (``data-sv-act="..."``), already safe."""
    return f'<button class="sv-icon-button" {attributes} aria-label="{text(label)}" title="{text(label)}">{icons.svg(icon)}</button>'


def member(option: str, word: str, label: str, view: ViewOptions) -> str:
    """A line of a menu that puts a word into a list option, or takes it out."""
    on = (word in getattr(view, option)) != (option == "hidden")
    return f'<button class="sv-item" data-sv-toggle="{option} {word}" aria-pressed="{_bool(on)}">{text(label)}</button>'


def choice(option: str, value: str, label: str, view: ViewOptions) -> str:
    """A line of a menu that sets an option; ``value`` as JavaScript writes it (``null``, ``0.5``, ``nm``)."""
    return f'<button class="sv-item" data-sv-set="{option} {value}" aria-pressed="{_bool(_word(getattr(view, option)) == value)}">{text(label)}</button>'


def menu(label: str, items: str, *, name: str = "", left: bool = False) -> str:
    """A drop-down; ``label`` may be markup of ours, ``items`` what is in it. Closes at a press elsewhere and at Escape."""
    said = f' aria-label="{text(name)}"' if name else ""
    return f'<details class="sv-menu{" sv-left" if left else ""}"><summary{said}>{label}</summary><div>{items}</div></details>'


def _word(value: Any) -> str:
    """A value as the browser writes it, for the comparison with ``data-sv-set``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return _bool(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _bool(value: bool) -> str:
    return str(bool(value)).lower()
