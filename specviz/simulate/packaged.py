"""The emulator that comes with the package, for the rooms that must not import models themselves."""

from __future__ import annotations

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
