"""An emulator that is a formula: fast, exact, and free of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from specviz.models.phdlspec.config import LABEL_NAMES as NAMES
from specviz.simulate.survey import LABEL_RANGES

WAVE = 3650.0 * 10.0 ** (5e-5 * np.arange(8077))
CONT_WAVE, SED_WAVE = np.geomspace(3200.0, 10600.0, 160), np.geomspace(3200.0, 10600.0, 720)
#: Lines (A) that deepen with [Fe/H] and with coolness.
LINES = (4100.0, 4500.0, 5000.0, 5500.0, 6500.0, 8500.0)


@dataclass
class Spectra:
    norm: np.ndarray
    continuum: np.ndarray
    sed: np.ndarray


class FormulaEmulator:
    """Black bodies with six iron lines and a carbon band; ``calls`` counts the runs."""

    wave, cont_wave, sed_wave = WAVE, CONT_WAVE, SED_WAVE
    label_names = NAMES
    ranges = LABEL_RANGES

    def __init__(self) -> None:
        self.calls = 0

    def spectra(self, labels: np.ndarray, *, norm: bool = True, continuum: bool = True, sed: bool = True) -> Spectra:
        self.calls += 1
        labels = np.asarray(labels, float)
        teff, fe_h, c_fe = labels[:, 0, None], labels[:, 3, None], labels[:, NAMES.index("c_fe"), None]
        depth = np.clip(0.4 * 10.0 ** (0.3 * fe_h) * 5500.0 / teff, 0.0, 0.8)
        lines = sum(np.exp(-0.5 * ((WAVE - w) / (w / 5000.0 / 2.3548)) ** 2) for w in LINES)
        band = np.exp(-0.5 * ((WAVE - 5150.0) / 20.0) ** 2)
        flux = np.exp(-depth * lines - 0.5 * np.maximum(c_fe, 0.0) * band)

        def planck(wave: np.ndarray) -> np.ndarray:
            return 3.7418e-5 * 1e32 * wave**-5.0 / np.expm1(1.438777e8 / (wave * teff)) * 1e-8

        coarse = np.exp(-0.5 * np.maximum(c_fe, 0.0) * np.exp(-0.5 * ((SED_WAVE - 5150.0) / 20.0) ** 2))
        f32 = np.float32
        return Spectra(flux.astype(f32), planck(CONT_WAVE).astype(f32), (planck(SED_WAVE) * coarse).astype(f32))


@pytest.fixture
def emulator() -> FormulaEmulator:
    return FormulaEmulator()
