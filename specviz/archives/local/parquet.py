"""``Parquet``: spectra in a Parquet table, a row a star with array cells, or a row a pixel.

* A row a star: list columns ``flux``, ``wavelength``, ``ivar`` or ``flux_error``, ``mask``, also with a survey in the
  name (``lamost_flux``, ``xp_flux``); or the coefficients of Gaia XP (``bp_coefficients`` ...).
* A row a pixel: number columns ``wavelength`` and ``flux``, and one that says which star (``source_id``, ``obsid``,
  ``name``), the rows of a star one after the other or not; without it, the table is one star.

Only identifiers are read at first. A star's row is then found among the row groups and decoded in small batches, so
that memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from specviz.archives.catalogue_columns import catalogue_columns, catalogues_in
from specviz.archives.local.columns import ID_NAMES, Part, id_columns, parts_of, release_in, spectrum_of
from specviz.archives.local.holding import RowFile
from specviz.archives.local.peek import RowContent
from specviz.archives.local.register import Register
from specviz.archives.local.row_register import register_of
from specviz.archives.transport.monitor import current
from specviz.errors import NotASpectrumError, ReadError, SpecvizError
from specviz.spectra.readers.registry import read_content
from specviz.spectra.readers.tables import Columns
from specviz.spectra.spectrum import Spectrum

#: Values that are decoded at once, about 8 MB.
_BATCH_VALUES = 1_000_000
_MAX_RUNS = 2_000_000
_XP = ("bp_coefficients", "rp_coefficients")


class Parquet(RowFile):
    """The stars of a Parquet table.

    Raises
    ------
    SpecvizError
        If pyarrow is not installed.
    """

    layout = "parquet"
    damage = "a damaged Parquet file"
    remedy = "Copy or write it again"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._parts: list[Part] = []
        self._columns: dict[str, str] = {}
        self._names: list[str] = []
        self._numbers: list[str] = []
        self._units: dict[str, str] = {}
        self._coefficients = False
        self._runs: list[list[tuple[int, int]]] | None = None
        _pyarrow(path)

    # ------------------------------------------------------------------ finding out what there is
    def _registered(self, file: Any) -> Register:
        pa = _pyarrow(self.path)
        schema = file.schema_arrow
        arrays = [f.name for f in schema if _is_list(pa, f.type)]
        numbers = [f.name for f in schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)
                   or pa.types.is_boolean(f.type) or pa.types.is_decimal(f.type)]  # fmt: skip
        scalars = [f.name for f in schema if not pa.types.is_nested(f.type)]
        n = int(file.metadata.num_rows)
        if n == 0:
            raise NotASpectrumError(f"{self.path.name}: a table without rows", expected="at least one spectrum")
        self._names, self._units, self._numbers = list(schema.names), _units(schema), numbers
        self._coefficients = any(name.lower() in _XP for name in arrays)
        self._parts, self._runs = parts_of(arrays), None
        self._columns = id_columns(scalars)
        if not self._parts and not self._coefficients:
            self._parts = [p for p in parts_of(numbers) if "wave" in p.names]
            if not self._parts:
                raise NotASpectrumError(
                    f"{self.path.name}: a table with the columns {', '.join(self._names[:20])}",
                    expected="flux and wavelength: as lists with a row a star, or as numbers with a row a pixel",
                )
            return self._by_pixel(file, n)
        held = {kind: _read(file, name) for kind, name in self._columns.items()}
        return self._made(n, held)

    def _by_pixel(self, file: Any, n: int) -> Register:
        """Runs of rows of each star, from its identifier alone."""
        by = next((k for k in ("gaia", "obsid", "kic", "tic", "name") if k in self._columns), None)
        if by is None:
            self._runs = [[(0, n)]]
            return self._made(1, {})
        runs: dict[Any, list[tuple[int, int]]] = {}
        facts: dict[str, list[Any]] = {kind: [] for kind in self._columns}
        start, count, nameless = 0, 0, 0
        for batch in file.iter_batches(batch_size=_BATCH_VALUES, columns=list(self._columns.values())):
            current().check()
            ids = _keys(batch.column(self._columns[by]))
            edges = np.flatnonzero(ids[1:] != ids[:-1]) + 1 if len(ids) else np.empty(0, int)
            for first, last in zip([0, *edges.tolist()], [*edges.tolist(), len(ids)], strict=True):
                key = ids[first].item() if hasattr(ids[first], "item") else ids[first]
                if key is None:
                    nameless += last - first
                    continue
                if key not in runs:
                    runs[key] = []
                    for kind, name in self._columns.items():
                        facts[kind].append(batch.column(name)[first].as_py())
                runs[key].append((start + first, start + last))
                count += 1
            if count > _MAX_RUNS:
                raise SpecvizError(f"{self.path.name}: the pixels of stars are mixed", expected="stars one by one",
                                   remedy=f"Sort the table by {self._columns[by]} and save it again")  # fmt: skip
            start += len(ids)
        if nameless:
            told = f"{nameless:,} rows do not say which star they are of"
            if not runs:
                raise NotASpectrumError(f"{self.path.name}: {told}", expected=f"a value in {self._columns[by]}")
            self._failed[f"rows without {self._columns[by]}"] = told
        self._runs = [_merged(r) for r in runs.values()]
        return self._made(len(self._runs), facts)

    def _made(self, n: int, held: dict[str, Any]) -> Register:
        seen = {part.survey or "other" for part in self._parts} | ({"gaia_xp"} if self._coefficients else set())
        single = n == 1 and not held
        return register_of(
            n, {k: v for k, v in held.items() if k in ID_NAMES}, where=self.path.name,
            release=release_in(self._columns.get("gaia", "")), surveys=[frozenset(seen)],
            survey_of=np.zeros(n, np.int32),
            fallback=[self.path.stem] if single else [f"{self.path.stem} {i + 1}" for i in range(n)],
        )  # fmt: skip

    # ------------------------------------------------------------------ reading
    def _star(self, file: Any, row: int, name: str) -> tuple[dict[str, Spectrum], dict[str, Any]]:
        runs = self._runs[row] if self._runs is not None else [(row, row + 1)]
        spectra: dict[str, Spectrum] = {}
        if self._coefficients:
            wanted = [n for n in self._names if n.lower().startswith(("bp_", "rp_", "source_id", "solution_id"))]
            cells = _rows(file, wanted, runs)
            table = Columns({n.lower(): [_python(v) for v in values] for n, values in cells.items()}, 1)
            star = read_content(RowContent(f"{self.path.name}, {name}", b"-", str(self.path), table))[0]
            if "error" in star.meta:
                raise ReadError(str(star.meta["error"]))
            spectra |= star.spectra
        for part in self._parts:
            cells = _rows(file, list(part.names.values()), runs)
            arrays: dict[str, Any] = {
                kind: np.asarray(cells[column] if self._runs is not None else cells[column][0])
                for kind, column in part.names.items()
            }
            if arrays["flux"].ndim == 0:
                raise ReadError(f"{self.path.name}, {name}: no {part.names['flux']} in this row")
            arrays = {kind: values for kind, values in arrays.items() if values.ndim or kind == "wave"}
            flux = arrays.pop("flux")
            spectrum = spectrum_of(self.path.name, name, part, flux, path=str(self.path), layout="parquet", **arrays)
            spectra[spectrum.survey] = spectrum
        return spectra, {}

    def _catalogues(self, file: Any, row: int, labels: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        columns = catalogue_columns(self._numbers)
        if not columns:
            return {}
        first = row if self._runs is None else self._runs[row][0][0]  # equal in all pixels of a star
        wanted = list(dict.fromkeys(c for named in columns.values() for c in named.values()))
        cells = _rows(file, wanted, [(first, first + 1)])
        return catalogues_in({k: v[0] for k, v in cells.items() if v}, columns, self.path.name)

    def _open(self) -> AbstractContextManager[Any]:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.path, buffer_size=2**20, pre_buffer=False)


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise SpecvizError(f"{path.name}: reading Parquet needs pyarrow, which is not installed",
                           remedy="pip install 'jupyter-specviz[parquet]'") from error  # fmt: skip
    return pyarrow


def _units(schema: Any) -> dict[str, str]:
    """Units of columns: of the fields themselves, or in the header that astropy's writer adds."""
    found = {f.name: u.decode("utf-8", "replace") for f in schema if (u := (f.metadata or {}).get(b"unit"))}
    header = (schema.metadata or {}).get(b"table_meta_yaml")
    if header:
        from astropy.table.meta import get_header_from_yaml

        columns = get_header_from_yaml(header.decode("utf-8", "replace").split("\n")).get("datatype", ())
        found |= {str(c["name"]): str(c["unit"]) for c in columns if c.get("unit")}
    return found


