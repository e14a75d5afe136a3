"""How noisy a prepared spectrum is: the one number besides the embedding that the posteriors are conditioned on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.models.specclip.constants import LOG_SNR_CLIP


def log_snr(values: ArrayLike, ivar: ArrayLike) -> NDArray[np.float32]:
    """log10 of the median S/N per pixel, shape (B,).

    Parameters
    ----------
    values, ivar : array, shape (B, L)
        Where no pixel has ivar > 0 the noise is estimated from the values (DER_SNR: Stoehr et al. 2008, ST-ECF
        Newsletter 42): 1.4826 / sqrt(6) * median |2 f_i - f_(i-2) - f_(i+2)|.

    Returns
    -------
    array of float32, shape (B,)
        Clipped to the range the flows were trained in.
    """
    flux, weight = np.atleast_2d(np.asarray(values, np.float64)), np.atleast_2d(np.asarray(ivar, np.float64))
    out, whole = np.empty(len(flux)), (weight > 0).all(axis=1)
    out[whole] = np.median(np.abs(flux[whole]) * np.sqrt(weight[whole]), axis=1)
    for i in np.flatnonzero(~whole):
        f, w = flux[i], weight[i]
        good = w > 0
        if good.any():
            out[i] = np.median(np.abs(f[good]) * np.sqrt(w[good]))
        else:
            noise = 0.6052697 * np.median(np.abs(2.0 * f[2:-2] - f[:-4] - f[4:]))
            out[i] = np.median(np.abs(f)) / max(float(noise), 1e-6)
    return np.clip(np.log10(np.maximum(out, 1e-3)), *LOG_SNR_CLIP).astype(np.float32)
