"""The Gaia archive and Gaia@AIP: recorded products and rows, and a small sky built from code.

Sources of the small sky (release DR3 unless said otherwise):

======================  ==============================================================================================
1000000000000000001     coefficients, sampled, RVS; GSP-Phot labels
1000000000000000002     nothing
1000000000000000003     the catalogue says coefficients, the data server leaves them out (astroquery issue #2973)
1000000000000000004     sampled only
1000000000000000005     a star of 10.4 arcsec/yr, epoch 2016
1000000000000000006     coefficients with RP only
910000000000000001, 02  as 1...01, on a server that knows only the coming vocabulary (DATAMODEL_GAIA)
990000000000000001      answered with text instead of a zip, 02 with an error document at status 200, 03 with a product
                        of DR2, 04 refused with 400 in either vocabulary, 05 with a damaged zip, 06 with a file more
                        that is no table, 07 with a zip of something else
6268770373590148224     HD 140283, with coefficients and sampled; others of ``ELSEWHERE`` likewise
2000000000000000000...  1,200 sources with coefficients
4000000000000000001     DR4: coefficients on other bases; ...02: sampled
======================  ==============================================================================================
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from replay_server import Answer, Asked, Route

RECORDED = 5937083312263887616
RAW_RECORDED = (5853498713190525696, 5762406957886626816)
ROWS_RECORDED = (4583627001381815936, 5348723816842275584)
COLUMNS = [
    "source_id", "ref_epoch", "ra", "dec", "parallax", "parallax_error", "pmra", "pmra_error", "pmdec", "pmdec_error",
    "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "bp_rp", "radial_velocity", "radial_velocity_error",
    "ruwe", "vbroad", "vbroad_error", "has_xp_continuous", "has_xp_sampled", "has_rvs", "teff_gspphot",
    "teff_gspphot_lower", "teff_gspphot_upper", "logg_gspphot", "logg_gspphot_lower", "logg_gspphot_upper",
    "mh_gspphot", "mh_gspphot_lower", "mh_gspphot_upper", "azero_gspphot", "azero_gspphot_lower", "azero_gspphot_upper",
    "distance_gspphot",
]  # fmt: skip
_PLAIN = dict(ref_epoch=2016.0, parallax=10.0, parallax_error=0.02, pmra=3.0, pmra_error=0.01, pmdec=-5.0,
              pmdec_error=0.01, phot_g_mean_mag=9.5, bp_rp=0.82, phot_bp_mean_mag=9.8, phot_rp_mean_mag=8.98,
              ruwe=1.01, has_xp_continuous=True, has_xp_sampled=True, has_rvs=False)  # fmt: skip
_LABELS = dict(teff_gspphot=5777.0, teff_gspphot_lower=5750.0, teff_gspphot_upper=5810.0, logg_gspphot=4.4,
               logg_gspphot_lower=4.38, logg_gspphot_upper=4.42, mh_gspphot=-0.1, mh_gspphot_lower=-0.15,
               mh_gspphot_upper=-0.05, azero_gspphot=0.31, azero_gspphot_lower=0.279, azero_gspphot_upper=0.341,
               distance_gspphot=99.5, radial_velocity=-12.5, radial_velocity_error=0.3)  # fmt: skip


def _sky() -> dict[int, dict[str, Any]]:
    bare = dict(has_xp_continuous=False, has_xp_sampled=False)
    first = 1_000_000_000_000_000_000
    sky: dict[int, dict[str, Any]] = {
        first + 1: dict(ra=10.0, dec=20.0, **_LABELS, has_rvs=True),
        first + 2: dict(ra=10.0005, dec=20.0, phot_g_mean_mag=18.0, **bare),
        first + 3: dict(ra=30.0, dec=-5.0),
        first + 4: dict(ra=31.0, dec=-5.0, has_xp_continuous=False),
        # Barnard's star as it is in 2016: 173 arcsec north of where it was in J2000.
        first + 5: dict(ra=269.448503, dec=4.739420, pmra=-801.55, pmdec=10362.39, parallax=546.98,
                        phot_g_mean_mag=8.2, **bare),
        first + 6: dict(ra=32.0, dec=-5.0, has_xp_sampled=False),
        **{one: dict(row) for one, row in ELSEWHERE.items()},
        RECORDED: dict(ra=251.51920772923995, dec=-51.50535255488219),
        **{one: dict(ra=200.0 + k, dec=-60.0, has_xp_sampled=False) for k, one in enumerate(RAW_RECORDED)},
    }  # fmt: skip
    sky.update({one: dict(ra=40.0, dec=k / 100.0) for k, one in enumerate([*NEW_ONLY, *TROUBLE], 1)})
    return {one: {**_PLAIN, **row, "source_id": one} for one, row in sky.items()}


#: Served by the coming server, and those that make trouble (see above); below 2^63.
NEW_ONLY = (910_000_000_000_000_001, 910_000_000_000_000_002)
TROUBLE = tuple(990_000_000_000_000_000 + k for k in range(1, 8))
#: Stars that the replayed SIMBAD and LAMOST know too: HD 140283 (2016), KIC 10424789, and of LAMOST's small sky.
ELSEWHERE: dict[int, dict[str, Any]] = {
    6268770373590148224: dict(ra=235.757857, dec=-10.934852, pmra=-1114.93, pmdec=-304.36, parallax=16.267,
                              phot_g_mean_mag=7.04, bp_rp=0.79),
    2086512227851023872: dict(ra=298.618740, dec=47.567960, pmra=0.0, pmdec=0.0, phot_g_mean_mag=13.9),
    111222333444555666: dict(ra=150.0, dec=20.0, pmra=0.0, pmdec=0.0, **_LABELS),
    222333444555666777: dict(ra=200.0, dec=-5.0 + 80.0 / 3600.0, pmra=0.0, pmdec=5000.0),  # 2016
    2829000000000000001: dict(ra=341.064566, dec=19.566591, pmra=0.0, pmdec=0.0),
}  # fmt: skip
SKY = _sky()
BULK = tuple(2_000_000_000_000_000_000 + k for k in range(1200))  # 1,200 sources with coefficients, for batches
DR4 = (4_000_000_000_000_000_001, 4_000_000_000_000_000_002)


def row_of(source: int) -> dict[str, Any] | None:
    if source in BULK:
        return {**_PLAIN, "source_id": source, "ra": 100.0, "dec": (source - BULK[0]) / 100.0}
    return SKY.get(source)


# ------------------------------------------------------------------------------------------------ products
def coefficients(source: int, n: tuple[int, int] = (55, 55), bases: tuple[int, int] = (56, 57)) -> dict[str, Any]:
    """A row of xp_continuous_mean_spectrum, the same every time."""
    rng = np.random.default_rng(source % 2**32)
    row: dict[str, Any] = {"source_id": source, "solution_id": 4545469030156206080}
    for band, size, basis in zip(("bp", "rp"), n, bases, strict=True):
        mixing = rng.normal(size=(size, size)) * 0.2 + np.eye(size)
        covariance = mixing @ mixing.T
        sigma = np.sqrt(np.diag(covariance))
        correlation = (covariance / np.outer(sigma, sigma))[np.tril_indices(size, -1)]
        row |= {
            f"{band}_basis_function_id": np.int16(basis),
            f"{band}_n_parameters": np.int16(size),
            f"{band}_standard_deviation": np.float32(1.1),
            f"{band}_coefficients": 800.0 * 0.7 ** np.arange(size) * (1 + 0.05 * rng.normal(size=size)),
            f"{band}_coefficient_errors": sigma.astype(np.float32),
            f"{band}_coefficient_correlations": correlation.astype(np.float32),
            f"{band}_n_relevant_bases": np.int16(12),
        }
    return row


def sampled(source: int) -> dict[str, Any]:
    """A row of XP_SAMPLED: flux in W m-2 nm-1 at 336-1020 nm, step 2 nm."""
    flux = (1e-15 * (1 + np.sin(np.arange(343) / 60.0) * 0.3)).astype(np.float32)
    row = {"source_id": source, "solution_id": 4545469030156206081, "ra": 31.0, "dec": -5.0}
    return {**row, "flux": flux, "flux_error": (flux / 50).astype(np.float32)}


def rvs(source: int) -> dict[str, Any]:
    """A row of RVS: flat, with the strongest line of the calcium triplet at 866.45 nm (vacuum)."""
    wave = 846.0 + 0.01 * np.arange(2401)
    flux = (1.0 - 0.6 * np.exp(-0.5 * ((wave - 866.45) / 0.15) ** 2)).astype(np.float32)
    row = {"source_id": source, "solution_id": 4545469030156206082, "ra": 10.0, "dec": 20.0}
    return {**row, "flux": flux, "flux_error": np.full(2401, 0.02, np.float32)}


def product(kind: str, source: int) -> dict[str, Any] | None:
    first = 1_000_000_000_000_000_000
    good = source == first + 1 or source in NEW_ONLY or source in BULK or source in ELSEWHERE
    if kind == "XP_CONTINUOUS" and (good or source == first + 6):
        row = coefficients(source)
        empty = {k: np.ma.masked for k in row if k.startswith("bp_")} if source == first + 6 else {}
        return {**row, **empty}
    if kind == "XP_SAMPLED" and (good or source == first + 4):
        return sampled(source)
    if kind == "RVS" and source == first + 1:
        return rvs(source)
    if kind == "MEAN_SPECTRUM_XP" and source == DR4[0]:
        return coefficients(source, (40, 45), (62, 63))
    if kind == "MEAN_SPECTRUM_XP" and source == DR4[1]:
        return sampled(source)
    return None


def votable(rows: list[dict[str, Any]]) -> bytes:
    """A VOTable with arrays in cells, as the archive's formatter writes RAW."""
    types = {"i2": "short", "i4": "int", "i8": "long", "f4": "float", "f8": "double", "b1": "boolean"}
    names = list(dict.fromkeys(name for row in rows for name in row))
    fields, kinds = [], {}
    for name in names:
        value = next((row[name] for row in rows if row.get(name) is not None and row[name] is not np.ma.masked), 0.0)
        kinds[name] = isinstance(value, np.ndarray) or "_coefficient" in name
        size = ' arraysize="*"' if kinds[name] or isinstance(value, str) else ""
        kind = "char" if isinstance(value, str) else types[np.asarray(value).dtype.str[1:]]
        fields.append(f'<FIELD name="{name}" datatype="{kind}"{size}/>')
    lines = ["<TR>" + "".join(f"<TD>{_cell(row.get(name))}</TD>" for name in names) + "</TR>" for row in rows]
    info = '<INFO name="QUERY_STATUS" value="OK"/>'
    text = (
        f"<RESOURCE type='results'>{info}<TABLE>{''.join(fields)}<DATA><TABLEDATA>{''.join(lines)}</TABLEDATA></DATA>"
    )
    return f"{_HEAD}{text}</TABLE></RESOURCE></VOTABLE>".encode()


