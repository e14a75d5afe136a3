"""``specviz.explain``: why a model gives a star this value of a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.analysis.draft import READ_AS, SHOWN
from specviz.analysis.report import LEADING, Report
from specviz.errors import ModelError, OptionError, did_you_mean
from specviz.models.registry import DEFAULT_MODEL
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

if TYPE_CHECKING:
    from specviz.models.attribution import Attribution
    from specviz.models.protocol import StellarModel


def explain(
    x: Star | Spectrum | Report | str | Path,
    label: str = "fe_h",
    *,
    survey: str | None = None,
    model: str | StellarModel = DEFAULT_MODEL,
    device: str = "auto",
    cancel: Any = None,
) -> Attribution:
    """Why the model gives this star this value of a label, pixel by pixel.

    Integrated gradients from the star without its lines to the star: the contributions of the pixels add up (within
    1 %, or there is no answer) to the label less what the model says of a spectrum without lines. They say what the
    *model* reads, which is not always what physics says.

    Parameters
    ----------
    x : Star, Spectrum, Report or path
    label : str
        One that the model gives from that survey, such as "teff", "logg", "fe_h", "mg_fe".
    survey : str, optional
        Which spectrum; by default the leading one (LAMOST where there is one).
    model, device
        As in :func:`specviz.analyse`.
    cancel : threading.Event or callable() -> bool, optional
        Asked between passes.

    Returns
    -------
    Attribution
        ``contribution`` (L,) in the label's unit; ``lines()`` sums it over the line list; ``attention`` (L,) where the
        model attends.

    Raises
    ------
    ModelError
        If the model cannot say why, does not give that label, or cannot use the spectrum.

    Examples
    --------
    >>> why = specviz.explain(specviz.open("demo 1"), "teff")  # doctest: +SKIP
    >>> why.lines()[:3]                                        # doctest: +SKIP
    """
    from specviz.analysis.engine import Engine

    if isinstance(x, (str, Path)):
        from specviz.spectra.readers import read

        x = read(Path(x).expanduser())
    if isinstance(x, Report):
        x = x.star
    if not isinstance(x, (Star, Spectrum)):
        raise OptionError(f"{type(x).__name__} is no star", expected="a Star, a Spectrum, a Report or a file's path")
    if not isinstance(label, str):
        raise OptionError(f"label={label!r}", expected="the name of a label, such as 'fe_h'")
    return explain_star(Engine(model, device=device).model, _star(x), label, survey=survey, cancel=cancel)


def explain_star(
    model: StellarModel, star: Star, label: str, *, survey: str | None = None, cancel: Any = None
) -> Attribution:
    """The same for a model that is there; see :func:`explain`."""
    from specviz.analysis.engine import cancel_check

    card = model.describe()
    attribute = getattr(model, "attribute", None)
    if attribute is None or "attribute" not in card.capabilities:
        raise ModelError(f"{card.name} cannot say why", expected="a model that can attribute")
    chosen = survey or _leading(star, card.surveys)
    if chosen not in star.spectra:
        raise ModelError(
            f"{star.name} has no {SHOWN.get(chosen, chosen)} spectrum", expected=", ".join(star.spectra) or "a spectrum"
        )
    name = chosen if chosen in card.surveys else READ_AS.get(chosen, chosen)
    known = card.labels.get(name, ())
    if label not in known:
        raise ModelError(
            f"{card.name} gives no {label!r} from {SHOWN.get(chosen, chosen)} spectra",
            expected="one of " + ", ".join(known) if known else "another spectrum",
            remedy=did_you_mean(label, known),
        )
    stop: Callable[[], None] = cancel_check(cancel)
    stop()
    spectrum = star.spectra[chosen]
    prepared = model.prepare(spectrum if name == chosen else spectrum.with_(survey=name))
    result: Attribution = attribute(model.embed([prepared]), label, stop=stop)[0]
    return result


def _leading(star: Star, surveys: Iterable[str]) -> str:
    usable = set(surveys)
    found = next((s for s in LEADING if s in star.spectra and {s, READ_AS.get(s, s)} & usable), None)
    if found is None:
        raise ModelError(f"{star.name} has no spectrum that the model reads", expected=", ".join(sorted(usable)))
    return found


def _star(x: Star | Spectrum) -> Star:
    return x if isinstance(x, Star) else Star.from_spectrum(x)
