"""The columns of every table of labels: what each means, its UCD and unit, and how its cells are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

Kind = Literal["text", "whole", "real", "truth"]

#: Name -> (kind, UCD (IVOA UCD1+), what it is).
COLUMNS: Mapping[str, tuple[Kind, str, str]] = {
    "star": ("text", "meta.id;meta.main", "name of the star in the journal"),
    "reviewer": ("text", "meta.id.PI", "who said it"),
    "role": ("text", "meta.code", "adjudicator for a decision on what reviewers said, empty for a look of one's own"),
    "quality": ("whole", "meta.code.qual", "quality of the data, larger is better"),
    "class": ("text", "src.class", "class that the reviewer chose"),
    "flags": ("text", "meta.code", "flags that are set, separated by semicolons"),
    "comment": ("text", "meta.note", "what the reviewer wrote"),
    "done": ("truth", "meta.code.status", "the reviewer has finished with the star"),
    "status": ("text", "meta.code.status", "waiting, begun, labelled or undecided (finished, but not sure)"),
    "time": ("text", "time", "when it was said last, ISO 8601 UTC"),
    "blind": ("truth", "meta.code", "the model's opinion and others' labels were hidden at every change of the label"),
    "model": ("text", "meta.id", "model whose spectrum was on screen"),
    "model_version": ("text", "meta.version", "its version"),
    "weights_sha256": ("text", "meta.checksum", "SHA-256 of its weights"),
    "data": ("text", "meta.checksum", "hash of the spectra that were on screen, with their release"),
    "vocabulary": ("text", "meta.version", "hash of the vocabulary"),
    "work_list": ("text", "meta.id", "name of the list that was vetted"),
    "source": ("text", "meta.id", "file that it was imported from, empty if it was said in the journal"),
    "ra": ("real", "pos.eq.ra;meta.main", "right ascension, ICRS"),
    "dec": ("real", "pos.eq.dec;meta.main", "declination, ICRS"),
    "acknowledgement": ("text", "meta.note", "what the surveys ask to be said of their data"),
    # history
    "number": ("whole", "meta.record", "place in the journal"),
    "kind": ("text", "meta.code", "what changed, or what was done"),
    "value": ("text", "meta.code", "what it was changed to, as JSON"),
    "undone": ("truth", "meta.code.status", "it was taken back later"),
    "step": ("text", "meta.id", "what belongs together and is taken back together"),
    "undoes": ("text", "meta.id", "the step that is taken back or made again"),
    "uuid": ("text", "meta.id", "name of the event, the same in every journal"),
    "specviz": ("text", "meta.version", "version of specviz that wrote it"),
    # conflicts and consensus
    "differ": ("text", "meta.code", "in what the reviewers differ"),
    "decided": ("text", "src.class", "class that was decided on"),
    "how": ("text", "meta.code", "decided, unanimous, majority, single, conflict or undecided"),
    "votes": ("whole", "meta.number", "reviewers who named a class"),
    "unsure": ("whole", "meta.number", "reviewers who were not sure"),
    "n_reviewers": ("whole", "meta.number", "reviewers who finished the star"),
    "quality_median": ("real", "meta.code.qual;stat.median", "decided quality, or the median of the reviewers'"),
    "quality_min": ("whole", "meta.code.qual;stat.min", "lowest quality that a reviewer gave"),
    "quality_max": ("whole", "meta.code.qual;stat.max", "highest quality that a reviewer gave"),
    "decided_by": ("text", "meta.id.PI", "who decided last"),
    # agreement
    "of": ("text", "meta.code", "class, quality, or a flag"),
    "method": ("text", "meta.code", "cohen for two reviewers, fleiss for all"),
    "reviewers": ("text", "meta.id.PI", "between whom, separated by semicolons"),
    "kappa": ("real", "stat.correlation", "agreement beyond chance, 1 at most"),
    "kappa_error": ("real", "stat.error;stat.correlation", "its standard error"),
    "agreement": ("real", "stat.value", "fraction that agrees"),
    "chance": ("real", "stat.value", "fraction that would agree by chance"),
    "n": ("whole", "meta.number", "stars that it rests on"),
    "ratings": ("whole", "meta.number", "ratings of these stars"),
    "weights": ("text", "meta.code", "how a disagreement counts with its size; empty: all alike"),
}
_UNITS = {"ra": "deg", "dec": "deg"}


def table_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str], meta: Mapping[str, Any]) -> Any:
    """An astropy Table of ``rows`` with columns ``names``; None and NaN are masked, missing text is empty."""
    from astropy.table import Column, MaskedColumn, Table

    table = Table()
    for name in names:
        kind, ucd, words = COLUMNS[name]
        cells = [row.get(name) for row in rows]
        facts = {"name": name, "description": words, "unit": _UNITS.get(name), "meta": {"ucd": ucd}}
        if kind == "text":
            texts = ["" if c is None else str(c) for c in cells]
            table[name] = Column(np.asarray(texts, dtype=str) if texts else np.empty(0, "U1"), **facts)
        elif kind == "truth":
            table[name] = Column(np.asarray([bool(c) for c in cells], bool), **facts)
        else:
            absent = [c is None or c != c for c in cells]
            numbers = [0 if gone else c for c, gone in zip(cells, absent, strict=True)]
            kept = np.asarray(numbers, np.int64 if kind == "whole" else np.float64)
            table[name] = MaskedColumn(kept, mask=absent, **facts) if any(absent) else Column(kept, **facts)
    table.meta.update({k: v for k, v in meta.items() if v not in (None, "", [], ())})
    return table
