"""``DesaStudy``: the light curve of a star measured, and what DESA says of it beside the spectrum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine
from specviz.analysis.measured_curve import MeasuredCurve, measure_curve
from specviz.analysis.report import Report
from specviz.analysis.studies.folded import Folded, fold
from specviz.analysis.studies.protocol import Stop
from specviz.errors import CancelledError, ModelError, SpecvizError
from specviz.models.desa.look import Background, Look
from specviz.models.desa.spectrum_views import arm_steps
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import LightCurve, Star

Array = NDArray[np.float64]
#: The first of these that the star has is given to DESA.
SURVEYS = ("lamost_lrs", "sdss", "other")
#: Catalogue values of the published latent vector, and where a star's catalogue keeps them.
LATENT = {name: (name,) for name in ("teff", "logg", "prot", "fe_h", "ruwe")} | {"radius": ("radius", "radius_rsun")}


@dataclass(frozen=True, eq=False)
class Arm:
    """What happens to one arm of the spectrum before DESA reads it: arrays of shape (n,).

    Parameters
    ----------
    wavelength : array
        At rest, vacuum Angstrom.
    flux, polynomial : array
        Observed, and the polynomial it is divided by; relative.
    view : array
        As DESA reads it: their ratio, clipped, in standard deviations.
    """

    wavelength: Array
    flux: Array
    polynomial: Array
    view: Array


@dataclass(frozen=True, eq=False)
class Channels:
    """The light curve as DESA reads it.

    Parameters
    ----------
    time : array, shape (L,)
        Days, and lag in days of the autocorrelation.
    frequency : array, shape (L,)
        Microhertz, of the Fourier transform.
    views : array, shape (4, L)
        Flux, flux in standard deviations, autocorrelation in standard deviations, log of 1 + |Fourier transform|.
    """

    time: Array
    frequency: Array
    views: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DesaAnswer:
    """What the panel draws.

    Parameters
    ----------
    star : str
    model : str
        Name and version, "" where the model did not speak.
    measured : MeasuredCurve or None
        The light curve and what was measured of it.
    folds : tuple of Folded
        The curve folded at the periods that were found, the rotation first.
    curve : str
        Where the light curve is from; where there is none that can be measured, why.
    simulated : bool
        The star is one of the demo sky: its light curve is made, not fetched.
    arms : tuple of Arm
    channels : Channels or None
    plain : Look or None
        DESA without catalogue values.
    leaking : Look or None
        DESA with the values in ``given``, where that is asked for and there are any.
    given : mapping
        Catalogue values that leak: teff (K), logg, prot (d), fe_h, radius (solar), ruwe.
    latent : bool
        Catalogue values were asked for.
    background : Background or None
        Stars to see this one among, in the eigenspace of ``leaking`` where there is one, else of ``plain``.
    problems : tuple of str
        What DESA could not use, or why it says nothing.
    """

    star: str
    model: str
    measured: MeasuredCurve | None
    folds: tuple[Folded, ...]
    curve: str
    simulated: bool
    arms: tuple[Arm, ...]
    channels: Channels | None
    plain: Look | None
    leaking: Look | None
    given: Mapping[str, float]
    latent: bool
    background: Background | None
    problems: tuple[str, ...] = ()

    @property
    def look(self) -> Look | None:
        """What places the star among the others: with catalogue values where they were given."""
        return self.leaking if self.leaking is not None else self.plain


@dataclass(frozen=True, eq=False)
class _Star:
    """What is worked out once a star; the network is asked once without and, when that is wanted, once with labels."""

    name: str
    simulated: bool
    measured: MeasuredCurve | None
    folds: tuple[Folded, ...]
    curve: str
    arms: tuple[Arm, ...]
    channels: Channels | None
    model: Any
    spectrum: Any  # Prepared
    given: Mapping[str, float]
    problems: tuple[str, ...]
    looks: dict[bool, Look | None] = field(default_factory=dict)


class DesaStudy:
    """Measures the light curve and asks DESA.

    Parameters
    ----------
    engine : callable
        Gives the engine, whose model has ``look`` (:meth:`specviz.models.desa.model.Desa.look`).
    """

    options = ("latent",)

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def prepare(self, report: Report, stop: Stop) -> _Star:
        """Measure the light curve, prepare both for DESA. Whatever one part lacks, the others are there.

        Raises
        ------
        ModelError
            If the star has neither an optical spectrum nor a light curve.
        """
        star = report.star
        spectrum = next((star.spectra[s] for s in SURVEYS if s in star.spectra), None)
        if spectrum is None and star.light_curve is None:
            held = "only a Gaia XP spectrum" if star.spectra else "neither"
            raise ModelError(
                f"{star.name} has {held}", expected="an optical spectrum or a light curve", remedy="Open a file of one"
            )
        problems: list[str] = []
        measured, said = _measured(star, stop)
        stop()
        model = self._model(problems)
        prepared = None if model is None or spectrum is None else _try(lambda: model.prepare(spectrum), problems)
        channels = None
        if model is not None and star.light_curve is not None:
            curve = star.light_curve
            made = _try(lambda: model.prepare_light_curve(curve), problems)
            if made is not None:
                channels = _channels(model, made[0])
                problems += [made[1][0].upper() + made[1][1:]] if made[1] else []
        return _Star(
            star.name, bool(star.meta.get("simulated")), measured, folds_of(measured), said, _arms(spectrum), channels,
            model, prepared, _catalogue(star), tuple(problems),
        )  # fmt: skip

    def answer(self, prepared: _Star, options: Mapping[str, Any], stop: Stop) -> DesaAnswer:
        """What DESA says without catalogue values, and with them where that is asked for."""
        star, latent = prepared, bool(options.get("latent"))
        problems = list(star.problems)
        plain = self._look(star, False, problems)
        stop()
        leaking = self._look(star, True, problems) if latent and star.given else None
        if leaking is not None and not leaking.latent:  # of one alone: the heads take no catalogue values
            leaking = None
        model, background = "", None
        if star.model is not None:
            card = star.model.describe()
            model = f"{card.name} {card.version}".strip()
            background = star.model.background(latent=leaking is not None)
        return DesaAnswer(
            star.name, model, star.measured, star.folds, star.curve, star.simulated, star.arms, star.channels, plain,
            leaking, star.given, latent, background, tuple(dict.fromkeys(problems)),
        )  # fmt: skip

    def _model(self, problems: list[str]) -> Any:
        model = _try(lambda: self._engine().model, problems)
        if model is not None and not hasattr(model, "look"):
            problems.append(f"{model.describe().name} looks at no light curves: DESA does")
            return None
        return model

    @staticmethod
    def _look(star: _Star, latent: bool, problems: list[str]) -> Look | None:
        if latent not in star.looks:
            curve = None if star.channels is None else star.channels.views
            asked = star.model is not None and (star.spectrum is not None or curve is not None)
            given = star.given if latent else None
            star.looks[latent] = (
                _try(lambda: star.model.look(star.spectrum, curve, latent=given), problems) if asked else None
            )
        return star.looks[latent]


def _try(work: Callable[[], Any], problems: list[str]) -> Any:
    """What ``work`` gives; None, and why in ``problems``, where it cannot."""
    try:
        return work()
    except CancelledError:
        raise
    except SpecvizError as error:
        problems.append(str(error))
        return None


def _measured(star: Star, stop: Stop) -> tuple[MeasuredCurve | None, str]:
    """The light curve measured, and where it is from or why it is not."""
    curve = star.light_curve
    if curve is None:
        return None, "This star has no light curve"
    teff = star.catalogue.get("teff")
    try:
        measured = measure_curve(curve, teff=None if teff is None else float(teff), stop=stop)
    except CancelledError:
        raise
    except SpecvizError as error:
        return None, str(error)
    return measured, origin_of(curve)


def origin_of(curve: LightCurve) -> str:
    """Where a light curve is from: "Kepler quarters 1-4", "TESS sector 12", the file's name."""
    for key, mission in (("quarter", "Kepler quarter"), ("campaign", "K2 campaign"), ("sector", "TESS sector")):
        which = curve.meta.get(key)
        if which is None:
            continue
        numbers = [int(n) for n in str(which).split(", ") if n.isdecimal()]
        if len(numbers) < 2:
            return f"{mission} {which}"
        run = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 2
        text = f"{numbers[0]}–{numbers[-1]}" if run else ", ".join(map(str, numbers))
        return f"{mission}s {text}"
    path = str(curve.meta.get("path") or "")
    return str(curve.meta.get("origin") or path.replace("\\", "/").rsplit("/", 1)[-1] or "given")


