"""``LabelPosterior``: the posterior of one label (or of several jointly) given a star's embedding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from specviz.errors import CheckpointError, ModelError
from specviz.models.checkpoint_reader import load_weights
from specviz.models.specclip.spline_flow import SplineFlow

#: How often samples outside the range of a joint posterior are drawn again, before the rest is given up as unknown.
_ROUNDS = 50


def load_label_flow(path: str | Path, expected_sha256: str | None = None) -> LabelPosterior:
    """The posterior in a ``labels/<survey>/<label>.safetensors`` of kind "nsf".

    Raises
    ------
    CheckpointError
        If the file is absent, damaged, of another kind, or not the one expected.
    """
    return posterior_from(*load_weights(path, expected_sha256))


def posterior_from(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> LabelPosterior:
    """As :func:`load_label_flow`, from what such a file holds."""
    if metadata.get("kind") != "nsf" or "flow" not in metadata:
        raise CheckpointError(
            f"This label's head is of kind {metadata.get('kind')!r}", expected="a converted posterior (kind 'nsf')"
        )
    try:
        description = json.loads(metadata["flow"])
    except ValueError as error:
        raise CheckpointError("The description of this posterior is damaged", remedy="Convert it again") from error
    if not isinstance(description, dict):
        raise CheckpointError("The description of this posterior is damaged", remedy="Convert it again")
    inside = {name.removeprefix("flow."): value for name, value in tensors.items() if name.startswith("flow.")}
    flow = SplineFlow.rebuilt(description, inside)
    rest = {name: value.reshape(-1) for name, value in tensors.items() if not name.startswith("flow.")}
    names = {"label_mean", "label_std"} | (rest.keys() & {"support_low", "support_high"})
    if rest.keys() != names or any(len(value) != flow.features for value in rest.values()):
        raise CheckpointError("The tensors of this posterior are not those of a label", remedy="Convert it again")
    return LabelPosterior(flow, rest, dict(metadata))


class LabelPosterior:
    """Samples and densities of a label, in the label's unit.

    Made by :func:`load_label_flow`.

    Attributes
    ----------
    label, encoder : str
        Our name of the label, and the network whose embeddings it takes ("split" or "predrecon").
    n_labels : int
        1, or more for a joint head.
    flow : SplineFlow
        In standardised units.
    metadata : dict of str
        As in the file: where it came from and how near it is to sbi's own.
    """

    def __init__(self, flow: SplineFlow, constants: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
        self.flow, self.metadata = flow, metadata
        self.label, self.encoder = metadata.get("label", ""), metadata.get("encoder", "")
        self.n_labels = flow.features
        self._mean, self._std = constants["label_mean"], constants["label_std"]
        self._low, self._high = constants.get("support_low"), constants.get("support_high")

    def to(self, device: torch.device | str) -> LabelPosterior:
        """Move to a device, in place."""
        self.flow.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        self._low = None if self._low is None else self._low.to(device)
        self._high = None if self._high is None else self._high.to(device)
        return self

    @property
    def bounds(self) -> tuple[Tensor, Tensor] | None:
        """Least and greatest label that the prior of the training allows, (n_labels,) each, or None."""
        if self._low is None or self._high is None:
            return None
        return self._low * self._std + self._mean, self._high * self._std + self._mean

    @torch.no_grad()
    def sample(self, embeddings: Tensor, n: int = 10_000, seed: int | None = None) -> Tensor:
        """Samples of the posterior.

        Parameters
        ----------
        embeddings : Tensor
            (B, 768), as the network gives them.
        n : int
            Samples a star.
        seed : int, optional
            The noise is a function of the seed and of the label's name, and the same for every star: a star's samples
            do not depend on its neighbours in the batch, and two labels' samples are independent.

        Returns
        -------
        Tensor
            (B, n), or (B, n, n_labels) for a joint head. With a bounded prior all samples lie inside its range, as sbi
            has it; where a posterior has practically no mass inside, they are NaN.
        """
        device = self._mean.device
        generator = torch.Generator()  # on the CPU, so that a seed means the same on every device
        if seed is None:
            generator.seed()
        else:
            mixed = hashlib.sha256(f"{int(seed)}/{self.label}".encode()).digest()
            generator.manual_seed(int.from_bytes(mixed[:7], "big"))
        noise = torch.randn((n, self.n_labels), generator=generator)
        if self._low is None or self._high is None:
            return self.sample_from_noise(embeddings, noise.to(device))
        if self.n_labels == 1:
            again = torch.rand((n, 1), generator=generator, dtype=torch.float64)
            kept = self._inside_one(embeddings, noise, again).to(device)
            # Rounding may put a sample a hair outside the end it was drawn up to.
            return self._labelled(self.flow.from_noise(embeddings, kept).clamp(self._low, self._high))
        return self._labelled(self._inside_several(embeddings, noise, generator))

    def sample_from_noise(self, embeddings: Tensor, noise: Tensor) -> Tensor:
        """Samples that given standard normals turn into; differentiable with respect to the embeddings.

        Parameters
        ----------
        embeddings : Tensor
            (B, 768).
        noise : Tensor
            (n,) or (B, n) for one label, (n, n_labels) or (B, n, n_labels).

        Returns
        -------
        Tensor
            (B, n), or (B, n, n_labels) for a joint head. The range of the prior is not looked at.
        """
        stars, d = len(embeddings), self.n_labels
        if noise.ndim in (1, 2) and noise.shape != (len(noise), d) and d == 1:
            noise = noise[..., None]
        if noise.ndim == 2 and noise.shape[1] == d:
            noise = noise.expand(stars, *noise.shape)
        if noise.ndim != 3 or noise.shape[0] != stars or noise.shape[2] != d:
            raise ModelError(
                f"Noise of shape {tuple(noise.shape)}", expected=f"(samples, {d}) or (stars, samples, {d})"
            )
        return self._labelled(self.flow.from_noise(embeddings, noise))

    def log_prob(self, embeddings: Tensor, values: Tensor) -> Tensor:
        """log p(label | star) per unit of the label, (B, n).

        ``values`` are (B, n), or (B, n, n_labels). As with sbi's estimator, the density of the flow: not made up for
        what lies outside a bounded prior.
        """
        values = values[..., None] if values.ndim == 2 else values
        if values.ndim != 3 or values.shape[-1] != self.n_labels or len(values) != len(embeddings):
            raise ModelError(
                f"Labels of shape {tuple(values.shape)}", expected=f"({len(embeddings)}, samples, {self.n_labels})"
            )
        density = self.flow.log_prob(embeddings, (values - self._mean) / self._std)
        return density - torch.log(self._std).sum()

    def _labelled(self, standardised: Tensor) -> Tensor:
        labels = standardised * self._std + self._mean
        return labels[..., 0] if self.n_labels == 1 else labels

    def _inside_one(self, embeddings: Tensor, noise: Tensor, again: Tensor) -> Tensor:
        """Noise (B, n, 1) whose samples lie inside the range: the flow of one label is increasing, so the range is an
        interval of the noise, and what falls outside is drawn anew from the normal on that interval (by its quantiles).
        """
        assert self._low is not None and self._high is not None
        ends = torch.stack((self._low, self._high)).clamp(-1e30, 1e30).expand(len(embeddings), 2, 1)
        z = self.flow.to_noise(embeddings, ends)[0].cpu().double()  # Apple's GPUs have no float64
        low, high = z[:, :1], z[:, 1:]
        # In the upper tail 1 - tiny would lose the tail: there the mirrored interval is used.
        mirrored = low > 0
        a, b = torch.where(mirrored, -high, low), torch.where(mirrored, -low, high)
        below, mass = torch.special.ndtr(a), torch.special.ndtr(b) - torch.special.ndtr(a)
        drawn = torch.special.ndtri(below + again * mass)
        drawn = torch.where(mirrored, -drawn, drawn)
        drawn = torch.where(mass > 0, torch.minimum(torch.maximum(drawn, low), high), torch.nan)
        wide = noise.double()
        return torch.where((wide >= low) & (wide <= high), wide, drawn).to(noise.dtype)

    def _inside_several(self, embeddings: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Samples (B, n, n_labels) of a joint head inside the range, by rejection."""
        assert self._low is not None and self._high is not None
        stars, n = len(embeddings), len(noise)
        out = torch.full((stars, n, self.n_labels), torch.nan, device=self._mean.device)
        filled = [0] * stars
        for _ in range(_ROUNDS):
            missing = [i for i in range(stars) if filled[i] < n]
            if not missing:
                break
            drawn = self.flow.from_noise(embeddings[missing], noise.to(out.device).expand(len(missing), *noise.shape))
            inside = ((drawn >= self._low) & (drawn <= self._high)).all(-1)
            for row, i in enumerate(missing):
                kept = drawn[row][inside[row]][: n - filled[i]]
                out[i, filled[i] : filled[i] + len(kept)] = kept
                filled[i] += len(kept)
            noise = torch.randn((n, self.n_labels), generator=generator)
        return out
