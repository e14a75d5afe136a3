"""The files of a fetched star as the archives sent them, for keeping elsewhere: ``specviz get -o``."""

from __future__ import annotations

from specviz.archives.cache import Key, cache
from specviz.spectra.star import Star

_XP = ("xp_continuous", "xp_sampled")


def originals(star: Star) -> dict[str, tuple[str, bytes]]:
    """Survey -> (file name, bytes), of what is kept of a star's spectra; ``specviz.open`` reads them.

    A LAMOST spectrum is the FITS file itself; a Gaia XP spectrum the source's row of the product, coefficients with
    their errors and correlations, as FITS. Nobody is asked: what the cache has lost is left out.
    """
    found: dict[str, tuple[str, bytes]] = {}
    for one in star.identifiers:
        if one.archive == "LAMOST" and "lamost_lrs" in star.spectra and "lamost_lrs" not in found:
            # "DR10 v2.0" is kept under "dr10/v2.0".
            data = cache().peek(Key("lamost", one.release.lower().replace(" ", "/"), f"fits:{one.value}"))
            if data is not None:
                suffix = ".fits.gz" if data[:2] == b"\x1f\x8b" else ".fits"
                found["lamost_lrs"] = (f"LAMOST-{one.release.replace(' ', '-')}-{one.value}{suffix}", data)
        if one.archive == "Gaia" and "gaia_xp" in star.spectra and "gaia_xp" not in found:
            for product in _XP:
                data = cache().peek(Key("gaia", one.release, f"{product}:{one.value}"))
                if data is not None and data.startswith(b"SIMPLE"):
                    found["gaia_xp"] = (f"{product.upper()}-Gaia_{one.release}_{one.value}.fits", data)
                    break
    return found
