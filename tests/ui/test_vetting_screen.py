"""The vetting screen in JupyterLab: the keyboard stays where it is wanted, and a half-typed comment is never lost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from page_checks import controls, text_faults, unless_laid_out
from playwright.sync_api import expect

_CELL = "vetting = specviz.vet([f'demo {{i}}' for i in range(1, 31)], labels={!r}, reviewer='MK')\nvetting"
_ACTIVE = """() => {
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) el = el.shadowRoot.activeElement
  if (el.className === 'sv-host') return 'view'
  return el.dataset?.svAct ?? (el.dataset?.svRow ? 'row ' + el.dataset.svRow : el.tagName)
}"""
_TWICE = """(view) => {
  for (const i of [1, 2]) view.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))
}"""
_SAID = "[(r.label.quality, r.label.klass, r.label.comment, r.label.done) for r in vetting.session.vet.rows][{}]"


def _row(page: Any, number: int) -> None:
    """Until that row is on screen."""
    expect(page.locator("li[data-sv-row][aria-selected=true]")).to_have_attribute(
        "data-sv-row", str(number), timeout=60_000
    )


def test_the_keyboard_stays_and_comments_are_kept(
    open_notebook: Callable[..., Any], shot: Callable[..., Path], tmp_path: Path
) -> None:
    nb = open_notebook(
        ["import specviz", _CELL.format(str(tmp_path / "mine.labels"))], viewport={"width": 1500, "height": 1000}
    )
    nb.run_all()
    page = nb.page
    page.locator(".sv-who .name").first.wait_for()
    nb.kernel_eval("vetting.wait().position")
    view = page.locator(".sv-host").first

    # a press on a button leaves the keyboard with the view: Enter is the next star, not the button once more
    page.get_by_role("button", name="Emission", exact=True).click()
    page.locator('[data-sv-act="vet-class emission"][aria-pressed=true]').wait_for()
    assert page.evaluate(_ACTIVE) == "view"
    # whoever comes by Tab keeps the place, though its text was written anew
    page.locator('[data-sv-act="vet-quality 3"]').focus()
    page.keyboard.press("Space")
    page.locator('[data-sv-act="vet-quality 3"][aria-pressed=true]').wait_for()
    page.wait_for_timeout(200)
    assert page.evaluate(_ACTIVE) == "vet-quality 3"
    view.focus()
    page.keyboard.press("c")
    page.keyboard.type("narrow <b>lines</b>, 3 of them")  # "3" and "b" are keys anywhere else
    page.keyboard.press("Enter")
    assert page.evaluate(_ACTIVE) == "view"
    nb.until(_SAID.format(0), (3, "emission", "narrow <b>lines</b>, 3 of them", False))
    page.keyboard.press("Enter")
    _row(page, 2)
    assert page.locator("textarea").last.input_value() == ""
    assert nb.kernel_eval("vetting.session.vet.rows[0].label.done") is True

    # pressed twice at once: the second was for a star that nobody had seen, and says so in place of putting it aside
    expect(page.locator(".sv-who .name").first).to_have_text("demo 2")  # a key for one that is on its way is refused
    page.keyboard.press("3")
    page.locator('[data-sv-act="vet-quality 3"][aria-pressed=true]').wait_for()
    view.evaluate(_TWICE)
    _row(page, 3)
    page.get_by_text("demo 3 was not on screen yet; nothing was written").first.wait_for()
    assert nb.kernel_eval("[r.label.done for r in vetting.session.vet.rows[:4]]") == [True, True, False, False]
    nb.kernel_eval("[vetting.undo_label() for _ in range(2)]")
    _row(page, 2)

    # a comment at hand when the star changes by another's doing belongs to the star it was typed for
    page.keyboard.press("c")
    page.keyboard.type("half ty")
    nb.kernel_eval("vetting.jump(5)")
    _row(page, 5)
    nb.until(_SAID.format(1), (None, "", "half ty", False))
    assert nb.kernel_eval("vetting.session.vet.rows[4].label.empty") is True
    page.wait_for_timeout(100)
    assert page.evaluate(_ACTIVE) == "view"  # not lost with the text that went

    # rows by the arrows; then the field; no letter of it is a command of JupyterLab ("m" would make the cell Markdown)
    page.locator("li[data-sv-row='5']").focus()
    page.keyboard.press("ArrowDown")
    _row(page, 6)
    page.wait_for_timeout(200)
    assert page.evaluate(_ACTIVE) == "row 6"
    page.keyboard.press("/")
    page.keyboard.type("demo 1")
    nb.until("vetting.session.vet.filter", "demo 1")
    expect(page.locator("li[data-sv-row]")).to_have_count(12)  # 1, 10 to 19, 21
    assert page.locator(".jp-MarkdownCell").count() == 0
    page.keyboard.press("Escape")
    assert page.evaluate(_ACTIVE) == "view"
    nb.until("vetting.session.vet.filter", "all")
    shot(page, "vetting_screen")

    # every control has a name of its own and room for a finger; no text is cut, at any width
    found = controls(page)
    names = [c["name"] for c in found]
    assert len(found) > 35 and all(names) and len(set(names)) == len(names)
    assert [(c["name"], c["width"], c["height"]) for c in found if min(c["width"], c["height"]) < 23.5] == []
    page.keyboard.press("ControlOrMeta+b" if sys.platform != "darwin" else "Meta+b")  # JupyterLab's side bar
    for width, height in ((1500, 1000), (1100, 1000), (800, 1700)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(700)
        ours = unless_laid_out(page, lambda: [f for f in text_faults(page) if f[0] in ("outside", "over")])
        assert ours == [], (width, ours)
        shot(page, f"vetting_{width}")
