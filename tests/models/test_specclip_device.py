"""Which device a model computes on."""

from __future__ import annotations

import pytest
import torch

from specviz.errors import ModelError
from specviz.models.device import describe_device, dtype_for, pick_device


def test_auto_prefers_cuda_then_mps_then_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def present(cuda: bool, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2 if cuda else 0)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    present(True, True)
    assert pick_device().type == "cuda"
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ModelError, match=r"no device 'cuda:2'.*cuda:0, cuda:1, mps"):
        pick_device("cuda:2")
    present(False, True)
    assert pick_device().type == "mps"
    present(False, False)
    assert pick_device() == torch.device("cpu") == pick_device("cpu") == pick_device(torch.device("cpu"))
    with pytest.raises(ModelError, match=r"no device 'mps'.*auto, cpu\..*device='auto'"):
        pick_device("mps")
    with pytest.raises(ModelError, match="Unknown device 'toaster'"):
        pick_device("toaster")


def test_dtype_by_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cpu", "cuda", "mps"):
        assert dtype_for(torch.device(name)) == torch.float32
    assert dtype_for(torch.device("cpu"), reduced=True) == torch.float32
    assert dtype_for(torch.device("mps"), reduced=True) == torch.float16
    for bf16, dtype in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, bf16=bf16: bf16)
        assert dtype_for(torch.device("cuda"), reduced=True) == dtype


def test_description_names_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    text = describe_device("cpu")
    assert text.startswith("cpu: ") and "thread" in text and len(text) > len("cpu: , 1 thread")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    assert describe_device("auto") == "cuda: NVIDIA H200"
