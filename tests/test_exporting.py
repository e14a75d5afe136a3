"""``explorer.export``, ``save``, ``load``, ``save_html``, ``share``: what a program gets, with the packaged model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

import specviz
from specviz.errors import OptionError, ReadError, SpecvizError

EVIL = "<img src=x onerror=alert(1)></script>"


@pytest.fixture
def explorer() -> Iterator[Any]:
    made = specviz.explore(["demo 1", "demo 2"], online=False)
    made.session.wait()
    yield made
    made.close()


def test_tables_page_and_session(explorer: Any, tmp_path: Path) -> None:
    star = specviz.open(explorer.export(tmp_path / "star.fits"))
    assert star.name == "demo 1" and set(star.spectra) == {"lamost_lrs", "gaia_xp"}
    assert len(Table.read(explorer.export(tmp_path / "p.fits", "posterior"), hdu=1)) == 10_000
    rows = Table.read(explorer.export(tmp_path / "s.ecsv", "similar"))
    assert len(rows) == 50 and rows.meta["similar_to"] == "demo 1"
    assert list(Table.read(explorer.export(tmp_path / "w.csv", "work"))["name"]) == ["demo 1", "demo 2"]
    assert json.loads(explorer.export(tmp_path / "x.json").read_bytes())["format"] == "specviz session"
    page = explorer.export(tmp_path / "star.html").read_text("utf-8")
    assert "<title>demo 1 – specviz</title>" in page and "https://" not in page.split("<script>")[0]


def test_a_saved_page_has_every_panel_and_its_text_is_escaped(tmp_path: Path) -> None:
    star = specviz.open("demo 1").with_(name=EVIL)
    made = specviz.explore(star, online=False)
    made.session.wait()
    page = made.save_html(tmp_path / "x.html").read_text("utf-8")
    made.close()
    assert EVIL not in page and "<title>&lt;img" in page
    for panel in ("sv-lamost", "sv-xp", "sv-posterior", "sv-map", "sv-anomaly", "sv-similar", "sv-work"):
        assert f'\\"{panel}\\"' in page  # in the document's JSON, itself a text of the page's
    assert page.count("</script") == 2  # the data and the script; nothing in them ends them early


def test_a_session_is_saved_taken_up_and_shared(explorer: Any, tmp_path: Path) -> None:
    explorer.set(flux="normalised", smooth=2)
    path = explorer.save(tmp_path / "night.json")
    again = specviz.explore(session=path, online=False)
    state = again.session.wait()
    assert state.star.name == "demo 1" and state.view == explorer.session.state.view and len(state.work) == 2
    assert again.star is not None and not state.online
    explorer.show("demo 9")
    explorer.session.wait()
    explorer.load(path)
    assert explorer.session.wait().star.name == "demo 1"
    assert explorer.share().splitlines() == [
        "import specviz", "", "explorer = specviz.explore('demo 1')",
        "explorer.set(flux='normalised', smooth=2.0)", "explorer",
    ]  # fmt: skip
    again.close()


@pytest.mark.parametrize(
    ("name", "what", "words"),
    [
        ("x.docx", None, "a name that ends in .fits"),
        ("x.png", None, "drawn by the browser"),
        ("x.fits", "weights", "one of spectra"),
        ("x.fits", "session", "ends in .json"),
        ("x.csv", "page", "ends in .html"),
        ("no/x.fits", None, "does not exist"),
    ],
)
def test_what_cannot_be_written_is_said(explorer: Any, tmp_path: Path, name: str, what: str | None, words: str) -> None:
    with pytest.raises(SpecvizError) as caught:
        explorer.export(tmp_path / name, what)
    assert words in str(caught.value) and list(tmp_path.iterdir()) == []


def test_a_session_file_that_will_not_do_makes_nothing(explorer: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"format": "specviz session", "version": 99}')
    before = explorer.session.state
    with pytest.raises(ReadError, match="newer specviz"):
        explorer.load(bad)
    with pytest.raises(SpecvizError, match="no such file"):
        explorer.load(tmp_path / "none.json")
    with pytest.raises(ReadError, match="newer specviz"):
        specviz.explore(session=bad)
    with pytest.raises(OptionError, match="one of them"):
        specviz.explore("demo 1", session=explorer.save(tmp_path / "good.json"))
    assert explorer.session.state is before


def test_a_button_gives_the_file_to_the_view_that_asked(explorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(explorer, "send", lambda content, buffers=None: sent.append((content, buffers)))
    explorer._handle({"op": "act", "act": "export labels csv", "from": "view-7"}, [])
    content, buffers = next(s for s in sent if s[0]["op"] == "download")
    assert (content["name"], content["to"], content["mime"]) == ("demo_1_labels.csv", "view-7", "text/csv")
    assert b"teff" in buffers[0]
    sent.clear()
    explorer._handle({"op": "act", "act": "export weights csv", "from": "view-7"}, [])
    assert not any(s[0]["op"] == "download" for s in sent)
    assert explorer.session.state.notice.title == "Nothing was exported"
