"""``open_catalog``: a catalogue of many stars, from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.errors import CatalogError, OptionError

if TYPE_CHECKING:
    from specviz.catalog.store.star_catalog import StarCatalog


def open_catalog(path: str | Path, *, model: Any = None) -> StarCatalog:
    """Open a catalogue of many stars; it reads a page, not the stars.

    Parameters
    ----------
    path : str or Path
        The folder that ``specviz catalog build`` made.
    model : str or StellarModel, optional
        The model that shall be used with it; a catalogue that other weights made is refused.

    Returns
    -------
    StarCatalog

    Raises
    ------
    CatalogError
        If there is none, it is damaged, or other weights made it.

    Examples
    --------
    >>> stars = specviz.open_catalog("lamost.specviz")        # doctest: +SKIP
    >>> stars.table(rows=[0, 1, 2])                           # doctest: +SKIP
    >>> stars.index("lamost_lrs").search(report.embedding)    # doctest: +SKIP
    """
    from specviz.catalog.store.star_catalog import StarCatalog

    if not isinstance(path, (str, Path)):
        raise OptionError(f"{type(path).__name__} is no path", expected="the folder of a catalogue, as str or Path")
    folder = Path(path).expanduser()
    if folder.is_file():
        raise CatalogError(
            f"{folder.name} is a file",
            expected="the folder of a catalogue",
            remedy=f"specviz catalog build makes one, also from embeddings: -o {folder.stem}.specviz {folder.name}",
        )
    if any((folder / name).is_file() for name in ("hats.properties", "collection.properties")):
        raise CatalogError(
            f"{folder.name} is a HATS catalogue", remedy="Make a catalogue of it first: specviz catalog import"
        )
    return StarCatalog.open(folder, model_sha256=None if model is None else _weights(model))


def _weights(model: Any) -> str:
    from specviz.analysis.engine import Engine

    if not isinstance(model, str) and not hasattr(model, "describe"):
        raise OptionError(f"model={model!r}", expected="a model's name, or an object that meets StellarModel")
    return str(Engine(model).describe().weights_sha256)
