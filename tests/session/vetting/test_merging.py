"""A session that brings labels in and out, shows where reviewers differ, and decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.errors import OptionError, SpecvizError
from specviz.session.vetting.exchange import journal_events
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.values import DECISION, Context
from specviz.session.vetting.vocabulary import DEFAULT

STARS = [f"demo {i + 1}" for i in range(5)]


@pytest.fixture
def make(fake_model_class: Any, tmp_path: Path) -> Iterator[Callable[..., VetSession]]:
    made: list[VetSession] = []
    archive = DemoArchive()

    def make(name: str = "mine", reviewer: str = "ann", blind: bool = True) -> VetSession:
        journal = LabelJournal(tmp_path / f"{name}.sqlite", reviewer)
        session = VetSession(
            Engine(fake_model_class(), samples=50), journal=journal, vocabulary=DEFAULT, work_list="five", blind=blind
        )
        made.append(session)
        session.begin([archive.star(i) for i in range(5)])
        session.wait()
        return session

    yield make
    for session in made:
        session.close()


def others(session: VetSession, **said: dict[str, str]) -> None:
    """``others(session, bob={"demo 1": "star"})``: finished labels in their names."""
    for reviewer, labels in said.items():
        journal = LabelJournal(session.journal.path, reviewer)
        changes = [(star, kind, value) for star, klass in labels.items()
                   for kind, value in (("class", klass), ("done", True))]  # fmt: skip
        journal.record(changes, Context())
        journal.close()


def mine(session: VetSession, **options: Any) -> None:
    session.label(**options)
    session.finish()
    session.wait()


@pytest.fixture
def torn(make: Callable[..., VetSession]) -> VetSession:
    """Ann has finished demo 1 to 4; Bob and Eve differ from her on 2 and 4; on 3 Bob is not sure."""
    session = make()
    for quality in (3, 2, 3, 4):
        mine(session, klass="star", quality=quality)
    others(session, bob={"demo 1": "star", "demo 2": "binary", "demo 3": "unsure", "demo 4": "emission"},
           eve={"demo 2": "binary", "demo 4": "star"})  # fmt: skip
    return session


class TestAgreement:
    def test_into_the_state_with_its_line(self, torn: VetSession) -> None:
        found = torn.agree()
        assert torn.vet.agreement is found
        assert torn.state.call == "vetting.agree()"
        assert found.reviewers == (("ann", 4), ("bob", 4), ("eve", 2))
        assert found.stars == 4
        assert [c.star for c in found.conflicts] == ["demo 2", "demo 4"]
        assert [(who, x.klass) for who, x in found.conflicts[0].said] == [
            ("ann", "star"), ("bob", "binary"), ("eve", "binary"),
        ]  # fmt: skip
        # Ann and Bob: on demo 3 Bob is not sure, so that three remain, of which one is alike.
        kappa = found.of("class", "ann", "bob")
        assert (kappa.n, kappa.agreement) == (3, pytest.approx(1 / 3))
        assert found.of("class").n == 3
        assert "2 conflicts, 0 decided" in found.text
        table = found.table()
        assert set(table["method"]) == {"cohen", "fleiss"}
        assert all(table[c].info.description for c in table.colnames)

    def test_not_sure_as_a_class(self, torn: VetSession) -> None:
        assert torn.agree(unsure="category").of("class", "ann", "bob").n == 4
        assert len(torn.agree(unsure="category").conflicts) == 2  # who is not sure contradicts nobody

    def test_what_is_a_conflict(self, torn: VetSession) -> None:
        journal = LabelJournal(torn.journal.path, "bob")
        journal.record([("demo 1", "quality", 1), ("demo 3", "flag", ["nebula", True])], Context())
        journal.close()
        assert [c.what for c in torn.agree(quality=1).conflicts] == [("quality",), ("class",), ("class",)]
        assert torn.set_filter("conflicts") == 3
        assert [c.star for c in torn.agree(quality=2, flags=True).conflicts] == ["demo 2", "demo 3", "demo 4"]

    def test_of_nobody(self, make: Callable[..., VetSession]) -> None:
        found = make().agree()
        assert found.text == "Agreement needs finished labels of two reviewers."
        with pytest.raises(OptionError, match="No agreement in 'class'"):
            found.of("class")


class TestDecisions:
    def test_conflicts_are_gone_through_with_everything_shown(self, torn: VetSession) -> None:
        own = {row.key: row.label for row in torn.vet.rows}
        assert torn.adjudicate() == 2
        torn.wait()
        assert torn.state.call == "vetting.adjudicate()"
        vet = torn.vet
        assert (vet.adjudicating, vet.filter, vet.order) == (True, "conflicts", (1, 3))
        assert torn.state.star.name == "demo 2"
        assert [who for who, _ in vet.others] == ["ann", "bob", "eve"]
        assert (vet.label.empty, vet.progress.done, vet.progress.total) == (True, 0, 2)
        torn.label(klass="binary", quality=2)
        torn.flag("nebula")
        torn.finish()
        torn.wait()
        assert torn.state.star.name == "demo 4"
        assert (torn.vet.progress.done, torn.vet.progress.total) == (1, 2)
        torn.adjudicate(False)
        assert {row.key: row.label for row in torn.vet.rows} == own  # my own looks are as they were
        assert (torn.vet.filter, torn.vet.adjudicating) == ("all", False)
        found = torn.agree()
        decision = found.conflicts[0].decision
        assert decision is not None
        assert (decision.klass, decision.quality, decision.flags, decision.blind) == ("binary", 2, ("nebula",), False)
        assert len(found.open) == 1
        assert found.of("class", "ann", "bob").n == 3  # a decision is nobody's label

    def test_as_somebody_said(self, torn: VetSession) -> None:
        with pytest.raises(SpecvizError, match="while conflicts are gone through"):
            torn.decide_as("bob")
        torn.adjudicate()
        torn.wait()
        with pytest.raises(OptionError, match="zoe has not finished demo 2"):
            torn.decide_as("zoe")
        torn.decide_as("bob")
        torn.wait()
        assert torn.state.call == "vetting.decide_as('bob')"
        assert torn.state.star.name == "demo 4"
        torn.decide_as("ann")
        assert torn.vet.progress.done == 2
        assert (torn.vet.label.klass, torn.vet.label.quality) == ("star", 4)
        assert {row["star"]: (row["class"], row["how"], row["decided_by"]) for row in torn.consensus()} == {
            "demo 1": ("star", "unanimous", ""),
            "demo 2": ("binary", "decided", "ann"),
            "demo 3": ("star", "single", ""),
            "demo 4": ("star", "decided", "ann"),
        }

    def test_are_taken_back_apart_from_looks(self, torn: VetSession) -> None:
        torn.adjudicate()
        torn.wait()
        assert not torn.vet.can_undo  # nothing was decided; what I said as a reviewer is not touched from here
        torn.decide_as("bob")
        torn.wait()
        assert torn.undo_label()
        torn.wait()
        assert torn.state.star.name == "demo 2"
        assert torn.vet.label.empty
        assert not torn.vet.label.done
        assert torn.redo_label()
        assert torn.vet.label.klass == "binary"
        torn.adjudicate(False)
        assert torn.vet.can_undo
        torn.undo_label()
        torn.wait()
        assert torn.agree().conflicts[0].decision is not None

    def test_go_on_after_a_restart(self, torn: VetSession, make: Callable[..., VetSession]) -> None:
        torn.adjudicate()
        torn.wait()
        torn.decide_as("eve")
        torn.wait()
        again = make()
        assert not again.vet.adjudicating
        again.adjudicate()
        again.wait()
        assert again.state.star.name == "demo 4"
        assert [row.label.done for row in again.vet.rows] == [False, True, False, False, False]

    def test_who_has_decided_is_not_blind_any_more(self, make: Callable[..., VetSession]) -> None:
        session = make()
        others(session, bob={"demo 2": "binary"}, eve={"demo 2": "star"})
        session.adjudicate()
        session.wait()
        session.adjudicate(False)
        session.label(klass="hot")  # my own look at demo 2, of which I know what others say
        assert session.state.star.name == "demo 2"
        assert not session.vet.label.blind
        session.go(0)
        session.wait()
        session.label(klass="hot")
        assert session.vet.label.blind

    def test_teach_nothing(self, torn: VetSession) -> None:
        torn.adjudicate()
        torn.wait()
        with pytest.raises(SpecvizError, match="Conflicts are being decided"):
            torn.learn()
        assert torn.set_filter("all") == 5
        assert torn.vet.progress.total == 5

    def test_without_conflicts(self, make: Callable[..., VetSession]) -> None:
        session = make()
        with pytest.raises(SpecvizError, match="no conflict"):
            session.adjudicate()
        assert not session.vet.adjudicating


class TestFiles:
    @pytest.mark.parametrize("form", ["ecsv", "vot", "csv", "json"])
    def test_to_another_reviewer_and_back(
        self, torn: VetSession, make: Callable[..., VetSession], tmp_path: Path, form: str
    ) -> None:
        path = torn.export_labels(tmp_path / f"ann.{form}", reviewer="ann")
        assert torn.state.call.startswith("vetting.export_labels(")
        theirs = make("theirs", "zoe", blind=False)
        report = theirs.import_labels(str(path))
        assert theirs.state.call == f"vetting.import_labels({str(path)!r})"
        assert report.labels[0][0] == "ann"
        assert (report.unlisted, report.unknown) == (0, ())
        assert [who for who, _ in theirs.vet.others] == ["ann"]
        assert not theirs.vet.can_undo  # it was not said here
        assert theirs.state.star.name == "demo 1"
        assert theirs.import_labels(path).events == 0

    def test_another_journal(self, torn: VetSession, make: Callable[..., VetSession]) -> None:
        theirs = make("theirs", "zoe")
        theirs.agree()
        report = theirs.import_labels(torn.journal.path)
        assert dict(report.labels)["bob"] == 4
        assert theirs.vet.agreement.stars == 4
        with pytest.raises(SpecvizError, match="the journal itself"):
            theirs.import_labels(theirs.journal.path)

    @pytest.mark.parametrize("name", ["bob.sqlite", "../../bob.sqlite", "", ".."])
    def test_a_file_given_to_the_browser(self, torn: VetSession, make: Callable[..., VetSession], name: str) -> None:
        theirs = make("theirs", "zoe")
        torn.journal.close()
        report = theirs.import_bytes(name, torn.journal.path.read_bytes())
        assert (report.name, report.form, dict(report.labels)["bob"]) == (name, "journal", 4)
        assert theirs.state.call == f"vetting.import_labels({name!r})"
        theirs.import_bytes(name, b"star,reviewer,class\ndemo 5,bob,hot\n")
        with pytest.raises(SpecvizError):
            theirs.import_bytes(name, b"SQLite format 3\0 and then nothing of the kind" * 40)
        with pytest.raises(SpecvizError):
            theirs.import_bytes(name, b"\x89PNG\r\n")
        assert theirs.adjudicate() == 2

    def test_what_will_not_do_changes_nothing(self, torn: VetSession, tmp_path: Path) -> None:
        before, events = torn.state, torn.journal.events()
        bad = tmp_path / "bad.csv"
        bad.write_text("star,reviewer,class\ndemo 1,zoe,emision\n")
        with pytest.raises(SpecvizError, match="row 1 \\(demo 1\\)"):
            torn.import_labels(bad)
        assert torn.journal.events() == events
        assert torn.state.vet.rows == before.vet.rows
        report = torn.import_labels(bad, unknown="keep")
        assert report.unknown == ("emision",)
        assert torn.set_filter("conflicts") == 3

    def test_for_the_browser(self, torn: VetSession) -> None:
        file = torn.label_file("csv")
        assert (file.name, file.mime) == ("five_labels.csv", "text/csv")
        assert file.data.startswith(b"star,reviewer,role,quality,class,flags,comment,done,status,time,blind,model")
        assert torn.label_file("json", "history").mime == "application/json"
        with pytest.raises(OptionError, match="no format 'fits'"):
            torn.label_file("fits")

    def test_positions_of_stars_that_know_theirs(self, torn: VetSession, tmp_path: Path) -> None:
        star = torn.state.work[0].target
        assert star.ra is not None
        path = torn.export_labels(tmp_path / "a.csv")
        assert f"{star.ra}" in path.read_text("utf-8")
        assert len(journal_events(path)) > 0


def test_decisions_are_kept_apart_in_the_journal(torn: VetSession) -> None:
    torn.adjudicate()
    torn.wait()
    torn.decide_as("bob")
    roles = {e.context.role for e in torn.journal.events() if e.star == "demo 2" and e.reviewer == "ann"}
    assert roles == {"", "adjudicator"}
    assert DECISION not in {who for who, _ in torn.vet.others}
