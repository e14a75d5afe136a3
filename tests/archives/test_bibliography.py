"""Papers from arXiv, ADS and SIMBAD: what is asked, what is read, what is refused, and that a token stays at home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from specviz.archives.bibliography import Reference, _atom, ads_token, references_of, search_ads, search_arxiv, short
from specviz.archives.cache import cache
from specviz.archives.transport import offline
from specviz.archives.transport.services import SERVICES
from specviz.errors import ArchiveError, BadReplyError, LoginRequiredError, NotFoundError, OfflineError, OptionError


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own token is used here."""
    for name in ("ADS_DEV_KEY", "ADS_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


def test_arxiv_is_asked_by_words_and_by_number(replay: Any) -> None:
    found = search_arxiv("Payne stellar spectra", 3)
    assert found[0] == Reference(
        "arXiv:1804.01530", "The Payne: Self-consistent ab initio Fitting of Stellar Spectra", "Ting et al.", 2018,
        "https://arxiv.org/abs/1804.01530", "arXiv",
    )  # fmt: skip
    assert found[1].authors == "Ting & Kim" and found[2].id == "arXiv:astro-ph/0405087"
    asked = replay.asked[-1].query
    assert asked["search_query"] == "all:Payne AND all:stellar AND all:spectra" and asked["max_results"] == "3"
    n = len(replay.log)
    assert search_arxiv("Payne stellar spectra", 3) == found and len(replay.log) == n  # from the cache
    assert [r.id for r in search_arxiv("arXiv:2607.24141")] == ["arXiv:2607.24141"]
    assert replay.asked[-1].query["id_list"] == "2607.24141"
    assert search_arxiv("nothing") == [] and search_arxiv("wrong") == []


def test_arxiv_is_asked_gently() -> None:
    assert SERVICES["arxiv"].per_second <= 1 / 3 and SERVICES["arxiv"].at_once == 1


def test_a_feed_that_is_none_is_refused(replay: Any) -> None:
    replay.fault("garbage", "arxiv", times=-1)
    with pytest.raises(ArchiveError):
        search_arxiv("Payne")
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><feed xmlns="http://www.w3.org/2005/Atom">&a;</feed>'
    for body in (bomb, b"<html></html>", b"", b"<feed>", b"<feed/>"):
        with pytest.raises(BadReplyError, match="no feed"):
            _atom(body)


def test_ads_is_asked_with_the_persons_own_token(
    replay: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OptionError, match="only with a token"):
        search_ads("the payne")
    assert replay.log == []
    monkeypatch.setenv("ADS_DEV_KEY", "good-token")
    caplog.set_level("DEBUG")
    found = search_ads("the payne", 4)
    assert found[0].id == "bibcode:2019ApJ...879...69T" and found[0].authors == "Ting et al." and found[0].year == 2019
    assert (
        found[1].title == "Metallicities [Fe/H]XP for 175 Million Stars" and found[1].authors == "Andrae, Rix & Chandra"
    )
    assert found[3] == Reference(
        "bibcode:1978stat.book.....M", "", "", None, "https://ui.adsabs.harvard.edu/abs/1978stat.book.....M"
    )
    assert replay.asked[-1].query["fl"] == "bibcode,title,author,year,pub" and replay.asked[-1].query["rows"] == "4"
    assert "good-token" not in caplog.text and "good-token" not in replay.log[-1]
    assert all("good-token" not in repr(entry) for entry in cache().entries())
    with pytest.raises(LoginRequiredError):
        search_ads("another", token="bad-token")
    monkeypatch.delenv("ADS_DEV_KEY")
    (tmp_path / ".ads").mkdir()
    (tmp_path / ".ads" / "dev_key").write_text("good-token\n")
    assert ads_token() == "good-token" and search_ads("nothing") == []


def test_simbad_lists_the_newest_papers_of_an_object(replay: Any) -> None:
    found = references_of("hd140283", 2)
    assert [r.year for r in found] == [2031, 2013] and found[1].id == "bibcode:2013ApJ...765L..12B"
    assert found[1].url == "https://ui.adsabs.harvard.edu/abs/2013ApJ...765L..12B" and found[1].journal == "ApJ"
    assert references_of("Vega") == []
    with pytest.raises(NotFoundError, match="SIMBAD knows no"):
        references_of("no such star")


def test_what_cannot_be_asked_is_refused_before_anyone_is(replay: Any) -> None:
    for ask in (search_arxiv, search_ads, references_of):
        with pytest.raises(OptionError, match="1 to 50"):
            ask("x y", 0)
    for words in ("", "?!", " "):
        with pytest.raises(OptionError):
            search_arxiv(words)
    assert replay.log == []
    with offline(), pytest.raises(OfflineError):
        search_arxiv("never asked before")
    assert replay.log == []


def test_names_are_short() -> None:
    assert short([]) == "" and short(["A"]) == "A" and short(["A", "B"]) == "A & B"
    assert short(["A", "B", "C"]) == "A, B & C" and short(["A", "B", "C", "D"]) == "A et al."
