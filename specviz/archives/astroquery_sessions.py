"""Astroquery's classes on our session: the only file that knows names which astroquery does not promise.

Astroquery makes a ``requests.Session`` of its own for every class and keeps it in ``_session``; there is no public way
to hand it another. ``tests/contract/test_astroquery_private.py`` says at once when that changes. Astroquery's cache of
pickled answers stays off (``cache=False`` at every call): ours has ages, checksums and works offline.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Sequence
from typing import Any

from specviz.archives.transport import session

#: Where VizieR is; astroquery would take it, or a mirror, from the person's configuration file.
VIZIER_SERVER = "vizier.cds.unistra.fr"
#: astroquery 0.4.11 still has the old domain (services.md section 3).
XMATCH_URL = "https://cdsxmatch.cds.unistra.fr/xmatch/api/v1/sync"

_importing = threading.Lock()


def vizier(columns: Sequence[str], row_limit: int) -> Any:
    """A ``VizierClass`` that asks through our session.

    Parameters
    ----------
    columns : sequence of str
        As VizieR spells them; those that a table has not are silently left out by VizieR.
    row_limit : int
    """
    from astroquery.vizier import VizierClass

    asking = VizierClass(columns=list(columns), row_limit=row_limit, vizier_server=VIZIER_SERVER, timeout=None)
    asking._session = session()
    return asking


def xmatch_request(table: Any, catalogue: str, radius_arcsec: float, ra: str, dec: str) -> tuple[dict[str, Any], Any]:
    """What astroquery would send to CDS XMatch: the form, and the files.

    The request is astroquery's, sending it is ours: its own answer to an error is to parse a VOTable that need not be
    one. It also fetches the list of all catalogues before each question, through its own cache; here every name counts
    as known, since the service itself says best what it does not have.
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
        cache=False,
        get_query_payload=True,
        RESPONSEFORMAT="csv",
    )
    return form, files["files"]


@contextlib.contextmanager
def _quiet(module: str) -> Any:
    """Importing astroquery.xmatch prints that the package regions is not there; nobody here needs it."""
    if module in sys.modules:
        yield
        return
    with contextlib.redirect_stdout(io.StringIO()) as said:
        yield
    # Another thread may have printed meanwhile: that is passed on.
    lines = said.getvalue().splitlines(keepends=True)
    sys.stdout.write("".join(line for line in lines if "regions" not in line and "functionalities" not in line))
