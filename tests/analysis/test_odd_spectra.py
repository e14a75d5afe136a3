"""Spectra that no survey should publish: the checks and the engine survive them, without a warning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.analysis.quality import HEADLINE, headline_flags, spectrum_flags
from specviz.analysis.table import reports_to_table
from specviz.errors import SpectrumError
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import SURVEYS, Spectrum


def _odd() -> Iterator[tuple[str, Any, Any, Any]]:
    n = LAMOST_NATIVE.size
    rng = np.random.default_rng(0)
    flat, one = np.ones(n), np.ones(n)
    nan = flat.copy()
    nan[5:] = np.nan
    spike = flat.copy()
    spike[1000] = 1e30
    yield "all zero", LAMOST_NATIVE, 0 * flat, one
    yield "all negative", LAMOST_NATIVE, -flat, one
    yield "constant", LAMOST_NATIVE, flat, one
    yield "no errors", LAMOST_NATIVE, flat, None
    yield "errors zero everywhere", LAMOST_NATIVE, flat, 0 * one
    yield "nearly all NaN", LAMOST_NATIVE, nan, one
    yield "one enormous pixel", LAMOST_NATIVE, spike, one
    yield "tiny", LAMOST_NATIVE, 1e-30 * (1 + rng.normal(size=n)), 1e60 * one
    yield "huge", LAMOST_NATIVE, 1e30 * (1 + 0.1 * rng.normal(size=n)), 1e-58 * one
    yield "sentinels", LAMOST_NATIVE, np.where(rng.random(n) < 0.5, -9999.0, 1.0), one
    yield "infinite ivar", LAMOST_NATIVE, flat, np.inf * one
    yield "two pixels", [4000.0, 5598.0], [1.0, 2.0], [1.0, 1.0]
    yield "coarse", np.linspace(3700, 9100, 12), np.ones(12), np.ones(12)
    yield "elsewhere", np.linspace(1e5, 2e5, 500), np.ones(500), np.ones(500)
    yield "noise", LAMOST_NATIVE, rng.normal(size=n), one


ODD = list(_odd())


@pytest.mark.parametrize("survey", SURVEYS)
@pytest.mark.parametrize(("what", "wave", "flux", "ivar"), ODD, ids=[o[0] for o in ODD])
def test_odd_spectra_give_a_report(
    fake_model_class: Any, survey: str, what: str, wave: Any, flux: Any, ivar: Any
) -> None:
    try:
        spectrum = Spectrum(wave, flux, ivar, survey=survey, meta={"object_id": what})
    except SpectrumError:
        pytest.skip("refused at the door")
    for window in (None, (4000.0, 5598.0), (0.0, 1.0)):
        flags = spectrum_flags(spectrum, window)
        assert all(
            flag.text and flag.passed in (True, False, None) and "nan" not in flag.text.lower() for flag in flags
        )
    report = Engine(fake_model_class(), samples=20).analyse(spectrum)
    assert bool(report.problem) == (report.posterior is None)
    shown = headline_flags(report)
    assert tuple(f.name for f in shown[:6]) == HEADLINE
    row = reports_to_table([report])[0]
    assert row["object_id"] == what and (row["flags"] or not report.failed_flags)
    if report.anomaly is not None:
        assert all(np.isfinite([r.wavelength, r.low, r.high, r.mean_sigma]).all() for r in report.anomaly.reasons)
