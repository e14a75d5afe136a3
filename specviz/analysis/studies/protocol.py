"""``Study``: what a system can show of a star beyond its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from specviz.analysis.report import Report

#: Called between steps; raises CancelledError when no one wants the answer any more.
Stop = Callable[[], None]


class Study(Protocol):
    """A system asked about a star by a panel of its own.

    A study is shared by every session of a process: it keeps nothing of a star. Both steps run on a thread of the
    session that asked, one at a time.
    """

    @property
    def options(self) -> tuple[str, ...]:
        """The options of :class:`specviz.session.view_options.ViewOptions` that the answer depends on."""
        ...

    def prepare(self, report: Report, stop: Stop) -> Any:
        """What is worked out once a star: the encoding, the fit.

        Raises
        ------
        SpecvizError
            With why this system has nothing to say of the star; the panel shows it.
        """
        ...

    def answer(self, prepared: Any, options: Mapping[str, Any], stop: Stop) -> Any:
        """What the panel draws, for these values of ``options``; quick enough to follow a slider."""
        ...