def _is_list(pa: Any, kind: Any) -> bool:
    """Whether a column has arrays of numbers in its cells."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = kind.value_type
        return bool(pa.types.is_floating(inner) or pa.types.is_integer(inner) or pa.types.is_boolean(inner))
    return False


def _read(file: Any, column: str) -> Any:
    """A column of identifiers, whole."""
    values = file.read(columns=[column]).column(0)
    return values.to_pylist() if values.null_count or not _numeric(values) else values.to_numpy()


def _keys(values: Any) -> Any:
    """The same, None where a row has none: numpy would make floats of whole numbers, and 19 digits do not fit."""
    return np.array(values.to_pylist(), object) if values.null_count else values.to_numpy(zero_copy_only=False)


def _numeric(values: Any) -> bool:
    return str(values.type).startswith(("int", "uint", "float", "double", "half"))


def _rows(file: Any, columns: list[str], runs: list[tuple[int, int]]) -> dict[str, list[Any]]:
    """Cells of some rows, by column: only their row groups are touched, and decoded in batches."""
    out: dict[str, list[Any]] = {name: [] for name in columns}
    start = 0
    for group in range(file.metadata.num_row_groups):
        held = file.metadata.row_group(group)
        stop = start + held.num_rows
        wanted = [(max(a, start), min(b, stop)) for a, b in runs if a < stop and b > start]
        if wanted:
            last = max(b for _, b in wanted)
            values = sum(held.column(i).num_values for i in range(held.num_columns)) / max(held.num_rows, 1)
            size = int(max(1, min(held.num_rows, _BATCH_VALUES / max(values, 1))))
            at = start
            for batch in file.iter_batches(batch_size=size, row_groups=[group], columns=columns, use_threads=False):
                current().check()
                for a, b in wanted:
                    first, final = max(a - at, 0), min(b - at, batch.num_rows)
                    if first < final:
                        for name in columns:
                            cells = batch.column(name).slice(first, final - first)
                            out[name] += _cells(cells)
                at += batch.num_rows
                if at >= last:
                    break
        start = stop
        if start >= max(b for _, b in runs):
            break
    return out


def _cells(values: Any) -> list[Any]:
    """Cells as numbers or arrays; None inside arrays becomes NaN."""
    if hasattr(values, "values"):  # lists
        return [None if not cell.is_valid else cell.values.to_numpy(zero_copy_only=False) for cell in values]
    return list(values.to_numpy(zero_copy_only=False))


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _merged(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of rows that touch, put together."""
    out: list[tuple[int, int]] = []
    for first, last in runs:
        if out and out[-1][1] == first:
            out[-1] = (out[-1][0], last)
        else:
            out.append((first, last))
    return out
