"""What Lux is measured beside: ridge regression, gradient boosting, and specclip-small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.lux.scales import label_from_scale, label_to_scale, spectrum_to_scale
from specviz.models.protocol import PredictedSpectrum
from specviz.models.registry import load_model
from specviz.simulate.continuum_batch import WIDE, WINDOW
from specviz.training.data import RealLamost
from specviz.training.export import prepared_batch
from specviz.training.lux_stars import SIZES, Stars

#: Principal components that both regressions see.
COMPONENTS = 60
_WINDOW = slice(WINDOW.start - WIDE.start, WINDOW.stop - WIDE.start)
_AT_ONCE = 128


def baseline_labels(
    train: Stars, held: Stars, source: str, names: Sequence[str]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Labels of ``held`` by regressions on principal components of the training spectra, on the scales of Lux."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    surveys = [survey for survey in SIZES if source in (survey, "both")]
    middle = {s: np.nanmedian(_scaled(train, s), axis=0) for s in surveys}
    filled = [
        np.concatenate([np.where(np.isfinite(_scaled(x, s)), _scaled(x, s), middle[s]) for s in surveys], 1)
        for x in (train, held)
    ]
    pca = PCA(COMPONENTS, random_state=0).fit(filled[0])
    x, new = pca.transform(filled[0]), pca.transform(filled[1])
    out: dict[str, dict[str, NDArray[np.float64]]] = {"ridge": {}, "boosting": {}}
    for name in names:
        truth = train.label(name)
        y = label_to_scale(name, truth, np.ones_like(truth))[0]
        for kind, regression in (
            ("ridge", RidgeCV(np.logspace(-6, 2, 9))),
            ("boosting", HistGradientBoostingRegressor(random_state=0)),
        ):
            out[kind][name] = label_from_scale(name, np.asarray(regression.fit(x, y).predict(new)))
    return out


def _scaled(stars: Stars, survey: str) -> NDArray[np.float64]:
    value, sigma = spectrum_to_scale(survey, stars.values[survey], stars.ivar[survey])
    return np.where(np.isfinite(sigma), value, np.nan)


class SpecClip:
    """specclip-small on the same stars; it reads 4000-5600 A of LAMOST.

    Parameters
    ----------
    shared : Path
        For real stars as it is given them elsewhere.

    Attributes
    ----------
    rows : array of int
        Of the real stars that are asked about.
    """

    rows: NDArray[np.int64]

    def __init__(self, shared: Path) -> None:
        self.model: Any = load_model("specclip-small")
        self._shared = shared

    def readable(self, stars: Stars) -> NDArray[np.bool_]:
        """Stars of which its window was seen."""
        return np.asarray((stars.ivar["lamost_lrs"][:, _WINDOW] > 0).mean(axis=1) > 0.8)

    def labels(self, stars: Stars, survey: str = "lamost_lrs", *, at_rest: bool = True) -> dict[str, Any]:
        """Posterior medians; NaN for stars that it cannot read."""
        if not at_rest:
            flux, ivar = RealLamost.load(self._shared).centred(self.rows)
        else:
            flux, ivar = self._arrays(stars, survey)
        good = (ivar > 0).mean(axis=1) > 0.8
        names = self.model.describe().labels[survey]
        out = np.full((len(flux), len(names)), np.nan)
        rows = np.flatnonzero(good)
        for start in range(0, rows.size, _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            encoding = self.model.embed(prepared_batch(survey, flux[part], ivar[part]))
            out[part] = [np.median(p.samples, axis=0) for p in self.model.posterior(encoding, samples=400)]
        return {name: out[:, k] for k, name in enumerate(names)}

    def translated(self, stars: Stars) -> list[PredictedSpectrum]:
        """XP predicted from LAMOST."""
        flux, ivar = self._arrays(stars, "lamost_lrs")
        return [
            p
            for i in range(0, len(flux), _AT_ONCE)
            for p in self.model.translate(
                self.model.embed(prepared_batch("lamost_lrs", flux[i : i + _AT_ONCE], ivar[i : i + _AT_ONCE])),
                "gaia_xp",
            )
        ]

    @staticmethod
    def _arrays(stars: Stars, survey: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        part = _WINDOW if survey == "lamost_lrs" else slice(None)
        return stars.values[survey][:, part], stars.ivar[survey][:, part]
