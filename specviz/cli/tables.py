"""Tables of the command line: batches stacked, and shown on the screen. Files are those of
:mod:`specviz.spectra.writers.tables`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specviz.cli.console import complain
from specviz.errors import SpecvizError
from specviz.spectra.writers.tables import FORMATS, output_format, write_table

__all__ = ["FORMATS", "as_text", "merge", "output_format", "writable", "write_table"]


def writable(path: Path | None) -> bool:
    """Whether a table can be written to a file of that name (None: it is printed); if not, that is said."""
    try:
        if path is not None:
            output_format(path)
    except SpecvizError as error:
        complain(str(error))
        return False
    return True


def merge(tables: list[Any]) -> Any:
    """Stack the tables of batches: what one does not have is masked there, and the closing columns stay last."""
    from astropy.table import vstack

    table = vstack(tables, join_type="outer", metadata_conflicts="silent") if len(tables) > 1 else tables[0]
    last = [n for n in ("anomaly", "flags", "model") if n in table.colnames]
    return table[[n for n in table.colnames if n not in last] + last]


def as_text(table: Any) -> str:
    """The table as aligned text, whole, with as many decimals as a person reads."""
    table = table.copy(copy_data=False)
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            table[name].info.format = ".0f" if name.startswith("teff") else ".1f" if name == "snr" else ".2f"
    return "\n".join(table.pformat(max_lines=-1, max_width=-1, show_unit=True))
