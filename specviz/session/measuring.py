"""``Measuring``: velocities by cross-correlation, equivalent widths and indices of the star on screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.errors import SpecvizError
from specviz.session.explaining import OPTICAL
from specviz.session.facing import Facing
from specviz.session.jobs import Job, Lane
from specviz.session.state import Correlated, State
from specviz.session.telling import told
from specviz.spectra.frames import header_velocity
from specviz.spectra.spectrum import Spectrum

if TYPE_CHECKING:
    from specviz.spectra.widths import EquivalentWidth

#: Gives the templates, the star's own first where its labels are known; made by ``app``, which knows the emulator.
Templates = Callable[[Mapping[str, float] | None], Sequence[Spectrum]]
#: Measurements that are kept; the oldest give way.
KEPT = 50


class Measuring(Facing):
    """The part of :class:`specviz.session.session.Session` that measures. All of it belongs to the star on screen: the
    next one begins without.

    Cross-correlation runs on a thread of its own; widths and indices cost milliseconds and are measured at once.
    """

    #: None: velocities cannot be measured in this session.
    templates: Templates | None = None
    _correlating: Job | None = None
    _correlating_lane: Lane | None = None

    # ------------------------------------------------------------------ the velocity
    @told
    def cross_correlate(self) -> Job:
        """Find the radial velocity of the star on screen (``state.velocity``); ``use_velocity`` then shows it.

        Raises
        ------
        SpecvizError
            If there is no star with an optical spectrum, or this session has no templates.
        """
        with self._changing():
            state, make = self._state, self.templates
            spectrum = optical_of(state)
            if make is None:
                raise SpecvizError("This session has no templates to measure velocities with")
            if self._correlating is not None:
                self._correlating.cancel()
            labels = _labels(state)

            def work(job: Job) -> Any:
                from specviz.spectra.velocity import cross_correlate

                job.step("Making templates")
                templates = make(labels)
                job.step("Cross-correlating")
                return cross_correlate(spectrum, templates, stop=lambda: job.step("Cross-correlating"))

            job = self._correlating = Job("Cross-correlation", work)
            if self._correlating_lane is None:
                self._correlating_lane = Lane("specviz-velocity", self._correlated)
            self._update(velocity=Correlated())
            self._correlating_lane.put(job)
            return job

    @told
    def use_velocity(self) -> float | None:
        """Show the velocity that was found: line marks and the rest frame follow it. Gives it, or None."""
        found = self._state.velocity
        if found is None or found.result is None:
            return None
        self.set(rv=round(found.result.rv, 2))
        return self._state.view.rv

    def drop_velocity(self) -> None:
        """Put the velocity that was found away, or stop looking for it."""
        with self._changing():
            self._drop_correlating()
            self._update(velocity=None)

    def _correlated(self, job: Job) -> None:
        with self._changing():
            if job is not self._correlating:  # another star was opened, or it was asked for again
                return
            self._correlating = None
            problem = ""
            if job.error is not None:
                problem = str(job.error) if isinstance(job.error, SpecvizError) else f"{job.title}: a fault of specviz"
            self._update(velocity=Correlated(job.result, problem))

    # ------------------------------------------------------------------ widths and indices
    @told
    def measure(self, low: float, high: float, method: str | None = None, **options: Any) -> EquivalentWidth:
        """Measure the equivalent width between two wavelengths; it is kept in ``state.measurements``.

        Parameters
        ----------
        low, high : float
            Vacuum Angstrom, as observed; in either order.
        method : {"bands", "edges", "continuum"}, optional
            As ``state.view.measure_by`` says where it is left out.
        **options
            ``bands`` and ``unit`` of :func:`specviz.spectra.widths.equivalent_width`.

        Returns
        -------
        EquivalentWidth
            As observed: that of a star in motion is (1 + z) times the one at rest.

        Raises
        ------
        SpecvizError
            If there is nothing to measure, with the reason.
        """
        from specviz.spectra.widths import equivalent_width

        state = self._state
        spectrum = optical_of(state)
        ends: Any = sorted((float(low), float(high)))
        how: Any = method or state.view.measure_by
        found = equivalent_width(spectrum, *ends, method=how, **options)
        with self._changing():
            if self._state.star is state.star:
                self._update(measurements=(*self._state.measurements, found)[-KEPT:])
        return found

    @told
    def clear_measurements(self, which: int | None = None) -> None:
        """Take one measurement away (its place in the list), or all."""
        with self._changing():
            kept = self._state.measurements
            kept = () if which is None else tuple(m for i, m in enumerate(kept) if i != which)
            if kept != self._state.measurements:
                self._update(measurements=kept)

    @told
    def indices(self) -> Any:
        """Spectral indices of the star on screen in its rest frame, an astropy Table.

        The velocity is the one that is shown (``state.view.rv``), else the one that came with the spectrum, else 0; see
        :func:`specviz.spectra.indices.measure_indices`.
        """
        return star_indices(self._state)

    def measurement_table(self) -> Any:
        """What was measured, an astropy Table with units; empty where nothing was."""
        from astropy import units as u
        from astropy.table import Table

        names = ("low", "high", "value", "error", "unit", "method", "missing")
        rows = [(m.low, m.high, m.value, m.sigma, m.unit, m.method, m.missing) for m in self._state.measurements]
        table = Table(rows=rows or None, names=names, dtype=(float, float, float, float, "U8", "U9", float))
        table["low"].unit = table["high"].unit = u.AA
        table.meta.update(
            object=self._state.star.name if self._state.star else "",
            wavelengths="vacuum, as observed",
            missing="share of the window that was masked and bridged",
        )
        return table

    # ------------------------------------------------------------------ within
    def _update(self, **changes: Any) -> None:
        """What was measured belongs to its star."""
        with self._changing():
            if "star" in changes and changes["star"] is not self._state.star:
                self._drop_correlating()
                changes |= dict(velocity=None, measurements=())
            super()._update(**changes)

    def _drop_correlating(self) -> None:
        job, self._correlating = self._correlating, None
        if job is not None:
            job.cancel()

    def _end_explaining(self) -> None:
        super()._end_explaining()
        with self._lock:
            lane, self._correlating_lane = self._correlating_lane, None
        self._drop_correlating()
        if lane is not None:
            lane.leave()


def star_indices(state: State) -> Any:
    """The table that :meth:`Measuring.indices` gives, of a state: what a view draws."""
    from specviz.spectra.indices import measure_indices

    spectrum = optical_of(state)
    rv = state.view.rv if state.view.rv is not None else header_velocity(spectrum)
    return measure_indices(spectrum, rv or 0.0)


def optical_of(state: State) -> Spectrum:
    """The optical spectrum of the star on screen; raises SpecvizError where there is none."""
    star = state.star
    found = None if star is None else next((star.spectra[s] for s in OPTICAL if s in star.spectra), None)
    if found is None:
        what = "There is no star on screen" if star is None else f"{star.name} has no optical spectrum"
        raise SpecvizError(what, expected="a LAMOST spectrum or another optical one")
    return found


def _labels(state: State) -> dict[str, float] | None:
    """Medians of the star's posterior, for a template of its own; None where the model gave none."""
    report = state.report
    if report is None:
        return None
    survey = next((s for s in OPTICAL if s in report.posteriors), None)
    if survey is None:
        return None
    return {name: float(np.asarray(values[0])) for name, values in report.posteriors[survey].summary().items()}
