"""``face_off``: one star read by every model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from specviz import api
from specviz.app.models_here import ModelsHere
from specviz.errors import OptionError

if TYPE_CHECKING:
    from specviz.analysis.face_off import FaceOff
    from specviz.models.protocol import StellarModel


def face_off(
    x: Any,
    models: Sequence[str | StellarModel] | str | None = None,
    *,
    device: str = "auto",
    samples: int | None = None,
    online: bool = True,
    progress: Callable[[float, str], None] | None = None,
    cancel: Any = None,
) -> FaceOff:
    """What every model says of one star, label by label, beside what catalogues say.

    Parameters
    ----------
    x : str, path, Star, Spectrum, Candidate or Report
        What :func:`specviz.explore` takes for one star; a report's model is not asked again.
    models : list of str or StellarModel, optional
        Names of ``specviz models list``, or models of yours. By default every model there is; those that are not on
        this machine say so in the answer.
    device, samples
        As in :func:`specviz.analyse`.
    online : bool
        Ask archives for names.
    progress : callable(fraction, text), optional
        Told before each model.
    cancel : threading.Event or callable() -> bool, optional

    Returns
    -------
    FaceOff
        ``.to_table()``: a row a value, with its error, model, spectrum, and training range; ``.differences()``: every
        pair of values of a label with their distance in standard errors.

    Examples
    --------
    >>> specviz.face_off("demo 1").to_table()["label", "model", "survey", "median"]  # doctest: +SKIP
    """
    from specviz.analysis.face_off import face_off as compare
    from specviz.analysis.report import Report
    from specviz.archives.finder import Sky
    from specviz.session.resolve import resolve

    if isinstance(x, Report):
        star, known = x.star, [x]
    else:
        star, known = resolve(x, sky=Sky(online=online)), []
    return compare(star, _engines(models, device), known=known, samples=samples, progress=progress, cancel=cancel)


def _engines(models: Any, device: str) -> dict[str, Any]:
    """An engine a model, or text that says why there is none."""
    if models is None:
        here = ModelsHere(device)
        return {c.name: c.missing or here.engine(c.name) for c in here.choices()}
    asked = [models] if isinstance(models, str) or hasattr(models, "describe") else list(models)
    if not asked:
        raise OptionError("models=[]", expected="at least one model, or None for all")
    engines = (api.default_engine(m, device) for m in asked)
    return {engine.name: engine for engine in engines}
