"""jdaviz's Specviz with the same LAMOST spectrum, for reference: its own environment, server and kernel.

``SPECVIZ_BENCH_JDAVIZ`` names the Python of an environment with jdaviz and JupyterLab; without it one is made in a
temporary folder with ``pip install jdaviz jupyterlab`` (1.2 GB, minutes) and removed afterwards. Only its own command
line is used, nothing of jdaviz is imported here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .browser import WAIT, Guard, Jupyter, Notebook, open_browser

if TYPE_CHECKING:
    from .explorer import Line

ENVIRONMENT = "SPECVIZ_BENCH_JDAVIZ"
PATIENCE = 900.0  # seconds for the installation
LOADS = 10

_IMPORTS = """
import warnings; warnings.simplefilter("ignore")
import logging; logging.disable(logging.CRITICAL)
import astropy.units as u, numpy as np
from astropy.nddata import InverseVariance
from jdaviz import Specviz
from specutils import Spectrum
def get(i):
    d, unit = np.load(f"star{i}.npz"), u.Unit("erg / (s cm2 AA)")
    error = InverseVariance(d["ivar"] / unit**2)
    return Spectrum(flux=d["flux"] * unit, spectral_axis=d["wavelength"] * u.AA, uncertainty=error)
"""
_SHOW = """
viz = Specviz()
viz.load(get(1), data_label="star 1")
viz.show()
"""
# One spectrum is there when the axis has its wavelengths; from the second on each layer has a badge with a letter.
_SHOWN = """(n) => {
  window.__seen = null;
  const end = performance.now() + 120000;
  const word = n === 1 ? '6000' : String.fromCharCode(64 + n);
  const among = n === 1 ? '.bqplot text' : 'span, div, button, b';
  const is = (el) => el.textContent.trim().toUpperCase() === word;
  const there = () => [...document.querySelectorAll('.jp-OutputArea-output')]
    .some((out) => [...out.querySelectorAll(among)].some(is));
  const look = () => {
    if (there()) requestAnimationFrame(() => requestAnimationFrame(() => { window.__seen = Date.now() }));
    else if (performance.now() < end) setTimeout(look, 5);
    else window.__seen = -1;
  };
  look();
  return 1;
}"""


def lines(loads: int = LOADS) -> list[Line]:
    """First view and next spectrum of Specviz; a line that says why where it cannot be measured."""
    from .explorer import Line

    named = os.environ.get(ENVIRONMENT)
    try:
        if named:
            return measure(Path(named), loads)
        with tempfile.TemporaryDirectory() as folder:
            return measure(install(Path(folder)), loads)
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        reason = " ".join(str(error).split())[:200]
        return [Line("jdaviz Specviz", note=f"not measured: {reason}")]


def install(folder: Path) -> Path:
    """An environment with jdaviz; gives its Python."""
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [str(python), "-m", "pip", "install", "--quiet", "jdaviz", "jupyterlab"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise RuntimeError(f"jdaviz cannot be installed ({said[-1] if said else 'pip failed'})")
    return python


def measure(python: Path, loads: int = LOADS) -> list[Line]:
    """Time Specviz in JupyterLab: the cell that makes, fills and shows it; then one more spectrum at a time."""
    import numpy as np

    from specviz.archives.demo import DemoArchive

    from .explorer import Line

    asked = [str(python), "-c", "import jdaviz; print(jdaviz.__version__)"]
    found = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=False)  # also warms the disk
    if found.returncode:
        raise RuntimeError(f"{python} has no jdaviz")
    version = found.stdout.split()[-1]
    archive = DemoArchive()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_browser() as browser,
        Jupyter(Path(folder)).start(python=str(python)) as jupyter,
    ):
        for i in range(1, loads + 2):
            one = archive.fetch(f"demo {i}").spectra["lamost_lrs"]
            columns: dict[str, Any] = dict(wavelength=one.wavelength, flux=one.flux, ivar=one.ivar)
            np.savez(jupyter.root / f"star{i}.npz", **columns)
        timed = "import time as _time; _began = _time.time()\n"
        more = [timed + f"viz.load(get({i}), data_label='star {i}')" for i in range(2, loads + 2)]
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(4 * WAIT * 1000)
        page = context.new_page()
        notebook = Notebook(page, Guard(page), jupyter, [_IMPORTS, timed + _SHOW, *more])
        notebook.run_cell(0)
        first = _seen(notebook, 1, 1)
        page.wait_for_timeout(3000)
        rest = []
        for i in range(2, loads + 2):
            rest.append(_seen(notebook, i, i))
            page.wait_for_timeout(500)
        context.close()
    name = f"jdaviz {version} Specviz"
    return [Line(f"{name}: first view", (first,)), Line(f"{name}: next spectrum", tuple(rest))]


def _seen(notebook: Notebook, cell: int, count: int) -> float:
    notebook.page.evaluate(_SHOWN, count)
    notebook.run_cell(cell)
    seen: float = notebook.page.wait_for_function("() => window.__seen").json_value()
    if seen < 0:
        raise RuntimeError(f"Specviz showed no layer {count} in two minutes")
    return seen - 1e3 * float(notebook.kernel_eval("_began"))


if __name__ == "__main__":
    from .explorer import table

    print(table(lines()))
    sys.exit(0)
