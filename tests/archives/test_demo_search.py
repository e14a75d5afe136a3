"""Searching the demo sky by class, kind and ranges of labels."""

from __future__ import annotations

import time

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.errors import NotFoundError, OptionError


@pytest.fixture(scope="module")
def demo() -> DemoArchive:
    return DemoArchive()


def rows(names: list[str]) -> np.ndarray:
    return np.array([int(name.removeprefix("demo ")) - 1 for name in names])


def test_classes_and_luminosities(demo: DemoArchive) -> None:
    table = demo.table()
    classes = np.asarray(table["class"], str)

    def found(text: str) -> set[str]:
        return set(classes[rows(demo.search(text))])

    assert found("demo G2") == {"G2V", "G2IV", "G2III"}
    assert found("g2v") == {"G2V"}
    giants = found("demo K giant")
    assert "K0III" in giants and all(c.startswith("K") and "V" not in c for c in giants)
    assert all(c.startswith("M") and c.endswith("V") for c in found("M dwarfs"))
    assert len(demo.search("G2 star")) == len(demo.search("class=g2")) == int(np.char.startswith(classes, "G2").sum())
    assert found("F subgiants") == {"F0IV", "F2IV", "F4IV", "F6IV", "F8IV"}


def test_kinds_come_whole_or_in_part_and_first(demo: DemoArchive) -> None:
    assert demo.search("demo white dwarf") == demo.select(kind="DA white dwarf")
    assert demo.fetch("demo white dwarf").meta["kind"] == "DA white dwarf"
    assert set(demo.search("carbon star")) == set(demo.select(kind="carbon star"))
    assert set(demo.search("galaxies")) == {n for k in ("quiescent galaxy", "star-forming galaxy")
                                            for n in demo.anomalies()[k]}  # fmt: skip
    assert demo.search("metal-poor giant")[0] == demo.kinds()["metal-poor giant"]
    assert demo.resolve("demo K dwarf")[0].name == demo.kinds()["K dwarf"]  # the showcase before the others
    assert len(demo.resolve("demo K dwarf")) == 20


def test_ranges_of_labels(demo: DemoArchive) -> None:
    table = demo.table()
    teff, logg, fe_h = (np.asarray(table[name], float) for name in ("teff", "logg", "fe_h"))
    truth = (teff >= 5600) & (teff <= 5900) & (logg > 4) & (fe_h < -1)
    for text in ("demo teff=5600..5900 logg>4 fe_h<-1", "TEFF = 5600..5900, log_g > 4; [Fe/H] < −1".replace(";", ","),
                 "5600<=teff<=5900 logg>4 feh<-1"):  # fmt: skip
        np.testing.assert_array_equal(rows(demo.search(text)), np.flatnonzero(truth))
    assert truth.sum() > 10
    np.testing.assert_array_equal(rows(demo.search("teff=..4000")), np.flatnonzero(teff <= 4000))
    np.testing.assert_array_equal(rows(demo.search("logg=4.5..")), np.flatnonzero(logg >= 4.5))
    np.testing.assert_array_equal(rows(demo.search("teff=5777")), np.flatnonzero(teff == 5777))
    np.testing.assert_array_equal(
        rows(demo.search("component=halo fe_h>-1")),
        np.flatnonzero((np.asarray(table["component"]) == "halo") & (fe_h > -1)),
    )
    halo = demo.search("K giant halo teff<4500")
    assert len(halo) > 0 and (teff[rows(halo)] < 4500).all()
    assert demo.search("teff=5600..5900") == demo.select(teff=(5600, 5900))
    assert demo.search("redshift>-9") != [] and len(demo.search("redshift>-9")) < 200  # NaN fits nothing


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("demo tef>3", "Perhaps teff"),
        ("demo wisdom>3", "teff, logg, fe_h"),
        ("demo counts>3", "no column 'counts'"),  # internal
        ("demo teff=hot", "a number"),
        ("demo teff><4", "not understood"),
        ("demo teff=9..1", "the smaller number first"),
        ("demo teff=..", "teff=1..2"),
        ("demo component=bulge", "halo, thick, thin"),
        ("demo component>3", "words"),
        ("demo " + "teff>1 " * 100, "characters"),
    ],
)
def test_what_cannot_be_asked_is_said(demo: DemoArchive, text: str, told: str) -> None:
    for ask in (demo.resolve, demo.search, demo.fetch):
        with pytest.raises(OptionError, match=told):
            ask(text)


def test_words_without_meaning_find_nothing_and_near_helps(demo: DemoArchive) -> None:
    for text in ("demo quasar", "demo 4.2", "demo star", "demo", "demo <script>", "demo K qiant"):
        if "<" in text:
            with pytest.raises(OptionError):
                demo.resolve(text)
        else:
            assert demo.resolve(text) == []
    assert demo.near("demo K gaint")[0] == "demo k giant"
    assert demo.near("demo white dwrf")[0] == "demo white dwarf"
    assert demo.near("demo carbn star")[0] == "demo carbon star"
    for name in demo.near("demo K gaint"):
        assert demo.resolve(name)
    with pytest.raises(NotFoundError):
        demo.fetch("demo quasar")


def test_a_search_is_fast(demo: DemoArchive) -> None:
    for text in ("teff=5600..5900 logg>4 fe_h<-1", "K giant", "white dwarf", "galaxies", "4<logg<=4.5 K halo"):
        demo.search(text)  # columns are read once
        took = []
        for _ in range(5):
            start = time.perf_counter()
            demo.search(text)
            took.append(time.perf_counter() - start)
        assert min(took) < 0.02, text
