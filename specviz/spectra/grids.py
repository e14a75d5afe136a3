"""The wavelength grids that surveys publish on and that models read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def _frozen(values: Any) -> NDArray[np.float64]:
    values.setflags(write=False)
    return values


#: log10 of the first LAMOST LRS pixel (header COEFF0) and the step in dex (COEFF1).
LAMOST_COEFF0, LAMOST_COEFF1 = 3.5682, 1e-4
#: LAMOST low resolution, as published: 3,909 pixels, 3699.99-9099.13 Angstrom, vacuum, heliocentric.
LAMOST_NATIVE: NDArray[np.float64] = _frozen(10.0 ** (LAMOST_COEFF0 + LAMOST_COEFF1 * np.arange(3909)))

#: SpecCLIP's LAMOST input: 1,462 pixels, 3999.45-5598.87 Angstrom, vacuum, equal steps of 1e-4 dex.
SPECCLIP_LOG10: NDArray[np.float64] = _frozen(np.linspace(3.602, 3.602 + 1461e-4, 1462))
SPECCLIP_WAVELENGTH: NDArray[np.float64] = _frozen(10.0**SPECCLIP_LOG10)
#: A spectrum must reach over this range (Angstrom) to be put on SpecCLIP's grid.
SPECCLIP_WINDOW = (4000.0, 5598.0)

#: The whole LAMOST range less eight pixels at each end: 3,893 pixels, 3706.81-9082.39 Angstrom, for wide models.
WIDE_WAVELENGTH: NDArray[np.float64] = LAMOST_NATIVE[8:-8]
#: A spectrum must reach over one of these ranges (Angstrom), an arm, to be put on the wide grid.
WIDE_ARMS = ((3900.0, 5700.0), (6100.0, 8900.0))

#: Gaia XP sampled, as the archive publishes it and as SpecCLIP reads it: 343 points, 336-1020 nm, step 2 nm.
XP_WAVELENGTH_NM: NDArray[np.float64] = _frozen(np.arange(336.0, 1021.0, 2.0))
#: Index of 550 nm, whose flux is 1 in SpecCLIP's input.
XP_REFERENCE_INDEX = 107
