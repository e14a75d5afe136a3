"""The served door without a browser: sessions, origins, ports."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import panel as pn
import pytest

from specviz.doors import serve
from specviz.doors.server import fill_page
from specviz.errors import SpecvizError


# tornado leaves the socket that it could not bind to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_taken_port_says_so() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        with pytest.raises(SpecvizError, match=rf"Port {port} of 127\.0\.0\.1 cannot be opened.*another port"):
            serve(lambda: pn.Column("x"), port=port, start=False)


@pytest.mark.parametrize("origin", ["*", "*:443", ["a.example:1", "*"]])
def test_a_wildcard_origin_is_refused(origin: str | list[str]) -> None:
    with pytest.raises(SpecvizError, match="any web page"):
        serve(lambda: pn.Column("x"), websocket_origin=origin, start=False)


@pytest.mark.parametrize("origin", ["", "a b", "https://a.example/path", "a.example:https"])
def test_what_is_no_origin_is_told(origin: str) -> None:
    with pytest.raises(SpecvizError, match="is not an origin"):
        serve(lambda: pn.Column("x"), websocket_origin=[origin], start=False)


@pytest.fixture
def server(request: pytest.FixtureRequest, serve_aside: Callable[..., Any]) -> Any:
    """A running server with the options of the test's parameter."""
    options = getattr(request, "param", {})
    return serve_aside(
        lambda: serve(lambda inbox: pn.Column(f"limit {inbox.limit}"), start=False, verbose=False, **options)
    )


def ask(server: Any, origin: str) -> int:
    """What a page of ``origin`` is answered when it opens a websocket: 101 is a yes."""
    from http.client import HTTPConnection

    from bokeh.util.token import generate_jwt_token, generate_session_id

    token = generate_jwt_token(generate_session_id(), extra_payload={"headers": {}, "cookies": {}, "arguments": {}})
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": f"bokeh, {token}"}
    connection.request("GET", "/ws", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_it_listens_on_the_loopback_address_alone(server: Any) -> None:
    assert {s.getsockname()[0] for s in server._http._sockets.values()} == {"127.0.0.1"}


def test_a_page_of_another_origin_is_refused(server: Any) -> None:
    assert ask(server, "http://evil.example.org") == 403
    assert ask(server, f"http://127.0.0.1:{server.port}") == 101


@pytest.mark.parametrize(
    "server",
    [{"websocket_origin": name} for name in ("hub.example.org:443", "https://hub.example.org/", "hub.example.org")],
    indirect=True,
)
def test_an_origin_that_was_named_is_taken(server: Any) -> None:
    assert ask(server, "https://hub.example.org") == 101
    assert ask(server, "https://other.example.org") == 403


@pytest.mark.parametrize("server", [{"max_upload": 0.5}], indirect=True)
def test_the_page_and_its_session_know_the_upload_limit(server: Any) -> None:
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{server.port}/", timeout=30) as reply:
        assert '"upload": 524288' in reply.read().decode()  # the browser refuses before it sends ...
    (session,) = server.get_sessions("/")
    assert "limit 524288" in str(session.document.to_json())  # ... and Python does not rely on it


@pytest.mark.parametrize("limit", [0, -1, 5000, float("nan")])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(SpecvizError, match="no limit for uploads"):
        serve(lambda: pn.Column("x"), max_upload=limit, start=False)


def test_a_page_is_filled_only_where_one_is_being_built() -> None:
    with pytest.raises(SpecvizError, match=r"no page here to fill.*panel-preview.*specviz serve"):
        fill_page(lambda: pn.Column("x"))
