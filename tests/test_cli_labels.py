"""``specviz labels``: what it writes, what it prints, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.table import Table

from specviz.cli import main
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.values import Context


@pytest.fixture
def journals(tmp_path: Path) -> list[Path]:
    """Three reviewers of the same stars; they agree on s1 and s3, not on s2."""
    paths = []
    for reviewer, klass in (("ann", "star"), ("bob", "binary"), ("eve", "binary")):
        journal = LabelJournal(tmp_path / f"{reviewer}.sqlite", reviewer)
        said = {"s1": "star", "s2": klass, "s3": "galaxy"}
        changes = [
            (star, kind, value)
            for star, name in said.items()
            for kind, value in (("quality", 3), ("class", name), ("comment", "=1+1\n\x1b[31mred"), ("done", True))
        ]
        journal.record(changes, Context())
        journal.close()
        paths.append(journal.path)
    return paths


def words(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["ecsv", "vot", "csv", "json"])
def test_export_and_import(
    journals: list[Path], tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"ann.{suffix}"
    assert main(["labels", "export", str(journals[0]), "-o", str(out)]) == 0
    assert words(capsys) == f"{out}: 3 labels\n"
    into = str(tmp_path / "other.sqlite")
    assert main(["labels", "import", into, str(out)]) == 0
    assert f"ann.{suffix}: labels of 3 stars by ann" in words(capsys)
    assert main(["labels", "import", into, str(out)]) == 0
    assert f"ann.{suffix}: nothing new; {12 if suffix == 'json' else 3} known already" in words(capsys)


def test_merge_agree_conflicts_consensus(
    journals: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everyone = str(tmp_path / "all.sqlite")
    assert main(["labels", "merge", *map(str, journals), "-o", everyone]) == 0
    assert "all.sqlite: ann (3 finished), bob (3 finished), eve (3 finished)" in words(capsys)
    assert main(["labels", "agree", everyone]) == 0
    said = words(capsys)
    assert "class, bob and eve: κ = 1.00 ± 0.00, 100 % alike, 3 stars" in said
    assert "1 conflict, 0 decided" in said
    assert main(["labels", "agree", *map(str, journals)]) == 0  # without merging, too
    assert words(capsys) == said
    out = tmp_path / "kappa.ecsv"
    assert main(["labels", "agree", everyone, "-o", str(out), "--weights", "quadratic"]) == 0
    table = Table.read(out)
    row = table[(table["of"] == "class") & (table["method"] == "fleiss")][0]
    assert row["agreement"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    capsys.readouterr()
    assert main(["labels", "conflicts", everyone]) == 0
    said = words(capsys)
    assert said.count("s2") == 3
    assert "\x1b" not in said
    assert main(["labels", "conflicts", everyone, "-o", str(tmp_path / "c.csv")]) == 0
    capsys.readouterr()
    assert main(["labels", "consensus", everyone]) == 0
    said = words(capsys)
    assert "majority" in said
    assert "unanimous" in said


def test_history(journals: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "history", str(journals[0]), "--star", "s2"]) == 0
    said = words(capsys)
    assert said.count("s2") == 4
    assert "\x1b" not in said
    assert main(["labels", "history", str(journals[0]), "-o", str(tmp_path / "h.vot")]) == 0
    assert len(Table.read(tmp_path / "h.vot")) == 12
    assert main(["labels", "history", str(journals[0]), "--star", "s9"]) == 1
    assert "Nothing was said of s9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["export", "gone.sqlite"], "There is no file"),
        (["export", "{ann}", "-o", "x.fits"], "Cannot tell the format"),
        (["merge", "{ann}", "bad.csv", "-o", "all.sqlite"], "bad.csv, row 1 (s): there is no class 'emision'"),
        (["merge", "{ann}", "-o", "all.csv"], "is the name of a table"),
        (["import", "{ann}", "{ann}"], "nothing to merge"),
    ],
)
def test_mistakes_are_one_line(
    journals: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("star,reviewer,class\ns,zoe,emision\n")
    assert main(["labels", *(a.format(ann=journals[0]) for a in arguments)]) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not Path("all.sqlite").exists()


def test_unknown_words_are_kept_on_request(
    journals: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("star,class\ns,emision\n")
    assert main(["labels", "import", str(journals[0]), str(bad), "--reviewer", "zoe", "--keep-unknown"]) == 0
    assert "not in the vocabulary: emision" in words(capsys)


def test_nothing_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    LabelJournal(tmp_path / "new.sqlite", "ann").close()
    for action in ("export", "history", "consensus"):
        assert main(["labels", action, str(tmp_path / "new.sqlite")]) == 0
        assert words(capsys) == "nothing yet\n"
    assert main(["labels", "agree", str(tmp_path / "new.sqlite")]) == 0
    assert "finished labels of two reviewers" in words(capsys)
    assert main(["labels", "conflicts", str(tmp_path / "new.sqlite")]) == 0
    assert words(capsys) == "no conflicts\n"
