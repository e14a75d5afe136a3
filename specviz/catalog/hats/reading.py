"""``HatsEmbeddings``: a HATS catalogue with embeddings as the source of a star catalogue, a pixel a partition."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from specviz.catalog.hats.layout import HEALPIX, hats
from specviz.catalog.hats.understanding import Columns, plain_column, understood, vector_column
from specviz.catalog.scale.build import Progress, Runner, build, in_this_process
from specviz.catalog.scale.partition import Block, EngineSpec
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, NotFoundError
from specviz.models.protocol import ModelDescription

SCHEME = "hats://"
_BLOCK = 65_536


def open_hats_embeddings(
    path: str | Path, *, weights_sha256: str = "", embeddings: Mapping[str, str] | None = None
) -> HatsEmbeddings | None:
    """The embeddings of a HATS catalogue as a source; None if it holds none (spectra only, say).

    Raises
    ------
    NotFoundError, CatalogError
        If there is no HATS catalogue, it is damaged, or nobody says which weights made its embeddings.
    """
    where = str(path).removeprefix(SCHEME)
    if "://" not in where:
        where = str(Path(where).expanduser())
    source = HatsEmbeddings(where, weights_sha256, tuple((embeddings or {}).items()))
    return source if source.columns is not None else None


def import_hats(
    path: str | Path,
    out: str | Path,
    *,
    model_sha256: str | None = None,
    weights_sha256: str = "",
    embeddings: Mapping[str, str] | None = None,
    runner: Runner = in_this_process,
    again: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancel: Any = None,
) -> StarCatalog:
    """A star catalogue of the embeddings that are in a HATS catalogue; no model is loaded.

    Parameters
    ----------
    path : path
        Ours exported, or what LSDB made of one: filtered, cross-matched, with more columns. Collections too.
    out : path
        Folder of the star catalogue. One that an earlier run began is gone on with.
    model_sha256 : str, optional
        The weights in use; embeddings of others are refused.
    weights_sha256 : str, optional
        Whose embeddings they are where the catalogue does not say it.
    embeddings : mapping of survey to column, optional
        Which columns they are in where the names do not say it.
    runner, again, progress, cancel
        See :func:`specviz.catalog.scale.build.build`.

    Returns
    -------
    StarCatalog
        Its stars in the order of the sky's index.
    """
    source = open_hats_embeddings(path, weights_sha256=weights_sha256, embeddings=embeddings)
    if source is None or source.columns is None:
        raise CatalogError(
            f"{path} holds no embeddings",
            expected="columns such as embedding_gaia_xp",
            remedy="specviz catalog build hats://... embeds the spectra of a HATS catalogue",
        )
    source.columns.header.check_weights(model_sha256, str(path))
    notes = {"hats": Path(str(path)).name}
    if source.columns.left_out:
        notes["left_out"] = ", ".join(source.columns.left_out)
    spec = StoredModel.of(source.columns.header)
    return build(source, out, spec, runner=runner, again=again, progress=progress, cancel=cancel, **notes)


@dataclass(frozen=True)
class HatsEmbeddings:
    """A HATS catalogue with embeddings; a :class:`specviz.catalog.scale.partition.Source` that can be pickled.

    Parameters
    ----------
    path : str
        A folder, or an address that ``hats`` knows how to read.
    said_sha256 : str
        Whose embeddings they are where the catalogue does not say it.
    named : tuple of (survey, column)
        Where the names of columns do not say it.
    """

    path: str
    said_sha256: str = ""
    named: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _catalog(self) -> Any:
        return open_dataset(self.path)

    @cached_property
    def columns(self) -> Columns | None:
        """Which columns are which; None if there are no embeddings."""
        told = {
            str(k): str(v) for k, v in self._catalog.catalog_info.model_dump(by_alias=True).items() if v is not None
        }
        return understood(self._catalog.schema, told, self.said_sha256, dict(self.named) or None)

    @property
    def weights_sha256(self) -> str:
        """Which weights made them."""
        return self.columns.header.weights_sha256 if self.columns is not None else ""

    @cached_property
    def fingerprint(self) -> str:
        """Of the files that describe the partitions, and of how the columns are read; not of the catalogue's place."""
        from hats.io import paths

        told = hashlib.sha256(repr((self.said_sha256, self.named)).encode())
        base = self._catalog.catalog_base_dir
        for file in (paths.get_partition_info_pointer(base), paths.get_parquet_metadata_pointer(base)):
            if file.exists():
                told.update(file.read_bytes())
        told.update(f"{self._catalog.catalog_info.total_rows}".encode())
        return told.hexdigest()

    @cached_property
    def _pixels(self) -> dict[str, Any]:
        from hats.pixel_math.healpix_pixel_function import sort_pixels

        pixels = sort_pixels(self._catalog.get_healpix_pixels())
        return {f"Norder={pixel.order}-Npix={pixel.pixel}": pixel for pixel in pixels}

    def keys(self) -> Sequence[str]:
        """``Norder=O-Npix=P``, in the order of the sky's index."""
        return list(self._pixels)

    def blocks(self, key: str) -> Iterator[Block]:
        """The stars of a pixel, sorted by the sky's index, with their vectors."""
        columns = self.columns
        if columns is None:
            raise CatalogError(f"{self.path} holds no embeddings")
        wanted = [*dict.fromkeys([*columns.plain.values(), *columns.vectors.values()])]
        table = self.table(key, wanted)
        for start in range(0, table.num_rows, _BLOCK):
            some = table.slice(start, _BLOCK)
            plain = {ours: plain_column(some.column(theirs)) for ours, theirs in columns.plain.items()}
            vectors = {
                survey: vector_column(some.column(name), columns.header.dims.get(survey, 0), name)
                for survey, name in columns.vectors.items()
            }
            yield Block(plain, (), vectors, columns.units)

    def table(self, key: str, names: Sequence[str]) -> Any:
        """Columns of a pixel as an Arrow table, sorted by the sky's index."""
        table = read_pixel(self._catalog, self._pixels[key], names)
        if HEALPIX in table.column_names:
            order = np.argsort(table.column(HEALPIX).to_numpy(), kind="stable")
            if (np.diff(order) != 1).any():
                table = table.take(pyarrow().array(order))
        return table

    def __getstate__(self) -> dict[str, Any]:
        # What is cached was read from the files, and is read again where this arrives.
        return {name: self.__dict__[name] for name in ("path", "said_sha256", "named")}


