"""``SpecClipOfficial``: the published SpecCLIP as one model, behind the protocol every system under models meets.

23 labels from LAMOST and 7 from Gaia XP, reconstruction, retrieval and cross prediction, all of one encoding a star.
The weights are a converted copy of the release (``specviz models pull specclip-official``).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CoverageError, ModelError, OptionError
from specviz.models.attribution import Attribution
from specviz.models.posterior import Posterior
from specviz.models.preparing import prepared_xp, survey_of
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.models.specclip.routing import GRIDS, SURVEYS, Network, Survey
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, SPECCLIP_WINDOW
from specviz.spectra.resample import resample_linear, to_specclip_grid
from specviz.spectra.spectrum import Spectrum

if TYPE_CHECKING:
    from torch import Tensor

    from specviz.models.specclip.label_heads import LabelHeads
    from specviz.models.specclip.official_networks import OfficialNetworks

NAME = "specclip-official"
_OTHER: Mapping[str, Survey] = {"lamost_lrs": "gaia_xp", "gaia_xp": "lamost_lrs"}
_NORMALISATION = {"lamost_lrs": "continuum", "gaia_xp": "f550"}
#: Spectra encoded at once: 256 LAMOST spectra are 115 MB of tokens a layer.
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class OfficialState:
    """Both embeddings of a batch, (B, D) float32: everything that is asked later follows from them."""

    split: NDArray[np.float32]
    predrecon: NDArray[np.float32]


class SpecClipOfficial:
    """The released networks and heads.

    Make one with ``load_model("specclip-official")``.

    Parameters
    ----------
    networks : OfficialNetworks
    heads : LabelHeads
    version : str
        Of the release.
    sha256 : str
        One hash of all weights.
    folder : path, optional
        Where they lie; calibrations are written there.
    compat : bool
        Normalise the continuum of LAMOST spectra twice, as the official demo does. Wrong by up to 2 % of the flux, but
        its printed numbers come from it.
    retrieval : {"split", "predrecon"}
        Whose embedding is compared and predicts the other survey: the shared part of split (512 dimensions), the
        default of the official ``SpectralRetriever``, or predict + reconstruct (768), which its notebooks use.
    source : str
        Where the release comes from, for the citation.

    Notes
    -----
    The official networks give no error of a predicted spectrum: ``sigma`` is NaN. Labels without an uncertainty are
    ``Posterior.points``.
    """

    capabilities = frozenset({"embed", "posterior", "reconstruct", "translate", "attribute"})
    #: Why there is no percentile of the anomaly.
    no_reference = "the official release has no scores of reference stars to compare with"

    def __init__(
        self,
        networks: OfficialNetworks,
        heads: LabelHeads,
        *,
        version: str = "",
        sha256: str = "",
        folder: Path | None = None,
        compat: bool = False,
        retrieval: Network = "split",
        source: str = "",
    ) -> None:
        self.networks, self.heads, self.folder = networks, heads, folder
        self.compat, self.retrieval, self.version = bool(compat), _checked(retrieval), version
        self._encoder = networks.encoder()
        self.device, self.dtype = networks.device, "float32"
        self.notes: tuple[str, ...] = ()
        self.reference: Mapping[str, Any] = MappingProxyType({})
        self._sha256, self._source = sha256, source

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, device: str = "cpu", compat: bool = False, retrieval: Network = "split",
        check: bool = True,
    ) -> SpecClipOfficial:  # fmt: skip
        """Read a converted release.

        Parameters
        ----------
        folder : path
        device : str
        compat, retrieval
            See the class.
        check : bool
            Compare each file that is read with its SHA-256.

        Raises
        ------
        CheckpointError
            If the folder holds no converted release, or a damaged one.
        """
        from specviz.models.installed import Manifest
        from specviz.models.specclip.label_heads import LabelHeads
        from specviz.models.specclip.official_networks import OfficialNetworks

        folder = Path(folder)
        manifest = Manifest.load(folder)
        written = manifest.written if check else None
        networks = OfficialNetworks.from_folder(folder, device=device, sha256=written)
        return cls(
            networks,
            LabelHeads.from_folder(folder, device=device, sha256=written),
            version=manifest.version,
            sha256=manifest.weights_sha256,
            folder=folder,
            compat=compat,
            retrieval=retrieval,
            source=_source(manifest.source),
        )

    def variant(self, *, compat: bool | None = None, retrieval: Network | None = None) -> SpecClipOfficial:
        """The same weights, nothing read again, with another normalisation or another embedding for retrieval."""
        twin = copy.copy(self)
        twin.compat = self.compat if compat is None else compat
        twin.retrieval = self.retrieval if retrieval is None else _checked(retrieval)
        return twin

    def at_precision(self, precision: str = "auto", *, compiled: bool = False) -> SpecClipOfficial:
        """The same model, the same weights in memory, encoding in another precision; the heads stay in float32.

        Parameters
        ----------
        precision : {"float32", "auto", "bfloat16"}
            "auto" takes half precision where the device computes in it and both embeddings of every spectrum of a
            fixed batch keep a cosine of 0.999 with their float32 twins; ``notes`` says what was found.
        compiled : bool
            Through ``torch.compile``.
        """
        twin = copy.copy(self)
        encoder = self.networks.encoder(precision=precision, compiled=compiled)
        twin._encoder, twin.notes = encoder, encoder.notes
        twin.dtype = str(encoder.dtype).removeprefix("torch.")
        return twin

    def __repr__(self) -> str:
        count = " + ".join(str(len(self.heads.labels(survey))) for survey in SURVEYS)
        return f"<SpecClipOfficial {self.version}, {count} labels, on {self.device}>"

    # ------------------------------------------------------------------ the protocol
    def describe(self) -> ModelDescription:
        """Name card. ``ranges`` is empty: the release does not tell the ranges of its training labels.

        Embeddings of ``compat`` or of the other retrieval network live elsewhere than the default's: such a variant
        has a hash of its own, so that no catalogue of the one is searched with the other.
        """
        odd = [word for word, said in (("predrecon", self.retrieval != "split"), ("compat", self.compat)) if said]
        sha256 = self._sha256
        if odd and sha256:
            sha256 = hashlib.sha256("\n".join([sha256, *odd]).encode()).hexdigest()
        return ModelDescription(
            name=NAME,
            version=" ".join([self.version, *(f"({word})" for word in odd)]).strip(),
            weights_sha256=sha256,
            capabilities=self.capabilities,
            surveys=SURVEYS,
            labels={survey: self.heads.labels(survey) for survey in SURVEYS},
            windows={survey: (float(grid[0]), float(grid[-1])) for survey, grid in GRIDS.items()},
            citation=" ".join(["Zhao et al. 2026, ApJ (SpecCLIP);", self._source or "astroshawn/SpecCLIP"]),
            release="Gaia DR3",  # the one release that had XP spectra; which LAMOST release is not told
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """Put one spectrum on the official grid; an SDSS or other optical spectrum is read as LAMOST's.

        One that is continuum-normalised already (``meta["normalised"]``: a row of the official test set) is not
        normalised again; with ``compat`` it is, once.

        Raises
        ------
        CoverageError
            Where the spectrum does not reach over the model's window.
        ModelError
            For a survey the model does not know.
        """
        if (xp := prepared_xp(spectrum, NAME)) is not None:
            return xp
        done = bool(spectrum.meta.get("normalised"))
        if done and not self.compat:
            return _as_it_is(spectrum)
        grid = to_specclip_grid(spectrum, compat=self.compat and not done)
        return Prepared(
            "lamost_lrs", SPECCLIP_WAVELENGTH, _f32(grid.values), _f32(grid.ivar), grid.continuum, grid.filled
        )

    def on_grid(self, values: ArrayLike, survey: Survey) -> list[Prepared]:
        """Spectra that are on the official grid already, (B, L) or (L,): rows of a test set or of a database."""
        array = np.atleast_2d(np.asarray(values, np.float32))
        grid = GRIDS[survey]
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        if array.ndim != 2 or array.shape[1] != grid.size:
            raise ModelError(
                f"Spectra of shape {array.shape} are not on the {survey} grid", expected=f"(B, {grid.size})"
            )
        nothing = np.zeros(grid.size, np.float32)
        return [Prepared(survey, grid, row, nothing, 1.0) for row in array]

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Encode a batch of one survey, each spectrum once. ``state`` is an :class:`OfficialState`."""
        survey = survey_of(prepared, SURVEYS)
        parts = [
            self._encoder(np.stack([p.values for p in prepared[start : start + _CHUNK]]), survey)
            for start in range(0, len(prepared), _CHUNK)
        ]
        split, predrecon = np.split(np.concatenate(parts), [self.networks.widths()["split"]], axis=1)
        state = OfficialState(np.ascontiguousarray(split), np.ascontiguousarray(predrecon))
        return Encoding(survey, self._common(state), tuple(prepared), state=state)

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Each label's posterior, side by side; the same seed gives the same samples."""
        embeddings = self._embeddings(encoding)
        return self.heads.posteriors(embeddings, _survey(encoding), samples=samples, seed=seed)

    def points(self, encoding: Encoding) -> dict[str, NDArray[np.float64]]:
        """What the MLP heads say, {label: (B,)}: no samples are drawn."""
        return self.heads.points(self._embeddings(encoding), _survey(encoding))

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """The spectra the network believes it saw."""
        import torch

        survey, network = _survey(encoding), self.networks.network(self.retrieval)
        with torch.inference_mode():
            flux = network.reconstruct(self._embeddings(encoding)[self.retrieval], survey)
            if survey == "lamost_lrs":  # only this decoder gives standardised flux
                flux = network.destandardise_lamost(flux, self._tensor(np.stack([p.values for p in encoding.prepared])))
        return _spectra(encoding, survey, flux.double().cpu().numpy())

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """The same stars as the survey ``to`` would see them, in its normalised unit: nothing is de-normalised.

        Raises
        ------
        ModelError
            If ``to`` is not the other survey.
        """
        if to != _OTHER[encoding.survey]:
            raise ModelError(f"{NAME} does not translate {encoding.survey} to {to!r}", expected=_OTHER[encoding.survey])
        import torch

        with torch.inference_mode():
            flux = self.networks.network(self.retrieval).cross_predict(self._tensor(encoding.vectors), to)
        return _spectra(encoding, to, flux.double().cpu().numpy())

    def attribute(self, encoding: Encoding, label: str, *, stop: Callable[[], None] | None = None) -> list[Attribution]:
        """Why each star has this value of a label (the median, of a posterior): integrated gradients in float32, and
        the attention of the label's LAMOST head.

        Raises
        ------
        ModelError
            If there is no head for that label.
        """
        from specviz.models.specclip.attribution import attribute
        from specviz.models.specclip.official_attribution import official_target

        return attribute(official_target(self.networks, self.heads, _survey(encoding), label), encoding.prepared, stop)

    # ------------------------------------------------------------------ the pieces
    def _tensor(self, array: NDArray[Any]) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)

    def _embeddings(self, encoding: Encoding) -> dict[Network, Tensor]:
        state: OfficialState = encoding.state
        return {"split": self._tensor(state.split), "predrecon": self._tensor(state.predrecon)}

    def _common(self, state: OfficialState) -> NDArray[np.float32]:
        """Where the surveys are compared: shared of split, or all of predict + reconstruct."""
        if self.retrieval == "predrecon":
            return state.predrecon
        return np.ascontiguousarray(state.split[:, : self.networks.split.config.shared_dim])


