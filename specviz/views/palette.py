"""Colours with one meaning each, and the fonts; the only place where a colour is written down.

Figures are always built with the light colours: the browser side (``widgets/``) replaces them by the dark ones when
the page
is dark, so the kernel never needs to know. HTML uses the same roles as CSS variables, ``var(--sv-observed)``.
Roles and values: VISUAL.md of the project, section 3; measured for contrast and for colour-blind sight there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LIGHT: Mapping[str, str] = MappingProxyType(
    dict(
        observed="#1F2328",
        reconstructed="#0067B1",
        predicted="#C4500A",
        similar="#00855F",
        catalogue="#8E1F6E",
        masked="#8A8F98",
        continuum="#6B7280",
        reference="#C3C8D0",
        ink="#212121",
        quiet="#5F6368",
        grid="#ECEEF1",
        tick="#9AA0A6",
        frame="#D9DCE1",
        telluric="#EEF0F3",
        panel="#FFFFFF",
        lines="#3C4043",
        selected="#E1F0FB",
        raises="#B0482F",
        lowers="#3B6FB6",
    )
)
DARK: Mapping[str, str] = MappingProxyType(
    dict(
        observed="#E8EAED",
        reconstructed="#5AB4F5",
        predicted="#F59E4C",
        similar="#3FD69A",
        catalogue="#F2A6DC",
        masked="#8E949E",
        continuum="#A3A9B3",
        reference="#565B63",
        ink="#E0E0E0",
        quiet="#A8ADB5",
        grid="#2E3135",
        tick="#70757D",
        frame="#44484E",
        telluric="#2A2D31",
        panel="#212121",
        lines="#C4C7CB",
        selected="#1D3347",
        raises="#F08A6C",
        lowers="#7FB2F0",
    )
)
PALETTES: Mapping[str, Mapping[str, str]] = MappingProxyType({"light": LIGHT, "dark": DARK})

#: Clusters on the map, the largest first; one set for both themes, since they are painted into an image: each stands 3:1
#: off both panels, and any two, and the grey of :mod:`specviz.views.density`, differ by 18 (CIE76) to every kind of
#: colour sight.
CLUSTERS = ("#007799", "#BB8800", "#8855CC", "#22AA55", "#BB4422", "#DD66CC", "#886655")
#: Of many stars on the map: at the same distance from both themes' panels.
GREY = "#80858E"

#: Canvas text cannot read CSS variables; this is JupyterLab's own stack.
FONT = 'system-ui, -apple-system, blinkmacsystemfont, "Segoe UI", helvetica, arial, sans-serif'
