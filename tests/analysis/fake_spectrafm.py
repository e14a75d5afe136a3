"""A model that can be asked about a part of a spectrum, in numpy: no weights are needed.

It says of Teff 5000 K plus the mean wavelength of the pixels, and of [Fe/H] -0.5; its attention peaks at H alpha and at
Mg b. It counts what it is asked, so a test can say that nothing was asked twice.
"""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from specviz.errors import CoverageError
from specviz.models.protocol import ModelDescription, Prepared
from specviz.spectra.frames import doppler_factor, header_velocity
from specviz.spectra.spectrum import Spectrum

MIN_PIXELS, CONTEXT = 64, 512
WINDOW = (3750.0, 9050.0)


class FakeSpectraFM:
    """See the module."""

    device, dtype = "cpu", "float32"
    capabilities = frozenset({"embed", "posterior"})
    notes: ClassVar = {"fe_h": "learned from simulated spectra only"}

    def __init__(self) -> None:
        self.calls = Counter[str]()

    def describe(self) -> ModelDescription:
        return ModelDescription(
            name="spectrafm-fake", version="1", weights_sha256="a" * 64, capabilities=self.capabilities,
            surveys=("lamost_lrs",), labels={"lamost_lrs": ("teff", "fe_h")},
            ranges={"teff": (3500.0, 13000.0), "fe_h": (-0.4, 0.5)}, windows={"lamost_lrs": WINDOW},
        )  # fmt: skip

    def prepare(self, spectrum: Spectrum) -> Prepared:
        self.calls["prepare"] += 1
        wave = np.asarray(spectrum.wavelength) / doppler_factor(header_velocity(spectrum) or 0.0)
        inside = (wave >= WINDOW[0]) & (wave <= WINDOW[1])
        ivar = np.where(spectrum.good, 1.0, 0.0)[inside].astype(np.float32)
        return Prepared(spectrum.survey, wave[inside], np.ones(inside.sum(), np.float32), ivar, 1.0)

    def ask(self, prepared: Prepared, low: float | None = None, high: float | None = None, labels: Any = None) -> Any:
        self.calls["ask"] += 1
        wave = prepared.wavelength
        used = (prepared.ivar > 0) & (wave >= (low or 0.0)) & (wave <= (high or 1e9))
        n = int(used.sum())
        if n < MIN_PIXELS:
            raise CoverageError(f"Only {n} usable pixels in this range", expected=f"at least {MIN_PIXELS}")
        bags = -(-n // CONTEXT)
        bump = sum(2.0 * np.exp(-0.5 * ((wave - at) / 5.0) ** 2) for at in (6564.61, 5174.13))
        attention = np.where(used, 0.8 + np.stack([bump, bump / 2]), np.nan)
        scatter = np.array([12.0, 0.02]) if bags > 1 else np.full(2, np.nan)
        return SimpleNamespace(
            labels=("teff", "fe_h"), value=np.array([5000.0 + wave[used].mean(), -0.5]),
            error=np.array([4000.0, 2.0]) / np.sqrt(n), scatter=scatter, n_bags=bags, pixels=n, attention=attention,
            wavelength=wave,
        )  # fmt: skip
