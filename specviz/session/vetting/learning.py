"""``Learning``: the queue ordered by what can be learned of this reviewer's labels."""

from __future__ import annotations

from specviz.session.vetting.labelling import Labelling


class Learning(Labelling):
    """The part of a vetting session that re-ranks its queue."""
