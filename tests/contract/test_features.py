"""Behind every row of docs/features.md that says yes stands a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/features.md").read_text("utf-8")
LINES = [line for line in TEXT.splitlines() if line.startswith("| ")]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES][1:]


def test_the_table_has_the_rows_of_the_survey() -> None:
    shared = ROOT.parent / "shared/specs/interface.md"
    if not shared.is_file():
        pytest.skip("the survey is in ../shared, which a clone alone has not")
    survey = shared.read_text("utf-8").split("## 1. FEATURE TABLE")[1].split("**Our edge")[0]
    wanted = [line.split("|")[1].strip() for line in survey.splitlines() if line.startswith("| ")][1:]

    def plain(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "", name.lower().replace("->", "").replace("observed", "obs"))

    assert len(wanted) > 40
    assert {plain(name) for name in wanted} - {plain(row[0]) for row in ROWS} == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_test_behind_a_yes_is_there(row: list[str]) -> None:
    feature, answer, *behind = row
    if answer.startswith("no"):
        return
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", " ".join(behind))
    assert named, f"nothing stands behind {feature}"
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        assert not function or function in functions, f"{path} has no {function}"
