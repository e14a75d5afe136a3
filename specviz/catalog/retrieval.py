"""``retrieve``: similar stars in an official database, within a survey or across surveys, as ``SpectralRetriever`` does
it (specification section 4.3): cosine with every row, sorted, the first ``top_k``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.official import GRIDS, SIDES, OfficialDatabase
from specviz.errors import CatalogError, OptionError
from specviz.spectra.spectrum import Spectrum

_OTHER = {"gaia_xp": "lamost_lrs", "lamost_lrs": "gaia_xp"}


@dataclass(frozen=True, eq=False)
class Retrieval:
    """What was asked and what was found; ``as_dict`` has the official keys.

    Parameters
    ----------
    query_spectrum : array, shape (L,)
        As the network saw it.
    query_idx : int or None
        Row of the database, where the query is one.
    query_type : str
        Survey of the query; the found spectra are of this survey in_modal, of the other cross_modal.
    search_type : {"in_modal", "cross_modal"}
    top_indices, top_scores, top_spectra, source_ids : array
        Rows, cosines, spectra (k, L') and ids of what was found, best first.
    """

    query_spectrum: NDArray[np.float32]
    query_idx: int | None
    query_type: str
    search_type: str
    top_indices: NDArray[np.intp]
    top_scores: NDArray[np.float32]
    top_spectra: NDArray[np.float32]
    source_ids: NDArray[Any]

    def as_dict(self) -> dict[str, Any]:
        """The result as the official retriever returns it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def retrieve(
    model: Any,
    database: OfficialDatabase,
    query: Any,
    *,
    query_type: str = "lamost_lrs",
    search_type: Literal["in_modal", "cross_modal"] = "in_modal",
    top_k: int = 4,
    exclude_self: bool = False,
) -> Retrieval:
    """The most similar stars of a database.

    Parameters
    ----------
    model : SpecClipOfficial
        Whose weights made the database.
    database : OfficialDatabase
    query : int, Spectrum, (wavelength, flux), or array
        A row of the database; a spectrum as observed (LAMOST in Angstrom, XP in nm); or flux that is on the official
        grid already.
    query_type : {"lamost_lrs", "gaia_xp"}
        The query's survey.
    search_type : {"in_modal", "cross_modal"}
        Compare with spectra of the same survey, or of the other.
    top_k : int
    exclude_self : bool
        Leave the query's own row out, which in a cross-modal search is its partner. A query that is no row excludes
        nothing.

    Notes
    -----
    A (wavelength, flux) query is normalised once; with a model of ``compat`` twice, as in the official demo, which
    hands over flux that was normalised before.
    """
    if query_type not in SIDES:
        raise OptionError(f"query_type={query_type!r}", expected="one of " + ", ".join(SIDES))
    if search_type not in ("in_modal", "cross_modal"):
        raise OptionError(f"search_type={search_type!r}", expected="'in_modal' or 'cross_modal'")
    if top_k < 1:
        raise OptionError(f"top_k={top_k}", expected="at least 1")
    made, used = database.model_sha256, model.describe().weights_sha256
    if made and made != used:
        raise CatalogError(
            f"The database was made by other weights ({made[:12]}...) than this model's ({used[:12]}...)",
            remedy="Build the database with this model, or load the variant that made it",
        )
    row: int | None = None
    if isinstance(query, (int, np.integer)) and not isinstance(query, bool):
        row = int(query)
        if not 0 <= row < len(database):
            raise CatalogError(f"No row {row} in this database", expected=f"0 to {len(database) - 1}")
        spectrum, vector = database.spectra[query_type][row], database.embeddings[query_type][row]
    else:
        prepared = _prepared(model, query, query_type)
        spectrum, vector = prepared.values, model.embed([prepared]).vectors[0]
    target = query_type if search_type == "in_modal" else _OTHER[query_type]
    scores = _cosine(database.unit_vectors(target), vector)
    order = np.argsort(-scores, kind="stable")
    if exclude_self and row is not None:
        order = order[order != row]
    best = order[:top_k]
    return Retrieval(
        spectrum, row, query_type, search_type, best, scores[best], database.spectra[target][best],
        database.source_ids[best],
    )  # fmt: skip


def _prepared(model: Any, query: Any, survey: str) -> Any:
    """The query as the network sees it."""
    if isinstance(query, Spectrum):
        return model.prepare(query if query.survey == survey else query.with_(survey=survey))
    if isinstance(query, tuple) and len(query) == 2:
        wavelength, flux = (np.asarray(part, np.float64) for part in query)
        return model.prepare(Spectrum(wavelength, flux, survey=survey))
    flux = np.asarray(query, np.float32)
    if flux.size != GRIDS[survey].size:
        raise CatalogError(
            f"A query of {flux.size} values is not on the {survey} grid",
            expected=f"{GRIDS[survey].size} values, (wavelength, flux), a Spectrum, or a row",
        )
    return model.on_grid(flux.reshape(1, -1), survey)[0]


def _cosine(unit: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of a vector (D,) with unit vectors (N, D)."""
    if vector.size != unit.shape[1]:
        raise CatalogError(
            f"The model's embedding has {vector.size} dimensions, the database {unit.shape[1]}",
            expected="512 for retrieval='split', 768 for retrieval='predrecon' in the released model",
        )
    norm = float(np.linalg.norm(vector))
    return np.asarray(unit @ (vector / (norm if norm > 0 else 1.0)), np.float32)
