"""Replies of LAMOST: those recorded on 2026-06-22 from DR10 v2.0, and ones built here for what was not recorded.

Built ones behave as services.md section 1 says: numbers as text, -9999, errors and login pages with status 200,
``date`` columns, pages by ``sqlid``. DR10 v2.0 answers as recorded; DR11 v2.0 (the newest public release) with the
same rows; DR12 to DR14 are internal and want the token ``TOKEN``.

Special obsids: 404404404 is not there, 405405405 is damaged, 406406406 belongs to another star, 407407407 is the
spectrum of a dead fibre, 408408408 has no catalogue row.
"""

from __future__ import annotations

import gzip
import html
import io
import json
import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from replay_server import LOGIN_PAGE, Answer, Asked, Route

#: What the internal releases want to see.
TOKEN = "s3cr3t/t0ken+of=L"
MISSING, DAMAGED, OTHER, DEAD, NO_ROW = 404404404, 405405405, 406406406, 407407407, 408408408
FITS_OBSID = 353301001  # of the recorded file
_TYPES = {
    "obsid": "long", "uid": "char", "designation": "char", "obsdate": "date", "lmjd": "int", "planid": "char",
    "snru": "double", "snrg": "double", "snrr": "double", "snri": "double", "snrz": "double", "class": "char",
    "subclass": "char", "z": "double", "z_err": "double",
    "gaia_source_id": "char", "ra": "double", "dec": "double",
    "teff": "double", "teff_err": "double", "logg": "double", "logg_err": "double",
    "feh": "double", "feh_err": "double", "rv": "double", "rv_err": "double", "alpha_m": "double", "alpha_m_err":
    "double", "vsini_lasp": "double", "file": "char",
}  # fmt: skip
Row = dict[str, Any]


def designation(ra: float, dec: float) -> str:
    """``Jhhmmss.ss+ddmmss.s``, cut off and not rounded."""
    seconds, arcsec = int(ra / 15 * 360_000), int(abs(dec) * 36_000)
    time = f"{seconds // 360_000:02d}{seconds // 6000 % 60:02d}{seconds // 100 % 60:02d}.{seconds % 100:02d}"
    angle = f"{arcsec // 36_000:02d}{arcsec // 600 % 60:02d}{arcsec // 10 % 60:02d}.{arcsec % 10}"
    return f"J{time}{'-' if dec < 0 else '+'}{angle}"


def row(obsid: int, ra: float, dec: float, **more: Any) -> Row:
    """A catalogue row as the service writes it: decimals as text."""
    given: Row = {
        "obsid": obsid, "uid": f"G{obsid}", "designation": designation(ra, dec), "obsdate": "2018-10-31",
        "lmjd": 58423,
        "planid": "HAND01", "snru": "999.00", "snrg": "50.00", "snrr": "60.00", "snri": "60.00", "snrz": "-9999.00",
        "class": "STAR", "subclass": "G2", "z": "0.0000500000", "z_err": "0.0000100000", "gaia_source_id": "-9999",
        "ra": f"{ra:.10f}", "dec": f"{dec:.10f}", "teff": "5777.00", "teff_err": "25.00", "logg": "4.440",
        "logg_err": "0.040", "feh": "0.010", "feh_err": "0.020", "rv": "15.00", "rv_err": "3.00",
        "alpha_m": "-9999.000000", "alpha_m_err": "-9999.000000", "vsini_lasp": "-9999.000",
        "file": f"20181031/HAND01/spec-58423-HAND01_sp01-{obsid % 1000:03d}.fits.gz",
    }  # fmt: skip
    return {**given, **more}


