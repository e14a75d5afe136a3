"""Where labels live, and in whose name they are written."""

from __future__ import annotations

import getpass
import hashlib
import os
import unicodedata
from pathlib import Path

from specviz.errors import OptionError

#: How the file of a journal may be called.
SUFFIXES = (".sqlite", ".sqlite3", ".db")
#: Files that hold labels but no journal: what a person writes who means an export.
_TABLES = (".csv", ".ecsv", ".json", ".vot", ".votable", ".xml", ".fits", ".fit", ".txt", ".tsv", ".parquet")
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".tar")
LONGEST_NAME = 80


def journal_path(labels: str | Path | None = None, source: str | Path | None = None) -> Path:
    """The file that the labels of a list are kept in.

    Parameters
    ----------
    labels : str or Path, optional
        What the person asked for: a file (".sqlite" is added if it has no suffix of a journal), or a folder for it.
    source : str or Path, optional
        The file or folder that the list was read from; None for a list of names.

    Returns
    -------
    Path
        ``labels``; else "<name of the source>.labels.sqlite" beside the source if that can be written; else in the
        folder "labels" of this person's data folder, which is made.

    Raises
    ------
    OptionError
        ``labels`` names a table.
    """
    origin = None if source is None else Path(source).expanduser()
    if origin is not None and not origin.exists():
        origin = None
    name = "labels.sqlite" if origin is None else f"{_stem(origin)}.labels.sqlite"
    if labels is not None and str(labels).strip():
        path = Path(labels).expanduser().absolute()
        if path.is_dir():
            return path / name
        suffix = path.suffix.lower()
        if suffix in _TABLES:
            raise OptionError(
                f"{path.name} is the name of a table; labels are kept in a journal, as they are said",
                expected=f"a name that ends in {', '.join(SUFFIXES)}",
                remedy=f'Try labels="{path.stem}.sqlite", and export a table of it at any time',
            )
        return path if suffix in SUFFIXES else path.with_name(path.name + ".sqlite")
    if origin is not None:
        beside = origin.absolute().with_name(name)
        if _writable(beside):
            return beside
        which = hashlib.sha256(os.fsencode(str(origin.resolve()))).hexdigest()[:8]  # lists of one name in two folders
        name = f"{_stem(origin)}-{which}.labels.sqlite"
    return labels_folder() / name


def labels_folder() -> Path:
    """Where labels are kept that have no place of their own; made if it is not there."""
    from platformdirs import user_data_path

    folder = user_data_path("specviz", appauthor=False) / "labels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"The folder {folder} cannot be made: {error.strerror}", remedy='Name a file for the labels: labels="..."'
        ) from error
    return folder


def _stem(path: Path) -> str:
    path = path.absolute()
    if path.is_dir():
        return path.name or "labels"
    while path.suffix.lower() in _PACKED and path.stem:
        path = path.with_suffix("")
    return path.stem or "labels"


def _writable(path: Path) -> bool:
    """Whether a file can be written, and its rollback journal beside it."""
    return os.access(path.parent, os.W_OK | os.X_OK) and (not path.exists() or os.access(path, os.W_OK))


def reviewer_name(reviewer: str | None = None) -> str:
    """In whose name labels are written: ``reviewer``, else ``SPECVIZ_REVIEWER``, else the login name.

    Raises
    ------
    OptionError
        It is empty, too long, or holds signs that cannot be printed; or there is none at all.
    """
    chosen = reviewer if reviewer is not None else os.environ.get("SPECVIZ_REVIEWER", "").strip() or None
    if chosen is None:
        try:
            chosen = getpass.getuser()
        except (OSError, KeyError, ImportError) as error:  # a container may run as a number that has no name
            raise OptionError(
                "Nobody knows who is at work", expected="a name that the labels can carry",
                remedy='Say reviewer="..." or set SPECVIZ_REVIEWER',
            ) from error  # fmt: skip
    return checked_reviewer(chosen)


def checked_reviewer(name: str) -> str:
    """A name as it is kept: no space around it, one space between words, letters composed (so that é is one é).

    Raises
    ------
    OptionError
        It is empty, too long, or holds signs that cannot be printed.
    """
    if not isinstance(name, str):
        raise OptionError(f"{type(name).__name__} is not the name of a reviewer", expected="text")
    tidy = unicodedata.normalize("NFC", " ".join(name.split()))
    if not tidy or len(tidy) > LONGEST_NAME or not tidy.isprintable():
        raise OptionError(
            f"{name[:LONGEST_NAME]!r} cannot be the name of a reviewer",
            expected=f"1 to {LONGEST_NAME} letters that can be printed",
            remedy='Say reviewer="..." or set SPECVIZ_REVIEWER',
        )
    return tidy
