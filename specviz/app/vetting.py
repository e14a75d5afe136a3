"""``vet``: a list of stars that a person labels by keyboard, as an ipywidget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import traitlets

from specviz import api
from specviz.app.session_widget import SessionWidget
from specviz.app.vetting_wiring import begin, listen, make_session, world_of
from specviz.app.work_lists import vet_list
from specviz.doors.bokeh_private import BOKEH_SCRIPTS
from specviz.doors.environment import at_prompt
from specviz.doors.runtime import Runtime
from specviz.errors import OptionError, SpecvizError
from specviz.session.state import State
from specviz.session.vetting.agreement import Agreement
from specviz.session.vetting.conflicts import conflict_table
from specviz.session.vetting.exchange import Imported
from specviz.session.vetting.label_tables import history_table, label_table
from specviz.session.vetting.learned import Learned
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.values import Label, Progress
from specviz.views.vetting_view import VettingView

if TYPE_CHECKING:
    from specviz.session.vetting.vocabulary import Vocabulary

SETTLE = 0.15  # seconds that the first picture waits for its star
SPOKEN = "Vetting a list of stars"


class Vetting(SessionWidget):
    """A list that is labelled, as an ipywidget: show it as a cell's last line.

    Every method is one that a key or a button calls; what it writes is on disk when it returns.

    Attributes
    ----------
    star : Star or None
        The star on screen (observable: ``vetting.observe(f, "star")``).
    report : Report or None
        What the model says of it.
    said : Label
        What this reviewer says of it.
    progress : Progress
        Stars done of how many, and the pace.
    session : VetSession
        For programs: ``vetting.session.state.vet`` is all that is known of the list.
    """

    session: VetSession
    view: VettingView
    star = traitlets.Any(None, allow_none=True)
    report = traitlets.Any(None, allow_none=True)
    said = traitlets.Any(Label())
    progress = traitlets.Any(Progress(0, 0))

    def __init__(self, session: VetSession, world: Any, *, theme: str = "auto") -> None:
        view = VettingView(session, world)
        session.settle(SETTLE)  # a star that is nearly there is in the first picture, not drawn after it
        super().__init__(session, view, theme=theme, spoken=SPOKEN)
        listen(self, view, session, self.close)
        self._follow_session()

    def _take(self, state: State) -> None:
        self.star, self.report = state.star, state.report
        if state.vet is not None:
            self.said, self.progress = state.vet.label, state.vet.progress

    # ------------------------------------------------------------------ what a person says
    def label(self, *arguments: Any, **options: Any) -> Label:
        """Say something of the star on screen: ``vetting.label(3, "emission", "Hα double", flags=["nebula"])``.

        What is not given stays; see :meth:`specviz.session.vetting.labelling.Labelling.label`.

        Raises
        ------
        OptionError
            A word that is not in the vocabulary; nothing is written then.
        SpecvizError
            No star is on screen, or it could not be written.
        """
        found = self.session.label(*arguments, **options)
        self._written()
        return found

    def flag(self, name: str) -> Label:
        """Set a flag of the star on screen, or take it away again."""
        found = self.session.flag(name)
        self._written()
        return found

    def comment(self, words: str, row: int | None = None) -> Label:
        """Write a comment on the star on screen, or on a row of the list, counted from 1; "" takes it away."""
        found = self.session.comment(words, row)
        self._written()
        return found

    def clear(self) -> Label:
        """Take back everything that I say of the star on screen, in one step."""
        found = self.session.clear()
        self._written()
        return found

    def finish(self) -> None:
        """I have finished with the star on screen: on to the next without a label."""
        self.session.finish()
        self._written()

    def undo_label(self) -> bool:
        """Take back the last thing I said, whichever star it was of, and show that star; False if there is none."""
        done = self.session.undo_label()
        self._written()
        return done

    def redo_label(self) -> bool:
        """Say again what was taken back last; False if there is nothing."""
        done = self.session.redo_label()
        self._written()
        return done

    def _written(self) -> None:
        """A program is told by an exception what a person reads in the widget: the disk would not have it."""
        problem = self.session.vet.problem
        if problem:
            raise SpecvizError(problem)

    # ------------------------------------------------------------------ the list
    def forward(self) -> None:
        """The next row in the order at hand; stays at the end."""
        self.session.forward()

    def back(self) -> None:
        """The row before it in that order."""
        self.session.back()

    def jump(self, row: int) -> None:
        """Show a row of the list, counted from 1."""
        self.session.jump(row)

    def set_filter(self, which: str = "all") -> int:
        """Go through some of the rows only; gives how many there are.

        "all", "unlabelled", "labelled", "undecided", "conflicts", "class:NAME", "flag:NAME", or words to find.
        """
        return self.session.set_filter(which)

    def set_order(self, by: str = "list") -> None:
        """Go through them in the order of the list ("list"), or the oddest first ("odd").

        Where it is not known how odd they are, the list is ranked first, behind you: the order changes when that is
        done (:meth:`wait_ranked`).
        """
        self.session.set_order(by)

    def wait_ranked(self, timeout: float = 600.0) -> None:
        """Block until the list is ranked, if it is being ranked."""
        self.session.wait_ranked(timeout)

    def stop_ranking(self) -> None:
        """Stop ranking the list; the order stays as it is."""
        self.session.stop_ranking()

    def learn(self, by: str = "useful", klass: str = "", of: str = "mine") -> None:
        """Order the stars by what my labels teach; none is hidden, and the star on screen stays.

        ``by``: "useful" (first those whose label would teach most) or "like" (those most like the class ``klass``);
        ``of``: "mine" or "consensus". It goes on behind you: :meth:`wait_for_learning`.
        """
        self.session.learn(by, klass, of)

    def learn_now(self) -> None:
        """Make the learned order at hand anew, with the labels that were given since."""
        self.session.learn_now()

    def set_learn_every(self, labels: int = 10) -> None:
        """Make a learned order anew after so many more labels; 0: only when asked."""
        self.session.set_learn_every(labels)

    def wait_for_learning(self, timeout: float = 60.0) -> Learned:
        """Block until nothing is being learned; what is returned says how many labels taught it, and how well."""
        return self.session.wait_for_learning(timeout)

    def set_blind(self, blind: bool = True) -> None:
        """Hide what the model and others say until a label is saved, or show it at once."""
        self.session.set_blind(blind)

    def set_move_on(self, on: bool = True) -> None:
        """A quality key also saves and goes on."""
        self.session.set_move_on(on)

    # ------------------------------------------------------------------ labels out and in, and those of others
    def labels(self, what: str = "labels", reviewer: str | None = None) -> Any:
        """What every reviewer says of each star now, as an astropy Table; ``what="history"``: all that was ever said.

        See :func:`specviz.session.vetting.label_tables.label_table` for the columns.
        """
        if what not in ("labels", "history"):
            raise OptionError(f"There is no table {what!r}", expected='"labels" or "history"')
        make = label_table if what == "labels" else history_table
        return make(self.session.journal.events(), reviewer=reviewer, vocabulary=self.session.vet.vocabulary)

    def export_labels(
        self, path: str | Path, what: Literal["labels", "history"] = "labels", reviewer: str | None = None
    ) -> Path:
        """Write labels to a file: ".ecsv", ".vot", ".csv", or ".json", which merges without loss."""
        return self.session.export_labels(path, what, reviewer)

    def import_labels(
        self, path: str | Path, reviewer: str | None = None, unknown: Literal["refuse", "keep"] = "refuse"
    ) -> Imported:
        """Bring labels of a file, or of another journal, into this one; the same file again changes nothing.

        ``reviewer``: who said it, where a table does not name them. ``.text`` of what is returned says what came.
        """
        return self.session.import_labels(path, reviewer, unknown)

    def agree(self, *arguments: Any, **options: Any) -> Agreement:
        """How far the reviewers of this list agree: kappa of class and quality, and where they differ.

        See :meth:`specviz.session.vetting.merging.Merging.agree` for the options.
        """
        return self.session.agree(*arguments, **options)

    def conflicts(self) -> Any:
        """The stars on which reviewers differ, with what each said and what was decided, an astropy Table."""
        return conflict_table(self.session.conflicts())

    def adjudicate(self, on: bool = True) -> int:
        """Go through the conflicts and decide, with everybody's labels shown; gives how many there are."""
        return self.session.adjudicate(on)

    def decide_as(self, reviewer: str) -> None:
        """Decide on the star on screen as a reviewer has said, and go on to the next conflict."""
        self.session.decide_as(reviewer)
        self._written()

    def consensus(self) -> Any:
        """What all reviewers together say of each star, an astropy Table: a decision, else what most of them say."""
        return self.session.consensus()

    # ------------------------------------------------------------------ how it is shown
    def set_window(self, window: int | None) -> None:
        """Look at a line window (its number), or at none."""
        self.session.set_window(window)

    def wait(self, timeout: float = 120.0) -> State:
        """Block until the star that was asked for is on screen, or has failed."""
        return self.session.wait(timeout)

    @property
    def path(self) -> Path:
        """The file that the labels are in."""
        return Path(self.session.vet.path)

    def _end(self) -> None:
        super()._end()
        self.star = self.report = None

    def __repr__(self) -> str:
        vet = self.session.state.vet
        if vet is None:
            return at_prompt("<specviz Vetting: closed>")
        done = f"{vet.progress.done} of {vet.progress.total} done by {vet.reviewer}"
        return at_prompt(f"<specviz Vetting: {vet.work_list}, {done}>")


