"""The style sheets of the chat, one a kind of element; colours and sizes as everywhere (VISUAL.md)."""

from __future__ import annotations

from specviz.views import option_controls
from specviz.views.stylesheet import HIDE, QUIET, WARN_TEXT

#: The frame: header, log, composer; the log takes the height that is left.
ROOT = f"""
{HIDE}
:host {{ display: flex !important; flex-direction: column; gap: 0 !important; box-sizing: border-box; height: min(760px, 86vh); min-height: 420px; overflow: visible;
  border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; position: relative; }}
:host > * {{ margin: 0 !important; flex: none; }}
:host > .sv-chat-log {{ flex: 1 1 0; min-height: 0; }}
"""
HEAD = f"""
{option_controls.CSS}
:host {{ position: relative; z-index: 30; }}
.top {{ display: flex; align-items: center; gap: 8px; min-height: 40px; padding: 0 12px; border-bottom: 1px solid var(--jp-border-color2); }}
.top b {{ flex: none; }}
.top .fact {{ flex: 1 1 0; min-width: 0; font-size: 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.sv-menu > summary .sv-icon {{ vertical-align: -3px; }}
.sv-menu .sv-item::before {{ content: none; }}
.sv-form {{ display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 10px; align-items: center; width: min(340px, 78cqw); padding: 4px 6px; font-size: 12px; line-height: 18px; }}
.sv-form p {{ grid-column: 1 / -1; margin: 0; color: {QUIET}; }}
.sv-form input {{ font: inherit; height: 26px; box-sizing: border-box; width: 100%; min-width: 0; padding: 0 8px; border-radius: 2px; background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
.sv-form input::placeholder {{ color: {QUIET}; opacity: 1; }}
.sv-form .does {{ grid-column: 1 / -1; display: flex; gap: 8px; flex-wrap: wrap; padding-top: 2px; }}
@container (max-width: 559px) {{ .word {{ display: none; }} .sv-menu > summary {{ padding: 0 6px; }} .sv-menu > summary::after {{ content: none; }} }}
"""
#: One scroll area; its only child holds the exchanges.
LOG = """
:host { overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; overscroll-behavior: contain; position: relative; }
:host > * { margin: 0 !important; flex: none; }
"""
#: Nothing in it shrinks: what is too high scrolls.
ALL = ":host { padding: 4px 12px 12px; box-sizing: border-box; max-height: none !important; } :host > * { margin: 0 !important; flex: none !important; max-height: none !important; }"
EXCHANGE = ":host { padding-top: 10px; box-sizing: border-box; max-height: none !important; } :host > * { margin: 0 !important; flex: none !important; max-height: none !important; }"
SHOWN = ":host { max-height: none !important; } :host > * { max-height: none !important; margin-left: 0 !important; margin-right: 0 !important; flex: none !important; }"
SAID = f"""
.row {{ display: flex; justify-content: flex-end; }}
.said {{ max-width: 88%; background: var(--sv-selected); border-radius: 2px; padding: 6px 10px; white-space: pre-wrap; overflow-wrap: anywhere; }}
.file {{ display: flex; align-items: center; gap: 6px; font-size: 12px; overflow-wrap: anywhere; }}
.file .sv-icon {{ vertical-align: 0; }}
.who {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip: rect(0 0 0 0); white-space: nowrap; }}
.said .sv-quiet {{ font-size: 12px; color: {QUIET}; }}
"""
CALLS = f"""
details.calls {{ margin-top: 8px; font-size: 12px; line-height: 20px; color: {QUIET}; }}
summary {{ cursor: pointer; list-style: none; display: flex; align-items: baseline; gap: 6px; min-height: 24px; line-height: 24px; border-radius: 2px; }}
summary::-webkit-details-marker {{ display: none; }}
summary::before {{ content: ""; flex: none; width: 5px; height: 5px; border: solid currentColor; border-width: 0 1.5px 1.5px 0; transform: rotate(-45deg) translate(-1px, -1px); }}
details[open] > summary::before {{ transform: rotate(45deg) translate(-1px, -1px); }}
summary:hover {{ color: var(--jp-ui-font-color1); }}
summary:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
details.call {{ margin-left: 11px; border-left: 1px solid var(--jp-border-color2); padding-left: 10px; }}
details.call[data-sv-flash] {{ background: var(--sv-selected); }}
summary code, pre {{ font-family: var(--jp-code-font-family); font-size: 11.5px; }}
summary code {{ color: var(--jp-ui-font-color1); overflow-wrap: anywhere; }}
summary .took {{ margin-left: auto; flex: none; padding-left: 8px; }}
pre {{ margin: 2px 0 8px; padding: 6px 8px; max-height: 200px; overflow: auto; background: var(--jp-layout-color2); color: var(--jp-ui-font-color1); border-radius: 2px; white-space: pre-wrap;
  overflow-wrap: anywhere; scrollbar-width: thin; line-height: 17px; }}
.doing {{ font-size: 12px; line-height: 24px; color: {QUIET}; margin-top: 8px; }}
.doing code {{ font-family: var(--jp-code-font-family); font-size: 11.5px; color: var(--jp-ui-font-color1); }}
.doing::after {{ content: ""; display: block; height: 2px; width: 120px; background: linear-gradient(90deg, var(--jp-brand-color1), transparent) 0 0 / 50% 100% no-repeat; }}
@media (prefers-reduced-motion: no-preference) {{ .doing::after {{ animation: sv-move 1.1s linear infinite alternate; }} }}
@keyframes sv-move {{ from {{ background-position: 0 0; }} to {{ background-position: 100% 0; }} }}
"""
PROSE = f"""
.prose {{ padding-top: 6px; max-width: 72ch; overflow-wrap: anywhere; }}
.prose p {{ margin: 0 0 6px; white-space: pre-line; }}
.prose ul, .prose ol {{ margin: 0 0 6px; padding-left: 20px; }}
.prose code {{ font-family: var(--jp-code-font-family); font-size: 12px; background: var(--jp-layout-color2); padding: 0 3px; border-radius: 2px; }}
.num {{ cursor: pointer; border-bottom: 1px dotted color-mix(in srgb, var(--jp-ui-font-color1) 45%, transparent); white-space: nowrap; }}
.num:hover {{ background: var(--sv-selected); }}
.lost {{ color: {WARN_TEXT}; border-bottom: 1px dashed currentColor; white-space: nowrap; }}
.problem {{ display: flex; gap: 8px; align-items: baseline; margin: 4px 0 6px; padding: 6px 10px; border: 1px solid var(--jp-border-color2); border-left: 3px solid var(--jp-warn-color1, #f57c00);
  border-radius: 2px; overflow-wrap: anywhere; white-space: pre-line; }}
.problem .sv-icon {{ color: {WARN_TEXT}; }}
"""
CARD = f"""
.card {{ margin-top: 8px; border: 1px solid var(--jp-border-color2); border-radius: 2px; padding: 4px 10px 8px; overflow-x: auto; scrollbar-width: thin; }}
.card > header {{ display: flex; gap: 10px; align-items: baseline; min-height: 26px; line-height: 26px; white-space: nowrap; }}
.card > header .from {{ font-size: 11.5px; color: {QUIET}; overflow: hidden; text-overflow: ellipsis; cursor: pointer; border-bottom: 1px dotted transparent; }}
.card > header .from:hover {{ color: var(--jp-ui-font-color1); }}
table {{ border-collapse: collapse; font-size: 12.5px; line-height: 20px; min-width: min(100%, 440px); }}
th {{ font-weight: 400; font-size: 12px; color: {QUIET}; text-align: left; padding: 1px 12px 1px 0; border-bottom: 1px solid var(--jp-border-color2); white-space: nowrap; }}
td {{ padding: 2px 12px 2px 0; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); white-space: nowrap; vertical-align: middle; }}
tr:last-child > td {{ border-bottom: none; }}
th:last-child, td:last-child {{ padding-right: 0; }}
td.wide {{ white-space: normal; min-width: 140px; overflow-wrap: anywhere; }}
.r {{ text-align: right; }}
.v {{ font-weight: 600; }}
.e {{ display: inline-grid; font-size: 10.5px; line-height: 12px; text-align: left; vertical-align: middle; padding-left: 4px; }}
.num {{ cursor: pointer; }}
.num:hover {{ background: var(--sv-selected); }}
td svg.thumb {{ display: block; width: 112px; height: 26px; }}
td svg.thumb path {{ fill: none; stroke: var(--sv-similar); stroke-width: 1.2; }}
td svg.thumb .own {{ stroke: var(--sv-masked); stroke-opacity: 0.55; stroke-width: 2.8; }}
ul.near {{ list-style: none; margin: 4px 0 6px; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 170px), 1fr)); gap: 8px 16px; font-size: 12px; }}
ul.near li {{ display: flex; flex-wrap: wrap; gap: 0 8px; justify-content: space-between; }}
ul.near svg.thumb {{ display: block; width: 100%; fill: none; stroke: var(--sv-similar); stroke-width: 1.2; border-bottom: 1px solid var(--jp-border-color2); }}
ul.near path {{ vector-effect: non-scaling-stroke; }}
ul.near .own {{ stroke: var(--sv-masked); stroke-opacity: 0.55; stroke-width: 2.8; }}
.track {{ display: block; position: relative; width: 120px; height: 16px; background: linear-gradient(var(--sv-grid), var(--sv-grid)) 50% 0 / 1px 100% no-repeat; }}
.track i {{ position: absolute; top: 4px; height: 8px; }}
.track .up {{ background: var(--sv-raises); }} .track .down {{ background: var(--sv-lowers); }}
.track .err {{ top: 7px; height: 2px; background: var(--sv-reconstructed); opacity: 0.6; }}
.track .dot {{ top: 4px; width: 8px; height: 8px; margin-left: -4px; border-radius: 4px; background: var(--sv-reconstructed); }}
.track .dot.prior {{ background: none; border: 1px solid var(--sv-masked); box-sizing: border-box; }}
.odd {{ display: flex; align-items: center; gap: 12px; padding: 2px 0 6px; }}
.odd b {{ font-size: 20px; line-height: 28px; }}
.scale {{ position: relative; flex: 1 1 0; height: 8px; min-width: 120px; max-width: 360px; background: var(--sv-grid); border: 1px solid var(--sv-frame); }}
.scale i {{ position: absolute; top: -4px; width: 2px; height: 14px; background: var(--sv-observed); }}
.scale s {{ position: absolute; top: 0; width: 1px; height: 6px; background: var(--sv-tick); }}
ul.checks {{ list-style: none; margin: 6px 0 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 2px 12px; font-size: 12px; }}
ul.checks li {{ display: flex; gap: 6px; align-items: baseline; }}
.good {{ color: var(--jp-success-color1, #388e3c); }} .bad {{ color: {WARN_TEXT}; }}
ol.papers {{ margin: 2px 0 0; padding-left: 22px; }} ol.papers li {{ padding: 3px 0; }} ol.papers .sv-quiet {{ font-size: 12px; }}
.key {{ display: inline-flex; align-items: center; gap: 5px; margin-right: 12px; font-size: 12px; white-space: nowrap; }}
dl {{ display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; margin: 2px 0 0; font-size: 12.5px; }} dt {{ color: {QUIET}; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
details.more > summary {{ cursor: pointer; font-size: 12px; line-height: 24px; color: {QUIET}; }}
"""
#: The frame of a plot: the card's border goes round the title and the figure.
CHART = """
:host { margin-top: 8px !important; border: 1px solid var(--jp-border-color2); border-radius: 2px; box-sizing: border-box; padding: 0 6px 2px; }
:host > * { margin: 0 !important; }
"""
CHART_HEAD = CARD + ".card { border: none; margin: 0; padding: 0 4px; }"
FOOT = f"""
.foot {{ display: flex; flex-wrap: wrap; gap: 6px; padding-top: 8px; align-items: center; }}
.foot .sv-quiet {{ font-size: 12px; color: {QUIET}; }}
.ask {{ font: inherit; font-size: 12px; line-height: 18px; min-height: 26px; padding: 3px 10px; border-radius: 2px; cursor: pointer; text-align: left; background: none;
  color: var(--jp-content-link-color, #0067b1); border: 1px solid var(--jp-border-color1); }}
.ask:hover {{ background: var(--jp-layout-color2); }}
.ask:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
"""
WELCOME = (
    FOOT
    + f"""
.welcome {{ padding: 20px 0 8px; max-width: 60ch; }}
.welcome h3 {{ margin: 0 0 4px; font-size: 17px; line-height: 24px; font-weight: 600; }}
.welcome p {{ margin: 0 0 8px; color: {QUIET}; }}
.drop {{ display: flex; width: 100%; align-items: center; gap: 12px; font: inherit; text-align: left; cursor: pointer; border: 1px dashed var(--jp-border-color1); background: var(--jp-layout-color2); color: inherit;
  border-radius: 2px; padding: 12px 14px; margin: 4px 0 6px; box-sizing: border-box; }}
.drop:hover {{ border-color: var(--jp-brand-color1); }}
.drop:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
.drop small {{ display: block; font-size: 12px; color: {QUIET}; }}
"""
)
COMPOSER = """
:host { border-top: 1px solid var(--jp-border-color2); padding: 8px 12px 4px; box-sizing: border-box; gap: 8px !important; align-items: flex-end !important; flex-flow: row nowrap !important; }
:host > * { margin: 0 !important; flex: none; } :host > .sv-grow { flex: 1 1 0; min-width: 0; }
"""
FIELD = f"""
:host {{ width: 100%; }}
textarea {{ font: inherit; font-size: 14px; line-height: 20px; width: 100%; height: 34px; min-height: 34px; max-height: 148px; box-sizing: border-box; padding: 6px 10px; resize: none; border-radius: 2px; display: block;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); scrollbar-width: thin; }}
textarea:focus {{ border-color: var(--jp-brand-color1); outline: 1px solid var(--jp-brand-color1); }}
textarea::placeholder {{ color: {QUIET}; opacity: 1; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
"""
BUTTONS = """
.do { font: inherit; font-size: 13px; height: 34px; min-width: 34px; padding: 0 12px; border-radius: 2px; cursor: pointer; display: inline-flex; align-items: center; justify-content: center; gap: 6px; white-space: nowrap;
  border: 1px solid var(--jp-border-color1); background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); }
.do:hover { background: var(--jp-layout-color2); }
.do.icon { padding: 0; width: 34px; }
.do.primary { border-color: transparent; color: white; font-weight: 600; background: var(--jp-brand-color1); background: light-dark(var(--jp-brand-color1), var(--jp-brand-color0)); }
.do.primary:hover { filter: brightness(0.94); }
.do:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
.do .sv-icon { vertical-align: 0; }
"""
ATTACHED = f"""
.chips {{ display: flex; flex-wrap: wrap; gap: 6px; padding: 8px 12px 0; border-top: 1px solid var(--jp-border-color2); font-size: 12px; }}
.chips span {{ display: inline-flex; gap: 6px; align-items: center; border: 1px solid var(--jp-border-color1); border-radius: 2px; padding: 0 2px 0 8px; height: 24px; overflow-wrap: anywhere; }}
.chips button {{ border: none; background: none; color: {QUIET}; width: 24px; height: 24px; padding: 0; cursor: pointer; display: inline-flex; align-items: center; justify-content: center; }}
.chips button:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }}
.chips .sv-icon {{ vertical-align: 0; }}
"""
LEAVES = f"""
.leaves {{ font-size: 11.5px; line-height: 16px; color: {QUIET}; padding: 0 12px 8px; overflow-wrap: anywhere; }}
.leaves b {{ font-weight: 500; color: var(--jp-ui-font-color1); }}
.problem {{ margin: 0 12px 6px; padding: 4px 10px; font-size: 12px; border: 1px solid var(--jp-border-color2); border-left: 3px solid var(--jp-warn-color1, #f57c00); border-radius: 2px; }}
"""
