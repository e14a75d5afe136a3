"""SDSS, BOSS and eBOSS spectra (``spec-PLATE-MJD-FIBER.fits``): a COADD table with loglam, flux and ivar, one row a
pixel.

Masks: ivar <= 0 and non-finite flux. ``and_mask`` does not mask by itself: its informative bits (NEARBADPIXEL,
REDMONSTER) are set on many good pixels, and the pipeline sets ivar = 0 where a bit means bad. Wavelengths are vacuum,
heliocentric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.spectra.readers.content import Content
from specviz.spectra.readers.lamost import require_flux
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.readers.tables import to_number
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


def _is_sdss(content: Content) -> bool:
    return content.kind == "fits" and any(h.is_table and {"LOGLAM", "FLUX"} <= set(h.columns) for h in content.hdus)


@register_reader("sdss_spec", identify=_is_sdss, priority=25)
def read_spec(content: Content) -> list[Star]:
    """The coadded spectrum; class, redshift and S/N come from the SPECOBJ table when there is one."""
    table = next(h for h in content.hdus if h.is_table and {"LOGLAM", "FLUX"} <= set(h.columns))
    loglam, flux = (np.asarray(table.column(c), np.float64).ravel() for c in ("LOGLAM", "FLUX"))
    if "IVAR" in table.columns:
        ivar = np.asarray(table.column("IVAR"), np.float64).ravel()
    elif "PROPERR" in table.columns:  # template libraries: propagated error instead of ivar
        sigma = np.asarray(table.column("PROPERR"), np.float64).ravel()
        ivar = np.where(sigma > 0, 1.0 / np.where(sigma > 0, sigma, 1.0) ** 2, 0.0)
    else:
        ivar = np.zeros_like(flux)
    keep = np.isfinite(loglam) & (loglam > 3.0) & (loglam < 5.0)
    keep[1:] &= np.diff(np.where(keep, loglam, -np.inf)) > 0
    require_flux(content.name, flux[keep])
    mask = ~np.isfinite(flux) | (~(ivar > 0) if (ivar > 0).any() else np.zeros(flux.shape, bool))
    spectrum = Spectrum(
        10.0 ** loglam[keep],
        flux[keep],
        ivar[keep],
        mask[keep],
        survey="sdss",
        flux_unit="1e-17 erg s-1 cm-2 Angstrom-1" if "IVAR" in table.columns else "",
        meta=_meta(content),
    )
    return [Star.from_spectrum(spectrum)]


def _meta(content: Content) -> dict[str, Any]:
    header = content.hdus[0].header
    facts: dict[str, Any] = {}
    for hdu in content.hdus[1:]:
        if hdu.is_table and "CLASS" in hdu.columns and hdu.n_rows == 1:
            for key in ("CLASS", "SUBCLASS", "Z", "SN_MEDIAN_ALL", "SNMEDIAN", "THING_ID", "PLATE", "MJD", "FIBERID"):
                if key in hdu.columns:
                    cell = np.ravel(hdu.column(key))
                    facts[key] = cell[0] if cell.size else None
    plate, mjd, fiber = (to_number(header.get(k, facts.get(k))) for k in ("PLATEID", "MJD", "FIBERID"))
    if plate is None:
        plate = to_number(facts.get("PLATE"))
    name = content.name
    if None not in (plate, mjd, fiber):
        name = f"SDSS {int(plate or 0)}-{int(mjd or 0)}-{int(fiber or 0):04d}"
    snr = to_number(facts.get("SN_MEDIAN_ALL", facts.get("SNMEDIAN")))
    return {
        "object_id": name,
        "plate": plate and int(plate),
        "mjd": mjd and int(mjd),
        "fiberid": fiber and int(fiber),
        "ra": to_number(header.get("PLUG_RA", header.get("RA"))),
        "dec": to_number(header.get("PLUG_DEC", header.get("DEC"))),
        "class": str(facts["CLASS"]).strip() if "CLASS" in facts else None,
        "subclass": (str(facts["SUBCLASS"]).strip() or None) if "SUBCLASS" in facts else None,
        "z": to_number(facts.get("Z")),
        "snr": snr,
        "release": None,
        "layout": "sdss_spec",
        "path": content.path or content.name,
    }
