"""The Explorer as a web page, without a browser: what visitors share, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import specviz
from specviz.app import serving
from specviz.errors import SpecvizError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Every session that is opened, with what it was made with as ``made_with``."""
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    made: list[Any] = []
    real = serving.Session

    def session(*args: Any, **options: Any) -> Any:
        made.append(real(*args, **options))
        made[-1].made_with = (args, options)
        return made[-1]

    monkeypatch.setattr(serving, "Session", session)
    return made


def visit(server: Any, path: str = "/") -> str:
    """The page that a new visitor gets."""
    with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=120) as reply:
        return reply.read().decode()


def test_visitors_share_the_model_and_nothing_else(sessions: list[Any], serve_aside: Callable[..., Any]) -> None:
    server = serve_aside(lambda: specviz.serve("demo 1", start=False, verbose=False))
    assert visit(server) != visit(server)
    first, second = sessions
    assert first.engine is second.engine
    first.open("demo 2")
    assert first.wait().star.name == "demo 2" and second.wait().star.name == "demo 1"
    first.set(plane="hr")
    assert second.state.view.plane != "hr"
    for session in sessions:
        session.close()


def test_a_visitor_names_no_files(sessions: list[Any], serve_aside: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.fits").write_bytes(b"not for visitors")
    visit(serve_aside(lambda: specviz.serve(start=False, verbose=False)))
    sessions[0].open(str(tmp_path / "mine.fits"))
    state = sessions[0].wait()
    assert state.star is None and "No star or file called" in state.notice.title + state.notice.text
    sessions[0].close()


def test_the_app_file_under_panel_serve(sessions: list[Any], serve_aside: Callable[..., Any]) -> None:
    """There the visitor need not be the owner of the machine: in Panel's preview (tests/ui) they are."""
    import panel as pn

    app = str(ROOT / "notebooks" / "explorer_app.py")
    server = serve_aside(lambda: pn.serve({"/": app}, address="127.0.0.1", show=False, start=False, verbose=False))
    assert "specvizPage.start" in visit(server, "/?star=demo%202")
    assert sessions[0].made_with[1]["allow_paths"] is False
    assert sessions[0].wait().star.name == "demo 2"
    sessions[0].close()


def test_a_page_of_nowhere_says_what_to_run() -> None:
    with pytest.raises(SpecvizError, match=r"no page here to fill.*specviz serve"):
        specviz.app.page("demo 1")
