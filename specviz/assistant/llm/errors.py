"""``LanguageModelError``: what a language model does not do."""

from __future__ import annotations

from specviz.errors import SpecvizError


class LanguageModelError(SpecvizError):
    """The language model could not be asked, or its answer is none."""