_HEAD = '<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'


def _cell(value: Any) -> str:
    if value is None or value is np.ma.masked:
        return ""
    if isinstance(value, np.ndarray):
        return " ".join(map(_cell, value))
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return repr(float(value))
    return escape(str(value))


def error_document(words: str, status: int) -> Answer:
    text = f"<RESOURCE type='results'><INFO name='QUERY_STATUS' value='ERROR'>{escape(words)}</INFO></RESOURCE>"
    return Answer(f"{_HEAD}{text}</VOTABLE>".encode(), status, "application/x-votable+xml")


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return out.getvalue()


def _data(folder: Path | None, asked: Asked) -> Answer:
    form = asked.form
    ids = [int(one) for one in form.get("ID", "").split(",") if one.strip()]
    kind, structure, release = (form.get(k, "") for k in ("RETRIEVAL_TYPE", "DATA_STRUCTURE", "RELEASE"))
    if not release:
        return Answer(b"this test server wants an explicit RELEASE", 400, "text/plain")
    new = any(one in NEW_ONLY for one in ids) or release == "Gaia DR4"
    if structure not in (("DATAMODEL_GAIA", "DATAMODEL_STANDARD") if new else ("RAW", "INDIVIDUAL")):
        page = (
            f"<html><body><ul><li><b>Message: </b>Invalid value for DATA_STRUCTURE: {structure}</li></ul></body></html>"
        )
        return Answer(page.encode(), 400, "text/html")
    for number, one in enumerate(TROUBLE, 1):
        if one in ids:
            return _trouble(number, one, kind)
    members: dict[str, bytes] = {}
    if folder is not None and RECORDED in ids and kind.startswith("XP"):
        path = folder / f"astroquery_gaia/gaia_dr3_source_id_{RECORDED}_dl_products_vot.zip"
        with zipfile.ZipFile(path) as packed:
            members |= {n: packed.read(n) for n in packed.namelist() if n.startswith(kind)}
    if folder is not None and kind == "XP_CONTINUOUS" and all(one in ids for one in RAW_RECORDED):
        members[f"{kind}_RAW.xml"] = (folder / "gaiaxpy/XP_CONTINUOUS_RAW.xml").read_bytes()
    rows = [row for one in reversed(ids) if (row := product(kind, one)) is not None]  # never in the order asked
    if rows and structure in ("INDIVIDUAL", "DATAMODEL_STANDARD"):
        members |= {f"{kind}-{release} {row['source_id']}.xml": votable([row]) for row in rows}
    elif rows:
        members[f"{kind}_{'RAW' if not new else structure}{'_2' if members else ''}.xml"] = votable(rows)
    return Answer(zipped(members), content_type="application/zip")


