"""LAMOST low-resolution spectra: DR1 and DR2-8 images, DR9+ tables.

Layouts (seen in 250 real files; header keys differ a little between releases):

* ``lamost_image_no_wavelength`` (pilot, DR1): image of rows flux, ivar, continuum-normalised flux, andmask, ormask; the
  wavelength is ``10 ** (COEFF0 + COEFF1 * i)``.
* ``lamost_image`` (DR2-8, and 6-row variants): rows flux, ivar, wavelength, andmask, ormask [, model].
* ``lamost_coadd`` (DR9+): a table of one row with array cells FLUX, IVAR, WAVELENGTH, ANDMASK, ORMASK [,
  NORMALIZATION].

Masks: a pixel is masked where ivar <= 0, where the flux is not finite or exactly zero (gaps are filled with zeros), and
where ANDMASK has one of its bits 0-2 (set in every exposure). ORMASK (set in some exposure) does not mask. In the
952,642 pixels of real files looked at, every pixel with an ANDMASK bit had ivar = 0 already, so nothing good is lost.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ReadError
from specviz.spectra.air import air_to_vacuum
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

_BAD_ANDMASK_BITS = 0b111
_SENTINELS = (-9999.0, -999.0, 999.0, 9999.0)


def _is_image(content: Content) -> bool:
    if content.kind != "fits":
        return False
    header = content.hdus[0].header
    return bool(
        content.hdus[0].is_image
        and "COEFF0" in header
        and "COEFF1" in header
        and header.get("NAXIS") in (1, 2)
        and (header.get("NAXIS") == 1 or 1 <= header["NAXIS2"] <= 12)
    )


def _has_wavelength_row(content: Content) -> bool:
    if not _is_image(content) or content.hdus[0].header["NAXIS"] != 2 or content.hdus[0].header["NAXIS2"] < 3:
        return False
    row = content.hdus[0].image()[2]
    wave = row[np.isfinite(row)]
    return bool(wave.size > 2 and wave[0] > 2000.0 and wave[-1] < 30000.0 and np.all(np.diff(wave) >= 0))


def _is_coadd(content: Content) -> bool:
    if content.kind != "fits":
        return False
    return any(
        h.is_table and {"FLUX", "IVAR", "WAVELENGTH"} <= set(h.columns) and h.columns["FLUX"].repeat > 1
        for h in content.hdus
    )


@register_reader("lamost_image", identify=_has_wavelength_row, priority=31)
def read_image(content: Content) -> list[Star]:
    """DR2-8: the wavelength is the third row."""
    rows = np.atleast_2d(content.hdus[0].image())
    andmask = rows[3] if len(rows) > 3 else None
    return [_star(content, "lamost_image", rows[2], rows[0], rows[1], andmask)]


@register_reader("lamost_image_no_wavelength", identify=_is_image, priority=30)
def read_image_no_wavelength(content: Content) -> list[Star]:
    """Pilot and DR1: the wavelength comes from COEFF0 and COEFF1."""
    rows = np.atleast_2d(content.hdus[0].image())
    header = content.hdus[0].header
    start, step = header["COEFF0"], header["COEFF1"]
    if not all(isinstance(v, int | float) for v in (start, step)) or not (3.0 < start < 4.7 and 1e-6 < step < 1e-2):
        raise ReadError(
            f"{content.name}: COEFF0 = {start!r}, COEFF1 = {step!r}", expected="the log10 wavelength scale of LAMOST"
        )
    wave = 10.0 ** (start + step * np.arange(rows.shape[1]))
    ivar = rows[1] if len(rows) > 1 else np.zeros(rows.shape[1])
    return [_star(content, "lamost_image_no_wavelength", wave, rows[0], ivar, rows[3] if len(rows) > 3 else None)]


@register_reader("lamost_coadd", identify=_is_coadd, priority=32)
def read_coadd(content: Content) -> list[Star]:
    """DR9 and later: the first row of the COADD table."""
    table = next(h for h in content.hdus if h.is_table and {"FLUX", "IVAR", "WAVELENGTH"} <= set(h.columns))
    if table.n_rows < 1:
        raise ReadError(f"{content.name}: the COADD table has no row")
    andmask = table.column("ANDMASK")[0] if "ANDMASK" in table.columns else None
    wave, flux, ivar = (np.atleast_1d(table.column(k)[0]) for k in ("WAVELENGTH", "FLUX", "IVAR"))
    return [_star(content, "lamost_coadd", wave, flux, ivar, andmask)]


def _star(content: Content, layout: str, wave: Any, flux: Any, ivar: Any, andmask: Any) -> Star:
    header = content.hdus[0].header
    wave, flux, ivar = (np.asarray(a, np.float64) for a in (wave, flux, ivar))
    keep = np.isfinite(wave) & (wave > 0)
    keep[1:] &= np.diff(np.where(keep, wave, -np.inf)) > 0
    wave, flux, ivar = wave[keep], flux[keep], ivar[keep]
    if header.get("VACUUM") is False:
        wave = air_to_vacuum(wave)
    mask = ~np.isfinite(flux) | ~(ivar > 0) | (flux == 0.0)
    if andmask is not None:
        bits = np.asarray(andmask, np.float64)[keep]
        mask |= (np.where(np.isfinite(bits), bits, 0.0).astype(np.int64) & _BAD_ANDMASK_BITS) > 0
    require_flux(content.name, flux)
    spectrum = Spectrum(wave, flux, ivar, mask, survey="lamost_lrs", meta=_meta(header, content, layout))
    return Star.from_spectrum(spectrum)


def require_flux(name: str, flux: NDArray[np.float64]) -> None:
    """Refuse a spectrum without a single pixel that is finite and not zero."""
    if not np.any(np.isfinite(flux) & (flux != 0.0)):
        raise ReadError(
            f"{name}: the flux is zero or not a number in every pixel",
            expected="a spectrum",
            remedy="The fibre may have been dead or the file damaged: use another exposure",
        )


def _meta(header: dict[str, Any], content: Content, layout: str) -> dict[str, Any]:
    def number(*keys: str) -> float | None:
        for key in keys:
            value = header.get(key)
            if isinstance(value, str):  # old pipelines wrote some numbers as strings
                value = float(value) if re.fullmatch(r"\s*[-+]?\d+(\.\d*)?\s*", value) else None
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return None if value in _SENTINELS else float(value)
        return None

    def whole(*keys: str) -> int | None:
        value = number(*keys)
        return None if value is None or value != int(value) else int(value)

    def text(*keys: str) -> str | None:
        return next((str(header[k]).strip() for k in keys if str(header.get(k) or "").strip()), None)

    obsid = whole("OBSID")
    if obsid is not None and obsid <= 0:
        obsid = None  # DR3 holds 16-bit overflows such as -28762
    designation = text("DESIG", "DESIGNATION")
    if designation and not designation.upper().startswith("LAMOST"):
        designation = f"LAMOST {designation}"
    release = re.search(r"DR\s*(\d+)", text("DATA_V") or "")
    name = (
        designation or (f"LAMOST {obsid}" if obsid is not None else None) or text("OBJNAME", "FILENAME") or content.name
    )
    return {
        "object_id": name,
        "obsid": obsid,
        "designation": designation,
        "objname": text("OBJNAME"),
        "snr": number("SNRG", "SN_G"),
        **{f"snr_{b}": number(f"SNR{b.upper()}", f"SN_{b.upper()}") for b in "ugriz"},
        "class": text("CLASS"),
        "subclass": text("SUBCLASS"),
        "z": number("Z"),
        "z_err": number("Z_ERR"),
        "ra": number("RA"),
        "dec": number("DEC"),
        "release": f"DR{release[1]}" if release else None,
        "lmjd": whole("LMJD"),
        "mjd": whole("MJD"),
        "planid": text("PLANID"),
        "spid": whole("SPID"),
        "fiberid": whole("FIBERID"),
        "helio": header.get("HELIO", header.get("HELIOC")),
        "helio_rv": number("HELIO_RV"),
        "exptime": number("EXPTIME"),
        "fibermask": whole("FIB_MASK", "FIBERMAS"),
        "date_obs": text("DATE-OBS"),
        "layout": layout,
        "path": content.path or content.name,
    }
