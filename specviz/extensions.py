"""What others add to specviz: models, archives and panels, by a call or by an installed package.

In a notebook, call :func:`register_model`, :func:`register_archive` or :func:`register_panel`. A package that is
installed says in its ``pyproject.toml`` ::

    [project.entry-points.specviz]
    mine = "my_package.for_specviz:register"

and ``register()`` makes the same calls; it runs once, when specviz first looks what there is. A package whose function
fails costs its own additions and nothing else: :func:`problems` has why, and the log the traceback.

Nothing of specviz is imported here; every room reads what is registered for it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from threading import RLock
from types import MappingProxyType
from typing import Any

from specviz.errors import OptionError

#: The group of entry points that is looked at.
GROUP = "specviz"
#: Names as they stand in menus, on the command line and in saved sessions.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*")


@dataclass(frozen=True)
class AddedModel:
    """A model: ``make(device)`` gives an object that meets :class:`specviz.models.protocol.StellarModel`."""

    name: str
    make: Callable[[str], Any]
    summary: str = ""
    #: Differs where the same name was registered again, so that nothing made by the earlier one is used on.
    number: int = 0


@dataclass(frozen=True)
class AddedArchive:
    """An archive: ``make()`` gives an object that meets :class:`specviz.archives.protocol.Archive`."""

    name: str
    make: Callable[[], Any]
    number: int = 0


@dataclass(frozen=True)
class AddedPanel:
    """A panel of the Explorer and the study that feeds it.

    ``study(engine)`` gives a :class:`specviz.analysis.studies.protocol.Study`, ``engine()`` is the engine of ``model``;
    ``panel(session, apply)`` gives what draws: ``frame``, ``update(old, new)``, ``act(about)``.
    """

    name: str
    study: Callable[[Callable[[], Any]], Any]
    panel: Callable[[Any, Callable[[Callable[[], None]], None]], Any]
    title: str
    summary: str = ""
    model: str = ""
    working: str = "Working"
    number: int = 0


_lock = RLock()
_models: dict[str, AddedModel] = {}
_archives: dict[str, AddedArchive] = {}
_panels: dict[str, AddedPanel] = {}
_made: dict[tuple[str, int], Any] = {}
_problems: dict[str, str] = {}
_looked = False
_count = 0


def register_model(name: str, make: Callable[[str], Any], summary: str = "") -> None:
    """Let a model be used by its name, wherever one of specviz's is: ``specviz.analyse(star, model=name)``, the menu of
    the Explorer, ``specviz compare --models all``, the assistant.

    Parameters
    ----------
    name : str
        Small letters, digits, ``-``, ``_``, ``.``; what the model's ``describe().name`` says. The same name again
        replaces what was registered; specviz's own models are never replaced.
    make : callable
        ``make(device)``, with ``device`` as torch calls it ("cpu", "cuda:0", "mps"): the model, ready for use. Called
        once a device.
    summary : str
        What it is, in a line.
    """
    _add(_models, AddedModel(_named(name), _callable("make", make), str(summary), _next()))


def register_archive(name: str, make: Callable[[], Any]) -> None:
    """Let an archive be asked for every name that is typed or given to ``specviz.get``, before the network is.

    Parameters
    ----------
    name : str
        As of :func:`register_model`; the same again replaces.
    make : callable
        ``make()``: the archive. Called once, at the first question. Visitors of a served page ask it too.
    """
    _add(_archives, AddedArchive(_named(name), _callable("make", make), _next()))


def register_panel(
    name: str,
    *,
    study: Callable[[Callable[[], Any]], Any],
    panel: Callable[[Any, Callable[[Callable[[], None]], None]], Any],
    title: str,
    summary: str = "",
    model: str = "",
    working: str = "Working",
) -> None:
    """Add a panel to the Explorer's menu of models, opened by ``explorer.study(name)`` too.

    Parameters
    ----------
    name : str
        As of :func:`register_model`; the same again replaces, in Explorers that are opened afterwards.
    study, panel : callable
        See :class:`AddedPanel`.
    title, summary : str
        What the menu says, and the hint over it.
    model : str
        Whose engine the study may ask; "" for the default model. It is loaded only if the study calls ``engine()``.
    working : str
        What stands there until the first answer, such as "Measuring three lines".
    """
    study, panel = _callable("study", study), _callable("panel", panel)
    added = AddedPanel(_named(name), study, panel, str(title), str(summary), str(model), str(working), _next())
    _add(_panels, added)


def unregister(name: str) -> None:
    """Take away whatever was registered under a name; nothing happens where nothing was."""
    with _lock:
        for kind in (_models, _archives, _panels):
            kind.pop(name, None)


def models() -> Mapping[str, AddedModel]:
    """The models that were added, by name."""
    return _all(_models)


def panels() -> Mapping[str, AddedPanel]:
    """The panels that were added, by name."""
    return _all(_panels)


def archives() -> tuple[Any, ...]:
    """The archives that were added, made at the first call, in the order of registration."""
    found = []
    for added in _all(_archives).values():
        key = (added.name, added.number)
        if key not in _made:
            made = added.make()  # without the lock: it may read a disk
            with _lock:
                _made.setdefault(key, made)
        found.append(_made[key])
    return tuple(found)


def problems() -> Mapping[str, str]:
    """The installed packages that could not register what they have: entry point -> why."""
    _look()
    return MappingProxyType(dict(_problems))


@contextmanager
def aside() -> Iterator[None]:
    """What is registered within is gone afterwards; for tests and examples."""
    with _lock:
        _look()
        kinds: tuple[dict[str, Any], ...] = (_models, _archives, _panels)
        kept = [dict(kind) for kind in kinds]
    try:
        yield
    finally:
        with _lock:
            for kind, before in zip(kinds, kept, strict=True):
                kind.clear()
                kind.update(before)


# ---------------------------------------------------------------------------------------------- the inside
def _look() -> None:
    """Let the installed packages register what they have, once."""
    global _looked
    with _lock:
        if _looked:
            return
        _looked = True  # before the calls: they may ask what there is
        for point in entry_points(group=GROUP):
            try:
                point.load()()
            except Exception as error:  # foreign code: its fault is told, and costs nothing else
                _problems[point.name] = f"{type(error).__name__}: {error}"
                logging.getLogger(__name__).warning("%s (%s) added nothing", point.name, point.value, exc_info=True)


def _all(kind: dict[str, Any]) -> Mapping[str, Any]:
    _look()
    with _lock:
        return MappingProxyType(dict(kind))


def _add(kind: dict[str, Any], added: Any) -> None:
    with _lock:
        kind[added.name] = added


def _next() -> int:
    global _count
    with _lock:
        _count += 1
        return _count


def _named(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 40:
        raise OptionError(
            f"{str(name)[:60]!r} is no name to register", expected="small letters, digits, '-', '_' and '.', at most 40"
        )
    return name


def _callable(what: str, thing: Any) -> Any:
    if not callable(thing):
        raise OptionError(f"{what}={thing!r} cannot be called", expected="a function or a class")
    return thing
