"""``DesaNet``: DESA's networks with the heads that answer, without and with catalogue values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specviz.models.desa.config import DesaConfig, DualFormerConfig, LightCurveConfig, SpectrumConfig
from specviz.models.desa.dual_former import Aligned, DualFormer, DualNet, PredictionHead

#: Catalogue values of the published latent vector, in its order, and what each is divided by.
CATALOGUE = {"teff": 5778.0, "logg": 1.0, "prot": 70.0, "fe_h": 1.0, "radius": 1.0, "ruwe": 1.0}
#: Levels of the encoders' quantiles and of the age's, as published.
LEVELS, AGE_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9), (0.14, 0.5, 0.86)
SPECTRUM_LABELS, LIGHT_CURVE_LABELS = ("teff", "logg", "fe_h", "age"), ("teff", "logg", "prot")
#: What quantile heads are trained on is (x - centre) / scale; of ``prot`` the logarithm of the period in days.
UNIT = {"teff": (5778.0, 1000.0), "logg": (4.0, 1.0), "fe_h": (-0.3, 0.5), "age": (5.0, 4.0), "prot": (2.3, 1.0)}
#: What the heads say: logit of a close binary, quantiles of the age, HR diagram and CMD.
DIAGRAM = ("teff", "luminosity", "colour", "abs_mag")
#: Centre and scale of log10 teff, log10 luminosity, BP - RP, M_G.
DIAGRAM_UNIT = ((3.74, 0.08), (0.0, 0.7), (0.9, 0.4), (5.0, 2.0))
OUTPUTS = 1 + len(AGE_LEVELS) + len(DIAGRAM)
#: Input lengths: pixels of a spectrum.
PIXELS = 4096


def small_config() -> DesaConfig:
    """Sizes of the model that ships."""
    return DesaConfig(
        SpectrumConfig((24, 48, 64, 96, 128, 128), blocks=2, heads=4),
        LightCurveConfig((16, 32, 64, 96, 96, 96), width=96, stride=20, blocks=2, heads=4, projection=64),
        DualFormerConfig(64, 2, 4, 256, latent=0),
        hidden=96,
        outputs=OUTPUTS,
    )


class QuantileHead(nn.Module):
    """One hidden layer with batch norm, then the quantiles of some labels: (B, inputs) to (B, labels, levels)."""

    def __init__(self, inputs: int, hidden: int, labels: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.hidden, self.hidden_norm = nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden)
        self.quantiles = nn.Linear(hidden, labels * levels)

    def forward(self, x: Tensor) -> Tensor:
        return self.quantiles(F.silu(self.hidden_norm(self.hidden(x)))).unflatten(1, (-1, self.levels))


@dataclass(frozen=True, eq=False)
class Features:
    """What the encoders give of a batch of stars, standardised: (B, W) each."""

    spectrum: Tensor
    light_curve: Tensor

    def __len__(self) -> int:
        return len(self.spectrum)

    def split(self, size: int) -> Iterator[Features]:
        """Blocks of at most ``size`` stars."""
        for one, other in zip(self.spectrum.split(size), self.light_curve.split(size), strict=True):
            yield Features(one, other)


class Answer(NamedTuple):
    """What follows from both: the aligned embeddings, the outputs (B, outputs) of the heads."""

    aligned: Aligned
    tasks: Tensor | None


class DesaNet(nn.Module):
    """Both encoders with their heads, and two DualFormers: one that never sees catalogue values, and one that does.

    Parameters
    ----------
    config : DesaConfig
    answering : bool
        With the heads that specviz trains; the published weights have none of these.

    Notes
    -----
    A feature is a token of the DualFormer and must be of order one there: the sum over 128 tokens is not. So features
    are standardised by buffers, which are 0 and 1 for the published weights.
    """

    def __init__(self, config: DesaConfig, *, answering: bool = True) -> None:
        super().__init__()
        self.config, self.answering = config, answering
        self.net = DualNet(config)
        width, projection = config.spectrum.width, config.light_curve.projection
        for name, size in (("spectrum", width), ("light_curve", projection)):
            self.register_buffer(f"{name}_centre", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        if not answering:
            return
        dual = config.dual
        with_catalogue = replace(dual, latent=len(CATALOGUE))
        self.catalogue = DualFormer(with_catalogue)
        self.tasks = PredictionHead(2 * dual.size, config.hidden, config.outputs)
        self.catalogue_tasks = PredictionHead(2 * with_catalogue.size, config.hidden, config.outputs)
        self.spectrum_labels = QuantileHead(width, 2 * width, len(SPECTRUM_LABELS), len(LEVELS))
        self.light_curve_labels = QuantileHead(projection, 2 * projection, len(LIGHT_CURVE_LABELS), len(LEVELS))

    def of_spectrum(self, spectrum: Tensor) -> Tensor:
        """Standardised features (B, W) of spectra (B, 4096)."""
        return (self.net.spectrum(spectrum) - self.spectrum_centre) / self.spectrum_scale

    def of_light_curve(self, views: Tensor) -> Tensor:
        """Standardised features (B, W') of light curves (B, 4, L)."""
        found = self.net.projector(self.net.light_curve(views))
        return (found - self.light_curve_centre) / self.light_curve_scale

    def dual(self, latent: bool) -> DualFormer:
        """The DualFormer that is asked with or without catalogue values; the published weights have one for both."""
        return self.catalogue if latent and self.answering else self.net.dual

    def answer(self, features: Features, latent: Tensor | None = None) -> Answer:
        """From both features, and with catalogue values (B, 6) where these are given."""
        aligned = self.dual(latent is not None)(features.spectrum, features.light_curve, latent)
        if not self.answering:
            return Answer(aligned, None)
        head = self.tasks if latent is None else self.catalogue_tasks
        projected = torch.cat([aligned.spectrum_projected, aligned.light_curve_projected], 1)
        return Answer(aligned, head(projected))


def eigenfeatures(dual: DualFormer, aligned: Aligned, *, compat: bool = False) -> Tensor:
    """``(e1 + e2) V`` (B, D): the place of stars in the eigenspace of the alignment."""
    return (aligned.spectrum + aligned.light_curve) @ dual.eigenspace(compat=compat)[1]


def disagreement(aligned: Aligned) -> Tensor:
    """``<A e1, e1> - <e2, A^T e2>`` (B,): the square of this is what the duality loss averages."""
    one = (aligned.spectrum_projected * aligned.spectrum).sum(1)
    return one - (aligned.light_curve * aligned.light_curve_projected).sum(1)


def catalogue_vector(values: Sequence[dict[str, float]]) -> Tensor:
    """Catalogue values (B, 6) as the network takes them; 0 where one is absent or not finite."""
    rows = torch.tensor(
        [[float(row.get(name, float("nan"))) / unit for name, unit in CATALOGUE.items()] for row in values]
    )
    return torch.where(torch.isfinite(rows), rows, 0.0).float()
