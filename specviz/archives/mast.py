"""MAST: the TESS and Kepler input catalogues, and the light curves of Kepler, K2 and TESS.

The portal's documented address (``api/v0/invoke``) is asked directly. Astroquery's ``PortalAPI`` would take our
session, but it keeps the configuration of columns in one dictionary for all threads and fetches it anew, polls a
question that is still being worked on without a pause, and its module promises no name at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from specviz.archives.cache import PRODUCT_AGE, QUERY_AGE, Key, cache
from specviz.archives.names import Parsed, parse
from specviz.archives.transport import current, request
from specviz.errors import BadReplyError, OptionError, QueryError, ReadError, ServiceTimeoutError
from specviz.spectra.readers import read_bytes
from specviz.spectra.star import Identifier, LightCurve, Star

INVOKE = "https://mast.stsci.edu/api/v0/invoke"
DOWNLOAD = "https://mast.stsci.edu/api/v0.1/Download/file"
#: Rows of a page; seconds that a question may take in all; seconds between two looks, first and at most.
PAGE, QUESTION_SECONDS, FIRST_LOOK, LONGEST_LOOK = 5000, 180.0, 0.3, 5.0
_FILE = re.compile(
    r"(?P<kepler>kplr(?P<kic>\d{9})-(?P<stamp>\d{13})_(?P<kcad>[ls])lc)\.fits(?:\.gz)?"
    r"|(?P<k2>ktwo(?P<epic>\d{9})-c(?P<campaign>\d{2,3})_(?P<ccad>[ls])lc)\.fits(?:\.gz)?"
    r"|(?P<tess>tess\d{13}-s(?P<sector>\d{4})-(?P<tic>\d{16})-\d{4}-[a-z](?:_(?P<fast>a_fast|fast)-lc|_lc))\.fits(?:\.gz)?",
    re.I,
)
_COLLECTIONS = {"kic": ("Kepler",), "epic": ("K2",), "tic": ("TESS",)}
_RANK = {"Kepler": 0, "K2": 1, "TESS": 2}
_IDENTIFIERS = (("TIC", "", "ID"), ("KIC", "", "KIC"), ("Gaia", "DR2", "GAIA"), ("2MASS", "", "TWOMASS"))
_CADENCES = {"long": 0, "2 min": 0, "short": 1, "20 s": 1}


@dataclass(frozen=True)
class MastObject:
    """A row of the TESS input catalogue (which knows the Kepler stars too).

    Parameters
    ----------
    name : str
        As asked: ``"TIC 307210830"``.
    ra, dec : float or None
        Degrees, ICRS, epoch J2000.
    pm_ra, pm_dec : float or None
        mas/yr.
    identifiers : tuple of Identifier
        TIC, KIC, 2MASS, Gaia (the catalogue was built on DR2).
    catalogue : mapping
        teff (K), logg, fe_h, tmag, and their errors ``teff_err`` ..., where they are known.
    """

    name: str
    ra: float | None = None
    dec: float | None = None
    pm_ra: float | None = None
    pm_dec: float | None = None
    identifiers: tuple[Identifier, ...] = ()
    catalogue: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Position:
    """Where MAST's resolver places a name: degrees, ICRS; ``source`` says who knew it."""

    name: str
    ra: float
    dec: float
    source: str


@dataclass(frozen=True)
class Product:
    """One light-curve file.

    Parameters
    ----------
    mission : str
        "Kepler", "K2" or "TESS".
    target : str
        ``"KIC 8098300"``.
    period : int or None
        Quarter (Kepler), campaign (K2) or sector (TESS); None where MAST does not say.
    cadence : str
        "long" or "short" (Kepler, K2: 30 and 1 minutes), "2 min" or "20 s" (TESS).
    filename, uri : str
        Its name, and its name at MAST.
    size : int
        Bytes; 0 where MAST does not say.
    """

    mission: str
    target: str
    period: int | None
    cadence: str
    filename: str
    uri: str
    size: int = 0

    @property
    def label(self) -> str:
        """For a list of choices: ``"Kepler quarter 5, long cadence"``."""
        word = {"Kepler": "quarter", "K2": "campaign", "TESS": "sector"}[self.mission]
        when = f" {word} {self.period}" if self.period is not None else ""
        return f"{self.mission}{when}, {self.cadence} cadence"


def lookup(name: str | Parsed) -> MastObject | None:
    """The star of a TIC or KIC number; None if MAST does not know it.

    The TESS input catalogue is asked; a KIC number that it lacks is looked up by MAST's resolver, which gives only a
    position.

    Raises
    ------
    OptionError
        If the text is no TIC, KIC or EPIC number.
    ArchiveError
        If MAST cannot be asked.
    """
    meant = _meant(name)
    if meant.kind != "epic":
        wanted = [{"paramName": "ID" if meant.kind == "tic" else "KIC", "values": [meant.value]}]
        rows = _rows("Mast.Catalogs.Filtered.Tic.Rows", {"columns": "*", "filters": wanted})
        # The service may be generous with a filter: only the star itself counts.
        own = [row for row in rows if str(row.get("ID" if meant.kind == "tic" else "KIC")) == meant.value]
        # A star that was split or joined has several rows; the one in use has no disposition.
        own.sort(key=lambda row: bool(row.get("disposition")))
        if own:
            return _star_of(meant, own[0])
    if meant.kind == "tic":
        return None
    where = position(meant.label)
    if where is None:
        return None
    mine = Identifier(meant.kind.upper(), "", meant.value)
    return MastObject(meant.label, where.ra, where.dec, identifiers=(mine,))


