"""The queue ordered by what labels teach: in the background, with the star on screen where it is, nobody hidden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import OptionError
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.values import Context

N = 60
TARGETS = [f"demo {i + 1}" for i in range(N)]
#: Every fifth star is a binary; they lie apart in the embedding.
BINARY = np.arange(N) % 5 == 0


def embeddings() -> np.ndarray[Any, Any]:
    x = np.random.default_rng(0).normal(size=(N, 4))
    x[BINARY, 0] += 6.0
    return x


def say(path: Path, rows: Any, reviewer: str = "ada", klass: str | None = None) -> None:
    """Labels of an earlier sitting: the truth, or ``klass``."""
    journal = LabelJournal(path, reviewer)
    for row in rows:
        name = klass or ("binary" if BINARY[row] else "star")
        journal.record([(TARGETS[row], "class", name), (TARGETS[row], "done", True)], Context())
    journal.close()


@pytest.fixture
def vetted(open_list: Callable[..., VetSession], tmp_path: Path) -> Callable[..., VetSession]:
    """``vetted(rows labelled before, embeddings)``: sixty stars; the first that has no label is on screen."""

    def vetted(rows: Any = range(16), given: Any = "known", **options: Any) -> VetSession:
        say(tmp_path / "labels.sqlite", rows)
        session = open_list(2, **options)
        session.begin(TARGETS, embeddings=embeddings() if isinstance(given, str) else given)
        session.go(len(rows))
        session.wait()
        return session

    return vetted


def names(session: VetSession) -> list[int]:
    """The rows that are open, in their order."""
    return [p for p in session.vet.order if not session.vet.rows[p].label.done]


def test_like_brings_the_class_and_hides_nobody(vetted: Callable[..., VetSession]) -> None:
    session = vetted()
    here = session.state.position
    session.learn("like", "binary")
    learned = session.wait_for_learning(120)
    assert not learned.problem and learned.n_labels == 16 and learned.coverage == learned.total == N
    assert session.vet.order_by == "like:binary" == learned.order
    assert sorted(session.vet.order) == list(range(N))
    assert session.state.position == here == names(session)[0]  # what is on screen stays, and the best follow it
    assert BINARY[names(session)[1:9]].all()
    assert session.state.call == "vetting.learn('like', 'binary')"
    assert any(line.startswith("binary: 4 labels: nothing can be said yet") for line in learned.text)
    session.finish()
    session.wait()
    assert BINARY[session.state.position]


def test_too_few_labels_are_told_and_change_nothing(vetted: Callable[..., VetSession]) -> None:
    session = vetted(range(3))
    session.learn("useful")
    learned = session.wait_for_learning(120)
    assert "3 labels of 2 classes: too few to learn from" in learned.problem
    assert not learned.running
    assert session.vet.order_by == "list" and session.vet.order == tuple(range(N))


def test_orders_that_are_none_are_refused_at_once(vetted: Callable[..., VetSession]) -> None:
    session = vetted()
    for arguments in (("best",), ("like",), ("like", "quasar"), ("useful", "", "theirs")):
        with pytest.raises(OptionError):
            session.learn(*arguments)
    with pytest.raises(OptionError, match="for 60 stars"):
        session.begin(TARGETS, embeddings=np.zeros((59, 4)))
    with pytest.raises(OptionError, match="2 oddities for 60 stars"):
        session.begin(TARGETS, oddities=[None, None])
    assert session.vet.learned is None


def test_the_menu_of_orders_learns(vetted: Callable[..., VetSession]) -> None:
    session = vetted()
    session.set_order("like:binary")
    assert session.wait_for_learning(120).order == "like:binary"
    session.set_order("useful")
    assert session.wait_for_learning(120).order == "useful" == session.vet.order_by
    session.set_order("list")
    assert session.vet.order_by == "list" and session.vet.learned.n_labels == 16


def test_it_learns_again_after_ten_labels_while_the_order_is_on(vetted: Callable[..., VetSession]) -> None:
    session = vetted(range(12))
    session.set_learn_every(3)
    session.learn("like", "binary")
    session.wait_for_learning(120)
    for _ in range(3):
        session.label(klass="binary" if BINARY[session.state.position] else "star")
        session.finish()
        session.wait()
    assert session.wait_for_learning(120).n_labels == 15
    session.set_learn_every(0)
    for _ in range(3):
        session.label(klass="binary" if BINARY[session.state.position] else "star")
        session.finish()
        session.wait()
    assert session.wait_for_learning(120).n_labels == 15
    session.learn_now()
    assert session.wait_for_learning(120).n_labels == 18
    with pytest.raises(OptionError):
        session.set_learn_every(-1)


def test_stars_at_hand_are_embedded_and_no_archive_is_asked(
    open_list: Callable[..., VetSession], tmp_path: Path
) -> None:
    say(tmp_path / "labels.sqlite", range(12))
    session = open_list(1)
    session.begin([*TARGETS[:30], "Vega", "HD 1"], scores=[*np.zeros(30), 1.0, 2.0])
    session.wait()
    session.learn("useful")
    learned = session.wait_for_learning(120)
    assert not learned.problem and learned.coverage == 30 and learned.total == 32
    assert session.vet.order[-2:] == (31, 30)  # the odder one first, behind all others
    assert any("30 of 32 stars have an embedding" in line for line in learned.text)


def test_not_sure_teaches_nothing(vetted: Callable[..., VetSession], tmp_path: Path) -> None:
    say(tmp_path / "labels.sqlite", range(20, 25), klass="unsure")
    session = vetted()
    session.learn("useful")
    assert session.wait_for_learning(120).n_labels == 16


def test_mine_or_what_most_say(vetted: Callable[..., VetSession], tmp_path: Path) -> None:
    say(tmp_path / "labels.sqlite", range(10, 30), reviewer="bob")
    say(tmp_path / "labels.sqlite", [0], reviewer="bob", klass="galaxy")  # and I say binary: nobody knows
    session = vetted()
    session.learn("useful")
    assert session.wait_for_learning(120).n_labels == 16
    session.learn("useful", of="consensus")
    assert session.wait_for_learning(120).n_labels == 29


def test_what_is_stopped_leaves_the_order(vetted: Callable[..., VetSession]) -> None:
    session = vetted(given=None)
    job = session.learn("like", "binary")
    session.stop_learning()
    assert job.finished.wait(60)
    assert session.vet.order_by == "list" and session.vet.learned.running == ""
    session.learn("like", "binary")
    session.begin(TARGETS[:5])  # another list: nothing of the one before may come
    session.wait()
    session.wait_for_learning(120)
    assert session.vet.order == tuple(range(5)) and session.vet.learned is None


def test_a_ranking_made_here_brings_the_embeddings(open_list: Callable[..., VetSession], tmp_path: Path) -> None:
    say(tmp_path / "labels.sqlite", range(12))
    session = open_list(1)
    session.begin([*TARGETS[:20], "Vega"])
    session.wait()
    session.set_order("odd")
    session.wait_ranked(120)
    assert session._vectors.known.tolist() == [True] * 20 + [False]
    session.learn("like", "binary")
    learned = session.wait_for_learning(120)
    assert not learned.problem and learned.coverage == 20 and session.vet.order_by == "like:binary"
