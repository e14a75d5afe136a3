"""The served door without a browser: sessions, origins, ports."""

from __future__ import annotations

import socket

import panel as pn
import pytest

from specviz.doors import serve
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
