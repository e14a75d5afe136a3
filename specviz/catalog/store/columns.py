"""Columns of a star catalogue: their names, types, units, and how they become Arrow and come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CatalogError

#: What a catalogue holds of each star, where it is known: name, type, unit, meaning. Others may stand beside them.
STANDARD: Mapping[str, tuple[str, str, str]] = {
    "object_id": ("str", "", "name, unique in a catalogue"),
    "source_id": ("int64", "", "Gaia source_id; 0 where unknown"),
    "gaia_release": ("str", "", "release that source_id belongs to: DR3, DR4"),
    "obsid": ("int64", "", "LAMOST obsid; 0 where unknown"),
    "ra": ("float64", "deg", "right ascension, ICRS"),
    "dec": ("float64", "deg", "declination, ICRS"),
    "class": ("str", "", "class of the spectrum by its survey"),
    "snr": ("float32", "", "signal to noise per pixel of the optical spectrum"),
    "teff": ("float32", "K", "effective temperature"),
    "logg": ("float32", "dex", "surface gravity, log10 cm s-2"),
    "fe_h": ("float32", "dex", "iron abundance"),
    "alpha_fe": ("float32", "dex", "alpha enhancement"),
    "g_mag": ("float32", "mag", "apparent Gaia G"),
    "bp_rp": ("float32", "mag", "Gaia colour"),
    "parallax": ("float32", "mas", "parallax"),
    "distance_pc": ("float32", "pc", "distance"),
}
#: Names under which tables know some of them; the first that is there is taken.
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "object_id": ("name", "designation"),
    "source_id": ("gaia_source_id",),
    "class": ("subclass",),
    "teff": ("teff_gspphot", "Teff"),
    "logg": ("logg_gspphot",),
    "fe_h": ("feh", "mh_gspphot", "m_h"),
    "alpha_fe": ("alphafe", "a_fe", "alpha_m"),
    "snr": ("snrg",),
    "g_mag": ("phot_g_mean_mag",),
    "distance_pc": ("distance_gspphot",),
}


def pyarrow() -> Any:
    """The module, or an error that says how to have it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise CatalogError("pyarrow is not installed", remedy="pip install 'jupyter-specviz[catalog]'") from error
    return pyarrow


def standardised(columns: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Columns by their standard names and types; those that have no standard keep name and type.

    Parameters
    ----------
    columns : mapping of str to array, shape (N,)
        An ``object_id``, or what stands for one (:data:`OTHER_NAMES`, ``source_id``, ``obsid``), at least. Masked
        numbers become NaN (integers 0), masked words "".

    Raises
    ------
    CatalogError
        If nothing names the stars, or lengths differ.
    """
    names = dict.fromkeys(columns)
    taken = {}
    for standard, others in OTHER_NAMES.items():
        if standard not in names:
            other = next((n for n in others if n in names), None)
            if other is not None:
                taken[standard] = columns[other]
                del names[other]
    taken |= {name: columns[name] for name in names}
    if "object_id" not in taken:
        stands = next((n for n in ("source_id", "obsid") if n in taken), None)
        if stands is None:
            raise CatalogError("Nothing names the stars", expected="a column object_id, name, source_id or obsid")
        taken["object_id"] = np.asarray(taken[stands]).astype(str)
    ordered = [name for name in STANDARD if name in taken]
    ordered += [name for name in taken if name not in STANDARD]
    out = {name: _plain(name, taken[name]) for name in ordered}
    lengths = {name: len(values) for name, values in out.items()}
    if len(set(lengths.values())) > 1:
        raise CatalogError(f"Columns of {', '.join(f'{n}: {k}' for n, k in lengths.items())} rows do not fit together")
    return out


def _plain(name: str, values: Any) -> NDArray[Any]:
    """A column as a plain array of its type."""
    masked = np.ma.asarray(getattr(values, "value", values))
    if masked.ndim != 1:
        raise CatalogError(f"Column {name!r} has shape {masked.shape}", expected="one value a star")
    kind = STANDARD[name][0] if name in STANDARD else masked.dtype.name
    if kind == "str" or masked.dtype.kind in "USO":
        words = np.ma.filled(masked.astype(object), "")
        return np.array([w.decode() if isinstance(w, bytes) else str(w) for w in words], dtype=str)
    if masked.dtype.kind not in "fiub":
        raise CatalogError(f"Column {name!r} is of type {masked.dtype}", expected="numbers or words")
    fill = np.nan if masked.dtype.kind == "f" else 0
    plain = np.ma.filled(masked, fill)
    if kind.startswith("int") and plain.dtype.kind == "f":
        plain = np.where(np.isfinite(plain), plain, 0)
    return np.asarray(plain, kind)


def to_arrow(columns: Mapping[str, NDArray[Any]], about: bytes, units: Mapping[str, str] | None = None) -> Any:
    """An Arrow table of standardised columns; each field says its unit and meaning, the table what model made it."""
    pa = pyarrow()
    fields, arrays = [], []
    for name, values in columns.items():
        _, unit, meaning = STANDARD.get(name, ("", "", ""))
        unit = (units or {}).get(name, unit)
        told = {k: v for k, v in (("unit", unit), ("description", meaning)) if v}
        array = pa.array(values, pa.string()) if values.dtype.kind == "U" else pa.array(values)
        fields.append(pa.field(name, array.type, metadata=told or None))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata={"specviz": about}))


def from_arrow(column: Any) -> NDArray[Any]:
    """A column of an Arrow table as a plain array: NaN, 0 or "" where it has none."""
    pa = pyarrow()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.fill_null("").to_pylist(), dtype=str)
    if column.null_count:
        column = column.fill_null(np.nan if pa.types.is_floating(column.type) else 0)
    return np.asarray(column.to_numpy())


def unit_of(field: Any) -> str:
    """The unit that a field of an Arrow schema says; "" if none."""
    return str((field.metadata or {}).get(b"unit", b"").decode())
