"""Linear maps of a catalogue: its principal axes, and the eigenspace of two surveys."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.embedding_map import EmbeddingMap
from specviz.catalog.maps.eigenspace import Eigenspace, eigenspace, follows, named
from specviz.catalog.maps.fitting import SAMPLE, chosen
from specviz.catalog.maps.placing import Axes, unit
from specviz.catalog.maps.stored import MapRecord, StoredMap, map_folder, write_placing
from specviz.catalog.maps.summaries import LABELS
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError

_BLOCK = 65_536
#: Stars that make axes.
LEAST = 3
#: What the labels are called in the name of an axis.
TITLES = {name: title for name, (title, _, _) in LABELS.items()}


def make_embedding(catalog: StarCatalog, survey: str, *, sample: int = SAMPLE, seed: int = 0) -> StoredMap:
    """The two principal axes of a sample, and the place of every star along them; kept with the catalogue.

    Raises
    ------
    CatalogError
        If there are fewer than three stars.
    """
    vectors = catalog.vectors(survey)
    fitted = EmbeddingMap.fit(vectors.take(chosen(len(vectors), sample, seed)))
    axes = Axes(fitted.mean, fitted.axes)
    first, second = fitted.explained
    record = _record(catalog, survey, "embedding", ("Embedding axis 1", "Embedding axis 2"), min(sample, len(vectors)),
                     {"explained": [round(first, 4), round(second, 4)], "seed": seed})  # fmt: skip
    return _keep(catalog, survey, record, axes, {survey: axes})


def make_eigenspace(
    catalog: StarCatalog, surveys: Sequence[str] = (), *, sample: int = SAMPLE, seed: int = 0
) -> tuple[StoredMap, StoredMap]:
    """The eigenspace of the two surveys of a catalogue (:mod:`.eigenspace`); kept with it, one map a survey.

    Both maps have the same places: by both spectra where a star has both, by the one that it has otherwise.

    Parameters
    ----------
    catalog : StarCatalog
    surveys : (str, str), optional
        The first two of the catalogue by default.

    Raises
    ------
    CatalogError
        If there are no two surveys, or their vectors do not share a space, or too few stars have both.
    """
    one, two = _two(catalog, surveys)
    first, second = catalog.vectors(one), catalog.vectors(two)
    if first.shape[1] != second.shape[1]:
        raise CatalogError(f"{one} and {two} have vectors of {first.shape[1]} and {second.shape[1]} dimensions")
    rows = first.rows_of(np.arange(len(first)))
    rows = rows[second.numbers_of(rows) >= 0]
    rows = rows[chosen(len(rows), sample, seed)]
    e1, e2 = first.take(first.numbers_of(rows)), second.take(second.numbers_of(rows))
    space = eigenspace(e1, e2)
    labels, followed = axes_followed(
        space, e1, e2, {n: catalog.column(n)[rows] for n in LABELS if n in catalog.column_names}
    )
    parameters = {
        "surveys": [one, two],
        "eigenvalues": [float(v) for v in space.values],
        "follows": followed,
        "seed": seed,
    }
    places = {survey: space.placing(i) for i, survey in enumerate((one, two))}
    made = [
        _keep(catalog, survey, _record(catalog, survey, "eigen", labels, len(rows), parameters), places[survey], places)
        for survey in (one, two)
    ]
    return made[0], made[1]


def axes_followed(
    space: Eigenspace, first: Any, second: Any, labels: dict[str, Any]
) -> tuple[tuple[str, str], list[dict[str, float]]]:
    """Names of the first two axes, and what every axis follows."""
    followed = follows(space.features(first, second), labels)
    return (named(1, followed[0], TITLES), named(2, followed[1], TITLES)), followed


def _two(catalog: StarCatalog, surveys: Sequence[str]) -> tuple[str, str]:
    asked = tuple(surveys) or catalog.surveys[:2]
    if len(asked) != 2:
        raise CatalogError(
            f"The eigenspace needs two surveys; {catalog.path.name} has {', '.join(catalog.surveys) or 'none'}",
            remedy="The plane 'embedding' shows the principal axes of one",
        )
    return asked[0], asked[1]


def _record(
    catalog: StarCatalog, survey: str, name: str, labels: tuple[str, str], sample: int, parameters: dict[str, Any]
) -> MapRecord:
    header = catalog.header
    return MapRecord(
        name, survey, header.weights_sha256, len(catalog), header.embeddings_sha256, labels, parameters, "", sample
    )


def _keep(catalog: StarCatalog, survey: str, record: MapRecord, own: Axes, places: dict[str, Axes]) -> StoredMap:
    """Place every star, as the mean of its places by each survey, and put the files; a catalogue that cannot be written
    to has the map for as long as it is open.
    """
    folder = map_folder(catalog, survey)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _written(catalog, folder, record, own, places)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    xy = np.empty((len(catalog), 2), np.float32)
    place_all(catalog, places, xy)
    return StoredMap(record, xy, lambda: own)


def _written(catalog: StarCatalog, folder: Path, record: MapRecord, own: Axes, places: dict[str, Axes]) -> StoredMap:
    work = Path(tempfile.mkdtemp(prefix=f"{record.name}.making-", dir=folder))
    try:
        xy = np.lib.format.open_memmap(work / "xy.npy", "w+", np.float32, (len(catalog), 2))
        place_all(catalog, places, xy)
        xy.flush()
        write_placing(folder / f"{record.name}.placing.npz", own)
        (work / "xy.npy").replace(folder / f"{record.name}.xy.npy")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    record.write(folder / f"{record.name}.json")
    return StoredMap.of(folder, record)


def place_all(catalog: StarCatalog, places: dict[str, Axes], xy: NDArray[np.float32]) -> None:
    """Write the place of every star into ``xy`` (N, 2): the mean of those by each survey it has; NaN if it has none."""
    xy[:] = 0.0
    count = np.zeros(len(catalog), np.int8)
    for survey, axes in places.items():
        vectors = catalog.vectors(survey)
        for start, block in vectors.blocks(_BLOCK):
            rows = vectors.rows_of(np.arange(start, start + len(block)))
            xy[rows] += axes.place(unit(block, vectors.shape[1]))
            count[rows] += 1
    for start in range(0, len(catalog), _BLOCK):
        at = slice(start, start + _BLOCK)
        xy[at] /= np.where(count[at] == 0, np.nan, count[at])[:, None]
