"""The browser's arithmetic and its Python twins agree: the same numbers from ``widgets/spectrum_math.js`` in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.doors.assets import asset_text
from specviz.spectra.air import air_to_vacuum, vacuum_to_air
from specviz.spectra.frames import doppler_factor
from specviz.spectra.smoothing import smooth
from specviz.views.spectrum_data import y_limits


def in_node(expression: str, tmp_path: Path, **values: Any) -> Any:
    """Value of a JavaScript expression in which the module's functions and ``v`` (the values) are known."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine (the browser tests run the module)")
    module = tmp_path / "m.mjs"
    text = "(_, x) => typeof x === 'number' && !Number.isFinite(x) ? 'NaN' : ArrayBuffer.isView(x) ? Array.from(x) : x"
    module.write_text(
        asset_text("spectrum_math.js")
        + "\nimport { readFileSync } from 'node:fs'\n"
        + "const v = JSON.parse(readFileSync(0), (_, x) => (x === 'NaN' ? NaN : x))\n"
        + f"console.log(JSON.stringify({expression}, {text}))\n"
    )
    given = json.dumps({k: [("NaN" if np.isnan(x) else x) for x in np.ravel(a)] for k, a in values.items()})
    done = subprocess.run([node, str(module)], input=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_constant=None)


def numbers(values: Any) -> np.ndarray:
    return np.array([np.nan if x == "NaN" else x for x in values], float)


def test_wavelengths_in_air_and_at_rest(tmp_path: Path) -> None:
    wave = np.array([1500.0, 1999.9, 2000.7, 3700.0, 5168.76, 6564.61, 9100.0, 17000.0])
    assert np.allclose(in_node("v.w.map(vacuumToAir)", tmp_path, w=wave), vacuum_to_air(wave), rtol=0, atol=1e-9)
    assert np.allclose(in_node("v.w.map(airToVacuum)", tmp_path, w=wave), air_to_vacuum(wave), rtol=0, atol=1e-9)
    rv = np.array([-550.0, 0.0, 12.3, 2500.0])
    assert np.allclose(in_node("v.rv.map(dopplerFactor)", tmp_path, rv=rv), [doppler_factor(x) for x in rv], rtol=1e-15)


@pytest.mark.parametrize("unit", ["angstrom", "nm", "micron"])
@pytest.mark.parametrize("medium", ["vacuum", "air"])
def test_an_axis_goes_there_and_back(unit: str, medium: str, tmp_path: Path) -> None:
    options = f"{{frame: 'rest', medium: '{medium}', unit: '{unit}'}}"
    wave = np.linspace(3700, 9100, 7)
    at = numbers(in_node(f"v.w.map((x) => toAxis(x, {options}, -83.2))", tmp_path, w=wave))
    rest = wave / doppler_factor(-83.2)
    expected = (vacuum_to_air(rest) if medium == "air" else rest) * {"angstrom": 1, "nm": 0.1, "micron": 1e-4}[unit]
    assert np.allclose(at, expected, rtol=1e-12)
    back = in_node(f"v.u.map((u) => fromAxis(u, {options}, -83.2))", tmp_path, u=at)
    assert np.allclose(back, wave, rtol=0, atol=1e-8)


def test_smoothing_is_that_of_python_with_gaps_and_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    flux, sigma = rng.normal(1, 0.1, 60), rng.uniform(0.05, 0.2, 60)
    flux[[0, 17, 18, 59]] = np.nan
    for width in (0.7, 2.0, 11.0):
        found = in_node(f"smoothed(v.y, {width}, v.e)", tmp_path, y=flux, e=sigma)
        values, errors = smooth(flux, width, sigma)
        assert np.allclose(numbers(found["values"]), values, rtol=1e-12, equal_nan=True)
        assert np.allclose(numbers(found["errors"]), errors, rtol=1e-12, equal_nan=True)
        assert np.isnan(values[[0, 17, 18, 59]]).all() and np.isfinite(values).sum() == 56


def test_limits_are_those_of_the_first_picture(tmp_path: Path) -> None:
    y = np.random.default_rng(4).normal(1, 0.2, 900)
    y[5] = np.nan
    x = np.arange(900.0)
    assert np.allclose(in_node("yLimits(v.x, v.y, 0, 1000)", tmp_path, x=x, y=y), y_limits(y), rtol=1e-12)
    inside = in_node("yLimits(v.x, v.y, 100.5, 199.5)", tmp_path, x=x, y=y)
    assert np.allclose(inside, y_limits(y[101:200]), rtol=1e-12)
    assert in_node("yLimits(v.x, v.y, 2000, 3000)", tmp_path, x=x, y=y) is None


def test_ticks_are_round_and_about_as_many_as_asked(tmp_path: Path) -> None:
    for low, high in ((3690.0, 9110.0), (0.3690, 0.9110), (5000.0, 5030.0), (656.2, 656.6)):
        ticks = np.array(in_node(f"roundTicks({low}, {high}, 7)", tmp_path))
        assert 4 <= ticks.size <= 11 and low <= ticks[0] and ticks[-1] <= high + 1e-9
        step = np.diff(ticks)
        assert np.allclose(step, step[0])
        mantissa = step[0] / 10 ** np.floor(np.log10(step[0]))
        assert np.isclose(mantissa, [1, 2, 5, 10]).any()


def test_labels_that_would_overlap_give_way_by_rank(tmp_path: Path) -> None:
    labels = "[[100, 20, 1], [110, 20, 9], [200, 20, 5], [3, 20, 9], [239, 20, 2]]"  # px, half width, rank
    assert in_node(f"[...thinned({labels}, 400)].sort()", tmp_path) == [1, 2]
