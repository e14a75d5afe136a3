"""SpecCLIP (Zhao et al., ApJ 2026): the six released networks and their label head, and the small default model.

torch is imported when a network is first asked for, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "from_official": "checkpoint",
    "from_official_file": "checkpoint",
    "to_official": "checkpoint",
    "official_shapes": "checkpoint",
    "build": "checkpoint",
    "KINDS": "checkpoint",
    "LamostEncoderConfig": "config",
    "XpEncoderConfig": "config",
    "XpAutoEncoderConfig": "config",
    "ClipConfig": "config",
    "SplitConfig": "config",
    "LabelHeadConfig": "config",
    "LamostMaskedTransformer": "masked_transformer",
    "XpMaskedTransformer": "masked_transformer",
    "XpAutoEncoder": "xp_autoencoder",
    "SpecClipBase": "clip",
    "SpecClipPredRecon": "clip",
    "SpecClipSplit": "clip",
    "contrastive_logits": "clip",
    "contrastive_loss": "clip",
    "cosine_similarity": "clip",
    "LabelHead": "label_head",
    "LabelFlow": "label_flow",
    "SmallConfig": "small",
    "SmallNet": "small",
    "SpecClipSmall": "model",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
