"""Predictions laid on data: the reddening and the scale that were put in come out, with errors that cover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.placing import catalogue_reddening, fit_reddening, header_velocity, place, velocity
from specviz.analysis.quality import XP_CHI2, xp_disagrees
from specviz.models.posterior import Posterior
from specviz.models.protocol import Encoding, PredictedSpectrum, Prepared
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

WAVE = XP_WAVELENGTH_NM
DUST = 3.1 * ((550.0 / WAVE) ** 1.3 - 1.0)
SHAPE = (WAVE / 550.0) ** -1.5 * (1.0 - 0.2 * np.exp(-0.5 * ((WAVE - 430.0) / 12.0) ** 2))


def _predicted(ebv: float = 0.08, error: float = 0.09, band: float = 0.01) -> PredictedSpectrum:
    bare = PredictedSpectrum("gaia_xp", "translation", WAVE, SHAPE, band * SHAPE, "f550", dust=DUST)
    return bare.with_reddening(ebv, error, "prior")


def _observed(
    ebv: float, factor: float = 1.0, noise: float = 0.01, seed: int | None = 0, tilt: float = 0.0
) -> Prepared:
    """A star as Gaia sees it; ``tilt`` is an error of the prediction that looks like dust (mag of E(B-V))."""
    truth = factor * SHAPE * 10 ** (-0.4 * (ebv + tilt) * DUST)
    sigma = noise * truth
    values = truth if seed is None else truth + sigma * np.random.default_rng(seed).standard_normal(truth.size)
    return Prepared("gaia_xp", WAVE, values.astype(np.float32), (sigma**-2).astype(np.float32), 2e-16)


@pytest.mark.parametrize("ebv", [0.0, 0.05, 0.3, 1.2])
def test_what_was_put_in_comes_out(ebv: float) -> None:
    fitted = fit_reddening(_observed(ebv, 1.07, seed=None), _predicted())
    assert fitted is not None
    assert fitted[0] == pytest.approx(ebv, abs=2e-4) and fitted[2] == pytest.approx(1.07, rel=1e-4)
    assert 0 < fitted[1] < 0.05


def test_the_error_covers_the_noise() -> None:
    """Without an error of the prediction the scatter of many fits is the error."""
    fits = [fit_reddening(_observed(0.3, noise=0.05, seed=s), _predicted(band=0.0)) for s in range(200)]
    pulls = np.array([(f[0] - 0.3) / f[1] for f in fits if f is not None])
    assert pulls.size == 200 and 0.85 < pulls.std() < 1.15 and abs(pulls.mean()) < 0.25


def test_the_error_covers_a_prediction_that_is_tilted_within_its_band() -> None:
    """A band of 2 % allows a tilt of the whole spectrum: the error of E(B-V) must allow it too."""
    tilt = 0.02 / float(np.max(0.4 * np.log(10) * np.abs(DUST)))  # nowhere more than one sigma of the band
    fitted = fit_reddening(_observed(0.3, noise=0.002, tilt=tilt), _predicted(band=0.02))
    assert fitted is not None and tilt * 0.8 < abs(fitted[0] - 0.3) < 1.5 * fitted[1]


def test_a_bluer_star_than_predicted_has_no_dust() -> None:
    fitted = fit_reddening(_observed(-0.05, 1.1), _predicted())
    assert fitted is not None and fitted[0] == 0.0 and fitted[1] > 0
    assert fitted[2] == pytest.approx(1.1, rel=0.06)


def test_a_bad_stretch_does_not_turn_the_fit() -> None:
    observed = _observed(0.3)
    values = observed.values.copy()
    values[200:230] *= 1.5
    fitted = fit_reddening(replace(observed, values=values), _predicted())
    assert fitted is not None and abs(fitted[0] - 0.3) < 0.02


def test_without_enough_points_there_is_no_fit() -> None:
    observed = _observed(0.3)
    ivar = np.zeros_like(observed.ivar)
    ivar[:6] = 1e4
    assert fit_reddening(replace(observed, ivar=ivar), _predicted()) is None
    short = replace(observed, values=observed.values[:50], ivar=observed.ivar[:50])
    assert fit_reddening(short, _predicted()) is None
    unknown = fit_reddening(replace(observed, ivar=np.zeros_like(observed.ivar)), _predicted())
    assert unknown is not None and abs(unknown[0] - 0.3) < 0.02  # no errors at all: the band's alone


def test_placed_prediction_lies_on_the_data_and_says_where_its_dust_is_from() -> None:
    observed = _observed(0.25, 1.3, noise=0.005)
    placed = place(_predicted(), observed, catalogue={"ebv": 0.9})
    assert placed.ebv_source == "fitted" and abs(placed.ebv - 0.25) < 3 * placed.ebv_sigma < 0.1
    residual = (observed.values * observed.scale - placed.flux * placed.scale) / (observed.values * observed.scale)
    assert np.sqrt(np.mean(residual**2)) < 0.01
    alone = place(_predicted(), None, catalogue={"ebv": 0.9, "ebv_err": 0.02})
    assert (alone.ebv, alone.ebv_sigma, alone.ebv_source, alone.scale) == (0.9, 0.02, "catalogue", 1.0)
    unknown = place(_predicted(), None, catalogue={"ebv": None})
    assert (unknown.ebv, unknown.ebv_sigma, unknown.ebv_source) == (0.08, 0.09, "prior")
    # Then the band is the survey's: widest far from 550 nm.
    relative = unknown.sigma / unknown.flux
    assert relative[0] > 3 * relative[np.searchsorted(WAVE, 550.0)]


def test_a_prediction_without_dust_is_only_scaled() -> None:
    plain = replace(_predicted().with_reddening(0.0), dust=None)
    placed = place(plain, _observed(0.0, 1.2), catalogue={"ebv": 0.5})
    assert placed.scale == pytest.approx(2.4e-16, rel=0.01) and placed.ebv_source == ""
    np.testing.assert_array_equal(placed.flux, plain.flux)


def test_dust_is_no_disagreement_but_another_shape_is() -> None:
    for ebv in (0.0, 0.2, 0.9):
        observed = _observed(ebv, noise=0.01)
        assert xp_disagrees(observed, place(_predicted(), observed)).passed is True
    observed = _observed(0.2, noise=0.01)
    bump = 1 + 0.15 * np.exp(-0.5 * ((WAVE - 700.0) / 25.0) ** 2)
    odd = replace(observed, values=(observed.values * bump).astype(np.float32))
    flag = xp_disagrees(odd, place(_predicted(), odd))
    assert flag.passed is False and float(flag.text.rsplit(" ", 1)[1]) > XP_CHI2


def test_a_wide_error_of_the_dust_does_not_hide_a_disagreement() -> None:
    observed = _observed(0.2)
    bump = 1 + 0.2 * np.exp(-0.5 * ((WAVE - 900.0) / 25.0) ** 2)
    odd = replace(observed, values=(observed.values * bump).astype(np.float32))
    placed = place(_predicted(), odd)
    wide = placed.with_reddening(placed.ebv, 0.5, "fitted")
    assert xp_disagrees(odd, placed) == xp_disagrees(odd, wide)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, None),
        ({"ebv": "x"}, None),
        ({"ebv": np.nan}, None),
        ({"ebv": -0.1}, None),
        ({"ebv": 0.5}, (0.5, 0.08)),
        ({"ebv": np.float32(0.0)}, (0.0, 0.01)),
        ({"ebv": 0.5, "ebv_err": 0.03}, (0.5, 0.03)),
        ({"ebv": 0.5, "ebv_err": -9999}, (0.5, 0.08)),
    ],
)
def test_catalogue_rows(row: dict[str, Any], expected: tuple[float, float] | None) -> None:
    assert catalogue_reddening(row) == (None if expected is None else pytest.approx(expected))


# ---------------------------------------------------------------------------------------------------- velocities
def test_velocities_of_headers(lamost: Callable[..., Spectrum]) -> None:
    assert header_velocity(lamost(z=1e-4)) == pytest.approx(29.9778, abs=1e-3)
    assert header_velocity(lamost(z=np.float32(-2e-4), z_err=1e-5)) == pytest.approx(-59.96, abs=0.01)
    for z, error in ((None, None), (-9999.0, -9999.0), (0.0, 0.0), (0.3, 1e-5), (np.nan, 1e-5), (1e-4, -9999.0)):
        assert header_velocity(lamost(z=z, z_err=error)) is None
    assert velocity(lamost(z=1e-4).with_(frame="rest")) == 0.0


def test_the_posterior_is_asked_where_the_header_is_silent(lamost: Callable[..., Spectrum]) -> None:
    rng = np.random.default_rng(0)
    posterior = Posterior(("teff", "rv"), np.column_stack([rng.normal(5800, 50, 500), rng.normal(-80, 5, 500)]))
    assert velocity(lamost(z=None), posterior) == pytest.approx(-80, abs=1)
    assert velocity(lamost(z=1e-4), posterior) == pytest.approx(29.9778, abs=1e-3)
    assert velocity(lamost(z=None), None) is None


# ------------------------------------------------------------------------------------------------- the whole report
class DustyModel:
    """The room's fake model, with translations as the default model makes them: dust-free, and at rest."""

    def __init__(self, fake: Any) -> None:
        self._fake = fake

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fake, name)

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        plain = self._fake.translate(encoding, to)
        if to == "gaia_xp":
            return [replace(p, dust=DUST).with_reddening(0.08, 0.09, "prior") for p in plain]
        line = 1 - 0.6 * np.exp(-0.5 * ((plain[0].wavelength - 4862.7) / 3) ** 2)
        return [replace(p, flux=p.flux * line, frame="rest") for p in plain]


