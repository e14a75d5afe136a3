"""What a Lux model is made of, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from specviz.errors import CheckpointError


@dataclass(frozen=True)
class Output:
    """One kind of data that is linear in the latent vector.

    Parameters
    ----------
    name : str
        "labels", or a survey.
    size : int
        Numbers a star.
    scatter : bool
        Whether a scatter a number is fitted beside the errors of the data.
    """

    name: str
    size: int
    scatter: bool = False


@dataclass(frozen=True)
class LuxConfig:
    """Sizes of a :class:`~specviz.models.lux.modules.LuxNet`; plain numbers, kept beside the weights.

    Parameters
    ----------
    latent : int
        P, the length of the latent vector: larger than the number of labels, far smaller than that of pixels.
    outputs : tuple of Output
    """

    latent: int
    outputs: tuple[Output, ...]

    @property
    def size(self) -> int:
        """Numbers a star over all outputs."""
        return sum(output.size for output in self.outputs)

    def slices(self) -> dict[str, slice]:
        """Where each output stands among all numbers of a star."""
        out, start = {}, 0
        for output in self.outputs:
            out[output.name] = slice(start, start + output.size)
            start += output.size
        return out

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> LuxConfig:
        """From what :meth:`to_dict` gave.

        Raises
        ------
        CheckpointError
            If it is something else.
        """
        try:
            outputs = tuple(Output(str(o["name"]), int(o["size"]), bool(o["scatter"])) for o in told["outputs"])
            config = cls(int(told["latent"]), outputs)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError("These are no sizes of a Lux model", expected="latent, outputs") from error
        if config.latent < 1 or not outputs or any(o.size < 1 for o in outputs):
            raise CheckpointError(f"A Lux model of these sizes cannot be: {told}")
        return config
