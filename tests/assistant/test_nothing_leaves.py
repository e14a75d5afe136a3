"""``specviz ask``, the magic and an MCP host ask nobody, whatever the environment names, unless they are told to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from specviz.app.magic import Magic
from specviz.archives.demo import DemoArchive
from specviz.assistant.desk import Desk
from specviz.assistant.llm.endpoint import API_KEY, BASE_URL, MODEL
from specviz.assistant.mcp_server import ToolHost
from specviz.cli import main
from specviz.errors import SpecvizError
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

QUESTIONS = [
    "open demo 1",
    "its temperature",
    "3 similar stars",
    "用 XP 再来一次",
    "is it odd?",
    "papers about SpecCLIP",
]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that anything tried to reach: none can be, with an endpoint in the environment for good measure."""
    out: list[str] = []

    def refuse(name: str) -> Callable[..., Any]:
        def blocked(*arguments: Any, **_: Any) -> Any:
            out.append(f"{name} {arguments!r}")
            raise OSError("no network in this test")

        return blocked

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse(name))
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse(name))
    monkeypatch.setenv(BASE_URL[0], "https://llm.example.org/v1")
    monkeypatch.setenv(MODEL[0], "some")
    monkeypatch.setenv(API_KEY[0], "secret")
    return out


def test_the_guard_sees_a_request(tried: list[str]) -> None:
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("example.org", 80))
    assert tried


def test_ask_reaches_nobody(tried: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    star = tmp_path / "star.fits"
    star.write_bytes(spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits"))
    assert main(["ask", "its parameters and 3 similar stars", "--file", str(star)]) == 0
    assert tried == [] and "secret" not in capsys.readouterr().out


def test_with_llm_only_the_endpoint_is_tried(tried: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how hot is demo 1?", "--llm"]) == 1
    said = capsys.readouterr()
    assert tried and all("llm.example.org" in t for t in tried)
    assert "cannot be reached" in said.err and "secret" not in said.err + said.out


def test_the_magic_reaches_nobody(tried: list[str]) -> None:
    magic = Magic(dict)
    for question in QUESTIONS:
        told = magic(question)
        assert told is not None and told.text and not told.problem, question
    assert tried == []


def test_an_mcp_host_without_permission_reaches_nobody(tried: list[str], tmp_path: Path) -> None:
    host = ToolHost(Desk(online=False, device="cpu", folder=tmp_path))
    host.call("load", {"name": "demo 1"})
    some = {"posterior": {"label": "teff"}, "load": {"name": "HD 140283"}, "papers": {"query": "SpecCLIP"}}
    for name in sorted(
        set(host.tools) - {"compare", "why", "abundances", "desa", "light_curve", "stretch", "outliers"}
    ):
        arguments = {"name": "specclip-small"} if name == "use_model" else some.get(name, {})
        try:
            host.call(name, arguments)
        except SpecvizError:
            assert name == "load"  # a star that only the archives know
    assert tried == [] and list(tmp_path.iterdir()) == []
