"""Where the survey looks and what is there: the Galaxy's components in space, age, metallicity and velocity, and dust.

Schematic: exponential discs seen from the plane, a footprint like LAMOST's, a smooth dust layer. Numbers and their
sources stand beside each constant.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from specviz.simulate.chemistry import COMPONENTS, alpha_sequence, total_metals
from specviz.simulate.deviates import Deviates

Array = NDArray[np.float64]
#: Apparent G between which LAMOST observes, and how the chance of being observed falls with magnitude: it makes the
#: counts per magnitude nearly flat (median G about 14.5), as LAMOST's bright and medium plates do.
G_LIMITS = (9.5, 17.3)
SELECTION_SLOPE = 0.23
#: Stars per volume near the Sun, relative, and scale height (kpc): Juric et al. (2008, ApJ 673, 864); the halo's is a
#: stand-in for its power law.
DENSITY = {"thin": 1.0, "thick": 0.12, "halo": 0.005}
HEIGHT_KPC = {"thin": 0.30, "thick": 0.90, "halo": 3.0}
#: Velocity dispersions (U, V, W) and lag behind the local standard of rest (km/s): thick disc Bensby, Feltzing &
#: Lundstrom (2003); halo Schonrich, Asplund & Casagrande (2011), rounded. The thin disc's grow with age.
_DISPERSION = {"thick": (67.0, 42.0, 38.0, 46.0), "halo": (155.0, 95.0, 90.0, 220.0)}
_SUN = np.array([11.1, 12.24, 7.25])  # Schonrich, Binney & Dehnen (2010)
#: E(B-V) per kpc in the plane and the scale height of the dust (kpc): about 1.1 mag of A(V) per kpc.
DUST_PER_KPC, DUST_HEIGHT = 0.35, 0.10
#: A(G) / E(B-V) of an ordinary star; good to 10 %.
G_EXTINCTION = 2.5
#: Mean and spread of R_V over the sky (Schlafly et al. 2016, ApJ 821, 78).
R_V = (3.1, 0.18, 2.4, 4.5)
#: Rows: unit vectors of the Galactic axes in equatorial coordinates (J2000).
_TO_GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)
#: Latitudes in |sin b|: the survey's sky is cut into these.
SIN_B = np.linspace(0.10, 1.0, 13)
SIN_B_MID = 0.5 * (SIN_B[1:] + SIN_B[:-1])


def star_formation(component: str, age_gyr: Array) -> Array:
    """Stars formed per Gyr at this age, normalised to one; the thin disc declines over 8.5 Gyr (Aumer & Binney 2009)
    and started 9 Gyr ago, the thick disc formed about 10.5 Gyr ago, the halo between 10.5 and 13.
    """
    if component == "thin":
        rate = np.exp(age_gyr / 8.5) * ((age_gyr > 0.05) & (age_gyr < 9.0))
        return np.asarray(rate / (8.5 * (np.exp(9.0 / 8.5) - np.exp(0.05 / 8.5))))
    if component == "thick":
        return np.asarray(np.exp(-0.5 * ((age_gyr - 10.5) / 0.9) ** 2) / (0.9 * 2.5066) * (age_gyr < 13.0))
    return np.asarray(((age_gyr > 10.5) & (age_gyr < 13.0)) / 2.5)


def metallicity(component: str, fe_h: Array, age_gyr: Array) -> Array:
    """Probability per dex of [Fe/H] at this age.

    Thin disc: a shallow age-metallicity relation whose spread grows with age, as radial mixing makes it (Edvardsson et
    al. 1993; Casagrande et al. 2011); thick disc: steep (Haywood et al. 2013); halo: two Gaussians, accreted and in
    situ or older.
    """

    def gauss(mean: Array | float, sigma: Array | float) -> Array:
        return np.asarray(np.exp(-0.5 * ((fe_h - mean) / sigma) ** 2) / (sigma * 2.5066))

    if component == "thin":
        return gauss(0.04 - 0.022 * age_gyr, 0.12 + 0.012 * age_gyr)
    if component == "thick":
        return gauss(-0.50 - 0.11 * (age_gyr - 10.5), 0.20)
    return 0.6 * gauss(-1.25, 0.30) + 0.4 * gauss(-1.75, 0.45)


def iron_of_metals(component: str, metals: Array) -> Array:
    """[Fe/H] of stars whose tracks have [M/H] = ``metals``: alpha enhancement counts (Salaris et al. 1993)."""
    fe_h = np.linspace(-2.9, 0.6, 351)
    total = total_metals(fe_h, alpha_sequence(fe_h, np.full(fe_h.shape, component)))
    return np.interp(metals, total, fe_h)


def mean_reddening(distance_pc: Array, sin_b: Array) -> Array:
    """E(B-V) of the smooth dust layer up to this distance."""
    column = DUST_PER_KPC * DUST_HEIGHT / sin_b
    return np.asarray(column * (1.0 - np.exp(-distance_pc / 1e3 * sin_b / DUST_HEIGHT)))


def distances(m_g: Array, n: int) -> Array:
    """``n`` distances (pc), even in log, between which a star of absolute magnitude ``m_g`` (b,) is bright enough and
    not too bright; shape (b, n).
    """
    near = 10.0 ** (0.2 * (G_LIMITS[0] - m_g) + 1.0)
    far = np.maximum(np.minimum(10.0 ** (0.2 * (G_LIMITS[1] - m_g) + 1.0), 3e4), near * 1.01)
    return np.asarray(np.exp(np.log(near)[:, None] + np.log(far / near)[:, None] * np.linspace(0.0, 1.0, n)))


def seen(distance_pc: Array, m_g: Array, height_kpc: Array, sin_b: Array) -> Array:
    """Stars observed per unit ln(distance), relative: volume, density, and the chance to be put on a plate."""
    g = m_g + 5.0 * np.log10(distance_pc / 10.0) + G_EXTINCTION * mean_reddening(distance_pc, sin_b)
    chance = 10.0 ** (-SELECTION_SLOPE * (g - G_LIMITS[0])) * (g < G_LIMITS[1])
    return np.asarray(distance_pc**3 * np.exp(-distance_pc / 1e3 * sin_b / height_kpc) * chance)


@lru_cache(maxsize=1)
def footprint() -> tuple[Array, Array, Array]:
    """20,000 directions (ra, dec, deg) evenly over -10 < dec < 60 deg and |sin b| > 0.1, in order of |sin b|, and
    that |sin b|.
    """
    rng = np.random.default_rng(20101024)
    ra = rng.uniform(0.0, 360.0, 26_000)
    dec = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-10.0)), np.sin(np.radians(60.0)), ra.size)))
    sin_b = np.abs(galactic_direction(ra, dec)[:, 2])
    order = np.argsort(sin_b)
    order = order[sin_b[order] > SIN_B[0]][:20_000]
    return ra[order], dec[order], sin_b[order]


def galactic_direction(ra: Array, dec: Array) -> Array:
    """Unit vectors in Galactic coordinates, shape (n, 3)."""
    a, d = np.radians(ra), np.radians(dec)
    return np.asarray(np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1) @ _TO_GALACTIC.T)


_NODES = np.linspace(-6.0, 14.0, 81)


@lru_cache(maxsize=1)
def _volume_table() -> dict[str, Array]:
    """ln of the effective volume at the absolute magnitudes of ``_NODES``, (12, 81) by component."""
    sin_b = footprint()[2]
    share = np.histogram(sin_b, SIN_B)[0] / sin_b.size
    d = distances(_NODES, 160)
    step = np.log(d[:, 1] / d[:, 0])
    out = {}
    for name in COMPONENTS:
        height = np.array(HEIGHT_KPC[name])
        rows = [seen(d, _NODES[:, None], height, s).sum(axis=1) * step for s in SIN_B_MID]
        out[name] = np.log(np.maximum(share[:, None] * rows, 1e-30))
    return out


def volumes(component: str, m_g: Array) -> Array:
    """Effective volume of the survey for absolute magnitudes ``m_g`` (b,): shape (12, b), a row for each bin of
    :data:`SIN_B`, each by its share of the footprint.
    """
    return np.stack([np.exp(np.interp(m_g, _NODES, row)) for row in _volume_table()[component]])


def whole_volume(component: str, m_g: Array) -> Array:
    """The sum of :func:`volumes` over the sky, shape (b,)."""
    total = np.log(np.exp(_volume_table()[component]).sum(axis=0))
    return np.asarray(np.exp(np.interp(m_g, _NODES, total)))


def draw_velocity(
    deviates: Deviates, component: NDArray[np.str_], age_gyr: Array, direction: Array
) -> NDArray[np.float64]:
    """Heliocentric radial velocity (km/s) of the star or of the pair's centre; Galactic rotation is left out."""
    sigma_u = 22.0 * np.maximum(age_gyr, 0.3) ** 0.33  # Holmberg, Nordstrom & Andersen (2009), U
    thin = np.stack([sigma_u, 0.62 * sigma_u, 0.50 * sigma_u, sigma_u**2 / 80.0], axis=1)
    spread = np.select(
        [(component == name)[:, None] for name in COMPONENTS],
        [thin, np.array(_DISPERSION["thick"]), np.array(_DISPERSION["halo"])],
    )
    uvw = np.stack([deviates.normal() for _ in range(3)], axis=1) * spread[:, :3]
    uvw[:, 1] -= spread[:, 3]
    return np.asarray(np.einsum("ij,ij->i", direction, uvw - _SUN))
