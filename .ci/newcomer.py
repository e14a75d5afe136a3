"""``make newcomer``: from a clone to the first picture as the README says, each step with its seconds.

Clones what is committed, runs ``make run BROWSER=no`` there, opens the address that it prints in a headless Chromium,
presses "Run All Cells" in JupyterLab's menu, and waits until the Explorer has drawn the star and its numbers. The
environment is new and thrown away; what pip keeps of earlier downloads is used only with ``--cached``.

    .venv/bin/python .ci/newcomer.py [--constraint FILE] [--folder FOLDER] [--cached] [--picture FILE.png]
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from release_check import ROOT, run, step

PATIENCE = 1800.0  # seconds, for an installation on a slow line
DRAWN = """() => (window.Bokeh?.documents ?? []).some((doc) => [...doc._all_models.values()].some(
    (model) => model.name === 'sv-layer:observed' && model.data_source.get_length() > 1000))"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do as a newcomer does; 1 if no picture came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--constraint", type=Path, metavar="FILE", help="for make run: CONSTRAINTS=FILE")
    parser.add_argument("--folder", type=Path, help="where to clone to; default: a temporary folder")
    parser.add_argument("--cached", action="store_true", help="let pip use what it has downloaded before")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="a screenshot of the end")
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="newcomer-") as folder:
        clone = Path(folder) / "specviz"
        with step("git clone"):
            run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], cwd=Path(folder))
        drop = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VIRTUAL_ENV", "CONSTRAINTS"}
        environment = {k: v for k, v in os.environ.items() if k not in drop and not k.startswith("JUPYTER")}
        environment |= {"HOME": folder, "PYTHONUNBUFFERED": "1"}
        if not arguments.cached:
            environment |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
        words = ["make", "run", "BROWSER=no", f"PORT={_free_port()}", f"PYTHON={sys.executable}"]
        words += [f"CONSTRAINTS={arguments.constraint.resolve()}"] if arguments.constraint else []
        log = Path(folder) / "make.log"
        with log.open("w") as out:
            server = subprocess.Popen(
                words, cwd=clone, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                with step("make run: a new environment"):
                    _wait(lambda: (clone / ".stamps" / "run").exists(), server, log)
                with step("make run: JupyterLab answers"):
                    _wait(lambda: _address(log), server, log)
                _see(_address(log), arguments.picture)
                print(f"{time.monotonic() - began:7.1f} s  from the clone to the first picture")
            except (RuntimeError, AssertionError) as error:
                print(f"PROBLEM {error}", file=sys.stderr)
                return 1
            finally:
                os.killpg(server.pid, signal.SIGTERM)  # our own group: make, Jupyter and its kernels
                server.wait(30)
    return 0


def _wait(done: Callable[[], object], server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"make run ended, or took too long:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def _address(log: Path) -> str:
    """The address that Jupyter prints for a person to open; "" until then."""
    found = re.search(r"http://127\.0\.0\.1:\d+/lab\S*token=\w+", log.read_text(errors="replace"))
    return found.group() if found else ""


def _see(address: str, picture: Path | None) -> None:
    from playwright.sync_api import TimeoutError

    from specviz.benchmarks.browser import open_browser

    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        page.set_default_timeout(120_000)
        with step("the notebook is on screen, its kernel idle"):
            page.goto(address)
            page.locator(".jp-Notebook .jp-Cell").first.wait_for()
            page.get_by_text("| Idle").first.wait_for()  # who is quicker is asked by JupyterLab which kernel they want
        with step("Run All Cells: the star is drawn, with its numbers"):
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            try:
                page.wait_for_function(DRAWN)
                page.locator(".tile", has_text="K").first.wait_for()
            except TimeoutError as error:
                outputs = page.locator(".jp-OutputArea-output").all_inner_texts()
                raise RuntimeError("no picture came; the cells say:\n" + "\n".join(outputs)[-3000:]) from error
            finally:
                if picture is not None:
                    page.screenshot(path=str(picture))
                    print(f"           {picture}")


def _free_port() -> int:
    from specviz.benchmarks.browser import free_port

    return free_port()


if __name__ == "__main__":
    sys.exit(main())
