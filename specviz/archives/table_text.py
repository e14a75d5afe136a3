"""Tables as the cache keeps them: ECSV text, with units, masks and 64-bit identifiers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from specviz.errors import SpecvizError

if TYPE_CHECKING:
    from astropy.table import Table


_EMPTY = b"# a table without columns\n"


def table_bytes(table: Table) -> bytes:
    """A table as ECSV text; ``meta`` is dropped, since services fill it with what no format can hold."""
    if not table.colnames:  # an empty answer says so by having no columns, which ECSV cannot
        return _EMPTY
    plain = table.copy()
    plain.meta.clear()
    out = io.StringIO()
    plain.write(out, format="ascii.ecsv")
    return out.getvalue().encode()


def read_table(data: bytes) -> Table:
    """The table of :func:`table_bytes`.

    Raises
    ------
    SpecvizError
        If the text is none.
    """
    from astropy.table import Table

    if data == _EMPTY:
        return Table()
    try:
        return Table.read(data.decode().splitlines(), format="ascii.ecsv")
    except (ValueError, TypeError, UnicodeDecodeError, IndexError, KeyError) as error:
        raise SpecvizError("A kept table cannot be read", remedy="It is fetched again") from error
