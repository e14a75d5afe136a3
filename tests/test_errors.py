"""The words of an error: what, what was expected, what to do, each a sentence with one end."""

from __future__ import annotations

import pytest

from specviz.errors import OptionError, SpecvizError, did_you_mean


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SpecvizError("There is none"), "There is none."),
        (
            SpecvizError("There is none.", expected="one.", remedy="Try again."),
            "There is none. Expected: one. Try again.",
        ),
        (OptionError("label='tef'", remedy=did_you_mean("tef", ["teff"])), "label='tef'. Did you mean 'teff'?"),
    ],
)
def test_each_part_is_a_sentence_with_one_end(error: SpecvizError, said: str) -> None:
    assert str(error) == said
