"""A converted release in a temporary folder, from golden or random weights, without the converter.

The converter has tests of its own; here the layout is written by hand, so that the model is tested against what was
agreed and not against what the converter happens to write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from specviz.models.checkpoint_reader import save_weights
from specviz.models.installed import Manifest
from specviz.models.specclip.checkpoint import build, from_official
from specviz.models.specclip.config import (
    ClipConfig,
    LabelHeadConfig,
    LamostEncoderConfig,
    SplitConfig,
    XpAutoEncoderConfig,
)
from specviz.models.specclip.routing import ROUTES, Route
from specviz.models.specclip.spline_flow import FORMAT as FLOW
from specviz.models.specclip.spline_flow import SplineFlow

LAMOST = LamostEncoderConfig(embed_dim=32, n_layers=2, n_heads=4)
XP = XpAutoEncoderConfig(hidden_dim=40, latent_dim=32)
TINY: dict[str, ClipConfig] = {
    "predrecon": ClipConfig(LAMOST, XP, embed_dim=24, feature_hidden=30),
    "split": SplitConfig(LAMOST, XP, embed_dim=24, feature_hidden=30, shared_dim=16, private_dim=8),
}
#: A likely value of each label with a posterior, and its spread.
LIKELY = {
    "teff": (5600.0, 120.0), "logg": (4.1, 0.1), "rv": (-12.0, 5.0), "mass": (1.1, 0.1), "radius": (4.0, 0.8),
    "age": (5.4, 1.4), "dnu": (15.5, 3.0), "nu_max": (254.0, 60.0), "delta_pi1": (80.0, 16.0),
}  # fmt: skip
FULL: dict[str, ClipConfig] = {"predrecon": ClipConfig(), "split": SplitConfig()}


def golden_network(shared: Path, kind: str) -> tuple[Any, Any]:
    """One of the golden networks as our module, and its file."""
    file = torch.load(shared / "golden" / "specclip" / f"specclip_{kind}_tiny.pt", weights_only=True)
    return from_official(kind, file["config"], file["state_dict"], file.get("state_dict_lowrank")), file


def random_network(kind: str, config: ClipConfig, seed: int) -> Any:
    """A network with random weights, whose norms know something."""
    torch.manual_seed(seed)
    module = build(kind, config)
    for buffer_name, buffer in module.named_buffers():
        if buffer_name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return module.eval()


def write_folder(
    folder: Path, networks: Mapping[str, Any], heads: Mapping[Route, Mapping[str, Any]], *, share: bool = False
) -> Path:
    """Write the layout; ``share`` puts the backbones of split in one file and leaves both out of the networks'."""
    written = {}
    split = networks["split"].state_dict()
    backbones = {n: t for n, t in split.items() if _is_backbone(n)}
    written["backbones.safetensors"] = save_weights(folder / "backbones.safetensors", backbones)
    for kind, network in networks.items():
        own = kind != "split" and not share
        tensors = {n: t for n, t in network.state_dict().items() if own or not _is_backbone(n)}
        metadata = {"config": json.dumps(asdict(network.config))}
        written[f"{kind}.safetensors"] = save_weights(folder / f"{kind}.safetensors", tensors, metadata)
    for route, head in heads.items():
        if route.head == "sbi":
            written[route.file] = save_weights(folder / route.file, head["tensors"], head["metadata"])
            continue
        tensors = {f"net.{n}": t for n, t in head["net"].state_dict().items()}
        tensors |= {"mean": head["mean"], "std": head["std"]}
        metadata = {"kind": "mlp", "label": route.label, "config": json.dumps(asdict(head["net"].config))}
        written[route.file] = save_weights(folder / route.file, tensors, metadata)
    Manifest("1.0", {"repo": "astroshawn/SpecCLIP", "revision": "test"}, {}, written).save(folder)
    return folder


def random_folder(folder: Path, *, scale: str = "tiny", seed: int = 0, posteriors: bool = False) -> Path:
    """Random weights on shared backbones, all MLP heads; SBI heads where asked for."""
    configs = TINY if scale == "tiny" else FULL
    networks = {kind: random_network(kind, config, seed + i) for i, (kind, config) in enumerate(configs.items())}
    networks["predrecon"].lamost, networks["predrecon"].xp = networks["split"].lamost, networks["split"].xp
    width = configs["split"].embed_dim
    heads = {
        route: random_head(width, i) if route.head == "mlp" else random_posterior(route, width, i)
        for i, route in enumerate(ROUTES)
        if posteriors or route.head == "mlp"
    }
    return write_folder(folder, networks, heads, share=True)


def random_head(width: int, seed: int) -> dict[str, Any]:
    """An MLP head on embeddings of that width."""
    torch.manual_seed(seed)
    net = build("mlp_head", LabelHeadConfig(width, (16, 12, 8)) if width < 100 else LabelHeadConfig()).eval()
    return {"net": net, "mean": 0.1 * torch.randn(width), "std": 0.5 + torch.rand(width)}


def random_posterior(route: Route, width: int, seed: int) -> dict[str, Any]:
    """An SBI head as the converter writes it: one spline layer, at a likely value of the label."""
    torch.manual_seed(seed)
    element = {"rule": "zuko", "bins": 5, "bound": 5.0, "slope": 1e-3}
    net = {"kind": "perceptron", "labels": 0, "star": width, "outputs": 14, "hidden": [16], "activation": "relu"}
    spline = {"kind": "spline", "inputs": [], "outputs": [0], "passes": 1, "element": element, "net": net}
    layers = [{"kind": "affine", "size": 1}, spline]
    description = {"format": FLOW, "features": 1, "context": width, "embedding": [], "layers": layers}
    mean, std = LIKELY[route.label]
    tensors = {f"flow.{name}": tensor for name, tensor in SplineFlow(description).state_dict().items()}
    tensors |= {"label_mean": torch.tensor([mean]), "label_std": torch.tensor([std])}
    metadata = {"kind": "nsf", "flow": json.dumps(description), "label": route.label, "encoder": route.network}
    return {"tensors": tensors, "metadata": metadata}


def golden_head(shared: Path) -> tuple[dict[str, Any], Mapping[str, Tensor]]:
    """The golden head (32 wide), with its inputs and outputs."""
    file = torch.load(shared / "golden" / "specclip" / "mlp_head_tiny.pt", weights_only=True)
    net = from_official("mlp_head", file["config"], file["state_dict"])
    head = {"net": net, "mean": file["inputs"]["stats_mean"], "std": file["inputs"]["stats_std"]}
    return head, {**file["inputs"], **file["outputs"]}


def _is_backbone(name: str) -> bool:
    return name.startswith(("lamost.", "xp."))
