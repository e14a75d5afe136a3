"""``ArrowRows``: rows of an Arrow table as stars, a few thousand at a time: what partitions of a survey are read with.

A row is a star. Spectra are list columns (``lamost_flux``, ``xp_wavelength`` ...), nested columns (``lamost`` with the
fields ``flux``, ``wavelength``, ``ivar``, as LSDB writes them), or the coefficients of Gaia XP (``bp_coefficients``
...); names mean what they mean in :mod:`specviz.archives.local.columns`. A row that cannot be read costs that row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.local.columns import ID_NAMES, Part, id_columns, parts_of, release_in, spectrum_of, survey_of
from specviz.archives.local.peek import RowContent
from specviz.archives.local.row_register import register_of
from specviz.errors import NotASpectrumError, ReadError, SpecvizError
from specviz.spectra.readers.registry import read_content
from specviz.spectra.readers.tables import Columns
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

_LAYOUT = "table of many stars"
_XP = ("bp_coefficients", "rp_coefficients")


@dataclass(frozen=True)
class Rows:
    """Stars that were read together.

    Parameters
    ----------
    facts : mapping of str to array, shape (n,)
        ``object_id``, ``source_id``, ``gaia_release``, ``obsid``, ``ra``, ``dec``, ``snr``, as far as the table says.
    stars : list of Star or None, length n
    problems : list of str, length n
        Why there is no star; "" where there is one.
    """

    facts: Mapping[str, NDArray[Any]]
    stars: list[Star | None]
    problems: list[str]


@dataclass(frozen=True)
class ArrowRows:
    """How rows become stars; only names, so that it can be pickled. Made by :meth:`of`.

    Parameters
    ----------
    parts : tuple of Part
        Columns of each survey's spectra; those inside nested columns are called ``nested.field``.
    coefficients : tuple of str
        Columns of Gaia XP coefficients.
    ids : mapping of str to str
        Columns that say which star it is, by kind.
    """

    parts: tuple[Part, ...]
    coefficients: tuple[str, ...]
    ids: Mapping[str, str]
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Any, where: str) -> ArrowRows:
        """Find the spectra in a schema.

        Parameters
        ----------
        schema : pyarrow.Schema
        where : str
            What the table is called, for messages.

        Raises
        ------
        NotASpectrumError
            If no column is a flux.
        """
        lists, scalars, units = _named(schema)
        meant = {_meaning(name): name for name in reversed(lists)}
        coefficients = tuple(n for n in lists if n.lower() in _XP)
        if coefficients:
            beside = tuple(n for n in (*lists, *scalars) if n.lower().startswith(("bp_", "rp_", "solution_id")))
            coefficients = tuple(dict.fromkeys((*coefficients, *beside)))
        parts = tuple(Part(p.survey, {k: meant[n] for k, n in p.names.items()}) for p in parts_of(meant))
        if not parts and not coefficients:
            raise NotASpectrumError(
                f"{where}: a table with the columns {', '.join(schema.names[:20])}",
                expected="list or nested columns of flux and wavelength, such as lamost_flux, or XP coefficients",
            )
        return cls(parts, coefficients, id_columns(scalars), units)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns to read; fields of nested ones as ``nested.field``."""
        named = [name for part in self.parts for name in part.names.values()]
        return tuple(dict.fromkeys([*named, *self.coefficients, *self.ids.values()]))

    @property
    def surveys(self) -> tuple[str, ...]:
        """Surveys whose spectra are in the table, as far as names tell."""
        found = [part.survey for part in self.parts] + (["gaia_xp"] if self.coefficients else [])
        return tuple(dict.fromkeys(s for s in found if s))

    def read(self, table: Any, where: str, first: int = 0) -> Rows:
        """Stars of a table.

        Parameters
        ----------
        table : pyarrow.Table or RecordBatch
            With :attr:`columns` at least.
        where : str
            What it is called: for messages, and for stars without a name.
        first : int
            Number of its first row.
        """
        n = table.num_rows
        cells = _Cells(table)
        held = {kind: cells.scalars(name) for kind, name in self.ids.items() if kind in ID_NAMES}
        release = release_in(self.ids.get("gaia", ""))
        try:
            register = register_of(
                n, held, where=where, release=release, surveys=[frozenset(self.surveys)],
                survey_of=np.zeros(n, np.int32), fallback=[f"{where} {first + i + 1}" for i in range(n)],
            )  # fmt: skip
        except ReadError as error:  # long numbers as floats: the stars are still there, under other names
            raise ReadError(f"{where}: {error.what}", expected=error.expected) from error
        readers = [_PartReader(part, cells, where, self.units) for part in self.parts]
        stars: list[Star | None] = []
        problems = []
        for row in range(n):
            name = register.names[row]
            spectra, why = self._spectra(readers, cells, row, name, where)
            known = np.isfinite(register.ra[row]) and np.isfinite(register.dec[row])
            place = (float(register.ra[row]), float(register.dec[row])) if known else (None, None)
            stars.append(None if spectra is None else Star(name, spectra, register.identifiers(row), *place))
            problems.append(why)
        facts: dict[str, NDArray[Any]] = {"object_id": np.array(list(register.names), dtype=str)}
        if "gaia" in self.ids:
            facts["source_id"] = register.ids["gaia"]
            facts["gaia_release"] = np.full(n, release)
        if "obsid" in self.ids:
            facts["obsid"] = register.ids["obsid"]
        facts |= {k: getattr(register, k) for k in ("ra", "dec", "snr") if k in self.ids}
        return Rows(facts, stars, problems)

    def _spectra(
        self, readers: Sequence[_PartReader], cells: _Cells, row: int, name: str, where: str
    ) -> tuple[dict[str, Spectrum] | None, str]:
        """Spectra of a row; None, and why, if it has none."""
        spectra: dict[str, Spectrum] = {}
        problems = []
        if self.coefficients:
            try:
                spectra |= _calibrated(self.coefficients, cells, row, f"{where}, {name}")
            except SpecvizError as error:
                problems.append(str(error))
        for reader in readers:
            try:
                spectrum = reader.spectrum(row, name)
            except SpecvizError as error:
                problems.append(str(error))
            else:
                if spectrum is not None:
                    spectra.setdefault(spectrum.survey, spectrum)
        if spectra:
            return spectra, ""
        return None, "; ".join(problems) or f"{where}, {name}: no flux in this row"


