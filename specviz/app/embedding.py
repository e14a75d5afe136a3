"""``specviz.embed_catalog``: the embeddings of a survey's spectra as lazy columns of its LSDB catalogue."""

from __future__ import annotations

from typing import Any

from specviz.models.registry import DEFAULT_MODEL


def embed_catalog(catalog: Any, *, model: str = DEFAULT_MODEL, **options: Any) -> Any:
    """An LSDB catalogue with a column of embeddings a survey, computed when it is computed or written.

    Parameters
    ----------
    catalog : lsdb.Catalog
        With spectra in list columns (``lamost_flux``, ``xp_flux`` ...), nested columns (``lamost`` with ``flux``,
        ``wavelength``, ``ivar``) or Gaia XP coefficients (``bp_coefficients`` ...).
    model : str
    **options
        ``device``, ``precision``, ``batch``, ``surveys``, ``dtype``; see
        :func:`specviz.catalog.scale.lsdb_embedding.embed_catalog`.

    Returns
    -------
    lsdb.Catalog
        The same with ``embedding_SURVEY`` and ``embedding_problem``.

    Raises
    ------
    SpecvizError
        If there are no spectra in it, or LSDB is not installed.

    Examples
    --------
    >>> survey = lsdb.open_catalog("lamost_spectra")                          # doctest: +SKIP
    >>> giants = specviz.embed_catalog(survey).query("logg < 3")              # doctest: +SKIP
    >>> giants.write_catalog("giants_with_embeddings")                        # doctest: +SKIP
    """
    from specviz.archives.local.arrow_rows import ArrowRows
    from specviz.catalog.scale import lsdb_embedding

    return lsdb_embedding.embed_catalog(catalog, ArrowRows.of, model=model, **options)
