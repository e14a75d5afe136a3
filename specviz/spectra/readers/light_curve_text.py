"""Light curves as text: time, flux and perhaps its error in columns, with a header or without.

With a header, columns go by name (time, bjd, bkjd, mjd ...; pdcsap_flux, flux, mag ...; flux_err ...; quality).
Without, column 0 is the time and column 1 the flux; that is taken for a light curve only where column 0 cannot be a
wavelength in any unit that :mod:`specviz.spectra.readers.text` knows, and runs upwards in steps of at most a few hours.

Times are days. From 2,400,000 on they are taken as BJD; what is smaller is kept as it is written ("days"). Magnitudes
become relative flux, and parts per thousand or million (from the header) do too.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from specviz.errors import NotASpectrumError
from specviz.spectra.readers import text
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.star import Identifier, LightCurve, Star

Array = NDArray[np.float64]
TIME_NAMES = ("time", "bjd", "bkjd", "btjd", "jd", "hjd", "mjd", "barycentric_time", "time_bjd", "t", "days")
FLUX_NAMES = (
    "pdcsap_flux", "kspsap_flux", "flux", "normalized_flux", "norm_flux", "relative_flux", "rel_flux", "det_flux",
    "sap_flux", "fcor", "fraw",
)  # fmt: skip
MAGNITUDE_NAMES = ("mag", "magnitude", "kepmag", "vmag", "gmag", "tmag")
ERROR_NAMES = (
    "pdcsap_flux_err", "flux_err", "flux_error", "e_flux", "error", "err", "sigma", "mag_err", "e_mag", "sap_flux_err",
)  # fmt: skip
QUALITY_NAMES = ("sap_quality", "quality", "flag", "flags")
#: Times in days from here on are Julian dates; longest usual step (d) and fewest points without a header.
JULIAN, LONGEST_STEP, LEAST = 2_400_000.0, 0.25, 100
#: Ranges that a wavelength may have, by unit: see the rules of the text reader.
_WAVELENGTHS = ((300.0, 1100.0), (0.3, 2.5), (3.2, 4.4), (2500.0, 30000.0))
_NUMBER = re.compile(r"(KIC|EPIC|TIC|KPLR|KTWO)[ _-]?0*(\d{3,10})", re.IGNORECASE)
_HEAD = 200  # lines that are looked at before the whole file is read


def _is_light_curve(content: Content) -> bool:
    if content.kind != "text":
        return False
    try:
        comments, lines = text.data_lines(content)
    except NotASpectrumError:
        return False
    header, rows = _header(comments, lines)
    if header:
        names = [_plain(name) for name in header]
        wave = any(name in text.WAVE_NAMES for name in names)
        timed, bright = _pick(names, TIME_NAMES), _pick(names, FLUX_NAMES + MAGNITUDE_NAMES)
        return not wave and timed is not None and bright is not None
    if len(rows) < LEAST:
        return False
    delimiter = text.delimiter_of(rows[0])
    cells = [text.cells_of(row, delimiter) for row in (*rows[:_HEAD], rows[-1])]
    if not 2 <= len(cells[0]) <= 6 or not all(len(c) == len(cells[0]) and text.is_number(c[0]) for c in cells):
        return False
    time = np.array([float(c[0] or "nan") for c in cells])
    if not np.isfinite(time).all() or time[0] < 0 or any(a <= time[0] and time[-1] <= b for a, b in _WAVELENGTHS):
        return False
    steps = np.diff(time)[:-1]
    return bool((np.diff(time) > 0).all() and np.median(steps) <= LONGEST_STEP)


@register_reader("light_curve_text", identify=_is_light_curve, priority=2)
def read_light_curve_text(content: Content) -> list[Star]:
    """A star with a light curve and no spectrum; KIC, EPIC and TIC numbers are read from the file's name."""
    comments, lines = text.data_lines(content)
    header, rows = _header(comments, lines)
    table = text.number_table(content, rows, text.delimiter_of(rows[0])) if rows else np.empty((0, 2))
    names = [_plain(name) for name in header]
    at = _pick(names, TIME_NAMES) if header else 0
    flux_at = _pick(names, FLUX_NAMES) if header else 1
    magnitude_at = _pick(names, MAGNITUDE_NAMES) if header and flux_at is None else None
    column = flux_at if flux_at is not None else magnitude_at
    assert at is not None and column is not None  # identified by them
    time, flux = table[:, at], table[:, column]
    error_at = _pick(names, ERROR_NAMES) if header else (2 if table.shape[1] == 3 else None)
    error = table[:, error_at] if error_at is not None else None
    unit = _unit(header[column]) if header else ""
    if magnitude_at is not None:
        flux = 10.0 ** (-0.4 * (flux - np.nanmedian(flux)))
        error = None if error is None else flux * error * 0.4 * np.log(10.0)
        unit = "relative"
    elif unit in ("ppm", "ppt"):
        scale = 1e-6 if unit == "ppm" else 1e-3
        flux, unit = 1.0 + scale * flux, "relative"
        error = None if error is None else scale * error
    good = np.isfinite(time) & np.isfinite(flux)
    if good.sum() < 10:
        raise NotASpectrumError(
            f"{content.name}: a light curve of {int(good.sum())} points", expected="at least ten times with a flux"
        )
    quality_at = _pick(names, QUALITY_NAMES) if header else None
    quality = None
    if quality_at is not None:
        quality = np.nan_to_num(table[:, quality_at][good]).astype(np.int64)
    order = np.argsort(time[good], kind="stable")
    julian = bool(time[good].min() >= JULIAN)
    if not unit and abs(float(np.median(flux[good])) - 1.0) < 0.2:
        unit = "relative"
    curve = LightCurve(
        time[good][order],
        flux[good][order],
        None if error is None else error[good][order],
        None if quality is None else quality[order],
        flux_unit=unit,
        time_system="BJD_TDB" if julian else "days",
        meta={
            "kind": header[column] if header else "flux",
            "layout": "light_curve_text",
            "path": content.path or content.name,
        },
    )
    number = _NUMBER.search(content.name)
    mission = {"KPLR": "KIC", "KTWO": "EPIC"}
    ids = (Identifier(mission.get(number[1].upper(), number[1].upper()), "", number[2]),) if number is not None else ()
    name = str(ids[0]) if ids else re.sub(r"(\.(csv|txt|dat|tsv|asc|lc|gz))+$", "", content.name, flags=re.IGNORECASE)
    meta = {"layout": "light_curve_text", "path": content.path or content.name}
    return [Star(name, identifiers=ids, light_curve=curve, meta=meta)]


def _header(comments: list[str], lines: list[str]) -> tuple[list[str], list[str]]:
    """Names of the columns, if the first line or the last comment has them, and the rows of numbers."""
    first = text.cells_of(lines[0], text.delimiter_of(lines[0]))
    if not all(text.is_number(cell) for cell in first):
        return first, lines[1:]
    if comments and len(named := text.cells_of(comments[-1], text.delimiter_of(comments[-1]))) == len(first):
        return named, lines
    return [], lines


def _plain(name: str) -> str:
    return re.split(r"[\s\[(/]", name.strip().lower())[0]


def _pick(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(w) for w in wanted if w in names), None)


def _unit(name: str) -> str:
    """A unit in brackets after a column's name."""
    said = re.search(r"[\[(]\s*([^\])]+?)\s*[\])]", name)
    return "" if said is None else said[1].strip()
