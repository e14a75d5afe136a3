"""Palettes that could not be exchanged back are refused."""

from __future__ import annotations

import pytest

from specviz.doors.palettes import checked_palettes
from specviz.errors import SpecvizError


def test_good_ones_are_copied() -> None:
    given = {"light": {"a": "#111111", "b": "#222222"}, "dark": {"a": "#eeeeee", "b": "#dddddd"}}
    got = checked_palettes(given)
    assert got == given and got["light"] is not given["light"]
    assert checked_palettes(None) == {}


@pytest.mark.parametrize(
    ("palettes", "said"),
    [
        ({"light": {"a": "#1"}}, "exactly"),
        ({"light": {"a": "#1"}, "dark": {"b": "#2"}}, r"only one theme: \['a', 'b'\]"),
        ({"light": {"a": "#AB", "b": "#ab"}, "dark": {"a": "#1", "b": "#2"}}, "light roles 'a' and 'b' share"),
        ({"light": {"a": "#1", "b": "#2"}, "dark": {"a": "#3", "b": "#3"}}, "dark roles 'a' and 'b' share"),
    ],
)
def test_bad_ones_say_why(palettes: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(SpecvizError, match=said):
        checked_palettes(palettes)
