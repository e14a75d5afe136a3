"""A deterministic numpy model that meets ``specviz.models.protocol``: for tests of the rooms above, where no weights
are needed.

It reads LAMOST on a 300-pixel grid and XP on 50 points, "embeds" by fixed cosines, and reads teff off the first
coefficient. It counts its calls, so a test can say that nothing was encoded twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from specviz.errors import CoverageError
from specviz.models.posterior import Posterior
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared
from specviz.spectra.spectrum import Spectrum

WINDOWS = {"lamost_lrs": (4000.0, 5598.0), "gaia_xp": (336.0, 1020.0)}
GRIDS = {"lamost_lrs": np.geomspace(4000.0, 5598.0, 1462), "gaia_xp": np.linspace(336.0, 1020.0, 343)}
DIMENSIONS = 16


class FakeModel:
    """See the module. ``sha`` sets the weights' hash; ``reference`` and ``ood_score`` are as a real model's."""

    device, dtype = "cpu", "float32"
    capabilities = frozenset({"embed", "posterior", "reconstruct", "translate"})

    def __init__(self, sha: str = "f" * 64, reference: bool = True) -> None:
        self.sha, self.calls = sha, Counter[str]()
        rng = np.random.default_rng(1)
        scores = {"misfit": rng.gamma(20.0, 1 / 20, 1000), "ood": rng.gamma(8.0, 1 / 8, 1000)}
        self.reference = dict.fromkeys(GRIDS, scores) if reference else {}

    def describe(self) -> ModelDescription:
        labels = ("teff", "logg", "fe_h", "alpha_fe")
        return ModelDescription(
            name="fake",
            version="1",
            weights_sha256=self.sha,
            capabilities=self.capabilities,
            surveys=("lamost_lrs", "gaia_xp"),
            labels={"lamost_lrs": labels, "gaia_xp": labels[:3]},
            ranges={"teff": (3500.0, 9000.0), "logg": (0.0, 5.5), "fe_h": (-2.5, 0.7), "alpha_fe": (-0.3, 0.6)},
            windows=WINDOWS,
        )

    def prepare(self, spectrum: Spectrum) -> Prepared:
        self.calls["prepare"] += 1
        low, high = WINDOWS[spectrum.survey]
        wave = spectrum.wavelength
        if wave[0] > low or wave[-1] < high:
            raise CoverageError(f"The spectrum covers {wave[0]:.0f}-{wave[-1]:.0f}", expected=f"{low:.0f}-{high:.0f}")
        grid = GRIDS[spectrum.survey]
        good = spectrum.good
        level = float(np.median(spectrum.flux[good])) or 1.0
        values = np.interp(grid, wave[good], spectrum.flux[good]) / level
        ivar = np.where(
            np.interp(grid, wave, good.astype(float)) > 0.99, np.interp(grid, wave, spectrum.ivar) * level**2, 0.0
        )
        return Prepared(
            spectrum.survey, grid, values.astype(np.float32), ivar.astype(np.float32), level, float(np.mean(ivar == 0))
        )

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        self.calls["embed"] += 1
        self.calls["spectra"] += len(prepared)
        survey = prepared[0].survey
        assert all(p.survey == survey for p in prepared)
        phase = np.linspace(0, np.pi, GRIDS[survey].size)
        basis = np.cos(np.arange(DIMENSIONS)[:, None] * phase)
        values = np.stack([p.values for p in prepared])
        return Encoding(survey, (values @ basis.T / phase.size).astype(np.float32), tuple(prepared), state=values)

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        self.calls["posterior"] += 1
        names = self.describe().labels[encoding.survey]
        centre = np.array([5800.0, 4.3, -0.1, 0.05])[: len(names)]
        width = np.array([60.0, 0.1, 0.05, 0.03])[: len(names)]
        noise = np.random.default_rng(seed).standard_normal((samples, len(names)))
        return [
            Posterior(names, centre + 400 * v[0] * width / 60 + noise * width, survey=encoding.survey)
            for v in encoding.vectors
        ]

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        self.calls["reconstruct"] += 1
        grid, flux = GRIDS[encoding.survey], np.asarray(encoding.state, np.float64)
        smooth = np.apply_along_axis(
            lambda row: np.convolve(np.pad(row, 50, mode="edge"), np.ones(101) / 101, "valid"), 1, flux
        )
        kind = "continuum" if encoding.survey == "lamost_lrs" else "f550"
        return [
            PredictedSpectrum(
                encoding.survey, "reconstruction", grid, row, np.full(row.size, 0.005), kind, source=encoding.survey
            )
            for row in smooth
        ]

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        self.calls["translate"] += 1
        grid = GRIDS[to]
        kind = "continuum" if to == "lamost_lrs" else "f550"
        return [
            PredictedSpectrum(
                to, "translation", grid, np.ones(grid.size), np.full(grid.size, 0.02), kind, source=encoding.survey
            )
            for _ in range(len(encoding))
        ]

    def ood_score(self, encoding: Encoding) -> np.ndarray:
        return np.linalg.norm(encoding.vectors - encoding.vectors.mean(axis=0), axis=1) + 0.9
