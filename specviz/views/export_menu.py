"""The Export menu: tables in four formats, pictures of the panels, the page, the session. The lines are plain HTML.

What needs Python is hidden on a saved page (``--sv-keys-bar`` is set where somebody listens); pictures stay.
"""

from __future__ import annotations

from specviz.session.exporting import DATA, FORMS
from specviz.views import icons
from specviz.views.formats import text
from specviz.views.option_controls import menu
from specviz.views.save_figure import PICTURED, picture_button

CSS = """
.sv-menu .sv-export { display: grid; grid-template-columns: 1fr max-content; gap: 4px 16px; align-items: center; padding: 2px 8px 6px; font-size: 12px; }
.sv-menu .sv-export > b { grid-column: 1 / -1; padding-top: 4px; }
.sv-menu .sv-export > span { white-space: nowrap; }
.sv-menu .sv-formats { display: flex; gap: 4px; justify-content: flex-end; }
.sv-menu .sv-formats .sv-button { padding: 0 6px; }
.sv-menu .sv-live { display: var(--sv-keys-bar, none); flex-direction: column; }
"""


def export_menu() -> str:
    """The menu. It is the same for every star, so that it stays open while one is drawn: what there is not yet is said
    when its button is pressed.
    """
    rows = "".join(_row(name, "".join(_table(what, name, form) for form in FORMS)) for what, name in DATA.items())
    pictures = "".join(
        _row(name, picture_button("png", panel, name) + picture_button("svg", panel, name))
        for panel, name in PICTURED.items()
    )
    whole = _row("Page that works without Python", _act("page", "HTML", "This page as one HTML file"))
    whole += _row("Session, to go on with later", _act("session json", "JSON", "This session as a file"))
    items = (
        f'<div class="sv-live"><div class="sv-export"><b>Tables</b>{rows}</div><hr></div>'
        f'<div class="sv-export"><b>Pictures</b>{pictures}</div>'
        f'<div class="sv-live"><hr><div class="sv-export"><b>All of it</b>{whole}</div></div>'
    )
    label = f'{icons.svg("export", 16)}<span class="sv-word">Export</span>'
    return f'<span title="Export">{menu(label, items, name="Export")}</span>'


def _row(name: str, buttons: str) -> str:
    return f'<span>{text(name)}</span><span class="sv-formats">{buttons}</span>'


def _table(what: str, name: str, form: str) -> str:
    return _act(f"{what} {form}", FORMS[form], f"{name} as {FORMS[form]}")


def _act(wanted: str, label: str, name: str) -> str:
    return f'<button class="sv-button" data-sv-act="export {wanted}" aria-label="{text(name)}">{label}</button>'
