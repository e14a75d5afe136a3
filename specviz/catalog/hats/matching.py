"""The rule by which LSDB matches two surveys here: proper motion, radius, identifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.layout import lsdb

#: Columns of proper motion in mas/yr, the one in right ascension with cos dec in it; the first pair that is there.
MOTIONS = (("pmra", "pmdec"), ("pm_ra", "pm_dec"), ("pmRA", "pmDE"))
#: Columns that a match adds: the angle, and the right star's pixel of order 29, which says which star it is.
SEPARATION, RIGHT = "separation_arcsec", "right_healpix"
#: Neighbours among which the partner is looked for.
_NEIGHBOURS = 8
_MAS = np.radians(1.0 / 3.6e6)


def moved(
    ra: NDArray[np.float64],
    dec: NDArray[np.float64],
    pm_ra: NDArray[np.float64],
    pm_dec: NDArray[np.float64],
    years: NDArray[np.float64] | float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions after so many years (negative: before) of uniform motion.

    Parameters
    ----------
    ra, dec : array, shape (N,)
        Degrees.
    pm_ra, pm_dec : array, shape (N,)
        mas/yr, ``pm_ra`` with cos dec in it; NaN counts as 0.
    years : float or array, shape (N,)

    Returns
    -------
    ra, dec : array, shape (N,)
        Degrees. Source: the linear model in the local tangent plane, The Hipparcos Catalogue (ESA SP-1200), eq. 1.5.4.
        Parallax and radial velocity do not matter at an arcsecond within decades.
    """
    a, d = np.radians(ra), np.radians(dec)
    east, north = (np.nan_to_num(np.asarray(pm, np.float64)) * _MAS * years for pm in (pm_ra, pm_dec))
    x = np.cos(d) * np.cos(a) - east * np.sin(a) - north * np.sin(d) * np.cos(a)
    y = np.cos(d) * np.sin(a) + east * np.cos(a) - north * np.sin(d) * np.sin(a)
    z = np.sin(d) + north * np.cos(d)
    still = (east == 0.0) & (north == 0.0)
    out_ra = np.where(still, ra, np.degrees(np.arctan2(y, x)) % 360.0)
    return out_ra, np.where(still, dec, np.degrees(np.arctan2(z, np.hypot(x, y))))


@dataclass(frozen=True)
class Rule:
    """How stars are matched.

    Parameters
    ----------
    radius_arcsec : float
        Largest separation, at the epoch of the left catalogue.
    left_epoch, right_epoch : float
        Julian years of the positions.
    motion : tuple of str, optional
        Columns of the right catalogue with its proper motions; without, positions are compared as they are.
    identifiers : tuple of str, optional
        Columns with an identifier and with its release that both catalogues have. Of the same release, the same
        number is the partner whatever is nearer, and another number is not the partner.
    """

    radius_arcsec: float
    left_epoch: float
    right_epoch: float
    motion: tuple[str, str] | None = None
    identifiers: tuple[str, str] | None = None

    def algorithm(self) -> Any:
        """What LSDB's crossmatch takes as its ``algorithm``."""
        return _algorithm()(self)


@cache
def _algorithm() -> Any:
    """The class, defined when LSDB is there; workers get it by value."""
    lsdb()
    import pandas as pd
    import pyarrow as pa
    from lsdb.core.crossmatch.kdtree_match import KdTreeCrossmatch

    kinds = {SEPARATION: pd.ArrowDtype(pa.float64()), RIGHT: pd.ArrowDtype(pa.int64())}

    class SurveyMatch(KdTreeCrossmatch):
        """The nearest star within the radius at the left epoch; one of the same identifier before others."""

        extra_columns = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})

        def __init__(self, rule: Rule) -> None:
            super().__init__(n_neighbors=_NEIGHBOURS, radius_arcsec=rule.radius_arcsec)
            self.rule = rule

        def perform_crossmatch(self, crossmatch_args: Any) -> Any:
            """Rows of both, and the columns that are added."""
            args = crossmatch_args
            right = args.right_df
            if self.rule.motion is not None:
                info = args.right_catalog_info
                east, north = (_floats(right[name]) for name in self.rule.motion)
                ra, dec = _floats(right[info.ra_column]), _floats(right[info.dec_column])
                ra, dec = moved(ra, dec, east, north, self.rule.left_epoch - self.rule.right_epoch)
                args = replace(args, right_df=right.assign(**{info.ra_column: ra, info.dec_column: dec}))
            at, other, found = super().perform_crossmatch(args)
            distance = found["_dist_arcsec"].to_numpy(dtype=np.float64)
            keep = _partners(args.left_df, right, at, other, distance, self.rule.identifiers)
            extra = pd.DataFrame(
                {
                    SEPARATION: pd.Series(distance[keep], dtype=kinds[SEPARATION]),
                    RIGHT: pd.Series(right.index.to_numpy()[other[keep]], dtype=kinds[RIGHT]),
                }
            )
            return at[keep], other[keep], extra

    return SurveyMatch


def _floats(column: Any) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)


def _partners(
    left: Any,
    right: Any,
    at: NDArray[np.int64],
    other: NDArray[np.int64],
    distance: NDArray[np.float64],
    identifiers: tuple[str, str] | None,
) -> NDArray[np.intp]:
    """Which of the candidate pairs is the one of each left star, in the order of the left stars."""
    if identifiers is None:
        same, differ = np.zeros(len(at), bool), np.zeros(len(at), bool)
    else:
        number, release = identifiers
        ours, theirs = (df[number].to_numpy(dtype=np.int64, na_value=0)[i] for df, i in ((left, at), (right, other)))
        said = [df[release].fillna("").to_numpy(dtype=object)[i] for df, i in ((left, at), (right, other))]
        comparable = (ours != 0) & (theirs != 0) & (said[0] == said[1]) & (said[0] != "")
        same, differ = comparable & (ours == theirs), comparable & (ours != theirs)
    order = np.lexsort((distance, ~same, at))
    order = order[~differ[order]]
    _, first = np.unique(at[order], return_index=True)
    return order[first]
