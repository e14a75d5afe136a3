"""VizieR: a recorded table and a recorded error; tables of LAMOST and Gaia built by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import replay_vo_documents as vo
from replay_server import Answer, Asked, Route

_LAMOST: dict[str, type] = {
    "ObsID": int, "RAJ2000": float, "DEJ2000": float, "MJD": int, "snrg": float, "Class": str, "subClass": str,
    "z": float,
}  # fmt: skip
_LASP: dict[str, type] = {
    "Teff": float, "e_Teff": float, "logg": float, "e_logg": float, "[Fe/H]": float, "e_[Fe/H]": float,
    "HRV": float, "e_HRV": float,
}  # fmt: skip
_GAIA: dict[str, type] = {
    "Source": int, "RA_ICRS": float, "DE_ICRS": float, "Plx": float, "e_Plx": float, "pmRA": float, "pmDE": float,
    "Gmag": float, "BP-RP": float, "RUWE": float, "RV": float, "Teff": float, "logg": float, "[Fe/H]": float,
    "XPcont": int, "XPsamp": int, "RVS": int,
}  # fmt: skip
_VISITS: list[dict[str, Any]] = [
    {
        "ObsID": 353301002, "RAJ2000": 235.763400, "DEJ2000": -10.933500, "MJD": 57160, "snrg": 31.5, "Class": "STAR",
        "subClass": "F5", "z": -0.00057, "Teff": 5801.2, "e_Teff": 60.5, "logg": 3.71, "e_logg": 0.09,
        "[Fe/H]": -2.31, "e_[Fe/H]": 0.11, "HRV": -169.0, "e_HRV": 5.0,
    },
    {
        "ObsID": 353301001, "RAJ2000": 235.762900, "DEJ2000": -10.933500, "MJD": 57161, "snrg": 88.0, "Class": "STAR",
        "subClass": "F2", "z": -0.00057, "Teff": 5765.4, "e_Teff": 25.5, "logg": 3.66, "e_logg": 0.04,
        "[Fe/H]": -2.39, "e_[Fe/H]": 0.05, "HRV": -170.1, "e_HRV": 3.0,
    },
]  # fmt: skip
_SOURCES: list[dict[str, Any]] = [
    {
        "Source": 6268770373590148224, "RA_ICRS": 235.757843, "DE_ICRS": -10.934852, "Plx": 16.2665, "e_Plx": 0.0263,
        "pmRA": -1114.93, "pmDE": -304.36, "Gmag": 7.0356, "BP-RP": 0.78, "RUWE": 1.12, "RV": -170.9, "Teff": 5770.0,
        "logg": 3.63, "[Fe/H]": None, "XPcont": 1, "XPsamp": 1, "RVS": 1,
    },
]  # fmt: skip
#: Table -> its columns, its rows. DR5's lacks the redshift and the errors of its gravities: columns do go missing.
TABLES: dict[str, tuple[dict[str, type], list[dict[str, Any]]]] = {
    "V/162/dr11l": (_LAMOST, _VISITS),
    "V/162/dr11sl": ({**_LAMOST, **_LASP}, _VISITS),
    "V/156/dr7lrs": (_LAMOST, _VISITS[:1]),
    "V/156/dr7slrs": ({**_LAMOST, **_LASP}, _VISITS[:1]),
    "V/164/dr5": (_LAMOST, _VISITS[1:]),
    "V/164/stellar5": ({k: v for k, v in {**_LAMOST, **_LASP}.items() if k not in ("z", "e_logg")}, _VISITS[1:]),
    "I/355/gaiadr3": (_GAIA, _SOURCES),
    "V/0/renamed": ({"Ident": int, "RAJ2000": float, "DEJ2000": float}, [{"Ident": 1, "RAJ2000": 1.0, "DEJ2000": 1.0}]),
}
_NOTHING = (
    b'<?xml version="1.0" encoding="UTF-8"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
    b'<INFO name="queryParameters" value="1"/></VOTABLE>'
)


def routes(data: Path | None) -> list[Route]:
    recorded = {name: (data / "astroquery_vizier" / name).read_bytes() if data else b"" for name in
                ("kang2010.xml", "no_server_error.xml")}  # fmt: skip

    def votable(asked: Asked) -> Answer:
        script = asked.body.decode()
        told = dict(line.split("=", 1) for line in script.splitlines() if "=" in line)
        source = told.get("-source", "")
        if source == "J/ApJ/706/83/ysos":
            return Answer(recorded["kang2010.xml"], 200, "text/xml")
        if source == "V/999/down":
            return Answer(recorded["no_server_error.xml"], 200, "text/xml")
        if source not in TABLES:
            return Answer(vo.error_document(f"no such catalogue: {source}"), 200, "text/xml")
        columns, rows = TABLES[source]
        if "-c" in told:
            ra, dec = map(float, re.fullmatch(r"([\d.]+)([+-][\d.]+)", told["-c"]).groups())  # type: ignore[union-attr]
            radius = float(told["-c.rs"]) / 3600.0
            rows = [r for r in rows if _apart(ra, dec, *_place(r)) <= radius]
        for name in ("ObsID", "Source"):
            if told.get(name, "").startswith("="):
                rows = [r for r in rows if str(r.get(name)) == told[name][1:]]
        shown = [c for c in columns if c in told.get("-out", "").split(",")]
        if not rows:
            return Answer(_NOTHING, 200, "text/xml")
        return Answer(vo.votable({c: columns[c] for c in shown}, rows, name=source), 200, "text/xml")

    def tap(asked: Asked) -> Answer:
        adql = asked.form.get("QUERY", "")
        for table, (columns, rows) in TABLES.items():
            if f'"{table}"' in adql:
                return Answer(vo.votable(columns, rows), 200, vo.XML)
        return Answer(vo.error_document("Unknown table in the FROM clause"), 400, vo.XML)

    return [
        Route(
            "POST", "/viz-bin/votable", votable, True,
            "J/ApJ/706/83/ysos and “not currently reachable”: recorded by astroquery (astroquery_vizier); "
            "rows of LAMOST and Gaia built by hand",
        ),
        *vo.tap_routes(
            "/TAPVizieR/tap",
            tap,
            base="https://tapvizier.cds.unistra.fr/TAPVizieR/tap",
            tables=vo.tables_document({f'"{name}"': list(columns) for name, (columns, _) in TABLES.items()}),
            note="the same rows",
        ),
    ]  # fmt: skip


def _place(row: dict[str, Any]) -> tuple[float, float]:
    return (row["RAJ2000"], row["DEJ2000"]) if "RAJ2000" in row else (row["RA_ICRS"], row["DE_ICRS"])


def _apart(ra: float, dec: float, ra2: float, dec2: float) -> float:
    return math.hypot((ra - ra2) * math.cos(math.radians(dec)), dec - dec2)
