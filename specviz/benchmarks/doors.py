"""How fast a widget appears and answers in JupyterLab: ``python -m specviz.benchmarks.doors`` (needs Chromium).

Each case is a notebook of two cells: imports, then the display. *First view*: from the kernel's clock at the start of
the display cell to the widget in the page and two frames. *Click*: from a click to a changed mark and two frames,
median of 30 after one warm-up. A plain anywidget that draws two bare lines on canvases is measured in the same run:
milliseconds differ between machines and loads, the ratio to it much less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .browser import Jupyter, Notebook, chromium_path, open_browser

CLICKS = 30


@dataclass(frozen=True)
class Case:
    """A widget to measure.

    Attributes
    ----------
    name : str
    setup : str
        First cell: imports, which are not counted.
    show : str
        Second cell; its last line displays the widget.
    button : str
        Name of the button that is clicked, as a screen reader says it.
    mark : str
        CSS selector, searched in open shadow roots too, of an element whose text comes with the first view and changes
        with every click.
    """

    name: str
    setup: str
    show: str
    button: str
    mark: str


@dataclass(frozen=True)
class Timing:
    """Seconds to the first view; milliseconds of every click after the warm-up."""

    name: str
    first: float
    clicks: tuple[float, ...]

    @property
    def median(self) -> float:
        """Milliseconds from click to painted, median."""
        return statistics.median(self.clicks)

    @property
    def p95(self) -> float:
        """The same, 95th percentile."""
        return statistics.quantiles(self.clicks, n=20)[-1]


_REFERENCE = '''
import anywidget, numpy as np, traitlets

class Reference(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const button = Object.assign(document.createElement("button"), { textContent: "Next" });
      const mark = Object.assign(document.createElement("b"), { className: "mark" });
      const size = { width: 420, height: 250 };
      const lines = ["lamost", "xp"].map((name) => [name, Object.assign(document.createElement("canvas"), size)]);
      el.append(button, mark, ...lines.map(([, c]) => c));
      const draw = () => {
        for (const [name, canvas] of lines) {
          const v = model.get(name), y = new Float32Array(v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength));
          const g = canvas.getContext("2d");
          g.clearRect(0, 0, 420, 250); g.beginPath();
          y.forEach((value, i) => g.lineTo((i / y.length) * 420, 125 - 100 * value));
          g.stroke();
        }
        mark.textContent = model.get("mark");
      };
      button.onclick = () => model.send({});
      model.on("change:mark", draw);
      draw();
    } }
    """
    lamost, xp = traitlets.Bytes().tag(sync=True), traitlets.Bytes().tag(sync=True)
    mark = traitlets.Unicode().tag(sync=True)

    def __init__(self):
        super().__init__()
        self.n = 0
        self.step()
        self.on_msg(lambda *_: self.step())

    def step(self):
        self.n += 1
        with self.hold_sync():
            self.lamost = np.sin(np.linspace(0, 54, 4000) + self.n).astype("f4").tobytes()
            self.xp = np.cos(np.linspace(0, 5, 343) + self.n).astype("f4").tobytes()
            self.mark = f"tick{self.n}"
