"""One table of keys: handlers, hint bar, help page, documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from specviz.session.view_options import ViewOptions
from specviz.views.explorer import ExplorerView
from specviz.views.explorer_keys import SMOOTHING, ExplorerKeys, zoom_to
from specviz.views.help_page import help_html
from specviz.views.hint_bar import hints_html
from specviz.views.keys import EXPLORER, Key, KeyTable

_DOC = Path(__file__).resolve().parents[2] / "docs/keys.md"


def test_every_key_of_the_table_is_handled_hinted_and_told_of() -> None:
    for key in EXPLORER.keys:
        assert not key.does or callable(getattr(ExplorerKeys, key.does, None)) or key.does == "escape", key
        assert key.words in help_html(EXPLORER) and f"| {key.sign} |" in _DOC.read_text(encoding="utf-8"), key
        assert not key.hint or key.hint in hints_html(EXPLORER)
    assert EXPLORER.wanted == ExplorerView.KEYS and "/" not in EXPLORER.wanted and "j" not in EXPLORER.wanted
    # VISUAL.md section 8, the column of the Explorer
    assert {"/", "ArrowLeft", "ArrowRight", "j", "z", "m", "n", "l", "[", "]", "Enter", "u", "?"} <= {
        k.key for k in EXPLORER.keys
    }


def test_a_table_may_not_give_a_key_twice_and_knows_shift() -> None:
    with pytest.raises(ValueError, match="twice"):
        KeyTable([Key("u", "undo", "Undo"), Key("u", "redo", "Redo", shift=True)])
    table = KeyTable(
        [Key("u", "undo", "Undo", shift=False), Key("u", "redo", "Redo", shift=True), Key("?", "help", "All")]
    )
    assert table.find("u").does == "undo" and table.find("u", True).does == "redo"  # type: ignore[union-attr]
    assert table.find("?", True) is table.find("?") is not None and table.find("x") is None
    assert table.wanted == ("u", "?") and table.keys[1].sign == "Shift+U"


def test_keys_change_the_options_and_undo_brings_them_back(make_view: Any) -> None:
    view = make_view("demo 1")
    shown = lambda: view.session.state.view  # noqa: E731
    assert view.key("n") and shown().flux == "normalised" and view.key("n") and shown().flux == "flux"
    view.session.set(lines=("H", "Ca"))
    assert view.key("l") and shown().lines == () and view.key("l") and shown().lines == ("H", "Ca")
    assert view.key("m") and shown().hidden == ("model",) and view.key("m") and shown().hidden == ()
    assert view.key("r") and shown().frame == "rest"
    for _ in SMOOTHING:
        view.key("+", True)
    assert shown().smooth == SMOOTHING[-1] and "Smoothed by 20 px" in view.hints.said.object
    assert view.key("-") and shown().smooth == SMOOTHING[-2]
    view.session.set(rv=-16.0)
    assert view.key(".") and shown().rv == -15.0 and view.key(",") and view.key(",") and shown().rv == -17.0
    while view.session.undo():
        pass
    assert shown() == ViewOptions()
    assert view.key("u", True) and shown() != ViewOptions()  # Shift+U: redo
    assert view.key("u") and shown() == ViewOptions() and view.key("u") and "Nothing to undo" in view.hints.said.object
    assert not view.key("q") and not view.key("/")


def test_reasons_are_gone_through_and_z_comes_back(make_view: Any) -> None:
    view = make_view("demo 1")
    reasons = view.session.state.report.anomaly.reasons
    view.key("]")
    if not reasons:
        assert view.session.state.view == ViewOptions() and "No differences" in view.hints.said.object
        return
    seen = [view.session.state.view]
    assert seen[0].changes_from(ViewOptions()) == {k: v for k, v in zoom_to(reasons[0]).items() if v is not None}
    view.key("[")
    assert view.session.state.view.changes_from(ViewOptions()) == {
        k: v for k, v in zoom_to(reasons[min(len(reasons), 4) - 1]).items() if v is not None
    }
    view.lamost.x_range.update(start=5000.0, end=5200.0)  # dragged: no option knows of it
    view.key("z")
    assert view.session.state.view == ViewOptions() and view.lamost.x_range.start < 4000


def test_where_a_difference_is_zoomed_to() -> None:
    from specviz.session.state import Reason

    assert zoom_to(Reason("Hβ", "star", 4862.7, 4850.0, 4875.4, -3.0)) == {
        "zoom": pytest.approx((4762.7, 4962.7)), "xp_zoom": pytest.approx((4762.7, 4962.7))
    }  # fmt: skip
    assert zoom_to(Reason("end", "detector", 10000.0, 9990.0, 10010.0, 4.0, "gaia_xp"))["zoom"] is None
    wide = zoom_to(Reason("TiO", "star", 7100.0, 7000.0, 7200.0, 4.0))["zoom"]
    assert wide == pytest.approx((6960.0, 7240.0))


def test_the_arrows_and_the_field_step_through_the_work_list(make_view: Any) -> None:
    view = make_view("demo 1")
    view.act("jump 2")
    assert "work list is empty" in view.hints.said.object
    view.session.set_work(["demo 1", "demo 2", "demo 3"])
    view.session.wait()
    for act, name in (("ArrowRight", "demo 2"), ("ArrowRight", "demo 3"), ("ArrowLeft", "demo 2")):
        view.key(act)
        assert view.session.wait().star.name == name
    view.act("jump 3")
    assert view.session.wait().star.name == "demo 3"
    for wrong in ("jump 4", "jump 0", "jump x", "jump", "jump ²"):
        view.act(wrong)
        assert view.session.wait().star.name == "demo 3" and "No row" in view.hints.said.object


def test_the_first_screen_knows_escape_alone(make_view: Any) -> None:
    view = make_view()
    assert view.key("Escape") and not view.key("n") and view.session.state.view == ViewOptions()


def test_a_screen_reader_hears_each_step_once_and_the_star_that_came(make_view: Any) -> None:
    from dataclasses import replace

    from specviz.archives.transport.monitor import Step
    from specviz.session.state import Progress
    from specviz.views.controls import SPOKEN

    view = make_view("demo 1")
    assert ">demo 1 is shown<" in view.hints.said.object
    for pane in (view.hints.said, view.notice.words):
        assert SPOKEN.items() <= pane.model.html_attributes.items()
    state, heard = view.session.state, []
    for seconds in range(4):
        view._draw(replace(state, busy="Opening", slow=True, steps=(Progress(Step("gaia", "asking"), seconds),)))
        heard.append(view.hints.said.object)
    assert len(set(heard)) == 1 and "Gaia: asking<" in heard[0]