#: Stars for the joins. A: three visits, one with no Gaia id and another designation, and a neighbour 2.4 arcsec away
#: with better S/N. B: moves 5 arcsec a year (Barnard's star's pace is 10), catalogued at J2000 and, on a newer plate,
#: at J2016. C: a dwarf of the M-star catalogue. D: what the recorded FITS file belongs to.
BUILT = [
    row(700000001, 150.0, 20.0, uid="GA", gaia_source_id="111222333444555666", snrg="30.00"),
    row(700000002, 150.0, 20.0001, uid="GA", gaia_source_id="111222333444555666", snrg="80.00", teff="5790.00"),
    row(700000003, 150.0001, 20.0, uid="GA2", designation="J100000.02+200000.0", snrg="999.00"),
    row(700000004, 150.0, 20.0 + 2.4 / 3600, uid="GN", gaia_source_id="111222333444555777", snrg="300.00"),
    row(700000011, 200.0, -5.0, uid="GB", gaia_source_id="222333444555666777", snrg="40.00"),
    row(700000012, 200.0, -5.0 + 80.0 / 3600, uid="GB", gaia_source_id="222333444555666777", snrg="20.00"),
    row(
        700000021, 210.0, 10.0, uid="GC", subclass="dM1", teff="3604.96", teff_err="130.59", logg="4.608",
        logg_err="0.140", feh=None, feh_err=None, rv=None, rv_err=None, m_h="-0.206600", m_h_err="0.250000",
        gaia_source_id="333444555666777888",
    ),
    row(
        FITS_OBSID, 341.064566, 19.566591, uid="GD", designation="J224415.49+193359.7", obsdate="2015-09-12",
        lmjd=57278,
        planid="EG224429N215706B01", snrg="75.73", subclass="K7", gaia_source_id="2829000000000000001", teff="4105.00",
        file="20150912/EG224429N215706B01/spec-57278-EG224429N215706B01_sp01-001.fits.gz",
    ),
]  # fmt: skip


class Survey:
    """The rows and files that are served.

    Parameters
    ----------
    folder : Path or None
        Of the recorded replies.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.head, self.names, recorded = self._cone()
        self.info = self._info()
        self.rows: list[Row] = [*recorded, *([self.info] if self.info else []), *BUILT]

    def recorded(self, name: str) -> bytes | None:
        return (self.folder / name).read_bytes() if self.folder is not None else None

    def _cone(self) -> tuple[str, list[str], list[Row]]:
        body = self.recorded("conesearch_response.xml")
        if body is None:
            fields = "".join(
                f'<FIELD ID="COLID_{i}" name="{n}" datatype="{t}"{_SIZE if t == "char" else ""}/>\n'
                for i, (n, t) in enumerate(_TYPES.items())
            )
            return _HEAD + fields + "<DATA><TABLEDATA>", list(_TYPES), []
        text = body.decode()
        head = text[: text.index("<TABLEDATA>") + len("<TABLEDATA>")]
        names = re.findall(r'<FIELD [^>]*\bname="([^"]+)"', head)
        cells = [re.findall(r"<TD>(.*?)</TD>", tr, re.S) for tr in re.findall(r"<TR>(.*?)</TR>", text, re.S)]
        rows = [dict(zip(names, [html.unescape(c) or None for c in tds], strict=True)) for tds in cells]
        return head, names, rows

    def _info(self) -> Row | None:
        body = self.recorded("metadata_response.json")
        return json.loads(body)["rows"][0] if body is not None else None

    def near(self, ra: float, dec: float, radius_deg: float) -> list[Row]:
        return [r for r in self.rows if _apart(float(r["ra"]), float(r["dec"]), ra, dec) <= radius_deg]

    def votable(self, rows: Iterable[Row], extra: dict[str, Callable[[Row], str]] | None = None) -> bytes:
        """A VOTable with the service's quirks: ``date``, COLID ids, and (for SSAP) an empty arraysize."""
        head, more = self.head, extra or {}
        fields = "".join(f'<FIELD ID="COLID_COLID-{n}" name="{n}" datatype="char" arraysize="*"/>' for n in more)
        if more:
            fields += '<FIELD ID="COLID_COLID-ssa_length" name="ssa_length" datatype="int" arraysize=""/>'
            at = head.index("<DATA>")
            head = head[:at] + fields + head[at:]
        out = []
        for one in rows:
            cells = [one.get(n) for n in self.names] + [f(one) for f in more.values()] + (["1"] if more else [])
            out.append(
                "<TR>" + "".join(f"<TD>{html.escape(str(c)) if c is not None else ''}</TD>" for c in cells) + "</TR>"
            )
        return (head + "\n".join(out) + "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>").encode()

    def row_of(self, obsid: int) -> Row | None:
        """The row of an obsid; one is made up for any that is not special."""
        found = next((r for r in self.rows if int(r["obsid"]) == obsid), None)
        if found is None and obsid not in (MISSING, NO_ROW):
            found = row(obsid, 341.064566, 19.566591, uid="GD", subclass="K7")
        return found

    def fits(self, obsid: int) -> bytes:
        """The recorded file, or one made here, with the obsid and the place of the one that is asked for."""
        body = self.recorded("spec-57278-EG224429N215706B01_sp01-001.fits.gz")
        if body is not None and obsid == FITS_OBSID:
            return body
        plain = gzip.decompress(body) if body is not None else _made_fits()
        one = self.row_of(obsid) or row(obsid, 341.064566, 19.566591)
        written = obsid + 1 if obsid == OTHER else obsid
        for key, value in (
            ("OBSID", written),
            ("RA", float(one["ra"])),
            ("DEC", float(one["dec"])),
            ("DESIG", f"LAMOST {one['designation']}"),
        ):
            plain = re.sub(rb"%-8s= .{70}" % key.encode(), _card(key, value), plain, count=1, flags=re.S)
        return gzip.compress(plain, 1, mtime=0)


