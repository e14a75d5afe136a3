"""``export_collection``: a HATS catalogue with the margin that cross-matches need, as LSDB opens both at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specviz.catalog.hats.export import Exported, export_hats
from specviz.catalog.hats.layout import hats
from specviz.catalog.hats.margins import write_margin
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError


def export_collection(
    catalog: StarCatalog, path: str | Path, margin_arcsec: float = 10.0, *, name: str | None = None, **options: Any
) -> Exported:
    """Write a catalogue and its margin as a HATS collection.

    Parameters
    ----------
    catalog : StarCatalog
    path : path
        Folder of the collection: ``NAME/`` and ``NAME_10arcs/`` come into it.
    margin_arcsec : float
        The largest radius of a cross-match that the margin serves.
    name : str, optional
        Of the catalogue; that of the folder by default.
    **options
        See :func:`specviz.catalog.hats.export.export_hats`.

    Returns
    -------
    Exported
        ``path`` is that of the collection.
    """
    if not margin_arcsec > 0.0:
        raise CatalogError(f"A margin of {margin_arcsec} arcsec", expected="above 0")
    hats()
    from hats.catalog.dataset.collection_properties import CollectionProperties

    folder = Path(path)
    name = name or folder.name
    margin = f"{name}_{margin_arcsec:g}arcs"
    if folder.exists() and (not folder.is_dir() or any(f.name not in _own(name, margin) for f in folder.iterdir())):
        raise CatalogError(f"There is something else at {folder}", expected="a new folder")
    done = export_hats(catalog, folder / name, name=name, **options)
    again = bool(options.get("again"))
    found = write_margin(folder / name, folder / margin, margin_arcsec, again=again, cancel=options.get("cancel"))
    told: dict[str, Any] = {"obs_collection": name, "hats_primary_table_url": name}
    if found is not None:
        told |= {"all_margins": [margin], "default_margin": margin}
    told |= CollectionProperties.new_provenance_dict(folder, builder="specviz")
    CollectionProperties(**told).to_properties_file(folder)
    return Exported(folder, done.stars, done.partitions, done.without_position)


def _own(name: str, margin: str) -> set[str]:
    return {name, margin, "collection.properties"}
