"""``keep``: a checkpoint on the disk, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def keep(content: Mapping[str, Any], path: Path) -> None:
    """Write tensors and numbers beside ``path`` and put them in its place: a kill leaves the checkpoint before."""
    import torch

    scratch = path.with_suffix(".part")
    torch.save(dict(content), scratch)
    scratch.replace(path)
