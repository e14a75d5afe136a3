"""The batch pseudo-continuum is the spectra room's, spectrum by spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.errors import SpectrumError
from specviz.simulate.continuum_batch import gaspp_blue, gaspp_window
from specviz.simulate.instrument import N_WINDOW
from specviz.spectra.continuum import gaspp_continuum
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.resample import to_specclip_grid
from specviz.spectra.spectrum import Spectrum


def made_up(slope: float, seed: int) -> np.ndarray:
    """A spectrum with lines and noise; a steep negative slope makes it 'hot' (Balmer lines are then bridged)."""
    rng = np.random.default_rng(seed)
    flux = (LAMOST_NATIVE / 5000.0) ** slope
    for line in (3970.0, 4102.9, 4341.7, 4862.7, 5183.0, *rng.uniform(3800, 8900, 60)):
        flux *= 1 - rng.uniform(0.1, 0.5) * np.exp(-0.5 * ((LAMOST_NATIVE - line) / 6.0) ** 2)
    return np.asarray(flux * rng.normal(1.0, 0.02, flux.size) * 700.0)


@pytest.mark.parametrize("slope", [-3.0, -1.0, 0.5, 2.5])
def test_agrees_with_the_single_spectrum_procedure(slope: float) -> None:
    flux = np.stack([made_up(slope, seed) for seed in range(3)])
    window = (LAMOST_NATIVE > 3990) & (LAMOST_NATIVE < 5610)
    want = np.stack([gaspp_continuum(LAMOST_NATIVE, row) for row in flux])
    got = gaspp_blue(flux)
    np.testing.assert_allclose(got[:, window], want[:, window], rtol=1e-9)


def test_gives_the_models_input_masks_and_all() -> None:
    flux = np.stack([made_up(slope, 9) for slope in (-3.0, 1.0)])
    ivar = np.full_like(flux, 1e-2)
    ivar[:, 900:930] = 0.0
    flux[:, 905] = 1e6  # garbage under the mask must not matter
    values, weights, continuum = gaspp_window(flux, ivar)
    assert values.shape == weights.shape == continuum.shape == (2, 1462)
    for row in range(2):
        one = to_specclip_grid(Spectrum(LAMOST_NATIVE, flux[row], ivar[row], survey="lamost_lrs"))
        np.testing.assert_allclose(values[row], one.values, rtol=2e-6)
        np.testing.assert_allclose(weights[row], one.ivar, rtol=1e-3)
        assert (weights[row] == 0).sum() == 30


def test_says_so_when_there_are_too_few_pixels() -> None:
    with pytest.raises(SpectrumError, match="native grid"):
        gaspp_blue(np.ones((2, N_WINDOW - 1)))
