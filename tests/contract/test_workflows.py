"""The GitHub workflows, read as GitHub reads them: pinned, with few rights, and calling what exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
FROM_OUTSIDE = re.compile(r"\$\{\{[^}]*(github\.event|github\.head_ref|inputs\.)")


def read(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads the key ``on`` as true."""
    found = yaml.safe_load(path.read_text("utf-8"))
    found["on"] = found.pop(True)
    return dict(found)


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_four_are_there() -> None:
    assert {p.stem for p in WORKFLOWS} == {"test", "docs", "wheels", "release"}
    assert {read(p)["name"] for p in WORKFLOWS} == {p.stem for p in WORKFLOWS}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
class TestWorkflow:
    def test_actions_are_pinned_and_say_their_version(self, path: Path) -> None:
        used = [step["uses"] for step in steps(read(path)) if "uses" in step]
        assert used and [name for name in used if not PINNED.match(name)] == []
        lines = [line for line in path.read_text("utf-8").splitlines() if "uses:" in line]
        assert [line for line in lines if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []

    def test_few_rights(self, path: Path) -> None:
        workflow = read(path)
        assert workflow["permissions"] == {"contents": "read"}
        assert "pull_request_target" not in workflow["on"]
        for name, job in workflow["jobs"].items():
            writes = {right for right, level in job.get("permissions", {}).items() if level == "write"}
            allowed = {"publish": {"id-token"}, "announce": {"contents"}, "deploy": {"pages", "id-token"}}
            assert writes == allowed.get(name, set()), name
        for step in steps(workflow):
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False

    def test_every_job_ends(self, path: Path) -> None:
        for name, job in read(path)["jobs"].items():
            assert 0 < job["timeout-minutes"] <= 90 and job["runs-on"], name
            needed = job.get("needs", [])
            assert set([needed] if isinstance(needed, str) else needed) <= set(read(path)["jobs"])

    def test_nothing_from_outside_reaches_a_shell(self, path: Path) -> None:
        assert [step["run"] for step in steps(read(path)) if FROM_OUTSIDE.search(step.get("run", ""))] == []

    def test_what_it_runs_exists(self, path: Path) -> None:
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        for step in steps(read(path)):
            words = shlex.split(step.get("run", ""), comments=True)
            if words[:1] == ["make"]:
                assert words[1] in targets
            for word in words:
                if word.startswith((".ci/", "binder/")):
                    assert (ROOT / word).is_file(), word

    def test_options_of_our_scripts_exist(self, path: Path) -> None:
        for step in steps(read(path)):
            words = shlex.split(step.get("run", ""), comments=True)
            for script in [word for word in words if word.startswith(".ci/") and word.endswith(".py")]:
                text = (ROOT / script).read_text("utf-8")
                assert [w for w in words if w.startswith("--") and f'"{w}"' not in text] == []


def test_one_commit_for_each_action() -> None:
    """The same action is pinned to the same commit everywhere."""
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for step in steps(read(path)):
            if "uses" in step:
                name, _, commit = step["uses"].partition("@")
                pins.setdefault(name, set()).add(commit)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_all_supported_pythons_are_tested_and_tried() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    supported = set(re.findall(r"Python :: (3\.\d+)", text))
    for name, job in (("test", "linux"), ("wheels", "try"), ("release", "try")):
        workflow = read(ROOT / ".github" / "workflows" / f"{name}.yml")
        assert set(workflow["jobs"][job]["strategy"]["matrix"]["python"]) == supported


def test_a_mistake_would_be_seen() -> None:
    assert not PINNED.match("actions/checkout@v5") and not PINNED.match("actions/checkout@main")
    assert FROM_OUTSIDE.search("echo ${{ github.event.pull_request.title }}")
