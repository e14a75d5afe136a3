"""Where a model computes: CUDA, Apple's MPS, or the CPU. torch is imported on the first call."""

from __future__ import annotations

import platform
import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from specviz.errors import ModelError

if TYPE_CHECKING:
    import torch


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The device to compute on.

    Parameters
    ----------
    name : str or torch.device
        "auto" takes CUDA, then MPS, then the CPU; or a device that torch knows ("cpu", "cuda", "cuda:1", "mps").

    Raises
    ------
    ModelError
        If the name is unknown or this machine has no such device.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    present = (
        ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count() if cuda else 0)] + (["mps"] if mps else [])
    )
    expected = "auto, " + ", ".join(present)
    if str(name) == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"Unknown device {name!r}", expected=expected) from error
    full = f"cuda:{device.index or 0}" if device.type == "cuda" else device.type
    if full not in present:
        raise ModelError(f"This machine has no device {str(name)!r}", expected=expected, remedy="Use device='auto'")
    return device


def dtype_for(device: torch.device, *, reduced: bool = False) -> torch.dtype:
    """Floating-point type of weights and inputs on ``device``.

    float32 everywhere unless ``reduced``: then bfloat16 on a CUDA device that computes in it, float16 on other CUDA
    devices and MPS, and still float32 on the CPU, where half precision is slower.
    """
    import torch

    if not reduced or device.type == "cpu":
        return torch.float32
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float16


def describe_device(device: str | torch.device = "auto") -> str:
    """A line for the provenance of a result, e.g. "cuda: NVIDIA H200" or "cpu: AMD EPYC, 2 threads"."""
    import torch

    picked = pick_device(device)
    if picked.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(picked)}"
    if picked.type == "mps":
        return f"mps: {platform.processor() or platform.machine()}"
    threads = torch.get_num_threads()
    return f"cpu: {_processor_name()}, {threads} thread{'s' if threads != 1 else ''}"


@lru_cache(maxsize=1)
def _processor_name() -> str:
    """The processor's model name: Linux says it in /proc/cpuinfo, elsewhere the platform module knows."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def unused_card() -> str:
    """Why torch computes on the CPU although an NVIDIA card is here; empty where none is, or where it is used."""
    import torch

    if not _driver_is_here() or torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return f"an NVIDIA card seems to be here, but this torch ({torch.__version__}) is a build for the CPU"
    return f"an NVIDIA card seems to be here, but its driver does not serve torch's CUDA {torch.version.cuda}"


def _driver_is_here() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def cuda_devices() -> int:
    """How many CUDA devices this process sees."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
