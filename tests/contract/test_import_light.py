"""``import specviz`` costs little: what it imports is asserted here; how long it takes is printed by ``make bench``."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import specviz

#: Each of these alone costs more than the whole budget of 0.3 s, or talks to the network when it is imported.
HEAVY = {
    "torch", "zuko", "safetensors", "scipy", "pandas", "matplotlib", "panel", "bokeh", "anywidget", "ipywidgets",
    "IPython", "astropy", "astroquery", "pyvo", "specutils", "gaiaxpy", "sklearn", "h5py", "fastavro",
}  # fmt: skip


def modules_after(code: str, folder: Path) -> set[str]:
    """The top-level modules that a fresh Python holds after ``code``, run in an empty folder."""
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import specviz",
        "import specviz; dir(specviz); specviz.__version__; specviz.SpecvizError",
        "import specviz.cli; assert specviz.cli.main(['--version']) == 0",
        "import specviz.cli; assert specviz.cli.main(['analyse', '--help']) == 0",
    ],
    ids=["import", "names", "version", "help"],
)
def test_nothing_heavy_is_imported(code: str, tmp_path: Path) -> None:
    assert modules_after(code, tmp_path) & HEAVY == set()


def test_the_modules_are_really_counted(tmp_path: Path) -> None:
    """The measurement sees a heavy import when there is one."""
    assert "scipy" in modules_after("import specviz, scipy", tmp_path)


@pytest.mark.parametrize("name", ["Spectrum", "Star", "Report", "Posterior"])
def test_the_nouns_do_not_bring_torch_or_panel(name: str, tmp_path: Path) -> None:
    loaded = modules_after(f"import specviz; specviz.{name}", tmp_path)
    assert loaded & {"torch", "panel", "bokeh", "astroquery", "pandas", "specutils"} == set()


@pytest.mark.parametrize("name", [n for n in specviz.__all__ if n != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(specviz, name)
    assert callable(value)
    assert value is getattr(importlib.import_module(specviz._ROOMS[name]), name)
    assert name in dir(specviz)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'analyze'; it has .*analyse"):
        specviz.analyze  # noqa: B018 - the access is the test
