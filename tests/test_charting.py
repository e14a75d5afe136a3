"""``specviz.chart``: a widget that says what it shows, and draws in place."""

from __future__ import annotations

import numpy as np
import pytest

import specviz
from specviz.errors import OptionError
from specviz.spectra.lines import LINES


def test_it_says_what_it_shows_and_chains() -> None:
    chart = specviz.chart("Wavelength (Å)", "Flux", alt=" A line going up. ")
    assert chart.curve("a", [0, 1], [0, 1]).marks(LINES["H"][:2]) is chart
    assert chart.spoken == "A line going up." and "A line going up." in repr(chart)
    np.testing.assert_array_equal(chart.data("a")["y"], [0, 1])
    chart.close()
    assert chart.doc is None


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_without_alt_there_is_no_chart(alt: str) -> None:
    with pytest.raises(OptionError, match="alt"):
        specviz.chart(alt=alt)


def test_a_second_drawing_leaves_as_one_message() -> None:
    chart = specviz.chart(alt="Two layers.")
    chart.curve("a", [0, 1], [0, 1])
    sent: list[object] = []
    chart.send = lambda content, buffers=None: sent.append(content)
    chart.curve("a", [0, 1], [2, 3])
    chart.flush()
    assert len(sent) == 1
    chart.close()
