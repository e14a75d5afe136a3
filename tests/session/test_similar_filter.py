"""The filter of the table of similar stars, and its order."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from specviz.errors import OptionError
from specviz.session.similar_filter import kept, ordered, parse

_NEAR = Table(
    {
        "rank": [1, 2, 3, 4, 5],
        "object_id": ["demo 9", "demo 10", "HD 1", "G star", "demo 100"],
        "class": ["G2V", "K1III", "G5", "A0", ""],
        "similarity": [0.9, 0.8, 0.7, 0.6, 0.5],
        "teff": MaskedColumn([5772.0, 4500.0, 5500.0, 9500.0, 0.0], mask=[0, 0, 0, 0, 1]),
        "fe_h": [0.0, -0.6, -1.2, np.nan, 0.3],
        "snr": [50.0, 51.0, 20.0, 200.0, 80.0],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("teff 5000..6000", [0, 2]),
        ("teff 5000 .. 6000 snr>30", [0]),
        ("snr>=51, class k", [1]),
        ("class=G", [0, 2]),
        ("[Fe/H]<−0.5", [1, 2]),
        ("feh ..-1", [2]),
        ("teff 6000..", [3]),
        ("demo 10", [1, 4]),
        ("name demo and similarity>0.85", [0]),
        ("rank 2..3", [1, 2]),
    ],
)
def test_conditions(text: str, rows: list[int]) -> None:
    assert kept(_NEAR, text).tolist() == rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tef>5000", "Did you mean 'teff'"),
        ("teff abc", "no range"),
        ("teff 6000..5000", "runs backwards"),
        ("snr>fast", "“fast” is no number"),
        ("class", "“class” needs a value"),
        ("5000..6000", "“5000”"),
        ("a" * 300, "at most 200"),
        ("<img src=x>", "no column"),
    ],
)
def test_a_bad_filter_says_what_would_be_good(text: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("sort", "rows"),
    [
        ("rank", [0, 1, 2, 3, 4]),
        ("teff", [1, 2, 0, 3, 4]),
        ("-teff", [3, 0, 2, 1, 4]),  # what is missing stays last
        ("-fe_h", [4, 0, 1, 2, 3]),
        ("name", [0, 1, 4, 3, 2]),
        ("-similarity", [0, 1, 2, 3, 4]),
    ],
)
def test_order(sort: str, rows: list[int]) -> None:
    assert ordered(_NEAR, np.arange(5), sort).tolist() == rows
