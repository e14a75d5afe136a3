"""Seven windows on lines: where they stand, when a title is bold, what is drawn where nothing was seen."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.spectra.frames import doppler_factor
from specviz.views import spectrum_data
from specviz.views.line_windows import BOLD, WINDOWS, LineWindows, chosen, differs, local_continuum, windows_html

sys.path.insert(0, str(Path(__file__).parent))
from vet_states import Told, failed_after, state_of


@pytest.fixture(scope="module")
def curves(fake_model_class: Any) -> spectrum_data.OpticalCurves:
    state = state_of(fake_model_class())
    found = spectrum_data.optical_curves(state.star, state.report, normalised=False)
    assert found is not None
    return found


def _cells(written: str) -> list[str]:
    return re.findall(r"<button.*?</button>", written, re.S)


def _steps(cell: str) -> list[tuple[int, int]]:
    """(left edge, height) of each step of the observed histogram."""
    path = re.search(r'class="o" d="([^"]*)"', cell)
    assert path is not None
    x, y, out = 0, 0, []
    for kind, first, second in re.findall(r"([MHV])(-?\d+)(?: (-?\d+))?", path[1]):
        if kind == "M":
            x, y = int(first), int(second)
        elif kind == "V":
            y = int(first)
        else:
            out.append((x, y))
            x = int(first)
    return out


def test_there_are_seven_in_one_order_with_the_pictures_ticks(curves: Any) -> None:
    cells = _cells(windows_html(curves))
    assert [re.search(r"<span[^>]*>(.*?)</span>", c)[1] for c in cells] == [  # type: ignore[index]
        "Ca H, K", "Hβ", "Mg b", "Na D", "Hα [N II]", "[S II]", "Ca II",
    ]  # fmt: skip
    assert re.findall(r"%\">(\d+)</b>", cells[0]) == ["3920", "3980", "3950"]  # the last one for little room
    for window in WINDOWS:
        assert all(window.low < line < window.high for line in window.lines)
        assert all(window.low < tick < window.high and tick % 10 == 0 for tick in (*window.ticks, window.middle_tick))
    assert len(_cells(windows_html(None))) == 7  # an empty screen has them in their places too


def test_the_histogram_has_the_pixels_at_their_wavelengths(curves: Any) -> None:
    window = WINDOWS[1]
    steps = _steps(_cells(windows_html(curves))[1])
    wave, flux = curves.data["x"], curves.data["y"]
    inside = (wave > window.low + 1) & (wave < window.high - 1)
    edge = (wave[1:] + wave[:-1])[inside[1:] & inside[:-1]] / 2
    at = (edge - window.low) / (window.high - window.low) * 1000
    lefts = np.array([x for x, _ in steps])
    assert np.abs(at[:, None] - lefts[None, :]).min(axis=1).max() <= 1  # an edge halfway between each two pixels
    lowest = int(np.argmin(np.where(inside, flux, np.inf)))
    deepest = max(steps, key=lambda s: s[1])  # y grows downwards
    place = window.low + deepest[0] / 1000 * (window.high - window.low)
    assert abs(place - wave[lowest]) < 3 * (wave[lowest] - wave[lowest - 1])


def test_lines_stand_where_the_velocity_puts_them(curves: Any) -> None:
    def first(rv: float) -> int:
        found = re.search(r'class="l" x1="(\d+)"', _cells(windows_html(curves, rv))[1])
        assert found is not None
        return int(found[1])

    moved = 4862.68 * (doppler_factor(200.0) - 1) / 90.0 * 1000
    assert first(200.0) - first(0.0) == pytest.approx(moved, abs=1.1) and moved > 30


def test_pixels_are_judged_with_the_floor_of_the_anomaly_score(curves: Any) -> None:
    """sigma^2 = sigma_observed^2 + sigma_model^2 + (0.01 model)^2, as analysis.anomaly.residual_sigma."""
    x = curves.judged["x"]
    assert np.array_equal(x, curves.residual["x"]) and x.size > 1000
    flux = curves.data["y"][np.searchsorted(curves.wavelength, x)]
    model = np.interp(x, curves.model["x"], curves.model["y"])
    strip, judged = curves.residual["y"], curves.judged["y"]
    good = np.isfinite(judged) & (np.abs(flux - model) > 1e-4)
    added = ((flux - model)[good] / judged[good]) ** 2 - ((flux - model)[good] / strip[good]) ** 2
    assert np.allclose(added, (0.01 * model[good]) ** 2, rtol=1e-3)


def test_a_title_is_bold_where_one_good_pixel_is_beyond_five_sigma(curves: Any) -> None:
    def with_pixel(sigma: float, at: float) -> tuple[float, list[bool]]:
        x = curves.judged["x"]
        y = np.zeros(x.size)
        y[np.searchsorted(x, at)] = sigma
        made = replace(curves, judged=dict(x=x, y=y))
        return differs(made, WINDOWS[1]), ["sv-bold" in c for c in _cells(windows_html(made))]

    assert BOLD == 5.0
    assert with_pixel(4.99, 4880.0) == (4.99, [False] * 7)
    for sigma in (5.01, -5.01):
        assert with_pixel(sigma, 4880.0) == (5.01, [False, True, *[False] * 5])
    assert with_pixel(30.0, 4908.5)[1] == [False] * 7  # beside the window
    nowhere = replace(curves, judged=dict(x=np.empty(0), y=np.empty(0)))
    assert np.isnan(differs(nowhere, WINDOWS[1])) and "sv-bold" not in windows_html(nowhere)


def test_what_is_masked_makes_no_title_bold(fake_model_class: Any) -> None:
    state = state_of(fake_model_class())
    assert state.star is not None
    spectrum = state.star.spectra["lamost_lrs"]
    pixel = int(np.searchsorted(spectrum.wavelength, 4880.0))
    flux, mask = spectrum.flux.copy(), spectrum.mask.copy()
    flux[pixel], mask[pixel] = 30 * flux[pixel], True
    star = state.star.with_spectrum(spectrum.with_(flux=flux, mask=mask))
    curves = spectrum_data.optical_curves(star, state.report, normalised=False)
    assert curves is not None
    assert not np.isclose(curves.judged["x"], spectrum.wavelength[pixel]).any()


def test_outside_of_the_models_window_stand_the_data_and_a_continuum(curves: Any) -> None:
    cell = _cells(windows_html(replace(curves, model={n: v[:0] for n, v in curves.model.items()})))[1]
    assert 'class="c"' in cell and 'class="m"' not in cell and _steps(cell)
    with_model = _cells(windows_html(curves))[1]
    assert 'class="m"' in with_model and 'class="c"' not in with_model
    assert 'class="m"' not in _cells(windows_html(curves, model=False))[1]


def test_the_local_continuum_passes_by_the_lines_and_the_masked() -> None:
    window = WINDOWS[4]
    x = np.arange(6515.0, 6615.0, 1.5)
    y = 2.0 + 0.01 * (x - 6565.0)
    line = np.abs(x - 6564.6) < 12
    y[line] += 5.0
    y[3] = np.nan
    found = local_continuum(x, y, window)
    assert np.allclose(found["y"], 2.0 + 0.01 * (np.array([window.low, window.high]) - 6565.0), atol=0.01)
    y[x > 6590] = np.nan
    assert local_continuum(x, y, window)["x"].size == 0


def test_masked_and_missing_stretches_are_told_apart(fake_model_class: Any) -> None:
    state = state_of(fake_model_class())
    assert state.star is not None
    spectrum = state.star.spectra["lamost_lrs"]
    mask = spectrum.mask | ((spectrum.wavelength > 5880) & (spectrum.wavelength < 5900))
    cut = spectrum.wavelength < 8540
    short = spectrum.with_(
        wavelength=spectrum.wavelength[cut], flux=spectrum.flux[cut], ivar=spectrum.ivar[cut], mask=mask[cut]
    )
    curves = spectrum_data.optical_curves(state.star.with_spectrum(short), state.report, normalised=False)
    cells = _cells(windows_html(curves))
    sodium = re.search(r'class="x" x="(\d+)" y="0" width="(\d+)"', cells[3])
    assert sodium is not None
    left, width = int(sodium[1]) / 1000 * 90 + 5850, int(sodium[2]) / 1000 * 90
    assert abs(left - 5880) < 2.5 and abs(width - 20) < 4
    assert not any(5884 < 5850 + x * 0.09 < 5896 for x, _ in _steps(cells[3]))  # no flux is drawn there
    beyond = re.search(r'class="n" x="(\d+)" y="0" width="(\d+)"', cells[6])
    assert beyond is not None and int(beyond[1]) + int(beyond[2]) == 1000
    assert abs(8480 + int(beyond[1]) * 0.12 - 8540) < 3
    nothing = spectrum_data.optical_curves(
        state.star.with_spectrum(
            short.with_(
                wavelength=short.wavelength[:2000],
                flux=short.flux[:2000],
                ivar=short.ivar[:2000],
                mask=short.mask[:2000],
            )
        ),
        state.report,
        normalised=False,
    )
    last = _cells(windows_html(nothing))[6]
    assert "no data" in last and 'class="o"' not in last and 'width="1000"' in last


def test_brackets_go_round_and_the_chosen_one_is_outlined(fake_model_class: Any) -> None:
    session = Told(state_of(fake_model_class()))
    windows = LineWindows(session)

    def pressed() -> list[int]:
        windows.update(session.state, session.state)
        return [i for i, c in enumerate(_cells(windows.root.object)) if 'aria-pressed="true"' in c]

    assert pressed() == []
    windows.next()
    assert pressed() == [0] and session.state.view.zoom == (3851.0, 4051.0)
    windows.next()
    assert pressed() == [1]
    windows.previous()
    windows.previous()
    assert pressed() == [6]
    windows.next()
    assert pressed() == [0] and session.windows == [0, 1, 0, 6, 0]
    assert windows.act("window 4") and pressed() == [4]
    session.set(zoom=(6465.01, 6665.02))  # as the browser tells it, to a hundredth
    assert pressed() == [4]
    assert windows.act("window 4") and pressed() == [] and session.state.view.zoom is None  # again: the whole range
    assert windows.act("window 99") and not windows.act("windows 1") and not windows.act("zoom 1")
    session.set(zoom=(4000.0, 5000.0))
    assert chosen(session.state.view) is None


def test_a_row_that_could_not_be_opened_leaves_them_empty(fake_model_class: Any) -> None:
    state = state_of(fake_model_class())
    windows = LineWindows(Told(state))
    windows.update(state, state)
    assert 'class="o"' in windows.root.object
    windows.update(state, failed_after(state, "demo 99999", "no such star"))
    assert 'class="o"' not in windows.root.object and len(_cells(windows.root.object)) == 7


def test_the_spectrum_of_the_frame_and_of_the_windows_is_worked_out_once(fake_model_class: Any) -> None:
    state = state_of(fake_model_class())
    before = spectrum_data.optical_curves.cache_info().misses
    spectrum_data.optical_curves(state.star, state.report, normalised=False)
    windows = LineWindows(Told(state))
    windows.update(state, state)
    assert spectrum_data.optical_curves.cache_info().misses == before + 1


def test_the_next_star_is_worked_out_before_it_is_shown(fake_model_class: Any) -> None:
    state = state_of(fake_model_class(), 3)
    session = Told(state)
    windows = LineWindows(session)
    windows.prepare(state.star, state.report, session.state.view.with_(rv=80.0))  # which is not the next star's
    curves, written = spectrum_data.optical_curves.cache_info().misses, windows_html.cache_info().misses
    windows.update(state, state)
    assert 'class="o"' in windows.root.object
    assert spectrum_data.optical_curves.cache_info().misses == curves
    assert windows_html.cache_info().misses == written
