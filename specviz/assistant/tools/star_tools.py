"""Tools that bring a star: by name, id, position or uploaded file; and what is known of the one in hand."""

from __future__ import annotations

from typing import Any, Literal

from specviz.assistant.desk import Desk
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer, rounded, spoken
from specviz.errors import NotFoundError
from specviz.spectra.catalogue_values import catalogues_of
from specviz.spectra.star import Star

tools = Registry()
#: Labels that a catalogue is asked for.
_LABELS = ("teff", "logg", "fe_h", "alpha_fe", "rv", "age", "ebv")


@tools.add
def load(desk: Desk, name: str) -> Answer:
    """Take a star in hand that is at hand already: an uploaded file by its name, or a demo star such as "demo 12".

    Parameters
    ----------
    name : str
        Name of an uploaded file, or "demo" and a number.
    """
    if name not in desk.uploads and not name.lower().startswith("demo"):
        kept = ", ".join(desk.uploads) or "none"
        raise NotFoundError(
            f"{name[:60]} is not at hand", expected=f"a demo star, or an uploaded file ({kept})",
            remedy="fetch asks the archives",
        )  # fmt: skip
    return Answer("load", described(desk.take(desk.find(name))), {"star": desk.star})


@tools.add(reaches="network")
def fetch(desk: Desk, name: str) -> Answer:
    """Find a star in the archives (SIMBAD, LAMOST, Gaia) and take it in hand, with its spectra.

    Parameters
    ----------
    name : str
        A name (HD 140283), a Gaia source_id ("Gaia DR3 4345775217221821312"), a LAMOST obsid ("obsid 353301001"), or
        a position in degrees or sexagesimal.
    """
    return Answer("fetch", described(desk.take(desk.find(name))), {"star": desk.star})


@tools.add
def show(desk: Desk, what: Literal["star", "spectrum", "xp", "posterior", "similar"] = "star") -> Answer:
    """Show the star in hand: everything, its optical spectrum, its Gaia XP spectrum, its posterior or its neighbours.

    Parameters
    ----------
    what : str
        What to draw.
    """
    star = desk.in_hand()
    needed = {"xp": ("gaia_xp",), "spectrum": ("lamost_lrs", "sdss", "other")}.get(what, tuple(star.spectra))
    if not any(s in star.spectra for s in needed):
        raise NotFoundError(f"{star.name} has no such spectrum", expected=", ".join(map(spoken, star.spectra)))
    shown: dict[str, Any] = {"star": star, "view": what}
    if what in ("posterior", "similar", "star"):
        shown["report"] = desk.report()
    return Answer("show", {"star": star.name, "what": what}, shown)


@tools.add
def star(desk: Desk) -> Answer:
    """What is known of the star in hand: position, spectra with their signal to noise, catalogue values."""
    return Answer("star", described(desk.in_hand()), {"star": desk.star})


def described(found: Star) -> dict[str, Any]:
    """A star in plain values."""
    catalogues = []
    for catalogue in catalogues_of(found):
        values = {k: rounded(v) for k in _LABELS if (v := catalogue.value(k)) is not None}
        if values:
            catalogues.append({"name": catalogue.name or "Catalogue", "values": values})
    spectra = [
        {"survey": spoken(survey), "snr": None if snr is None else rounded(snr, 3), "release": release}
        for survey, spectrum in found.spectra.items()
        for snr, release in [(spectrum.meta.get("snr"), str(spectrum.meta.get("release", "")))]
    ]
    return {
        "name": found.name,
        "ra": None if found.ra is None else round(float(found.ra), 5),
        "dec": None if found.dec is None else round(float(found.dec), 5),
        "spectra": spectra,
        "light_curve": found.light_curve is not None,
        "catalogues": catalogues,
    }
