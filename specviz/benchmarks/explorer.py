"""How fast the Explorer appears and answers in JupyterLab: ``python -m specviz.benchmarks.explorer`` (needs Chromium).

What is timed, always from the page's or the kernel's own clock to two animation frames after the change is in the page:

* first view: from the start of the cell to the star's name, spectra and numbers, in a page that has no BokehJS yet;
  what is imported, and the model, are there from the cell before. "second view": another Explorer in the same notebook.
* next star: from the press of the button to the next star's name and spectra. The next star has been prepared, as it
  is when a person looks at each for :data:`LOOK` seconds. "without a pause" is the same with the button pressed again
  at once.
* slider: from an input event of the velocity slider to the next frame with the moved lines in it.

``--catalogue N`` measures the same with a catalogue of N stars open, and its map: :mod:`.explorer_catalogue`.

A plain anywidget with two bare lines is measured in the same run, and so is jdaviz's Specviz with the same spectrum:
milliseconds differ between machines and loads, ratios much less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .browser import WAIT, Guard, Jupyter, Notebook, chromium_path, open_browser
from .doors import CLICKS, REFERENCE, measure
from .explorer_catalogue import lines as many_lines

LOOK = 0.5  # seconds between two presses
IMPORTS = "import specviz; specviz.explore; specviz.analyse('demo 1'); specviz.similar('demo 1', k=3)"
SHOW = "explorer = specviz.explore([f'demo {i}' for i in range(1, 90)]); explorer"
#: Aims of the issue, in ms: (median, 95th percentile or None).
AIMS = {
    "first view": (1000, None),
    "first view, imports included": (2000, None),
    "second view": (500, None),
    "next star": (100, 200),
    "slider to paint": (30, None),
    "many stars: first view": (1000, None),
    "many stars: next star": (100, 200),
    "many stars: map pan": (100, None),
}


@dataclass(frozen=True)
class Line:
    """One line of the table: what was timed, in ms; ``note`` says why where nothing was measured."""

    name: str
    times: tuple[float, ...] = ()
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def p95(self) -> float | None:
        """The 95th percentile, for ten or more."""
        return statistics.quantiles(self.times, n=20)[-1] if len(self.times) >= 10 else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        aim = AIMS.get(self.name)
        if aim is None or not self.times:
            return None
        return self.median <= aim[0] and (aim[1] is None or self.p95 is None or self.p95 <= aim[1])


# Searched in open shadow roots, once; afterwards only the elements found are asked.
_PAGE = """() => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const frames = async (n) => { for (let i = 0; i < n; i++) await frame(); };
  const all = (selector, root = document, found = []) => {
    found.push(...root.querySelectorAll(selector));
    for (const el of root.querySelectorAll('*')) if (el.shadowRoot) all(selector, el.shadowRoot, found);
    return found;
  };
  const until = async (ready, pause = 1) => {
    const end = performance.now() + 60000;
    while (!ready()) {
      if (performance.now() > end) throw new Error('nothing changed in a minute: ' + ready);
      await new Promise((done) => setTimeout(done, pause));
    }
  };
  const canvases = (root) => all('canvas', root).filter((c) => c.width > 300).map((c) => c.toDataURL()).join();
  window.__bench = {
    all,
    async shown(selector, n) {                 // when n elements are there, with text
      const hosts = () => [...document.querySelectorAll('.sv-host')];      // the whole page would be dear to search
      const seen = (host) => all(selector, host).some((el) => el.textContent.trim());
      await until(() => hosts().filter(seen).length >= n, 10);
      await frames(2);
      return Date.now();
    },
    async press(button, selector) {
      let mark = all(selector)[0];
      const text = () => {                     // a search is dear: only when it was replaced
        if (!mark?.isConnected) [mark] = all(selector);
        return mark?.textContent.trim();
      };
      const was = text();
      const began = performance.now();
      button.click();
      await until(() => text() && text() !== was);
      await frames(2);
      return performance.now() - began;
    },
    async slide(slider, value) {
      const began = performance.now();
      slider.value = value;
      slider.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
      await frames(1);
      await new Promise((done) => setTimeout(done, 0));      // behind the painting of that frame
      return performance.now() - began;
    },
    picture: (panel) => canvases(panel.shadowRoot ?? panel),
  };
}"""
_ELEMENT = "([selector, at]) => window.__bench.all(selector)[at]"


def _page(browser: Any, jupyter: Jupyter, cells: Sequence[str]) -> tuple[Any, Notebook]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT * 1000)
    page = context.new_page()
    notebook = Notebook(page, Guard(page), jupyter, cells)
    page.evaluate(_PAGE)
    return context, notebook


def _timed(cell: str) -> str:
    return f"import time as _time; _began = _time.time()\n{cell}"


def _view(notebook: Notebook, cell: int, count: int) -> float:
    """Milliseconds from the start of a cell to its view, the ``count``-th of the page."""
    notebook.page.evaluate(
        "([s, n]) => { window.__seen = null; window.__bench.shown(s, n).then((t) => { window.__seen = t }); return 1 }",
        [".name", count],
    )
    notebook.run_cell(cell)
    seen: float = notebook.page.wait_for_function("() => window.__seen").json_value()
    return seen - 1e3 * float(notebook.kernel_eval("_began"))


def views(jupyter: Jupyter, browser: Any, repeats: int = 3) -> list[Line]:
    """First view, second view, and the first with the imports; each repeat in a fresh kernel and page."""
    first, second, fresh = list[float](), list[float](), list[float]()
    for _ in range(repeats):
        cells = [IMPORTS, _timed(SHOW), _timed("specviz.explore('demo 2')")]
        context, notebook = _page(browser, jupyter, cells)
        try:
            notebook.run_cell(0)
            first.append(_view(notebook, 1, 1))
            notebook.page.wait_for_timeout(2000)
            second.append(_view(notebook, 2, 2))
            notebook.guard.check("lab")
        finally:
            context.close()
            jupyter.end_kernels()
        context, notebook = _page(browser, jupyter, [_timed(f"import specviz\n{SHOW}")])
        try:
            fresh.append(_view(notebook, 0, 1))
        finally:
            context.close()
            jupyter.end_kernels()
    return [
        Line("first view", tuple(first)),
        Line("first view, imports included", tuple(fresh)),
        Line("second view", tuple(second)),
    ]


def answers(jupyter: Jupyter, browser: Any, clicks: int = CLICKS) -> list[Line]:
    """Next star, with and without a pause, the panels below, and the slider, in one notebook."""
    context, notebook = _page(browser, jupyter, [IMPORTS, SHOW])
    page = notebook.page
    try:
        notebook.run_cell(0)
        notebook.run_cell(1)
        page.evaluate("() => window.__bench.shown('.name', 1)")
        button = page.get_by_role("button", name="Next star", exact=True).first.element_handle()
        page.wait_for_timeout(3000)  # the panels below are built, the next star is prepared
        press = "(button) => window.__bench.press(button, '.name')"
        lines = []
        for name, pause in (("next star", LOOK), ("next star, without a pause", 0.0)):
            times = []
            for _ in range(clicks + 1):
                times.append(page.evaluate(press, button))
                page.wait_for_timeout(1e3 * pause)
            lines.append(Line(name, tuple(times[1:])))
            page.wait_for_timeout(1000)
        lines.append(_slider(page, clicks))
        notebook.guard.check("lab")
        return lines
    finally:
        context.close()
        jupyter.end_kernels()


def _slider(page: Any, moves: int) -> Line:
    """The velocity slider, moved as a drag moves it: one input event after the other."""
    name = "slider to paint"
    find = "() => window.__bench.all('input[type=range][data-sv-bind=rv]')[0] ?? null"
    slider = page.evaluate_handle(find).as_element()
    if slider is None:
        return Line(name, note="not measured: this Explorer has no velocity slider")
    panel = page.evaluate_handle(_ELEMENT, [".sv-lamost", 0])
    before = page.evaluate("(panel) => window.__bench.picture(panel)", panel)
    times = []
    for i in range(moves + 1):
        value = 10 * (i + 1)
        times.append(page.evaluate("([s, v]) => window.__bench.slide(s, v)", [slider, value]))
        page.wait_for_timeout(20)
    after = page.evaluate("(panel) => window.__bench.picture(panel)", panel)
    if before == after:
        raise AssertionError("the slider moved, the spectrum did not")
    return Line(name, tuple(times[1:]))


def run(
    clicks: int = CLICKS, repeats: int = 3, python_path: str | None = None, catalogue: int = 0, sky: bool = True
) -> list[Line]:
    """The reference, the Explorer with the demo ``sky`` and with a ``catalogue`` of so many stars (0: none), with one
    server and one browser.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        open_browser() as browser,
        Jupyter(Path(folder)).start(python_path) as jupyter,
    ):
        plain = measure(jupyter, browser, REFERENCE, clicks)
        many = (
            [
                Line(*line)
                for line in many_lines(
                    jupyter,
                    browser,
                    catalogue,
                    clicks,
                    repeats,
                    page=_page,
                    timed=_timed,
                    view=_view,
                    imports=IMPORTS,
                    look=LOOK,
                )
            ]
            if catalogue
            else []
        )
        return [
            Line("plain anywidget: first view", (1e3 * plain.first,)),
            Line("plain anywidget: click", plain.clicks),
            *(views(jupyter, browser, repeats) if sky else ()),
            *(answers(jupyter, browser, clicks) if sky else ()),
            *many,
        ]


