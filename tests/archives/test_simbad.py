"""SIMBAD through HTTP: names by the hundred in one question, cones, suggestions, and what was found before."""

from __future__ import annotations

from typing import Any

import pytest

from specviz.archives.simbad import AT_ONCE, Simbad
from specviz.errors import BadReplyError, OfflineError, OptionError, RateLimitedError, ServiceDownError
from specviz.spectra.star import Identifier


def test_an_object(replay: Any) -> None:
    [found] = Simbad().lookup(["HD 140283"])
    assert found is not None
    assert found.main_id == "HD 140283"
    assert (found.ra, found.dec) == (235.762904, -10.933499)
    assert (found.pm_ra, found.pm_dec) == (-1114.93, -304.36)
    assert (found.parallax, found.radial_velocity) == (16.267, -170.4)
    assert (found.sp_type, found.otype) == ("F9 V Fe-2.1 CH-0.5", "PM*")
    assert (found.teff, found.logg, found.fe_h) == (5750.0, 3.67, -2.4)
    assert found.identifiers == (
        Identifier("Gaia", "DR3", "6268770373590148224"),
        Identifier("Gaia", "DR2", "6268770373590148224"),
        Identifier("2MASS", "", "J15430308-1056004"),
        Identifier("TIC", "", "45391862"),
        Identifier("LAMOST designation", "", "J154303.08-105600.4"),
    )
    candidate = found.candidate
    assert (candidate.name, candidate.archive) == ("HD 140283", "simbad")
    assert candidate.summary == "F9 V Fe-2.1 CH-0.5, PM*, [Fe/H] -2.40"
    assert (candidate.ra, candidate.pm_dec) == (235.762904, -304.36)


def test_many_names_are_one_question(replay: Any) -> None:
    names = ["hd140283", "HD  140283", "Vega", "no such star", "NAME Vega", "", "kic 10424789", "BD\u221210 4149"]
    found = Simbad().lookup(names)
    assert replay.log == ["POST simbad/simbad/sim-tap/sync"]
    assert [o and o.main_id for o in found] == [
        "HD 140283", "HD 140283", "* alf Lyr", None, "* alf Lyr", None, "KIC 10424789", "HD 140283",
    ]  # fmt: skip
    kepler = found[6]
    assert kepler is not None
    assert (kepler.teff, kepler.logg, kepler.fe_h, kepler.pm_ra) == (None, None, None, None)


def test_a_thousand_names(replay: Any) -> None:
    names = [f"HD {k}" for k in range(1, AT_ONCE + 200)] + ["HD 140283"]
    found = Simbad().lookup(names)
    assert len(replay.log) == 2
    assert found[-1] is not None and found[-1].main_id == "HD 140283"
    assert sum(o is not None for o in found) == 1


def test_what_was_found_is_not_asked_again(replay: Any) -> None:
    first = Simbad().lookup(["Vega", "no such star"])
    again = Simbad().lookup(["no such star", "HD 140283", "vega"])
    assert again[2] == first[0]
    assert again[0] is None
    assert len(replay.log) == 2
    assert replay.asked[1].body.count(b"<TR>") == 1  # the second question named the new star only
    assert b"HD 140283" in replay.asked[1].body


def test_without_a_network_what_was_found_answers(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = Simbad().lookup(["Vega"])
    monkeypatch.setenv("SPECVIZ_OFFLINE", "1")
    assert Simbad(max_age=0.0).lookup(["Vega"]) == [first]
    with pytest.raises(OfflineError):
        Simbad(max_age=0.0).lookup(["Vega", "HD 140283"])


def test_names_with_quotes_and_strange_letters(replay: Any) -> None:
    assert Simbad().lookup(["Barnard's star", "' OR 1=1 --", "α Lyr", "\u200b", "<b>&amp;"]) == [None] * 5


def test_ids(replay: Any) -> None:
    assert Simbad().ids("Vega") == ("* alf Lyr", "HD 172167", "HIP 91262", "NAME Vega", "TIC 157587183")
    assert Simbad().ids("no such star") == ()


def test_a_cone(replay: Any) -> None:
    found = Simbad().cone(235.7629, -10.9335, 5.0)
    assert [o.main_id for o in found] == ["HD 140283"]
    assert Simbad().cone(10.0, 10.0, 5.0) == []
    assert "CIRCLE('ICRS', 235.762900000, -10.933500000, 0.001388889)" in replay.asked[0].form["QUERY"]


@pytest.mark.parametrize("place", [(400.0, 0.0, 1.0), (0.0, 91.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1e9)])
def test_a_cone_that_cannot_be(replay: Any, place: tuple[float, float, float]) -> None:
    with pytest.raises(OptionError):
        Simbad().cone(*place)
    assert replay.log == []


def test_suggestions(replay: Any) -> None:
    assert [o.main_id for o in Simbad().suggest("hd 1")] == ["HD 140283", "* alf Lyr"]
    assert [o.main_id for o in Simbad().suggest("vega")] == ["* alf Lyr"]
    assert Simbad().suggest("x") == []
    assert Simbad().suggest("O'Neill_%") == []
    assert "'O''Neill%'" in replay.asked[-1].form["QUERY"]
    assert len(replay.log) == 3


def test_resolve(replay: Any) -> None:
    assert [c.name for c in Simbad().resolve("hd 140283")] == ["HD 140283"]
    assert [c.name for c in Simbad().resolve("HD 14")] == ["HD 140283"]
    assert Simbad().resolve("qqqq") == []


def test_one_text_is_not_a_list(replay: Any) -> None:
    with pytest.raises(OptionError, match="list of names"):
        Simbad().lookup("Vega")


def test_an_answer_without_the_columns(replay: Any) -> None:
    replay.fault("cut", "simbad")
    with pytest.raises(BadReplyError):
        Simbad().lookup(["Vega"])
    assert Simbad().lookup(["Vega"])[0] is not None


def test_shut_out(replay: Any) -> None:
    replay.fault("status", "simbad", status=403)
    with pytest.raises(RateLimitedError, match="SIMBAD refuses this address"):
        Simbad().lookup(["Vega"])


def test_out_of_order(replay: Any) -> None:
    replay.fault("status", "simbad", status=502, times=-1)
    with pytest.raises(ServiceDownError) as caught:
        Simbad().lookup(["Vega"])
    assert (caught.value.service, caught.value.tries, caught.value.status) == ("simbad", 3, 502)
