"""``papers_online``: which service is asked for what, in which words; nothing offline, nothing for a demo star."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specviz.archives.demo import DemoArchive
from specviz.assistant.desk import Desk
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.wording.sentences import say
from specviz.errors import NotFoundError, OfflineError, OptionError
from specviz.spectra.star import Identifier, Star

TOOLS = all_tools()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """What the services are asked, in their place."""
    from specviz.archives import bibliography
    from specviz.archives.bibliography import Reference
    from specviz.archives.transport import online

    log: list[tuple[str, str]] = []

    def stand_in(service: str) -> Any:
        def ask(words: str, n: int = 5) -> list[Reference]:
            if not online():
                raise OfflineError("Offline")
            log.append((service, words))
            return [
                Reference("bibcode:2013ApJ...765L..12B", "A <b>title</b> & more", "", 2013, "https://x.example/", "ApJ")
            ]

        return ask

    for service, name in (("arxiv", "search_arxiv"), ("ads", "search_ads"), ("simbad", "references_of")):
        monkeypatch.setattr(bibliography, name, stand_in(service))
    for name in bibliography.TOKEN_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    yield log


def test_who_is_asked_for_what(asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(online=True, device="cpu")
    tool = TOOLS["papers_online"]
    assert tool.reaches == "network"
    tool.call(desk, {"query": "papers about the metallicity of halo stars"})
    found = tool.call(desk, {"query": "关于对比学习的论文", "where": "arxiv"})
    monkeypatch.setenv("ADS_DEV_KEY", "x")
    tool.call(desk, {"query": "gyrochronology"})
    desk.take(Star(name="a star", identifiers=(Identifier("Gaia", "DR3", "6268770373590148224"),)))
    tool.call(desk, {})
    desk.take(Star(name="KIC star", identifiers=(Identifier("KIC", "", "10424789"),)))
    tool.call(desk, {"where": "simbad"})
    desk.take(Star(name="Vega"))
    tool.call(desk, {})
    assert asked == [
        ("arxiv", "metallicity halo"), ("arxiv", "contrastive learning"), ("ads", "gyrochronology"),
        ("simbad", "Gaia DR3 6268770373590148224"), ("simbad", "KIC 10424789"), ("simbad", "Vega"),
    ]  # fmt: skip
    assert found.data["from"] == "arXiv" and found.provenance == {"catalogue": "arXiv"}
    assert say(found, "en") == "1. A <b>title</b> & more (2013), bibcode:2013ApJ...765L..12B"
    json.dumps(found.to_json())


def test_nothing_is_asked_offline_nor_for_a_demo_star(asked: list[tuple[str, str]]) -> None:
    desk, tool = Desk(online=False, device="cpu"), TOOLS["papers_online"]
    with pytest.raises(NotFoundError, match="No star is in hand"):
        tool.call(desk, {})
    desk.take(DemoArchive().star(1))
    with pytest.raises(NotFoundError, match="demo 2 is simulated"):
        tool.call(desk, {})
    with pytest.raises(OfflineError):
        tool.call(desk, {"query": "rotation"})
    with pytest.raises(OptionError, match="1 to 20"):
        tool.call(desk, {"query": "rotation", "k": 100})
    assert asked == []
