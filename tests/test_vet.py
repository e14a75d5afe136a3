"""``specviz.vet``: what may be handed in, what is refused before anything is shown, and what a program sees of it."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import specviz
from specviz.app.vetting import Vetting
from specviz.app.work_lists import vet_list
from specviz.archives.demo import DemoArchive
from specviz.archives.protocol import Candidate
from specviz.errors import SpecvizError
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.vocabulary import DEFAULT, RESERVED, Vocabulary
from specviz.spectra.writers.spectra import write_spectra


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def vet(tmp_path: Path) -> Iterator[Callable[..., Vetting]]:
    """``specviz.vet`` with a journal of its own, closed at the end."""
    made: list[Vetting] = []

    def one(x: Any, **options: Any) -> Vetting:
        options = {"labels": tmp_path / "mine.sqlite", "reviewer": "AB", "online": False, **options}
        made.append(specviz.vet(x, **options))
        return made[-1]

    yield one
    for widget in made:
        widget.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two spectra, a broken one, and files that are none."""
    folder = tmp_path / "plate"
    (folder / "sub").mkdir(parents=True)
    for i, where in ((5, "a.fits"), (6, "sub/b.fits")):
        write_spectra(DemoArchive().star(i), folder / where)
    (folder / "c.fits").write_bytes(b"SIMPLE  = no such thing")
    (folder / "notes.md").write_text("not a spectrum")
    (folder / ".hidden.fits").write_bytes(b"")
    return folder


# ---------------------------------------------------------------------------------------------- lists
def test_names_stars_candidates_reports_and_numbers() -> None:
    star = DemoArchive().star(3)
    report = SimpleNamespace(star=star, provenance=object())
    found = vet_list(["demo 1", star, Candidate("demo 2", "demo"), report, 353301001, Path("x.fits")])
    assert found.name == "list" and found.scores is None
    assert found.targets == ("demo 1", star, Candidate("demo 2", "demo"), star, "353301001", Path("x.fits"))


def test_tables_in_memory_and_in_files(tmp_path: Path) -> None:
    table = Table({"name": ["demo 1", "demo 2"], "note": ["bright", ""]})
    assert [t.text for t in vet_list(table).targets] == ["demo 1", "demo 2"]
    for name, form in (("t.csv", "ascii.csv"), ("t.ecsv", "ascii.ecsv"), ("t.vot", "votable"), ("t.fits", "fits")):
        table.write(tmp_path / name, format=form)
        found = vet_list(tmp_path / name)
        assert found.name == name and [t.text for t in found.targets] == ["demo 1", "demo 2"]
    coordinates = Table({"ra": [10.5, 20.25], "dec": [-3.0, 4.5]})
    coordinates.write(tmp_path / "c.csv")
    assert [t.text.split()[0][:5] for t in vet_list(str(tmp_path / "c.csv")).targets] == ["10.50", "20.25"]
    (tmp_path / "names.txt").write_text("demo 1\ndemo 9\n")
    assert [t.text for t in vet_list(tmp_path / "names.txt").targets] == ["demo 1", "demo 9"]


def test_columns_arrays_generators_and_positions() -> None:
    from astropy.coordinates import SkyCoord

    pd = pytest.importorskip("pandas")
    table = Table({"obsid": [353301001, 353301002]})
    for x in (table["obsid"], np.array([353301001, 353301002]), pd.Series([353301001, 353301002])):
        assert vet_list(x).targets == ("353301001", "353301002")
    assert vet_list(f"demo {i}" for i in (1, 2)).targets == ("demo 1", "demo 2")
    found = vet_list(SkyCoord([10.5, 20.25], [-3.0, 4.5], unit="deg"))
    assert [t.text for t in found.targets] == ["10.5000000 -3.0000000", "20.2500000 +4.5000000"]


def test_a_folder_leaves_out_what_cannot_be_spectra(folder: Path) -> None:
    found = vet_list(folder)
    assert found.name == "plate" and found.left_out == ("notes.md",)
    assert [p.name for p in found.targets] == ["a.fits", "c.fits", "b.fits"]
    assert [p.name for p in vet_list(str(folder / "a.fits")).targets] == ["a.fits"]


def test_a_ranking_brings_its_scores() -> None:
    ranking = SimpleNamespace(targets=["demo 1", "demo 2"], scores=np.array([0.2, np.nan]))
    found = vet_list(ranking)
    assert found.targets == ("demo 1", "demo 2") and found.scores is not None and found.scores[0] == 0.2


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (None, "No list to vet"),
        ([], "list is empty"),
        ("", "list is empty"),
        (3.5, "float is no star"),
        ([object()], "object is no star"),
        ([None, None], "list is empty"),
        ("no/such/folder", "no file or folder"),
        (Path("nowhere.fits"), "no file or folder"),
        (Table({"colour": [1.0]}), "No column names stars"),
    ],
)
def test_what_is_no_list_is_refused(x: Any, says: str, vet: Callable[..., Vetting], tmp_path: Path) -> None:
    with pytest.raises(SpecvizError, match=says):
        vet(x)
    assert not (tmp_path / "mine.sqlite").exists()


