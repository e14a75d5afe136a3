"""The order of building and drawing: what stands above and in the spectra first, the rest behind it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from specviz.views import explorer
from specviz.views.explorer import ExplorerView
from specviz.views.places import BELOW


def _classes(view: ExplorerView) -> list[str]:
    return [
        c for child in view.layout.children for c in child.css_classes if c in {klass for _, klass, _ in BELOW.values()}
    ]


@pytest.fixture
def staged(make_view: Callable[..., ExplorerView]) -> Callable[..., ExplorerView]:
    def make(target: Any = None) -> ExplorerView:
        whole = make_view(target)
        return ExplorerView(whole.session, whole._world, staged=True)

    return make


def test_empty_frames_stand_where_the_panels_will(staged: Callable[..., ExplorerView]) -> None:
    view = staged("demo 1")
    before, first = _classes(view), set(map(id, view.layout.children))
    view.build_all()
    assert before == _classes(view) == [klass for _, klass, _ in BELOW.values()]
    assert len(first - set(map(id, view.layout.children))) == len(BELOW)  # the frames alone have gone
    assert view._drawn_below.star.name == "demo 1"
    children = view.layout.children
    view.build_all()  # a second call changes nothing
    assert view.layout.children == children
    view.close()


def test_a_panel_that_is_asked_for_is_built_and_another_name_is_unknown(staged: Callable[..., ExplorerView]) -> None:
    view = staged("demo 1")
    assert view.similar in view._below
    assert staged("demo 1").face_off.frame.root is not None
    with pytest.raises(AttributeError, match="nonsense"):
        view.nonsense  # noqa: B018
    view.close()
    with pytest.raises(AttributeError, match="posterior"):
        staged().posterior  # noqa: B018 - on the first screen there is none


def test_another_star_is_drawn_in_two_goes_and_a_choice_in_one(make_view: Callable[..., ExplorerView]) -> None:
    view, goes = make_view("demo 1"), list[bool]()

    def dispatch(draw: Callable[[], None], later: bool = False) -> None:
        goes.append(later)
        draw()

    view.connect(dispatch)
    view.session.open("demo 2")
    view.session.wait()
    assert goes[-2:] == [False, True]
    assert view._drawn.star is view._drawn_below.star is view.session.state.star
    goes.clear()
    view.session.choose(1)
    assert set(goes) == {False} and view._drawn_below.neighbour == 1


def test_the_plots_are_named_after_the_spectra_that_are_drawn(make_view: Callable[..., ExplorerView]) -> None:
    """A door may bring the second go of one change when the session already knows the next."""
    view, queue = make_view("demo 1"), list[tuple[Callable[[], None], bool]]()
    view.connect(lambda draw, later=False: queue.append((draw, later)))
    view.session.open("demo 2")
    view.session.wait()
    late = next(draw for draw, later in queue if later)
    for draw in (late, *(draw for draw, _ in queue)):
        draw()
    other = make_view("demo 2")
    for panel, twin in ((view.lamost, other.lamost), (view.xp, other.xp)):
        assert panel.figure.html_attributes == twin.figure.html_attributes
        assert panel.strip.html_attributes == twin.strip.html_attributes


def test_the_first_screen_gives_way_to_the_spectra_then_to_the_rest(staged: Callable[..., ExplorerView]) -> None:
    view = staged()
    view.build_all()  # the browser says that the first screen stands: nothing to build yet
    assert view._below == []
    view.session.open("demo 3")
    view.session.wait()
    assert view._drawn_below.star.name == "demo 3" and len(view._below) >= len(BELOW)
    view.close()


def test_the_slower_of_two_threads_does_not_bring_an_older_state_back(
    make_view: Callable[..., ExplorerView], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person switches something while what a worker found arrives: the one that reads first may draw last."""
    view = make_view("demo 1")
    session, kind = view.session, type(view.session)
    read, go = threading.Event(), threading.Event()

    def state(self: Any) -> Any:
        now = self._state
        if threading.current_thread().name == "slow" and not read.is_set():
            code = sys._getframe(1).f_code  # to draw, not to decide what to draw
            if code.co_filename == explorer.__file__ and code.co_name != "_changed":
                read.set()
                go.wait(60)
        return now

    monkeypatch.setattr(kind, "state", property(state))
    slow = threading.Thread(target=lambda: session.set(smooth=2), name="slow")
    slow.start()
    assert read.wait(60)
    quick = threading.Thread(target=lambda: session.set(rv=40.0), name="quick")
    quick.start()
    quick.join(0.5)
    go.set()
    slow.join(60)
    quick.join(60)
    assert view._drawn is view._drawn_below is session._state