class _PartReader:
    """Spectra of one survey, row by row.

    Where rows have the wavelengths of the row before, what those mean (unit, air or vacuum, order) is not found out
    again.
    """

    def __init__(self, part: Part, cells: _Cells, where: str, units: Mapping[str, str]) -> None:
        self._part, self._cells, self._where = part, cells, where
        self._unit = units.get(part.names.get("wave", ""), "")
        self._like: tuple[NDArray[Any] | None, Spectrum] | None = None

    def spectrum(self, row: int, name: str) -> Spectrum | None:
        arrays = {kind: self._cells.array(column, row) for kind, column in self._part.names.items()}
        flux = arrays.pop("flux")
        if flux is None:
            return None
        wave = arrays.pop("wave", None)
        if self._like is not None and _same(wave, self._like[0]) and flux.size == len(self._like[1]):
            return self._as_before(flux, arrays, name)
        spectrum = spectrum_of(
            self._where, name, self._part, flux, wave=wave, unit=self._unit, ivar=arrays.get("ivar"),
            error=arrays.get("error"), mask=arrays.get("mask"), layout=_LAYOUT,
        )  # fmt: skip
        straight = spectrum.flux.size == flux.size and np.array_equal(spectrum.flux, flux, equal_nan=True)
        self._like = (wave, spectrum) if straight else None
        return spectrum

    def _as_before(self, flux: NDArray[Any], arrays: Mapping[str, NDArray[Any] | None], name: str) -> Spectrum:
        assert self._like is not None
        like, where = self._like[1], f"{self._where}, {name}"
        for kind, values in arrays.items():
            if values is not None and values.size != flux.size:
                raise ReadError(f"{where}: {values.size} values of {kind} and {flux.size} of flux", expected="as many")
        ivar, error, mask = (arrays.get(kind) for kind in ("ivar", "error", "mask"))
        finite = np.isfinite(flux)
        if not (finite & (flux != 0)).any():
            raise ReadError(f"{where}: the flux is zero or not a number everywhere")
        if ivar is None and error is not None:
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                ivar = np.where(np.isfinite(error) & (error > 0), 1.0 / np.asarray(error, np.float64) ** 2, 0.0)
        bad = ~finite | (flux == 0.0) if mask is None else np.asarray(mask) != 0
        return like.with_(flux=flux, ivar=ivar, mask=bad, meta={**like.meta, "object_id": name})


