"""Each phrasing of ``phrasings.py`` is read as what it means, alone and after something else."""

from __future__ import annotations

import pytest
from notation import read_calls
from phrasings import AFTER, ALONE

from specviz.assistant.intents.meaning import Before, label_of
from specviz.assistant.intents.parser import understand
from specviz.models.registry import available_models

MODELS = available_models()


@pytest.mark.parametrize(("before", "text", "meant"), [*(("", *line) for line in ALONE), *AFTER])
def test_what_is_meant(before: str, text: str, meant: str) -> None:
    said = Before()
    if before:
        calls = understand(before, models=MODELS).calls
        said = Before(calls, label_of(calls), True)
    found = understand(text, said, models=MODELS)
    if meant.startswith("?"):
        assert found.missing == meant[1:] and not found.calls and found.suggestions
    elif meant.startswith("~"):
        assert not found.calls and not found.missing and meant[1:] in ("", found.reply)
    else:
        assert [(c.tool, dict(c.arguments)) for c in found.calls] == read_calls(meant)
