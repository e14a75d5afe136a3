"""DESA on real spectra and light curves, none of which it learned from: the step from simulated stars to real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

#: Labels that LASP has too.
LABELS = ("teff", "logg", "fe_h")
#: LASP's range that is compared (K), and the least S/N in g, as in the other models' figures.
HOTTEST, LEAST_SNR = 7000.0, 20.0


def real_spectra(model: Any, shared: Path, n: int, say: Callable[[str], None]) -> dict[str, float]:
    """Labels of real LAMOST DR10 stars of plates that no specviz model trains on, against LASP's.

    Parameters
    ----------
    model : Desa
    shared : path
    n : int
        Stars at most.
    say : callable

    Returns
    -------
    dict
        ``{label}.mae``, ``{label}.bias`` (median of DESA - LASP), ``{label}.inside`` (share of LASP values between the
        10 and 90 % quantiles).
    """
    from specviz.training.real_stars import held_out_stars

    stars = []
    for star in held_out_stars(shared, 0):
        spectrum = star.spectra.get("lamost_lrs")
        if spectrum is None:
            break  # Gaia XP follows
        if star.catalogue["teff"] < HOTTEST and float(spectrum.meta["snr"]) > LEAST_SNR:
            stars.append(star)
    stars = stars[:: max(1, len(stars) // n)][:n]
    encoding = model.embed([model.prepare(star.spectra["lamost_lrs"]) for star in stars])
    found = model.posterior(encoding, samples=400)
    out: dict[str, float] = {}
    say(f"\n{len(stars)} real LAMOST stars against LASP{'MAE':>16s}{'median off':>12s}{'in 10-90 %':>12s}")
    for name in LABELS:
        low, middle, high = np.stack([p.quantile(name, [0.1, 0.5, 0.9]) for p in found], 1)
        known = np.array([star.catalogue[name] for star in stars])
        off = middle - known
        out[f"{name}.mae"], out[f"{name}.bias"] = float(np.mean(np.abs(off))), float(np.median(off))
        out[f"{name}.inside"] = float(np.mean((low <= known) & (known <= high)))
        say(f"{name:34s}{out[f'{name}.mae']:14.3f}{out[f'{name}.bias']:12.3f}{out[f'{name}.inside']:12.2f}")
    return out


def real_light_curves(model: Any, shared: Path, say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Real Kepler light curves of at least 20 days: what DESA reads off them, beside the Kepler Input Catalogue."""
    from specviz.errors import SpecvizError
    from specviz.spectra.readers import read_bytes

    out: dict[str, dict[str, float]] = {}
    say(f"\nreal Kepler light curves{'teff (K)':>14s}{'KIC':>8s}{'logg':>8s}{'KIC':>8s}{'P(close)':>10s}")
    for path in sorted((shared / "data" / "kepler_llc").glob("*.fits")):
        star = next((s for s in read_bytes(path.read_bytes(), path.name) if s.light_curve is not None), None)
        if star is None:
            continue
        try:
            look = model.look(None, star.light_curve)
        except SpecvizError as error:
            say(f"{star.name:24s}  {error.what}")
            continue
        told = look.labels["light_curve"]
        known = {k: float(star.catalogue.get(k) or np.nan) for k in ("teff", "logg")}
        found = {k: told[k].median for k in ("teff", "logg")}
        out[star.name] = {**found, "close": float(look.binary or 0.0), **{f"kic.{k}": v for k, v in known.items()}}
        say(f"{star.name:24s}{found['teff']:14.0f}{known['teff']:8.0f}{found['logg']:8.2f}{known['logg']:8.2f}"
            f"{out[star.name]['close']:10.3f}")  # fmt: skip
    return out
