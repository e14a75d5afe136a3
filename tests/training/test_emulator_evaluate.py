"""The figures of the emulator's card, on numbers that are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.model import EmulatedSpectra
from specviz.training.emulator_data import Anchors, GridSpectra
from specviz.training.emulator_evaluate import (
    Residual,
    cosine,
    gradient_figures,
    smooth,
    spectra_figures,
    speed_figures,
)


def test_residuals_tell_outliers_from_the_rest() -> None:
    residual = np.random.default_rng(0).normal(0, 0.002, (50, 400)).astype(np.float32)
    residual[0] += 0.2
    found = Residual.of(residual)
    assert found.robust == pytest.approx(0.2, rel=0.05) and found.median_star == pytest.approx(0.2, rel=0.05)
    assert found.rms == pytest.approx(100 * np.sqrt(0.002**2 + 0.2**2 / 50), rel=0.01)


def test_smoothing_gives_the_resolution() -> None:
    step = 5e-5 * np.log(10)
    line = np.zeros((1, 801), np.float32)
    line[0, 400] = 1
    x = (np.arange(801) - 400) * step
    found = smooth(line, step)[0]
    assert found.sum() == pytest.approx(1, rel=1e-4)
    width = np.sqrt((found * x**2).sum()) * np.sqrt(8 * np.log(2))
    # Variances add: what was at R = 5000 (here a pixel) is then at R = 1800.
    assert 1 / np.sqrt(width**2 + 5000**-2) == pytest.approx(1800, rel=0.01)


def test_cosine() -> None:
    a = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    b = np.array([[2.0, 0.0], [1.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(cosine(a, b, axis=1), [1, 0, np.nan])


def test_a_constant_error_is_reported_as_it_is() -> None:
    labels = torch.full((6, 28), 0.0)
    labels[:, 0] = torch.tensor([3800.0, 4800, 5200, 6000, 6500, 8000])
    wave = np.geomspace(3650, 9249, 400)
    norm = torch.full((6, 400), 0.9)
    grid = GridSpectra(labels, norm, torch.zeros(6, 5), torch.zeros(6, 7), np.full(6, 2, np.int8), torch.zeros(1),
                       np.array(["ms"] * 5 + ["hb"]))  # fmt: skip
    model: Any = SimpleNamespace(
        wave=wave,
        spectra=lambda x, outside: EmulatedSpectra(
            np.where(x[:, :1] > 7000, 0.8, 0.91) * np.ones((6, 400), np.float32),
            np.full((6, 5), np.exp(0.02)),
            np.full((6, 7), np.exp(-0.03)),
        ),
    )
    lines: list[str] = []
    figures = spectra_figures(model, grid, lines.append)
    band = figures["R5000 3700-9100"]
    assert band["core"].rms == pytest.approx(1, rel=1e-3) and band["core"].robust == pytest.approx(1.4826, rel=1e-3)
    assert band["all"].rms == pytest.approx(np.sqrt((5 * 1 + 100) / 6), rel=1e-3)
    assert figures["continuum"]["all"] == pytest.approx(2) and figures["SED"]["core"] == pytest.approx(3)
    assert "6, of them 4" in lines[0]
    assert [x.split(":")[0] for x in lines if x.startswith("core, ")] == ["core,    ms (  4 stars)"]


def test_perfect_gradients_have_cosine_one_and_reversed_ones_minus_one() -> None:
    rng = np.random.default_rng(1)
    names = ("teff", "logg", "fe_h", "alpha_fe", "vmic", *LABEL_NAMES[4:])
    labels = np.zeros((20, 28), np.float32)
    labels[:, 0] = np.linspace(4600, 6900, 20)
    change = rng.normal(size=(20, 29, 10)).astype(np.float32)
    size = rng.uniform(0.1, 1, 29).astype(np.float32)
    anchors = Anchors(torch.tensor(labels), names, torch.zeros(29, 28), torch.tensor(size), torch.tensor(change),
                      torch.zeros(20, 29, 3), torch.zeros(20, 10))  # fmt: skip
    held = np.flatnonzero(anchors.held_out())

    def gradients(x: Any, wanted: Any, outside: str) -> dict[str, Any]:
        assert np.array_equal(x, labels[held])
        sign = {"ba_fe": -1.0}
        # Twice every pixel: the evaluation averages pairs, as the reference does.
        return {k: np.repeat(change[held, i] / size[i], 2, axis=1) * sign.get(k, 1.0) for i, k in enumerate(wanted)}

    figures = gradient_figures(SimpleNamespace(gradients=gradients), anchors, lambda line: None)  # type: ignore[arg-type]
    assert figures["mg_fe"] == pytest.approx((1, 1, 1, 1, 1), rel=1e-5)
    assert figures["ba_fe"] == pytest.approx((-1, -1, -1, -1, 1), rel=1e-5)


def test_speed_counts_per_spectrum() -> None:
    said: list[str] = []
    model: Any = SimpleNamespace(spectra=lambda labels: sum(range(2000 * len(labels))))
    figures = speed_figures(model, said.append, repeats=4)
    assert 0 < figures["one"] < 50 and 0 < figures["batch"] < 50
    assert f"{figures['one']:5.2f} ms" in said[1] and "times faster" in said[1]
