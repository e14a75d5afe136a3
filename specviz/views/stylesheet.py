"""The style sheets of the views: one a kind of element, each a single Bokeh model shared by all who wear it.

Everything visible stands in shadow roots, so a sheet reaches only the element that carries it; colours and fonts come
from
JupyterLab's variables (the door defines them where a page has none) and from ``--sv-*``. Sizes: VISUAL.md sections 2,
4, 6.
Responsive rules are container queries on the widget's own width, never the window's.
"""

from __future__ import annotations

from specviz.views.icons import mask_url

QUIET = "color-mix(in srgb, var(--jp-ui-font-color1) 68%, transparent)"
WARN_TEXT = "color-mix(in srgb, var(--jp-warn-color0, #e65100) 80%, var(--sv-ink, black))"
MEDIUM, NARROW = "(max-width: 1199px)", "(max-width: 699px)"

#: The attribute by which ``controls.show`` hides; part of every sheet here that stands for a whole element.
HIDE = ":host([data-sv-hidden]) { display: none !important; }"

TEXT = f"""
{HIDE}
:host {{ font-family: var(--jp-ui-font-family); font-size: 13px; line-height: 20px; color: var(--jp-ui-font-color1);
  font-variant-numeric: tabular-nums; }}
.sv-quiet {{ color: {QUIET}; }}
.sv-icon {{ vertical-align: -3px; flex: none; }}
b {{ font-weight: 600; }}
sub {{ font-size: 75%; line-height: 0; vertical-align: -0.25em; }}
a {{ color: var(--jp-content-link-color, #0067b1); text-decoration: none; cursor: pointer; }}
.sv-button {{ font: inherit; font-size: 12px; line-height: 22px; height: 24px; padding: 0 8px; border-radius: 2px; cursor: pointer;
  white-space: nowrap; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
.sv-button:hover {{ background: var(--jp-layout-color2); }}
.sv-button.sv-bar {{ font-size: 13px; height: 32px; line-height: 30px; padding: 0 10px; }}
.sv-button.sv-flat {{ border-color: transparent; background: none; }}
.sv-button.sv-link {{ border: none; background: none; color: var(--jp-content-link-color, #0067b1); padding: 0 2px; }}
.sv-button.sv-link:hover {{ text-decoration: underline; }}
.sv-button:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
"""

ROOT = f"""
:host {{ display: grid !important; grid-template-columns: repeat(12, minmax(0, 1fr)); grid-auto-flow: row dense; gap: 12px; width: 100%;
  font-family: var(--jp-ui-font-family); color: var(--jp-ui-font-color1); box-sizing: border-box; align-items: stretch;
  }}
:host > * {{ grid-column: 1 / -1; min-width: 0; margin: 0 !important; }}
:host > .sv-panel {{ align-self: stretch !important; height: auto !important; }}
.sv-lamost, .sv-similar {{ grid-column: span 8; }}
.sv-xp, .sv-posterior, .sv-map, .sv-anomaly, .sv-work {{ grid-column: span 4; }}
@container {MEDIUM} {{
  .sv-lamost, .sv-xp, .sv-similar {{ grid-column: 1 / -1; }}
  .sv-posterior, .sv-map, .sv-anomaly, .sv-work {{ grid-column: span 6; }}
  .sv-similar {{ order: 3; }} .sv-footer {{ order: 4; }} .sv-hints {{ order: 5; }}
}}
@container {NARROW} {{ .sv-posterior, .sv-map, .sv-anomaly, .sv-work {{ grid-column: 1 / -1; }} }}
:host([data-sv-chat]) {{ --dock-position: absolute; --dock-width: clamp(340px, 36%, 480px); --dock-column: auto; padding-right: calc(clamp(340px, 36%, 480px) + 12px);
  position: relative; container-type: inline-size; align-content: start; min-height: 760px; }}
@container (max-width: 899px) {{ :host([data-sv-chat]) {{ --dock-position: static; --dock-width: auto; --dock-column: 1 / -1; --dock-height: min(560px, 80vh); padding-right: 0; }} }}
:host > .sv-chat-dock {{ position: var(--dock-position, static); width: var(--dock-width, auto) !important; grid-column: var(--dock-column, 1 / -1); right: 0; top: 0; bottom: 0; order: -1;
  container-type: inline-size; }}
:host > [data-sv-enlarged] {{ grid-column: 1 / -1 !important; }}
"""

