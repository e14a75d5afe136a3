"""A source of made-up stars that workers of a test can import: it can be slow, fail, and kill who reads it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from specviz.catalog.scale.partition import Block
from specviz.errors import ReadError
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star


@dataclass(frozen=True)
class MadeUp:
    """``partitions`` of ``size`` stars; ``marks`` is a folder in which it says who reads what.

    Parameters
    ----------
    hangs : str
        A partition that never comes when it is read for the first time.
    damaged, broken : str
        One that says what is wrong with it, and one that fails as only a programming error does.
    deadly : str
        One that ends the process that reads it.
    flaky : str
        One that fails when it is read for the first time.
    """

    marks: Path
    partitions: int = 8
    size: int = 5
    pause: float = 0.0
    hangs: str = ""
    damaged: str = ""
    broken: str = ""
    deadly: str = ""
    flaky: str = ""

    @property
    def fingerprint(self) -> str:
        return f"{self.partitions} {self.size}"

    def keys(self) -> list[str]:
        return [f"p{i}" for i in range(self.partitions)]

    def blocks(self, key: str) -> Iterator[Block]:
        mark = self.marks / key
        first = not mark.exists()
        mark.write_text(str(os.getpid()))
        time.sleep(self.pause)
        if key == self.hangs and first:
            time.sleep(60)
        if key == self.deadly:
            os._exit(9)
        if key == self.damaged:
            raise ReadError("The table is damaged", remedy="Copy it again")
        if key == self.broken or (key == self.flaky and first):
            raise ZeroDivisionError("a slip")
        yield block(int(key[1:]), self.size)


def block(partition: int, size: int) -> Block:
    """Stars of smooth XP spectra, the same for the same partition."""
    rng = np.random.default_rng(partition)
    x = XP_WAVELENGTH_NM / 600.0
    stars = []
    for i in range(size):
        flux = x ** rng.uniform(-3, 1) * np.exp(-rng.uniform(0, 1) * x) * 1e-16
        flux *= 1 + 0.01 * rng.standard_normal(x.size)
        spectrum = Spectrum(XP_WAVELENGTH_NM, flux, 1 / (0.01 * flux) ** 2, survey="gaia_xp", flux_unit="W m-2 nm-1")
        stars.append(Star(f"made up {partition}.{i}", {"gaia_xp": spectrum}))
    columns = {
        "object_id": np.array([star.name for star in stars]),
        "ra": rng.uniform(0, 360, size),
        "dec": rng.uniform(-60, 60, size),
    }
    return Block(columns, stars)
