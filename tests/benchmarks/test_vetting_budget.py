"""What the vetting screen may cost, counted, not timed: models of the first picture, one message for the next star."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import specviz
from specviz.views import spectrum_data
from specviz.views.line_windows import windows_html

# Today's counts and a tenth more; see test_explorer_budget.py.
MODELS = 300
MESSAGE = {"events": 28, "bytes": 145_000}


@pytest.fixture
def vetting(tmp_path: Path) -> Iterator[Any]:
    # Six: the third one's followers are all prepared, and nothing is prepared any more while its Enter is counted.
    shown = specviz.vet([f"demo {i}" for i in range(1, 7)], labels=tmp_path / "x.sqlite", reviewer="MK")
    shown.session.wait()
    yield shown
    shown.close()


def _prepared(vetting: Any) -> None:
    """Wait for the rows behind the one on screen; each is drawn before it counts as ready."""
    session, end = vetting.session, time.monotonic() + 60
    while not set(session._wanted_ahead(session.state.position)) <= set(session._ready):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_first_picture_has_few_models(vetting: Any) -> None:
    assert len(vetting.doc.models) <= MODELS


def test_enter_is_one_message_of_a_star_that_was_worked_out_before(
    vetting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[dict[str, Any], list[Any]]] = []

    def key(name: str) -> None:
        press = {"op": "key", "key": name, "shift": False, "repeat": False, "field": False, "view": "x"}
        vetting._receive(None, press, [])
        vetting.session.wait()

    for quality in "32":
        _prepared(vetting)
        key(quality)
        key("Enter")
    _prepared(vetting)
    key("4")
    monkeypatch.setattr(vetting, "send", lambda content, buffers=None: sent.append((content, list(buffers or []))))
    misses = spectrum_data.optical_curves.cache_info().misses, windows_html.cache_info().misses
    key("Enter")
    vetting.flush()
    assert (spectrum_data.optical_curves.cache_info().misses, windows_html.cache_info().misses) == misses
    patches = [(c, b) for c, b in sent if c["op"] == "patch"]
    named = [(c, b) for c, b in patches if "demo 4 is shown" in c["json"] or ">demo 4<" in c["json"]]
    assert len(named) == 1 and not named[0][0]["later"]
    content, buffers = named[0]
    assert 'class=\\"sv-windows\\"' in content["json"]  # the line windows come with it
    assert len(json.loads(content["json"])["events"]) <= MESSAGE["events"]
    assert len(content["json"]) + sum(memoryview(b).nbytes for b in buffers) <= MESSAGE["bytes"]
    assert len(patches) <= 2  # the menu of the queue may follow
