"""Tables to files: FITS, ECSV, VOTable and CSV, each as its readers expect it, and whole or not at all."""

from __future__ import annotations

import io
import os
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from specviz.errors import SpecvizError

#: Suffix -> astropy's name of the format.
FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits", ".vot": "votable", ".xml": "votable"}
#: The same for the browser.
MIME = {
    "ascii.ecsv": "text/plain",
    "ascii.csv": "text/csv",
    "fits": "application/fits",
    "votable": "application/x-votable+xml",
}

#: FITS keywords have eight letters; other keys of a table's meta are cut there.
_KEYWORDS = {"model_version": "MODELVER", "weights_sha256": "WEIGHTS", "object_id": "OBJECT", "date_obs": "DATE-OBS"}
#: Keywords that say how the file is laid out; no fact may take their place.
_STRUCTURE = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|TFIELDS|THEAP|EXTNAME|END|COMMENT|HISTORY|CONTINUE|"
    r"T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DIM|DISP|UCD)\d+)$"
)
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    check_place(path)
    return name


def check_place(path: Path) -> None:
    """Raise where ``path`` cannot be written: its folder does not exist, or it is a folder itself."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise SpecvizError(f"The folder {folder} does not exist", remedy="Make it, or name another output")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise SpecvizError(f"{path} cannot be written", remedy="Name another output")


def write_table(table: Any, path: Path) -> None:
    """Write ``table`` in the format of the suffix, replacing an older file in one step."""
    write_whole(path, table_bytes(table, output_format(path)))


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file so that it appears whole or not at all; an older one is replaced in one step."""
    check_place(path)
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{path.stem[:80]}-", suffix=path.suffix, dir=path.absolute().parent)
    except OSError as error:
        raise SpecvizError(f"{path} cannot be written ({error.strerror})", remedy="Name another output") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(scratch).chmod(0o666 & ~mask)  # mkstemp makes private files; this one is a result
        Path(scratch).replace(path)
    except OSError as error:
        raise SpecvizError(f"{path} cannot be written ({error.strerror})", remedy="Name another output") from error
    finally:
        Path(scratch).unlink(missing_ok=True)
    return path


def table_bytes(tables: Any, name: str) -> bytes:
    """One table, or several by name, as the bytes of a file.

    Parameters
    ----------
    tables : astropy.table.Table, or mapping of str to Table
        ``meta`` becomes header cards (FITS), the header (ECSV) or INFO elements (VOTable); CSV has no place for it.
        ``column.meta["ucd"]`` is written to VOTable and, as TUCDn, to FITS.
    name : str
        A value of :data:`FORMATS`. Only FITS and VOTable hold several tables.
    """
    from astropy.table import Table

    several = dict(tables) if isinstance(tables, Mapping) else {str(tables.meta.get("name") or ""): tables}
    several = {key: Table(table) for key, table in several.items()}  # of a QTable, too: columns with units
    if name == "fits":
        return _fits(several)
    if name == "votable":
        return _votable(several)
    if len(several) != 1:
        raise SpecvizError(f"{len(several)} tables do not fit into one {name.removeprefix('ascii.').upper()} file",
                           expected="FITS or VOTable")  # fmt: skip
    table = next(iter(several.values())).copy()
    if name == "ascii.csv":
        table = formula_safe(table)
    stream = io.StringIO()
    table.write(stream, format=name)
    return stream.getvalue().encode()


# ------------------------------------------------------------------------------------------------ CSV
def formula_safe(table: Any) -> Any:
    """A copy for a spreadsheet: text that it would take for a formula gets an apostrophe in front; numbers stay.

    (A cell that begins with =, +, -, @, a tab or a line break is run as a formula by Excel, LibreOffice and Sheets.)
    Truth values become 1 and 0.
    """
    table = table.copy()
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind == "b":
            table[name] = column.astype(np.int8)
        elif column.dtype.kind in "UO":
            table[name] = [quoted_cell(str(v)) for v in _filled(column)]
    for name in table.colnames:
        if name != quoted_cell(name):
            table.rename_column(name, quoted_cell(name))
    return table


def quoted_cell(cell: str) -> str:
    """A text cell that no spreadsheet runs, on one line."""
    safe = "".join(c if c.isprintable() else " " for c in cell)
    if not cell.lstrip(" \u00a0").startswith(_FORMULA):
        return safe
    try:
        float(cell)
    except ValueError:
        return "'" + safe
    return safe


def _filled(column: Any) -> Any:
    return column.filled("") if hasattr(column, "filled") else column


