"""``VetSession``: one person vetting a list."""

from __future__ import annotations

from specviz.session.vetting.merging import Merging


class VetSession(Merging):
    """Stars, labels, learning and merging; see :class:`specviz.session.vetting.writing.Writing`."""
