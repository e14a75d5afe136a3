"""SpectraFM asked about a part of a spectrum in JupyterLab: opened from the menu, dragged, typed, undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

_STATE = "explorer.session.state"
#: Where a wavelength lies on the page, at half the height of the panel's spectrum.
_PLACE = """(x) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'ask-flux') {
        const view = doc.views_manager.find_one(m)
        if (!view) continue
        const box = view.el.getBoundingClientRect()
        return [box.left + view.frame.x_scale.compute(x), box.top + box.height / 2]
    } }"""
#: Which tool a drag is for, once its view is there.
_ARMED = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'ask-flux') {
        const tool = m.toolbar.gestures.pan.active, view = doc.views_manager.find_one(m)
        return tool?.type === 'BoxSelectTool' && view?.tool_views.has(tool)
    } }"""
#: The stretch that the box shows, null where it is hidden.
_BOX = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'ask-box') return m.visible ? [m.left, m.right] : null }"""
_SETUP = "import specviz\nexplorer = specviz.explore('demo 1', online=False)\nexplorer"


def _drag(page: Any, start: float, end: float) -> None:
    """Drag until the box has changed: where the machine is so busy that no move follows the press within 0.4 s, Bokeh
    takes it for a long press.
    """
    before = page.evaluate(_BOX)
    for _ in range(8):
        where = None
        while where != (where := page.evaluate(_PLACE, start)):  # the page scrolls or is laid out
            page.wait_for_timeout(200)
        (x0, y), (x1, _) = where, page.evaluate(_PLACE, end)
        page.mouse.move(x0, y)
        page.mouse.down()
        for step in range(1, 6):
            page.mouse.move(x0 + (x1 - x0) * step / 5, y + step)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        page.mouse.up()
        if page.evaluate(_BOX) != before:
            return
    raise AssertionError("no drag was taken for one")


def _near(found: Any, wanted: tuple[float, float]) -> bool:
    return found is not None and all(abs(a - b) < 8 for a, b in zip(found, wanted, strict=True))


def test_a_part_is_asked(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook([_SETUP], viewport={"width": 1400, "height": 1350})
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    page.locator("tr[data-sv-row]").first.wait_for()  # nothing below is still to come
    page.locator("summary[aria-label^='Model:']").click()
    page.get_by_role("button", name="Ask a part of the spectrum").click()
    said = page.get_by_text("of the whole spectrum,", exact=False)
    said.wait_for()
    table = page.get_by_role("table", name="Labels of the stretch")
    table.wait_for()
    whole = table.inner_text()
    page.wait_for_function(_ARMED)
    page.wait_for_timeout(500)  # the tool's view is known a little before it hears of drags
    page.get_by_text("of the whole spectrum,").scroll_into_view_if_needed()

    _drag(page, 4600, 5400)  # draws a stretch
    page.get_by_text("from the whole spectrum", exact=False).wait_for()
    page.wait_for_function(f"() => ({_BOX})() != null")
    ask = nb.kernel_eval(f"list({_STATE}.view.ask)")
    assert _near(ask, (4600, 5400)) and table.inner_text() != whole
    assert nb.kernel_eval(f"{_STATE}.call") == f"explorer.set(ask=({ask[0]}, {ask[1]}))"
    expect(page.get_by_label("From (vacuum Å)")).to_have_value(f"{ask[0]:.1f}".removesuffix(".0"))
    page.mouse.move(10, 10)
    shot(page, "spectrafm_light")

    _drag(page, 5000, 7000)  # its inside: moves it
    nb.until(f"abs({_STATE}.view.ask[0] - {ask[0] + 2000}) < 8 and not {_STATE}.study.running", True)
    moved = nb.kernel_eval(f"list({_STATE}.view.ask)")
    assert _near(moved, (ask[0] + 2000, ask[1] + 2000))
    nb.until(f"{_STATE}.study.answer.low", moved[0])

    page.get_by_role("button", name="Mg b", exact=True).click()
    nb.until(f"list({_STATE}.view.ask)", [5095, 5255])
    page.wait_for_function(f"() => ({_BOX})()[0] === 5095")
    expect(page.get_by_role("button", name="Mg b", exact=True)).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(1100)  # what follows sooner is one step of undo with it
    page.get_by_label("to (vacuum Å)").fill("5400")
    nb.until(f"list({_STATE}.view.ask)", [5095, 5400])
    page.wait_for_function(f"() => ({_BOX})()[1] === 5400")
    page.get_by_label("Label whose attention is drawn").select_option("fe_h")
    nb.until(f"{_STATE}.study.answer.chosen", "fe_h")
    nb.kernel_eval("explorer.undo()")
    nb.kernel_eval("explorer.undo()")
    nb.until(f"list({_STATE}.view.ask)", [5095, 5255])
    expect(page.get_by_label("to (vacuum Å)")).to_have_value("5255")

    page.get_by_role("button", name="All", exact=True).first.click()
    page.wait_for_function(f"() => ({_BOX})() == null")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    shot(page, "spectrafm_dark")
    nb.set_theme("light")
    page.get_by_role("button", name="Close panel").first.click()
    table.wait_for(state="hidden")