def _trouble(number: int, source: int, kind: str) -> Answer:
    if number == 1:
        return Answer(b"The data server is out of spectra today", content_type="text/plain")
    if number == 2:
        return error_document("Number of sources exceeds the maximum allowed for anonymous users", 200)
    if number == 3:
        return Answer(zipped({f"{kind}-Gaia DR2 {source}.xml": votable([coefficients(source)])}))
    if number == 4:
        return Answer(b"Invalid value for ID: not a source of this release", 400, "text/plain")
    if number == 6:
        return Answer(zipped({"README.txt": b"hello", "XP_CONTINUOUS_RAW.xml": votable([coefficients(source)])}))
    if number == 7:
        return Answer(zipped({"XP_CONTINUOUS_RAW.xml": b"<VOTABLE><this is no XML"}))
    whole = zipped({"XP_CONTINUOUS_RAW.xml": votable([coefficients(source)])})
    middle = len(whole) // 3
    return Answer(whole[:middle] + b"\0" * 40 + whole[middle + 40 :], content_type="application/zip")


# ------------------------------------------------------------------------------------------------ TAP
def _tap(folder: Path | None, adql: str) -> Answer:
    query = " ".join(adql.split())
    if re.search(r"\bno_such_column\b", query):
        words = "Cannot parse query: Unknown column 'no_such_column'"
        return error_document(words, 200 if "at_200" in query else 400)
    if "dr2_neighbourhood" in query:
        return Answer(_neighbours(query, "dr2", "dr3"))
    if "dr3_neighbourhood" in query:
        return Answer(_neighbours(query, "dr3", "dr4"))
    listed = re.search(r"source_id IN \(([^)]*)\)", query)
    if listed:
        ids = [int(one) for one in listed[1].split(",")]
        if folder is not None and set(ids) == set(ROWS_RECORDED):
            return Answer((folder / "astroquery_gaia/1710099405832VAL-result.vot").read_bytes())
        if "gaiadr4" in query:
            rows = [dict(source_id=one, ra=50.0, dec=-5.0, ref_epoch=2017.5, phot_g_mean_mag=14.0)
                    for one in ids if one in DR4]  # fmt: skip
            return Answer(votable(rows) if rows else _rows([]))
        return Answer(_rows([row for one in reversed(ids) if (row := row_of(one)) is not None]))
    circles = re.findall(r"CIRCLE\('ICRS', ([-\d.e]+), ([-\d.e]+), ([-\d.e]+)\)", query)
    if circles:
        return Answer(_rows(_cone(circles, query)))
    bulk = re.search(r"SELECT TOP (\d+) source_id FROM gaiadr3.gaia_source WHERE random_index", query)
    if bulk:
        return Answer(votable([dict(source_id=BULK[0] + k) for k in range(min(int(bulk[1]), 2500))]))
    return error_document(f"the replay server does not know this query: {query[:200]}", 400)


