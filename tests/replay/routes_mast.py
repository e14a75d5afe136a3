"""MAST: recorded answers of the resolver, of the TESS input catalogue and of two observation lists; Kepler files that
are real; lists of Kepler and TESS products, and a TESS file, built by hand.
"""

from __future__ import annotations

import gzip
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from replay_server import Answer, Asked, Route

_KEPLER_TIC = {
    "ID": 270693998, "KIC": 10424789, "TWOMASS": "19542849+4734046", "GAIA": "2086512227851023872",
    "version": "20190415", "ra": 298.61874, "dec": 47.56796, "pmRA": -3.2, "pmDEC": -5.1, "Teff": 5930.0,
    "e_Teff": 120.0, "logg": 4.43, "e_logg": None, "MH": -0.42, "e_MH": 0.2, "Tmag": 14.4, "e_Tmag": 0.01,
    "disposition": None,
}  # fmt: skip
#: Names and descriptions as MAST writes them; the sizes of the real files.
_KEPLER_FILES = [
    ("kplr010424789-2009131105131_llc.fits", "Lightcurve Long Cadence (CLC) - Q0", 80640),
    ("kplr010424789-2009166043257_llc.fits", "Lightcurve Long Cadence (CLC) - Q1", 192960),
    ("kplr010424789-2009259160929_llc.fits", "Lightcurve Long Cadence (CLC) - Q2", 463680),
    ("kplr010424789-2009231120729_slc.fits", "Lightcurve Short Cadence (CSC) - Q2", 4599360),
    ("kplr010424789-2009259160929_lpd-targ.fits.gz", "Target Pixel Long Cadence (TPL) - Q2", 1400000),
    ("kplr010424789_lc_Q111111111111111111.tar", "Lightcurve Long Cadence (KLC)", 9000000),
]
_TESS_FILES = [
    ("tess2018206045859-s0001-0000000307210830-0120-s_lc.fits", "Light curves", 1984320),
    ("tess2018234235059-s0002-0000000307210830-0121-s_lc.fits", "Light curves", 1984320),
    ("tess2020212050318-s0028-0000000307210830-0190-a_fast-lc.fits", "FAST Light curves", 11370240),
    ("tess2018206045859-s0001-0000000307210830-0120-s_tp.fits", "Target pixel files", 48000000),
    ("tess2018206190142-s0001-s0003-0000000307210830-00129_dvt.fits", "full data validation report", 6000000),
]


def routes(data: Path | None) -> list[Route]:
    recorded = {
        name: json.loads((data / "astroquery_mast" / f"{name}.json").read_text())
        if data
        else {"status": "COMPLETE", "data": [], "resolvedCoordinate": []}
        for name in ("tic", "resolver", "caom", "products")
    }
    looks: dict[str, int] = {}

    def invoke(asked: Asked) -> Answer:
        question = json.loads(asked.form["request"])
        service, params, page = question["service"], question["params"], int(question["page"])
        wanted = {f["paramName"]: [str(v) for v in f["values"]] for f in params.get("filters", [])}
        if service == "Mast.Name.Lookup":
            return _json(_resolve(params["input"], recorded["resolver"], looks))
        if service == "Mast.Catalogs.Filtered.Tic.Rows":
            rows = [r for r in (*recorded["tic"]["data"], _KEPLER_TIC) if _matches(r, wanted)]
            if any("1000" in v for values in wanted.values() for v in values):
                return _json(recorded["tic"])  # the whole recorded answer: the client has to choose
            return _json(_pages(rows, page, 100))
        if service == "Mast.Catalogs.Tic.Cone":
            near = abs(params["ra"] - _KEPLER_TIC["ra"]) < 0.001 and abs(params["dec"] - _KEPLER_TIC["dec"]) < 0.001
            split = {**_KEPLER_TIC, "ID": 1, "KIC": None, "dstArcSec": 0.1, "disposition": "SPLIT"}
            far = {**_KEPLER_TIC, "ID": 2, "KIC": None, "dstArcSec": 2.5}
            return _json(_pages([far, split, {**_KEPLER_TIC, "dstArcSec": 0.3}] if near else [], page, 100))
        if service == "Mast.Caom.Filtered":
            [target] = wanted["target_name"]
            if target == "kplr000000007":
                return _json(recorded["caom"])
            rows = {
                "kplr010424789": [{"obsid": 9000000001, "target_name": target, "obs_collection": "Kepler"}],
                "307210830": [{"obsid": 9000000002, "target_name": target, "obs_collection": "TESS"},
                              {"obsid": 9000000003, "target_name": target, "obs_collection": "TESS"}],
            }.get(target, [])  # fmt: skip
            return _json(_pages(rows, page, 1))
        if service == "Mast.Caom.Products":
            numbers = params["obsid"].split(",")
            if "2003585980" in numbers:
                return _json(recorded["products"])
            rows = [row for n in numbers for row in _products(n)]
            return _json(_pages(rows, page, 4))
        return _json({"status": "ERROR", "msg": f"Service {service} does not exist"})

    def download(asked: Asked) -> Answer:
        name = asked.query["uri"].rsplit("/", 1)[-1]
        found = [data.parent / "kepler_llc" / n for n in (name, f"{name}.gz")] if data else []
        for path in found:
            if path.is_file():
                body = path.read_bytes()
                # MAST sends Kepler's files unpacked.
                return Answer(gzip.decompress(body) if path.suffix == ".gz" else body, 200, "application/fits")
        if name.startswith("tess") and name.endswith("_lc.fits"):
            return Answer(tess_file(), 200, "application/fits")
        return Answer(b'{"detail":"Not Found"}', 404)

    return [
        Route(
            "POST", "/api/v0/invoke", invoke, True,
            "resolver, TESS input catalogue, observations, products: recorded by astroquery (astroquery_mast); "
            "lists of Kepler and TESS files, work in progress and errors built by hand",
        ),
        Route(
            "GET", r"/api/v0\.1/Download/file", download, True,
            "Kepler light curves: real files (data/kepler_llc); a TESS one built by hand",
        ),
    ]  # fmt: skip


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode())


