"""The guidelines of a vocabulary, over the page: what its author wants reviewers to hold to, and what each word means.

A popover of the browser, as the page of keys is: no kernel, and the keys go on working.
"""

from __future__ import annotations

from specviz.session.state import Choice, Vocabulary
from specviz.views import icons
from specviz.views.formats import text
from specviz.views.help_page import HELP_CSS, KEYCAP

GUIDELINES_CSS = (
    KEYCAP
    + HELP_CSS
    + """
.help .told { padding: 8px 16px 0; max-width: 70ch; } .help .told p { margin: 0 0 8px; white-space: pre-line; overflow-wrap: anywhere; }
.help dt { font-weight: 600; white-space: nowrap; max-width: 140px; overflow: hidden; text-overflow: ellipsis; } .help dd { overflow-wrap: anywhere; }
.help dt kbd { font-weight: 400; margin-right: 4px; }
"""
)
LONGEST = 20_000


def guidelines_html(vocabulary: Vocabulary) -> str:
    """The heading of the form with the button that shows them, and the popover."""
    close = (
        '<button class="sv-button sv-flat" popovertarget="sv-guidelines" popovertargetaction="hide" aria-label="Close guidelines">'
        f"{icons.svg('close', 14)}</button>"
    )
    told = "".join(
        f"<p>{text(p.strip(), LONGEST)}</p>" for p in vocabulary.guidelines[:LONGEST].split("\n\n") if p.strip()
    )
    groups = "".join(
        f"<section><h3>{title}</h3><dl>{''.join(map(_line, choices))}</dl></section>"
        for title, choices in (
            ("Quality", vocabulary.qualities), ("Class, one", vocabulary.classes), ("Flags, several", vocabulary.flags),
        )
        if choices
    )  # fmt: skip
    return (
        '<div class="top"><span>Quality</span><button class="sv-button sv-link" popovertarget="sv-guidelines">Guidelines</button></div>'
        f'<div popover id="sv-guidelines" class="help" role="dialog" aria-label="Guidelines"><div class="head"><b>Guidelines</b>{close}</div>'
        f'<div class="told">{told}</div><div class="groups">{groups}</div></div>'
    )


def _line(choice: Choice) -> str:
    return f"<dt><kbd>{text(choice.key.upper())}</kbd>{text(choice.words or choice.name, 60)}</dt><dd>{text(choice.guidance, 300)}</dd>"