def _rows(rows: list[dict[str, Any]]) -> bytes:
    """Rows of gaia_source with all columns in their own types; an empty table keeps its columns."""
    kinds = {"source_id": "long", **{c: "boolean" for c in COLUMNS if c.startswith("has_")}}
    fields = "".join(f'<FIELD name="{c}" datatype="{kinds.get(c, "double")}"/>' for c in COLUMNS)
    lines = "".join("<TR>" + "".join(f"<TD>{_cell(r.get(c))}</TD>" for c in COLUMNS) + "</TR>" for r in rows)
    info = '<INFO name="QUERY_STATUS" value="OK"/>'
    body = (
        f"<RESOURCE type='results'>{info}<TABLE>{fields}<DATA><TABLEDATA>{lines}</TABLEDATA></DATA></TABLE></RESOURCE>"
    )
    return f"{_HEAD}{body}</VOTABLE>".encode()


def _cone(circles: list[tuple[str, str, str]], query: str) -> list[dict[str, Any]]:
    ra, dec = float(circles[0][0]), float(circles[0][1])
    radii = [float(c[2]) for c in circles]
    limit = re.search(r"> ([\d.]+) ?\)", query)
    fast = float(limit[1]) if limit else None
    found = []
    for row in SKY.values():
        apart = np.hypot((row["ra"] - ra) * np.cos(np.radians(dec)), row["dec"] - dec)
        quick = fast is not None and row["pmra"] ** 2 + row["pmdec"] ** 2 > fast
        if apart <= min(radii) or (quick and apart <= max(radii)):
            found.append((apart, row))
    return [row for _, row in sorted(found, key=lambda f: f[0])]


