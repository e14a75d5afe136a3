"""``SmallNet``: SpecCLIP's predict-and-reconstruct network at small size, with error bands and label posteriors.

What is added to the published architecture: a scatter decoder beside each of the four spectrum decoders (log standard
deviation of the decoder's error, a pixel), and one :class:`~specviz.models.specclip.label_flow.LabelFlow` a survey.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from specviz.models.encoder import Encoder
from specviz.models.specclip.clip import SpecClipPredRecon
from specviz.models.specclip.config import LAMOST_PIXELS, ClipConfig, LamostEncoderConfig, XpAutoEncoderConfig
from specviz.models.specclip.constants import LAMOST_CLIP, XP_CLIP
from specviz.models.specclip.label_flow import LabelFlow
from specviz.models.specclip.masked_transformer import LamostMaskedTransformer
from specviz.models.specclip.tokens import standardise
from specviz.models.specclip.xp_autoencoder import XpAutoEncoder


@dataclass(frozen=True)
class SmallConfig:
    """Sizes of a :class:`SmallNet`; plain numbers, kept as JSON beside the weights."""

    lamost_pixels: int = LAMOST_PIXELS  # 3,893 for a wide network
    embed_dim: int = 96
    n_layers: int = 3
    n_heads: int = 4
    slice_length: int = 60
    slice_overlap: int = 20
    mask_width: int = 3
    xp_hidden: int = 256
    xp_latent: int = 96
    xp_blocks: int = 1
    decoder_widths: tuple[int, ...] = (256, 256)
    scatter_width: int = 128
    flow_summary: int = 24
    flow_hidden: int = 32
    flow_bins: int = 8
    labels: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "lamost_lrs": ("teff", "logg", "fe_h", "alpha_fe"),
            "gaia_xp": ("teff", "logg", "fe_h", "alpha_fe", "ebv"),
        }
    )
    extra_labels: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "lamost_lrs": (
                "rv", "c_fe", "n_fe", "mg_fe", "si_fe", "ca_fe", "ti_fe", "cr_fe", "mn_fe", "ni_fe", "ba_fe",
            )
        }
    )  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SmallConfig:
        """The inverse of :meth:`to_dict` (JSON has no tuples)."""
        names = ("labels", "extra_labels")
        fixed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k not in names}
        # Weights of the first format know no extra labels.
        labels, extra = ({survey: tuple(v) for survey, v in values.get(k, {}).items()} for k in names)
        return cls(**fixed, labels=labels, extra_labels=extra)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def clip(self) -> ClipConfig:
        """The same in the terms of the published architecture."""
        return ClipConfig(
            lamost=LamostEncoderConfig(
                n_pixels=self.lamost_pixels, embed_dim=self.embed_dim, n_layers=self.n_layers, n_heads=self.n_heads,
                slice_length=self.slice_length, slice_overlap=self.slice_overlap, mask_width=self.mask_width,
                attention_scaling="single",
            ),
            xp=XpAutoEncoderConfig(
                hidden_dim=self.xp_hidden, latent_dim=self.xp_latent, n_encoder_blocks=self.xp_blocks,
                n_decoder_blocks=self.xp_blocks
            ),
            embed_dim=self.embed_dim, n_heads=self.n_heads, feature_hidden=2 * self.embed_dim, dropout=0.0,
            lamost_decoder_widths=self.decoder_widths, xp_decoder_widths=self.decoder_widths,
        )  # fmt: skip


class ScatterDecoder(nn.Module):
    """log of the standard deviation of a decoder's error: (B, D + 1) -> (B, L); the input is [embedding, log10 S/N]."""

    def __init__(self, input_dim: int, hidden: int, n_pixels: int) -> None:
        super().__init__()
        self.first, self.output = nn.Linear(input_dim, hidden), nn.Linear(hidden, n_pixels)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.constant_(self.output.bias, -3.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.nn.functional.gelu(self.first(x))).clamp(-8.0, 2.0)


