"""``specviz.explore``: what may be handed in. No browser: the widget is asked what it would show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.archives.demo import DemoArchive
from specviz.archives.local import LocalArchive


@pytest.fixture
def explore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``specviz.explore`` that asks nobody and is closed after the test."""
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    made: list[Any] = []

    def one(*args: Any, **kwargs: Any) -> Any:
        made.append(specviz.explore(*args, **kwargs))
        return made[-1]

    yield one
    for explorer in made:
        explorer.close()


def _folder(at: Path, n: int = 3) -> Path:
    """A folder with the LAMOST spectra of some demo stars as FITS tables."""
    from astropy.table import Table

    at.mkdir()
    for star in (DemoArchive().star(i) for i in range(n)):
        spectrum = star.spectra["lamost_lrs"]
        cells = {k: getattr(spectrum, k)[None] for k in ("flux", "ivar", "wavelength")}
        Table({k.upper(): v for k, v in cells.items()}).write(at / f"{star.name.replace(' ', '-')}.fits")
    return at


def test_an_archive_of_your_own_is_the_work_list(explore: Callable[..., Any], tmp_path: Path) -> None:
    archive = LocalArchive(_folder(tmp_path / "mine"))
    explorer = explore(archive)
    state = explorer.session.wait()
    assert [w.name for w in state.work] == archive.names() and len(archive) == 3
    assert state.star.spectra and state.report.posterior is not None
    explorer.session.next()
    assert explorer.session.wait().star.name != state.star.name


def test_an_hdf5_file_is_the_work_list(explore: Callable[..., Any], tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    stars = [DemoArchive().star(i).spectra["lamost_lrs"] for i in range(4)]
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        file["wavelength"] = stars[0].wavelength
        file["flux"] = np.stack([s.flux for s in stars])
        file["ivar"] = np.stack([s.ivar for s in stars])
        file["obsid"] = np.arange(101, 105)
    state = explore(str(path)).session.wait()
    assert len(state.work) == 4 and state.star.spectra


def test_a_parquet_table_of_targets_lists_them(explore: Callable[..., Any], tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "targets.parquet"
    parquet.write_table(pyarrow.table({"name": ["demo 3", "demo 4"]}), path)
    state = explore(path).session.wait()
    assert [w.name for w in state.work] == ["demo 3", "demo 4"]
    assert state.star.name == "demo 3"


def test_a_text_beyond_any_path_is_told(explore: Callable[..., Any]) -> None:
    state = explore("x" * 5000).session.wait()
    assert state.notice.level == "error" and "Traceback" not in state.notice.text


def test_offline_says_so(explore: Callable[..., Any]) -> None:
    state = explore("HD 140283", online=False).session.wait()
    assert state.star is None and not state.online
    assert "fetched before" in state.notice.title + state.notice.text
