"""The pages "add a model", "add an archive" and "add a panel" are run as they stand, and what they add works."""

from __future__ import annotations

import ast
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import specviz
from specviz import extensions
from specviz.app.models_here import ModelsHere
from specviz.archives.demo import DemoArchive
from specviz.errors import NotFoundError, OfflineError, SpecvizError
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

ROOT = Path(__file__).resolve().parents[2]


def run(page: str, **instead: str) -> dict[str, Any]:
    """The Python of a page, block after block in one namespace; ``instead`` replaces texts, such as an address."""
    names: dict[str, Any] = {"__name__": "worked_example"}
    for block in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for old, new in instead.items():
            block = block.replace(old, new)
        tree = ast.parse(block)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, page, "exec", dont_inherit=True), names)  # as in a cell, which has no future imports
        if last is not None:
            names["shown"] = eval(compile(ast.Expression(last.value), page, "eval", dont_inherit=True), names)
    return names


@pytest.fixture(autouse=True)
def aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPECVIZ_OFFLINE", raising=False)
    with extensions.aside():
        yield


# ------------------------------------------------------------------------------------------------ a model
def test_add_a_model() -> None:
    names = run("docs/add-a-model.md")
    model, explorer = names["model"], names["explorer"]
    explorer.session.wait()
    assert explorer.report.provenance.model == "ridge"
    assert {"ridge"} <= {choice.name for choice in ModelsHere("cpu").choices()}
    explorer.close()
    demo = DemoArchive()
    truth = demo.fetch("demo 1").catalogue
    median, low, high = names["report"].posterior.summary()["teff"]
    assert low < median < high and abs(median - truth["teff"]) < 400
    assert names["report"].provenance.weights_sha256 == model.describe().weights_sha256
    # from another part of the sky, as good as it says of itself
    others = demo.fetch_many(demo.select(kind="", teff=(4600, 6600), snr=(40, None))[300:330])
    pulls = []
    for report, star in zip(specviz.analyse(others, model="ridge"), others, strict=True):
        median, low, high = report.posterior.summary()["teff"]
        pulls.append((median - star.catalogue["teff"]) / ((high - low) / 2))
    assert 0.4 < np.sqrt(np.mean(np.square(pulls))) < 2.0


# ------------------------------------------------------------------------------------------------ an archive
@pytest.fixture
def campus() -> Iterator[tuple[str, list[str]]]:
    """The campus observatory: its address, and what it was asked."""
    asked: list[str] = []
    spectrum = spectra_bytes(observed_tables(DemoArchive().fetch("demo 3").spectra["lamost_lrs"]), "fits")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            if parts.path == "/find":
                (name,) = parse_qs(parts.query)["name"]
                rows = [{"id": "17", "note": "a G dwarf", "ra": 10.5, "dec": 41.2}] if name == "17" else []
                body = json.dumps(rows).encode()
            else:
                body = spectrum
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_add_an_archive(campus: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, asked = campus
    names = run("docs/add-an-archive.md", **{"https://spectra.campus.example": address})
    star, explorer = names["star"], names["explorer"]
    assert star.name == "campus 17" and star.ra == 10.5 and "lamost_lrs" in star.spectra
    explorer.session.wait()
    assert explorer.star.name == "campus 17" and explorer.report.posterior is not None
    explorer.close()
    assert sum(path.startswith("/spectrum") for path in asked) == 1  # the cache gave it the second time
    before = len(asked)
    assert specviz.get("demo 7").name == "demo 7" and len(asked) == before  # other names are no business of its
    with pytest.raises(NotFoundError):
        names["Campus"]().fetch("campus 99")
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    with pytest.raises(OfflineError):
        specviz.get("campus 17")


# ------------------------------------------------------------------------------------------------ a panel
def test_add_a_panel() -> None:
    names = run("docs/add-a-panel.md")
    explorer, strengths = names["explorer"], names["shown"]
    assert [s.name for s in strengths] == list(names["LINES"])
    assert all(0 < s.sigma < s.value for s in strengths)
    panel = explorer.view.studies.panels["line-strengths"]
    explorer.set(rv=0)
    at_rest = explorer.session.wait_study().answer
    assert [s.value for s in at_rest] != [s.value for s in strengths]
    panel.draw(at_rest)
    assert list(panel.bars.data["value"]) == [s.value for s in at_rest]
    assert "Hα: " in panel.numbers.object and "±" in panel.numbers.object
    with pytest.raises(SpecvizError, match="no optical spectrum"):
        star = specviz.open("demo 1")
        only_xp = specviz.analyse(star.with_(spectra={"gaia_xp": star.spectra["gaia_xp"]}))
        names["LineStrengths"](None).prepare(only_xp, lambda: None)
    explorer.close()


def test_how_to_cite(capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/citing.md")
    assert "@software{specviz" in capsys.readouterr().out
    names["explorer"].close()
