"""Which columns of a table hold a catalogue's labels of a star: LASP's, GSP-Phot's, APOGEE's, whatever they are called.

A name is taken apart into the catalogue (``lasp_teff``, ``teff_gspphot``, ``APOGEE_LOGG``), the label and what of it
the column holds: the value, its error (``_err``, ``e_``) or a bound (``_lower``, ``_upper``). Columns that name no
catalogue (``TEFF``, ``FE_H``) are those of the catalogue that the table is of, which its other columns tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

#: Words in column names, and whose they are.
_CATALOGUES: Mapping[str, str] = {
    "gspphot": "GSP-Phot",
    "lasp": "LASP",
    "lamost": "LASP",
    "apogee": "APOGEE",
    "aspcap": "APOGEE",
    "galah": "GALAH",
}
#: The first that is there leads: LAMOST's own, then spectra of higher resolution, then Gaia's low one.
_ORDER = ("LASP", "APOGEE", "GALAH", "GSP-Phot")
#: Columns that only tables of one catalogue have.
_TELLING = {
    "APOGEE": {"apogee_id", "aspcapflag", "aspcap_chi2", "aspcapflags"},
    "LASP": {"obsid", "lmjd", "fibermask"},
    "GALAH": {"sobject_id", "flag_sp"},
}
_LABELS: Mapping[str, str] = {
    **dict.fromkeys(("teff", "t_eff"), "teff"),
    **dict.fromkeys(("logg", "log_g"), "logg"),
    **dict.fromkeys(("fe_h", "feh", "mh", "m_h"), "fe_h"),  # the last two where a catalogue has no iron of its own
    **dict.fromkeys(("alpha_fe", "alphafe", "alpha_m", "a_m", "afe", "a_fe"), "alpha_fe"),
    **dict.fromkeys(("rv", "radial_velocity", "vhelio_avg"), "rv"),
    **dict.fromkeys(("vsini",), "vsini"),
    **dict.fromkeys(("vmicro", "vmic"), "vmic"),
    **dict.fromkeys(("ebpminrp",), "e_bp_rp"),
}  # fmt: skip
_ELEMENT = re.compile(r"(c|n|o|na|mg|al|si|p|s|k|ca|sc|ti|v|cr|mn|co|ni|cu|zn|sr|y|zr|ba|la|ce|nd|sm|eu)_fe", re.ASCII)
_ENDS = (("_lower", "_lower"), ("_upper", "_upper"), ("_error", "_err"), ("_err", "_err"), ("err", "_err"))
_PART = re.compile(r"_(lower|upper|err)$")
#: Beyond this a number stands for "none" in these catalogues (-9999, -999.25, 9999).
_NONE = 99999.0
_SENTINELS = (-9999.99, -9999.0, -999.0, 9999.0)


def catalogue_columns(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The columns of labels by catalogue.

    Returns
    -------
    dict of str to dict
        ``{"APOGEE": {"teff": "TEFF", "teff_err": "TEFF_ERR", ...}}``; empty where no catalogue's columns are there.
    """
    known = list(names)
    plain = {re.sub(r"[^a-z0-9]+", "_", n.lower()).strip("_"): n for n in reversed(known)}
    home = next((c for c, told in _TELLING.items() if told & set(plain)), "")
    found: dict[str, dict[str, str]] = {}
    rank: dict[tuple[str, str], int] = {}
    for key, name in plain.items():
        catalogue, rest = _taken_from(key)
        label, kind, at = _label(rest)
        catalogue = catalogue or home
        if catalogue and label and at <= rank.get((catalogue, label + kind), 99):
            found.setdefault(catalogue, {})[label + kind] = name
            rank[catalogue, label + kind] = at
    out = {}
    for catalogue in _ORDER:
        columns = found.get(catalogue, {})
        if any(not _PART.search(k) for k in columns):  # a bound or an error alone says nothing
            out[catalogue] = {k: v for k, v in columns.items() if _PART.sub("", k) in columns}
    return out


def catalogues_in(
    row: Mapping[str, Any], columns: Mapping[str, Mapping[str, str]], where: str
) -> dict[str, dict[str, Any]]:
    """A row's labels, for :attr:`specviz.spectra.star.Star.catalogues`.

    Parameters
    ----------
    row : mapping
        Cells by column name.
    columns : mapping
        Of :func:`catalogue_columns`.
    where : str
        Said in the ``source``: the name of the file.
    """
    out = {}
    for catalogue, named in columns.items():
        values: dict[str, Any] = {k: v for k, name in named.items() if (v := _number(row.get(name))) is not None}
        for key in [k for k in values if k.endswith("_err") and values[k] <= 0]:
            del values[key]
        if any(not _PART.search(k) for k in values):
            out[catalogue] = {**values, "source": f"{catalogue}, columns of {where}"}
    return out


def _taken_from(key: str) -> tuple[str, str]:
    """Catalogue and the rest of a name."""
    for word, catalogue in _CATALOGUES.items():
        if re.search(rf"(^|_){word}(_|$)", key):
            return catalogue, re.sub(rf"(^|_){word}(?=_|$)", "", key).strip("_")
    return "", key


def _label(key: str) -> tuple[str, str, int]:
    """Label, what of it the column holds ("" the value), and how good the name is (0 best); ("", "", 0) if none."""
    kind = ""
    if key.startswith("e_") and _label(key[2:])[0]:
        key, kind = key[2:], "_err"
    for end, meaning in _ENDS:
        if not kind and key.endswith(end) and len(key) > len(end):
            key, kind = key.removesuffix(end).rstrip("_"), meaning
    if key in _LABELS:
        return _LABELS[key], kind, 1 if key in ("mh", "m_h") else 0
    return (key, kind, 0) if _ELEMENT.fullmatch(key) else ("", "", 0)


def _number(cell: Any) -> float | None:
    if cell is None or isinstance(cell, bool):
        return None
    try:
        held = float(cell)
    except (TypeError, ValueError):
        return None
    return held if math.isfinite(held) and abs(held) < _NONE and held not in _SENTINELS else None
