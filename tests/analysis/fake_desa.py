"""A stand-in for DESA in numpy: it prepares as DESA does and answers with fixed numbers, others with catalogue values.

It counts its calls, so that a test can say that nothing was asked twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from specviz.errors import ModelError
from specviz.models.desa.light_curve_views import light_curve_views, regular
from specviz.models.desa.look import Background, Look, Quantiles
from specviz.models.desa.spectrum_views import spectrum_view
from specviz.models.protocol import ModelDescription

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
AGE_LEVELS = np.array([0.14, 0.5, 0.86])


def _normal(middle: float, sigma: float) -> Quantiles:
    return Quantiles(LEVELS, middle + sigma * np.array([-1.28, -0.67, 0.0, 0.67, 1.28]))


def background(n: int = 60) -> Background:
    """Three groups apart: eclipsing right, synchronised left, others in the middle, every third of them young."""
    rng = np.random.default_rng(2)
    kind = np.array(["single", "eclipsing", "synchronised"])[np.arange(n) % 3]
    place = np.stack([np.where(kind == "eclipsing", 5.0, np.where(kind == "synchronised", -5.0, 0.0)), np.zeros(n)], 1)
    plane = place + 0.3 * rng.standard_normal((n, 2))
    age = np.where(np.arange(n) % 9 == 0, 0.2, 5.0)
    return Background(plane, plane, rng.standard_normal(n), kind, {"age": age})


class FakeDesa:
    """See the module."""

    device, dtype = "cpu", "float32"
    capabilities = frozenset({"embed"})
    cadence_hours, days = 1.0, 60.0

    def __init__(self) -> None:
        self.calls = Counter[str]()
        self.stars = {False: background(), True: background(30)}

    def describe(self) -> ModelDescription:
        return ModelDescription(
            name="desa-fake", version="1", weights_sha256="d" * 64, capabilities=self.capabilities,
            surveys=("lamost_lrs",), labels={"lamost_lrs": ()}, ranges={}, windows={"lamost_lrs": (3841.0, 8798.0)},
        )  # fmt: skip

    def prepare(self, spectrum: Any) -> Any:
        return SimpleNamespace(values=spectrum_view(spectrum))

    def prepare_light_curve(self, curve: Any) -> Any:
        even = regular(curve.time, curve.flux, self.cadence_hours)
        days = even.size / 24
        if days < 20:
            raise ModelError(f"The light curve is {days:.1f} days long", expected="at least 20 days")
        note = f"the light curve has {days:.0f} days" if days < self.days else ""
        return light_curve_views(even, self.cadence_hours, length=1440)[0], note

    def look(self, spectrum: Any, curve: Any = None, *, latent: Mapping[str, float] | None = None) -> Look:
        self.calls["latent" if latent is not None else "plain"] += 1
        labels: dict[str, dict[str, Quantiles]] = {}
        if spectrum is not None:
            labels["spectrum"] = {"teff": _normal(5650.0, 90.0), "logg": _normal(4.40, 0.1)}
        if curve is not None:
            labels["light_curve"] = {"teff": _normal(5500.0, 300.0), "prot": _normal(7.0, 2.0)}
        if len(labels) < 2:
            return Look(tuple(labels), False, 0.5, Quantiles(AGE_LEVELS, np.array([1.0, 5.0, 9.0])), labels)
        leaks = latent is not None
        return Look(
            tuple(labels), leaks, 0.93 if leaks else 0.12, Quantiles(AGE_LEVELS, np.array([2.0, 4.2, 7.0])), labels,
            {"teff": (float((latent or {}).get("teff", 5700.0)), 20.0)}, np.zeros(2), np.ones(2),
            np.array([0.1, 0.2]), np.array([0, 3, 1, 2]), 0.2, 0.37,
        )  # fmt: skip

    def background(self, *, latent: bool = False) -> Background:
        return self.stars[latent]


def study(model: Any = None) -> Any:
    """A ``DesaStudy`` on a stand-in."""
    from specviz.analysis.studies.desa import DesaStudy

    made = FakeDesa() if model is None else model
    return DesaStudy(lambda: SimpleNamespace(model=made))  # type: ignore[arg-type, return-value]


def spotted(days: float = 60.0, period: float = 7.3) -> Any:
    """A light curve that turns, with eclipses every 3.1 d."""
    from specviz.spectra.star import LightCurve

    rng = np.random.default_rng(1)
    t = np.arange(0.0, days, 0.0204)
    flux = 1 + 2e-3 * np.sin(2 * np.pi * t / period) + 1e-4 * rng.standard_normal(t.size)
    flux[((t - 0.5) % 3.1) < 0.12] -= 0.01
    return LightCurve(t + 2454953.0, flux, meta={"quarter": "1, 2, 3"})
