"""The quickstart in real JupyterLab: open a real spectrum, wait for the posterior, click a similar star."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SHARED = Path(os.environ.get("SPECVIZ_SHARED") or _ROOT.parent / "shared")
_REAL = _SHARED / "data/lamost_dr10"

#: What the browser itself holds of a figure: length, first value and visibility of the data a named glyph draws.
_GLYPH = """(name) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === name && m.data_source) {
      const y = m.data_source.data.y
      return {n: y.length, mid: y[y.length >> 1], visible: m.visible}
    }
    return null }"""
_MODEL = """([name, key]) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === name) return m[key]; return null }"""


def _code_cells(name: str) -> list[str]:
    notebook = json.loads((_ROOT / "notebooks" / name).read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def _wait(page: Any, script: str, argument: Any = None, timeout: float = 60_000) -> Any:
    return page.wait_for_function(script, arg=argument, timeout=timeout)


def _has_star(page: Any, name: str) -> None:
    """Until the summary shows the star with its posterior."""
    page.locator(".name", has_text=name).first.wait_for()
    page.locator(".tile", has_text="K").first.wait_for()


def test_quickstart(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(_code_cells("00_quickstart.ipynb"), viewport={"width": 1400, "height": 1650})
    nb.run_all()
    page = nb.page
    _has_star(page, "demo 1")
    assert nb.kernel_eval("explorer.session.state.report.star.name") == "demo 1"
    assert nb.kernel_eval("len(explorer.report.posterior)") == 10_000
    shot(page, "quickstart_demo")

    # a real spectrum, by its path in the search box
    files = sorted(_REAL.glob("*.fits*")) if _REAL.is_dir() else []
    target = str(files[3]) if files else "demo 7"
    before = page.evaluate(_GLYPH, "lamost-observed")
    field = page.get_by_placeholder("Name, Gaia or LAMOST id, coordinates, or file")
    field.fill(target)
    field.press("Enter")
    page.locator(".name", has_not_text="demo 1").first.wait_for()  # the key may still be on its way to the kernel
    name = nb.kernel_eval("explorer.session.wait().star.name")
    _has_star(page, name)
    _wait(page, f"(old) => {{ const g = ({_GLYPH})('lamost-observed'); return g && g.mid !== old.mid }}", before)
    seen = page.evaluate(_GLYPH, "lamost-observed")
    assert seen["n"] == nb.kernel_eval("len(explorer.view.lamost.data.data['y'])") > 3000
    assert page.evaluate(_GLYPH, "xp-predicted")["n"] == 343  # the Gaia XP spectrum that was never observed
    summary = nb.kernel_eval("{k: list(v) for k, v in explorer.report.posterior.summary().items()}")
    assert 3000 < summary["teff"][0] < 15000 and summary["teff"][1] < summary["teff"][0] < summary["teff"][2]
    teff = page.locator(".tile .value").first.inner_text()
    assert str(round(summary["teff"][0])) in teff.replace("\u2009", "")  # what is on screen is what the kernel has
    assert nb.kernel_eval("sum(len(x) for x in explorer.view.posterior.fills[0.68].data['xs'])") >= 3

    # the second of the similar stars
    page.locator("tr[data-sv-row]").nth(1).locator("td").nth(2).click()
    page.locator('tr[data-sv-row="1"][aria-selected="true"]').wait_for()
    page.get_by_role("button", name="Similar star", exact=True).wait_for()
    assert nb.kernel_eval("explorer.session.state.neighbour") == 1
    chosen = nb.kernel_eval("explorer.selection.name")
    state = "explorer.session.state"
    assert chosen == nb.kernel_eval(f"str({state}.neighbours['object_id'][{state}.neighbour])")
    assert nb.kernel_eval("explorer.view.lamost.similar.data['x'].size") > 500
    shot(page, "quickstart_real")

    # dark: colours change in the browser, the kernel's models stay as they are
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    assert page.evaluate(f"() => ({_MODEL})(['lamost-observed', 'glyph']).line_color.value ?? null") != "#1F2328"
    shot(page, "quickstart_dark")

    # a mistake: words, no traceback, nothing lost
    field.fill("/no/such/spectrum.fits")
    field.press("Enter")
    page.get_by_text("No star or file called").first.wait_for()
    assert nb.kernel_eval("explorer.star.name") == name
    shot(page, "quickstart_error")
    page.get_by_role("button", name="Close notice").click()
    page.get_by_text("No star or file called").first.wait_for(state="hidden")


@pytest.mark.parametrize("door", ["nb7", "voila"])
def test_explorer_at_the_other_notebook_doors(open_notebook: Callable[..., Any], door: str) -> None:
    shown = "e = specviz.explore('demo 5')\nipywidgets.VBox([ipywidgets.HTML('above'), e])"
    cells = ["import specviz\nimport ipywidgets", shown]
    nb = open_notebook(cells, door=door, viewport={"width": 1400, "height": 1000})
    if door != "voila":
        nb.run_all()
    _has_star(nb.page, "demo 5")
    assert nb.page.evaluate(_GLYPH, "lamost-observed")["n"] > 1000
    nb.page.get_by_role("button", name="Normalised", exact=True).click()
    _wait(nb.page, f"() => Math.abs(({_GLYPH})('lamost-observed').mid - 1) < 0.5")


def test_served_explorer_keeps_visitors_apart(
    served: Any, open_page: Callable[..., Any], shot: Callable[..., Path]
) -> None:
    address = served("import os, specviz\nspecviz.serve(port=int(os.environ['PORT']))")
    pages = [open_page("serve", viewport={"width": 1300, "height": 1500}) for _ in range(2)]
    for page, title in zip(pages, ("Sun-like star", "Red giant"), strict=True):
        page.goto(address)
        page.get_by_role("button", name=f"Open {title}").click()
        page.locator(".name").first.wait_for()
    shot(pages[0], "served")
    names = [page.locator(".name").first.inner_text() for page in pages]
    assert names[0] != names[1]
    field = pages[0].get_by_placeholder("Name, Gaia or LAMOST id, coordinates, or file")
    field.fill("/etc/hostname")  # a visitor may not read files of this machine
    field.press("Enter")
    pages[0].get_by_text("No star or file called").first.wait_for()
    assert pages[1].locator(".name").first.inner_text() == names[1]
