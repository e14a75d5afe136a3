"""The browser side is found and joined."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from specviz.doors.assets import asset_text, module_text, script_text
from specviz.errors import SpecvizError

ENTRIES = ("doc_host.js", "saved_page.js", "served_page.js")
DECLARATION = re.compile(r"^(?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_module_is_joined_once_without_imports(entry: str) -> None:
    text = module_text(entry)
    assert not re.search(r"^import ", text, re.MULTILINE)
    names = DECLARATION.findall(text)
    assert len(names) == len(set(names)), "two files declare the same top-level name"
    assert text.count("class Theme ") == 1
    assert text.rstrip().endswith(f"//# sourceURL=specviz/{entry}")


def test_only_the_entry_exports() -> None:
    text = module_text("doc_host.js")
    assert re.findall(r"^export .*", text, re.MULTILINE) == ["export default { initialize, render };"]
    assert "export" not in re.findall(r"^\w+", script_text("served_page.js"), re.MULTILINE)
    assert "</script" not in script_text("saved_page.js")


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_joined_text_is_sound_javascript(entry: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node to check the syntax with; tests/ui runs the text in a browser")
    module = tmp_path / "m.mjs"
    module.write_text(module_text(entry))
    done = subprocess.run([node, "--check", str(module)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_file_says_what_to_do() -> None:
    with pytest.raises(SpecvizError, match=r"nothing\.js is missing.*Install jupyter-specviz again"):
        asset_text("nothing.js")
