"""``OfficialNetworks``: predict + reconstruct and split from a converted release, on backbones that are in memory once.

The released networks were trained on the same frozen encoders, which are nearly all of the work: a spectrum goes
through its encoder once, and both heads read what comes out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_weights
from specviz.models.specclip.checkpoint import build
from specviz.models.specclip.clip import SpecClipPredRecon, SpecClipSplit
from specviz.models.specclip.config import ClipConfig, LamostEncoderConfig, SplitConfig, XpAutoEncoderConfig
from specviz.models.specclip.routing import Network, Survey

#: ``format`` in the manifest of a converted release.
FORMAT = "specviz-specclip-official-1"
BACKBONES = "backbones.safetensors"
NETWORKS: tuple[Network, ...] = ("split", "predrecon")
_SIDES: Mapping[Survey, str] = {"lamost_lrs": "lamost", "gaia_xp": "xp"}
_AGAIN = "Convert the release again: specviz models convert"


class OfficialNetworks:
    """The two networks that labels, retrieval and cross prediction need.

    Parameters
    ----------
    predrecon, split : SpecClipPredRecon, SpecClipSplit
        In eval mode, on ``device``. Where their backbones are the same object a spectrum is encoded once for both.
    device : str
    """

    def __init__(self, predrecon: SpecClipPredRecon, split: SpecClipSplit, device: str = "cpu") -> None:
        self.predrecon, self.split, self.device = predrecon, split, device

    @classmethod
    def from_folder(
        cls, folder: Path, *, device: str = "cpu", sha256: Mapping[str, str] | None = None
    ) -> OfficialNetworks:
        """Read ``backbones``, ``predrecon`` and ``split`` of a converted release.

        Parameters
        ----------
        folder : path
        device : str
        sha256 : mapping of file name to SHA-256, optional
            What the files have to be.

        Raises
        ------
        CheckpointError
            If a file is absent, damaged, or does not fit the network that it describes.
        """
        known = sha256 or {}
        backbones, _ = load_weights(folder / BACKBONES, known.get(BACKBONES))
        made: dict[Network, Any] = {}
        alone: set[str] = set()  # backbones that one of the networks brings itself: those are not shared
        for kind in NETWORKS:
            file = f"{kind}.safetensors"
            tensors, metadata = load_weights(folder / file, known.get(file))
            config = config_from_json(metadata.get("config", ""), SplitConfig if kind == "split" else ClipConfig)
            own = {side for side in _SIDES.values() if any(name.startswith(f"{side}.") for name in tensors)}
            given = {name: tensor for name, tensor in backbones.items() if name.partition(".")[0] not in own}
            made[kind] = build(kind, config, device="meta")
            _load(made[kind], {**given, **tensors}, file)
            alone |= own
        for side in set(_SIDES.values()) - alone:  # one object: one encoding, and one copy on the device
            setattr(made["predrecon"], side, getattr(made["split"], side))
        for module in made.values():
            module.eval().requires_grad_(False).to(device)
        return cls(made["predrecon"], made["split"], device)

    def network(self, name: Network) -> SpecClipPredRecon | SpecClipSplit:
        """One of the two."""
        return self.split if name == "split" else self.predrecon

    @property
    def shared(self) -> Mapping[Survey, bool]:
        """Whether both networks read the same encoder, a survey."""
        return {survey: getattr(self.split, side) is getattr(self.predrecon, side) for survey, side in _SIDES.items()}

    def embed(self, spectra: Tensor, survey: Survey) -> dict[Network, Tensor]:
        """Both embeddings of spectra (B, L): ``split`` is [shared, private], both (B, 768) in the released models."""
        found: dict[Network, Tensor] = {}
        seen: dict[int, Tensor] = {}
        for name in NETWORKS:
            network = self.network(name)
            encoder = network.lamost if survey == "lamost_lrs" else network.xp
            if id(encoder) not in seen:
                seen[id(encoder)] = network.backbone(spectra, survey)
            head = network.lamost_head if survey == "lamost_lrs" else network.xp_head
            found[name] = head(seen[id(encoder)])
        return found


def read_manifest(folder: Path) -> dict[str, Any]:
    """``manifest.json`` of a converted release.

    Raises
    ------
    CheckpointError
        If there is none, or it was written for another format.
    """
    path = Path(folder) / "manifest.json"
    if not path.is_file():
        raise CheckpointError(
            f"{folder} holds no converted SpecCLIP release",
            expected="a folder with manifest.json",
            remedy="specviz models pull specclip-official",
        )
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} is damaged", remedy=_AGAIN) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise CheckpointError(f"{path} has the format {found!r}", expected=FORMAT, remedy=_AGAIN)
    if not isinstance(manifest.get("written"), dict):
        raise CheckpointError(f"{path} lists no files", remedy=_AGAIN)
    return manifest


def weights_sha256(manifest: Mapping[str, Any]) -> str:
    """One hash of all weights: SHA-256 over the sorted SHA-256 of the files, one a line."""
    return hashlib.sha256("\n".join(sorted(manifest["written"].values())).encode()).hexdigest()


def config_from_json(text: str, kind: type[ClipConfig]) -> ClipConfig:
    """The configuration that a converted network carries in its metadata (``dataclasses.asdict`` as JSON).

    Raises
    ------
    CheckpointError
        If it is absent or damaged.
    """
    try:
        values = json.loads(text)
        lamost = LamostEncoderConfig(**_known(values.pop("lamost"), LamostEncoderConfig))
        xp = XpAutoEncoderConfig(**_known(values.pop("xp"), XpAutoEncoderConfig))
        return kind(**_known({**values, "lamost": lamost, "xp": xp}, kind))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            "A converted network does not say its sizes", expected="its configuration in the metadata", remedy=_AGAIN
        ) from error


def _known(values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """Constructor arguments from JSON, which has no tuples."""
    names = {field.name for field in fields(kind)}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in names}


def _load(module: torch.nn.Module, tensors: Mapping[str, Tensor], file: str) -> None:
    try:
        module.load_state_dict(dict(tensors), strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{file} does not fit the network that it describes ({error})", remedy=_AGAIN) from error
