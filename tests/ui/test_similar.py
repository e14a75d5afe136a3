"""Similar stars and the map in JupyterLab: sorted, filtered, walked through, pointed at, encircled; a million stars."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATE = "explorer.session.state"


def _column(page: Any, n: int) -> list[str]:
    cells = page.locator(f"tr[data-sv-row] td:nth-child({n})").all_inner_texts()
    return [c.replace("\u2212", "-") for c in cells]


def _show_plane(page: Any, plane: str) -> None:
    """By the switch, or by the menu that stands in its place where a catalogue keeps maps."""
    menu = page.locator('.sv-map summary[aria-label^="Plane of the map"]')
    if menu.count():
        menu.first.click()
    page.locator(f'[data-sv-set="plane {plane}"]').click()
    page.locator(f'[data-sv-set="plane {plane}"][aria-pressed="true"]').wait_for(state="attached")


def test_table_and_map(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\nexplorer = specviz.explore('demo 21', online=False)\nexplorer"],
        viewport={"width": 1400, "height": 1750},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    rows = page.locator("tr[data-sv-row]")
    rows.nth(5).wait_for()
    rows.nth(5).scroll_into_view_if_needed()
    shot(page, "similar_light")

    page.get_by_role("button", name="Sort by Teff").click()
    page.locator('th[aria-sort="ascending"]', has_text="(K)").wait_for()
    seen = [float(v) for v in _column(page, 6)]
    assert seen == sorted(seen) and len(seen) == 50
    page.get_by_role("button", name="Sort by Teff").click()
    page.locator('th[aria-sort="descending"]', has_text="(K)").wait_for()

    # the pointer: ringed and overlaid for as long as it stays, not selected
    rows.nth(2).hover()
    third = int(rows.nth(2).get_attribute("data-sv-row"))
    nb.until(f"{_STATE}.peek", third)
    nb.until(f"{_STATE}.peek_star is not None and {_STATE}.neighbour is None", True)
    page.locator(f'tr[data-sv-row="{third}"][data-sv-ring]').wait_for()
    page.locator(".name").first.hover()
    nb.until(f"{_STATE}.peek", None)

    # a click selects the right star though the table is sorted; the keys go on from there
    rows.nth(2).click()
    nb.until(f"{_STATE}.neighbour", third)
    assert nb.kernel_eval("explorer.selection.name") == _column(page, 3)[2]
    page.keyboard.press("ArrowDown")
    fourth = int(rows.nth(3).get_attribute("data-sv-row"))
    nb.until(f"{_STATE}.neighbour", fourth)
    page.locator(f'tr[data-sv-row="{fourth}"][aria-selected="true"]').wait_for()
    shot(page, "similar_selected")

    field = page.get_by_label("Filter the similar stars")
    field.fill("snr>60 and teff 3000..9000")
    nb.until(f"{_STATE}.view.similar_filter", "snr>60 and teff 3000..9000")
    kept = nb.kernel_eval("len(explorer.session.listed_similar()[0])")
    assert 0 < kept < 50
    rows.nth(kept - 1).wait_for()
    assert rows.count() == kept and all(float(v) > 59 for v in _column(page, 9))
    assert field.evaluate("el => el.getRootNode().activeElement === el")  # typing goes on
    field.fill("tef>6000")
    page.get_by_text("Did you mean 'teff'?").wait_for()
    assert rows.count() == 50
    field.press("Escape")
    page.get_by_text("Did you mean 'teff'?").wait_for(state="hidden")

    page.evaluate("() => { __specviz__.copy = (text) => { window.specvizCopied = text } }")
    page.get_by_label("Copy the similar stars as a table").click()
    page.wait_for_function("() => window.specvizCopied?.split('\\n').length === 51")

    # across instruments
    page.get_by_label("Compare LAMOST → LAMOST").click()
    page.get_by_role("button", name="LAMOST → XP").click()
    page.get_by_text("own XP spectrum: rank").wait_for()
    assert nb.kernel_eval("explorer.session.similar_way()") == ("lamost_lrs", "gaia_xp")
    shot(page, "similar_cross")

    # planes of the map
    for plane in ("hr", "alpha", "embedding", "kiel"):
        _show_plane(page, plane)
        nb.until("explorer.view.map._plane.name", plane)
        page.wait_for_timeout(300)
        shot(page, f"map_{plane}")
    page.get_by_label("Colour of the reference stars: None").click()
    page.locator('[data-sv-set="map_colour fe_h"]').click()
    page.locator(".sv-scale").wait_for()
    shot(page, "map_colour")

    # a region, drawn by hand
    page.get_by_role("button", name="Draw a region of the map").click()
    box = page.evaluate("""() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
        if (m.name === 'map' && m.inner_width) { const el = doc.views_manager.find_one(m).el.getBoundingClientRect()
          return [el.x, el.y, el.width, el.height] } }""")
    x, y, w, h = box
    corners = [(0.45, 0.55), (0.75, 0.55), (0.75, 0.85), (0.45, 0.85), (0.45, 0.56)]
    page.mouse.move(x + corners[0][0] * w, y + corners[0][1] * h)
    page.mouse.down()
    for cx, cy in corners[1:]:
        page.mouse.move(x + cx * w, y + cy * h, steps=8)
    page.mouse.up()
    nb.until(f"{_STATE}.view.region is not None", True)
    page.get_by_text("Within the region of the map").wait_for()
    assert 0 < nb.kernel_eval("len(explorer.session.region_names())") < 20_000
    shot(page, "map_region")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    page.wait_for_timeout(300)
    shot(page, "similar_dark")
    page.get_by_role("button", name="Search all stars").click()
    page.get_by_text("Within the region of the map").wait_for(state="hidden")

    wanted = _column(page, 3)[1]
    rows.nth(1).dblclick()
    page.locator(".name", has_text=wanted).first.wait_for()
    assert nb.kernel_eval("explorer.session.wait().star.name") == wanted


_BIG = """
import numpy as np, specviz
from astropy.table import Table
rng = np.random.default_rng(0)
n = 1_000_000
giant = rng.uniform(size=n) < 0.3
teff = np.where(giant, rng.normal(4800, 250, n), rng.normal(5900, 700, n))
logg = np.where(giant, 2.5 + (teff - 4800) / 400, 4.9 - (teff - 4000) / 2600) + rng.normal(0, 0.15, n)
stars = Table({"source_id": np.arange(n), "teff": teff, "logg": logg, "fe_h": rng.normal(-0.3, 0.3, n) - 0.4 * giant})
explorer = specviz.explore("demo 21", online=False, catalogue=stars)
explorer
"""
_IMAGE = """() => { for (const doc of window.Bokeh?.documents ?? []) for (const m of doc._all_models.values())
    if (m.name === 'map-density') {
      const d = m.data_source.data
      return d.image.length ? [d.dw[0], d.image[0].shape] : null
    }
    return null }"""
#: Zooms, and gives the milliseconds until the browser has painted the picture of the new window.
_ZOOM = """(share) => new Promise((done) => {
    for (const doc of window.Bokeh.documents) for (const fig of doc._all_models.values()) {
      if (fig.name !== 'map' || !fig.x_range) continue
      const source = [...doc._all_models.values()].find((m) => m.name === 'map-density').data_source
      const {start, end} = fig.x_range
      const began = performance.now()
      const heard = () => { source.properties.data.change.disconnect(heard)
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))) }
      source.properties.data.change.connect(heard)
      fig.x_range.setv({start: start + share * (end - start), end})
      const view = doc.views_manager.find_one(fig)
      view.trigger_ranges_update_event?.()
    }
})"""


def test_a_million_stars_on_the_map(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook([_BIG], viewport={"width": 1720, "height": 1750})
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.wait_for_function(_IMAGE)
    page.get_by_text("1\u202f000\u202f000 stars").wait_for()
    page.locator("tr[data-sv-row]").nth(1).click()
    nb.until(f"{_STATE}.neighbour", 1)
    page.locator('[data-sv-set="plane kiel"]').scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    shot(page, "million_light")
    before = page.evaluate(_IMAGE)
    times = [page.evaluate(_ZOOM, 0.1) for _ in range(5)]
    after = page.evaluate(_IMAGE)
    sys.stderr.write(f"zoom to painted: {sorted(round(t) for t in times)} ms\n")
    assert after[0] < 0.7 * before[0] and after[1] == before[1]
    page.get_by_label("Colour of the reference stars: None").click()
    page.locator('[data-sv-set="map_colour fe_h"]').click()
    page.locator(".sv-scale").wait_for()
    nb.until("explorer.view.map._picture.image is not None and explorer.view.map._job.finished.is_set()", True)
    page.wait_for_timeout(500)
    shot(page, "million_colour")
