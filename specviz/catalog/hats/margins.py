"""``write_margin``: for each pixel of a HATS catalogue the stars just outside it, which a cross-match must see too.

Pixels are matched one by one. The partner of a star within a few arcsec of a border may stand on the other side, in a
partition that is not read; so each pixel keeps copies of what lies along its border, in a catalogue beside it. LSDB
makes one too, with all of the catalogue in memory; this one is written out of core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import cancel_check
from specviz.catalog.hats import dataset
from specviz.catalog.hats.layout import HEALPIX, ORDER, OURS, hats
from specviz.catalog.hats.pixels import healpix
from specviz.catalog.hats.reading import open_dataset, read_pixel
from specviz.catalog.hats.runs import SortedRuns
from specviz.catalog.store.columns import pyarrow
from specviz.errors import CatalogError

_TARGET = f"{OURS}target"


def write_margin(
    catalog_path: str | Path,
    path: str | Path,
    arcsec: float,
    *,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancel: Any = None,
) -> Path | None:
    """Write the margin of a HATS catalogue.

    Parameters
    ----------
    catalog_path : path
        The catalogue.
    path : path
        Folder of the margin; one that an earlier run began or finished is gone on with.
    arcsec : float
        How far outside a pixel stars are kept, at least.
    again : bool
        Replace what is there.
    progress, cancel
        See :func:`specviz.catalog.hats.export.export_hats`.

    Returns
    -------
    Path or None
        ``path``; None if no star lies that near to another pixel.

    Raises
    ------
    CatalogError
        If the margin is wider than the smallest pixel.
    """
    hats()
    from hats.pixel_math.healpix_pixel_function import sort_pixels

    folder, stop, tell = Path(path), cancel_check(cancel), progress or (lambda done, total: None)
    if again and folder.is_dir():
        dataset.clear(folder)
    if dataset.read_properties(folder) is not None and not (folder / dataset.WORK).exists():
        return folder
    with dataset.working(folder):
        catalog = open_dataset(str(catalog_path))
        info = catalog.catalog_info
        pixels = sort_pixels(catalog.get_healpix_pixels())
        targets = sort_pixels([*pixels, *catalog.generate_negative_tree_pixels()])
        order = _margin_order(arcsec, max(pixel.order for pixel in targets))
        border, target = _borders(targets, order)
        runs = SortedRuns(folder / dataset.WORK / "runs", _TARGET)
        names = []
        for i, pixel in enumerate(pixels):
            stop()
            name = f"{pixel.order}-{pixel.pixel}"
            names.append(name)
            if not runs.has(name):
                table = read_pixel(catalog, pixel, catalog.schema.names).select(catalog.schema.names)
                runs.put(name, _copies(table, border, target, order, info.ra_column, info.dec_column))
            tell(i + 1, 2 * len(pixels))
        written = []
        for k, slices in runs.gather(names, [(i, i + 1) for i in range(len(targets))]):
            stop()
            if slices:
                pixel = targets[k]
                written.append(pixel)
                if not dataset.pixel_file(folder, pixel).is_file():
                    dataset.write_pixel(folder, pixel, _whole([table for _, table in slices], catalog.schema))
            tell(len(targets) + k + 1, 2 * len(targets))
        if not written:
            dataset.clear(folder)
            return None
        told = {"primary_catalog": info.catalog_name, "margin_threshold": float(arcsec), "ra_column": info.ra_column,
                "dec_column": info.dec_column}  # fmt: skip
        dataset.finish(folder, written, "margin", f"{info.catalog_name}_{arcsec:g}arcs", told)
        return folder


def widest_margin(catalog: Any) -> float:
    """The widest margin, in arcsec, that an opened HATS catalogue can have: not wider than its smallest pixels."""
    from hats.pixel_math import healpix_shim

    finest = max(pixel.order for pixel in catalog.get_healpix_pixels())
    return 0.999 * 60.0 * float(healpix_shim.order2mindist(finest + 1))  # less, since the order is found by rounding


def _margin_order(arcsec: float, finest: int) -> int:
    """Order of the pixels that the border is made of: as small as they can be while no margin is narrower."""
    from hats.pixel_math import healpix_shim

    order = int(healpix_shim.margin2order(arcsec / 60.0))
    if order <= finest:
        raise CatalogError(
            f"A margin of {arcsec:g} arcsec is wider than the smallest pixels of the catalogue (order {finest})",
            remedy="Write the catalogue with more stars a partition (--threshold), or match within a smaller radius",
        )
    return order


def _borders(targets: Sequence[Any], order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of ``order`` that lie along the outside of the targets, sorted, and the number of the target of each."""
    from hats.pixel_math.pixel_margins import get_margin

    around = [np.asarray(get_margin(t.order, t.pixel, order - t.order), np.int64) for t in targets]
    border = np.concatenate(around)
    target = np.repeat(np.arange(len(targets)), [len(a) for a in around])
    at = np.argsort(border, kind="stable")
    return border[at], target[at]


def _copies(table: Any, border: NDArray[np.int64], target: NDArray[np.int64], order: int, ra: str, dec: str) -> Any:
    """A row for each target that a star lies along, with the number of the target."""
    pa = pyarrow()
    if HEALPIX in table.column_names:
        where = table.column(HEALPIX).to_numpy() >> 2 * (ORDER - order)
    else:
        where = healpix(table.column(ra).to_numpy(), table.column(dec).to_numpy(), order)
    first, end = np.searchsorted(border, where, side="left"), np.searchsorted(border, where, side="right")
    count = end - first
    rows = np.repeat(np.arange(len(where)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    copies = table.take(pa.array(rows))
    return copies.append_column(_TARGET, pa.array(target[np.repeat(first, count) + within].astype(np.int64)))


def _whole(slices: list[Any], schema: Any) -> Any:
    """The margin of one pixel, in the order of the sky's index and the schema of the catalogue."""
    pa = pyarrow()
    table = pa.concat_tables(slices).combine_chunks()
    if HEALPIX in table.column_names:
        table = table.take(pa.array(np.argsort(table.column(HEALPIX).to_numpy(), kind="stable")))
    return table.select(schema.names).replace_schema_metadata(schema.metadata)
