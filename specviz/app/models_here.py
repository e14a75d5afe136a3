"""``ModelsHere``: the models that a session may choose from, those that are not on this machine told as such."""

from __future__ import annotations

from typing import Any

from specviz import api
from specviz.session.state import ModelChoice


class ModelsHere:
    """Every model of ``specviz models list``, on one device.

    Parameters
    ----------
    device : str
        As in :func:`specviz.explore`.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device

    def choices(self) -> tuple[ModelChoice, ...]:
        """Read anew each time: a model may be pulled while an Explorer is open."""
        from specviz.models.installed import INSTALLABLE
        from specviz.models.registry import list_models

        here = list_models()
        absent = {
            name: ModelChoice(name, summary, f"specviz models pull {name} brings it")
            for name, summary in INSTALLABLE.items()
            if name not in here
        }
        return (*(ModelChoice(name, summary) for name, summary in here.items()), *absent.values())

    def engine(self, name: str) -> Any:
        """The engine that everything in this process shares."""
        return api.default_engine(name, self.device)
