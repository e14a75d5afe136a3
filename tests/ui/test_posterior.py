"""The posterior panel in JupyterLab: either posterior or both, labels, table, copying, and a panel as wide as the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.timeout(180)

CELLS = [
    """import specviz
from specviz.archives.demo import DemoArchive
star = DemoArchive().fetch("demo 1")
lasp = {"teff": 5790.0, "teff_err": 25.0, "logg": 4.42, "logg_err": 0.04, "fe_h": 0.01, "fe_h_err": 0.03, "source": "LASP, DR10 v2.0"}
gaia = {"teff": 5741.0, "teff_lower": 5730.0, "teff_upper": 5762.0, "logg": 4.37, "logg_lower": 4.36, "logg_upper": 4.39,
        "fe_h": -0.05, "ebv": 0.02, "source": "Gaia DR3 GSP-Phot"}
apogee = {"teff": 5845.0, "teff_err": 20.0, "logg": 4.45, "fe_h": 0.02, "fe_h_err": 0.01, "alpha_fe": 0.01, "source": "APOGEE, columns of mine.fits"}
star = star.with_(catalogue=lasp, catalogues={"LASP": lasp, "GSP-Phot": gaia, "APOGEE": apogee})
explorer = specviz.explore(star); explorer""",
]
CORNER = """() => {
  const all = [...window.Bokeh.documents.at(-1)._all_models.values()], fig = all.find((m) => m.name === 'posterior-corner');
  const of = (kind, role) => fig.renderers.filter((r) => r.glyph.type === kind);
  const view = window.Bokeh.documents.at(-1).views_manager.find_one(fig);
  return { cells: fig.renderers[0].data_source.data.left.length, outlines: of('MultiPolygons')[2].data_source.data.xs.length,
           width: view.el.getBoundingClientRect().width, height: view.el.getBoundingClientRect().height };
}"""


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True).first


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
    page.wait_for_function(f"() => ({CORNER})().width > 1.5 * {narrow['width']}")
    expect(page.get_by_role("table", name="All labels")).to_be_visible()
    wide = page.evaluate(CORNER)
    assert wide["height"] > 1.5 * narrow["height"]
    assert nb.kernel_eval("explorer.session.state.view.enlarged") == ("posterior",)
    page.wait_for_timeout(400)
    shot(page, "posterior_enlarged")
    nb.set_theme("dark")
    page.wait_for_timeout(500)
    shot(page, "posterior_enlarged_dark")
    button(page, "Enlarge Posterior").click()
    page.wait_for_function(f"() => Math.abs(({CORNER})().width - {narrow['width']}) < 2")
    shot(page, "posterior_dark")
