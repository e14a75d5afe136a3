"""A cell of ``%%specviz`` in JupyterLab: words, a table and the plots of the chat, both themes and narrow; what nobody
sees any more is freed and comes again. ``docs/images/magic_light.png`` is the picture ``magic_light`` of this test::

    SPECVIZ_SHOTS=/tmp/shots pytest tests/ui/test_magic.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

_ASKED = "%%specviz --offline\nshow me the spectrum of demo 1\nwho are its neighbours"
_SETUP = """%load_ext specviz
import gc
from specviz.app.told_plots import TurnPlots
def census():
    gc.collect()
    from bokeh.model import Model
    return sum(issubclass(type(o), Model) for o in gc.get_objects())
def hosts():
    from ipywidgets.widgets.widget import _instances
    return [w.doc is not None for w in _instances.values() if isinstance(w, TurnPlots)]"""
#: Where the frames of the plots begin, below what stands above them.
_FRAMES = """() => [...window.Bokeh.documents].flatMap((doc) => [...doc._all_models.values()]
    .filter((m) => m.type === 'Figure')
    .map((m) => Math.round(doc.views_manager?.find_one(m)?.frame?.bbox.top ?? 0)))
    .sort((a, b) => a - b)"""
#: Share of the pixels of a plot's canvas that are drawn on; -1 without a canvas.
_INK = """() => { const find = (root) => { for (const el of root.querySelectorAll('*')) {
      if (el.tagName === 'CANVAS' && el.width > 300) return el
      const deeper = el.shadowRoot && find(el.shadowRoot); if (deeper) return deeper } return null }
    const canvas = find(document); if (canvas == null) return -1
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
    let n = 0; for (let i = 3; i < data.length; i += 4) n += data[i] > 40
    return n / (data.length / 4) }"""


def _drawn(page: Page) -> None:
    page.get_by_role("img", name="LAMOST spectrum of demo 1").wait_for()
    page.wait_for_function(f"() => ({_INK})() > 0.02")
    expect(page.locator("ul.near svg.thumb")).to_have_count(5)


def test_a_cell_shows_words_a_table_and_plots(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    cells = ["%load_ext specviz", _ASKED, "%specviz predict its XP spectrum"]
    nb = open_notebook(cells, viewport={"width": 1100, "height": 1500})
    nb.run_all()
    page = nb.page
    _drawn(page)
    output = page.locator(".jp-OutputArea-output")
    expect(output.filter(has_text="LAMOST spectrum (S/N 120)").first).to_be_visible()
    expect(page.locator(".jp-RenderedHTMLCommon tbody tr")).to_have_count(5)
    curve = page.locator("ul.near svg.thumb path:not(.own)").first.get_attribute("d") or ""
    assert curve.count("L") > 20 and "NaN" not in curve
    near = page.get_by_role("region", name="Similar stars, Hβ to Mg b")
    expect(near).to_contain_text("c3 similar: specclip-small 2.0, weights ")
    page.get_by_role("img", name="Gaia XP spectrum of demo 1: predicted from LAMOST, observed").wait_for()
    page.wait_for_function(f"() => {{ const [low, high] = ({_FRAMES})(); return low > 0 && high > low + 10 }}")
    frames = page.evaluate(_FRAMES)  # a legend takes room
    shot(page, "magic_light")
    near.locator(".from").click()  # leads to the call that made it
    expect(page.locator("details.call[open]")).to_contain_text("c3 similar(")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    page.locator("#jupyterlab-splash").wait_for(state="hidden")
    page.wait_for_function(f"() => ({_INK})() > 0.02")
    page.wait_for_function(f"(was) => JSON.stringify(({_FRAMES})()) === JSON.stringify(was)", arg=frames)
    shot(page, "magic_dark")
    nb.set_theme("light")
    page.set_viewport_size({"width": 760, "height": 1100})
    page.wait_for_timeout(400)  # the narrow page is laid out
    shot(page, "magic_narrow")


def test_what_a_cell_showed_is_freed_and_comes_again(open_notebook: Callable[..., Any]) -> None:
    nb = open_notebook([_SETUP, _ASKED])
    nb.run_all()
    page = nb.page
    _drawn(page)
    assert nb.kernel_eval("census()") > 0
    models = set()
    for _ in range(3):
        nb.run_cell(1)
        _drawn(page)
        page.wait_for_function("() => window.Bokeh.documents.length === 2")
        models.add(nb.kernel_eval("census()"))  # from the second time on the model's curve is known at once
    assert len(models) == 1 and nb.kernel_eval("hosts()") == [True, True]
    nb.command("notebook:delete-cell")
    page.wait_for_function("() => window.Bokeh.documents.length === 0")
    nb.until("census() == 0")
    nb.command("notebook:undo-cell-action")  # the page has the old document, and asks for the new one
    _drawn(page)
    nb.until("hosts() == [True, True]")
    nb.reload()  # the page is opened anew: its plots are there
    _drawn(page)
    nb.command("notebook:clear-all-cell-outputs")
    page.wait_for_function("() => window.Bokeh.documents.length === 0")
    nb.until("(census(), hosts()) == (0, [False, False])")
