"""The tools over the Model Context Protocol: the SDK's own client starts ``specviz mcp`` and calls them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from specviz.archives.demo import DemoArchive
from specviz.assistant.desk import Desk
from specviz.assistant.mcp_server import ToolHost, configuration, make_server
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer
from specviz.cli import main
from specviz.errors import CancelledError, SpecvizError
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

mcp = pytest.importorskip("mcp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spectra")
    (path / "mine.fits").write_bytes(spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits"))
    (path / "broken.fits").write_bytes(b"nothing")
    (path / ".hidden.fits").write_bytes(b"nothing")
    (path / "notes.md").write_text("nothing")
    return path


def _wait_for(run: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    """On a thread of its own: Playwright leaves a loop running on the one of the tests."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(asyncio.wait_for(run(), seconds))).result()


def over_stdio(arguments: list[str], use: Callable[[Any], Awaitable[None]], cwd: Path) -> None:
    """Start the command as a host does, and use it."""
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    started = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "specviz", "mcp", *arguments, "--device", "cpu"], cwd=cwd,
        env={"OMP_NUM_THREADS": "1", "HOME": os.environ.get("HOME", str(cwd)), **nowhere},
    )  # fmt: skip

    async def run() -> None:
        async with mcp.Client(started) as client:
            await use(client)

    _wait_for(run, 120)


def test_a_host_lists_and_calls_the_tools(folder: Path, tmp_path: Path) -> None:
    async def use(client: Any) -> None:
        tools = {t.name: t for t in (await client.list_tools()).tools}
        own = {t.name: t for t in all_tools()}
        assert set(tools) == {t.name for t in own.values() if not t.reaches} | {"files"}
        assert tools["posterior"].input_schema == json.loads(json.dumps(own["posterior"].parameters))
        assert tools["posterior"].description == own["posterior"].summary
        assert all(t.annotations.read_only_hint and not t.annotations.open_world_hint for t in tools.values())

        listed = await client.call_tool("files", {})
        assert listed.structured_content["data"] == {"files": ["broken.fits", "mine.fits"]}
        loaded = await client.call_tool("load", {"name": "mine.fits"})
        assert loaded.content[0].text.startswith("demo 4, RA 273.9614°")
        labels = await client.call_tool("labels", {"only": ["teff"]})
        data = labels.structured_content
        assert json.loads(labels.content[-1].text) == data and data["call"] == "c3"
        assert data["provenance"]["model"] == "specclip-small" and data["arguments"] == {"only": ["teff"]}
        assert abs(data["data"]["labels"][0]["value"] - 4775) < 150
        assert sum(len(c.text) for c in labels.content) < 2000  # small: no spectrum leaves

        for name, arguments, words in [
            ("labels", {"only": ["tef"]}, "Did you mean"),
            ("labels", {"wrong": 1}, "has no argument"),
            ("load", {"name": "broken.fits"}, "broken.fits"),
            ("load", {"name": "../mine.fits"}, "is not at hand"),
            ("load", {"name": str(folder / "mine.fits")}, "is not at hand"),
            ("fetch", {"name": "HD 140283"}, "It is not offered"),
            ("export", {"what": "labels", "file": "a.csv"}, "It is not offered"),
            ("nothing", {}, "There is no tool 'nothing'"),
        ]:
            refused = await client.call_tool(name, arguments)
            assert refused.is_error and words in refused.content[0].text, (name, refused)
        again = await client.call_tool("star", {})
        assert again.structured_content["data"]["name"] == "demo 4"

    over_stdio([str(folder)], use, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_older_host_is_understood(tmp_path: Path) -> None:
    """Line by line, as a host that speaks the protocol of 2024 does (Jupyter AI's libraries are of that family)."""
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": {
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list"},
        {"id": 3, "method": "tools/call", "params": {"name": "models", "arguments": {}}},
    ]  # fmt: skip
    command = [sys.executable, "-m", "specviz", "mcp", "--device", "cpu"]
    with subprocess.Popen(command, cwd=tmp_path, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None and running.stdout is not None
        replies = []
        for message in messages:
            running.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            running.stdin.flush()
            if "id" in message:
                replies.append(json.loads(running.stdout.readline()))
        running.stdin.close()  # the host goes away: the server ends by itself
        assert running.wait(30) == 0
    assert [r["id"] for r in replies] == [1, 2, 3]
    assert replies[0]["result"]["serverInfo"]["name"] == "specviz" and "data" in replies[0]["result"]["instructions"]
    assert "labels" in {t["name"] for t in replies[1]["result"]["tools"]}
    assert "specclip-small" in replies[2]["result"]["content"][0]["text"]


def test_what_reaches_out_is_offered_only_where_it_is_allowed(folder: Path, tmp_path: Path) -> None:
    def offered(**allowed: bool) -> set[str]:
        host = ToolHost(Desk(online=False), **allowed)
        return {name for name, tool in host.tools.items() if tool.reaches}

    reaching = {t.name: t.reaches for t in all_tools() if t.reaches}
    assert offered() == set()
    assert offered(network=True) == {n for n, r in reaching.items() if r == "network"} >= {"fetch"}
    assert offered(export=True) == {n for n, r in reaching.items() if r == "disk"} == {"export"}
    host = ToolHost(Desk(online=False, device="cpu", folder=tmp_path), export=True)
    host.call("load", {"name": "demo 1"})
    host.call("export", {"what": "labels", "file": "a.csv"})
    with pytest.raises(SpecvizError, match=r"There is a file a\.csv already"):
        host.call("export", {"what": "labels", "file": "a.csv"})
    with pytest.raises(SpecvizError, match="plain name"):
        host.call("export", {"what": "labels", "file": "../a.csv"})


def test_schemas_are_valid_json_schemas() -> None:
    for tool in ToolHost(Desk(online=False), network=True, export=True).tools.values():
        jsonschema.Draft202012Validator.check_schema(dict(tool.parameters))


def test_files_that_are_not_there_or_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecvizError, match="There is no file or folder"):
        ToolHost(Desk(online=False), [tmp_path / "none"])
    monkeypatch.setattr("specviz.assistant.mcp_server.MOST", 1)
    for name in ("a.fits", "b.fits"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SpecvizError, match="2 files"):
        ToolHost(Desk(online=False), [tmp_path])
    host = ToolHost(Desk(online=False), [tmp_path / "a.fits"])
    monkeypatch.setattr("specviz.assistant.mcp_server.LONGEST", 0)
    with pytest.raises(SpecvizError, match=r"a\.fits is larger"):
        host.call("load", {"name": "a.fits"})


