"""What a notebook calls: ``specviz.open``, ``get``, ``analyse``, ``translate``, ``similar``, ``load_model``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from specviz import extensions
from specviz.errors import ModelError, OptionError, SpecvizError, did_you_mean
from specviz.errors import refuse_unknown as _refuse
from specviz.models.registry import DEFAULT_MODEL
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

if TYPE_CHECKING:
    from specviz.analysis.engine import Engine
    from specviz.catalog.demo import DemoCatalog
    from specviz.models.protocol import StellarModel

_lock, _catalog_lock = threading.Lock(), threading.Lock()  # two: making a catalogue must not hold up an analysis
_engines: dict[tuple[str, str, int], Engine] = {}
_catalogs: dict[tuple[str, str], DemoCatalog] = {}


def open(path: str | Path, source_id: int | str | None = None) -> Star:
    """Read one star from a file, whatever its layout; or take one of the demo stars.

    Parameters
    ----------
    path : str or Path
        LAMOST, SDSS or Kepler FITS, Gaia XP tables, text; plain or gzip. Or the name of a demo star, such as "demo 1",
        where no file is called so.
    source_id : int or str, optional
        Which source, in a Gaia XP file of many.

    Returns
    -------
    Star

    Raises
    ------
    ReadError, NotFoundError
        With what is wrong with the file.

    Examples
    --------
    >>> import specviz
    >>> star = specviz.open("spec-55859-F5902_sp01-034.fits.gz")  # doctest: +SKIP
    >>> star.spectra["lamost_lrs"]                                # doctest: +SKIP
    """
    if (star := _demo_star(path)) is not None:
        return star
    from specviz.spectra.readers import read

    return read(_path(path), source_id=source_id)


def open_all(path: str | Path) -> list[Star]:
    """Read every star of a file; a Gaia XP file may hold thousands.

    Examples
    --------
    >>> stars = specviz.open_all("XP_CONTINUOUS.csv")  # doctest: +SKIP
    """
    if (star := _demo_star(path)) is not None:
        return [star]
    from specviz.spectra.readers import read_all

    return read_all(_path(path))


def get(
    name: Any,
    *,
    release: str = "DR3",
    lamost_release: str | None = None,
    light_curve: bool = False,
    again: bool = False,
    progress: Callable[[Any], None] | None = None,
    cancel: Any = None,
    **unknown: Any,
) -> Any:
    """Fetch a star from the archives: its LAMOST and Gaia XP spectra, catalogue values, identifiers.

    SIMBAD tells what a name means; LAMOST, Gaia and (where asked) MAST are then asked at the same time. What was
    fetched is kept on this machine (``specviz cache``), and is what is given where there is no network.

    Parameters
    ----------
    name : str, Candidate, or a list of them
        ``"HD 140283"``, ``"Gaia DR3 4345775217221821312"``, ``"obsid 353301001"``, ``"KIC 8098300"``, ``"demo 42"``, a
        TIC number, a designation of 2MASS or LAMOST, a position (ICRS).
    release, lamost_release : str
        Gaia data release of ids that say none and of the spectra; LAMOST's, by default the newest public one.
    light_curve, again : bool
        Ask MAST for a light curve too; ask even for what was fetched before.
    progress, cancel
        ``progress(Step)`` hears what each service is doing, in bytes; an Event or a callable stops at any moment.

    Returns
    -------
    Star, or a list of them for a list
        ``star.meta["services"]`` says how asking each service went. In a list, a star that could not be fetched is one
        without spectra whose ``meta["error"]`` says why.

    Raises
    ------
    AmbiguousError, NotFoundError, ArchiveError
        Several stars may be meant (pass one of its ``candidates``); nobody knows it; the services cannot be asked.
    """
    _refuse("get", unknown, ("release", "lamost_release", "light_curve", "again", "progress", "cancel"))
    from specviz.archives.finder import get as fetch

    asked: dict[str, Any] = dict(release=release, lamost_release=lamost_release, light_curve=light_curve)
    return fetch(name, **asked, again=again, progress=progress, cancel=cancel)


def analyse(
    x: Any,
    *,
    model: str | StellarModel = DEFAULT_MODEL,
    device: str = "auto",
    samples: int | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancel: Any = None,
    **unknown: Any,
) -> Any:
    """What a model says of a star: parameters with their posterior, the other surveys' spectra, anomaly, quality.

    Parameters
    ----------
    x : Star, Spectrum, path, or a list of them
        A specutils spectrum is taken too. A file that holds several stars gives a list.
    model : str or StellarModel
        Name of a model, see ``specviz.models.registry.available_models()``.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps".
    samples : int, optional
        Posterior samples a star, 10,000 if not given.
    progress : callable(fraction, text), optional
        Called as the stars of a list are done.
    cancel : threading.Event or callable() -> bool, optional
        Stops between batches.

    Returns
    -------
    Report, or a list of them for a list
        In a list, a star that cannot be used or a file that cannot be read is a report whose ``problem`` says why.

    Examples
    --------
    >>> report = specviz.analyse("spec-55859-F5902_sp01-034.fits.gz")  # doctest: +SKIP
    >>> report.posterior.summary()["teff"]                             # doctest: +SKIP
    >>> report.to_table()                                              # doctest: +SKIP
    """
    _refuse("analyse", unknown, ("model", "device", "samples", "progress", "cancel"))
    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1):
        raise OptionError(f"samples={samples!r}", expected="a whole number of at least 1")
    engine = default_engine(model, device)
    options: dict[str, Any] = {"samples": samples, "progress": progress, "cancel": cancel}
    if not _is_list(x):
        target = _targets(x)
        return engine.analyse(target[0] if len(target) == 1 else target, **options)
    from specviz.analysis.engine import problem_report

    slots: list[Any] = []
    for item in x:
        try:
            slots += _targets(item)
        except (SpecvizError, OSError) as error:
            if not isinstance(item, (str, Path)):
                raise
            slots.append(problem_report(Path(item).name, str(error), path=str(item)))
    usable = [slot for slot in slots if isinstance(slot, (Star, Spectrum))]
    reports = iter(engine.analyse(usable, **options))
    return [next(reports) if isinstance(slot, (Star, Spectrum)) else slot for slot in slots]


def translate(
    x: Any, to: str = "gaia_xp", *, model: str | StellarModel = DEFAULT_MODEL, device: str = "auto", **unknown: Any
) -> Any:
    """The star as another survey would see it.

    Parameters
    ----------
    x : Star, Spectrum, path, Report, or a list of them
        A report's prediction is used as it is; nothing is computed twice.
    to : {"gaia_xp", "lamost_lrs"}
        The survey to predict.
    model, device
        As in :func:`analyse`.

    Returns
    -------
    PredictedSpectrum, or a list of them for a list
        With the standard deviation of the prediction; ``flux * scale`` lies on the observed spectrum if there is one.

    Examples
    --------
    >>> xp = specviz.translate("spec-55859-F5902_sp01-034.fits.gz", to="gaia_xp")  # doctest: +SKIP
    """
    _refuse("translate", unknown, ("to", "model", "device"))
    if not isinstance(to, str):
        raise OptionError(f"to={to!r} is no survey", expected="a name such as 'gaia_xp'")
    if _is_list(x):
        return [translate(item, to, model=model, device=device) for item in x]
    engine = default_engine(model, device)
    if _is_report(x):
        if to in x.predictions:
            return x.predictions[to]
        x = x.star
    surveys = engine.describe().surveys
    if to not in surveys:
        raise ModelError(
            f"{engine.name} does not translate to {to!r}",
            expected="one of " + ", ".join(surveys),
            remedy=did_you_mean(to, surveys, 0.4),
        )
    target = _targets(x)
    return engine.translate(target[0] if len(target) == 1 else target, to)


def similar(
    x: Any,
    k: int = 20,
    *,
    catalogue: Any = None,
    by: str | None = None,
    among: str | None = None,
    where: Any = None,
    model: str | StellarModel = DEFAULT_MODEL,
    device: str = "auto",
    **unknown: Any,
) -> Any:
    """The stars of a catalogue that look most like this one to the model.

    Parameters
    ----------
    x : Star, Spectrum, path, Report, row of ``catalogue``, or a list of them
        A LAMOST (or SDSS) spectrum is compared with LAMOST spectra, a Gaia XP spectrum with XP spectra. The star
        itself, if it is in the catalogue, is left out.
    k : int
        How many.
    catalogue : path or StarCatalog, optional
        A catalogue of many stars, of the same model; the packaged one by default.
    by, among : {"lamost", "xp"}, optional
        With ``catalogue``: which of the star's spectra is compared, with which of the catalogue's.
    where : Selection or str, optional
        With ``catalogue``: which of its stars are searched, ``"teff 5000..6000 snr>50"``.
    model, device
        As in :func:`analyse`.

    Returns
    -------
    astropy.table.Table, or a list of them for a list
        rank, row, object_id, similarity (cosine), class, teff, logg, fe_h, alpha_fe, snr; units where there are.

    Examples
    --------
    >>> specviz.similar(star, k=5)                                                  # doctest: +SKIP
    >>> specviz.similar(star, catalogue="lamost.specviz", where="snr>50 class G")   # doctest: +SKIP
    """
    _refuse("similar", unknown, ("k", "catalogue", "by", "among", "where", "model", "device"))
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise OptionError(f"k={k!r}", expected="a whole number of at least 1")
    engine = default_engine(model, device)
    from specviz.catalog.search.asking import embedded, opened, similar_stars, similar_to_row

    asked: dict[str, Any] = {"by": by, "among": among, "where": where, "device": device}
    if catalogue is not None:
        catalogue = opened(catalogue, engine.describe().weights_sha256)
        if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
            return similar_to_row(catalogue, int(x), int(k), **asked)
    elif by or among or where is not None:
        raise OptionError("by, among and where need a catalogue", remedy="Name one: catalogue='lamost.specviz'")
    targets = list(x) if _is_list(x) else [x] if _is_report(x) else _targets(x)
    if _is_list(x) or len(targets) != 1:
        asked |= {"catalogue": catalogue, "model": model}
        return [similar(target, k, **asked) for target in targets]
    star, survey, embeddings = embedded(engine, targets[0])
    if catalogue is not None:
        return similar_stars(catalogue, embeddings, int(k), exclude=catalogue.star_rows(star), **asked)
    index = demo_catalog(engine, "gaia_xp" if survey == "gaia_xp" else "lamost_lrs")
    return index.search(embeddings[survey], k=int(k), exclude=star.name)


def load_model(
    name: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    compat: bool = False,
    retrieval: Literal["split", "predrecon"] = "split",
    **unknown: Any,
) -> StellarModel:
    """The model of that name, loaded; the same object at every call.

    Parameters
    ----------
    name : str
    device : str
        As in :func:`analyse`.
    compat, retrieval
        For "specclip-official" alone: normalise LAMOST spectra twice, as the official demo does; whose embedding is
        compared and predicts the other survey. What comes out is passed on as ``model=`` to the other functions.

    Examples
    --------
    >>> specviz.load_model().describe().labels  # doctest: +SKIP
    >>> specviz.load_model("specclip-official", retrieval="predrecon")  # doctest: +SKIP
    """
    _refuse("load_model", unknown, ("device", "compat", "retrieval"))
    if compat or retrieval != "split":
        from specviz.models.registry import load_model as load

        return load(name, device=device, compat=compat, retrieval=retrieval)
    return default_engine(name, device).model


def default_engine(model: str | StellarModel = DEFAULT_MODEL, device: str = "auto") -> Engine:
    """The engine that everything in this process shares: one a model name and device, so that weights are in memory
    once.
    """
    from specviz.analysis.engine import Engine

    if not isinstance(device, str):
        raise OptionError(f"device={device!r}", expected="'auto', 'cpu', 'cuda' or 'mps'")
    if not isinstance(model, str):
        if not hasattr(model, "prepare") or not hasattr(model, "describe"):
            raise OptionError(f"model={model!r}", expected="a model's name, or an object that meets StellarModel")
        return Engine(model)
    added = extensions.models().get(model)
    key = (model, device, 0 if added is None else added.number)  # registered again, it is another model
    with _lock:
        if key not in _engines:
            _engines[key] = Engine(model, device=device)
        return _engines[key]


def demo_catalog(engine: Engine, survey: str = "lamost_lrs") -> DemoCatalog:
    """The packaged catalogue for an engine's model, made at the first call and shared."""
    from specviz.archives.demo import DemoArchive
    from specviz.catalog.demo import demo_index

    key = (engine.describe().weights_sha256, survey)
    with _catalog_lock:
        if key not in _catalogs:
            _catalogs[key] = demo_index(engine.model, DemoArchive(), survey=survey)
        return _catalogs[key]


