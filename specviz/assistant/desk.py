"""``Desk``: what lies before the assistant: the star in hand, what was found of it, and what it may touch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.assistant.model_names import model_here
from specviz.errors import AmbiguousError, NotFoundError, SpecvizError

if TYPE_CHECKING:
    from specviz.analysis.engine import Engine
    from specviz.analysis.report import Report
    from specviz.spectra.star import Star

#: Answers that are remembered, and so can be linked to.
KEPT = 200
#: Stars of one file beyond its first that can be asked for.
MORE = 99


class Desk:
    """The state of one conversation. Not shared; one thread works at it at a time.

    Parameters
    ----------
    model : str
        The model that is asked unless another is named.
    device : str
    online : bool
        Ask archives.
    folder : path, optional
        Where files are written and looked for; the present one by default.
    explorer : Explorer, optional
        That a star in hand is shown in.
    """

    def __init__(
        self,
        *,
        model: str = "specclip-small",
        device: str = "auto",
        online: bool = True,
        folder: str | Path = ".",
        explorer: Any = None,
    ) -> None:
        from specviz.archives.finder import Sky

        self.model, self.device, self.folder, self.explorer = model, device, Path(folder), explorer
        self.sky = Sky(online=online)
        self.star: Star | None = None
        self.uploads: dict[str, Star] = {}
        self.answers: list[Any] = []
        self.cancelled = threading.Event()
        self._reports: dict[str, Report] = {}
        self._calls = 0

    # ------------------------------------------------------------------ the star in hand
    def take(self, star: Star) -> Star:
        """Take a star in hand; what was found of the one before is put away."""
        if star is not self.star:
            self.star, self._reports = star, {}
            if self.explorer is not None:
                self.explorer.show(star)
        return star

    def hand(self, star: Star, report: Report | None = None) -> None:
        """Put the star in hand that is on the screen beside, with what a model said of it there."""
        if star is not self.star:
            self.star, self._reports = star, {}
        if report is not None and not report.problem:
            self._reports[report.provenance.model] = report

    def upload(self, name: str, data: bytes) -> Star:
        """Read a file that was handed over, and take its first star in hand; the others are "name #2" and so on.

        Raises
        ------
        ReadError
            The file cannot be read.
        """
        from specviz.session.resolve import from_bytes

        star, *others = from_bytes(name, data)
        self.uploads[name] = star
        for i, other in enumerate(others[:MORE], 2):
            self.uploads[f"{name} #{i}"] = other
        return self.take(star)

    def in_hand(self) -> Star:
        """The star in hand.

        Raises
        ------
        NotFoundError
            If there is none yet.
        """
        if self.star is None:
            raise NotFoundError("No star is in hand", expected="a name, an id or a file first", remedy="Try: demo 1")
        return self.star

    def find(self, text: str) -> Star:
        """A star by what a person calls it: an uploaded file, a demo star, a name, an id, a position.

        Of several demo stars of a kind, the first is taken.

        Raises
        ------
        SpecvizError
            If it cannot be found, or may be several.
        """
        from specviz.session.resolve import resolve

        if text in self.uploads:
            return self.uploads[text]
        try:
            return resolve(text, sky=self.sky, allow_paths=False)
        except AmbiguousError as error:
            if not text.lower().startswith("demo "):
                raise
            return resolve(error.candidates[0].name, sky=self.sky, allow_paths=False)  # any white dwarf will do

    # ------------------------------------------------------------------ models
    def engine(self, model: str = "") -> Engine:
        """The engine of a model, by default the one of this desk.

        Raises
        ------
        UnknownModelError
            If the model that is named is not here: another must not answer for it.
        """
        from specviz import api

        return api.default_engine(model_here(model or self.model, self.model), self.device)

    def report(self, model: str = "") -> Report:
        """What a model says of the star in hand; asked once a star.

        Raises
        ------
        SpecvizError
            If it has nothing to say.
        """
        name = model_here(model or self.model, self.model)
        if name not in self._reports:
            report = self.engine(name).analyse(self.in_hand(), cancel=self.cancelled)
            if report.problem:
                raise SpecvizError(report.problem)
            self._reports[name] = report
        return self._reports[name]

    def made(self, model: str = "") -> Report | None:
        """The report of the star in hand that is there already, if one is."""
        return self._reports.get(model or self.model)

    # ------------------------------------------------------------------ answers
    def keep(self, answer: Any) -> Any:
        """Number an answer and remember it."""
        self._calls += 1
        numbered = answer.numbered(f"c{self._calls}")
        self.answers = [*self.answers, numbered][-KEPT:]
        return numbered

    def last(self, tool: str) -> Any:
        """The newest answer of a tool about anything; None if it was not called."""
        return next((a for a in reversed(self.answers) if a.tool == tool), None)

    def stop(self) -> None:
        """Stop what is being worked out."""
        self.cancelled.set()

    def ready(self) -> Callable[[], bool]:
        """Begin anew after a stop; gives what tells whether to stop again."""
        self.cancelled.clear()
        return self.cancelled.is_set
