"""The official labels as functions of a spectrum that can be differentiated: what :func:`attribute` takes apart."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from specviz.errors import ModelError
from specviz.models.specclip.attribution import Target
from specviz.models.specclip.label_heads import FlowHead, LabelHeads, PointHead
from specviz.models.specclip.official_networks import OfficialNetworks
from specviz.models.specclip.routing import Survey


def official_target(networks: OfficialNetworks, heads: LabelHeads, survey: Survey, label: str) -> Target:
    """A label through its own network and head.

    An MLP head gives its number. Of a posterior of one label the median is taken: the flow is increasing, so that is
    what it makes of the noise 0 (where the prior is bounded: of the flow before the bounds).

    Raises
    ------
    ModelError
        If the release that is here has no head for that label.
    """
    head = heads.head(survey, label)
    if head is None:
        raise ModelError(
            f"specclip-official gives no {label!r} from {survey}", expected="one of " + ", ".join(heads.labels(survey))
        )
    network, lamost = networks.network(head.route.network), survey == "lamost_lrs"
    return Target(
        label=label,
        survey=survey,
        backbone=network.lamost if lamost else network.xp,
        head=network.lamost_head if lamost else network.xp_head,
        value=_value(head),
    )


def _value(head: PointHead | FlowHead) -> Callable[[Tensor], Tensor]:
    if isinstance(head, PointHead):
        return head.predict
    flow = head.flow

    def median(embedding: Tensor) -> Tensor:
        middle: Tensor = flow.sample_from_noise(embedding, torch.zeros((len(embedding), 1, 1), device=embedding.device))
        return middle[:, 0]

    return median
