"""``writing``: one process at a time changes a catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from specviz.errors import CatalogError, SpecvizError
from specviz.models.held import held

LOCK = "catalog.lock"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold a catalogue's lock while the block runs. The system lets go of it when a process dies, so none is left over.

    Raises
    ------
    CatalogError
        If someone else is changing the catalogue, or the folder cannot be written.
    """
    what = f"changing {folder.name}"
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder / LOCK, what))
        except SpecvizError as error:
            busy = error.what.endswith(what)
            remedy = "Wait until it is done and do the same again" if busy else "Choose a folder where you may write"
            raise CatalogError(error.what, remedy=remedy) from error
        yield
