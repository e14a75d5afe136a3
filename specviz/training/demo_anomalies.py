"""The planted anomalies of the demo sky: how many of each class, and their rows of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from specviz.simulate.anomalies import ANOMALIES, Anomaly, PlantedObservation, observe_planted, plant
from specviz.simulate.emulated import SpectralEmulator
from specviz.simulate.gaia_xp import XPSimulator
from specviz.training.demo_population import COLUMNS, Rows, anywhere
from specviz.training.demo_stars import mk_class

#: Objects of each class among 20,000.
NUMBERS = {
    "double-lined binary": 60,
    "active dwarf": 40,
    "T Tauri star": 24,
    "Be star": 30,
    "carbon star": 40,
    "DA white dwarf": 30,
    "hot subdwarf": 20,
    "cool M dwarf": 40,
    "behind dust": 40,
    "quiescent galaxy": 30,
    "star-forming galaxy": 30,
    **dict.fromkeys((name for name, a in ANOMALIES.items() if a.kind == "fault"), 24),
}
#: Their spectra are stored: each needs a model atmosphere, a second's work.
STORED = ("DA white dwarf", "hot subdwarf")
#: Stars of the showcase that are of one of these classes, too.
IN_SHOWCASE = {
    "behind dust": "behind dust",
    "double-lined binary": "double-lined binary",
    "emission star": "Be star",
    "carbon-rich giant": "carbon star",
    "active M dwarf": "active dwarf",
    "dead red arm": "dead arm",
    "cosmic rays": "cosmic-ray shower",
    "bad sky": "bad sky",
}
_SUBCLASS = {"DA white dwarf": "WD", "carbon star": "C"}


@dataclass(frozen=True, eq=False)
class PlantedRow:
    """One object: its row of the table, and what was observed of it."""

    row: Rows
    seen: PlantedObservation
    stored: bool


def planted_rows(
    emulator: SpectralEmulator, seed: int, rng: np.random.Generator, numbers: dict[str, int]
) -> Iterator[PlantedRow]:
    """The objects of each class, class by class."""
    xp = XPSimulator(correlated=True)
    for name, n in numbers.items():
        for number in range(n):
            # Whole steps of the table, so that the observation is the one that the table's numbers give.
            g_mag = float(np.round(rng.uniform(12.0, 17.0), 3))
            typical = 56.0 * 10.0 ** (-0.30 * (g_mag - 14.2)) * np.exp(rng.normal(0.0, 0.3))
            snr = float(np.round(np.clip(typical, 12.0, 300.0), 1))
            objects = plant(name, emulator, seed=seed, index=[number])
            seen = observe_planted(objects, snr=snr, g_mag=g_mag, xp=xp)
            night, labels = seen.conditions, {k: float(v[0]) for k, v in objects.labels.items()}
            values: dict[str, Any] = {k: v for k, v in labels.items() if k in COLUMNS}
            values |= {"rv": night.rv[0], "ebv": night.ebv[0], "vsini": labels.get("vsini", night.vsini[0])}
            values |= {"snr": snr, "g_mag": g_mag, "r_v": objects.r_v[0], "anomaly_index": number, **anywhere(rng, 1)}
            texts = {"anomaly": name, "subclass": subclass(ANOMALIES[name], labels)}
            texts["companion"] = "SB2" if name == "double-lined binary" else ""
            yield PlantedRow(Rows.of(1, values, texts), seen, name in STORED)


def subclass(anomaly: Anomaly, labels: dict[str, float]) -> str:
    """A spectral type, where the object has one."""
    if anomaly.kind == "galaxy" or anomaly.name == "sky only":
        return ""
    if anomaly.name == "hot subdwarf":
        return "sdO" if labels["teff"] > 37_000.0 else "sdB"
    return _SUBCLASS.get(anomaly.name) or mk_class(labels["teff"], labels["logg"])
