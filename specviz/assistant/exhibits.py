"""``exhibits_of``: what a display shows beside an answer and the answer does not hold; worked out on its thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specviz.assistant.desk import Desk
from specviz.assistant.tools.result import Answer


def exhibits_of(answer: Answer, desk: Desk) -> Mapping[str, Any]:
    """What to show with an answer.

    For similar stars: ``own``, (wavelength, normalised flux) of the star in hand, and ``windows``, a list of the same
    of each, vacuum Angstrom from H beta to Mg b. For a star that is shown: ``report`` if one was made already.

    Parameters
    ----------
    answer : Answer
    desk : Desk
        From whose model it is.
    """
    if answer.tool == "similar":
        return _windows(answer, desk)
    report = desk.made(answer.arguments.get("model", ""))
    if report is not None and answer.star is report.star and "report" not in answer.shown:
        return {"report": report}
    return {}


def _windows(answer: Answer, desk: Desk) -> Mapping[str, Any]:
    from specviz import api

    report, survey = answer.shown["report"], str(answer.shown["survey"])
    seen = report.prepared.get("lamost_lrs")
    index = api.demo_catalog(desk.engine(str(answer.arguments.get("model", ""))), "lamost_lrs")
    give = getattr(index, "neighbour_window", None)
    if give is None or survey != "lamost_lrs":
        return {}
    windows = [give(int(row)) for row in answer.shown["table"]["row"]]
    return {"own": None if seen is None else (seen.wavelength, seen.values), "windows": windows}
