"""Files of labels, read: what another reviewer sent, what came back from a spreadsheet, another journal."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from specviz.errors import FileTooLargeError, NotFoundError, ReadError, SpecvizError
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.label_files import ESCAPED, JSON_FORMAT, JSON_VERSION, unescaped, unquoted
from specviz.session.vetting.places import checked_reviewer
from specviz.session.vetting.values import CHANGES, OTHERS, Context, Event, value_fits

Form = Literal["journal", "json", "ecsv", "votable", "csv"]
#: Larger files are no labels of a person.
LARGEST = 256 * 2**20
#: Columns, by the names that others give them (lower case).
_NAMES = {
    "star": "star", "object_id": "star", "object": "star", "name": "star", "target": "star", "reviewer": "reviewer",
    "scanner": "reviewer", "role": "role", "quality": "quality", "class": "class", "klass": "class", "label": "class",
    "flags": "flags", "comment": "comment", "comments": "comment", "done": "done", "time": "time", "blind": "blind",
}  # fmt: skip
_CONTEXT = ("model", "model_version", "weights_sha256", "data", "vocabulary", "work_list")
_TRUE, _FALSE = {"1", "1.0", "true", "t", "yes", "y"}, {"0", "0.0", "false", "f", "no", "n"}
csv.field_size_limit(2**31 - 1)  # a comment may be longer than 131072 letters


@dataclass(frozen=True)
class LabelRow:
    """One row of a table of labels. None: the table has no such column, or (quality, time) nothing in it."""

    number: int
    star: str
    reviewer: str
    role: str = ""
    quality: int | None = None
    klass: str | None = None
    flags: tuple[str, ...] | None = None
    comment: str | None = None
    done: bool | None = None
    time: str = ""
    context: Context = field(default_factory=lambda: Context(blind=False))
    has_quality: bool = False


@dataclass(frozen=True)
class Incoming:
    """What a file holds: events, or rows of a table.

    Parameters
    ----------
    name : str
        Of the file, without its folder.
    form : {"journal", "json", "ecsv", "votable", "csv"}
    events : tuple of Event
    rows : tuple of LabelRow
    digest : str
        SHA-256 of a table's bytes.
    """

    name: str
    form: Form
    events: tuple[Event, ...] = ()
    rows: tuple[LabelRow, ...] = ()
    digest: str = ""


def read_labels(path: str | Path, reviewer: str | None = None) -> Incoming:
    """Read a journal or a file of labels; what it is, its content tells.

    Parameters
    ----------
    path : str or Path
    reviewer : str, optional
        Who said it, where a table does not name them.

    Raises
    ------
    NotFoundError
        There is no such file.
    ReadError
        It is damaged, or something else.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}", remedy="Check its name and folder")
    if is_journal(path):
        return Incoming(path.name, "journal", _events_of(path))
    try:
        if path.stat().st_size > LARGEST:
            raise FileTooLargeError(f"{path.name} is larger than {LARGEST // 2**20} MB", expected="a file of labels")
        return labels_in(path.read_bytes(), path.name, reviewer)
    except OSError as error:
        raise ReadError(f"{path.name} cannot be read: {error.strerror}", remedy="Check who may read it") from error


