"""``specviz vet`` and the page it serves, without a browser: options, names of visitors, what is refused at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from specviz.app import vetting_serving
from specviz.archives.demo import DemoArchive
from specviz.cli import main
from specviz.spectra.writers.spectra import write_spectra


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SPECVIZ_REVIEWER", "me")


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every visitor's session."""
    made: list[Any] = []
    real = vetting_serving.make_session

    def make(*args: Any, **options: Any) -> Any:
        made.append(real(*args, **options))
        return made[-1]

    monkeypatch.setattr(vetting_serving, "make_session", make)
    return made


def visit(server: Any, path: str = "/") -> str:
    with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=120) as reply:
        page: str = reply.read().decode()
    return page


# ---------------------------------------------------------------------------------------------- the command
def test_every_option_reaches_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    got: dict[str, Any] = {}

    def serve(listed: Any, **options: Any) -> None:
        got.update(options, listed=listed)

    monkeypatch.setattr(vetting_serving, "serve_vet", serve)
    words = str(tmp_path / "words.json")
    assert main([
        "vet", "list.csv", "--labels", "mine.sqlite", "--reviewer", "AB", "--vocabulary", words, "--not-blind",
        "--order", "odd", "--port", "0", "--origin", "hub.example.org", "--no-browser", "--offline", "--device", "cpu",
    ]) == 0  # fmt: skip
    assert got["listed"] == "list.csv" and got["labels"] == "mine.sqlite" and got["reviewer"] == "AB"
    assert got["vocabulary"] == words and got["blind"] is False and got["order"] == "odd" and got["port"] == 0
    assert got["websocket_origin"] == ["hub.example.org"] and got["browser"] is False and got["online"] is False
    assert got["address"] == "127.0.0.1" and got["device"] == "cpu"
    assert main(["vet", "demo 1", "demo 2", "--no-browser"]) == 0
    assert got["listed"] == ["demo 1", "demo 2"] and got["blind"] and got["reviewer"] is None and got["online"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.csv"], "no file or folder nowhere.csv"),
        (["demo 1", "--labels", "labels.csv"], "name of a table"),
        (["demo 1", "--reviewer", " "], "name of a reviewer"),
        (["demo 1", "--vocabulary", "nowhere.json"], "cannot be read"),
        (["demo 1", "--labels", "damaged.sqlite"], "damaged"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_served(
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("damaged.sqlite").write_bytes(b"no journal at all, but long enough to be looked at" * 100)
    assert main(["vet", *words, "--no-browser", "--port", "0"]) == 1
    err = capsys.readouterr().err
    assert says in err and len(err.strip().splitlines()) == 1


def test_a_list_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vet"]) == 2
    assert "LIST" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of a child process is another thing there")
def test_it_serves_until_ctrl_c_and_keeps_the_labels(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "specviz", "vet", "demo 1", "--labels", "here.sqlite", "--port", "0"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--no-browser", "--offline"], cwd=tmp_path, env=env, text=True, stderr=subprocess.PIPE
    ) as run:
        assert run.stderr is not None
        line = run.stderr.readline()
        assert line.startswith("serving at http://127.0.0.1:")
        with urlopen(line.split()[-1], timeout=120) as reply:
            assert b"specvizPage.start" in reply.read()
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=60)[1]
    # It may be stopped amid the import of the model, of which torch complains in its own words; it may not be aborted.
    assert run.returncode == 0 and "terminate called" not in said
    assert (tmp_path / "here.sqlite").exists()


# ---------------------------------------------------------------------------------------------- the page
def test_each_visitor_has_a_name_and_all_one_journal(
    sessions: list[Any], serve_aside: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve_aside(
        lambda: vetting_serving.serve_vet(
            ["demo 1", "demo 2"], labels=tmp_path / "all.sqlite", start=False, verbose=False, online=False
        )
    )
    visit(server)
    visit(server, "/?reviewer=A%20B")
    me, other = sessions
    assert me.vet.reviewer == "me" and other.vet.reviewer == "A B" and me.engine is other.engine
    me.wait()
    other.wait()
    me.label(klass="binary")
    me.finish()
    assert other.vet.label.empty and other.vet.progress.done == 0
    other.refresh()
    other.label(klass="star")
    other.finish()
    other.refresh()
    assert other.set_filter("conflicts") == 1
    for session in sessions:
        session.close()


def test_on_another_address_a_visitor_without_a_name_is_asked(
    sessions: list[Any], serve_aside: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vetting_serving, "_HERE", ())
    server = serve_aside(
        lambda: vetting_serving.serve_vet(
            ["demo 1"], labels=tmp_path / "all.sqlite", start=False, verbose=False, online=False
        )
    )
    visit(server)
    visit(server, "/?reviewer=" + "x" * 100)  # no name either
    assert sessions == []
    visit(server, "/?reviewer=AB")
    assert sessions[-1].vet.reviewer == "AB"
    sessions[-1].close()


def test_the_files_of_the_list_open_and_no_others(
    sessions: list[Any], serve_aside: Callable[..., Any], tmp_path: Path
) -> None:
    write_spectra(DemoArchive().star(5), tmp_path / "mine.fits")
    (tmp_path / "list.csv").write_text(f"file,note\n{tmp_path / 'mine.fits'},odd\n")
    server = serve_aside(
        lambda: vetting_serving.serve_vet(tmp_path / "list.csv", start=False, verbose=False, online=False)
    )
    visit(server)
    session = sessions[-1]
    assert session.wait().star is not None and session.vet.rows[0].key == "mine.fits"
    assert (tmp_path / "list.labels.sqlite").exists()
    session.open(str(tmp_path / "mine.fits"))
    notice = session.wait().notice
    assert notice is not None and "No star or file called" in notice.title + notice.text
    session.close()
