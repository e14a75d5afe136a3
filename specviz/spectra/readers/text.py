"""Spectra as text (CSV, TSV, semicolons, spaces) and as ``.npy``: columns or two rows, with a header or without.

Rules, in the order in which they apply:

1. Lines that begin with ``#`` are comments; the last one before the numbers may name the columns.
2. The delimiter is the one of comma, semicolon, tab that the first data line has most of, else white space.
3. Two to six rows of more than ten numbers each: row 0 is the wavelength, row 1 the flux, row 2 (if any) the error
   (SpecCLIP's demo files). Otherwise one pixel a line.
4. With a header, columns go by name (wavelength, wave, lambda, wl, loglam ...; flux, intensity, spec ...; error, sigma,
   e_flux; ivar; mask). Without, column 0 is the wavelength, column 1 the flux, and column 2 the error if it is nowhere
   negative.
5. Unit: what the header says in brackets or as a suffix; else by range. All inside 300-1100: nm, taken as Gaia XP.
   Inside 0.3-2.5: micrometre. Inside 3.2-4.4: log10 of Angstrom. 2500-30000: Angstrom. Anything else is refused.
6. A log10 step of 1e-4 (1 %) is LAMOST's sampling: the survey is ``lamost_lrs``; other Angstrom spectra are ``other``.

Wavelengths are taken as vacuum unless a comment or the header says "air".
"""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray

from specviz.errors import NotASpectrumError, ReadError, UnknownLayoutError
from specviz.spectra.air import air_to_vacuum
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.lamost import require_flux
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.readers.tables import text_lines
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

Array = NDArray[np.float64]
WAVE_NAMES = (
    "wavelength",
    "wave",
    "lambda",
    "wl",
    "wavelength_vac",
    "wave_vac",
    "lam",
    "loglam",
    "log_wavelength",
    "loglambda",
)
FLUX_NAMES = ("flux", "intensity", "spec", "spectrum", "flux_density", "normalized_flux", "norm_flux", "f")
ERROR_NAMES = ("flux_error", "error", "err", "sigma", "e_flux", "flux_err", "uncertainty", "noise", "std")
_LIMIT = 1_000_000  # pixels; the finest echelle spectra have a tenth of this


def _is_text(content: Content) -> bool:
    return content.kind == "text" and re.search(rb"\d", content.data[:65536]) is not None


@register_reader("text", identify=_is_text, priority=1)
def read_text(content: Content) -> list[Star]:
    """Text in any of the shapes above."""
    comments, lines = data_lines(content)
    delimiter = delimiter_of(lines[0])
    if delimiter and all(line.endswith(delimiter) for line in lines):
        lines = [line[:-1] for line in lines]  # some writers end every line with the delimiter
    first = cells_of(lines[0], delimiter)
    header: list[str] = []
    if not all(is_number(c) for c in first):
        header, lines = first, lines[1:]
    elif comments and len(named := cells_of(comments[-1], delimiter_of(comments[-1]))) == len(first):
        header = named
    if not lines:
        raise NotASpectrumError(f"{content.name}: a header and no numbers", expected="wavelength and flux")
    table = number_table(content, lines, delimiter)
    by_rows = not header and 2 <= table.shape[0] <= 6 and table.shape[1] > 10
    columns = list(table) if by_rows else list(table.T)
    if len(columns) < 2:
        raise NotASpectrumError(f"{content.name}: one column of numbers", expected="wavelength and flux")
    return [star_of(content, columns, [] if by_rows else header, " ".join([*comments, *header]))]


def _is_npy(content: Content) -> bool:
    return content.kind == "npy"


