"""Where in a spectrum a label speaks: the stretches that tell most of it, by the emulator's gradients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.element_lines import MOLECULES, element_lines
from specviz.spectra.frames import doppler_factor
from specviz.spectra.lines import LINES, Line

Array = NDArray[np.float64]
#: Half of a window, Angstrom; windows do not overlap.
HALF = 20.0
#: Half of the stretch over which a line's pixels are summed, Angstrom: what a line of R = 1800 covers.
_REACH = 5.0
#: Lines this near the strongest place of a window give it its name, Angstrom.
_NEAR = 4.5
#: Windows that tell less than this part of what is known are not shown.
_LEAST = 0.004
#: Elements whose lines are named where a label has none of its own.
_LEADING = ("c", "mg", "ca", "na", "fe")
#: Elements that molecules are made of.
_IN_MOLECULES = ("c", "n")


@dataclass(frozen=True)
class LineWindow:
    """A stretch of the spectrum that tells of a label.

    Parameters
    ----------
    name : str
        The lines that do it ("Mg b"); "in" what a label acts through that has none of its own there ("in Ca K"), or
        the wavelength at rest.
    low, high, peak : float
        Vacuum Angstrom, as observed; ``peak`` is the strongest place.
    lines : tuple of Line
        Of the element within the window, wavelengths as observed (vacuum Angstrom).
    share : float
        Of all that the spectrum tells of the label, were the others known: sum of (gradient / error)^2.
    """

    name: str
    low: float
    high: float
    peak: float
    lines: tuple[Line, ...]
    share: float


def strongest_windows(
    label: str, wave: Array, signal: Array, used: NDArray[np.bool_], rv: float, n: int = 6
) -> tuple[LineWindow, ...]:
    """Up to ``n`` windows, strongest first, that do not share their strongest lines.

    Parameters
    ----------
    label : str
        "mg_fe", "teff".
    wave : array, shape (L,)
        Vacuum Angstrom, as observed.
    signal : array, shape (L,)
        Derivative of the flux by the label over the flux's error.
    used : array of bool, shape (L,)
        Pixels that count.
    rv : float
        km/s, positive = receding.
    """
    told = np.where(used & np.isfinite(signal), signal, 0.0) ** 2
    total = float(told.sum())
    if total <= 0:
        return ()
    summed = np.concatenate([[0.0], np.cumsum(told)])

    def within(low: Array, high: Array) -> Array:
        return np.asarray(summed[np.searchsorted(wave, high)] - summed[np.searchsorted(wave, low)])

    around = within(wave - _REACH, wave + _REACH)
    factor, windows = doppler_factor(rv), list[LineWindow]()
    own, others = _own(label), _others()
    free = np.ones(wave.size, bool)
    while len(windows) < n and free.any():
        middle = float(wave[np.argmax(np.where(free, around, -1.0))])
        low, high = middle - HALF, middle + HALF
        share = float(within(np.array(low), np.array(high))) / total
        if share < _LEAST:
            break
        near = np.abs(wave - middle) <= _REACH
        peak = float(wave[near][np.argmax(told[near])])  # the best pixel, rather than the middle of a flat top
        seen = [Line(line.label, line.wavelength * factor, line.element) for line in own]
        inside = tuple(line for line in seen if low <= line.wavelength <= high)
        windows.append(LineWindow(_name(label, peak / factor, own, others), low, high, peak, inside, share))
        free &= np.abs(wave - middle) >= 2.0 * HALF
    return tuple(windows)


def _own(label: str) -> tuple[Line, ...]:
    return element_lines("fe" if label == "fe_h" else label.removesuffix("_fe"))


@cache
def _others() -> tuple[Line, ...]:
    return (*LINES["H"], *(line for element in _LEADING for line in element_lines(element)))


def _name(label: str, peak: float, own: tuple[Line, ...], others: tuple[Line, ...]) -> str:
    """What lies at a wavelength (vacuum Angstrom, at rest)."""
    line = _nearest(own, peak)
    if line is not None:
        return line.label
    band = next((band for band in MOLECULES if band.start <= peak <= band.stop), None)
    if band is not None and label.removesuffix("_fe") in _IN_MOLECULES:
        return band.label
    line = _nearest(others, peak)
    name = line.label if line is not None else band.label if band is not None else ""
    if not own:  # of the atmosphere as a whole: every line is its own
        return name or f"{peak:.0f} Å"
    return f"in {name}" if name else f"{peak:.0f} Å"


def _nearest(lines: tuple[Line, ...], peak: float) -> Line | None:
    line = min(lines, key=lambda line: abs(line.wavelength - peak), default=None)
    return line if line is not None and abs(line.wavelength - peak) <= _NEAR else None
