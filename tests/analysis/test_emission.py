"""Emission: found and measured where it is; not where the sky, a cosmic ray or a single star is."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.analysis.emission import CLEAR, emission, emission_of
from specviz.archives.demo import DemoArchive
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


@pytest.fixture(scope="module")
def archive() -> DemoArchive:
    return DemoArchive()


@pytest.fixture(scope="module")
def quiet(archive: DemoArchive) -> Spectrum:
    return archive.fetch(archive.select(kind="", teff=(5600, 5900), snr=(50, 90))[0]).spectra["lamost_lrs"]


def _with_line(spectrum: Spectrum, wave: float, area: float, fwhm: float) -> Spectrum:
    """A Gaussian of ``area`` Angstrom and ``fwhm`` (km/s) on the continuum nearby."""
    sigma = wave * fwhm / 2.355 / 299792.458
    near = np.abs(spectrum.wavelength - wave) < 60
    level = float(np.median(spectrum.flux[near]))
    profile = np.exp(-0.5 * ((spectrum.wavelength - wave) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return spectrum.with_(flux=spectrum.flux + level * area * profile)


@pytest.mark.parametrize("kind", ["active dwarf", "T Tauri star", "Be star"])
def test_emission_stars_are_found(archive: DemoArchive, kind: str) -> None:
    stars = archive.fetch_many(archive.anomalies()[kind][:8])
    results = [emission_of(star.spectra["lamost_lrs"]) for star in stars]
    assert sum(r.value > CLEAR for r in results) == len(stars)
    assert all(r.lines and r.reasons and r.kind in ("core", "broad", "nebula") for r in results)
    names = [r.lines[0].name for r in results]
    assert names.count("Hα") >= 6
    off = []
    for star, result in zip(stars, results, strict=True):
        told = re.search(r"H alpha ([\d.]+) A", str(star.meta["note"]))
        line = next((m for m in result.lines if m.name == "Hα"), None)
        if told and line and kind == "active dwarf":
            off.append(line.width / float(told[1]))
    assert not off or 0.7 < np.median(off) < 1.3


def test_single_stars_do_not_shine(archive: DemoArchive) -> None:
    values = []
    for teff in (3600, 4500, 5500, 6500, 8000, 11000):
        names = archive.select(kind="", teff=(teff - 150, teff + 150), snr=(15, 300))[:12]
        values += [emission_of(star.spectra["lamost_lrs"]).value for star in archive.fetch_many(names)]
    assert len(values) > 50
    assert np.mean(np.array(values) > CLEAR) <= 0.02


def test_a_filled_in_line_counts_and_its_width_is_measured(quiet: Spectrum) -> None:
    before = emission_of(quiet)
    z = quiet.meta["z"]
    filled = emission_of(_with_line(quiet, 6564.61 * (1 + z), 2.0, 180.0))
    assert before.value < CLEAR < filled.value
    line = next(m for m in filled.lines if m.name == "Hα")
    assert line.width == pytest.approx(2.0, abs=max(3 * line.width_sigma, 0.5))
    assert abs(line.velocity) < 120
    broad = emission_of(_with_line(quiet, 6564.61 * (1 + z), 20.0, 600.0))
    assert broad.kind == "broad" and broad.lines[0].fwhm == pytest.approx(575, rel=0.25)


def test_forbidden_lines_make_a_nebula_and_lines_at_one_redshift_a_galaxy(quiet: Spectrum) -> None:
    nebula = quiet
    for wave, area in ((6564.61, 3.0), (6585.27, 2.0), (6549.85, 0.7), (6718.29, 1.0), (6732.67, 0.8)):
        nebula = _with_line(nebula, wave * (1 + quiet.meta["z"]), area, 180.0)
    assert emission_of(nebula).kind == "nebula"
    galaxy = quiet
    for wave, area in ((3728.81, 12.0), (4862.68, 4.0), (4960.30, 4.0), (5008.24, 12.0), (6564.61, 12.0)):
        galaxy = _with_line(galaxy, wave * 1.08, area, 220.0)
    found = emission_of(galaxy)
    assert found.kind == "galaxy" and found.redshift == pytest.approx(0.08, abs=4e-4)
    assert "galaxy" in found.text


def test_cosmic_rays_and_the_sky_do_not_count(quiet: Spectrum) -> None:
    flux = np.array(quiet.flux)
    for wave in (6564.6, 4862.7, 5008.2, 8544.4, 3934.8):
        flux[int(np.argmin(np.abs(quiet.wavelength - wave)))] *= 4.0
    assert emission_of(quiet.with_(flux=flux)).value < CLEAR
    sky = quiet
    for wave in (5578.9, 6302.0, 6365.5):
        sky = _with_line(sky, wave, 8.0, 180.0)
    assert emission_of(sky).value < CLEAR


def test_faults_of_the_instrument_do_not_shine(archive: DemoArchive) -> None:
    for kind in ("bad sky", "sky only", "arm step", "uncorrected telluric"):
        values = [
            emission_of(star.spectra["lamost_lrs"]).value
            for star in archive.fetch_many(archive.anomalies()[kind][:8])
        ]  # fmt: skip
        assert np.sum(np.nan_to_num(values) > CLEAR) == 0, kind


def test_without_an_optical_spectrum_there_is_a_reason(pair: Any) -> None:
    only_xp = Star("x", {"gaia_xp": pair(1).spectra["gaia_xp"]})
    result = emission(SimpleNamespace(star=only_xp))
    assert np.isnan(result.value) and result.absent == "there is no optical spectrum" and result.lines == ()
