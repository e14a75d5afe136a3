"""``Encoder``: how a network that turns spectra into vectors is run: device, precision, compilation.

Half precision is used only where the machine computes in it, and only after a check on a fixed batch: the cosine of
every vector with its float32 twin must reach :data:`LEAST_COSINE`. Where it does not, float32 stays, and ``notes`` says
so.
"""

from __future__ import annotations

import copy
import logging
import platform
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from specviz.errors import ModelError
from specviz.models.device import dtype_for, pick_device

#: The bound on the error of half precision: cosine to the float32 vector, of every spectrum of the check.
LEAST_COSINE = 0.999
PRECISIONS = ("float32", "auto", "bfloat16")
#: Spectra of the check, a survey.
PROBES = 8

_log = logging.getLogger("specviz.models")


def computes_in_bfloat16(device: str | torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware (AVX-512 BF16, AMX, Arm's BF16, CUDA from Ampere on)."""
    picked = pick_device(device)
    if picked.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if picked.type != "cpu":
        return False
    # torch has no public question for this; a version without these names answers no.
    if platform.machine().lower() in ("arm64", "aarch64"):
        return bool(getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)())
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in names)


def reduced_dtype(precision: str, device: str | torch.device) -> torch.dtype | None:
    """The half precision to try, None for float32.

    Raises
    ------
    ModelError
        For an unknown word, or where "bfloat16" is asked of a device that does not compute in it.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"Unknown precision {precision!r}", expected="one of " + ", ".join(PRECISIONS))
    if precision == "float32":
        return None
    picked = pick_device(device)
    if computes_in_bfloat16(picked):
        return torch.bfloat16
    if precision == "bfloat16":
        raise ModelError(
            f"{picked} does not compute in bfloat16", expected="precision 'float32' or 'auto' on this machine"
        )
    dtype = dtype_for(picked, reduced=True)
    return None if dtype == torch.float32 else dtype


class Encoder:
    """Runs the encoding half of a network on arrays.

    Parameters
    ----------
    parts : mapping of str to module
        The modules that encode; their linear layers are copied where half precision is used.
    make : callable(parts) -> callable(spectra, survey) -> vectors
        The way from spectra (B, L) on the device, and the survey's name, to vectors (B, D), through the parts it is
        given: the originals or the copies.
    device : str or torch.device
    precision : {"float32", "auto", "bfloat16"}
    compiled : bool
        Through ``torch.compile``; the first call of each shape then takes a minute.
    grids : mapping of survey to array, shape (L,)
        Wavelengths that the check's spectra are made on.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        make: Callable[[Mapping[str, nn.Module]], Callable[[Tensor, str], Tensor]],
        *,
        device: str | torch.device,
        grids: Mapping[str, NDArray[np.float64]],
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        self.device, self.dtype = torch.device(device), torch.float32
        self.cosine: dict[str, float] = {}
        self.notes: tuple[str, ...] = ()
        self._run = make(parts)
        half = reduced_dtype(precision, self.device)
        if half is not None:
            self._try(parts, make, half, grids)
        if compiled:
            self._run = torch.compile(self._run, dynamic=True)

    def __call__(self, values: NDArray[Any], survey: str) -> NDArray[np.float32]:
        """Vectors (B, D) float32 of prepared spectra (B, L)."""
        rows = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        if self.device.type == "cuda":  # page-locked memory, so that the copy runs beside the computation
            rows = rows.pin_memory().to(self.device, non_blocking=True)
        with torch.inference_mode():
            return self._vectors(self._run, rows.to(self.device), survey, self.dtype).cpu().numpy()

    # ------------------------------------------------------------------ half precision
    def _vectors(self, run: Callable[[Tensor, str], Tensor], rows: Tensor, survey: str, dtype: torch.dtype) -> Tensor:
        # cache_enabled keeps nothing for weights that need no gradient: the copies below are in half precision already.
        half = dtype != torch.float32
        with torch.autocast(self.device.type, dtype=dtype, cache_enabled=False) if half else nullcontext():
            return run(rows, survey).float()

    def _try(
        self,
        parts: Mapping[str, nn.Module],
        make: Callable[[Mapping[str, nn.Module]], Callable[[Tensor, str], Tensor]],
        half: torch.dtype,
        grids: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Take half precision if the check on every survey's batch passes."""
        run = make({name: halved(part, half) for name, part in parts.items()})
        with torch.inference_mode():
            for survey, grid in grids.items():
                rows = torch.from_numpy(probe_spectra(grid, survey)).to(self.device)
                exact = self._vectors(self._run, rows, survey, torch.float32)
                cosine = torch.cosine_similarity(exact, self._vectors(run, rows, survey, half), dim=1)
                self.cosine[survey] = float(cosine.nan_to_num(-1.0).min())
        name, worst = str(half).removeprefix("torch."), min(self.cosine.values())
        if worst < LEAST_COSINE:
            self.notes = (f"{name} was refused: cosine {worst:.5f} to float32, less than {LEAST_COSINE}",)
            _log.warning("%s", self.notes[0])
            return
        self.notes = (f"encoded in {name}: cosine to float32 at least {worst:.6f} on the check at load",)
        self._run, self.dtype = run, half


def halved(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of a module with its linear layers in ``dtype``; norms, positions and queries stay float32.

    Under autocast this computes what casting at every call computes, without reading the weights twice.
    """
    twin = copy.deepcopy(module)
    for layer in twin.modules():
        if isinstance(layer, nn.Linear):
            layer.to(dtype)
    return twin.requires_grad_(False)


def probe_spectra(wavelength: NDArray[np.float64], survey: str, n: int = PROBES) -> NDArray[np.float32]:
    """The fixed batch (n, L) of the check: made-up stars from weak to strong lines, with noise.

    LAMOST-like: Gaussian lines of the line list on a continuum of one. XP: black bodies of 3,500 to 12,000 K over their
    value at 550 nm, on a wavelength in nm.
    """
    rng = np.random.default_rng(20260225)
    if survey == "gaia_xp":
        kelvin = np.geomspace(3500.0, 12000.0, n)[:, None]
        planck = wavelength**-5.0 / np.expm1(1.4387769e7 / (wavelength * kelvin))
        at_550 = 550.0**-5.0 / np.expm1(1.4387769e7 / (550.0 * kelvin))
        return (planck / at_550 * (1 + 0.01 * rng.standard_normal(planck.shape))).astype(np.float32)
    from specviz.spectra.lines import lines_between

    flux = np.ones((n, wavelength.size))
    for line in lines_between(float(wavelength[0]), float(wavelength[-1])):
        depth, width = np.linspace(0.02, 0.7, n) * rng.uniform(0.3, 1.0), rng.uniform(2.0, 6.0)
        flux -= depth[:, None] * np.exp(-0.5 * ((wavelength - line.wavelength) / width) ** 2)
    return (flux.clip(0.05) + 0.02 * rng.standard_normal(flux.shape)).astype(np.float32)


# ---------------------------------------------------------------------------------------------- memory
def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a batch was too large for the device's memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def release_memory() -> None:
    """Give cached memory of the accelerators back before a smaller batch is tried."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


__all__ = [
    "Encoder", "computes_in_bfloat16", "halved", "is_out_of_memory", "probe_spectra", "reduced_dtype", "release_memory",
]  # fmt: skip