def open_dataset(path: str) -> Any:
    """A HATS catalogue as ``hats`` reads it: of a collection its main catalogue.

    Raises
    ------
    NotFoundError
        If there is none.
    CatalogError
        If it is damaged.
    """
    library = hats()
    pa = pyarrow()
    try:
        read = library.read_hats(path)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"There is no HATS catalogue at {path}", expected="a folder with hats.properties"
        ) from error
    except (ValueError, OSError, pa.ArrowException) as error:
        raise CatalogError(f"The HATS catalogue {path} cannot be read: {error}") from error
    main = getattr(read, "main_catalog", read)
    if main.schema is None or not hasattr(main, "get_healpix_pixels"):
        raise CatalogError(f"{path} is no HATS catalogue of objects", expected="dataset/_common_metadata")
    return main


def read_pixel(catalog: Any, pixel: Any, names: Sequence[str]) -> Any:
    """Columns of a partition, and the sky's index if there is one, as an Arrow table."""
    from hats.io import paths

    pa = pyarrow()
    suffix = catalog.catalog_info.npix_suffix
    file = paths.pixel_catalog_file(catalog.catalog_base_dir, pixel, npix_suffix=suffix)
    wanted = [*dict.fromkeys([*names, *([HEALPIX] if HEALPIX in catalog.schema.names else [])])]
    try:
        # Without partitioning: the names of the folders are no columns.
        return pa.parquet.read_table(file.path, filesystem=file.fs, columns=wanted, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{file} is absent or damaged", remedy="Fetch or write the catalogue again") from error


@dataclass(frozen=True)
class StoredModel(EngineSpec):
    """Stands for the model that made embeddings which are there already: it has a name and computes nothing.

    Parameters
    ----------
    version, weights_sha256, release, made : str
        ``made``: the surveys, separated by blanks.
    """

    version: str = ""
    weights_sha256: str = ""
    release: str = ""
    made: str = ""

    @classmethod
    def of(cls, header: Header) -> StoredModel:
        """The model that a header names."""
        return cls(
            model=header.model,
            version=header.version,
            weights_sha256=header.weights_sha256,
            release=header.release,
            made=" ".join(header.dims),
        )

    def engine(self) -> Any:
        """What tells the name of the model."""
        return _NameOnly(self)


class _NameOnly:
    """What of :class:`specviz.analysis.engine.Engine` a build of ready vectors asks for."""

    model = None

    def __init__(self, stored: StoredModel) -> None:
        self._stored = stored

    def describe(self) -> ModelDescription:
        s = self._stored
        return ModelDescription(s.model, s.version, s.weights_sha256, frozenset(), tuple(s.made.split()), {},
                                release=s.release)  # fmt: skip
