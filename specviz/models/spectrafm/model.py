"""``SpectraFM``: a star as a bag of pixels that know their wavelength, behind the protocol of ``specviz.models``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.errors import CoverageError, ModelError
from specviz.models.posterior import Posterior
from specviz.models.preparing import survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.models.spectrafm.asking import Asked, BagAnswers, Pixels, answers, combined
from specviz.models.spectrafm.config import SpectraFMConfig
from specviz.models.spectrafm.modules import SpectraFMNet
from specviz.models.spectrafm.pixels import PixelScale, binned, binning
from specviz.models.spectrafm.weights_file import SpectraFMWeights, read
from specviz.spectra.frames import doppler_factor, header_velocity
from specviz.spectra.grids import WIDE_WAVELENGTH
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.whole_continuum import whole_continuum

Array = NDArray[np.float64]
#: Fewer usable pixels than this are no spectrum.
MIN_PIXELS = 12
LABELS = ("teff", "logg", "fe_h", "alpha_fe", "c_fe", "mg_fe")


@dataclass(frozen=True, eq=False)
class SpectraFMState:
    """What the bags of each star of a batch answered, in standardised units."""

    answers: tuple[BagAnswers, ...] = field(repr=False)


class SpectraFM:
    """SpectraFM (Koblischke & Bovy 2024): each pixel a token with its value and its wavelength, labels on request.

    Any wavelength grid inside :attr:`window` can be read, a part of one too.

    Parameters
    ----------
    weights : SpectraFMWeights
    sha256 : str
        Of the weights file.
    device : str
        Where torch runs.
    name : str
    """

    capabilities = frozenset({"embed", "posterior"})

    def __init__(
        self, weights: SpectraFMWeights, *, sha256: str = "", device: str = "cpu", name: str = "spectrafm-small"
    ) -> None:
        self._weights, self._sha256, self.device, self.name = weights, sha256, device, name
        self._net = weights.net.to(device)
        self.label_names: tuple[str, ...] = tuple(weights.labels)
        self._requests = {label: weights.net.config.token(token) for label, token in weights.labels.items()}
        self._survey = next(iter(weights.pixels))

    @classmethod
    def from_file(cls, path: Path, *, device: str = "cpu", sha256: str | None = None) -> SpectraFM:
        """Read a weights file, or the folder of a published model (see :mod:`specviz.models.spectrafm.published`).

        Raises
        ------
        CheckpointError
            If it is damaged, is not the one that ``sha256`` names, or was written for another format.
        """
        from specviz.models.checkpoint_reader import sha256_of

        if Path(path).is_dir():
            from specviz.models.spectrafm.published import published

            return cls(
                published(path), sha256=sha256_of(Path(path) / "weights.pt"), device=device, name=Path(path).name
            )
        weights = read(path, sha256)
        name = str(weights.card.get("name", "spectrafm-small"))
        return cls(weights, sha256=sha256 or sha256_of(path), device=device, name=name)

    @classmethod
    def untrained(cls, seed: int = 0, **sizes: int) -> SpectraFM:
        """A network with random weights, for tests; ``sizes`` as of :class:`SpectraFMConfig`."""
        torch.manual_seed(seed)
        shape = {"width": 32, "encoder_heads": 4, "encoder_dense": 64, "decoder_heads": 4, "decoder_dense": 64, **sizes}
        config = SpectraFMConfig(
            ("pixel", *LABELS), wavelength_origin=6400.0, wavelength_scale=1000.0, dropout=0.0, **shape
        )
        net = SpectraFMNet(config).eval().requires_grad_(False)
        flat = PixelScale(WIDE_WAVELENGTH, np.full(WIDE_WAVELENGTH.size, 0.93), np.full(WIDE_WAVELENGTH.size, 0.08))
        centre, scale = np.array([6000.0, 4.0, -0.3, 0.1, 0.0, 0.1]), np.array([800.0, 0.6, 0.4, 0.1, 0.1, 0.1])
        embedding = {"lamost_lrs": (np.zeros(config.width), np.ones(config.width))}
        inflate = {"lamost_lrs": np.ones(6)}
        card = {"version": "untrained", "release": ""}
        names = {label: label for label in LABELS}
        return cls(
            SpectraFMWeights(net, {"lamost_lrs": ("pixel", flat)}, names, centre, scale, inflate, embedding, card)
        )

    def __repr__(self) -> str:
        return f"<SpectraFM {self._weights.card.get('version', '')} on {self.device}, {', '.join(self.label_names)}>"

    @property
    def weights(self) -> SpectraFMWeights:
        """The network and the units of its numbers."""
        return self._weights

    @property
    def window(self) -> tuple[float, float]:
        """First and last rest wavelength that a pixel may have, vacuum Angstrom."""
        return self._weights.pixels[self._survey][1].window

    @property
    def step(self) -> float | None:
        """Width of the network's own pixels, dex; None where pixels are taken as they come."""
        step = self._weights.card.get("step")
        return None if step is None else float(step)

    @property
    def notes(self) -> dict[str, str]:
        """What the weights say of a label that a person should know, by label."""
        return {k: str(v) for k, v in self._weights.card.get("notes", {}).items() if k in self.label_names}

    # ------------------------------------------------------------------ the protocol
    def describe(self) -> ModelDescription:
        """Name card; ``ranges`` are the labels' ranges in the training set."""
        card = self._weights.card
        return ModelDescription(
            name=self.name,
            version=str(card.get("version", "")),
            weights_sha256=self._sha256,
            capabilities=self.capabilities,
            surveys=tuple(self._weights.pixels),
            labels=dict.fromkeys(self._weights.pixels, self.label_names),
            ranges={k: (float(a), float(b)) for k, (a, b) in card.get("ranges", {}).items()},
            windows={survey: scale.window for survey, (_, scale) in self._weights.pixels.items()},
            citation=str(card.get("citation", "Architecture: Koblischke & Bovy 2024, arXiv:2411.04750 (SpectraFM)")),
            release=str(card.get("release", "")),
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """One spectrum, normalised by its pseudo-continuum, at the rest wavelengths of its own pixels.

        The velocity that came with it is removed. Neighbouring pixels are averaged where they are finer than the
        network's own (:attr:`step`). Masked pixels hold 1 and have an ivar of 0; pixels outside the window are left
        out. A spectrum without any errors loses its masked pixels instead.

        Raises
        ------
        CoverageError
            If fewer than :data:`MIN_PIXELS` pixels can be used.
        ModelError
            For a survey the model does not know.
        """
        if spectrum.survey == "gaia_xp":
            raise ModelError(f"{self.name} reads no Gaia XP spectra", expected="a spectrum with lines in it")
        velocity = 0.0 if spectrum.frame == "rest" else header_velocity(spectrum) or 0.0
        wave = np.asarray(spectrum.wavelength_angstrom) / doppler_factor(velocity)
        good = np.asarray(spectrum.good) & np.isfinite(spectrum.flux) & (np.asarray(spectrum.flux) != 0.0)
        low, high = self.window
        inside = (wave >= low) & (wave <= high)
        if not spectrum.has_errors:
            inside &= good
        usable = int((good & inside).sum())
        if usable < MIN_PIXELS:
            raise CoverageError(
                f"Only {usable} usable pixels of this spectrum lie at {low:.0f}-{high:.0f} Angstrom",
                expected=f"at least {MIN_PIXELS}",
            )
        continuum = np.asarray(whole_continuum(spectrum))[inside]
        flux, measured = np.asarray(spectrum.flux)[inside], good[inside]
        values = np.where(measured, flux / continuum, 1.0)
        assert spectrum.ivar is not None
        ivar = np.where(measured, np.asarray(spectrum.ivar)[inside] * continuum**2, 0.0)
        own, wave = ivar if spectrum.has_errors else np.ones_like(values), wave[inside]
        k = 1 if self.step is None else binning(wave, self.step)
        _, scale, _ = binned(wave, continuum, np.ones_like(continuum), k)
        wave, values, own = binned(wave, values, own, k)
        ivar = own if spectrum.has_errors else np.zeros_like(own)
        return Prepared(self._survey, wave, values, ivar, scale.astype(np.float64), 1.0 - float(measured.mean()))

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Read a batch of one survey; a vector is the mean of a star's tokens, over their usual spread."""
        survey = survey_of(prepared, tuple(self._weights.pixels))
        found = answers(self._net, [self._pixels(p) for p in prepared], list(self._requests.values()))
        centre, scale = self._weights.embedding[survey]
        vectors = np.stack([(f.pooled - centre) / scale for f in found]).astype(np.float32)
        return Encoding(survey, vectors, tuple(prepared), state=SpectraFMState(tuple(found)))

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """A Gaussian for each label, independent of the other labels'; see :func:`.asking.combined`."""
        draws = np.random.default_rng(seed).standard_normal((samples, len(self.label_names)))
        card = self._weights.card
        ranges = {k: (float(a), float(b)) for k, (a, b) in card.get("ranges", {}).items() if k in self.label_names}
        out = []
        for one in encoding.state.answers:
            value, error, _ = self._in_units(one, self.label_names, encoding.survey)
            out.append(
                Posterior(
                    self.label_names, value + draws * error, survey=encoding.survey, prior=ranges, notes=self.notes
                )
            )
        return out

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """SpectraFM predicts labels alone."""
        raise ModelError("SpectraFM makes no spectra", expected="a model with the capability 'reconstruct'")

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """SpectraFM predicts labels alone."""
        raise ModelError("SpectraFM makes no spectra", expected="a model with the capability 'translate'")

    # ------------------------------------------------------------------ what only SpectraFM does
    def ask(
        self,
        spectrum: Spectrum | Prepared,
        low: float | None = None,
        high: float | None = None,
        labels: Sequence[str] | None = None,
        *,
        bags_seed: int = 0,
    ) -> Asked:
        """Labels from a stretch of a spectrum, and which pixels were looked at.

        Parameters
        ----------
        spectrum : Spectrum or Prepared
        low, high : float, optional
            Rest wavelengths in Angstrom between which pixels are used; all by default.
        labels : sequence of str, optional
            Of :attr:`label_names`; all by default.
        bags_seed : int
            Which pixel goes into which bag.

        Raises
        ------
        CoverageError
            If fewer than :data:`MIN_PIXELS` pixels can be used.
        ModelError
            For an unknown label.
        """
        prepared = self.prepare(spectrum) if isinstance(spectrum, Spectrum) else spectrum
        wanted = self.label_names if labels is None else tuple(labels)
        unknown = [name for name in wanted if name not in self._requests]
        if unknown or not wanted:
            raise ModelError(
                f"{self.name} gives no {', '.join(unknown) or 'label at all'}", expected=", ".join(self.label_names)
            )
        pixels = self._pixels(prepared)
        start, stop = (-np.inf if low is None else float(low)), (np.inf if high is None else float(high))
        values = np.where((pixels.wavelength >= start) & (pixels.wavelength <= stop), pixels.values, np.nan)
        used = int(np.isfinite(values).sum())
        if used < MIN_PIXELS:
            raise CoverageError(f"Only {used} usable pixels in this range", expected=f"at least {MIN_PIXELS}")
        chosen = Pixels(values.astype(np.float32), pixels.wavelength, pixels.token)
        (found,) = answers(self._net, [chosen], [self._requests[n] for n in wanted], seed=bags_seed, attend=True)
        value, error, scatter = self._in_units(found, wanted, prepared.survey)
        rows = [self.label_names.index(n) for n in wanted]
        bags = found.value * self._weights.scale[rows] + self._weights.centre[rows]
        assert found.attention is not None
        return Asked(wanted, value, error, scatter, len(bags), used, found.attention, pixels.wavelength, bags)

    def _pixels(self, prepared: Prepared) -> Pixels:
        """Standardised pixels; NaN where nothing was measured."""
        token, scale = self._weights.pixels[prepared.survey]
        wave = np.asarray(prepared.wavelength, np.float64)
        measured = prepared.ivar > 0 if (prepared.ivar > 0).any() else np.ones(wave.shape, bool)
        values = scale.standardised(wave, np.where(measured, prepared.values, np.nan))
        return Pixels(values, wave, self._net.config.token(token))

    def _in_units(self, found: BagAnswers, labels: Sequence[str], survey: str) -> tuple[Array, Array, Array]:
        """Value, error and scatter between bags (K,) of labels in their units."""
        w, rows = self._weights, [self.label_names.index(n) for n in labels]
        value, variance, scatter = combined(found.value, found.log_variance)
        scale = w.scale[rows]
        return value * scale + w.centre[rows], np.sqrt(variance) * scale * w.inflate[survey][rows], scatter * scale
