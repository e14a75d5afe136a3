"""Empty frames in the places of the panels below the spectra, until those are built."""

from __future__ import annotations

from typing import Any

from specviz.views.panel_frame import PanelFrame

#: Attributes of ``ExplorerView`` that are built after the first picture: title, class, and about how high they will be.
BELOW: dict[str, tuple[str, str, int]] = {
    "posterior": ("Posterior", "sv-posterior", 488),
    "map": ("Map", "sv-map", 488),
    "anomaly": ("Anomaly and quality", "sv-anomaly", 300),
    "similar": ("Similar stars", "sv-similar", 320),
    "work": ("Work list", "sv-work", 300),
}
#: These, and the panels that a person opens.
BUILT_LATER = (*BELOW, "face_off", "side_by_side", "studies")


def places() -> list[Any]:
    """A frame for each, with its title and at its size, so that nothing moves when the panel takes its place."""
    return [PanelFrame(title, klass, min_height=height).root for title, klass, height in BELOW.values()]
