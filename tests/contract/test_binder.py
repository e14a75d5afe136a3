"""Binder: its files say what ``make binder`` can rehearse, and the rehearsal's memory limit binds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``.ci/binder_check.py`` as a module, beside its own."""
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    pytest.importorskip("resource", reason="counts memory as Linux does")
    import binder_check

    return binder_check


def test_the_environment_can_be_followed(check: ModuleType) -> None:
    version, packages = check.wanted((ROOT / "binder" / "environment.yml").read_text("utf-8"))
    assert packages == ["torch"]
    assert f'python-version: "{version}"' in (ROOT / ".github/workflows/wheels.yml").read_text("utf-8")


@pytest.mark.parametrize(
    ("entries", "python", "packages"),
    [
        (["python=3.12", "pip"], "3.12", []),
        (["python =3.11", "numpy=2.1", "pytorch"], "3.11", ["numpy==2.1.*", "torch"]),
    ],
)
def test_what_an_environment_asks_for(entries: list[str], python: str, packages: list[str], check: ModuleType) -> None:
    text = "dependencies:\n" + "".join(f"  - {entry}\n" for entry in entries)
    assert check.wanted(text) == (python, packages)


@pytest.mark.parametrize("text", ["dependencies: [pip]", "dependencies: [python=3.11, {pip: [numpy]}]"])
def test_what_cannot_be_rehearsed_is_refused(text: str, check: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"environment\.yml|pip"):
        check.wanted(text)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a family of processes is counted on Linux only")
def test_the_limit_binds(check: ModuleType, tmp_path: Path) -> None:
    """One process is refused what is over it; two that hold more together are ended."""
    assert check.binds(400 * 2**20, tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a family of processes is counted on Linux only")
def test_what_is_held_is_counted(check: ModuleType, tmp_path: Path) -> None:
    code = "import time; kept = b'x' * (150 * 2**20); time.sleep(1)"
    with check.MemoryLimit(2**30) as limit:
        status, _ = limit.run([sys.executable, "-c", code], tmp_path)
        assert status == 0 and not limit.passed
        assert 150 * 2**20 < limit.peak < 250 * 2**20


@pytest.mark.skipif(os.name == "nt", reason="Binder runs Linux")
def test_post_build(tmp_path: Path) -> None:
    """It installs without a compiler's help, asks the doctor, and makes JupyterLab open the quickstart."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, prints in (("python", f'[ "$1" = -c ] && echo {tmp_path}/prefix'), ("specviz", "true")):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\n{prints} || true\n')
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(["sh", str(ROOT / "binder" / "postBuild")], cwd=ROOT, env=environment, check=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0] == "python -m pip install --no-cache-dir .[notebook]" and calls[1] == "specviz doctor"
    settings = json.loads((tmp_path / "prefix/etc/jupyter/jupyter_lab_config.json").read_text())
    path = settings["LabApp"]["default_url"].removeprefix("/lab/tree/")
    assert (ROOT / path).is_file()
    copied = tmp_path / "prefix/share/jupyter/lab/settings/overrides.json"
    assert copied.read_bytes() == (ROOT / "binder" / "overrides.json").read_bytes()


def test_settings_that_are_overridden_exist() -> None:
    """JupyterLab says nothing of one that it does not know."""
    schemas = Path(sys.prefix, "share/jupyter/lab/schemas")
    if not schemas.is_dir():
        pytest.skip("no JupyterLab in this environment")
    for name, values in json.loads((ROOT / "binder" / "overrides.json").read_text()).items():
        package, _, plugin = name.partition(":")
        known = json.loads((schemas / package / f"{plugin}.json").read_text("utf-8"))["properties"]
        for key, value in values.items():
            allowed = known[key].get("enum", [value])
            assert value in allowed and isinstance(value, {"string": str, "boolean": bool}[known[key]["type"]])


def test_what_links_open_is_there(check: ModuleType) -> None:
    for _, path, _ in check.PAGES:
        if "notebooks/" in path:
            assert (ROOT / "notebooks" / path.rpartition("/")[2]).is_file()
