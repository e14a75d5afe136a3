"""``parse``: what a person typed, told apart without asking anybody: an obsid, a Gaia source, a KIC or TIC number, a
2MASS or LAMOST designation, a position in one of its many spellings, or a name.

Pure text work: no network, no state. A text that has the shape of a number or a position but cannot be one (a right
ascension of 400 degrees) is an error with words; everything else that is not recognised is a name for SIMBAD.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from specviz.archives.positions import is_position, position
from specviz.errors import NotFoundError

Kind = Literal["demo", "obsid", "designation", "gaia", "kic", "tic", "epic", "tmass", "coordinates", "name"]

#: Longer texts are no name of a star.
LONGEST = 200
#: Gaia source ids are positive 64-bit integers.
_LARGEST_SOURCE_ID = 2**63 - 1
_RELEASES = {"DR2", "EDR3", "DR3", "DR4"}

#: What a keyboard, a word processor or a PDF makes of minus signs and of the marks of minutes and seconds.
_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d", "-"),
        **dict.fromkeys("\u00ba\u02da\u2070", "°"),
        **dict.fromkeys("\u2018\u2019\u02b9\u02bc\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u02ba\u2033", '"'),
    }
)
_DEMO = re.compile(r"demo(?:[ #_-]*([0-9]{1,9})|[ _]+(\S.*))", re.I)
_GAIA = re.compile(r"g(?:aia)?[ _-]*(e?dr[ _-]*[0-9])[ :,_-]*(?:source[ _]?id[ :=]*)?([0-9]+)", re.I)
_GAIA_ANY = re.compile(r"(?:gaia(?:[ _]*source)?|source)[ _]*(?:id)?[ :=_-]*([0-9]{4,})", re.I)
_MISSION = re.compile(r"(kic|tic|epic|kplr|ktwo)[ :#_-]*([0-9]+)", re.I)
_OBSID = re.compile(r"(?:lamost[ _-]*)?obs?[ _-]*id[ :=#_-]*([0-9]+)", re.I)
_LAMOST_NUMBER = re.compile(r"lamost[ :#_-]*([0-9]{6,10})", re.I)
_TMASS = re.compile(r"2mass[ _-]*j?[ ]*([0-9]{8}[+-][0-9]{7})", re.I)
_LAMOST = re.compile(r"(?:lamost[ _-]*)?(j[0-9]{6}\.[0-9]{1,3}[+-][0-9]{6}\.?[0-9]{0,3})", re.I)
_LAMOST_NAMED = re.compile(r"lamost[ _-]*(j?[0-9]{6}\.?[0-9]{0,3}[+-][0-9]{6}\.?[0-9]{0,3})", re.I)
_PACKED = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})(\.?[0-9]*)([+-])([0-9]{2})([0-9]{2})([0-9]{2})(\.?[0-9]*)")


@dataclass(frozen=True)
class Parsed:
    """What a text means.

    Parameters
    ----------
    kind : str
        "demo", "obsid", "designation" (``J...`` of LAMOST), "gaia", "kic", "tic", "epic", "tmass", "coordinates" or
        "name".
    value : str
        The number without leading zeros, the designation, or the text with single blanks.
    release : str
        Of a Gaia source ("DR2", "EDR3", "DR3", "DR4"); "" where none was said.
    ra, dec : float, optional
        Degrees, ICRS: of a position, and of a designation that is one.
    """

    kind: Kind
    value: str
    release: str = ""
    ra: float | None = None
    dec: float | None = None

    @property
    def label(self) -> str:
        """As a person writes it: ``"Gaia DR3 123"``, ``"KIC 8098300"``; a name as it is."""
        if self.kind == "gaia":
            return " ".join(part for part in ("Gaia", self.release, self.value) if part)
        words = {"kic": "KIC ", "tic": "TIC ", "epic": "EPIC ", "tmass": "2MASS ", "designation": "LAMOST "}
        words |= {"obsid": "obsid ", "demo": "demo "}
        return words.get(self.kind, "") + self.value


def parse(text: str) -> Parsed:
    """Tell what ``text`` means.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    Parsed

    Raises
    ------
    NotFoundError
        If it is empty or beyond any name, or a number or a position that cannot exist.

    Examples
    --------
    >>> parse("gaia dr3  5937083312263887616").label
    'Gaia DR3 5937083312263887616'
    >>> parse("15 43 03.1  -10 56 01").kind
    'coordinates'
    """
    words = normalised(text)
    if not words:
        raise NotFoundError("Nothing was typed", remedy="Type a name, an obsid, a Gaia source id, or a position")
    if len(words) > LONGEST:
        raise NotFoundError(
            f"“{words[:40]}…” is too long for a name ({len(words)} characters)", expected=f"at most {LONGEST}"
        )
    return (
        _demo(words) or _numbered(words) or _bare(words) or _designation(words) or _coordinates(words) or _name(words)
    )


def normalised(text: str) -> str:
    """``text`` with plain minus signs and quotes, no control characters, and single blanks."""
    plain = unicodedata.normalize("NFKC", str(text).translate(_LOOKALIKES)).translate(_LOOKALIKES)
    # Cc, Cf, Cs, Co, Cn: control and format characters, halves of surrogate pairs, unassigned ones.
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in plain)
    return " ".join(plain.split())


def _name(words: str) -> Parsed:
    return Parsed("name", words)


def _demo(words: str) -> Parsed | None:
    match = _DEMO.fullmatch(words)
    if match is None:
        return None
    return Parsed("demo", str(int(match[1])) if match[1] else match[2].lower())


def _numbered(words: str) -> Parsed | None:
    """Numbers that say of themselves what they are."""
    if match := _GAIA.fullmatch(words):
        release = re.sub("[ _-]", "", match[1]).upper()
        if release not in _RELEASES:
            raise NotFoundError(f"There is no Gaia {release}", expected="Gaia DR2, EDR3, DR3 or DR4")
        return Parsed("gaia", _source_id(match[2]), release)
    if match := _GAIA_ANY.fullmatch(words):
        return Parsed("gaia", _source_id(match[1]))
    if match := _MISSION.fullmatch(words):
        kind = {"kplr": "kic", "ktwo": "epic"}.get(match[1].lower(), match[1].lower())
        number = match[2].lstrip("0")
        if not 1 <= len(number) <= 12:
            raise NotFoundError(f"There is no {kind.upper()} {match[2][:40]}", expected="a number of 1 to 12 digits")
        return Parsed("kic" if kind == "kic" else "tic" if kind == "tic" else "epic", number)
    if match := _OBSID.fullmatch(words) or _LAMOST_NUMBER.fullmatch(words):
        number = match[1].lstrip("0")
        if not 1 <= len(number) <= 12:
            raise NotFoundError(f"There is no obsid {match[1][:40]}", expected="a number such as 353301001")
        return Parsed("obsid", number)
    return None


def _bare(words: str) -> Parsed | None:
    """Numbers alone: eight to ten digits are an obsid, fifteen to nineteen a Gaia source."""
    if not re.fullmatch("[0-9]+", words) or words.startswith("0"):
        return None
    if 8 <= len(words) <= 10:
        return Parsed("obsid", words)
    if 15 <= len(words) <= 19:
        return Parsed("gaia", _source_id(words))
    return None


def _source_id(digits: str) -> str:
    number = digits.lstrip("0")
    if not number or len(number) > 19 or int(number) > _LARGEST_SOURCE_ID:
        raise NotFoundError(
            f"{digits[:40]} cannot be a Gaia source id",
            expected="a number of up to 19 digits, as the archive prints it",
        )
    return number


def _designation(words: str) -> Parsed | None:
    """Names that are positions: 2MASS J01234567+1234567, LAMOST J012345.67+123456.7."""
    if match := _TMASS.fullmatch(words):
        digits, sign, rest = re.split("([+-])", match[1])
        where = _unpacked(f"{digits[:6]}.{digits[6:]}{sign}{rest[:6]}.{rest[6:]}")
        return None if where is None else Parsed("tmass", f"J{match[1]}", "", *where)
    if match := _LAMOST.fullmatch(words) or _LAMOST_NAMED.fullmatch(words):
        name = match[1].upper().removeprefix("J")
        where = _unpacked(name)
        return None if where is None else Parsed("designation", f"J{name}", "", *where)
    return None


def _unpacked(digits: str) -> tuple[float, float] | None:
    """The position in ``HHMMSS.ss+DDMMSS.s``; None if it is none."""
    match = _PACKED.fullmatch(digits)
    if match is None:
        return None
    h, m, s, more, sign, d, arcmin, arcsec, rest = match.groups()
    second, arcsecond = float(f"{s}{more}".rstrip(".")), float(f"{arcsec}{rest}".rstrip("."))
    if int(h) >= 24 or int(m) >= 60 or second >= 60 or int(arcmin) >= 60 or arcsecond >= 60:
        return None
    ra = 15.0 * (int(h) + int(m) / 60.0 + second / 3600.0)
    dec = int(d) + int(arcmin) / 60.0 + arcsecond / 3600.0
    return (ra, -dec if sign == "-" else dec) if dec <= 90.0 else None


def _coordinates(words: str) -> Parsed | None:
    if not is_position(words):
        return None
    ra, dec = position(words)
    return Parsed("coordinates", f"{ra:.6f} {dec:+.6f}", "", ra, dec)
