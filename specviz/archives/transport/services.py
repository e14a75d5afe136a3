"""The services that specviz talks to: where they are, what they are called, and how gently they are to be asked.

Clients always name the public address. ``SPECVIZ_ENDPOINTS`` sends a whole service elsewhere, to a mirror or to the
replay server of the tests: either one base address (``http://127.0.0.1:8000`` means ``http://127.0.0.1:8000/lamost``
and so on), or a JSON object from service key to address.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from specviz.errors import OptionError


@dataclass(frozen=True)
class Service:
    """One service.

    Parameters
    ----------
    key : str
    title : str
        As a person calls it.
    hosts : tuple of str
        Public host names; the first is the one it is known by.
    per_second : float
        Requests a second at most. SIMBAD blocks an address for up to an hour that asks more than five to ten times a
        second (its own documentation, services.md section 3).
    at_once : int
        Requests at the same time.
    read_timeout : float
        Seconds without a byte after which the connection is given up.
    deadline : float
        Seconds that one request may take in all.
    limit : int
        Bytes of an answer, unpacked, above which it is refused.
    has_login : bool
        Whether 401 and 403 mean a login; elsewhere 403 means that this address asked too much.
    """

    key: str
    title: str
    hosts: tuple[str, ...]
    per_second: float = 4.0
    at_once: int = 2
    read_timeout: float = 60.0
    deadline: float = 180.0
    limit: int = 512 * 1024**2
    has_login: bool = False


_LAMOST_HOSTS = ("www.lamost.org", "lamost.org", *(f"dr{n}.lamost.org" for n in range(1, 16)))
SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        s.key: s
        for s in (
            Service("lamost", "LAMOST", _LAMOST_HOSTS, has_login=True),
            Service("gaia", "the Gaia archive", ("gea.esac.esa.int",), has_login=True),
            Service("gaia_aip", "Gaia@AIP", ("gaia.aip.de",)),
            Service("simbad", "SIMBAD", ("simbad.cds.unistra.fr", "simbad.u-strasbg.fr"), per_second=4.0),
            Service("vizier", "VizieR", ("vizier.cds.unistra.fr", "tapvizier.cds.unistra.fr")),
            Service("xmatch", "CDS XMatch", ("cdsxmatch.cds.unistra.fr", "cdsxmatch.u-strasbg.fr"), per_second=1.0),
            Service("mast", "MAST", ("mast.stsci.edu", "catalogs.mast.stsci.edu"), has_login=True),
            # arXiv asks for one request in three seconds, one at a time (its "Terms of Use for arXiv APIs").
            Service("arxiv", "arXiv", ("export.arxiv.org",), per_second=1 / 3, at_once=1, limit=16 * 1024**2),
            Service("ads", "ADS", ("api.adsabs.harvard.edu",), per_second=1.0, limit=16 * 1024**2, has_login=True),
        )
    }
)


def title(key: str) -> str:
    """What a person calls a service; the key itself for one that is not known."""
    return SERVICES[key].title if key in SERVICES else key


def endpoints() -> dict[str, str]:
    """Service key to the address that stands in for it, from ``SPECVIZ_ENDPOINTS``; empty where none is set.

    Raises
    ------
    OptionError
        For a value that is neither an address nor a JSON object of addresses.
    """
    told = os.environ.get("SPECVIZ_ENDPOINTS", "").strip()
    if not told:
        return {}
    if told.startswith("{"):
        try:
            found = json.loads(told)
        except ValueError as error:
            raise OptionError("SPECVIZ_ENDPOINTS is not valid JSON", expected='{"lamost": "http://..."}') from error
    else:
        found = {key: f"{told.rstrip('/')}/{key}" for key in SERVICES}
    for key, address in found.items():
        if key not in SERVICES or not re.match(r"https?://[^/]", str(address)):
            known = ", ".join(SERVICES)
            raise OptionError(
                f"SPECVIZ_ENDPOINTS names {key}: {address}", expected=f"an http address for one of {known}"
            )
    return {key: str(address).rstrip("/") for key, address in found.items()}


def locate(url: str) -> tuple[Service, str]:
    """The service of an address, and the address that is really asked.

    An address of no known service belongs to a service of its own, named after its host (a redirect may lead there).
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    there = endpoints()
    for key, address in there.items():
        if url.startswith(address + "/") or url == address:
            return SERVICES[key], url
    for service in SERVICES.values():
        if host in service.hosts:
            base = there.get(service.key)
            if base is None:
                return service, url
            rest = parts._replace(scheme="", netloc="").geturl()
            return service, base + ("" if rest.startswith("/") or not rest else "/") + rest
    return Service(host or "web", host or "the web", (host,)), url
