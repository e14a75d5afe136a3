"""What each stage of training DESA minimises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from specviz.models.desa.dual_former import DualFormer, PredictionHead, covariance_loss, duality_loss
from specviz.models.desa.modules import LightCurveSimSiam, SpectrumMultiTask
from specviz.models.desa.networks import (
    AGE_LEVELS,
    DIAGRAM_UNIT,
    LEVELS,
    LIGHT_CURVE_LABELS,
    SPECTRUM_LABELS,
    UNIT,
    DesaNet,
    Features,
    catalogue_vector,
)
from specviz.training.desa_loop import Losses, Settings, run_stage
from specviz.training.desa_stars import Stars

#: Of the masked reconstruction, as published: share of pixels, and of these the share that is set to zero.
MASKED, ZEROED = 0.15, 0.8
#: Share of light curves that end early, see :meth:`Stars.views`.
SHORT = 0.3
#: How often each star's light curve is cut.
CUTS = 4
#: Stars that go through a DualFormer at once where nothing is trained.
BLOCK = 256


def device_of(net: nn.Module) -> torch.device:
    """Where a network lies."""
    return next(net.parameters()).device


def scaled(stars: Stars, names: Sequence[str]) -> Tensor:
    """Labels (n, K) as quantile heads are trained on them."""
    columns = [np.log(stars.labels[k]) if k == "prot" else stars.labels[k] for k in names]
    return torch.from_numpy(
        np.stack([(c - UNIT[k][0]) / UNIT[k][1] for k, c in zip(names, columns, strict=True)], 1)
    ).float()


def task_truth(stars: Stars) -> Tensor:
    """(n, 6): close binary or not, age, and the four numbers of the diagrams, as the heads are trained on them."""
    known = stars.labels
    diagram = np.stack([np.log10(known["teff"]), np.log10(known["luminosity"]), known["colour"], known["abs_mag"]], 1)
    diagram = (diagram - np.array([c for c, _ in DIAGRAM_UNIT])) / np.array([s for _, s in DIAGRAM_UNIT])
    age = (known["age"] - UNIT["age"][0]) / UNIT["age"][1]
    return torch.from_numpy(np.concatenate([known["close"][:, None], age[:, None], diagram], 1)).float()


def pinball(predicted: Tensor, truth: Tensor, levels: Sequence[float], weight: Tensor | None = None) -> Tensor:
    """Mean pinball loss of quantiles (B, K, Q) of labels (B, K), where these are finite; ``weight`` (B,) a star."""
    known = torch.isfinite(truth)
    off = torch.where(known, truth, 0.0)[..., None] - predicted
    q = torch.tensor(levels, device=truth.device)
    loss = torch.maximum(q * off, (q - 1.0) * off).mean(-1) * known
    if weight is not None:
        loss = loss * weight[:, None]
    return loss.sum() / known.sum().clamp_min(1)


def task_loss(outputs: Tensor, truth: Tensor) -> Losses:
    """Cross-entropy of the close binaries, pinball loss of the age, squares of the diagrams."""
    n = len(AGE_LEVELS)
    return {
        "binary": F.binary_cross_entropy_with_logits(outputs[:, 0], truth[:, 0]),
        "age": 2.0 * pinball(outputs[:, None, 1 : 1 + n], truth[:, 1:2], AGE_LEVELS),
        "diagram": 0.5 * F.mse_loss(outputs[:, 1 + n :], truth[:, 2:]),
    }


def train_spectrum(
    net: DesaNet, train: Stars, held: Stars, settings: Settings, folder: Path, seed: int, *, through: bool = True
) -> None:
    """The encoder of spectra: masked reconstruction, and quantiles of labels weighted by S/N, half and half."""
    device = device_of(net)
    task = SpectrumMultiTask(net.config.spectrum, len(SPECTRUM_LABELS), len(LEVELS), through=through).to(device)
    generator = torch.Generator(device).manual_seed(seed)
    truth, known = (scaled(stars, SPECTRUM_LABELS).to(device) for stars in (train, held))
    weight = torch.from_numpy(np.clip(train.labels["snr"] / 50.0, 0.2, 1.0)).float().to(device)
    spectra, others = (torch.from_numpy(stars.spectra).to(device) for stars in (train, held))

    def uniform(shape: torch.Size) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    def losses(_: int) -> Losses:
        rows = torch.randint(len(train), (settings.batch,), generator=generator, device=device)
        clean = spectra[rows].float()
        wrong = torch.randn(clean.shape, generator=generator, device=device)
        masked = torch.where(uniform(clean.shape) < ZEROED, 0.0, wrong)
        seen = torch.where(uniform(clean.shape) < MASKED, masked, clean)
        found, decoded, _encoding = task(seen)
        found = found.unflatten(1, (-1, len(LEVELS)))
        return {
            "rebuilt": 0.5 * F.mse_loss(decoded, clean),
            "labels": 0.5 * pinball(found, truth[rows], LEVELS, weight[rows]),
        }

    def validate() -> float:
        with torch.no_grad():
            found = torch.cat([task(part.float())[0] for part in others.split(BLOCK)]).unflatten(1, (-1, len(LEVELS)))
            return float(pinball(found, known, LEVELS))

    run_stage("spectrum", task, settings, losses, folder, validate=validate)
    net.net.spectrum.load_state_dict(task.encoder.state_dict())


def train_light_curve(
    net: DesaNet, train: Stars, cuts: NDArray[np.float16], held: Stars, settings: Settings, folder: Path, seed: int
) -> None:
    """The encoder of light curves: two cuts of a star must agree (SimSiam), and tell its labels together."""
    device = device_of(net)
    task = LightCurveSimSiam(net.config.light_curve, len(LIGHT_CURVE_LABELS) * len(LEVELS)).to(device)
    generator = torch.Generator().manual_seed(seed)
    truth, known = (scaled(stars, LIGHT_CURVE_LABELS).to(device) for stars in (train, held))
    curves, others = torch.from_numpy(cuts).to(device), torch.from_numpy(held.fixed_views()).to(device)

    def losses(_: int) -> Losses:
        rows = torch.randint(len(train), (settings.batch,), generator=generator)
        which = [torch.randint(len(curves), (settings.batch,), generator=generator) for _ in range(2)]
        first, second = (curves[cut.to(device), rows.to(device)].float() for cut in which)
        agreement, _z1, _z2, found = task(first, second)
        found = found.unflatten(1, (-1, len(LEVELS)))
        return {"agreement": 0.5 * agreement, "labels": pinball(found, truth[rows.to(device)], LEVELS)}

    def validate() -> float:
        with torch.no_grad():
            found = torch.cat([task(part, part)[3] for part in others.split(BLOCK)]).unflatten(1, (-1, len(LEVELS)))
            return float(pinball(found, known, LEVELS))

    run_stage("light_curve", task, settings, losses, folder, validate=validate)
    net.net.light_curve.load_state_dict(task.encoder.state_dict())
    net.net.projector.load_state_dict(task.projector.state_dict())


def encoded(net: DesaNet, stars: Stars, cuts: NDArray[np.floating] | None = None) -> list[Features]:
    """Features of stars by the frozen encoders, of each of some cuts (c, n, 4, L) of the light curves, else of their
    first 90 days.
    """
    device = device_of(net)
    curves = stars.fixed_views()[None] if cuts is None else cuts
    with torch.no_grad():
        parts = torch.from_numpy(stars.spectra).split(BLOCK)
        spectrum = torch.cat([net.of_spectrum(part.to(device).float()) for part in parts])
        return [
            Features(spectrum, torch.cat([net.of_light_curve(p.to(device).float()) for p in one.split(BLOCK)]))
            for one in torch.from_numpy(curves)
        ]


def standardise(net: DesaNet, train: Stars, cuts: NDArray[np.float16]) -> None:
    """Set the buffers so that features have mean 0 and spread 1 over training stars."""
    for name in ("spectrum", "light_curve"):
        getattr(net, f"{name}_centre").zero_()
        getattr(net, f"{name}_scale").fill_(1.0)
    features = encoded(net, train, cuts[:1])[0]
    for name in ("spectrum", "light_curve"):
        values = getattr(features, name)
        getattr(net, f"{name}_centre").copy_(values.mean(0))
        getattr(net, f"{name}_scale").copy_(values.std(0).clamp_min(1e-4))


class Batches:
    """Kept features of training stars, drawn at random, one cut a star and step."""

    def __init__(self, cuts: list[Features], size: int, seed: int) -> None:
        self.spectrum = cuts[0].spectrum
        self.curves = torch.stack([c.light_curve for c in cuts])
        self.size, self.generator = size, torch.Generator().manual_seed(seed)

    def draw(self) -> tuple[Tensor, Features]:
        """Rows, and their features."""
        device = self.spectrum.device
        rows = torch.randint(len(self.spectrum), (self.size,), generator=self.generator).to(device)
        cut = torch.randint(len(self.curves), (self.size,), generator=self.generator).to(device)
        return rows, Features(self.spectrum[rows], self.curves[cut, rows])


def train_heads(
    net: DesaNet, train: Stars, cuts: list[Features], held: Stars, seen: Features, settings: Settings, folder: Path,
    seed: int,
) -> None:  # fmt: skip
    """The heads that each encoder has of its own, on its frozen features."""
    heads = nn.ModuleList(
        [net.spectrum_labels, net.light_curve_labels, net.net.spectrum_head, net.net.light_curve_head]
    )
    batches = Batches(cuts, settings.batch, seed)
    names = (SPECTRUM_LABELS, LIGHT_CURVE_LABELS)
    device = device_of(net)
    truth, known = ([scaled(stars, n).to(device) for n in names] for stars in (train, held))
    tasks, held_tasks = task_truth(train).to(device), task_truth(held).to(device)

    def parts(features: Features, labels: Sequence[Tensor], task: Tensor) -> Losses:
        given = (features.spectrum, features.light_curve)
        out: Losses = {}
        for i, word in enumerate(("spectrum", "light_curve")):
            out[f"{word} labels"] = pinball(heads[i](given[i]), labels[i], LEVELS)
            out[f"{word} tasks"] = torch.stack(list(task_loss(heads[2 + i](given[i]), task).values())).sum()
        return out

    def losses(_: int) -> Losses:
        rows, features = batches.draw()
        return parts(features, [t[rows] for t in truth], tasks[rows])

    def validate() -> float:
        with torch.no_grad():
            return float(torch.stack(list(parts(seen, known, held_tasks).values())).sum())

    run_stage("heads", heads, settings, losses, folder, validate=validate)


def answers(dual: DualFormer, head: PredictionHead, features: Features, latent: Tensor | None) -> Tensor:
    """Outputs (n, outputs) of the head after a DualFormer, a few hundred stars at a time."""
    out = []
    for i, part in enumerate(features.split(BLOCK)):
        vector = None if latent is None else latent[i * BLOCK : (i + 1) * BLOCK]
        aligned = dual(part.spectrum, part.light_curve, vector)
        out.append(head(torch.cat([aligned.spectrum_projected, aligned.light_curve_projected], 1)))
    return torch.cat(out)


class Joint(nn.Module):
    """A DualFormer and the head after it."""

    def __init__(self, dual: DualFormer, head: PredictionHead) -> None:
        super().__init__()
        self.dual, self.head = dual, head


def train_dual(
    net: DesaNet, latent: bool, train: Stars, cuts: list[Features], held: Stars, seen: Features,
    align: Settings, tasks: Settings, folder: Path, seed: int, *, across: bool = True,
) -> None:  # fmt: skip
    """A DualFormer on frozen features: first aligned, then with its tasks too.

    Parameters
    ----------
    latent : bool
        The one that is given catalogue values.
    across : bool
        The covariance between both projections in the loss, as the publication intends; its code leaves it out.
    """
    joint = Joint(net.dual(latent), net.catalogue_tasks if latent else net.tasks)
    batches = Batches(cuts, align.batch, seed)
    rng = np.random.default_rng(seed)
    device = device_of(net)
    given = [catalogue_vector(stars.catalogue(rng)).to(device) if latent else None for stars in (train, held)]
    truth, known = task_truth(train).to(device), task_truth(held).to(device)

    def parts(features: Features, vector: Tensor | None, task: Tensor | None, part: float) -> Losses:
        aligned = joint.dual(features.spectrum, features.light_curve, vector)
        out = {
            "duality": 0.5 * part * duality_loss(aligned),
            "covariance": 0.5 * part * covariance_loss(aligned, variance=True, across=across),
        }
        if task is not None:
            out |= task_loss(
                joint.head(torch.cat([aligned.spectrum_projected, aligned.light_curve_projected], 1)), task
            )
        return out

    def losses(with_tasks: bool) -> Losses:
        rows, features = batches.draw()
        vector = None if given[0] is None else given[0][rows]
        return parts(features, vector, truth[rows] if with_tasks else None, 0.2 if with_tasks else 1.0)

    def validate() -> float:
        with torch.no_grad():
            outputs = answers(joint.dual, joint.head, seen, given[1])
            return float(sum(task_loss(outputs, known).values()))

    word = "with" if latent else "without"
    run_stage(f"align_{word}", joint, align, lambda _: losses(False), folder, trained=joint.dual.parameters())
    run_stage(f"tasks_{word}", joint, tasks, lambda _: losses(True), folder, validate=validate)