_SIZE = ' arraysize="*"'
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3" version="1.4">'
    '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"><![CDATA[  ]]></INFO><TABLE>'
)


def _card(key: str, value: Any) -> bytes:
    return f"{key:8s}= {value!r:>20}".ljust(80).encode()


@lru_cache(maxsize=2)
def _made_fits(dead: bool = False) -> bytes:
    """A spectrum of the DR9+ layout from nothing but numpy and astropy."""
    import numpy as np
    from astropy.io import fits

    wave = 10.0 ** (3.5682 + 1e-4 * np.arange(3909))
    flux = 0.0 * wave if dead else 500.0 + 100.0 * np.sin(wave / 300.0)
    arrays = {"FLUX": flux, "IVAR": np.full(3909, 0.01), "WAVELENGTH": wave, "ANDMASK": 0 * wave, "ORMASK": 0 * wave}
    columns = [fits.Column(n, "3909E", array=a[None, :].astype("f4")) for n, a in arrays.items()]
    header = fits.Header(
        {
            "OBSID": DEAD if dead else FITS_OBSID, "RA": 341.064566, "DEC": 19.566591,
            "DESIG": "LAMOST J224415.49+193359.7",
            "DATA_V": "LAMOST DR10", "SNRG": 75.73, "VACUUM": True, "CLASS": "STAR", "SUBCLASS": "K7", "Z": 4.033e-05,
        }
    )  # fmt: skip
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(header=header), fits.BinTableHDU.from_columns(columns, name="COADD")]).writeto(out)
    return out.getvalue()


def _apart(ra: float, dec: float, ra0: float, dec0: float) -> float:
    """Degrees."""
    a, d, a0, d0 = (math.radians(v) for v in (ra, dec, ra0, dec0))
    h = math.sin((d - d0) / 2) ** 2 + math.cos(d) * math.cos(d0) * math.sin((a - a0) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(h))))


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode())


def _xml(body: bytes) -> Answer:
    return Answer(body, 200, "application/xml-votable")


def _login() -> Answer:
    return Answer(LOGIN_PAGE, 200, "text/html; charset=utf-8")


def _error(words: str, **more: Any) -> Answer:
    return _json({"error": words, **more})