def test_a_host_that_gives_up_stops_the_work() -> None:
    """A call that is cancelled ends in its thread, and the next one waits for that and is answered."""
    started, ended = threading.Event(), threading.Event()
    tools = Registry()

    @tools.add
    def wait(desk: Desk) -> Answer:
        """Wait until stopped."""
        started.set()
        for _ in range(2000):
            if desk.cancelled.is_set():
                ended.set()
                raise CancelledError("stopped")
            time.sleep(0.005)
        return Answer("wait", {})

    @tools.add
    def quick(desk: Desk) -> Answer:
        """Be quick."""
        return Answer("quick", {"after": ended.is_set()})

    server = make_server(ToolHost(Desk(online=False), tools=tools))

    async def run() -> None:
        async with mcp.Client(server) as client:
            waiting = asyncio.ensure_future(client.call_tool("wait", {}))
            await asyncio.to_thread(started.wait, 10)
            waiting.cancel()
            answer = await client.call_tool("quick", {})
            assert answer.structured_content["data"] == {"after": True}

    _wait_for(run, 60)
    assert ended.is_set()


def test_the_configuration_of_a_host(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--allow-export", "--folder", str(folder), "--allow-network", "--model", "lux-small", "--device", "cpu"]
    assert main(["mcp", str(folder), *options, "--config"]) == 0
    printed = json.loads(capsys.readouterr().out)
    entry = printed["mcpServers"]["specviz"]
    assert entry["command"] == sys.executable and entry["args"][:4] == ["-m", "specviz", "mcp", str(folder)]
    assert set(options) <= set(entry["args"])
    assert configuration()["mcpServers"]["specviz"]["args"] == ["-m", "specviz", "mcp"]
    assert main(["mcp", "--config", "jupyter-ai"]) == 0
    (server,) = json.loads(capsys.readouterr().out)["mcp_servers"]  # the fields of Jupyter AI's McpServerStdio
    assert server == {"name": "specviz", "command": sys.executable, "args": ["-m", "specviz", "mcp"], "env": []}
    assert configuration(form="vscode")["servers"]["specviz"]["type"] == "stdio"
    assert main(["mcp", "--config", "emacs"]) == 2


def test_without_the_sdk_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.lowlevel", None)
    assert main(["mcp"]) == 1
    assert "pip install 'jupyter-specviz[mcp]'" in capsys.readouterr().err
