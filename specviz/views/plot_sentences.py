"""A sentence for each plot, for those who cannot see it: what is drawn, over which range, and what stands out.

Plots get ``role="img"`` and the sentence as their name (VISUAL.md section 10). Numbers are written as on screen, so that
both people speak of the same ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from specviz.session.state import State
from specviz.views import formats
from specviz.views.controls import name_plot

NAMES = {"lamost_lrs": "LAMOST", "sdss": "SDSS", "other": "Optical"}


def optical_sentence(
    survey: str, wavelength: ArrayLike, snr: float | None, residual: tuple[ArrayLike, ArrayLike]
) -> str:
    """ "LAMOST spectrum 3700 to 9100 Å, S/N 97, largest difference from the model −3.5 σ at 8289 Å".

    Parameters
    ----------
    survey : str
    wavelength : array, shape (N,)
        Vacuum Angstrom.
    snr : float or None
        Per pixel.
    residual : (wavelength, sigma)
        (Observed - model) / error; NaN where there is none.
    """
    wave = np.asarray(wavelength, float)
    parts = [f"{NAMES.get(survey, survey)} spectrum {_span(wave)} Å" if wave.size else "No optical spectrum"]
    if snr is not None and np.isfinite(snr):
        parts.append(f"S/N {formats.number(snr)}")
    parts += _largest(*residual, 1.0, "Å")
    return ", ".join(parts)


def xp_sentence(observed: ArrayLike, predicted: ArrayLike, residual: tuple[ArrayLike, ArrayLike]) -> str:
    """ "Gaia XP spectrum 336 to 1020 nm, with the prediction from LAMOST, largest difference 2.1 σ at 402 nm"."""
    seen, made = np.asarray(observed, float), np.asarray(predicted, float)
    parts = []
    if seen.size:
        parts.append(f"Gaia XP spectrum {_span(seen / 10)} nm")
        parts += ["with the model's spectrum"] if made.size else []
    elif made.size:
        parts.append(f"Gaia XP spectrum predicted from the other instrument, {_span(made / 10)} nm")
    else:
        parts.append("No Gaia XP spectrum")
    parts += _largest(*residual, 10.0, "nm")
    return ", ".join(parts)


def residual_sentence(residual: tuple[ArrayLike, ArrayLike], scale: float, unit: str) -> str:
    """ "Differences from the model in σ, root mean square 1.0 σ, largest −3.5 σ at 8289 Å"."""
    x, y = (np.asarray(v, float) for v in residual)
    good = np.isfinite(y)
    if not good.any():
        return "No differences from a model"
    spread = formats.number(float(np.sqrt(np.mean(y[good] ** 2))), 1)
    largest = _largest(x, y, scale, unit)[0].removeprefix("largest difference from the model ")
    return f"Differences from the model, root mean square {spread} σ, largest {largest}"


def map_sentence(state: State) -> str:
    """ "Map of reference stars, Teff against log g: this star at 5984 K, 4.28 dex, 50 similar stars"."""
    titles = {
        "kiel": "log g over Teff",
        "embedding": "the model's embedding",
        "alpha": "[α/Fe] over [Fe/H]",
        "hr": "absolute magnitude over colour",
        "umap": "UMAP of the embeddings",
        "pacmap": "PaCMAP of the embeddings",
        "eigen": "eigenvectors of the embeddings",
    }
    said = f"Map of the reference stars, {titles.get(state.view.plane, state.view.plane)}"
    posterior = None if state.report is None else state.report.posterior
    wanted = {"kiel": ("teff", "logg"), "alpha": ("fe_h", "alpha_fe")}.get(state.view.plane, ())
    if posterior is not None and wanted and all(n in posterior.names for n in wanted):
        values = posterior.summary()
        at = ", ".join(
            f"{formats.heading(n)} {formats.label(n, values[n][0])} {formats.unit(n)}".strip() for n in wanted
        )
        said += f"; this star at {at}"
    if state.neighbours is not None and len(state.neighbours):
        said += f"; {formats.count(len(state.neighbours))} similar stars"
    return said


class PlotSentences:
    """Keeps the names of the spectra and the map in step with the state; drawn after them, from what they hold."""

    def __init__(self, lamost: Any, xp: Any, map_panel: Any) -> None:
        self._lamost, self._xp, self._map = lamost, xp, map_panel

    def update(self, old: State, new: State) -> None:
        """Name the plots again if another star or report is drawn."""
        if new.star is not old.star or new.report is not old.report or old.report is None:
            self._spectra(new)
        if new.report is not old.report or new.neighbours is not old.neighbours or new.view.plane != old.view.plane:
            name_plot(self._map.figure, map_sentence(new))

    def _spectra(self, state: State) -> None:
        found = {} if state.star is None else state.star.spectra
        survey, spectrum = next(((s, found[s]) for s in NAMES if s in found), ("lamost_lrs", None))
        curves, wave = self._lamost._curves, np.empty(0)
        residual: Any = (wave, wave)
        if curves is not None:
            residual = curves.residual["x"], curves.residual["y"]
            wave = curves.data["x"]
        snr = None if spectrum is None else spectrum.snr
        name_plot(self._lamost.figure, optical_sentence(survey, wave, snr, residual))
        name_plot(self._lamost.strip, residual_sentence(residual, 1.0, "Å"))
        nothing = np.empty(0)
        seen = self._xp._curves
        near = (nothing, nothing) if seen is None else (seen.residual["x"], seen.residual["y"])
        name_plot(self._xp.figure, xp_sentence(self._xp.data.data["x"], self._xp.predicted.data["x"], near))
        name_plot(self._xp.strip, "Gaia XP: " + residual_sentence(near, 10.0, "nm"))


def _span(wave: Any) -> str:
    return f"{formats.number(float(np.nanmin(wave)))} to {formats.number(float(np.nanmax(wave)))}"


def _largest(wavelength: ArrayLike, sigma: ArrayLike, scale: float, unit: str) -> list[str]:
    x, y = np.asarray(wavelength, float), np.asarray(sigma, float)
    if not np.isfinite(y).any():
        return []
    i = int(np.nanargmax(np.abs(y)))
    value = formats.number(float(y[i]), 1, sign=True)
    return [f"largest difference from the model {value} σ at {formats.number(x[i] / scale)} {unit}"]
