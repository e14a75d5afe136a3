"""Tools that measure the light curve of the star in hand, and ask SpectraFM and DESA about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from specviz.assistant.desk import Desk
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer, rounded, spoken
from specviz.errors import CancelledError, CoverageError, ModelError, NotFoundError, OptionError, did_you_mean
from specviz.models.posterior import label_unit
from specviz.spectra.star import LightCurve, Star
from specviz.spectra.stretches import STRETCHES

tools = Registry()
Part = Literal["whole", "blue arm", "red arm", "h alpha", "mg b", "ca ii triplet"]
_PARTS = {name.lower().replace("α", " alpha"): name for name in (one.label for one in STRETCHES)}
#: Probabilities between which an interval of 68 % lies.
LOW, HIGH = 0.16, 0.84


@dataclass(frozen=True, eq=False)
class CurveShown:
    """What the frames of a light curve draw (:class:`specviz.views.studies.curve_figures.CurveFigures`).

    Parameters
    ----------
    measured : MeasuredCurve
    folds : tuple of Folded
    """

    measured: Any
    folds: tuple[Any, ...]


@tools.add
def light_curve(desk: Desk) -> Answer:
    """Measure the light curve of the star in hand: rotation period, variability, oscillations, eclipses."""
    from specviz.analysis.measured_curve import measure_curve
    from specviz.analysis.studies.desa import folds_of, origin_of

    star, curve = _with_curve(desk)
    teff = star.catalogue.get("teff")
    found = measure_curve(curve, teff=None if teff is None else float(teff), stop=_stop(desk))
    clean, turning, hump, dips = found.curve, found.rotation, found.oscillations, found.eclipses
    data: dict[str, Any] = {
        "star": star.name, "from": origin_of(curve), "simulated": bool(curve.meta.get("simulated")),
        "days": rounded(clean.span), "points": int(clean.time.size), "taken_out": int(clean.removed),
        "cadence_minutes": rounded(1440.0 * clean.cadence, 3), "range_ppm": rounded(found.variability.range, 3),
        "noise_ppm": rounded(found.variability.noise, 3), "strongest_period_days": rounded(found.power.period),
        "rotation": None, "oscillations": None, "eclipses": None,
    }  # fmt: skip
    if turning.found:
        data["rotation"] = {
            "period_days": rounded(turning.period), "error_days": rounded(turning.error, 2),
            "height": rounded(turning.height, 3),
        }  # fmt: skip
    if hump.found:
        data["oscillations"] = {
            "nu_max_microhertz": rounded(hump.nu_max), "error_microhertz": rounded(hump.error, 2),
            "logg": rounded(hump.logg, 3),
        }  # fmt: skip
    if dips is not None and dips.found:
        data["eclipses"] = {
            "period_days": rounded(dips.period, 6), "error_days": rounded(dips.error, 2),
            "depth_ppm": rounded(dips.depth, 3), "duration_hours": rounded(dips.duration, 3),
            "events": int(dips.events),
        }  # fmt: skip
    shown = {"star": star, "view": "light_curve", "curve": CurveShown(found, folds_of(found))}
    return Answer("light_curve", data, shown, {"model": "measured by specviz", "version": _version()})


@tools.add(reaches="network")
def fetch_light_curve(desk: Desk) -> Answer:
    """Ask MAST for the Kepler or TESS light curve of the star in hand, keep it with the star, and measure it."""
    from specviz.session.curves import fetched

    desk.take(fetched(desk.in_hand(), sky=desk.sky))
    found = light_curve(desk)
    return Answer("fetch_light_curve", found.data, found.shown, found.provenance)


@tools.add
def stretch(
    desk: Desk, start: float | None = None, stop: float | None = None, part: Part = "whole", label: str = ""
) -> Answer:
    """What SpectraFM reads from a stretch of the spectrum alone, beside the whole spectrum, and where it looks.

    Parameters
    ----------
    start, stop : float
        Ends of the stretch, vacuum Angstrom as observed; both, or neither for a part by its name.
    part : str
        A stretch that has a name.
    label : str
        Only this label (teff, logg, fe_h, alpha_fe, c_fe, mg_fe), with the pixels it is read from.
    """
    asked = _asked(start, stop, part)
    engine, study = _study(desk, "spectrafm")
    prepared = study.prepare(_Shown(desk.in_hand()), _stop(desk))
    found = study.answer(prepared, {"ask": asked, "ask_label": label, "rv": None}, _stop(desk))
    if found.problem:
        raise CoverageError(found.problem, expected=f"{found.window[0]:.0f} to {found.window[1]:.0f} Å")
    names = [one.name for one in found.labels]
    if label and label not in names:
        raise OptionError(
            f"{found.model} gives no {label[:20]!r}", expected="one of " + ", ".join(names),
            remedy=did_you_mean(label, names),
        )  # fmt: skip
    rows = [
        {
            "label": one.name, "unit": one.unit, "value": rounded(one.value), "error": rounded(one.error, 2),
            "whole": rounded(one.whole), "whole_error": rounded(one.whole_error, 2),
            "outside_training": one.outside, "note": one.note,
        }
        for one in found.labels if not label or one.name == label
    ]  # fmt: skip
    data: dict[str, Any] = {
        "star": desk.in_hand().name, "survey": spoken(found.survey), "start": rounded(found.low),
        "stop": rounded(found.high), "part": "" if asked is None else _PARTS.get(part, ""), "whole": found.whole,
        "pixels": found.pixels, "labels": rows, "warnings": list(found.warnings),
    }  # fmt: skip
    if label:
        data["looks_at"] = [{"wavelength": rounded(p.wavelength, 5), "line": p.line} for p in found.peaks[:4]]
        data["elsewhere"] = [
            {"part": s.name, "value": rounded(s.value), "error": rounded(s.error, 2)}
            for s in found.stretches if not s.problem
        ]  # fmt: skip
    shown = {"star": desk.in_hand(), "view": "stretch", "study": found, "table": found.to_table()}
    return Answer("stretch", data, shown, _made_by(engine))


@tools.add
def desa(desk: Desk) -> Answer:
    """What DESA says of spectrum and light curve together: age, whether it is a close binary, whether they agree."""
    star = desk.in_hand()
    if star.light_curve is None and star.meta.get("simulated"):
        star, _ = _with_curve(desk)
    engine, study = _study(desk, "desa")
    prepared = study.prepare(_Shown(star), _stop(desk))
    found = study.answer(prepared, {}, _stop(desk))
    look = found.plain
    if look is None:
        raise ModelError(f"DESA says nothing of {star.name}", expected="; ".join(found.problems)[:300])
    age = None if look.age is None or not math.isfinite(look.age.median) else _interval("age", look.age)
    labels = [
        {**_interval(name, quantiles), "from": source.replace("_", " ")}
        for source, of in look.labels.items() for name, quantiles in of.items() if name != "age"
    ]  # fmt: skip
    data = {
        "star": star.name, "read": [s.replace("_", " ") for s in look.seen], "light_curve": found.curve,
        "simulated": bool(star.light_curve is not None and star.light_curve.meta.get("simulated")), "age": age,
        "close_binary_percent": None if look.binary is None else rounded(100.0 * look.binary, 2), "labels": labels,
        "disagreement_percentile": None if look.duality_rank is None else rounded(100.0 * look.duality_rank, 3),
        "notes": [*look.notes, *found.problems],
    }  # fmt: skip
    shown = {"star": star, "view": "desa", "study": found}
    return Answer("desa", data, shown, _made_by(engine))


# ---------------------------------------------------------------------------------------------- parts
@dataclass(frozen=True, eq=False)
class _Shown:
    """All that these studies read of a report: the star. None of the usual model's answers is needed for it."""

    star: Star


