"""Which columns of a table name a star, and what a row's cells say of it.

By name, whatever the case, the blanks and a unit in brackets: obsid; source_id, with the release where the name or a
column says it (``gaia_dr2_source_id``); designation; KIC, TIC, EPIC, 2MASS, HIP, HD; name, object, main_id, star,
target; file, path; ra and dec in degrees, hours, radians or sexagesimal. A UCD (``meta.id;meta.main``,
``pos.eq.ra;meta.main``) goes before the name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specviz.archives.positions import position
from specviz.archives.target_tables import Column, Table
from specviz.errors import NotFoundError, ReadError, SpecvizError
from specviz.spectra.readers.text import FLUX_NAMES, WAVE_NAMES

_NAMES: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "fits", "fits_file", "spectrum_file"),
    "obsid": ("obsid", "obs_id", "lamost_obsid", "lamost_obs_id", "obsid_lrs", "obsid_lamost"),
    "designation": ("designation", "desig", "lamost_designation", "lamost", "lamost_name", "gaia_designation",
                    "dr3name", "dr2name"),
    "kic": ("kic", "kic_id", "kicid", "kepid", "kepler_id", "keplerid"),
    "tic": ("tic", "tic_id", "ticid", "tess_id"),
    "epic": ("epic", "epic_id", "epicid", "k2_id"),
    "tmass": ("2mass", "2mass_id", "twomass", "tmass", "tmass_id", "twomass_id", "_2mass"),
    "name": ("name", "main_id", "object", "object_name", "objname", "obj", "star", "star_name", "starname", "target",
             "target_name", "targname", "identifier", "main_identifier", "source_name", "object_id", "host",
             "hostname", "simbad_name", "user_specified_id", "targets", "stars", "names", "objects"),
    "hip": ("hip", "hip_id", "hipparcos"),
    "hd": ("hd", "hd_id", "henry_draper"),
    "coordinates": ("coordinates", "coords", "coord", "position", "radec", "ra_dec", "skycoord"),
    "ra": ("ra", "raj2000", "ra_j2000", "ra_icrs", "ra_deg", "radeg", "ra_d", "ra_obs", "_ra", "_raj2000",
           "ra_epoch2000", "right_ascension", "alpha", "alpha_j2000", "rah", "ra_h", "ra_hours", "ra_hour", "ra_rad",
           "s_ra", "ra2000"),
    "dec": ("dec", "de", "dej2000", "dec_j2000", "decj2000", "de_icrs", "dec_icrs", "dec_deg", "decdeg", "dedeg",
            "de_deg", "dec_d", "dec_obs", "_de", "_dec", "_dej2000", "_decj2000", "dec_epoch2000", "declination",
            "delta", "delta_j2000", "dec_rad", "s_dec", "dec2000", "de2000"),
    "note": ("note", "notes", "comment", "comments", "remark", "remarks", "why", "reason"),
    "release": ("release", "gaia_release", "data_release"),
}  # fmt: skip
_ROLES = {name: role for role, names in _NAMES.items() for name in names}
_GAIA = re.compile(r"(?:gaia_?)?(?:(e?dr\d)_?)?(?:gaia_?)?(source_?id|source|gaia_id|id)?(?:_(e?dr\d))?")
_UCDS = {"pos.eq.ra;meta.main": "ra", "pos.eq.dec;meta.main": "dec", "pos_eq_ra_main": "ra", "pos_eq_dec_main": "dec"}
#: In this order a row's star is taken from its cells; a file goes first where it is there.
_ORDER = (
    "obsid", "gaia", "designation", "kic", "tic", "epic", "tmass", "name", "hip", "hd", "coordinates", "ra", "path",
)  # fmt: skip
_PREFIX = {"kic": "KIC ", "tic": "TIC ", "epic": "EPIC ", "hip": "HIP ", "hd": "HD ", "obsid": "obsid "}
_NULLS = {"", "null", "none", "nan", "--", "n/a", "na", "-9999", "-9999.0", "-", "<na>", "nat"}
_EXACT = 2**53  # beyond it a float64 skips whole numbers


@dataclass(frozen=True)
class Recognised:
    """The columns of a table that say which star a row means."""

    cells: Mapping[str, Sequence[Any]]
    units: Mapping[str, str]
    names: Mapping[str, str]
    release: str

    def plain(self, role: str, row: int) -> str:
        """A cell as text; "" where nothing is known."""
        return _plain(self.cells[role][row]) if role in self.cells else ""

    def blank(self, row: int) -> bool:
        return not any(self.plain(role, row) for role in self.cells)

    def text(self, row: int) -> tuple[str, str]:
        """What to fetch for a row, and what was wrong where there is nothing."""
        trouble, path = "", self.plain("path", row)
        if path and _is_file(path):
            return path, ""
        for role in _ORDER:
            if role not in self.cells:
                continue
            if role == "ra":
                try:
                    place = self._place(row)
                except NotFoundError as error:
                    place, trouble = "", error.what
                if place:
                    return place, ""
                continue
            cell = self.cells[role][row]
            if _plain(cell):
                try:
                    found = self._identified(role, cell, row)
                except NotFoundError as error:
                    found, trouble = "", error.what
                if found:
                    return found, ""
        return "", trouble

    def _identified(self, role: str, cell: Any, row: int) -> str:
        if role in ("path", "name", "coordinates"):
            return _plain(cell)
        if role == "designation":
            text = _plain(cell)
            return f"LAMOST {text}" if re.match(r"J\d{6}", text) else text
        if role == "tmass":
            text = _plain(cell)
            return text if text.upper().startswith("2MASS") else f"2MASS J{text.removeprefix('J')}"
        number = _whole(cell, self.names[role])
        if role == "gaia" and number:
            said = re.fullmatch(rf"gaia (e?dr\d) {number}", self.plain("designation", row), re.IGNORECASE)
            release = said[1].upper() if said else _release(self.plain("release", row)) or self.release
            return " ".join(part for part in ("Gaia", release, number) if part)
        if number:
            return _PREFIX[role] + number
        text = _plain(cell)
        packed = re.sub(r"[\s_-]", "", text).lower()
        if role == "gaia" and re.fullmatch(r"gaiae?dr\d\d+", packed):
            return text
        if role in ("kic", "tic", "epic", "hip", "hd") and re.fullmatch(rf"{role}\d+[a-z]?", packed):
            return text
        # A mission's observation id is no obsid of LAMOST; other columns may still say which star it is.
        raise NotFoundError(f"{text[:40]!r} in the column {self.names[role]} is no such number")

    def _place(self, row: int) -> str:
        first, second = (self.cells[role][row] for role in ("ra", "dec"))
        texts = _plain(first), _plain(second)
        if not all(texts):
            return ""
        numbers = [_number(text) for text in texts]
        if any(number is None for number in numbers):
            ra, dec = position(f"{texts[0]} {texts[1]}")
        else:
            ra, dec = (float(number or 0.0) for number in numbers)
            ra *= _degrees(self.units["ra"], self.names["ra"], right_ascension=True)
            dec *= _degrees(self.units["dec"], self.names["dec"], right_ascension=False)
            if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
                raise NotFoundError(f"{texts[0][:20]} {texts[1][:20]} is not on the sky")
        return f"{ra:.7f} {dec:+.7f}"


def recognise(table: Table) -> Recognised | None:
    """The columns that name a star; None if none does, or if the table holds spectra."""
    names = {_key(c.name) for c in table.columns}
    if _holds_spectra(names):
        return None
    found: dict[str, tuple[int, Column, str]] = {}
    for column in table.columns:
        role, release, rank = _role(column)
        if role and (role not in found or rank < found[role][0]):
            found[role] = (rank, column, release)
    if not {"ra", "dec"} <= set(found):
        found.pop("ra", None)
        found.pop("dec", None)
    if not set(found) & set(_ORDER):
        return None
    columns = {role: column for role, (_, column, _) in found.items()}
    return Recognised(
        LazyCells(columns),
        {role: column.unit for role, column in columns.items()},
        {role: column.name for role, column in columns.items()},
        found["gaia"][2] if "gaia" in found else "",
    )


class LazyCells(dict[str, Sequence[Any]]):
    """Cells by role, read when they are first looked at."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        super().__init__(dict.fromkeys(columns, ()))
        self._columns = dict(columns)

    def __getitem__(self, role: str) -> Sequence[Any]:
        if role in self._columns:
            column = self._columns.pop(role)
            try:
                super().__setitem__(role, column.cells())
            except SpecvizError:
                raise
            except Exception as error:  # damaged bytes that only show when the cells are read
                raise ReadError(f"The column {column.name[:40]} cannot be read ({str(error)[:120]})",
                                remedy="Fetch or save the table again") from error  # fmt: skip
        return super().__getitem__(role)


