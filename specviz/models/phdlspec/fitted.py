"""``PhdlspecFit``: the fit of 28 labels behind the protocol every system under ``specviz.models`` meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from specviz.errors import ModelError
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.fitting import LabelFitter, fit_many
from specviz.models.phdlspec.label_fit import LEAST_GAIN, LabelFit
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.priors import PARAMETERS
from specviz.models.phdlspec.starting import first_guess
from specviz.models.posterior import Posterior
from specviz.models.preparing import survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.models.specclip.constants import READ_AS_LAMOST
from specviz.spectra.continuum import running_quantile_continuum
from specviz.spectra.spectrum import Spectrum

_SURVEY = "lamost_lrs"
#: The grid's alpha_fe: the mean of these.
_ALPHA = ("mg_fe", "si_fe", "ca_fe", "ti_fe")
#: What the posterior speaks of, in order.
LABELS = ("teff", "logg", "fe_h", "alpha_fe", "rv", "vmic", *LABEL_NAMES[4:])
_BY_PRIOR = "decided by the prior: the spectrum says little of it"
_AT_EDGE = "at the edge of what the emulator has learned"


@dataclass(frozen=True, eq=False)
class PreparedForFit(Prepared):
    """A spectrum over its pseudo-continuum on its own pixels, with the spectrum itself: that is what is fitted."""

    spectrum: Spectrum | None = None


class PhdlspecFit:
    """Labels by fitting the emulator to each star, as PhDLspec (Wu et al. 2026) does; nothing is learned from spectra.

    Parameters
    ----------
    emulator : Emulator

    Notes
    -----
    Of a batch each star is fitted once, in :meth:`embed`, from a first guess of its own (velocity by
    cross-correlation, labels from a grid): no other model is asked. The vectors are the fitted labels in units of
    their priors; they are no embedding, and ``capabilities`` has none.
    """

    capabilities = frozenset({"posterior", "reconstruct", "fit"})

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.label_names: tuple[str, ...] = LABELS

    @classmethod
    def from_file(cls, path: Path, *, device: str = "cpu", sha256: str | None = None) -> PhdlspecFit:
        """Read the emulator's weights; see :meth:`Emulator.from_file`."""
        return cls(Emulator.from_file(path, device=device, sha256=sha256))

    def __repr__(self) -> str:
        return f"<PhdlspecFit with {self.emulator!r}>"

    # ------------------------------------------------------------------ the protocol
    def describe(self) -> ModelDescription:
        """Name card; version, weights and ranges are the emulator's."""
        card = self.emulator.describe()
        return ModelDescription(
            name="phdlspec-fit",
            version=card.version,
            weights_sha256=card.weights_sha256,
            capabilities=self.capabilities,
            surveys=(_SURVEY,),
            labels={_SURVEY: LABELS},
            ranges=card.ranges,
            windows={_SURVEY: (float(self.emulator.wave[0]), float(self.emulator.wave[-1]))},
            citation="Method after Wu et al. 2026, arXiv 2604.02730 (PhDLspec); emulator and fit: specviz",
            release=card.release,
        )

    def prepare(self, spectrum: Spectrum) -> PreparedForFit:
        """Put one optical spectrum over its pseudo-continuum; its pixels stay as they are.

        Raises
        ------
        ModelError
            For a spectrum that is not optical, or has no errors.
        CoverageError
            If fewer than 300 of its pixels can be fitted.
        """
        if spectrum.survey not in READ_AS_LAMOST:
            raise ModelError(f"No labels are fitted to {spectrum.survey} spectra", expected="an optical spectrum")
        fitter_of(self.emulator, spectrum)
        wave = spectrum.wavelength_angstrom
        continuum = running_quantile_continuum(wave, spectrum.flux, spectrum.ivar, ~spectrum.good)
        values = np.where(spectrum.good, spectrum.flux / continuum, 1.0)
        assert spectrum.ivar is not None
        ivar = np.where(spectrum.good, spectrum.ivar * continuum**2, 0.0)
        return PreparedForFit(
            _SURVEY, spectrum.wavelength, values.astype(np.float32), ivar.astype(np.float32), continuum,
            float(1.0 - spectrum.good.mean()), spectrum,
        )  # fmt: skip

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Fit a batch; ``state`` is a tuple of :class:`LabelFit`.

        Raises
        ------
        ModelError
            For spectra that :meth:`prepare` of this model did not prepare.
        """
        survey_of(prepared, (_SURVEY,))
        spectra = [getattr(p, "spectrum", None) for p in prepared]
        if any(s is None for s in spectra):
            raise ModelError(
                "These spectra were prepared by another model", expected="what prepare() of this one gives"
            )
        fits = self.fit([s for s in spectra if s is not None])
        vectors = np.stack([fit.values / fit.prior_sigma for fit in fits])
        return Encoding(_SURVEY, vectors.astype(np.float32), tuple(prepared), state=tuple(fits))

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Gaussian posterior of the labels with their correlations; what the prior decided carries a note."""
        return [posterior_of(fit, self.emulator, samples, seed, encoding.survey) for fit in encoding.state]

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """The fitted spectra over the pseudo-continuum of the data, so that both lie on one another; ``sigma`` is what
        the errors of the labels do to them.
        """
        out = []
        for fit, prepared in zip(encoding.state, encoding.prepared, strict=True):
            scale = np.asarray(prepared.scale, np.float64)
            out.append(
                PredictedSpectrum(
                    encoding.survey, "reconstruction", prepared.wavelength, fit.model / scale, fit.model_sigma / scale,
                    "continuum", prepared.scale, encoding.survey, "observed",
                )
            )  # fmt: skip
        return out

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """Not available.

        Raises
        ------
        ModelError
            Always.
        """
        raise ModelError(f"phdlspec-fit does not translate {encoding.survey} to {to!r}")

    # ------------------------------------------------------------------ the fit
    def fit(self, spectra: Sequence[Spectrum]) -> list[LabelFit]:
        """Fit optical spectra, each from a first guess of its own.

        Raises
        ------
        CoverageError
            If fewer than 300 pixels of one can be fitted.
        """
        fitters = [fitter_of(self.emulator, s) for s in spectra]
        starts = [first_guess(f, s).start for f, s in zip(fitters, spectra, strict=True)]
        return fit_many(fitters, starts)