def _select(survey: Survey, text: str) -> list[Row]:
    """The few shapes of SQL that specviz sends."""
    found = survey.rows
    if match := re.search(r"gaia_source_id IN \(([^)]*)\)", text):
        wanted = set(re.findall(r"\d+", match[1]))
        found = [r for r in found if str(r.get("gaia_source_id")) in wanted]
    circles = re.findall(r"scircle '<\(([-\d.]+)d,([-\d.]+)d\),([\d.]+)d>'", text)
    if circles:
        places = [tuple(float(v) for v in c) for c in circles]
        found = [r for r in found if any(_apart(float(r["ra"]), float(r["dec"]), a, d) <= s for a, d, s in places)]
    for name, sign, limit in re.findall(r"(\w+) (>=|<=) (-?[\d.]+)", text):
        keep: Callable[[float], bool] = (
            (lambda v, x=float(limit): v >= x) if sign == ">=" else (lambda v, x=float(limit): v <= x)
        )
        found = [r for r in found if r.get(name) is not None and float(r[name]) != 999 and keep(float(r[name]))]
    if re.search(r"FROM stellar\b", text):
        found = [r for r in found if r.get("feh") is not None]
    if match := re.search(r"ORDER BY (\w+) (ASC|DESC)", text):
        found = sorted(found, key=lambda r: float(r.get(match[1]) or -9999), reverse=match[2] == "DESC")
    if match := re.search(r"LIMIT (\d+)", text):
        found = found[: int(match[1])]
    shown = re.match(r"SELECT (.*?) FROM", text)
    if shown and shown[1] != "*":
        found = [{n.strip(): r.get(n.strip()) for n in shown[1].split(",")} for r in found]
    return found


