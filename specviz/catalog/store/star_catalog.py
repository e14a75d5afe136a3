"""``StarCatalog``: a catalogue of many stars on disk; opening it reads a page, not the stars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.store import parts as files
from specviz.catalog.store.columns import STANDARD, from_arrow, pyarrow, unit_of
from specviz.catalog.store.header import FILE, Header, PartRecord
from specviz.catalog.store.vectors import StoredVectors
from specviz.errors import CatalogError, did_you_mean

PARTS, INDEX, MAPS = "parts", "index", "maps"


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
        self._vectors: dict[str, StoredVectors] = {}

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
        """Arrow schema of the columns that every part has, in the first part's order."""
        pa = pyarrow()
        schemas = [pa.parquet.read_schema(self._table_file(part)) for part in self.header.parts]
        if not schemas:
            return pa.schema([])
        common = set.intersection(*(set(schema.names) for schema in schemas))
        return pa.schema([schemas[0].field(name) for name in schemas[0].names if name in common])

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns that every part has."""
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
            read = [from_arrow(self._read(part, [name]).column(name)) for part in self.header.parts]
            values = np.concatenate(read) if read else np.empty(0)
            values.setflags(write=False)
            self._columns[name] = values
        return self._columns[name]

    def table(self, rows: ArrayLike | None = None, names: Sequence[str] | None = None) -> Any:
        """Some rows (all by default) and columns (all by default) as an astropy Table with units."""
        from astropy.table import Column, Table

        at = slice(None) if rows is None else np.asarray(rows, np.intp)
        chosen = self.column_names if names is None else tuple(names)
        columns = [Column(self.column(name)[at], name=name, unit=self.unit(name) or None) for name in chosen]
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

    def _table_file(self, part: PartRecord) -> Path:
        file = files.table_file(self.path / PARTS, part.name)
        if not file.is_file():
            raise CatalogError(f"{file.name} of this catalogue is absent", remedy="Build the catalogue again")
        return file

    def _read(self, part: PartRecord, names: Iterable[str]) -> Any:
        pa = pyarrow()
        file = self._table_file(part)
        try:
            table = pa.parquet.read_table(file, columns=list(names), memory_map=True, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{file.name} of this catalogue is damaged", remedy="Build it again") from error
        if table.num_rows != part.rows:
            raise CatalogError(f"{file.name} has {table.num_rows} rows, the header says {part.rows}")
        return table

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
        self._check_current()
        dims = dict(self.header.dims)
        for survey, given in vectors.items():
            width = int(np.shape(given)[1])
            if dims.setdefault(survey, width) != width:
                raise CatalogError(
                    f"Vectors of {width} dimensions do not fit this catalogue of {dims[survey]} ({survey})",
                    remedy="Embed the stars with the model that made the catalogue",
                )
        header = replace(self.header, dims=dims)
        taken = {part.name for part in self.header.parts}
        name = name or next(
            n for n in (f"part-{i:05d}" for i in range(len(taken), 2 * len(taken) + 2)) if n not in taken
        )
        if name in taken:
            raise CatalogError(f"There is a part {name!r} already")
        record = files.write_part(self.path / PARTS, name, header, columns, vectors, units)
        self.adopt(header, [record])
        return record

    def adopt(self, header: Header, records: Iterable[PartRecord]) -> None:
        """Take parts whose files are in place already; they are seen when this returns."""
        self._check_current()
        self._put(header.with_parts(*records))

    def _check_current(self) -> None:
        if Header.read(self.path).parts != self.header.parts:
            raise CatalogError(
                f"Someone else has changed {self.path.name} meanwhile", remedy="Open it again and repeat what you did"
            )

    def _put(self, header: Header) -> None:
        files.write_whole(self.path / FILE, lambda stream: stream.write(header.to_json().encode()))
        self.header = header
        self._columns.clear()
        self._vectors.clear()
        self.__dict__.pop("schema", None)
