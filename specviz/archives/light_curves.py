"""The light curve of a star: its quarters or sectors from MAST as one; for a star of the demo sky, a simulated one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from specviz.archives import mast
from specviz.archives.transport import current
from specviz.errors import ArchiveError, NotFoundError, OfflineError
from specviz.spectra.star import LightCurve, Star
from specviz.spectra.stitch import stitch

#: Files fetched at most: eight quarters of Kepler are the 720 days that DESA was published with.
MOST_FILES = 8
#: Arcsec between a position and the star of the TESS input catalogue that is taken for it.
RADIUS = 3.0
#: Length (d) and step (h) of simulated curves.
DAYS, STEP = 180.0, 0.5


def light_curve_of(star: Star, *, most: int = MOST_FILES) -> LightCurve:
    """Ask MAST for the light curve of a star, by its KIC, EPIC or TIC number, else by its position.

    Parameters
    ----------
    star : Star
    most : int
        Files to fetch at most: neighbouring quarters, campaigns or sectors, the ones with most data.

    Raises
    ------
    NotFoundError
        MAST has none, or nothing is known to ask it by.
    ArchiveError
        MAST cannot be asked.
    """
    names = [f"{i.archive} {i.value}" for kind in ("KIC", "EPIC", "TIC") for i in star.identifiers if i.archive == kind]
    if not names and star.ra is not None and star.dec is not None:
        current().step("mast", "looking up the star's number")
        names = mast.numbers_at(star.ra, star.dec, RADIUS)
    if not names:
        why = "and no position to find one by" if star.ra is None else f'and MAST lists no star within {RADIUS:g}"'
        raise NotFoundError(f"{star.name} has no Kepler or TESS number, {why}", remedy="Use a file of its light curve")
    for name in names:
        products = _neighbouring(mast.light_curves(name), most)
        if not products:
            continue
        return _joined(products)
    raise NotFoundError(f"MAST has no light curve of {' or '.join(names)}", remedy="Use a file of its light curve")


def _joined(products: Sequence[mast.Product]) -> LightCurve:
    """The files as one curve; one that MAST lists and does not give costs its own stretch of time only."""
    curves: list[LightCurve] = []
    trouble: ArchiveError | None = None
    for k, product in enumerate(products):
        current().step("mast", f"light curve {k + 1} of {len(products)}")
        try:
            curves.append(mast.fetch_light_curve(product))
        except OfflineError as error:  # nor will the next come
            trouble = trouble or error
            break
        except ArchiveError as error:
            trouble = trouble or error
    if not curves:
        assert trouble is not None  # there is at least one product
        raise trouble
    return stitch(curves)


def _neighbouring(products: Sequence[mast.Product], most: int) -> list[mast.Product]:
    """Files of the mission and cadence that lead, a run of them in time with the most data."""
    if not products:
        return []
    lead = products[0]
    alike = [p for p in products if (p.mission, p.cadence) == (lead.mission, lead.cadence)]
    alike.sort(key=lambda p: (p.period if p.period is not None else -1, p.filename))
    runs = [alike[i : i + most] for i in range(max(1, len(alike) - most + 1))]
    return max(runs, key=lambda run: sum(p.size for p in run))


def simulated_curve(star: Star) -> LightCurve:
    """A light curve such as Kepler would have seen, for the labels of a simulated star; the same at every call.

    Its age is drawn (the demo sky has none); age and rotation period are told in ``meta``.
    """
    from specviz.simulate.light_curves.one_star import simulate_curve

    labels = star.catalogue
    seed = zlib.crc32(star.name.encode())
    age = float(np.random.default_rng(seed).uniform(0.3, 9.0))
    made = simulate_curve(
        teff=float(labels.get("teff", 5772.0)),
        logg=float(labels.get("logg", 4.44)),
        radius=float(labels.get("radius_rsun", 1.0)),
        age=age,
        magnitude=float(labels.get("g_mag", 12.0)),
        days=DAYS,
        cadence_hours=STEP,
        seed=seed,
    )
    good = np.isfinite(made.flux)
    told = f"simulated: {made.period:.1f} d rotation, {age:.1f} Gyr"
    return LightCurve(
        made.time[good],
        made.flux[good],
        flux_unit="relative",
        time_system="days",
        meta={"origin": told, "simulated": True, "prot": made.period, "age": age},
    )