def table(lines: Sequence[Line], reference: str = "plain anywidget: click") -> str:
    """The lines as text, with the ratio to the reference and whether the aim is met."""
    known = {line.name: line for line in lines}
    unit = known[reference].median if reference in known else float("nan")
    width = max(len(line.name) for line in lines)
    out = [f"{'':{width}}  median ms    p95    n   ratio   aim"]
    for line in lines:
        if not line.times:
            out.append(f"{line.name:{width}}  {line.note}")
            continue
        p95 = "" if line.p95 is None else f"{line.p95:.0f}"
        aim, met = AIMS.get(line.name), line.met
        said = "" if aim is None else f"{aim[0]}" + (f" ({aim[1]})" if aim[1] else "") + (" met" if met else " NOT met")
        out.append(
            f"{line.name:{width}} {line.median:10.0f} {p95:>6} {len(line.times):4} {line.median / unit:7.2f}   {said}"
        )
    return "\n".join(out)


def main(argv: Sequence[str] | None = None, jdaviz: Callable[[], list[Line]] | None = None) -> int:
    """Measure and print the table."""
    from .jdaviz import lines as jdaviz_lines

    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.explorer", description=__doc__)
    parser.add_argument("--clicks", type=int, default=CLICKS, help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="fresh kernels of the views (default: %(default)s)")
    parser.add_argument("--no-jdaviz", action="store_true", help="leave jdaviz out")
    parser.add_argument(
        "--catalogue", type=int, default=0, metavar="N", help="with a catalogue of N made-up stars, too"
    )
    arguments = parser.parse_args(argv)
    if chromium_path() is None:
        print("no Chromium found: the Explorer is not measured (apt-get install chromium)")
        return 0
    lines = run(arguments.clicks, arguments.repeats, catalogue=arguments.catalogue)
    if not arguments.no_jdaviz:
        lines += (jdaviz or jdaviz_lines)()
    print(table(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
