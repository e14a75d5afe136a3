"""What the wheel carries: everything that running needs and nothing else; and it works away from the repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

import specviz

ROOT = Path(__file__).resolve().parents[2]
LAB = "data/share/jupyter/labextensions/jupyter-specviz"
#: `import ... from "https://..."`, `import("//...")`, a src or href set to an address: code or styles from elsewhere.
FETCHES = re.compile(
    r"""(?:\bimport\b[^;\n]*?|\bfrom\s*|\bimport\s*\(\s*|\bfetch\s*\(\s*|importScripts\s*\(\s*"""
    r"""|\.(?:src|href)\s*=\s*|url\(\s*)["'`]?(?:https?:)?//[\w.-]+"""
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built as a release is but without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked into an empty folder: for a pure wheel that is what installing does."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def run_installed(site: Path, code: str) -> str:
    """Run ``code`` with the unpacked wheel first on the path, in its folder: the repository is not in reach."""
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=site, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_name(wheel: Path) -> None:
    assert wheel.name == f"jupyter_specviz-{specviz.__version__}-py3-none-any.whl"


def test_every_module_is_in_it(names: list[str]) -> None:
    ours = {p.relative_to(ROOT).as_posix() for p in (ROOT / "specviz").rglob("*.py")}
    assert len(ours) > 20
    assert ours - set(names) == set()
    assert "specviz/py.typed" in names


def test_nothing_else_is_in_it(names: list[str]) -> None:
    stem = f"jupyter_specviz-{specviz.__version__}"
    assert {n.split("/")[0] for n in names} == {"specviz", f"{stem}.dist-info", f"{stem}.data"}
    assert {"/".join(n.split("/")[:6]) for n in names if n.startswith(f"{stem}.data")} == {f"{stem}.data/{LAB}"}
    stranger = re.compile(r"(^|/)(tests?|notebooks|node_modules|__pycache__|\.git)(/|$)|test_[^/]*$")
    assert [n for n in names if stranger.search(n)] == []
    assert [n for n in names if n.endswith((".ipynb", ".pyc", ".ckpt", ".pt", ".pth", ".fits", ".gz", ".h5"))] == []


def test_the_browser_side_is_in_it_once(names: list[str]) -> None:
    ours = {f"specviz/static/{p.name}" for p in (ROOT / "widgets").glob("*.js")}
    assert ours, "widgets/ has no module"
    assert {n for n in names if n.startswith("specviz/static/")} == ours


def test_the_jupyterlab_extension_goes_where_jupyter_looks(wheel: Path, names: list[str]) -> None:
    folder = ROOT / "widgets" / "labextension"
    where = f"jupyter_specviz-{specviz.__version__}.data/{LAB}"
    assert {n for n in names if n.startswith(where)} == {
        f"{where}/{p.relative_to(folder).as_posix()}" for p in folder.rglob("*") if p.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        package = json.loads(archive.read(f"{where}/package.json"))
        assert f"{where}/{package['jupyterlab']['_build']['load']}" in names
        assert json.loads(archive.read(f"{where}/install.json"))["packageName"] == "jupyter-specviz"
    assert Version(package["version"]) == Version(specviz.__version__)
    assert package["name"] == "jupyter-specviz"


def test_the_jupyterlab_extension_is_installed_here() -> None:
    """Whatever the way of installing, an editable one too; the browser tests take the checkout's own copy."""
    installed = Path(sys.prefix, *LAB.removeprefix("data/").split("/"))
    again = f"install again: {sys.executable} -m pip install -e {ROOT}"
    assert installed.is_dir(), f"the JupyterLab extension is not in {installed}; {again}"
    for path in (ROOT / "widgets" / "labextension").rglob("*.js*"):
        copy = installed / path.relative_to(ROOT / "widgets" / "labextension")
        assert copy.is_file() and copy.read_text() == path.read_text(), f"{copy} is another version's; {again}"


def test_the_default_model_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        weights = [i for i in archive.infolist() if i.filename.endswith(".safetensors")]
        cards = [n for n in archive.namelist() if n.startswith("specviz/models/") and n.endswith(".md")]
    size = {Path(i.filename).name: i.file_size for i in weights}
    default = size.pop("specclip_small.safetensors")
    assert default <= 20e6 and sum(size.values()) <= 30e6  # the other four systems together
    assert {Path(c).stem for c in cards} >= {name.split("_")[0] + "_small" for name in size}
    assert wheel.stat().st_size <= 40e6


def test_the_demo_sky_is_in_it_and_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        size = {i.filename: i.file_size for i in archive.infolist()}
    assert size["specviz/archives/data/demo_stars.npz"] < 2e6 and "specviz/archives/data/README.md" in size
    assert size["specviz/catalog/data/demo_embeddings.npz"] < 9e6


def test_licence_readme_and_command(wheel: Path) -> None:
    info = f"jupyter_specviz-{specviz.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert "BSD 3-Clause" in archive.read(f"{info}/licenses/LICENSE").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
        assert "specviz = specviz.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert "\nLicense-Expression: BSD-3-Clause\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert re.search(r"\nRequires-Dist: torch>=2\.4\n", metadata), "torch must not be pinned for everybody"
    assert "make test" in metadata, "the README is the description"


def test_no_shipped_script_or_style_fetches_anything(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = [n for n in archive.namelist() if n.endswith((".js", ".mjs", ".css", ".html"))]
        texts = {n: archive.read(n).decode() for n in shipped}
    assert texts
    assert {n: FETCHES.findall(text) for n, text in texts.items() if FETCHES.search(text)} == {}


@pytest.mark.parametrize(
    "line",
    [
        'import * as d3 from "https://cdn.example.org/d3.js";',
        "const m = await import('//cdn.example.org/m.js')",
        'script.src = "https://cdn.example.org/bokeh.js"',
        "@import url(https://fonts.example.org/css);",
        'fetch("https://api.example.org/")',
    ],
)
def test_a_fetch_would_be_seen(line: str) -> None:
    assert FETCHES.search(line)


@pytest.mark.parametrize(
    "line", ['import { a } from "./a.js";', "// see https://example.org", 'svg.xmlns = "http://www.w3.org/2000/svg"']
)
def test_what_is_no_fetch_is_left_alone(line: str) -> None:
    assert not FETCHES.search(line)


@pytest.fixture(scope="module")
def _out_of_reach(installed: Path) -> None:
    """Make sure that what the next tests import is the wheel's, not the checkout's."""
    where = run_installed(installed, "import specviz; print(specviz.__file__)").strip()
    assert Path(where).is_relative_to(installed)


@pytest.mark.usefixtures("_out_of_reach")
def test_assets_are_read_from_the_wheel(installed: Path) -> None:
    code = """
from importlib.resources import files
scripts = [f for f in (files("specviz") / "static").iterdir() if f.name.endswith(".js")]
print(len(scripts), min(len(f.read_text("utf-8")) for f in scripts))
"""
    count, shortest = map(int, run_installed(installed, code).split())
    assert count >= 1 and shortest > 100


@pytest.mark.usefixtures("_out_of_reach")
def test_the_wheels_model_analyses_a_demo_star(installed: Path) -> None:
    """Weights, demo sky and reference scores are all inside: nothing is fetched, the repository is not needed."""
    code = """
import specviz
from specviz.archives.demo import DemoArchive
report = specviz.analyse(DemoArchive().star(0))
assert not report.problem, report.problem
print(report.posterior.summary()["teff"][0])
"""
    assert 2500 < float(run_installed(installed, code)) < 50_000
