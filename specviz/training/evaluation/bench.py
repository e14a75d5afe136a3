"""``Bench``: the model under evaluation, the material, and the targets it met or missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.protocol import Encoding
from specviz.training.data import RealLamost, RealXp, SimulatedPairs
from specviz.training.evaluation.scores import LabelScores

LABELS = ("teff", "logg", "fe_h")
#: Spectra encoded at once, and stars whose samples are drawn at once.
BATCH = 128
Say = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """A figure that a newer model has to keep: ``low <= value <= high``."""

    name: str
    value: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        return bool(self.low <= self.value <= self.high)

    def __str__(self) -> str:
        if np.isinf(self.low):
            asked = f"at most {self.high:g}"
        else:
            asked = f"at least {self.low:g}" if np.isinf(self.high) else f"{self.low:g} to {self.high:g}"
        return f"{'met   ' if self.met else 'MISSED'} {self.name}: {self.value:.4g} (asked: {asked})"


@dataclass(eq=False)
class Bench:
    """What every part of the evaluation needs. Material is read when a part first asks for it.

    Parameters
    ----------
    model : StellarModel
        With ``ood_score``, ``reference`` and ``grids`` as :class:`~specviz.models.specclip.model.SpecClipSmall` has.
    shared : Path
        The evaluation material.
    cache, runs : Path
        Where simulated pairs, and the reference net that is trained for comparison, are kept.
    n_pairs, seed : int
        Simulated pairs of the grid's test part, and the seed of the recipe (held-out XP spectra and pairs follow from
        it).
    say : callable(str)
        Prints a line.
    figures : Path, optional
        Where pictures are written; none without it.
    """

    model: Any
    shared: Path
    cache: Path
    runs: Path
    n_pairs: int
    seed: int
    say: Say
    figures: Path | None = None
    targets: list[Target] = field(default_factory=list)

    # ------------------------------------------------------------------ material
    @property
    def name(self) -> str:
        return str(self.model.describe().name)

    @property
    def wide(self) -> bool:
        """Whether the model reads the whole LAMOST range."""
        from specviz.spectra.grids import SPECCLIP_WAVELENGTH

        return bool(self.model.grids["lamost_lrs"].size > SPECCLIP_WAVELENGTH.size)

    @cached_property
    def lamost(self) -> RealLamost:
        return RealLamost.load(self.shared, wide=self.wide)

    @cached_property
    def xp(self) -> RealXp:
        return RealXp.load(self.shared, self.seed)

    @cached_property
    def pairs(self) -> SimulatedPairs:
        return SimulatedPairs.load(self.shared, self.cache, "test", self.n_pairs, self.seed + 2, wide=self.wide)

    @cached_property
    def pair_encodings(self) -> dict[str, list[Encoding]]:
        """The simulated pairs, encoded: survey -> batches."""
        return {
            "lamost_lrs": self.encode("lamost_lrs", self.pairs.lamost, self.pairs.lamost_ivar),
            "gaia_xp": self.encode("gaia_xp", self.pairs.xp, self.pairs.xp_ivar),
        }

    # ------------------------------------------------------------------ the model
    def labels(self, survey: str) -> tuple[str, ...]:
        """Label names of a survey's posterior."""
        return tuple(self.model.describe().labels[survey])

    def encode(self, survey: str, values: NDArray[Any], ivar: NDArray[Any]) -> list[Encoding]:
        """Arrays on the model's grid (n, L), encoded in batches."""
        from specviz.training.export import prepared_batch

        values, ivar = np.asarray(values, np.float32), np.asarray(ivar, np.float32)
        return [
            self.model.embed(prepared_batch(survey, values[i : i + BATCH], ivar[i : i + BATCH]))
            for i in range(0, len(values), BATCH)
        ]

    def encode_spectra(self, spectra: Sequence[Any]) -> list[Encoding]:
        """Spectra of one survey as a user hands them in, prepared and encoded in batches."""
        prepared = [self.model.prepare(s) for s in spectra]
        return [self.model.embed(prepared[i : i + BATCH]) for i in range(0, len(prepared), BATCH)]

    def samples(
        self, encodings: Sequence[Encoding], names: Sequence[str] = LABELS, n: int = 1000
    ) -> NDArray[np.float32]:
        """Posterior samples (stars, n, len(names)) of the labels asked for."""
        out = []
        for encoding in encodings:
            for posterior in self.model.posterior(encoding, samples=n, seed=0):
                columns = [posterior.names.index(name) for name in names]
                out.append(posterior.samples[:, columns].astype(np.float32))
        return np.stack(out)

    def ood(self, encodings: Sequence[Encoding]) -> NDArray[np.float64]:
        """The model's out-of-distribution score of each star, (n,)."""
        return np.concatenate([self.model.ood_score(e) for e in encodings])

    # ------------------------------------------------------------------ what is printed
    def target(self, name: str, value: float, *, low: float = -np.inf, high: float = np.inf) -> None:
        """Compare a figure with what is asked of it, and say so."""
        target = Target(name, float(value), low, high)
        self.targets.append(target)
        self.say(f"  {target}")

    def say_labels(self, name: str, scores: LabelScores) -> None:
        """One line of scores of teff, logg and fe_h."""
        self.say(label_line(name, scores))


def label_line(name: str, s: LabelScores) -> str:
    """Mean and median absolute error, bias and coverage of teff, logg, fe_h in one line."""
    covers = [" ".join(f"{100 * c:.0f}" for c in part) for part in (s.cover68, s.cover95)]
    return (
        f"{name:<36} n={s.n:<5} MAE {s.mae[0]:6.1f} K {s.mae[1]:.3f} {s.mae[2]:.3f}"
        f", median {s.typical[0]:.0f} K {s.typical[1]:.3f} {s.typical[2]:.3f}"
        f"   bias {s.bias[0]:+6.1f} K {s.bias[1]:+.3f} {s.bias[2]:+.3f}"
        f"   68 % interval covers {covers[0]} %, 95 %: {covers[1]} %"
    )
