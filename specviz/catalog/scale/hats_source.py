"""``HatsSpectra``: spectra in a HATS catalogue, on disk, on a web server or in a bucket, as a source to build from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.layout import HEALPIX, ORDER, hats
from specviz.catalog.scale.partition import Block
from specviz.catalog.store.columns import OTHER_NAMES, STANDARD, from_arrow, pyarrow, unit_of
from specviz.errors import CatalogError, NotFoundError, did_you_mean
from specviz.spectra.star import Star

SCHEME = "hats://"
#: Rows that are read together: with LAMOST's 3,909 pixels in three columns, 50 MB.
TOGETHER = 512
#: Columns that HATS itself needs.
_OF_HATS = (HEALPIX, "Norder", "Dir", "Npix")


class RowReader(Protocol):
    """Makes stars of rows; see :class:`specviz.archives.local.arrow_rows.ArrowRows`. It is pickled to workers."""

    @property
    def columns(self) -> Sequence[str]:
        """What it needs; fields of nested columns as ``nested.field``."""
        ...

    @property
    def ids(self) -> Mapping[str, str]:
        """Columns that it makes facts of, by kind."""
        ...

    def read(self, table: Any, where: str, first: int = 0) -> Rows:
        """Stars of an Arrow table."""
        ...


class Rows(Protocol):
    """What a reader gives: facts (n,) by standard name, stars (None where one cannot be read), and why not."""

    @property
    def facts(self) -> Mapping[str, NDArray[Any]]: ...

    @property
    def stars(self) -> Sequence[Star | None]: ...

    @property
    def problems(self) -> Sequence[str]: ...


#: Finds the spectra in an Arrow schema, or says that there are none: (schema, name of the catalogue) -> reader.
ReaderOf = Callable[[Any, str], RowReader]


class HatsSpectra:
    """A :class:`specviz.catalog.scale.partition.Source` whose partitions are the pixels of a HATS catalogue.

    Only the columns that are needed are read, some rows at a time.

    Parameters
    ----------
    path : str or Path
        A HATS catalogue, or a collection that has one: a folder, or what fsspec opens (``https://``, ``s3://``).
    reader_of : callable
        Such as ``ArrowRows.of``.
    columns : sequence of str, optional
        Labels to take along; by default those that a catalogue of stars knows (:data:`STANDARD`).

    Attributes
    ----------
    fingerprint : str
        Of the properties, the pixels and, on disk, sizes and times of the files.

    Raises
    ------
    NotFoundError, CatalogError
        If there is no HATS catalogue, it is damaged, or has no such column.
    NotASpectrumError
        If no column is a spectrum.
    """

    def __init__(self, path: str | Path, reader_of: ReaderOf, *, columns: Sequence[str] | None = None) -> None:
        self.path = location(path)
        found = opened(self.path)
        self.name, info = str(found.catalog_name), found.catalog_info
        self._base, self._suffix = str(found.catalog_base_dir), str(info.npix_suffix)
        pixels = sorted(found.get_healpix_pixels(), key=lambda p: p.pixel << 2 * (ORDER - p.order))
        self._pixels = {f"{p.order}_{p.pixel}": (int(p.order), int(p.pixel)) for p in pixels}
        schema = found.schema
        if schema is None or not pixels:
            raise CatalogError(f"{self.name} says no columns or holds no stars", expected="a HATS catalogue of spectra")
        self.reader = reader_of(schema, self.name)
        self._labels, self._units = _labels(schema, self.reader, columns, self.name)
        self._stars = int(info.total_rows or 0)
        told = hashlib.sha256(f"{info.model_dump_json()}\n{list(self._pixels)}\n{self._labels}\n".encode())
        for key in self._pixels:
            file = self._file(key)
            if file.protocol in ("", "file"):
                stat = file.stat()
                told.update(f"{stat.st_size} {stat.st_mtime_ns}\n".encode())
        self.fingerprint = told.hexdigest()

    def __repr__(self) -> str:
        return f"<HatsSpectra {self.name}: {self._stars:,} stars in {len(self._pixels)} partitions>"

    def __len__(self) -> int:
        return self._stars

    def keys(self) -> list[str]:
        """``ORDER_PIXEL`` of each partition, in the order of the sky."""
        return list(self._pixels)

    def rows_in(self, key: str) -> int:
        """Stars of a partition."""
        return sum(int(file.metadata.num_rows) for file in self._opened(key))

    def blocks(self, key: str) -> Iterator[Block]:
        """The stars of a partition; of one that cannot be read the column ``problem`` says why."""
        for table, first in self._tables(key):
            read = self.reader.read(table, f"{self.name} {key}", first)
            columns: dict[str, Any] = {name: from_arrow(table.column(name)) for name in self._labels}
            yield Block(
                {**columns, **read.facts, "problem": np.array(list(read.problems), dtype=str)},
                list(read.stars), units=self._units,
            )  # fmt: skip

    def _tables(self, key: str) -> Iterator[tuple[Any, int]]:
        pa, first = pyarrow(), 0
        wanted = list(dict.fromkeys((*self.reader.columns, *self._labels)))
        for file in self._opened(key):
            try:
                for batch in file.iter_batches(batch_size=TOGETHER, columns=wanted, use_threads=False):
                    yield pa.Table.from_batches([batch]), first
                    first += batch.num_rows
            except (pa.ArrowException, KeyError) as error:
                raise CatalogError(f"Partition {key} of {self.name} is damaged ({str(error)[:120]})") from error

    def _opened(self, key: str) -> Iterator[Any]:
        """The Parquet files of a partition."""
        hats()
        from hats.io.file_io import read_parquet_file

        pa, file = pyarrow(), self._file(key)
        files = sorted(file.glob("*.parquet"), key=str) if self._suffix == "/" else [file]
        for one in files:
            try:
                with read_parquet_file(one) as parquet:
                    yield parquet
            except FileNotFoundError as error:
                raise CatalogError(f"Partition {key} of {self.name} is absent", remedy="Copy it again") from error
            except pa.ArrowException as error:
                raise CatalogError(f"Partition {key} of {self.name} is damaged ({str(error)[:120]})") from error

    def _file(self, key: str) -> Any:
        hats()
        from hats.io.paths import pixel_catalog_file
        from hats.pixel_math import HealpixPixel

        return pixel_catalog_file(self._base, HealpixPixel(*self._pixels[key]), npix_suffix=self._suffix)


def location(path: str | Path) -> str:
    """Where a catalogue is, without ``hats://`` before it."""
    said = str(path).removeprefix(SCHEME)
    return said if "://" in said else str(Path(said).expanduser().absolute())


def opened(path: str) -> Any:
    """The HATS catalogue at a place, by the library ``hats``; the main one of a collection.

    Raises
    ------
    NotFoundError
        If there is none.
    CatalogError
        If what is there is damaged.
    """
    library = hats()
    try:
        found = library.read_hats(path)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"There is no HATS catalogue at {path}", expected="a folder with hats.properties, or its address"
        ) from error
    except (ValueError, OSError) as error:
        raise CatalogError(f"The HATS catalogue at {path} cannot be read ({str(error)[:200]})") from error
    return getattr(found, "main_catalog", found)


def _labels(
    schema: Any, reader: RowReader, columns: Sequence[str] | None, where: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Columns that are taken along as they are, and their units."""
    pa = pyarrow()
    plain = [f.name for f in schema if not pa.types.is_nested(f.type) and f.name not in _OF_HATS]
    if columns is None:
        known = {*STANDARD, *(name for names in OTHER_NAMES.values() for name in names)}
        chosen = [name for name in plain if name in known]
    else:
        unknown = [name for name in columns if name not in plain]
        if unknown:
            raise CatalogError(
                f"{where} has no column {unknown[0]!r}",
                expected="one value a star",
                remedy=did_you_mean(unknown[0], plain),
            )
        chosen = list(columns)
    taken = set(reader.ids.values())
    labels = tuple(name for name in chosen if name not in taken)
    return labels, {n: unit for n in labels if n not in STANDARD and (unit := unit_of(schema.field(n)))}
