"""The token for internal releases: it is sent where it must be, and seen nowhere else."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from specviz.archives.cache import cache
from specviz.archives.lamost import Lamost
from specviz.archives.lamost.tokens import Token, find_token
from specviz.errors import LoginRequiredError, ReadError, SpecvizError

SECRET = "s3cr3t/t0ken+of=L"  # what tests/replay/routes_lamost.py wants to see
WRONG = "wr0ng/t0ken+of=L"

pytestmark = pytest.mark.usefixtures("no_lamost_token")


def spellings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret)}


def leaks(text: str, secret: str = SECRET) -> bool:
    return any(s in text for s in spellings(secret))


CALLS: dict[str, Callable[[Lamost], Any]] = {
    "query_region": lambda c: c.query_region((150.0, 20.0), "3 arcsec"),
    "query_ssap": lambda c: c.query_ssap((150.0, 20.0), "10 arcsec"),
    "query_sql": lambda c: c.query_sql("SELECT obsid FROM combined"),
    "query_sql_pages": lambda c: c.query_sql("SELECT * FROM paged"),
    "query_catalog": lambda c: c.query_catalog("combined", targets=[(150.0, 20.0)]),
    "query_stellar_parameters": lambda c: c.query_stellar_parameters((150.0, 20.0), 3),
    "query_repeat_observations": lambda c: c.query_repeat_observations(obsid=686112127),
    "get_metadata": lambda c: c.get_metadata(700000001),
    "get_tables": lambda c: c.get_tables(),
    "find": lambda c: c.find(150.0, 20.0),
    "resolve": lambda c: c.resolve("obsid 700000001"),
    "fetch": lambda c: c.fetch("obsid 700000001"),
    "spectrum": lambda c: c.spectrum(700000001),
    "get_fits": lambda c: c.get_fits(700000001),
    "get_spectra": lambda c: c.get_spectra(700000001),
}


# ---------------------------------------------------------------------- where it is found
def test_the_order_of_the_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_token() is None
    (tmp_path / "pylamost.ini").write_text("# token=old\n[lamost]\n\ntoken = 'from file'\n")
    assert (found := find_token()) is not None and found.reveal() == "from file"
    monkeypatch.setenv("SPECVIZ_LAMOST_TOKEN", " from environment ")
    assert (found := find_token()) is not None and found.reveal() == "from environment"
    assert (found := find_token("given")) is not None and found.reveal() == "given"
    assert find_token("") is None  # none, whatever the environment holds


@pytest.mark.parametrize("text", ["", "token=\n", "tokens=x\n", "[token]\n", "password=x", "\ufeff# nothing"])
def test_files_without_a_token(tmp_path: Path, text: str) -> None:
    (tmp_path / "pylamost.ini").write_text(text)
    assert find_token() is None


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="rights do not bind here")
def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "pylamost.ini").write_text("token=abc")
    (tmp_path / "pylamost.ini").chmod(0)
    with pytest.raises(ReadError, match="cannot be read"):
        find_token()


# ---------------------------------------------------------------------- where it is sent
def test_public_releases_never_see_it(replay: Any) -> None:
    lamost = Lamost("dr10/v2.0", token=SECRET)
    for call in CALLS.values():
        call(lamost)
    lamost.query_tap("SELECT TOP 3 * FROM combined ORDER BY obsid")
    Lamost(token=SECRET).find(150.0, 20.0)
    assert replay.log and not any("token=s" in line or leaks(line) for line in replay.log)


def test_an_internal_release_wants_it(replay: Any) -> None:
    with pytest.raises(LoginRequiredError, match=r"wants a login for .*DR12 v1\.1.*SPECVIZ_LAMOST_TOKEN"):
        Lamost("dr12/v1.1").spectrum(700000001)
    star = Lamost("dr12", token=SECRET).spectrum(700000001)
    assert star.identifiers[0].release == "DR12 v1.1"
    assert all(a.query.get("token") == SECRET for a in replay.asked if "/dr12/" in a.path and a is not replay.asked[0])


def test_a_token_from_the_environment_or_the_file(replay: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pylamost.ini").write_text(f"token={SECRET}\n")
    assert len(Lamost("dr12/v1.1").query_region((150.0, 20.0), "3 arcsec")) == 4
    monkeypatch.setenv("SPECVIZ_LAMOST_TOKEN", WRONG)
    with pytest.raises(LoginRequiredError):
        Lamost("dr12/v1.1").query_region((150.0, 20.0), "4 arcsec")


def test_it_is_not_sent_when_the_releases_say_public_only_later(replay: Any) -> None:
    replay.fault("status", "dr_versions", status=500, times=-1)  # unknown: counts as internal
    Lamost("dr12/v1.1", token=SECRET).get_fits(700000001)
    assert replay.asked[-1].query["token"] == SECRET


# ---------------------------------------------------------------------- where it is not seen
@pytest.mark.parametrize("call", CALLS)
def test_nothing_keeps_or_shows_it(replay: Any, caplog: pytest.LogCaptureFixture, call: str) -> None:
    caplog.set_level(logging.DEBUG)
    lamost = Lamost("dr12/v1.1", token=SECRET)
    found = CALLS[call](lamost)
    assert any(leaks(line) for line in replay.log)  # it was needed
    assert not leaks(caplog.text) and caplog.text  # urllib3 logs addresses
    assert not leaks(repr(lamost)) and not leaks(repr(vars(lamost))) and not leaks(repr(vars(lamost._asker)))
    shown = "\n".join(found.pformat(max_width=-1)) if hasattr(found, "pformat") else repr(found)
    assert not leaks(shown) and not leaks(repr(getattr(found, "meta", "")))
    kept = list(cache().folder.rglob("*"))
    assert kept and not any(leaks(p.name) for p in kept)
    for path in (p for p in kept if p.is_file()):
        assert not leaks(path.read_bytes().decode("latin-1"))
    assert all(not leaks(e.key.id) for e in cache().entries())


def test_the_addresses_of_ssap_lose_it(replay: Any) -> None:
    table = Lamost("dr12/v1.1", token=SECRET).query_ssap((150.0, 20.0), "10 arcsec")
    assert set(table["accref"]) == {
        f"http://www.lamost.org/dr12/v1.1/spectrum/fits/{n}?token="
        for n in (700000001, 700000002, 700000003, 700000004)
    }


@pytest.mark.parametrize("fault", ["", "reset", "login", "status", "garbage", "truncate", "cut", "empty"])
@pytest.mark.parametrize("call", CALLS)
def test_no_error_shows_it(replay: Any, caplog: pytest.LogCaptureFixture, call: str, fault: str) -> None:
    caplog.set_level(logging.DEBUG)
    secret = WRONG if not fault else SECRET  # the service quotes a wrong token in its error
    if fault:
        replay.fault(fault, "/dr12/", times=-1)
    try:
        CALLS[call](Lamost("dr12/v1.1", token=secret))
    except SpecvizError as error:
        if not fault:
            assert isinstance(error, LoginRequiredError)
        told = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
        assert not leaks(told, secret)
        seen: list[str] = []
        one: BaseException | None = error
        while one is not None:  # the chain, and what the frames of its tracebacks hold
            seen += [
                repr(frame.f_locals)
                for frame, _ in traceback.walk_tb(one.__traceback__)
                if "specviz/" in frame.f_code.co_filename
            ]
            one = one.__cause__ or one.__context__
        assert not any(leaks(text, secret) for text in seen)
    assert not leaks(caplog.text, secret)
    for path in (p for p in cache().folder.rglob("*") if p.is_file()):
        assert not leaks(path.read_bytes().decode("latin-1"), secret)


def test_a_token_does_not_show_itself() -> None:
    token = Token(SECRET)
    assert not leaks(f"{token} {token!r} {[token]}") and token.reveal() == SECRET
    for make in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            make(token)
    body = f"a?token={quote_plus(SECRET)}&b {SECRET} token=other".encode()
    assert token.scrub(body) == b"a?token=&b *** token="
    escaped = rb'{"message": "Invalid token: s3cr3t\/t0ken+of=L"}'
    assert token.scrub(escaped) == b'{"message": "Invalid token: ***"}'
    assert not Token("x" * 20).shows_in("nothing")
