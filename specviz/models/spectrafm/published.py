"""The published SpectraFM's folder as the weights of :class:`~specviz.models.spectrafm.model.SpectraFM`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CheckpointError
from specviz.models.spectrafm.checkpoint import read_official
from specviz.models.spectrafm.pixels import PixelScale
from specviz.models.spectrafm.weights_file import SpectraFMWeights, check

#: Names that the publication gives labels, and those of the field here.
_LABELS = {"TEFF": "teff", "LOGG": "logg", "FE_H": "fe_h"}
#: Pixels of APOGEE's combined spectra (log10 wavelength 4.179 + 6e-6 i, vacuum) that ASPCAP fits: the three detectors.
_DETECTORS = ((246, 3274), (3585, 6080), (6344, 8335))


def apogee_wavelength() -> NDArray[np.float64]:
    """Wavelengths (7514,) of the pixels of the published network, vacuum Angstrom: 15,152 to 16,943."""
    return np.asarray(10.0 ** (4.179 + 6e-6 * np.concatenate([np.arange(a, b) for a, b in _DETECTORS])))


def published(folder: str | Path, wavelength: NDArray[np.float64] | None = None) -> SpectraFMWeights:
    """Read a published folder.

    Parameters
    ----------
    folder : path
        With ``config.json``, ``weights.pt`` and, for SpectraFM, ``embed_map.npz``.
    wavelength : array, shape (n,), optional
        Of the vocabulary's pixels, vacuum Angstrom. By default APOGEE's, for which there must be 7514 of them.

    Raises
    ------
    CheckpointError
        If a file is absent or damaged, or the network knows no wavelengths (StellarPerceptron).
    """
    net, norm = read_official(folder)
    vocabulary = net.config.vocabulary
    pixels = [i for i, name in enumerate(vocabulary) if "apogee" in name or name.startswith("pixel")]
    others = [name for i, name in enumerate(vocabulary) if i not in set(pixels)]
    wave = apogee_wavelength() if wavelength is None else np.asarray(wavelength, np.float64)
    if not net.config.knows_wavelength or not pixels or wave.shape != (len(pixels),):
        raise CheckpointError(
            f"The network in {Path(folder).name} has {len(pixels)} pixels",
            expected=f"{wave.size} pixels that know their wavelength",
            remedy="" if wavelength is not None else "Give published() the wavelengths of its pixels",
        )
    tokens = np.array(pixels) + 1
    known = norm.known[tokens] & (norm.scale[tokens] > 0)
    scale = PixelScale(wave, np.where(known, norm.centre[tokens], 0.0), np.where(known, norm.scale[tokens], 1.0))
    labels = {_LABELS.get(name, name.lower()): name for name in others}
    rows = np.array([vocabulary.index(name) + 1 for name in others])
    told = norm.known[rows]
    centre, spread = np.where(told, norm.centre[rows], 0.0), np.where(told, norm.scale[rows], 1.0)
    width = net.config.width
    weights = SpectraFMWeights(
        net, {"other": (vocabulary[pixels[0]], scale)}, labels, centre, spread, {"other": np.ones(len(others))},
        {"other": (np.zeros(width), np.ones(width))},
        {"version": "published", "citation": "Koblischke & Bovy 2024, arXiv:2411.04750", "release": "APOGEE DR17"},
    )  # fmt: skip
    check(weights, Path(folder).name)
    return weights
