"""``Engine``: one model, from stars to reports, each star and survey encoded once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, overload

import numpy as np

from specviz.analysis.anomaly import ReferenceScores, anomaly
from specviz.analysis.batches import BatchSize, in_batches
from specviz.analysis.draft import READ_AS, SHOWN, Draft, encode
from specviz.analysis.placing import place, velocity
from specviz.analysis.quality import not_a_star, out_of_range, spectrum_flags, xp_disagrees, xp_release
from specviz.analysis.report import LEADING, Anomaly, Provenance, QualityFlag, Report
from specviz.errors import CancelledError, ModelError
from specviz.models.protocol import ModelDescription, PredictedSpectrum, StellarModel
from specviz.models.registry import DEFAULT_MODEL
from specviz.spectra.frames import C_KM_S
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

Progress = Callable[[float, str], None]
Target = Star | Spectrum


class Engine:
    """Runs one model over stars. Making one costs nothing; the model is loaded when it is first needed.

    Parameters
    ----------
    model : str or StellarModel
        A name known to :func:`specviz.models.registry.load_model`, or a model that is already there.
    device : str
        "auto" (cuda, mps, cpu in this order), or a device by name. Only used with a model name.
    batch_size : int
        Spectra encoded at once; halved when they do not fit in the device's memory.
    samples : int
        Posterior samples a star.
    seed : int or None
        Seed of the posterior samples; the same star gives the same samples whatever else is in its batch only if the
        model draws per star.
    precision : {"float32", "auto", "bfloat16"}
        Of the encoding, for models that offer it (``at_precision``). "auto" takes half precision where the device
        computes in it and a check on a fixed batch keeps the cosine to float32 above 0.999; the default does not, so
        that labels do not depend on the machine.
    compiled : bool
        Encode through ``torch.compile``: worth it for many thousand spectra.

    Notes
    -----
    Safe to use from several threads: one lock guards the loading, and the work itself shares no state.

    Examples
    --------
    >>> engine = Engine("specclip-small")                                    # doctest: +SKIP
    >>> report = engine.analyse(specviz.open("spec-55859-F5902_sp01-034.fits"))  # doctest: +SKIP
    >>> report.posterior.summary()["teff"]                                   # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | StellarModel = DEFAULT_MODEL,
        *,
        device: str = "auto",
        batch_size: int = 64,
        samples: int = 10_000,
        seed: int | None = 0,
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        if batch_size < 1 or samples < 1:
            raise ModelError(f"batch_size={batch_size}, samples={samples}", expected="both at least 1")
        self.device, self.samples, self.seed = device, int(samples), seed
        self.precision, self.compiled = precision, compiled
        self._batch = BatchSize(batch_size)
        self._name = model if isinstance(model, str) else None
        self._model: StellarModel | None = None if isinstance(model, str) else self._at_precision(model)
        self._description: ModelDescription | None = None
        self._references: dict[str, ReferenceScores] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Engine {self.name}{'' if self.loaded else ', not loaded'}>"

    # ------------------------------------------------------------------------------------------ the model
    @property
    def name(self) -> str:
        """The model's name; known before it is loaded."""
        return self._name or self.describe().name

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._model is not None

    @property
    def model(self) -> StellarModel:
        """The model; loads it at the first call, once, whichever thread comes first."""
        if self._model is None:
            with self._lock:
                if self._model is None:
                    from specviz.models.registry import load_model

                    assert self._name is not None
                    self._model = self._at_precision(load_model(self._name, device=self.device))
        return self._model

    @property
    def batch_size(self) -> int:
        """Spectra encoded at once; smaller than asked for after a batch did not fit in memory."""
        return self._batch.size

    def _at_precision(self, model: StellarModel) -> StellarModel:
        if self.precision == "float32" and not self.compiled:
            return model
        change = getattr(model, "at_precision", None)
        if change is None:
            if self.precision in ("float32", "auto"):
                return model
            raise ModelError(f"{model.describe().name} has one precision", expected="precision 'float32' or 'auto'")
        changed: StellarModel = change(self.precision, compiled=self.compiled)
        return changed

    def describe(self) -> ModelDescription:
        """The model's name card."""
        if self._description is None:
            self._description = self.model.describe()
        return self._description

    # ------------------------------------------------------------------------------------------ the work
    @overload
    def analyse(
        self, x: Target, *, samples: int | None = None, progress: Progress | None = None, cancel: Any = None
    ) -> Report: ...
    @overload
    def analyse(
        self, x: Sequence[Target], *, samples: int | None = None, progress: Progress | None = None, cancel: Any = None
    ) -> list[Report]: ...
    def analyse(
        self,
        x: Target | Sequence[Target],
        *,
        samples: int | None = None,
        progress: Progress | None = None,
        cancel: Any = None,
    ) -> Report | list[Report]:
        """Everything the model can say of a star, or of each star of a list, in the order given.

        Parameters
        ----------
        x : Star, Spectrum or a list of them
            A spectrum counts as a star known by that spectrum alone.
        samples : int, optional
            Posterior samples for this call.
        progress : callable(fraction, text), optional
            Called after each batch, in the calling thread.
        cancel : threading.Event or callable() -> bool, optional
            Asked between batches.

        Returns
        -------
        Report, or a list of them for a list
            A star that the model cannot use has the reason in ``report.problem``; it never stops the others.

        Raises
        ------
        CancelledError
            When ``cancel`` says so.
        ModelError
            If ``x`` holds something else than stars and spectra.
        """
        single = isinstance(x, (Star, Spectrum))
        stars = [_as_star(item) for item in ([x] if single else _listed(x))]
        say = progress or (lambda fraction, text: None)
        stop = cancel_check(cancel)
        reports: list[Report] = []
        if stars and not self.loaded:
            say(0.0, "Loading the model")

        def work(batch: Sequence[Star]) -> list[Report]:
            stop()
            return self._analyse_batch(batch, samples or self.samples, stop)

        for made in in_batches(stars, self._batch, work):
            reports += made
            say(len(reports) / len(stars), f"{len(reports)} of {len(stars)} stars")
        return reports[0] if single else reports

    def translate(self, x: Any, to: str = "gaia_xp") -> Any:
        """The star(s) as the survey ``to`` would see them; no posterior is drawn.

        Returns
        -------
        PredictedSpectrum, or a list of them for a list

        Raises
        ------
        ModelError
            If the model cannot translate to ``to`` from what the star has.
        """
        single = isinstance(x, (Star, Spectrum))
        stars = [_as_star(item) for item in ([x] if single else _listed(x))]
        if "translate" not in self.model.capabilities or to not in self.describe().surveys:
            can = ", ".join(self.describe().surveys) if "translate" in self.model.capabilities else "nothing"
            raise ModelError(f"{self.describe().name} does not translate to {to!r}", expected=f"one of {can}")
        out: list[PredictedSpectrum] = []
        for drafts in in_batches(stars, self._batch, lambda batch: self._drafts(batch, {"translate"})):
            for draft in drafts:
                predicted = self._predictions(draft).get(to)
                if predicted is None:
                    why = "; ".join(draft.refusals.values()) or f"it has no spectrum other than {SHOWN.get(to, to)}"
                    raise ModelError(f"{draft.star.name} cannot be translated to {SHOWN.get(to, to)}: {why}")
                out.append(predicted)
        return out[0] if single else out

    def embed(self, x: Any) -> Any:
        """Only the embeddings: ``{survey: vector of shape (D,)}``, or a list of them for a list.

        A star that the model cannot use gives an empty mapping; :meth:`analyse` says why.

        Raises
        ------
        ModelError
            If the model has no embeddings.
        """
        single = isinstance(x, (Star, Spectrum))
        out = [draft.embeddings for draft in self.encode([x] if single else _listed(x))]
        return out[0] if single else out

    def encode(self, stars: Sequence[Target]) -> list[Draft]:
        """The stars with their embeddings, and for each spectrum that could not be used the reason in ``refusals``."""
        if "embed" not in self.describe().capabilities:
            raise ModelError(
                f"{self.name} has no embeddings: it fits each star",
                expected="a model that embeds spectra, such as specclip-small",
            )
        made = in_batches([_as_star(star) for star in stars], self._batch, lambda batch: self._drafts(batch, set()))
        return [draft for drafts in made for draft in drafts]

    # ------------------------------------------------------------------------------------------ one batch
    def _drafts(self, stars: Sequence[Star], want: set[str]) -> list[Draft]:
        """Encoded drafts, with what is wanted besides; nothing that needs samples."""
        drafts = [Draft(star) for star in stars]
        encode(self.model, self.describe(), drafts, want, samples=0, seed=self.seed, stop=lambda: None)
        return drafts

    def _analyse_batch(self, stars: Sequence[Star], samples: int, stop: Callable[[], None]) -> list[Report]:
        want = set(self.model.capabilities)  # the first use loads the weights: not part of this star's time
        began = time.perf_counter()
        drafts = [Draft(star) for star in stars]
        encode(self.model, self.describe(), drafts, want, samples=samples, seed=self.seed, stop=stop)
        made = [self._assemble(draft) for draft in drafts]
        provenance = self._provenance((time.perf_counter() - began) / len(drafts))
        return [replace(report, provenance=provenance) for report in made]

    # ------------------------------------------------------------------------------------------ one star
    def _assemble(self, draft: Draft) -> Report:
        lead = next((s for s in LEADING if s in draft.prepared), None)
        if lead is None:
            said = " ".join(draft.refusals.values()) or str(draft.star.meta.get("error") or "")  # readers put it there
            problem = said or "This star has no spectrum."
            first = next((draft.star.spectra[s] for s in LEADING if s in draft.star.spectra), None)
            flags = () if first is None else spectrum_flags(first)
            return Report(draft.star, _NOBODY, flags=flags, problem=problem)
        predictions = self._predictions(draft)
        return Report(
            star=draft.star,
            provenance=_NOBODY,
            embeddings=draft.embeddings,
            prepared=draft.prepared,
            posteriors=draft.posteriors,
            reconstructions=draft.reconstructions,
            predictions=predictions,
            anomaly=self._anomaly(draft, lead),
            flags=self._flags(draft, lead, predictions),
        )

    def _anomaly(self, draft: Draft, lead: str) -> Anomaly | None:
        if lead not in draft.reconstructions:
            return None
        posterior = draft.posteriors.get(lead)
        return anomaly(
            draft.prepared[lead],
            draft.reconstructions[lead],
            self._reference(lead),
            ood=draft.ood.get(lead),
            survey=lead,
            z=(velocity(draft.star.spectra[lead], posterior) or 0.0) / C_KM_S,
            teff=float(np.median(posterior["teff"])) if posterior is not None and "teff" in posterior.names else None,
        )

    def _flags(self, draft: Draft, lead: str, predictions: Mapping[str, PredictedSpectrum]) -> tuple[QualityFlag, ...]:
        spectrum, reference = draft.star.spectra[lead], self._reference(lead).ood
        window = self.describe().windows.get(lead) or self.describe().windows.get(READ_AS.get(lead, lead))
        flags = {flag.name: flag for flag in spectrum_flags(spectrum, window)}
        ood = draft.ood.get(lead)
        classed = next((s for s in draft.star.spectra.values() if s.meta.get("class")), spectrum)
        flags["not_a_star"] = not_a_star(classed, ood, reference)
        flags["out_of_range"] = out_of_range(draft.posteriors.get(lead), self.describe().ranges, ood, reference)
        xp = predictions.get("gaia_xp")
        flags["xp_disagrees"] = xp_disagrees(draft.prepared.get("gaia_xp") if xp is not None else None, xp)
        if "gaia_xp" in draft.star.spectra:
            flags["xp_release"] = xp_release(draft.star.spectra["gaia_xp"], self.describe().release)
        for survey, why in draft.refusals.items():
            flags[f"coverage_{survey}"] = QualityFlag("coverage", False, f"{SHOWN.get(survey, survey)} not used", why)
        return tuple(flags.values())

    def _predictions(self, draft: Draft) -> dict[str, PredictedSpectrum]:
        """Each other survey once, from the leading spectrum that is not of that survey, laid on the data if there are
        data (:func:`specviz.analysis.placing.place`).
        """
        out: dict[str, PredictedSpectrum] = {}
        for to in self.describe().surveys:
            source = next((s for s in LEADING if (s, to) in draft.translations), None)
            if source is not None:
                spectrum = draft.star.spectra.get(to)
                out[to] = place(
                    draft.translations[source, to],
                    draft.prepared.get(to),
                    rv=None if spectrum is None else velocity(spectrum, draft.posteriors.get(to)),
                    catalogue=draft.star.catalogue,
                )
        return out

    def _reference(self, survey: str) -> ReferenceScores:
        name = survey if survey in self.describe().surveys else READ_AS.get(survey, survey)
        if name not in self._references:
            self._references[name] = ReferenceScores.of(self.model, name)
        return self._references[name]

    def _provenance(self, seconds: float) -> Provenance:
        card, model = self.describe(), self.model
        return Provenance(
            model=card.name,
            model_version=card.version,
            weights_sha256=card.weights_sha256,
            device=str(getattr(model, "device", "cpu")),
            dtype=str(getattr(model, "dtype", "float32")).removeprefix("torch."),
            specviz_version=_version(),
            created=_now(),
            seconds=seconds,
            seed=self.seed,
        )


