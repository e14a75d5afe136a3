"""What the tools gave, as plots in the conversation: spectrum, Gaia XP, posterior, light curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from specviz.session.state import Report
from specviz.spectra.star import Star
from specviz.views import formats, spectrum_data
from specviz.views.chart import ChartView
from specviz.views.line_marks import MARKS_SHOWN

HEIGHT = 210
OBSERVED, MODEL, PREDICTED = "Observed", "Model", "Predicted"
#: Rank of the lines that are marked: those of the small plot are few.
MARKED = 7
#: Points of a light curve that are drawn; of more every n-th is.
MOST = 4000
_OPTICAL = {"lamost_lrs": "LAMOST spectrum", "sdss": "SDSS spectrum", "other": "Optical spectrum"}


@dataclass(eq=False)
class Plot:
    """One plot.

    Parameters
    ----------
    title : str
    chart : ChartView
    sentence : str
        What it shows, for those who do not see it.
    star : Star, optional
        Whose optical spectrum it is: a model's curve may still come.
    """

    title: str
    chart: ChartView
    sentence: str
    star: Star | None = None

    def model(self, report: Report) -> bool:
        """Draw what a model made of the spectrum under it; False if that is nothing, or there already."""
        curves = spectrum_data.optical_curves(self.star, report, normalised=False)
        if self.star is not report.star or curves is None or MODEL in self.chart.layers or not curves.model["x"].size:
            return False
        if OBSERVED in self.chart.layers:
            self.chart.remove(OBSERVED)
        _curves(self.chart, curves)
        return True


def plots_of(made: Any) -> Iterator[Plot]:
    """The plots of a call.

    Parameters
    ----------
    made : Made
    """
    answer, report = made.answer, made.answer.shown.get("report") or made.extra.get("report")
    star = answer.shown.get("star") or (report.star if report is not None else None)
    what = str(answer.shown.get("view", ""))
    if answer.tool in ("load", "fetch", "star") or (answer.tool == "show" and what in ("star", "spectrum")):
        yield from _optical(star, report)
        if spectrum_data.optical(star) is None or what == "star":
            yield from _xp(star, report)
    elif answer.tool == "translate" and what == "lamost":
        yield from _optical(star, report)
    elif answer.tool == "translate" or what == "xp":
        yield from _xp(star, report)
    elif answer.tool == "posterior" or what == "posterior":
        yield from _posterior(
            report, str(answer.shown.get("label", "teff")), str(answer.arguments.get("survey", "any"))
        )
    elif "curve" in answer.shown:
        yield from _light_curve(star, answer.shown["curve"])


def _optical(star: Any, report: Any) -> Iterator[Plot]:
    curves = spectrum_data.optical_curves(star, report, normalised=False)
    if curves is None:
        return
    chart = ChartView(
        "Vacuum wavelength (Å)", curves.flux_label, height=HEIGHT, x_range=curves.x_range, y_range=curves.y_range
    )
    low, high = curves.x_range
    places = [(m.label, float(np.mean(m.ticks))) for m in MARKS_SHOWN if m.rank >= MARKED]
    chart.marks([(name, at) for name, at in places if low < at < high])
    _curves(chart, curves)
    seen = spectrum_data.optical(star)
    title = "Predicted LAMOST spectrum" if seen is None else _OPTICAL.get(seen.survey, "Spectrum")
    sentence = f"{title} of {star.name}, {low:.0f} to {high:.0f} Å"
    yield Plot(title, chart, sentence, star if seen is not None else None)


def _curves(chart: ChartView, curves: Any) -> None:
    """The model's curve is the wider one below: nothing covers data."""
    if curves.model["x"].size:
        chart.curve(MODEL, curves.model["x"], curves.model["y"], role="reconstructed", width=2.6)
    elif curves.predicted["x"].size and not curves.data["x"].size:
        chart.curve(PREDICTED, curves.predicted["x"], curves.predicted["y"], curves.predicted["e"], role="predicted")
    if curves.data["x"].size:
        chart.curve(OBSERVED, curves.data["x"], curves.data["y"], role="observed", width=0.8)


def _xp(star: Any, report: Any) -> Iterator[Plot]:
    curves = spectrum_data.xp_curves(star, report)
    if curves is None:
        return
    chart = ChartView("Wavelength (nm)", f"Flux ({curves.unit})", height=HEIGHT, y_range=curves.y_range)
    if curves.predicted["x"].size:
        sigma = curves.predicted["e"]
        error = sigma if np.isfinite(sigma).all() else None
        source = "" if report is None else str(getattr(report.predictions.get("gaia_xp"), "source", ""))
        name = f"{PREDICTED} from LAMOST" if source == "lamost_lrs" else MODEL if not source else PREDICTED
        role = "predicted" if source else "reconstructed"
        chart.curve(name, curves.predicted["x"] / 10, curves.predicted["y"], error, role=role, width=1.8)
    if curves.data["x"].size:
        chart.points(OBSERVED, curves.data["x"] / 10, curves.data["y"], role="observed", size=3.6)
    drawn = ", ".join(f"{name[:1].lower()}{name[1:]}" for name in chart.layers)
    yield Plot("Gaia XP spectrum", chart, f"Gaia XP spectrum of {star.name}: {drawn}")


def _posterior(report: Any, label: str, survey: str) -> Iterator[Plot]:
    wanted = {"xp": ("gaia_xp",), "lamost": ("lamost_lrs", "sdss", "other")}.get(survey, (report.survey,))
    found = next(
        (report.posteriors[s] for s in wanted if s in report.posteriors and label in report.posteriors[s].names), None
    )
    if found is None:
        return
    samples = np.asarray(found[label], float)
    samples = samples[np.isfinite(samples)]
    if samples.size < 20 or np.ptp(samples) == 0:
        return
    low, middle, high = np.quantile(samples, (0.15865, 0.5, 0.84135))
    left, right = np.quantile(samples, (0.002, 0.998))
    heights, edges = np.histogram(samples, bins=48, range=(left, right), density=True)
    unit = formats.unit(label)
    chart = ChartView(formats.heading(label) + (f" ({unit})" if unit else ""), "Density", height=HEIGHT)
    chart.bars("Posterior", edges, heights, role="masked")
    within = (edges[:-1] >= low) & (edges[1:] <= high)
    if within.any():
        first, last = int(np.flatnonzero(within)[0]), int(np.flatnonzero(within)[-1])
        chart.bars("68 %", edges[first : last + 2], heights[first : last + 1], role="reconstructed")
    chart.marks([("median", float(middle))])
    said = f"{formats.label(label, middle)} {unit}".strip()
    yield Plot(
        f"Posterior of {formats.heading(label)}",
        chart,
        f"Posterior of {formats.heading(label)} of {report.star.name}: median {said}",
    )


def _light_curve(star: Any, shown: Any) -> Iterator[Plot]:
    clean = shown.measured.curve
    step = max(1, -(-len(clean.time) // MOST))
    chart = ChartView("Time (d)", "Relative flux (ppm)", height=HEIGHT)
    chart.points("Light curve", clean.time[::step], 1e6 * (clean.flux[::step] - 1), role="observed", size=2.2)
    yield Plot("Light curve", chart, f"Light curve of {star.name} over {clean.span:.1f} days")
