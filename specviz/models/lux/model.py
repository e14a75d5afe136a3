"""``Lux``: the linear latent-variable model behind the protocol every system under ``specviz.models`` meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import ModelError
from specviz.models.lux.checkpoint import LuxWeights, read
from specviz.models.posterior import Posterior
from specviz.models.preparing import prepared_xp, survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.spectra.frames import C_KM_S, header_velocity
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.resample import to_specclip_grid
from specviz.spectra.spectrum import Spectrum

GRIDS = {"lamost_lrs": SPECCLIP_WAVELENGTH, "gaia_xp": XP_WAVELENGTH_NM}
_NORMALISATION: dict[str, Literal["continuum", "f550"]] = {"lamost_lrs": "continuum", "gaia_xp": "f550"}
#: Error of a prepared flux that its ivar does not know: the continuum, the flat field, XP's calibration.
FLOOR = {"lamost_lrs": 0.006, "gaia_xp": 0.004}


@dataclass(frozen=True, eq=False)
class LuxState:
    """Posterior of the latent vectors of a batch: mean (B, P) and covariance (B, P, P)."""

    mean: Tensor
    covariance: Tensor


class Lux:
    """Lux (Horta et al. 2025): one latent vector a star, labels and both spectra linear in it.

    Parameters
    ----------
    weights : LuxWeights
    sha256 : str
        Of the weights file.

    Notes
    -----
    An embedding is the latent vector in a frame in which distances are differences of the predicted spectra in units
    of their typical errors, so that it does not depend on the rotation that the latent space is free in. Both surveys
    share it.
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
        self._surveys = tuple(spectra)

    @classmethod
    def from_file(cls, path: Path, *, sha256: str | None = None) -> Lux:
        """Read a weights file; see :func:`specviz.models.lux.checkpoint.read`."""
        from specviz.models.checkpoint_reader import sha256_of

        return cls(read(path, sha256), sha256=sha256 or sha256_of(path))

    def __repr__(self) -> str:
        return f"<Lux {self._weights.card.get('version', '')}, {self._net.config.latent} latent numbers>"

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
            ranges={k: (float(a), float(b)) for k, (a, b) in card.get("ranges", {}).items()},
            windows={k: (float(GRIDS[k][0]), float(GRIDS[k][-1])) for k in self._surveys},
            citation="Model: Horta et al. 2025, AJ (Lux); weights: specviz",
            release=str(card.get("release", "")),
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """Put one spectrum on the model's grid; an optical one is brought to rest by the velocity it came with.

        Raises
        ------
        CoverageError
            Where the spectrum does not reach over the model's window.
        ModelError
            For a survey the model does not know.
        """
        if (xp := prepared_xp(spectrum, "Lux")) is not None:
            return xp
        grid = to_specclip_grid(spectrum)
        velocity = 0.0 if spectrum.frame == "rest" else header_velocity(spectrum) or 0.0
        shifted = SPECCLIP_WAVELENGTH * (1.0 + velocity / C_KM_S)
        values = np.interp(shifted, SPECCLIP_WAVELENGTH, grid.values)
        outside = (shifted < SPECCLIP_WAVELENGTH[0]) | (shifted > SPECCLIP_WAVELENGTH[-1])
        ivar = np.where(outside, 0.0, np.interp(shifted, SPECCLIP_WAVELENGTH, grid.ivar))
        return Prepared("lamost_lrs", SPECCLIP_WAVELENGTH, _f32(values), _f32(ivar), grid.continuum, grid.filled)

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Latent vectors of a batch of one survey; ``state`` is a :class:`LuxState`."""
        survey = survey_of(prepared, self._surveys)
        data, weight = self.scaled(
            {survey: (np.stack([p.values for p in prepared]), np.stack([p.ivar for p in prepared]))}
        )
        mean, covariance = self._net.latent(data, weight)
        vectors = (mean @ self._frame).float().numpy()
        return Encoding(survey, np.asarray(vectors, np.float32), tuple(prepared), state=LuxState(mean, covariance))

    def scaled(self, given: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]]) -> tuple[Tensor, Tensor]:
        """Scaled data and weights (n, D) of outputs that are given as (values, ivar); the others have weight 0."""
        n = len(next(iter(given.values()))[0])
        data = torch.zeros(n, self._net.config.size, dtype=torch.float64)
        error = torch.full_like(data, torch.inf)
        for output, (values, ivar) in given.items():
            at = self._net.slices[output]
            scale = self._weights.scale[at]
            y, w = torch.from_numpy(np.asarray(values, np.float64)), torch.from_numpy(np.asarray(ivar, np.float64))
            data[:, at] = (y - self._weights.centre[at]) / scale
            sigma = torch.sqrt(1.0 / w.clamp_min(1e-30) + FLOOR.get(output, 0.0) ** 2) / scale
            error[:, at] = torch.where((w > 0) & torch.isfinite(y), sigma, torch.inf)
        data = torch.where(torch.isfinite(error), data, 0.0)
        return data, self._net.weights(error)

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Gaussian posterior of the labels: what the latent vector leaves open, and the scatter of the labels."""
        at = self._net.slices["labels"]
        scale, centre = self._weights.scale[at], self._weights.centre[at]
        mean, _ = self._net.predict(encoding.state.mean, encoding.state.covariance, "labels")
        covariance = self._net.covariance(encoding.state.covariance, "labels") + torch.diag(self._net.scatter[at] ** 2)
        draws = np.random.default_rng(seed).standard_normal((samples, len(self.label_names)))
        ranges = {k: (float(a), float(b)) for k, (a, b) in self._weights.card.get("ranges", {}).items()}
        out = []
        for m, c in zip(mean, covariance, strict=True):
            factor = (torch.linalg.cholesky(c) * scale[:, None]).numpy()
            drawn = (m * scale + centre).numpy() + draws @ factor.T
            out.append(Posterior(self.label_names, drawn, survey=encoding.survey, prior=ranges))
        return out

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """The spectra the latent vectors stand for, with their errors."""
        return self._predicted(encoding, encoding.survey)

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """The same stars as the survey ``to`` would see them, dust included as far as the latent vector knows it.

        Raises
        ------
        ModelError
            For a survey that the model does not predict from this one.
        """
        if to == encoding.survey or to not in self._surveys:
            raise ModelError(f"Lux does not translate {encoding.survey} to {to!r}")
        return self._predicted(encoding, to)

    def _predicted(self, encoding: Encoding, survey: str) -> list[PredictedSpectrum]:
        at = self._net.slices[survey]
        scale, centre = self._weights.scale[at], self._weights.centre[at]
        mean, variance = self._net.predict(encoding.state.mean, encoding.state.covariance, survey)
        flux = (mean * scale + centre).numpy()
        sigma = (torch.sqrt(variance + self._net.scatter[at] ** 2) * scale).numpy()
        same = survey == encoding.survey
        return [
            PredictedSpectrum(
                survey, "reconstruction" if same else "translation", GRIDS[survey], f, s, _NORMALISATION[survey],
                prepared.scale if same else 1.0, encoding.survey, "rest" if survey == "lamost_lrs" else "observed",
            )
            for f, s, prepared in zip(flux, sigma, encoding.prepared, strict=True)
        ]  # fmt: skip


def _f32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
