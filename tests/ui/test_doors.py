"""Each door shows the same tree, alive, with its theme, without asking anything of another machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from small_tree import PALETTES

pytestmark = pytest.mark.timeout(120)

START = "from small_tree import SmallTree"
SHOW = "tree = SmallTree(); host = tree.host(); host"
# What the browser's models hold: y of the spectrum, colours of line, column and title, and the x range.
STATE = """() => (window.Bokeh?.documents ?? []).map((d) => {
  const all = [...d._all_models.values()];
  const source = all.find((m) => m.type === 'ColumnDataSource' && m.data.y?.length === 4000);
  const stars = all.find((m) => m.type === 'ColumnDataSource' && m.data.c != null);
  const line = all.find((m) => m.type === 'GlyphRenderer' && m.data_source === source);
  const plot = all.find((m) => m.type === 'Figure' || m.type === 'Plot');
  const color = line.glyph.line_color;
  return {y: source.data.y[0], line: (color.value ?? color).toLowerCase(), star: stars.data.c[0].toLowerCase(),
          title: plot.title.text_color.toLowerCase(), start: plot.x_range.start, painted: plot.inner_width > 0}
})"""
# Drops a file of 5 MB, more than one websocket message of Jupyter may hold in base64.
DROP = """() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(5000000).fill(7)], 'star.fits'));
  const target = document.querySelector('.sv-host .sv-view') ?? document.body;
  const options = {dataTransfer: transfer, bubbles: true, composed: true, cancelable: true};
  for (const type of ['dragover', 'drop']) target.dispatchEvent(new DragEvent(type, options));
}"""
ZOOM = """() => {
  const plot = [...window.Bokeh.documents[0]._all_models.values()].find((m) => m.type === 'Figure');
  plot.x_range.setv({start: 5000, end: 6000});
}"""


def role(mode: str, name: str) -> str:
    return PALETTES[mode][name].lower()


def states(page: Page, n: int = 1) -> list[dict[str, Any]]:
    page.wait_for_function(f"() => {{ const s = ({STATE})(); return s.length === {n} && s.every((v) => v.painted) }}")
    return page.evaluate(STATE)


def expect_mode(page: Page, mode: str, n: int = 1) -> list[dict[str, Any]]:
    line = role(mode, "reconstructed")
    page.wait_for_function(
        f"() => {{ const s = ({STATE})(); return s.length === {n} && s.every((v) => v.line === '{line}') }}"
    )
    found = states(page, n)
    for state in found:
        assert (state["star"], state["title"]) == (role(mode, "similar_star"), role(mode, "observed"))
    return found


def click(page: Page, tick: str, nth: int = 0) -> None:
    page.get_by_role("button", name="Next star", exact=True).nth(nth).click()
    expect(page.get_by_text(tick, exact=True).nth(nth)).to_be_visible()


def check_alive(page: Page) -> None:
    """A click moves the model, the pixels and the table."""
    expect(page.get_by_text("tick0", exact=True)).to_be_visible()
    before = states(page)[0]["y"]
    canvas = page.locator(".bk-Canvas canvas").first
    picture = canvas.screenshot()
    click(page, "tick1")
    page.wait_for_function(f"() => ({STATE})()[0].y !== {before}")
    expect(page.locator(".slick-cell.l1").first).to_have_text("1")  # the table is redrawn, not only its source replaced
    assert canvas.screenshot() != picture


def check_inbox(page: Page) -> None:
    """Keys, width, drop and errors reach Python."""
    expect(page.get_by_text(re.compile(r"^width \d+$"))).to_be_visible()
    page.locator(".bk-Canvas").first.click(position={"x": 200, "y": 60})
    expect(page.locator("[data-sv-keys=active]")).to_have_count(1)
    page.keyboard.press("Shift+J")
    expect(page.get_by_text("key j True", exact=True)).to_be_visible()
    page.keyboard.press("k")  # not asked for
    page.evaluate(DROP)
    expect(page.get_by_text(f"file star.fits 5000000 {5000000 * 7 % 251}", exact=True)).to_be_visible()


def test_jupyterlab(open_notebook: Any, shot: Any) -> None:
    nb = open_notebook([START, SHOW])
    page = nb.page
    nb.run_all()
    check_alive(page)
    check_inbox(page)
    page.get_by_role("button", name="Break", exact=True).click()
    expect(page.get_by_text("error ZeroDivisionError: division by zero", exact=True)).to_be_visible()
    shot(page, "doors_lab_light")
    # theme: swapped in place, zoom kept, nothing told to the kernel, later changes arrive in the theme
    expect(page.locator(".sv-host")).to_have_attribute("data-sv-theme", "light")
    expect_mode(page, "light")
    page.evaluate(ZOOM)
    built = page.evaluate("() => { window.__doc = window.Bokeh.documents[0]; return 1 }")
    nb.set_theme("dark")
    expect(page.locator(".sv-host")).to_have_attribute("data-sv-theme", "dark")
    dark = expect_mode(page, "dark")
    assert built and page.evaluate("window.__doc === window.Bokeh.documents[0]") and dark[0]["start"] == 5000
    chip = page.get_by_text("tick1", exact=True).evaluate("(e) => getComputedStyle(e).color")
    assert chip == "rgb(90, 180, 245)"  # a variable, through two shadow roots
    shot(page, "doors_lab_dark")
    assert nb.kernel_eval("(tree.plot.title.text_color, tree.stars.data['c'][0], tree.plot.x_range.start)") == (
        PALETTES["light"]["observed"],
        PALETTES["light"]["similar_star"],
        5000,
    )
    click(page, "tick2")
    nb.kernel_eval("setattr(tree.plot.title, 'text_color', tree.stars.data['c'][0])")
    page.wait_for_function(f"() => ({STATE})()[0].title === '{role('dark', 'similar_star')}'")
    nb.set_theme("light")
    page.wait_for_function(f"() => ({STATE})()[0].title === '{role('light', 'similar_star')}'")
    # reload: the current state comes back without running a cell
    nb.set_theme("dark")
    nb.reload()
    expect(page.get_by_text("tick2", exact=True)).to_be_visible()
    assert states(page)[0]["line"] == role("dark", "reconstructed")  # built dark
    click(page, "tick3")
    nb.set_theme("light")


def test_views_agree_and_run_all(open_notebook: Any) -> None:
    nb = open_notebook(
        [
            START + "\n" + SHOW,
            "import time; end = time.monotonic() + 3\nwhile time.monotonic() < end: time.sleep(0.02)",
            "host",
        ]
    )
    page = nb.page
    nb.run_all(wait=False)
    expect(page.get_by_text("tick0", exact=True)).to_be_visible()
    assert states(page)[0]["painted"]
    assert page.evaluate("window.__ran") is None  # the view came although the next cell is running
    nb.wait_command()
    states(page, 2)
    click(page, "tick1", nth=1)
    nb.kernel_eval("__import__('threading').Thread(target=lambda: [tree.step() for _ in range(3)]).start()")
    for view in (0, 1):
        expect(page.get_by_text("tick4", exact=True).nth(view)).to_be_visible()
    first, second = states(page, 2)
    assert first["y"] == second["y"] == pytest.approx(nb.kernel_eval("float(tree.spectrum.data['y'][0])"))
    # width classes: a narrow page turns the host, and container rules reach into shadow roots
    page.set_viewport_size({"width": 720, "height": 900})
    expect(page.locator("[data-sv-width=narrow]")).to_have_count(2)
    expect(page.get_by_text("only wide").first).to_be_hidden()


def test_thirty_open_close(open_notebook: Any) -> None:
    setup = "import gc, weakref\nfrom small_tree import SmallTree\nhost, dead, count = None, [], 0"
    again = """count += 1
