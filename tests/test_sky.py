"""The sky beside an Explorer, with a stand-in for ipyaladin: what is asked of it, and when it stops following."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest
from astropy.coordinates import SkyCoord

import specviz
from specviz.archives.demo import DemoArchive
from specviz.errors import OptionError, SpecvizError


class _Aladin(ipywidgets.DOMWidget):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        self.options, self.target = options, options.get("target")
        super().__init__()


@pytest.fixture
def explorer() -> Iterator[Any]:
    made = specviz.explore("demo 1", online=False)
    made.session.wait()
    yield made
    made.close()


@pytest.fixture
def aladin(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("ipyaladin")
    module.Aladin = _Aladin  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipyaladin", module)


@pytest.mark.usefixtures("aladin")
def test_the_sky_follows_the_star(explorer: Any) -> None:
    box = explorer.sky(fov=0.2)
    sky, line = box.children
    assert sky.options["fov"] == 0.2 and sky.options["survey"] == "CDS/P/DSS2/color"
    star = DemoArchive().star(0)
    assert sky.target.separation(SkyCoord(star.ra, star.dec, unit="deg")).arcsec < 1e-3
    explorer.show("demo 2")
    explorer.session.wait()
    second = DemoArchive().star(1)
    assert sky.target.separation(SkyCoord(second.ra, second.dec, unit="deg")).arcsec < 1e-3
    assert line.value.startswith("demo 2: ") and "network" in line.value
    explorer.show(DemoArchive().star(2).with_(name="<b>nowhere", ra=None, dec=None))
    explorer.session.wait()
    assert "&lt;b&gt;nowhere: position not known" in line.value
    assert sky.target.separation(SkyCoord(second.ra, second.dec, unit="deg")).arcsec < 1e-3
    before = explorer._trait_notifiers["star"]["change"][:]
    box.close()
    explorer.show("demo 1")
    explorer.session.wait()
    assert len(explorer._trait_notifiers["star"]["change"]) == len(before) - 1
    with pytest.raises(OptionError):
        explorer.sky(fov=0)


def test_without_ipyaladin_it_says_what_to_install(explorer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipyaladin", None)
    with pytest.raises(SpecvizError, match=r"jupyter-specviz\[aladin\]"):
        explorer.sky()


def test_the_real_widget_takes_what_is_asked(explorer: Any) -> None:
    pytest.importorskip("ipyaladin", reason="ipyaladin is not installed")
    sky, _ = explorer.sky().children
    assert abs(sky.target.ra.deg - explorer.star.ra) < 1e-6 and sky.fov.deg == pytest.approx(0.1)
    explorer.show("demo 2")
    explorer.session.wait()
    assert abs(sky.target.dec.deg - explorer.star.dec) < 1e-6
    sky.close()
