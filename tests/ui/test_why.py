"""'Why this [Fe/H]?' in JupyterLab: chosen from the panel's menu, drawn in the browser, put away again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

_BARS = """(name) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.data_source && m.name === name) return m.data_source.data.left.length
    return null }"""


def test_a_label_is_explained_over_the_spectrum(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    nb = open_notebook(
        ["import specviz\nexplorer = specviz.explore(['demo 1', 'demo 2'], online=False)\nexplorer"],
        viewport={"width": 1400, "height": 1650},
    )
    nb.run_all()
    page = nb.page
    page.locator(".tile", has_text="K").first.wait_for()
    menu = page.locator("select", has=page.locator("option", has_text="Why [Fe/H]?"))
    menu.select_option(label="Why [Fe/H]?")
    page.wait_for_function(f"() => ({_BARS})('why-raises') > 0", timeout=60_000)
    said = page.get_by_text("for the star without its lines").first
    said.wait_for()
    result = "explorer.session.state.explained.result"
    assert nb.kernel_eval(f"{result}.label") == "fe_h" and nb.kernel_eval(f"{result}.completeness") <= 0.01
    page.get_by_role("button", name="Raises / lowers").wait_for()
    shot(page, "why_fe_h")

    page.get_by_role("button", name="Next star").first.click()  # the question stays, for the next star
    page.locator(".name", has_text="demo 2").first.wait_for()
    said.wait_for()
    assert nb.kernel_eval("explorer.session.wait() and explorer.session.state.explained.label") == "fe_h"

    menu.select_option(label="Why …?")
    said.wait_for(state="hidden")
    assert page.evaluate(_BARS, "why-raises") == 0