def _pages(rows: list[dict[str, Any]], page: int, size: int) -> dict[str, Any]:
    pages = max(1, -(-len(rows) // size))
    shown = rows[(page - 1) * size : page * size]
    paging = {"page": page, "pageSize": size, "pagesFiltered": pages, "rows": len(shown), "rowsFiltered": len(rows)}
    return {"status": "COMPLETE", "msg": "", "data": shown, "paging": paging}


def _matches(row: dict[str, Any], wanted: dict[str, list[str]]) -> bool:
    return all(str(row.get(name)) in values for name, values in wanted.items())


def _resolve(name: str, recorded: dict[str, Any], looks: dict[str, int]) -> dict[str, Any]:
    if name == "a star that takes its time":
        looks[name] = looks.get(name, 0) + 1
        if looks[name] % 3:
            return {"status": "EXECUTING", "msg": ""}
        entry = {"searchString": name, "resolver": "NED", "canonicalName": "SLOW 1", "ra": 10.5, "decl": -20.25}
        return {"resolvedCoordinate": [entry], "status": ""}
    if name == "never done":
        return {"status": "EXECUTING", "msg": ""}
    if name == "broken":
        return {"status": "ERROR", "msg": "The resolver is out of order"}
    if name.lower() == "kic 5899262":
        entry = {"searchString": name.lower(), "resolver": "KEPLER", "canonicalName": "KIC 5899262",
                 "ra": 297.774041, "decl": 41.19022}  # fmt: skip
        return {"resolvedCoordinate": [entry], "status": ""}
    return recorded


def _products(number: str) -> list[dict[str, Any]]:
    files = {"9000000001": _KEPLER_FILES, "9000000002": _TESS_FILES[:1], "9000000003": _TESS_FILES[1:]}.get(number, [])
    rows = []
    for name, description, size in files:
        uri = f"mast:TESS/product/{name}" if name.startswith("tess") else (
            f"mast:KEPLER/url/missions/kepler/lightcurves/0104/010424789/{name}"
        )  # fmt: skip
        rows.append({"obsID": number, "productFilename": name, "description": description, "size": size,
                     "dataURI": uri, "productType": "SCIENCE"})  # fmt: skip
    return rows


@lru_cache(maxsize=1)
def tess_file() -> bytes:
    """A light curve of twenty cadences in the layout of TESS."""
    import numpy as np
    from astropy.io import fits

    time = 1325.3 + np.arange(20) * 120.0 / 86400.0
    flux = np.full(20, 5000.0, np.float32) + np.arange(20, dtype=np.float32)
    flux[3] = np.nan
    columns = [
        fits.Column("TIME", "D", "BJD - 2457000, days", array=time),
        fits.Column("PDCSAP_FLUX", "E", "e-/s", array=flux),
        fits.Column("PDCSAP_FLUX_ERR", "E", "e-/s", array=np.full(20, 2.5, np.float32)),
        fits.Column("QUALITY", "J", array=np.zeros(20, np.int32)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    table.header["BJDREFI"], table.header["BJDREFF"] = 2457000, 0.0
    head = fits.PrimaryHDU()
    cards = {"OBJECT": "TIC 307210830", "TICID": 307210830, "SECTOR": 1, "RA_OBJ": 124.531756, "DEC_OBJ": -68.313,
             "TESSMAG": 9.393, "TEFF": 3429.0}  # fmt: skip
    for name, value in cards.items():
        head.header[name] = value
    out = io.BytesIO()
    fits.HDUList([head, table]).writeto(out)
    return out.getvalue()