def fitter_of(emulator: Emulator, spectrum: Spectrum) -> LabelFitter:
    """An optical spectrum, ready to be fitted.

    Raises
    ------
    ModelError
        If the spectrum has no errors: without them no label has one.
    CoverageError
        If fewer than 300 pixels can be fitted.
    """
    if not spectrum.has_errors or spectrum.ivar is None:
        raise ModelError("The spectrum has no errors", expected="ivar: the fit weighs every pixel by it")
    ivar = np.where(spectrum.good, spectrum.ivar, 0.0)
    return LabelFitter(emulator, spectrum.wavelength_angstrom, np.nan_to_num(spectrum.flux), ivar)


def posterior_of(
    fit: LabelFit, emulator: Emulator, samples: int = 10_000, seed: int | None = 0, survey: str = _SURVEY
) -> Posterior:
    """The Gaussian posterior of a fit, alpha_fe (mean of Mg, Si, Ca, Ti) and rv among its labels."""
    drawn = np.random.default_rng(seed).multivariate_normal(fit.values, fit.covariance, samples)
    columns = {name: drawn[:, k] for k, name in enumerate(PARAMETERS)}
    columns["alpha_fe"] = np.mean([columns[name] for name in _ALPHA], axis=0)
    notes = {n: _BY_PRIOR for n in LABELS if n in fit.gain and fit.gain[n] < LEAST_GAIN}
    notes |= dict.fromkeys(fit.at_edge, _AT_EDGE)
    if not fit.converged:
        notes["teff"] = "the fit did not converge"
    # Of what the prior decided, samples beyond the training set are the prior's, not an extrapolation.
    ranges = {n: r for n, r in emulator.ranges.items() if fit.gain[n] >= LEAST_GAIN}
    return Posterior(LABELS, np.stack([columns[n] for n in LABELS], axis=1), survey=survey, prior=ranges, notes=notes)