def _holds_spectra(names: set[str]) -> bool:
    """Whether columns are those of spectra: coefficients, or a flux with its wavelength or its error."""
    coefficients = any(re.match(r"(e_)?[br]p_coeff", n) for n in names) or bool(names & {"bpspec", "rpspec"})
    flux = bool(names & set(FLUX_NAMES))
    wave = bool(names & set(WAVE_NAMES))
    survey = any(re.fullmatch(r"(lamost(_lrs)?|(gaia_)?xp|gaia|sdss)_(flux|spectra|spectrum)", n) for n in names)
    return coefficients or survey or (flux and wave) or {"flux", "flux_error"} <= names or {"flux", "ivar"} <= names


def _key(name: str) -> str:
    bare = re.sub(r"[\[(].*?[\])]", "", name.strip().strip("\"'").lower())
    leading = "_" if bare.startswith("_") else ""
    return leading + re.sub(r"[^a-z0-9]+", "_", bare).strip("_")


def _role(column: Column) -> tuple[str, str, int]:
    """Role of a column ("" for none), the Gaia release its name tells, and its rank (the lowest is taken)."""
    ucd = column.ucd.strip().lower()
    if ucd in _UCDS:
        return _UCDS[ucd], "", 0
    key = _key(column.name)
    match = _GAIA.fullmatch(key)
    if match and key not in ("id", "") and (match[2] or key.startswith(("gaia", "dr", "edr"))):
        return "gaia", (match[1] or match[3] or "").upper(), 1 if match[2] and match[2].startswith("source") else 2
    role = _ROLES.get(key, "")
    if role:
        return role, "", 1 + _NAMES[role].index(key)
    if ucd in ("meta.id;meta.main", "id_main"):
        return "name", "", 50
    if ucd in ("pos.eq.ra", "pos.eq.dec"):
        return ucd.removeprefix("pos.eq."), "", 50
    return "", "", 0


