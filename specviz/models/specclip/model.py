"""``SpecClipSmall``: the default model behind the protocol every system under ``specviz.models`` meets."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CheckpointError, ModelError
from specviz.models.attribution import Attribution
from specviz.models.posterior import Posterior
from specviz.models.preparing import prepared_xp, survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.models.specclip.signal import log_snr
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, WIDE_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.resample import to_specclip_grid, to_wide_grid
from specviz.spectra.spectrum import Spectrum

if TYPE_CHECKING:
    from torch import Tensor

    from specviz.models.encoder import Encoder
    from specviz.models.specclip.small import SmallNet

#: ``format`` in the metadata of the weights file; another one cannot be read.
WEIGHTS_FORMAT = "specviz-specclip-small-1"
_REFERENCE = "reference."
#: Neighbours among the reference stars that the out-of-distribution score averages over.
_NEIGHBOURS = 5
_OTHER = {"lamost_lrs": "gaia_xp", "gaia_xp": "lamost_lrs"}
_NORMALISATION = {"lamost_lrs": "continuum", "gaia_xp": "f550"}


class SpecClipSmall:
    """SpecCLIP's predict-and-reconstruct network at small size (see ``weights/specclip_small.md``).

    Make one with :func:`specviz.models.registry.load_model`, which keeps it.

    Parameters
    ----------
    net : SmallNet
        In eval mode, on ``device``.
    card : mapping
        The metadata of the weights: ``version``, ``ranges``, ``notes``, ``release``; ``rest_frame`` if LAMOST spectra
        are predicted at rest, ``ebv_prior`` (mean, sigma) for the XP spectra that are predicted without dust.
    reference : mapping of survey to mapping of str to array
        What the model knows of typical stars of each survey, none of them used in training, all with S/N > 20:

        * ``misfit`` (n,): :func:`specviz.analysis.anomaly.misfit` of each star's reconstruction;
        * ``ood`` (n,): :meth:`ood_score` of each star;
        * ``embeddings`` (m, k): training stars in the whitened space, the neighbours that ``ood_score`` looks for;
        * ``centre`` (D,), ``whiten`` (D, k): embedding to whitened space;
        * ``dust`` (343,), gaia_xp only: k(lambda) - k(550 nm), if XP spectra are predicted without dust.
    sha256 : str
        Of the weights file.
    device : str
        Where torch runs.
    """

    capabilities = frozenset({"embed", "posterior", "reconstruct", "translate", "attribute"})

    def __init__(self, net: SmallNet, card: Mapping[str, Any], reference: Mapping[str, Mapping[str, NDArray[Any]]], *,
                 sha256: str = "", device: str = "cpu") -> None:  # fmt: skip
        self._net, self._card, self._sha256, self.device = net, dict(card), sha256, device
        self.dtype = "float32"
        self.notes: tuple[str, ...] = ()
        self._encoder: Encoder | None = None
        wide = net.small.lamost_pixels == WIDE_WAVELENGTH.size
        self.grids: Mapping[str, NDArray[np.float64]] = MappingProxyType(
            {"lamost_lrs": WIDE_WAVELENGTH if wide else SPECCLIP_WAVELENGTH, "gaia_xp": XP_WAVELENGTH_NM}
        )
        self.reference: Mapping[str, Mapping[str, NDArray[Any]]] = MappingProxyType(dict(reference))

    @classmethod
    def from_file(cls, path: Path, *, device: str = "cpu", sha256: str | None = None) -> SpecClipSmall:
        """Read a weights file.

        Raises
        ------
        CheckpointError
            If the file is damaged, is not the one that ``sha256`` names, or was written for another format.
        """
        from specviz.models.checkpoint_reader import load_weights, sha256_of
        from specviz.models.specclip.small import SmallConfig, SmallNet

        tensors, metadata = load_weights(path, sha256)
        if metadata.get("format") != WEIGHTS_FORMAT:
            raise CheckpointError(
                f"{Path(path).name} has the format {metadata.get('format', 'unknown')!r}", expected=WEIGHTS_FORMAT
            )
        reference: dict[str, dict[str, NDArray[Any]]] = {}
        for key in [k for k in tensors if k.startswith(_REFERENCE)]:
            survey, name = key.removeprefix(_REFERENCE).split(".")
            reference.setdefault(survey, {})[name] = tensors.pop(key).float().numpy().astype(np.float64)
        net = SmallNet(SmallConfig.from_dict(json.loads(metadata["config"])))
        # Stored as float16 to be small; computed in float32.
        state = {k: v.float() if v.dtype.is_floating_point else v for k, v in tensors.items()}
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError(f"{Path(path).name} does not fit the network its metadata describe") from error
        net.eval().requires_grad_(False)
        return cls(
            net.to(device), json.loads(metadata["card"]), reference, sha256=sha256 or sha256_of(path), device=device
        )

    def __repr__(self) -> str:
        return f"<SpecClipSmall {self._card.get('version', '')} on {self.device}>"

    # ------------------------------------------------------------------ the protocol
    def describe(self) -> ModelDescription:
        """Name card; ``ranges`` are the labels' ranges in the training set."""
        return ModelDescription(
            name="specclip-small",
            version=str(self._card.get("version", "")),
            weights_sha256=self._sha256,
            capabilities=self.capabilities,
            surveys=("lamost_lrs", "gaia_xp"),
            labels={survey: self._net.flow(survey).names for survey in self._net.small.labels},
            ranges={k: (float(a), float(b)) for k, (a, b) in self._card.get("ranges", {}).items()},
            windows={k: (float(g[0]), float(g[-1])) for k, g in self.grids.items()},
            citation="Architecture: Zhao et al. 2026, ApJ (SpecCLIP); weights: specviz",
            release=str(self._card.get("release", "")),
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """Put one spectrum on the model's grid; an SDSS or other optical spectrum is read as LAMOST's.

        Raises
        ------
        CoverageError
            Where the spectrum does not reach over the model's window.
        ModelError
            For a survey the model does not know.
        """
        if (xp := prepared_xp(spectrum, "specclip-small")) is not None:
            return xp
        wave = self.grids["lamost_lrs"]
        grid = (to_wide_grid if wave is WIDE_WAVELENGTH else to_specclip_grid)(spectrum)
        return Prepared("lamost_lrs", wave, _f32(grid.values), _f32(grid.ivar), grid.continuum, grid.filled)

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Encode a batch of one survey. ``state`` holds log10 S/N, shape (B,)."""
        survey = survey_of(prepared, self.grids)
        values = np.stack([p.values for p in prepared])
        self._encoder = self._encoder or self._net.encoder(self.device, self.grids)
        vectors = self._encoder(values, survey)
        return Encoding(survey, vectors, tuple(prepared), state=log_snr(values, np.stack([p.ivar for p in prepared])))

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Joint posterior of each star's labels; the same seed gives the same samples, whatever the batch."""
        import torch

        from specviz.models.specclip.flow_sampling import base_normals

        survey, flow = encoding.survey, self._net.flow(encoding.survey)
        base = base_normals(len(flow.names), samples, seed).to(self.device)
        with torch.inference_mode():
            drawn = flow.sample(self._context(encoding), base).cpu().numpy()
        notes = {k: v for k, v in self._card.get("notes", {}).get(survey, {}).items() if k in flow.names}
        prior = {k: (float(a), float(b)) for k, (a, b) in self._card.get("ranges", {}).items() if k in flow.names}
        return [Posterior(flow.names, d, survey=survey, prior=prior, notes=notes) for d in drawn]

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """The noiseless spectrum the model believes it saw; ``sigma`` is the error of that belief, not of the data."""
        import torch

        values = self._tensor(np.stack([p.values for p in encoding.prepared])) if len(encoding) else None
        if values is None:
            return []
        with torch.inference_mode():
            flux, sigma = self._net.reconstruct_normalised(
                self._tensor(encoding.vectors), self._tensor(encoding.state), values, encoding.survey
            )
        return self._spectra(encoding, encoding.survey, flux, sigma)

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """The same stars as the survey ``to`` would see them.

        LAMOST to XP cannot know the reddening, which the continuum normalisation takes away: XP is predicted
        dust-free and comes behind the survey's typical dust, which is in the band (``with_reddening`` changes that). XP
        to LAMOST cannot know the radial velocity: the prediction is at rest (``at_velocity`` moves it).
        """
        if to != _OTHER[encoding.survey]:
            raise ModelError(
                f"specclip-small does not translate {encoding.survey} to {to!r}", expected=_OTHER[encoding.survey]
            )
        import torch

        with torch.inference_mode():
            flux, sigma = self._net.translate_normalised(
                self._tensor(encoding.vectors), self._tensor(encoding.state), to
            )
        return self._spectra(encoding, to, flux, sigma)

    # ------------------------------------------------------------------ beyond the protocol
    def at_precision(self, precision: str = "auto", *, compiled: bool = False) -> SpecClipSmall:
        """The same model, the same weights in memory, encoding in another precision.

        Parameters
        ----------
        precision : {"float32", "auto", "bfloat16"}
            "auto" takes half precision where the device computes in it and every vector of a fixed batch keeps a
            cosine of 0.999 with its float32 twin; ``notes`` says what was found.
        compiled : bool
            Through ``torch.compile``.
        """
        twin = copy.copy(self)
        encoder = self._net.encoder(self.device, self.grids, precision=precision, compiled=compiled)
        twin._encoder, twin.notes = encoder, encoder.notes
        twin.dtype = str(encoder.dtype).removeprefix("torch.")
        return twin

    def attribute(self, encoding: Encoding, label: str, *, stop: Callable[[], None] | None = None) -> list[Attribution]:
        """Why each star has this value of a label: integrated gradients, and the attention of the LAMOST head.

        The value is that of the flow at the centre of its base distribution (each label at the median of its factor
        given those before it), computed in float32; the S/N is held.

        Raises
        ------
        ModelError
            For a label that the model does not give from this survey.
        """
        from specviz.models.specclip.attribution import Target, attribute

        survey, names = encoding.survey, self._net.flow(encoding.survey).names
        if label not in names:
            raise ModelError(f"specclip-small gives no {label!r} from {survey}", expected="one of " + ", ".join(names))
        out = []
        for prepared, snr in zip(encoding.prepared, encoding.state, strict=True):
            target = Target(label, survey, **self._net.attributed(survey, label, float(snr)))
            out += attribute(target, [prepared], stop)
        return out

    def ood_score(self, encoding: Encoding) -> NDArray[np.float64]:
        """How far each star lies from the stars the model was trained on, shape (B,); larger = farther.

        Root mean square distance to the five nearest of the training stars in ``reference``, in the embedding space
        whitened to unit variance. Compare with ``reference[survey]["ood"]``, the scores of stars not used in training.
        """
        reference = self.reference.get(encoding.survey)
        if reference is None or "embeddings" not in reference:
            return np.full(len(encoding), np.nan)
        return neighbour_distance(encoding.vectors, reference["centre"], reference["whiten"], reference["embeddings"])

    # ------------------------------------------------------------------ the pieces
    def _tensor(self, array: NDArray[Any]) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)

    def _context(self, encoding: Encoding) -> Tensor:
        return self._net.context(self._tensor(encoding.vectors), self._tensor(encoding.state))

    def _spectra(self, encoding: Encoding, survey: str, flux: Tensor, sigma: Tensor) -> list[PredictedSpectrum]:
        same = survey == encoding.survey
        mean, error = flux.double().cpu().numpy(), sigma.double().cpu().numpy()
        dust = None if same else self.reference.get(survey, {}).get("dust")
        how: dict[str, Any] = {} if dust is None else {"dust": dust}
        if not same and survey == "lamost_lrs" and self._card.get("rest_frame"):
            how["frame"] = "rest"
        out = [
            PredictedSpectrum(
                survey=survey, kind="reconstruction" if same else "translation", wavelength=self.grids[survey],
                flux=mean[i], sigma=error[i], normalisation=_NORMALISATION[survey],  # type: ignore[arg-type]
                scale=p.scale if same else 1.0, source=encoding.survey, **how,
            )
            for i, p in enumerate(encoding.prepared)
        ]  # fmt: skip
        ebv, error_ebv = self._card.get("ebv_prior", (0.0, 0.0))
        return out if dust is None else [p.with_reddening(ebv, error_ebv, "prior") for p in out]


def neighbour_distance(vectors: NDArray[Any], centre: NDArray[Any], whiten: NDArray[Any], embeddings: NDArray[Any]
                       ) -> NDArray[np.float64]:  # fmt: skip
    """RMS distance per dimension of each vector (B, D) to its nearest reference embeddings (m, k); (B,)."""
    white = (np.asarray(vectors, np.float64) - centre) @ whiten
    square = (white**2).sum(1)[:, None] + (embeddings**2).sum(1)[None] - 2.0 * white @ embeddings.T
    nearest = np.sort(np.partition(square, _NEIGHBOURS, axis=1)[:, : _NEIGHBOURS + 1], axis=1)
    return np.asarray(np.sqrt(np.maximum(nearest[:, :_NEIGHBOURS], 0.0).mean(axis=1) / white.shape[1]))


def _f32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
