"""``similar_stars``: the stars of a catalogue that are most like one, by what is known of that one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.analysis.report import Report
from specviz.catalog.opening import open_catalog
from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.search.exact import ExactSearch
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, ModelError, NotFoundError, OptionError, did_you_mean
from specviz.spectra.star import Star

#: Surveys as people call them.
SURVEYS: Mapping[str, str] = {"lamost": "lamost_lrs", "xp": "gaia_xp", "gaia": "gaia_xp"}
#: Whose embedding speaks for a star, and with whose spectra each is compared unless something else is asked for.
LEADING: Mapping[str, str] = {
    "lamost_lrs": "lamost_lrs", "sdss": "lamost_lrs", "gaia_xp": "gaia_xp", "other": "lamost_lrs",
}  # fmt: skip


def embedded(engine: Any, x: Any) -> tuple[Star, str, Mapping[str, ArrayLike]]:
    """A star, the survey that speaks for it, and its embeddings, from a Star, a Spectrum, or a Report, which has them.

    Raises
    ------
    CatalogError, ModelError
        If the report is another model's; if there is no embedding.
    """
    if isinstance(x, Report):
        made, used = x.provenance.weights_sha256, engine.describe().weights_sha256
        if made and made != used:
            raise CatalogError(
                f"The report was made by {x.provenance.model}, the search uses {engine.name}",
                remedy="Analyse the star again, or name the model of the report",
            )
        star, embeddings, problem = x.star, x.embeddings, x.problem
    else:
        star = x if isinstance(x, Star) else Star.from_spectrum(x)
        embeddings = engine.embed(star)
        problem = "" if embeddings else engine.analyse(star).problem
    survey = next((s for s in LEADING if s in embeddings), None)
    if survey is None:
        raise ModelError(f"{star.name} cannot be compared: {problem or 'it has no spectrum'}")
    return star, survey, embeddings


def similar_stars(
    catalog: StarCatalog,
    embeddings: Mapping[str, ArrayLike],
    k: int = 20,
    *,
    by: str | None = None,
    among: str | None = None,
    where: Any = None,
    exclude: Any = None,
    device: str = "cpu",
) -> Any:
    """The ``k`` stars of a catalogue most similar to one.

    Parameters
    ----------
    catalog : StarCatalog
        Made by the model that made the embeddings.
    embeddings : mapping of survey to array, shape (D,)
        Of the star.
    k : int
    by : str, optional
        Which of its spectra is compared ("lamost", "xp"): LAMOST's if there is one, by default.
    among : str, optional
        With which spectra of the catalogue: those of the same survey, by default; of the other where it has only that.
    where : Selection or str, optional
        Which stars are searched.
    exclude
        Names or rows to leave out.
    device : str
        Who searches; see :func:`specviz.catalog.search.opening.open_searcher`.

    Returns
    -------
    astropy.table.Table
        See :meth:`CatalogIndex.search`; ``meta`` says ``by`` and ``survey``.

    Raises
    ------
    CatalogError
        If the star or the catalogue has no such spectra, or the model puts them into different spaces.
    OptionError
        If ``by`` or ``among`` is no survey.
    """
    by, among = survey_named(by, "by"), survey_named(among, "among")
    chosen = by or next((s for s in LEADING if s in embeddings and (among or LEADING[s]) in catalog.surveys), None)
    chosen = chosen or next((s for s in LEADING if s in embeddings), None)
    if chosen is None or chosen not in embeddings:
        raise CatalogError(
            f"The star has no {chosen or 'spectrum that was embedded'}" + (" spectrum" if chosen else ""),
            expected="one of " + ", ".join(embeddings) if embeddings else "a spectrum",
        )
    index = index_of(catalog, among or LEADING.get(chosen, chosen), device, strict=among is not None)
    table = index.search(embeddings[chosen], k, exclude=exclude, among=where)
    table.meta["by"] = chosen
    return table


def similar_to_row(
    catalog: StarCatalog,
    row: int,
    k: int = 20,
    *,
    by: str | None = None,
    among: str | None = None,
    where: Any = None,
    device: str = "cpu",
) -> Any:
    """The same for a star of the catalogue itself, which is left out; no model is needed, its vector is stored."""
    by, among = survey_named(by, "by"), survey_named(among, "among")
    vectors: dict[str, NDArray[Any]] = {}
    for survey in catalog.surveys:
        numbers = catalog.vectors(survey).numbers_of([row])
        if 0 <= row < len(catalog) and numbers[0] >= 0:
            vectors[survey] = catalog.vectors(survey).take(numbers)[0]
    if not vectors or (by is not None and by not in vectors):
        index_of(catalog, by or catalog.surveys[0], device).vector_of(row, by)  # says why
    return similar_stars(catalog, vectors, k, by=by, among=among, where=where, exclude=[row], device=device)


def index_of(catalog: StarCatalog, survey: str, device: str = "cpu", *, strict: bool = True) -> CatalogIndex:
    """The index of a survey; of the first that the catalogue holds where it has not that and ``strict`` is False."""
    if not catalog.surveys:
        raise CatalogError(f"{catalog.path.name} holds no embeddings", remedy="Build it from spectra")
    if survey not in catalog.surveys and not strict:
        survey = catalog.surveys[0]
    if device in ("cpu", "auto"):
        found: CatalogIndex = catalog.index(survey)  # made once
        if device == "cpu" or not isinstance(found.searcher, ExactSearch):
            return found
    return CatalogIndex(catalog, survey, device)


def opened(catalogue: Any, model_sha256: str) -> StarCatalog:
    """The catalogue that a person means: its folder, or an open one.

    Raises
    ------
    CatalogError, OptionError
        If other weights made it; if it is none.
    """
    if isinstance(catalogue, (str, Path)):
        catalogue = open_catalog(catalogue)
    if not isinstance(catalogue, StarCatalog):
        raise OptionError(f"{type(catalogue).__name__} is no catalogue", expected="a folder, or a StarCatalog")
    catalogue.header.check_weights(model_sha256, catalogue.path.name)
    return catalogue


def row_named(catalog: StarCatalog, text: str) -> int | None:
    """The row that ``row:N``, an ``object_id``, a Gaia ``source_id`` or a LAMOST ``obsid`` means; None if nothing here.

    Raises
    ------
    NotFoundError
        For a row that is not there.
    """
    if text.lower().startswith("row:"):
        number = text[4:].strip()
        if not number.isdigit() or int(number) >= len(catalog):
            raise NotFoundError(f"No row {number} in {catalog.path.name}", expected=f"row:0 to row:{len(catalog) - 1}")
        return int(number)
    rows = catalog.rows_named([text])
    digits = text.rsplit(" ", 1)[-1]
    if not rows.size and digits.isdigit() and len(digits) > 5 and int(digits) < 2**63:
        for column in ("source_id", "obsid"):
            if not rows.size and column in catalog.column_names:
                rows = np.flatnonzero(catalog.column(column) == int(digits))
    return int(rows[0]) if rows.size else None


def survey_named(name: str | None, option: str) -> str | None:
    """A survey by what people call it; None stays None."""
    if name is None or name == "auto":
        return None
    known = (*SURVEYS, *LEADING)
    if name not in known:
        raise OptionError(
            f"{option}={name!r} is no survey", expected="one of " + ", ".join(known), remedy=did_you_mean(name, known)
        )
    return SURVEYS.get(name, name)
