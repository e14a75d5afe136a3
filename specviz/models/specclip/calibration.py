"""Give the official MLP labels an uncertainty: compare them with stars whose labels are known.

The official test set has no labels; bring your own (APOGEE's, say, joined by ``source_id``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import ModelError
from specviz.models.specclip.conformal import Conformal
from specviz.models.specclip.routing import Survey


def calibrate(
    model: Any,
    survey: Survey,
    batches: Iterable[NDArray[np.float32]],
    known: Mapping[str, ArrayLike],
    *,
    source: str,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Conformal]:
    """Measure the residuals of the labels that come without an uncertainty, and keep them beside the weights.

    They are used by the next process that loads the model; one that has loaded it goes on without them.

    Parameters
    ----------
    model : SpecClipOfficial
        From a folder that can be written to.
    survey : {"lamost_lrs", "gaia_xp"}
        What the spectra are.
    batches : iterable of array, shape (n, L)
        Spectra on the official grid: ``open_pairs(...).batches(survey)``. Stars that the heads were trained on make
        the uncertainty too small.
    known : mapping of str to array, shape (N,)
        Their labels in our names and units, in the same order; NaN where unknown. Labels that have no MLP head are
        passed over.
    source : str
        Where the labels come from, in a few words: it is shown beside them.
    progress : callable(stars done), optional

    Returns
    -------
    dict
        Label -> its residuals; ``half_width`` is half of the 68 % interval.

    Raises
    ------
    ModelError
        If no label can be calibrated, the numbers of stars differ, or fewer than 50 stars have a label.
    """
    heads = {head.route.label: head for head in model.heads.point_heads(survey)}
    wanted = {name: np.asarray(values, np.float64).ravel() for name, values in known.items() if name in heads}
    if not wanted:
        raise ModelError(
            f"None of {', '.join(known) or 'no labels'} is a label without uncertainty of {survey}",
            expected="some of " + ", ".join(heads),
        )
    if model.folder is None:
        raise ModelError("This model has no folder to keep a calibration in", remedy="Load it by its name")
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in wanted}
    done = 0
    for rows in batches:
        said = model.points(model.embed(model.on_grid(rows, survey)))
        for name, values in parts.items():
            values.append(said[name])
        done += len(rows)
        if progress is not None:
            progress(done)
    made: dict[str, Conformal] = {}
    for name, truth in wanted.items():
        if len(truth) != done:
            raise ModelError(f"{len(truth)} values of {name} for {done} spectra", expected="one a spectrum")
        try:
            made[name] = Conformal.of(truth, np.concatenate(parts[name]), source)
        except ModelError as error:
            raise ModelError(f"{name} cannot be calibrated: {error}") from error
    for name, conformal in made.items():  # nothing is written before everything is known to be sound
        conformal.write(model.folder / heads[name].route.file)
    return made
