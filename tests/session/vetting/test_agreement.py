"""Agreement, conflicts and consensus of labels, without a session."""

from __future__ import annotations

import math

import pytest

from specviz.errors import OptionError
from specviz.session.vetting.agreement import agreement
from specviz.session.vetting.conflicts import Apart, conflicts, consensus, differences
from specviz.session.vetting.values import DECISION, Context, Event, Label
from specviz.session.vetting.vocabulary import DEFAULT


def said(**labels: Label | str) -> dict[str, Label]:
    return {who: x if isinstance(x, Label) else Label(klass=x, done=True, time="t") for who, x in labels.items()}


def test_kappa_of_labels_is_that_of_their_table() -> None:
    # Cohen's textbook example: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
    table = [("star", "star", 20), ("star", "hot", 5), ("hot", "star", 10), ("hot", "hot", 15)]
    labels, i = {}, 0
    for a, b, n in table:
        for _ in range(n):
            labels[f"s{i}"] = said(ann=a, bob=b)
            i += 1
    found = agreement(labels)
    assert found.of("class", "bob", "ann").value == pytest.approx(0.4)
    assert found.of("class").n == 50
    assert found.kappas[0].text == "class, ann and bob: κ = 0.40 ± 0.13, 70 % alike, 50 stars"
    assert math.isnan(found.of("flag nebula", "ann", "bob").value)  # nobody set it: chance alone would agree
    assert "κ not defined, one answer only, 100 % alike" in next(k.text for k in found.kappas if "nebula" in k.of)
    assert "quality, ann and bob: no star rated by two" in found.text


def test_a_little_less_than_chance_has_a_true_minus() -> None:
    labels = {f"s{i}": said(ann=a, bob=b) for i, (a, b) in enumerate([("star", "hot"), ("hot", "star")] * 5)}
    assert "κ = −1.00" in agreement(labels).text


def test_only_finished_labels_count() -> None:
    labels = {"s": {**said(ann="star", bob="hot"), "eve": Label(klass="galaxy")}, "t": {"eve": Label(klass="star")}}
    found = agreement(labels)
    assert found.reviewers == (("ann", 1), ("bob", 1))
    assert [c.star for c in found.conflicts] == ["s"]
    assert [who for who, _ in found.conflicts[0].said] == ["ann", "bob"]


def test_quality_is_weighted_by_the_distance() -> None:
    labels = {
        f"s{i}": {"ann": Label(a, "star", done=True), "bob": Label(b, "star", done=True)}
        for i, (a, b) in enumerate([(0, 0), (1, 1), (2, 3), (4, 3), (4, 4), (2, 2), (3, 3), (0, 1)])
    }
    plain, linear, quadratic = (
        agreement(labels, weights=w).of("quality", "ann", "bob").value  # type: ignore[arg-type]
        for w in ("", "linear", "quadratic")
    )
    assert plain < linear < quadratic < 1
    # Words of another vocabulary come in where they belong: 9 is far from 4.
    labels["far"] = {"ann": Label(9, "star", done=True), "bob": Label(4, "star", done=True)}
    assert agreement(labels).of("quality", "ann", "bob").value < 1


def test_three_of_whom_not_all_have_seen_all() -> None:
    labels = {
        "a": said(ann="star", bob="star", eve="star"),
        "b": said(ann="hot", bob="star"),
        "c": said(bob="hot", eve="hot"),
        "d": said(eve="galaxy"),
    }
    found = agreement(labels)
    kappa = found.of("class")
    assert (kappa.n, kappa.ratings, kappa.agreement) == (3, 7, pytest.approx(2 / 3))
    assert kappa.chance == pytest.approx((4 / 7) ** 2 + (3 / 7) ** 2)
    assert [k.reviewers for k in found.kappas if k.of == "class" and k.method == "cohen"] == [
        ("ann", "bob"), ("ann", "eve"), ("bob", "eve"),
    ]  # fmt: skip
    with pytest.raises(OptionError, match="No agreement in 'class' between ann and zoe"):
        found.of("class", "ann", "zoe")


