"""``Merging``: labels of other reviewers and of files, beside one's own."""

from __future__ import annotations

from specviz.session.vetting.learning import Learning


class Merging(Learning):
    """The part of a vetting session that brings labels in and out, and shows where reviewers differ."""
