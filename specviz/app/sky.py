"""``sky``: the sky around an Explorer's star in Aladin Lite, beside it and never inside its tree."""

from __future__ import annotations

from typing import Any

import ipywidgets

from specviz.errors import OptionError, SpecvizError
from specviz.views.formats import coordinates, text

_INSTALL = "pip install 'jupyter-specviz[aladin]', then restart the kernel"


def sky(explorer: Any, *, survey: str = "CDS/P/DSS2/color", fov: float = 0.1) -> ipywidgets.VBox:
    """A sky that follows the star on screen.

    Aladin Lite loads itself and its images from CDS: the browser has to reach the network. Everything else of specviz
    works without one.

    Parameters
    ----------
    explorer : Explorer
    survey : str
        A HiPS that Aladin Lite knows ("CDS/P/DSS2/color", "CDS/P/PanSTARRS/DR1/color-z-zg-g", ...).
    fov : float
        Width of the field, degrees.

    Returns
    -------
    ipywidgets.VBox
        The sky and a line that says where it is; ``ipywidgets.VBox([explorer.sky(), explorer])`` shows both. It follows
        until one of the two is closed.

    Raises
    ------
    SpecvizError
        ipyaladin is not installed.
    """
    if isinstance(fov, bool) or not isinstance(fov, (int, float)) or not 0 < fov <= 180:
        raise OptionError(f"fov={fov!r}", expected="degrees, above 0 and at most 180")
    try:
        from ipyaladin import Aladin
    except ImportError as error:
        raise SpecvizError("Aladin Lite is not installed", expected="the package ipyaladin", remedy=_INSTALL) from error
    from astropy.coordinates import SkyCoord

    def place(star: Any) -> Any:
        known = star is not None and coordinates(star.ra, star.dec) is not None
        return SkyCoord(star.ra, star.dec, unit="deg", frame="icrs") if known else None

    start = place(explorer.star)
    where: dict[str, Any] = {} if start is None else {"target": start}
    aladin = Aladin(survey=survey, fov=float(fov), height=400, **where)
    line = ipywidgets.HTML(_words(explorer.star))
    box = ipywidgets.VBox([aladin, line])

    def follow(change: Any) -> None:
        star = change["new"]
        if box.comm is None or explorer.comm is None:  # one of the two was closed
            explorer.unobserve(follow, "star")
            return
        found = place(star)
        if found is not None:
            aladin.target = found
        line.value = _words(star)

    explorer.observe(follow, "star")
    return box


def _words(star: Any) -> str:
    """Whose sky it is."""
    if star is None:
        return "No star is on screen"
    found = coordinates(star.ra, star.dec)
    at = f"{found[0]} {found[1]} (ICRS)" if found else "position not known: the sky stays where it was"
    return f"{text(star.name, 60)}: {at}. Images: CDS, Aladin Lite; they need the network."
