"""The pictures of these pages that show a screen: JupyterLab in Chromium, on the demo sky, without a network.

    python docs/site/pictures.py figures                 # docs/images, all of them
    python docs/site/pictures.py figures lux face_off    # some
    python docs/site/pictures.py tutorials               # docs/images/tutorials, the cells whose picture is missing
    python docs/site/pictures.py tutorials 02 --again

Every picture of a tutorial is named after its cell's text: one whose cell was changed is no longer shown, and is
removed and made anew here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs/images"
TUTORIALS = IMAGES / "tutorials"
#: The page of a tutorial.
SMALL = {"width": 1240, "height": 1500}
WAIT = 600_000  # ms: a busy machine must not spoil a picture


@dataclass(frozen=True)
class Figure:
    """One picture: cells to run, Python to evaluate then, what must be there (and which words gone), what is drawn."""

    cells: str
    ask: str = ""
    there: str = ".bk-Canvas"
    first: str = ".tile:has-text('K')"
    of: str = ".sv-host"
    gone: str = ""
    theme: str = "light"
    width: int = 1700
    height: int = 1600


def _in_both_themes(name: str, figure: Figure) -> dict[str, Figure]:
    return {f"{name}_{theme}": replace(figure, theme=theme) for theme in ("light", "dark")}


#: A real spectrum of the shared materials.
_REAL = "data/lamost_dr10/spec-59726-HD142028N001054V02_sp04-142.fits.gz"
_SHARED = Path(os.environ.get("SPECVIZ_SHARED") or ROOT.parent / "shared")
_STAR = "import specviz\nexplorer = specviz.explore('{}', online=False)\nexplorer"
_PANEL = ".sv-study-panel"
FIGURES = {
    **_in_both_themes(
        "explorer",
        Figure(
            f"import shutil, specviz\nfile = shutil.copy({str(_SHARED / _REAL)!r}, '.')[2:]\n"
            "explorer = specviz.explore(file)\nexplorer",
            height=1900,
        ),
    ),
    **_in_both_themes(
        "compare",
        Figure("import specviz\npair = specviz.compare('demo 1', 'demo 42', online=False)\npair", first=".bk-Canvas"),
    ),
    "spectrafm": Figure(
        _STAR.format("demo 1"),
        "explorer.study('spectrafm') or explorer.set(ask=(4600, 5400), ask_label='fe_h') and 1",
        "[aria-label='Labels of the stretch']",
        _PANEL,
    ),
    "lux": Figure(
        _STAR.format("demo 1"), "explorer.study('lux')", "[aria-label='Labels by what they were inferred from']", _PANEL
    ),
    "face_off": Figure(_STAR.format("demo 1"), "explorer.face_off() and 1", ".sv-face", ".sv-face-off", "Asking "),
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ a browser
@contextmanager
def browser(scratch: Path) -> Iterator[Callable[..., Any]]:
    """``open_one(cells, width, height) -> Notebook`` in JupyterLab of this checkout."""
    from specviz.benchmarks.browser import Guard, Jupyter, Notebook, open_browser

    server = Jupyter(scratch)
    shutil.copytree(ROOT / "widgets/labextension", scratch / "DATA/labextensions/jupyter-specviz")
    os.environ.update(OMP_NUM_THREADS="1", SPECVIZ_CACHE=str(scratch / "cache"), NO_PROXY="127.0.0.1,localhost")
    os.environ.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"))
    with open_browser() as chromium, server.start(python_path=str(ROOT)):

        def open_one(cells: list[str], width: int, height: int) -> Any:
            context = chromium.new_context(viewport={"width": width, "height": height})
            context.set_default_timeout(WAIT)
            page = context.new_page()
            return Notebook(page, Guard(page), server, cells)

        yield open_one


def settled(page: Any, place: Any) -> None:
    """Wait until what is there stops changing."""
    before, same = b"", 0
    for _ in range(60):
        page.wait_for_timeout(700)
        now = place.screenshot()
        same = same + 1 if now == before else 0
        if same == 2:
            return
        before = now


def save(place: Any, path: Path) -> None:
    """A PNG of 256 colours, white kept white; of all colours where that cannot be."""
    from io import BytesIO

    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(BytesIO(place.screenshot())).convert("RGB")
    small = picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    corner = picture.getpixel((2, 2))
    kept = small.convert("RGB").getpixel((2, 2)) == corner
    (small if kept else picture).save(path, optimize=True)
    said = f"{path.relative_to(ROOT)}: {picture.width} x {picture.height}, {path.stat().st_size // 1024} kB"
    sys.stdout.write(said + "\n")


def figures(names: list[str]) -> None:
    """The pictures of docs/images that are named in FIGURES."""
    with tempfile.TemporaryDirectory() as scratch, browser(Path(scratch)) as open_one:
        for name in names or list(FIGURES):
            told = FIGURES[name]
            notebook = open_one([told.cells], told.width, told.height)
            notebook.run_all()
            page = notebook.page
            page.locator(told.first).first.wait_for()
            notebook.set_theme(told.theme)
            if told.ask:
                notebook.kernel_eval(told.ask, timeout=WAIT / 1000)
            page.locator(told.there).first.wait_for()
            if told.gone:
                page.get_by_text(told.gone).first.wait_for(state="hidden")
            place = page.locator(told.of).first
            place.scroll_into_view_if_needed()
            page.mouse.move(5, 5)
            settled(page, place)
            save(place, IMAGES / f"{name}.png")
            page.context.close()


# ------------------------------------------------------------------------------------------------ tutorials
def picture_of(notebook: str, source: str) -> Path:
    """Where the picture of a cell is, or would be."""
    return TUTORIALS / f"{notebook[:2]}-{hashlib.sha1(source.strip().encode()).hexdigest()[:10]}.png"


def tutorials(numbers: list[str], again: bool) -> None:
    """A picture of every output that is a widget."""
    notebooks = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    cells = {
        path: ["".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
        for path in notebooks
    }
    wanted = {picture_of(path.stem, source).name for path, sources in cells.items() for source in sources}
    for old in TUTORIALS.glob("*.png"):
        if old.name not in wanted:
            old.unlink()
    listed = TUTORIALS / "made.json"
    made = json.loads(listed.read_text("utf-8")) if listed.is_file() else {}
    from playwright.sync_api import expect

    with tempfile.TemporaryDirectory() as scratch, browser(Path(scratch)) as open_one:
        for path, sources in cells.items():
            state = hashlib.sha1("\0".join(sources).encode()).hexdigest()[:10]
            if (numbers and path.stem[:2] not in numbers) or (made.get(path.stem) == state and not again):
                continue
            notebook = open_one(sources, SMALL["width"], SMALL["height"])
            page = notebook.page
            for index, source in enumerate(sources):
                notebook.run_cell(index, wait=False)
                notebook.wait_command()
                place = page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")
                if place.locator(".sv-host").count() == 0:
                    continue
                page.wait_for_timeout(1500)
                tall = (place.bounding_box() or {"height": 0})["height"] > 900  # what is out of sight is not pictured
                large = tall or place.locator(".sv-root").count() > 0  # the Explorer and its like: as on a wide screen
                page.set_viewport_size({"width": 1700, "height": 2700} if large else SMALL)
                place = place.locator(".sv-host").first
                for recent in place.get_by_label("Recent stars").all():  # disabled until the star's job is over
                    expect(recent).to_be_enabled(timeout=WAIT)
                page.wait_for_timeout(4000 if large else 500)
                place.scroll_into_view_if_needed()
                page.mouse.move(5, 5)
                settled(page, place)
                save(place, picture_of(path.stem, source))
                page.set_viewport_size(SMALL)
            made[path.stem] = state
            listed.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
            page.context.close()


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    some = kinds.add_parser("figures")
    some.add_argument("names", nargs="*", choices=[[], *FIGURES], metavar="NAME", help=", ".join(FIGURES))
    lessons = kinds.add_parser("tutorials")
    lessons.add_argument("numbers", nargs="*", metavar="NN")
    lessons.add_argument("--again", action="store_true")
    told = parser.parse_args(argv)
    if told.kind == "figures":
        figures(told.names)
    else:
        tutorials(told.numbers, told.again)
    return 0


if __name__ == "__main__":
    sys.exit(main())
