"""PhDLspec's panel in JupyterLab: opened from the Model menu, a slider dragged, lines shown, back to the fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

_CURVE = """(name) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === name && m.data_source) { const {x, y} = m.data_source.data
      let s = 0; for (let i = 0; i < x.length; i++) if (x[i] > 5160 && x[i] < 5200) s += y[i]
      return {n: x.length, s} }
    return null }"""


def test_a_label_is_turned_by_hand(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\nexplorer = specviz.explore('demo 17', online=False)\nexplorer"],
        viewport={"width": 1660, "height": 1700},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    nb.set_theme("light")  # a test before this one may have left the page dark
    page.locator("summary[aria-label^='Model:']").click()
    page.get_by_role("button", name="Fit 28 labels").click()
    slider = page.get_by_role("slider", name="[Mg/Fe] in dex")
    slider.wait_for()
    page.wait_for_function(f"() => ({_CURVE})('fit-model')?.n > 3000", timeout=60_000)
    assert page.evaluate(_CURVE, "fit-turned")["n"] == 0

    # Dragged: the curve comes and moves while the pointer is down.
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    fitted = float(slider.input_value())
    page.mouse.move(box["x"] + box["width"] * (fitted + 0.482) / 1.359, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=4)
    page.wait_for_function(f"() => ({_CURVE})('fit-turned')?.n > 3000")
    page.mouse.move(box["x"] + box["width"] * 0.95, y, steps=8)
    page.wait_for_function(f"() => ({_CURVE})('fit-turned').s < ({_CURVE})('fit-model').s - 0.5")  # Mg b is deeper
    page.mouse.up()
    page.get_by_text("rules it out").wait_for()
    turned = nb.kernel_eval("dict(explorer.session.state.view.dials)")
    assert list(turned) == ["mg_fe"] and turned["mg_fe"] > 0.6
    expect(page.locator('[data-sv-dial-text="mg_fe"]')).to_have_text(f"+{turned['mg_fe']:.2f}")
    page.locator("code", has_text='dials=(("mg_fe"').or_(page.locator("code", has_text="dials=(('mg_fe'")).wait_for()

    page.get_by_role("button", name="Lines of [Mg/Fe]").click()
    page.get_by_role("group", name="Lines of [Mg/Fe]").get_by_role("button", name="Mg b").wait_for()
    shot(page, "phdlspec_light")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    shot(page, "phdlspec_dark")

    page.get_by_role("button", name="Back to the fit", exact=True).click()
    page.wait_for_function(f"() => ({_CURVE})('fit-turned').n === 0")
    expect(slider).to_have_value(str(fitted))
    slider.focus()
    page.keyboard.press("ArrowRight")  # the slider takes it, not the work list
    page.wait_for_function(f"() => ({_CURVE})('fit-turned').n > 3000")
    expect(page.locator('[data-sv-dial-text="mg_fe"]')).to_have_text(f"{fitted + 0.01:+.2f}".replace("-", "\u2212"))
    assert nb.kernel_eval("explorer.session.state.star.name") == "demo 17"
    page.get_by_role("button", name="Reset [Mg/Fe]").click()
    page.wait_for_function(f"() => ({_CURVE})('fit-turned').n === 0")
    nb.set_theme("light")