def _checked(retrieval: Network) -> Network:
    if retrieval not in get_args(Network):
        raise OptionError(f"retrieval={retrieval!r}", expected="'split' or 'predrecon'")
    return retrieval


def _survey(encoding: Encoding) -> Survey:
    return "lamost_lrs" if encoding.survey == "lamost_lrs" else "gaia_xp"


def _as_it_is(spectrum: Spectrum) -> Prepared:
    """A spectrum that is normalised already, on the official grid."""
    wave, (low, high) = spectrum.wavelength_angstrom, SPECCLIP_WINDOW
    put = resample_linear(SPECCLIP_WAVELENGTH, wave, spectrum.flux, spectrum.ivar, ~spectrum.good)
    if wave[0] > low or wave[-1] < high or put.mask.mean() > 0.5:
        raise CoverageError(
            f"The spectrum covers {wave[0]:.0f}-{wave[-1]:.0f} A, {100 * put.mask.mean():.0f} % of it masked",
            expected=f"{low:.0f}-{high:.0f} A, at most half of it masked",
        )
    ones = np.ones(SPECCLIP_WAVELENGTH.size)
    return Prepared("lamost_lrs", SPECCLIP_WAVELENGTH, _f32(put.flux), _f32(put.ivar), ones, float(put.mask.mean()))


def _spectra(encoding: Encoding, survey: str, flux: NDArray[np.float64]) -> list[PredictedSpectrum]:
    same = survey == encoding.survey
    return [
        PredictedSpectrum(
            survey=survey, kind="reconstruction" if same else "translation", wavelength=GRIDS[survey], flux=row,
            sigma=np.full(row.size, np.nan), normalisation=_NORMALISATION[survey],  # type: ignore[arg-type]
            scale=p.scale if same else 1.0, source=encoding.survey,
        )
        for p, row in zip(encoding.prepared, flux, strict=True)
    ]  # fmt: skip


def _source(source: Mapping[str, Any]) -> str:
    """Where a release came from, in a few words."""
    words = [str(source[key]) for key in ("repo", "revision") if source.get(key)]
    return " ".join(words) or (f"copy in {source['folder']}" if source.get("folder") else "")


def _f32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
