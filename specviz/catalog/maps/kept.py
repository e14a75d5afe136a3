"""``KeptMaps``: the maps that stand with a catalogue on disk, as its planes ask for them."""

from __future__ import annotations

import logging

import numpy as np

from specviz.catalog.embedding_map import EmbeddingMap
from specviz.catalog.maps import clusters
from specviz.catalog.maps.clusters import Clusters
from specviz.catalog.maps.linear import make_embedding
from specviz.catalog.maps.placing import Axes
from specviz.catalog.maps.stored import KINDS, StoredMap, map_folder
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError

_log = logging.getLogger(__name__)


class KeptMaps:
    """The maps of one survey; see :class:`specviz.catalog.planes.Maps`.

    Parameters
    ----------
    catalog : StarCatalog
    survey : str
    """

    def __init__(self, catalog: StarCatalog, survey: str) -> None:
        self._catalog, self._survey = catalog, survey

    def names(self) -> tuple[str, ...]:
        """Maps whose files are there."""
        folder = map_folder(self._catalog, self._survey)
        return tuple(n for n in KINDS if n != "embedding" and (folder / f"{n}.json").is_file())

    def open(self, name: str) -> StoredMap:
        """A map; see :meth:`StoredMap.open`."""
        return StoredMap.open(self._catalog, self._survey, name)

    def clusters(self) -> Clusters | None:
        """See :func:`specviz.catalog.maps.clusters.stored`."""
        return clusters.stored(self._catalog, self._survey)

    def embedding(self) -> EmbeddingMap:
        """The two principal axes with the place of each star: those that are kept, else made and kept."""
        try:
            kept = self.open("embedding")
            whole = kept.record.rows == len(self._catalog)
        except CatalogError as error:  # absent, or of other stars: it is made in seconds
            _log.info("the principal axes are found again: %s", error)
            whole = False
        if not whole:
            kept = make_embedding(self._catalog, self._survey)
        axes = kept.placing
        if not isinstance(axes, Axes):
            raise CatalogError("embedding.placing.npz is damaged", remedy="Delete the folder maps of the catalogue")
        first, second = kept.record.parameters.get("explained", (0.0, 0.0))
        return EmbeddingMap(axes.mean, axes.axes, np.asarray(kept.xy), (float(first), float(second)))