def labels_in(data: bytes, name: str, reviewer: str | None = None) -> Incoming:
    """The same of the bytes of a file; ``name`` is only said, nothing is opened by it."""
    if data.startswith(b"SQLite format 3\0"):
        with tempfile.TemporaryDirectory(prefix="specviz") as folder:
            path = Path(folder) / "journal.sqlite"
            path.write_bytes(data)
            if not is_journal(path):
                raise ReadError(f"{name} is damaged", expected="a journal of specviz vet")
            return replace(read_labels(path), name=name)
    start = data[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise ReadError(f"{name} is empty", expected="labels that specviz exported, or a table of them")
    if start.startswith(b"{"):
        return _from_json(data, name, reviewer)
    form: Form = "ecsv" if start.startswith(b"# %ECSV") else "votable" if start.startswith(b"<") else "csv"
    cells = _from_csv(_text(data, name), name) if form == "csv" else _from_astropy(data, name, form)
    return Incoming(name, form, rows=_rows(cells, name, reviewer), digest=hashlib.sha256(data).hexdigest())


def is_journal(path: Path) -> bool:
    """Whether SQLite takes it for its own. Only SQLite may touch the file: it may be open in this process, too, and
    closing any other handle would let go of its locks."""
    if path.stat().st_size < 512:  # smaller than any; SQLite would take a file of no or one byte for a new one
        return False
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_NOTADB
    except UnicodeDecodeError:  # in its complaint about what is written in a damaged one
        return True
    return True


def _events_of(path: Path) -> tuple[Event, ...]:
    try:
        journal = LabelJournal(path, "reader")
        try:
            return tuple(checked_event(e, path.name) for e in journal.events())
        finally:
            journal.close()
    except UnicodeDecodeError as error:  # in SQLite's own complaint about a damaged file
        raise ReadError(f"{path.name} is damaged", expected="a journal of specviz vet") from error


# ------------------------------------------------------------------------------------------------ tables
def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(
            f"{name} is no text in UTF-8", expected="ECSV, VOTable, CSV, JSON, or a journal",
            remedy="In a spreadsheet, save it as “CSV UTF-8”",
        ) from error  # fmt: skip


def _from_csv(text: str, name: str) -> list[dict[str, Any]]:
    """Cells by column; commas, semicolons or tabs between them, as the first line has it."""
    head = text.lstrip("\r\n").split("\n", 1)[0]
    between = max(",;\t", key=head.count)
    try:
        lines = [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True) if cells]
    except csv.Error as error:
        raise ReadError(f"{name} is damaged: {error}", expected="a whole table") from error
    names = [unquoted(cell).strip() for cell in lines[0]]
    rows = []
    for number, cells in enumerate(lines[1:], 1):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            raise ReadError(
                f"{name}, row {number}: {len(cells)} cells under {len(names)} names", expected="a cell for each name",
                remedy="Is the file cut off, or is a text with a comma not in quotes?",
            )  # fmt: skip
        rows.append({"#": number, **{n: unquoted(c) for n, c in zip(names, cells, strict=True)}})
    return rows or [{"#": 0, **dict.fromkeys(names)}]


def _from_astropy(data: bytes, name: str, form: Form) -> list[dict[str, Any]]:
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files by other hands
            if form == "ecsv":
                table = Table.read(_text(data, name) + "\n", format="ascii.ecsv")
            else:
                table = Table.read(io.BytesIO(data), format="votable")
    except SpecvizError:
        raise
    except Exception as error:  # astropy raises whatever its parsers do
        reason = " ".join(str(error).split())[:160]
        raise ReadError(f"{name} is damaged or no table: {reason}", expected="ECSV or VOTable") from error
    columns = {str(n): table[n] for n in table.colnames}
    if table.meta.get(ESCAPED) and "comment" in columns:
        columns["comment"] = [None if (c := _cell(v)) is None else unescaped(str(c)) for v in columns["comment"]]
    rows = [{"#": i + 1, **{n: _cell(c[i]) for n, c in columns.items()}} for i in range(len(table))]
    return rows or [{"#": 0, **dict.fromkeys(columns)}]


def _cell(value: Any) -> Any:
    if type(value).__name__ == "MaskedConstant" or value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if hasattr(value, "item") else value


def _rows(cells: Sequence[Mapping[str, Any]], name: str, reviewer: str | None) -> tuple[LabelRow, ...]:
    """The rows of a table by the columns they have."""
    named: dict[str, str] = {}
    for column in cells[0]:
        plain = column.strip().lower()
        if plain in _NAMES or plain in _CONTEXT:
            named.setdefault(_NAMES.get(plain, plain), column)
    said = {"quality", "class", "flags", "comment"} & set(named)
    if "star" not in named or not said:
        listed = ", ".join(c for c in list(cells[0])[1:9])
        raise ReadError(f"{name} is no table of labels: its columns are {listed[:200]}",
                        expected="star, reviewer, and some of quality, class, flags, comment")  # fmt: skip
    return tuple(
        _row({key: row[column] for key, column in named.items()}, int(row["#"]), name, reviewer)
        for row in cells
        if row["#"]
    )


def _row(cells: Mapping[str, Any], number: int, name: str, reviewer: str | None) -> LabelRow:
    def text(key: str) -> str:
        value = cells.get(key)
        return "" if value is None else tidy(str(value), name, number)

    where = f"{name}, row {number}"
    star = text("star")
    if not star:
        raise ReadError(f"{where}: no star", expected="its name")
    who = text("reviewer") or (reviewer or "")
    if not who:
        raise ReadError(f"{where} ({star}): nobody is named who said it", expected="a column “reviewer”",
                        remedy="Or say who it was: reviewer=\"...\"")  # fmt: skip
    flags = cells.get("flags")
    words = flags if isinstance(flags, (list, tuple)) else text("flags").split(";")
    return LabelRow(
        number, star, checked_reviewer(who), text("role"),
        quality=_whole(cells.get("quality"), f"{where} ({star})"),
        klass=text("class") if "class" in cells else None,
        flags=tuple(sorted({str(f).strip() for f in words} - {""})) if "flags" in cells else None,
        comment=text("comment") if "comment" in cells else None,
        done=_truth(cells.get("done"), where),
        time=canonical_time(text("time"), where) if text("time") else "",
        context=Context(**{k: text(k) for k in _CONTEXT}, blind=bool(_truth(cells.get("blind"), where)),
                        role=text("role"), source=name),
        has_quality="quality" in cells,
    )  # fmt: skip


