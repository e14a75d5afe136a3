"""``Pace``: how long a person takes for a star, for the time that is left."""

from __future__ import annotations

import time
from collections import deque
from statistics import median

#: Stars that the pace is taken from.
LATEST = 20
#: A longer look (s) is a break, not a look.
BREAK = 300.0


class Pace:
    """Seconds a star, the median of the latest ones."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._took: deque[float] = deque(maxlen=LATEST)

    def shown(self) -> None:
        """Another star is on screen."""
        self._since = time.monotonic()

    def finished(self, key: str) -> None:
        """The person has finished with the star on screen."""
        took = time.monotonic() - self._since
        if took < BREAK:
            self._took.append(took)

    @property
    def each(self) -> float | None:
        """Seconds; None before three stars."""
        return float(median(self._took)) if len(self._took) >= 3 else None
