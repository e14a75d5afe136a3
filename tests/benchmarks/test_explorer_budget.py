"""What the Explorer may cost, counted and not timed: models of the first picture, events and bytes of the next star."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import specviz

# Today's counts and a tenth more. Each model costs the browser half a millisecond before the first picture; who needs
# more takes them from elsewhere, or raises the bound and says in docs/speed.md what it bought.
FIRST_MODELS = 520
ALL_MODELS = 900
FIRST_MESSAGE = {"events": 45, "bytes": 260_000}
REST_MESSAGE = {"events": 50, "bytes": 180_000}


@pytest.fixture
def explorer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("specviz.app.explorer.LATEST", 600.0)  # the rest is built when a test says so
    shown = specviz.explore([f"demo {i}" for i in range(1, 6)])
    shown.session.wait()
    yield shown
    shown.close()


def test_the_first_picture_has_few_models(explorer: Any) -> None:
    assert len(explorer.doc.models) <= FIRST_MODELS
    explorer.complete()
    assert explorer.view._below
    assert len(explorer.doc.models) <= ALL_MODELS


def _size(content: dict[str, Any], buffers: list[Any]) -> int:
    return len(content["json"]) + sum(memoryview(b).nbytes for b in buffers)


def test_the_next_star_is_a_small_message_and_the_rest_waits(explorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer.complete()
    for _ in range(2):  # the first steps also fill what stays: scales, the reference stars of the map
        explorer.session.next()
        explorer.session.wait()
    sent: list[tuple[dict[str, Any], list[Any]]] = []
    monkeypatch.setattr(explorer, "send", lambda content, buffers=None: sent.append((content, list(buffers or []))))
    explorer.session.next()
    state = explorer.session.wait()
    patches = [(c, b) for c, b in sent if c["op"] == "patch"]
    stars = [i for i, (c, _) in enumerate(patches) if state.star.name in c["json"] and not c["later"]]
    assert stars, "no message names the star"
    first, rest = patches[stars[0]], [p for p in patches if p[0]["later"]]
    assert rest and patches.index(rest[0]) > stars[0]
    assert len(json.loads(first[0]["json"])["events"]) <= FIRST_MESSAGE["events"]
    assert _size(*first) <= FIRST_MESSAGE["bytes"]
    assert sum(len(json.loads(c["json"])["events"]) for c, _ in rest) <= REST_MESSAGE["events"]
    assert sum(_size(*p) for p in rest) <= REST_MESSAGE["bytes"]


def test_a_panel_below_is_built_when_a_program_asks_for_it(explorer: Any) -> None:
    assert explorer.view.map.figure.name == "map"
    assert explorer.view._below


def test_a_saved_page_has_all_panels(explorer: Any, tmp_path: Any) -> None:
    from specviz.doors.static_html import save_html

    save_html(explorer, tmp_path / "page.html")
    assert explorer.view._below
