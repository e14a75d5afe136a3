"""Two stars side by side in JupyterLab: both spectra drawn in the browser, swapped, at rest, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

_GLYPH = """(name) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === name && m.data_source) { const x = m.data_source.data.x; return {n: x.length, x: x[x.length >> 1]} }
    return null }"""


def test_two_stars_side_by_side(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\npair = specviz.compare('demo 1', 'demo 4', online=False)\npair"],
        viewport={"width": 1660, "height": 1500},
    )
    nb.run_all()
    page = nb.page
    page.locator(".sv-card .name", has_text="demo 4").wait_for()
    page.get_by_role("table", name="Labels of both stars").wait_for()
    page.wait_for_function(f"() => ({_GLYPH})('pair-lamost-2')?.n > 3000", timeout=60_000)
    assert page.evaluate(_GLYPH, "pair-xp-1")["n"] == 343
    assert page.evaluate(_GLYPH, "pair-lamost-sigma")["n"] > 3000
    shown = page.get_by_role("table", name="Labels of both stars").locator("tbody tr").count()
    assert shown == nb.kernel_eval("len(pair.table())") >= 10
    shot(page, "compare_light")

    before = page.evaluate(_GLYPH, "pair-lamost-1")["x"]
    page.get_by_role("button", name="Rest frame").click()
    page.wait_for_function(f"(x) => ({_GLYPH})('pair-lamost-1').x !== x", arg=before)
    assert nb.kernel_eval("pair.session.state.view.frame") == "rest"
    page.get_by_role("button", name="Swap").click()
    page.locator(".sv-card .name").first.get_by_text("demo 4").wait_for()
    assert nb.kernel_eval("[pair.first.name, pair.second.name]") == ["demo 4", "demo 1"]

    field = page.get_by_placeholder("Second star")
    field.fill("no such star <b>at all</b>")
    field.press("Enter")
    page.locator(".told", has_text="demo 1 is still shown").wait_for()
    assert page.locator(".told b").count() == 0
    shot(page, "compare_words")

    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    page.get_by_role("button", name="Normalised", exact=True).click()
    page.locator("code", has_text='flux="normalised"').wait_for()
    shot(page, "compare_dark")


def test_models_face_to_face(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\nexplorer = specviz.explore('demo 1', online=False)\nexplorer"],
        viewport={"width": 1660, "height": 1900},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    nb.kernel_eval("explorer.face_off()")
    page.get_by_text("specviz models pull specclip-official").wait_for()
    nb.set_theme("light")  # a test before this one may have left the page dark
    page.locator('.sv-host[data-sv-theme="light"]').first.wait_for()
    assert page.locator(".sv-face").count() == nb.kernel_eval("len(explorer.session.face_off_now().labels)") >= 10
    shot(page, "face_off_light")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    shot(page, "face_off_dark")
    page.get_by_role("button", name="Close face-off").click()
    page.locator(".sv-face").first.wait_for(state="hidden")
    assert nb.kernel_eval("explorer.session.state.view.face_off") is False

    nb.set_theme("light")
    nb.kernel_eval("explorer.session.choose(7)")
    chosen = nb.kernel_eval("explorer.compare().wait().second.star.name")  # a widget of its own
    nb.kernel_eval("explorer.set(compare=True)")  # within this one
    page.locator(".sv-card .name", has_text=chosen).wait_for()
    page.get_by_role("table", name="Labels of both stars").wait_for()
    page.wait_for_function(f"() => ({_GLYPH})('pair-lamost-2')?.n > 500")
    shot(page, "compare_within")
    page.get_by_role("button", name="Close comparison").click()
    page.locator(".sv-card").first.wait_for(state="hidden")
    assert nb.kernel_eval("explorer.view.side_by_side.view is None") is True