def vet(
    work_list: Any,
    *,
    labels: str | Path | None = None,
    reviewer: str | None = None,
    vocabulary: Vocabulary | Mapping[str, Any] | str | Path | None = None,
    blind: bool = True,
    order: str = "list",
    model: str = api.DEFAULT_MODEL,
    device: str = "auto",
    theme: str = "auto",
    online: bool = True,
    locals: Sequence[Any] = (),
) -> Vetting:
    """Go through a list of stars by keyboard and label them; every label is on disk before it is on screen.

    Parameters
    ----------
    work_list : list, table, path, archive or ranking
        A list of names, paths, Stars or candidates; an astropy table or pandas data frame that names stars; the path of
        such a table (CSV, ECSV, VOTable, FITS, Parquet), of a text with a name a line, of a folder of spectra; a
        :class:`~specviz.archives.local.LocalArchive` or its HDF5 or Parquet file; a question in ADQL; or what
        ``specviz.outliers`` gives, which comes with how odd each star is.
    labels : path, optional
        The journal of labels: made where it is not there, gone on with where it is. By default one a list, in this
        machine's folder of user data.
    reviewer : str, optional
        In whose name labels are written; by default the name you have on this machine.
    vocabulary : path of a JSON file, mapping or Vocabulary, optional
        The words to choose from, their keys, and what they mean
        (:class:`specviz.session.vetting.vocabulary.Vocabulary`).
    blind : bool
        Hide the model's opinion and the labels of others until a label is saved.
    order : {"list", "odd"}
        The oddest first, which ranks the list behind you where that has not been done.
    model, device, theme, online, locals
        As in :func:`specviz.explore`.

    Returns
    -------
    Vetting
        An ipywidget. It opens at the star where this reviewer stopped.

    Raises
    ------
    SpecvizError
        The list is empty or cannot be read; the journal is damaged, read-only or of a newer specviz; the vocabulary has
        a key twice. Nothing is shown then.

    Examples
    --------
    >>> import specviz
    >>> vetting = specviz.vet(["demo 1", "demo 2", "demo 3"], labels="mine.labels")  # doctest: +SKIP
    >>> vetting.label(4, "star")                                                      # doctest: +SKIP
    >>> vetting.finish()                                                              # doctest: +SKIP
    >>> vetting.labels()                                                              # doctest: +SKIP
    """
    listed = vet_list(work_list)  # first, and the session's parts: what is wrong is said before anything is shown
    options: dict[str, Any] = dict(labels=labels, reviewer=reviewer, vocabulary=vocabulary, blind=blind, order=order)
    made = make_session(listed, model=model, device=device, online=online, locals=locals, **options)
    try:
        Runtime.get(BOKEH_SCRIPTS)  # the browser reads them while the views are built
        with made.building():
            begin(made, listed, order)
            return Vetting(made, world_of(made), theme=theme)
    except BaseException:
        made.close()  # lets the journal go
        raise