def test_files_that_hold_no_list(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("name\n")
    (tmp_path / "prose.txt").write_text("This is a letter: it names no star, and never will.\n")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "notes.md").write_text("-")
    for name, says in (
        ("empty.csv", "without rows"),
        ("prose.txt", "prose.txt"),
        ("nothing", "no files"),
        ("only", "no spectra"),
    ):
        with pytest.raises(SpecvizError, match=says):
            vet_list(tmp_path / name)


# ---------------------------------------------------------------------------------------------- the widget
def test_label_a_list_close_and_go_on(vet: Callable[..., Vetting], tmp_path: Path) -> None:
    stars = ["demo 1", "demo 2", "demo 3"]
    vetting = vet(stars)
    assert vetting.wait().star.name == "demo 1" and vetting.star.name == "demo 1"
    heard: list[int] = []
    vetting.observe(lambda change: heard.append(change["new"].done), "progress")
    label = vetting.label(4, "star", "clean", flags=["nebula"])
    assert (label.quality, label.klass, label.flags, label.comment) == (4, "star", ("nebula",), "clean")
    assert vetting.said == label
    vetting.finish()
    assert vetting.wait().star.name == "demo 2" and heard[-1] == 1 and vetting.said.empty
    vetting.flag("sky_line")
    assert vetting.said.flags == ("sky_line",)
    assert vetting.undo_label() and vetting.said.empty and vetting.redo_label() and not vetting.said.empty
    assert vetting.clear().empty
    vetting.jump(3)
    vetting.wait()
    assert "1 of 3 done by AB" in repr(vetting) and vetting.path == tmp_path / "mine.sqlite"
    vetting.close()
    assert vetting.star is None and "closed" in repr(vetting)

    again = vet(stars)
    assert again.wait().star.name == "demo 3"  # where AB stopped
    assert again.session.vet.rows[0].label.comment == "clean" and again.progress.done == 1
    again.back()
    assert again.wait().star.name == "demo 2"


def test_two_windows_on_one_journal_and_two_reviewers(vet: Callable[..., Vetting]) -> None:
    stars = ["demo 1", "demo 2"]
    first, second, other = vet(stars), vet(stars), vet(stars, reviewer="CD")
    for widget in (first, second, other):
        widget.wait()
    first.label(klass="binary")
    second.session.refresh()
    assert second.said.klass == "binary" and other.said.empty
    first.finish()
    other.label(klass="emission")
    other.finish()
    other.session.refresh()
    assert other.set_filter("conflicts") == 1
    assert other.set_filter("all") == 2


def test_a_row_that_cannot_be_read_says_so_and_the_list_goes_on(vet: Callable[..., Vetting], folder: Path) -> None:
    vetting = vet(folder)
    assert vetting.wait().position == 0 and vetting.star is not None
    notice = vetting.session.state.notice
    assert notice is not None and notice.title == "1 file was left out" and "notes.md" in notice.text
    vetting.forward()
    state = vetting.wait()
    assert state.position == 1 and state.notice is not None and state.work[1].status == "failed"
    vetting.label(klass="artefact", comment="damaged file")
    vetting.finish()
    assert vetting.wait().position == 2 and vetting.progress.done == 1


def test_a_table_of_obsids_is_looked_up(vet: Callable[..., Vetting], tmp_path: Path) -> None:
    """Whoever knows the obsids is asked star by star; one that nobody knows says so."""

    class Mine:
        def resolve(self, text: str) -> list[Candidate]:
            return [Candidate(text, "mine")] if text == "obsid 353301001" else []

        def fetch(self, name: str) -> Any:
            return DemoArchive().star(7).with_(name=name)

    (tmp_path / "list.csv").write_text("obsid,snrg\n353301001,80\n353301002,20\n")
    vetting = vet(tmp_path / "list.csv", labels=None, locals=[Mine()])
    state = vetting.wait()
    assert state.star is not None and state.star.name == "obsid 353301001"
    assert vetting.path == tmp_path / "list.labels.sqlite" and vetting.session.vet.work_list == "list.csv"
    vetting.forward()
    state = vetting.wait()
    assert state.position == 1 and state.star is None and state.notice is not None
    assert [r.key for r in state.vet.rows] == ["obsid 353301001", "obsid 353301002"]


