"""``Desa``: spectrum and light curve of one star, behind the protocol every system under ``specviz.models`` meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import ModelError
from specviz.models.desa import checkpoint
from specviz.models.desa.config import DesaConfig
from specviz.models.desa.light_curve_views import light_curve_views, regular
from specviz.models.desa.look import Background, Look, Quantiles
from specviz.models.desa.networks import (
    AGE_LEVELS,
    CATALOGUE,
    DIAGRAM,
    DIAGRAM_UNIT,
    LEVELS,
    LIGHT_CURVE_LABELS,
    PIXELS,
    SPECTRUM_LABELS,
    UNIT,
    DesaNet,
    Features,
    catalogue_vector,
    disagreement,
    eigenfeatures,
)
from specviz.models.desa.spectrum_views import spectrum_view, view_wavelengths
from specviz.models.desa.weights_file import DesaWeights, read
from specviz.models.posterior import Posterior
from specviz.models.preparing import survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.models.specclip.constants import READ_AS_LAMOST
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import LightCurve

#: Shorter light curves say nothing of rotation; days.
SHORTEST = 20.0
#: Stars of the background by which a star is placed on the map.
NEAREST = 8
_BOTH = "the place among other stars needs a spectrum and a light curve of the same star"


class Desa:
    """DESA (Kamai et al. 2025): what a spectrum and a light curve say together of a star.

    Parameters
    ----------
    weights : DesaWeights
    sha256 : str
        Of the weights file.
    compat : bool
        Prepare spectra and light curves as the published code does, and take its eigenspace (of A, not of its
        symmetric part).

    Notes
    -----
    As a model of spectra alone it gives teff, logg, fe_h and age, from its encoder of spectra. :meth:`look` is the
    whole. Catalogue values of the star are not given to it unless asked (``latent``): they leak into all that follows.
    """

    def __init__(self, weights: DesaWeights, *, sha256: str = "", compat: bool = False) -> None:
        self._weights, self._net, self._card, self._sha256 = weights, weights.net, weights.card, sha256
        self.compat = compat
        self.capabilities = frozenset({"embed", "posterior"} if self._net.answering else {"embed"})
        self.days, self.cadence_hours = float(self._card["days"]), float(self._card["cadence_hours"])
        self.length = round(self.days * 24.0 / self.cadence_hours)
        self.label_names: tuple[str, ...] = SPECTRUM_LABELS if self._net.answering else ()

    @classmethod
    def from_file(cls, path: Path, *, device: str = "auto", sha256: str | None = None) -> Desa:
        """Read weights that specviz trained; they are small, and computed on the CPU whatever the ``device``."""
        from specviz.models.checkpoint_reader import sha256_of

        return cls(read(path, sha256), sha256=sha256 or sha256_of(path))

    @classmethod
    def from_official(cls, path: str | Path, config: DesaConfig | None = None) -> Desa:
        """The published DualNet (``.pth``): embeddings and eigenspace, for it has no heads that answer.

        Parameters
        ----------
        path : path
        config : DesaConfig, optional
            The published sizes by default.

        Raises
        ------
        CheckpointError
            If the weights do not fit.
        """
        from specviz.models.checkpoint_reader import sha256_of

        net = DesaNet(DesaConfig() if config is None else config, answering=False)
        checkpoint.read_official(net.net, path, checkpoint.DUAL_NET)
        card = {"version": "official", "name": "desa-official", "days": 720.0, "cadence_hours": 0.5,
                "weights": "Kamai et al. 2025"}  # fmt: skip
        return cls(DesaWeights(net.eval().requires_grad_(False), card), sha256=sha256_of(path), compat=True)

    def __repr__(self) -> str:
        size = sum(p.numel() for p in self._net.parameters())
        return f"<Desa {self._card.get('version', '')}, {size / 1e6:.1f} million parameters>"

    # ------------------------------------------------------------------ the protocol
    def describe(self) -> ModelDescription:
        """Name card; ``ranges`` are the labels' ranges in the training set."""
        card, wave = self._card, view_wavelengths()
        return ModelDescription(
            name=str(card.get("name", "desa-small")),
            version=str(card.get("version", "")),
            weights_sha256=self._sha256,
            capabilities=self.capabilities,
            surveys=("lamost_lrs",),
            labels={"lamost_lrs": self.label_names},
            ranges={k: (float(a), float(b)) for k, (a, b) in card.get("ranges", {}).items()},
            windows={"lamost_lrs": (float(wave[0]), float(wave[-1]))},
            citation=f"Model: Kamai et al. 2025, arXiv 2507.10666 (DESA); weights: {card.get('weights', 'specviz')}",
            release=str(card.get("release", "")),
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """A LAMOST-like spectrum, at rest by the velocity it came with, an arm at a time over its polynomial.

        Raises
        ------
        ModelError
            For a survey the model does not know.
        CoverageError, SpectrumError
            Where the spectrum reaches over neither arm.
        """
        if spectrum.survey not in READ_AS_LAMOST:
            raise ModelError(f"DESA reads no {spectrum.survey} spectra", expected="a LAMOST-like one")
        wave = view_wavelengths()
        values = spectrum_view(spectrum, compat=self.compat)[: wave.size]
        seen = (values != 0).astype(np.float32)  # an arm that is dark is zeros
        return Prepared("lamost_lrs", wave, values, seen, 1.0, float(1.0 - seen.mean()))

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """What the encoder of spectra gives, (B, W) each; ``state`` is the same as a tensor."""
        survey = survey_of(prepared, ("lamost_lrs",))
        with torch.inference_mode():
            features = self._net.of_spectrum(self._pixels(prepared))
        return Encoding(survey, np.asarray(features.numpy(), np.float32), tuple(prepared), state=features)

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Draws from the quantiles that the encoder of spectra gives; labels are drawn independently of each other."""
        if not self._net.answering:
            raise ModelError("The published weights of DESA have no labels", remedy="Use desa-small, or embed alone")
        with torch.inference_mode():
            quantiles = self._net.spectrum_labels(encoding.state).double().numpy()
        rng = np.random.default_rng(seed)
        ranges = self.describe().ranges
        out = []
        for star in quantiles:
            columns = []
            for name, raw in zip(SPECTRUM_LABELS, star, strict=True):
                column = drawn(self._quantiles("spectrum", name, raw), rng.permutation(_levels(samples, rng)))
                columns.append(np.maximum(column, 0.0) if name in ("teff", "age") else column)
            out.append(Posterior(SPECTRUM_LABELS, np.stack(columns, 1), survey=encoding.survey, prior=ranges))
        return out

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """DESA predicts no spectrum."""
        raise ModelError("DESA does not rebuild spectra", expected="a model that can 'reconstruct'")

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """DESA predicts no spectrum."""
        raise ModelError(f"DESA does not translate spectra to {to!r}", expected="a model that can 'translate'")

    # ------------------------------------------------------------------ the whole
    def prepare_light_curve(self, light_curve: LightCurve) -> tuple[NDArray[np.float32], str]:
        """The four channels (4, L) of a light curve, and what was done to it ("" if nothing).

        Raises
        ------
        ModelError
            If it is shorter than :data:`SHORTEST`, or has more gaps than samples.
        """
        flux = np.array(light_curve.flux)
        if light_curve.quality is not None and np.mean(light_curve.quality == 0) > 0.5:
            flux[light_curve.quality != 0] = np.nan
        even = regular(light_curve.time, flux, self.cadence_hours)
        good = np.isfinite(even)
        # Of a long light curve, the stretch with the fewest gaps.
        start = 0
        if even.size > self.length:
            total = np.concatenate([[0], np.cumsum(good)])
            start = int(np.argmax(total[self.length :] - total[: -self.length]))
        even = even[start : start + self.length]
        days, share = even.size * self.cadence_hours / 24.0, float(np.isfinite(even).mean())
        if days < SHORTEST:
            raise ModelError(f"The light curve is {days:.1f} days long", expected=f"at least {SHORTEST:.0f} days")
        if share < 0.5:
            raise ModelError(
                f"{share:.0%} of the light curve was measured at steps of {self.cadence_hours:g} h",
                expected="more samples than gaps",
            )
        note = ""
        if days < 0.9 * self.days:
            made = f"the model was made for {self.days:.0f}: long rotation periods cannot be seen"
            note = f"the light curve has {days:.0f} days, {made}"
        return light_curve_views(even, self.cadence_hours, length=self.length, compat=self.compat)[0], note

    def look(
        self,
        spectrum: Spectrum | Prepared | None,
        light_curve: LightCurve | NDArray[np.float32] | None = None,
        *,
        latent: Mapping[str, float] | None = None,
    ) -> Look:
        """Everything DESA says of a star.

        Parameters
        ----------
        spectrum : Spectrum or Prepared, optional
        light_curve : LightCurve, or its four channels (4, L), optional
        latent : mapping, optional
            Catalogue values of this star: teff (K), logg, prot (d), fe_h, radius (solar), ruwe. They leak: a network
            of its own answers, which was shown these very values of every star it learned from.

        Raises
        ------
        ModelError
            If neither is given, a catalogue value is unknown, or one of the two cannot be used.
        """
        if spectrum is None and light_curve is None:
            raise ModelError("Neither spectrum nor light curve", expected="at least one of them")
        notes: list[str] = []
        vector = self._latent(latent, notes) if latent is not None else None
        features: dict[str, Tensor] = {}
        with torch.inference_mode():
            if spectrum is not None:
                prepared = self.prepare(spectrum) if isinstance(spectrum, Spectrum) else spectrum
                features["spectrum"] = self._net.of_spectrum(self._pixels([prepared]))
            if light_curve is not None:
                if isinstance(light_curve, LightCurve):
                    views, note = self.prepare_light_curve(light_curve)
                    notes += [note] if note else []
                else:
                    views = np.asarray(light_curve, np.float32)
                if views.shape != (4, self.length):
                    raise ModelError(f"Channels of shape {views.shape}", expected=f"(4, {self.length})")
                features["light_curve"] = self._net.of_light_curve(torch.from_numpy(views)[None])
            if len(features) == 1:
                return self._one(features, vector is not None, notes)
            return self._two(Features(**features), vector, notes)

    def background(self, *, latent: bool = False) -> Background | None:
        """Simulated stars to see a star among, without or with catalogue values; None where the weights have none."""
        return self._weights.background.get(latent)

    # ------------------------------------------------------------------ inside
    def _pixels(self, prepared: Sequence[Prepared]) -> Tensor:
        values = np.zeros((len(prepared), PIXELS), np.float32)
        for row, one in zip(values, prepared, strict=True):
            row[: one.values.size] = one.values
        return torch.from_numpy(values)

    def _latent(self, given: Mapping[str, float], notes: list[str]) -> Tensor:
        unknown = sorted(set(given) - set(CATALOGUE))
        if unknown:
            raise ModelError("Unknown catalogue values " + ", ".join(unknown), expected=", ".join(CATALOGUE))
        absent = [k for k in CATALOGUE if not np.isfinite(float(given.get(k, np.nan)))]
        if absent:
            notes.append("no catalogue value of " + ", ".join(absent) + ": given as 0")
        notes.append("catalogue values of this star were shown to the network: its answer may repeat them")
        return catalogue_vector([dict(given)])

    def _one(self, features: dict[str, Tensor], latent: bool, notes: list[str]) -> Look:
        """From one of the two alone, by its encoder's own head."""
        seen = next(iter(features))
        other = "light curve" if seen == "spectrum" else "spectrum"
        notes.append(f"no {other}: {_BOTH}" + (", and catalogue values were not used" if latent else ""))
        if not self._net.answering:
            return Look((seen,), notes=tuple(notes))
        head = self._net.net.spectrum_head if seen == "spectrum" else self._net.net.light_curve_head
        binary, age, diagram = self._tasks(head(features[seen])[0], seen)
        return Look((seen,), False, binary, age, self._labels(features), diagram, notes=tuple(notes))

    def _two(self, features: Features, vector: Tensor | None, notes: list[str]) -> Look:
        latent = vector is not None
        aligned, tasks = self._net.answer(features, vector)
        dual = self._net.dual(latent)
        eigen = eigenfeatures(dual, aligned, compat=self.compat)[0].double().numpy()
        values = dual.eigenspace(compat=self.compat)[0].double().numpy()
        duality = float(disagreement(aligned)[0])
        seen, stars = ("spectrum", "light_curve"), self.background(latent=latent)
        rank, plane, nearest = None, None, np.zeros(0, np.int64)
        if stars is not None:
            rank = float(np.mean(np.abs(stars.duality) < abs(duality)))
            plane, nearest = placed(eigen, stars)
        if tasks is None:
            return Look(seen, latent, eigen=eigen, eigenvalues=values, duality=duality, notes=tuple(notes))
        binary, age, diagram = self._tasks(tasks[0], "with" if latent else "both")
        if not latent:  # what the spectrum alone places better than both together, it places
            _, _, alone = self._tasks(self._net.net.spectrum_head(features.spectrum)[0], "spectrum")
            better = self._errors("spectrum") < self._errors("both")
            diagram = {name: (alone if ok else diagram)[name] for name, ok in zip(DIAGRAM, better, strict=True)}
        labels = self._labels({"spectrum": features.spectrum, "light_curve": features.light_curve})
        return Look(
            seen, latent, binary, age, labels, diagram, eigen, values, plane, nearest, duality, rank, tuple(notes)
        )

    def _labels(self, features: Mapping[str, Tensor]) -> dict[str, dict[str, Quantiles]]:
        out: dict[str, dict[str, Quantiles]] = {}
        if "spectrum" in features:
            raw = self._net.spectrum_labels(features["spectrum"])[0].double().numpy()
            out["spectrum"] = {n: self._quantiles("spectrum", n, q) for n, q in zip(SPECTRUM_LABELS, raw, strict=True)}
        if "light_curve" in features:
            raw = self._net.light_curve_labels(features["light_curve"])[0].double().numpy()
            out["light_curve"] = {
                n: self._quantiles("light_curve", n, q) for n, q in zip(LIGHT_CURVE_LABELS, raw, strict=True)
            }
        return out

    def _quantiles(self, head: str, name: str, raw: NDArray[np.float64]) -> Quantiles:
        """Quantiles of a label in its unit, from what a head gives."""
        levels = np.array(AGE_LEVELS if len(raw) == len(AGE_LEVELS) else LEVELS)
        widened = conformal(raw, self._card.get("conformal", {}).get(f"{head}.{name}"))
        centre, scale = UNIT[name]
        values = widened * scale + centre
        return Quantiles(
            levels, np.exp(values) if name == "prot" else np.maximum(values, 0.0) if name == "age" else values
        )

    def _errors(self, head: str) -> NDArray[np.float64]:
        """Rms residuals of a head's diagram on calibration stars; NaN where the card has none."""
        return np.array(self._card.get("diagram_error", {}).get(head, [np.nan] * len(DIAGRAM)), np.float64)

    def _tasks(self, outputs: Tensor, head: str) -> tuple[float, Quantiles, dict[str, tuple[float, float]]]:
        """Probability, age and diagram of the outputs (OUTPUTS,) of a head."""
        raw = outputs.double().numpy()
        n = len(AGE_LEVELS)
        logit = raw[0] / float(self._card.get("temperature", {}).get(head, 1.0))
        age = self._quantiles(f"tasks.{head}", "age", raw[1 : 1 + n])
        diagram: dict[str, tuple[float, float]] = {}
        for name, x, (centre, scale), error in zip(
            DIAGRAM, raw[1 + n :], DIAGRAM_UNIT, self._errors(head), strict=True
        ):
            value = x * scale + centre
            if name == "teff":
                diagram[name] = (float(10.0**value), float(10.0**value * np.log(10.0) * error))
            else:
                diagram[name] = (float(10.0**value if name == "luminosity" else value), float(error))
        return float(1.0 / (1.0 + np.exp(-logit))), age, diagram


def conformal(raw: NDArray[np.float64], widths: Sequence[float] | None) -> NDArray[np.float64]:
    """Quantiles (..., Q) in order, each pair about the median widened by its conformal width (outermost first)."""
    out = np.sort(np.asarray(raw, np.float64), axis=-1)
    for i, width in enumerate(widths or ()):
        out[..., i] -= width
        out[..., -1 - i] += width
    middle = out.shape[-1] // 2  # a negative width must not turn the order round
    out[..., :middle] = np.minimum(out[..., :middle], out[..., middle, None])
    out[..., middle + 1 :] = np.maximum(out[..., middle + 1 :], out[..., middle, None])
    return np.sort(out, axis=-1)


def _levels(samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Stratified probabilities, so that few samples give the quantiles too."""
    return (np.arange(samples) + rng.random(samples)) / samples


def drawn(quantiles: Quantiles, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The label at probabilities ``levels``: linear in the normal deviate between quantiles, and on beyond the last."""
    from scipy.stats import norm

    z, known = norm.ppf(np.clip(levels, 1e-6, 1 - 1e-6)), norm.ppf(quantiles.levels)
    values = quantiles.values
    out = np.interp(z, known, values)
    for edge, inner, outside in ((0, 1, z < known[0]), (-1, -2, z > known[-1])):
        slope = (values[edge] - values[inner]) / (known[edge] - known[inner])
        out = np.where(outside, values[edge] + slope * (z - known[edge]), out)
    return np.asarray(out)


def placed(eigen: NDArray[np.float64], stars: Background) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Place (2,) of a star on the map of others, and the rows of its nearest there."""
    distance = np.linalg.norm(stars.eigen - eigen, axis=1)
    nearest = np.argsort(distance, kind="stable")[:NEAREST].astype(np.int64)
    weight = 1.0 / (distance[nearest] + 1e-6 + 0.1 * float(distance[nearest].mean()))
    return np.asarray(weight @ stars.plane[nearest] / weight.sum()), nearest


__all__ = ["SHORTEST", "Desa", "conformal", "drawn", "placed"]
