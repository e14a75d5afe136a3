"""What ridge regression and boosted trees make of the same stars: simple numbers of a light curve and of a spectrum."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from specviz.models.desa.light_curve_views import autocorrelation, bridged, log_spectrum, smoothed, zscore
from specviz.training.desa_stars import CADENCE_HOURS, LENGTH, Stars

Array = NDArray[np.float64]
#: Principal components of the spectra.
COMPONENTS = 30
#: Lags of the autocorrelation that are looked at for a period, in days.
LEAST_LAG, LARGEST_LAG = 0.2, 45.0
LIGHT_CURVE_FEATURES = (
    "log period of the first peak of the ACF", "height of that peak", "log amplitude (5-95 %)", "log scatter over 8 h",
    "log depth of the deepest point", "skewness", "kurtosis", *(f"power, band {i}" for i in range(8)),
)  # fmt: skip


def light_curve_features(stars: Stars) -> Array:
    """Numbers (n, 15) of the first 90 days of light curves: :data:`LIGHT_CURVE_FEATURES`."""
    rows = bridged(stars.flux[:, :LENGTH].astype(np.float64))
    relative = rows / np.median(rows, axis=1, keepdims=True) - 1.0
    z, per_day = zscore(relative), 24.0 / CADENCE_HOURS
    acf = autocorrelation(smoothed(relative, 13))
    low, high = int(LEAST_LAG * per_day), int(LARGEST_LAG * per_day)
    period, height = np.full(len(rows), np.nan), np.zeros(len(rows))
    for i, one in enumerate(acf):
        peaks, about = find_peaks(one[low:high], prominence=0.02)
        if peaks.size:
            best = int(np.argmax(about["prominences"]))
            period[i], height[i] = (peaks[best] + low) / per_day, one[low + peaks[best]]
    slow = smoothed(relative, 9)
    edges = np.geomspace(2, LENGTH // 2, 9).astype(int)
    power = log_spectrum(z)[:, ::2]
    bands = np.stack([power[:, a:b].mean(1) for a, b in pairwise(edges)], 1)
    spread = np.percentile(relative, 95, axis=1) - np.percentile(relative, 5, axis=1)
    found = np.stack(
        [
            np.log(np.where(np.isfinite(period), period, LARGEST_LAG)), height, np.log(spread + 1e-6),
            np.log((relative - slow).std(1) + 1e-7), np.log(1e-5 - np.minimum(relative.min(1), 0.0)),
            (z**3).mean(1), (z**4).mean(1).clip(0, 100),
        ],
        axis=1,
    )  # fmt: skip
    return np.concatenate([found, bands], axis=1)


class Simple:
    """Features of both, of the spectrum alone or of the light curve alone, standardised on training stars."""

    def __init__(self, train: Stars) -> None:
        from sklearn.decomposition import PCA

        self._pca = PCA(COMPONENTS, random_state=0).fit(train.spectra.astype(np.float32))
        raw = self._raw(train)
        self._centre = {k: v.mean(0) for k, v in raw.items()}
        self._scale = {k: v.std(0) + 1e-9 for k, v in raw.items()}

    def _raw(self, stars: Stars) -> dict[str, Array]:
        spectrum = np.asarray(self._pca.transform(stars.spectra.astype(np.float32)), np.float64)
        curve = light_curve_features(stars)
        return {"spectrum": spectrum, "light_curve": curve, "both": np.concatenate([spectrum, curve], 1)}

    def __call__(self, stars: Stars) -> dict[str, Array]:
        """By what is looked at: arrays (n, d)."""
        return {k: (v - self._centre[k]) / self._scale[k] for k, v in self._raw(stars).items()}


def regressors() -> dict[str, Any]:
    """Makers of what predicts a number."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    return {
        "ridge": lambda: RidgeCV(np.logspace(-3, 4, 15)),
        "boosting": lambda: HistGradientBoostingRegressor(random_state=0),
    }


def classifiers() -> dict[str, Any]:
    """Makers of what predicts a probability."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    return {
        "ridge": lambda: LogisticRegression(C=0.1, max_iter=2000),
        "boosting": lambda: HistGradientBoostingClassifier(random_state=0),
    }
