"""Which lines SpectraFM looks at: attention averaged over dwarfs and giants, and its peaks beside the line list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.models.spectrafm.model import SpectraFM
from specviz.spectra.lines import TELLURIC_BANDS, lines_between
from specviz.training.spectrafm_data import GRID, Stars
from specviz.training.spectrafm_finish import prepared

Array = NDArray[np.float64]
#: Dwarfs and giants, as the publication divides them: log g above 4, below 3.
_DWARF, _GIANT = 4.0, 3.0
_GROUPS = ("H", "He", "Ca", "Mg", "Na", "Fe", "CH", "CN", "TiO")


@dataclass(frozen=True)
class Peak:
    """A maximum of the mean attention: rest wavelength (Angstrom), height (1: as much as every other pixel), and the
    lines within a pixel and a half of it, "" if there are none.
    """

    wavelength: float
    height: float
    lines: str


def mean_attention(model: SpectraFM, stars: Stars, labels: Sequence[str]) -> Array:
    """Mean over the stars of the attention of each label, (K, L) on ``GRID``; NaN where no star has a pixel."""
    maps = []
    for one in prepared(stars):
        asked = model.ask(one, labels=labels)
        good = np.isfinite(asked.attention[0])
        maps.append([np.interp(GRID, asked.wavelength[good], row[good]) for row in asked.attention])
    return np.asarray(np.mean(maps, axis=0))


def attention_lines(model: SpectraFM, stars: Stars, n: int = 60, top: int = 8) -> dict[str, dict[str, list[Peak]]]:
    """{"dwarfs" or "giants": {label: the highest peaks}} of up to ``n`` stars of each kind."""
    from scipy.signal import find_peaks

    out: dict[str, dict[str, list[Peak]]] = {}
    logg = stars.labels[:, 1]
    for kind, rows in (("dwarfs", np.flatnonzero(logg > _DWARF)), ("giants", np.flatnonzero(logg < _GIANT))):
        if not rows.size:
            continue
        mean = mean_attention(model, stars[rows[:n]], model.label_names)
        out[kind] = {}
        for label, row in zip(model.label_names, mean, strict=True):
            places = find_peaks(np.r_[0.0, row, 0.0])[0] - 1
            highest = places[np.argsort(-row[places])][:top]
            out[kind][label] = [Peak(float(GRID[p]), float(row[p]), _lines_at(p)) for p in highest]
    return out


def _lines_at(pixel: int) -> str:
    width = 1.5 * float(np.gradient(GRID)[pixel])
    low, high = GRID[pixel] - width, GRID[pixel] + width
    names = [f"{line.label} {line.wavelength:.0f}" for line in lines_between(low, high, _GROUPS)]
    names += [f"telluric {band.label}" for band in TELLURIC_BANDS if band.start < high and band.stop > low]
    return ", ".join(names)


def print_lines(found: dict[str, dict[str, list[Peak]]]) -> None:
    """The table."""
    for kind, labels in found.items():
        print(f"\nAttention of {kind}: highest peaks (Angstrom, vacuum; times the mean pixel) and lines there")
        for label, peaks in labels.items():
            cells = [f"{p.wavelength:.0f} ({p.height:.1f}){' ' + p.lines if p.lines else ''}" for p in peaks]
            print(f"  {label:9s}" + "; ".join(cells))
