"""``join``: columns of a table beside the stars of a catalogue; vectors, index and maps stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.store import parts as files
from specviz.catalog.store.columns import (
    OTHER_NAMES,
    STANDARD,
    columns_sha256,
    from_arrow,
    standardised,
    to_arrow,
    unit_of,
    units_of,
)
from specviz.catalog.store.header import PartRecord
from specviz.catalog.store.identity import KNOWN_BY, Identities
from specviz.catalog.store.reading import read_columns
from specviz.catalog.store.schema import refuse_drift
from specviz.catalog.store.star_catalog import PARTS, StarCatalog
from specviz.catalog.store.writing import writing
from specviz.errors import CatalogError, OptionError

#: What two tables may know a star by, best first.
_ON = ("source_id", "obsid", "object_id")
#: What says which star a row is, and is not copied unless it is asked for.
_WHO = ("object_id", "source_id", "gaia_release", "obsid", "ra", "dec")


@dataclass(frozen=True)
class Joined:
    """What came of a join.

    Parameters
    ----------
    on : str
        The column by which rows were matched.
    release : str
        Gaia release that the table's source_ids were taken to be of; "" where the table says it, or they are not used.
    columns : tuple of str
        Columns that were added or replaced.
    stars : int
        Stars of the catalogue that found their row in the table.
    used, rows : int
        Rows of the table that found a star, and how many it has.
    ambiguous : tuple of str
        Identifiers that the table has several times; their stars are left as they were.
    """

    on: str
    release: str
    columns: tuple[str, ...]
    stars: int
    used: int
    rows: int
    ambiguous: tuple[str, ...]


def join(
    catalog: StarCatalog,
    table: Any,
    *,
    on: str = "auto",
    release: str = "",
    columns: Sequence[str] | None = None,
) -> Joined:
    """Add columns of a table to a catalogue, or replace those that it has.

    Parameters
    ----------
    catalog : StarCatalog
        Knows the columns when this returns; others who have it open keep what they opened.
    table : path, astropy Table, or mapping of str to array
        A file: Parquet, CSV, ECSV, FITS, VOTable.
    on : {"auto", "source_id", "obsid", "object_id"}
        What is compared; "auto": the first of them that both have.
    release : str
        Gaia release of the table's source_ids ("DR3") where it has no column ``gaia_release``. By default that of the
        catalogue's, if they are all of one.
    columns : sequence of str, optional
        Which are taken; by default all but those that say which star it is, and where.

    Returns
    -------
    Joined

    Raises
    ------
    CatalogError
        If nothing matches, or a column holds words here and numbers there.

    Notes
    -----
    A star that the table does not have, or for which it has no value (NaN, ""), keeps what it had.
    """
    given = read_columns(table)
    units = units_of(given)
    with writing(catalog.path):
        catalog._check_current()
        plain = standardised(given)
        on = _on(catalog, given, plain, on)
        plain, assumed = _with_release(catalog, plain, release) if on == "source_id" else (plain, "")
        names = _chosen(plain, columns)
        refuse_drift(catalog.schema, to_arrow({n: plain[n] for n in names}, b"").schema)
        identities = Identities(on)
        numbers, kinds = identities.of(plain)
        rows, ambiguous = _unique(numbers, kinds)
        records, stars, used = [], 0, np.zeros(len(numbers), bool)
        sources = {n: plain[n] for n in names}
        for part in catalog.header.parts:
            place = _places(catalog, part, on, identities, numbers[rows], kinds[rows])
            found = place >= 0
            if found.any():
                at = rows[place[found]]
                used[at] = True
                stars += int(found.sum())
                part = _revised(catalog, part, found, {n: values[at] for n, values in sources.items()}, units)
            records.append(part)
        if not stars:
            raise CatalogError(
                f"No {on} of the table is in {catalog.path.name}" + (f" (taken as Gaia {assumed})" if assumed else ""),
                remedy="Join on another column, or name the release of its source_ids",
            )
        before = {files.table_file(catalog.path / PARTS, part.stem) for part in catalog.header.parts}
        catalog._put(replace(catalog.header, parts=tuple(records)))
        for file in before - {files.table_file(catalog.path / PARTS, part.stem) for part in records}:
            file.unlink()
    told = plain[on][ambiguous].astype(str)
    return Joined(on, assumed, tuple(names), stars, int(used.sum()), len(numbers), tuple(dict.fromkeys(told.tolist())))


def _on(catalog: StarCatalog, given: Mapping[str, Any], plain: Mapping[str, Any], on: str) -> str:
    """The column to join on."""
    if on not in ("auto", *_ON):
        raise OptionError(f"on={on!r}", expected="one of auto, " + ", ".join(_ON))
    named = {"object_id", *OTHER_NAMES["object_id"]} & set(given)  # else the names were made of the identifiers
    has = [n for n in _ON if n in plain and (n != "object_id" or named)]
    both = [n for n in has if n in catalog.column_names]
    wanted = both if on == "auto" else [on]
    if not wanted or wanted[0] not in both:
        raise CatalogError(
            f"The table has {', '.join(has)}, {catalog.path.name} has "
            + ", ".join(n for n in _ON if n in catalog.column_names),
            expected="one of " + ", ".join(_ON) + " in both",
        )
    return wanted[0]


def _with_release(
    catalog: StarCatalog, plain: dict[str, NDArray[Any]], release: str
) -> tuple[dict[str, NDArray[Any]], str]:
    """The table with the release of its source_ids, and that release if the table itself does not say it."""
    if "gaia_release" in plain:
        return plain, ""
    known: set[str] = set()
    if "gaia_release" in catalog.column_names:
        known = set(np.unique(catalog.column("gaia_release")).tolist()) - {""}
    if not release and len(known) > 1:
        raise CatalogError(
            f"The table does not say of which Gaia release its source_ids are; {catalog.path.name} knows "
            + ", ".join(sorted(known)),
            remedy="Name it (release='DR3', --release DR3): a number means another star in another release",
        )
    assumed = release or next(iter(known), "")
    return {**plain, "gaia_release": np.full(len(plain["source_id"]), assumed)}, assumed


def _chosen(plain: Mapping[str, Any], columns: Sequence[str] | None) -> list[str]:
    """Names of the columns that are taken."""
    if columns is None:
        names = [n for n in plain if n not in _WHO]
    else:
        names = list(standardised({"object_id": [], **{c: [] for c in columns}})) if columns else []
        names = [n for n in names if n != "object_id" or "object_id" in columns]
    absent = [n for n in names if n not in plain]
    if absent or not names or "object_id" in names:
        what = f"The table has no column {', '.join(absent)}" if absent else "There is no column to join"
        raise CatalogError(what, expected="some of " + ", ".join(n for n in plain if n != "object_id"))
    return names


def _unique(numbers: NDArray[np.int64], kinds: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the table that can be matched, sorted by what they are known by, and those that are there twice."""
    order = np.lexsort((numbers, kinds))
    order = order[kinds[order] > 0]
    same = (np.diff(numbers[order]) == 0) & (np.diff(kinds[order]) == 0)
    twice = np.zeros(len(order), bool)
    twice[1:] |= same
    twice[:-1] |= same
    return order[~twice], order[twice]


