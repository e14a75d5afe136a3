"""Velocity, frame, unit, smoothing, lines and layers answer in the browser, also in a saved page; the kernel hears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.timeout(180)

CELLS = ["import specviz", "explorer = specviz.explore(['demo 1', 'demo 2']); explorer"]
# What the optical panel shows: ranges, axis labels, where line marks stand, which layers are drawn, the curve.
STATE = """() => {
  const doc = window.Bokeh.documents.at(-1), all = [...doc._all_models.values()];
  const fig = all.find((m) => m.name === 'lamost-flux'), settings = all.find((m) => m.name === 'sv-settings');
  const layer = (name) => all.find((m) => m.type === 'GlyphRenderer' && m.name === name);
  const ticks = all.find((m) => m.data?.rest != null && m.data.y0 != null);
  const i = ticks.data.group.findIndex((g, k) => g === 'main' && Math.abs(ticks.data.rest[k] - 6564.61) < 0.01);
  const fe = ticks.data.group.indexOf('Fe');
  const curve = __specviz__.spectrum.curve(layer('sv-layer:model').data_source, settings).y;
  const { x_range: x, y_range: y, below: [axis], left: [side] } = fig
  return { x: [x.start, x.end], y: [y.start, y.end], x_label: axis.axis_label, y_label: side.axis_label,
           halpha: ticks.data.x[i], fe: ticks.data.x[fe], masked: layer('sv-layer:masked').visible,
           model: layer('sv-layer:model').visible, depth: Math.min(...curve),
           ticks: axis.ticker.major_ticks({start: 5000, end: 6000}) }
}"""
DRAG = """(el) => { for (const v of [0, 100, 200, 300]) {
  el.value = v
  el.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
} }"""
RELEASE = "(el) => el.dispatchEvent(new Event('change', { bubbles: true, composed: true }))"
C = 299792.458


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True).first


def until(page: Page, condition: str) -> dict[str, Any]:
    """The state once ``condition`` (of ``s``) holds."""
    page.wait_for_function(f"() => {{ const s = ({STATE})(); return {condition} }}")
    found: dict[str, Any] = page.evaluate(STATE)
    return found


def exercise(page: Page) -> None:
    """All of it without asking a kernel for anything."""
    before = page.evaluate(STATE)
    button(page, "Velocity, frame, unit, measure").click()
    slider = page.get_by_label("Radial velocity, coarse")
    expect(slider).to_be_visible()
    slider.evaluate(DRAG)
    fine = float(page.get_by_label("Radial velocity, fine").input_value())
    moved = page.evaluate(STATE)
    beta = (300 + fine) / C
    assert moved["halpha"] == pytest.approx(6564.61 * ((1 + beta) / (1 - beta)) ** 0.5, abs=1e-3)
    assert moved["x"] == before["x"]
    slider.evaluate(RELEASE)
    expect(page.get_by_label("Radial velocity in km/s")).to_have_value(f"{300 + fine:g}")
    button(page, "Rest").click()
    rest = until(page, "s.x_label.startsWith('Rest-frame')")
    shift = ((1 + beta) / (1 - beta)) ** 0.5
    assert all(abs(t / shift / 200 - round(t / shift / 200)) < 1e-6 for t in rest["ticks"])  # round at rest
    button(page, "nm").click()
    until(page, "s.x_label === 'Rest-frame vacuum wavelength (nm)'")
    button(page, "Air").first.click()
    until(page, "s.x_label === 'Rest-frame air wavelength (nm)'")
    flux = page.evaluate(STATE)
    button(page, "Normalised").click()
    normalised = until(page, "s.y_label === 'Flux / continuum'")
    assert normalised["y"] != flux["y"] and 0.9 < normalised["y"][1] < 2
    page.get_by_text("Smooth: off").click()
    button(page, "5 px").click()
    smooth = until(page, f"s.depth > {normalised['depth']} + 0.05")
    assert smooth["depth"] < 1
    page.get_by_text("Lines", exact=True).first.click()
    assert smooth["fe"] is None or smooth["fe"] != smooth["fe"] or smooth["fe"] > 0
    button(page, "Fe").click()
    page.wait_for_function(f"() => Number.isFinite(({STATE})().fe)")
    page.keyboard.press("Escape")
    expect(button(page, "Fe")).to_be_hidden()
    button(page, "Masked").click()
    assert until(page, "!s.masked")["model"]
    expect(button(page, "Masked")).to_have_attribute("aria-pressed", "false")


def test_controls_answer_in_the_browser_and_reach_the_kernel(
    open_notebook: Callable[..., Any], open_page: Callable[..., Any], shot: Callable[..., Path], tmp_path: Path
) -> None:
    nb = open_notebook(CELLS, viewport={"width": 1700, "height": 1200})
    page = nb.page
    nb.run_all()
    expect(page.locator(".unit", has_text="percentile").first).to_be_visible()
    exercise(page)
    view = "explorer.session.state.view"
    told = f"({view}.frame, {view}.unit, {view}.medium, {view}.flux, {view}.smooth, {view}.hidden)"
    nb.until(told, ("rest", "nm", "air", "normalised", 5.0, ("masked",)))
    assert "Fe" in nb.kernel_eval(f"{view}.lines") and abs(nb.kernel_eval(f"{view}.rv") - 300) < 21
    shot(page, "spectrum_controls")
    # what is undone, and what a program sets, is drawn
    assert nb.kernel_eval("explorer.undo()")
    until(page, "s.masked")
    told = "zoom=(6500, 6620), frame='observed', unit='angstrom', medium='vacuum', magnifier=True"
    nb.kernel_eval(f"explorer.set({told})")
    zoomed = until(page, "Math.abs(s.x[0] - 6500) < 0.1 && s.x_label === 'Vacuum wavelength (Å)'")
    assert zoomed["y"][1] - zoomed["y"][0] < 1.2  # fitted to what is in view
    expect(button(page, "Observed")).to_have_attribute("aria-pressed", "true")
    nb.kernel_eval("explorer.session.next() and explorer.session.wait() and None")
    until(page, "Math.abs(s.x[0] - 6500) < 0.1")  # the next star at the same line
    shot(page, "spectrum_zoomed")
    button(page, "Reset LAMOST zoom").click()
    until(page, "s.x[0] < 3800")
    nb.until(f"{view}.zoom", None)
    # a wrong option names what there is, and a page that is saved goes on without a kernel
    assert nb.kernel_eval("explorer.set(**specviz.session.view_options.ViewOptions().to_dict())") is None
    saved = tmp_path / "star.html"
    nb.kernel_eval(f"str(explorer.save_html({str(saved)!r}))")
    alone = open_page("file", viewport={"width": 1700, "height": 1200})
    alone.goto(saved.as_uri())
    alone.wait_for_function("() => window.Bokeh?.documents?.length")
    expect(button(alone, "Normalised")).to_be_visible()
    exercise(alone)
    shot(alone, "spectrum_saved")
