"""Light curves for the star on screen: from a file, or from where its spectra came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz.errors import NotFoundError, SpecvizError
from specviz.spectra.readers import identify
from specviz.spectra.star import LightCurve, Star
from specviz.spectra.stitch import stitch

#: Layouts of files that hold a light curve and no spectrum.
LAYOUTS = ("kepler_llc", "light_curve_text")
#: Days that two curves may share and still be taken for parts of one.
_SHARED = 1.0


def is_light_curve(data: bytes) -> bool:
    """Whether a file holds a light curve and no spectrum."""
    try:
        return identify(data) in LAYOUTS
    except SpecvizError:  # told when it is read
        return False


def curve_of(name: str, stars: Sequence[Star], star: Star) -> LightCurve:
    """The light curve in a file that was read, for ``star``.

    Raises
    ------
    SpecvizError
        If there is none, or it is plainly another star's.
    """
    held = next((s for s in stars if s.light_curve is not None), None)
    if held is None or held.light_curve is None:
        what = ", ".join(sorted({k for s in stars for k in s.spectra})) or "a list of stars"
        raise SpecvizError(f"{name[:60]} holds something else ({what})", expected="a light curve")
    for theirs in held.identifiers:
        for ours in star.identifiers:
            if ours.archive == theirs.archive and ours.value != theirs.value:
                raise SpecvizError(
                    f"{name[:60]} is the light curve of {theirs}, and {star.name[:60]} is {ours}",
                    expected="a light curve of the star on screen",
                    remedy="Close the panel and open the file by itself",
                )
    return held.light_curve


def with_curve(star: Star, curve: LightCurve) -> Star:
    """The star with a light curve: joined to what it has where it is another stretch of it, in its place otherwise."""
    own = star.light_curve
    if own is not None and own.time_system == curve.time_system:
        shared = min(own.time.max(), curve.time.max()) - max(own.time.min(), curve.time.min())
        if shared < _SHARED:
            curve = stitch([own, curve])
    # Asking for the star again would not bring this curve: a session that is saved keeps it.
    attached = tuple(dict.fromkeys((*star.meta.get("attached", ()), "light_curve")))
    return star.with_(light_curve=curve, meta={**star.meta, "attached": attached})


def fetched(star: Star, *, sky: Any) -> Star:
    """The star with the light curve that the archives have of it; a star of the demo sky gets one simulated.

    Raises
    ------
    NotFoundError
        There is none.
    ArchiveError
        MAST cannot be asked.
    SpecvizError
        This session asks no archives.
    """
    from specviz.archives.light_curves import light_curve_of, simulated_curve
    from specviz.archives.transport import offline

    if star.meta.get("simulated"):
        return with_curve(star.with_(light_curve=None), simulated_curve(star))
    if sky is None:
        raise NotFoundError(
            f"There is no light curve of {star.name} here", remedy="This session asks no archives: use a file"
        )
    with offline(not sky.online):
        curve = light_curve_of(star)
    return with_curve(star.with_(light_curve=None), curve)
