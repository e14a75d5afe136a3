"""The same view for another: as Python, and as the query of a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from specviz.errors import OptionError
from specviz.session.session import Session
from specviz.session.sharing import asked_in, code_cell, query, view_of
from specviz.session.view_options import ViewOptions

VIEW: dict[str, Any] = dict(
    flux="normalised",
    smooth=2.5,
    rv=-12.25,
    zoom=(5000.5, 5200),
    lines=("H", "Mg"),
    hidden=("masked",),
    tools=True,
    similar_filter="a;b:c&d=%3B",
    dials=(("teff", 5800.0), ("mg_fe", -0.25)),
    element="mg_fe",
    brush=(("teff", 5700.0, 5800.0), ("logg", 4.0, 4.5)),
)


def test_the_cell_runs_to_the_same_view(make_session: Callable[..., Session]) -> None:
    session = make_session()
    session.open("demo 3")
    session.wait()
    assert code_cell(session.state).splitlines()[-2:] == [
        "explorer = specviz.explore('demo 3', model='fake')", "explorer"
    ]  # fmt: skip
    session.set(**VIEW)
    line = code_cell(session.state).splitlines()[3]
    seen: dict[str, Any] = {}
    explorer = type("Explorer", (), {"set": lambda self, **options: seen.update(options)})()
    exec(line, {"explorer": explorer})
    assert ViewOptions().with_(**seen) == session.state.view


def test_a_link_says_the_same_as_the_view(make_session: Callable[..., Session]) -> None:
    session = make_session()
    session.open("demo 3")
    session.wait()
    session.set(**VIEW)
    text = query(session.state)
    assert text.startswith("?star=demo%203&view=flux:normalised;")
    arguments = {k: [v[0].encode()] for k, v in parse_qs(text[1:], separator="&").items()}
    assert asked_in(arguments) == ("demo 3", session.state.view)
    assert view_of("lines:") == ViewOptions(lines=()) and view_of("") == ViewOptions()


def test_a_link_names_no_file(make_session: Callable[..., Session], tmp_path: Any) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("wavelength,flux\n" + "\n".join(f"{4000 + i},1" for i in range(100)))
    session = make_session()
    session.open(path)
    session.wait()
    assert query(session.state) == ""
    session.open(str(path))
    session.wait()
    assert query(session.state) == ""


@pytest.mark.parametrize(
    "words", ["smoth:2", "rv:1e9", "zoom:5,1", "tools:yes", "flux:<script>", "zoom:a,b", "hidden:x"]
)
def test_a_link_with_a_wrong_view_is_refused(words: str) -> None:
    with pytest.raises(OptionError):
        asked_in({"view": [words.encode()]})


@pytest.mark.parametrize("star", ["/etc/passwd", "../x", "~/y.fits", "C:\\x", "x.fits", "select * from gaia"])
def test_a_link_names_stars_alone(star: str) -> None:
    with pytest.raises(OptionError, match="the name of a star"):
        asked_in({"star": [star.encode()]})


def test_a_link_is_short_and_printable() -> None:
    with pytest.raises(OptionError, match="at most"):
        asked_in({"star": [b"x" * 3000]})
    assert asked_in({"star": [b"  demo\x00 3\n\xff"]})[0].startswith("demo 3")
    assert asked_in({}) == ("", ViewOptions())
