"""``Emulator``: labels of stars in, model spectra out, as numpy arrays."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import ModelError
from specviz.models.phdlspec.config import ALPHA_LABELS, LABEL_NAMES
from specviz.models.protocol import ModelDescription

if TYPE_CHECKING:
    from torch import Tensor

    from specviz.models.phdlspec.modules import EmulatorNet

#: What a star without further knowledge gets; teff, logg and fe_h have to be given.
_DEFAULTS = {"vmic": 1.5, **dict.fromkeys(LABEL_NAMES[4:], 0.0)}
_PARTS = ("norm", "continuum", "sed")
#: Labels of n stars: by name, or (n, 28) in the order of ``label_names``.
Labels: TypeAlias = Mapping[str, ArrayLike] | ArrayLike
#: What becomes of labels outside the ranges.
Outside: TypeAlias = Literal["raise", "clip", "allow"]
#: Spectra computed at once: more gains no speed and costs memory.
_BATCH = 32


@dataclass(frozen=True, eq=False)
class EmulatedSpectra:
    """Model spectra of n stars, rest frame, no rotation; what was not asked for is None.

    ``norm`` (n, 8077): flux / continuum at R = 5000. ``continuum`` (n, 160) and ``sed`` (n, 720): line-free continuum
    and flux at R = 300 that leave the star's surface, erg s-1 cm-2 A-1.
    """

    norm: NDArray[np.float32] | None
    continuum: NDArray[np.float32] | None
    sed: NDArray[np.float32] | None


class Emulator:
    """The spectral emulator (see ``weights/phdlspec_small.md``).

    Get one from :func:`specviz.models.registry.load_model`, ``load_model("phdlspec-small")``.

    Attributes
    ----------
    label_names : tuple of str
        teff (K), logg (cgs), vmic (km/s), fe_h and 24 ratios [X/Fe] (dex).
    ranges : dict of str to (low, high)
        Of each label in the training set.
    wave, cont_wave, sed_wave : array
        Vacuum wavelength in Angstrom: (8077,), (160,), (720,).
    net : EmulatorNet
        The network itself, for those who need torch: ``net(labels)`` is differentiable in the labels.
    """

    capabilities: frozenset[str] = frozenset()
    label_names = LABEL_NAMES

    def __init__(self, net: EmulatorNet, card: Mapping[str, Any], *, sha256: str = "", device: str = "cpu") -> None:
        self.net, self.card, self._sha256, self.device = net, dict(card), sha256, device
        self.wave, self.cont_wave, self.sed_wave = net.config.waves
        low, high = net.low.cpu().numpy(), net.high.cpu().numpy()
        self.ranges = {k: (float(a), float(b)) for k, a, b in zip(LABEL_NAMES, low, high, strict=True)}

    @classmethod
    def from_file(cls, path: Path, *, device: str = "cpu", sha256: str | None = None) -> Emulator:
        """Read a weights file.

        Raises
        ------
        CheckpointError
            If the file is damaged, is not the one that ``sha256`` names, or was written for another format.
        """
        from specviz.models.checkpoint_reader import sha256_of
        from specviz.models.phdlspec.checkpoint import read

        net, card = read(path, sha256)
        return cls(net.to(device), card, sha256=sha256 or sha256_of(path), device=device)

    def __repr__(self) -> str:
        return f"<Emulator {self.card.get('version', '')} on {self.device}>"

    def describe(self) -> ModelDescription:
        """Name card; the emulator analyses no spectrum, so it has no capabilities."""
        return ModelDescription(
            name="phdlspec-small",
            version=str(self.card.get("version", "")),
            weights_sha256=self._sha256,
            capabilities=self.capabilities,
            surveys=(),
            labels={},
            ranges=dict(self.ranges),
            windows={"lamost_lrs": (float(self.wave[0]), float(self.wave[-1]))},
            citation="Architecture after Wu et al. 2026, arXiv 2604.02730 (PhDLspec); weights: specviz",
            release=str(self.card.get("release", "")),
        )

    # ------------------------------------------------------------------ labels
    def label_array(self, labels: Labels, *, outside: Outside = "raise") -> NDArray[np.float32]:
        """Labels of n stars as the network takes them, (n, 28).

        Parameters
        ----------
        labels : mapping of str to array (n,), or array (n, 28) in the order of ``label_names``
            A mapping needs teff, logg and fe_h; vmic is 1.5 km/s and ratios are solar unless given; numbers count for
            every star. ``alpha_fe`` stands for those of O, Mg, Si, S, Ca and Ti that are not given themselves.
        outside : str
            What happens to labels outside ``ranges``: an error, moved to the edge, or taken as they are.

        Raises
        ------
        ModelError
            For unknown or missing labels, wrong shapes, values that are not finite or are outside.
        """
        if isinstance(labels, Mapping):
            array = self._from_mapping(labels)
        else:
            array = np.atleast_2d(np.asarray(labels, np.float32))
            if array.ndim != 2 or array.shape[1] != len(LABEL_NAMES):
                raise ModelError(
                    f"Labels of shape {np.shape(labels)} cannot be emulated",
                    expected=f"(n, {len(LABEL_NAMES)}), in the order of label_names",
                )
        bad = ~np.isfinite(array)
        if bad.any():
            names = [LABEL_NAMES[k] for k in np.flatnonzero(bad.any(axis=0))]
            raise ModelError("Labels that are not finite: " + ", ".join(names), expected="a number for every star")
        low, high = np.array(list(self.ranges.values()), np.float32).T
        if outside == "clip":
            return np.clip(array, low, high)
        if outside == "raise":
            # float32 labels at the very edge are inside.
            slack = 1e-5 * np.maximum(np.abs(low), np.abs(high))
            wrong = (array < low - slack) | (array > high + slack)
            if wrong.any():
                k = int(np.flatnonzero(wrong.any(axis=0))[0])
                value = array[wrong[:, k], k][0]
                raise ModelError(
                    f"{LABEL_NAMES[k]} = {value:g} is outside what the emulator has learned",
                    expected=f"{low[k]:.4g} to {high[k]:.4g}",
                    remedy="outside='clip' moves labels to the edge",
                )
        return array

    def _from_mapping(self, labels: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
        unknown = [k for k in labels if k not in LABEL_NAMES and k != "alpha_fe"]
        missing = [k for k in ("teff", "logg", "fe_h") if k not in labels]
        if unknown or missing:
            problem = "Unknown labels: " + ", ".join(unknown) if unknown else "Missing labels: " + ", ".join(missing)
            raise ModelError(problem, expected="teff, logg, fe_h, and any of " + ", ".join((*_DEFAULTS, "alpha_fe")))
        alpha = dict.fromkeys(ALPHA_LABELS, labels["alpha_fe"]) if "alpha_fe" in labels else {}
        values = {**_DEFAULTS, **alpha, **{k: v for k, v in labels.items() if k != "alpha_fe"}}
        try:
            columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(values[k], np.float32)) for k in LABEL_NAMES))
        except ValueError as error:
            raise ModelError("The labels have different lengths", expected="one value a star") from error
        if columns[0].ndim != 1:
            raise ModelError(f"Labels of shape {columns[0].shape} cannot be emulated", expected="one value a star")
        return np.stack(columns, axis=1)

    # ------------------------------------------------------------------ spectra
    def spectra(self, labels: Labels, *, norm: bool = True, continuum: bool = True, sed: bool = True,
                outside: Outside = "raise") -> EmulatedSpectra:  # fmt: skip
        """Model spectra of n stars; ``labels`` and ``outside`` as :meth:`label_array` takes them."""
        import torch

        array = self.label_array(labels, outside=outside)
        sizes = (len(self.wave), len(self.cont_wave), len(self.sed_wave))
        kept = [np.empty((len(array), n), np.float32) if k else None
                for n, k in zip(sizes, (norm, continuum, sed), strict=True)]  # fmt: skip
        with torch.inference_mode():
            for i in range(0, len(array), _BATCH):
                results = self.net(self._tensor(array[i : i + _BATCH]))
                for number, (target, result) in enumerate(zip(kept, results, strict=True)):
                    if target is not None:
                        target[i : i + _BATCH] = (result if number == 0 else result.exp()).cpu().numpy()
        return EmulatedSpectra(*kept)

    def gradients(self, labels: Labels, names: Sequence[str] | None = None, *,
                  of: Literal["norm", "continuum", "sed"] = "norm", outside: Outside = "raise"
                  ) -> dict[str, NDArray[np.float32]]:  # fmt: skip
        """Gradient spectra: the derivative of every pixel by each label, exact, by forward-mode differentiation.

        Parameters
        ----------
        labels, outside
            As for :meth:`spectra`.
        names : sequence of str, optional
            Labels, all 28 by default; fe_h moves all metals at fixed ratios. ``alpha_fe`` moves O, Mg, Si, S, Ca, Ti.
        of : str
            "norm" for d(flux / continuum), "continuum" or "sed" for d ln(flux).

        Returns
        -------
        dict of str to array, shape (n, L)
            Per K, dex or km/s.
        """
        import torch

        known = (*LABEL_NAMES, "alpha_fe")
        names = LABEL_NAMES if names is None else tuple(names)
        unknown = [k for k in names if k not in known]
        if unknown or of not in _PARTS:
            what = "labels " + ", ".join(unknown) if unknown else f"output {of!r}"
            raise ModelError(f"There is no gradient for {what}", expected=", ".join(known if unknown else _PARTS))
        array, part = self.label_array(labels, outside=outside), _PARTS.index(of)
        load_forward_mode()
        gradients: dict[str, NDArray[np.float32]] = {}
        for name in names:
            direction = np.isin(LABEL_NAMES, ALPHA_LABELS if name == "alpha_fe" else (name,)).astype(np.float32)
            rows = []
            for i in range(0, max(1, len(array)), _BATCH):
                x = self._tensor(array[i : i + _BATCH])
                tangent = self._tensor(direction).expand_as(x)
                with torch.no_grad():
                    rows.append(torch.func.jvp(lambda y: self.net(y)[part], (x,), (tangent,))[1].cpu().numpy())
            gradients[name] = np.concatenate(rows)
        return gradients

    def _tensor(self, array: NDArray[np.float32]) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)


@cache
def load_forward_mode() -> None:
    """Let torch prepare forward-mode differentiation, of which (2.13) it warns that a part of itself is deprecated."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.exp, (torch.zeros(1),), (torch.ones(1),))
