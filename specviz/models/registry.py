"""Models by name. Importing this does not import torch; loading a model does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock

from specviz.errors import CheckpointError, UnknownModelError
from specviz.models.protocol import StellarModel

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class _Entry:
    weights: str
    summary: str


_MODELS = {
    "specclip-small": _Entry(
        "specclip_small.safetensors", "SpecCLIP at small size, trained by specviz; runs on any CPU"
    ),
}
_lock = RLock()


def available_models() -> tuple[str, ...]:
    """Names that :func:`load_model` takes, the default first."""
    return tuple(_MODELS)


def list_models() -> dict[str, str]:
    """Each available model's name and what it is, in a line."""
    return {name: entry.summary for name, entry in _MODELS.items()}


def weights_path(name: str) -> Path:
    """Where a model's weights lie inside the package.

    Raises
    ------
    UnknownModelError
        If no model has that name.
    """
    return WEIGHTS_FOLDER / _entry(name).weights


def load_model(name: str = "specclip-small", *, device: str = "auto") -> StellarModel:
    """A model, ready for use. The same (name, device) gives the same object.

    Parameters
    ----------
    name : str
        One of :func:`available_models`.
    device : str
        "auto" (CUDA, then MPS, then CPU), or what torch calls it.

    Raises
    ------
    UnknownModelError
        If no model has that name.
    CheckpointError
        If the weights are absent or are not the ones this version of specviz was shipped with.
    """
    _entry(name)
    from specviz.models.device import pick_device

    with _lock:
        return _load(name, str(pick_device(device)))


@lru_cache(maxsize=8)
def _load(name: str, device: str) -> StellarModel:
    from specviz.models.specclip.model import SpecClipSmall

    path = weights_path(name)
    return SpecClipSmall.from_file(path, device=device, sha256=expected_sha256(path))


def expected_sha256(path: Path) -> str:
    """The SHA-256 that ``SHA256SUMS`` beside the weights gives for a file.

    Raises
    ------
    CheckpointError
        If it has no line there.
    """
    sums = path.parent / "SHA256SUMS"
    for line in sums.read_text().splitlines() if sums.is_file() else ():
        digest, _, file = line.partition("  ")
        if file.strip() == path.name:
            return digest
    raise CheckpointError(
        f"No SHA-256 is recorded for {path.name}", expected=f"a line in {sums.name}", remedy="Install specviz again"
    )


def _entry(name: str) -> _Entry:
    if name not in _MODELS:
        raise UnknownModelError(f"There is no model {name!r}", expected="one of " + ", ".join(_MODELS))
    return _MODELS[name]
