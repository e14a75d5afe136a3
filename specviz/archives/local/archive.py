"""``LocalArchive``: spectra on this machine's disk, asked like any other archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from specviz.archives.local.folder import Folder
from specviz.archives.local.holding import DEPTHS, Holding
from specviz.archives.local.register import Register, kind_of
from specviz.archives.protocol import Candidate
from specviz.errors import AmbiguousError, NotFoundError, ReadError
from specviz.spectra.catalogue_values import catalogues_of
from specviz.spectra.star import Identifier, Star

_HDF5, _PARQUET = b"\x89HDF\r\n\x1a\n", b"PAR1"
#: An HDF5 file may begin with a block of the user's own, of these sizes.
_HDF5_AT = (0, 512, 1024, 2048, 4096)
_SHOWN = 20


class LocalArchive:
    """The stars in a folder, a survey's tree, a file of spectra, an HDF5 file or a Parquet table.

    Opening it reads nothing; a folder of ten thousand spectra is listed by its file names, and the headers of files are
    looked at only for a search by number or position, or to join spectra. LAMOST, SDSS and Gaia XP spectra of the same
    star (by its Gaia number, else within 3 arcsec) come together in one ``Star``. Spectra are read one star at a time.
    Safe to use from several threads.

    Parameters
    ----------
    path : path
        A folder (searched to any depth, except for what begins with a dot), or a file.
    name : str, optional
        What candidates call the archive; "local" by default.

    Raises
    ------
    NotFoundError
        If there is nothing at that path.
    ReadError
        If it can be neither listed nor opened.
    SpecvizError
        If it is an HDF5 or a Parquet file and what reads it is not installed.

    Examples
    --------
    >>> archive = LocalArchive("~/spectra/dr10")  # doctest: +SKIP
    >>> archive.fetch("obsid 938505172")  # doctest: +SKIP
    """

    def __init__(self, path: str | Path, *, name: str = "local") -> None:
        self.name = name
        try:
            self.path = Path(path).expanduser()
            exists, folder, file = self.path.exists(), self.path.is_dir(), self.path.is_file()
        except (OSError, ValueError, RuntimeError, TypeError) as error:  # RuntimeError: the home of nobody
            told = f"{str(path)[:200]!r} cannot be opened ({error})"
            raise ReadError(told, expected="a folder or a file") from error
        if exists and not folder and not file:
            raise ReadError(f"{self.path.name}: not a regular file", expected="a folder or a file of spectra")
        if not exists:
            raise NotFoundError(f"There is nothing at {self.path}", expected="a folder or a file of spectra")
        self._held: Holding = Folder(self.path) if folder else _holding(self.path)

    def __repr__(self) -> str:
        return f"<LocalArchive {self.path}>"

    def __len__(self) -> int:
        return len(self.names())

    @property
    def problems(self) -> Mapping[str, str]:
        """Files (or parts of a file) that give no spectrum, and why; of those looked at so far. ``names()`` looks at
        all whose name does not say what they are.
        """
        return MappingProxyType(dict(self._held.problems))

    def names(self) -> list[str]:
        """Every star's name. Spectra of one star in several surveys count once; repeated observations each count."""
        register = self._held.register("files")
        if register.mixed:
            register = self._held.register("headers")
            return [name for row, name in enumerate(register.names) if register.leads(row)]
        return list(register.names)

    def refresh(self) -> None:
        """Notice changed files at once (else after a few seconds)."""
        self._held.refresh()

    def resolve(self, text: str) -> list[Candidate]:
        """The stars that ``text`` means: a name, a file, an obsid, a Gaia source, a KIC number, a designation, or a
        position; at most twenty, best signal first; empty if none.
        """
        register, rows = self._rows(text)
        return [register.candidate(row, self.name) for row in rows[:_SHOWN]]

    def near(self, text: str, n: int = 2) -> list[str]:
        """Names that ``text`` may have meant, from file names and what is known of files: at once, also while another
        thread looks at them.
        """
        register = self._held.glance()
        return [] if register is None else register.near(str(text), n)

    def fetch(self, name: str) -> Star:
        """The star of that name, with the spectra of all surveys that are here.

        Raises
        ------
        NotFoundError
            If there is none.
        AmbiguousError
            If several stars are meant. Repeated observations of one star are not several: the best is taken.
        ReadError
            If its file is damaged.
        """
        register, rows = self._rows(name)
        if len(rows) > 1:  # their headers say whether they are one star
            whole = self._held.register("headers")
            rows = whole.best_first([r for row in rows if (r := whole.row_of(register, row)) is not None])
            register = whole
        if not rows:
            near = ", ".join(self.near(name, 3))
            raise NotFoundError(
                f"{str(name)[:80]!r} is not in {self.path.name or self.path}",
                remedy=f"Perhaps {near} is meant" if near else "names() lists what is there",
            )
        if any(not register.same_star(rows[0], row) for row in rows[1:]):
            raise AmbiguousError(
                f"{str(name)[:80]!r} may mean {len(rows)} stars of {self.path.name}",
                [register.candidate(row, self.name) for row in rows[:_SHOWN]],
                remedy="Use the whole name",
            )
        return self._star(register, rows[0])

    # ------------------------------------------------------------------ within
    def _rows(self, text: str) -> tuple[Register, list[int]]:
        """Rows that are meant, asking for no more than it takes."""
        text = str(text)
        words = kind_of(text) == "name"  # words are looked for in names, numbers and positions in headers
        register = self._held.register("names")
        rows = register.named(text)
        for depth in ("files",) if words else DEPTHS[1:]:
            if rows:
                break
            register = self._held.register(depth)
            rows = register.named(text) or (register.meant(text) if words or depth == "headers" else [])
        return register, register.best_first(rows)

    def _star(self, register: Register, row: int) -> Star:
        whole = self._held.register("headers") if register.mixed else register
        found = whole.row_of(register, row)
        if found is None:
            raise NotFoundError(f"{register.names[row]} is no longer in {self.path.name}", remedy="Ask again")
        row, register = found, whole
        rows = [row, *register.partners(row)]
        first = register.best_first(rows)[0] if register.mixed else row
        star = self._held.read(first, register)
        notes = []
        for other in rows:
            if other != first:
                try:
                    star = _joined(star, self._held.read(other, register))
                except (ReadError, NotFoundError) as error:
                    if other == row:
                        raise
                    notes.append(str(error))  # the star is there without it; said in meta and in problems
        ids = [*star.identifiers, *(i for i in register.identifiers(first) if not _knows(star.identifiers, i))]
        meta = {**star.meta, "local_name": register.names[first], **({"not_read": tuple(notes)} if notes else {})}
        return star.with_(identifiers=tuple(ids), meta=meta)