PANEL = """
:host { border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px;
  padding: 4px 12px 8px 12px; box-sizing: border-box; overflow: hidden; position: relative; gap: 0 !important; }
:host > * { margin-left: 0; margin-right: 0; }
"""

ROW = (
    HIDE
    + """
:host { flex-flow: row nowrap !important; align-items: center; gap: 8px !important; width: 100%; min-width: 0;
  overflow: visible; box-sizing: border-box; }
:host > * { margin: 0 !important; flex: none; }
:host > .sv-grow { flex: 1 1 0; min-width: 0; }
:host > .sv-shrink { flex: 0 1 auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
"""
)

_BUTTON = """
:host { font-family: var(--jp-ui-font-family); width: auto !important; }
.bk-btn, .bk-btn:hover, .bk-btn:focus { font: inherit; font-variant-numeric: tabular-nums; border-radius: 2px; box-shadow: none;
  background: var(--jp-layout-color1); background-image: none; color: var(--jp-ui-font-color1); cursor: pointer;
  border: 1px solid var(--jp-border-color1); white-space: nowrap; text-shadow: none; }
.bk-btn:hover { background: var(--jp-layout-color2); }
.bk-btn:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
.bk-btn[disabled], .bk-btn[disabled]:hover { opacity: 0.5; cursor: default; background: var(--jp-layout-color1) !important;
  color: var(--jp-ui-font-color1) !important; border-color: var(--jp-border-color1) !important; }
"""

#: 32 px, in bars.
BAR_BUTTON = _BUTTON + ".bk-btn { font-size: 13px; height: 32px; padding: 0 10px; line-height: 30px; }"
#: 24 px, in panels.
SMALL_BUTTON = _BUTTON + ".bk-btn { font-size: 12px; height: 24px; padding: 0 8px; line-height: 22px; }"
PRIMARY_BUTTON = (
    BAR_BUTTON
    + """.bk-btn, .bk-btn:hover, .bk-btn:focus { background: var(--jp-brand-color1); border-color: var(--jp-brand-color1); color: white; }
.bk-btn, .bk-btn:hover, .bk-btn:focus { background: light-dark(var(--jp-brand-color1), var(--jp-brand-color0)); }
.bk-btn { padding: 0 16px; } .bk-btn:hover { filter: brightness(0.94); }"""
)


def icon_button(icon: str, size: int = 24) -> str:
    """A square button that shows only an icon; its name is the button's label, kept for screen readers and tests."""
    return (
        _BUTTON
        + f""".bk-btn {{ width: {size}px; height: {size}px; padding: 0; font-size: 0; position: relative;
  border-color: transparent; background: none; }} .bk-btn:hover {{ background: var(--jp-layout-color2); border-color:
  transparent; }}
.bk-btn::before {{ content: ""; position: absolute; inset: 0; background: currentColor;
  -webkit-mask: {mask_url(icon)} center / 16px no-repeat; mask: {mask_url(icon)} center / 16px no-repeat; }}"""
    )


SEGMENTED = (
    _BUTTON
    + """.bk-btn-group { display: flex; gap: 0; } .bk-btn { font-size: 12px; height: 24px; padding: 0 10px; line-height: 22px; border-radius: 0; }
.bk-btn + .bk-btn { margin-left: -1px !important; }
.bk-btn:first-child { border-radius: 2px 0 0 2px; } .bk-btn:last-child { border-radius: 0 2px 2px 0; }
.bk-btn.bk-active, .bk-btn.bk-active:hover { background: var(--sv-selected); border-color: var(--jp-brand-color1);
z-index: 1;
  position: relative; font-weight: 500; }"""
)

SELECT = """
:host { font-family: var(--jp-ui-font-family); width: auto !important; }
select.bk-input { font: inherit; font-size: 13px; height: 32px; padding: 0 28px 0 10px; border-radius: 2px; width:
108px; text-overflow: ellipsis;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); box-shadow: none; appearance: none; background-image: none !important; }
.bk-input-group { position: relative; }
.bk-input-group::after { content: ""; position: absolute; right: 11px; top: calc(50% - 5px); width: 5px; height: 5px; border: solid var(--jp-ui-font-color1); pointer-events: none;
  border-width: 0 1.5px 1.5px 0; transform: rotate(45deg); }
select.bk-input:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
option { background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); }
"""


