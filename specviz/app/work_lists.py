"""What may be vetted: from what a person hands in (names, a table, a folder, a file, a ranking) to a list of stars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.app.wiring import _LONGEST_PATH, archive_of, targets_of
from specviz.archives.protocol import Archive
from specviz.errors import NotFoundError, OptionError, ReadError, SpecvizError
from specviz.session.resolve import is_path, is_query, targets_in

#: Files of a folder that may hold a spectrum. Others (notes, pictures, journals of labels) are left out and counted.
_SPECTRA = (".fits", ".fit", ".fts", ".fz", ".gz", ".csv", ".tsv", ".ecsv", ".vot", ".xml", ".txt", ".dat", ".avro")
#: What a list in memory is called, which has no name of its own.
_NAMELESS = "list"


@dataclass(frozen=True, eq=False)
class VetList:
    """A list to be vetted.

    Parameters
    ----------
    name : str
        What the list is called in the journal: the file's or folder's name, else "list".
    targets : tuple
        One a row, of the kinds that :func:`specviz.session.resolve.resolve` takes.
    scores : array of float, shape (n,), optional
        How odd each is, larger = odder, where that is known.
    locals : tuple of Archive
        In which names are looked up first.
    left_out : tuple of str
        Names of files of a folder that cannot be spectra.
    embeddings : array, shape (n, D), optional
        Of each star, NaN where there is none.
    oddities : tuple of Oddity
        Why each is odd, where that is known.
    oddity : callable(report), optional
        Why the star of a report is odd, compared with the stars that the scores are.
    source : Path, optional
        The file or folder that it was read from: its labels are kept beside it.
    """

    name: str
    targets: tuple[Any, ...]
    scores: NDArray[np.float64] | None = None
    locals: tuple[Archive, ...] = ()
    left_out: tuple[str, ...] = ()
    embeddings: NDArray[np.float32] | None = None
    oddities: tuple[Any, ...] = ()
    oddity: Callable[[Any], Any] | None = None
    source: Path | None = None


def vet_list(x: Any) -> VetList:
    """The list that ``x`` stands for.

    Parameters
    ----------
    x
        A list of names, paths, Stars, Spectra or candidates; a table in memory; the path of a table (CSV, ECSV,
        VOTable, FITS, Parquet), of a text of names, of a folder, of one file of spectra; an archive of one's own or its
        HDF5 or Parquet file; a question in ADQL; a ranking (``specviz.outliers(...)``).

    Raises
    ------
    SpecvizError
        It is empty, cannot be read, or is nothing of the kind.
    """
    if x is None:
        raise OptionError("No list to vet", expected=_EXPECTED)
    if hasattr(x, "targets") and hasattr(x, "scores"):  # a ranking
        scores = np.asarray(x.scores, np.float64).ravel()
        why = getattr(getattr(x, "scorer", None), "of", None)
        return _sound(
            VetList(
                _NAMELESS,
                tuple(x.targets),
                scores,
                embeddings=getattr(x, "embeddings", None),
                oddities=tuple(getattr(x, "oddities", None) or ()),
                oddity=why,
            )
        )
    if isinstance(x, str) and is_query(x):
        from specviz.archives.targets import query_targets

        return _sound(VetList("query", tuple(query_targets(x))))
    if isinstance(x, (str, Path)) and len(str(x)) < _LONGEST_PATH:
        return _sound(_of_path(x))
    if isinstance(x, Archive) and hasattr(x, "names"):
        return _sound(VetList(str(getattr(x, "name", "") or "archive"), tuple(targets_of(x)), locals=(x,)))
    try:
        targets = targets_of(_listed(x))
    except TypeError as error:
        if isinstance(error, SpecvizError):
            raise
        raise OptionError(f"A {type(x).__name__} is no list of stars", expected=_EXPECTED) from error
    return _sound(VetList(_NAMELESS, tuple(targets)))


_EXPECTED = "names, paths, Stars, a table, a folder, or specviz.outliers(...)"


def _listed(x: Any) -> Any:
    """An array, a column or a generator as a list; positions as a list of them; anything else as it is."""
    if hasattr(x, "ra") and getattr(x, "shape", None):  # coordinates of astropy
        from specviz.archives.targets import targets_of as texts

        return texts(x)
    if getattr(x, "ndim", 0) == 1 and hasattr(x, "tolist"):
        return [one for one in x.tolist() if one is not None]
    return list(x) if hasattr(x, "__next__") else x


def _sound(found: VetList) -> VetList:
    """A list that is not empty; files that many stars are in stand for all of them."""
    targets = tuple(t for target in found.targets for t in _stars_of(target))
    if not targets:
        raise OptionError(f"The list {found.name} is empty", expected="at least one star to look at")
    strange = next((t for t in targets if not _may_be_a_star(t)), None)
    if strange is not None:
        raise OptionError(f"A {type(strange).__name__} is no star", expected=_EXPECTED)
    if len(targets) != len(found.targets):
        return replace(found, targets=targets, scores=None, embeddings=None, oddities=())
    return replace(found, targets=targets)


def _may_be_a_star(target: Any) -> bool:
    if isinstance(target, str):
        return bool(target.strip())
    return isinstance(target, Path) or any(hasattr(target, a) for a in ("spectra", "wavelength", "text", "archive"))


def _stars_of(target: Any) -> Iterable[Any]:
    """A report stands for its star, a number for its text; anything else for itself."""
    if hasattr(target, "star") and hasattr(target, "provenance"):
        return (target.star,)
    if isinstance(target, (int, np.integer)) and not isinstance(target, bool):
        return (str(int(target)),)
    return (target,)


def _of_path(x: str | Path) -> VetList:
    text = str(x).strip() if isinstance(x, str) else str(x)
    if not text:
        return VetList(_NAMELESS, ())
    path = Path(text).expanduser()
    try:
        there = path.exists()
    except (OSError, ValueError):  # a name that no file system takes
        there = False
    if not there:
        if isinstance(x, Path) or is_path(text) or "/" in text:
            raise NotFoundError(f"There is no file or folder {text[:200]}", expected=_EXPECTED)
        return VetList(text[:80], (text,))
    if path.is_dir():
        return _of_folder(path)
    archive = archive_of(path)
    if isinstance(archive, Archive):
        return VetList(path.name, tuple(targets_of(archive)), locals=(archive,), source=path)
    return VetList(path.name, tuple(_of_file(path)), source=path)


def _of_folder(path: Path) -> VetList:
    files = [Path(p) for p in targets_of(path)]
    kept = [p for p in files if p.suffix.lower() in _SPECTRA]
    if not kept:
        raise SpecvizError(f"The folder {path.name} holds no spectra", expected="files such as spec-….fits")
    left = tuple(str(p.relative_to(path)) for p in files if p not in set(kept))
    return VetList(path.resolve().name, tuple(kept), left_out=left, source=path)


def _of_file(path: Path) -> Sequence[Any]:
    """The targets that a file lists, else the stars in it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path.name} cannot be read: {error.strerror or error}") from error
    listed = targets_in(path.name, data)
    if listed:
        return listed
    from specviz.spectra.readers import read_bytes

    stars = read_bytes(data, path.name)
    return [path] if len(stars) == 1 else stars
