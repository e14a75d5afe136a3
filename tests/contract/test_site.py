"""`make docs`: the site is built without a warning and without a network, and its pages load nothing from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import specviz

ROOT = Path(__file__).resolve().parents[2]
#: What a browser loads by itself, by element and attribute; a link is only followed by a person.
LOADED = {
    ("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src"),
    ("object", "data"), ("embed", "src"), ("use", "href"),
}  # fmt: skip
#: Relations of ``link`` that are names and load nothing.
NAMES_ONLY = {"canonical", "author", "copyright", "index", "search", "next", "prev"}


class Page(HTMLParser):
    """What a page loads, where it leads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[k] for k in ("id", "name") if given.get(k)}
        for name, value in given.items():
            if (tag, name) in LOADED and not (tag == "link" and given.get("rel") in NAMES_ONLY):
                self.loads.append(value)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it, with every request of Python refused."""
    pytest.importorskip("sphinx", reason="the site needs jupyter-specviz[docs]")
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    words = ["-q", "-W", "--keep-going", "-c", "docs", "-d", str(folder / "doctrees"), ".", str(folder / "html")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words],
        cwd=ROOT, env={**os.environ, **nowhere, "PYTHONWARNINGS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    written = [p for p in sorted(site.rglob("*.html")) if "_static" not in p.parts]  # there the theme keeps a template
    return {path: Page(path.read_text("utf-8")) for path in written}


def test_every_page_is_there(site: Path) -> None:
    sources = [
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/reference").glob("*.md"),
        *(ROOT / "notebooks").glob("[0-9]*.ipynb"),
    ]
    sources += (ROOT / "specviz/models/weights").glob("*.md")
    assert len(sources) > 50
    assert [s for s in sources if not (site / s.relative_to(ROOT)).with_suffix(".html").is_file()] == []
    assert "url=docs/index.html" in (site / "index.html").read_text("utf-8")


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    far = re.compile(r"(?:https?:)?//")
    assert {(p.name, load) for p, page in pages.items() for load in page.loads if far.match(load)} == set()
    styles = [
        (p.name, m)
        for p in site.rglob("*.css")
        for m in re.findall(r"url\(\s*['\"]?((?:https?:)?//[^)]+)", p.read_text("utf-8"))
    ]
    assert styles == []
    texts = [p.read_text("utf-8") for p in pages]
    assert [t for t in texts if "cdn.jsdelivr" in t or "cdnjs" in t or "unpkg.com" in t or "require.min.js" in t] == []


def test_what_is_loaded_and_linked_is_there(site: Path, pages: dict[Path, Page]) -> None:
    lost = set()
    for path, page in pages.items():
        for link in {*page.loads, *page.links}:
            if re.match(r"[a-z][a-z0-9+.-]*:|//", link):
                continue
            where, _, anchor = link.partition("#")
            target = (path.parent / unquote(where.partition("?")[0])).resolve() if where else path
            target = target / "index.html" if target.is_dir() else target
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (anchor and anchors and unquote(anchor) not in anchors):
                lost.add((path.relative_to(site).as_posix(), link))
    assert lost == set()


def test_the_reference_has_every_public_name(site: Path) -> None:
    text = "".join(path.read_text("utf-8") for path in (site / "docs/reference").glob("*.html"))
    homes = {name: [f"specviz.{name}", f"{specviz._ROOMS.get(name)}.{name}"] for name in specviz.__all__}
    missing = [name for name, ids in homes.items() if not any(f'id="{i}"' in text for i in ids)]
    assert missing == ["__version__"], "name it in docs/reference/public.md"


def test_the_notebooks_stand_there_without_outputs(site: Path) -> None:
    text = (site / "notebooks/00_quickstart.html").read_text("utf-8")
    assert "specviz in" in text and "explore" in text
    assert "cell_output" not in text


def test_formulas_are_whole(pages: dict[Path, Page]) -> None:
    formulas = [m for path in pages for m in re.findall(r"<math .*?</math>", path.read_text("utf-8"), re.DOTALL)]
    assert formulas and [m for m in formulas if "\\" in m] == []


def test_make_docs_takes_warnings_for_errors() -> None:
    if shutil.which("make") is None:
        pytest.skip("no make on this machine")
    clean = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    said = subprocess.run(["make", "-n", "docs"], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    assert "-m sphinx -q -W --keep-going -c docs" in said.stdout