class _Cells:
    """Cells of a table whose nested columns are taken apart; lists are slices of one array, not copied."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._held: dict[str, tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.bool_]]] = {}

    def scalars(self, name: str) -> Any:
        """A column of one value a row; objects where some are absent."""
        values = self._table.column(name)
        kind = str(values.type)
        numeric = kind.startswith(("int", "uint", "float", "double", "half")) and not values.null_count
        return values.to_numpy() if numeric else np.array(values.to_pylist(), object)

    def array(self, name: str, row: int) -> NDArray[Any] | None:
        """The array in a cell; None where it is null or empty."""
        if name not in self._held:
            self._held[name] = _taken_apart(_column(self._table, name))
        values, starts, ends, there = self._held[name]
        if not there[row] or ends[row] <= starts[row]:
            return None
        return values[starts[row] : ends[row]]

    def one(self, name: str, row: int) -> Any:
        """A cell as a plain value or an array."""
        kind = str(self._table.schema.field(name.split(".")[0]).type) if "." not in name else "list"
        return self.array(name, row) if "list" in kind else self._table.column(name)[row].as_py()


def _column(table: Any, name: str) -> Any:
    """A column, or a field of a nested one, as one array."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if name in table.schema.names:
        return _whole(table.column(name))
    outer, inner = name.split(".", 1)
    nested = _whole(table.column(outer))
    if pa.types.is_struct(nested.type):
        return pc.struct_field(nested, inner)
    return _of_structs(nested, inner)


def _of_structs(nested: Any, inner: str) -> Any:
    """The field of a list of structs, as a list a row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.struct_field(nested.values, inner)
    mask = pc.is_null(nested) if nested.null_count else None
    return pa.LargeListArray.from_arrays(nested.offsets.cast(pa.int64()), values, mask=mask)


def _whole(column: Any) -> Any:
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def _taken_apart(column: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Values of all rows, where each row's begin and end, and which rows there are."""
    import pyarrow as pa

    n = len(column)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_fixed_size_list(column.type):
        size = column.type.list_size
        starts = (np.arange(n) + column.offset) * size
        ends = starts + size
    else:
        offsets = column.offsets.to_numpy()
        starts, ends = offsets[:-1], offsets[1:]
    return column.values.to_numpy(zero_copy_only=False), starts, ends, there


def _named(schema: Any) -> tuple[list[str], list[str], dict[str, str]]:
    """Columns of arrays of numbers (with fields of nested ones), columns of one value, units."""
    import pyarrow as pa

    def is_list(kind: Any) -> bool:
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        return lists and not pa.types.is_nested(kind.value_type) and _is_number(kind.value_type)

    lists, scalars, units = [], [], {}
    for one in schema:
        kind = one.type
        inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else None
        if is_list(kind):
            lists.append(one.name)
        elif pa.types.is_struct(kind):
            lists += [f"{one.name}.{child.name}" for child in kind if is_list(child.type)]
        elif inner is not None and pa.types.is_struct(inner):
            lists += [f"{one.name}.{child.name}" for child in inner if _is_number(child.type)]
        elif not pa.types.is_nested(kind):
            scalars.append(one.name)
        unit = (one.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")
        if unit:
            units[one.name] = unit
    return lists, scalars, units


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _meaning(name: str) -> str:
    """What a column would be called if it were not nested: ``lamost.flux`` stays, ``spectrum.flux`` is ``flux``."""
    outer, dot, inner = name.partition(".")
    return name if not dot or survey_of(outer) else inner


def _same(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.size == other.size and bool((one == other).all())


def _calibrated(names: Sequence[str], cells: _Cells, row: int, where: str) -> dict[str, Spectrum]:
    """The spectrum of a row of Gaia XP coefficients; none where it has none."""
    held = {name.lower(): [cells.one(name, row)] for name in names}
    if all(held.get(name, [None])[0] is None for name in _XP):
        return {}
    star = read_content(RowContent(where, b"-", None, Columns(held, 1)))[0]
    if "error" in star.meta:
        raise ReadError(str(star.meta["error"]))
    return dict(star.spectra)