def _neighbours(query: str, old: str, new: str) -> bytes:
    known, value = re.findall(r"WHERE (\w+)_source_id = (\d+)", query)[0]
    pairs = [(2_002_000_000_000_000_001, 1_000_000_000_000_000_001, 120.5, 0.9),
             (2_002_000_000_000_000_001, 1_000_000_000_000_000_002, 4.25, -0.01)]  # fmt: skip
    if new == "dr4":
        pairs = [(1_000_000_000_000_000_001, DR4[0], 0.5, 0.001)]
    rows = [{f"{old}_source_id": a, f"{new}_source_id": b, "angular_distance": d, "magnitude_difference": m}
            for a, b, d, m in pairs if (a if known == old else b) == int(value)]  # fmt: skip
    fields = "".join(f'<FIELD name="{n}_source_id" datatype="long"/>' for n in (old, new))
    fields += '<FIELD name="angular_distance" datatype="float"/><FIELD name="magnitude_difference" datatype="float"/>'
    lines = "".join("<TR>" + "".join(f"<TD>{_cell(v)}</TD>" for v in row.values()) + "</TR>" for row in rows)
    table = f"<TABLE>{fields}<DATA><TABLEDATA>{lines}</TABLEDATA></DATA></TABLE>"
    return f"{_HEAD}<RESOURCE type='results'>{table}</RESOURCE></VOTABLE>".encode()


