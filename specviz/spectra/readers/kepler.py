"""Kepler, K2 and TESS light-curve files (``_llc.fits``, ``_lc.fits``): a LIGHTCURVE table becomes a ``LightCurve``."""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.errors import ReadError
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.readers.tables import to_number
from specviz.spectra.star import Identifier, LightCurve, Star


def _is_light_curve(content: Content) -> bool:
    return content.kind == "fits" and any(
        h.is_table and "TIME" in h.columns and bool({"PDCSAP_FLUX", "SAP_FLUX"} & set(h.columns)) for h in content.hdus
    )


@register_reader("kepler_llc", identify=_is_light_curve, priority=26)
def read_light_curve(content: Content) -> list[Star]:
    """A star with a light curve (PDCSAP flux where there is one, e-/s; time in BJD TDB) and no spectrum."""
    header = content.hdus[0].header
    table = next(h for h in content.hdus if h.is_table and "TIME" in h.columns)
    kind = next(
        (k for k in ("PDCSAP_FLUX", "SAP_FLUX") if k in table.columns and np.isfinite(table.column(k)).sum() > 1), None
    )
    if kind is None:
        raise ReadError(f"{content.name}: no cadence has a finite flux", expected="a light curve")
    time, flux = np.asarray(table.column("TIME"), np.float64), np.asarray(table.column(kind), np.float64)
    good = np.isfinite(time) & np.isfinite(flux)
    if good.sum() < 2:
        raise ReadError(f"{content.name}: fewer than two cadences have a time and a flux", expected="a light curve")
    error = np.asarray(table.column(f"{kind}_ERR"), np.float64)[good] if f"{kind}_ERR" in table.columns else None
    quality_name = next((k for k in ("SAP_QUALITY", "QUALITY") if k in table.columns), None)
    quality = np.asarray(table.column(quality_name), np.int64)[good] if quality_name else None
    zero = sum(to_number(table.header.get(k)) or 0.0 for k in ("BJDREFI", "BJDREFF"))
    facts = {k.lower(): to_number(header.get(k)) for k in ("TEFF", "LOGG", "FEH", "RADIUS", "KEPMAG", "TESSMAG")}
    survey, number = (
        ("KIC", header.get("KEPLERID")) if header.get("KEPLERID") is not None else ("TIC", header.get("TICID"))
    )
    if header.get("MISSION") == "K2":
        survey = "EPIC"
    name = str(header.get("OBJECT") or "").strip() or (f"{survey} {number}" if number is not None else content.name)
    curve = LightCurve(
        time[good] + zero,
        flux[good],
        error,
        quality,
        flux_unit=table.columns[kind].unit or "e-/s",
        meta={
            "kind": kind,
            "quarter": header.get("QUARTER"),
            "sector": header.get("SECTOR"),
            "campaign": header.get("CAMPAIGN"),
            "cadence": header.get("OBSMODE"),
            "layout": "kepler_llc",
            "path": content.path or content.name,
        },
    )
    catalogue: dict[str, Any] = {}
    for ours, theirs in (("teff", "teff"), ("logg", "logg"), ("fe_h", "feh"), ("kepmag", "kepmag")):
        if facts.get(theirs) is not None:
            catalogue[ours] = facts[theirs]
    if catalogue:
        catalogue["source"] = f"{survey} (file header)"
    ids = (Identifier(survey, "", str(number)),) if isinstance(number, int) and not isinstance(number, bool) else ()
    return [
        Star(
            name,
            identifiers=ids,
            ra=to_number(header.get("RA_OBJ")),
            dec=to_number(header.get("DEC_OBJ")),
            light_curve=curve,
            catalogue=catalogue,
            meta={"layout": "kepler_llc", "path": content.path or content.name},
        )
    ]