# ------------------------------------------------------------------------------------------------ FITS
def _fits(tables: Mapping[str, Any]) -> bytes:
    from astropy.io import fits

    units: list[Any] = [fits.PrimaryHDU()]
    for name, given in tables.items():
        table = _standard_units(_ascii(given), "fits")
        meta, table.meta = table.meta, {}
        ucds = [table[c].info.meta.get("ucd") if table[c].info.meta else None for c in table.colnames]
        for c in table.colnames:
            table[c].info.meta = None
        unit = fits.table_to_hdu(table)
        if name:
            unit.name = _plain(name)[:60]
        for i, ucd in enumerate(ucds, 1):
            if ucd:
                unit.header[f"TUCD{i}"] = str(ucd)
        put_cards(unit.header, meta)
        units.append(unit)
    stream = io.BytesIO()
    fits.HDUList(units).writeto(stream)
    return stream.getvalue()


def put_cards(header: Any, facts: Mapping[str, Any]) -> None:
    """Facts as FITS cards: keys cut to eight letters, text as ASCII, long sentences as comments."""
    for key, value in facts.items():
        word = _KEYWORDS.get(key, re.sub(r"[^A-Z0-9_-]", "_", _plain(str(key)).upper())[:8])
        if value is None or isinstance(value, Mapping) or not word or word.startswith("_") or _STRUCTURE.match(word):
            continue
        if isinstance(value, list | tuple | set | frozenset):
            value = ", ".join(map(str, value))
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, str):
            value = _plain(value)
            if len(value) > 200:
                header.add_comment(f"{_plain(str(key))}: {value}")
                continue
        elif isinstance(value, float) and not np.isfinite(value):
            continue
        elif not isinstance(value, bool | int | float):
            value = _plain(str(value))
        header[word] = value


def _ascii(table: Any) -> Any:
    """A copy whose text is ASCII, as FITS wants it (Å becomes A, a dash a hyphen)."""
    table = _with_text(table, _plain)
    for name in table.colnames:
        if name != (plain := _plain(name) or "column"):
            table.rename_column(name, plain)
    return table


def _with_text(table: Any, change: Callable[[str], str]) -> Any:
    """A copy whose cells of text went through ``change``; descriptions and what is known of a column stay."""
    table = table.copy()
    for name in table.colnames:
        if table[name].dtype.kind in "UO":
            old = table[name].info
            description, meta = old.description, old.meta
            table[name] = [change(str(v)) for v in _filled(table[name])]
            table[name].info.description, table[name].info.meta = description, meta
    return table


def _standard_units(table: Any, standard: str) -> Any:
    """Move a unit that the file format's standard does not know (dex) from the column's unit to its description."""
    for name in table.colnames:
        unit = table[name].unit
        if unit is None:
            continue
        try:
            with warnings.catch_warnings():  # VOUnit would rather have 0.1nm; the whole field writes Angstrom
                warnings.simplefilter("ignore")
                unit.to_string(standard)
        except ValueError:
            table[name].unit = None
            table[name].info.description = f"{table[name].info.description or name} [{unit}]"
    return table


def _plain(text: str) -> str:
    """Printable ASCII of a text: marks of ours written out, accents and letters that have no like left out."""
    for mark, plain in (("–", "-"), ("—", "-"), ("−", "-"), ("×", "x"), ("σ", "sigma"), ("’", "'"), ("…", "...")):
        text = text.replace(mark, plain)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c if c.isprintable() else " " for c in text)


# ------------------------------------------------------------------------------------------------ VOTable
def _votable(tables: Mapping[str, Any]) -> bytes:
    from astropy.io.votable.tree import Info, Resource, TableElement, VOTableFile

    file = VOTableFile()
    resource = Resource()
    file.resources.append(resource)
    for i, (name, given) in enumerate(tables.items()):
        table = _standard_units(_xml(given), "vounit")
        meta, table.meta = table.meta, {}
        element = TableElement.from_table(file, table)
        element.name, element.ID = _xml_text(name) or None, f"table{i}"
        for key, value in meta.items():
            if value is not None and not isinstance(value, Mapping):
                words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
                info = Info(name=_xml_text(str(key)), value=_xml_text(words))
                info.ID = None
                element.infos.append(info)
        resource.tables.append(element)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Angstrom, see _standard_units
        file.to_xml(stream)
    return stream.getvalue()


def _xml(table: Any) -> Any:
    """A copy without characters that XML cannot hold."""
    return _with_text(table, _xml_text)


def _xml_text(text: str) -> str:
    return _NOT_XML.sub(" ", text)