# ------------------------------------------------------------------------------------------------ cells
def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False  # what cannot be a path here: too long, or in the home of nobody


def _plain(cell: Any) -> str:
    if cell is None or cell is np.ma.masked:
        return ""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, float | np.floating):
        if not np.isfinite(cell):
            return ""
        value = float(cell)
        cell = int(value) if value.is_integer() and abs(value) < _EXACT else value
    text = str(cell).strip().strip("\x00").strip()
    return "" if text.lower() in _NULLS else text


def _whole(cell: Any, name: str) -> str:
    """A whole number as digits; "" if the cell is something else.

    Raises
    ------
    SpecvizError
        If it has passed through a float, or a spreadsheet, and lost its last digits.
    """
    text = _plain(cell)
    if re.fullmatch(r"\d{1,19}", text):
        return text
    number = _number(text)
    if number is not None and number > 0 and number.is_integer():
        if number >= _EXACT or re.search(r"\de\+?\d", text.lower()):
            raise SpecvizError(
                f"The column {name} holds {text[:30]}: its last digits are lost",
                expected="whole numbers",
                remedy="Load or save the column as text or as int64 (pandas: dtype 'Int64'), not as a float",
            )
        return str(int(number))
    return ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _release(text: str) -> str:
    match = re.search(r"E?DR[234]", text.upper())
    return match[0] if match else ""


def _degrees(unit: str, name: str, *, right_ascension: bool) -> float:
    """Factor to degrees, from the unit, else from the name."""
    said = unit.strip().lower() or name.lower()
    if "rad" in said and "radec" not in said and (unit or re.search(r"[_\[(\s]rad", said)):
        return float(np.degrees(1.0))
    named = _key(name) in ("rah", "ra_h", "ra_hours", "ra_hour")
    hours = named or re.search(r"hourangle|hours?\b|^h$|h:m:s", said) is not None
    return 15.0 if right_ascension and hours else 1.0
