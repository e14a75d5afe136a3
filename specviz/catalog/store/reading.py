"""``read_columns``: the columns of a table of stars, whatever file it is in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specviz.catalog.store.columns import from_arrow, pyarrow, unit_of
from specviz.errors import CatalogError, NotFoundError, OptionError

_PARQUET = frozenset({".parquet", ".pq"})
#: Formats of text, by the suffix; astropy tells the others by their first bytes.
_TEXT = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".tsv": "ascii.tab", ".txt": "ascii", ".dat": "ascii"}


def read_columns(table: Any) -> dict[str, Any]:
    """One-dimensional columns of a table.

    Parameters
    ----------
    table : path, astropy Table, pandas DataFrame, or mapping of str to array
        A file: Parquet, CSV, ECSV, FITS, VOTable.

    Returns
    -------
    dict of str to array
        Columns with a unit keep it (``unit``).

    Raises
    ------
    NotFoundError, CatalogError
        If there is no such file, or it cannot be read as a table.
    """
    if isinstance(table, (str, Path)):
        path = Path(table).expanduser()
        if not path.is_file():
            raise NotFoundError(f"There is no file {path}")
        table = _parquet(path) if path.suffix.lower() in _PARQUET else _astropy(path)
    if isinstance(table, Mapping):
        named = dict(table)
    elif hasattr(table, "colnames"):
        named = {str(n): table[n] for n in table.colnames}
    elif hasattr(table, "columns"):
        named = {str(n): table[n] for n in table.columns}
    else:
        raise OptionError(f"{type(table).__name__} is no table", expected="a file's path, an astropy Table, a mapping")
    return {name: values for name, values in named.items() if getattr(values, "ndim", 1) == 1}


def _parquet(path: Path) -> dict[str, Any]:
    from astropy.table import Column

    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            plain = [f.name for f in file.schema_arrow if not pa.types.is_nested(f.type)]
            table = file.read(plain)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.name} is damaged or no Parquet file", remedy="Copy it again") from error
    return {f.name: Column(from_arrow(table.column(f.name)), unit=unit_of(f) or None) for f in table.schema}


def _astropy(path: Path) -> Any:
    from astropy.table import Table

    kind = _TEXT.get(path.suffix.lower())
    try:
        return Table.read(path, format=kind) if kind else Table.read(path)
    except Exception as error:  # astropy raises a dozen kinds for what is no table
        raise CatalogError(
            f"{path.name} cannot be read as a table: {error}", expected="Parquet, CSV, ECSV, FITS or VOTable"
        ) from error
