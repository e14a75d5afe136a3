"""Where labels live, and in whose name they are written."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

import pytest

from specviz.errors import OptionError
from specviz.session.vetting import places
from specviz.session.vetting.places import journal_path, reviewer_name


@pytest.fixture
def data(tmp_path: Path, monkeypatch: Any) -> Path:
    """This person's data folder."""
    folder = tmp_path / "data"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_a, **_k: folder / "specviz")
    return folder / "specviz"


def test_labels_go_where_the_person_says(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    for name in ("mine.sqlite", "mine.db", "mine.SQLite3"):
        assert journal_path(name) == tmp_path / name
    assert journal_path("mine") == tmp_path / "mine.sqlite"
    assert journal_path("run.2026") == tmp_path / "run.2026.sqlite"
    assert journal_path(Path("~/mine")) == tmp_path / "home" / "mine.sqlite"
    (tmp_path / "folder").mkdir()
    assert journal_path("folder") == tmp_path / "folder" / "labels.sqlite"
    assert journal_path("folder", tmp_path / "gone.csv") == tmp_path / "folder" / "labels.sqlite"
    with pytest.raises(OptionError, match=r"labels\.csv is the name of a table.*labels\.sqlite"):
        journal_path("labels.csv")


def test_labels_go_beside_their_list(tmp_path: Path, data: Path) -> None:
    for name, stem in (("odd.fits", "odd"), ("odd.csv.gz", "odd"), ("dr7.odd.ecsv", "dr7.odd"), (".csv", ".csv")):
        (tmp_path / name).touch()
        assert journal_path(None, tmp_path / name) == tmp_path / f"{stem}.labels.sqlite"
    (tmp_path / "spectra.dr7").mkdir()
    assert journal_path(None, str(tmp_path / "spectra.dr7")) == tmp_path / "spectra.dr7.labels.sqlite"
    (tmp_path / "folder").mkdir()
    assert journal_path(tmp_path / "folder", tmp_path / "odd.fits") == tmp_path / "folder" / "odd.labels.sqlite"
    assert journal_path("", tmp_path / "odd.fits") == tmp_path / "odd.labels.sqlite"
    assert not data.exists()


def test_labels_of_a_list_that_cannot_be_written_beside_go_to_the_persons_folder(
    tmp_path: Path, data: Path, monkeypatch: Any
) -> None:
    shared = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "odd.fits").touch()
        shared.append(tmp_path / folder / "odd.fits")
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).startswith(str(tmp_path / "a")))
    kept = journal_path(None, shared[0])
    assert kept.parent == data / "labels" and kept.parent.is_dir() and kept.name.startswith("odd-")
    assert kept == journal_path(None, shared[0]) and journal_path(None, shared[1]).parent == tmp_path / "b"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert journal_path(None, shared[1]) not in (kept, journal_path(None))  # another list of that name
    assert journal_path(None) == journal_path(None, "demo 1, demo 2") == data / "labels" / "labels.sqlite"


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path, data: Path) -> None:
    data.parent.write_text("a file in the way")
    with pytest.raises(OptionError, match=r"cannot be made.*labels="):
        journal_path(None)


def test_the_reviewer_is_who_is_said_else_the_setting_else_the_login(monkeypatch: Any) -> None:
    monkeypatch.setenv("SPECVIZ_REVIEWER", " grace  hopper ")
    monkeypatch.setattr(getpass, "getuser", lambda: "login")
    assert reviewer_name("ada") == "ada" and reviewer_name() == "grace hopper"
    monkeypatch.setenv("SPECVIZ_REVIEWER", " ")
    assert reviewer_name() == "login"
    assert reviewer_name("Jose\u0301") == reviewer_name("José") and reviewer_name("吳") == "吳"

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(OptionError, match="SPECVIZ_REVIEWER"):
        reviewer_name()


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\u202eb", "a\x00b", "\ud800", 7])
def test_what_cannot_be_a_name_is_refused(name: Any) -> None:
    with pytest.raises(OptionError):
        reviewer_name(name)
    assert places.LONGEST_NAME == 80
