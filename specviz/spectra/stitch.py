"""Quarters, campaigns or sectors of one star as one light curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpectrumError
from specviz.spectra.star import LightCurve


def stitch(curves: Sequence[LightCurve]) -> LightCurve:
    """Quarters or sectors as one curve: each divided by its own median, then put in order of time.

    The detector and the aperture differ from quarter to quarter, so their levels say nothing; a variation slower than
    a quarter is lost by this, as it is by the missions' own detrending.

    Raises
    ------
    SpectrumError
        If there is none, or their times are not of one system.
    """
    if not curves:
        raise SpectrumError("No light curve to stitch", expected="at least one")
    systems = {c.time_system for c in curves}
    if len(systems) > 1:
        raise SpectrumError(f"Light curves in {' and '.join(sorted(systems))}", expected="times of one system")
    if len(curves) == 1:
        return curves[0]
    levels = [level(c.flux) for c in curves]
    time = np.concatenate([c.time for c in curves])
    order = np.argsort(time, kind="stable")
    flux = np.concatenate([c.flux / middle for c, middle in zip(curves, levels, strict=True)])[order]
    errors = [c.flux_error for c in curves]
    error = None
    if all(e is not None for e in errors):
        error = np.concatenate([np.asarray(e) / abs(v) for e, v in zip(errors, levels, strict=True)])[order]
    flags = [np.zeros(len(c), np.int64) if c.quality is None else c.quality for c in curves]
    meta = {**curves[0].meta, "segments": sum(int(c.meta.get("segments", 1)) for c in curves)}
    for key in ("quarter", "sector", "campaign"):
        held = [c.meta.get(key) for c in curves if c.meta.get(key) is not None]
        if held:
            # As text, which a saved session keeps: "1, 2, 3".
            meta[key] = ", ".join(map(str, sorted({int(n) for one in held for n in str(one).split(", ")})))
    quality = np.concatenate(flags)[order]
    return LightCurve(time[order], flux, error, quality, "relative", curves[0].time_system, meta)


def level(flux: NDArray[np.float64]) -> float:
    """Median of a flux that is positive, as photons are."""
    middle = float(np.nanmedian(flux)) if flux.size else float("nan")
    if not np.isfinite(middle) or middle <= 0:
        raise SpectrumError(
            f"The light curve has a median flux of {middle:.3g}",
            expected="a positive flux",
            remedy="Give it as it was measured, not with its mean taken away",
        )
    return middle