def position(name: str) -> Position | None:
    """Where MAST's resolver (which asks TIC, KIC, EPIC, SIMBAD and NED) places a name; None if nobody knows it."""
    words = " ".join(name.split())
    if not words:
        return None
    key = Key("mast", "", f"resolve:{words.casefold()}")
    params = {"input": words, "format": "json"}
    data = cache().remember(
        key, lambda: json.dumps(_invoke("Mast.Name.Lookup", params)).encode(), max_age=QUERY_AGE, check=_resolved
    )
    found = _resolved(data)
    # The service may answer for several names at once: those asked for come first, and only those count.
    mine = [f for f in found if str(f.get("searchString", words)).casefold() == words.casefold()]
    for one in mine:
        ra, dec = _number(one.get("ra")), _number(one.get("decl"))
        if ra is not None and dec is not None:
            return Position(str(one.get("canonicalName") or words), ra, dec, str(one.get("resolver") or ""))
    return None


def numbers_at(ra: float, dec: float, radius: float = 3.0) -> list[str]:
    """KIC and TIC numbers of the star nearest to a position, as :func:`light_curves` takes them.

    Parameters
    ----------
    ra, dec : float
        Degrees, ICRS (epoch J2000, as the catalogue has it).
    radius : float
        Arcsec.
    """
    rows = _rows("Mast.Catalogs.Tic.Cone", {"ra": ra, "dec": dec, "radius": radius / 3600.0})
    known = [row for row in rows if row.get("ID") is not None and not row.get("disposition")]
    if not known:
        return []
    nearest = min(known, key=lambda row: _number(row.get("dstArcSec")) or 0.0)
    kic = _number(nearest.get("KIC"))
    return [*([f"KIC {int(kic)}"] if kic else []), f"TIC {nearest['ID']}"]


def light_curves(name: str | Parsed) -> list[Product]:
    """The light-curve files of a KIC, TIC or EPIC number, the one to show first.

    Order: long cadence before short, then the longest file, then the newest period. Every quarter or sector is listed.
    """
    meant = _meant(name)
    target = {"kic": f"kplr{meant.value:0>9}", "epic": f"ktwo{meant.value:0>9}", "tic": meant.value}[meant.kind]
    filters = [
        {"paramName": "obs_collection", "values": list(_COLLECTIONS[meant.kind])},
        {"paramName": "dataproduct_type", "values": ["timeseries"]},
        {"paramName": "target_name", "values": [target]},
    ]
    observations = _rows("Mast.Caom.Filtered", {"columns": "*", "filters": filters})
    numbers = sorted({str(o["obsid"]) for o in observations if o.get("obsid") is not None})
    if not numbers:
        return []
    found = {}
    for row in _rows("Mast.Caom.Products", {"obsid": ",".join(numbers)}):
        product = _product(row, meant)
        if product is not None:
            found[product.uri] = product
    return sorted(found.values(), key=_order)


def fetch_light_curve(product: Product) -> LightCurve:
    """The light curve in a file of MAST.

    Raises
    ------
    BadReplyError
        What came is no light curve.
    ArchiveError
        MAST cannot be asked.
    """
    curve = fetch_star(product).light_curve
    assert curve is not None  # fetch_star has looked
    return curve


def fetch_star(product: Product) -> Star:
    """The star of a light-curve file: its light curve, and what the header says of it."""
    address = f"{DOWNLOAD}?uri={quote(product.uri, safe='')}"
    data = cache().remember(
        Key("mast", product.mission, f"file:{product.uri}"),
        lambda: request("mast", "GET", address).body,
        max_age=PRODUCT_AGE,
        check=lambda body: _read(body, product),
    )
    return _read(data, product)


def _read(body: bytes, product: Product) -> Star:
    try:
        star = next((s for s in read_bytes(body, product.filename) if s.light_curve is not None), None)
    except ReadError as error:
        raise BadReplyError(
            f"MAST did not send the light curve {product.filename}", service="mast", remedy="Try again later"
        ) from error
    if star is None:
        raise BadReplyError(f"{product.filename} from MAST holds no light curve", service="mast")
    return star


def _meant(name: str | Parsed) -> Parsed:
    meant = parse(name) if isinstance(name, str) else name
    if meant.kind not in _COLLECTIONS:
        what = f"“{meant.label}” is no number of the TESS or Kepler catalogues"
        raise OptionError(what, expected="TIC, KIC or EPIC and a number")
    return meant


