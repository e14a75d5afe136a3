"""Double lines: found where they are, with their separation; not where one star is."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from specviz.analysis.double_lines import APART, CLEAR, double_lines, double_lines_of
from specviz.analysis.line_templates import FITTED, HALF_PIXEL, high_pass, running_mean, template_bank
from specviz.analysis.one_star import one_star
from specviz.archives.demo import DemoArchive
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


@pytest.fixture(scope="module")
def archive() -> DemoArchive:
    return DemoArchive()


def test_pairs_that_are_far_apart_are_found_with_their_separation(archive: DemoArchive) -> None:
    stars = archive.fetch_many(archive.anomalies()["double-lined binary"][1:18])
    found = wrong = 0
    for star in stars:
        told = re.search(r"(\d+) km/s apart", str(star.meta["note"]))
        assert told
        spectrum = star.spectra["lamost_lrs"]
        if float(told[1]) < 200 or spectrum.snr < 30:
            continue
        pair = double_lines_of(spectrum)
        found += pair.value > CLEAR
        wrong += abs(pair.separation - float(told[1])) > 60
        assert 0.2 < pair.flux_ratio <= 1.0
        assert pair.flux_ratio_sigma > 0 and pair.separation_sigma > 0
        assert pair.reasons and all(4000 < r.low < r.high < 5600 for r in pair.reasons)
        assert "Two sets of lines" in pair.text and pair.absent == ""
    assert found >= 6
    assert wrong <= 1


def test_single_stars_of_every_temperature_are_not(archive: DemoArchive) -> None:
    values = []
    for teff in (3600, 4500, 5500, 6500, 8000, 11000):
        names = archive.select(kind="", teff=(teff - 150, teff + 150), snr=(25, 300))[:12]
        stars = [s for s in archive.fetch_many(names) if s.catalogue.get("companion") != "SB2"]
        values += [double_lines_of(star.spectra["lamost_lrs"]).value for star in stars]
    assert len(values) > 50
    assert np.mean(np.array(values) > CLEAR) <= 0.02


def test_what_has_no_lines_says_so(pair) -> None:  # type: ignore[no-untyped-def]
    star = pair(1)
    only_xp = Star("x", {"gaia_xp": star.spectra["gaia_xp"]})
    nothing = double_lines(SimpleNamespace(star=only_xp))
    assert np.isnan(nothing.value) and "no optical spectrum" in nothing.absent
    short = Spectrum(LAMOST_NATIVE[:500], np.ones(500), np.full(500, 1e4), survey="lamost_lrs")
    assert "usable pixels" in double_lines_of(short).absent


def test_the_velocity_is_that_of_the_spectrum_on_any_grid(archive: DemoArchive) -> None:
    star = archive.fetch(archive.select(kind="", teff=(5600, 5900), snr=(80, 200))[0])
    spectrum, truth = star.spectra["lamost_lrs"], star.catalogue["rv"]
    assert one_star(spectrum).rv == pytest.approx(truth, abs=8)
    assert one_star(spectrum) is one_star(spectrum)
    other = 10.0 ** np.arange(3.58, 3.95, 1.3e-4)
    moved = Spectrum(
        other,
        np.interp(other, spectrum.wavelength, spectrum.flux),
        np.interp(other, spectrum.wavelength, spectrum.ivar),
        survey="other",
    )
    assert one_star(moved).rv == pytest.approx(truth, abs=12)
    half = spectrum.with_(wavelength=spectrum.wavelength * 10.0 ** (0.4e-4))  # 28 km/s
    assert one_star(half).rv == pytest.approx(truth + 27.6, abs=8)


def test_the_filter_leaves_no_slope_and_templates_are_shifted_views() -> None:
    wave = LAMOST_NATIVE[FITTED]
    assert np.abs(high_pass((wave / 5000.0) ** 3)[100:-100]).max() < 2e-3
    assert running_mean(np.arange(9.0), 3)[4] == 4.0
    bank = template_bank()
    later = bank.shifted(2)
    assert np.shares_memory(later, bank.lines)
    np.testing.assert_array_equal(later[:, 1:], bank.shifted(0)[:, :-1])
    # Half a pixel twice is one: the odd phase lies between two pixels of the even one.
    between = 0.5 * (bank.shifted(0)[:5] + bank.shifted(2)[:5])
    assert np.abs(bank.shifted(1)[:5] - between).max() < 0.05 * np.abs(between).max() + 0.02
    assert pytest.approx(138, abs=1) == APART * HALF_PIXEL
