"""The kernel's side of the notebook door, without a browser: what is sent, and what a message does."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
import weakref
from typing import Any

import panel as pn
import pytest
import traitlets
from bokeh.document import Document
from bokeh.models import ColumnDataSource, Label
from bokeh.plotting import figure

from specviz.doors import DocHost, host_layout
from specviz.errors import SpecvizError


class Recorder(DocHost):
    """Keeps what it would send; a subclass with a trait of its own, as the Explorer is."""

    star = traitlets.Unicode().tag(sync=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(*args, **kwargs)

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append(content)

    def patches(self) -> list[list[dict[str, Any]]]:
        return [json.loads(content["json"])["events"] for content in self.sent if content["op"] == "patch"]


@pytest.fixture
def plot() -> Any:
    return figure(width=300)


def change(model: Any, attr: str, value: Any, view: str = "v1") -> dict[str, Any]:
    event = {"kind": "ModelChanged", "model": {"id": model.id}, "attr": attr, "new": value}
    return {"op": "patch", "view": view, "json": json.dumps({"events": [event]})}


def test_the_state_carries_the_document_as_it_is_now(plot: Any) -> None:
    host = Recorder(plot, star="Vega", palettes={"light": {"a": "#1"}, "dark": {"a": "#2"}})
    plot.title.text = "later"
    bundle = host.get_state()["bundle"]
    assert "later" in bundle["json"] and bundle["seq"] == 1
    assert host.get_state()["star"] == "Vega" and host.get_state()["palettes"]["dark"] == {"a": "#2"}
    assert host.get_state()["runtime"].startswith("IPY_MODEL_")
    host.close()


def test_a_model_that_a_worker_adds_while_the_document_is_written_travels_whole(
    plot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Recorder(plot)
    assert host.doc is not None
    written = host.doc.to_json
    late = Label(x=1, y=1, text="of a worker")
    worker = threading.Thread(target=plot.add_layout, args=(late,))  # its change waits for the lock of the writer

    def write(**options: Any) -> Any:
        document = written(**options)
        worker.start()
        end = time.monotonic() + 30
        while late.document is None or late not in set(late.document.models):
            assert time.monotonic() < end
            time.sleep(0.001)
        return document

    with host.hold():  # so that what the worker changes leaves after the document
        monkeypatch.setattr(host.doc, "to_json", write)
        bundle = host.get_state()["bundle"]
        monkeypatch.undo()
        worker.join(30)
    host.flush()
    assert "of a worker" not in bundle["json"]
    (events,) = [e for e in host.patches() if "of a worker" in json.dumps(e)]
    assert '"type": "object", "name": "Label"' in json.dumps(events)  # not its reference alone
    host.close()


def test_a_model_that_waits_to_be_sent_when_the_browser_says_something_travels_whole(plot: Any) -> None:
    host = Recorder(plot)
    host.get_state()
    with host.hold():
        plot.add_layout(Label(x=1, y=1, text="of a worker"))
        host._receive(None, change(plot, "inner_width", 360), [])
    assert '"type": "object", "name": "Label"' in json.dumps(host.patches())
    host.close()


def test_a_model_that_the_browser_made_is_not_sent_back_to_it(plot: Any) -> None:
    host = Recorder(plot)
    host.get_state()
    label = {"type": "object", "name": "Label", "id": "b1", "attributes": {"x": 1, "y": 1, "text": "mine"}}
    host._receive(None, change(plot, "above", [*({"id": m.id} for m in plot.above), label]), [])
    (mine,) = (m for m in plot.above if m.id == "b1")
    mine.text = "changed"
    host.flush()
    assert host.patches()[-1][0]["model"] == {"id": "b1"}
    plot.below = [*plot.below, mine]
    host.flush()
    assert {"id": "b1"} in host.patches()[-1][0]["new"]
    host.close()


def test_held_changes_leave_as_one_message(plot: Any) -> None:
    host = Recorder(plot)
    source = ColumnDataSource({"x": [1, 2]})
    with host.hold():
        plot.title.text = "a"
        plot.title.text = "b"
        plot.tags = [source]
        assert host.sent == []
    (events,) = host.patches()
    assert [e["attr"] for e in events] == ["text", "tags"] and events[0]["new"] == "b"
    assert [c["seq"] for c in host.sent] == [1]
    host.close()


def test_what_may_wait_says_so_unless_it_goes_with_what_may_not(plot: Any) -> None:
    host = Recorder(plot)
    with host.hold(later=True):
        plot.title.text = "a"
    with host.hold(), host.hold(later=True):
        plot.title.text = "b"
    assert [c["later"] for c in host.sent] == [True, False]
    host.close()


def test_a_thread_that_is_done_does_not_send_half_of_what_another_changes(plot: Any) -> None:
    host = Recorder(plot)
    changed, finish = threading.Event(), threading.Event()

    def draw() -> None:
        with host.hold():
            plot.title.text = "a"
            changed.set()
            finish.wait(60)
            plot.width = 640

    with host.hold():
        job = threading.Thread(target=draw)
        job.start()
        changed.wait(60)
    assert host.sent == []
    finish.set()
    job.join()
    (events,) = host.patches()
    assert [e["attr"] for e in events] == ["text", "width"] and host.sent[0]["later"] is False
    plot.title.text = "c"  # held by no one: sent at once where no loop runs
    host.flush()
    assert [c["later"] for c in host.sent] == [False, False]
    host.close()


def test_a_thread_that_takes_long_holds_nobody_up(plot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specviz.doors.doc_host.LONGEST_HOLD", 0.0)
    host = Recorder(plot)
    held, finish = threading.Event(), threading.Event()

    def slow() -> None:
        with host.hold():
            held.set()
            finish.wait(60)

    job = threading.Thread(target=slow)
    job.start()
    held.wait(60)
    with host.hold():
        plot.title.text = "now"
    assert len(host.sent) == 1
    finish.set()
    job.join()
    host.close()


def test_a_view_that_stands_and_a_saved_page_ask_for_what_was_left_out(plot: Any, tmp_path: Any) -> None:
    from specviz.doors import save_html

    host, asked = Recorder(plot), []
    host.complete = lambda: asked.append("complete")  # type: ignore[method-assign]
    host._receive(None, {"op": "ready", "view": "v1", "seq": 0}, [])
    save_html(host, tmp_path / "page.html")
    assert asked == ["complete", "complete"]
    host.close()


def test_what_the_browser_did_is_applied_answered_and_marked(plot: Any) -> None:
    host = Recorder(plot)
    plot.on_change("width", lambda attr, old, new: setattr(plot.title, "text", f"width {new}"))
    host._receive(None, change(plot, "width", 640), [])
    assert plot.width == 640
    # Bokeh runs callbacks before it announces their cause; v1 has the cause already and is told to skip it
    assert [(c["skip"], c["seq"]) for c in host.sent] == [(None, 1), ("v1", 2)]
    host.close()


def test_a_callback_that_corrects_a_value_has_the_last_word(plot: Any) -> None:
    host = Recorder(plot)
    plot.on_change("width", lambda attr, old, new: setattr(plot, "width", min(new, 500)))
    host._receive(None, change(plot, "width", 640), [])
    assert plot.width == 500
    assert [event["new"] for events in host.patches() for event in events] == [500]  # other views never hear of 640
    host.close()


def test_a_new_view_that_says_an_old_number_is_told_the_new_one(plot: Any) -> None:
    host = Recorder(plot)
    host._receive(None, {"op": "ready", "view": "v1", "seq": 0}, [])
    assert host.sent == []
    plot.title.text = "x"
    host.flush()
    host._receive(None, {"op": "ready", "view": "v2", "seq": 0}, [])
    assert host.sent[-1] == {"op": "check", "view": "v2", "seq": 1}
    host._receive(None, {"op": "open", "view": "v2"}, [])
    assert host.sent[-1]["op"] == "doc" and host.sent[-1]["view"] == "v2" and host.sent[-1]["seq"] == 1
    host.close()


def test_pending_changes_reach_open_views_when_another_opens(plot: Any) -> None:
    host = Recorder(plot)
    host._held.depth = 1
    plot.title.text = "pending"
    host._held.depth = 0
    host._receive(None, {"op": "open", "view": "v2"}, [])
    assert [c["op"] for c in host.sent] == ["patch", "doc"] and host.sent[1]["seq"] == host.sent[0]["seq"] == 1
    host.close()


def test_threads_do_not_lose_changes(plot: Any) -> None:
    host = Recorder(plot)
    sources = [ColumnDataSource({"x": [0]}) for _ in range(4)]
    plot.tags = sources
    host.flush()
    host.sent.clear()

    def work(source: ColumnDataSource) -> None:
        for i in range(25):
            source.data = {"x": [i]}

    threads = [threading.Thread(target=work, args=(s,)) for s in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    host.flush()
    numbers = [c["seq"] for c in host.sent]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    last = {e["model"]["id"]: e["data"] for events in host.patches() for e in events}
    assert set(last) == {s.id for s in sources}
    assert all("24" in json.dumps(value) for value in last.values())
    host.close()


def test_errors_of_callbacks_are_told_not_raised(plot: Any, caplog: pytest.LogCaptureFixture) -> None:
    host = Recorder(plot)
    plot.on_change("width", lambda attr, old, new: 1 / 0)
    with caplog.at_level(logging.ERROR, "specviz.doors"):
        host._receive(None, change(plot, "width", 5), [])
    assert host.sent[-1] == {"op": "notice", "text": "ZeroDivisionError: division by zero"}
    assert "Traceback" in caplog.text
    errors: list[str] = []
    host.on_error(lambda text, error: errors.append(text))
    host._receive(None, {"op": "surprise"}, [])
    host._receive(None, {"op": "patch", "view": "v", "json": "{"}, [])
    assert "unknown kind 'surprise'" in errors[0] and "JSONDecodeError" in errors[1]
    host.close()


def test_keys_are_a_trait(plot: Any) -> None:
    host = Recorder(plot)
    remove = host.on_key(lambda press: None, keys=["j"])
    assert host.get_state()["wanted_keys"] == ["j"]
    remove()
    assert host.wanted_keys == []
    host.close()


def test_close_frees_everything_and_may_be_called_twice() -> None:
    from panel.io.state import state

    ended: list[int] = []
    before = len(state._views)
    layout = pn.Column(pn.pane.HTML("x"), pn.pane.Bokeh(figure()))
    host = host_layout(layout, on_close=lambda: ended.append(1))
    dead = [weakref.ref(thing) for thing in (host, host.root, host.doc, layout)]
    assert len(state._views) == before + 1
    host.close()
    host.close()
    host._receive(None, {"op": "open", "view": "late"}, [])  # a view that has not heard of it yet
    assert ended == [1] and len(state._views) == before
    del host, layout
    gc.collect()
    assert [type(ref()).__name__ for ref in dead if ref() is not None] == []


def test_what_cannot_be_shown_says_so() -> None:
    with pytest.raises(SpecvizError, match=r"A str cannot be shown.*a Bokeh model or a Panel layout"):
        DocHost("text")
    with pytest.raises(SpecvizError, match=r"DataTabulator would load scripts from the network.*DataTable"):
        host_layout(pn.Column(pn.widgets.Tabulator()))
    taken = figure()
    Document().add_root(pn.pane.Bokeh(taken).get_root())
    gc.collect()


def test_two_hosts_share_one_runtime() -> None:
    first, second = DocHost(figure()), DocHost(figure())
    assert first.runtime is second.runtime and first.uid != second.uid
    assert 300_000 < sum(map(len, first.runtime.scripts.values())) < 1_000_000
    first.close()
    second.close()
