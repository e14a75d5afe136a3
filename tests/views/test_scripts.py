"""Every script that a view sends to the browser is JavaScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
from bokeh.models import CustomJS, CustomJSHover, CustomJSTickFormatter, HTMLTemplateFormatter


def test_scripts_compile(make_view: Any) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine (the browser tests run the scripts)")
    view = make_view("demo 1")
    models = view.layout.references()
    codes = sorted({m.code for m in models if isinstance(m, (CustomJS, CustomJSHover, CustomJSTickFormatter))})
    assert len(codes) >= 8
    check = "for (const c of JSON.parse(require('fs').readFileSync(0))) new Function(c)"
    run = subprocess.run([node, "-e", check], input=json.dumps(codes), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_cells_of_tables_escape_what_they_show(make_view: Any) -> None:
    view = make_view("demo 1")
    templates = [m.template for m in view.layout.references() if isinstance(m, HTMLTemplateFormatter)]
    # underscore's <%= %> does not escape: allowed only for an expression without a cell's own text
    unsafe = [t for t in templates if "<%=" in t and "startsWith" not in t]
    assert templates and unsafe == []
