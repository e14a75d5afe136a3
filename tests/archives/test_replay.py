"""The replay server itself: what docs/archives.md says of it, its faults, and that it runs as a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SERVER = _ROOT / "tests" / "replay" / "server.py"


def test_the_table_in_the_docs_is_what_is_served(shared: Path, replay: Any) -> None:
    """``python tests/replay/server.py --table`` prints it."""
    text = (_ROOT / "docs" / "archives.md").read_text("utf-8")
    match = re.search(r"<!-- replay table -->\n(.*)\n<!-- end of replay table -->", text, re.S)
    assert match is not None
    assert match[1].strip() == sys.modules["replay_server"].table().strip()
    assert "| recorded |" in match[1] and "| built by hand |" in match[1]


def test_every_route_says_where_its_reply_is_from(replay: Any) -> None:
    for service, routes in replay.routes.items():
        for route in routes:
            assert route.note, f"{service} {route.pattern}"


def test_an_unknown_request_says_what_is_known(replay: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{replay.base}/lamost/no/such/thing")
    assert caught.value.code == 404
    assert b"dr_versions" in caught.value.read()
    caught.value.close()


def test_it_runs_as_a_program() -> None:
    run = subprocess.Popen([sys.executable, str(_SERVER)], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        base = run.stdout.readline().strip()
        faults = json.dumps([{"kind": "status", "match": "lamost", "status": 503}]).encode()
        urllib.request.urlopen(f"{base}/control", data=faults).close()
        with pytest.raises(urllib.error.HTTPError, match="503") as caught:
            urllib.request.urlopen(f"{base}/lamost/openapi/dr_versions")
        caught.value.close()
        with urllib.request.urlopen(f"{base}/lamost/openapi/dr_versions") as reply:
            assert json.load(reply)["versions"]
        with urllib.request.urlopen(f"{base}/control") as reply:
            assert len(json.load(reply)["log"]) == 2
    finally:
        run.terminate()
        run.communicate()
