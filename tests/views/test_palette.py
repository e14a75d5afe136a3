"""Colours: readable on their ground in both themes, and apart for every kind of colour sight."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from specviz.views.palette import CLUSTERS, DARK, GREY, LIGHT, PALETTES

_THEME_JS = Path(__file__).resolve().parents[2] / "widgets/theme.js"
Rgb = NDArray[np.float64]
#: Machado, Oliveira & Fernandes 2009 (IEEE TVCG 15, 1291), their table of severity 1.0; they act on linear sRGB.
MACHADO = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
#: Roles that carry a meaning of their own; VISUAL.md section 3 gives their least distances.
SIX = ("observed", "reconstructed", "predicted", "similar", "catalogue", "masked")
#: Roles that words are written in.
WRITTEN = ("ink", "quiet", "lines")
#: Drawn as a background on purpose (reference stars, bands, grid, frame) or as a ground.
BACKGROUND = ("reference", "grid", "frame", "telluric", "panel", "selected", "tick")


def rgb(colour: str) -> Rgb:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def linear(colour: Rgb) -> Rgb:
    """sRGB (IEC 61966-2-1) to linear light."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def lab(light: Rgb) -> Rgb:
    """Linear sRGB to CIE L*a*b*, white D65."""
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    t = np.array(to_xyz) @ light / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances."""
    a, b = (float(np.array([0.2126, 0.7152, 0.0722]) @ linear(c)) + 0.05 for c in (one, other))
    return max(a, b) / min(a, b)


def lab_theme(mode: str) -> dict[str, Rgb]:
    """JupyterLab's own colours as widgets/theme.js gives them to pages that have none, laid over the panel's ground."""
    block = re.search(rf"  {mode}: \{{(.*?)\n  \}},", _THEME_JS.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    ground, found = rgb(PALETTES[mode]["panel"]), {}
    for name, value in re.findall(r'"--jp-([\w-]+)": "([^"]+)"', block[1]):
        if value.startswith("#"):
            found[name] = rgb(value)
        elif value.startswith("rgba("):
            *parts, alpha = (float(v) for v in value[5:-1].split(","))
            found[name] = over(np.array(parts) / 255, alpha, ground)
    return found


def over(top: Rgb, alpha: float, ground: Rgb) -> Rgb:
    return alpha * top + (1 - alpha) * ground


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_and_marks_can_be_read_on_their_ground(mode: str) -> None:
    palette = PALETTES[mode]
    panel = rgb(palette["panel"])
    for role, colour in palette.items():
        if role in BACKGROUND:
            continue
        least = 4.5 if role in WRITTEN else 3.0
        assert contrast(rgb(colour), panel) >= least, (role, contrast(rgb(colour), panel))
    for role in (*SIX[:-1], "continuum"):  # VISUAL.md section 3: each but masked and reference
        assert contrast(rgb(palette[role]), panel) >= 4.5, role
    assert contrast(rgb(palette["ink"]), rgb(palette["selected"])) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_of_the_page_can_be_read(mode: str) -> None:
    page, panel = lab_theme(mode), rgb(PALETTES[mode]["panel"])
    bodies = {"light": (np.zeros(3), 0.87), "dark": (np.ones(3), 0.87)}
    ink, alpha = bodies[mode]
    grounds = {"panel": panel, "page": page["layout-color0"], "hover": page["layout-color2"]}
    for name, ground in grounds.items():
        assert contrast(over(ink, alpha, ground), ground) >= 4.5, name
        quiet = over(ink, alpha * 0.68, ground)  # stylesheet.QUIET
        assert contrast(quiet, ground) >= 4.5, (name, contrast(quiet, ground))
    warn = 0.8 * page["warn-color0"] + 0.2 * rgb(PALETTES[mode]["ink"] if mode == "dark" else "#000000")  # WARN_TEXT
    assert contrast(warn, panel) >= 4.5
    assert contrast(page["content-link-color"], panel) >= 4.5
    primary = page["brand-color1" if mode == "light" else "brand-color0"]  # stylesheet.PRIMARY_BUTTON
    assert contrast(np.ones(3), primary) >= 4.5
    assert contrast(page["error-color1"], panel) >= 3.0 and contrast(page["success-color1"], panel) >= 3.0  # icons
    assert contrast(page["brand-color1"], panel) >= 3.0  # the focus ring


@pytest.mark.parametrize(("palette", "least"), [(LIGHT, (22, 18, 14)), (DARK, (15, 17, 14))], ids=["light", "dark"])
def test_roles_stay_apart_for_every_kind_of_colour_sight(palette: Any, least: tuple[int, ...]) -> None:
    for (kind, matrix), distance in zip(MACHADO.items(), least, strict=True):
        seen = {r: lab(np.clip(np.array(matrix) @ linear(rgb(palette[r])), 0, 1)) for r in SIX}
        apart = {(a, b): float(np.linalg.norm(seen[a] - seen[b])) for a, b in itertools.combinations(SIX, 2)}  # CIE76
        assert min(apart.values()) >= distance, (kind, min(apart, key=lambda pair: apart[pair]), min(apart.values()))


def test_clusters_stay_apart_in_both_themes_for_every_kind_of_colour_sight() -> None:
    for colour in CLUSTERS:
        assert min(contrast(rgb(colour), rgb(theme["panel"])) for theme in (LIGHT, DARK)) >= 3.0
    for matrix in (np.eye(3), *(np.array(m) for m in MACHADO.values())):
        seen = [lab(np.clip(matrix @ linear(rgb(c)), 0, 1)) for c in (*CLUSTERS, GREY)]
        assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) >= 18.0
