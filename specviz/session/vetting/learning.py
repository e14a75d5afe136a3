"""``Learning``: the queue ordered by what can be learned of this reviewer's labels."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.analysis.report import LEADING
from specviz.catalog.active import check_order, features, like, rarities, teach, useful
from specviz.catalog.honesty import honesty
from specviz.errors import OptionError, SpecvizError
from specviz.session.jobs import Job, Lane
from specviz.session.resolve import resolve
from specviz.session.telling import told
from specviz.session.vetting.labelling import Labelling
from specviz.session.vetting.learned import Learned, is_learned, order_name
from specviz.session.vetting.vectors import Vectors, at_hand

_log = logging.getLogger(__name__)
#: Labels after which a learned order is made anew.
EVERY = 10
#: Stars embedded at a time, and seconds of that before the order is made (anew).
BATCH, SECONDS = 16, 10.0


class Learning(Labelling):
    """The part of a vetting session that re-ranks its queue.

    The embeddings come with the list, from the stars that were on screen, and from those of the list that are on this
    machine (they are embedded in the background, the labelled ones first). No archive is asked for stars that nobody
    wants to see yet.
    """

    _vectors = Vectors(0)
    _lesson: Job | None = None
    _lessons: Lane | None = None
    _since = 0  # labels finished since the order was made
    _compared: tuple[Any, int, Any] = (None, -1, None)  # embeddings, their version, and what was made of them
    _rarities: Sequence[NDArray[np.float64]] = ()
    _failed: frozenset[int] = frozenset()  # rows that cannot be embedded

    def begin(
        self,
        targets: Sequence[Any],
        scores: ArrayLike | None = None,
        embeddings: ArrayLike | Mapping[str, ArrayLike] | None = None,
        oddities: Sequence[Any] = (),
    ) -> Job | None:
        """Take up a list; see :meth:`Queueing.begin`.

        Parameters
        ----------
        targets, scores
            As there.
        embeddings : array, shape (n, D), or mapping of survey to such, optional
            Those that are known beforehand (``Ranking.embeddings``); NaN where there is none.
        oddities : sequence of Oddity, optional
            Why each is odd (``Ranking.oddities``): what shows in a few pixels is learned from these.
        """
        if len(oddities) not in (0, len(targets)):
            raise OptionError(f"{len(oddities)} oddities for {len(targets)} stars", expected="one a star, or none")
        vectors = Vectors(len(targets), embeddings)
        self.stop_learning()
        with self._changing():
            self._vectors, self._since, self._failed = vectors, 0, frozenset()
            self._rarities = rarities(oddities)
            self._update(vet=replace(self.vet, learned=None))
        return super().begin(targets, scores)

    # ------------------------------------------------------------------ asking for it
    @told
    def learn(self, by: str = "useful", klass: str = "", of: str = "mine") -> Job:
        """Order the stars by what my labels teach; the star on screen stays, and none is hidden.

        It goes on in the background: ``vet.learned`` says how far it is, then how well it works.

        Parameters
        ----------
        by : {"useful", "like"}
            First those whose label would teach most, or those most like a class.
        klass : str
            That class.
        of : {"mine", "consensus"}
            Whose labels: mine, or what most reviewers, or an adjudicator, say.

        Raises
        ------
        OptionError
            There is no such order or class.
        """
        check_order(by, klass)
        if klass:
            self.vet.vocabulary.find("classes", klass)
        if of not in ("mine", "consensus"):
            raise OptionError(f"There are no labels {of!r}", expected='"mine" or "consensus"')
        return self._learn(by, klass, of)

    @told
    def learn_now(self) -> Job:
        """Make the learned order at hand anew, with the labels that were given since."""
        known = self.vet.learned
        if known is None:
            return self._learn("useful", "", "mine")
        return self._learn(known.by, known.klass, known.of)

    @told
    def set_learn_every(self, labels: int = EVERY) -> None:
        """Make a learned order anew after so many more labels; 0: only when asked."""
        if labels < 0:
            raise OptionError(f"Every {labels} labels", expected="0 or more")
        with self._changing():
            self._update(vet=replace(self.vet, learned=replace(self.vet.learned or Learned(), every=int(labels))))

    def set_order(self, by: str = "list") -> Any:
        """Also the learned orders: "useful" and "like:CLASS" (see :meth:`learn`)."""
        if is_learned(by):
            return self.learn(*by.split(":", 1))
        self.stop_learning()
        return super().set_order(by)

    def stop_learning(self) -> None:
        """Stop what is being learned; the order stays as it is."""
        with self._changing():
            job, self._lesson = self._lesson, None
            known = self._state.vet.learned if self._state.vet is not None else None
            if job is not None and known is not None:
                self._update(vet=replace(self.vet, learned=replace(known, running="", progress=None)))
        if job is not None:
            job.cancel()

    def wait_for_learning(self, timeout: float = 60.0) -> Learned:
        """Block until nothing is being learned (for scripts and tests)."""
        end = time.monotonic() + timeout
        while self._lesson is not None and time.monotonic() < end:
            time.sleep(0.01)
        if self._lesson is not None:
            raise SpecvizError(f"Still learning after {timeout:.0f} s")
        return self.vet.learned or Learned()

    # ------------------------------------------------------------------ how it is done
    def _learn(self, by: str, klass: str, of: str) -> Job:
        if self.vet.adjudicating:
            raise SpecvizError(
                "Conflicts are being decided; they keep their order", remedy="Call adjudicate(False) first"
            )
        job = Job("Learning from labels", lambda job: self._learning(job, by, klass, of))
        with self._changing():
            old, self._lesson = self._lesson, job
            known = self.vet.learned or Learned(every=EVERY)
            self._update(vet=replace(self.vet, learned=replace(known, running="Learning", progress=None, problem="")))
            if self._lessons is None:
                self._lessons = Lane("specviz-learning", self._taught)
            self._lessons.put(job)
        if old is not None:
            old.cancel()
        return job

    def _learning(self, job: Job, by: str, klass: str, of: str) -> None:
        """Make the order, embed more stars, make it anew, until all that are at hand are embedded."""
        while True:
            left = self._embed_some(job)
            self._order(job, by, klass, of)
            if not left:
                return

    def _order(self, job: Job, by: str, klass: str, of: str) -> None:
        with self._lock:
            vet, vectors, self._since = self.vet, self._vectors, 0
            version, blocks = (
                vectors.version,
                [] if self._compared[:2] == (vectors, vectors.version) else vectors.blocks(),
            )
        labels = self._labels(vet.rows, of)
        scores = np.array([row.score for row in vet.rows])
        finished = np.array([row.label.done for row in vet.rows])
        self._say(job, "Learning")
        if self._compared[:2] != (vectors, version):  # whitening 20,000 stars takes seconds
            blocks = blocks or [np.full((len(vet.rows), 1), np.nan, np.float32)]
            made = features(blocks, [*self._rarities, *([scores] if np.isfinite(scores).any() else [])])
            self._compared = vectors, version, made
        known = self._compared[2]
        lesson = teach(known, labels, step=lambda words, at: self._say(job, words, 0.5 * at))
        if by == "useful":
            order = useful(lesson, seen=finished)
        else:
            order = like(lesson, klass, seen=finished, odd=scores)
        honest = honesty(lesson, finished=finished, step=lambda words, at: self._say(job, words, 0.5 + 0.5 * at))
        order = np.where(np.isfinite(order), order, _last(scores))
        with self._changing():
            if self._lesson is not job:
                return
            at = self._at
            if at is not None and at < len(order):
                order[at] = len(order) + 1.0  # what is on screen is first of all: the best ones follow it
            before = self.vet.learned or Learned()
            learned = Learned(
                by, klass, of, len(lesson.labels), honest, honest.text, _now(), int(known.known.sum()),
                len(vet.rows), before.every, before.running, before.progress,
            )  # fmt: skip
            self.rank(order, order_name(by, klass), learned=learned)
        self._prefetch_more()

    def _labels(self, rows: Sequence[Any], of: str) -> dict[int, str]:
        """Row -> class, of finished stars; those that nobody is sure of are left out."""
        unsure = self.vet.vocabulary.unsure
        if of == "mine":
            return {i: r.label.klass for i, r in enumerate(rows) if r.label.status(unsure) == "labelled"}
        from specviz.session.vetting.conflicts import consensus

        table = consensus(self.journal.events(), self.vet.vocabulary)
        agreed = {str(r["star"]): str(r["class"]) for r in table if str(r["how"]) not in ("conflict", "undecided")}
        return {i: agreed[row.key] for i, row in enumerate(rows) if row.key in agreed}

    def _say(self, job: Job, words: str, progress: float | None = None) -> None:
        """Tell what is going on; raises CancelledError where it was stopped."""
        job.step(words, progress)
        with self._changing():
            if self._lesson is job:
                known = self.vet.learned or Learned()
                self._update(vet=replace(self.vet, learned=replace(known, running=words, progress=progress)))

    def _taught(self, job: Job) -> None:
        with self._changing():
            if self._lesson is not job or self._state.vet is None:
                return
            self._lesson = None
            problem = ""
            if job.error is not None:
                problem = str(job.error) if isinstance(job.error, SpecvizError) else "A fault of specviz; see the log"
            known = self.vet.learned or Learned()
            self._update(vet=replace(self.vet, learned=replace(known, running="", progress=None, problem=problem)))

    def _write(self, changes: Sequence[tuple[str, str, Any]], *, undoes: str = "") -> bool:
        written = super()._write(changes, undoes=undoes)
        if written and any(kind in ("done", "undo", "redo") for _, kind, _ in changes):
            with self._changing():
                self._since += 1
                known = self.vet.learned
                mine = known is not None and not self.vet.adjudicating  # decisions are no labels of mine
                due = mine and known is not None and 0 < known.every <= self._since and self.vet.order_by == known.order
                idle = self._lesson is None  # one at work looks itself
            if due and idle and known is not None:
                self._learn(known.by, known.klass, known.of)
        return written

    # ------------------------------------------------------------------ embeddings
    def _keep(self, position: int, target: Any, known: tuple[Any, Any]) -> None:
        """A row has a report: its embedding belongs to it."""
        super()._keep(position, target, known)
        report = known[1]
        if not report.problem:
            with self._lock:
                if self._holds(position, target):
                    sha = report.provenance.weights_sha256
                    self._vectors.add(position, report.embeddings, report.embedding, sha)

    def _take_ranking(self, ranking: Any) -> None:
        """A ranking of this list has embedded its stars, and knows why each is odd."""
        super()._take_ranking(ranking)
        with self._lock:
            for row, vector in enumerate(ranking.embeddings):
                if np.isfinite(vector).all() and vector.size:
                    self._vectors.add(row, {}, vector, str(ranking.meta.get("weights_sha256", "")))
            self._rarities, self._compared = rarities(ranking.oddities), (None, -1, None)

    def _holds(self, position: int, target: Any) -> bool:
        rows = self._state.work
        return 0 <= position < len(rows) and rows[position].target is target

    def _embed_some(self, job: Job) -> int:
        """Embed rows that are at hand for a while, the labelled ones first; tells how many are left."""
        with self._lock:
            vet, work, known, vectors = self.vet, self._state.work, self._vectors.known, self._vectors
        open_ = [i for i in vet.order if not vet.rows[i].label.done]
        done = [i for i, row in enumerate(vet.rows) if row.label.done]
        shown = set(open_) | set(done)
        listed = [*done, *open_, *(i for i in range(len(work)) if i not in shown)]
        todo = [
            i for i in listed
            if not known[i] and i not in self._failed and at_hand(work[i].target, self.allow_paths)
        ]  # fmt: skip
        end, total = time.monotonic() + SECONDS, len(todo)
        while todo and time.monotonic() < end:
            self._idle.wait(1.0)  # the star that a person waits for goes first
            batch, todo = todo[:BATCH], todo[BATCH:]
            self._say(job, f"Comparing stars, {len(todo):,} to go", 1.0 - len(todo) / total)
            self._embed(job, batch, work, vectors)
            learned = vet.learned
            if learned is not None and learned.n_labels and 0 < learned.every <= self._since:
                break
        return len(todo)

    def _embed(self, job: Job, rows: Sequence[int], work: Sequence[Any], vectors: Vectors) -> None:
        stars, found, failed = [], [], set()
        for row in rows:
            try:
                star = resolve(work[row].target, sky=self.sky, allow_paths=self.allow_paths, monitor=job.monitor)
            except SpecvizError:
                job.step(job.message, job.progress)  # a stop is no failure of the star
                _log.info("row %d cannot be compared", row + 1, exc_info=True)
                failed.add(row)
            else:
                stars.append(star)
                found.append(row)
        told = self.engine.embed(stars) if stars else []
        sha = self.engine.describe().weights_sha256
        with self._lock:
            if vectors is not self._vectors:  # another list was taken up
                return
            for row, star_embeddings in zip(found, told, strict=True):
                leading = next((star_embeddings[s] for s in LEADING if s in star_embeddings), None)
                vectors.add(row, star_embeddings, leading, sha)
                if not star_embeddings:
                    failed.add(row)
            self._failed |= failed

    def close(self) -> None:
        self.stop_learning()
        with self._lock:
            lane, self._lessons = self._lessons, None
        if lane is not None:
            lane.leave()
        super().close()


def _last(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places behind all others: the oddest of them first."""
    odd = np.where(np.isfinite(scores), scores, -np.inf)
    places = np.empty(len(odd))
    places[np.argsort(-odd, kind="stable")] = -np.arange(1.0, len(odd) + 1.0)
    return places


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
