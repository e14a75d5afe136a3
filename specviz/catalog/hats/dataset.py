"""The files of a HATS catalogue: pixels of Parquet, and what stands beside them, written by the library ``hats``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.layout import HEALPIX, ORDER, hats
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.parts import write_whole
from specviz.errors import CatalogError, SpecvizError
from specviz.models.held import held

#: Where an unfinished catalogue keeps what it is made from.
WORK = ".unfinished"
_PROPERTIES = "hats.properties"
_OWN = (
    "dataset", _PROPERTIES, "properties", "partition_info.csv", "point_map.fits", "skymap.fits", WORK,
    "per_partition_statistics.parquet", "data_thumbnail.parquet",
)  # fmt: skip


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """Hold an unfinished catalogue while the block runs: two processes do not write one.

    Raises
    ------
    CatalogError
        If another process does, or the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder / WORK / "lock", f"writing {folder.name}"))
        except SpecvizError as error:
            raise CatalogError(error.what, remedy="Wait until it is done and do the same again") from error
        yield


def pixel_file(folder: Path, pixel: Any) -> Path:
    """Where the stars of a pixel are."""
    hats()
    from hats.io.paths import new_pixel_catalog_file

    return Path(str(new_pixel_catalog_file(folder, pixel, create_dirs=False)))


def write_pixel(folder: Path, pixel: Any, table: Any) -> None:
    """Write the stars of a pixel; the file is whole or not there.

    It is made under :data:`WORK` and moved: whatever is in ``dataset`` counts as a partition.
    """
    hats()
    from hats.io.file_io.file_io import get_parquet_write_table_kwargs

    options = get_parquet_write_table_kwargs(table.schema)
    made = folder / WORK / f"{pixel.order}-{pixel.pixel}.parquet"
    made.parent.mkdir(parents=True, exist_ok=True)
    write_whole(made, partial(_put, table, options))
    at = pixel_file(folder, pixel)
    at.parent.mkdir(parents=True, exist_ok=True)
    made.replace(at)


def _put(table: Any, options: Mapping[str, Any], stream: BinaryIO) -> None:
    pyarrow().parquet.write_table(table, stream, **options)


def rows_in(folder: Path, pixel: Any) -> int:
    """Stars in a pixel, by the foot of its file."""
    return int(pyarrow().parquet.read_metadata(pixel_file(folder, pixel)).num_rows)


def finish(
    folder: Path,
    pixels: Sequence[Any],
    kind: str,
    name: str,
    told: Mapping[str, Any],
    sky: tuple[NDArray[np.int64], NDArray[np.int64], int] | None = None,
) -> None:
    """Write what makes files of pixels a catalogue; ``hats.properties`` comes last.

    Parameters
    ----------
    folder : Path
    pixels : sequence of HealpixPixel
    kind : str
        "object" or "margin".
    name : str
    told : mapping
        More properties, of the format's own or ours.
    sky : (pixels, counts, order), optional
        How many stars are in each pixel of an order: ``skymap.fits`` and ``point_map.fits``.
    """
    hats()
    from hats.catalog import PartitionInfo, TableProperties
    from hats.io import file_io, paths
    from hats.io.parquet_metadata import write_parquet_metadata
    from hats.io.skymap import write_skymap

    rows = [rows_in(folder, pixel) for pixel in pixels]
    write_parquet_metadata(folder)
    info = PartitionInfo(list(pixels))
    info.write_to_file(catalog_path=folder)
    told = dict(told)
    if sky is not None:
        where, counts, order = sky
        full = np.zeros(12 * 4**order, np.int64)
        full[where] = counts
        write_skymap(full, folder)
        file_io.write_fits_image(full, paths.get_point_map_file_pointer(folder))
        told["skymap_order"] = order
    size = sum(pixel_file(folder, pixel).stat().st_size for pixel in pixels)
    made = TableProperties.new_provenance_dict(folder, builder=f"specviz v{_version()}")
    made["hats_estsize"] = max(size >> 10, 1)  # the library counts the work folder too
    told = {"ra_column": "ra", "dec_column": "dec", **told}
    TableProperties(
        catalog_name=name,
        catalog_type=kind,
        total_rows=sum(rows),
        healpix_column=HEALPIX,
        healpix_order=ORDER,
        hats_max_rows=max(rows, default=0),
        hats_order=info.get_highest_order(),
        moc_sky_fraction=round(float(info.calculate_fractional_coverage()), 6),
        **(made | told),
    ).to_properties_file(folder)
    shutil.rmtree(folder / WORK, ignore_errors=True)


def read_properties(folder: Path) -> dict[str, str] | None:
    """The lines of ``hats.properties``; None if there are none."""
    hats()
    from hats.catalog import TableProperties

    if not (folder / _PROPERTIES).is_file() and not (folder / "properties").is_file():
        return None
    try:
        read = TableProperties.read_from_dir(folder)
    except (ValueError, OSError) as error:
        raise CatalogError(f"{folder / _PROPERTIES} is damaged") from error
    return {str(k): str(v) for k, v in read.model_dump(by_alias=True, exclude_none=True).items()}


def clear(folder: Path) -> None:
    """Delete a HATS catalogue that this package wrote, finished or not, and nothing else that is in the folder.

    A catalogue that others wrote is left alone: it may be the only copy of a survey.
    """
    told = read_properties(folder) or {}
    if not told.get("hats_builder", "").startswith("specviz") and not (folder / WORK).is_dir():
        return
    for name in _OWN:
        found = folder / name
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)


def _version() -> str:
    from specviz import __version__

    return __version__
