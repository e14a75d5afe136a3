"""Spectra to FITS, ECSV, VOTable and CSV; what is written is read again by ``specviz.open``, to the last bit.

A spectrum is a table of ``wavelength`` (vacuum), ``flux``, ``sigma``, ``ivar`` and ``mask`` with units and UCDs. FITS
has a table extension a spectrum, VOTable a TABLE, ECSV one table; several spectra in ECSV, and all in CSV, are one long
table whose first columns say which spectrum a row belongs to. What the survey's header said travels as JSON in a place
of its own (``SPECVIZ``), beside the cards that people and other programs read.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import OptionError
from specviz.spectra.acknowledgements import acknowledgement
from specviz.spectra.spectrum import WAVELENGTH_UNITS, Spectrum
from specviz.spectra.star import Star
from specviz.spectra.writers.tables import FORMATS, output_format, table_bytes, write_whole

#: The columns of the long table, before those of the spectrum.
LONG = ("spectrum", "object_id", "survey", "kind", "frame")
#: Name of the extension, of the INFO and of the key in which the whole of the facts stands.
FACTS = "SPECVIZ"
_CARDS = ("obsid", "source_id", "designation", "release", "class", "subclass", "snr", "z", "z_err", "lmjd", "planid",
          "spid", "fiberid", "date_obs", "exptime", "simulated", "note")  # fmt: skip
_WAVE_UCD, _FLUX_UCD = "em.wl", "phot.flux.density;em.wl"


def write_spectra(what: Any, path: str | Path) -> Path:
    """Write spectra in the format of the suffix (.fits, .ecsv, .vot, .csv).

    Parameters
    ----------
    what : Spectrum, Star, or a list of them
        A star gives all its spectra.
    path : str or Path
        An older file is replaced in one step.

    Raises
    ------
    SpecvizError
        The suffix or the folder will not do, or there is no spectrum.
    """
    path = Path(path)
    return write_whole(path, spectra_bytes(observed_tables(what), output_format(path)))


def observed_tables(what: Any) -> list[Any]:
    """A table for each spectrum of a Spectrum, a Star, or a list of them."""
    items = what if isinstance(what, list | tuple) else [what]
    tables = []
    for of, item in enumerate(items):
        if isinstance(item, Spectrum):
            item = Star.from_spectrum(item)
        if not isinstance(item, Star):
            raise OptionError(f"{type(item).__name__} is no spectrum", expected="a Spectrum, a Star, or a list of them")
        tables += [spectrum_table(spectrum, star=item, of=of) for spectrum in item.spectra.values()]
    if not tables:
        raise OptionError("There is no spectrum to write", expected="a Spectrum, or a Star that has one")
    return tables


def spectrum_table(spectrum: Spectrum, *, star: Star | None = None, of: int = 0) -> Any:
    """One observed spectrum as an ``astropy.table.Table``; ``of`` tells the stars of a file apart."""
    star = star or Star.from_spectrum(spectrum)
    assert spectrum.ivar is not None and spectrum.mask is not None
    table = _curve(
        spectrum.survey, spectrum.frame, spectrum.wavelength, spectrum.flux, spectrum.sigma, spectrum.flux_unit
    )
    _column(table, "ivar", spectrum.ivar, f"({spectrum.flux_unit})-2" if spectrum.flux_unit else "",
            "inverse variance of the flux, 0 where nothing is known", "stat.weight;" + _FLUX_UCD)  # fmt: skip
    _column(table, "mask", spectrum.mask, "", "true: do not use this pixel", "meta.code.qual")
    facts = {
        "kind": "observed",
        "of": of,
        "survey": spectrum.survey,
        "frame": spectrum.frame,
        "flux_unit": spectrum.flux_unit,
        "meta": plain_facts(spectrum.meta),
        "star": {
            "name": star.name,
            "identifiers": [[i.archive, i.release, i.value] for i in star.identifiers],
            "ra": star.ra,
            "dec": star.dec,
            "catalogue": plain_facts(star.catalogue),
            "catalogues": {name: plain_facts(values) for name, values in star.catalogues.items()},
            "meta": plain_facts(star.meta),
        },
    }
    meta = plain_facts(spectrum.meta)
    table.meta.update(_head(star, spectrum.survey, "observed", spectrum.frame))
    table.meta.update({k: meta[k] for k in _CARDS if meta.get(k) is not None})
    if words := acknowledgement(spectrum):
        table.meta["acknowledgement"] = words
    table.meta[FACTS] = json.dumps(facts, allow_nan=False)
    return table


def model_table(
    survey: str,
    wavelength: NDArray[np.float64],
    flux: NDArray[np.float64],
    sigma: NDArray[np.float64],
    *,
    kind: str,
    star: Star,
    frame: str = "observed",
    flux_unit: str = "",
    normalised: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Any:
    """A spectrum that a model predicts, as a table; ``specviz.open`` does not take it for an observed one.

    Parameters
    ----------
    wavelength, flux, sigma : arrays, shape (n,)
        In the survey's unit and ``flux_unit``; sigma is the standard deviation of the prediction.
    kind : str
        "reconstruction" (of the instrument that the model saw) or "translation" (of another).
    normalised : (flux, sigma), optional
        The same as the model gives it, before the scale.
    facts : mapping, optional
        More for the header: who made it, from what.
    """
    table = _curve(survey, frame, wavelength, flux, sigma, flux_unit)
    if normalised is not None:
        _column(table, "flux_normalised", normalised[0], "", "flux as the model gives it", "arith.factor;" + _FLUX_UCD)
        _column(table, "sigma_normalised", normalised[1], "", "its standard deviation", "stat.error;" + _FLUX_UCD)
    table.meta.update(_head(star, survey, kind, frame))
    table.meta.update(plain_facts(facts or {}))
    own = {"kind": kind, "survey": survey, "frame": frame, "flux_unit": flux_unit, "star": {"name": star.name}}
    table.meta[FACTS] = json.dumps(own, allow_nan=False)
    return table


def spectra_bytes(tables: Sequence[Any], name: str) -> bytes:
    """Tables of spectra as the bytes of one file; ``name`` is a value of :data:`FORMATS`."""
    if name == "votable":
        return table_bytes(_named(tables), name)
    if name == "fits":
        named = {k: t.copy(copy_data=False) for k, t in _named(tables).items()}
        return table_bytes({**named, FACTS: _facts_table([t.meta.pop(FACTS) for t in named.values()])}, name)
    if name == FORMATS[".ecsv"] and len(tables) == 1:
        return table_bytes(tables[0], name)
    return table_bytes(_long(tables), name)


def _named(tables: Sequence[Any]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for table in tables:
        kind = table.meta["kind"]
        base = str(table.meta["survey"]).upper() + ("" if kind == "observed" else f"_{kind.upper()}")
        n = sum(1 for k in names if k == base or k.startswith(base + "_N"))
        names[base if n == 0 else f"{base}_N{n + 1}"] = table
    return names


def _facts_table(facts: Iterable[str]) -> Any:
    from astropy.table import Table

    return Table({"facts": list(facts)}, descriptions={"facts": "a row a spectrum, JSON: for specviz.open"})


def _long(tables: Sequence[Any]) -> Any:
    """One table of all, wavelengths in Angstrom; what a spectrum has no column for is masked."""
    from astropy.table import MaskedColumn, Table, vstack

    parts = []
    for i, table in enumerate(tables):
        part, n = Table(), len(table)
        head = {"spectrum": i, "object_id": table.meta["object_id"], **{k: table.meta[k] for k in LONG[2:]}}
        for key, value in head.items():
            part[key] = np.full(n, value)
        scale = 10.0 if WAVELENGTH_UNITS.get(table.meta["survey"]) == "nm" else 1.0
        for key in table.colnames:
            values = np.asarray(table[key]) * (scale if key == "wavelength" else 1)
            part[key] = MaskedColumn(values.astype(bool) if key == "mask" else values)
        part["flux_unit"] = np.full(n, json.loads(table.meta[FACTS])["flux_unit"] or "relative")
        parts.append(part)
    long = vstack(parts, join_type="outer") if len(parts) > 1 else parts[0]
    long.rename_column("wavelength", "wavelength_angstrom")
    long["wavelength_angstrom"].unit = "Angstrom"
    creator = {k: tables[0].meta[k] for k in ("creator", "created")}
    thanks = list(dict.fromkeys(t.meta["acknowledgement"] for t in tables if "acknowledgement" in t.meta))
    long.meta = {**creator, **({"acknowledgement": " ".join(thanks)} if thanks else {})}
    long.meta[FACTS] = json.dumps([json.loads(t.meta[FACTS]) for t in tables])
    return long


def _curve(survey: str, frame: str, wavelength: Any, flux: Any, sigma: Any, flux_unit: str) -> Any:
    from astropy.table import Table

    table = Table()
    words = "heliocentric, radial velocity not removed" if frame == "observed" else "rest frame of the star"
    _column(
        table,
        "wavelength",
        wavelength,
        WAVELENGTH_UNITS.get(survey, "Angstrom"),
        f"vacuum wavelength, {words}",
        _WAVE_UCD,
    )
    _column(table, "flux", flux, flux_unit, "flux per unit wavelength" if flux_unit else "relative flux", _FLUX_UCD)
    _column(
        table,
        "sigma",
        sigma,
        flux_unit,
        "standard deviation of the flux, NaN where not known",
        "stat.error;" + _FLUX_UCD,
    )
    return table


def _column(table: Any, name: str, values: Any, unit: str, description: str, ucd: str) -> None:
    from astropy.table import Column
    from astropy.units import Unit, UnitsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnitsWarning)
        parsed = Unit(unit, parse_strict="silent") if unit else None
    known = parsed is not None and type(parsed).__name__ != "UnrecognizedUnit"
    if not known and unit:
        description += f" [{unit}]"
    column = Column(np.asarray(values), unit=parsed if known else None, description=description, meta={"ucd": ucd})
    table[name] = column


def _head(star: Star, survey: str, kind: str, frame: str) -> dict[str, Any]:
    from specviz import __version__

    head: dict[str, Any] = {"object_id": star.name, "survey": survey, "kind": kind, "frame": frame, "medium": "vacuum"}
    if star.ra is not None and star.dec is not None:
        head |= {"ra": star.ra, "dec": star.dec}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {**head, "creator": f"specviz {__version__}", "created": now}


def plain_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What of a mapping a header can hold: texts, finite numbers, truth values, and short lists of them."""
    out: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, tuple):
            value = list(value)
        if isinstance(value, list) and not (len(value) <= 100 and all(isinstance(v, str | int) for v in value)):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            continue
        if value is None or isinstance(value, str | bool | int | float | list):
            out[str(key)] = value
    if "path" in out:  # the name of the file; folders of this machine say nothing to others
        out["path"] = str(out["path"]).replace("\\", "/").rsplit("/", 1)[-1]
    return out
