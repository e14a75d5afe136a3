"""Session files: what was there comes back; what is damaged, foreign, newer or hostile changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.archives.protocol import Candidate
from specviz.archives.targets import Target
from specviz.errors import ReadError
from specviz.session import saved
from specviz.session.saved_stars import Shelf, plain_star, plain_target, star_of, target_of
from specviz.session.session import Session
from specviz.session.state import State
from specviz.session.view_options import ViewOptions
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star

Make = Callable[..., Session]


def _own_star(name: str = "mine") -> Star:
    wave = 10 ** (3.57 + 1e-4 * np.arange(3900))
    flux = 1 + 0.1 * np.sin(wave / 40)
    meta = {"object_id": name, "snr": 40.0, "path": "/home/someone/secret/mine.fits", "path_note": ("a", 1)}
    spectrum = Spectrum(wave, flux, np.full(3900, 1e4), flux > 1.09, frame="rest", survey="lamost_lrs", meta=meta)
    return Star(name, {"lamost_lrs": spectrum}, (Identifier("LAMOST", "DR10", "12"),), 10.0, -5.0, meta=dict(meta))


def _state(session: Session) -> State:
    return session.wait()


def test_a_session_comes_back_with_list_view_and_star(make_session: Make) -> None:
    first = make_session()
    first.set_work(["demo 3", "demo 4", "demo 5"])
    first.wait()
    first.next()
    first.wait()
    first.set(flux="normalised", smooth=2, zoom=(5000, 5200), lines=("H", "Mg"))
    first.set(rv=12.5, dials=(("mg_fe", 0.3),), element="mg_fe")
    data = first.save()

    second = make_session()
    second.open("demo 9")
    second.wait()
    second.restore(data)
    state = second.wait()
    old = first.state
    assert state.star is not None and state.star.name == "demo 4" and state.position == 1
    assert [w.status for w in state.work] == ["done", "current", "waiting"]
    assert [w.name for w in state.work] == ["demo 3", "demo 4", "demo 5"]
    assert state.work[0].percentile == old.work[0].percentile
    assert state.view == old.view and state.view.zoom == (5000.0, 5200.0)
    assert {r.name for r in state.recent} == {"demo 3", "demo 4"}
    assert state.report is not None and state.report.posterior is not None
    second.next()
    assert second.wait().star.name == "demo 5"  # type: ignore[union-attr]
    assert second.state.view.rv is None and second.state.view.dials == ()  # they were of the star before
    assert len(data) < 4000 and b"base64" not in data  # demo stars are named, not copied


def test_an_uploaded_star_travels_in_the_file_to_the_last_bit(make_session: Make) -> None:
    first, star = make_session(), _own_star()
    first.open(star)
    first.wait()
    data = first.save()
    assert b"/home/someone" not in data  # a file that is shared tells no folders
    second = make_session(allow_paths=False)
    second.restore(data)
    got = second.wait().star
    assert (
        got is not None
        and got.name == "mine"
        and got.identifiers == star.identifiers
        and got.meta["path"] == "mine.fits"
    )
    a, b = star.spectra["lamost_lrs"], got.spectra["lamost_lrs"]
    assert b.frame == "rest" and b.snr == 40.0
    for part in ("wavelength", "flux", "ivar", "mask"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part))
    assert json.loads(data)["shown"]["target"] == json.loads(data)["recent"][0]["target"] == {"star": 0}  # held once


def test_a_spectrum_that_was_attached_is_kept(make_session: Make) -> None:
    session = make_session()
    session.open("demo 2")
    star = session.wait().star
    assert star is not None
    with_meta = star.with_(meta={**star.meta, "attached": ("gaia_xp",)})
    session._update(star=with_meta)
    content = json.loads(session.save())
    assert content["shown"]["target"] == {"name": "demo 2"}  # as it stands in the demo sky
    other = star.spectra["gaia_xp"].with_(meta={"layout": "gaia_xp_sampled", "snr": float("nan")})
    session._update(star=with_meta.with_spectrum(other))
    content = json.loads(session.save())
    assert content["shown"]["target"] == {"star": 0}
    assert [s["survey"] for s in content["stars"][0]["spectra"]] == ["lamost_lrs", "gaia_xp"]


@pytest.mark.parametrize(
    "target",
    [
        "HD 140283",
        Path("/data/x.fits"),
        Candidate("Gaia DR3 12", "gaia", "G2V", 12.5, -3.0, (Identifier("Gaia", "DR3", "12"),), pm_ra=1.5, pm_dec=-2.0),
        Target("row", "obsid 5", "note"),
    ],
)
def test_what_opens_a_star_survives(target: Any) -> None:
    plain = json.loads(json.dumps(plain_target(target, Shelf(10))))
    assert target_of(plain, [], "x", allow_paths=True) == target


def test_a_star_without_room_is_named() -> None:
    shelf = Shelf(1000)
    plain = plain_target(_own_star("large"), shelf)
    assert shelf.left_out == ["large"] and shelf.stars == []
    row = target_of(plain, [], "x", allow_paths=True)
    assert isinstance(row, Target) and row.text == "" and "too large" in row.note


def _edited(make_session: Make, edit: Callable[[dict[str, Any]], Any]) -> bytes:
    session = make_session()
    session.set_work(["demo 1", "demo 2"])
    session.wait()
    content = json.loads(session.save())
    content["stars"] = [json.loads(json.dumps(plain_star(_own_star())))]
    new = edit(content)
    return json.dumps(content if new is None else new).encode()


_NEST = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: c.update(version=2), "newer specviz"),
        (lambda c: c.update(version="1"), "damaged"),
        (lambda c: c.update(version=True), "damaged"),
        (lambda c: c["work"].append("row"), "Row 3"),
        (lambda c: c["work"][0].update(status="hacked"), "Row 1"),
        (lambda c: c["work"][0].update(percentile=1e9), "Row 1"),
        (lambda c: c["work"][0].update(percentile="99"), "Row 1"),
        (lambda c: c["work"][0].update(name=["x"]), "Row 1"),
        (lambda c: c["work"][0].update(name="x" * 10_000), "Row 1"),
        (lambda c: c["work"][0].update(target={"pickle": "cos\nsystem"}), "Row 1"),
        (lambda c: c["work"][0].update(target={"star": 7}), "Row 1"),
        (lambda c: c["work"][0].update(target={"candidate": "a", "archive": "b", "ra": 1e300}), "Row 1"),
        (lambda c: c["shown"].update(position=99), "The star on screen"),
        (lambda c: c["shown"].update(position=-1), "The star on screen"),
        (lambda c: c["view"].update(rv=1e308), "rv"),
        (lambda c: c["view"].update(zoom=5), "zoom"),
        (lambda c: c["view"].update(hidden=5), "view"),
        (lambda c: c["view"].update(__class__="x"), "view option"),
        (lambda c: c.update(view=[1]), "The view"),
        (lambda c: c.update(online="yes"), "online"),
        (lambda c: c["stars"][0]["spectra"][0]["flux"].update(n=10**9), "star 0"),
        (lambda c: c["stars"][0]["spectra"][0]["flux"].update(n=3899), "star 0"),
        (lambda c: c["stars"][0]["spectra"][0]["flux"].update(dtype="|O"), "star 0"),
        (lambda c: c["stars"][0]["spectra"][0]["flux"].update(base64="*" * 41600), "star 0"),
        (lambda c: c["stars"][0]["spectra"][0].update(survey="evil"), "star 0"),
        (lambda c: c["stars"][0]["spectra"][0].update(frame="<b>"), "star 0"),
        (lambda c: c["stars"][0]["meta"].update(deep={"a": 1}), "Star 0"),
        (lambda c: c["stars"][0].update(ra=361), "Star 0"),
        (lambda c: c.update(stars=5), "stars"),
        (lambda _c: [1, 2, "specviz session"], "no session file"),
        (lambda c: {"format": "other", "x": "specviz session"}, "no session file"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused_and_changes_nothing(
    make_session: Make, edit: Callable[[dict[str, Any]], Any], words: str
) -> None:
    data = _edited(make_session, edit)
    session = make_session()
    session.open("demo 9")
    session.wait()
    session.set(smooth=3)
    before = session.state
    with pytest.raises(ReadError) as caught:
        session.restore(data, "from <b>afar</b>.json")
    assert words in str(caught.value) and len(str(caught.value)) < 1000
    assert session.state is before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no session file"),
        (b"\x89PNG", "no session file"),
        (b'{"format": "specviz session", "version": 1', "damaged"),
        (b'{"format": "specviz session", "version": 1, "online": NaN}', "damaged"),
        (b'{"format": "specviz session", "version": 1, "x": ' + _NEST.encode() + b"}", "damaged"),
        (b'{"format": "specviz session", "version": 1, "model": "\xff"}', "damaged"),
        (b'{"format": "specviz session", "version": 1' + b"0" * 5000 + b"}", "damaged"),
        (b'{"format": "specviz session", "version": 1, "work": {"a": 1}}', "work list"),
    ],
)
def test_what_is_no_json_of_ours_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ReadError, match=words):
        saved.read(data)


def test_huge_numbers_that_json_takes_are_no_numbers() -> None:
    head = (
        '{"format": "specviz session", "version": 1, "work": [{"name": "a", "status": "done", "target": {"name": "a"}, '
    )
    for value in ("1e999", "-1e999", "1" + "0" * 400):
        with pytest.raises(ReadError, match="Row 1"):
            saved.read((head + f'"percentile": {value}}}]}}').encode())


def test_markup_is_text_and_nothing_more(make_session: Make) -> None:
    evil = "<img src=x onerror=alert(1)>\x00\u202e"
    data = _edited(make_session, lambda c: c["work"][1].update(name=evil, problem=evil))
    session = make_session()
    session.restore(data)
    row = session.wait().work[1]
    assert row.name == "<img src=x onerror=alert(1)>  "  # as text; the views escape it (tests/views)


def test_a_file_cannot_name_paths_where_none_may_be_named(make_session: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("wavelength,flux\n" + "\n".join(f"{4000 + i},1" for i in range(100)))

    def edit(content: dict[str, Any]) -> None:
        content["work"][0]["target"] = content["shown"]["target"] = {"path": str(secret)}

    data = _edited(make_session, edit)
    session = make_session(allow_paths=False)
    session.restore(data)
    state = session.wait()
    assert state.star is None and state.work[0].status == "failed"
    assert "machine where the session was saved" in state.work[0].problem
    assert str(tmp_path) not in str(state)
    owner = make_session()
    owner.restore(data)
    assert owner.wait().star.name.startswith("secret")  # type: ignore[union-attr]


def test_a_dropped_session_file_is_taken_up(make_session: Make) -> None:
    first = make_session()
    first.open("demo 6")
    first.wait()
    session = make_session()
    session.open_bytes("night.json", first.save())
    assert session.wait().star.name == "demo 6"  # type: ignore[union-attr]


def test_another_model_is_told_of(make_session: Make) -> None:
    data = _edited(make_session, lambda c: c.update(model="<b>other</b>"))
    session = make_session()
    session.restore(data)
    told: list[Any] = [session.state.notice]
    session.wait()
    assert told[0] is None or "other" in told[0].title
    assert saved.read(data).model == "<b>other</b>"


def test_an_empty_session_is_a_session(make_session: Make) -> None:
    found = saved.read(make_session().save())
    assert found.shown is None and found.work == () and found.view == ViewOptions()


def test_a_star_file_is_no_session() -> None:
    assert not saved.is_session(b'{"spectrum": [1, 2]}')
    assert star_of(json.loads(json.dumps(plain_star(DemoArchive().star(0)))), "Star").name == "demo 1"
