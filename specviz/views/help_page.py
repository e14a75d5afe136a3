"""The ``?`` page: every key of a view, over the page.

It is a popover of the browser: shown by ``?``, by its button and by ``data-sv-act="help"`` anywhere in the view, put
away by Escape or a press beside it, without the kernel; the focus stays where it is, so keys go on working.
"""

from __future__ import annotations

from specviz.views import icons
from specviz.views.formats import text
from specviz.views.keys import Key, KeyTable

KEYCAP = """
kbd { font-family: var(--jp-code-font-family); font-size: 11px; line-height: 16px; display: inline-block; min-width: 16px; padding: 0 4px; box-sizing: border-box;
  text-align: center; border: 1px solid var(--jp-border-color1); border-radius: 2px; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); white-space: nowrap; }
"""
HELP_CSS = """
.help { width: min(860px, 94vw); max-height: 88vh; overflow: auto; box-sizing: border-box; margin: auto; padding: 0; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1);
  border: 1px solid var(--jp-border-color1); border-radius: 2px; font-size: 13px; line-height: 20px; white-space: normal; text-align: left; }
@supports not selector(:popover-open) { .help { display: none; } }
.help .head { display: flex; align-items: center; gap: 8px; padding: 8px 8px 8px 16px; border-bottom: 1px solid var(--jp-border-color2); }
.help .head > b { flex: 1; }
.help .groups { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 4px 24px; padding: 8px 16px 12px; }
.help h3 { font: inherit; font-weight: 600; margin: 8px 0 4px; }
.help dl { display: grid; grid-template-columns: minmax(56px, max-content) minmax(0, 1fr); gap: 4px 12px; margin: 0; align-items: baseline; }
.help dd, .help dt { margin: 0; }
.help .foot { padding: 0 16px 12px; font-size: 12px; }
"""


def help_html(table: KeyTable) -> str:
    """All keys under their headings, and the button that shows them."""
    close = (
        '<button class="sv-button sv-flat" popovertarget="sv-keys" popovertargetaction="hide" aria-label="Close keys">'
        f"{icons.svg('close', 14)}</button>"
    )
    groups = "".join(
        f"<section><h3>{text(name)}</h3><dl>{''.join(map(_line, keys))}</dl></section>"
        for name, keys in table.groups().items()
    )
    note = "Keys work while the frame around the view is blue. In a text field only Esc and Enter do."
    return (
        '<button class="sv-button sv-flat" popovertarget="sv-keys" aria-keyshortcuts="?" aria-label="All keys">'
        '<kbd aria-hidden="true">?</kbd> all keys</button>'
        f'<div popover id="sv-keys" class="help" role="dialog" aria-label="Keys"><div class="head"><b>Keys</b>{close}</div>'
        f'<div class="groups">{groups}</div><div class="foot sv-quiet">{note}</div></div>'
    )


def keycap(key: Key) -> str:
    """The key as it is drawn."""
    spoken = f' aria-label="{text(key.spoken)}"' if key.spoken != key.sign else ""
    return f"<kbd{spoken}>{text(key.sign)}</kbd>"


def _line(key: Key) -> str:
    return f"<dt>{keycap(key)}</dt><dd>{text(key.words)}</dd>"
