"""The menus for code and export, the pages of the footer: what they offer, and that what is in them stays text."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from specviz.archives.demo import DemoArchive
from specviz.session.citations import acknowledgements, as_bibtex, as_text, citations
from specviz.session.exporting import DATA, FORMS, exported, file_name, has, safe_stem
from specviz.session.sharing import code_cell
from specviz.session.state import State
from specviz.spectra.readers import read_bytes
from specviz.views.code_menu import code_menu
from specviz.views.export_menu import export_menu

EVIL = "<img src=x onerror=alert(1)>\"'</script>"


def acts(html: str) -> list[str]:
    return re.findall(r'data-sv-act="export ([^"]*)"', html)


def test_every_table_picture_and_the_whole_are_offered() -> None:
    html = export_menu()
    assert set(acts(html)) == {f"{w} {f}" for w in DATA for f in FORMS} | {"page", "session json"}
    assert re.findall(r'data-sv-picture="([^"]*)"', html)[:2] == ["png lamost", "svg lamost"]
    names = re.findall(r'<button class="sv-button"[^>]*aria-label="([^"]*)"', html)
    assert len(names) == len(set(names)) == len(acts(html)) + 8


def test_every_button_of_a_full_view_gives_a_file(make_view: Any) -> None:
    view = make_view("demo 1")
    state = view.session.state
    for wanted in acts(export_menu()):
        what, _, form = wanted.partition(" ")
        if what == "page":
            continue
        if not has(state, what):
            assert what == "work"
            continue
        file = exported(state, what, form)
        assert len(file.data) > 100 and re.fullmatch(r"demo_1_\w+\.\w+", file.name), file.name
    spectra = exported(state, "spectra", "fits")
    assert set(read_bytes(spectra.data, spectra.name)[0].spectra) == {"lamost_lrs", "gaia_xp"}


def test_what_is_not_there_yet_is_said(make_view: Any) -> None:
    with pytest.raises(Exception, match="Open a star first"):
        exported(State(), "posterior", "fits")
    with pytest.raises(Exception, match="one of spectra"):
        exported(State(), "weights", "fits")
    with pytest.raises(Exception, match="one of fits"):
        exported(State(), "report", "docx")
    wanted: list[str] = []
    view = make_view("demo 1")
    view.export = wanted.append
    view.act("export posterior fits")
    assert wanted == ["posterior fits"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("demo 1", "demo_1"),
        ("LAMOST J185732.80+411807.2", "LAMOST_J185732.80+411807.2"),
        ("../../etc/passwd", "etc_passwd"),
        ("..", "star"),
        ("星", "star"),
        ("CON", "star"),
        ("-rf *", "rf"),
        ("a" * 500, "a" * 60),
        (EVIL, "img_src_x_onerror_alert_1_script"),
    ],
)
def test_files_are_called_after_the_star_and_harmless(name: str, stem: str) -> None:
    assert safe_stem(name) == stem
    star = DemoArchive().star(0).with_(name=name)
    assert file_name(State(star=star), "labels", "csv") == f"{stem}_labels.csv"


def test_code_is_the_cell_and_foreign_text_stays_text() -> None:
    star = DemoArchive().star(0).with_(name=EVIL)
    state = State(star=star, target=EVIL)
    html = code_menu(state)
    assert "<img" not in html and "<script" not in html
    copied = re.search(r'data-sv-copy="([^"]*)"', html)
    assert copied is not None and unescape(copied[1]) == code_cell(state)
    named = re.search(r'data-sv-star="([^"]*)"', html)
    assert named is not None and unescape(named[1]) == EVIL


def test_the_footer_cites_surveys_of_real_spectra_only(make_view: Any) -> None:
    view = make_view("demo 1")
    state = view.session.state
    assert [c.what for c in citations(state)] == ["this package", "astropy"] and acknowledgements(state) == ()
    real = state.star.spectra["lamost_lrs"].with_(meta={"object_id": "x", "release": "DR10"})
    star = state.star.with_(spectra={"lamost_lrs": real})
    found = citations(State(star=star, model="specclip-small"))
    assert [c.what for c in found][:3] == ["LAMOST, the telescope", "LAMOST, the survey", "SpecCLIP, the model"]
    assert "Guoshoujing" in as_text(found, acknowledgements(State(star=star)))
    bibtex = as_bibtex(found)
    assert bibtex.count("@") == len(found) and bibtex.count("{") == bibtex.count("}")
    assert "10.1088/1674-4527/12/9/003" in bibtex


def test_the_footer_tells_weights_seed_and_time_and_escapes(make_view: Any) -> None:
    view = make_view(DemoArchive().star(0).with_(name=EVIL))
    html = view.footer.links.object
    p = view.session.state.report.provenance
    assert p.created in html and p.device in html and "popovertarget" in html
    for pane in (view.footer.links, view.footer.code, view.footer.provenance, view.bar.code, view.bar.export):
        assert "<img" not in pane.object and "<script" not in pane.object
    assert "simulated spectra" in view.footer.provenance.object
