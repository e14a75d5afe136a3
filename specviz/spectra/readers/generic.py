"""Any FITS or VOTable table with a wavelength and a flux column: one row a pixel, or one row with array cells.

The column names are those that SpecCLIP's own reader knows (WAVELENGTH, WAVE, LAMBDA; FLUX, INTENSITY, SPEC) and their
common kin. The unit is that of the column, else guessed by range as for text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.spectra.readers import text
from specviz.spectra.readers.content import Content
from specviz.spectra.readers.registry import register_reader
from specviz.spectra.readers.tables import Columns, to_array, to_floats
from specviz.spectra.star import Star


def _names(content: Content) -> set[str]:
    if content.kind == "fits":
        table = next((h for h in content.hdus if h.is_table and h.n_rows and h.columns), None)
        return {n.lower() for n in table.columns} if table else set()
    return set(content.table.cells) if content.kind == "votable" else set()


def _has_spectrum(content: Content) -> bool:
    names = _names(content)
    return bool(names & set(text.WAVE_NAMES)) and bool(names & set(text.FLUX_NAMES))


@register_reader("table", identify=_has_spectrum, priority=5)
def read_table(content: Content) -> list[Star]:
    """The first table's spectrum; with array cells, its first row."""
    table: Columns = content.table
    wave_name = next(n for n in text.WAVE_NAMES if n in table)
    flux_name = next(n for n in text.FLUX_NAMES if n in table)
    names, columns = [], []
    for name in (wave_name, flux_name, *text.ERROR_NAMES, "ivar", "mask"):
        if name in table and name not in names:
            names.append(name)
            columns.append(_column(table, name))
    size = columns[0].size
    pairs = [(n, c) for n, c in zip(names, columns, strict=True) if c.size == size]
    unit = table.units.get(wave_name, "")
    labels = [f"{n} [{unit}]" if n == wave_name and unit else n for n, _ in pairs]
    return [text.star_of(content, [c for _, c in pairs], labels, " ".join(labels), layout="table")]


def _column(table: Columns, name: str) -> Any:
    cells = table.cells[name]
    if table.rows and to_array(cells[0]).size > 1:
        return to_array(cells[0])
    return to_floats(cells) if table.rows else np.empty(0)
