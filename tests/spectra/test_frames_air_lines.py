"""Air and vacuum, rest and observed, line lists."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.errors import SpectrumError
from specviz.spectra.air import air_to_vacuum, vacuum_to_air
from specviz.spectra.frames import doppler_factor, to_observed, to_rest
from specviz.spectra.lines import LINES, TELLURIC_BANDS, lines_between
from specviz.spectra.spectrum import Spectrum


def test_round_trip_closes() -> None:
    wave = np.linspace(2001.0, 11000.0, 5001)
    assert np.abs(vacuum_to_air(air_to_vacuum(wave)) - wave).max() < 1e-8
    assert np.abs(air_to_vacuum(vacuum_to_air(wave)) - wave).max() < 1e-8


@pytest.mark.parametrize(
    ("air", "vacuum"), [(6562.79, 6564.60), (4861.35, 4862.71), (5889.95, 5891.58), (3933.66, 3934.77)]
)
def test_known_pairs(air, vacuum) -> None:
    """H-alpha, H-beta, Na D2, Ca K: air and vacuum wavelengths as NIST lists them."""
    assert air_to_vacuum(air) == pytest.approx(vacuum, abs=0.02)


def test_agrees_with_the_index_of_morton() -> None:
    wave = np.linspace(3700.0, 9100.0, 500)
    s2 = (1e4 / wave) ** 2
    morton = 1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2)
    assert np.abs(vacuum_to_air(wave) - wave / morton).max() < 5e-4


def test_ultraviolet_is_vacuum_already() -> None:
    assert vacuum_to_air(1215.67) == 1215.67
    assert air_to_vacuum(1215.67) == 1215.67
    with pytest.raises(SpectrumError, match="positive"):
        air_to_vacuum([5000.0, -1.0])


def test_rest_frame_brings_h_beta_back() -> None:
    rv = 250.0
    wave = np.linspace(4800.0, 4950.0, 3001)
    flux = 1 - 0.5 * np.exp(-0.5 * ((wave - 4862.68 * doppler_factor(rv)) / 2) ** 2)
    observed = Spectrum(wave, flux, np.full(3001, 9.0), survey="lamost_lrs", meta={"obsid": 1})
    rest = to_rest(observed, rv)
    assert rest.frame == "rest" and rest.meta["rv_removed"] == rv and rest.meta["obsid"] == 1
    assert rest.wavelength[np.argmin(rest.flux)] == pytest.approx(4862.68, abs=0.06)
    assert np.array_equal(rest.ivar, observed.ivar)
    back = to_observed(rest)
    np.testing.assert_allclose(back.wavelength, wave, rtol=1e-14)
    assert back.frame == "observed" and "rv_removed" not in back.meta


def test_the_formula_is_relativistic() -> None:
    beta = 0.1
    assert doppler_factor(beta * 299792.458) == pytest.approx(np.sqrt(1.1 / 0.9), rel=1e-14)
    assert doppler_factor(10.0) * doppler_factor(-10.0) == pytest.approx(1.0, rel=1e-15)


def test_frames_are_not_shifted_twice() -> None:
    spectrum = Spectrum([1.0, 2.0], [1.0, 1.0])
    with pytest.raises(SpectrumError, match="rest frame already"):
        to_rest(to_rest(spectrum, 5.0), 5.0)
    with pytest.raises(SpectrumError, match="observed frame already"):
        to_observed(spectrum)
    with pytest.raises(SpectrumError, match="speed of light"):
        to_rest(spectrum, 3e5)
    with pytest.raises(SpectrumError, match="Give rv_km_s"):
        to_observed(spectrum.with_(frame="rest"))


def test_line_lists_are_complete_and_in_vacuum() -> None:
    assert {"H", "He", "Ca", "Mg", "Na", "Fe", "CH", "CN", "TiO", "DIB"} <= set(LINES)
    balmer = {line.label: line.wavelength for line in LINES["H"]}
    rydberg = 1.0 / (109677.576 * 1e-8)  # Angstrom, hydrogen
    for label, upper in (("Hα", 3), ("Hβ", 4), ("Hγ", 5), ("Hδ", 6), ("Hε", 7), ("Hζ", 8), ("Hη", 9)):
        assert balmer[label] == pytest.approx(rydberg / (1 / 4 - 1 / upper**2), abs=0.12)
    for label, upper in (("Pa12", 12), ("Pa14", 14)):
        assert balmer[label] == pytest.approx(rydberg / (1 / 9 - 1 / upper**2), abs=0.15)
    air_mg_b = [5167.32, 5172.68, 5183.60]
    ours = sorted(line.wavelength for line in LINES["Mg"] if line.label == "Mg b")
    np.testing.assert_allclose(ours, air_to_vacuum(air_mg_b), atol=0.03)


@pytest.mark.parametrize(
    ("group", "air"),
    [
        ("He", [4026.19, 4471.48, 4685.70, 4921.93, 5015.68, 5875.62, 6678.15, 7065.19]),
        ("Ca", [3933.66, 3968.47, 4226.73, 6162.17, 8498.02, 8542.09, 8662.14]),
        ("Na", [5889.95, 5895.92, 8183.26, 8194.82]),
        ("Fe", [4045.81, 4271.76, 4383.55, 4404.75, 4923.93, 4957.60, 5018.44, 5269.54, 5328.04, 5371.49]),
    ],
)
def test_vacuum_wavelengths_agree_with_air_ones(group, air) -> None:
    ours = sorted(line.wavelength for line in LINES[group])
    np.testing.assert_allclose(ours, air_to_vacuum(air), atol=0.15)


def test_lines_between() -> None:
    found = lines_between(4000, 4500, ("H", "Ca"))
    assert [line.label for line in found] == ["Hδ", "Ca I", "Hγ"]
    with pytest.raises(SpectrumError, match="No line group Xx"):
        lines_between(1, 2, ("Xx",))
    assert all(band.start < band.stop for band in TELLURIC_BANDS)
    assert [(b.start, b.stop) for b in TELLURIC_BANDS if b.label.startswith("O₂")] == [
        (6864.0, 6950.0),
        (7590.0, 7710.0),
    ]
