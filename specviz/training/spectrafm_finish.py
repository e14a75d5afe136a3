"""The last step of SpectraFM's recipe: errors and embeddings get their units, the weights their card.

``python -m specviz.training.spectrafm_finish real_all.safetensors OUT.safetensors --shared ../shared``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.models.protocol import Prepared
from specviz.models.spectrafm.asking import combined
from specviz.models.spectrafm.model import SpectraFM
from specviz.models.spectrafm.weights_file import SpectraFMWeights, read, write
from specviz.spectra.frames import C_KM_S
from specviz.training.data import VALIDATION
from specviz.training.spectrafm_data import GRID, LABELS, Stars, grid_stars, real_stars

Array = NDArray[np.float64]
#: Labels that real spectra teach; the others are learned, and calibrated, on simulated stars.
TAUGHT = ("teff", "logg", "fe_h")
NOTE = "learned from simulated spectra only"


def prepared(stars: Stars) -> list[Prepared]:
    """Stars as :meth:`SpectraFM.prepare` gives them: at rest, on pixels of their own."""
    return [
        Prepared("lamost_lrs", GRID / (1.0 + v / C_KM_S), flux.astype(np.float32), ivar.astype(np.float32), 1.0)
        for flux, ivar, v in zip(stars.flux, stars.ivar, stars.velocity, strict=True)
    ]


def predictions(model: SpectraFM, stars: Stars) -> tuple[Array, Array, Array]:
    """Values and errors (n, K) in the labels' units, and embeddings (n, D)."""
    return answered(model, prepared(stars))


def answered(model: SpectraFM, spectra: Sequence[Prepared]) -> tuple[Array, Array, Array]:
    """:func:`predictions` of spectra that the model has prepared."""
    encoding = model.embed(spectra)
    weights = model.weights
    value, variance, _ = (np.stack(x) for x in zip(*(combined(a.value, a.log_variance) for a in encoding.state.answers),
                                                   strict=True))  # fmt: skip
    error = np.sqrt(variance) * weights.scale * weights.inflate[encoding.survey]
    return value * weights.scale + weights.centre, error, np.asarray(encoding.vectors, np.float64)


def trusted(stars: Stars) -> NDArray[np.bool_]:
    """Rows on which figures are quoted, as of the other models: teff < 7000 K and S/N > 20."""
    return np.asarray((stars.labels[:, 0] < 7000) & (stars.snr > 20))


def inflation(value: Array, error: Array, truth: NDArray[np.floating]) -> Array:
    """What errors (n, K) have to be multiplied by for 68 % of the stars to lie within one of them, shape (K,)."""
    pull = np.abs(value - truth) / error
    known = np.atleast_1d(np.isfinite(pull).all(axis=0))
    return np.array([np.quantile(p, 0.683) if k else 1.0 for p, k in zip(pull.T, known, strict=True)])


def finished(weights: SpectraFMWeights, real: Stars, simulated: Stars) -> SpectraFMWeights:
    """The same network with calibrated errors, centred embeddings, ranges and notes.

    ``real`` are spectra of validation plates, for teff, logg and [Fe/H]; ``simulated`` for the other labels.
    """
    plain = SpectraFM(weights)
    value, error, vectors = predictions(plain, real)
    rows = trusted(real)
    factor = inflation(value[rows], error[rows], real.labels[rows])
    value, error, other = predictions(plain, simulated)
    rows = trusted(simulated)
    own = inflation(value[rows], error[rows], simulated.labels[rows])
    factor = np.where([name in TAUGHT for name in LABELS], factor, own)
    vectors = np.concatenate([vectors, other])
    embedding = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-3)
    low, high = np.percentile(simulated.labels, (0.2, 99.8), axis=0)
    card = {
        **weights.card,
        "ranges": {k: [float(a), float(b)] for k, a, b in zip(LABELS, low, high, strict=True)},
        "notes": {k: NOTE for k in LABELS if k not in TAUGHT},
    }
    return replace(weights, inflate={"lamost_lrs": factor}, embedding={"lamost_lrs": embedding}, card=card)


def main(argv: Sequence[str] | None = None) -> int:
    """Calibrate and write."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.spectrafm_finish", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(argv)
    simulated = grid_stars(told.shared, "validation", 300, told.seed)
    done = finished(read(told.weights), real_stars(told.shared, VALIDATION), simulated)
    print("errors times", dict(zip(LABELS, np.round(done.inflate["lamost_lrs"], 3).tolist(), strict=True)))
    print(f"wrote {told.out}: {write(done, told.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
