"""What is known of a star's labels before its spectrum is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from specviz.models.phdlspec.config import ALPHA_LABELS, LABEL_NAMES
from specviz.models.phdlspec.observing import NUISANCES

#: Standard deviations, dex. Broad: they hold stars of the discs and the halo; abundances of a catalogue are narrower.
_RATIO = 0.25
_RATIOS: Mapping[str, float] = MappingProxyType(
    {"c_fe": 0.35, "n_fe": 0.40, **dict.fromkeys(("sr_fe", "y_fe", "zr_fe", "ba_fe", "la_fe", "nd_fe", "eu_fe"), 0.35)}
)
#: The alpha elements move together; each departs from the common value by less.
_ALPHA_COMMON, _ALPHA_OWN = 0.25, 0.10
#: Wide enough to be no information: K, dex, dex.
_FREE = {"teff": 3000.0, "logg": 2.0, "fe_h": 1.5}
_VMIC = (1.5, 0.6)
#: Of what is fitted beside the labels: km/s, km/s, and ln of a width (fibres differ by 11 %).
_NUISANCE = {"rv": 50.0, "broadening": 60.0, "blue": 0.12, "red": 0.12}

#: What is fitted, in the order of the parameters.
PARAMETERS: tuple[str, ...] = (*LABEL_NAMES, *NUISANCES)


def centre(start: Mapping[str, float]) -> NDArray[np.float64]:
    """Centre of the prior, shape (32,): teff, logg, fe_h and rv of the first guess, all ratios solar."""
    out = dict.fromkeys(PARAMETERS, 0.0) | {"vmic": _VMIC[0], "broadening": 5.0}
    out |= {name: float(start[name]) for name in ("teff", "logg", "fe_h", "rv") if name in start}
    return np.array([out[name] for name in PARAMETERS])


def covariance() -> NDArray[np.float64]:
    """Covariance of the prior, shape (32, 32)."""
    sigma = {name: _RATIOS.get(name, _RATIO) for name in LABEL_NAMES[4:]}
    sigma |= dict.fromkeys(ALPHA_LABELS, _ALPHA_OWN)
    sigma |= {**_FREE, "vmic": _VMIC[1], **_NUISANCE}
    out = np.diag([sigma[name] ** 2 for name in PARAMETERS])
    alpha = [PARAMETERS.index(name) for name in ALPHA_LABELS]
    out[np.ix_(alpha, alpha)] += _ALPHA_COMMON**2
    return out
