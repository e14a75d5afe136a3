"""The checks, each on a spectrum that passes and one that fails, with the words the panel shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis import quality
from specviz.analysis.engine import Engine
from specviz.analysis.quality import HEADLINE, headline_flags, spectrum_flags
from specviz.analysis.report import QualityFlag
from specviz.models.posterior import Posterior
from specviz.models.protocol import PredictedSpectrum, Prepared
from specviz.spectra.spectrum import Spectrum

WINDOW = (4000.0, 5598.0)


def _flag(spectrum: Spectrum, name: str) -> QualityFlag:
    return next(f for f in spectrum_flags(spectrum, WINDOW) if f.name == name)


def test_a_good_spectrum_passes_every_check(lamost: Callable[..., Spectrum]) -> None:
    flags = {f.name: f for f in spectrum_flags(lamost(0, subclass="G2"), WINDOW)}
    assert all(f.passed for f in flags.values())
    assert flags["low_snr"].text == "S/N 100"
    assert flags["masked"].text == "0 px masked (0.0 %)"
    assert flags["arm_step"].text == "No step at 5850 Å" and flags["telluric"].text == "No telluric residual"
    assert flags["not_a_star"].text == "Class STAR" and flags["missing_arm"].text == "Both arms present"


@pytest.mark.parametrize(("snr", "passed", "text"), [
    (97.4, True, "S/N 97"), (10.0, True, "S/N 10"), (6.2, False, "S/N 6: use with care"),
    (0.24, False, "S/N 0.2: use with care"),
])  # fmt: skip
def test_low_snr(lamost: Any, snr: float, passed: bool, text: str) -> None:
    flag = _flag(lamost(0, snr=snr), "low_snr")
    assert (flag.passed, flag.text) == (passed, text)


def test_unknown_snr_is_not_a_failure(lamost: Any) -> None:
    flag = _flag(lamost(0).with_(ivar=None, meta={}), "low_snr")
    assert (flag.passed, flag.text) == (None, "S/N unknown")


def test_masked_pixels_are_counted_in_the_window(lamost: Any) -> None:
    spectrum = lamost(0)
    mask = np.zeros(len(spectrum), bool)
    start = int(np.searchsorted(spectrum.wavelength, 4500))
    mask[start : start + 18] = True
    mask[-500:] = True  # outside the window: not counted
    flag = _flag(spectrum.with_(mask=mask), "masked")
    assert flag.passed and flag.text == "18 px masked (1.2 %)"
    mask[start : start + 400] = True
    assert _flag(spectrum.with_(mask=mask), "masked").passed is False


@pytest.mark.parametrize("step", [-0.2, 0.2])
def test_a_step_at_the_join_of_the_arms(lamost: Any, step: float) -> None:
    spectrum = lamost(0)
    wave = spectrum.wavelength
    bump = 1 + step * np.exp(-0.5 * ((wave - 5930) / 40) ** 2)
    flag = _flag(spectrum.with_(flux=spectrum.flux * bump), "arm_step")
    assert flag.passed is False and flag.text == "Step at 5850 Å"
    assert float(flag.detail.split()[0]) == pytest.approx(100 * step, abs=5)


def test_m_stars_and_other_surveys_have_no_arm_check(lamost: Any, xp: Any) -> None:
    assert _flag(lamost(0, subclass="dM3"), "arm_step").passed is None
    names = {f.name: f for f in spectrum_flags(xp(0), (336.0, 1020.0))}
    assert names["arm_step"].passed is None and names["telluric"].passed is None and names["missing_arm"].passed is None
    assert names["masked"].passed is True


def test_telluric_residual(lamost: Any) -> None:
    spectrum = lamost(0)
    band = (spectrum.wavelength > 7600) & (spectrum.wavelength < 7655)
    flag = _flag(spectrum.with_(flux=np.where(band, 0.85, 1.0) * spectrum.flux), "telluric")
    assert flag.passed is False and flag.text == "Telluric residual" and "O₂" in flag.detail
    masked = _flag(spectrum.with_(mask=band), "telluric")  # as LAMOST DR1 does
    assert (masked.passed, masked.text) == (None, "Telluric band masked")


@pytest.mark.parametrize(("low", "high", "text"), [
    (3700, 5900, "Blue arm missing"), (5700, 9200, "Red arm missing"), (3000, 9999, "Blue and red arms missing"),
])  # fmt: skip
def test_a_dead_arm(lamost: Any, low: float, high: float, text: str) -> None:
    spectrum = lamost(0)
    dead = (spectrum.wavelength > low) & (spectrum.wavelength < high)
    masked = spectrum.with_(mask=dead)
    zero = spectrum.with_(flux=np.where(dead, 0.0, spectrum.flux))
    for broken in (masked, zero):
        flag = _flag(broken, "missing_arm")
        assert flag.passed is False and flag.text == text


def test_class_and_distance_say_whether_it_is_a_star(lamost: Any) -> None:
    reference = np.linspace(0, 1, 2000)
    assert _flag(lamost(0, **{"class": "GALAXY"}), "not_a_star").text == "Class GALAXY: not a star"
    assert _flag(lamost(0, **{"class": "Unknown"}), "not_a_star").passed is False
    assert _flag(lamost(0, **{"class": ""}), "not_a_star").passed is None
    far = quality.not_a_star(lamost(0), 1.01, reference)
    assert far.passed is False and far.text == "Unlike any reference star"
    assert quality.not_a_star(lamost(0), 0.99, reference).passed is True
    assert quality.not_a_star(lamost(0), 1.01, reference[:100]).passed is True  # 99.9 % of 100 stars is no number


def test_negative_flux(lamost: Any) -> None:
    spectrum = lamost(0)
    flux = spectrum.flux.copy()
    flux[np.flatnonzero((spectrum.wavelength > 4000) & (spectrum.wavelength < 4150))] *= -1
    flag = _flag(spectrum.with_(flux=flux), "negative_flux")
    assert flag.passed is False and flag.text == "11 % of the flux is negative"


def test_out_of_range_by_median_share_and_distance() -> None:
    rng = np.random.default_rng(0)
    ranges = {"teff": (4000.0, 7000.0), "logg": (0.0, 5.0)}

    def posterior(teff: float) -> Posterior:
        return Posterior(
            ("teff", "logg", "xi"),
            np.column_stack([rng.normal(teff, 100, 4000), np.full(4000, 4.0), rng.normal(size=4000)]),
        )

    inside = quality.out_of_range(posterior(5500), ranges)
    assert inside.passed is True and inside.text == "Within training range"
    assert quality.out_of_range(posterior(6950), ranges).text == "Teff outside training range"  # 31 % beyond
    assert quality.out_of_range(posterior(6850), ranges).passed is True  # 7 % beyond
    assert "100 % of the Teff posterior" in quality.out_of_range(posterior(9000), ranges).detail
    assert (
        quality.out_of_range(posterior(5500), ranges, 0.995, np.linspace(0, 1, 1000)).text == "Unlike the training set"
    )
    assert quality.out_of_range(posterior(5500), {}).passed is None
    assert quality.out_of_range(None, ranges).passed is None


def test_xp_agreement_is_a_reduced_chi_square_with_both_errors() -> None:
    rng = np.random.default_rng(1)
    wave, truth = np.linspace(336, 1020, 343), np.linspace(1.2, 0.6, 343)
    predicted = PredictedSpectrum("gaia_xp", "translation", wave, truth, np.full(343, 0.03), "f550")

    def observed(offset: float) -> Prepared:
        noisy = 2.5 * (truth + offset * np.sin(wave / 60) + rng.normal(0, np.hypot(0.03, 0.04), 343))
        return Prepared("gaia_xp", wave, noisy.astype(np.float32), np.full(343, 1 / 0.04**2, np.float32) / 2.5**2, 1.0)

    good = quality.xp_disagrees(observed(0.0), predicted)
    assert good.passed is True and good.text.startswith("XP agrees, χ²/N ")
    bad = quality.xp_disagrees(observed(0.4), predicted)
    assert bad.passed is False and bad.text.startswith("XP disagrees, χ²/N ")
    assert quality.xp_disagrees(None, predicted).text == "XP not checked"


def test_the_panel_shows_six_and_then_what_else_failed(fake_model_class: Any, lamost: Any, pair: Any) -> None:
    engine = Engine(fake_model_class(), samples=100)
    shown = headline_flags(engine.analyse(pair(0)))
    assert tuple(f.name for f in shown) == HEADLINE and len(shown) == 6
    galaxy = headline_flags(engine.analyse(lamost(0, **{"class": "GALAXY"})))
    assert [f.name for f in galaxy[6:]] == ["not_a_star"] and galaxy[2].text == "XP not checked"
    problem = headline_flags(engine.analyse(lamost(0).with_(survey="gaia_xp", wavelength=np.linspace(900, 1100, 3909))))
    assert tuple(f.name for f in problem[:6]) == HEADLINE and problem[3].passed is None


def test_the_checks_are_rare_on_good_real_spectra(shared: Path) -> None:
    """A check that fails on most stars says nothing: shares on the A, F and G stars of DR10 with S/N above 30."""
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as file:
        rows = np.flatnonzero(file["snrg"] > 30)[::8]
        wave, flux, ivar = file["wave_vac"], file["flux"][rows], file["ivar"][rows]
        kind = file["subclass"][rows]
    failed = dict.fromkeys(("masked", "arm_step", "telluric", "missing_arm", "negative_flux"), 0)
    for f, i, c in zip(flux, ivar, kind, strict=True):
        spectrum = Spectrum(wave, f, i, survey="lamost_lrs", meta={"subclass": str(c)})
        for flag in spectrum_flags(spectrum, WINDOW):
            if flag.passed is False and flag.name in failed:
                failed[flag.name] += 1
    assert failed["masked"] <= 0.10 * len(rows) and failed["telluric"] <= 0.05 * len(rows)
    assert failed["missing_arm"] <= 0.02 * len(rows) and failed["negative_flux"] == 0
    assert 0.02 * len(rows) <= failed["arm_step"] <= 0.35 * len(rows)  # the join of DR10's arms really is that bad


def test_many_labels_outside_are_counted_after_three() -> None:
    names = ("teff", "mg_fe", "rv", "ba_fe", "c_fe")
    posterior = Posterior(names, np.full((50, 5), 9.0), prior=dict.fromkeys(names, (0.0, 1.0)))
    flag = quality.out_of_range(posterior, {})
    assert flag.passed is False and flag.text == "Teff, [Mg/Fe], RV and 2 more outside training range"
    assert "100 % of the [C/Fe] posterior" in flag.detail
