"""The lessons in JupyterLab: sliders move what is drawn, charts share a row, dark colours, nothing from elsewhere.

``SPECVIZ_SHOTS=docs/images pytest tests/ui/test_lessons.py`` keeps the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
#: Mean of a column that the browser draws for a layer of a chart; null before it is there.
_MEAN = """([layer, column]) => { for (const doc of window.Bokeh?.documents ?? [])
    for (const m of doc._all_models.values()) if (m.type === 'GlyphRenderer' && m.name === `chart:${layer}`) {
      const all = [...(m.data_source.data[column] ?? [])].filter(Number.isFinite)
      if (all.length) return all.reduce((a, b) => a + b, 0) / all.length
    } return null }"""
_INK = """(layer) => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === `chart:${layer}` && m.glyph?.type === 'Line') return m.glyph.line_color.value }"""


def _cells(name: str, *ids: str) -> list[str]:
    notebook = json.loads((_NOTEBOOKS / name).read_text("utf-8"))
    found = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    return [found[cell] for cell in ids]


def _changed(page: Any, layer: str, column: str, before: float) -> float:
    page.wait_for_function(f"([l, c, b]) => {{ const now = ({_MEAN})([l, c]); return now !== null && now !== b }}",
                           arg=[layer, column, before])  # fmt: skip
    return float(page.evaluate(_MEAN, [layer, column]))


def test_a_slider_turns_a_star_hot(open_notebook: Callable[..., Any], shot: Callable[..., Path]) -> None:
    cells = _cells("02_what_is_a_spectrum.ipynb", "first-spectrum", "continuum", "lines")
    nb = open_notebook(cells, viewport={"width": 1280, "height": 2300})
    nb.run_all()
    page = nb.page
    said = page.locator(".widget-html-content")
    said.filter(has_text="like the Sun: many metals").wait_for()
    page.wait_for_function(f"() => ({_MEAN})(['demo 1', 'y']) !== null")
    page.wait_for_function("() => document.querySelectorAll('.sv-host').length === 3")
    before = nb.kernel_eval("float(lines.data('star')['y'].mean())")
    handle = page.get_by_role("slider").nth(1)  # the first is the continuum's
    handle.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    said.filter(has_text="metals fade, hydrogen grows").wait_for()  # 5,800 K and twice 100 K: an F star
    assert nb.kernel_eval("teff.value") == 6000
    assert nb.kernel_eval("float(lines.data('star')['y'].mean())") > before  # fewer lines
    assert page.get_by_label("Spectrum of a Sun-like star").count() >= 1, "the chart says what it shows"
    shot(page, "lesson_spectrum")
    nb.set_theme("dark")
    page.locator('.sv-host[data-sv-theme="dark"]').first.wait_for()
    assert page.evaluate(_INK, "demo 1") not in (None, "#1F2328")
    shot(page, "lesson_spectrum_dark")


def test_a_live_matrix_and_charts_that_share_a_row(
    open_notebook: Callable[..., Any], shot: Callable[..., Path]
) -> None:
    matrix = _cells("05_two_surveys_one_star.ipynb", "two", "vectors", "matrix")
    row = "widgets.HBox([specviz.chart(alt=f'{n}').curve('a', [0, 1], [0, n]) for n in (1, 2)])"
    nb = open_notebook([*matrix, row], viewport={"width": 1280, "height": 2000})
    nb.run_all()
    page = nb.page
    page.locator(".widget-html-content", has_text="of the rows are brightest at their own star").wait_for()
    page.wait_for_function(f"() => ({_MEAN})(['similarity', 'value']) !== null")
    before = page.evaluate(_MEAN, ["similarity", "value"])
    span = page.get_by_role("slider").first
    span.focus()
    page.keyboard.press("ArrowLeft")
    after = _changed(page, "similarity", "value", before)
    assert abs(after - nb.kernel_eval("float(cells.data('similarity')['value'].mean())")) < 1e-6
    page.wait_for_function("() => document.querySelectorAll('.sv-host').length === 4")
    widths = page.evaluate("() => [...document.querySelectorAll('.sv-host')].slice(-2).map((e) => e.clientWidth)")
    assert min(widths) > 300 and abs(widths[0] - widths[1]) < 5
    shot(page, "lesson_surveys")