def _holding(path: Path) -> Holding:
    try:
        with path.open("rb") as stream:
            starts = [(stream.seek(at), stream.read(8))[1] for at in _HDF5_AT]
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be opened ({error})") from error
    if _HDF5 in starts:
        from specviz.archives.local.hdf5 import Hdf5

        return Hdf5(path)
    if starts[0].startswith(_PARQUET):
        from specviz.archives.local.parquet import Parquet

        return Parquet(path)
    return Folder(path)


def _joined(star: Star, other: Star) -> Star:
    """A star with what another file of the same star has on top."""
    ids = [*star.identifiers, *(i for i in other.identifiers if not _knows(star.identifiers, i))]
    paths = [*star.meta.get("joined", ()), str(other.meta.get("path", ""))]
    return star.with_(
        spectra={**other.spectra, **star.spectra},
        identifiers=tuple(ids),
        ra=star.ra if star.ra is not None else other.ra,
        dec=star.dec if star.dec is not None else other.dec,
        light_curve=star.light_curve if star.light_curve is not None else other.light_curve,
        catalogue=star.catalogue or other.catalogue,  # one catalogue: values of two under one source mislead
        catalogues={**_listed(other), **_listed(star)},
        meta={**star.meta, "joined": tuple(paths)},
    )


def _listed(star: Star) -> Mapping[str, Mapping[str, object]]:
    return {one.name: one.values for one in catalogues_of(star)}


def _knows(ids: tuple[Identifier, ...], other: Identifier) -> bool:
    """Whether a number is among identifiers, whatever the release: a file's name may not tell it."""
    return any(i.archive == other.archive and i.value == other.value for i in ids)
