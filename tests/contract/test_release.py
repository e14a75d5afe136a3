"""What is released: the sdist, the recipe, the extras, and the scripts that check them (``make release-check``)."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import specviz

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """``.ci/release_check.py`` as a module."""
    spec = importlib.util.spec_from_file_location("specviz_release_check", ROOT / ".ci" / "release_check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.tar.gz")
    return path


def test_the_sdist_is_whole_and_small(sdist: Path, check: ModuleType) -> None:
    """It holds what building and testing need: source, tests, notebooks, documents, recipe, workflows."""
    assert [*check.size_problems(sdist), *check.sdist_problems(sdist)] == []
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder, pattern in (("notebooks", "*.ipynb"), ("docs", "*.md"), (".github/workflows", "*.yml")):
        ours = {p.relative_to(ROOT).as_posix() for p in (ROOT / folder).glob(pattern)}
        assert ours and ours - names == set()


def test_what_is_missing_or_does_not_belong_is_seen(tmp_path: Path, check: ModuleType) -> None:
    source = tmp_path / "jupyter_specviz-1.0"
    (source / "specviz" / "__pycache__").mkdir(parents=True)
    (source / "specviz" / "__pycache__" / "a.pyc").touch()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(source, source.name)
    found = list(check.sdist_problems(tmp_path / "a.tar.gz"))
    assert "README.md is missing" in found and "specviz/__pycache__/a.pyc does not belong there" in found

    with zipfile.ZipFile(tmp_path / "jupyter_specviz-1.0-cp311-cp311-linux_x86_64.whl", "w") as archive:
        archive.writestr("jupyter_specviz-1.0.dist-info/METADATA", "Name: jupyter-specviz\n")
        archive.writestr("tests/test_a.py", "")
        archive.writestr("specviz/model.pkl", "")
    found = list(check.wheel_problems(tmp_path / "jupyter_specviz-1.0-cp311-cp311-linux_x86_64.whl"))
    assert "it is not a pure wheel" in found and "tests does not belong there" in found
    assert "specviz/model.pkl does not belong there" in found and "specviz/api.py is missing" in found
    assert any("License-Expression" in problem for problem in found)


def test_compilers_are_out_of_reach(tmp_path: Path, check: ModuleType) -> None:
    environment = check.without_compilers(tmp_path)
    for name in ("cc", "g++", "node"):
        done = subprocess.run([name], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and done.stderr == f"no compiler here: {name}\n"


def test_a_python_is_found_or_not(check: ModuleType) -> None:
    here = ".".join(map(str, sys.version_info[:2]))
    found = check.find_python(here)
    if found is not None:  # a test may run in an environment whose Python is under another name
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        assert said.startswith(f"Python {here}.")
    assert check.find_python("3.2") is None


class TestExtras:
    @pytest.mark.parametrize(
        "name", ["official", "sbi", "distributed", "lightcurves", "samp", "docs", "test", "all", "notebook", "lab"]
    )
    def test_it_is_there(self, name: str) -> None:
        assert name in PROJECT["optional-dependencies"]

    def test_bundles_name_extras_that_exist(self) -> None:
        extras = PROJECT["optional-dependencies"]
        for name, wanted in extras.items():
            for requirement in map(Requirement, wanted):
                if requirement.name == PROJECT["name"]:
                    assert requirement.extras <= set(extras), name

    def test_every_extra_that_a_message_or_a_page_names_exists(self) -> None:
        """A remedy that cannot be followed is worse than none."""
        texts = [*(ROOT / "specviz").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
        named = {
            extra.strip()
            for path in texts
            for group in re.findall(r"jupyter-specviz\[([\w, -]+)\]", path.read_text("utf-8"))
            for extra in group.split(",")
        }
        assert named and named - set(PROJECT["optional-dependencies"]) == set()

    def test_what_needs_nothing_works_without_anything(self) -> None:
        """The extras ``samp`` and ``lightcurves`` are empty: astropy does it."""
        extras = PROJECT["optional-dependencies"]
        assert extras["samp"] == extras["lightcurves"] == []
        assert importlib.util.find_spec("astropy.samp") and importlib.util.find_spec("specviz.archives.light_curves")


@pytest.fixture(scope="module")
def recipe() -> Any:
    return yaml.safe_load((ROOT / "conda.recipe" / "recipe.yaml").read_text("utf-8"))


class TestRecipe:
    def test_it_is_this_version(self, recipe: Any) -> None:
        assert recipe["schema_version"] == 1
        assert recipe["context"]["version"] == specviz.__version__
        assert recipe["context"]["name"] == PROJECT["name"]
        assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]

    def test_it_asks_for_what_the_wheel_asks_for(self, recipe: Any) -> None:
        conda = {"torch": "pytorch", "astropy": "astropy-base"}
        ours = {conda.get(r.name, r.name): r.specifier for r in map(Requirement, PROJECT["dependencies"])}
        python, *wanted = recipe["requirements"]["run"]
        assert python == "python >=${{ python_min }}"
        theirs = {r.name: r.specifier for r in map(Requirement, wanted)}
        assert theirs == ours

    def test_command_licence_and_summary(self, recipe: Any) -> None:
        (command,) = PROJECT["scripts"].items()
        assert recipe["build"]["python"]["entry_points"] == [" = ".join(command)]
        assert recipe["build"]["noarch"] == "python"
        assert (ROOT / recipe["about"]["license_file"]).is_file()
        assert recipe["about"]["license"] == PROJECT["license"] and recipe["about"]["summary"] == PROJECT["description"]
