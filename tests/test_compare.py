"""``specviz.compare`` and ``explorer.compare``: what may be handed in, what the widget tells programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import specviz
from specviz.archives.demo import DemoArchive
from specviz.errors import OptionError, SpecvizError


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def keep() -> Iterator[Callable[[Any], Any]]:
    """Closes what it was given."""
    made: list[Any] = []

    def one(widget: Any) -> Any:
        made.append(widget)
        return widget

    yield one
    for widget in made:
        widget.close()


def test_names_paths_stars_and_reports(keep: Any, tmp_path: Path) -> None:
    from specviz.spectra.writers.spectra import write_spectra

    path = write_spectra(DemoArchive().star(5), tmp_path / "six.fits")
    pair = keep(specviz.compare(str(path), "demo 2", frame="rest"))
    state = pair.wait()
    assert [s.problem for s in state.sides] == ["", ""] and state.view.frame == "rest"
    assert pair.first.name == "demo 6" and pair.second.name == "demo 2" and repr(pair).endswith("demo 6 and demo 2>")
    assert str(path) in pair.view._line.name and pair.view._line.name.endswith('frame="rest")')
    pair.show(second=state.first.report)
    assert pair.wait().second.report is state.first.report
    table = pair.table()
    assert set(table["difference"][:4]) == {0.0} and table.meta["cosine"][
        "lamost_lrs with lamost_lrs"
    ] == pytest.approx(1)
    pair.swap()
    pair.set(flux="normalised")
    assert pair.undo() and pair.redo() and pair.session.state.view.flux == "normalised"
    pair.close()
    assert pair.first is None and pair.second is None


def test_what_is_no_star_is_refused_and_what_does_not_come_is_told(keep: Any) -> None:
    for bad in (None, ["demo 1", "demo 2"], {}):
        with pytest.raises(OptionError, match="is no star"):
            specviz.compare("demo 1", bad)
    with pytest.raises(OptionError, match="view option 'colour'"):
        specviz.compare("demo 1", "demo 2", colour="red")
    pair = keep(specviz.compare("demo 1", "/no/such/file.fits", online=False))
    state = pair.wait()
    assert pair.first.name == "demo 1" and pair.second is None and "No star or file" in state.second.problem


def test_from_the_explorer(keep: Any) -> None:
    explorer = keep(specviz.explore("demo 1", online=False, theme="dark"))
    explorer.session.wait()
    with pytest.raises(SpecvizError, match="nothing to compare"):
        explorer.compare()
    explorer.session.choose(2)
    pair = keep(explorer.compare())
    state = pair.wait()
    assert state.first.report is explorer.report and state.second.star is explorer.selection and pair.theme == "dark"
    assert keep(explorer.compare("demo 3")).wait().second.name == "demo 3"
