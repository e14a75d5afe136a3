"""Labels to files and back, in all formats; each thing once; nothing of a damaged file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

from specviz.errors import NotFoundError, OptionError, ReadError, SpecvizError
from specviz.session.vetting.conflicts import labels_of
from specviz.session.vetting.exchange import import_labels, journal_events, merge
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.label_files import quoted, unquoted, write_labels
from specviz.session.vetting.label_reading import labels_in
from specviz.session.vetting.label_tables import history_table, label_table
from specviz.session.vetting.values import DECISION, Context
from specviz.session.vetting.vocabulary import DEFAULT

FORMATS = ("ecsv", "vot", "csv", "json")
HOSTILE = {
    "plain": "double Hα",
    "lines": "first\nsecond\n\nfourth",
    "quotes": "he said \"no\", it's 'so'; <b>&amp;</b> %s {x} \\n",
    "unicode": "très ☂ 恒星 𝛼 e\u0301",
    "long": "x" * 10_000,
    "formula": "=cmd()|' /C calc'!A0",
    "at": "@SUM(1)",
    "apostrophe": "'=quoted",
    "minus": "-5",
    "number": "007",
    "dashes": "--",
    "blank =1": "' \u00a0=1",
    "empty": "",
    "nan": "nan",
}


CONTEXT = Context("specclip-small", "1.0", "ab" * 32, "cd" * 6, True, DEFAULT.version, "my list")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., LabelJournal]]:
    made = []

    def make(name: str, reviewer: str = "ann") -> LabelJournal:
        made.append(LabelJournal(tmp_path / f"{name}.sqlite", reviewer))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


def say(journal: LabelJournal, star: str, quality: int | None = None, klass: str = "", flags: tuple[str, ...] = (),
        comment: str = "", done: bool = True, blind: bool = True, role: str = "") -> None:  # fmt: skip
    changes: list[tuple[str, str, Any]] = []
    changes += [(star, "quality", quality)] if quality is not None else []
    changes += [(star, "class", klass)] if klass else []
    changes += [(star, "flag", [f, True]) for f in flags]
    changes += [(star, "comment", comment)] if comment else []
    changes += [(star, "done", True)] if done else []
    journal.record(changes, replace(CONTEXT, blind=blind, role=role))


@pytest.fixture
def full(make: Callable[..., LabelJournal]) -> LabelJournal:
    """A journal with everything that may be difficult."""
    journal = make("full")
    every = [(star, kind, value) for star, comment in HOSTILE.items() for kind, value in (
        ("quality", 3), ("class", "emission"), ("flag", ["nebula", True]), ("flag", ["sky_line", True]),
        ("comment", comment), ("done", True),
    )]  # fmt: skip
    journal.record(every, CONTEXT)  # in one step: each is an fsync
    say(journal, "only quality", 0, done=False)
    say(journal, "not blind", 4, "star", blind=False)
    say(journal, "unsure", None, "unsure")
    say(journal, "decided", 2, "binary")
    say(journal, "decided", 2, "hot", role="adjudicator")
    step = journal.record([("taken back", "class", "star")], Context())[0].step
    journal.record([("taken back", "undo", None)], Context(), undoes=step)
    return journal


def said(journal: LabelJournal) -> Any:
    """All labels, without what an export does not carry: whether nothing was said."""
    return {star: each for star, each in labels_of(journal.events()).items() if each}


@pytest.mark.parametrize("form", FORMATS)
class TestRoundTrip:
    def test_labels_come_back_as_they_were(
        self, full: LabelJournal, make: Callable[..., LabelJournal], tmp_path: Path, form: str
    ) -> None:
        path = write_labels(tmp_path / f"out.{form}", full.events(), vocabulary=DEFAULT)
        other = make("other", "bob")
        report = import_labels(path, other, vocabulary=DEFAULT)
        assert said(other) == said(full)
        assert report.labels == (("ann", len(HOSTILE) + 4 + (form == "json")),)  # JSON: what was taken back, too
        if form != "json":
            last = {e.star: e for e in other.events()}
            context = last["formula"].context
            assert (context.model, context.model_version, context.weights_sha256) == (
                "specclip-small", "1.0", "ab" * 32,
            )  # fmt: skip
            assert (context.data, context.vocabulary, context.work_list, context.source) == (
                "cd" * 6, DEFAULT.version, "my list", path.name,
            )  # fmt: skip
            assert all(e.imported for e in other.events())

    def test_the_same_file_twice_changes_nothing(
        self, full: LabelJournal, make: Callable[..., LabelJournal], tmp_path: Path, form: str
    ) -> None:
        path = write_labels(tmp_path / f"out.{form}", full.events(), vocabulary=DEFAULT)
        other = make("other", "bob")
        import_labels(path, other)
        before = other.events()
        report = import_labels(path, other)
        assert (report.events, report.older) == (0, 0)
        assert "nothing new" in report.text
        assert other.events() == before
        own = full.events()
        assert import_labels(path, full).events == 0  # nor in the journal that it came from
        assert full.events() == own

    def test_what_was_said_since_stays(
        self, full: LabelJournal, make: Callable[..., LabelJournal], tmp_path: Path, form: str
    ) -> None:
        path = write_labels(tmp_path / f"out.{form}", full.events())
        say(full, "plain", 1, "galaxy")
        before = said(full)
        import_labels(path, full)
        assert said(full) == before

    def test_one_reviewer(self, make: Callable[..., LabelJournal], tmp_path: Path, form: str) -> None:
        both = make("both")
        say(both, "s", 3, "star")
        bob = make("bob", "bob")
        say(bob, "s", 1, "hot")
        both.add(bob.events())
        path = write_labels(tmp_path / f"bob.{form}", both.events(), reviewer="bob")
        other = make("other", "eve")
        import_labels(path, other)
        assert set(said(other)["s"]) == {"bob"}


class TestTables:
    def test_columns_say_what_they_are(self, full: LabelJournal, tmp_path: Path) -> None:
        table = label_table(full.events(), vocabulary=DEFAULT, positions={"plain": (10.5, -3.25)})
        assert all(table[name].info.description for name in table.colnames)
        assert (str(table["ra"].unit), table["ra"][0], bool(table["ra"].mask[1])) == ("deg", 10.5, True)
        assert len(table) == len(HOSTILE) + 5
        row = table[list(table["star"]).index("only quality")]
        assert (row["status"], bool(row["done"])) == ("begun", False)
        assert list(table["status"][table["star"] == "unsure"]) == ["undecided"]
        assert list(table["role"][table["star"] == "decided"]) == ["", "adjudicator"]
        path = write_labels(tmp_path / "x.vot", full.events(), vocabulary=DEFAULT, positions={"plain": (10.5, -3.25)})
        read = Table.read(path)
        assert read["star"].meta["ucd"] == "meta.id;meta.main"
        assert read["ra"].unit == "deg"
        assert b"emission: Emission" in path.read_bytes()

    def test_history_has_every_event(self, full: LabelJournal) -> None:
        table = history_table(full.events())
        assert len(table) == len(full.events())
        undone = table[table["undone"]]
        assert list(undone["star"]) == ["taken back"]
        assert list(undone["value"]) == ['"star"']

    def test_nothing_yet(self, tmp_path: Path, make: Callable[..., LabelJournal]) -> None:
        for form in FORMATS:
            path = write_labels(tmp_path / f"none.{form}", [])
            assert import_labels(path, make(form)).events == 0

    @pytest.mark.parametrize(
        "star", ["obsid 353301001", "LAMOST J012345.67+012345.6", "spec-55859-F5902_sp01-001.fits"]
    )
    def test_lamost_is_thanked_where_its_stars_are_named(
        self, make: Callable[..., LabelJournal], tmp_path: Path, star: str
    ) -> None:
        journal = make("a")
        say(journal, "demo 1", 1)
        assert "acknowledgement" not in label_table(journal.events()).meta
        assert b"Guoshoujing" not in write_labels(tmp_path / "a.csv", journal.events()).read_bytes()
        say(journal, star, 1)
        for form in FORMATS:
            assert b"Guoshoujing" in write_labels(tmp_path / f"a.{form}", journal.events()).read_bytes()

    def test_a_spreadsheet_runs_nothing(self, full: LabelJournal, tmp_path: Path) -> None:
        text = write_labels(tmp_path / "a.csv", full.events()).read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert not [c for row in rows for c in row.values() if c.lstrip(" \u00a0'")[:1] in "=+@" and c and c[0] != "'"]

    @pytest.mark.parametrize("text", [*HOSTILE.values(), "''=x", "'", "' x", " =", "＝1", "\t", "'\t"])
    def test_apostrophes_are_taken_away_again(self, text: str) -> None:
        assert unquoted(quoted(text)) == text

    def test_a_name_without_a_format(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=r"\.ecsv, \.vot"):
            write_labels(tmp_path / "x.fits", [])
        with pytest.raises(SpecvizError, match="does not exist"):
            write_labels(tmp_path / "no" / "x.csv", [])


class TestForeignTables:
    def test_from_a_spreadsheet(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        path = tmp_path / "sheet.csv"
        path.write_bytes(
            '\ufeffStar;Reviewer;Quality;Class;Comment\r\n007;bob;3.0;star;"a;b\r\nc"\r\n\r\n;;;;\r\n'.encode()
            + b"x;bob;;galaxy;'=1+1\r\n"
        )
        journal = make("a")
        report = import_labels(path, journal, vocabulary=DEFAULT, listed=["007"])
        labels = said(journal)
        label = labels["007"]["bob"]
        assert (label.quality, label.klass, label.comment, label.done, label.blind) == (
            3,
            "star",
            "a;b\nc",
            True,
            False,
        )
        assert labels["x"]["bob"].comment == "=1+1"
        assert report.unlisted == 1
        assert "1 star not in this list" in report.text
        assert import_labels(path, journal).same == 2

    def test_who_said_it(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("star,class\ns,star\n")
        journal = make("a")
        with pytest.raises(ReadError, match="row 1 \\(s\\): nobody is named"):
            import_labels(path, journal)
        import_labels(path, journal, reviewer="eve")
        assert said(journal)["s"]["eve"].klass == "star"

    def test_an_edited_table_is_taken_once(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        journal = make("a")
        say(journal, "s", 3, "star", comment="old")
        say(journal, "t", 3, "star")
        path = write_labels(tmp_path / "a.csv", journal.events())
        path.write_text(path.read_text().replace("old", "new"))
        report = import_labels(path, journal)
        assert (report.labels, report.same) == ((("ann", 1),), 1)
        assert said(journal)["s"]["ann"].comment == "new"
        say(journal, "s", 1)
        before = said(journal)
        assert import_labels(path, journal).events == 0
        assert said(journal) == before

    def test_rows_without_a_time_are_known_by_their_file(
        self, make: Callable[..., LabelJournal], tmp_path: Path
    ) -> None:
        journal = make("a")
        path = tmp_path / "a.csv"
        path.write_text("star,reviewer,class\ns,ann,star\n")
        import_labels(path, journal)
        say(journal, "s", 1, "galaxy")
        assert import_labels(path, journal).events == 0
        assert said(journal)["s"]["ann"].klass == "galaxy"

    def test_columns_that_are_not_there_say_nothing(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        journal = make("a")
        say(journal, "s", 3, "star", ("nebula",), "c")
        path = tmp_path / "a.csv"
        path.write_text("star,reviewer,class\ns,ann,galaxy\n")
        import_labels(path, journal)
        label = said(journal)["s"]["ann"]
        assert (label.quality, label.klass, label.flags, label.comment) == (3, "galaxy", ("nebula",), "c")

    @pytest.mark.parametrize(("line", "word"), [("s,bob,3,emision,", "emision"), ("s,bob,9,star,", "9"),
                                                ("s,bob,3,star,nebula;haze", "haze")])  # fmt: skip
    def test_unknown_words(self, make: Callable[..., LabelJournal], tmp_path: Path, line: str, word: str) -> None:
        journal = make("a")
        path = tmp_path / "a.csv"
        path.write_text(f"star,reviewer,quality,class,flags\nr,bob,1,star,\n{line}\n")
        with pytest.raises(SpecvizError, match=rf"a\.csv, row 2 \(s\).*'{word}'"):
            import_labels(path, journal, vocabulary=DEFAULT)
        assert journal.events() == []
        report = import_labels(path, journal, vocabulary=DEFAULT, unknown="keep")
        assert report.unknown == (word,)
        assert "s" in said(journal)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is empty"),
            ("wavelength,flux\n4000,1\n", "its columns are wavelength, flux"),
            ("star,reviewer,class\ns,bob\n", "row 1: 2 cells under 3 names"),
            ('star,reviewer,class\ns,bob,"sta', "damaged"),
            ("star,reviewer,quality\ns,bob,2.5\n", "'2.5' is no quality"),
            ("star,reviewer,quality\ns,bob,good\n", "'good' is no quality"),
            ("star,reviewer,class,time\ns,bob,star,yesterday\n", "'yesterday' is no time"),
            ("star,reviewer,class,done\ns,bob,star,perhaps\n", "neither true nor false"),
            ("star,reviewer,class\n,bob,star\n", "row 1: no star"),
            ("<VOTABLE><RESOURCE><TABLE>", "damaged or no table"),
            ("# %ECSV 1.0\n# ---\n# datatype: [", "damaged or no table"),
            ("{", "damaged"),
            ("{}", "holds no labels"),
            ('{"format": "specviz-labels", "version": 2, "events": []}', "of version 2"),
            ('{"format": "specviz-labels", "version": 1}', "holds no labels"),
            ('{"format": "specviz-labels", "version": 1, "events": [3]}', "event 1 is none"),
            ('{"format": "specviz-labels", "version": 1, "events": [{"kind": "shout"}]}', "does not know this kind"),
            ('{"format": "specviz-labels", "version": 1, "events": [{"kind": "flag", "value": "x"}]}', "cannot be"),
            ('{"format": "specviz-labels", "version": 1, "events": [{"kind": "done", "value": true}]}', "no uuid"),
            ('{"format": "specviz-labels", "version": 1, "events": [{"kind": 1}]}', "'kind' is no text"),
        ],
    )
    def test_what_is_damaged_or_foreign(
        self, make: Callable[..., LabelJournal], tmp_path: Path, text: str, words: str
    ) -> None:
        journal = make("a")
        path = tmp_path / "in.dat"
        path.write_text(text)
        with pytest.raises(SpecvizError, match=words):
            import_labels(path, journal)
        assert journal.events() == []

    def test_other_bytes(self, tmp_path: Path, make: Callable[..., LabelJournal]) -> None:
        with pytest.raises(ReadError, match="UTF-8"):
            labels_in(bytes(range(1, 256)), "x.csv")
        with pytest.raises(NotFoundError):
            import_labels(tmp_path / "gone.csv", make("a"))

    @pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.999])
    @pytest.mark.parametrize("form", ["ecsv", "vot", "json"])
    def test_a_file_cut_off(self, full: LabelJournal, make: Callable[..., LabelJournal], tmp_path: Path, form: str,
                            cut: float) -> None:  # fmt: skip
        path = write_labels(tmp_path / f"a.{form}", full.events())
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * cut)])
        journal = make("a")
        try:
            import_labels(path, journal)
        except SpecvizError:
            assert journal.events() == []
        else:  # ECSV that ends with a whole line is a whole table
            assert form == "ecsv"


class TestMerge:
    def test_three_reviewers(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        paths: list[Path] = []
        for reviewer, klass in (("ann", "star"), ("bob", "star"), ("eve", "binary")):
            journal = make(reviewer, reviewer)
            say(journal, "s", 3, klass)
            say(journal, f"only {reviewer}", 1, klass, done=False)
            journal.close()
            paths.append(journal.path)
        report = merge(paths, tmp_path / "all.sqlite")
        assert report.reviewers == (("ann", 1), ("bob", 1), ("eve", 1))
        assert [s.events for s in report.sources] == [5, 5, 5]
        events = journal_events(tmp_path / "all.sqlite")
        assert len(events) == 15
        again = merge(paths, tmp_path / "all.sqlite")
        assert [s.events for s in again.sources] == [0, 0, 0]
        assert journal_events(tmp_path / "all.sqlite") == events
        assert {who: x.klass for who, x in labels_of(events)["s"].items()} == {
            "ann": "star", "bob": "star", "eve": "binary",
        }  # fmt: skip
        assert "all.sqlite: ann (1 finished), bob (1 finished), eve (1 finished)" in report.text

    def test_the_order_of_merging_does_not_matter(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        desk, lap = make("desk"), make("lap")
        say(desk, "s", 1, "star")
        say(lap, "s", 2, "galaxy")
        say(desk, "s", 3)
        step = lap.record([("s", "class", "hot")], Context())[0].step
        lap.record([("s", "undo", None)], Context(), undoes=step)
        found = []
        for i, paths in enumerate(([desk.path, lap.path], [lap.path, desk.path])):
            merge(paths, tmp_path / f"{i}.sqlite")
            found.append(labels_of(journal_events(tmp_path / f"{i}.sqlite"))["s"]["ann"])
        assert found[0] == found[1]
        assert (found[0].quality, found[0].klass) == (3, "galaxy")

    def test_of_files_and_journals_all_or_nothing(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        ann, bob = make("ann"), make("bob", "bob")
        say(ann, "s", 1, "star")
        say(bob, "s", 2, "star")
        table = write_labels(tmp_path / "bob.ecsv", bob.events())
        whole = write_labels(tmp_path / "ann.json", ann.events())
        bad = tmp_path / "bad.csv"
        bad.write_text("star,reviewer,class\ns,bob\n")
        into = tmp_path / "all.sqlite"
        with pytest.raises(ReadError):
            merge([table, bad], into)
        assert not into.exists()
        merge([table, whole, ann.path, into], into)
        assert labels_of(journal_events(into))["s"].keys() == {"ann", "bob"}
        with pytest.raises(OptionError, match="nothing to merge"):
            merge([into], into)

    def test_of_a_journal_that_is_none(self, make: Callable[..., LabelJournal], tmp_path: Path) -> None:
        import sqlite3

        db = sqlite3.connect(tmp_path / "other.sqlite")
        db.execute("CREATE TABLE t (x)")
        db.close()
        with pytest.raises(SpecvizError):
            merge([tmp_path / "other.sqlite"], tmp_path / "all.sqlite")
        with pytest.raises(OptionError, match="the journal itself"):
            import_labels(tmp_path / "a.sqlite", make("a"))

    def test_decisions_come_along(self, full: LabelJournal, tmp_path: Path) -> None:
        merge([full.path], tmp_path / "all.sqlite")
        assert labels_of(journal_events(tmp_path / "all.sqlite"))["decided"][DECISION].klass == "hot"


def test_json_is_for_people_and_other_programs(full: LabelJournal, tmp_path: Path) -> None:
    document = json.loads(write_labels(tmp_path / "a.json", full.events(), vocabulary=DEFAULT).read_text("utf-8"))
    assert (document["format"], document["version"]) == ("specviz-labels", 1)
    assert document["vocabulary"] == json.loads(json.dumps(DEFAULT.to_dict()))
    assert document["labels"][0]["flags"] == ["nebula", "sky_line"]
    assert len(document["events"]) == len(full.events())
    del document["events"]  # another program may write labels only
    report = labels_in(json.dumps(document).encode(), "b.json")
    assert len(report.rows) == len(document["labels"])
    assert report.rows[0].flags == ("nebula", "sky_line")
