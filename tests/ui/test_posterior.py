"""The posterior panel in JupyterLab: either posterior or both, labels, brush, table, copying, and all the width."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

pytestmark = pytest.mark.timeout(300)

CELLS = [
    """import specviz
from specviz.archives.demo import DemoArchive
star = DemoArchive().fetch("demo 1")
lasp = {"teff": 5790.0, "teff_err": 25.0, "logg": 4.42, "logg_err": 0.04, "fe_h": 0.01, "fe_h_err": 0.03}
gaia = {"teff": 5741.0, "teff_lower": 5730.0, "teff_upper": 5762.0, "logg": 4.37, "fe_h": -0.05}
apogee = {"teff": 5845.0, "teff_err": 20.0, "logg": 4.45, "fe_h": 0.02, "fe_h_err": 0.01, "alpha_fe": 0.01}
catalogues = {"LASP": {**lasp, "source": "LASP, DR10 v2.0"}, "GSP-Phot": {**gaia, "source": "Gaia DR3 GSP-Phot"},
              "APOGEE": {**apogee, "source": "APOGEE, columns of mine.fits"}}
explorer = specviz.explore(star.with_(catalogue=catalogues["LASP"], catalogues=catalogues)); explorer""",
]
CORNER = """() => {
  const doc = window.Bokeh.documents.at(-1), all = [...doc._all_models.values()];
  const fig = all.find((m) => m.name === 'posterior-corner'), { left } = fig.renderers[0].data_source.data;
  const source = (i) => fig.renderers.filter((r) => r.glyph.type === 'MultiPolygons')[i].data_source.data.xs.length;
  const { x, y, width, height } = doc.views_manager.find_one(fig).el.getBoundingClientRect();
  return { cells: left.length, faint: source(0), outlines: source(3), x, y, width, height };
}"""


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True).first


def brush_cell(page: Page) -> None:
    """Drag in the cell of log g and Teff, from 0.3 to 0.8 across and 0.2 to 0.8 upwards.

    The margins are 0.80 and 0.68 of a cell, cells 1.09 apart. On a busy machine the first move may come so late that
    Bokeh takes the press for a long one: then once more.
    """
    place = page.evaluate(CORNER)
    x = [place["x"] + place["width"] * (0.80 + u) / 5.12 for u in (0.3, 0.8)]
    y = [place["y"] + place["height"] * (4.32 - 2.18 - v) / 5.0 for v in (0.2, 0.8)]
    for _ in range(8):
        page.mouse.move(x[0], y[0])
        page.mouse.down()
        page.mouse.move(x[1], y[1], steps=2)
        page.mouse.up()
        try:
            page.wait_for_function(f"() => ({CORNER})().faint === 12", timeout=3000)
            return
        except PlaywrightTimeout:
            continue
    raise AssertionError("dragging brushes nothing")


def test_posterior(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(CELLS, viewport={"width": 1640, "height": 1500})
    page = nb.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    nb.run_all()
    page.wait_for_function(f"() => {{ try {{ return ({CORNER})().cells === 10 }} catch {{ return false }} }}")
    panel = page.locator(".sv-posterior").first
    panel.scroll_into_view_if_needed()
    shot(page, "posterior_corner")
    assert "plus" in (
        page.locator("[role=img][aria-label^='Corner plot of the posterior']").first.get_attribute("aria-label") or ""
    )
    button(page, "Both").click()
    page.wait_for_function(f"() => ({CORNER})().outlines === 12")
    shot(page, "posterior_both")
    brush_cell(page)
    shot(page, "posterior_brushed")
    brush = nb.kernel_eval("explorer.session.state.view.brush")
    assert [b[0] for b in brush] == ["teff", "logg"] and 5000 < brush[0][1] < brush[0][2] < 6500
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => ({CORNER})().faint === 0")
    # one more label: the menu stays open
    expect(page.locator('[data-sv-toggle="corner ebv"]')).to_have_count(1)  # XP's own label is offered now
    page.get_by_label("Labels of the corner plot").click()
    button(page, "RV").click()
    page.wait_for_function(f"() => ({CORNER})().cells === 15")
    item = page.locator('[data-sv-toggle="corner rv"]')
    expect(item).to_have_attribute("aria-pressed", "true")
    expect(item).to_be_visible()
    shot(page, "posterior_labels")
    page.keyboard.press("Escape")
    expect(item).to_be_hidden()
    # the table, and what is copied from it
    button(page, "Table").click()
    expect(page.get_by_role("table", name="All labels")).to_be_visible()
    assert nb.kernel_eval("explorer.session.state.view.posterior") == "table"
    shot(page, "posterior_table")
    page.get_by_label("Copy posterior").click()
    shot(page, "posterior_copy")
    button(page, "For a spreadsheet (TSV)").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("label\tsurvey\tmedian") and "\nteff\tlamost_lrs\t5" in copied and copied.isascii()
    page.keyboard.press("Escape")
    # as wide as the page: corner and table side by side, and back
    button(page, "Corner").click()
    narrow = page.evaluate(CORNER)
    button(page, "Enlarge Posterior").click()
    page.wait_for_function(f"() => ({CORNER})().width > 1.35 * {narrow['width']}")
    expect(page.get_by_role("table", name="All labels")).to_be_visible()
    wide = page.evaluate(CORNER)
    assert wide["height"] > 1.35 * narrow["height"]
    assert nb.kernel_eval("explorer.session.state.view.enlarged") == ("posterior",)
    page.wait_for_timeout(400)
    shot(page, "posterior_enlarged")
    nb.set_theme("dark")
    page.wait_for_timeout(500)
    shot(page, "posterior_enlarged_dark")
    button(page, "Enlarge Posterior").click()
    page.wait_for_function(f"() => Math.abs(({CORNER})().width - {narrow['width']}) < 2")
    shot(page, "posterior_dark")
    page.set_viewport_size({"width": 1180, "height": 1700})
    page.wait_for_timeout(800)
    page.locator(".sv-posterior").first.scroll_into_view_if_needed()
    shot(page, "posterior_narrow")
