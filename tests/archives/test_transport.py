"""The one way to the network, through real HTTP on this machine: pace, retries, errors, cancel, progress, secrets."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specviz.archives.cache import Key, cache
from specviz.archives.transport import Monitor, Step, offline, request, session, watching
from specviz.archives.transport.adapter import backoff, retry_after
from specviz.archives.transport.gate import Gate
from specviz.archives.transport.redact import redact
from specviz.archives.transport.services import SERVICES, Service, locate
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    CancelledError,
    LoginRequiredError,
    OfflineError,
    OptionError,
    QueryError,
    RateLimitedError,
    ServiceDownError,
    ServiceTimeoutError,
)

URL = "https://www.lamost.org/test/small"


@pytest.fixture(autouse=True)
def routes(replay: Any) -> Iterator[None]:
    """Three replies of our own below every service: small, large (2 MB), gzip-encoded."""
    module = __import__("sys").modules["replay_server"]

    def zipped(_asked: Any) -> Any:
        return module.Answer(gzip.compress(b"unpacked " * 100), 200, "text/plain", {"Content-Encoding": "gzip"})

    def moved(_asked: Any) -> Any:
        return module.Answer(b"", 302, "text/plain", {"Location": "/lamost/test/small"})

    def login(_asked: Any) -> Any:
        return module.Answer(b"", 302, "text/plain", {"Location": f"{replay.base}/oauth/login"})

    mine = [
        module.Route("*", "/test/small", lambda asked: module.Answer(b'{"ok": 1}')),
        module.Route("*", "/test/large", lambda _a: module.Answer(b"x" * 2_000_000, 200, "application/octet-stream")),
        module.Route("*", "/test/gzip", zipped),
        module.Route("*", "/test/moved", moved),
        module.Route("*", "/test/private", login),
        module.Route("*", "/test/echo", lambda asked: module.Answer(str(dict(asked.headers)).encode())),
    ]
    added = {}
    for service in (*SERVICES, "oauth"):
        before = replay.routes.setdefault(service, [])
        added[service] = list(before)
        before[:0] = mine
    replay.routes["oauth"][:0] = [
        module.Route("GET", "/login", lambda _a: module.Answer(module.LOGIN_PAGE, 200, "text/html"))
    ]
    yield
    for service, before in added.items():
        replay.routes[service][:] = before


def test_an_answer_comes_whole(replay: Any) -> None:
    reply = request("lamost", "GET", URL, params={"a": "1"})
    assert reply.json() == {"ok": 1}
    assert reply.url == URL  # the public address, without its query
    assert replay.log == ["GET lamost/test/small?a=1"]


def test_packed_answers_are_unpacked() -> None:
    assert request("lamost", "GET", "https://www.lamost.org/test/gzip").body == b"unpacked " * 100


def test_libraries_may_stream_what_has_been_read() -> None:
    response = session().get("https://www.lamost.org/test/gzip", stream=True)
    assert response.raw.read(decode_content=True) == b"unpacked " * 100
    assert response.content.startswith(b"unpacked")
    assert response.url == "https://www.lamost.org/test/gzip"


def test_a_redirect_on_the_service_is_followed() -> None:
    assert request("lamost", "GET", "https://www.lamost.org/test/moved").json() == {"ok": 1}


def test_a_redirect_to_a_login_is_told() -> None:
    """LAMOST answers so for internal releases: status 200, a page of another host (services.md 1.1)."""
    with pytest.raises(LoginRequiredError, match="login page") as caught:
        request("lamost", "GET", "https://www.lamost.org/test/private")
    assert "token" in str(caught.value)


def test_it_says_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    said = request("lamost", "GET", "https://www.lamost.org/test/echo").text
    assert "specviz/" in said and "jupyter-specviz" in said


@pytest.mark.parametrize(
    ("kind", "options", "error", "words"),
    [
        ("status", {"status": 500}, ServiceDownError, "fault of its own"),
        ("status", {"status": 503}, ServiceDownError, "503"),
        ("status", {"status": 429}, RateLimitedError, "fewer questions"),
        ("status", {"status": 429, "seconds": 3600}, RateLimitedError, "fewer questions"),
        ("status", {"status": 404}, QueryError, "404"),
        ("status", {"status": 401}, LoginRequiredError, "login"),
        ("reset", {}, ServiceDownError, "dropped"),
        ("login", {}, LoginRequiredError, "login page"),
        ("truncate", {}, BadReplyError, "cut short"),
        ("hang", {"seconds": 2.0}, ServiceTimeoutError, "did not answer"),
        ("drip", {"seconds": 0.3}, ServiceTimeoutError, "did not answer"),
    ],
)
def test_every_fault_has_its_error(
    replay: Any, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, Any], error: type, words: str
) -> None:
    monkeypatch.setenv("SPECVIZ_TIMEOUT", "0.6" if kind in ("hang", "drip") else "30")
    replay.fault(kind, "lamost", times=-1, **options)
    with pytest.raises(error, match=words) as caught:
        request("lamost", "GET", URL)
    assert caught.value.service == "lamost"
    tried = 3 if kind in ("reset", "truncate", "hang", "drip") or options.get("status") in (500, 503) else 1
    assert len(replay.log) == (3 if options == {"status": 429} else tried)
    assert "Traceback" not in str(caught.value) and "http" not in str(caught.value)


def test_a_403_means_too_many_questions_where_there_is_no_login(replay: Any) -> None:
    replay.fault("status", "simbad", status=403)
    with pytest.raises(RateLimitedError, match="refuses this address"):
        request("simbad", "GET", "https://simbad.cds.unistra.fr/test/small")


@pytest.mark.parametrize("fault", ["reset", "truncate", "status"])
def test_what_another_try_cures_is_not_told(replay: Any, fault: str) -> None:
    replay.fault(fault, "lamost", times=2, status=503)
    assert request("lamost", "GET", URL).json() == {"ok": 1}
    assert len(replay.log) == 3


def test_retry_after_is_obeyed(replay: Any) -> None:
    replay.fault("status", "lamost", status=429, seconds=1)
    began = time.monotonic()
    request("lamost", "GET", URL)
    assert time.monotonic() - began >= 1.0


def test_retry_after_in_both_forms() -> None:
    assert retry_after("7") == 7
    assert retry_after(None) is None and retry_after("soon") is None
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_waits_double_and_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECVIZ_RETRY_WAIT", raising=False)
    waits = [[backoff(n) for n in (1, 2, 3)] for _ in range(50)]
    for first, second, third in waits:
        assert 0.75 <= first <= 1.25 and 1.5 <= second <= 2.5 and 3 <= third <= 5
    assert len({w[0] for w in waits}) > 10


def test_a_host_that_is_not_there_means_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_args: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("SPECVIZ_ENDPOINTS", '{"gaia": "http://no-such-host.invalid"}')
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(OfflineError, match="no network") as caught:
        request("gaia", "GET", "https://gea.esac.esa.int/x")
    assert caught.value.tries == 1


def test_a_proxy_that_does_not_answer_means_no_network(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("SPECVIZ_ENDPOINTS", '{"gaia": "http://somewhere.invalid"}')
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(OfflineError, match="proxy") as caught:
        request("gaia", "GET", "https://gea.esac.esa.int/x")
    assert "HTTPS_PROXY" in str(caught.value)


def test_a_name_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def slow(*_args: Any) -> Any:
        assert released.wait(300)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setenv("SPECVIZ_ENDPOINTS", '{"gaia": "http://no-such-host.invalid"}')
    monkeypatch.setenv("SPECVIZ_TIMEOUT", "0.3")
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        with pytest.raises(ArchiveError):
            request("gaia", "GET", "https://gea.esac.esa.int/x")
        assert not released.is_set()
    finally:
        released.set()


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SPECVIZ_ENDPOINTS", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(ServiceDownError, match="does not take the connection") as caught:
            request("mast", "GET", "https://mast.stsci.edu/x")
    assert caught.value.tries == 3


def test_offline_sends_nothing(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with offline(), pytest.raises(OfflineError, match="was not asked"):
        request("lamost", "GET", URL)
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    with pytest.raises(OfflineError):
        request("lamost", "GET", URL)
    assert replay.log == []


# ---------------------------------------------------------------------------------------------- cancel and progress
def _in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    got: list[Any] = []

    def run() -> None:
        try:
            got.append(work())
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            got.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, got


@pytest.mark.parametrize("kind", ["slow", "drip", "hang"])
@pytest.mark.parametrize("how", ["monitor", "event"])
def test_a_cancel_ends_a_request_at_once(replay: Any, kind: str, how: str) -> None:
    """While the service is silent for minutes, and no thread is left."""
    replay.fault(kind, "lamost", times=-1, seconds=300)
    event = threading.Event()
    monitor = Monitor(cancel=event if how == "event" else None)

    def work() -> Any:
        with watching(monitor):
            return request("lamost", "GET", URL)

    thread, got = _in_thread(work)
    time.sleep(0.4)
    assert thread.is_alive()
    (monitor.cancel if how == "monitor" else event.set)()
    thread.join(60)
    assert isinstance(got[0], CancelledError)
    replay.stopping.set()  # lets the server's own handlers end
    time.sleep(0.05)
    replay.stopping.clear()
    assert [t.name for t in threading.enumerate() if t.name.startswith("specviz-http")] == []


def test_a_cancel_ends_the_wait_for_another_try(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_RETRY_WAIT", "300")
    replay.fault("status", "lamost", times=-1, status=503)
    monitor = Monitor()

    def work() -> Any:
        with watching(monitor):
            return request("lamost", "GET", URL)

    thread, got = _in_thread(work)
    time.sleep(0.3)
    monitor.cancel()
    thread.join(60)
    assert isinstance(got[0], CancelledError)


def test_progress_in_bytes(replay: Any) -> None:
    steps: list[Step] = []
    with watching(Monitor(steps.append)):
        request("lamost", "GET", "https://www.lamost.org/test/large")
    sizes = [s.received for s in steps if s.words == "receiving"]
    assert sizes == sorted(sizes) and sizes[-1] == 2_000_000 and len(sizes) > 5
    assert {s.total for s in steps if s.words == "receiving"} == {2_000_000}
    assert steps[0].words == "asking" and steps[-1].words == "received"


def test_an_answer_without_end_is_refused(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import specviz.archives.transport.services as services

    small = {**services.SERVICES, "lamost": Service("lamost", "LAMOST", ("www.lamost.org",), limit=100_000)}
    monkeypatch.setattr(services, "SERVICES", small)
    with pytest.raises(BadReplyError, match="larger than"):
        request("lamost", "GET", "https://www.lamost.org/test/large")
    with pytest.raises(BadReplyError, match="larger than"):
        monkeypatch.setitem(small, "lamost", Service("lamost", "LAMOST", ("www.lamost.org",), limit=50))
        request("lamost", "GET", "https://www.lamost.org/test/gzip")  # few bytes on the line, many unpacked


# ---------------------------------------------------------------------------------------------- the pace
def test_no_more_than_so_many_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECVIZ_PACE", raising=False)
    gate, starts = Gate(Service("x", "x", ("x",), per_second=50)), []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(5):
            with gate.turn(Monitor()), lock:
                starts.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    starts.sort()
    assert len(starts) == 20
    assert starts[-1] - starts[0] >= 19 / 50 * 0.95


def test_at_most_two_at_a_time(replay: Any) -> None:
    replay.fault("slow", "lamost", times=-1, seconds=0.3)
    began = time.monotonic()
    threads = [_in_thread(lambda: request("lamost", "GET", URL)) for _ in range(6)]
    for thread, _ in threads:
        thread.join()
    assert all(got[0].status == 200 for _, got in threads)
    assert time.monotonic() - began >= 3 * 0.3  # six in pairs


def test_simbad_stays_below_its_limit() -> None:
    assert SERVICES["simbad"].per_second <= 5
    assert all(s.at_once <= 2 for s in SERVICES.values())


# ---------------------------------------------------------------------------------------------- addresses and secrets
def test_services_are_known_by_their_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECVIZ_ENDPOINTS")
    assert locate("http://dr7.lamost.org/v2.0/x?y=1")[0].key == "lamost"
    assert locate("https://tapvizier.cds.unistra.fr/TAPVizieR/tap")[0].key == "vizier"
    assert locate("https://elsewhere.example/x")[0].key == "elsewhere.example"
    monkeypatch.setenv("SPECVIZ_ENDPOINTS", '{"vizier": "http://127.0.0.1:9/mirror/"}')
    assert locate("https://vizier.cds.unistra.fr/a/b?c=d")[1] == "http://127.0.0.1:9/mirror/a/b?c=d"
    assert locate("https://www.lamost.org/a")[1] == "https://www.lamost.org/a"
    for bad in ("{", '{"nobody": "http://x"}', "ftp://x", '{"gaia": "x"}'):
        monkeypatch.setenv("SPECVIZ_ENDPOINTS", bad)
        with pytest.raises(OptionError, match="SPECVIZ_ENDPOINTS"):
            locate(URL)


def test_a_token_is_in_no_log_and_no_error(replay: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replay.fault("status", "lamost", times=-1, status=500)
    with pytest.raises(ServiceDownError) as caught:
        request("lamost", "GET", URL, params={"token": "S3CRET", "obsid": "1"})
    assert "S3CRET" not in str(caught.value) + repr(caught.value)
    assert "obsid=1" in caplog.text and "S3CRET" not in caplog.text
    assert redact("x?token=abc&a=b password=q") == "x?token=***&a=b password=***"


@pytest.mark.parametrize("name", ["SPECVIZ_TIMEOUT", "SPECVIZ_RETRY_WAIT", "SPECVIZ_PACE", "SPECVIZ_CACHE_LIMIT"])
@pytest.mark.parametrize("told", ["fast", "-1", "nan", "1,5"])
def test_a_setting_that_is_no_number_is_told(
    replay: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, told: str
) -> None:
    monkeypatch.setenv(name, told)
    monkeypatch.setenv("SPECVIZ_CACHE", str(tmp_path / "another"))
    replay.fault("status", "test/small", status=503)  # so that there is a wait before the next try
    with pytest.raises(OptionError, match=f"{name} is '{told}'"):
        cache().remember(Key("lamost", "", "x"), lambda: request("lamost", "GET", URL).body)
