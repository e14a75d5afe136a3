"""The posteriors of a release: which can be converted, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from specviz.errors import CheckpointError
from specviz.models.specclip.convert_sbi import Posterior, convert_posteriors
from specviz.models.specclip.routing import Route
from specviz.models.work import Work

NOT_TRUSTED = "a pickled sbi object, which can run anything when it is opened; converted only with --trust-pickle"


def convert(pickles: Mapping[Route, Path], folder: Path, work: Work) -> tuple[dict[Route, str], dict[Route, str]]:
    """Convert trusted posteriors into ``folder``: the SHA-256 of those that were written, and why others were not.

    All of them in one process; where one fails, each by itself, so that it costs only its own label.
    """
    jobs = {route: Posterior(path, folder / route.file, route.label, route.network) for route, path in pickles.items()}
    try:
        made = convert_posteriors(list(jobs.values()), trust_pickle=True, cancel=lambda: work.cancelled)
        return {route: made[job.target] for route, job in jobs.items()}, {}
    except CheckpointError as error:
        if len(jobs) == 1:
            return {}, dict.fromkeys(jobs, str(error))
    written: dict[Route, str] = {}
    failed: dict[Route, str] = {}
    for route, path in pickles.items():
        work.check()
        one, none = convert({route: path}, folder, work)
        written |= one
        failed |= none
    return written, failed
