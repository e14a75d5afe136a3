"""Messages of the browser reach the right callback; nothing is lost silently."""

from __future__ import annotations

import logging
import re

import pytest

from specviz.doors.inbox import FILE_LIMIT, Inbox, KeyPress
from specviz.errors import SpecvizError


def piece(index: int, count: int, size: int, name: str = "a.fits", upload: str = "u") -> dict[str, object]:
    return {"op": "file", "id": upload, "name": name, "size": size, "index": index, "count": count}


def test_keys_reach_those_who_asked() -> None:
    told: list[list[str]] = []
    inbox = Inbox(keys_changed=told.append)
    first: list[KeyPress] = []
    every: list[KeyPress] = []
    remove = inbox.on_key(first.append, keys=["j", "Enter"])
    remove_every = inbox.on_key(every.append)
    assert told == [["Enter", "j"], ["*", "Enter", "j"]]
    inbox.receive({"op": "key", "key": "j", "shift": True, "field": False, "repeat": False})
    inbox.receive({"op": "key", "key": "k"})
    assert first == [KeyPress("j", shift=True)] and [p.key for p in every] == ["j", "k"]
    remove()
    remove_every()
    assert inbox.keys == [] and told[-1] == []
    inbox.receive({"op": "key", "key": "j"})
    assert len(first) == 1


def test_width_and_focus() -> None:
    inbox = Inbox()
    seen: list[object] = []
    inbox.on_resize(seen.append)
    inbox.on_focus(seen.append)
    assert inbox.receive({"op": "size", "width": 1280}) and inbox.receive({"op": "focus", "active": True})
    assert seen == [1280, True] and inbox.width == 1280
    assert inbox.receive({"op": "nonsense"}) is False


def test_a_file_arrives_whole_whatever_the_order() -> None:
    inbox = Inbox()
    seen: list[tuple[str, bytes]] = []
    inbox.on_file(lambda name, data: seen.append((name, data)))
    inbox.receive(piece(1, 2, 6, "C:\\folder\\../b.fits"), [memoryview(b"def")])
    inbox.receive(piece(0, 1, 0, "empty.txt", "v"), [b""])
    inbox.receive(piece(0, 2, 6, "C:\\folder\\../b.fits"), [memoryview(b"abc")])
    assert seen == [("empty.txt", b""), ("b.fits", b"abcdef")]


@pytest.mark.parametrize(
    ("content", "buffers", "said"),
    [
        (piece(0, 1, 9), [b"abc"], "3 of 9 bytes"),
        (piece(3, 2, 9), [b"abc"], "does not hold together"),
        (piece(0, 1, FILE_LIMIT + 1), [b"abc"], "does not hold together"),
        (piece(0, 1, 3), [], "does not hold together"),
        (
            {"op": "refused", "names": ["big.fits"], "size": 100 * 2**20, "limit": FILE_LIMIT},
            [],
            r"100 MB \(big\.fits\).*at most 64 MB",
        ),
    ],
)
def test_a_bad_upload_is_told(content: dict[str, object], buffers: list[bytes], said: str) -> None:
    inbox = Inbox()
    files: list[object] = []
    errors: list[tuple[str, BaseException | None]] = []
    inbox.on_file(lambda *args: files.append(args))
    inbox.on_error(lambda text, error: errors.append((text, error)))
    inbox.receive(content, buffers)
    assert files == [] and len(errors) == 1 and isinstance(errors[0][1], SpecvizError)
    assert re.search(said, str(errors[0][1]))


def test_a_failing_callback_is_logged_told_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    notices: list[str] = []
    inbox = Inbox(notice=notices.append)
    seen: list[int] = []
    inbox.on_resize(lambda width: width / 0)
    inbox.on_resize(seen.append)
    with caplog.at_level(logging.WARNING, "specviz.doors"):
        inbox.receive({"op": "size", "width": 5})
    assert seen == [5] and notices == ["ZeroDivisionError: division by zero"]
    assert caplog.records[0].exc_info is not None
    told: list[str] = []
    inbox.on_error(lambda text, error: told.append(text))
    inbox.on_error(lambda text, error: 1 / 0)  # a listener that fails is logged, no more
    inbox.report(SpecvizError("No star", remedy="Name one"))
    assert told == ["No star. Name one."] and len(notices) == 1
    inbox.receive({"op": "error", "text": "TypeError: x is not a function\n  at specviz/doc_host.js"})
    assert told[-1] == "TypeError: x is not a function"


def test_buttons_in_html_and_files_that_are_for_something() -> None:
    inbox = Inbox()
    seen: list[object] = []
    inbox.on_act(seen.append)
    inbox.on_file(lambda name, data: seen.append((name, data)))
    inbox.on_attach(lambda to, name, data: seen.append((to, name, data)))
    inbox.receive({"op": "act", "act": "pick 3"})
    inbox.receive(piece(0, 1, 2) | {"to": ""}, [b"ab"])
    inbox.receive(piece(0, 1, 2) | {"to": "gaia_xp"}, [b"cd"])
    assert seen == ["pick 3", ("a.fits", b"ab"), ("gaia_xp", "a.fits", b"cd")]


def test_what_a_browser_says_of_an_upload_is_not_relied_on() -> None:
    """Pieces beyond the limit, or a count of a billion, cost no memory; and the next file is taken again."""
    inbox = Inbox(limit=10)
    files: list[tuple[str, bytes]] = []
    errors: list[str] = []
    inbox.on_file(lambda name, data: files.append((name, data)))
    inbox.on_error(lambda text, error: errors.append(text))
    inbox.receive(piece(0, 10**9, 8, upload="a"), [b"12345678"])
    assert errors == []
    inbox.receive(piece(0, 2, 8, upload="b"), [b"1234"])  # 12 bytes wait now, where 10 may
    inbox.receive(piece(0, 1, 11, upload="c"), [b"12345678901"])
    assert len(errors) == 2 and files == []
    inbox.receive(piece(0, 1, 3, upload="d"), [b"abc"])
    assert files == [("a.fits", b"abc")]
    inbox.receive({"op": "refused", "names": ["big.fits"], "size": 3 * 2**20, "limit": 10})
    assert "too large: 3 MB (big.fits)" in errors[-1]


def test_what_stood_on_screen_comes_with_keys_and_acts() -> None:
    inbox, seen = Inbox(), []
    inbox.on_key(lambda press: seen.append(press.seen))
    inbox.on_act(lambda act: seen.append((act, inbox.seen)))
    inbox.receive({"op": "key", "key": "3", "seen": "12"})
    inbox.receive({"op": "act", "act": "vet-finish", "seen": "13"})
    inbox.receive({"op": "key", "key": "3"})
    assert seen == ["12", ("vet-finish", "13"), ""] and inbox.seen == ""
