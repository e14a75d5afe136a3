"""Half precision: taken where the machine has it and the check passes, refused in words where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from specviz.errors import ModelError
from specviz.models import encoder as module
from specviz.models import registry
from specviz.models.encoder import (
    LEAST_COSINE,
    Encoder,
    computes_in_bfloat16,
    halved,
    is_out_of_memory,
    probe_spectra,
    reduced_dtype,
)
from specviz.models.specclip.model import SpecClipSmall

GRIDS = {"lamost_lrs": np.geomspace(4000.0, 5598.0, 200), "gaia_xp": np.linspace(336.0, 1020.0, 100)}


class _Net(nn.Module):
    """A linear map after a shift: with a large shift half precision has nothing left of the spectrum."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.shift = shift
        self.maps = nn.ModuleDict({survey: nn.Linear(grid.size, 8, bias=False) for survey, grid in GRIDS.items()})
        for layer in self.maps.values():
            nn.init.normal_(layer.weight)
            if shift:  # blind to it in float32
                layer.weight.data -= layer.weight.data.mean(dim=1, keepdim=True)


def _make(parts: Mapping[str, nn.Module]) -> Callable[[Tensor, str], Tensor]:
    net = parts["net"]
    assert isinstance(net, _Net)
    return lambda spectra, survey: net.maps[survey](spectra + net.shift)


def _encoder(shift: float, precision: str) -> Encoder:
    return Encoder({"net": _Net(shift).eval().requires_grad_(False)}, _make, device="cpu", grids=GRIDS,
                   precision=precision)  # fmt: skip


@pytest.fixture
def bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with bfloat16, whatever this one has: torch computes the same, only slower."""
    monkeypatch.setattr(module, "computes_in_bfloat16", lambda device: True)


@pytest.mark.usefixtures("bfloat16")
def test_half_precision_is_taken_when_the_check_passes() -> None:
    exact, half = _encoder(0.0, "float32"), _encoder(0.0, "auto")
    assert exact.dtype == torch.float32 and not exact.cosine and not exact.notes
    assert half.dtype == torch.bfloat16 and set(half.cosine) == set(GRIDS)
    assert min(half.cosine.values()) >= LEAST_COSINE and "cosine to float32" in half.notes[0]
    for survey, grid in GRIDS.items():
        rows = probe_spectra(grid, survey, 5)
        a, b = exact(rows, survey), half(rows, survey)
        assert a.dtype == b.dtype == np.float32 and a.shape == b.shape == (5, 8)
        assert not np.array_equal(a, b) and np.abs(a - b).max() < 0.05 * np.abs(a).max()


@pytest.mark.usefixtures("bfloat16")
def test_half_precision_that_hurts_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    refused = _encoder(300.0, "bfloat16")
    assert refused.dtype == torch.float32 and min(refused.cosine.values()) < LEAST_COSINE
    assert "was refused" in refused.notes[0] and "was refused" in caplog.text
    rows = probe_spectra(GRIDS["gaia_xp"], "gaia_xp", 3)
    assert np.array_equal(refused(rows, "gaia_xp"), _encoder(300.0, "float32")(rows, "gaia_xp"))


def test_a_machine_without_bfloat16_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "computes_in_bfloat16", lambda device: False)
    assert reduced_dtype("auto", "cpu") is None and _encoder(0.0, "auto").dtype == torch.float32
    with pytest.raises(ModelError, match="does not compute in bfloat16"):
        reduced_dtype("bfloat16", "cpu")
    with pytest.raises(ModelError, match=r"Unknown precision 'half'.*auto"):
        reduced_dtype("half", "cpu")


def test_the_question_to_the_hardware_has_an_answer() -> None:
    assert computes_in_bfloat16("cpu") in (True, False)


def test_only_linear_layers_are_halved() -> None:
    layer = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    twin = halved(layer, torch.bfloat16)
    assert [p.dtype for p in twin.parameters()] == [torch.bfloat16] * 2 + [torch.float32] * 2
    assert all(p.dtype == torch.float32 for p in layer.parameters())


def test_probe_spectra_are_fixed_and_sane() -> None:
    for survey, grid in GRIDS.items():
        a, b = probe_spectra(grid, survey), probe_spectra(grid, survey)
        assert np.array_equal(a, b) and np.isfinite(a).all() and a.std(axis=1).min() > 0.01
    assert np.allclose(probe_spectra(np.linspace(336, 1020, 343), "gaia_xp")[:, 107], 1.0, atol=0.05)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_known(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


@pytest.mark.usefixtures("bfloat16")
def test_the_default_model_in_half_precision() -> None:
    model: Any = registry.load_model("specclip-small", device="cpu")
    half = model.at_precision("auto")
    assert model.dtype == "float32" and half.dtype == "bfloat16" and half.notes
    assert half._net is model._net and half.describe() == model.describe()
    wave = model.grids["lamost_lrs"]
    rows = probe_spectra(wave, "lamost_lrs", 6)
    a, b = model._encoder or model._net.encoder("cpu", model.grids), half._encoder
    x, y = a(rows, "lamost_lrs"), b(rows, "lamost_lrs")
    cosine = (x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    assert cosine.min() >= LEAST_COSINE
    assert model.at_precision("float32").dtype == "float32"


@pytest.mark.gpu
def test_a_gpu_encodes_the_same_in_half_precision() -> None:
    """Page-locked batches, autocast on CUDA; the bound on the cosine is the same."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    exact, model = registry.load_model("specclip-small", device="cpu"), registry.load_model(device="cuda")
    assert isinstance(exact, SpecClipSmall) and isinstance(model, SpecClipSmall)
    half = model.at_precision("auto")
    for survey, grid in exact.grids.items():
        rows = probe_spectra(grid, survey, 300)
        x = exact._net.encoder("cpu", exact.grids)(rows, survey)
        for one in (model.at_precision("float32"), half):
            assert one._encoder is not None
            y = one._encoder(rows, survey)
            cosine = (x * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
            assert cosine.min() >= LEAST_COSINE
