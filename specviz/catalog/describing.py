"""``describe``: what a catalogue is, as facts that a person or a program reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.store.columns import from_arrow
from specviz.catalog.store.header import FILE
from specviz.catalog.store.star_catalog import INDEX, MAPS, PARTS, StarCatalog
from specviz.errors import CatalogError


def describe(catalog: StarCatalog, *, count: bool = True) -> dict[str, Any]:
    """Facts of a catalogue, as JSON takes them.

    Parameters
    ----------
    catalog : StarCatalog
    count : bool
        Read the columns, to say how many stars have a value in each.

    Returns
    -------
    dict
        path, model, version, weights_sha256, release, notes, stars, content_sha256, parts; surveys (vectors, dim, and
        what is known of ``index`` and ``maps``); columns (name, type, unit, known); bytes (parts, index, maps);
        orphans (files, bytes).
    """
    header, sizes = catalog.header, {name: _size(catalog.path / name) for name in (PARTS, INDEX, MAPS)}
    known = _known(catalog) if count else {}
    orphans = catalog.orphans()
    return {
        "path": str(catalog.path), "model": header.model, "version": header.version,
        "weights_sha256": header.weights_sha256, "release": header.release, "notes": dict(header.notes),
        "stars": len(catalog), "content_sha256": header.content_sha256, "parts": len(header.parts),
        "surveys": {
            survey: {
                "vectors": sum(part.vectors.get(survey, 0) for part in header.parts), "dim": dim,
                "index": _index(catalog, survey), "maps": _maps(catalog, survey),
            }
            for survey, dim in header.dims.items()
        },
        "columns": [
            {"name": f.name, "type": str(f.type), "unit": catalog.unit(f.name)}
            | ({"known": known[f.name]} if f.name in known else {})
            for f in catalog.schema
        ],
        "bytes": {**sizes, "all": sum(sizes.values()) + _size(catalog.path / FILE)},
        "orphans": {"files": len(orphans), "bytes": sum(_size(file) for file in orphans)},
    }  # fmt: skip


def _known(catalog: StarCatalog) -> dict[str, int]:
    """Stars that have a value, a column; a part in memory at a time."""
    counts = dict.fromkeys(catalog.column_names, 0)
    for part in catalog.header.parts:
        table = catalog.read_part(part, catalog.part_columns(part))
        for name in table.column_names:
            counts[name] += int(_has_value(name, from_arrow(table.column(name))).sum())
    return counts


def _has_value(name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "U":
        return values != ""
    if values.dtype.kind == "f":
        return ~np.isnan(values)
    return values != 0 if name in ("source_id", "obsid") else np.ones(len(values), bool)


def _index(catalog: StarCatalog, survey: str) -> dict[str, Any] | None:
    """The search index of a survey: its kind, and whether it fits the stars; None if there is none."""
    from specviz.catalog.search.index_record import IndexRecord

    try:
        record = IndexRecord.read(catalog.path / INDEX, survey)
        if record is None:
            return None
        record.check(catalog)
    except CatalogError as error:
        return {"state": str(error)}
    later = sum(part.vectors.get(survey, 0) for part in catalog.header.parts) - record.vectors
    state = "up to date" if not later else f"covers all but the last {later} vectors"
    return {"kind": record.kind, "state": state, "vectors": record.vectors}


def _maps(catalog: StarCatalog, survey: str) -> dict[str, str]:
    """The maps of a survey by name, and whether they fit the stars."""
    from specviz.catalog.maps.stored import StoredMap, map_folder

    out, folder = {}, map_folder(catalog, survey)
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        if not (folder / f"{file.stem}.xy.npy").is_file():
            continue  # clusters and other things that lie beside the maps
        try:
            rows = StoredMap.open(catalog, survey, file.stem).record.rows
        except CatalogError as error:
            out[file.stem] = str(error)
            continue
        later = len(catalog) - rows
        out[file.stem] = "up to date" if not later else f"covers all but the last {later} stars"
    return out


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else 0
