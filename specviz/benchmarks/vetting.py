"""How fast a list can be labelled by keys in JupyterLab: ``python -m specviz.benchmarks.vetting`` (needs Chromium).

*Next star*: from the keydown of Enter to the frame after which the next star's name stands in the page and its
spectrum is drawn on the canvas. *Line windows*: to the frame in which the line windows are the next star's. *Label*:
from the keydown of a quality to the frame in which its button is pressed; the label is on disk by then. Keys are real
ones (the browser's input, not events made by a script), labels go into a journal with a sync to disk at each key. The
same run times a click on a plain anywidget, as :mod:`specviz.benchmarks.doors` does: ratios differ less between loads.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .browser import WAIT, Guard, Jupyter, Notebook, chromium_path, open_browser

STARS = 60
LOOK = 0.6  # seconds between two stars: the quickest that a person judged anything in our trials
AIM = 120  # ms, median, of "next star"
#: Labels of three in turn; every third star gets a flag too.
QUALITIES, CLASSES, FLAG = "34210", "sbeg", "8"

SETUP = "import specviz; specviz.vet; specviz.analyse('demo 1')"
SHOW = (
    "vetting = specviz.vet([f'demo {{i}}' for i in range(1, {last})], labels={labels!r}, reviewer='MK'{more}); vetting"
)

# The page's own ears and eyes. Strokes on a canvas as wide as a spectrum tell that Bokeh has drawn.
EYES = """() => {
  if (window.__vet != null) return 1;
  const all = (selector, root = document, found = []) => {
    found.push(...root.querySelectorAll(selector));
    for (const el of root.querySelectorAll('*')) if (el.shadowRoot) all(selector, el.shadowRoot, found);
    return found;
  };
  // What is queued while a frame is drawn runs when that frame is done.
  let drawn = null;
  const { prototype } = CanvasRenderingContext2D;
  const { stroke } = prototype;
  prototype.stroke = function (...rest) {
    if (drawn != null && this.canvas.width > 400) { const told = drawn; drawn = null; setTimeout(told, 0); }
    return stroke.apply(this, rest);
  };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const painted = async () => { await new Promise((done) => requestAnimationFrame(done)); await pause(0); };
  const until = async (ready) => {
    const end = performance.now() + 20000;
    while (!ready()) {
      if (performance.now() > end) throw new Error('nothing changed in 20 s: ' + ready);
      await pause(1);
    }
  };
  const found = {};
  const within = (selector, inside) => {         // a search is dear: the root in which it was found is kept
    const root = found[selector];
    if (root?.host?.isConnected) return root.querySelector(inside ?? selector);
    found[selector] = all(selector)[0]?.getRootNode();
    return found[selector]?.querySelector(inside ?? selector) ?? null;
  };
  const name = () => within('.sv-who .name')?.textContent ?? '';
  const windows = () => within('.sv-windows', '.sv-windows .o')?.getAttribute('d') ?? '';
  const pressed = () => all('[data-sv-act^="vet-quality"][aria-pressed="true"]').length;
  const held = { key: '', at: 0, resolve: null };
  window.addEventListener('keydown', (event) => {
    if (event.key !== held.key) return;
    held.key = '';
    held.resolve(event.timeStamp);
  }, true);
  const keydown = (key) => new Promise((resolve) => Object.assign(held, { key, resolve }));
  const watch = (key, look) => {
    window.__vet.done = null;
    const tell = (found) => { window.__vet.done = found; };
    keydown(key).then(look).then(tell, (error) => tell({ error: String(error) }));
    return 1;
  };
  window.__vet = {
    all, done: null, name,
    shown: () => name() !== '' && windows() !== '' && all('canvas').some((canvas) => canvas.width > 400),
    next() {
      const was = [name(), windows()];
      return watch('Enter', async (began) => {
        let star = null;
        const look = () => {                     // a frame with the old name (a label that is drawn) is not meant
          if (name() !== was[0] && name() !== '') star = performance.now() - began;
          else drawn = look;
        };
        drawn = look;
        await until(() => star != null);
        await until(() => windows() !== was[1]);
        return { star, windows: Math.max(star, performance.now() - began) };
      });
    },
    quality(key) {
      return watch(key, async (began) => {
        await until(() => pressed() === 1);
        await painted();
        return { label: performance.now() - began };
      });
    },
  };
  return 1;
}"""


@dataclass(frozen=True)
class Timings:
    """Milliseconds of every step, in order."""

    star: tuple[float, ...]
    windows: tuple[float, ...]
    label: tuple[float, ...]


def show_cell(labels: Path | str, last: int = STARS + 2, more: str = "") -> str:
    """The cell that shows the list."""
    return SHOW.format(last=last, labels=str(labels), more=more)


def open_eyes(page: Any) -> None:
    """Let the page tell when what is painted; waits for the first star."""
    page.wait_for_function("() => document.querySelector('.sv-host') != null")
    page.evaluate(EYES)
    page.wait_for_function("() => window.__vet.shown()", polling=50)
    page.locator(".sv-host").last.focus()


def _step(page: Any, key: str, watch: str) -> dict[str, float]:
    page.evaluate(watch)
    page.keyboard.press(key)
    found: dict[str, Any] = page.wait_for_function("() => window.__vet.done", polling=20).json_value()
    if "error" in found:
        raise AssertionError(f"{key}: {found['error']}")
    return found


def label_by_keys(page: Any, stars: int = STARS, look: float = LOOK) -> Timings:
    """Quality, class and sometimes a flag of star after star, and Enter; the page has eyes already."""
    star, windows, label = list[float](), list[float](), list[float]()
    for i in range(stars):
        page.wait_for_timeout(1e3 * look / 2)
        quality = QUALITIES[i % len(QUALITIES)]
        label.append(_step(page, quality, f"() => window.__vet.quality({quality!r})")["label"])
        page.keyboard.press(CLASSES[i % len(CLASSES)])
        if i % 3 == 2:
            page.keyboard.press(FLAG)
        page.wait_for_timeout(1e3 * look / 2)
        found = _step(page, "Enter", "() => window.__vet.next()")
        star.append(found["star"])
        windows.append(found["windows"])
    return Timings(tuple(star), tuple(windows), tuple(label))


def measure(jupyter: Jupyter, browser: Any, stars: int = STARS, look: float = LOOK) -> Timings:
    """Label in a fresh notebook."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT * 1000)
    page = context.new_page()
    try:
        labels = jupyter.folder / f"timed{id(page)}.sqlite"
        notebook = Notebook(page, Guard(page), jupyter, [SETUP, show_cell(labels, stars + 2)])
        notebook.run_cell(0)
        notebook.run_cell(1)
        open_eyes(page)
        page.wait_for_timeout(2000)  # the next stars are prepared
        timings = label_by_keys(page, stars, look)
        notebook.guard.check("lab")
        return timings
    finally:
        context.close()
        jupyter.end_kernels()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    from .doors import CLICKS, REFERENCE
    from .doors import measure as plain_clicks
    from .explorer import AIMS, Line, table

    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.vetting", description=__doc__)
    parser.add_argument("--stars", type=int, default=STARS, help="default: %(default)s")
    parser.add_argument("--look", type=float, default=LOOK, help="seconds a star is looked at (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if chromium_path() is None:
        print("no Chromium found: vetting is not measured (apt-get install chromium)")
        return 0
    with (
        tempfile.TemporaryDirectory() as folder,
        open_browser() as browser,
        Jupyter(Path(folder)).start(None) as jupyter,
    ):
        plain = plain_clicks(jupyter, browser, REFERENCE, CLICKS)
        timings = measure(jupyter, browser, arguments.stars, arguments.look)
    AIMS["vetting: Enter to next star"] = (AIM, None)
    lines = [
        Line("plain anywidget: click", plain.clicks),
        Line("vetting: Enter to next star", timings.star),
        Line("vetting: Enter to its line windows", timings.windows),
        Line("vetting: quality key to label", timings.label),
    ]
    print(table(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
