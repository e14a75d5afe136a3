"""Pictures of a panel: buttons whose work the browser does alone (``widgets/save_figure.js``), at every door.

PNG (two pixels for each of the screen) or SVG, of all figures of the panel where they stand, under a line with the star's
name and the legend, on the ground of the theme; the file is called after the star and the panel.
"""

from __future__ import annotations

from specviz.views.formats import text
from specviz.views.option_controls import icon_button

#: CSS class of a panel -> what its picture shows, in the order of the Export menu.
PICTURED = {
    "sv-lamost": "LAMOST spectrum",
    "sv-xp": "Gaia XP spectrum",
    "sv-posterior": "Posterior",
    "sv-map": "Map",
}


def save_button(title: str) -> str:
    """The Save button of a panel's header (HTML of a pane whose style sheet holds ``option_controls.CSS``)."""
    return icon_button(f"Save picture of {title}: PNG, with Shift SVG", "download", 'data-sv-picture="png"')


def picture_button(kind: str, panel: str, label: str) -> str:
    """A button that saves the picture of another panel: ``kind`` "png" or "svg", ``panel`` its CSS class."""
    name = f"Picture of {label} as {kind.upper()}"
    return (
        f'<button class="sv-button" data-sv-picture="{kind} {panel.removeprefix("sv-")}" aria-label="{text(name)}">'
        f"{kind.upper()}</button>"
    )
