"""A star's light curve beside its spectrum in JupyterLab: opened from the menu, simulated, with catalogue values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

_SETUP = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1] / "analysis")!r})
import specviz
from fake_desa import study
explorer = specviz.explore('demo 12', online=False)
explorer.session.studies = dict(desa=study())
explorer
"""
#: How many points a mark has in the browser.
_POINTS = """(name) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === name && m.data_source) return m.data_source.data.x.length
    return 0 }"""


def test_a_light_curve_beside_its_spectrum(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook([_SETUP], viewport={"width": 1660, "height": 2400})
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.locator("summary", has_text="Model").click()
    page.get_by_role("button", name="Spectrum and light curve").click()
    panel = page.locator(".sv-study-panel").first
    panel.get_by_text("What stands above is from the spectrum alone").wait_for()
    expect(panel.get_by_text("from the spectrum", exact=True).first).to_be_visible()

    panel.get_by_role("button", name="Simulate its light curve").click()
    page.wait_for_function(f"() => ({_POINTS})('desa-points') > 1000", timeout=60_000)
    page.wait_for_function(f"() => ({_POINTS})('desa-star') === 1")
    expect(panel.get_by_text("20.12", exact=False).first).to_be_visible()  # days: what was put in is 20.1
    expect(panel.get_by_role("img", name="Power spectrum of the light curve")).to_be_visible()
    shot(page, "desa")

    switch = panel.get_by_role("button", name="Catalogue values")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    panel.get_by_text("they leak into what it then says").wait_for()
    expect(panel.get_by_text("93 %")).to_be_visible()
    expect(panel.get_by_text("12 %")).to_be_visible()
    page.wait_for_function(f"() => ({_POINTS})('desa-star-leaking') === 1")
    assert nb.kernel_eval("explorer.session.state.view.latent") is True

    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    shot(page, "desa_dark")
    switch.click()
    panel.get_by_text("they leak").wait_for(state="hidden")
    panel.get_by_role("button", name="Close panel").click()
    expect(panel).to_be_hidden()