def routes(data: Path | None) -> list[Route]:
    """The routes, for the folder of recorded replies (None where it is absent)."""
    folder = data / "astroquery_nadc_lamost" if data is not None else None
    survey = Survey(folder if folder is not None and folder.is_dir() else None)
    public, internal = r"/openapi/dr(?:[4-9]|10|11)/v[\d.]+", r"/openapi/dr(?:12|13|14)/v[\d.]+"

    def versions(asked: Asked) -> Answer:
        body = survey.recorded("dr_versions_response.json")
        made = [
            ("dr10", "v2.0", "public"),
            ("dr11", "v1.0", "public"),
            ("dr11", "v2.0", "public"),
            ("dr12", "v1.1", "internal"),
        ]
        listed = [
            {
                "dr_version": d,
                "sub_version": s,
                "public_status": p,
                "has_mrs": True,
                "base_url": f"https://www.lamost.org/{d}/{s}",
            }
            for d, s, p in made
        ]
        return Answer(body) if body is not None else _json({"versions": listed})

    def cone(asked: Asked) -> Answer:
        ra, dec, sr = (float(asked.query[k]) for k in ("ra", "dec", "sr"))
        body = survey.recorded("conesearch_response.xml")
        if body is not None and (ra, dec, sr) == (10.0004738, 40.9952444, 0.2):
            return _xml(body)
        return _xml(survey.votable(survey.near(ra, dec, sr)))

    def ssap(asked: Asked) -> Answer:
        body = survey.recorded("ssap_response.xml")
        if body is not None and (asked.query["pos"], asked.query["size"]) == ("10.0,40.0", "0.2"):
            return _xml(body)
        ra, dec = (float(v) for v in asked.query["pos"].split(","))
        token = asked.query.get("token", "")

        def accref(one: Row) -> str:  # the service writes the token into every address
            return f"http://www.lamost.org/dr12/v1.1/spectrum/fits/{one['obsid']}?token={token}"

        return _xml(survey.votable(survey.near(ra, dec, float(asked.query["size"]) / 2), {"accref": accref}))

    def info(asked: Asked) -> Answer:
        obsid = int(asked.query["obsid"])
        body = survey.recorded("metadata_response.json")
        if body is not None and obsid == 686112127:
            return Answer(body)
        found = survey.row_of(obsid)
        names = list(found) if found is not None else list(_TYPES)
        return _json({"columns": names, "rows": [found] if found is not None else []})

    def fits(asked: Asked) -> Answer:
        obsid = int(asked.query.get("obsid") or asked.path.rsplit("/", 1)[1])
        if obsid == MISSING:
            return _error(f"spectrum {obsid} not found")
        body = gzip.compress(_made_fits(dead=True), mtime=0) if obsid == DEAD else survey.fits(obsid)
        if obsid == DAMAGED:
            body = body[: len(body) // 2] + b"\0" * 5000
        name = f"attachment; filename=spec-{obsid}.fits.gz"
        return Answer(body, 200, "application/gzip", {"Content-Disposition": name})

    def sql(asked: Asked) -> Answer:
        text, form = asked.query["sql"], asked.query.get("output.fmt", "json")
        kinds = {
            "json": ("sql_response_json.json", "application/json"),
            "csv": ("sql_response_csv.csv", "text/csv; charset=utf-8"),
            "votable": ("sql_response_votable.xml", "application/xml-votable"),
        }
        if survey.folder is not None and text == "SELECT * FROM combined LIMIT 3":
            return Answer(survey.recorded(kinds[form][0]) or b"", 200, kinds[form][1])
        if re.search(r"\bFRM\b", text):
            return _error('syntax error at or near "FRM"')
        if re.search(r"FROM (paged|endless)\b", text):
            return _json({"sqlid": 12345 if "paged" in text else 54321})
        return _json(_select(survey, text))

    def count(asked: Asked) -> Answer:
        return _json({"total": 10})

    def page(asked: Asked) -> Answer:
        number, size = int(asked.query["page"]), int(asked.query["rows"])
        if asked.query["sqlid"] == "54321":
            number = 1  # a service that does not turn the page
        body = survey.recorded(f"query_result_page{number}.json") if size == 5 and number in (1, 2) else None
        made = [
            {"obsid": str(10001 + i), "ra": 10 + i / 100, "dec": 40 + i / 100, "teff": 5500.0 + 10 * i}
            for i in range(10)
        ]
        return Answer(body) if body is not None else _json(made[(number - 1) * size : number * size])

    def form(asked: Asked) -> Answer:
        told = asked.json or {}
        body = survey.recorded("catalog_query_response.json")
        table = asked.path.rsplit("/", 1)[1]
        if body is not None and told.get("showcol") == ["obsid", "ra", "dec", "teff", "class"] and table == "combined":
            return Answer(body)
        found = survey.rows
        lines = told.get("position_constraints", {}).get("proximity", {}).get("radecTextarea", "").split()
        if lines and table == "catalogue":  # stands for a release that does not heed positions
            found = [row(1000 + i, 138.0 + i / 100, 12.9) for i in range(3)]
        elif lines:
            places = [[float(v) for v in line.split(",")] for line in lines]
            found = [r for a, d, s in places for r in survey.near(a, d, s / 3600)]
        start = (int(told["page"]) - 1) * int(told["rows"])
        names = told.get("showcol")
        cut = found[start : start + int(told["rows"])]
        return _json([{n: r.get(n) for n in names} if names else r for r in cut])

    def repeats(asked: Asked) -> Answer:
        body = survey.recorded("unique_id_response.json")
        made = {"uid": "G16180605181886", "obsid-low": [686112127, 218204036], "obsid-medium": [609502145]}
        told = json.loads(body) if body is not None else made
        if "obsid" in asked.query:
            if int(asked.query["obsid"]) in [*told["obsid-low"], *told["obsid-medium"]]:
                return _json(told) if body is None else Answer(body)
            return _error(f"obsid {asked.query['obsid']} not found")
        apart = _apart(float(asked.query["ra"]), float(asked.query["dec"]), 97.2614857, 20.602168)
        return _json(
            told if apart <= float(asked.query["radius"]) else {"uid": None, "obsid-low": [], "obsid-medium": []}
        )

    def tables(asked: Asked) -> Answer:
        body = survey.recorded("tables_metadata_response.json")
        columns = [{"column_name": n, "datatype": t, "description": "", "ucd": ""} for n, t in _TYPES.items()]
        return (
            Answer(body)
            if body is not None
            else _json([{"table_name": "combined", "description": "", "columns": columns}])
        )

    def tap_url(asked: Asked) -> Answer:
        body = survey.recorded("tap_url_response.json")
        return Answer(body) if body is not None else _json({"url": "https://www.lamost.org/dr10/v2.0/voservice/tap"})

    def tap(asked: Asked) -> Answer:
        adql = asked.form.get("QUERY", "")
        if "CONTAINS" in adql.upper():
            words = "Function CONTAINS is not supported"
            head = _HEAD.replace('value="OK"><![CDATA[  ]]>', f'value="ERROR"><![CDATA[ {words} ]]>').removesuffix(
                "<TABLE>"
            )
            return _xml(f"{head}</RESOURCE></VOTABLE>".encode())
        body = survey.votable(survey.rows[-4:-1] if "TOP 3" in adql else survey.rows[-2:])
        if "overflow" in adql:
            body = body.replace(
                b"</TABLE></RESOURCE>", b'</TABLE><INFO name="QUERY_STATUS" value="OVERFLOW"/></RESOURCE>'
            )
        return _xml(body)

    def catalog(asked: Asked) -> Answer:
        if asked.query["name"] != "dr10_v2.0_LRS_plan.fits.gz":
            return _error("file not found")
        return Answer(gzip.compress(_made_fits(), mtime=0), 200, "application/gzip")

    def guarded(answer: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
        def check(asked: Asked) -> Answer:
            token = asked.query.get("token")
            if token is None:
                return _login()
            if token != TOKEN:
                return _json({"code": 401, "message": f"Invalid token: {token}"})
            return answer(asked)

        return check

    found = [Route("GET", r"/openapi/dr_versions", versions, True, "the list of releases")]
    below: list[tuple[str, str, Callable[[Asked], Answer], bool, str]] = [
        (
            "GET",
            r"/lrs/voservice/conesearch",
            cone,
            True,
            "cone of 0.2 deg at M31, 195 rows; other cones: built from its rows",
        ),
        ("GET", r"/mrs/voservice/conesearch", lambda a: _xml(survey.votable([])), False, "empty cone"),
        (
            "GET",
            r"/lrs/voservice/ssap",
            ssap,
            True,
            "225 rows at 10.0 +40.0; others: built, with the token in the addresses",
        ),
        ("GET", r"/(?:lrs|mrs)/spectrum/info", info, True, "obsid 686112127; others: built"),
        ("GET", r"/lrs/spectrum/fits", fits, True, "obsid 353301001; others: the same file under another obsid"),
        ("GET", r"/sql", sql, True, "SELECT * FROM combined LIMIT 3 as JSON, CSV, VOTable; others: built"),
        ("GET", r"/get_query_result_count", count, False, "synthetic in the collection as well"),
        ("GET", r"/get_query_result", page, False, "synthetic in the collection as well"),
        ("POST", r"/query/\w+", form, True, "three rows of combined; targets and pages: built"),
        ("GET", r"/get_unique_id_and_related_obsids", repeats, True, "obsid 686112127; others: built"),
        ("GET", r"/tables", tables, True, "18 tables with their columns"),
        ("GET", r"/voservice/tap_url", tap_url, True, "the address of TAP"),
        ("GET", r"/lrs/catalog", catalog, False, "a small FITS file"),
    ]
    for method, path, answer, recorded, note in below:
        found.append(Route(method, public + path, answer, recorded and survey.folder is not None, note))
        found.append(Route(method, internal + path, guarded(answer), False, f"internal release: {note.split(';')[0]}"))
    found += [
        Route("GET", r"/dr\d+/v[\d.]+/voservice/tap/sync", tap, False, "TAP: a VOTable, or an error in the document"),
        Route(
            "GET", r"(?:/dr\d+)?(?:/v[\d.]+)?/spectrum/fits/\d+", fits, False, "FITS from the pages of an old release"
        ),
    ]
    return found