def tidy(text: str, name: str = "", number: int = 0) -> str:
    """Text as labels keep it: lines end as in Unix, nothing around it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ReadError(f"{name}, row {number}: a text with half a letter in it", expected="Unicode") from error
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _whole(value: Any, where: str) -> int | None:
    text = "" if value is None else str(value).strip()
    if text in ("", "nan", "--"):
        return None
    try:
        number = float(text)
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise ReadError(f"{where}: {text[:40]!r} is no quality", expected="a whole number") from error
    return int(number)


def _truth(value: Any, where: str) -> bool | None:
    text = "" if value is None else str(value).strip().lower()
    if text in ("", "--"):
        return None
    if text not in _TRUE | _FALSE:
        raise ReadError(f"{where}: {text[:40]!r} is neither true nor false", expected="1 or 0")
    return text in _TRUE


def canonical_time(text: str, where: str) -> str:
    """ISO 8601 in UTC with microseconds, as all times of a journal are, so that text sorts like time."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ReadError(f"{where}: {text[:40]!r} is no time", expected="ISO 8601, 2026-11-20T09:30:00Z") from error
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


# ------------------------------------------------------------------------------------------------ events
def _from_json(data: bytes, name: str, reviewer: str | None) -> Incoming:
    try:
        document = json.loads(_text(data, name))
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{name} is damaged: {error}", expected="a whole file of JSON") from error
    if not isinstance(document, dict) or document.get("format") != JSON_FORMAT:
        raise ReadError(f"{name} holds no labels", expected=f'JSON with "format": "{JSON_FORMAT}"')
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= JSON_VERSION:
        raise ReadError(f"{name} is of version {version!r}", expected=f"1 to {JSON_VERSION}",
                        remedy="Install a newer jupyter-specviz")  # fmt: skip
    events, labels = document.get("events"), document.get("labels")
    if isinstance(events, list):
        return Incoming(name, "json", tuple(_event(e, name, i) for i, e in enumerate(events, 1)))
    if isinstance(labels, list) and labels and all(isinstance(row, dict) for row in labels):
        names = dict.fromkeys(key for row in labels for key in row)
        cells = [{"#": i, **{n: row.get(n) for n in names}} for i, row in enumerate(labels, 1)]
        return Incoming(name, "json", rows=_rows(cells, name, reviewer), digest=hashlib.sha256(data).hexdigest())
    raise ReadError(f"{name} holds no labels", expected='"events" or "labels"')


def _event(found: Any, name: str, number: int) -> Event:
    where = f"{name}, event {number}"
    texts = ("uuid", "step", "star", "reviewer", "time", "kind", "undoes", "specviz")
    if not isinstance(found, dict) or not isinstance(found.get("context", {}), dict):
        raise ReadError(f"{where} is none", expected=", ".join(texts))
    wrong = next((t for t in texts if not isinstance(found.get(t, ""), str)), None)
    if wrong is not None:
        raise ReadError(f"{where}: {wrong!r} is no text")
    context = {f.name: found["context"][f.name] for f in fields(Context) if f.name in found.get("context", {})}
    if any(not isinstance(v, bool if k == "blind" else str) for k, v in context.items()):
        raise ReadError(f"{where}: its context is damaged", expected="text, and true or false for blind")
    return checked_event(
        Event(0, **{t: found.get(t, "") for t in texts}, value=found.get("value"), context=Context(**context)), where
    )


def checked_event(event: Event, where: str) -> Event:
    """The event, if it is one: a name, a kind, a value of that kind, a time that sorts.

    Raises
    ------
    ReadError
        With what is wrong.
    """
    value, kind = event.value, event.kind
    where = f"{where} ({event.star or 'no star'}, {kind})"
    if kind not in (*CHANGES, *OTHERS):
        raise ReadError(f"{where}: specviz does not know this kind", remedy="Install a newer jupyter-specviz")
    if not value_fits(kind, value):
        raise ReadError(f"{where}: {str(value)[:60]!r} cannot be its value")
    if not event.uuid or (kind in CHANGES and not (event.star and event.step)):
        raise ReadError(f"{where}: no uuid, star or step")
    checked_reviewer(event.reviewer)
    try:
        json.dumps([event.star, event.reviewer, event.uuid, event.step, value], ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ReadError(f"{where}: a text with half a letter in it", expected="Unicode") from error
    time = canonical_time(event.time, where)
    return event if time == event.time else Event(**{**vars(event), "time": time})
