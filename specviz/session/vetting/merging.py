"""``Merging``: labels of other reviewers and of files, beside one's own; where they differ, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from specviz.errors import OptionError, SpecvizError
from specviz.session.citations import acknowledgements
from specviz.session.exporting import Exported, safe_stem
from specviz.session.jobs import Job
from specviz.session.telling import call_line, told
from specviz.session.vetting.agreement import Agreement, Unsure, agreement
from specviz.session.vetting.conflicts import Apart, Conflict, conflicts, consensus, differences, labels_of
from specviz.session.vetting.exchange import Imported, Unknown, take_in
from specviz.session.vetting.kappa import Weights
from specviz.session.vetting.label_files import FORMATS, MIMES, What, label_bytes, write_labels
from specviz.session.vetting.label_reading import Incoming, labels_in, read_labels
from specviz.session.vetting.learning import Learning
from specviz.session.vetting.values import ADJUDICATOR, Label


class Merging(Learning):
    """The part of a vetting session that brings labels in and out, and shows where reviewers differ.

    A decision on what reviewers said is no reviewer's label: it is kept beside theirs, whoever decides, and counts in
    no agreement.
    """

    _apart = Apart()
    _how: tuple[Weights, Unsure] = ("linear", "missing")
    _before = "all"  # the filter that was on before conflicts were gone through

    # ------------------------------------------------------------------ out
    def export_labels(self, path: str | Path, what: What = "labels", reviewer: str | None = None) -> Path:
        """Write labels to a file: ".ecsv", ".vot", ".csv", or ".json", which merges without loss.

        Parameters
        ----------
        path : str or Path
            An older file is replaced in one step.
        what : {"labels", "history"}
            What every reviewer says of each star now, or everything that was ever said.
        reviewer : str, optional
            Only theirs.

        Raises
        ------
        SpecvizError
            The name, the folder or ``what`` will not do.
        """
        written = write_labels(Path(path).expanduser(), self.journal.events(), what=what, **self._facts(reviewer))
        self._told(call_line("export_labels", (str(path), what), None, self.widget))
        return written

    def label_file(self, form: str = "ecsv", what: What = "labels", reviewer: str | None = None) -> Exported:
        """The same as a file for the browser; ``form``: "ecsv", "vot", "csv" or "json"."""
        name = FORMATS.get(f".{form}")
        if name is None:
            raise OptionError(f"There is no format {form!r}", expected=", ".join(f[1:] for f in FORMATS))
        data = label_bytes(self.journal.events(), name, what=what, **self._facts(reviewer))
        stem = safe_stem(self.vet.work_list or "specviz")
        self._told(call_line("export_labels", (f"{stem}_{what}.{form}", what), None, self.widget))
        return Exported(f"{stem}_{what}.{form}", MIMES[name], data)

    def _facts(self, reviewer: str | None) -> dict[str, Any]:
        return {
            "reviewer": reviewer,
            "vocabulary": self.vet.vocabulary,
            "positions": dict(self._positions()),
            "thanks": acknowledgements(self.state),
        }

    def _positions(self) -> Iterator[tuple[str, tuple[float, float]]]:
        """Star -> (ra, dec) in degrees, of the rows that know theirs."""
        state = self.state
        for row, item in zip(self.vet.rows, state.work, strict=False):
            ra, dec = getattr(item.target, "ra", None), getattr(item.target, "dec", None)
            if isinstance(ra, (int, float)) and isinstance(dec, (int, float)) and np.isfinite([ra, dec]).all():
                yield row.key, (float(ra), float(dec))

    # ------------------------------------------------------------------ in
    @told
    def import_labels(self, path: str | Path, reviewer: str | None = None, unknown: Unknown = "refuse") -> Imported:
        """Bring labels of a file, or of another journal, into this one; the same file again changes nothing.

        Parameters
        ----------
        path : str or Path
            A journal, JSON, ECSV, VOTable or CSV; its content tells.
        reviewer : str, optional
            Who said it, where a table does not name them.
        unknown : {"refuse", "keep"}
            What becomes of a word that is not in the vocabulary.

        Returns
        -------
        Imported
            ``.text`` says in words what came.

        Raises
        ------
        SpecvizError
            It cannot be read, or holds an unknown word: nothing was written then.
        """
        if Path(path).expanduser().absolute() == self.journal.path:
            raise OptionError(f"{self.journal.path.name} is the journal itself", expected="another file")
        return self._take_in(read_labels(path, reviewer), unknown)

    def import_bytes(self, name: str, data: bytes) -> Imported:
        """The same for a file that a person has given to the browser; see :meth:`import_labels`."""
        report = self._take_in(labels_in(data, name), "refuse")
        self._told(call_line("import_labels", (name,), None, self.widget))
        return report

    def _take_in(self, incoming: Incoming, unknown: Unknown) -> Imported:
        listed = [row.key for row in self.vet.rows]
        report = take_in(incoming, self.journal, vocabulary=self.vet.vocabulary, unknown=unknown, listed=listed)
        self.refresh()
        if self.vet.agreement is not None:
            self._agree_anew()
        return report

    # ------------------------------------------------------------------ agreement
    @told
    def agree(
        self,
        weights: Weights = "linear",
        unsure: Unsure = "missing",
        quality: int | None = None,
        flags: bool = False,
    ) -> Agreement:
        """How far the reviewers of this list agree, into ``state.vet.agreement``; it reads what others wrote first.

        Parameters
        ----------
        weights : {"", "linear", "quadratic"}
            Of the kappa of quality.
        unsure : {"missing", "category"}
            "Not sure" counts as no rating, or as a class of its own.
        quality : int, optional
            Qualities that differ by more than this are a conflict, too.
        flags : bool
            Flags that not all have set are a conflict, too.
        """
        self._apart = Apart(quality=quality, flags=flags)
        self._how = (weights, unsure)
        self.refresh()
        return self._agree_anew()

    def _agree_anew(self) -> Agreement:
        weights, unsure = self._how
        found = agreement(
            self._everyone(), self.vet.vocabulary, weights=weights, unsure=unsure, apart=self._apart
        )  # fmt: skip
        with self._changing():
            self._update(vet=replace(self.vet, agreement=found))
        return found

    def _everyone(self) -> dict[str, dict[str, Label]]:
        """Star -> voice -> label, of the stars of the list."""
        labels = labels_of(self.journal.events())
        return {row.key: labels[row.key] for row in self.vet.rows if row.key in labels}

    def conflicts(self) -> tuple[Conflict, ...]:
        """The stars of the list on which reviewers differ, with what each said and what was decided."""
        return conflicts(self._everyone(), self.vet.vocabulary.unsure, self._apart)

    def _conflicts(self) -> frozenset[str]:
        unsure, apart = self.vet.vocabulary.unsure, self._apart
        return frozenset(star for star, said in self._record.finished().items() if differences(said, unsure, apart))

    def consensus(self) -> Any:
        """What all reviewers together say of each star, as a table: a decision, else what most of them say."""
        keys = {row.key for row in self.vet.rows}
        return consensus((e for e in self.journal.events() if e.star in keys), self.vet.vocabulary)

    # ------------------------------------------------------------------ decisions
    @told
    def adjudicate(self, on: bool = True) -> int:
        """Go through the conflicts and decide, with everybody's labels shown; or go back to one's own looks.

        While it is on, ``label``, ``flag``, ``clear``, ``finish``, ``undo_label`` and the rest write decisions.

        Returns
        -------
        int
            How many conflicts there are.

        Raises
        ------
        SpecvizError
            There are none: nothing changes then.
        """
        if on:
            self.stop_learning()  # of my labels; what is on screen then is none of mine
        with self._saying():
            self.refresh()
            found = len(self._conflicts())
            if bool(on) == self.vet.adjudicating:
                return found
            if on and not found:
                raise SpecvizError(
                    "There is no conflict to decide on",
                    expected="a star that two reviewers have finished, with different classes",
                    remedy="Import the labels of the others first",
                )
            if on:
                self._before = self.vet.filter
            self._record.role = ADJUDICATOR if on else ""
            self._bring_up([row.key for row in self.vet.rows])
            self.set_filter("conflicts" if on else self._before)
            self._bring_up(())  # the progress is that of the rows at hand
            first = self._next_undone(-1)
            if on and first is not None and first != self._at:
                self.go(first)
            return found

    @told
    def decide_as(self, reviewer: str) -> Job | None:
        """Decide on the star on screen as a reviewer has said (quality, class, flags), and go on to the next conflict.

        Raises
        ------
        SpecvizError
            Conflicts are not gone through, or this reviewer has not finished the star.
        """
        if not self.vet.adjudicating:
            raise SpecvizError("Decisions are made while conflicts are gone through", remedy="Call adjudicate() first")
        with self._saying():
            here = self._here()
            key, said = self.vet.rows[here].key, dict(self.vet.others)
            if reviewer not in said:
                raise OptionError(
                    f"{reviewer} has not finished {key}", expected=" or ".join(said) or "somebody who has"
                )
            return self._finish(here, _towards(key, self._said(here), said[reviewer]))


def _towards(key: str, has: Label, wanted: Label) -> list[tuple[str, str, Any]]:
    """What to write so that a label says what another does; the comment stays."""
    changes: list[tuple[str, str, Any]] = []
    if wanted.quality != has.quality:
        changes.append((key, "quality", wanted.quality))
    if wanted.klass != has.klass:
        changes.append((key, "class", wanted.klass))
    return [*changes, *((key, "flag", [f, f in wanted.flags]) for f in sorted(set(wanted.flags) ^ set(has.flags)))]
