"""``GaiaSource``: one row of the source catalogue, with its epoch, its photometry and the labels of GSP-Phot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from specviz.archives.gaia.releases import Release
from specviz.archives.motion import moved
from specviz.errors import BadReplyError
from specviz.spectra.readers.tables import to_id
from specviz.spectra.star import Identifier

#: Ratio of A_0 (monochromatic, 541.4 nm) to E(B-V) of the mean Galactic extinction curve.
R_0 = 3.1
#: Our label -> column of GSP-Phot (Andrae et al. 2023, A&A 674, A27). [M/H] stands for [Fe/H].
_GSPPHOT = {
    "teff": "teff_gspphot",
    "logg": "logg_gspphot",
    "fe_h": "mh_gspphot",
    "distance": "distance_gspphot",
    "a_0": "azero_gspphot",
    "a_g": "ag_gspphot",
    "ebp_rp": "ebpminrp_gspphot",
}


@dataclass(frozen=True)
class Neighbour:
    """A source of one release close to a source of another.

    ``separation_mas`` in milliarcseconds, proper motion taken into account; ``magnitude_difference`` in G, mag (None
    where not given).
    """

    release: str
    source_id: str
    separation_mas: float | None = None
    magnitude_difference: float | None = None

    @property
    def identifier(self) -> Identifier:
        return Identifier("Gaia", self.release, self.source_id)


@dataclass(frozen=True)
class GaiaSource:
    """One Gaia source; None where the catalogue has no value.

    Parameters
    ----------
    source_id, release : str
        Only together do they name a source.
    ra, dec : float
        Degrees, ICRS, at ``epoch`` (Julian year): not at J2000. :meth:`at_epoch` moves them.
    pm_ra, pm_dec : float
        mas/yr; ``pm_ra`` with cos(dec) in it. ``pm_ra_error``, ``pm_dec_error`` likewise.
    parallax, parallax_error : float
        mas, as published (no zero-point correction).
    g_mag, bp_mag, rp_mag, bp_rp : float
        mag (Vega).
    ruwe : float
        Renormalised unit weight error; above about 1.4 the astrometry is doubtful.
    radial_velocity, radial_velocity_error : float
        km/s, barycentric.
    has_xp_continuous, has_xp_sampled, has_rvs : bool or None
        Which spectra are published; None where the release does not say.
    catalogue : mapping
        Labels by specviz's names, for :attr:`specviz.spectra.star.Star.catalogue`: ``teff`` (K), ``logg`` (dex, cgs),
        ``fe_h`` (dex; GSP-Phot's [M/H]), ``distance`` (pc), ``a_0``, ``a_g``, ``ebp_rp``, ``ebv`` (mag; ``ebv`` =
        ``a_0`` / 3.1), each with ``_lower`` and ``_upper`` (16th and 84th percentile) and ``_err`` (half their
        distance); ``rv``, ``rv_err``, ``vbroad``, ``vbroad_err`` (km/s); ``parallax``, ``parallax_err`` (mas);
        ``g_mag``, ``bp_mag``, ``rp_mag``, ``bp_rp`` (mag); ``ruwe``; ``source`` says where they come from.
    separation : float or None
        Arcseconds from the position that was searched, at its epoch.
    """

    source_id: str
    release: str
    ra: float
    dec: float
    epoch: float
    pm_ra: float | None = None
    pm_dec: float | None = None
    pm_ra_error: float | None = None
    pm_dec_error: float | None = None
    parallax: float | None = None
    parallax_error: float | None = None
    g_mag: float | None = None
    bp_mag: float | None = None
    rp_mag: float | None = None
    bp_rp: float | None = None
    ruwe: float | None = None
    radial_velocity: float | None = None
    radial_velocity_error: float | None = None
    has_xp_continuous: bool | None = None
    has_xp_sampled: bool | None = None
    has_rvs: bool | None = None
    catalogue: Mapping[str, Any] = field(default_factory=dict)
    separation: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "catalogue", MappingProxyType(dict(self.catalogue)))

    def __reduce__(self) -> tuple[Any, ...]:
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        return _rebuild, tuple(dict(v) if isinstance(v, Mapping) else v for v in values)

    @property
    def name(self) -> str:
        """ "Gaia DR3 5937083312263887616"."""
        return f"Gaia {self.release} {self.source_id}"

    @property
    def identifier(self) -> Identifier:
        return Identifier("Gaia", self.release, self.source_id)

    @property
    def absolute_g(self) -> float | None:
        """M_G = G + 5 log10(parallax / 100 mas), mag, extinction left in; None without a positive parallax."""
        if self.g_mag is None or self.parallax is None or self.parallax <= 0:
            return None
        return self.g_mag + 5.0 * math.log10(self.parallax / 100.0)

    @property
    def absolute_g_error(self) -> float | None:
        """Error of :attr:`absolute_g` from the parallax, mag: 5 / ln(10) sigma / parallax."""
        if self.absolute_g is None or self.parallax is None or self.parallax_error is None:
            return None
        return 5.0 / math.log(10.0) * self.parallax_error / self.parallax

    def at_epoch(self, year: float) -> tuple[float, float]:
        """Right ascension and declination in degrees at a Julian year, moved along the proper motion."""
        return moved(self.ra, self.dec, self.pm_ra, self.pm_dec, year - self.epoch)


def _rebuild(*values: Any) -> GaiaSource:
    return GaiaSource(*values)


def source_of(row: Mapping[str, Any], release: Release) -> GaiaSource:
    """A source from a row of the catalogue (columns by lower-case name, None where null).

    Raises
    ------
    BadReplyError
        The row does not say which source it is, or where.
    """
    number = lambda name: _number(row.get(name))  # noqa: E731
    ra, dec, source_id = number("ra"), number("dec"), to_id(row.get("source_id"))
    if ra is None or dec is None or source_id is None:
        raise BadReplyError(f"A row of {release.table} has no source_id, ra or dec", service="gaia")
    return GaiaSource(
        source_id=source_id,
        release=release.name,
        ra=ra,
        dec=dec,
        epoch=number("ref_epoch") or release.epoch,
        pm_ra=number("pmra"),
        pm_dec=number("pmdec"),
        pm_ra_error=number("pmra_error"),
        pm_dec_error=number("pmdec_error"),
        parallax=number("parallax"),
        parallax_error=number("parallax_error"),
        g_mag=number("phot_g_mean_mag"),
        bp_mag=number("phot_bp_mean_mag"),
        rp_mag=number("phot_rp_mean_mag"),
        bp_rp=number("bp_rp"),
        ruwe=number("ruwe"),
        radial_velocity=number("radial_velocity"),
        radial_velocity_error=number("radial_velocity_error"),
        has_xp_continuous=_flag(row.get("has_xp_continuous")),
        has_xp_sampled=_flag(row.get("has_xp_sampled")),
        has_rvs=_flag(row.get("has_rvs")),
        catalogue=_catalogue(row, release),
    )


def _catalogue(row: Mapping[str, Any], release: Release) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for label, column in _GSPPHOT.items():
        value = _number(row.get(column))
        if value is None:
            continue
        low, high = _number(row.get(f"{column}_lower")), _number(row.get(f"{column}_upper"))
        out[label] = value
        if low is not None and high is not None:
            out |= {f"{label}_lower": low, f"{label}_upper": high, f"{label}_err": (high - low) / 2.0}
    for end in ("", "_lower", "_upper", "_err"):
        if f"a_0{end}" in out:
            out[f"ebv{end}"] = out[f"a_0{end}"] / R_0
    labelled = bool(out)
    for label, column in (
        ("rv", "radial_velocity"), ("rv_err", "radial_velocity_error"), ("vbroad", "vbroad"),
        ("vbroad_err", "vbroad_error"), ("parallax", "parallax"), ("parallax_err", "parallax_error"),
        ("g_mag", "phot_g_mean_mag"), ("bp_mag", "phot_bp_mean_mag"), ("rp_mag", "phot_rp_mean_mag"),
        ("bp_rp", "bp_rp"), ("ruwe", "ruwe"),
    ):  # fmt: skip
        value = _number(row.get(column))
        if value is not None:
            out[label] = value
    if out:
        out["source"] = f"Gaia {release.name}" + (" GSP-Phot" if labelled else "")
    return out


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str):
        return None
    made = float(value)
    return made if math.isfinite(made) else None


def _flag(value: Any) -> bool | None:
    if value is None:
        return None
    return value.strip().lower() in ("t", "true", "1") if isinstance(value, str) else bool(value)
