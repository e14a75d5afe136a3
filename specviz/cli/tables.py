"""Tables to files and to the screen: the format follows the suffix, and a file appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

from specviz.errors import SpecvizError

#: Suffix -> astropy's name of the format.
FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits", ".vot": "votable", ".xml": "votable"}

#: FITS keywords have eight letters; other keys of a table's meta are cut there.
_KEYWORDS = {"model_version": "MODELVER", "weights_sha256": "WEIGHTS"}


def output_format(path: Path) -> str:
    """astropy's name of the format that ``path`` asks for.

    Raises
    ------
    SpecvizError
        For a suffix that is not in :data:`FORMATS`, and where the folder does not exist or cannot be written.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise SpecvizError(f"Cannot tell the format of {path}", expected="a name that ends in " + ", ".join(FORMATS))
    folder = path.absolute().parent
    if not folder.is_dir():
        raise SpecvizError(f"The folder {folder} does not exist", remedy="Make it, or name another output")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise SpecvizError(f"{path} cannot be written", remedy="Name another output")
    return name


def write_table(table: Any, path: Path) -> None:
    """Write ``table`` in the format of the suffix, replacing an older file in one step."""
    name = output_format(path)
    if name == "fits":
        table = _standard_units(_ascii(table), "fits")
        table.meta = {_KEYWORDS.get(k, k.upper()[:8]): _card(v) for k, v in table.meta.items()}
    elif name == "votable":
        table = _standard_units(table.copy(), "vounit")
    handle, scratch = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.absolute().parent)
    os.close(handle)
    try:
        table.write(scratch, format=name, overwrite=True)
        mask = os.umask(0)
        os.umask(mask)
        Path(scratch).chmod(0o666 & ~mask)  # mkstemp makes private files; this one is a result
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


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


def _ascii(table: Any) -> Any:
    """A copy whose text is ASCII, as FITS wants it (Å becomes A, a dash a hyphen)."""
    table = table.copy()
    for name in table.colnames:
        if table[name].dtype.kind in "UO":
            table[name] = [_plain(str(v)) for v in table[name]]
    return table


def _card(value: Any) -> Any:
    """What a FITS header can hold of a value: a list is joined."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _standard_units(table: Any, standard: str) -> Any:
    """Move a unit that the file format's standard does not know (dex) from the column's unit to its description."""
    for name in table.colnames:
        unit = table[name].unit
        if unit is None:
            continue
        try:
            unit.to_string(standard)
        except ValueError:
            table[name].unit = None
            table[name].description = f"{table[name].description or name} [{unit}]"
    return table


def _plain(text: str) -> str:
    for mark, plain in (("–", "-"), ("—", "-"), ("−", "-"), ("×", "x"), ("σ", "sigma"), ("’", "'"), ("…", "...")):
        text = text.replace(mark, plain)
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
