"""``make release-check``: is what would be released whole, small, and installable without a compiler?

Builds the sdist, and the wheel from it; looks at what is in both; installs the wheel into a new environment of each
Python, with wheels alone and with compilers that fail, and there, away from the repository, asks for the version and
the doctor, analyses a star and saves a page. Every step is printed with its seconds. The environments are removed.

    .venv/bin/python .ci/release_check.py [--python 3.12]... [--constraint FILE] [--folder FOLDER] [--no-install]
        [--keep FOLDER] [--built FOLDER] [--tag vX.Y.Z]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
LARGEST = 80e6  # bytes, of a wheel or an sdist
COMPILERS = ("cc", "gcc", "g++", "c++", "clang", "clang++", "cl", "gfortran", "rustc", "cargo", "cmake", "node", "npm")
#: Of the extras, what is published without a wheel: pure Python, so no compiler is needed for it either.
SOURCE_ONLY = ("dust-extinction", "nflows")  # nflows: of sbi
#: What a repository holds beside its source: none of it belongs into a release.
STRANGERS = re.compile(
    r"(^|/)(__pycache__|\.git|\.venv|\.stamps|node_modules|\.ipynb_checkpoints|_build)(/|$)"
    r"|\.(pyc|ckpt|pt|pth|pkl|pickle|joblib)$"
)
#: What the sdist must hold, so that it can be built and tested without the repository.
IN_SDIST = (
    "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Makefile",
    "constraints-ci.txt", ".ci/run", "binder/environment.yml", "binder/postBuild", "docs/index.md",
    "notebooks/00_quickstart.ipynb", "tests/conftest.py", "specviz/__init__.py", "specviz/models/weights/SHA256SUMS",
    "widgets/labextension/package.json", "conda.recipe/recipe.yaml",
)  # fmt: skip
#: What a new user does first; each is run in an empty folder with the installed wheel.
FIRST_STEPS = (
    ("version", ("-m", "specviz", "--version")),
    ("doctor", ("-m", "specviz", "doctor")),
    ("analyse", ("-c", "import specviz; r = specviz.analyse(specviz.get('demo 1')); assert not r.problem; print(r)")),
    (
        "a page",
        (
            "-c",
            "import specviz, pathlib; specviz.explore('demo 1').save_html('page.html'); "
            "assert pathlib.Path('page.html').stat().st_size > 1e6",
        ),
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--python", action="append", metavar="X.Y", help=f"default: {' '.join(PYTHONS)}")
    parser.add_argument("--constraint", type=Path, metavar="FILE", help="for pip; a user has none")
    parser.add_argument("--folder", type=Path, help="where to build and to install; default: a temporary one")
    parser.add_argument("--no-install", action="store_true", help="only build and look")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the sdist and the wheel there")
    parser.add_argument("--built", type=Path, metavar="FOLDER", help="take them from there, build nothing")
    parser.add_argument("--tag", metavar="vX.Y.Z", help="the tag that is released: the version must be the same")
    arguments = parser.parse_args(argv)
    problems: list[str] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="release-") as folder:
        dist = arguments.built or arguments.keep or Path(folder) / "dist"
        if not arguments.built:
            with step("build sdist and wheel"):
                build(dist)
        (sdist,), (wheel,) = dist.resolve().glob("*.tar.gz"), dist.resolve().glob("*.whl")
        for path, look in ((sdist, sdist_problems), (wheel, wheel_problems)):
            print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB")
            print(f"  sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
            problems += [f"{path.name}: {problem}" for problem in [*size_problems(path), *look(path)]]
        if arguments.tag and arguments.tag != f"v{version_of(wheel)}":
            problems.append(f"the tag is {arguments.tag}, the version {version_of(wheel)}")
        for version in () if arguments.no_install else arguments.python or PYTHONS:
            python = find_python(version)
            if python is None:
                problems.append(f"no Python {version} on this machine (python{version}, or pyenv's)")
                continue
            problems += [
                f"Python {version}: {problem}"
                for problem in try_out(python, wheel, Path(folder) / f"py{version}", arguments.constraint)
            ]
    for problem in problems:
        print(f"PROBLEM {problem}", file=sys.stderr)
    print("all well" if not problems else f"{len(problems)} to mend")
    return 1 if problems else 0


@contextmanager
def step(what: str) -> Iterator[None]:
    """``with step("what"):`` prints how long it took."""
    began = time.monotonic()
    mark = " FAILED"
    try:
        yield
        mark = ""
    finally:
        print(f"{time.monotonic() - began:7.1f} s  {what}{mark}", flush=True)


def build(folder: Path) -> None:
    """The sdist of this checkout, and the wheel built from that sdist: what the index would serve."""
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)], cwd=ROOT)


def version_of(wheel: Path) -> str:
    """The version in a wheel's name."""
    return wheel.name.split("-")[1]