@register_reader("npy", identify=_is_npy, priority=1)
def read_npy(content: Content) -> list[Star]:
    """An array of shape (2+, n) or (n, 2+): wavelength, flux [, error]. Pickled objects are refused."""
    stream = io.BytesIO(content.data)
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(
        version
    )
    if read_header is None:
        raise UnknownLayoutError(f"{content.name}: npy version {version}", expected="1.0 or 2.0")
    shape, fortran, dtype = read_header(stream)
    size = int(np.prod([int(n) for n in shape], dtype=object)) if shape else 1
    left = len(content.data) - stream.tell()
    if dtype.hasobject or dtype.kind not in "fiu" or len(shape) != 2 or size * dtype.itemsize != left:
        raise ReadError(
            f"{content.name}: an array {shape} of {dtype} in {left} bytes", expected="numbers, shape (2, n) or (n, 2)"
        )
    table = np.frombuffer(content.data, dtype, count=size, offset=stream.tell())
    table = table.reshape(shape, order="F" if fortran else "C").astype(np.float64)
    columns = list(table) if shape[0] < shape[1] else list(table.T)
    if len(columns) < 2 or len(columns) > 6:
        raise NotASpectrumError(
            f"{content.name}: an array of shape {shape}", expected="(2, n) or (n, 2): wavelength and flux"
        )
    return [star_of(content, columns, [], "", layout="npy")]


# ------------------------------------------------------------------------------------------------ parsing
def data_lines(content: Content) -> tuple[list[str], list[str]]:
    """Comments before the numbers, and the other lines that are not empty."""
    comments: list[str] = []
    lines: list[str] = []
    for line in text_lines(content):
        text = line.strip()
        if not text:
            continue
        if text.startswith(("#", "%", "!")):
            if not lines:
                comments.append(text.lstrip("#%! "))
        else:
            lines.append(text)
            if len(lines) > _LIMIT:
                raise ReadError(f"{content.name}: more than {_LIMIT} lines", expected="one spectrum")
    if not lines:
        raise NotASpectrumError(f"{content.name}: no line of numbers", expected="wavelength and flux")
    return comments, lines


def delimiter_of(line: str) -> str | None:
    """The delimiter that a line has most of; None for white space."""
    best = max(",;\t|", key=line.count)
    return best if best in line else None


def cells_of(line: str, delimiter: str | None) -> list[str]:
    """The cells of a line, without quotes."""
    return [c.strip().strip("\"'") for c in line.split(delimiter)]


def is_number(cell: str) -> bool:
    """Whether a cell is a number or empty."""
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def number_table(content: Content, lines: list[str], delimiter: str | None) -> Array:
    """Lines as numbers, (lines, columns); NaN where a cell is empty or text."""
    width = len(cells_of(lines[0], delimiter))
    try:
        table = np.loadtxt(lines, delimiter=delimiter, ndmin=2, comments=None, dtype=np.float64)
    except ValueError:
        rows = [cells_of(line, delimiter) for line in lines]
        odd = next((i for i, row in enumerate(rows) if len(row) != width), None)
        if odd is not None:
            raise NotASpectrumError(
                f"{content.name}: data line {odd + 1} has {len(rows[odd])} cells, the first has {width}",
                expected="the same number in each",
            ) from None
        # Some cells are empty or text: keep columns that are mostly numbers, NaN elsewhere.
        table = np.array([[float(c) if c and is_number(c) else np.nan for c in row] for row in rows], dtype=np.float64)
        if table.shape[1] < 2 or np.sort(np.isfinite(table).mean(axis=0))[-2] < 0.5:
            raise NotASpectrumError(
                f"{content.name}: fewer than two columns of numbers", expected="wavelength and flux"
            ) from None
    return table


