"""``OfficialNetworks``: predict + reconstruct and split from a converted release, on backbones that are in memory once.

The released networks were trained on the same frozen encoders, which are nearly all of the work: a spectrum goes
through its encoder once, and both heads read what comes out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_weights
from specviz.models.encoder import LEAST_COSINE, Encoder, probe_spectra
from specviz.models.specclip.checkpoint import build
from specviz.models.specclip.clip import SpecClipPredRecon, SpecClipSplit
from specviz.models.specclip.config import ClipConfig, LamostEncoderConfig, SplitConfig, XpAutoEncoderConfig
from specviz.models.specclip.masked_transformer import LamostMaskedTransformer
from specviz.models.specclip.routing import GRIDS, SURVEYS, Network, Survey
from specviz.models.specclip.xp_autoencoder import XpAutoEncoder

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
        """Both embeddings of spectra (B, L): ``split`` is [shared, private], both (B, 768) in the released models.

        Each encoder runs once, however many networks read it.
        """
        return _embed(self._parts(), spectra, survey)

    def widths(self) -> dict[Network, int]:
        """Length of each network's embedding."""
        return {"split": self.split.config.embed_dim, "predrecon": self.predrecon.config.embed_dim}

    def encoder(self, *, precision: str = "float32", compiled: bool = False) -> Encoder:
        """The way from spectra to [split, predrecon], side by side in one array; see :class:`Encoder`.

        Half precision has to keep the direction of both embeddings, each for itself.
        """
        parts = self._parts()

        def make(given: Mapping[str, nn.Module]) -> Callable[[Tensor, str], Tensor]:
            def run(spectra: Tensor, survey: str) -> Tensor:
                return torch.cat(list(_embed(given, spectra, survey).values()), dim=1)

            return run

        made = Encoder(parts, make, device=self.device, grids=GRIDS, precision=precision, compiled=compiled)
        if made.dtype == torch.float32:
            return made
        width = self.widths()["split"]
        for survey in SURVEYS:
            probe = probe_spectra(GRIDS[survey], survey)
            half = torch.from_numpy(made(probe, survey)).split((width, self.widths()["predrecon"]), dim=1)
            with torch.inference_mode():
                exact = self.embed(torch.from_numpy(probe).to(self.device), survey)
            for vectors, name in zip(half, NETWORKS, strict=True):
                worst = float(torch.cosine_similarity(exact[name].cpu(), vectors, dim=1).min())
                if not worst >= LEAST_COSINE:
                    refused = Encoder(parts, make, device=self.device, grids=GRIDS, compiled=compiled)
                    refused.notes = (f"half precision was refused: cosine {worst:.5f} ({name}, {survey})",)
                    return refused
        return made

    def _parts(self) -> dict[str, nn.Module]:
        """The modules that encode; a shared backbone once."""
        parts: dict[str, nn.Module] = {}
        for name in NETWORKS:
            network = self.network(name)
            for survey, side in _SIDES.items():
                if name == "split" or not self.shared[survey]:
                    parts[f"{name}.{side}"] = getattr(network, side)
                parts[f"{name}.{side}_head"] = getattr(network, f"{side}_head")
        return parts


def _embed(parts: Mapping[str, nn.Module], spectra: Tensor, survey: str) -> dict[Network, Tensor]:
    """The encoding half of both networks."""
    side = "lamost" if survey == "lamost_lrs" else "xp"
    found: dict[Network, Tensor] = {}
    seen: Tensor | None = None
    for name in NETWORKS:
        backbone = parts.get(f"{name}.{side}")
        if isinstance(backbone, LamostMaskedTransformer):
            seen = backbone.embedding(spectra)
        elif isinstance(backbone, XpAutoEncoder):
            seen = backbone.latent(spectra)
        found[name] = parts[f"{name}.{side}_head"](seen)
    return found


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


def _load(module: nn.Module, tensors: Mapping[str, Tensor], file: str) -> None:
    try:
        module.load_state_dict(dict(tensors), strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{file} does not fit the network that it describes ({error})", remedy=_AGAIN) from error