def _dusty(star: Star, ebv: float) -> Star:
    xp = star.spectra["gaia_xp"]
    a = 10 ** (-0.4 * ebv * DUST)
    return star.with_spectrum(xp.with_(flux=xp.flux * a, ivar=xp.ivar / a**2))


def _centre(wave: np.ndarray, flux: np.ndarray) -> float:
    near = np.abs(wave - 4862.7) < 25
    return float(np.average(wave[near], weights=1 - flux[near]))


def test_the_report_holds_dust_and_velocity(fake_model_class: Any, pair: Callable[[int], Star]) -> None:
    engine = Engine(DustyModel(fake_model_class()), samples=200)
    star = _dusty(pair(1), 0.4)
    lamost = star.spectra["lamost_lrs"]
    moved = star.with_spectrum(lamost.with_(meta={**lamost.meta, "z": 300.0 / C_KM_S}))
    reports: Sequence[Any] = engine.analyse([star, moved, pair(2)])
    xp = [report.predictions["gaia_xp"] for report in reports]
    assert [p.ebv_source for p in xp] == ["fitted"] * 3
    np.testing.assert_allclose([p.ebv for p in xp], [0.4, 0.4, 0.0], atol=0.02)
    assert all({f.name: f.passed for f in report.flags}["xp_disagrees"] for report in reports)
    seen = [report.predictions["lamost_lrs"] for report in reports]
    assert [p.frame for p in seen] == ["rest", "observed", "rest"]  # no redshift in the first and the last header
    shift = _centre(seen[1].wavelength, seen[1].flux) - _centre(seen[0].wavelength, seen[0].flux)
    assert shift == pytest.approx(4862.7 * 300 / C_KM_S, abs=0.05)


def test_a_star_without_xp_takes_the_catalogues_reddening(
    fake_model_class: Any, lamost: Callable[..., Spectrum]
) -> None:
    engine = Engine(DustyModel(fake_model_class()), samples=50)
    star = Star.from_spectrum(lamost())
    known = star.with_(catalogue={"ebv": 0.3})
    plain, placed = (r.predictions["gaia_xp"] for r in engine.analyse([star, known]))
    assert (plain.ebv, plain.ebv_sigma, plain.ebv_source) == (0.08, 0.09, "prior")
    assert (placed.ebv, placed.ebv_source) == (0.3, "catalogue") and engine.translate(known).ebv == 0.3
    assert placed.flux[-1] > plain.flux[-1] and placed.sigma[-1] < plain.sigma[-1]
