"""VOTables, jobs and capabilities built by hand, in the shapes that TAP services send; for the files of routes."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from replay_server import Answer, Asked, Route

XML = "application/x-votable+xml"
_TYPES = {float: 'datatype="double"', int: 'datatype="long"', str: 'datatype="char" arraysize="*"'}


def votable(
    columns: Mapping[str, type], rows: Sequence[Mapping[str, Any]], *, name: str = "result", note: str = ""
) -> bytes:
    """A VOTable of these rows; ``columns`` maps names to float, int or str; what a row lacks is null."""
    fields = "".join(f"<FIELD name={quoteattr(c)} {_TYPES[kind]}/>" for c, kind in columns.items())
    data = "".join("<TR>" + "".join(_cell(row.get(c), kind) for c, kind in columns.items()) + "</TR>" for row in rows)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>{note}<TABLE name={quoteattr(name)}>'
        f"{fields}<DATA><TABLEDATA>{data}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def _cell(value: Any, kind: type) -> str:
    if value is None:
        return "<TD/>"
    return f"<TD>{escape(repr(float(value)) if kind is float else str(value))}</TD>"


def error_document(words: str) -> bytes:
    """What TAP says of a question it refuses (DALI 1.1, section 4.4.2)."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">{escape(words)}</INFO></RESOURCE></VOTABLE>'
    ).encode()


def uploaded(asked: Asked, name: str) -> list[dict[str, Any]]:
    """The rows of a table that came with a question (``UPLOAD=name,param:part``)."""
    from astropy.io import votable as vo

    part = dict(p.split(",param:") for p in asked.form["UPLOAD"].split(";"))[name]
    table = vo.parse(io.BytesIO(asked.form[part].encode()), verify="ignore").get_first_table().to_table()
    return [{c: row[c].item() if hasattr(row[c], "item") else row[c] for c in table.colnames} for row in table]


CAPABILITIES = """<?xml version="1.0" encoding="UTF-8"?>
<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:vod="http://www.ivoa.net/xml/VODataService/v1.1"
  xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0">
<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">
  <interface xsi:type="vod:ParamHTTP" role="std" version="1.1"><accessURL use="base">BASE</accessURL></interface>
  <language><name>ADQL</name><version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version></language>
  <outputFormat><mime>application/x-votable+xml</mime></outputFormat>
  <outputLimit><default unit="row">DEFAULT</default><hard unit="row">HARD</hard></outputLimit>
  <uploadLimit><hard unit="row">200000</hard></uploadLimit>
</capability>
</vosi:capabilities>"""


def tap_routes(prefix: str, answer: Callable[[Asked], Answer], *, base: str, tables: bytes, note: str) -> list[Route]:
    """What pyvo asks of a TAP service at ``prefix``: questions answered at once or as jobs, capabilities, tables.

    A job is EXECUTING at the first look and COMPLETED (or ERROR, where ``answer`` refuses) at the second.
    """
    jobs: dict[str, dict[str, Any]] = {}
    numbers = itertools.count(1)

    def submit(asked: Asked) -> Answer:
        number = f"{next(numbers)}"
        jobs[number] = {"asked": asked, "phase": "PENDING"}
        return Answer(b"", 303, "text/plain", {"Location": f"async/{number}"})

    def one(asked: Asked) -> Answer:
        number, rest = re.fullmatch(rf"{prefix}/async/(\d+)(/.*)?", asked.path).groups()  # type: ignore[union-attr]
        job = jobs.get(number)
        if job is None:
            return Answer(b"no such job", 404, "text/plain")
        if asked.method == "DELETE":
            del jobs[number]
            return Answer(b"", 200, "text/plain")
        if rest == "/phase" and asked.method == "POST":
            job["phase"] = "EXECUTING"
            return Answer(_uws(number, job), 200, "text/xml")
        if rest == "/results/result":
            return answer(job["asked"])
        shown = _uws(number, job)
        if job["phase"] == "EXECUTING":
            job["phase"] = "COMPLETED" if answer(job["asked"]).status == 200 else "ERROR"
            job["words"] = _words(answer(job["asked"]).body)
        return Answer(shown, 200, "text/xml")

    capabilities = CAPABILITIES.replace("BASE", base).replace("DEFAULT", "2000").replace("HARD", "2000000").encode()
    return [
        Route("*", f"{prefix}/sync", answer, False, note),
        Route("POST", f"{prefix}/async", submit, False, "a job, as UWS 1.1 says"),
        Route("*", rf"{prefix}/async/\d+(/.*)?", one, False, "a job, as UWS 1.1 says"),
        Route("GET", f"{prefix}/capabilities", lambda _: Answer(capabilities, 200, "text/xml"), False, "TAPRegExt 1.0"),
        Route("GET", f"{prefix}/tables", lambda _: Answer(tables, 200, "text/xml"), False, "VODataService 1.1"),
    ]


def _words(document: bytes) -> str:
    found = re.search(rb'value="ERROR">(.*?)</INFO>', document, re.S)
    return found[1].decode() if found else ""


def _uws(number: str, job: Mapping[str, Any]) -> bytes:
    end = ""
    if job["phase"] == "COMPLETED":
        end = f'<uws:results><uws:result id="result" xlink:href="{number}/results/result"/></uws:results>'
    if job["phase"] == "ERROR":
        end = f'<uws:errorSummary type="fatal"><uws:message>{job["words"]}</uws:message></uws:errorSummary>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?><uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1">'
        f"<uws:jobId>{number}</uws:jobId><uws:phase>{job['phase']}</uws:phase>{end}</uws:job>"
    ).encode()


def tables_document(tables: Mapping[str, Sequence[str]]) -> bytes:
    """Table names and their columns, as ``/tables`` lists them."""
    said = "".join(
        f"<table><name>{t}</name>{''.join(f'<column><name>{c}</name></column>' for c in columns)}</table>"
        for t, columns in tables.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<vosi:tableset xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
        'xmlns:vod="http://www.ivoa.net/xml/VODataService/v1.1"><schema><name>public</name>'
        f"{said}</schema></vosi:tableset>"
    ).encode()
