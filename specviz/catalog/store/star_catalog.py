"""``StarCatalog``: a catalogue of many stars on disk; opening it reads a page, not the stars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.store import parts as files
from specviz.catalog.store.columns import STANDARD, from_arrow, pyarrow, standardised, to_arrow, unit_of, units_of
from specviz.catalog.store.header import FILE, Header, PartRecord
from specviz.catalog.store.schema import conformed, is_text, merged_schema, refuse_drift
from specviz.catalog.store.star_rows import rows_of_star
from specviz.catalog.store.vectors import StoredVectors
from specviz.catalog.store.writing import writing
from specviz.errors import CatalogError, did_you_mean

PARTS, INDEX, MAPS = "parts", "index", "maps"
#: Stars whose words are kept in memory once they are read: 25 bytes a name.
_KEPT = 20_000_000
_AGAIN = "Build the catalogue again, or copy it again from where it is whole"


class StarCatalog:
    """Stars with their embeddings; see :mod:`specviz.catalog.store` for the files.

    Made by :meth:`open` and :meth:`create`. What is read is kept: a column once it is asked for, vectors never (they
    stay mapped). A catalogue that others append to is not changed under its reader; open it again.

    Attributes
    ----------
    path : Path
    header : Header
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self.header = path, header
        self._columns: dict[str, NDArray[Any]] = {}
        self._texts: dict[tuple[str, int], Any] = {}
        self._vectors: dict[str, StoredVectors] = {}
        self._indices: dict[str, Any] = {}

    @classmethod
    def open(cls, path: str | Path, *, model_sha256: str | None = None) -> StarCatalog:
        """Open a catalogue.

        Parameters
        ----------
        path : path
            Its folder.
        model_sha256 : str, optional
            The weights in use; a catalogue that others made is refused.

        Raises
        ------
        CatalogError
            If there is none, it is damaged, or other weights made it.
        """
        folder = Path(path)
        header = Header.read(folder)
        header.check_weights(model_sha256, folder.name)
        return cls(folder, header)

    @classmethod
    def create(cls, path: str | Path, header: Header) -> StarCatalog:
        """An empty catalogue; parts are added with :meth:`append`.

        Raises
        ------
        CatalogError
            If there is something at ``path`` already.
        """
        folder = Path(path)
        if (folder / FILE).exists() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise CatalogError(
                f"There is something at {folder} already", expected="a new folder", remedy="Name another, or append"
            )
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        made = cls(folder, header)
        made._put(header)
        return made

    def __len__(self) -> int:
        return self.header.rows

    def __repr__(self) -> str:
        dims = ", ".join(f"{survey} {dim}-D" for survey, dim in self.header.dims.items()) or "no vectors"
        made = f"{self.header.model} {self.header.weights_sha256[:8]}"
        return f"<StarCatalog {self.path.name}: {len(self):,} stars, {dims}, {made}>"

    @property
    def surveys(self) -> tuple[str, ...]:
        """Surveys whose embeddings are in it."""
        return tuple(self.header.dims)

    # ------------------------------------------------------------------------------------------ reading
    @cached_property
    def schema(self) -> Any:
        """Arrow schema of the columns that any part has, the first part's first."""
        pa = pyarrow()
        read = []
        for part in self.header.parts:
            try:
                read.append(pa.parquet.read_schema(self._table_file(part)))
            except (pa.ArrowException, OSError) as error:
                raise CatalogError(f"{part.stem}.parquet of this catalogue is damaged", remedy=_AGAIN) from error
        return merged_schema(read)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of the catalogue."""
        return tuple(self.schema.names)

    def unit(self, name: str) -> str:
        """Unit of a column; "" if it has none."""
        if name in self.schema.names:
            return unit_of(self.schema.field(name)) or STANDARD.get(name, ("", "", ""))[1]
        return STANDARD.get(name, ("", "", ""))[1]

    def column(self, name: str) -> NDArray[Any]:
        """A whole column, shape (N,), read at its first use: NaN, 0 or "" where a star has no value.

        Raises
        ------
        CatalogError
            If there is no such column.
        """
        if name not in self._columns:
            self._check_column(name)
            read = [from_arrow(self.read_part(part, [name]).column(name)) for part in self.header.parts]
            values = np.concatenate(read) if read else np.empty(0)
            values.setflags(write=False)
            self._columns[name] = values
        return self._columns[name]

    def take(self, name: str, rows: ArrayLike) -> NDArray[Any]:
        """A column at some rows. Words stay as Arrow keeps them, in a fifth of the memory of a whole :meth:`column`."""
        at = np.asarray(rows, np.intp).ravel()
        self._check_column(name)
        if name in self._columns or not is_text(self.schema.field(name).type):
            return self.column(name)[at]
        out = np.full(at.shape, "", object)
        part = np.searchsorted(self._starts, at, side="right") - 1
        for i in np.unique(part):
            there = np.flatnonzero(part == i)
            out[there] = self._words(name, int(i)).take(pyarrow().array(at[there] - self._starts[i])).to_pylist()
        return out.astype(str)

    def rows_named(self, names: Iterable[str]) -> NDArray[np.intp]:
        """Rows whose ``object_id`` is one of these, sorted."""
        import pyarrow.compute as pc

        wanted = pyarrow().array(list(names), "string")
        wanted, found = wanted.cast(pyarrow().large_string()), []
        for part, start in enumerate(self._starts):
            same = pc.is_in(self._words("object_id", part), value_set=wanted)
            found.append(start + np.flatnonzero(same.to_numpy(zero_copy_only=False)))
        return np.concatenate([np.empty(0, np.intp), *found]).astype(np.intp)

    def star_rows(self, star: Any) -> NDArray[np.intp]:
        """Rows that are a star; see :func:`specviz.catalog.store.star_rows.rows_of_star`."""
        return rows_of_star(self, star)

    def index(self, survey: str | None = None) -> Any:
        """Similar stars of one survey: a :class:`specviz.catalog.search.catalog_index.CatalogIndex`, made once.

        Parameters
        ----------
        survey : str, optional
            The only one, or the first, by default.
        """
        from specviz.catalog.search.catalog_index import CatalogIndex

        survey = survey or next(iter(self.surveys), "lamost_lrs")
        if survey not in self._indices:
            self._indices[survey] = CatalogIndex(self, survey)
        return self._indices[survey]

    def forget_index(self, survey: str) -> None:
        """Let the next :meth:`index` of a survey look at the search index anew."""
        self._indices.pop(survey, None)

    def table(self, rows: ArrayLike | None = None, names: Sequence[str] | None = None) -> Any:
        """Some rows (all by default) and columns (all by default) as an astropy Table with units."""
        from astropy.table import Column, Table

        at = None if rows is None else np.asarray(rows, np.intp)
        chosen = self.column_names if names is None else tuple(names)
        columns = [
            Column(self.column(name) if at is None else self.take(name, at), name=name, unit=self.unit(name) or None)
            for name in chosen
        ]
        meta = {"weights_sha256": self.header.weights_sha256, "release": self.header.release}
        return Table(columns, meta=meta)

    def vectors(self, survey: str) -> StoredVectors:
        """The embeddings of a survey, mapped.

        Raises
        ------
        CatalogError
            If the catalogue has none, or a file is damaged.
        """
        if survey not in self._vectors:
            if survey not in self.header.dims:
                raise CatalogError(
                    f"{self.path.name} holds no {survey} embeddings", expected="one of " + ", ".join(self.surveys)
                )
            folder, dim = self.path / PARTS, self.header.dims[survey]
            arrays, rows, starts, start = [], [], [], 0
            for part in self.header.parts:
                m = part.vectors.get(survey, 0)
                if m:
                    arrays.append(files.open_array(files.vector_file(folder, part.name, survey), (m, dim)))
                    whole = m == part.rows
                    rows.append(None if whole else files.open_array(files.rows_file(folder, part.name, survey), (m,)))
                    starts.append(start)
                start += part.rows
            if len(arrays) < len(self.header.parts):  # a part without this survey: nobody's number is his row
                rows = [np.arange(len(a)) if r is None else r for a, r in zip(arrays, rows, strict=True)]
            self._vectors[survey] = StoredVectors(arrays, rows, starts, dim)
        return self._vectors[survey]

    def _check_column(self, name: str) -> None:
        if name not in self.schema.names:
            raise CatalogError(
                f"{self.path.name} has no column {name!r}",
                expected="one of " + ", ".join(self.column_names),
                remedy=did_you_mean(name, self.column_names),
            )

    def _words(self, name: str, part: int) -> Any:
        """A column of words in a part as an Arrow array, kept unless there are too many stars."""
        if (name, part) in self._texts:
            return self._texts[name, part]
        self._check_column(name)
        read = self.read_part(self.header.parts[part], [name]).column(name)
        words = read.cast(pyarrow().large_string()).combine_chunks()
        if len(self) <= _KEPT:
            self._texts[name, part] = words
        return words

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        """First row of each part."""
        return np.cumsum([0, *(part.rows for part in self.header.parts)])[:-1].astype(np.intp)

    def _table_file(self, part: PartRecord) -> Path:
        file = files.table_file(self.path / PARTS, part.stem)
        if not file.is_file():
            self._check_current()  # it may have been replaced meanwhile
            raise CatalogError(f"{file.name} of this catalogue is absent", remedy=_AGAIN)
        return file

    def part_columns(self, part: PartRecord) -> tuple[str, ...]:
        """Columns that a part has itself."""
        pa, file = pyarrow(), self._table_file(part)
        try:
            return tuple(pa.parquet.read_schema(file).names)
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{file.name} of this catalogue is damaged", remedy=_AGAIN) from error

    def read_part(self, part: PartRecord, names: Iterable[str] | None = None) -> Any:
        """Columns of one part (all by default) as an Arrow table, null where the part has none.

        Raises
        ------
        CatalogError
            If its file is absent or damaged.
        """
        pa = pyarrow()
        file, chosen = self._table_file(part), list(self.column_names if names is None else names)
        try:
            there = set(self.part_columns(part))
            wanted = [name for name in chosen if name in there] or ["object_id"]
            table = pa.parquet.read_table(file, columns=wanted, memory_map=True, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{file.name} of this catalogue is damaged", remedy=_AGAIN) from error
        if table.num_rows != part.rows:
            raise CatalogError(f"{file.name} has {table.num_rows} rows, the header says {part.rows}", remedy=_AGAIN)
        return conformed(table, self.schema, chosen)

    # ------------------------------------------------------------------------------------------ writing
    def append(
        self,
        columns: Mapping[str, Any],
        vectors: Mapping[str, ArrayLike],
        *,
        name: str | None = None,
        units: Mapping[str, str] | None = None,
    ) -> PartRecord:
        """Add stars as a part at the end; the catalogue has them when this returns.

        Parameters
        ----------
        columns, vectors, units
            See :func:`specviz.catalog.store.parts.write_part`.
        name : str, optional
            Of the part.

        Raises
        ------
        CatalogError
            If vectors have another length than those that are there, or someone else has added stars meanwhile.
        """
        with writing(self.path):
            self._check_current()
            dims = dict(self.header.dims)
            for survey, given in vectors.items():
                width = int(np.shape(given)[1]) if np.ndim(given) == 2 else 0
                if dims.setdefault(survey, width) != width:
                    raise CatalogError(
                        f"Vectors of {width} dimensions do not fit this catalogue of {dims[survey]} ({survey})",
                        remedy="Embed the stars with the model that made the catalogue",
                    )
            header = replace(self.header, dims=dims)
            taken = {part.name for part in self.header.parts}
            name = name or next(n for i in count(len(taken)) if (n := f"part-{i:05d}") not in taken)
            if name in taken:
                raise CatalogError(f"There is a part {name!r} already")
            plain = standardised(columns)
            refuse_drift(self.schema, to_arrow(plain, b"").schema)
            self._sweep(name)
            record = files.write_part(
                self.path / PARTS, name, header, plain, vectors, {**units_of(columns), **(units or {})}
            )
            known = merged_schema([self.schema, pyarrow().parquet.read_schema(self._table_file(record))])
            self._put(header.with_parts(record))
            self.__dict__["schema"] = known  # what stood there need not be read again: there may be thousands of parts
        return record

    def adopt(self, header: Header, records: Iterable[PartRecord]) -> None:
        """Take parts whose files are in place already; they are seen when this returns."""
        with writing(self.path):
            self._check_current()
            self._put(header.with_parts(*records))

    def orphans(self) -> tuple[Path, ...]:
        """Files among the parts that belong to none: left by a process that was killed while it wrote, or by a join."""
        held = set()
        for part in self.header.parts:
            held.add(files.table_file(self.path / PARTS, part.stem).name)
            for survey in part.vectors:
                held.add(files.vector_file(self.path / PARTS, part.name, survey).name)
                held.add(files.rows_file(self.path / PARTS, part.name, survey).name)
        return tuple(sorted(file for file in (self.path / PARTS).iterdir() if file.is_file() and file.name not in held))

    def remove_orphans(self) -> tuple[Path, ...]:
        """Delete the files that belong to no part, and say which they were."""
        with writing(self.path):
            self._check_current()
            left = self.orphans()
            for file in left:
                file.unlink()
        return left

    def _sweep(self, name: str) -> None:
        """Delete what a killed try left of a part that is about to be written."""
        for file in self.orphans():
            if file.name.startswith(f"{name}."):
                file.unlink()

    def _check_current(self) -> None:
        if Header.read(self.path).parts != self.header.parts:
            raise CatalogError(
                f"Someone else has changed {self.path.name} meanwhile", remedy="Open it again and repeat what you did"
            )

    def _put(self, header: Header) -> None:
        files.write_whole(self.path / FILE, lambda stream: stream.write(header.to_json().encode()))
        self.header = header
        for kept in (self._columns, self._texts, self._vectors, self._indices):
            kept.clear()
        for name in ("schema", "_starts"):
            self.__dict__.pop(name, None)