# ---------------------------------------------------------------------------------------------- what was handed in
def _demo_star(name: Any) -> Star | None:
    """The demo star of that name; None for everything that is not said like one, and where a file has the name."""
    if not isinstance(name, str) or not name.lower().startswith("demo ") or Path(name).expanduser().exists():
        return None
    from specviz.archives.demo import DemoArchive

    return DemoArchive().fetch(name)


def _path(path: Any) -> Path:
    if not isinstance(path, (str, Path)):
        raise OptionError(f"{type(path).__name__} is no path", expected="the name of a file, as str or Path")
    return Path(path).expanduser()


def _is_list(x: Any) -> bool:
    return isinstance(x, (list, tuple)) or (hasattr(x, "__next__") and not isinstance(x, (str, Path)))


def _is_report(x: Any) -> bool:
    from specviz.analysis.report import Report

    return isinstance(x, Report)


def _targets(x: Any) -> list[Any]:
    """What the engine takes, from what a person has: stars of a file, a spectrum of specutils."""
    if isinstance(x, (Star, Spectrum)):
        return [x]
    if isinstance(x, (str, Path)):
        return list(open_all(x))
    if hasattr(x, "spectral_axis") and hasattr(x, "flux"):
        return [Spectrum.from_specutils(x)]
    if _is_report(x):
        return [x.star]
    hint = "specviz.Spectrum(wavelength, flux, ivar, survey=...) makes one from arrays" if _array_like(x) else ""
    raise OptionError(
        f"{type(x).__name__} is no star", expected="a Star, a Spectrum, a file's path, or a list of them", remedy=hint
    )


def _array_like(x: Any) -> bool:
    return hasattr(x, "__array__") or isinstance(x, Mapping)
