"""The Explorer under strain in JupyterLab: opened and closed thirty times, twice on one page, fed hostile text."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(420)

CYCLES = int(os.environ.get("SPECVIZ_CYCLES", "30"))
#: MB that thirty Explorers may leave behind in a kernel. One that is not freed holds about 25.
KERNEL_BOUND = 60.0
#: DOM nodes that a closed Explorer may leave in the page: the notebook's own, of the cell that is run again. One that
#: is kept alive leaves thousands; plots that a patch brings left 1350 until their listeners ended (widgets/view.js).
NODES_BOUND = 60
FOUND = "() => [document.querySelectorAll('.sv-host').length, (window.Bokeh?.documents ?? []).length]"
PWNED = """() => { const bad = []
  const walk = (root) => { for (const el of root.querySelectorAll('*')) {
    if (el.shadowRoot) walk(el.shadowRoot)
    if (el.closest?.('.sv-host') == null && !(el.getRootNode() instanceof ShadowRoot)) continue
    const runs = [...el.attributes].some((a) => a.name.startsWith('on'))
    if (runs || ['IMG', 'IFRAME', 'OBJECT', 'EMBED'].includes(el.tagName)) bad.push(el.outerHTML.slice(0, 200))
  } }
  for (const host of document.querySelectorAll('.sv-host')) walk(host)
  return [window.__pwned ?? null, bad] }"""


def _shown(page: Any, name: str, nth: int = 0) -> None:
    host = page.locator(".sv-host").nth(nth)
    host.locator(".name", has_text=name).first.wait_for()
    host.locator(".tile", has_text="K").first.wait_for()


@pytest.mark.slow
def test_thirty_explorers_opened_and_closed_leave_nothing(open_notebook: Callable[..., Any]) -> None:
    setup = """import gc, os, weakref
import specviz
explorer, dead, count = None, [], 0
def rss():
    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
def alive():
    gc.collect()
    return [type(r()).__name__ for r in dead if r() is not None]
def census():
    gc.collect()
    from bokeh.model import Model
    return sum(isinstance(o, Model) for o in gc.get_objects())"""
    again = """count += 1
