"""Chemistry of a survey's stars: [X/Fe] of 24 elements by component, [Fe/H], age and evolutionary state; and vmic.

Schematic on purpose: mean trends as straight or broken lines with Gaussian scatter, after the surveys named beside
them, zero point at the Sun. The trends are those that a user may look for in the demo sky; they are no yields and no
chemical evolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.simulate.deviates import Deviates
from specviz.simulate.emulated import ALPHA_ELEMENTS

Array = NDArray[np.float64]
COMPONENTS = ("thin", "thick", "halo")

#: [Fe/H] nodes of the trends below.
_FE = np.array([-2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5])
#: Mean [alpha/Fe] by component. Thin and thick: the two sequences of Adibekyan et al. (2012), Bensby et al. (2014) and
#: Hayden et al. (2015), the thick one with its knee near -0.5. Halo: plateau and the lower, accreted sequence beyond
#: -1.5 (Nissen & Schuster 2010), taken together.
_ALPHA = {
    "thin": np.array([0.30, 0.28, 0.25, 0.20, 0.10, 0.00, -0.01]),
    "thick": np.array([0.32, 0.32, 0.32, 0.31, 0.26, 0.10, 0.05]),
    "halo": np.array([0.33, 0.33, 0.31, 0.23, 0.14, 0.05, 0.02]),
}
#: Of the alpha elements: factor on the sequence, further slope with [Fe/H] above solar, scatter. Oxygen has no knee at
#: solar metallicity but goes on falling (Bensby et al. 2014); Si, Ca, Ti are flatter than Mg (Adibekyan et al. 2012).
_ALPHA_LIKE = {
    "o": (1.30, -0.20, 0.05),
    "mg": (1.15, 0.0, 0.035),
    "si": (0.90, 0.0, 0.03),
    "s": (0.90, -0.05, 0.06),
    "ca": (0.80, 0.0, 0.03),
    "ti": (0.95, 0.0, 0.035),
}
#: Other elements: [X/Fe] at the nodes of [Fe/H] for stars of the thin disc's sequence, scatter, and what is added per
#: dex of [alpha/Fe] above that sequence (thick disc, old halo). Trends of Kobayashi et al. (2020, fig. 10 ff., for the
#: sense below -1), Adibekyan et al. (2012) and Bensby et al. (2014) above; Mn and Cu: Battistini & Bensby (2015), Yan
#: et al. (2015), LTE; Zn, Sr, Y, Zr, La, Nd, Eu: Battistini & Bensby (2016), Delgado Mena et al. (2017).
_TRENDS = {
    "c": ([0.10, 0.05, 0.05, 0.08, 0.05, 0.00, -0.04], 0.05, 0.40),
    "n": ([0.00, 0.00, -0.05, -0.05, -0.03, 0.00, 0.10], 0.07, 0.20),
    "na": ([-0.15, -0.15, -0.10, 0.00, 0.03, 0.00, 0.10], 0.05, 0.30),
    "al": ([-0.20, -0.15, -0.05, 0.10, 0.08, 0.00, 0.03], 0.05, 0.80),
    "k": ([0.20, 0.22, 0.22, 0.18, 0.10, 0.00, -0.02], 0.07, 0.40),
    "v": ([0.05, 0.03, 0.03, 0.05, 0.03, 0.00, 0.03], 0.06, 0.50),
    "cr": ([-0.15, -0.10, -0.05, -0.03, -0.01, 0.00, 0.00], 0.025, 0.05),
    "mn": ([-0.20, -0.20, -0.20, -0.18, -0.09, 0.00, 0.08], 0.04, -0.25),
    "ni": ([-0.05, -0.05, -0.04, -0.02, -0.02, 0.00, 0.05], 0.025, 0.15),
    "cu": ([-0.28, -0.28, -0.25, -0.18, -0.06, 0.00, 0.10], 0.05, 0.30),
    "zn": ([0.12, 0.10, 0.08, 0.08, 0.04, 0.00, 0.02], 0.05, 0.40),
    "sr": ([-0.10, -0.05, 0.00, 0.00, 0.00, 0.00, -0.05], 0.10, 0.0),
    "y": ([-0.15, -0.12, -0.08, -0.05, -0.03, 0.00, -0.03], 0.08, -0.10),
    "zr": ([0.15, 0.15, 0.12, 0.08, 0.03, 0.00, -0.06], 0.08, 0.30),
    "ba": ([-0.15, -0.05, 0.00, 0.00, 0.02, 0.00, -0.08], 0.09, -0.20),
    "la": ([0.05, 0.08, 0.08, 0.06, 0.03, 0.00, -0.08], 0.09, 0.10),
    "nd": ([0.15, 0.15, 0.12, 0.10, 0.06, 0.00, -0.08], 0.08, 0.40),
    "eu": ([0.28, 0.28, 0.26, 0.22, 0.13, 0.00, -0.10], 0.06, 0.60),
}
#: Neutron-capture scatter grows towards the halo: factor at [Fe/H] = -2.5, -1.5 and above -1.
_HEAVY = ("sr", "y", "zr", "ba", "la", "nd", "eu")
#: dex per Gyr away from 5 Gyr in the thin disc: young stars are rich in s elements, [Y/Mg] is a clock (Nissen 2015;
#: Spina et al. 2018; Ba steepest: Bensby et al. 2014).
_AGE_SLOPE = {"sr": -0.028, "y": -0.025, "zr": -0.020, "ba": -0.035, "la": -0.018, "nd": -0.010}


def alpha_sequence(fe_h: Array, component: NDArray[np.str_]) -> Array:
    """Mean [alpha/Fe] of each star's component."""
    return np.select(
        [component == name for name in COMPONENTS], [np.interp(fe_h, _FE, _ALPHA[name]) for name in COMPONENTS]
    )


