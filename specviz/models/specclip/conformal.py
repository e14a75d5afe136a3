"""The error of a label that comes without one, from stars whose label is known: a conformal predictive distribution.

The residuals (known - predicted) of n stars that the head has not seen, put in order, are the distribution of the next
star's residual: the truth lies below the k-th of them with probability k / (n + 1), whatever the network and whatever
the distribution, if the star is one of the same kind (Vovk et al. 2017, "Nonparametric predictive distributions based
on conformal prediction"). The width is the same for every star.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CheckpointError, ModelError
from specviz.models.checkpoint_reader import sha256_of

FORMAT = "specviz-conformal-1"
#: Fewer stars than this give no 68 % interval worth the name.
LEAST = 50
_LEVELS = np.linspace(0.0, 1.0, 1001)


@dataclass(frozen=True, eq=False)
class Conformal:
    """Residuals of known stars, in order.

    Parameters
    ----------
    quantiles : array, shape (1001,)
        Of the residual, at levels 0, 0.001 ... 1.
    stars : int
        How many there were.
    source : str
        Where their labels come from, in a few words.
    """

    quantiles: NDArray[np.float64]
    stars: int
    source: str

    @classmethod
    def of(cls, known: ArrayLike, predicted: ArrayLike, source: str) -> Conformal:
        """From known labels and predictions, each (n,); a star with a value that is not finite is left out.

        Raises
        ------
        ModelError
            If fewer than :data:`LEAST` stars are left.
        """
        residual = np.asarray(known, np.float64).ravel() - np.asarray(predicted, np.float64).ravel()
        residual = np.sort(residual[np.isfinite(residual)])
        n = residual.size
        if n < LEAST:
            raise ModelError(f"{n} stars with a known label", expected=f"at least {LEAST}")
        # The k-th residual stands at level k / (n + 1); beyond the first and the last nothing is known.
        quantiles = np.interp(_LEVELS, np.arange(1, n + 1) / (n + 1), residual)
        return cls(quantiles, n, source)

    @property
    def note(self) -> str:
        """What is said beside the label."""
        return f"uncertainty from the residuals of {self.stars} stars ({self.source}), the same for every star"

    @property
    def half_width(self) -> float:
        """Half of the 68 % interval."""
        low, high = np.interp((0.16, 0.84), _LEVELS, self.quantiles)
        return float(high - low) / 2

    def residuals(self, samples: int, seed: int | None) -> NDArray[np.float64]:
        """Draws (samples,) to be added to a prediction; stratified, so that few samples give the interval too."""
        rng = np.random.default_rng(seed)
        levels = (rng.permutation(samples) + rng.random(samples)) / samples
        return np.asarray(np.interp(levels, _LEVELS, self.quantiles))

    def write(self, head: Path) -> Path:
        """Write to the file beside a head's weights, whole or not at all; it belongs to these weights alone."""
        path = head.with_suffix(".json")
        content = {
            "format": FORMAT,
            "head_sha256": sha256_of(head),
            "stars": self.stars,
            "source": self.source,
            "quantiles": [float(q) for q in self.quantiles],
        }
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".json")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(content, stream)
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        finally:
            Path(scratch).unlink(missing_ok=True)
        return path

    @classmethod
    def beside(cls, head: Path) -> Conformal | None:
        """The calibration beside a head's weights; None where there is none.

        Raises
        ------
        CheckpointError
            If the file is damaged, or was made for other weights.
        """
        path = head.with_suffix(".json")
        if not path.is_file():
            return None
        remedy = f"Delete {path} or calibrate again"
        try:
            content = json.loads(path.read_text("utf-8"))
            quantiles = np.asarray(content["quantiles"], np.float64)
            made = cls(quantiles, int(content["stars"]), str(content["source"]))
            sound = content["format"] == FORMAT and quantiles.shape == _LEVELS.shape
            sound = sound and bool(np.isfinite(quantiles).all() and (np.diff(quantiles) >= 0).all())
            of = str(content["head_sha256"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"The calibration {path.name} is damaged", remedy=remedy) from error
        if not sound:
            raise CheckpointError(f"The calibration {path.name} is damaged", remedy=remedy)
        if of != sha256_of(head):
            raise CheckpointError(f"The calibration {path.name} was made for other weights", remedy=remedy)
        return made
