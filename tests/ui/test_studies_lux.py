"""Lux in JupyterLab: opened from the menu of models, another source chosen, in both themes and narrow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

_STATE = "explorer.session.state"
#: Points of a curve that are drawn (not NaN), by the name of its mark.
_DRAWN = """(name) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.type === 'GlyphRenderer' && m.name === name) return [...m.data_source.data.y].filter(Number.isFinite).length
    return null }"""


def test_a_star_is_inferred_from_what_is_chosen(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\nexplorer = specviz.explore('demo 1', online=False)\nexplorer"],
        viewport={"width": 1400, "height": 1500},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.locator("tr[data-sv-row]").first.wait_for()  # nothing below is still to come
    page.locator("summary[aria-label^='Model:']").click()
    page.get_by_role("button", name="Linear latent model").click()
    table = page.get_by_role("table", name="Labels by what they were inferred from")
    table.wait_for()
    page.wait_for_function(f"() => ({_DRAWN})('lux-xp-predicted') > 300")
    said = page.get_by_text("XP predicted within", exact=False)
    expect(said).to_contain_text("specclip-small")
    whole = table.inner_text()
    top = page.get_by_text("Infer the star from")
    top.evaluate("(e) => e.scrollIntoView({block: 'start'})")
    page.mouse.move(10, 10)
    shot(page, "lux_light")

    page.get_by_role("button", name="Blue arm", exact=True).click()
    page.wait_for_function(f"() => {{ const n = ({_DRAWN})('lux-lamost-predicted'); return n > 1500 && n < 2500 }}")
    assert nb.kernel_eval(f"{_STATE}.view.lux_from") == "blue" and table.inner_text() != whole
    shot(page, "lux_blue")
    page.get_by_role("button", name="Gaia XP", exact=True).click()
    page.wait_for_function(f"() => ({_DRAWN})('lux-lamost-reconstructed') === 0")
    assert nb.kernel_eval(f"{_STATE}.study.answer.source") == "gaia_xp"
    expect(page.get_by_role("button", name="Gaia XP", exact=True)).to_have_attribute("aria-pressed", "true")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    shot(page, "lux_dark")
    nb.set_theme("light")
    page.set_viewport_size({"width": 820, "height": 1900})
    top.evaluate("(e) => e.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(300)  # the narrow page is laid out
    shot(page, "lux_narrow")
    page.get_by_role("button", name="Close panel").first.click()
    table.wait_for(state="hidden")
