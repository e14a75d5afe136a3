"""Rest-frame templates for radial velocities: emulated stars at LAMOST's resolution, made when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from specviz.simulate.conditions import mean_vsini
from specviz.simulate.emulated import loglinear
from specviz.simulate.packaged import packaged_emulator
from specviz.spectra.broadening import blurred
from specviz.spectra.spectrum import Spectrum

#: Teff (K), log g, [Fe/H] of the templates: dwarfs and giants of every type that LAMOST sees many of.
GRID: tuple[tuple[float, float, float], ...] = (
    (3700.0, 4.7, 0.0),
    (3900.0, 1.3, -0.2),
    (4400.0, 4.6, 0.0),
    (4600.0, 2.4, -0.1),
    (4900.0, 2.5, -1.3),
    (5200.0, 4.5, 0.0),
    (5800.0, 4.4, 0.0),
    (5900.0, 4.2, -1.2),
    (6400.0, 4.2, -0.3),
    (6400.0, 4.1, -2.2),
    (7300.0, 4.1, -0.1),
    (8800.0, 4.0, 0.0),
    (11500.0, 4.0, 0.0),
)


def rest_templates(labels: Mapping[str, float] | None = None) -> tuple[Spectrum, ...]:
    """Templates in the rest frame, vacuum Angstrom, at R = 1700; the grid's are kept in memory (1 MB).

    Parameters
    ----------
    labels : mapping, optional
        Labels of a star (``teff``, ``logg``, ``fe_h``, abundances): its own template then comes first. Labels beyond
        the emulator's ranges are moved to their edge; the elements follow ``alpha_fe`` where they are not given.

    Returns
    -------
    tuple of Spectrum
        ``meta["object_id"]`` reads Teff/log g/[Fe/H].
    """
    own: tuple[Spectrum, ...] = ()
    if labels is not None and all(np.isfinite(labels.get(k, np.nan)) for k in ("teff", "logg", "fe_h")):
        own = _made([dict(labels)])
    return own + _grid()


@lru_cache(maxsize=1)
def _grid() -> tuple[Spectrum, ...]:
    alpha = [0.3 * float(np.clip(-fe_h, 0.0, 1.0)) for _, _, fe_h in GRID]
    return _made([{"teff": t, "logg": g, "fe_h": m, "alpha_fe": a} for (t, g, m), a in zip(GRID, alpha, strict=True)])


def _made(stars: list[dict[str, float]]) -> tuple[Spectrum, ...]:
    emulator = packaged_emulator()
    rows = np.array([[_label(star, name, emulator.ranges[name]) for name in emulator.label_names] for star in stars])
    at = {name: rows[:, k] for k, name in enumerate(emulator.label_names)}
    made = emulator.spectra(rows.astype(np.float32), norm=True, continuum=True, sed=False)
    lines = blurred(np.asarray(made.norm, np.float64), emulator.wave, mean_vsini(at["teff"], at["logg"]))
    # With the slope of the star's light: a pseudo-continuum then errs in a template as it does in an observation.
    light = loglinear(emulator.wave, emulator.cont_wave, made.continuum)
    seen = lines * light / light.max(axis=1, keepdims=True)
    fe_h = np.round(at["fe_h"], 1) + 0.0  # no "-0.0"
    names = [f"{t:.0f}/{g:.1f}/{m:+.1f}" for t, g, m in zip(at["teff"], at["logg"], fe_h, strict=True)]
    return tuple(
        Spectrum(emulator.wave, flux, frame="rest", meta={"object_id": name, "simulated": True})
        for flux, name in zip(seen, names, strict=True)
    )


def _label(star: Mapping[str, float], name: str, limits: tuple[float, float]) -> float:
    """A label of a star, or what follows from those that are known; inside the emulator's range."""
    default = 0.0
    if name in ("mg_fe", "si_fe", "ca_fe", "ti_fe", "o_fe", "s_fe"):
        default = star.get("alpha_fe", 0.0)
    elif name == "vmic":
        default = 1.0 if star["logg"] > 3.5 else 1.6
    value = float(star.get(name, default))
    return float(np.clip(value if np.isfinite(value) else default, *limits))
