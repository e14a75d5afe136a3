"""Events of a journal as tables: what reviewers say of each star now, and everything that was ever said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from specviz import __version__
from specviz.archives.names import parse
from specviz.errors import NotFoundError
from specviz.session.vetting.columns import table_of
from specviz.session.vetting.values import ADJUDICATOR, CHANGES, DECISION, Event, by_star, in_time, label_of, undone
from specviz.session.vetting.vocabulary import DEFAULT, Vocabulary
from specviz.spectra.acknowledgements import GAIA, LAMOST

#: Columns of the table of labels, without positions.
LABELS = (
    "star", "reviewer", "role", "quality", "class", "flags", "comment", "done", "status", "time", "blind", "model",
    "model_version", "weights_sha256", "data", "vocabulary", "work_list", "source",
)  # fmt: skip
_HISTORY = (
    "number", "time", "star", "reviewer", "role", "kind", "value", "undone", "step", "undoes", "blind", "model",
    "model_version", "weights_sha256", "data", "vocabulary", "work_list", "source", "specviz", "uuid",
)  # fmt: skip
_LAMOST_FILE = re.compile(r"(spec|med)-\d{5,6}-.+\.fits(\.gz)?$", re.IGNORECASE)


def label_rows(
    events: Iterable[Event], reviewer: str | None = None, vocabulary: Vocabulary | None = None
) -> list[dict[str, Any]]:
    """What each reviewer says of each star now: one mapping of :data:`LABELS` a star and reviewer, and a decision.

    Stars come as they were first spoken of, reviewers by name, the decision last. What was taken back is left out.
    """
    unsure = (vocabulary or DEFAULT).unsure
    listed = list(events)
    first: dict[str, int] = {}
    for event in listed:
        first.setdefault(event.star, len(first))
    rows = []
    for (star, who), said in by_star(listed).items():
        gone = undone(said)
        label = label_of(said, gone)
        if not label.time:
            continue
        last = [e for e in in_time(said) if e.kind in CHANGES and e.step not in gone][-1]
        if reviewer is not None and last.reviewer != reviewer:
            continue
        row = {
            "star": star, "reviewer": last.reviewer, "role": ADJUDICATOR if who == DECISION else "",
            "quality": label.quality, "class": label.klass, "flags": ";".join(label.flags), "comment": label.comment,
            "done": label.done, "status": label.status(unsure), "time": label.time, "blind": label.blind,
            **{name: getattr(last.context, name) for name in LABELS[11:]},
        }  # fmt: skip
        rows.append((first[star], who == DECISION, last.reviewer, row))
    return [row for *_, row in sorted(rows, key=lambda found: found[:3])]


def label_table(
    events: Iterable[Event],
    reviewer: str | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    positions: Mapping[str, tuple[float, float]] | None = None,
    thanks: Sequence[str] = (),
) -> Any:
    """What each reviewer says of each star now, as an astropy Table: a row a star and reviewer, and a decision.

    Parameters
    ----------
    events : iterable of Event
        :meth:`LabelJournal.events`.
    reviewer : str, optional
        Only theirs.
    vocabulary : Vocabulary, optional
        Of which the words go into ``meta``.
    positions : mapping, optional
        Star -> (ra, dec) in degrees, ICRS; columns ``ra`` and ``dec``.
    thanks : sequence of str, optional
        What surveys ask to be said; sentences of LAMOST and Gaia are there where stars are named after them.

    Returns
    -------
    astropy.table.Table
        Columns are described in :data:`specviz.session.vetting.columns.COLUMNS`.
    """
    rows = label_rows(events, reviewer, vocabulary)
    for row in rows:
        row["ra"], row["dec"] = (positions or {}).get(row["star"], (None, None))
    names = (*LABELS, "ra", "dec") if positions else LABELS
    return table_of(rows, names, {"content": "vetting labels", **_facts(vocabulary, (r["star"] for r in rows), thanks)})


def history_table(
    events: Iterable[Event],
    reviewer: str | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    thanks: Sequence[str] = (),
) -> Any:
    """Every event of a journal, a row each, those that were taken back marked; arguments as of :func:`label_table`."""
    listed = [e for e in events if reviewer is None or e.reviewer == reviewer]
    gone = {(star, step) for (star, _), said in by_star(listed).items() for step in undone(said)}
    rows = [
        {
            **vars(e.context), "number": e.number, "time": e.time, "star": e.star, "reviewer": e.reviewer,
            "kind": e.kind, "value": json.dumps(e.value, ensure_ascii=False),
            "undone": e.kind in CHANGES and (e.star, e.step) in gone,
            "step": e.step, "undoes": e.undoes, "specviz": e.specviz, "uuid": e.uuid,
        }
        for e in listed
    ]  # fmt: skip
    facts = _facts(vocabulary, (e.star for e in listed), thanks)
    return table_of(rows, _HISTORY, {"content": "vetting history", **facts})


def _facts(vocabulary: Vocabulary | None, stars: Iterable[str], thanks: Sequence[str]) -> dict[str, Any]:
    words = vocabulary or DEFAULT
    return {
        "creator": f"specviz {__version__}",
        "vocabulary": words.version,
        "qualities": [f"{c.name}: {c.words}" for c in words.qualities],
        "classes": [f"{c.name}: {c.words}" for c in words.classes],
        "flags": [f"{c.name}: {c.words}" for c in words.flags],
        "acknowledgement": " ".join(dict.fromkeys((*thanks, *thanks_for(stars)))),
    }


def thanks_for(stars: Iterable[str]) -> tuple[str, ...]:
    """What surveys ask to be said where stars are named by them: a LAMOST obsid, designation or file, a Gaia source."""
    found: dict[str, None] = {}
    for star in dict.fromkeys(stars):
        if _LAMOST_FILE.search(star):
            found[LAMOST] = None
            continue
        try:
            kind = parse(star).kind
        except NotFoundError:
            continue
        if kind in ("obsid", "designation"):
            found[LAMOST] = None
        elif kind == "gaia":
            found[GAIA] = None
    return tuple(found)