'''

_TREE = """
import numpy as np, panel as pn
from bokeh.models import ColumnDataSource, CustomJS, DataTable, TableColumn
from bokeh.plotting import figure
from specviz.doors import host_layout

WAVE, XP = np.linspace(3700, 9100, 4000), np.linspace(336, 1020, 343)

class Tree:
    def __init__(self):
        self.n = 0
        self.sources = [ColumnDataSource({"x": x, "y": 0 * x}) for x in (WAVE, XP)]
        self.near = ColumnDataSource({"id": np.arange(20), "d": np.zeros(20)})
        figures = [figure(width=420, height=250) for _ in self.sources]
        for f, source in zip(figures, self.sources):
            f.line("x", "y", source=source)
        self.labels = [pn.pane.HTML("", min_width=70) for _ in range(6)]
        self.mark = pn.pane.HTML("")
        columns = [TableColumn(field=c, title=c) for c in ("id", "d")]
        table = DataTable(source=self.near, columns=columns, width=240, height=250)
        self.near.js_on_change("data", CustomJS(args={"table": table}, code="table.view.change.emit()"))
        button = pn.widgets.Button(label="Next")
        button.on_click(lambda _: self.step())
        panes = [pn.pane.Bokeh(f) for f in (*figures, table)]
        self.layout = pn.Column(pn.Row(button, self.mark), pn.Row(*self.labels), pn.Row(*panes))
        self.step()

    def step(self):
        self.n += 1
        self.sources[0].data = {"x": WAVE, "y": np.sin(WAVE / 100 + self.n)}
        self.sources[1].data = {"x": XP, "y": np.cos(XP / 100 + self.n)}
        self.near.data = {"id": np.arange(20) + self.n, "d": np.round(np.random.default_rng(self.n).random(20), 4)}
        for i, pane in enumerate(self.labels):
            pane.object = f"label {self.n + i / 10:.1f}"
        self.mark.object = f"<b class='mark'>tick{self.n}</b>"
"""

REFERENCE = Case("plain anywidget, two bare lines", _REFERENCE, "Reference()", "Next", ".mark")
TREE = Case("DocHost: 2 figures, 6 labels, table", _TREE, "host = host_layout(Tree().layout); host", "Next", ".mark")

# The whole page is searched only until an element is found: a search every frame would be measured too.
_PAGE = """(mark) => {
  let found = null;
  const search = (root, selector) => {
    const here = root.querySelector(selector);
    if (here) return here;
    for (const el of root.querySelectorAll('*')) {
      const deeper = el.shadowRoot && search(el.shadowRoot, selector);
      if (deeper) return deeper;
    }
    return null;
  };
  const text = () => {
    if (!found?.isConnected) found = search(document, mark);
    return found?.textContent.trim();
  };
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const until = async (ready, limit) => {
    const end = performance.now() + limit;
    while (!ready()) {
      if (performance.now() > end) throw new Error('the mark did not change: ' + mark);
      await new Promise((done) => setTimeout(done, 1));
    }
    await frames();
  };
  window.__first = null;
  window.__bench = {
    watch() {
      const done = (first) => { window.__first = first };
      until(text, 60000).then(() => done(Date.now()), () => done(-1));
    },
    async click(button) {
      const was = text();
      const began = performance.now();
      button.click();
      await until(() => text() && text() !== was, 20000);
      return performance.now() - began;
    },
  };
  window.__bench.watch();
}"""


def measure(jupyter: Jupyter, browser: Any, case: Case, clicks: int = CLICKS) -> Timing:
    """Measure one case in a fresh page and kernel of a running server.

    Parameters
    ----------
    jupyter : Jupyter
    browser : playwright.sync_api.Browser
    case : Case
    clicks : int
        How many are counted.

    Returns
    -------
    Timing

    Raises
    ------
    AssertionError
        A cell failed, or the widget asked another machine for something.
    """
    from .browser import WAIT, Guard

    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT * 1000)
    try:
        page = context.new_page()
        guard = Guard(page)
        show = "import time as _time; _began = _time.time()\n" + case.show
        notebook = Notebook(page, guard, jupyter, [case.setup, show])
        notebook.run_cell(0)
        page.evaluate(_PAGE, case.mark)
        notebook.run_cell(1)
        page.wait_for_function("() => window.__first")
        seen = page.evaluate("window.__first")
        if seen < 0:
            raise AssertionError(f"{case.name}: nothing matched {case.mark!r}")
        first = seen / 1e3 - notebook.kernel_eval("_began")
        button = page.get_by_role("button", name=case.button, exact=True).first.element_handle()
        times = [page.evaluate("(button) => window.__bench.click(button)", button) for _ in range(clicks + 1)]
        guard.check("lab")
        return Timing(case.name, first, tuple(times[1:]))
    finally:
        context.close()
        jupyter.end_kernels()


def run(
    cases: Sequence[Case] = (REFERENCE, TREE), *, clicks: int = CLICKS, python_path: str | None = None
) -> list[Timing]:
    """Measure several cases with one server and one browser; the first is what the others are compared with."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_browser() as browser,
        Jupyter(Path(folder)).start(python_path) as jupyter,
    ):
        return [measure(jupyter, browser, case, clicks) for case in cases]


def table(timings: Sequence[Timing]) -> str:
    """The timings as text, ratios to the first."""
    width = max(len(t.name) for t in timings)
    lines = [f"{'':{width}}  first view s   click ms    p95   ratio"]
    lines += [
        f"{t.name:{width}}  {t.first:12.2f} {t.median:10.0f} {t.p95:6.0f} {t.median / timings[0].median:7.2f}"
        for t in timings
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the reference and the small tree and print a table."""
    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.doors", description=__doc__)
    parser.add_argument("--clicks", type=int, default=CLICKS, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    if chromium_path() is None:
        print("no Chromium found: the doors are not measured (apt-get install chromium)")
        return 0
    print(f"JupyterLab in headless Chromium; medians of {arguments.clicks} clicks")
    print(table(run(clicks=arguments.clicks)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
