"""Questions as astroquery writes them, for VizieR, CDS XMatch and ADS; sending them is ours.

Astroquery knows the services' languages, and is asked for the request (``get_query_payload=True``), which goes
through our session. Letting astroquery send would mean to replace ``_session`` in its objects, a name it does not
promise; to switch its cache of pickled answers off with a global option, which threads undo for each other; and to live
with its reading of errors: it takes VizieR's error documents for empty answers, and XMatch's for VOTables even where
they are none. ``tests/contract/test_astroquery_requests.py`` fails, in words, when astroquery writes something else.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Where VizieR takes astroquery's scripts.
VIZIER_URL = "https://vizier.cds.unistra.fr/viz-bin/votable"
#: astroquery 0.4.11 still has the old domain (services.md section 3).
XMATCH_URL = "https://cdsxmatch.cds.unistra.fr/xmatch/api/v1/sync"

_importing = threading.Lock()


def vizier_request(
    table: str,
    columns: Sequence[str],
    n: int,
    *,
    ra: float | None = None,
    dec: float | None = None,
    radius_arcsec: float = 3.0,
    where: Mapping[str, str] | None = None,
) -> bytes:
    """The script that asks VizieR for rows of a table, around a position or by constraints; to be posted.

    Parameters
    ----------
    table : str
    columns : sequence of str
        As VizieR spells them; those that a table has not are silently left out by VizieR.
    n : int
        Rows at most.
    ra, dec, radius_arcsec : float, optional
        Degrees, ICRS.
    where : mapping of str to str, optional
        Column -> constraint.
    """
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from astroquery.vizier import VizierClass

    asking = VizierClass(columns=list(columns), row_limit=n)
    if ra is None:
        script = asking.query_constraints_async(catalog=table, get_query_payload=True, **dict(where or {}))
    else:
        script = asking.query_region_async(
            SkyCoord(ra, dec, unit="deg"),
            radius=radius_arcsec * u.arcsec,
            catalog=table,
            column_filters=dict(where or {}),
            frame="icrs",
            get_query_payload=True,
        )
    return str(script).encode()


def xmatch_request(table: Any, catalogue: str, radius_arcsec: float, ra: str, dec: str) -> tuple[dict[str, Any], Any]:
    """The form and the files that ask CDS XMatch; to be posted.

    Astroquery would first fetch the list of all catalogues, through its own cache. Here every name counts as known: the
    service itself says best what it does not have.
    """
    with _importing, _quiet("astroquery.xmatch"):
        from astroquery.xmatch import XMatchClass

    from astropy import units as u

    class Asking(XMatchClass):
        def is_table_available(self, table_id: Any) -> bool:
            return isinstance(table_id, str)

    form, files = Asking().query_async(
        cat1=table,
        cat2=catalogue,
        max_distance=radius_arcsec * u.arcsec,
        colRA1=ra,
        colDec1=dec,
        get_query_payload=True,
        RESPONSEFORMAT="csv",
    )
    return form, files["files"]


def ads_request(words: str, n: int) -> str:
    """The address that asks ADS for papers, the most relevant first; to be fetched with a token.

    Parameters
    ----------
    words : str
        In ADS's language.
    n : int
        Papers at most.
    """
    from astroquery.nasa_ads import ADSClass

    asking = ADSClass()
    asking.ADS_FIELDS, asking.NROWS, asking.SORT = ["bibcode", "title", "author", "year", "pub"], n, "score desc"
    return str(asking.query_simple(words, get_query_payload=True))


@contextlib.contextmanager
def _quiet(module: str) -> Iterator[None]:
    """Importing astroquery.xmatch prints that the package regions is not there; nobody here needs it."""
    if module in sys.modules:
        yield
        return
    with contextlib.redirect_stdout(io.StringIO()) as said:
        yield
    # Another thread may have printed meanwhile: that is passed on.
    lines = said.getvalue().splitlines(keepends=True)
    sys.stdout.write("".join(line for line in lines if "regions" not in line and "functionalities" not in line))
