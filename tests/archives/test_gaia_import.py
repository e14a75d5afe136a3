"""``import astroquery.gaia`` talks to the network and prints; through our door it does neither."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def _run(code: str) -> subprocess.CompletedProcess[str]:
    forbid = """
        import socket, sys
        def refused(*args, **kwargs):
            raise AssertionError("a socket was made")
        socket.socket.connect = socket.create_connection = socket.getaddrinfo = refused
    """
    program = textwrap.dedent(forbid) + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120)


def test_the_import_is_quiet_and_needs_no_network() -> None:
    done = _run("""
        import specviz.archives.gaia
        assert "astroquery" not in sys.modules and "pyvo" not in sys.modules and "requests" not in sys.modules
        from specviz.archives.gaia.door import client, gaia_class
        from astroquery.utils.tap.conn.tapconn import ConnectionHandler
        before = ConnectionHandler.get_connection, ConnectionHandler.get_connection_secure
        made = client()
        assert isinstance(made, gaia_class()) and made is client()
        assert (ConnectionHandler.get_connection, ConnectionHandler.get_connection_secure) == before
        import astroquery.gaia, os
        assert astroquery.gaia.core.os.getcwd() == os.getcwd() and astroquery.gaia.core.os.path is os.path
        try:
            astroquery.gaia.Gaia.launch_job("SELECT 1")  # the person's own client is as it was: it wants the network
        except AssertionError as error:
            assert "socket" in str(error)
        else:
            raise SystemExit("the stubs are still there")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_two_threads_import_it_once() -> None:
    done = _run("""
        import threading
        from specviz.archives.gaia.door import client
        found = []
        threads = [threading.Thread(target=lambda: found.append(client())) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert len(found) == 4
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