def total_metals(fe_h: Array, alpha_fe: Array) -> Array:
    """[M/H] of an alpha-enhanced mix (Salaris, Chieffi & Straniero 1993, eq. 3)."""
    return np.asarray(fe_h + np.log10(0.638 * 10.0**alpha_fe + 0.362))


def draw_abundances(
    deviates: Deviates, fe_h: Array, component: NDArray[np.str_], age_gyr: Array
) -> dict[str, NDArray[np.float64]]:
    """What the stars were born with: ``c_fe`` ... ``eu_fe``, each (n,). Uses 26 deviates.

    Alpha elements share half of their scatter, as do the heavy ones.
    """
    alpha = alpha_sequence(fe_h, component)
    excess = alpha - np.interp(fe_h, _FE, _ALPHA["thin"])
    shared_alpha, shared_heavy = deviates.normal(), deviates.normal()
    out: dict[str, NDArray[np.float64]] = {}
    for name, (factor, slope, scatter) in _ALPHA_LIKE.items():
        scattered = 0.030 * shared_alpha + scatter * deviates.normal()
        out[f"{name}_fe"] = factor * alpha + slope * np.maximum(fe_h, 0.0) + scattered
    widen = np.interp(fe_h, [-2.5, -1.5, -1.0], [2.5, 1.6, 1.0])
    for name, (nodes, scatter, per_alpha) in _TRENDS.items():
        own = deviates.normal()
        if name in _HEAVY:
            own = widen * (0.7 * own + 0.7 * shared_heavy)
        age = _AGE_SLOPE.get(name, 0.0) * np.where(component == "thin", age_gyr - 5.0, 0.0)
        out[f"{name}_fe"] = np.interp(fe_h, _FE, nodes) + per_alpha * excess + age + scatter * own
    return out


def dredge_up(
    born: Mapping[str, NDArray[Any]], fe_h: Array, logg: Array, teff: Array, mass: Array
) -> dict[str, NDArray[np.float64]]:
    """The abundances as they show at the surface now.

    First dredge-up on the lower giant branch (log g 3.8 to 3.2): C down and N up, more so in massive giants
    ([C/N] falls from -0.25 at 1 Msun to -0.6 at 2 Msun: Salaris et al. 2015, Martig et al. 2016), and Na up above 1.5
    Msun. Beyond the bump (log g < 2.2) metal-poor giants mix further (Gratton et al. 2000; Shetrone et al. 2019): C
    down by up to 0.35 at [Fe/H] < -1.5. C + N + O is not strictly conserved.
    """
    out = {k: np.array(v, np.float64) for k, v in born.items()}
    giant = np.interp(logg, [3.2, 3.8], [1.0, 0.0]) * (np.asarray(teff) < 5900.0)
    heavy = np.clip(mass - 1.0, 0.0, 1.5)
    out["c_fe"] -= giant * (0.10 + 0.10 * heavy)
    out["n_fe"] += giant * (0.15 + 0.20 * heavy)
    out["na_fe"] += giant * 0.10 * np.clip(mass - 1.5, 0.0, 1.0)
    extra = np.interp(logg, [1.6, 2.2], [1.0, 0.0]) * giant * np.interp(fe_h, [-1.5, -0.3], [1.0, 0.0])
    out["c_fe"] -= 0.35 * extra
    out["n_fe"] += 0.30 * extra
    out["alpha_fe"] = np.mean([out[k] for k in ALPHA_ELEMENTS], axis=0)
    return out


def microturbulence(teff: Array, logg: Array) -> Array:
    """vmic (km/s) without scatter.

    Giants (log g < 3.5): log vmic = 0.226 - 0.0228 g + 0.0297 g^2 - 0.0113 g^3, g = log g (Holtzman et al. 2018, AJ
    156, 125). Dwarfs: 1.01 + 4.56e-4 (T - 5700) + 2.75e-7 (T - 5700)^2 up to 6500 K (Bruntt et al. 2010, MNRAS 405,
    1907), never below 0.6; hotter: 3.31 exp(-(log10(T / 8071))^2 / 0.01045) (Gebran et al. 2014, Bull. Liege 83), its
    maximum near 8000 K. The regimes are blended over 0.4 dex and 400 K.
    """
    teff, g = np.asarray(teff, float), np.asarray(logg, float)
    giants = 10.0 ** (0.226 - 0.0228 * g + 0.0297 * g**2 - 0.0113 * g**3)
    t = np.clip(teff, 4871.0, 6700.0) - 5700.0  # the parabola turns over at 4871 K
    dwarfs = np.maximum(1.01 + 4.56e-4 * t + 2.75e-7 * t**2, 0.6)
    hot = np.maximum(3.31 * np.exp(-(np.log10(teff / 8071.03) ** 2) / 0.01045), 0.6)
    share_giant = np.interp(g, [3.3, 3.7], [1.0, 0.0])
    share_hot = np.interp(teff, [6300.0, 6700.0], [0.0, 1.0])
    return np.asarray((share_giant * giants + (1 - share_giant) * dwarfs) * (1 - share_hot) + share_hot * hot)
