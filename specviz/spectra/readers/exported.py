"""Files that specviz has written (:mod:`specviz.spectra.writers.spectra`): spectra with all that was known of them.

Spectra that a model predicted stand in such files too, and are not taken for observed ones. The facts in a file are
checked like those of any other: a file that says it is ours may come from anybody.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from specviz.errors import NotASpectrumError, ReadError
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.readers.tables import Columns, to_floats
from specviz.spectra.spectrum import WAVELENGTH_UNITS, Spectrum
from specviz.spectra.star import Identifier, Star

_FACTS = "SPECVIZ"
_CSV_HEAD = b"spectrum,object_id,survey,kind,frame,wavelength_angstrom,flux,"
_MAX_FACTS = 4_000_000
_COLUMNS = ("wavelength", "flux", "ivar", "mask")


def _is_ours(content: Content) -> bool:
    if content.kind == "fits":
        return any(h.is_table and h.name == _FACTS and "FACTS" in h.columns for h in content.hdus)
    if content.kind == "votable":
        return re.search(rb'<INFO[^>]*name="SPECVIZ"', content.data) is not None
    if content.kind == "text":
        head = content.data[:65536]
        return head.removeprefix(b"\xef\xbb\xbf").startswith(_CSV_HEAD) or (
            head.startswith(b"# %ECSV") and re.search(rb"\bSPECVIZ:", head) is not None
        )
    return False


@register_reader("specviz", identify=_is_ours, priority=50)
def read_exported(content: Content) -> list[Star]:
    """The stars of a file of ours."""
    read = {"fits": _fits, "votable": _votable}.get(content.kind, _text)
    stars: dict[Any, Star] = {}
    predicted = 0
    for facts, columns in read(content):
        if facts.get("kind") != "observed":
            predicted += 1
            continue
        spectrum = _spectrum(content, facts, columns)
        of = facts.get("of") if isinstance(facts.get("of"), int | str) else len(stars)
        known = stars.get(of)
        stars[of] = _star(facts, spectrum) if known is None else known.with_spectrum(spectrum)
    if not stars and predicted:
        raise NotASpectrumError(
            f"{content.name}: {predicted} spectra that a model predicted, none that was observed",
            expected="an observed spectrum",
        )
    return list(stars.values())


# ------------------------------------------------------------------------------------------------ formats
def _fits(content: Content) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    facts = next(h for h in content.hdus if h.name == _FACTS).column("FACTS")
    tables = [h for h in content.hdus if h.is_table and h.name != _FACTS]
    if len(facts) != len(tables):
        raise ReadError(f"{content.name}: {len(tables)} spectra and facts of {len(facts)}", expected="as many of both")
    return [
        (_parsed(content, f), {k: h.column(k) for k in _present(h.columns)}) for f, h in zip(facts, tables, strict=True)
    ]


def _present(columns: Mapping[str, Any]) -> list[str]:
    return [k for k in _COLUMNS if k.upper() in columns]


def _votable(content: Content) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if b"<!ENTITY" in content.data or b"<!DOCTYPE" in content.data[:8192]:
        raise ReadError(f"{content.name}: an XML file that defines entities", expected="a VOTable")
    from astropy.io.votable import parse

    found = []
    for table in parse(io.BytesIO(content.data), verify="ignore").iter_tables():
        info = next((i.value for i in table.infos if i.name == _FACTS), None)
        if info is not None:
            ids = {str(f.name).lower(): f.ID for f in table.fields}
            found.append((_parsed(content, info), {k: table.array[ids[k]] for k in _COLUMNS if k in ids}))
    return found


def _text(content: Content) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    table: Columns = content.table
    facts = _ecsv_facts(content) if content.data.startswith(b"# %ECSV") else None
    if isinstance(facts, dict):
        return [(facts, {k: table.cells[k] for k in _COLUMNS if k in table})]
    which = np.array([str(c) for c in table.cells["spectrum"]])
    found = []
    for i, one in enumerate(dict.fromkeys(which.tolist())):
        rows = np.flatnonzero(which == one)
        cells = {k: [table.cells[k][r] for r in rows] for k in table.cells}
        first = {k: _unquoted(str(v[0])) for k, v in cells.items()}
        own = facts[i] if isinstance(facts, list) and i < len(facts) else _few_facts(first)
        if not isinstance(own, dict):
            raise ReadError(f"{content.name}: the facts of spectrum {i + 1} are damaged", remedy="Export it again")
        nm = WAVELENGTH_UNITS.get(str(own.get("survey"))) == "nm"
        columns: dict[str, Any] = {k: cells[k] for k in _COLUMNS[1:] if k in cells}
        columns["wavelength"] = to_floats(cells["wavelength_angstrom"]) / (10.0 if nm else 1.0)
        found.append((own, columns))
    return found


def _few_facts(first: Mapping[str, str]) -> dict[str, Any]:
    """All that a CSV tells; spectra of one name are of one star."""
    name = first["object_id"]
    unit = "" if first.get("flux_unit", "relative") == "relative" else first["flux_unit"]
    facts = {"kind": first["kind"], "survey": first["survey"], "frame": first["frame"], "flux_unit": unit}
    return {**facts, "meta": {"object_id": name}, "star": {"name": name}, "of": name}


def _unquoted(cell: str) -> str:
    """A cell without the apostrophe that kept spreadsheets from running it."""
    return cell[1:] if re.match(r"'[=+\-@\t\r\n＝＋－＠ ]", cell) else cell


def _ecsv_facts(content: Content) -> Any:
    from astropy.table.meta import get_header_from_yaml

    head = []
    for line in content.data[:_MAX_FACTS].decode("utf-8", "replace").splitlines():
        if not line.startswith("#"):
            break
        head.append(line[2:])
    meta = dict(get_header_from_yaml(head[1:]).get("meta") or ())
    return _parsed(content, meta[_FACTS], (dict, list))


def _parsed(content: Content, words: Any, kinds: Any = dict) -> Any:
    words = str(words)
    try:
        facts = json.loads(words) if len(words) < _MAX_FACTS else None
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, kinds):
        raise ReadError(f"{content.name}: its facts are damaged", expected="JSON", remedy="Export it again")
    return facts


# ------------------------------------------------------------------------------------------------ meaning
def _spectrum(content: Content, facts: Mapping[str, Any], columns: Mapping[str, Any]) -> Spectrum:
    if not {"wavelength", "flux"} <= set(columns):
        raise ReadError(f"{content.name}: a column is missing", expected=", ".join(_COLUMNS))
    meta = {**_plain(facts.get("meta")), "path": content.path or content.name}
    return Spectrum(
        to_floats(columns["wavelength"]),
        to_floats(columns["flux"]),
        to_floats(columns["ivar"]) if "ivar" in columns else None,
        _truths(columns["mask"]) if "mask" in columns else None,
        frame="rest" if facts.get("frame") == "rest" else "observed",
        survey=str(facts.get("survey", "other")),
        flux_unit=str(facts.get("flux_unit") or "")[:60],
        meta=meta,
    )


def _star(facts: Mapping[str, Any], spectrum: Spectrum) -> Star:
    v = facts.get("star")
    v = v if isinstance(v, dict) else {}
    ids = v.get("identifiers")
    identifiers = [i for i in ids if isinstance(i, list) and len(i) == 3] if isinstance(ids, list) else []
    return Star(
        name=str(v.get("name") or spectrum.meta.get("object_id") or "unnamed")[:300],
        spectra={spectrum.survey: spectrum},
        identifiers=tuple(Identifier(*(str(w)[:100] for w in i)) for i in identifiers[:100]),
        ra=_number(v.get("ra")),
        dec=_number(v.get("dec")),
        catalogue=_plain(v.get("catalogue")),
        catalogues={str(k)[:100]: _plain(x) for k, x in _named(v.get("catalogues")).items()},
        meta={**_plain(v.get("meta")), "path": spectrum.meta["path"]},
    )


def _truths(cells: Any) -> Any:
    if isinstance(cells, np.ma.MaskedArray):
        cells = cells.filled(True)
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "biuf":
        return cells.astype(bool)
    return np.array([str(c).strip().lower() not in ("false", "0", "f") for c in cells])


def _number(value: Any) -> float | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 360
    return float(value) if fine else None


def _named(value: Any) -> dict[str, Any]:
    return dict(list(value.items())[:20]) if isinstance(value, dict) else {}


def _plain(value: Any) -> dict[str, Any]:
    """Texts, numbers, truth values and short lists of them, of a mapping."""
    if not isinstance(value, dict):
        return {}
    out: dict[str, Any] = {}
    for key, v in list(value.items())[:300]:
        if isinstance(v, list) and len(v) <= 100 and all(isinstance(w, str | int) for w in v):
            out[str(key)[:100]] = tuple(v)
        elif v is None or isinstance(v, bool | float) or (isinstance(v, int) and abs(v) < 2**63):
            out[str(key)[:100]] = v
        elif isinstance(v, str):
            out[str(key)[:100]] = v[:2000]
    return out