if host is not None: host.close()
tree = SmallTree(f"open{count}_"); host = tree.host()
dead += [weakref.ref(x) for x in (tree, host, host.root, host.doc)]
display(host)"""
    end = "host.close(); del host, tree; gc.collect(); alive = [type(r()).__name__ for r in dead if r() is not None]"
    nb = open_notebook([setup, again, end])
    page = nb.page
    nb.run_cell(0)
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")

    def nodes() -> float:
        cdp.send("HeapProfiler.collectGarbage")
        return {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}["Nodes"]

    seen = {}
    for i in range(1, 31):
        nb.run_cell(1)
        expect(page.get_by_text(f"open{i}_0", exact=True)).to_be_visible()
        page.wait_for_function("() => window.Bokeh.documents.length === 1")
        if i in (5, 30):
            states(page)
            seen[i] = nodes()
    nb.run_cell(2)
    page.wait_for_function("() => window.Bokeh.documents.length === 0")
    assert nb.kernel_eval("(len(dead), alive)") == (120, [])
    assert seen[30] - seen[5] < 600, seen  # before the cure each closed plot kept 900 nodes


def test_notebook7(open_notebook: Any) -> None:
    nb = open_notebook([START, SHOW], "nb7")
    nb.run_all()
    check_alive(nb.page)
    nb.set_theme("dark")
    expect_mode(nb.page, "dark")
    nb.set_theme("light")


def test_voila(open_notebook: Any, shot: Any) -> None:
    cells = [
        START,
        "import ipywidgets\ntree = SmallTree(); host = tree.host()\n"
        "ipywidgets.VBox([host, ipywidgets.HTML('<b class=below>below</b>')])",
    ]
    nb = open_notebook(cells, "voila")
    check_alive(nb.page)
    check_inbox(nb.page)
    expect(nb.page.locator(".below")).to_be_visible()  # composes with other widgets
    font = nb.page.locator(".sv-host").evaluate("(e) => getComputedStyle(e).getPropertyValue('--jp-ui-font-family')")
    assert "system-ui" in font
    shot(nb.page, "doors_voila")


SERVE = """
import os
from small_tree import PALETTES, SmallTree
from specviz.doors import serve

