"""Lines by which elements are named: in vacuum, called by their wavelength in air, where the emulator says they are."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.models.phdlspec.config import ELEMENTS
from specviz.spectra.element_lines import MOLECULES, element_lines
from specviz.spectra.lines import LINES

_ELEMENTS = [e for e in ELEMENTS if element_lines(e)] + ["fe"]


def test_lines_are_called_by_air_and_kept_in_vacuum() -> None:
    barium = {line.label: line.wavelength for line in element_lines("ba")}
    assert barium["Ba II 4554"] == pytest.approx(4555.31, abs=0.01)
    magnesium = [line.wavelength for line in element_lines("mg") if line.label == "Mg b"]
    np.testing.assert_allclose(magnesium, [line.wavelength for line in LINES["Mg"] if line.label == "Mg b"], atol=0.02)
    assert len(_ELEMENTS) == len(ELEMENTS) + 1  # each of the emulator's has some
    assert element_lines("teff") == () and all(band.start < band.stop for band in MOLECULES)


@pytest.mark.parametrize("element", _ELEMENTS)
def test_lines_are_in_order_and_in_the_optical(element: str) -> None:
    waves = [line.wavelength for line in element_lines(element)]
    assert waves and waves == sorted(waves) and waves[0] > 3700 and waves[-1] < 9000


def test_each_line_stands_out_in_the_gradient_of_its_element() -> None:
    """In one of four kinds of stars, among 60 pixels either side; iron moves every pixel, so it is not asked."""
    import torch

    from specviz.models.phdlspec.config import LABEL_NAMES
    from specviz.models.phdlspec.observing import Observer, Seeing
    from specviz.models.phdlspec.tangents import norm_and_slopes
    from specviz.models.registry import load_model

    emulator = load_model("phdlspec-small")
    wave = 10.0 ** np.arange(np.log10(3700.0), np.log10(9000.0), 1e-4)
    stars = {"teff": [5000.0, 4300.0, 6000.0, 8500.0], "logg": [3.0, 1.8, 4.3, 4.0], "fe_h": [0.0] * 4}
    slopes = norm_and_slopes(emulator.net, torch.from_numpy(emulator.label_array(stars)))[1].double()
    observer, faint = Observer(emulator.wave, wave), []
    for element in (e for e in _ELEMENTS if e != "fe"):
        size = np.abs(observer.see(slopes[..., LABEL_NAMES.index(f"{element}_fe")], Seeing()).numpy())
        for line in element_lines(element):
            at = int(np.searchsorted(wave, line.wavelength))
            peak = size[:, max(at - 2, 0) : at + 3].max(axis=1)
            rank = (size[:, max(at - 60, 0) : at + 60] < peak[:, None]).mean(axis=1)
            if not ((rank >= 0.85) & (peak > 3e-4)).any():
                faint.append(line.label)
    assert faint == []