# ------------------------------------------------------------------------------------------------ jobs
class Jobs:
    """UWS jobs (IVOA UWS 1.1): a job is QUEUED, RUN, EXECUTING for one look, and COMPLETED or ERROR."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.queries, self.phases = folder, dict[str, str](), dict[str, str]()

    def submit(self, asked: Asked) -> Answer:
        number = f"{len(self.queries) + 1}O"
        self.queries[number] = asked.form.get("QUERY", "")
        self.phases[number] = "EXECUTING" if asked.form.get("PHASE") == "RUN" else "PENDING"
        return Answer(b"", 303, headers={"Location": f"https://gea.esac.esa.int/tap-server/tap/async/{number}"})

    def act(self, asked: Asked) -> Answer:
        number, _, rest = asked.path.partition("/async/")[2].partition("/")
        if number not in self.queries:
            return Answer(b"no such job", 404, "text/plain")
        place = f"https://gea.esac.esa.int/tap-server/tap/async/{number}"
        if asked.method == "DELETE" or asked.form.get("ACTION") == "DELETE":
            self.phases[number] = "ARCHIVED"
            return Answer(b"", 303, headers={"Location": "https://gea.esac.esa.int/tap-server/tap/async"})
        if rest == "phase" and asked.method == "POST":
            self.phases[number] = "EXECUTING" if asked.form.get("PHASE") == "RUN" else "ABORTED"
            return Answer(b"", 303, headers={"Location": place})
        if rest == "phase":
            return Answer(self._look(number).encode(), content_type="text/plain")
        if rest.startswith("results"):
            return _tap(self.folder, self.queries[number])
        return Answer(self._document(number, place).encode(), content_type="text/xml")

    def _look(self, number: str) -> str:
        phase = self.phases[number]
        if phase == "EXECUTING":
            failed = "no_such_column" in self.queries[number]
            self.phases[number] = "ERROR" if failed else "COMPLETED"
        return phase

    def _document(self, number: str, place: str) -> str:
        phase = self._look(number)
        wrong = "<uws:errorSummary type='fatal' hasDetail='true'>"
        wrong += "<uws:message>Unknown column 'no_such_column'</uws:message></uws:errorSummary>"
        return (
            '<?xml version="1.0"?><uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" version="1.1" '
            'xmlns:xlink="http://www.w3.org/1999/xlink">'
            f"<uws:jobId>{number}</uws:jobId><uws:ownerId>anonymous</uws:ownerId><uws:phase>{phase}</uws:phase>"
            "<uws:quote/><uws:startTime/><uws:endTime/><uws:executionDuration>0</uws:executionDuration>"
            "<uws:destruction/><uws:parameters/><uws:results>"
            f'<uws:result id="result" xlink:href="{place}/results/result"/></uws:results>'
            f"{wrong if phase == 'ERROR' else ''}</uws:job>"
        )


def _aip(asked: Asked) -> Answer:
    query = asked.form.get("QUERY", "")
    ids = [int(one) for one in re.findall(r"\d{10,}", query)]
    rows = [row for one in ids if (row := product("XP_CONTINUOUS", one)) is not None]
    if "xp_continuous_mean_spectrum" not in query or not rows:
        return Answer(_rows([]), content_type="application/x-votable+xml")
    return Answer(votable(rows), content_type="application/x-votable+xml")


def routes(data: Path | None) -> dict[str, list[Route]]:
    jobs = Jobs(data)
    products = (
        "load_data zip of Gaia DR3 5937083312263887616 (astropy/astroquery test data) and XP_CONTINUOUS_RAW.xml of two "
        "sources (GaiaXPy test data); other sources, errors and refusals built by hand"
    )
    rows = (
        "the rows of two sources (astropy/astroquery test data, 1710099405832VAL-result.vot); other rows, cones and "
        "neighbours built by hand"
    )
    gaia = [
        Route("POST", "/data-server/data", lambda asked: _data(data, asked), data is not None, products),
        Route(
            "*", "/tap-server/tap/sync", lambda asked: _tap(data, asked.form.get("QUERY", "")), data is not None, rows
        ),
        Route("POST", "/tap-server/tap/async", jobs.submit, False, "a UWS job, built by hand"),
        Route("*", "/tap-server/tap/async/.+", jobs.act, False, "phases and result of the job, built by hand"),
    ]
    return {"gaia": gaia, "gaia_aip": [Route("*", "/tap/sync", _aip, False, "rows of coefficients, built by hand")]}
