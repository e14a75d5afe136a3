"""Line marks over a spectrum: short ticks at the top of the frame with labels that never overlap, in groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from specviz.session.state import ViewOptions
from specviz.spectra.frames import doppler_factor
from specviz.spectra.lines import LINES
from specviz.views.figures import MARKS, labels, mark
from specviz.views.option_controls import choice, member, menu
from specviz.views.palette import LIGHT


@dataclass(frozen=True)
class Mark:
    """A label and the vacuum wavelengths (Angstrom, rest frame) of the ticks it stands for; the first to be dropped
    has the lowest rank."""

    label: str
    ticks: tuple[float, ...]
    rank: int
    group: str = "main"


MARKS_SHOWN = (
    Mark("Ca H, K", (3934.77, 3969.59), 9),
    Mark("Hδ", (4102.89,), 3),
    Mark("CH", (4305.6,), 2),
    Mark("Hγ", (4341.68,), 5),
    Mark("Hβ", (4862.68,), 8),
    Mark("Mg b", (5168.76, 5174.12, 5185.05), 8),
    Mark("Na D", (5891.58, 5897.56), 7),
    Mark("Hα", (6564.61,), 9),
    Mark("Ca II", (8500.36, 8544.44, 8664.52), 7),
)


#: What the groups are called in the menu.
GROUP_NAMES = {
    "main": "Strongest lines",
    "H": "H  Balmer, Paschen",
    "He": "He",
    "Ca": "Ca",
    "Mg": "Mg",
    "Na": "Na",
    "Fe": "Fe",
    "CH": "CH",
    "CN": "CN",
    "TiO": "TiO heads",
    "DIB": "Diffuse interstellar bands",
    "telluric": "Telluric O₂, H₂O",
}


def all_marks() -> Iterator[Mark]:
    """The strongest lines, then every line of every group; a group's labels give way to the strongest."""
    yield from MARKS_SHOWN
    for group, lines in LINES.items():
        for line in lines:
            yield Mark(line.label, (line.wavelength,), 1, group)


class LineMarks:
    """Ticks and labels of spectral lines on the 0-1 range of a spectrum figure.

    Where they stand follows the velocity, which of them the groups that are chosen; the labels of a crowded stretch
    give way by rank. All of it in the browser (``widgets/spectrum_view.js``, ``moveLines``).
    """

    def __init__(self, fig: figure, view: ViewOptions) -> None:
        marks = list(all_marks())
        ticks = [(t, m.group) for m in marks for t in m.ticks]
        rest = np.array([t for t, _ in ticks])
        self.ticks = ColumnDataSource(
            dict(
                rest=rest,
                x=_placed(rest, [g for _, g in ticks], view),
                y0=np.full(rest.size, 0.885),
                y1=np.full(rest.size, 0.935),
                group=[g for _, g in ticks],
            )
        )
        centres, groups = np.array([float(np.mean(m.ticks)) for m in marks]), [m.group for m in marks]
        names = [m.label for m in marks]
        self.names = ColumnDataSource(
            dict(
                rest=centres,
                x=_placed(centres, groups, view),
                y=np.full(centres.size, 0.992),
                text=[name if m.group == "main" else "" for name, m in zip(names, marks, strict=True)],
                label=names,
                rank=[m.rank for m in marks],
                group=groups,
            )
        )
        mark(
            fig,
            "segment",
            "x",
            "y0",
            "x",
            "y1",
            source=self.ticks,
            y_range_name=MARKS,
            line_color=LIGHT["lines"],
            line_width=1,
            level="overlay",
        )
        labels(fig, self.names, y_range=MARKS, level="overlay")


def _placed(rest: np.ndarray, groups: Sequence[str], view: ViewOptions) -> np.ndarray:
    """Wavelengths as observed; NaN where the group is not shown."""
    shown = np.isin(groups, view.lines)
    return np.where(shown, rest * doppler_factor(view.rv or 0.0), np.nan)


def lines_menu(view: ViewOptions) -> str:
    """The drop-down of the groups."""
    every = "[" + ",".join(f"&quot;{g}&quot;" for g in GROUP_NAMES) + "]"
    groups = "".join(member("lines", group, name, view) for group, name in GROUP_NAMES.items())
    few = choice("lines", every, "All", view) + choice("lines", "[]", "None", view)
    return menu("Lines", f"{groups}<hr>{few}", name="Lines that are marked")
