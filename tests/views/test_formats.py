"""Numbers on screen, as the visual specification writes them."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.views import formats


@pytest.mark.parametrize(
    ("value", "decimals", "sign", "expected"),
    [(-0.06, 2, True, "−0.06"), (0.03, 2, True, "+0.03"), (-0.004, 2, True, "+0.00"), (-0.004, 2, False, "0.00"),
     (5771.6, 0, False, "5772"), (None, 2, False, "–"), (float("nan"), 1, False, "–"), (np.inf, 1, False, "–"),
     ("x", 1, False, "–")],
)  # fmt: skip
def test_number(value: object, decimals: int, sign: bool, expected: str) -> None:
    assert formats.number(value, decimals, sign=sign) == expected


def test_labels_have_their_own_decimals_and_signs() -> None:
    assert formats.label("teff", 5772.4) == "5772"
    assert formats.label("logg", 4.384) == "4.38"
    assert formats.label("fe_h", -0.061) == "−0.06"
    assert formats.label("alpha_fe", 0.03) == "+0.03"
    assert formats.error_pair("teff", 5772, 5714, 5834) == ("+62", "−58")
    assert formats.plus_minus(16, 4, 0, "km s⁻¹") == "16 ± 4\u00a0km s⁻¹"


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1st"), (2, "2nd"), (63, "63rd"), (11, "11th"), (112, "112th"), (90, "90th")]
)
def test_ordinal(n: int, text: str) -> None:
    assert formats.ordinal(n) == text


def test_counts_take_thin_spaces_from_a_thousand() -> None:
    assert formats.count(1670) == "1\u202f670" and formats.count(999) == "999"


def test_coordinates_round_over_the_minute() -> None:
    assert formats.coordinates(284.3866667, 41.302) == ("18 57 32.80", "+41 18 07.2")
    assert formats.coordinates(359.99999999, -0.00001) == ("00 00 00.00", "−00 00 00.0")
    assert formats.coordinates(10.0, 59.99999) == ("00 40 00.00", "+60 00 00.0")
    assert formats.coordinates(None, 3.0) is None and formats.coordinates(float("nan"), 3.0) is None


def test_foreign_text_is_escaped_and_cut() -> None:
    assert formats.text('<img src=x onerror="a">') == "&lt;img src=x onerror=&quot;a&quot;&gt;"
    assert len(formats.text("y" * 500, 20)) == 20


def test_a_fact_in_a_panel_s_head_gives_way_part_by_part() -> None:
    from specviz.views.panel_frame import PanelFrame

    frame = PanelFrame("LAMOST", "sv-lamost")
    frame.fact("R ≈ 1800 · <simulated>")
    assert "<span>R ≈ 1800</span><span>\u00a0· &lt;simulated&gt;</span>" in frame._fact.object
    assert 'title="R ≈ 1800 · &lt;simulated&gt;"' in frame._fact.object