def factory(inbox):
    tree = SmallTree()
    tree.listen(inbox)
    return tree.layout

serve(factory, port=int(os.environ["PORT"]), title="A small tree", palettes=PALETTES)
"""


def test_serve(served: Any, open_page: Any, shot: Any) -> None:
    address = served(SERVE)
    page = open_page("serve")
    page.goto(address)
    assert page.title() == "A small tree"
    check_alive(page)
    check_inbox(page)
    page.get_by_role("button", name="Break", exact=True).click()
    expect(page.get_by_text("error ZeroDivisionError: division by zero", exact=True)).to_be_visible()
    host = page.locator(".sv-host")
    expect(host).to_have_attribute("data-sv-upload", str(64 * 2**20))
    host.evaluate("(host) => { host.dataset.svUpload = 4e6 }")  # the browser itself refuses what is too large
    page.evaluate(DROP)
    expect(page.get_by_text("error What was dropped is too large: 5 MB (star.fits)")).to_be_visible()
    page.emulate_media(color_scheme="dark")
    expect(host).to_have_attribute("data-sv-theme", "dark")
    expect_mode(page, "dark")
    shot(page, "doors_serve_dark")
    other = open_page("serve", color_scheme="dark")
    other.goto(address)
    expect(other.get_by_text("tick0", exact=True)).to_be_visible()  # a session of its own, dark from the start
    expect_mode(other, "dark")


def test_saved_page(tmp_path: Path, open_page: Any, shot: Any) -> None:
    from small_tree import SmallTree

    from specviz.doors import save_html

    tree = SmallTree()
    path = save_html(tree.layout, tmp_path / "star.html", title="A <star>", palettes=PALETTES)
    assert path.stat().st_size < 3_000_000
    page = open_page("file", color_scheme="dark")
    page.goto(path.as_uri())
    expect(page.get_by_text("tick0", exact=True)).to_be_visible()
    assert page.title() == "A <star>"
    expect_mode(page, "dark")
    page.emulate_media(color_scheme="light")
    expect_mode(page, "light")
    expect(page.locator(".sv-host")).to_have_attribute("data-sv-width", "wide")
    shot(page, "doors_saved")
