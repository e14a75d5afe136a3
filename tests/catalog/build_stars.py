"""Sources of made-up stars for tests of building; a process of its own imports them, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from specviz.catalog.scale.partition import Block
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


@dataclass(frozen=True)
class Vectors:
    """Ready vectors: ``partitions`` of ``size`` stars in two blocks; those named in ``empty`` hold none."""

    partitions: int = 3
    size: int = 10
    seed: int = 0
    empty: tuple[str, ...] = ()
    pause: float = 0.0

    @property
    def fingerprint(self) -> str:
        return f"{self.partitions} {self.size} {self.seed} {self.empty}"

    def keys(self) -> list[str]:
        return [f"p{i}" for i in range(self.partitions)]

    def blocks(self, key: str) -> Iterator[Block]:
        rng = np.random.default_rng([self.seed, int(key[1:])])
        for part in (0, 1):
            if key in self.empty:
                return
            time.sleep(self.pause)
            xp, lamost = (rng.normal(size=(self.size // 2, 8)).astype("f4") for _ in range(2))
            lamost[::3] = np.nan
            names = np.array([f"{key} {'long ' * part}{i}" for i in range(self.size // 2)])
            columns = {"object_id": names, "teff": rng.uniform(4000, 6000, self.size // 2)}
            more = {"note": np.array(["x"] * (self.size // 2))} if part else {"ebv": np.full(self.size // 2, 0.1)}
            yield Block({**columns, **more}, vectors={"gaia_xp": xp, "lamost_lrs": lamost}, units={"ebv": "mag"})


@dataclass(frozen=True)
class Spectra:
    """XP spectra of black bodies: ``partitions`` of ``size`` stars; of each partition the first cannot be read, the
    second has no spectrum, the third no BP.
    """

    partitions: int = 2
    size: int = 12
    pause: float = 0.0

    @property
    def fingerprint(self) -> str:
        return f"{self.partitions} {self.size}"

    def keys(self) -> list[str]:
        return [f"p{i}" for i in range(self.partitions)]

    def blocks(self, key: str) -> Iterator[Block]:
        rng = np.random.default_rng(int(key[1:]))
        for start in range(0, self.size, 6):
            time.sleep(self.pause)
            names = [f"{key} star {i}" for i in range(start, min(start + 6, self.size))]
            stars: list[Star | None] = [self._star(name, rng) for name in names]
            problems = [""] * len(names)
            if start == 0:
                stars[0], problems[0] = None, "The file is damaged."
                stars[1] = Star(names[1])
                assert stars[2] is not None
                xp = stars[2].spectra["gaia_xp"]
                stars[2] = Star(names[2], {"gaia_xp": xp.with_(mask=XP_WAVELENGTH_NM < 640)})
            yield Block({"object_id": np.array(names), "problem": np.array(problems)}, stars)

    def _star(self, name: str, rng: np.random.Generator) -> Star:
        x = 1.4387769e7 / (XP_WAVELENGTH_NM * rng.uniform(4000, 9000))
        flux = 1e-16 * (550.0 / XP_WAVELENGTH_NM) ** 5 / np.expm1(x) * (1 + 0.01 * rng.normal(size=x.size))
        return Star(name, {"gaia_xp": Spectrum(XP_WAVELENGTH_NM, flux, (0.01 * flux) ** -2.0, survey="gaia_xp")})
