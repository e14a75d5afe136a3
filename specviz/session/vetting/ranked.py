"""``Ranked``: how odd each star of the list is, found out behind the person who is labelling it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from specviz.archives.demo_batch import demo_together
from specviz.errors import CancelledError, OptionError, SpecvizError
from specviz.session.jobs import Job, Lane
from specviz.session.resolve import resolve
from specviz.session.state import Notice
from specviz.session.telling import told
from specviz.session.vetting.queueing import Queueing

_log = logging.getLogger(__name__)
#: Longest (s) that the ranking waits for a star that the person waits for, or that is made ready for them.
YIELD = 5.0
#: Stars analysed at once: few, for the person may go on in the middle of them.
AT_ONCE = 8
#: Seconds between two words about how far it is.
TELL = 0.2


class Ranked(Queueing):
    """The part of a vetting session that ranks its list."""

    order_first: Literal["list", "odd"] = "list"
    """The order in which :meth:`begin` takes a list up."""
    _ranking: Job | None = None  # the one that runs
    _ranked_last: Job | None = None
    _lane: Lane | None = None

    @told
    def set_order(self, by: str = "list") -> None:
        """Go through them in the order of the list ("list"), or the oddest first ("odd").

        Where it is not known how odd they are, the list is ranked first, on a thread of its own: the order changes when
        that is done, ``state.vet.doing`` says how far it is, and :meth:`stop_ranking` stops it.

        Raises
        ------
        OptionError
            There is no such order.
        """
        if by == "odd" and not np.isfinite([r.score for r in self.vet.rows]).any():
            self._rank_list()
        else:
            super().set_order(by)

    def stop_ranking(self) -> None:
        """Let the list be as it is."""
        job, self._ranking, self._ranked_last = self._ranking, None, None
        if job is not None:
            job.cancel()
            self._do(job, "")

    def wait_ranked(self, timeout: float = 600.0) -> None:
        """Block until no ranking runs (for scripts and tests).

        Raises
        ------
        SpecvizError
            It has not ended by then, or could not be done.
        """
        until = time.monotonic() + timeout
        while self._ranking is not None:
            if time.monotonic() > until:
                raise SpecvizError(f"The list is not ranked after {timeout:.0f} s", remedy="Wait longer")
            time.sleep(0.02)
        if self._ranked_last is not None and self._ranked_last.error is not None:
            raise self._ranked_last.error

    def take_scores(self, scores: ArrayLike, oddity: Any = None) -> None:
        """How odd each row is, larger = odder; ``oddity(report)`` says why, from now on.

        Raises
        ------
        OptionError
            They are not as many as the rows.
        """
        found = np.asarray(scores, np.float64).ravel()
        with self._lock:
            if oddity is not None:
                self._oddity = oddity
            known = [report for report, _ in self._odds.values()]
            shown = self._state.report
        if shown is not None and not shown.problem:
            known.append(shown)
        again = {id(report): (report, oddity(report)) for report in known} if oddity is not None else {}
        with self._changing():
            vet = self.vet
            if found.size != len(vet.rows):
                raise OptionError(f"{found.size} scores for {len(vet.rows)} stars", expected="one score a star")
            rows = tuple(replace(r, score=float(s)) for r, s in zip(vet.rows, found, strict=True))
            self._odds.update(again)
            odd = self._odds.get(id(self._state.report))
            self._update(vet=replace(vet, rows=rows, odd=vet.odd if odd is None else odd[1]))

    # ------------------------------------------------------------------ how it is done
    def _order_at_start(self) -> None:
        scores = np.array([r.score for r in self.vet.rows])
        if self.order_first == "odd" and np.isfinite(scores).any():
            self.rank(scores, "odd")

    def _rank_list(self) -> None:
        with self._lock:
            if self._ranking is not None:
                return
            targets = [w.target for w in self._state.work]
            job = self._ranking = self._ranked_last = Job("Ranking the list", lambda job: self._ranked(job, targets))
            if self._lane is None:
                self._lane = Lane("specviz-rank", self._rank_done)
            lane = self._lane
        self._do(job, "Ranking the list")
        lane.put(job)

    def _ranked(self, job: Job, targets: Sequence[Any]) -> Any:
        from specviz.catalog.outliers import rank

        said = 0.0

        def tell(fraction: float, words: str) -> None:
            nonlocal said
            job.step(words, fraction)
            if time.monotonic() - said > TELL:  # a list of files goes by faster than a person reads
                said = time.monotonic()
                self._do(job, f"Ranking the list: {words[:1].lower()}{words[1:]}")

        def stopped() -> bool:
            """Asked between any two things that are done; a person who waits for a star goes first."""
            until = time.monotonic() + YIELD
            while self._jobs.current is not None or self._jobs.ahead is not None:
                if job.cancelled or time.monotonic() > until:
                    break
                time.sleep(0.01)
            return job.cancelled

        self._idle.wait(YIELD)  # the first star first
        return rank(
            targets,
            self.engine,
            read=lambda target: resolve(target, sky=self.sky, allow_paths=self.allow_paths),
            gather=demo_together,
            batch_size=AT_ONCE,
            progress=tell,
            cancel=stopped,
        )

    def _do(self, job: Job, words: str) -> None:
        """Say how far the ranking is, or that it is over; nothing of one that was stopped."""
        with self._changing():
            vet = self._state.vet
            if vet is not None and vet.doing != words and (self._ranking is job or not words):
                self._update(vet=replace(vet, doing=words))

    def _rank_done(self, job: Job) -> None:
        try:
            if self._ranking is not job:  # stopped, or the session is closed
                return
            if job.error is None:
                self.take_scores(job.result.scores, job.result.scorer.of)
                self._take_ranking(job.result)
                super().set_order("odd")
            elif not isinstance(job.error, CancelledError):
                _log.warning("the list could not be ranked", exc_info=job.error)
                self._tell_unranked(job.error)
        except Exception as error:  # noqa: BLE001 - the lane must outlive any fault; it is logged and shown
            job.error = error
            _log.exception("what a ranking found could not be taken in")
            self._tell_unranked(error)
        finally:
            self._do(job, "")
            if self._ranking is job:
                self._ranking = None

    def _tell_unranked(self, error: BaseException) -> None:
        words = str(error) if isinstance(error, SpecvizError) else "A fault of specviz; the rest goes on working"
        self.tell(Notice("warning", "The list could not be ranked", words))

    def close(self) -> None:
        self.stop_ranking()
        if self._lane is not None:
            self._lane.leave()
        super().close()
