"""The Explorer by keyboard and screen reader, and its text at every width, in a browser."""

from __future__ import annotations

import collections
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_checks import controls, tab_walk, text_faults, unless_laid_out
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(240)

SERVE = "import os, specviz\nspecviz.serve(['demo 1', 'demo 2', 'demo 3'], port=int(os.environ['PORT']), online=False)"
#: Panels in the order in which Tab comes to them: search, bar, then row by row (VISUAL.md section 10).
ORDER = ["sv-search", "sv-bar", "sv-lamost", "sv-xp", "sv-posterior", "sv-map", "sv-similar", "sv-work", "sv-hints"]
#: Bokeh's own field and table draw their ring on another element than the one that has the focus.
RING_ELSEWHERE = ("Open file", "Stars of the work list")
HIGH_CONTRAST = """() => {
  const set = (names, value) => { for (const name of names) document.body.style.setProperty(name, value) }
  set(['--jp-layout-color0', '--jp-layout-color1'], '#000')
  set(['--jp-ui-font-color1', '--jp-border-color1', '--jp-border-color2', '--jp-border-color3'], '#fff')
  document.body.dataset.jpThemeName = 'JupyterLab Dark High Contrast'
  document.body.dataset.jpThemeLight = 'false'
}"""
STATE = "() => document.querySelector('.sv-host').dataset.svKeys"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One served Explorer for all of these tests; each page of it is a session of its own."""
    from specviz.benchmarks.browser import free_port, running

    folder = tmp_path_factory.mktemp("served")
    (folder / "app.py").write_text(SERVE)
    port = free_port()
    env = {**os.environ, "PORT": str(port), "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    found = f"http://127.0.0.1:{port}/"
    with running([sys.executable, str(folder / "app.py")], found, env=env, cwd=folder, log=folder / "log"):
        yield found


@pytest.fixture
def explorer(address: str, open_page: Callable[..., Any]) -> Callable[..., Any]:
    """``explorer(**context options) -> page`` with demo 1 on screen, all panels drawn."""

    def start(**options: Any) -> Any:
        page = open_page("serve", **{"viewport": {"width": 1300, "height": 1600}, **options})
        page.goto(address)
        page.locator(".tile", has_text="K").first.wait_for()
        page.locator(".sv-work").first.wait_for()
        expect(page.get_by_label("Recent stars")).to_be_enabled()  # the star's job is over: nothing comes any more
        page.wait_for_timeout(400)
        return page

    return start


def test_every_control_has_a_name_of_its_own_and_room_for_a_finger(explorer: Callable[..., Any]) -> None:
    found = controls(explorer())
    assert len(found) > 40
    assert [c["html"] for c in found if not c["name"]] == []
    names = collections.Counter(c["name"] for c in found)
    assert [name for name, n in names.items() if n > 1] == []
    small = [(c["name"], c["width"], c["height"]) for c in found if min(c["width"], c["height"]) < 23.5]
    assert small == []


def test_tab_goes_through_everything_in_order_and_out_again(explorer: Callable[..., Any]) -> None:
    page = explorer()
    walked = tab_walk(page)
    reached = [w["name"] for w in walked]
    assert {c["name"] for c in controls(page)} - set(reached) == set()
    assert len(reached) == len(set(reached)) < 150  # no trap, nothing twice
    first = [next(i for i, w in enumerate(walked) if w["place"] == place) for place in ORDER]
    assert first == sorted(first), dict(zip(ORDER, first, strict=True))
    plots = [w["name"] for w in walked if w["html"].startswith('<div class="bk-layer')]
    assert len(plots) >= 4 and any("spectrum 3" in name and "σ at" in name for name in plots), plots
    unseen = [w["name"] for w in walked if not w["ring"] and w["name"] not in RING_ELSEWHERE]
    assert unseen == []
    roles = page.locator('[role="img"][aria-label^="LAMOST spectrum"]')
    assert roles.count() == 1


def test_keys_hints_help_and_the_field_to_jump(explorer: Callable[..., Any], shot: Callable[..., Path]) -> None:
    page = explorer()
    assert page.evaluate(STATE) == "idle"  # a view that comes takes the keyboard from nobody
    page.get_by_role("button", name="Click here to use keys").click()
    page.get_by_text("Keys active", exact=True).wait_for()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.wait_for()
    shot(page, "keys_help")
    assert "Jump to a row of the work list" in dialog.inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert page.evaluate(STATE) == "active"
    page.keyboard.press("+")
    page.get_by_text("Smoothed by 0.5 px").wait_for()
    page.keyboard.press("j")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    page.locator(".name", has_text="demo 3").first.wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator(".name", has_text="demo 2").first.wait_for()
    page.keyboard.press("j")
    page.keyboard.type("99")
    page.keyboard.press("Enter")
    page.get_by_text("No row 99: the list has 3").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("nl")  # letters: in a field they are letters
    field = page.get_by_placeholder("Name, Gaia or LAMOST id, coordinates, or file")
    assert field.input_value().endswith("nl")
    page.keyboard.press("Escape")  # leaves the field
    page.keyboard.press("n")
    page.locator('button[data-sv-set="flux normalised"][aria-pressed="true"]').wait_for()
    page.keyboard.press("u")
    page.locator('button[data-sv-set="flux flux"][aria-pressed="true"]').wait_for()
    shot(page, "keys_bar")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_is_cut_or_over_other_text(
    explorer: Callable[..., Any], shot: Callable[..., Path], scheme: str
) -> None:
    page = explorer(color_scheme=scheme, device_scale_factor=1.25)
    faults = {}
    for width in (1360, 1280, 1200, 900, 600, 480, 390, 360):
        page.set_viewport_size({"width": width, "height": 1600})
        page.wait_for_timeout(500)
        found = unless_laid_out(page, lambda: text_faults(page) + _outside(page, width))  # noqa: B023 - called here
        if found:
            faults[width] = found
        shot(page, f"width_{width}_{scheme}", full_page=True)
    assert faults == {}


def _outside(page: Any, width: int) -> list[Any]:
    return [["outside", c["name"], c["place"], c["x"]] for c in controls(page) if c["x"] + c["width"] > width - 2]


def test_at_twice_the_size_and_without_motion(explorer: Callable[..., Any]) -> None:
    page = explorer(viewport={"width": 640, "height": 800}, device_scale_factor=2, reduced_motion="reduce")
    assert unless_laid_out(page, lambda: text_faults(page)) == []  # 1280 px of screen at 200 %
    moving = page.evaluate(
        "() => document.getAnimations({subtree: true}).filter((a) => a.playState === 'running').length"
    )
    assert moving == 0


def test_high_contrast_theme_of_the_page_is_followed(explorer: Callable[..., Any], shot: Callable[..., Path]) -> None:
    page = explorer()
    page.evaluate(HIGH_CONTRAST)
    page.locator('.sv-host[data-sv-theme="dark"]').wait_for()
    panel = page.locator(".sv-lamost").first
    seen = panel.evaluate("(e) => { const s = getComputedStyle(e); return [s.backgroundColor, s.borderTopColor] }")
    assert seen == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert page.locator(".name").first.evaluate("(e) => getComputedStyle(e).color") == "rgb(255, 255, 255)"
    shot(page, "high_contrast")