_NOBODY = Provenance("", "", "", "", "", "", "", 0.0, None)


def problem_report(name: str, problem: str, *, path: str | None = None) -> Report:
    """A report that only says why there is none: for a file that could not be read, so that a table keeps its row."""
    star = Star(name=name, meta={"path": path} if path else {})
    return Report(star, replace(_NOBODY, specviz_version=_version(), created=_now()), problem=problem)


def _as_star(item: Any) -> Star:
    if isinstance(item, Star):
        return item
    if isinstance(item, Spectrum):
        return Star.from_spectrum(item)
    raise ModelError(
        f"{type(item).__name__} is no star",
        expected="a Star, a Spectrum, or a list of them",
        remedy="Open a file with specviz.open(path) first",
    )


def _listed(x: Any) -> list[Any]:
    if isinstance(x, (str, bytes, Mapping)) or not isinstance(x, Iterable):
        return [x]  # refused by _as_star, with its message
    return list(x)


def cancel_check(cancel: Any) -> Callable[[], None]:
    """A function that raises CancelledError once ``cancel`` (an Event or a callable) says so."""
    asked = getattr(cancel, "is_set", cancel)

    def check() -> None:
        if asked is not None and asked():
            raise CancelledError("The analysis was stopped")

    return check


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _version() -> str:
    from specviz import __version__

    return __version__
