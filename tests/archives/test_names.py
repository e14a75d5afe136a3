"""What a person may type, told apart; and nothing typed ever raises anything but our own errors."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from specviz.archives.names import LONGEST, Parsed, normalised, parse
from specviz.archives.positions import is_position, position
from specviz.errors import NotFoundError, SpecvizError

#: One star in many spellings: HD 140283, 15h43m03.1s -10d56m01s.
RA, DEC = 235.762916667, -10.933611111


@pytest.mark.parametrize(
    ("text", "kind", "value", "release"),
    [
        ("353301001", "obsid", "353301001", ""),
        ("1012345678", "obsid", "1012345678", ""),
        ("obsid 353301001", "obsid", "353301001", ""),
        ("ObsID=353301001", "obsid", "353301001", ""),
        ("obs_id: 00101001", "obsid", "101001", ""),
        ("LAMOST 353301001", "obsid", "353301001", ""),
        ("LAMOST obsid 353301001", "obsid", "353301001", ""),
        ("Gaia DR3 5937083312263887616", "gaia", "5937083312263887616", "DR3"),
        ("gaia  dr2 123", "gaia", "123", "DR2"),
        ("GDR3 123", "gaia", "123", "DR3"),
        ("Gaia EDR3 123", "gaia", "123", "EDR3"),
        ("Gaia_DR4_77", "gaia", "77", "DR4"),
        ("gaia dr3 source_id 123", "gaia", "123", "DR3"),
        ("Gaia 5937083312263887616", "gaia", "5937083312263887616", ""),
        ("source_id=5937083312263887616", "gaia", "5937083312263887616", ""),
        ("5937083312263887616", "gaia", "5937083312263887616", ""),
        ("593708331226388", "gaia", "593708331226388", ""),
        ("KIC 8098300", "kic", "8098300", ""),
        ("kic8098300", "kic", "8098300", ""),
        ("kplr008098300", "kic", "8098300", ""),
        ("TIC123", "tic", "123", ""),
        ("tic-307210830", "tic", "307210830", ""),
        ("EPIC 201367065", "epic", "201367065", ""),
        ("ktwo201367065", "epic", "201367065", ""),
        ("demo 42", "demo", "42", ""),
        ("Demo42", "demo", "42", ""),
        ("demo Sun-like", "demo", "sun-like", ""),
        ("HD 140283", "name", "HD 140283", ""),
        ("  HD\u00a0\t140283\n", "name", "HD 140283", ""),
        ("Barnard\u2019s  star", "name", "Barnard's star", ""),
        ("BD\u221210 4149", "name", "BD-10 4149", ""),
        ("51 Peg", "name", "51 Peg", ""),
        ("16 Cyg B", "name", "16 Cyg B", ""),
        ("M 31", "name", "M 31", ""),
        ("α Cen", "name", "α Cen", ""),
        ("1234567", "name", "1234567", ""),
        ("12 34 -5", "name", "12 34 -5", ""),
        ("demonstration", "name", "demonstration", ""),
    ],
)
def test_what_a_text_means(text: str, kind: str, value: str, release: str) -> None:
    found = parse(text)
    assert (found.kind, found.value, found.release) == (kind, value, release)


@pytest.mark.parametrize(
    "text",
    [
        "15 43 03.1 -10 56 01",
        "15:43:03.1 -10:56:01",
        "15:43:03.1-10:56:01",
        "15:43:03.1, -10:56:01",
        "15h43m03.1s -10d56m01s",
        "15h 43m 03.1s, -10° 56' 01\"",
        "15h43m03.1s, −10°56′01″",
        "15ʰ43ᵐ03.1ˢ −10º56’01”",
        "15 h 43 min 03.1 sec -10 deg 56 min 01 sec",
        "15H43M03.1S-10D56M01S",
        "15,43,03.1,-10,56,01",
        "235d45m46.5s -10d56m01s",
        "J2000 15:43:03.1 -10:56:01",
        "ICRS 15:43:03.1 -10:56:01",
        "15:43:03.1 -10:56:01 (J2000)",
        "(235.762916667, -10.933611111)",
        "235.762916667 -10.933611111",
        "235.762916667,-10.933611111",
        "235.762916667; -10.933611111",
        "235.762916667-10.933611111",
        "235.762916667° -10.933611111°",
        "235.762916667d -10.933611111 deg",
        "235,762916667 -10,933611111",
        "ra=235.762916667 dec=-10.933611111",
        "RA: 235.762916667, Dec: -10.933611111",
        "RA 15:43:03.1 Dec -10:56:01",
        "α=15h43m03.1s δ=-10°56'01\"",
        "15:43:03.1 -10.933611111",
        "15h43m03.1s -10.933611111",
        "２３５.７６２９１６６６７ −１０.９３３６１１１１１",
    ],
)
def test_one_position_in_many_spellings(text: str) -> None:
    found = parse(text)
    assert found.kind == "coordinates"
    assert found.ra == pytest.approx(RA, abs=2e-8)
    assert found.dec == pytest.approx(DEC, abs=2e-8)
    assert found.value == "235.762917 -10.933611"


@pytest.mark.parametrize(
    ("text", "ra", "dec"),
    [
        ("10 20", 10.0, 20.0),
        ("0 -0.5", 0.0, -0.5),
        ("00 00 00 -00 30 00", 0.0, -0.5),
        ("0h0m0s -0d0m36s", 0.0, -0.01),
        ("360 90", 0.0, 90.0),
        ("24:00:00 -90:00:00", 0.0, -90.0),
        ("12h30 +12 23", 187.5, 12.383333333),
        ("10h 5d", 150.0, 5.0),
        ("15 43.05 -10 56.0", 235.7625, -10.933333333),
        ("00 42 44.3 +41 16 9", 10.684583333, 41.269166667),
        ("12 34 56 12 34 56", 188.733333333, 12.582222222),
        (".5 +.25", 0.5, 0.25),
    ],
)
def test_positions(text: str, ra: float, dec: float) -> None:
    assert is_position(text)
    assert position(text) == pytest.approx((ra, dec), abs=1e-8)


@pytest.mark.parametrize(
    ("text", "kind", "value", "ra", "dec"),
    [
        ("2MASS J15430308-1056004", "tmass", "J15430308-1056004", 235.762833333, -10.933444444),
        ("2mass 15430308-1056004", "tmass", "J15430308-1056004", 235.762833333, -10.933444444),
        ("LAMOST J012345.67+123456.7", "designation", "J012345.67+123456.7", 20.940291667, 12.582416667),
        ("J012345.67+123456.7", "designation", "J012345.67+123456.7", 20.940291667, 12.582416667),
        ("lamost J012345.67-003456.7", "designation", "J012345.67-003456.7", 20.940291667, -0.582416667),
        ("LAMOST 012345.67+123456.7", "designation", "J012345.67+123456.7", 20.940291667, 12.582416667),
    ],
)
def test_designations_are_positions(text: str, kind: str, value: str, ra: float, dec: float) -> None:
    found = parse(text)
    assert (found.kind, found.value) == (kind, value)
    assert (found.ra, found.dec) == pytest.approx((ra, dec), abs=1e-8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Nothing was typed"),
        (" \u200b\t\n", "Nothing was typed"),
        ("x" * (LONGEST + 1), "too long"),
        ("400 10", "between 0 and 360 degrees"),
        ("-5 10", "between 0 and 360 degrees"),
        ("25:00:00 10:00:00", "between 0 and 24 hours"),
        ("10 95", "between -90 and +90"),
        ("12:61:00 10:00:00", "below 60"),
        ("9999999999999999999", "cannot be a Gaia source id"),
        ("Gaia DR3 0", "cannot be a Gaia source id"),
        ("Gaia DR3 12345678901234567890", "cannot be a Gaia source id"),
        ("Gaia DR9 12", "There is no Gaia DR9"),
        ("KIC 0", "There is no KIC 0"),
        ("TIC 1234567890123", "There is no TIC"),
        ("obsid 0", "There is no obsid 0"),
    ],
)
def test_what_cannot_be(text: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said.replace("+", r"\+")):
        parse(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("gaia dr3 5", "Gaia DR3 5"),
        ("5937083312263887616", "Gaia 5937083312263887616"),
        ("kic 12", "KIC 12"),
        ("353301001", "obsid 353301001"),
        ("2MASS J15430308-1056004", "2MASS J15430308-1056004"),
        ("J012345.67+123456.7", "LAMOST J012345.67+123456.7"),
        ("demo 7", "demo 7"),
        ("vega", "vega"),
        ("10 20", "10.000000 +20.000000"),
    ],
)
def test_a_label_means_the_same(text: str, label: str) -> None:
    found = parse(text)
    assert found.label == label
    again = parse(label)
    assert (again.kind, again.value, again.release) == (found.kind, found.value, found.release)


def _sound(text: str) -> None:
    try:
        found = parse(text)
    except SpecvizError as error:
        assert str(error)
        return
    assert isinstance(found, Parsed)
    assert found.value and found.value == found.value.strip()
    assert (found.ra is None) == (found.dec is None)
    if found.ra is not None and found.dec is not None:
        assert 0.0 <= found.ra < 360.0
        assert -90.0 <= found.dec <= 90.0
    if found.kind in ("obsid", "gaia", "kic", "tic", "epic"):
        assert str(int(found.value)) == found.value


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=250))
@example("\ud800")
@example("٣٤٥٦٧٨٩٠")
@example("1²:3:4 5:6:7")
@example("²³ ⁴⁵")
@example("½ ¼")
@example("12h 34m 1e308s 5d")
@example("." * 100)
@example("+-+-")
@example("ra dec")
@example("ra=. dec=.")
def test_no_text_raises_anything_of_its_own(text: str) -> None:
    _sound(text)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="0123456789 .,:;+-hdms°'\"/()JraedcgiTKMASLO", max_size=60))
def test_no_text_that_looks_like_a_position_does(text: str) -> None:
    _sound(text)


def test_ten_thousand_random_strings() -> None:
    rng = random.Random(20261126)
    pieces = [*string.digits, *" .:,;+-hdms°'\"", "Gaia", "DR3", "KIC", "TIC", "2MASS J", "LAMOST J", "obsid", "ra="]
    pieces += [chr(rng.randrange(0x110000)) for _ in range(40)]
    kinds = set()
    for _ in range(10_000):
        text = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 24)))
        _sound(text)
        try:
            kinds.add(parse(text).kind)
        except SpecvizError:
            kinds.add("error")
    assert {"name", "coordinates", "error"} <= kinds


@settings(max_examples=300, deadline=None)
@given(st.floats(0, 359.999999), st.floats(-90, 90))
def test_what_astropy_writes_is_read(ra: float, dec: float) -> None:
    from astropy.coordinates import SkyCoord

    there = SkyCoord(ra, dec, unit="deg")
    for style in ("hmsdms", "decimal"):
        found = parse(there.to_string(style, precision=8))
        assert found.kind == "coordinates"
        assert found.ra is not None and found.dec is not None
        assert there.separation(SkyCoord(found.ra, found.dec, unit="deg")).arcsec < 1e-3


def test_normalised() -> None:
    assert normalised("  a\u00a0b\u2003c\x00\n") == "a b c"
    assert normalised("5′ 3″ −2") == "5' 3\" -2"