def test_wrong_options() -> None:
    with pytest.raises(OptionError, match="unsure='never'"):
        agreement({}, unsure="never")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no weights"):
        agreement({"s": said(ann="star", bob="hot")}, weights="cubic")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "apart", "expected"),
    [
        (said(a="star", b="star"), Apart(), ()),
        (said(a="star", b="hot"), Apart(), ("class",)),
        (said(a="star", b="unsure"), Apart(), ()),
        (said(a="star", b=""), Apart(), ()),
        (said(a=Label(1, done=True), b=Label(3, done=True)), Apart(), ()),
        (said(a=Label(1, done=True), b=Label(3, done=True)), Apart(quality=1), ("quality",)),
        (said(a=Label(1, done=True), b=Label(2, done=True)), Apart(quality=1), ()),
        (said(a=Label(flags=("x",), done=True), b=Label(done=True)), Apart(flags=True), ("flag x",)),
        (said(a="star", b=Label(klass="hot")), Apart(), ()),
        (said(a="star", b="hot"), Apart(classes=False), ()),
    ],
)
def test_what_is_a_conflict(labels: dict[str, Label], apart: Apart, expected: tuple[str, ...]) -> None:
    assert differences(labels, DEFAULT.unsure, apart) == expected


def test_a_decision_is_shown_with_the_conflict() -> None:
    both = {**said(ann="star", bob="hot"), DECISION: Label(klass="hot", done=True)}
    assert conflicts({"s": both})[0].decision == both[DECISION]
    assert conflicts({"s": {**both, DECISION: Label(klass="hot")}})[0].decision is None  # not finished


def _events(star: str, klass: str, who: str, quality: int | None = None, flag: str = "", role: str = "") -> list[Event]:
    values = [("class", klass), ("quality", quality), *([("flag", [flag, True])] if flag else []), ("done", True)]
    time = f"2026-01-01T00:00:0{len(who)}.000000Z"
    return [
        Event(0, f"{star}{who}{kind}{role}", f"{star}{who}{role}", star, who, time, kind, value, "", Context(role=role))
        for kind, value in values
    ]


def test_consensus() -> None:
    events = [
        *_events("alike", "star", "ann", 3), *_events("alike", "star", "bob", 4),
        *_events("most", "hot", "ann", 1, "nebula"), *_events("most", "hot", "bob", 2, "nebula"),
        *_events("most", "star", "eva", 4),
        *_events("tie", "hot", "ann"), *_events("tie", "star", "bob"),
        *_events("few", "hot", "ann"), *_events("few", "star", "bob"), *_events("few", "star", "eva"),
        *_events("few", "galaxy", "ian"),
        *_events("one", "hot", "ann"), *_events("one", "unsure", "bob"),
        *_events("none", "unsure", "ann"),
        *_events("decided", "hot", "ann", 1), *_events("decided", "star", "bob", 4),
        *_events("decided", "binary", "judge", 2, "nebula", "adjudicator"),
    ]  # fmt: skip
    rows = {row["star"]: row for row in consensus(events)}
    found = {star: (row["class"], row["how"], row["votes"], row["unsure"]) for star, row in rows.items()}
    assert found == {
        "alike": ("star", "unanimous", 2, 0),
        "most": ("hot", "majority", 3, 0),
        "tie": ("", "conflict", 2, 0),
        "few": ("", "conflict", 4, 0),  # the most votes, but not more than half
        "one": ("hot", "single", 1, 1),
        "none": ("unsure", "undecided", 0, 1),
        "decided": ("binary", "decided", 2, 0),
    }
    most, decided = rows["most"], rows["decided"]
    assert (most["agreement"], most["quality_median"], most["quality_min"], most["quality_max"], most["flags"]) == (
        pytest.approx(2 / 3), 2, 1, 4, "nebula",
    )  # fmt: skip
    assert (decided["quality_median"], decided["decided_by"], decided["flags"]) == (2, "judge", "nebula")
    assert decided["agreement"] == 0  # nobody had voted for it
    assert list(consensus([])["star"]) == []
