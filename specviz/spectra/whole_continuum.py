"""The pseudo-continuum of a whole spectrum, as panels draw it and widths are measured by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.continuum import gaspp_continuum
from specviz.spectra.resample import bridge
from specviz.spectra.spectrum import Spectrum

#: gaspp's continuum is the filtered flux itself here (Angstrom), which is no continuum to look at: a straight line
#: instead.
_GAP = (5690.0, 6110.0)


def whole_continuum(spectrum: Spectrum) -> NDArray[np.float64]:
    """The model's own continuum over the whole spectrum, shape (n,), in the unit of its flux.

    Masked pixels are bridged; where the procedure defines none a straight line stands. 1 for a spectrum that is
    normalised already, or has no good pixel.
    """
    bad = ~spectrum.good
    flux = np.asarray(spectrum.flux, np.float64)
    if spectrum.meta.get("normalised") or bad.all():
        return np.ones_like(flux)
    wave = np.asarray(spectrum.wavelength_angstrom, np.float64)
    clean = bridge(wave, np.where(np.isfinite(flux), flux, 0.0), bad) if bad.any() else flux
    level = gaspp_continuum(wave, clean)
    inside = (wave > _GAP[0]) & (wave < _GAP[1])
    if inside.any() and not inside.all():
        level = np.where(inside, np.interp(wave, wave[~inside], level[~inside]), level)
    return level
