"""docs/security.md names tests that exist; nothing in the package opens a pickle but the two readers named there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
#: Where a pickle is opened: by the unpickler that knows tensors alone; by the separate process behind --trust-pickle.
OPENERS = {"specviz/models/checkpoint_reader.py", "specviz/models/specclip/sbi_unpickling.py"}
#: Compares our reading of a checkpoint with torch's own, on files that it wrote itself; no command reaches it.
BENCHMARK = {"specviz/benchmarks/official.py"}


@pytest.mark.parametrize(("path", "function"), NAMED, ids=lambda v: v)
def test_the_test_behind_a_row_is_there(path: str, function: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert not function or function in functions, f"{path} has no {function}"


def opens_pickles(source: str) -> bool:
    """Whether a module calls something that runs what a pickle says."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        name = ast.unparse(node.func)
        if re.fullmatch(r"(?:pickle|dill|joblib|cloudpickle|marshal|shelve)\.(?:loads?|open|Unpickler)", name):
            return True
        if name == "torch.load" and given.get("weights_only") != "True":
            return True
        if given.get("allow_pickle", "False") != "False" or name.endswith("read_pickle"):
            return True
    return False


def test_nothing_opens_a_pickle_but_what_is_named() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "specviz").rglob("*.py")
        if opens_pickles(path.read_text("utf-8"))
    }
    assert found <= OPENERS | BENCHMARK


@pytest.mark.parametrize(
    "line",
    ["pickle.loads(data)", "torch.load(path)", "np.load(path, allow_pickle=True)", "pd.read_pickle(path)"],
)
def test_an_opener_would_be_seen(line: str) -> None:
    assert opens_pickles(line)
    assert not opens_pickles("torch.load(path, weights_only=True)\nnp.load(path, allow_pickle=False)")
