"""``Lux``: the linear latent-variable model behind the protocol every system under ``specviz.models`` meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import ModelError
from specviz.models.lux.checkpoint import LuxWeights, read
from specviz.models.lux.latent import LuxPrepared, LuxState, infer
from specviz.models.lux.scales import label_from_scale, spectrum_from_scale
from specviz.models.posterior import Posterior
from specviz.models.preparing import prepared_xp, survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.spectra.frames import header_velocity
from specviz.spectra.grids import WIDE_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.resample import to_wide_grid
from specviz.spectra.spectrum import Spectrum

GRIDS = {"lamost_lrs": WIDE_WAVELENGTH, "gaia_xp": XP_WAVELENGTH_NM}
_NORMALISATION: dict[str, Literal["continuum", "f550"]] = {"lamost_lrs": "continuum", "gaia_xp": "f550"}
_OPTICAL = frozenset({"lamost_lrs", "blue", "red"})


class Lux:
    """Lux (Horta et al. 2025): one latent vector a star, labels and both spectra linear in it.

    Parameters
    ----------
    weights : LuxWeights
    sha256 : str
        Of the weights file.

    Notes
    -----
    Linear: in the continuum-normalised flux of both LAMOST arms at rest, in ``arcsinh(f / 0.04)`` of XP's
    f / f(550 nm), in ln(Teff) and in the other labels (:mod:`specviz.models.lux.scales`). Everything is on the CPU: a
    star costs one system of P equations.

    An embedding is the latent vector in a frame in which distances are differences of the predicted spectra in units
    of their typical errors, so that it does not depend on the rotation that the latent space is free in. Both surveys
    share it. One more coordinate is the same for all stars, twice the length of a typical vector: so the cosine, by
    which catalogues compare embeddings, orders stars as their distance does.
    """

    capabilities = frozenset({"embed", "posterior", "reconstruct", "translate"})

    def __init__(self, weights: LuxWeights, *, sha256: str = "") -> None:
        self._weights, self._net, self._sha256 = weights, weights.net, sha256
        self.label_names: tuple[str, ...] = tuple(weights.card["labels"])
        at = self._net.slices
        spectra = {survey: weights.typical[at[survey]] for survey in GRIDS if survey in at}
        self._frame = torch.linalg.cholesky(
            self._net.metric(spectra) + 1e-9 * torch.eye(self._net.config.latent, dtype=torch.float64)
        )
        self._lift = 2.0 * float(torch.linalg.norm(self._frame))  # |z frame|^2 is trace(G) on average
        self._surveys = tuple(spectra)
        self.grids = {survey: GRIDS[survey] for survey in self._surveys}

    @classmethod
    def from_file(cls, path: Path, *, device: str = "auto", sha256: str | None = None) -> Lux:
        """Read a weights file; see :func:`specviz.models.lux.checkpoint.read`. ``device`` is of no account: the CPU."""
        from specviz.models.checkpoint_reader import sha256_of

        return cls(read(path, sha256), sha256=sha256 or sha256_of(path))

    def __repr__(self) -> str:
        return f"<Lux {self._weights.card.get('version', '')}, {self._net.config.latent} latent numbers>"

    @property
    def latent(self) -> int:
        """P, the length of the latent vector."""
        return self._net.config.latent

    # ------------------------------------------------------------------ the protocol
    def describe(self) -> ModelDescription:
        """Name card; ``ranges`` are the labels' ranges in the training set."""
        card = self._weights.card
        return ModelDescription(
            name="lux-small",
            version=str(card.get("version", "")),
            weights_sha256=self._sha256,
            capabilities=self.capabilities,
            surveys=self._surveys,
            labels=dict.fromkeys(self._surveys, self.label_names),
            ranges=self._ranges(),
            windows={k: (float(GRIDS[k][0]), float(GRIDS[k][-1])) for k in self._surveys},
            citation="Model: Horta et al. 2025, AJ (Lux); weights: specviz",
            release=str(card.get("release", "")),
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """Put one spectrum on the model's grid, as observed; an optical one keeps the velocity it came with.

        Raises
        ------
        CoverageError
            Where the spectrum does not reach over one of LAMOST's arms, or over Gaia's range.
        ModelError
            For a survey the model does not know.
        """
        if (xp := prepared_xp(spectrum, "Lux")) is not None:
            return xp
        grid = to_wide_grid(spectrum)
        velocity = 0.0 if spectrum.frame == "rest" else header_velocity(spectrum) or 0.0
        values, ivar = (np.asarray(array, np.float32) for array in (grid.values, grid.ivar))
        return LuxPrepared("lamost_lrs", WIDE_WAVELENGTH, values, ivar, grid.continuum, grid.filled, float(velocity))

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Latent vectors of a batch of one survey; ``state`` is a :class:`LuxState`."""
        return self.infer({survey_of(prepared, self._surveys): prepared})

    def infer(
        self,
        given: Mapping[str, Prepared | Sequence[Prepared]],
        *,
        known: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> Encoding:
        """One latent vector a star from all that is known of it: both spectra at once, and labels from elsewhere.

        Parameters
        ----------
        given : mapping of survey to Prepared, or to a sequence of them
            The same stars in the same order in each.
        known : mapping of label to (value, error), optional
            Such as ``{"ebv": (0.12, 0.02)}``; numbers, or arrays of one a star.

        Returns
        -------
        Encoding
            Of the first survey given; what else the model takes and gives an encoding of works with it.

        Raises
        ------
        ModelError
            If nothing is given, the numbers of stars differ, or a survey or a label is not the model's.
        """
        batches = {s: (p,) if isinstance(p, Prepared) else tuple(p) for s, p in given.items()}
        told = {k: (np.asarray(v, np.float64), np.asarray(e, np.float64)) for k, (v, e) in (known or {}).items()}
        sizes = {len(batch) for batch in batches.values()}
        for survey, batch in batches.items():
            if survey_of(batch, self._surveys) != survey:
                raise ModelError(f"Spectra of another survey were given as {survey}")
        if len(sizes) != 1:
            raise ModelError("Nothing can be inferred", expected="the same stars in each survey, at least one")
        if unknown := sorted(set(told) - set(self.label_names)):
            raise ModelError(f"Lux knows no {', '.join(unknown)}", expected="some of " + ", ".join(self.label_names))
        if not all(np.isfinite(v).all() and (e > 0).all() for v, e in told.values()):
            raise ModelError("A label that is told needs a finite value and a positive error")
        state = infer(self._weights, batches, told)
        survey = next(iter(batches))
        vectors = (state.mean @ self._frame).numpy()
        lifted = np.concatenate([vectors, np.full((len(vectors), 1), self._lift)], 1).astype(np.float32)
        return Encoding(survey, lifted, batches[survey], state=state)

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Gaussian posterior of the labels (of ln Teff): what the latent vector leaves open, and what such predictions
        were off by on validation stars.
        """
        at = self._net.slices["labels"]
        state, scale, centre = encoding.state, self._weights.scale[at].numpy(), self._weights.centre[at].numpy()
        mean, _ = self._net.predict(state.mean, state.covariance, "labels")
        covariance = self._net.covariance(state.covariance, "labels")
        draws = np.random.default_rng(seed).standard_normal((samples, len(self.label_names)))
        out = []
        for row, source in enumerate(state.sources):
            off = self._spread(source)[at].clone()
            for name in state.given:  # what was told is known no worse than it was told
                off[self.label_names.index(name)] = 0.0
            factor = torch.linalg.cholesky(covariance[row] + torch.diag(off**2 + 1e-12)).numpy() * scale[:, None]
            drawn = mean[row].numpy() * scale + centre + draws @ factor.T
            for k, name in enumerate(self.label_names):
                drawn[:, k] = label_from_scale(name, drawn[:, k])
            out.append(Posterior(self.label_names, drawn, survey=encoding.survey, prior=self._ranges()))
        return out

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """The spectra the latent vectors stand for, with their errors, at the velocity they were observed with."""
        return self.predict(encoding, encoding.survey)

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """The same stars as the survey ``to`` would see them.

        An optical spectrum hardly tells the reddening: XP predicted from it comes behind the mean of what the latent
        vector says and of what is usual in the training stars, with its error in the band (``with_reddening`` changes
        that). XP does not tell the radial velocity: LAMOST predicted from it is at rest (``at_velocity`` moves it).

        Raises
        ------
        ModelError
            For a survey that the model does not predict from this one.
        """
        if to == encoding.survey or to not in self._surveys:
            raise ModelError(f"Lux does not translate {encoding.survey} to {to!r}")
        return self.predict(encoding, to)

    # ------------------------------------------------------------------ beyond the protocol
    def predict(self, encoding: Encoding, survey: str) -> list[PredictedSpectrum]:
        """Either survey's spectrum of the stars of an encoding, whatever it was inferred from."""
        if survey not in self._surveys:
            raise ModelError(f"Lux predicts no {survey!r}", expected=" or ".join(self._surveys))
        at, state = self._net.slices[survey], encoding.state
        mean, variance = self._net.predict(state.mean, state.covariance, survey)
        out = []
        for row, (source, prepared) in enumerate(zip(state.sources, encoding.prepared, strict=True)):
            dusty = survey == "gaia_xp" and source in _OPTICAL and self._weights.dust is not None
            if dusty and "ebv" not in state.given:
                out.append(self._behind_dust(encoding, row, mean[row], variance[row]))
                continue
            off = self._spread(f"{source}+ebv" if dusty else source)[at]
            flux, sigma = self._from_scale(survey, mean[row], variance[row] + off**2)
            out.append(self._made(encoding, row, survey, flux, sigma, prepared))
        return out

    def _behind_dust(self, encoding: Encoding, row: int, mean: Tensor, variance: Tensor) -> PredictedSpectrum:
        """XP from an optical spectrum, as a prediction whose reddening can be changed afterwards.

        The error that does not come from E(B-V) is that given E(B-V), ``v - c^2 / v_e``, with the covariance c of a
        flux with it.
        """
        at, name = self._net.slices["gaia_xp"], self._net.slices["labels"].start + self.label_names.index("ebv")
        state, source, net = encoding.state, encoding.state.sources[row], self._net
        basis = net.basis[at]
        of_ebv = state.covariance[row] @ net.basis[name]
        var_ebv = net.basis[name] @ of_ebv
        known = (variance - (basis @ of_ebv) ** 2 / var_ebv).clamp_min(0.0)
        flux, own = self._from_scale("gaia_xp", mean, known + self._spread(f"{source}+ebv")[at] ** 2)
        ebv = float(net.basis[name] @ state.mean[row] * self._weights.scale[name] + self._weights.centre[name])
        error = float(torch.sqrt(var_ebv + self._spread(source)[name] ** 2) * self._weights.scale[name])
        assert self._weights.dust is not None
        dust = self._weights.dust.numpy()
        sigma = np.hypot(own, 0.4 * np.log(10.0) * dust * error * flux)
        made = self._made(encoding, row, "gaia_xp", flux, sigma, encoding.prepared[row])
        made = replace(made, dust=dust, ebv=ebv, ebv_sigma=error, ebv_source="prior")
        # An optical spectrum tells E(B-V) hardly better than the stars it learned from: the mean of both is drawn,
        # known no better than the better one of them, for they are not independent.
        usual, spread = (float(of[name]) for of in (self._weights.centre, self._weights.scale))
        share = spread**2 / (spread**2 + error**2)
        return made.with_reddening(share * ebv + (1.0 - share) * usual, min(error, spread), "prior")

    def _made(
        self, encoding: Encoding, row: int, survey: str, flux: NDArray[Any], sigma: NDArray[Any], prepared: Prepared
    ) -> PredictedSpectrum:
        same = survey == encoding.survey
        made = PredictedSpectrum(
            survey, "reconstruction" if same else "translation", GRIDS[survey], flux, sigma, _NORMALISATION[survey],
            prepared.scale if same else 1.0, encoding.survey, "rest" if survey == "lamost_lrs" else "observed",
        )  # fmt: skip
        return made.at_velocity(float(encoding.state.velocity[row])) if same and made.frame == "rest" else made

    def _from_scale(self, survey: str, mean: Tensor, variance: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
        at = self._net.slices[survey]
        scale = self._weights.scale[at]
        return spectrum_from_scale(
            survey, (mean * scale + self._weights.centre[at]).numpy(), (torch.sqrt(variance) * scale).numpy()
        )

    def _spread(self, source: str) -> Tensor:
        """How far predictions from a source are off, all numbers; the scatter where that was not measured."""
        known = self._weights.spread
        return known.get(source, known.get(source.removesuffix("+ebv"), self._net.scatter))

    def _ranges(self) -> dict[str, tuple[float, float]]:
        return {k: (float(a), float(b)) for k, (a, b) in self._weights.card.get("ranges", {}).items()}


__all__ = ["GRIDS", "Lux", "LuxPrepared", "LuxState"]
