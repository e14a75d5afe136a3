"""What the package brings to simulate with: the emulator, for rooms that must not import models, and hashes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Any

NAME = "phdlspec-small"


def packaged_emulator(device: str = "cpu") -> Any:
    """The packaged :class:`~specviz.models.phdlspec.model.Emulator`; imports torch. The same object at every call."""
    from specviz.models.registry import load_model

    return load_model(NAME, device=device)


def emulator_sha256() -> str:
    """SHA-256 of the packaged emulator's weights, as recorded beside them; imports no torch."""
    from specviz.models.registry import expected_sha256, weights_path

    return expected_sha256(weights_path(NAME))


@lru_cache(maxsize=1)
def instrument_sha256() -> str:
    """SHA-256 of the matrices and corrections of the XP instrument in the package."""
    digest = hashlib.sha256()
    for file in sorted((files("specviz.simulate") / "data").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".npz"):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
