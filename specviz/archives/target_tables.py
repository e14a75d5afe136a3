"""Tables of any kind as plain columns: what :mod:`specviz.archives.targets` looks for names of stars in.

Every reader gives names, units, UCDs and the length first, and cells only of the columns that are asked for, so that a
table of spectra is recognised without its arrays being read.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specviz.errors import OptionError, ReadError, SpecvizError
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.tables import text_lines


@dataclass(frozen=True)
class Column:
    """One column: ``cells()`` gives its values, None where nothing is known."""

    name: str
    cells: Callable[[], Sequence[Any]]
    unit: str = ""
    ucd: str = ""


@dataclass(frozen=True)
class Table:
    """Columns of equal length."""

    columns: tuple[Column, ...]
    rows: int


def table_of_content(content: Content) -> Table | None:
    """The first table of a file that is not text; None if it has none.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # archives bend the standards in harmless ways; what fails is told below
            return {"fits": _fits, "votable": _votable}[content.kind](content)
    except SpecvizError:
        raise
    except Exception as error:  # parsers of damaged bytes raise anything
        raise ReadError(f"{content.name}: a table that cannot be read ({str(error)[:200]})",
                        remedy="Fetch or save it again") from error  # fmt: skip


def _fits(content: Content) -> Table | None:
    hdu = next((h for h in content.hdus if h.is_table and h.columns), None)
    if hdu is None:
        return None

    def cells(name: str) -> Callable[[], Sequence[Any]]:
        return lambda: list(hdu.column(name))

    readable = [c for c in hdu.columns.values() if c.code not in "XCM"]
    return Table(tuple(Column(c.name, cells(c.name), c.unit) for c in readable), hdu.n_rows)


def _votable(content: Content) -> Table | None:
    if b"<!ENTITY" in content.data or b"<!DOCTYPE" in content.data[:8192]:
        raise ReadError(f"{content.name}: an XML file that defines entities", expected="a VOTable")
    if not content.data.rstrip()[-200:].upper().endswith(b"VOTABLE>"):  # the parser would lose rows in silence
        raise ReadError(f"{content.name}: the VOTable ends early", expected="a whole file", remedy="Fetch it again")
    from astropy.io.votable import parse

    from specviz.archives.lamost.votables import mend

    tables = list(parse(io.BytesIO(mend(content.data)), verify="ignore").iter_tables())
    table = next((t for t in tables if t.fields), None)
    if table is None:
        return None
    array = table.array

    def cells(key: str) -> Callable[[], Sequence[Any]]:
        return lambda: _plain(array[key])

    columns = (Column(str(f.name), cells(f.ID), str(f.unit or ""), str(f.ucd or "")) for f in table.fields)
    return Table(tuple(columns), len(array))


def table_of_parquet(data: bytes, name: str) -> Table:
    """A Parquet table; only the columns that are asked for are read.

    Raises
    ------
    ReadError
        If it is damaged.
    SpecvizError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SpecvizError(f"{name}: reading Parquet needs pyarrow, which is not installed",
                           remedy="pip install 'jupyter-specviz[parquet]'") from error  # fmt: skip
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        rows, names = file.metadata.num_rows, list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ReadError(f"{name}: a damaged Parquet file ({str(error)[:120]})", remedy="Save it again") from error

    def cells(column: str) -> Callable[[], Sequence[Any]]:
        def read() -> Sequence[Any]:
            try:
                return list(file.read(columns=[column]).column(0).to_pylist())
            except (pa.ArrowException, OSError, ValueError) as error:
                raise ReadError(f"{name}: a damaged Parquet file ({str(error)[:120]})") from error

        return read

    return Table(tuple(Column(n, cells(n)) for n in names), rows)


def table_of_ecsv(content: Content) -> Table:
    """An ECSV file, with units and UCDs.

    Raises
    ------
    ReadError
        If its header or its rows are damaged.
    """
    from astropy.table import Table as AstropyTable

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return table_of_object(AstropyTable.read(text_lines(content), format="ascii.ecsv"))
    except SpecvizError:
        raise
    except Exception as error:  # YAML, units, types and rows: each has errors of its own
        raise ReadError(f"{content.name}: a damaged ECSV file ({str(error)[:200]})") from error


def table_of_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A text table whose rows are already split."""

    def cells(i: int) -> Callable[[], Sequence[Any]]:
        return lambda: [row[i] for row in rows]

    return Table(tuple(Column(name, cells(i)) for i, name in enumerate(header)), len(rows))


def split_rows(content: Content, lines: Sequence[str], delimiter: str | None) -> list[list[str]]:
    """Lines as cells; ``delimiter`` None means white space.

    Raises
    ------
    ReadError
        If a quotation never ends.
    """
    if delimiter is None:
        return [line.split() for line in lines]
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
    except csv.Error as error:
        raise ReadError(f"{content.name}: not a table ({error})") from error


def table_of_object(table: Any) -> Table:
    """An astropy table, a pandas frame, an Arrow table, or a mapping of columns.

    Raises
    ------
    OptionError
        If it is none of these.
    """
    if hasattr(table, "colnames"):
        return Table(tuple(_astropy(table, name) for name in table.colnames), len(table))
    if hasattr(table, "column_names") and hasattr(table, "num_rows"):

        def arrow(name: str) -> Callable[[], Sequence[Any]]:
            return lambda: list(table[name].to_pylist())

        return Table(tuple(Column(n, arrow(n)) for n in table.column_names), int(table.num_rows))
    if hasattr(table, "iloc") and hasattr(table, "columns"):

        def frame(i: int) -> Callable[[], Sequence[Any]]:
            return lambda: list(table.iloc[:, i])

        return Table(tuple(Column(str(n), frame(i)) for i, n in enumerate(table.columns)), len(table))
    if isinstance(table, dict) and table:
        held = {str(name): list(values) for name, values in table.items()}
        if len({len(values) for values in held.values()}) == 1:

            def column(name: str) -> Callable[[], Sequence[Any]]:
                return lambda: held[name]

            return Table(tuple(Column(n, column(n)) for n in held), len(next(iter(held.values()))))
    raise OptionError(
        f"A {type(table).__name__} is no table of targets",
        expected="an astropy Table, a pandas DataFrame, or a list of names",
    )


def _astropy(table: Any, name: str) -> Column:
    column = table[name]
    ucd = str((getattr(getattr(column, "info", None), "meta", None) or {}).get("ucd", ""))
    if hasattr(column, "spherical") and hasattr(column, "icrs"):  # SkyCoord
        icrs = column.icrs
        pairs = [f"{ra:.7f} {dec:+.7f}" for ra, dec in zip(np.ravel(icrs.ra.deg), np.ravel(icrs.dec.deg), strict=True)]
        return Column("coordinates", lambda: pairs)
    values = getattr(column, "value", column)
    return Column(name, lambda: _plain(values), str(getattr(column, "unit", None) or ""), ucd)


def _plain(values: Any) -> list[Any]:
    """Cells as a list, None where masked."""
    if isinstance(values, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(values)
        if values.ndim == 1:
            return [None if m is np.True_ or m is True else v for v, m in zip(values.data, masked, strict=True)]
    return list(values)


def is_number(text: str) -> bool:
    """Whether a cell of text is a plain number."""
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan", text.strip(), re.IGNORECASE) is not None
