"""The Explorer with a catalogue of many stars open: ``python -m specviz.benchmarks.explorer --catalogue N``.

* first view, next star: as with the demo sky.
* map pan: from the last movement of the map to the painted picture of the new window, with the pause of
  :data:`specviz.views.map_figure.ZOOM_PAUSE` after which the kernel is asked (the old picture moves at once).
* region to list: from a region of the map with a third of the stars, 40 corners, to the similar stars in it, in the
  kernel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import many_stars
from .browser import Jupyter

#: Shifts the map and gives the milliseconds until the browser has painted the picture of the new window.
PAN = """(share) => new Promise((done) => {
    for (const doc of window.Bokeh.documents) for (const fig of doc._all_models.values()) {
      if (fig.name !== 'map' || !fig.x_range) continue
      const source = [...doc._all_models.values()].find((m) => m.name === 'map-density').data_source
      const {start, end} = fig.x_range, step = share * (end - start)
      const began = performance.now()
      const heard = () => { source.properties.data.change.disconnect(heard)
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))) }
      source.properties.data.change.connect(heard)
      fig.x_range.setv({start: start + step, end: end + step})
      doc.views_manager.find_one(fig).trigger_ranges_update_event?.()
    }
})"""
IMAGE = """() => { for (const doc of window.Bokeh?.documents ?? []) for (const m of doc._all_models.values())
    if (m.name === 'map-density' && m.data_source.data.image.length) return true
    return null }"""
_REGION = """
import time as _t, numpy as _np
_a = _np.linspace(0, 2 * _np.pi, 40, endpoint=False)
_seen, _times = explorer.session.state.neighbours, []
for _size in (1.0, 0.98, 0.96, 0.94, 0.92, 0.9):
    _s = _t.perf_counter()
    explorer.select_region(list(5600 + 750 * _size * _np.cos(_a)), list(4.3 + 0.5 * _size * _np.sin(_a)), "kiel")
    while explorer.session.state.neighbours is _seen: _t.sleep(0.001)
    _times.append(1e3 * (_t.perf_counter() - _s))
    _seen = explorer.session.state.neighbours
explorer.select_region(None)
"""
STARS = "[f'demo {i}' for i in range(1, 90)]"


def lines(
    jupyter: Jupyter,
    browser: Any,
    stars: int,
    clicks: int,
    repeats: int,
    *,
    page: Callable[..., Any],
    timed: Callable[[str], str],
    view: Callable[..., float],
    imports: str,
    look: float,
) -> list[tuple[str, tuple[float, ...]]]:
    """Name and milliseconds of each line; the last five are the measuring functions of the Explorer's benchmark."""
    with tempfile.TemporaryDirectory(prefix="specviz-many-") as folder:
        path = Path(folder) / "made-up"
        many_stars.write(path, stars)
        show = f"explorer = specviz.explore({STARS}, catalogue={str(path)!r}); explorer"
        first: list[float] = []
        for repeat in range(repeats):
            # What reads and searches a catalogue is imported before, as what reads the demo sky is.
            before = f"{imports}; specviz.similar('demo 1', k=3, catalogue={str(path)!r})"
            context, notebook = page(browser, jupyter, [before, timed(show), _REGION])
            try:
                notebook.run_cell(0)
                first.append(view(notebook, 1, 1))
                if repeat == repeats - 1:
                    more = _answers(notebook, clicks, look)
                notebook.guard.check("lab")
            finally:
                context.close()
                jupyter.end_kernels()
    return [("many stars: first view", tuple(first)), *more]


def _answers(notebook: Any, clicks: int, look: float) -> list[tuple[str, tuple[float, ...]]]:
    page = notebook.page
    page.wait_for_function(IMAGE)
    button = page.get_by_role("button", name="Next star", exact=True).first.element_handle()
    page.wait_for_timeout(3000)
    steps, pans = [], []
    for _ in range(clicks + 1):
        steps.append(page.evaluate("(button) => window.__bench.press(button, '.name')", button))
        page.wait_for_timeout(1e3 * look)
    page.wait_for_timeout(2000)
    for at in range(clicks + 1):
        pans.append(page.evaluate(PAN, 0.02 if at % 2 else -0.02))
        page.wait_for_timeout(100)
    notebook.run_cell(2)
    regions = notebook.kernel_eval("_times")
    return [
        ("many stars: next star", tuple(steps[1:])),
        ("many stars: map pan", tuple(pans[1:])),
        ("many stars: region to list", tuple(regions[1:])),
    ]