def test_a_ranking_is_gone_through_oddest_first(vet: Callable[..., Vetting]) -> None:
    ranking = SimpleNamespace(targets=["demo 1", "demo 2", "demo 3"], scores=[0.1, np.nan, 0.9])
    vetting = vet(ranking, order="odd")
    assert vetting.wait().position == 2  # the oddest is the first
    assert vetting.session.vet.order == (2, 0, 1) and vetting.session.vet.rows[2].score == 0.9


def test_the_view_is_set_apart_from_the_labels(vet: Callable[..., Vetting]) -> None:
    vetting = vet(["demo 1"])
    vetting.wait()
    vetting.set(flux="normalised")
    assert vetting.session.state.view.flux == "normalised" and vetting.undo() and vetting.redo()
    vetting.set_blind(False)
    vetting.set_move_on()
    assert not vetting.session.vet.blind and vetting.session.vet.move_on


# ---------------------------------------------------------------------------------------------- refused before it shows
def test_a_vocabulary_with_a_key_twice_and_an_order_there_is_not(vet: Callable[..., Vetting], tmp_path: Path) -> None:
    words = tmp_path / "words.json"
    words.write_text('{"flags": [{"key": "s", "name": "sky"}]}')
    with pytest.raises(SpecvizError, match="key 's' stands for two"):
        vet(["demo 1"], vocabulary=words)
    with pytest.raises(SpecvizError, match="no order 'best'"):
        vet(["demo 1"], order="best")
    assert not (tmp_path / "mine.sqlite").exists()
    words.write_text('{"flags": [{"key": "5", "name": "sky", "words": "Sky"}]}')
    vetting = vet(["demo 1"], vocabulary=words)
    vetting.wait()
    with pytest.raises(SpecvizError, match="no flag 'nebula'"):
        vetting.label(flags=["nebula"])


def test_the_vocabulary_of_the_documents_will_do() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs/vetting.md").read_text("utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    words = Vocabulary.of(json.loads(block))
    assert [c.name for c in words.classes] == ["star", "cv", "unsure"] and words.unsure == "unsure"
    assert words.qualities == DEFAULT.qualities and set(re.findall(r"`c j [^`]*`", page)) == {"`c j l m n u z ? / [ ]`"}
    assert set("cjlmnuz?/[]") == RESERVED


# ---------------------------------------------------------------------------------------------- contract
def test_the_explorer_does_not_wait_for_vetting() -> None:
    code = "import sys, specviz.app; print([m for m in sys.modules if m.startswith('specviz.app.vet')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_line_that_is_told_is_a_method_of_the_widget() -> None:
    """The footer writes ``vetting.finish()``: that must be what a person can type."""
    told = {
        name
        for name, method in inspect.getmembers(VetSession, inspect.isfunction)
        if hasattr(method, "__wrapped__") and name == method.__name__ and not name.startswith("_")
    }
    assert {"label", "finish", "undo_label", "set_filter", "set"} <= told
    explorer_only = _explorer_only(told)
    assert {n for n in told - explorer_only if not callable(getattr(Vetting, n, None))} == set()


def _explorer_only(told: set[str]) -> set[str]:
    """Told methods of the Explorer's session that a vetting view has no control for."""
    from specviz.session.session import Session

    inherited = {n for n in told if getattr(VetSession, n) is getattr(Session, n, None)}
    return inherited - {"set", "undo", "redo"}


def test_every_line_of_the_keys_can_be_typed() -> None:
    from specviz.session.vetting.vocabulary import DEFAULT
    from specviz.views.vetting_keys import vetting_keys

    codes = [key.code for key in vetting_keys(DEFAULT).keys if key.code]
    names = {m.group(1) for code in codes if (m := re.match(r"vetting\.(\w+)\(", code))}
    assert len(names) > 8 and {n for n in names if not callable(getattr(Vetting, n, None))} == set()


# ---------------------------------------------------------------------------------------------- ranked, in and out
def test_oddest_first_ranks_the_list_behind_the_person(vet: Callable[..., Vetting]) -> None:
    odd = next(iter(DemoArchive().anomalies().values()))[0]
    vetting = vet(["demo 1", "demo 2", odd], order="odd")
    vetting.wait()
    vetting.label(4, "star")  # nothing is held up
    vetting.wait_ranked(60)
    rows, order = vetting.session.vet.rows, vetting.session.vet.order
    assert vetting.session.vet.doing == "" and vetting.session.vet.order_by == "odd"
    assert all(np.isfinite(r.score) for r in rows)
    assert [rows[p].score for p in order] == sorted((r.score for r in rows), reverse=True)
    assert rows[order[0]].key == odd and rows[0].label.quality == 4


