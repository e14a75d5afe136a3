"""The fit behind the protocol: it starts by itself, says what it knows, and lies on the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.errors import CoverageError, ModelError
from specviz.models.phdlspec.fitted import LABELS, PhdlspecFit
from specviz.models.phdlspec.starting import first_guess
from specviz.models.protocol import Encoding, StellarModel
from specviz.models.registry import available_models, load_model
from specviz.spectra.spectrum import Spectrum


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model("phdlspec-fit", device="cpu")


@pytest.fixture(scope="module")
def stars() -> Any:
    return [DemoArchive().fetch(name) for name in ("demo 17", "demo 8")]  # S/N 110, and 8


@pytest.fixture(scope="module")
def encoding(model: PhdlspecFit, stars: Any) -> Encoding:
    return model.embed([model.prepare(star.spectra["lamost_lrs"]) for star in stars])


def test_it_is_a_model_that_fits(model: Any) -> None:
    assert "phdlspec-fit" in available_models() and isinstance(model, StellarModel)
    card = model.describe()
    assert card.capabilities == {"posterior", "reconstruct", "fit"} and card.surveys == ("lamost_lrs",)
    assert card.weights_sha256 == load_model("phdlspec-small", device="cpu").describe().weights_sha256


def test_the_first_guess_needs_no_other_model(model: PhdlspecFit, stars: Any) -> None:
    from specviz.models.phdlspec.fitted import fitter_of

    spectrum = stars[0].spectra["lamost_lrs"]
    bare = Spectrum(spectrum.wavelength, spectrum.flux, spectrum.ivar, spectrum.mask, survey="lamost_lrs")
    guess = first_guess(fitter_of(model.emulator, bare), bare)
    truth = stars[0].catalogue
    assert guess.rv_by == "cross-correlation" and abs(guess.start["rv"] - truth["rv"]) < 15
    assert abs(guess.start["teff"] - truth["teff"]) < 400 and abs(guess.start["logg"] - truth["logg"]) < 0.8


def test_labels_and_their_errors(model: PhdlspecFit, stars: Any, encoding: Encoding) -> None:
    good, noisy = model.posterior(encoding, samples=4000)
    assert good.names == LABELS and good.survey == "lamost_lrs"
    for star, posterior in zip(stars, (good, noisy), strict=True):
        for name, least in (("teff", 30.0), ("logg", 0.08), ("fe_h", 0.05), ("rv", 2.0)):
            sigma = max(float(posterior[name].std()), least)
            assert abs(np.median(posterior[name]) - star.catalogue[name]) < 4 * sigma, (star.name, name)
    assert np.corrcoef(good["teff"], good["fe_h"])[0, 1] > 0.1  # warmer and richer look alike
    mean = np.mean([good[f"{x}_fe"] for x in ("mg", "si", "ca", "ti")], axis=0)
    np.testing.assert_allclose(good["alpha_fe"], mean)
    assert len(noisy.notes) > len(good.notes) and "prior" in noisy.notes["eu_fe"]
    assert "teff" in good.prior and "eu_fe" not in noisy.prior  # the prior's samples are no extrapolation


def test_the_fitted_spectrum_lies_on_the_data(model: PhdlspecFit, stars: Any, encoding: Encoding) -> None:
    spectrum, fit = stars[0].spectra["lamost_lrs"], encoding.state[0]
    drawn = model.reconstruct(encoding)[0]
    assert drawn.kind == "reconstruction" and drawn.flux.shape == spectrum.flux.shape
    np.testing.assert_allclose(drawn.flux * drawn.scale, fit.model)
    pull = ((drawn.flux * drawn.scale - spectrum.flux) / fit.sigma)[fit.used]
    assert 0.5 < pull.std() < 1.3
    assert np.isfinite(drawn.sigma).all() and 0 < np.median(drawn.sigma) < 0.01


def test_what_it_refuses(model: PhdlspecFit, stars: Any) -> None:
    spectrum = stars[0].spectra["lamost_lrs"]
    with pytest.raises(ModelError, match="no errors"):
        model.prepare(Spectrum(spectrum.wavelength, spectrum.flux, survey="lamost_lrs"))
    with pytest.raises(ModelError, match="gaia_xp"):
        model.prepare(stars[0].spectra["gaia_xp"])
    with pytest.raises(CoverageError, match="pixels can be fitted"):
        model.prepare(spectrum.with_(mask=np.arange(len(spectrum)) > 280))
    other = load_model("specclip-small", device="cpu").prepare(spectrum)
    with pytest.raises(ModelError, match="another model"):
        model.embed([other])
    with pytest.raises(ModelError, match="does not translate"):
        model.translate(Encoding("lamost_lrs", np.zeros((0, 1), np.float32), ()), "gaia_xp")


def test_what_lamost_does_to_a_spectrum_does_not_move_the_labels(model: PhdlspecFit, stars: Any) -> None:
    """A step and a slope between the arms, sky and telluric residuals, cosmic rays, dead pixels."""
    spectrum = stars[0].spectra["lamost_lrs"]
    wave, flux = spectrum.wavelength_angstrom, spectrum.flux.copy()
    red = wave > 5862.0
    flux[red] *= 1.3 * (wave[red] / 7000.0) ** 0.8
    flux[(wave > 5572) & (wave < 5586)] *= 2.5
    flux[(wave > 6296) & (wave < 6306)] *= 0.4
    flux[(wave > 7590) & (wave < 7690)] *= 0.6
    flux[[700, 1701, 2502, 3003]] *= 12.0
    flux[1200:1215] = np.nan
    scale = np.where(red, 1.3 * (wave / 7000.0) ** 0.8, 1.0)
    clean, spoilt = model.fit([spectrum, spectrum.with_(flux=flux, ivar=spectrum.ivar / scale**2)])
    assert spoilt.converged and not spoilt.used[[700, 1701, 2502, 3003]].any()
    for name in ("teff", "logg", "fe_h", "mg_fe", "ca_fe", "c_fe", "rv"):
        assert abs(spoilt[name] - clean[name]) < clean.errors[name], name
    assert spoilt.chi2 / spoilt.dof < 1.2 * clean.chi2 / clean.dof


def test_one_arm_is_enough_for_what_it_shows(model: PhdlspecFit, stars: Any) -> None:
    spectrum = stars[0].spectra["lamost_lrs"]
    both, blue = model.fit([spectrum, spectrum.with_(mask=spectrum.mask | (spectrum.wavelength > 5700.0))])
    assert abs(blue["teff"] - both["teff"]) < 3 * blue.errors["teff"]
    assert blue.errors["s_fe"] > both.errors["s_fe"] and blue.errors["teff"] > both.errors["teff"]
