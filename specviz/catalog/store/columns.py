"""Columns of a star catalogue: their names, types, units, and how they become Arrow and come back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CatalogError

#: What a catalogue holds of each star, where it is known: name, type, unit, meaning. Others may stand beside them.
STANDARD: Mapping[str, tuple[str, str, str]] = {
    "object_id": ("str", "", "name; one star may have several rows, two stars may not share one"),
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
    if not {"object_id", "source_id", "obsid"} & set(taken):
        raise CatalogError("Nothing names the stars", expected="a column object_id, name, source_id or obsid")
    ordered = [name for name in STANDARD if name in taken]
    ordered += [name for name in taken if name not in STANDARD]
    out = {name: _plain(name, taken[name]) for name in ordered}
    if "object_id" not in out:
        out = {"object_id": _names_of(out), **out}
    lengths = {name: len(values) for name, values in out.items()}
    if len(set(lengths.values())) > 1:
        raise CatalogError(f"Columns of {', '.join(f'{n}: {k}' for n, k in lengths.items())} rows do not fit together")
    return out


def _names_of(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.str_]:
    """Names that :func:`specviz.get` understands: "Gaia DR3 4345775217221821312", "obsid 353301001"."""
    n = len(next(iter(columns.values())))
    names: NDArray[np.str_] = np.full(n, "", "U1")
    if "obsid" in columns:
        names = np.where(columns["obsid"] > 0, np.char.add("obsid ", columns["obsid"].astype(str)), names)
    if "source_id" in columns:
        numbers, releases = columns["source_id"].astype(str), columns.get("gaia_release", np.full(n, ""))
        said = np.char.add(np.char.add("Gaia ", np.char.add(releases, " ")), numbers)
        names = np.where(columns["source_id"] > 0, np.where(releases != "", said, numbers), names)
    return names


def columns_sha256(columns: Mapping[str, NDArray[Any]]) -> str:
    """Hash of standardised columns: of their names, types and values, in whatever order they stand."""
    told = hashlib.sha256()
    for name, values in sorted(columns.items()):
        told.update(f"{name}\0{values.dtype.str if values.dtype.kind != 'U' else 'str'}\0".encode())
        told.update("\0".join(values).encode() if values.dtype.kind == "U" else np.ascontiguousarray(values).tobytes())
    return told.hexdigest()


def _plain(name: str, given: Any) -> NDArray[Any]:
    """A column as a plain array of its type, in its standard unit."""
    if not isinstance(name, str) or not name or not name.isprintable():
        raise CatalogError(f"{name!r} cannot be the name of a column", expected="printable characters")
    masked = np.ma.asarray(getattr(given, "value", given))
    if masked.ndim != 1:
        raise CatalogError(f"Column {name!r} has shape {masked.shape}", expected="one value a star")
    kind, standard_unit = STANDARD[name][:2] if name in STANDARD else ("", "")
    if kind == "str" or (not kind and masked.dtype.kind in "USOM"):
        return _words(masked)
    if masked.dtype.kind in "USO":  # numbers that came as words, from CSV or with None among them
        masked = _numbers(name, _words(masked), kind)
    if masked.dtype.kind not in "fiub":
        raise CatalogError(f"Column {name!r} is of type {masked.dtype}", expected="numbers or words")
    if not kind:
        kind = "float64" if masked.dtype.itemsize > 8 else masked.dtype.name  # the name: without a byte order
    plain = np.ma.filled(masked, np.nan if masked.dtype.kind == "f" else 0)
    unit = getattr(given, "unit", None)
    if unit is not None and standard_unit not in ("", "dex", str(unit)):
        plain = _converted(name, plain, unit, standard_unit)
    if kind.startswith("int") and plain.dtype.kind == "f":
        plain = np.where(np.isfinite(plain), plain, 0)
        if plain.size and np.abs(plain).max() >= 2**53:
            raise CatalogError(
                f"Column {name!r} came as {plain.dtype.name}, which does not hold all digits of its numbers",
                expected="whole numbers (int64), masked or 0 where there is none",
                remedy="Read the table again with that column as int64 or as words",
            )
    return np.asarray(plain, kind)


def _words(masked: Any) -> NDArray[np.str_]:
    """Words of what may be bytes, numbers, None or masked."""
    if masked.dtype.kind == "U" and not np.ma.is_masked(masked):
        return np.asarray(np.ma.getdata(masked))
    words = np.ma.filled(masked.astype(object), "")
    return np.array([_word(w) for w in words], dtype=str)


def _word(cell: Any) -> str:
    if cell is None or cell is np.ma.masked or cell != cell:
        return ""
    text = cell.decode("utf-8", "replace").rstrip() if isinstance(cell, bytes) else str(cell)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _numbers(name: str, words: NDArray[np.str_], kind: str) -> Any:
    """Numbers that came as words; "" is no number."""
    there = np.char.strip(words) != ""
    out = np.full(len(words), 0 if kind.startswith("int") else np.nan, kind)
    try:
        out[there] = words[there].astype(kind)
    except (ValueError, OverflowError) as error:
        example = next((str(word) for word in words[there] if not _is_number(str(word))), "")
        what = f"Column {name!r} holds words that are no numbers" + (f", such as {example!r}" if example else "")
        raise CatalogError(what, expected="whole numbers" if kind.startswith("int") else "numbers") from error
    return np.ma.asarray(out)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _converted(name: str, values: NDArray[Any], unit: Any, standard: str) -> NDArray[Any]:
    """Values of a column that says its unit, in that of the standard."""
    from astropy import units

    try:
        return np.asarray(units.Unit(str(unit)).to(standard, np.asarray(values, np.float64)))
    except (ValueError, TypeError, units.UnitsError) as error:
        raise CatalogError(
            f"Column {name!r} is in {unit}, which cannot be made {standard}", remedy="Give it its right unit, or none"
        ) from error


def units_of(columns: Mapping[str, Any]) -> dict[str, str]:
    """The units that the columns of a table say of themselves."""
    told = {name: getattr(values, "unit", None) for name, values in columns.items()}
    return {name: str(unit) for name, unit in told.items() if unit is not None and str(unit)}


def to_arrow(columns: Mapping[str, NDArray[Any]], about: bytes, units: Mapping[str, str] | None = None) -> Any:
    """An Arrow table of standardised columns; each field says its unit and meaning, the table what model made it."""
    pa = pyarrow()
    fields, arrays = [], []
    for name, values in columns.items():
        _, unit, meaning = STANDARD.get(name, ("", "", ""))
        unit = unit or (units or {}).get(name, "")
        told = {k: v for k, v in (("unit", unit), ("description", meaning)) if v}
        array = pa.array(values, pa.string()) if values.dtype.kind == "U" else pa.array(values)
        fields.append(pa.field(name, array.type, metadata=told or None))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata={"specviz": about}))


def from_arrow(column: Any) -> NDArray[Any]:
    """A column of an Arrow table as a plain array: NaN, 0 or "" where it has none."""
    pa = pyarrow()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column.fill_null(""))
    if pa.types.is_boolean(kind):
        return np.asarray(column.fill_null(False).to_numpy(zero_copy_only=False), bool)
    if column.null_count:
        column = column.fill_null(np.nan if pa.types.is_floating(kind) else 0)
    return np.asarray(column.to_numpy())


def _texts(column: Any) -> NDArray[np.str_]:
    """Words of an Arrow column: by Arrow's own loops where they are ASCII, ten times faster than through Python's."""
    import pyarrow.compute as pc

    pa = pyarrow()
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    pieces = []
    for chunk in chunks:
        width = pc.max(pc.binary_length(chunk)).as_py() or 1
        if not len(chunk) or not pc.all(pc.string_is_ascii(chunk)).as_py():
            pieces.append(np.array(chunk.to_pylist(), dtype=str))
            continue
        padded = pc.ascii_rpad(chunk, width, padding="\0").cast(pa.binary()).cast(pa.binary(width))
        held = np.frombuffer(padded.buffers()[1], f"S{width}", len(padded), padded.offset * width)
        pieces.append(held.astype(f"U{width}"))
    return np.concatenate(pieces) if pieces else np.empty(0, "U1")


def unit_of(field: Any) -> str:
    """The unit that a field of an Arrow schema says; "" if none."""
    return str((field.metadata or {}).get(b"unit", b"").decode())
