"""``query``: a question in ADQL to any of the services, through pyvo on our session.

pyvo writes the requests and reads the documents of a job; waiting, errors and the cache are ours: pyvo sleeps for up to
two minutes between two looks at a job, and nothing can wake it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.lamost.votables import mend
from specviz.archives.transport import current, session, title
from specviz.archives.votables import UNREADABLE, read_votable, refused
from specviz.errors import ArchiveError, BadReplyError, OptionError, QueryError, ServiceTimeoutError, SpecvizError

if TYPE_CHECKING:
    from astropy.table import Table

#: Where the services answer ADQL (services.md; LAMOST's moves with the release).
BASES = {
    "gaia": "https://gea.esac.esa.int/tap-server/tap",
    "gaia_aip": "https://gaia.aip.de/tap",
    "simbad": "https://simbad.cds.unistra.fr/simbad/sim-tap",
    "vizier": "https://tapvizier.cds.unistra.fr/TAPVizieR/tap",
    "lamost": "https://www.lamost.org/{release}/voservice/tap",
}
#: The LAMOST release that is asked where none is named.
LAMOST_RELEASE = "dr11/v2.0"
#: Rows up to which a service answers at once; for more it is given a job (the Gaia archive cuts at 2000).
SYNC_ROWS = 2000
#: Seconds after which a job is given up, and between two looks at it, first and at most.
JOB_SECONDS, FIRST_LOOK, LONGEST_LOOK = 600.0, 0.25, 10.0

_IGNORED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.S)
_TABLES = re.compile(r'\b(?:from|join)\s+((?:"[^"]+"|[\w.])+(?:\s*,\s*(?:"[^"]+"|[\w.])+)*)', re.I)
_SIMBAD = {
    "basic", "ident", "ids", "alltypes", "allfluxes", "flux", "filter", "otypedef", "otypes", "has_ref", "ref",
    "author", "h_link", "cat", "keywords", "biblio",
}  # fmt: skip
_LAMOST = {"catalogue", "stellar", "mstellar", "astellar", "combined", "wd", "cv", "mec", "galaxy", "qso", "plan"}


def query(
    service: str | None,
    adql: str,
    *,
    maxrec: int = SYNC_ROWS,
    uploads: Mapping[str, Table] | None = None,
    release: str = LAMOST_RELEASE,
    max_age: float = QUERY_AGE,
    check: Callable[[Table], object] | None = None,
) -> Table:
    """The rows that answer a question.

    Parameters
    ----------
    service : str or None
        "gaia", "gaia_aip", "simbad", "vizier" or "lamost"; None: guessed from the tables it names.
    adql : str
    maxrec : int
        Rows at most. A result of exactly so many is probably cut. Above 2000 the service works on it as a job, and
        the call returns when that is done.
    uploads : mapping of str to Table, optional
        Tables that the question may use as ``TAP_UPLOAD.name``.
    release : str
        Of LAMOST, such as "dr10/v2.0".
    max_age : float
        Seconds for which an earlier answer will do.
    check : callable(Table), optional
        Raises if the rows are not what was asked for; such an answer is not kept.

    Returns
    -------
    astropy.table.Table
        With units; text columns are plain strings.

    Raises
    ------
    QueryError
        The service refuses the question; the text holds its words.
    OptionError
        For a service that is not there, or a ``maxrec`` that is none.
    ArchiveError
        Any other trouble with the service.
    """
    name = service or service_of(adql)
    which = release.strip("/") if name == "lamost" else ""
    key = Key(name, which, f"tap:{maxrec}:{_digest(uploads)}{_stripped(adql)}")

    def produce() -> Table:
        table = ask(name, adql, maxrec=maxrec, uploads=uploads, release=release)
        if check is not None:
            check(table)
        return table

    return cache().remember_table(key, produce, max_age=max_age)


def ask(
    service: str,
    adql: str,
    *,
    maxrec: int = SYNC_ROWS,
    uploads: Mapping[str, Table] | None = None,
    release: str = LAMOST_RELEASE,
) -> Table:
    """As :func:`query`, without the cache."""
    question = _stripped(adql)
    if not question:
        raise QueryError("The question is empty", expected="ADQL, such as SELECT TOP 5 * FROM basic")
    if service not in BASES:
        raise OptionError(f"There is no TAP service {service!r}", expected=", ".join(BASES))
    if isinstance(maxrec, bool) or not isinstance(maxrec, int) or maxrec < 1:
        raise OptionError(f"maxrec={maxrec!r}", expected="a whole number of rows, at least 1")
    base = BASES[service].format(release=release.strip("/"))
    way = _ask_now if maxrec <= SYNC_ROWS else _ask_as_job
    return way(service, base, question, maxrec, uploads)


def service_of(adql: str) -> str:
    """Which service has the tables that a question names.

    Raises
    ------
    QueryError
        If none is known for them.
    """
    text = _IGNORED.sub(" ", adql)
    names = [n.strip() for found in _TABLES.findall(text) for n in found.split(",")]
    names = [n for n in names if n and not n.lower().startswith("tap_upload.")]
    for name in names:
        bare = name.replace('"', "").lower()
        if re.match(r"gaia\w*\.(?:xp|rvs|mcmc|epoch)\w*", bare):
            return "gaia_aip"  # ESA keeps these out of its tables (services.md 2.1)
        if re.match(r"(?:gaia\w*|external|user_\w+)\.", bare):
            return "gaia"
        if '"' in name and "/" in bare:
            return "vizier"
        if bare.removeprefix("public.") in _SIMBAD or re.match(r"(?:public\.)?mes[a-z_]+$", bare):
            return "simbad"
        if bare in _LAMOST or bare.startswith("med_"):
            return "lamost"
    said = ", ".join(names[:4]) or "no table"
    raise QueryError(
        f"No known service has {said}", expected="tables of Gaia, SIMBAD, VizieR or LAMOST", remedy="Name the service"
    )


def _stripped(adql: str) -> str:
    return adql.strip().rstrip(";").strip()


def literal(text: str) -> str:
    """A text as it stands in ADQL: in quotes, with quotes in it doubled."""
    return "'" + text.replace("'", "''") + "'"


def _ask_now(service: str, base: str, adql: str, maxrec: int, uploads: Mapping[str, Table] | None) -> Table:
    import pyvo

    tap = pyvo.dal.TAPService(base, session=session())
    question = tap.create_query(adql, maxrec=maxrec, uploads=dict(uploads or {}))
    if service == "lamost":
        # Its TAP is documented with GET only, and pyvo always posts.
        response = session().get(question.queryurl, params=dict(question))
    else:
        response = question.submit()
    return _table(service, response)


def _ask_as_job(service: str, base: str, adql: str, maxrec: int, uploads: Mapping[str, Table] | None) -> Table:
    import pyvo

    try:
        tap = pyvo.dal.TAPService(base, session=session())
        job = tap.submit_job(adql, maxrec=maxrec, uploads=dict(uploads or {}))
        job.run()
        phase = _wait(service, job)
        words = job.job.errorsummary.message.content if phase == "ERROR" and job.job.errorsummary else ""
        address = job.result_uri if phase == "COMPLETED" else None
    except SpecvizError:  # OptionError is a TypeError too, and means what it says
        raise
    except pyvo.dal.DALAccessError as error:
        raise _ours(service, error) from error
    except UNREADABLE as error:
        raise BadReplyError(f"{title(service)} does not tell how its job stands", service=service) from error
    try:
        if phase != "COMPLETED":
            raise refused(service, words or f"the job ended as {phase}")
        if not address:
            raise BadReplyError(f"{title(service)} has finished its job but names no result", service=service)
        return _table(service, session().get(address))
    finally:
        _leave(job)


def _wait(service: str, job: Any) -> str:
    """The phase in which a job ends. After a cancel it is left to the service, which removes it in its time."""
    monitor, pause, waited = current(), FIRST_LOOK, 0.0
    while True:
        phase = str(job.phase)
        if phase in ("COMPLETED", "ERROR", "ABORTED"):
            return phase
        if waited > JOB_SECONDS:
            raise ServiceTimeoutError(
                f"{title(service)} has not finished its job within {JOB_SECONDS:.0f} s",
                service=service,
                remedy="Ask for fewer rows, or for a smaller piece of the sky",
            )
        monitor.step(service, "working on the question")
        monitor.wait(pause)
        waited, pause = waited + pause, min(pause * 1.5, LONGEST_LOOK)


def _leave(job: Any) -> None:
    """Have a job removed. Only good manners: the service removes it by itself after some days."""
    import logging

    import pyvo

    try:
        job.delete()
    except (ArchiveError, pyvo.dal.DALAccessError) as error:
        logging.getLogger(__name__).info("the job was left to the service: %s", error)


def _table(service: str, response: Any) -> Table:
    """The table of a finished answer, or the error that it tells."""
    body, status = response.content, int(response.status_code)
    looks = b"<" in body[:400] and re.search(rb"<(?:\w+:)?VOTABLE\b", body[:4000]) is not None
    if status >= 400 and not looks:
        text = re.sub(r"<[^>]*>", " ", body[:2000].decode("utf-8", "replace"))
        raise refused(service, text or f"status {status}", status)
    table = read_votable(mend(body) if service == "lamost" else body, service, status)
    if status >= 400:
        raise QueryError(f"{title(service)} refuses the question ({status})", service=service, status=status)
    return table


def _ours(service: str, error: Any) -> ArchiveError:
    """Our error for one of pyvo's."""
    import pyvo

    words = " ".join(str(getattr(error, "reason", "") or error).split())
    code = getattr(error, "code", None)
    if isinstance(error, pyvo.dal.DALQueryError) or (isinstance(code, int) and 400 <= code < 500):
        return refused(service, words, code if isinstance(code, int) else None)
    return BadReplyError(f"The answer of {title(service)} makes no sense: {words[:300]}", service=service)


def _digest(uploads: Mapping[str, Table] | None) -> str:
    """What tells one set of uploaded tables from another, for the cache."""
    if not uploads:
        return ""
    text = "\n".join(f"{name}:{t.colnames}:{[list(row) for row in t]}" for name, t in sorted(uploads.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:32] + ":"