if explorer is not None: explorer.close()
explorer = specviz.explore(f'demo {count}', online=False)
dead += [weakref.ref(x) for x in (explorer, explorer.view, explorer.root, explorer.doc, explorer.session)]
display(explorer)"""
    end = "explorer.session.wait(); explorer.close(); del explorer"
    nb = open_notebook([setup, again, end])
    page = nb.page
    nb.run_cell(0)
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")

    def nodes() -> float:
        cdp.send("HeapProfiler.collectGarbage")
        return {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}["Nodes"]

    seen: dict[int, tuple[float, float, int]] = {}
    for i in range(1, CYCLES + 1):
        nb.run_cell(1)
        _shown(page, f"demo {i}")
        page.wait_for_function(f"() => JSON.stringify(({FOUND})()) === '[1,1]'")
        if i in (4, CYCLES):
            nb.kernel_eval("(explorer.session.wait().busy, explorer.complete())[0]")
            page.get_by_role("button", name="Add stars", exact=True).first.wait_for()  # all panels are there
            page.wait_for_timeout(1000)
            seen[i] = nodes(), nb.kernel_eval("(gc.collect(), rss())[1]"), nb.kernel_eval("census()")
    nb.run_cell(2)
    page.wait_for_function(f"() => JSON.stringify(({FOUND})()) === '[0,0]'")
    for _ in range(60):  # not in that cell: while it runs, the kernel's loop still holds what it has to send
        if not nb.kernel_eval("alive()"):
            break
        page.wait_for_timeout(500)
    assert nb.kernel_eval("(len(dead), alive())") == (5 * CYCLES, [])
    assert nb.kernel_eval("census()") == 0  # every Bokeh model is gone
    sys.stderr.write(f"\n{CYCLES} Explorers: (DOM nodes, MB of the kernel, models) {seen}\n")
    assert seen[CYCLES][2] == pytest.approx(seen[4][2], rel=0.02), seen  # no models add up
    assert seen[CYCLES][0] - seen[4][0] < NODES_BOUND * (CYCLES - 4), seen
    assert seen[CYCLES][1] - seen[4][1] < KERNEL_BOUND, seen


def test_two_explorers_do_not_disturb_each_other(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    cells = [
        "import specviz\na = specviz.explore(['demo 1', 'demo 2'], online=False)\na",
        "b = specviz.explore(['demo 3', 'demo 4'], online=False)\nb",
    ]
    nb = open_notebook(cells, viewport={"width": 1400, "height": 1400})
    nb.run_all()
    page = nb.page
    _shown(page, "demo 1", 0)
    _shown(page, "demo 3", 1)
    names = "(a.session.wait().star.name, b.session.wait().star.name)"
    views = "(a.session.state.view.flux, b.session.state.view.flux)"

    def focus(nth: int) -> None:
        page.locator(".sv-host").nth(nth).get_by_role("button", name="Reset LAMOST zoom").click()
        expect(page.locator(".sv-host").nth(nth)).to_have_attribute("data-sv-keys", "active")
        expect(page.locator(".sv-host").nth(1 - nth)).to_have_attribute("data-sv-keys", "idle")

    focus(1)
    page.keyboard.press("n")
    page.locator(".sv-host").nth(1).locator('button[data-sv-set="flux normalised"][aria-pressed="true"]').wait_for()
    page.keyboard.press("ArrowRight")
    _shown(page, "demo 4", 1)
    assert nb.kernel_eval(names) == ("demo 1", "demo 4") and nb.kernel_eval(views) == ("flux", "normalised")
    focus(0)
    page.keyboard.press("ArrowRight")
    _shown(page, "demo 2", 0)
    assert nb.kernel_eval(names) == ("demo 2", "demo 4") and nb.kernel_eval(views) == ("flux", "normalised")
    page.locator(".sv-host").nth(0).locator(".sv-work").first.scroll_into_view_if_needed()
    nb.kernel_eval("a.session.choose(2)")
    assert nb.kernel_eval("(a.selection is None, b.selection is None)") == (False, True)
    nb.kernel_eval("a.close()")
    expect(page.locator(".sv-host")).to_have_count(1)
    focus_one = page.locator(".sv-host").nth(0)
    focus_one.get_by_role("button", name="Reset LAMOST zoom").click()
    page.keyboard.press("ArrowLeft")
    _shown(page, "demo 3")
    assert nb.kernel_eval("(b.session.wait().star.name, len(b.doc.roots))") == ("demo 3", 1)
    shot(page, "two_explorers")


HOSTILE = """
import sys
sys.path.insert(0, {session!r})
import specviz
from hostile import PAYLOADS, hostile_fits, hostile_star
from specviz.doors import save_html
from specviz.session.state import Notice
explorer = specviz.explore([hostile_star(v) for v in PAYLOADS.values()] + ['demo 2'], online=False)
explorer
"""
# Drops files of hostile names on the widget; one of them is a FITS file, made in the kernel.
DROP = """([names, text]) => {
  const transfer = new DataTransfer()
  const data = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  for (const name of names) transfer.items.add(new File([data], name))
  const options = {dataTransfer: transfer, bubbles: true, composed: true, cancelable: true}
  const target = document.querySelector('.sv-host .sv-view')
  for (const type of ['dragover', 'drop']) target.dispatchEvent(new DragEvent(type, options))
}"""


def test_hostile_text_renders_as_text_in_the_browser(open_notebook: Any, shot: Any, tmp_path: Path) -> None:
    session = str(Path(__file__).resolve().parents[1] / "session")
    nb = open_notebook([HOSTILE.format(session=session)], viewport={"width": 1400, "height": 1650})
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    for i, evil in enumerate(nb.kernel_eval("list(PAYLOADS.values())")):
        nb.kernel_eval(f"explorer.session.go({i}) and explorer.session.wait() and 1")
        nb.kernel_eval("explorer.session.tell(Notice('error', explorer.star.name, explorer.star.name, 'd'))")
        nb.kernel_eval("explorer.session.choose(0)")
        page.locator(".name", has_text=evil[:58]).first.wait_for()  # as text, every character of it
        assert page.evaluate(PWNED) == [None, []], evil
    shot(page, "hostile")
    # a FITS file with hostile cards, dropped under a hostile name
    evil = nb.kernel_eval("PAYLOADS['element']")
    data = nb.kernel_eval("__import__('base64').b64encode(hostile_fits(PAYLOADS['element'])).decode()")
    page.evaluate(DROP, [[f"{evil}.fits"], data])
    page.get_by_text(f"Class {evil[:16]}").first.wait_for()
    assert nb.kernel_eval("explorer.session.wait().star.spectra['lamost_lrs'].meta['subclass'][:4]") == evil[:4]
    page.evaluate(DROP, [[f"{evil}.csv"], "AAAA"])
    page.get_by_text("could not be").or_(page.locator("[data-sv-act=dismiss]")).first.wait_for()
    assert page.evaluate(PWNED) == [None, []]
    # and the page that is saved of it
    path = tmp_path / "saved.html"
    nb.kernel_eval(f"str(save_html(explorer, {str(path)!r}))")
    page.goto(path.as_uri())
    page.locator(".name").first.wait_for()
    assert page.evaluate(PWNED) == [None, []]
