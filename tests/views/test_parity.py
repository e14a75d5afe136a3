"""Whatever can be clicked can be written: every control names a view option or a method of the session."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from bokeh.models.dom import HTML

from specviz.app.explorer import Explorer
from specviz.errors import SpecvizError
from specviz.session.session import Session
from specviz.session.telling import ON_WIDGET, call_line
from specviz.session.view_options import ViewOptions
from specviz.views.keys import EXPLORER


def attributes(view: Any) -> list[tuple[str, str]]:
    """(kind, value) of every ``data-sv-...`` control in the tree."""
    text = "".join(str(m.html) for m in view.layout.references() if isinstance(m, HTML))
    return [(kind, value.replace("&quot;", '"')) for kind, value in re.findall(r'data-sv-(\w+)="([^"]*)"', text)]


def test_controls_change_options_that_a_program_can_set(make_view: Any) -> None:
    view = make_view("demo 1")
    view.build_all()
    found = attributes(view)
    assert len([kind for kind, _ in found if kind in ("set", "toggle", "bind", "step")]) > 40
    for kind, value in found:
        name, _, word = value.partition(" ")
        if kind == "set":
            try:
                plain = json.loads(word)
            except ValueError:
                plain = word
            view.session.set(**{name: plain})  # raises for what does not exist
        elif kind == "toggle" and word:
            view.session.set(**{name: [word]})
        elif kind in ("toggle", "bind", "step", "reset"):
            assert hasattr(ViewOptions(), name), value
    assert view.session.state.call.startswith("explorer.set(")


def test_buttons_act_through_the_session(make_view: Any, caplog: pytest.LogCaptureFixture) -> None:
    view = make_view("demo 1")
    view.build_all()
    files = ("file", "export", "picture")
    acts = {value for kind, value in attributes(view) if kind == "act" and not value.startswith(files)}
    assert len(acts) > 3
    for act in sorted(acts):
        with suppress(SpecvizError):  # what a person can cause; the door says it in a notice
            view.act(act)
    assert not [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")]


@pytest.mark.parametrize("key", [k for k in EXPLORER.keys if k.code], ids=lambda k: k.key)
def test_the_line_of_a_key_names_what_the_widget_has(key: Any) -> None:
    call = ast.parse(key.code, mode="eval").body
    assert isinstance(call, ast.Call)
    names = []
    node: Any = call.func
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    assert isinstance(node, ast.Name) and node.id == "explorer"
    names.reverse()
    owner = Session if names[0] == "session" else Explorer
    assert hasattr(owner, names[-1])
    if names[-1] == "set":
        ViewOptions().with_(**{k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg})


def test_an_action_is_told_as_the_line_that_does_it_again(make_view: Any) -> None:
    view = make_view("demo 1")
    session = view.session
    assert session.state.call == "" and "specviz.explore(" in view.footer.code.object
    session.set(smooth=2, unit="nm")
    assert session.state.call == "explorer.set(smooth=2, unit='nm')"
    assert "explorer.set(smooth=2" in view.footer.code.object
    session.choose(3)
    assert session.state.call == "explorer.session.choose(3)"
    session.undo()
    assert session.state.call == "explorer.undo()" and session.state.view == ViewOptions()
    namespace = {"explorer": view}  # a view has a session, as the widget has
    session.choose(None)
    eval("explorer.session.choose(3)", namespace)
    assert session.state.neighbour == 3
    session.open("demo 2")
    assert session.wait().call == ""
    assert all(hasattr(Explorer, name) and hasattr(Session, name) for name in ON_WIDGET)


def test_what_has_no_literal_or_is_too_long_is_not_told() -> None:
    assert call_line("open", (object(),)) == "" and call_line("set", (), {"region": [(1.0, 2.0)] * 99}) == ""
    assert call_line("measure", (6550.0, 6580.0)) == "explorer.measure(6550.0, 6580.0)"
