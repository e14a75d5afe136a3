"""``Attribution``: why a model gives a label, pixel by pixel. Arrays only; the models fill it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.lines import Line, lines_between

#: Angstrom on each side of a line's centre that count for it.
LINE_HALF_WIDTH = 12.0
#: The groups that are summed by default: lines of stars, not bands as wide as a stretch or lines between the stars.
LINE_GROUPS = ("H", "He", "Ca", "Mg", "Na", "Fe", "CH", "CN")


@dataclass(frozen=True, eq=False)
class Share:
    """What a stretch of the spectrum adds to a label: ``contribution`` in the label's unit, ``low`` to ``high``."""

    name: str
    low: float
    high: float
    contribution: float
    #: Sum of the absolute contributions of the stretch's pixels, as a fraction of the whole spectrum's.
    weight: float


@dataclass(frozen=True, eq=False)
class Attribution:
    """One label of one star, taken apart over the wavelengths.

    ``value`` is what the model says of the star, ``baseline_value`` what it says of ``baseline``; the pixels'
    ``contribution`` add up to the difference (integrated gradients: Sundararajan, Taly & Yan 2017, arXiv:1703.01365).

    Parameters
    ----------
    label, survey, method : str
    wavelength : array, shape (L,)
        In the survey's unit.
    flux, baseline : array, shape (L,)
        What the network saw, and what the star is compared with, in the model's normalised unit.
    contribution : array, shape (L,)
        In the label's unit.
    value, baseline_value : float
        In the label's unit.
    completeness : float
        ``|sum(contribution) - (value - baseline_value)|`` over the larger of ``|value - baseline_value|`` and a
        fiftieth of the sum of the absolute contributions (which decides where the label hardly differs from the
        baseline's).
    steps : int
        Points of the path that gradients were taken at.
    attention : array, shape (L,), optional
        How much of the attention of the head's query falls on each pixel; with ``attention_elsewhere`` (the token of
        the spectrum's statistics) it sums to one. None for a model that does not attend.
    rollout : array, shape (L,), optional
        The same, followed through the layers below (Abnar & Zuidema 2020, arXiv:2005.00928).
    scale : array or float
        ``flux * scale`` lies on the observed spectrum.
    compared_with : str
        The baseline in words.
    """

    label: str
    survey: str
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    baseline: NDArray[np.float64]
    contribution: NDArray[np.float64]
    value: float
    baseline_value: float
    completeness: float
    steps: int
    method: str = "integrated gradients"
    attention: NDArray[np.float64] | None = None
    attention_elsewhere: float = 0.0
    rollout: NDArray[np.float64] | None = None
    scale: Any = 1.0
    compared_with: str = ""

    @property
    def weight(self) -> NDArray[np.float64]:
        """Absolute contributions, (L,), as fractions of their sum."""
        size = np.abs(self.contribution)
        return np.asarray(size / max(float(size.sum()), 1e-300))

    def between(self, low: float, high: float, name: str = "") -> Share:
        """What the pixels with ``low <= wavelength <= high`` add."""
        inside = (self.wavelength >= low) & (self.wavelength <= high)
        return Share(name, low, high, float(self.contribution[inside].sum()), float(self.weight[inside].sum()))

    def lines(self, half_width: float = LINE_HALF_WIDTH, groups: tuple[str, ...] | None = LINE_GROUPS) -> list[Share]:
        """What each spectral line of the list adds, the heaviest first; lines that overlap are one stretch.

        Only for a spectrum in Angstrom: the lines of the list are narrower than a point of an XP spectrum.
        """
        if self.survey == "gaia_xp":
            return []
        found = lines_between(float(self.wavelength[0]), float(self.wavelength[-1]), groups)
        shares = [
            self.between(stretch[0].wavelength - half_width, stretch[-1].wavelength + half_width, _names(stretch))
            for stretch in _joined(found, 2 * half_width)
        ]
        return sorted(shares, key=lambda share: -share.weight)

    def stretches(self, n: int = 8, width: float = 24.0) -> list[Share]:
        """The ``n`` stretches of that width (in the unit of the wavelength) that weigh most, whatever lies there.

        Named by the lines of the list inside, "" where there are none. They do not overlap.
        """
        out: list[Share] = []
        weight = self.weight
        cumulative = np.concatenate(([0.0], np.cumsum(weight)))
        last = np.searchsorted(self.wavelength, self.wavelength + width, side="right")
        free = np.ones(weight.size, bool)
        while len(out) < n:
            total = np.where(free, cumulative[last] - cumulative[:-1], -1.0)
            start = int(total.argmax())
            if total[start] <= 0:
                break
            low, stop = float(self.wavelength[start]), int(last[start])
            high = float(self.wavelength[stop - 1])
            inside = [] if self.survey == "gaia_xp" else lines_between(low, high)
            out.append(self.between(low, high, _names(inside)))
            free &= (last <= start) | (np.arange(weight.size) >= stop)
        return out

    def to_table(self) -> Any:
        """An astropy QTable with a row a pixel: wavelength, flux, baseline, contribution, attention if there is."""
        from astropy import units
        from astropy.table import QTable

        table = QTable(
            {
                "wavelength": self.wavelength * (units.nm if self.survey == "gaia_xp" else units.AA),
                "flux": self.flux,
                "baseline": self.baseline,
                "contribution": self.contribution,
            }
        )
        for name in ("attention", "rollout"):
            if getattr(self, name) is not None:
                table[name] = getattr(self, name)
        table.meta = {
            "label": self.label, "survey": self.survey, "method": self.method, "value": self.value,
            "baseline_value": self.baseline_value, "compared_with": self.compared_with,
            "completeness": self.completeness,
        }  # fmt: skip
        return table

    def __repr__(self) -> str:
        told = ", ".join(f"{s.name} {s.contribution:+.3g}" for s in self.lines()[:4])
        return (
            f"<Attribution {self.label} of {self.survey}: {self.baseline_value:.4g} ({self.compared_with}) to "
            f"{self.value:.4g}{'; ' + told if told else ''}>"
        )


def _joined(lines: Sequence[Line], gap: float) -> list[list[Line]]:
    """Lines in runs whose neighbours are closer than ``gap``."""
    runs: list[list[Line]] = []
    for line in lines:
        if runs and line.wavelength - runs[-1][-1].wavelength < gap:
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def _names(lines: Sequence[Line]) -> str:
    return ", ".join(dict.fromkeys(line.label for line in lines))
