"""What ``make`` would run (it is asked, nothing is run), and that the shell scripts are sound."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


def would_run(*words: str, **environment: str) -> str:
    """What ``make -n WORDS`` prints. The make that may be running these tests must not hand its variables on."""
    drop = {
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "CI",
        "PIP_FIND_LINKS",
        "CONSTRAINTS",
        "BROWSER",
        "NO_BROWSER",
        "WORKERS",
    }
    clean = {k: v for k, v in os.environ.items() if k not in drop}
    done = subprocess.run(
        ["make", "-n", "-B", *words], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_run_opens_the_quickstart() -> None:
    said = would_run("run", "PORT=9123")
    assert "jupyter lab --port=9123" in said and "notebooks/00_quickstart.ipynb" in said
    assert "--no-browser" not in said
    assert (ROOT / "notebooks/00_quickstart.ipynb").is_file()


@pytest.mark.parametrize("switch", ["BROWSER=no", "BROWSER=none", "NO_BROWSER=1"])
def test_run_without_a_browser(switch: str) -> None:
    assert "--no-browser" in would_run("run", switch)


def test_a_browser_of_ones_own_is_no_switch() -> None:
    """``BROWSER=firefox`` in the environment is a desktop's setting, not our switch."""
    assert "--no-browser" not in would_run("run", BROWSER="firefox")


def test_run_asks_nobody_for_news() -> None:
    assert "cp binder/overrides.json .venv/share/jupyter/lab/settings" in would_run("run")


@pytest.mark.parametrize(
    ("target", "script"),
    [("binder", "binder_check"), ("release-check", "release_check"), ("newcomer", "newcomer")],
)
def test_rehearsals(target: str, script: str) -> None:
    assert f".ci/{script}.py" in would_run(target)
    assert f".ci/{script}.py --constraint mine.txt" in would_run(target, "CONSTRAINTS=mine.txt")


def test_everybody_else_gets_torch_unpinned() -> None:
    assert "constraints-ci.txt" not in would_run("test")


@pytest.mark.parametrize("where", [{"CI": "true"}, {"PIP_FIND_LINKS": "/some/wheels"}], ids=["CI", "folder of wheels"])
def test_ci_and_offline_machines_pin_it(where: dict[str, str]) -> None:
    assert would_run("test", **where).count("-c constraints-ci.txt") == 2  # once for uv, once for pip


def test_constraints_of_ones_own() -> None:
    said = would_run("test", "CONSTRAINTS=mine.txt", CI="true")
    assert "-c mine.txt" in said and "constraints-ci.txt" not in said


def test_test_checks_everything_in_order() -> None:
    said = would_run("test", "PYTEST_ARGS=-k nothing")
    order = [said.index(word) for word in ("ruff check .", "bin/mypy", "-m pytest -k nothing")]
    assert order == sorted(order)


def test_files_of_tests_side_by_side_and_the_browser_alone() -> None:
    said = would_run("test")
    assert said.index("--ignore tests/ui -n 2 --dist loadfile") < said.index("-m pytest tests/ui")
    assert said.count("|| failed=1") == 2  # the browser's tests are run, and both are told of, when others fail
    assert "-n 0 --dist" in would_run("test", "WORKERS=0")
    assert "--dist" not in would_run("test", "PYTEST_ARGS=tests/spectra")


@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild"])
def test_scripts_are_sound(script: str) -> None:
    path = ROOT / script
    shell = path.read_text().splitlines()[0].split("/")[-1].split()[-1]
    assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0
    assert os.access(path, os.X_OK)