def _places(
    catalog: StarCatalog,
    part: PartRecord,
    on: str,
    identities: Identities,
    numbers: NDArray[np.int64],
    kinds: NDArray[np.int32],
) -> NDArray[np.intp]:
    """Where among ``numbers`` (sorted) each star of a part is; -1 where it is not."""
    table = catalog.read_part(part, [n for n in KNOWN_BY[on] if n in catalog.column_names])
    mine, kind = identities.of({n: from_arrow(table.column(n)) for n in table.column_names})
    out = np.full(part.rows, -1, np.intp)
    for one in np.unique(kind[kind > 0]):
        first, end = np.searchsorted(kinds, one), np.searchsorted(kinds, one, side="right")
        if first < end:
            there = np.flatnonzero(kind == one)
            at = np.minimum(np.searchsorted(numbers[first:end], mine[there]), end - first - 1)
            good = numbers[first:end][at] == mine[there]
            out[there[good]] = first + at[good]
    return out


def _revised(
    catalog: StarCatalog,
    part: PartRecord,
    found: NDArray[np.bool_],
    values: Mapping[str, NDArray[Any]],
    units: Mapping[str, str],
) -> PartRecord:
    """A part with other columns in a new file; the old one stays until the header names this."""
    table = catalog.read_part(part, catalog.part_columns(part))
    plain = {n: from_arrow(table.column(n)) for n in table.column_names}
    told = {f.name: unit_of(f) for f in table.schema} | {n: u for n, u in units.items() if n in values}
    for name, new in values.items():
        old = plain.get(name)
        if old is None:
            old = np.full(part.rows, "" if new.dtype.kind == "U" else np.nan if new.dtype.kind == "f" else 0)
            old = old.astype(new.dtype)
        has = (
            (new != "")
            if new.dtype.kind == "U"
            else ~np.isnan(new)
            if new.dtype.kind == "f"
            else np.full(len(new), True)
        )
        kind = STANDARD[name][0] if name in STANDARD and STANDARD[name][0] != "str" else np.result_type(old, new)
        whole = old.astype(kind)
        whole[np.flatnonzero(found)[has]] = new[has]
        plain[name] = whole
    folder = catalog.path / PARTS
    stem = next(s for i in count(1) if not files.table_file(folder, s := f"{part.name}.{i}").exists())
    files.write_table(files.table_file(folder, stem), catalog.header, plain, told)
    return replace(part, table=stem, digests={**part.digests, "columns": columns_sha256(plain)})
