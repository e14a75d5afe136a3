"""The quickstart in real JupyterLab: open a real spectrum, wait for the posterior, click a similar star."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seen import layer

_ROOT = Path(__file__).resolve().parents[2]
_SHARED = Path(os.environ.get("SPECVIZ_SHARED") or _ROOT.parent / "shared")
_REAL = _SHARED / "data/lamost_dr10"

_INK = """() => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'sv-layer:observed' && m.glyph.type === 'Line') return m.glyph.line_color.value }"""


def _code_cells(name: str) -> list[str]:
    notebook = json.loads((_ROOT / "notebooks" / name).read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


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
    before = layer(page, "observed")
    field = page.get_by_placeholder("Name, Gaia or LAMOST id, coordinates, or file")
    field.fill(target)
    field.press("Enter")
    page.locator(".name", has_not_text="demo 1").first.wait_for()  # the key may still be on its way to the kernel
    name = nb.kernel_eval("explorer.session.wait().star.name")
    _has_star(page, name)
    seen = layer(page, "observed", f"found.mid !== {before['mid']}")
    assert seen["n"] == nb.kernel_eval("len(explorer.view.lamost.data.data['y'])") > 3000
    assert layer(page, "xp_predicted")["n"] == 343  # the Gaia XP spectrum that was never observed
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

    assert page.evaluate(_INK) == "#1F2328"
    # dark: colours change in the browser, the kernel's models stay as they are
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    assert page.evaluate(_INK) not in (None, "#1F2328")
    shot(page, "quickstart_dark")

    # a mistake: words, no traceback, nothing lost
    field.fill("/no/such/spectrum.fits")
    field.press("Enter")
    page.get_by_text("No star or file called").first.wait_for()
    assert nb.kernel_eval("explorer.star.name") == name
    shot(page, "quickstart_error")
    page.get_by_role("button", name="Close notice").click()
    page.get_by_text("No star or file called").first.wait_for(state="hidden")
