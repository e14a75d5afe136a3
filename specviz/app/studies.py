"""``Studies``: the systems that have a panel of their own, for a session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from specviz import api, extensions
from specviz.analysis.studies.protocol import Study

#: By the name that the option ``study`` takes: module under ``specviz.analysis.studies``, class, and the model it asks.
_STUDIES = {
    "spectrafm": ("spectrafm", "SpectraFMStudy", "spectrafm-small"),
    "phdlspec": ("phdlspec", "PhdlspecStudy", api.DEFAULT_MODEL),
    "desa": ("desa", "DesaStudy", "desa-small"),
    "lux": ("lux", "LuxStudy", "lux-small"),
}


class Studies(Mapping[str, Study]):
    """One study a system, and one a panel that others added (:mod:`specviz.extensions`).

    Each is imported when it is first asked for: together they take half a second, and the first picture cannot wait.

    Parameters
    ----------
    device : str
        As in :func:`specviz.explore`.
    """

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._made: dict[str, Study] = {}

    def __getitem__(self, name: str) -> Study:
        if name not in self._made:
            if name in _STUDIES:
                module, klass, model = _STUDIES[name]
                make = getattr(import_module(f"specviz.analysis.studies.{module}"), klass)
            else:
                added = extensions.panels()[name]
                make, model = added.study, added.model or api.DEFAULT_MODEL
            self._made[name] = make(lambda: api.default_engine(model, self._device))
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in _STUDIES or name in extensions.panels()

    def __iter__(self) -> Iterator[str]:
        return iter({**_STUDIES, **extensions.panels()})

    def __len__(self) -> int:
        return len(tuple(iter(self)))
