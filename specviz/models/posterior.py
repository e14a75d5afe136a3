"""``Posterior``: samples of the joint distribution of stellar labels, with names and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ModelError

#: Units of the labels by their field name (astropy unit strings); for an abundance ratio ``x_fe`` see
#: :func:`label_unit`.
LABEL_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "teff": "K",
        "logg": "dex",
        "fe_h": "dex",
        "alpha_fe": "dex",
        "vmic": "km / s",
        "vsini": "km / s",
        "rv": "km / s",
        "ebv": "mag",
        "e_bp_rp": "mag",
        "dnu": "uHz",
        "nu_max": "uHz",
        "mass": "solMass",
        "radius": "solRad",
        "age": "Gyr",
        "delta_pi1": "s",
    }
)


def label_unit(name: str) -> str:
    """Unit of a label as an astropy unit string; "" for a label that has none or is not known."""
    return LABEL_UNITS.get(name, "dex" if name.endswith("_fe") else "")


@dataclass(frozen=True, eq=False)
class Posterior:
    """Joint posterior samples of one star.

    Parameters
    ----------
    names : tuple of str
        Label names in the field's terms: teff, logg, fe_h, alpha_fe, ...
    samples : array of float64, shape (n_samples, n_labels)
    units : mapping of str to str
        astropy unit strings; filled by :func:`label_unit` when absent.
    survey : str
        The spectrum the posterior is conditioned on.
    prior : mapping of str to (low, high)
        Range of each label in the training set: outside it the posterior is an extrapolation.
    notes : mapping of str to str
        A remark on a label, shown beside it ("learned from simulated spectra only").
    points : set of str
        Labels that are one number without an uncertainty: all their samples are equal, and what tells of a width
        (:meth:`summary`, :meth:`quantile`) is NaN, not zero.
    """

    names: tuple[str, ...]
    samples: NDArray[np.float64]
    units: Mapping[str, str] = field(default_factory=dict)
    survey: str = ""
    prior: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    points: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples, np.float64)
        if samples.ndim != 2 or samples.shape[1] != len(self.names):
            raise ModelError(f"Samples of shape {samples.shape} do not fit {len(self.names)} labels")
        samples.setflags(write=False)
        object.__setattr__(self, "samples", samples)
        units = {n: self.units.get(n, label_unit(n)) for n in self.names}
        object.__setattr__(self, "units", MappingProxyType(units))
        object.__setattr__(self, "prior", MappingProxyType(dict(self.prior)))
        object.__setattr__(self, "notes", MappingProxyType(dict(self.notes)))
        object.__setattr__(self, "points", frozenset(self.points))
        if not self.points <= set(self.names):
            raise ModelError("Points that are no labels: " + ", ".join(sorted(self.points - set(self.names))))

    def __len__(self) -> int:
        return int(self.samples.shape[0])

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Samples of one label, shape (n_samples,)."""
        if name not in self.names:
            raise ModelError(f"No label {name!r} in this posterior", expected="one of " + ", ".join(self.names))
        return self.samples[:, self.names.index(name)]

    def quantile(self, name: str, q: float | Sequence[float]) -> Any:
        """Quantile(s) of one label's marginal; of a label without an uncertainty only the median is known."""
        values = np.quantile(self[name], q)
        return np.where(np.asarray(q) == 0.5, values, np.nan)[()] if name in self.points else values

    def summary(self) -> dict[str, tuple[float, float, float]]:
        """``{label: (median, 16th, 84th percentile)}``; the percentiles of a label without an uncertainty are NaN."""
        return dict(self._summary)

    @cached_property
    def _summary(self) -> dict[str, tuple[float, float, float]]:
        # Computed once: every tile, table and map asks for it.
        q = np.quantile(self.samples, (0.5, 0.16, 0.84), axis=0)
        q[1:, [self.names.index(n) for n in self.points]] = np.nan
        return {n: (float(q[0, i]), float(q[1, i]), float(q[2, i])) for i, n in enumerate(self.names)}

    def to_qtable(self) -> Any:
        """One row a label: name, median, lower and upper 68 % bounds, as an ``astropy.table.Table`` with a unit column.

        Labels differ in unit, so values are plain and the ``unit`` column names it; use :meth:`samples_qtable` for
        Quantities.
        """
        from astropy.table import Table

        rows = [(n, *v, self.units[n], self.notes.get(n, "")) for n, v in self.summary().items()]
        return Table(rows=rows, names=("label", "median", "p16", "p84", "unit", "note"))

    def samples_qtable(self) -> Any:
        """The samples as an ``astropy.table.QTable``: a Quantity column a label."""
        from astropy import units as u
        from astropy.table import QTable

        return QTable({n: self[n] * (u.Unit(self.units[n]) if self.units[n] else u.one) for n in self.names})

    def to_arviz(self) -> Any:
        """An ArviZ ``DataTree`` with the group ``posterior`` (1 chain); needs the extra ``jupyter-specviz[arviz]``."""
        try:
            import arviz_base
        except ImportError as error:
            raise ModelError("ArviZ is not installed", remedy="pip install 'jupyter-specviz[arviz]'") from error
        tree = arviz_base.from_dict({"posterior": {n: self[n][None, :] for n in self.names}})
        for n in self.names:
            tree["posterior"][n].attrs["units"] = self.units[n]
        return tree