class SmallNet(SpecClipPredRecon):
    """Encoders, heads, decoders, bands and flows of ``specclip-small``."""

    def __init__(self, config: SmallConfig | None = None) -> None:
        s = config or SmallConfig()
        c = s.clip
        super().__init__(c)
        self.small = s
        d = c.embed_dim + 1
        self.lamost_scatter = ScatterDecoder(d, s.scatter_width, c.lamost.n_pixels)
        self.xp_scatter = ScatterDecoder(d, s.scatter_width, c.xp.n_pixels)
        self.lamost_cross_scatter = ScatterDecoder(d, s.scatter_width, c.lamost.n_pixels)
        self.xp_cross_scatter = ScatterDecoder(d, s.scatter_width, c.xp.n_pixels)
        self.flows = nn.ModuleDict(
            {
                k: LabelFlow(v, d, s.flow_summary, s.flow_hidden, s.flow_bins, extra=s.extra_labels.get(k, ()))
                for k, v in s.labels.items()
            }
        )
        # Standard deviations of each decoder are multiplied by this; fitted to coverage on held-out spectra.
        self.register_buffer("band_scale", torch.ones(4))
        self.band_scale: Tensor

    def clip_input(self, spectra: Tensor, survey: str) -> Tensor:
        """Spectra as the encoders read them: without values that no star has."""
        return spectra.clamp(*(LAMOST_CLIP if survey == "lamost_lrs" else XP_CLIP))

    def encode(self, spectra: Tensor, survey: str) -> Tensor:
        """Embedding (B, D) of raw prepared values (B, L)."""
        return self.embed(self.clip_input(spectra, survey), survey)

    def encoder(self, device: str, grids: Mapping[str, NDArray[np.float64]], **how: Any) -> Encoder:
        """What runs :meth:`encode` on arrays; ``how`` is ``precision`` and ``compiled`` of :class:`Encoder`."""

        def make(parts: Mapping[str, nn.Module]) -> Callable[[Tensor, str], Tensor]:
            lamost, xp = parts["lamost"], parts["xp"]
            assert isinstance(lamost, LamostMaskedTransformer) and isinstance(xp, XpAutoEncoder)

            def encode(spectra: Tensor, survey: str) -> Tensor:
                spectra = self.clip_input(spectra, survey)
                if survey == "lamost_lrs":
                    return parts["lamost_head"](lamost.embedding(spectra))
                return parts["xp_head"](xp.latent(spectra))

            return encode

        names = ("lamost", "lamost_head", "xp", "xp_head")
        return Encoder({name: getattr(self, name) for name in names}, make, device=device, grids=grids, **how)

    def attributed(self, survey: str, label: str, log_snr: float) -> dict[str, Any]:
        """The parts of an :class:`~specviz.models.specclip.attribution.Target` for one label of one star."""
        flow = self.flow(survey)
        lamost = survey == "lamost_lrs"

        def value(embedding: Tensor) -> Tensor:
            snr = torch.full((len(embedding),), log_snr, device=embedding.device)
            return flow.centre(self.context(embedding, snr))[:, flow.names.index(label)]

        return {
            "backbone": self.lamost if lamost else self.xp,
            "head": self.lamost_head if lamost else self.xp_head,
            "value": value,
            "clip": LAMOST_CLIP if lamost else XP_CLIP,
        }

    def reconstruct_normalised(
        self, embedding: Tensor, log_snr: Tensor, spectra: Tensor, survey: str
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (B, L) of the spectrum that was embedded, in the unit of ``spectra``."""
        flux, context = self.reconstruct(embedding, survey), self.context(embedding, log_snr)
        if survey == "gaia_xp":
            return flux, self.xp_scatter(context).exp() * self.band_scale[1]
        _, mean, std = standardise(self.clip_input(spectra, survey))
        return flux * std + mean, self.lamost_scatter(context).exp() * self.band_scale[0]

    def translate_normalised(self, embedding: Tensor, log_snr: Tensor, to: str) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (B, L) of the spectrum of the other survey."""
        flux, context = self.cross_predict(embedding, to), self.context(embedding, log_snr)
        if to == "gaia_xp":
            return flux, self.xp_cross_scatter(context).exp() * self.band_scale[3]
        return flux, self.lamost_cross_scatter(context).exp() * self.band_scale[2]

    def context(self, embedding: Tensor, log_snr: Tensor) -> Tensor:
        """What flows and scatter decoders read: [embedding, log10 S/N], (B, D + 1)."""
        return torch.cat((embedding, log_snr[:, None]), dim=1)

    def flow(self, survey: str) -> LabelFlow:
        flow = self.flows[survey]
        assert isinstance(flow, LabelFlow)
        return flow
