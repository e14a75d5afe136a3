"""What the emulator learns from: the grid of LTE spectra and the reference gradients of its anchor stars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import NotFoundError, SpecvizError
from specviz.models.phdlspec.config import ALPHA_LABELS, LABEL_NAMES
from specviz.models.phdlspec.modules import EmulatorNet, ln_black_body, opacity

#: Forward-difference steps of the reference gradients (synthetic/README.md); every ratio moves by 0.1 dex.
STEPS = {"teff": 50.0, "vmic": 0.2}
TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True, eq=False)
class GridSpectra:
    """The labelled grid in memory, as tensors.

    ``labels`` (N, 28), ``norm`` (N, 8077), ``ln_continuum`` (N, 160), ``ln_sed`` (N, 720), ``split`` (N,): 0 train, 1
    validation, 2 test; ``wave`` (8957,): of norm, continuum and SED one after the other, Angstrom, vacuum;
    ``population`` (N,): ms, sg, rgb ..., empty where the file does not say.
    """

    labels: Tensor
    norm: Tensor
    ln_continuum: Tensor
    ln_sed: Tensor
    split: NDArray[np.int8]
    wave: Tensor
    population: NDArray[np.str_]

    @classmethod
    def load(cls, shared: Path, splits: Sequence[int] = (TRAIN, VALIDATION)) -> GridSpectra:
        """Read the rows of the given splits; the default leaves the test rows in the file.

        Raises
        ------
        NotFoundError
            If ``synthetic/lte_grid.h5`` is not there.
        """
        import h5py

        with h5py.File(_existing(shared, "lte_grid.h5"), "r") as f:
            keep = np.isin(f["split"][:], list(splits))
            labels = np.stack([f["labels"][name][:][keep] for name in LABEL_NAMES], axis=1)
            norm = f["norm_flux"][:][keep].astype(np.float32) * np.float32(f["norm_flux"].attrs["scale"])
            wave = np.concatenate([f[k][:] for k in ("wave_vac", "cont_wave_vac", "sed_wave_vac")])
            return cls(
                torch.from_numpy(labels.astype(np.float32)), torch.from_numpy(norm),
                torch.from_numpy(np.log(f["cont_flux"][:][keep])), torch.from_numpy(np.log(f["sed_flux"][:][keep])),
                f["split"][:][keep], torch.from_numpy(wave.astype(np.float32)),
                f["labels/population"][:][keep].astype(str) if "population" in f["labels"] else np.full(keep.sum(), ""),
            )  # fmt: skip

    def rows(self, split: int) -> Tensor:
        return torch.from_numpy(np.flatnonzero(self.split == split))


@dataclass(frozen=True, eq=False)
class Anchors:
    """Stars with reference gradients, none of them in the grid.

    ``labels`` (A, 28); ``names`` of the K directions; ``steps`` (K, 28): what the forward difference added to the
    labels; ``step_size`` (K,): the same as one number (K, dex, km/s); ``norm_step`` (A, K, 4038): the change of the
    normalised flux (pairs of pixels averaged) over that step; ``ln_sed_step`` (A, K, 720); ``norm`` (A, 4038).
    """

    labels: Tensor
    names: tuple[str, ...]
    steps: Tensor
    step_size: Tensor
    norm_step: Tensor
    ln_sed_step: Tensor
    norm: Tensor

    @classmethod
    def load(cls, shared: Path) -> Anchors:
        """Read ``synthetic/lte_gradients.h5``.

        Raises
        ------
        NotFoundError
            If it is not there.
        """
        import h5py

        with h5py.File(_existing(shared, "lte_gradients.h5"), "r") as f:
            names = tuple(x.decode() for x in f["label_names"][:])
            labels = np.stack([f["labels"][name][:] for name in LABEL_NAMES], axis=1)
            size = np.array([STEPS.get(name, 0.1) for name in names], np.float32)
            moved = np.zeros((len(names), len(LABEL_NAMES)), np.float32)
            for k, name in enumerate(names):
                for label in ALPHA_LABELS if name == "alpha_fe" else (name,):
                    moved[k, LABEL_NAMES.index(label)] = size[k]
            gradient = f["dflux_dlabel"][:].astype(np.float32) / 30000.0 * f["scale"][:][None, :, None]
            return cls(
                torch.from_numpy(labels.astype(np.float32)), names, torch.from_numpy(moved), torch.from_numpy(size),
                torch.from_numpy(gradient * size[None, :, None]),
                torch.from_numpy(f["dlnsed_dlabel"][:].astype(np.float32) * size[None, :, None]),
                torch.from_numpy(f["norm_flux"][:].astype(np.float32)),
            )  # fmt: skip

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    def held_out(self, seed: int = 0, fraction: float = 0.2) -> NDArray[np.bool_]:
        """(A,): anchors kept for the test, spread evenly over the effective temperature."""
        order = np.argsort(self.labels[:, 0].numpy())
        every = round(1 / fraction)
        return np.isin(np.arange(len(self)), order[np.random.default_rng(seed).integers(every) :: every])


def pixel_pairs(norm: Tensor) -> Tensor:
    """Means of neighbouring pixels as in the reference gradients: (..., 8077) -> (..., 4038), the last one left out."""
    even = norm.shape[-1] // 2 * 2
    return norm[..., :even].unflatten(-1, (-1, 2)).mean(-1)


@torch.no_grad()
def standardise(net: EmulatorNet, grid: GridSpectra) -> None:
    """Fill the network's fixed buffers from the training rows."""
    rows = grid.rows(TRAIN)
    labels = grid.labels[rows]
    inputs = net.inputs(labels)
    if net.wave.shape != grid.wave.shape or not torch.allclose(net.wave, grid.wave, rtol=1e-6):
        raise SpecvizError("The grid has other wavelengths than the recipe's network", remedy="Adapt [network]")
    net.input_mean.copy_(inputs.mean(0))
    net.input_std.copy_(inputs.std(0))
    net.low.copy_(labels.min(0).values)
    net.high.copy_(labels.max(0).values)
    c, teff, start = net.config, labels[:, :1], 0
    values = (opacity(grid.norm[rows[::4]]), grid.ln_continuum[rows], grid.ln_sed[rows])
    for (name, n, _), value in zip(c.parts, values, strict=True):
        part = slice(start, start + n)
        if name != "norm":
            value = value - ln_black_body(teff, grid.wave[part])
        net.centre[part], net.spread[part] = value.mean(0), value.std(0).clamp_min(1e-3)
        start += n


def _existing(shared: Path, name: str) -> Path:
    path = Path(shared) / "synthetic" / name
    if not path.is_file():
        raise NotFoundError(
            f"The training material {path} is absent", remedy="Give its folder with --shared or SPECVIZ_SHARED"
        )
    return path