def _study(desk: Desk, name: str) -> tuple[Any, Any]:
    """The engine and the study of a system."""
    from specviz.app.studies import Studies

    return desk.engine(f"{name}-small"), Studies(desk.device)[name]


def _stop(desk: Desk) -> Callable[[], None]:
    def stop() -> None:
        if desk.cancelled.is_set():
            raise CancelledError("The answer was stopped")

    return stop


def _with_curve(desk: Desk) -> tuple[Star, LightCurve]:
    """The star in hand, and its light curve; a star of the demo sky gets its simulated one."""
    from specviz.session.curves import fetched

    star = desk.in_hand()
    if star.light_curve is None and star.meta.get("simulated"):
        star = fetched(star, sky=None)
    if star.light_curve is not None:
        return star, star.light_curve
    raise NotFoundError(
        f"There is no light curve of {star.name} here",
        remedy="Say “fetch its light curve” to ask MAST, or hand over a file of one",
    )


def _asked(start: float | None, stop: float | None, part: str) -> tuple[float, float] | None:
    if start is None and stop is None:
        return next(((b.start, b.stop) for b in STRETCHES if b.label == _PARTS.get(part)), None)
    if start is None or stop is None:
        raise OptionError("A stretch has two ends", expected="both start and stop, in Angstrom")
    if not 0.0 < start < stop:
        raise OptionError(f"start={start:g}, stop={stop:g}", expected="0 < start < stop, in Angstrom")
    if stop < 2000.0:
        raise OptionError(f"{start:g} to {stop:g} Å", expected="Angstrom", remedy="1 nm is 10 Å")
    return start, stop


def _interval(name: str, quantiles: Any) -> dict[str, Any]:
    median, low, high = quantiles.median, quantiles.at(LOW), quantiles.at(HIGH)
    return {
        "label": name, "unit": "d" if name == "prot" else label_unit(name), "value": rounded(median),
        "plus": rounded(high - median, 2), "minus": rounded(median - low, 2),
    }  # fmt: skip


def _made_by(engine: Any) -> Mapping[str, str]:
    card = engine.describe()
    return {"model": card.name, "version": card.version, "weights": card.weights_sha256[:12]}


def _version() -> str:
    import specviz

    return specviz.__version__