def folds_of(measured: MeasuredCurve | None) -> tuple[Folded, ...]:
    """Folded at each period that was found; at the strongest of the power spectrum where none was."""
    if measured is None:
        return ()
    found = []
    if measured.rotation.found:
        found.append(fold(measured.curve, measured.rotation.period, "rotation"))
    dips = measured.eclipses
    if dips is not None and dips.found:
        found.append(fold(measured.curve, dips.period, "eclipses", dips.epoch - measured.curve.start))
    if not found and np.isfinite(measured.power.period):
        found.append(fold(measured.curve, measured.power.period, "strongest"))
    return tuple(found)


def _arms(spectrum: Spectrum | None) -> tuple[Arm, ...]:
    if spectrum is None:
        return ()
    steps = arm_steps(spectrum)
    return tuple(Arm(s["wavelength"], s["flux"], s["polynomial"], np.asarray(s["view"], np.float64)) for s in steps)


def _channels(model: Any, views: NDArray[np.float32]) -> Channels:
    days = float(model.cadence_hours) / 24.0
    n = views.shape[1]
    time = np.arange(n, dtype=np.float64) * days
    frequency = np.linspace(0.0, 0.5 / days / 0.0864, n, dtype=np.float64)
    return Channels(time, frequency, np.asarray(views, np.float32))


def _catalogue(star: Star) -> dict[str, float]:
    """The catalogue values that the publication gives to the network, as far as they are known."""
    out: dict[str, float] = {}
    for name, keys in LATENT.items():
        for key in keys:
            value = star.catalogue.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
                out.setdefault(name, float(value))
    ruwe = getattr(star.meta.get("gaia_source"), "ruwe", None)
    if ruwe is not None and np.isfinite(ruwe):
        out.setdefault("ruwe", float(ruwe))
    return out
