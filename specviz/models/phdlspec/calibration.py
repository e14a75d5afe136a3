"""``LabelCalibration``: smooth offsets of fitted labels, learned from stars whose labels are known another way.

An emulator inherits the errors of its synthesis: labels come out shifted by an amount that follows temperature,
gravity and metallicity. Reference pairs show it: a catalogue of higher resolution, or two stars that must agree (wide
binaries: born together; two visits of one star). For each label

    corrected = fitted + f(teff, logg, fe_h),   f = c0 + c1 t + c2 g + c3 m + c4 t^2

with t, g, m the fitted values in units of :data:`SCALES` about :data:`CENTRE`, held at the edge of the box that the
references fill: beyond it nobody knows better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CheckpointError, ModelError
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.label_fit import LabelFit

Array = NDArray[np.float64]
#: ``format`` in the file; another one cannot be read.
FORMAT = "specviz-label-calibration-1"
#: Where f is centred, and its units: teff (K), logg, fe_h.
CENTRE, SCALES = (5500.0, 3.5, -0.3), (1000.0, 1.0, 0.5)
#: Fewest references of a label: 5 coefficients and their scatter.
LEAST = 12
#: Prior width of the coefficients, K, km/s or dex: an offset of a few times the label's usual error is no surprise.
_WIDTH: Mapping[str, float] = {"teff": 200.0, "logg": 0.3, "vmic": 0.5}
_ROUNDS, _HUBER = 8, 2.0


@dataclass(frozen=True)
class Correction:
    """The offset of one label.

    Parameters
    ----------
    coefficients : tuple of 5 floats
        Of 1, t, g, m, t^2.
    scatter : float
        What the references scatter about the corrected values beyond both errors, robust: added to the error.
    n_references, n_pairs : int
        Stars with a value of their own; pairs that must agree.
    """

    coefficients: tuple[float, ...]
    scatter: float
    n_references: int
    n_pairs: int


@dataclass(frozen=True, eq=False)
class LabelCalibration:
    """Offsets of some labels.

    Parameters
    ----------
    corrections : mapping of str to Correction
    low, high : tuple of 3 floats
        Box of teff, logg, fe_h that the references fill.
    source : str
        Where the references come from, in words: shown wherever a corrected value is.
    emulator : str
        SHA-256 of the weights that the labels were fitted with; they fit no others.
    """

    corrections: Mapping[str, Correction]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    source: str
    emulator: str
    version: str = field(default="1")

    # ------------------------------------------------------------------ use
    def offset(self, label: str, teff: float, logg: float, fe_h: float) -> float:
        """What is added to a fitted label; 0 for one that has no correction."""
        if label not in self.corrections:
            return 0.0
        at = np.clip([teff, logg, fe_h], self.low, self.high)
        return float(_terms(at[None])[0] @ np.array(self.corrections[label].coefficients))

    def offsets(self, fit: LabelFit) -> dict[str, float]:
        """What is added to each label of a fit that has a correction."""
        at = (fit["teff"], fit["logg"], fit["fe_h"])
        return {name: self.offset(name, *at) for name in self.corrections}

    def reaches(self, fit: LabelFit) -> bool:
        """Whether the star lies in the box that the references fill."""
        at = np.array([fit["teff"], fit["logg"], fit["fe_h"]])
        return bool(((at >= self.low) & (at <= self.high)).all())

    def __str__(self) -> str:
        return f"{', '.join(self.corrections)} corrected after {self.source}"

    # ------------------------------------------------------------------ making
    @classmethod
    def learn(
        cls,
        references: Sequence[tuple[LabelFit, Mapping[str, float]]] = (),
        pairs: Sequence[tuple[LabelFit, LabelFit]] = (),
        *,
        labels: Sequence[str] = LABEL_NAMES,
        source: str,
        emulator: str,
    ) -> LabelCalibration:
        """Offsets from references.

        Parameters
        ----------
        references : sequence of (LabelFit, mapping)
            A fit and the values of another source; a label that the mapping lacks, or has not finite, is not used.
            ``NAME_err`` may give its error.
        pairs : sequence of (LabelFit, LabelFit)
            Two stars whose metals must agree (teff, logg and vmic of a pair are not compared). A pair tells how an
            offset changes from one star to the other, not its zero point: without references that is left at 0.
        labels : sequence of str
            At most these; one with fewer than 12 references and pairs is left out.
        source, emulator : str
            See the class.

        Raises
        ------
        ModelError
            If no label has enough references, or a name is unknown.
        """
        unknown = [n for n in labels if n not in LABEL_NAMES]
        if unknown:
            raise ModelError("Unknown labels: " + ", ".join(unknown), expected="some of " + ", ".join(LABEL_NAMES))
        fits = [f for f, _ in references] + [f for pair in pairs for f in pair]
        if len(fits) < LEAST:
            raise ModelError(f"{len(fits)} reference stars", expected=f"at least {LEAST}")
        at = np.array([[f["teff"], f["logg"], f["fe_h"]] for f in fits])
        low, high = np.quantile(at, 0.02, axis=0), np.quantile(at, 0.98, axis=0)
        corrections = {}
        for name in labels:
            rows, wanted, error, n_references = _equations(name, references, pairs, low, high)
            if len(wanted) < LEAST:
                continue
            width = _WIDTH.get(name, 0.3)
            coefficients, scatter = _robust_ridge(rows, wanted, error, width)
            corrections[name] = Correction(
                tuple(float(c) for c in coefficients), scatter, n_references, len(wanted) - n_references
            )
        if not corrections:
            raise ModelError("No label has enough references", expected=f"at least {LEAST} stars or pairs a label")
        low_, high_ = (tuple(float(v) for v in edge) for edge in (low, high))
        return cls(corrections, (low_[0], low_[1], low_[2]), (high_[0], high_[1], high_[2]), source, emulator)

    # ------------------------------------------------------------------ files
    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        told = {
            "format": FORMAT, "source": self.source, "emulator": self.emulator, "version": self.version,
            "low": self.low, "high": self.high, "centre": CENTRE, "scales": SCALES,
            "labels": {n: vars(c) for n, c in self.corrections.items()},
        }  # fmt: skip
        Path(path).expanduser().write_text(json.dumps(told, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> LabelCalibration:
        """Read what :meth:`save` has written.

        Raises
        ------
        CheckpointError
            If the file is absent or holds something else.
        """
        path = Path(path).expanduser()
        try:
            told: Any = json.loads(path.read_text())
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise CheckpointError(f"{path.name} is no calibration of labels", expected="JSON") from error
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise CheckpointError(f"{path.name} is no calibration of labels", expected=f"the format {FORMAT}")
        try:
            corrections = {
                name: Correction(tuple(map(float, c["coefficients"])), float(c["scatter"]), int(c["n_references"]),
                                 int(c["n_pairs"]))
                for name, c in told["labels"].items()
            }  # fmt: skip
            low, high = (tuple(float(v) for v in told[k]) for k in ("low", "high"))
            sound = all(len(c.coefficients) == 5 and np.isfinite((*c.coefficients, c.scatter)).all()
                        for c in corrections.values())  # fmt: skip
            same = np.allclose(told["centre"], CENTRE) and np.allclose(told["scales"], SCALES)
            if not (sound and same and len(low) == len(high) == 3 and set(corrections) <= set(LABEL_NAMES)):
                raise ValueError
            return cls(corrections, (low[0], low[1], low[2]), (high[0], high[1], high[2]), str(told["source"]),
                       str(told["emulator"]), str(told.get("version", "1")))  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"{path.name} is a damaged calibration", expected=f"the format {FORMAT}") from error


def _terms(at: Array) -> Array:
    t, g, m = ((at - CENTRE) / SCALES).T
    return np.stack([np.ones_like(t), t, g, m, t * t], axis=1)


def _equations(
    name: str,
    references: Sequence[tuple[LabelFit, Mapping[str, float]]],
    pairs: Sequence[tuple[LabelFit, LabelFit]],
    low: Array,
    high: Array,
) -> tuple[Array, Array, Array, int]:
    """Rows of the design, what f must give, its error; and how many are references."""

    def terms(fit: LabelFit) -> Array:
        return np.asarray(_terms(np.clip([[fit["teff"], fit["logg"], fit["fe_h"]]], low, high))[0])

    rows, wanted, error = [], [], []
    for fit, told in references:
        value = float(told.get(name, np.nan))
        own = float(told.get(f"{name}_err", 0.0))
        if np.isfinite(value):
            rows.append(terms(fit))
            wanted.append(value - fit[name])
            error.append(np.hypot(fit.errors[name], own if np.isfinite(own) else 0.0))
    n_references = len(rows)
    for a, b in pairs if name not in ("teff", "logg", "vmic") else ():
        rows.append(terms(a) - terms(b))
        wanted.append(b[name] - a[name])
        error.append(np.hypot(a.errors[name], b.errors[name]))
    return np.array(rows).reshape(-1, 5), np.array(wanted), np.array(error), n_references


def _robust_ridge(rows: Array, wanted: Array, error: Array, width: float) -> tuple[Array, float]:
    """Coefficients by Huber-weighted least squares with a Gaussian prior; robust scatter beyond the errors."""
    scatter = 1.4826 * float(np.median(np.abs(wanted - np.median(wanted))))
    coefficients = np.zeros(rows.shape[1])
    for _ in range(_ROUNDS):
        sigma = np.hypot(error, scatter)
        away = np.abs(wanted - rows @ coefficients) / np.maximum(sigma, 1e-12)
        weight = np.minimum(1.0, _HUBER / np.maximum(away, 1e-12)) / np.maximum(sigma, 1e-12) ** 2
        precision = (rows * weight[:, None]).T @ rows + np.eye(rows.shape[1]) / width**2
        coefficients = np.linalg.solve(precision, rows.T @ (weight * wanted))
        spread = 1.4826 * float(np.median(np.abs(wanted - rows @ coefficients)))
        scatter = float(np.sqrt(max(spread**2 - float(np.median(error)) ** 2, 0.0)))
    return coefficients, scatter
