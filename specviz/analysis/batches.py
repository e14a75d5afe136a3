"""``in_batches``: a list worked through in batches; one that does not fit in the device's memory is halved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from specviz.errors import ModelError

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger("specviz.analysis")


class BatchSize:
    """How many at once; only ever smaller, so that a batch that did not fit is not tried again."""

    def __init__(self, size: int) -> None:
        self.size = int(size)


def in_batches(
    items: Sequence[Item], size: BatchSize, work: Callable[[Sequence[Item]], list[Result]]
) -> Iterator[list[Result]]:
    """The results of each batch, in order.

    Parameters
    ----------
    items : sequence
    size : BatchSize
        Halved in place when the device's memory does not hold a batch; the same items are then done in smaller ones.
    work : callable
        A batch to its results; must change nothing when it fails.

    Raises
    ------
    ModelError
        If a single item does not fit.
    """
    done = 0
    while done < len(items):
        batch = items[done : done + size.size]
        failed = False
        try:
            results = work(batch)
        except (RuntimeError, MemoryError) as error:
            from specviz.models.encoder import is_out_of_memory

            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ModelError(
                    "The device's memory does not hold a single spectrum's work",
                    remedy="Use device='cpu', or end what else uses the device",
                ) from error
            failed = True
        if failed:  # outside the handler: the error's traceback keeps the batch's arrays alive
            from specviz.models.encoder import release_memory

            release_memory()
            size.size = len(batch) // 2
            _log.warning("The device's memory does not hold %d spectra: going on with %d", len(batch), size.size)
            continue
        done += len(batch)
        yield results
