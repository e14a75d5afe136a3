"""Measuring in JupyterLab: a drag gives a width, the velocity is found and used, the indices are listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATE = "explorer.session.state"
#: Where a wavelength lies on the page, at half the height of the flux figure.
_PLACE = """(x) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'lamost-flux') {
        const view = doc.views_manager.find_one(m)
        if (!view) continue
        const box = view.el.getBoundingClientRect()
        return [box.left + view.frame.x_scale.compute(x), box.top + box.height / 2]
    } }"""
_RANGE = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'lamost-flux') return [m.x_range.start, m.x_range.end] }"""

#: Which tool a drag is for, once its view is there.
_ARMED = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'lamost-flux') {
        const tool = m.toolbar.gestures.pan.active, view = doc.views_manager.find_one(m)
        return tool != null && view?.tool_views.has(tool) && tool.type
    } }"""


def _drag(page: Any, low: float, high: float, done: Callable[[], bool]) -> None:
    """Drag until it was taken for a drag: where the machine is so busy that no move follows the press within 0.4 s,
    Bokeh takes it for a long press; and the tool's view is known a little before it hears of drags.
    """
    for _ in range(5):
        _drag_once(page, low, high)
        for _ in range(30):
            if done():
                return
            page.wait_for_timeout(100)
    raise AssertionError("no drag was taken for one")


def _drag_once(page: Any, low: float, high: float) -> None:
    (x0, y), (x1, _) = page.evaluate(_PLACE, low), page.evaluate(_PLACE, high)
    page.mouse.move(x0, y)
    page.mouse.down()
    for step in range(1, 6):  # one by one: on a busy machine the browser makes one move of many
        page.mouse.move(x0 + (x1 - x0) * step / 5, y + step)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.mouse.up()


def test_measure(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\nexplorer = specviz.explore('demo 1', online=False)\nexplorer"],
        viewport={"width": 1400, "height": 1250},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.locator("tr[data-sv-row]").first.wait_for()  # nothing below is still to come
    page.get_by_role("button", name="Velocity, frame, unit, measure").click()
    nb.kernel_eval("explorer.set(zoom=(4700, 5300))")
    page.wait_for_function(f"() => Math.abs(({_RANGE})()[0] - 4700) < 1")

    page.get_by_role("button", name="Measure", exact=True).click()
    page.get_by_text("Drag across a line to measure it").wait_for()
    page.wait_for_function(f"() => ({_ARMED})() === 'BoxSelectTool'")
    _drag(page, 4850, 4876, lambda: nb.kernel_eval(f"len({_STATE}.measurements)") == 1)
    low, high = nb.kernel_eval(f"[{_STATE}.measurements[0].low, {_STATE}.measurements[0].high]")
    assert abs(low - 4850) < 2 and abs(high - 4876) < 2
    page.get_by_text("EW", exact=False).first.wait_for()
    assert page.evaluate(_RANGE)[0] - 4700 < 1  # the picture stayed where it was
    page.get_by_role("button", name="Edges").click()
    nb.until(f"{_STATE}.view.measure_by", "edges")
    _drag(page, 5160, 5195, lambda: nb.kernel_eval(f"len({_STATE}.measurements)") == 2)
    assert nb.kernel_eval(f"[m.method for m in {_STATE}.measurements]") == ["bands", "edges"]
    page.mouse.move(10, 10)
    shot(page, "measure_light")

    page.get_by_role("button", name="Find RV").click()
    page.get_by_role("button", name="Use it").wait_for(timeout=60_000)
    truth = nb.kernel_eval(f"{_STATE}.star.catalogue['rv']")
    found = nb.kernel_eval(f"{_STATE}.velocity.result.rv")
    assert abs(found - truth) < 8
    page.get_by_role("button", name="Use it").click()
    nb.until(f"{_STATE}.view.rv", round(found, 2))
    page.get_by_role("button", name="Indices").click()
    page.get_by_text("Indices in the rest frame").wait_for()
    shot(page, "measure_all")

    page.get_by_role("button", name="Measure", exact=True).click()  # dragging moves the picture again
    nb.until(f"{_STATE}.view.measuring", False)
    page.wait_for_function(f"() => ({_ARMED})() === 'PanTool'")
    before = page.evaluate(_RANGE)[0]
    _drag(page, 4900, 5000, lambda: abs(page.evaluate(_RANGE)[0] - before) > 20)
    assert nb.kernel_eval(f"len({_STATE}.measurements)") == 2
    page.get_by_role("button", name="Clear", exact=True).first.click()
    nb.until(f"len({_STATE}.measurements)", 0)
    page.get_by_role("button", name="Put the velocity away").click()
    nb.until(f"{_STATE}.velocity is None", True)
