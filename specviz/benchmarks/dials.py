"""How fast a fitted star follows its sliders: ``python -m specviz.benchmarks.dials`` (``--browser`` needs Chromium).

* answer: from ``session.set(dials=...)`` to the answer in ``state.study``, another value each time, as when a slider is
  dragged; lines of an element are open, as they are while one looks at it.
* fit: from opening the panel to the fitted star, the models loaded before.
* ``--browser``: in JupyterLab, from an input event of a slider to the moved curve, and two animation frames.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any

#: Aim of the panel, ms.
AIM = 50.0
_LABELS = ("teff", "mg_fe", "fe_h", "logg", "c_fe")
_WAIT = 60.0

_DRAG = """async ([name, values]) => {
  const deep = function* (root) {
    for (const el of root.querySelectorAll('*')) { yield el; if (el.shadowRoot) yield* deep(el.shadowRoot); }
  };
  const slider = [...deep(document)].find((el) => el.dataset?.svDial === name);
  const curve = () => { for (const doc of window.Bokeh.documents) for (const m of doc._all_models.values())
    if (m.name === 'fit-turned') return m.data_source; };
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const times = [];
  for (const value of values) {
    const before = curve().data, began = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
    while (curve().data === before) {
      if (performance.now() - began > 10000) throw new Error('the curve does not follow');
      await new Promise((done) => setTimeout(done, 1));
    }
    await frame(); await frame();
    times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 120));
  }
  slider.dispatchEvent(new Event('change', { bubbles: true, composed: true }));
  return times;
}"""


def answers(session: Any, n: int = 60) -> list[float]:
    """Milliseconds from each change of a dial to its answer."""
    heard, wanted = threading.Event(), dict[str, float]()

    def look(_old: Any, new: Any) -> None:
        turned = None if new.study is None or new.study.answer is None else new.study.answer.turned
        if turned is not None and dict(turned.dials) == wanted:
            heard.set()

    leave, times = session.subscribe(look), []
    fitted = session.state.study.answer.fitted
    for i in range(n):
        label = fitted.label(_LABELS[(i // 12) % len(_LABELS)])
        value = label.low + (label.high - label.low) * (0.2 + 0.6 * ((7 * i) % 23) / 23)
        wanted.clear()
        wanted[label.name] = value
        heard.clear()
        began = time.perf_counter()
        session.set(dials=((label.name, value),))
        if not heard.wait(_WAIT):
            raise SystemExit("no answer came")
        times.append(1e3 * (time.perf_counter() - began))
    leave()
    return times


def opened(session: Any, star: str) -> float:
    """Open a star and the panel; seconds until it is fitted."""
    session.open(star)
    session.wait()
    done = threading.Event()
    leave = session.subscribe(lambda _old, new: done.set() if new.study and new.study.answer else None)
    began = time.perf_counter()
    session.study("phdlspec")
    if not done.wait(_WAIT):
        raise SystemExit(f"no fit: {session.state.study}")
    leave()
    return time.perf_counter() - began


def dragged(star: str, n: int = 24) -> list[float]:
    """Milliseconds from an input event to the moved curve in JupyterLab."""
    import tempfile
    from pathlib import Path

    from .browser import WAIT, Guard, Jupyter, Notebook, open_browser

    show = f"import specviz; explorer = specviz.explore({star!r}, online=False); explorer"
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        server = Jupyter(Path(folder))
        with server.start(python_path=str(Path(__file__).parents[2])):
            page = browser.new_context(viewport={"width": 1500, "height": 1400}).new_page()
            page.set_default_timeout(WAIT * 1000)
            notebook = Notebook(page, Guard(page), server, [show])
            notebook.run_all()
            page.locator(".tile", has_text="K").first.wait_for()
            notebook.kernel_eval("explorer.set(study='phdlspec', element='mg_fe') and 1")
            page.get_by_role("slider", name="[Mg/Fe] in dex").wait_for()
            page.evaluate(_DRAG, ["mg_fe", [0.0, 0.1]])  # what is compiled and laid out the first time
            times: list[float] = page.evaluate(_DRAG, ["mg_fe", [round(-0.4 + i * 0.05, 2) for i in range(n)]])
            return times


def said(name: str, times: Sequence[float]) -> str:
    """A line of the table: median, 95th percentile, slowest, ms."""
    high = statistics.quantiles(times, n=20)[-1]
    return f"{name:<34}{statistics.median(times):8.1f}{high:8.1f}{max(times):8.1f} ms"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if the answer is slower than the aim."""
    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.dials", description=__doc__)
    parser.add_argument("--star", default="demo 17")
    parser.add_argument("--browser", action="store_true", help="also drag a slider in JupyterLab")
    options = parser.parse_args(argv)
    import specviz

    explorer = specviz.explore(online=False)
    session = explorer.session
    opened(session, "demo 1")  # loads the models
    session.study("")
    seconds = opened(session, options.star)
    session.set(element="mg_fe")
    print(f"{'':<34}{'median':>8}{'95 %':>8}{'most':>8}")
    times = answers(session)
    print(said("set(dials=...) to state.study", times))
    print(f"{'open the panel, to the fit':<34}{seconds:8.2f} s")
    explorer.close()
    if options.browser:
        print(said("slider to the curve, JupyterLab", dragged(options.star)))
    return 0 if statistics.median(times) <= AIM else 1


if __name__ == "__main__":
    raise SystemExit(main())
