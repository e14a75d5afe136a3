"""Which columns of a HATS catalogue are which: embeddings, positions, labels, whatever LSDB did to their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.layout import EMBEDDING, HEALPIX, columns_of, header_of, units_of
from specviz.catalog.store.columns import STANDARD, from_arrow, pyarrow, unit_of
from specviz.catalog.store.header import Header
from specviz.errors import CatalogError
from specviz.spectra.spectrum import SURVEYS

#: Columns that old writers added for the folders that a file is in.
_FOLDERS = frozenset({"Norder", "Dir", "Npix"})


@dataclass(frozen=True)
class Columns:
    """What of a HATS catalogue becomes what.

    Parameters
    ----------
    header : Header
        The model of the embeddings, and their dimensions.
    plain : mapping of str to str
        Column of the star catalogue: column of the HATS catalogue.
    vectors : mapping of str to str
        Survey: column.
    units : mapping of str to str
        Of the columns of the star catalogue.
    left_out : tuple of str
        Columns that a star catalogue cannot hold (lists, structures, dates), or second embeddings of a survey.
    """

    header: Header
    plain: Mapping[str, str]
    vectors: Mapping[str, str]
    units: Mapping[str, str]
    left_out: tuple[str, ...]


def understood(
    schema: Any,
    told: Mapping[str, str],
    weights_sha256: str = "",
    embeddings: Mapping[str, str] | None = None,
) -> Columns | None:
    """Find out which columns are which.

    LSDB adds a suffix to names when it cross-matches: ``embedding_gaia_xp_right`` is ``gaia_xp``, and ``teff_left`` is
    ``teff`` where there is no plain one. Of two columns for one thing, that of the catalogue whose positions these are
    (the left one) is taken; the other keeps its name.

    Parameters
    ----------
    schema : pyarrow.Schema
    told : mapping
        Properties of the catalogue.
    weights_sha256 : str, optional
        Whose embeddings they are where the catalogue does not say it.
    embeddings : mapping of survey to column, optional
        Overrules what the names say.

    Returns
    -------
    Columns or None
        None if there are no embeddings.

    Raises
    ------
    CatalogError
        If nobody says which weights made them, or columns that are named are not there.
    """
    header = header_of(told, schema.metadata)
    known = dict(header.dims) if header is not None else {}
    ra, dec = told.get("hats_col_ra", "ra"), told.get("hats_col_dec", "dec")
    own = ra.removeprefix("ra") if ra.startswith("ra") else ""
    lists = [f.name for f in schema if _is_vector(f.type)]
    found, suffixes = _embeddings(lists, known, own) if embeddings is None else (dict(embeddings), [own])
    absent = [column for column in found.values() if column not in lists]
    if absent:
        raise CatalogError(
            f"There are no embeddings in {', '.join(absent)}", expected=", ".join(lists) or "none at all"
        )
    if not found:
        return None
    header = _whose(header, found, schema, weights_sha256)
    units = units_of(told)
    plain = _plain(
        [f for f in schema if _is_plain(f.type)], {"ra": ra, "dec": dec}, suffixes, {*STANDARD, *columns_of(told)}
    )
    used = {*plain.values(), *found.values(), HEALPIX, told.get("hats_col_healpix", HEALPIX), *_FOLDERS}
    said = {
        ours: unit_of(schema.field(name)) or next((units[n] for n in _bases(name, suffixes) if n in units), "")
        for ours, name in plain.items()
    }
    left_out = tuple(name for name in schema.names if name not in used)
    return Columns(header, plain, found, {name: unit for name, unit in said.items() if unit}, left_out)


def _embeddings(lists: list[str], known: Mapping[str, int], own: str) -> tuple[dict[str, str], list[str]]:
    """Column of each survey, and the suffixes that names have, that of the positions first."""
    found: dict[str, str] = {}
    suffixes = [own]
    for name in sorted((n for n in lists if n.startswith(EMBEDDING)), key=lambda n: not n.endswith(own)):
        rest = name[len(EMBEDDING) :]
        survey = max((s for s in (*known, *SURVEYS) if rest.startswith(s)), key=len, default="")
        if survey:  # others are of somebody else's images or texts
            found.setdefault(survey, name)
            suffixes.append(rest[len(survey) :])
    return found, [s for s in dict.fromkeys(suffixes) if s]


def _whose(header: Header | None, found: Mapping[str, str], schema: Any, weights_sha256: str) -> Header:
    """The header of these embeddings."""
    said = weights_sha256 or (header.weights_sha256 if header is not None else "")
    if header is not None and weights_sha256:
        header.check_weights(weights_sha256, "The HATS catalogue")
    unsaid = sorted(found) if header is None else [s for s in found if s not in header.dims]
    if unsaid and not weights_sha256:
        raise CatalogError(
            f"The HATS catalogue does not say which weights made its {', '.join(unsaid)} embeddings",
            expected=f"properties specviz_weights_sha256 and specviz_surveys ({len(found)} columns of embeddings)",
            remedy="If you know, say it (--weights SHA256); specviz catalog crossmatch writes it down itself",
        )
    dims = {survey: _dim(schema.field(name).type, (header.dims if header else {}).get(survey, 0))
            for survey, name in found.items()}  # fmt: skip
    if header is None:
        return Header("", "", said, "", dims)
    return Header(header.model, header.version, said, header.release, dims)


def _dim(kind: Any, told: int) -> int:
    return int(kind.list_size) if pyarrow().types.is_fixed_size_list(kind) else told


def _bases(name: str, suffixes: list[str]) -> list[str]:
    """What a column may have been called before a cross-match."""
    return [name, *(name.removesuffix(suffix) for suffix in suffixes)]


def _plain(
    fields: list[Any], positions: Mapping[str, str], suffixes: list[str], known: Collection[str]
) -> dict[str, str]:
    """Ours: theirs."""
    names = [f.name for f in fields if f.name not in (HEALPIX, *_FOLDERS)]
    taken = {ours: theirs for ours, theirs in positions.items() if theirs in names}
    for suffix in suffixes:
        for name in names:
            base = name.removesuffix(suffix)
            # A name that is known and that only exists with a suffix, and is nobody's yet.
            if base != name and base in known and base not in names and base not in taken:
                taken[base] = name
    spent = set(taken.values())
    rest = {name: name for name in names if name not in spent and name not in taken}
    return {**taken, **rest}


def _is_vector(kind: Any) -> bool:
    types = pyarrow().types
    nested = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(nested and types.is_floating(kind.value_type))


def _is_plain(kind: Any) -> bool:
    types = pyarrow().types
    if types.is_dictionary(kind):
        kind = kind.value_type
    numbers = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
    return bool(numbers or types.is_string(kind) or types.is_large_string(kind))


def plain_column(column: Any) -> NDArray[Any]:
    """A column as an array; words that are kept as numbers of a list are words again."""
    if pyarrow().types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return from_arrow(column)


def vector_column(column: Any, dim: int, name: str) -> NDArray[np.float32]:
    """A column of vectors, shape (n, D): NaN where a star has none.

    Raises
    ------
    CatalogError
        If vectors have different lengths.
    """
    pa = pyarrow()
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    there = np.asarray(whole.is_valid().to_numpy(zero_copy_only=False), bool)
    held = whole.drop_null()
    lengths = np.asarray(held.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths):
        dim = dim or int(lengths[0])
        if (lengths != dim).any():
            raise CatalogError(f"The vectors in column {name!r} are of different lengths", expected=f"{dim} numbers")
    out = np.full((len(there), dim), np.nan, np.float32)
    if len(lengths):
        flat = held.flatten()
        numbers = flat.to_numpy(zero_copy_only=False)
        out[there] = np.asarray(numbers, np.float32).reshape(-1, dim)
    return out