def test_a_ranking_can_be_stopped_and_its_fault_is_told(
    vet: Callable[..., Vetting], monkeypatch: pytest.MonkeyPatch
) -> None:
    import specviz.catalog.outliers as outliers

    began = threading.Event()

    def slow(targets: Any, engine: Any, *, progress: Any, cancel: Any, **_: Any) -> Any:
        began.set()
        while not cancel():
            progress(0.5, "1 of 2 stars")
            time.sleep(0.005)
        progress(0.5, "1 of 2 stars")

    monkeypatch.setattr(outliers, "rank", slow)
    vetting = vet(["demo 1", "demo 2"])
    vetting.wait()
    vetting.set_order("odd")
    assert began.wait(60)
    deadline = time.monotonic() + 60
    while vetting.session.vet.doing != "Ranking the list: 1 of 2 stars" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert vetting.session.vet.doing == "Ranking the list: 1 of 2 stars"
    vetting.stop_ranking()
    assert vetting.session.vet.doing == "" and vetting.session.vet.order_by == "list"

    def broken(*_: Any, **__: Any) -> Any:
        raise SpecvizError("The reference is damaged")

    monkeypatch.setattr(outliers, "rank", broken)
    vetting.set_order("odd")
    with pytest.raises(SpecvizError, match="reference is damaged"):
        vetting.wait_ranked(10)
    notice = vetting.session.state.notice
    assert notice is not None and notice.title == "The list could not be ranked" and vetting.session.vet.doing == ""


def test_labels_leave_and_another_reviewers_come_in(vet: Callable[..., Vetting], tmp_path: Path) -> None:
    stars = ["demo 1", "demo 2", "demo 3"]
    mine, theirs = vet(stars), vet([*stars, "demo 4"], reviewer="CD", labels=tmp_path / "theirs.sqlite")
    for vetting, classes in ((mine, ("star", "binary", "hot")), (theirs, ("star", "emission", "hot"))):
        for klass in classes:
            vetting.wait()
            vetting.label(3, klass)
            vetting.finish()
    table = mine.labels()
    assert list(table["class"]) == ["star", "binary", "hot"] and set(table["reviewer"]) == {"AB"}
    assert len(mine.labels("history")) > 6
    theirs.jump(1)  # to look at a star is to say nothing of it
    theirs.wait()
    assert "labels of 3 stars by CD" in mine.import_labels(theirs.export_labels(tmp_path / "cd.json")).text
    found = mine.agree()
    kappa = 1 - (1 / 3) / (1 - 2 / 9)  # of three stars one is told apart; 2/9 would be alike by chance
    assert "CD" in found.text and found.of("class", "AB", "CD").value == pytest.approx(kappa)
    assert set(mine.conflicts()["star"]) == {"demo 2"}
    assert mine.adjudicate() == 1
    mine.wait()
    mine.decide_as("CD")
    mine.adjudicate(False)
    consensus = mine.consensus()
    assert dict(zip(consensus["star"], consensus["class"], strict=True))["demo 2"] == "emission"
    with pytest.raises(SpecvizError, match="no table"):
        mine.labels("notes")


def test_what_the_browser_asks_for(vet: Callable[..., Vetting], monkeypatch: pytest.MonkeyPatch) -> None:
    vetting = vet(["demo 1", "demo 2"])
    vetting.wait()
    sent: list[tuple[str, bytes]] = []
    monkeypatch.setattr(vetting.inbox, "_deliver", lambda name, _mime, data, _to: sent.append((name, data)))
    vetting.label(4, "star")

    def press(key: str, **more: Any) -> None:
        vetting.inbox.receive({"op": "key", "key": key, **more})

    press("b")
    press("b", repeat=True)
    press("Enter", field=True)  # of a field: nothing for the list
    assert vetting.said.klass == "binary" and vetting.progress.done == 0
    press("Enter")
    assert vetting.progress.done == 1
    vetting.wait()
    vetting.inbox.receive({"op": "act", "act": "export labels csv"})
    assert sent[0][0] == "list_labels.csv" and b"binary" in sent[0][1]
    vetting.inbox.receive({"op": "act", "act": "export labels docx"})
    notice = vetting.session.state.notice
    assert notice is not None and "no format" in notice.text
    vetting.inbox.receive({"op": "error", "text": "TypeError: x is undefined"})
    notice = vetting.session.state.notice
    assert notice is not None and "a fault of specviz" in notice.text
    vetting.inbox.receive({"op": "act", "act": "vet-close"})
    assert vetting.star is None and vetting.doc is None
