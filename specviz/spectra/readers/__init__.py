"""Read spectra from files: one door for every layout, chosen by content and never by suffix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specviz.errors import NotFoundError, ReadError
from specviz.spectra.readers import exported, gaia_xp, generic, kepler, lamost, light_curve_text, sdss, text  # noqa: F401  (they register themselves)
from specviz.spectra.readers.content import Content, content_of, load
from specviz.spectra.readers.registry import find, layouts, read_content, register_reader

if TYPE_CHECKING:
    from specviz.spectra.star import Star

__all__ = ["identify", "layouts", "read", "read_all", "read_bytes", "register_reader"]


def read(path: str | Path, *, source_id: int | str | None = None) -> Star:
    """Read one star from a file.

    Parameters
    ----------
    path : path
        FITS, VOTable, CSV, ECSV, avro, npy or text; plain or gzip.
    source_id : int or str, optional
        Which source, in a Gaia XP file of many.

    Returns
    -------
    Star

    Raises
    ------
    ReadError
        Or one of its kinds: unknown layout, not a spectrum, too large, damaged, several sources and none chosen.
    NotFoundError
        No such file, or no such source in it.
    """
    content = load(path)
    return _one(content, read_content(content), source_id)


def read_all(path: str | Path) -> list[Star]:
    """Read every star of a file (a Gaia XP file may hold thousands).

    A source that cannot be calibrated becomes a ``Star`` without spectra whose ``meta["error"]`` says why.
    """
    return read_content(load(path))


def read_bytes(data: bytes, name: str) -> list[Star]:
    """Read every star of an upload; ``name`` is only used in messages."""
    return read_content(content_of(bytes(data), _plain(name)))


def identify(source: str | Path | bytes) -> str:
    """Name of the layout of a file or of bytes: one of :func:`layouts`."""
    content = content_of(source, "the data") if isinstance(source, bytes) else load(source)
    return find(content).name


def _plain(name: str) -> str:
    short = "".join(c for c in Path(name.replace("\\", "/")).name if c.isprintable())
    return short[:120] or "the upload"


def _one(content: Content, stars: list[Star], source_id: int | str | None) -> Star:
    if source_id is not None:
        wanted = str(source_id).strip()
        for star in stars:
            if star.source_id is not None and star.source_id.value == wanted:
                break
        else:
            held = ", ".join(str(s.source_id.value) for s in stars[:5] if s.source_id)
            raise NotFoundError(f"{content.name}: no source {wanted}", remedy=f"It holds {held or 'no Gaia source'}")
    elif len(stars) == 1:
        star = stars[0]
    else:
        ids = ", ".join(s.source_id.value if s.source_id else s.name for s in stars[:5])
        raise ReadError(
            f"{content.name}: holds {len(stars)} sources ({ids}{' ...' if len(stars) > 5 else ''})",
            expected="one star",
            remedy="Open the file by itself to go through them; in Python specviz.open_all, or source_id= for one",
        )
    if "error" in star.meta:
        raise ReadError(str(star.meta["error"]))
    return star