def size_problems(path: Path) -> Iterator[str]:
    """Is it small enough for the index and for a class on a slow line?"""
    size = path.stat().st_size
    if size > LARGEST:
        yield f"{size / 1e6:.1f} MB are more than {LARGEST / 1e6:.0f}"


def sdist_problems(path: Path) -> Iterator[str]:
    """What is missing from an sdist, or does not belong there."""
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    yield from (f"{name} is missing" for name in IN_SDIST if name not in names)
    yield from (f"{name} does not belong there" for name in names if STRANGERS.search(name))
    ours = {p.relative_to(ROOT).as_posix() for folder in ("specviz", "tests") for p in (ROOT / folder).rglob("*.py")}
    yield from (f"{name} is missing" for name in sorted(ours - set(names)))


def wheel_problems(path: Path) -> Iterator[str]:
    """What is missing from a wheel, or does not belong there; tests/contract/test_wheel.py looks closer."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith(".dist-info/METADATA"))).decode()
    if not path.name.endswith("-py3-none-any.whl"):
        yield "it is not a pure wheel"
    yield from (f"{name} does not belong there" for name in names if STRANGERS.search(name))
    tops = {name.split("/")[0] for name in names if not re.match(r"jupyter_specviz-[^/]+\.(dist-info|data)/", name)}
    yield from (f"{top} does not belong there" for top in sorted(tops - {"specviz"}))
    ours = {p.relative_to(ROOT).as_posix() for p in (ROOT / "specviz").rglob("*.py")}
    yield from (f"{name} is missing" for name in sorted(ours - set(names)))
    for word in ("Name: jupyter-specviz", "License-Expression: BSD-3-Clause", "Requires-Python: >=3.11"):
        if f"\n{word}\n" not in f"\n{metadata}":
            yield f"its metadata do not say {word!r}"


def find_python(version: str) -> Path | None:
    """The interpreter of a version: the one that runs this, pyenv's newest, ``pythonX.Y``; None if none is here."""
    if version == ".".join(map(str, sys.version_info[:2])) and sys.prefix == sys.base_prefix:
        return Path(sys.executable)
    folder = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(folder.glob(f"{version}.*/bin/python"), key=lambda p: int(p.parts[-3].rpartition(".")[2]))
    if found:
        return found[-1]
    named = shutil.which(f"python{version}")
    return Path(named) if named else None


def try_out(python: Path, wheel: Path, folder: Path, constraint: Path | None = None) -> Iterator[str]:
    """Install a wheel into a new environment of ``python`` and take the first steps there; what went wrong."""
    folder.mkdir(parents=True)
    environment = without_compilers(folder)
    home, empty = folder / "venv", folder / "empty"
    empty.mkdir()
    try:
        with step(f"{python}: new environment"):
            run([str(python), "-m", "venv", str(home)], cwd=empty)
        here = str(home / ("Scripts" if os.name == "nt" else "bin") / "python")
        extra = ["-c", str(constraint.resolve())] if constraint else []
        with step("install with wheels alone, no compiler"):
            run([here, "-m", "pip", "install", "-q", "--only-binary", ":all:", *extra, str(wheel)], empty, environment)
        size = sum(p.stat().st_size for p in home.rglob("*") if p.is_file() and not p.is_symlink())
        print(f"           {size / 1e9:.2f} GB")
        for name, words in FIRST_STEPS:
            with step(name):
                said = run([here, *words], empty, environment)
            if name == "doctor" and "TROUBLE" in said:
                yield said
        with step("every extra resolves to wheels"):
            run([here, "-m", "pip", "install", "-q", "--dry-run", "--only-binary", ":all:",
                 "--no-binary", ",".join(SOURCE_ONLY), *extra, f"{wheel}[all,test,docs]"],
                empty, environment)  # fmt: skip
    except subprocess.CalledProcessError as error:
        yield f"{' '.join(map(str, error.cmd[:6]))} ...\n{error.stdout[-3000:]}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def without_compilers(folder: Path) -> dict[str, str]:
    """An environment in which every compiler, and Node, fails and says so: what needs one shows itself."""
    stubs = folder / "no-compilers"
    stubs.mkdir()
    for name in COMPILERS:
        stub = stubs / name
        stub.write_text(f"#!/bin/sh\necho 'no compiler here: {name}' >&2\nexit 1\n")
        stub.chmod(0o755)
    path = os.pathsep.join([str(stubs), os.environ.get("PATH", os.defpath)])
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"PATH": path, "CC": "cc", "CXX": "c++", "XDG_CACHE_HOME": str(folder / "cache")}


def run(command: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command said.

    Raises
    ------
    subprocess.CalledProcessError
        If its status is not 0; ``stdout`` holds all it said.
    """
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
