"""``VetSession``: one person vetting a list."""

from __future__ import annotations

from specviz.session.vetting.merging import Merging
from specviz.session.vetting.ranked import Ranked


class VetSession(Ranked, Merging):
    """Stars, labels, ranking, learning and merging; see :class:`specviz.session.vetting.writing.Writing`."""
