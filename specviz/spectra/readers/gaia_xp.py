"""Gaia XP mean spectra: coefficients (XP_CONTINUOUS) and sampled (XP_SAMPLED), in every format the archive serves.

The same table comes as FITS, VOTable, CSV, ECSV or avro (``tables.py``), in two shapes: RAW (one row a source, array
cells) and INDIVIDUAL (one file a source; for XP_SAMPLED one row a wavelength, the source id then stands in a PARAM, in
the ECSV header or only in the file's name). Coefficients are calibrated by :mod:`specviz.spectra.xp_calibration`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ReadError, SpectrumError
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.readers.tables import Columns, to_array, to_floats, to_id, to_number
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.spectra.xp_calibration import XpBand, calibrate

_FLUX_UNIT = "W m-2 nm-1"
#: A flux far outside this range (median of |f|) is not in W m-2 nm-1; the brightest stars reach 1e-9, the faintest
#: 1e-21.
_FLUX_RANGE = (1e-24, 1e-6)
#: The bases of Gaia DR3, for which the shipped design matrices are made. Other releases have other bases, maybe as
#: many: their coefficients would calibrate without a complaint, to a wrong spectrum.
_DR3_BASES = {"bp": 56, "rp": 57}


def _tabular(content: Content) -> bool:
    if content.kind == "text":
        head = content.data[:200_000].lower()
        return b"flux_error" in head or b"_coefficients" in head
    return content.kind in ("votable", "avro") or (content.kind == "fits" and any(h.is_table for h in content.hdus))


def _names(content: Content) -> set[str]:
    """Column names; for FITS without reading the cells."""
    if content.kind == "fits":
        return {n.lower() for h in content.hdus if h.is_table for n in h.columns}
    return set(content.table.cells)


def _is_continuous(content: Content) -> bool:
    if not _tabular(content):
        return False
    names = _names(content)
    return any(f"{b}_{k}" in names for b in ("bp", "rp") for k in ("coefficients", "coeff_0")) or bool(
        names & {"bpspec", "rpspec"}
    )


def _is_sampled(content: Content) -> bool:
    if not _tabular(content):
        return False
    names = _names(content)
    if not {"flux", "flux_error"} <= names:
        return False
    return "source_id" in names or bool(names & {"wavelength", "wl"} and not names & {"ivar", "loglam", "time"})


@register_reader("gaia_xp_continuous", identify=_is_continuous, priority=21)
def read_continuous(content: Content) -> list[Star]:
    """Calibrate every source of a table of coefficients."""
    table = _gathered(content.table)
    return [_guard(content, table, row, _continuous) for row in range(table.rows)]


@register_reader("gaia_xp_sampled", identify=_is_sampled, priority=20)
def read_sampled(content: Content) -> list[Star]:
    """Read every source of a table of sampled spectra."""
    table: Columns = content.table
    wave_name = next((n for n in ("wavelength", "wl") if n in table), None)
    if wave_name is not None and table.rows > 1 and to_array(table.cell(wave_name, 0)).size == 1:
        return _long(content, table, wave_name)
    return [_guard(content, table, row, _raw_sampled) for row in range(table.rows)]


def _guard(content: Content, table: Columns, row: int, make: Any) -> Star:
    """One bad source must not hide the others: in a table of many it becomes a star that says what is wrong."""
    try:
        star: Star = make(content, table, row)
        return star
    except (SpectrumError, ReadError) as error:
        if table.rows == 1:
            raise
        meta = _meta(content, table, row, "")
        name = str(meta["object_id"])
        bare = Star(name, meta={"path": meta["path"], "error": f"{content.name}, {name}: {error}"})
        return bare.with_(identifiers=_identifiers(meta))


def _identifiers(meta: dict[str, Any]) -> tuple[Any, ...]:
    from specviz.spectra.star import Identifier

    return (Identifier("Gaia", str(meta.get("release") or ""), meta["source_id"]),) if meta.get("source_id") else ()


# ------------------------------------------------------------------------------------------------ coefficients
def _continuous(content: Content, table: Columns, row: int) -> Star:
    meta = _meta(content, table, row, "gaia_xp_continuous")
    _refuse_other_bases(table, row, meta["release"])
    bands: dict[str, XpBand | None] = {}
    for name in ("bp", "rp"):
        band = _band(table, row, name)
        bands[name] = band
        if band is None:
            continue
        meta[f"{name}_coefficients"] = band.coefficients
        meta[f"{name}_coefficient_errors"] = band.errors
        meta[f"{name}_coefficient_correlations"] = band.correlations
        meta[f"{name}_coefficient_covariance"] = band.covariance
        relevant = (
            to_number(table.cell(f"{name}_n_relevant_bases", row)) if f"{name}_n_relevant_bases" in table else None
        )
        meta[f"{name}_n_relevant_bases"] = None if relevant is None else int(relevant)
        if band.covariance is None and band.correlations is None:
            meta["errors_approximate"] = True  # no correlations in the source: independent errors
    meta["missing_bands"] = tuple(b for b, band in bands.items() if band is None)
    flux, sigma = calibrate(bands["bp"], bands["rp"])
    return _star(XP_WAVELENGTH_NM, flux, sigma, meta)


def _refuse_other_bases(table: Columns, row: int, release: str | None) -> None:
    """Coefficients that say they are of another release than DR3, or of other bases, are not calibrated."""
    named = {b: to_number(table.cell(n, row)) for b in _DR3_BASES if (n := f"{b}_basis_function_id") in table}
    other = {b: int(v) for b, v in named.items() if v is not None and v != _DR3_BASES[b]}
    if other or release not in (None, "DR3"):
        bases = ", ".join(f"{b.upper()} bases {number}" for b, number in other.items())
        raise SpectrumError(
            f"Coefficients of Gaia {release or 'XP'}{f' ({bases})' if bases else ''} cannot be calibrated here",
            expected="Gaia DR3 (BP bases 56, RP bases 57), which the shipped calibration is made for",
            remedy="Use the sampled spectrum of that release, or a GaiaXPy made for it",
        )


def _gathered(table: Columns) -> Columns:
    """Combined catalogues spread the arrays over columns (bp_coeff_0 ..., errors under e_): put them together again."""
    cells = dict(table.cells)
    for name in ("bp", "rp"):
        for prefix, target in (
            (f"{name}_coeff_", f"{name}_coefficients"),
            (f"e_{name}_coeff_", f"{name}_coefficient_errors"),
        ):
            found = [c for c in cells if c.startswith(prefix) and c[len(prefix) :].isdigit()]
            if found and target not in cells:
                found.sort(key=lambda c: int(c.rsplit("_", 1)[1]))
                cells[target] = np.column_stack([to_floats(cells[c]) for c in found])
    return replace(table, cells=cells)


def _band(table: Columns, row: int, name: str) -> XpBand | None:
    def array(column: str) -> NDArray[np.float64] | None:
        if column not in table:
            return None
        values = to_array(table.cell(column, row))
        return values if values.size and not np.isnan(values).all() else None

    if (
        f"{name}spec" in table
    ):  # the avro files of the processing consortium: a record a band, covariance packed with diagonal
        return _avro_band(table.cell(f"{name}spec", row))
    coefficients = array(f"{name}_coefficients")
    if coefficients is None:
        return None
    covariance = array(f"{name}_coefficient_covariances")
    n = coefficients.size
    return XpBand(
        coefficients,
        array(f"{name}_coefficient_errors"),
        array(f"{name}_coefficient_correlations"),
        covariance.reshape(n, n) if covariance is not None and covariance.size == n * n else None,
    )


def _avro_band(record: Any) -> XpBand | None:
    solution = record.get("solution") if isinstance(record, dict) else None
    coefficients = to_array((solution or {}).get("parameters"))
    if not solution or not coefficients.size:
        return None
    n = coefficients.size
    packed = to_array(solution.get("covariance"))
    scale = to_number(solution.get("standardDeviation"))
    if packed.size != n * (n + 1) // 2 or scale is None:
        return XpBand(coefficients)
    matrix = np.zeros((n, n))
    lower = np.tril_indices(n)
    matrix[lower] = packed
    matrix.T[lower] = packed
    return XpBand(coefficients, covariance=matrix * scale**2)


# ------------------------------------------------------------------------------------------------ sampled
def _raw_sampled(content: Content, table: Columns, row: int) -> Star:
    flux, error = to_array(table.cell("flux", row)), to_array(table.cell("flux_error", row))
    name = next((n for n in ("wavelength", "wl") if n in table), None)
    if name is not None:
        wave = to_array(table.cell(name, row))
    elif flux.size == XP_WAVELENGTH_NM.size:
        wave = np.asarray(XP_WAVELENGTH_NM)
    else:
        raise ReadError(
            f"{content.name}: {flux.size} samples and no wavelengths",
            expected=f"the {XP_WAVELENGTH_NM.size} of XP_SAMPLED (336-1020 nm, step 2 nm), or a wavelength column",
        )
    return _star(wave, flux, error, _meta(content, table, row, "gaia_xp_sampled"))


def _long(content: Content, table: Columns, wave_name: str) -> list[Star]:
    """INDIVIDUAL: one row a wavelength, of one source (or of several, told apart by ``source_id``)."""
    wave, flux, error = (to_floats(table.cells[n]) for n in (wave_name, "flux", "flux_error"))
    if "source_id" not in table:
        return [_star(wave, flux, error, _meta(content, table, 0, "gaia_xp_sampled"))]
    ids = np.array([to_id(c) or "" for c in table.cells["source_id"]])
    stars = []
    for source in dict.fromkeys(ids.tolist()):
        rows = np.flatnonzero(ids == source)
        stars.append(_star(wave[rows], flux[rows], error[rows], _meta(content, table, int(rows[0]), "gaia_xp_sampled")))
    return stars


def _star(
    wave: NDArray[np.float64], flux: NDArray[np.float64], sigma: NDArray[np.float64], meta: dict[str, Any]
) -> Star:
    if not wave.shape == flux.shape == sigma.shape:
        raise SpectrumError(
            f"{wave.size} wavelengths, {flux.size} fluxes and {sigma.size} errors", expected="equal lengths"
        )
    finite = np.isfinite(flux)
    if not np.any(finite & (flux != 0)):
        raise SpectrumError("The XP flux is zero or not a number everywhere")
    median = float(np.median(np.abs(flux[finite])))
    if not _FLUX_RANGE[0] < median < _FLUX_RANGE[1]:
        raise SpectrumError(
            f"A median XP flux of {median:.3g}",
            expected="an externally calibrated spectrum in W m-2 nm-1",
            remedy="Internally calibrated spectra (photons) cannot be used: fetch XP_CONTINUOUS or XP_SAMPLED",
        )
    known = np.isfinite(sigma) & (sigma > 0)
    with np.errstate(over="ignore"):
        ivar = np.where(known, 1.0 / np.where(known, sigma, 1.0) ** 2, 0.0)
    spectrum = Spectrum(
        wave,
        flux,
        np.where(np.isfinite(ivar), ivar, 0.0),
        ~finite | (known.any() & ~known),
        survey="gaia_xp",
        flux_unit=_FLUX_UNIT,
        meta=meta,
    )
    return Star.from_spectrum(spectrum)


def _meta(content: Content, table: Columns, row: int, layout: str) -> dict[str, Any]:
    def find(*names: str) -> Any:
        for n in names:
            if n in table:
                return table.cell(n, row)
            if n in table.meta:
                return table.meta[n]
        return None

    named = re.search(r"Gaia[ _]?(E?DR\d)?[ _](\d{8,20})(?!\d)", content.name)
    source = to_id(find("source_id", "sourceid")) or (named[2] if named else None)
    solution = to_id(find("solution_id", "solutionid")) or ""
    release = named[1] if named and named[1] else None
    if release is None and (
        solution.startswith("45454690301562060")
        or to_number(find("bp_basis_function_id")) == 56
        or to_number(find("rp_basis_function_id")) == 57
        or "bpspec" in table
    ):
        release = "DR3"  # solution 454546903015620608x and bases 56 and 57 are those of DR3
    place = to_array(find("spatialLocation"))
    ra, dec = to_number(find("ra")), to_number(find("dec"))
    if ra is None and place.size == 2:
        ra, dec = float(place[0]), float(place[1])
    name = " ".join(p for p in ("Gaia", release, source) if p) if source else content.name
    return {
        "object_id": name,
        "source_id": source,
        "release": release,
        "ra": ra,
        "dec": dec,
        "layout": layout,
        "path": content.path or content.name,
    }
