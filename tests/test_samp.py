"""The Explorer at a SAMP hub in this process: what it sends, what it takes, and where it refuses."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io.votable import parse_single_table

import specviz
from specviz.app.samp import SampLink
from specviz.archives.demo import DemoArchive
from specviz.archives.samp import SampError, _samp, is_local, local_bytes
from specviz.errors import NotFoundError, ReadError, SpecvizError
from specviz.session.session import Session

samp = _samp()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    lockfile = tmp_path / "samp"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{lockfile.as_uri()}")
    with samp.conf.set_temp("use_internet", False):
        server = samp.SAMPHubServer(web_profile=False, lockfile=str(lockfile), mode="single", addr="127.0.0.1")
        server.start()
    yield server
    server.stop()


class _Other:
    """Another program: it hears, and it sends."""

    def __init__(self, name: str, *mtypes: str) -> None:
        self.got: list[tuple[str, Any]] = []
        with samp.conf.set_temp("use_internet", False):
            self.client = samp.SAMPIntegratedClient(name=name, addr="127.0.0.1")
            self.client.connect()
        for mtype in mtypes:
            self.client.bind_receive_notification(mtype, self._take)

    def _take(self, _key: str, _sender: str, mtype: str, params: Any, _extra: Any) -> None:
        self.got.append((mtype, params))

    def heard(self) -> tuple[str, Any]:
        _until(lambda: bool(self.got))
        return self.got.pop(0)

    def send(self, mtype: str, **params: Any) -> None:
        self.client.notify_all({"samp.mtype": mtype, "samp.params": params})

    def ask(self, mtype: str, **params: Any) -> Any:
        message = {"samp.mtype": mtype, "samp.params": params}
        (to,) = [i for i in self.client.get_subscribed_clients(mtype) if i != self.client.get_public_id()]
        return self.client.call_and_wait(to, message, "10")


def _until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.02)


@pytest.fixture
def other(hub: Any) -> Iterator[Any]:
    made: list[_Other] = []

    def one(name: str, *mtypes: str) -> _Other:
        made.append(_Other(name, *mtypes))
        return made[-1]

    yield one
    for each in made:
        each.client.disconnect()


@pytest.fixture
def session(fake_model_class: Any) -> Iterator[Session]:
    from specviz.analysis.engine import Engine

    made = Session(Engine(fake_model_class(), samples=100))
    made.open("demo 1")
    made.wait()
    yield made
    made.close()


@pytest.fixture
def link(hub: Any, session: Session) -> Iterator[SampLink]:
    made = SampLink(session)
    yield made
    made.close()


def test_without_a_hub_it_says_what_to_start(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none').as_uri()}")
    with pytest.raises(SampError, match="TOPCAT, Aladin"):
        SampLink(session)


def test_a_hub_elsewhere_is_left(session: Session, hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specviz.archives.samp.is_local", lambda _address: False)
    with pytest.raises(SampError, match="on another machine"):
        SampLink(session)
    assert is_local("http://127.0.0.1:21012/x") and not is_local("http://example.org/")


@pytest.mark.filterwarnings("ignore:The unit .Angstrom.:astropy.units.UnitsWarning")
def test_the_star_is_sent(link: SampLink, other: Any) -> None:
    topcat = other("topcat", "coord.pointAt.sky", "spectrum.load.ssa-generic")
    assert link.connected and "topcat" in link.programs
    assert link.send_position() == ("topcat",)
    mtype, params = topcat.heard()
    assert mtype == "coord.pointAt.sky" and float(params["ra"]) == pytest.approx(DemoArchive().star(0).ra)
    assert link.send_spectrum() == ("topcat",)
    mtype, params = topcat.heard()
    assert mtype == "spectrum.load.ssa-generic" and params["name"] == "demo 1 lamost_lrs"
    name, data = local_bytes(params["url"])
    assert name == "demo_1_lamost_lrs.vot" and b"VOTABLE" in data[:400]
    table = parse_single_table(Path(link._files.name) / name).to_table()
    assert len(table) == 3909
    with pytest.raises(NotFoundError, match="no sdss"):
        link.send_spectrum("sdss")


def test_a_program_without_spectra_gets_a_table_and_nobody_is_told(link: SampLink, other: Any) -> None:
    with pytest.raises(NotFoundError, match="none is connected"):
        link.send_position()
    plain = other("plain", "table.load.votable")
    assert link.send_spectrum("gaia_xp", to="PLAIN") == ("plain",)
    mtype, params = plain.heard()
    assert mtype == "table.load.votable" and len(parse_single_table(_path(params["url"])).to_table()) == 343
    with pytest.raises(NotFoundError, match="'aladin'"):
        link.send_spectrum(to="aladin")


def test_similar_stars_are_sent_and_selected_from_there(hub: Any, other: Any) -> None:
    explorer = specviz.explore("demo 2", online=False)
    try:
        explorer.session.wait()
        made = explorer.samp()
        assert explorer.samp() is made  # one a widget
        plain = other("plain", "table.load.votable")
        made.send_similar()
        _, params = plain.heard()
        table = parse_single_table(_path(params["url"])).to_table()
        assert len(table) == 50 and params["name"] == "Stars like demo 2"
        plain.send("table.highlight.row", **{"table-id": params["table-id"], "url": params["url"], "row": "3"})
        _until(lambda: explorer.selection is not None)
        assert explorer.selection.name == explorer.session.state.neighbours["object_id"][3]
    finally:
        explorer.close()
    assert not made.connected and not Path(made._files.name).exists()


def test_a_table_becomes_the_work_list_and_its_rows_are_shown(
    link: SampLink, other: Any, session: Session, tmp_path: Path
) -> None:
    from astropy.table import Table

    path = tmp_path / "targets.xml"
    Table({"name": ["demo 4", "demo 5", "demo 6"]}).write(path, format="votable")
    aladin = other("aladin")
    aladin.send("table.load.votable", url=path.as_uri(), name="my targets", **{"table-id": "t1"})
    _until(lambda: len(session.state.work) == 3 and session.state.star.name == "demo 4")
    aladin.send("table.highlight.row", **{"table-id": "t1", "row": "2"})
    _until(lambda: session.state.star.name == "demo 6")
    assert aladin.ask("table.highlight.row", **{"table-id": "t1", "row": "x"})["samp.status"] == "samp.error"


def test_a_spectrum_and_a_position_are_opened(link: SampLink, other: Any, session: Session, tmp_path: Path) -> None:
    from specviz.spectra.writers.spectra import write_spectra

    path = write_spectra(DemoArchive().star(8).spectra["lamost_lrs"], tmp_path / "one.fits")
    splat = other("splat")
    splat.send("spectrum.load.ssa-generic", url=path.as_uri(), name="one", meta={})
    _until(lambda: session.state.star is not None and session.state.star.name == "demo 9")
    splat.send("coord.pointAt.sky", ra="31.0123", dec="38.4359")
    _until(lambda: session.state.notice is not None)  # this session has no archives to ask
    assert "31.012300 +38.435900" in session.state.notice.text
    answer = splat.ask("coord.pointAt.sky", ra="nowhere", dec="1")
    assert answer["samp.status"] == "samp.error" and "right ascension" in answer["samp.error"]["samp.errortxt"]
    assert "splat sent" in session.state.notice.title


@pytest.mark.parametrize(
    "url", ["http://example.org/x.vot", "ftp://127.0.0.1/x", "file://elsewhere/etc/hostname", "https://10.0.0.1/x", ""]
)
def test_what_lies_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ReadError, match="an address of this machine"):
        local_bytes(url)


def test_a_redirection_leads_nowhere_and_files_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/data%20here.vot":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"x" * 100)
                return
            self.send_response(302)
            self.send_header("Location", "http://example.org/")
            self.end_headers()

        def log_message(self, *_args: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Away)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        assert local_bytes(f"{address}/data%20here.vot") == ("data here.vot", b"x" * 100)
        with pytest.raises(ReadError, match="302"):
            local_bytes(f"{address}/away")
        monkeypatch.setattr("specviz.archives.samp.LIMIT", 50)
        with pytest.raises(SpecvizError, match="too large"):
            local_bytes(f"{address}/data%20here.vot")
        big = tmp_path / "big.fits"
        big.write_bytes(b"x" * 60)
        with pytest.raises(SpecvizError, match="too large"):
            local_bytes(big.as_uri())
        with pytest.raises(ReadError, match="cannot be read"):
            local_bytes((tmp_path / "none").as_uri())
    finally:
        server.shutdown()
        server.server_close()


def _path(url: str) -> Path:
    from urllib.parse import unquote, urlsplit

    return Path(unquote(urlsplit(url).path))
