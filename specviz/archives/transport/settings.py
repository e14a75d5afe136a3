"""Numbers that a person sets in the environment (docs/archives.md lists them)."""

from __future__ import annotations

import math
import os

from specviz.errors import OptionError


def setting(name: str, default: float) -> float:
    """The number in an environment variable; ``default`` where it is not set, or blank.

    Raises
    ------
    OptionError
        If it holds no number, or a negative one.
    """
    told = os.environ.get(name, "").strip()
    if not told:
        return default
    try:
        value = float(told)
    except ValueError as error:
        raise _unfit(name, told) from error
    if not (math.isfinite(value) and value >= 0.0):
        raise _unfit(name, told)
    return value


def _unfit(name: str, told: str) -> OptionError:
    return OptionError(f"{name} is {told[:40]!r}", expected="a number, 0 or more", remedy="Set it anew, or unset it")
