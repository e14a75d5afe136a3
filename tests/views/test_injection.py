"""Foreign text renders as text, in every panel and every export (the browser's half: tests/ui/test_robustness.py)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import PAYLOADS, hostile_fits, hostile_star, hostile_state, markup_in, markup_in_tree

from specviz.errors import ReadError
from specviz.session.state import Explained, Notice
from specviz.views.explorer import ExplorerView
from specviz.views.formats import text

each_payload = pytest.mark.parametrize("evil", PAYLOADS.values(), ids=PAYLOADS.keys())


def test_the_eye_sees_what_a_browser_would_run() -> None:
    for name in ("element", "script", "link"):
        assert markup_in(f"<div>{PAYLOADS[name]}</div>"), name
    assert markup_in(f'<div title="{PAYLOADS["attribute"]}">')
    assert not markup_in(f'<div title="{text(PAYLOADS["attribute"])}">')
    assert not any(markup_in(f"<div>{text(evil)}</div>") for evil in PAYLOADS.values())


@each_payload
def test_every_pane_and_table_of_the_explorer(make_view: Any, evil: str) -> None:
    view = make_view(hostile_star(evil))
    state = hostile_state(view.session.state, evil)
    for shown in (
        state,
        replace(state, star=state.star.with_(spectra={}), report=None, neighbours=None),
        replace(state, report=replace(state.report, problem=evil, posteriors={}, anomaly=None)),
        replace(state, notice=None, busy="", slow=False, steps=(), explained=Explained("teff")),
        replace(state, online=False, kept=3),
        state,
    ):
        view._draw(shown)
        assert markup_in_tree(view.layout) == []
    said = " ".join(str(m.html) for m in view.layout.references() if hasattr(m, "html"))
    assert said.count(text(evil)[:40]) >= 8  # it is on screen: name, choices, notice, flags, footer ...


@each_payload
def test_the_first_screen(make_view: Any, world: Any, evil: str) -> None:
    session = make_view("demo 1").session
    state = replace(hostile_state(session.state, evil), star=None, report=None, work=(), position=None)
    first = ExplorerView(make_view().session, replace(world, model=evil))
    first._draw(state)
    assert markup_in_tree(first.layout) == []
    first.close()


@each_payload
def test_names_of_files_and_lists(make_view: Any, evil: str) -> None:
    view = make_view("demo 1")
    session = view.session
    for name, data in ((evil, b"no spectrum"), (f"{evil}.csv", f"name\n{evil}\n".encode()), ("x.fits", evil.encode())):
        session.open_bytes(name, data)
        session.wait()
        assert markup_in_tree(view.layout) == []
    session.open_bytes(f"{evil}.fits", hostile_fits(evil))
    assert session.wait().star.spectra
    assert markup_in_tree(view.layout) == []
    session.open(evil)
    session.wait()
    session.add_targets([evil, "demo 2"])
    session.wait()
    for act in (evil, f"open {evil}", f"pick {evil}", f"jump {evil}", f"details {evil}"):
        view.act(act)
    view.attach(evil, evil, b"x")
    session.wait()
    assert markup_in_tree(view.layout) == []


@each_payload
def test_the_page_saved_as_a_file(make_view: Any, tmp_path: Path, evil: str) -> None:
    from specviz.doors.static_html import save_html

    def page(star: Any, title: str) -> str:
        view = make_view(star)
        path = save_html(view.layout, tmp_path / "page.html", title=title)
        return path.read_text(encoding="utf-8")

    harmless, hostile = page("demo 1", "specviz"), page(hostile_star(evil), evil)
    count = re.compile(r"<(?:/?script|img|a|iframe)\b", re.IGNORECASE)
    assert len(count.findall(hostile)) == len(count.findall(harmless))
    assert markup_in(hostile[: hostile.index("<script")].replace("<!DOCTYPE html>", "")) == markup_in(
        harmless[: harmless.index("<script")].replace("<!DOCTYPE html>", "")
    )


@each_payload
def test_a_session_file(make_view: Any, evil: str) -> None:
    view = make_view(hostile_star(evil))
    view.session.add_targets([evil, "demo 2"])
    view.session.wait()
    data = view.session.save()
    assert json.loads(data)  # whatever is in it, it is JSON
    other = make_view("demo 2")
    other.session.restore(data, evil)
    other.session.wait()
    assert markup_in_tree(other.layout) == []
    with pytest.raises(ReadError):
        other.session.restore(evil.encode(), evil)
    other.session.open_bytes(f"{evil}.json", data.replace(b"demo 2", json.dumps(evil).encode()[1:-1]))
    other.session.wait()
    assert markup_in_tree(other.layout) == []


@each_payload
def test_exported_tables_parse_and_hold_text(make_view: Any, tmp_path: Path, evil: str) -> None:
    import xml.etree.ElementTree as ElementTree

    from specviz.analysis.export import export

    report = make_view(hostile_star(evil)).session.state.report
    for name in ("labels.vot", "labels.csv", "labels.ecsv"):
        path = export(report, tmp_path / name)
        content = path.read_text(encoding="utf-8")
        if path.suffix == ".vot":
            tags = {e.tag.rpartition("}")[2].lower() for e in ElementTree.fromstring(content).iter()}
            assert not tags & {"img", "script", "a"}


@each_payload
def test_the_comparison_of_two_stars(fake_model_class: Any, evil: str) -> None:
    from fake_sky import FakeSky

    from specviz.analysis.engine import Engine
    from specviz.session.pairing import PairSession
    from specviz.views.compare import CompareView

    session = PairSession(Engine(fake_model_class(), samples=100), sky=FakeSky())
    view = CompareView(session, model=evil, version="0")
    session.open(0, hostile_star(evil))
    session.open(1, evil)
    session.wait(60)
    assert markup_in_tree(view.layout) == []
    session.open(1, hostile_star(evil))
    session.wait(60)
    session.tell(Notice("error", evil, evil, evil))
    assert markup_in_tree(view.layout) == []
    view.close()
    session.close()