def _order(product: Product) -> tuple[int, int, int, int, str]:
    newest = -(product.period if product.period is not None else -1)
    return (_RANK[product.mission], _CADENCES.get(product.cadence, 2), -product.size, newest, product.filename)


def _product(row: Mapping[str, Any], meant: Parsed) -> Product | None:
    """A product, if the row is a light curve of this star that the mission itself made."""
    filename, uri = str(row.get("productFilename") or ""), str(row.get("dataURI") or "")
    match = _FILE.fullmatch(filename)
    if match is None or not uri:
        return None
    size = int(_number(row.get("size")) or 0)
    if match["kepler"]:
        mission, number, cadence = "Kepler", match["kic"], match["kcad"]
        said = re.search(r"\bQ(\d{1,2})\b", str(row.get("description") or ""))
        period = int(said[1]) if said else None
    elif match["k2"]:
        mission, number, cadence, period = "K2", match["epic"], match["ccad"], int(match["campaign"])
    else:
        mission, number, cadence, period = "TESS", match["tic"], "fast" if match["fast"] else "2", int(match["sector"])
    if number.lstrip("0") != meant.value:
        return None
    words = {"l": "long", "s": "short", "2": "2 min", "fast": "20 s"}
    return Product(mission, meant.label, period, words[cadence.lower()], filename, uri, size)


def _star_of(meant: Parsed, row: Mapping[str, Any]) -> MastObject:
    ids = []
    for archive, release, column in _IDENTIFIERS:
        text = str(row.get(column) or "").strip()
        if text:
            ids.append(Identifier(archive, release, f"J{text}" if archive == "2MASS" else text))
    known: dict[str, Any] = {}
    for ours, theirs in (("teff", "Teff"), ("logg", "logg"), ("fe_h", "MH"), ("tmag", "Tmag")):
        value, error = _number(row.get(theirs)), _number(row.get(f"e_{theirs}"))
        if value is not None:
            known[ours] = value
            if error is not None:
                known[f"{ours}_err"] = error
    if known:
        known["source"] = f"TIC {row.get('version') or ''}".strip()
    ra, dec, pm_ra, pm_dec = (_number(row.get(k)) for k in ("ra", "dec", "pmRA", "pmDEC"))
    return MastObject(meant.label, ra, dec, pm_ra, pm_dec, tuple(ids), known)


def _rows(service: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every row that a service of the portal answers with, from the cache where they are young enough."""
    key = Key("mast", "", f"{service}:{json.dumps(params, sort_keys=True)}")
    data = cache().remember(key, lambda: _all_pages(service, params), max_age=QUERY_AGE, check=_listed)
    return _listed(data)


def _all_pages(service: str, params: Mapping[str, Any]) -> bytes:
    rows: list[Any] = []
    page, pages = 1, 1
    while page <= pages:
        answer = _invoke(service, params, page=page)
        rows += _data(answer)
        paging = answer.get("paging")
        told = _number(paging.get("pagesFiltered")) if isinstance(paging, dict) else None
        # A page without rows is the last one, whatever the count says.
        pages = int(told) if told and answer["data"] else page
        page += 1
    return json.dumps(rows).encode()


def _invoke(service: str, params: Mapping[str, Any], *, page: int = 1) -> dict[str, Any]:
    """One question; looks again while MAST is still working on it."""
    question = {"service": service, "params": dict(params), "format": "json", "pagesize": PAGE, "page": page}
    pause, waited = FIRST_LOOK, 0.0
    while True:
        reply = request("mast", "POST", INVOKE, data={"request": json.dumps(question)})
        answer = reply.json()
        if not isinstance(answer, dict):
            raise BadReplyError("MAST answers with something else than it promises", service="mast")
        status = str(answer.get("status") or "").upper()
        if status == "ERROR":
            said = " ".join(str(answer.get("msg") or "no reason given").split())[:300]
            raise QueryError(f"MAST refuses the question: {said}", service="mast", status=reply.status)
        if status != "EXECUTING":
            return answer
        if waited >= QUESTION_SECONDS:
            raise ServiceTimeoutError(
                f"MAST has not answered within {QUESTION_SECONDS:.0f} s", service="mast", remedy="Try again later"
            )
        current().step("mast", "working on the question")
        current().wait(pause)
        waited, pause = waited + pause, min(pause * 1.5, LONGEST_LOOK)


def _data(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise BadReplyError("MAST answers without rows", service="mast", expected="a list of rows")
    return data


def _listed(data: bytes) -> list[dict[str, Any]]:
    return list(_json(data, list))


def _resolved(data: bytes) -> list[dict[str, Any]]:
    found = _json(data, dict).get("resolvedCoordinate") or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadReplyError("MAST's resolver answers with something else than it promises", service="mast")
    return found


def _json(data: bytes, kind: type) -> Any:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise BadReplyError("The answer of MAST is no JSON", service="mast") from error
    if not isinstance(value, kind):
        raise BadReplyError("MAST answers with something else than it promises", service="mast")
    return value


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None
