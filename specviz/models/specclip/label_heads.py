"""The official label heads, all of them in memory, on embeddings that were made once.

An SBI head is the posterior of one label: the heads are independent of each other, so their samples stand side by side
and say nothing of how labels are correlated. An MLP head gives one number. What its error is nobody knows before
:mod:`specviz.models.specclip.conformal` has compared it with known stars; until then the label is a point and says so.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_weights
from specviz.models.posterior import Posterior
from specviz.models.specclip.config import LabelHeadConfig
from specviz.models.specclip.conformal import Conformal
from specviz.models.specclip.label_head import LabelHead
from specviz.models.specclip.label_posterior import LabelPosterior, posterior_from
from specviz.models.specclip.routing import SURVEYS, Network, Route, Survey, routes

_NO_UNCERTAINTY = "no uncertainty: the official head gives one number"
_ALONE = "posterior of this label alone: the official heads do not know how labels are correlated"


@dataclass(frozen=True, eq=False)
class PointHead:
    """An MLP head and the statistics of the embedding that it reads; ``conformal`` once it was calibrated."""

    route: Route
    net: LabelHead
    mean: Tensor
    std: Tensor
    conformal: Conformal | None = None

    def predict(self, embedding: Tensor) -> Tensor:
        """Label (B,) in its unit, of a raw embedding (B, D)."""
        return self.net.predict(embedding, self.mean, self.std)[:, 0]


@dataclass(frozen=True, eq=False)
class FlowHead:
    """An SBI head: the posterior of one label given the raw embedding."""

    route: Route
    flow: LabelPosterior


class LabelHeads:
    """Every head that a converted release has.

    Parameters
    ----------
    heads : sequence of PointHead or FlowHead
        In the order in which labels are shown.
    """

    def __init__(self, heads: Sequence[PointHead | FlowHead]) -> None:
        self._heads = {survey: tuple(h for h in heads if h.route.survey == survey) for survey in SURVEYS}

    @classmethod
    def from_folder(cls, folder: Path, *, device: str = "cpu", sha256: Mapping[str, str] | None = None) -> LabelHeads:
        """Read the heads that are there; a release converted without ``--trust-pickle`` has no SBI heads.

        Raises
        ------
        CheckpointError
            If a file is damaged or does not hold the head that its name says.
        """
        known, heads = sha256 or {}, []
        for survey in SURVEYS:
            for route in routes(survey):
                path = folder / route.file
                if path.is_file():
                    heads.append(_read(path, route, device, known.get(route.file)))
        return cls(heads)

    def labels(self, survey: Survey) -> tuple[str, ...]:
        """Labels that can be given from a survey's spectra."""
        return tuple(head.route.label for head in self._heads[survey])

    def missing(self, survey: Survey) -> tuple[str, ...]:
        """Labels of the routing table whose heads are not here."""
        have = set(self.labels(survey))
        return tuple(route.label for route in routes(survey) if route.label not in have)

    def head(self, survey: Survey, label: str) -> PointHead | FlowHead | None:
        """The head of a label."""
        return next((head for head in self._heads[survey] if head.route.label == label), None)

    def point_heads(self, survey: Survey) -> tuple[PointHead, ...]:
        """The heads that give one number."""
        return tuple(head for head in self._heads[survey] if isinstance(head, PointHead))

    def points(self, embeddings: Mapping[Network, Tensor], survey: Survey) -> dict[str, NDArray[np.float64]]:
        """What the MLP heads say: {label: (B,)}. Deterministic."""
        with torch.inference_mode():
            return {
                head.route.label: head.predict(embeddings[head.route.network]).double().cpu().numpy()
                for head in self.point_heads(survey)
            }

    def posteriors(
        self, embeddings: Mapping[Network, Tensor], survey: Survey, *, samples: int, seed: int | None
    ) -> list[Posterior]:
        """Samples of every label of each star, side by side.

        Each head draws from its own random numbers (derived from ``seed`` and the label's name): with the same ones
        in all heads every pair of labels would look perfectly correlated.
        """
        heads = self._heads[survey]
        names = self.labels(survey)
        stars = len(next(iter(embeddings.values())))
        drawn = np.empty((stars, len(names), samples))  # a label's samples lie side by side
        points, notes = [], {}
        with torch.inference_mode():
            for column, head in enumerate(heads):
                label, embedding = head.route.label, embeddings[head.route.network]
                own = None if seed is None else label_seed(seed, survey, label)
                if isinstance(head, FlowHead):
                    drawn[:, column] = head.flow.sample(embedding, samples, own).double().cpu().numpy()
                    notes[label] = _ALONE
                    continue
                value = head.predict(embedding).double().cpu().numpy()
                drawn[:, column] = value[:, None]
                if head.conformal is None:
                    points.append(label)
                    notes[label] = _NO_UNCERTAINTY
                else:
                    drawn[:, column] += head.conformal.residuals(samples, own)
                    notes[label] = head.conformal.note
        return [_posterior(names, d, survey, notes, frozenset(points)) for d in drawn]


def label_seed(seed: int, survey: str, label: str) -> int:
    """The seed of one head's random numbers; the same on every machine."""
    return zlib.crc32(f"{seed}/{survey}/{label}".encode())


def _posterior(
    names: tuple[str, ...], drawn: NDArray[np.float64], survey: str, notes: Mapping[str, str], points: frozenset[str]
) -> Posterior:
    """One star's labels from what was drawn (labels, samples); a label without a finite answer is left out."""
    good = np.asarray(np.isfinite(drawn).all(axis=1))
    kept = tuple(name for name, is_good in zip(names, good, strict=True) if is_good)
    told = {name: note for name, note in notes.items() if name in kept}
    return Posterior(kept, drawn[good].T, survey=survey, notes=told, points=points & set(kept))


def _read(path: Path, route: Route, device: str, sha256: str | None) -> PointHead | FlowHead:
    tensors, metadata = load_weights(path, sha256)
    kind = metadata.get("kind")
    if kind == "nsf" and route.head == "sbi":
        if metadata.get("encoder", route.network) != route.network:
            raise CheckpointError(f"{route.file} reads another embedding than {route.network}", remedy="Convert again")
        posterior = posterior_from(tensors, metadata)
        if posterior.n_labels != 1:
            raise CheckpointError(f"{route.file} is a posterior of {posterior.n_labels} labels", expected="of one")
        return FlowHead(route, posterior.to(device))
    if kind != "mlp" or route.head != "mlp":
        raise CheckpointError(
            f"{route.file} holds a head of kind {kind!r}", expected="mlp" if route.head == "mlp" else "nsf"
        )
    try:
        values = json.loads(metadata["config"])
        config = LabelHeadConfig(**{**values, "hidden_dims": tuple(values["hidden_dims"])})
        with torch.device("meta"):
            net = LabelHead(config)
        state = {name.removeprefix("net."): t for name, t in tensors.items() if name.startswith("net.")}
        net.load_state_dict(state, strict=True, assign=True)
        mean, std = tensors["mean"].float(), tensors["std"].float()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{route.file} is no label head", expected="weights that specviz converted", remedy="Convert again"
        ) from error
    conformal = Conformal.beside(path)
    return PointHead(route, net.eval().requires_grad_(False).to(device), mean.to(device), std.to(device), conformal)