# ------------------------------------------------------------------------------------------------ meaning
def star_of(content: Content, columns: list[Array], header: list[str], words: str, layout: str = "text") -> Star:
    names = [re.split(r"[\s\[(/]", name.strip().lower())[0] for name in header]

    def pick(*wanted: str) -> int | None:
        return next((names.index(w) for w in wanted if w in names), None)

    if "time" in names or "bjd" in names:
        raise NotASpectrumError(
            f"{content.name}: columns {', '.join(header)}: a light curve", expected="wavelength and flux"
        )
    iw, jf = pick(*WAVE_NAMES), pick(*FLUX_NAMES)
    if iw is None or jf is None:  # as SpecCLIP's reader does: names it does not know mean the first two columns
        iw, jf = 0, 1
        if len(columns) > 8:
            raise NotASpectrumError(
                f"{content.name}: a table with the columns {', '.join(names[:20]) or len(columns)}",
                expected="a wavelength and a flux column",
            )
    wave, flux = columns[iw], columns[jf]
    error_at, ivar_at, mask_at = pick(*ERROR_NAMES), pick("ivar", "inverse_variance", "invvar"), pick("mask", "bad")
    ivar = np.zeros_like(flux)
    sigma = columns[error_at] if error_at is not None else None
    if ivar_at is not None:
        ivar = columns[ivar_at]
    elif sigma is None and not header and len(columns) == 3 and not (columns[2] < 0).any():
        sigma = columns[2]
    if sigma is not None and ivar_at is None:
        known = np.isfinite(sigma) & (sigma > 0)
        ivar = np.where(known, 1.0 / np.where(known, sigma, 1.0) ** 2, 0.0)
    keep = np.isfinite(wave)
    wave, flux, ivar = wave[keep], flux[keep], ivar[keep]
    mask = ~np.isfinite(flux) | (flux == 0.0) if mask_at is None else columns[mask_at][keep] != 0
    if wave.size < 10:
        raise NotASpectrumError(f"{content.name}: {wave.size} points", expected="a spectrum of at least ten")
    order = np.argsort(wave, kind="stable")
    if not (np.all(np.diff(wave) >= 0) or np.all(np.diff(wave) <= 0)):
        raise NotASpectrumError(
            f"{content.name}: the first column goes up and down", expected="a wavelength that runs one way"
        )
    order = order[np.concatenate([[True], np.diff(wave[order]) > 0])]
    wave, flux, ivar, mask = wave[order], flux[order], ivar[order], mask[order]
    if wave.size < 10:
        raise NotASpectrumError(f"{content.name}: {wave.size} different wavelengths", expected="at least ten")
    require_flux(content.name, flux)
    wave, survey = _to_survey(content, wave, header[iw] if header and iw < len(header) else "")
    if survey != "gaia_xp" and re.search(r"\bair\b", words.lower()):
        wave = air_to_vacuum(wave)
    bad = np.isfinite(ivar) & (ivar > 0)
    spectrum = Spectrum(
        wave,
        flux,
        np.where(bad, ivar, 0.0),
        mask,
        survey=survey,
        meta={
            "object_id": re.sub(r"\.(csv|txt|dat|tsv|npy|asc|gz)+$", "", content.name, flags=re.IGNORECASE),
            "layout": layout,
            "path": content.path or content.name,
            "release": None,
        },
    )
    return Star.from_spectrum(spectrum)


def _to_survey(content: Content, wave: Array, label: str) -> tuple[Array, str]:
    """Wavelength in the survey's unit, and the survey."""
    low, high = float(wave[0]), float(wave[-1])
    text = label.lower()
    unit = None
    if re.search(r"\bnm\b|nanomet|_nm$", text):
        unit = "nm"
    elif re.search(r"angstrom|[\[(]\s*(aa?|å)\s*[\])]|_aa?$|å", text):
        unit = "Angstrom"
    elif re.search(r"\bum\b|micron|µm|_um$", text):
        unit = "um"
    elif "log" in text:
        unit = "log"
    if unit is None:
        for candidate, least, most in (
            ("nm", 300, 1100),
            ("um", 0.3, 2.5),
            ("log", 3.2, 4.4),
            ("Angstrom", 2500, 30000),
        ):
            if least <= low and high <= most:
                unit = candidate
                break
    if unit is None or low <= 0:
        raise NotASpectrumError(
            f"{content.name}: the wavelengths run from {low:.4g} to {high:.4g}",
            expected="Angstrom (2500-30000), nm (300-1100)",
            remedy="Name the column 'wavelength [nm]' or 'wavelength [Angstrom]'",
        )
    if unit == "log" and high > 6:
        raise NotASpectrumError(f"{content.name}: log wavelengths up to {high:.4g}", expected="log10 of Angstrom")
    if unit == "nm":
        return (wave, "gaia_xp") if low >= 300 and high <= 1100 and wave.size <= 2000 else (wave * 10.0, "other")
    angstrom = {"um": lambda w: w * 1e4, "log": lambda w: 10.0**w, "Angstrom": lambda w: w}[unit](wave)
    steps = np.diff(np.log10(angstrom))
    lamost = (
        angstrom.size > 1000
        and abs(float(np.median(steps)) - 1e-4) < 1e-6
        and angstrom[0] > 3500
        and angstrom[-1] < 9500
    )
    return angstrom, "lamost_lrs" if lamost else "other"
