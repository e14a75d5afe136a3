"""Odd objects planted by the simulated survey, as a user would hand them in, and whether their faults can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CoverageError
from specviz.models.protocol import Prepared
from specviz.simulate.anomalies import ANOMALIES, Anomaly, observe_planted, plant
from specviz.spectra.spectrum import Spectrum

#: Objects of a class (odd stars, galaxies and faults: a white dwarf's atmosphere takes a second), and a seed that no
#: other part of specviz uses.
N_OBJECTS, SEED = {"star": 15, "galaxy": 60, "fault": 60}, 77_031
#: A fault counts as visible when the spoiled window differs from the clean one by this many sigma (rms); noise gives 1.
VISIBLE = 1.5
#: The star without a fault: what the others are put on. Its score says how simulated stars differ from real ones.
CONTROL = "ordinary star"


@dataclass(frozen=True, eq=False)
class PlantedClass:
    """Prepared LAMOST spectra of one class; ``visible`` (n,) whether the fault touches what the model sees."""

    name: str
    kind: str
    prepared: list[Prepared]
    visible: NDArray[np.bool_]


def planted_classes(model: Any, names: Sequence[str] | None = None) -> Iterator[PlantedClass]:
    """The control, then the classes ``names`` (all by default) of the simulated survey's anomalies; S/N 20 to 150.

    A spectrum that the model refuses (most of its window masked) is left out: it gets no score that could mislead.
    """
    from specviz.models.registry import load_model

    emulator: Any = load_model("phdlspec-small", device="cpu")
    for name in (CONTROL, *(ANOMALIES if names is None else names)):
        # A fault's objects are ordinary stars: any fault, taken away again, gives the control.
        anomaly = ANOMALIES["arm step" if name == CONTROL else name]
        planted = plant(anomaly.name, emulator, seed=SEED, index=np.arange(N_OBJECTS[anomaly.kind]))
        if name == CONTROL:
            sound = Anomaly(CONTROL, "star", anomaly.what, anomaly.approximate, anomaly.make)
            planted = replace(planted, anomaly=sound)
        seen = observe_planted(planted).lamost
        prepared, visible = [], []
        for flux, ivar, clean in zip(seen.flux, seen.ivar, seen.clean, strict=True):
            try:
                spoiled = model.prepare(_spectrum(seen.wave, flux, ivar))
            except CoverageError:
                continue
            sound_one = model.prepare(_spectrum(seen.wave, clean, np.where(ivar > 0, ivar, np.median(ivar))))
            prepared.append(spoiled)
            visible.append(misfit_of_window(spoiled, sound_one) > VISIBLE)
        yield PlantedClass(name, anomaly.kind if name != CONTROL else "control", prepared, np.array(visible, bool))


def misfit_of_window(spoiled: Prepared, clean: Prepared) -> float:
    """Root mean square difference of two normalised windows in sigma of the first; masked pixels do not count."""
    ivar = np.asarray(spoiled.ivar, np.float64)
    good = ivar > 0
    if not good.any():
        return float("inf")
    square = (np.asarray(spoiled.values, np.float64) - clean.values)[good] ** 2 * ivar[good]
    return float(np.sqrt(np.mean(np.minimum(square, 100.0))))


def _spectrum(wave: NDArray[np.float64], flux: NDArray[Any], ivar: NDArray[Any]) -> Spectrum:
    return Spectrum(
        wavelength=wave, flux=np.asarray(flux, np.float64), ivar=np.asarray(ivar, np.float64), survey="lamost_lrs"
    )