def search_field(height: int) -> str:
    """A text field with the search icon in it."""
    return f"""
:host {{ font-family: var(--jp-ui-font-family); }}
.bk-input-group {{ position: relative; }}
input.bk-input {{ font: inherit; font-size: {13 if height < 40 else 14}px; height: {height}px; border-radius: 2px;
padding: 0 32px 0 36px; text-overflow: ellipsis;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); box-shadow: none; }}
input.bk-input::placeholder {{ color: {QUIET}; opacity: 1; }}
input.bk-input:focus {{ border-color: var(--jp-brand-color1); outline: 1px solid var(--jp-brand-color1); box-shadow:
none; }}
.bk-input-group::before {{ content: ""; position: absolute; left: 12px; top: {height // 2 - 8}px; width: 16px; height:
16px; z-index: 1;
  background: currentColor; -webkit-mask: {mask_url("search")} center / contain no-repeat; mask: {mask_url("search")}
  center / contain no-repeat; }}
.bk-input-group::after {{ content: "/"; position: absolute; right: 10px; top: {height // 2 - 9}px; width: 16px; height: 16px; line-height: 15px;
  text-align: center; font-size: 11px; font-family: var(--jp-code-font-family); color: {QUIET}; border: 1px solid var(--jp-border-color2);
  border-radius: 2px; pointer-events: none; }}
.bk-input-group:focus-within::after {{ display: none; }}
.sv-list {{ position: absolute; z-index: 30; left: 0; right: 0; top: {height + 2}px; margin: 0; padding: 4px 0; list-style: none;
  min-width: 320px; max-height: 264px; overflow: auto; background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1); border-radius: 2px; }}
.sv-list[hidden] {{ display: none; }}
.sv-list li {{ display: flex; gap: 12px; justify-content: space-between; align-items: baseline; line-height: 28px; height: 28px; padding: 0 12px;
  font-size: 13px; color: var(--jp-ui-font-color1); cursor: pointer; }}
.sv-list li > span:first-child {{ flex: 0 0 auto; max-width: 60%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.sv-list li > span:last-child {{ flex: 0 1 auto; font-size: 12px; color: {QUIET}; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.sv-list li:hover {{ background: var(--jp-layout-color2); }}
.sv-list li[aria-selected="true"] {{ background: var(--sv-selected); }}
"""


#: A file input that looks like a bar button. The native control is kept (keyboard, drop, screen reader), only drawn
#: over.
FILE_BUTTON = f"""
:host {{ width: 112px !important; height: 32px; font-family: var(--jp-ui-font-family); position: relative; overflow:
hidden; }}
:host::before {{ content: "Open file"; position: absolute; inset: 0; border: 1px solid var(--jp-border-color1); border-radius: 2px;
  line-height: 30px; padding-left: 36px; font-size: 13px; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); pointer-events: none; z-index: 1; }}
:host::after {{ content: ""; position: absolute; left: 12px; top: 8px; width: 16px; height: 16px; background: var(--jp-ui-font-color1); z-index: 2;
  pointer-events: none; -webkit-mask: {mask_url("folder")} center / contain no-repeat; mask: {mask_url("folder")}
  center / contain no-repeat; }}
:host(:hover)::before {{ background: var(--jp-layout-color2); }}
:host(:focus-within)::before {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }}
.bk-input-group {{ height: 32px; }}
input {{ position: absolute; inset: 0; width: 100%; height: 32px; opacity: 0; cursor: pointer; }}
"""

DROP_ZONE = f"""
:host {{ width: 100%; height: 78px; font-family: var(--jp-ui-font-family); position: relative; overflow: hidden; box-sizing: border-box;
  border: 1px dashed var(--jp-border-color1); background: var(--jp-layout-color2); border-radius: 2px; }}
:host::before {{ content: "Drop spectra or a list of stars here, or click to choose"; position: absolute; left: 48px; top: 16px; font-size: 13px; font-weight: 600;
  color: var(--jp-ui-font-color1); pointer-events: none; }}
:host::after {{ content: "FITS of LAMOST, Gaia XP, SDSS; CSV of a spectrum; tables of names. Files stay on this machine."; position: absolute;
  left: 48px; top: 40px; right: 12px; font-size: 12px; color: {QUIET}; pointer-events: none; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }}
:host(:hover) {{ border-color: var(--jp-brand-color1); }}
:host(:focus-within) {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
.bk-input-group {{ position: absolute; inset: 0; }}
.bk-input-group::before {{ content: ""; position: absolute; left: 18px; top: 18px; width: 16px; height: 16px;
background: currentColor;
  -webkit-mask: {mask_url("folder")} center / contain no-repeat; mask: {mask_url("folder")} center / contain no-repeat;
  }}
input {{ position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; cursor: pointer; }}
"""
