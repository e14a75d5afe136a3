"""A thousand exchanges in which something may go wrong: no hang, no damaged entry, no thread left, the right error."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from specviz.archives.cache import cache
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    LoginRequiredError,
    NotFoundError,
    QueryError,
    RateLimitedError,
    ServiceDownError,
    ServiceTimeoutError,
)

#: Seconds that one request may take here, and the tries it has.
TIMEOUT, TRIES = 2.5, 3  # a machine at work elsewhere may well be silent for a second
EXCHANGES = int(os.environ.get("SPECVIZ_FAULTS") or 1000)

#: Kind of fault -> (chance, what may be raised when no try succeeds, is it tried again?).
_BROKEN = (BadReplyError,)
FAULTS: dict[str, tuple[float, tuple[type[Exception], ...], bool]] = {
    "none": (0.30, (), False),
    "slow": (0.10, (), False),
    "reset": (0.10, (ServiceDownError,), True),
    "hang": (0.01, (ServiceTimeoutError,), True),
    "drip": (0.01, (ServiceTimeoutError,), True),
    "status 500": (0.08, (ServiceDownError,), True),
    "status 503": (0.04, (ServiceDownError,), True),
    "status 429": (0.06, (RateLimitedError,), True),
    "status 404": (0.04, (QueryError, NotFoundError), False),
    "login": (0.07, (LoginRequiredError,), False),
    "truncate": (0.07, (BadReplyError,), True),
    "cut": (0.06, _BROKEN, False),
    "garbage": (0.03, _BROKEN, False),
    "empty": (0.03, _BROKEN, False),
}


@dataclass(frozen=True)
class Call:
    """One public call: what it asks, what its answer is worth comparing by, and what marks its requests."""

    service: str
    run: Callable[[], Any]
    worth: Callable[[Any], Any]


def _calls() -> list[Call]:
    from specviz.archives import mast, vizier
    from specviz.archives.gaia import Gaia
    from specviz.archives.lamost import Lamost
    from specviz.archives.simbad import Simbad

    def fits() -> bytes:
        return Lamost("dr10/v2.0").get_fits(353301001)

    return [
        Call("lamost", fits, len),
        Call("lamost", lambda: Lamost("dr10/v2.0").query_region((150.0, 20.0), "3 arcsec"), len),
        Call("simbad", lambda: Simbad().lookup(["HD 140283"])[0], lambda found: found.main_id),
        Call("gaia", lambda: Gaia().sources([1000000000000000001]), lambda found: sorted(found)),
        Call("gaia", lambda: Gaia().xp([1000000000000000001]), lambda found: sorted(found.spectra)),
        Call("vizier", lambda: vizier.gaia_rows(235.762904, -10.933499, 5.0), len),
        Call("mast", lambda: mast.lookup("TIC 45391862"), lambda found: found is None or found.name),
    ]


def _one(call: Call, kind: str, rng: np.random.Generator, replay: Any, right: Any) -> str:
    """Make one exchange and say what came of it; asserts that it is what the fault must lead to."""
    name, _, status = kind.partition(" ")
    errors, again = FAULTS[kind][1:]
    times = int(rng.choice([1, 2, -1]))
    module = __import__("sys").modules["replay_server"]
    fault = None
    if name != "none":
        seconds = {"slow": 0.05, "hang": TIMEOUT + 1, "drip": 0.4}.get(name, 0.0)
        fault = module.Fault(name, f"^{call.service}/", times, seconds, int(status or 500))
        with replay.lock:
            replay.faults.append(fault)
    began = time.monotonic()
    try:
        got = call.worth(call.run())
    except ArchiveError as error:
        assert errors, f"{kind} x{times} on {call.service}: {error!r}"
        assert isinstance(error, errors), f"{kind} x{times} on {call.service}: {error!r}"
        assert not (again and 0 < times < TRIES), f"{kind} x{times}: another try would have cured it"
        assert error.service and "Traceback" not in str(error)
        return type(error).__name__
    except NotFoundError as error:
        assert NotFoundError in errors, f"{kind} x{times} on {call.service}: {error!r}"
        return "NotFoundError"
    else:
        assert got == right, f"{kind} x{times} on {call.service}: {got!r}"
        return "right"
    finally:
        took = time.monotonic() - began
        assert took < 2 * TRIES * TIMEOUT + 60, f"{kind} x{times} on {call.service} took {took:.1f} s"
        if fault is not None:
            with replay.lock:
                replay.faults.remove(fault)


@pytest.mark.slow
def test_a_thousand_faulty_exchanges(replay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeded; one thread a service, so that each fault meets the call it was made for."""
    calls = _calls()
    right = [call.worth(call.run()) for call in calls]  # imports, and what the answers should be
    monkeypatch.setenv("SPECVIZ_TIMEOUT", str(TIMEOUT))
    monkeypatch.setenv("SPECVIZ_RETRY_WAIT", "0.002")
    threads_before = {t.name for t in threading.enumerate()}
    kinds = list(FAULTS)
    chances = np.array([FAULTS[k][0] for k in kinds])
    services = sorted({call.service for call in calls})
    told: Counter[str] = Counter()
    trouble: list[str] = []
    lock = threading.Lock()

    def work(service: str, number: int) -> None:
        rng = np.random.default_rng([20261126, number])
        mine = [(c, r) for c, r in zip(calls, right, strict=True) if c.service == service]
        for _ in range(EXCHANGES // len(services)):
            call, wanted = mine[int(rng.integers(len(mine)))]
            kind = str(rng.choice(kinds, p=chances / chances.sum()))
            cache().clear(service)
            try:
                outcome = _one(call, kind, rng, replay, wanted)
            except BaseException as error:  # noqa: BLE001 - gathered, and asserted to be none
                with lock:
                    trouble.append(f"{type(error).__name__}: {error}")
                outcome = "wrong"
            with lock:
                told[f"{kind} -> {outcome}"] += 1

    workers = [threading.Thread(target=work, args=(s, n), name=f"worker-{s}") for n, s in enumerate(services)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(400)
    assert not [w.name for w in workers if w.is_alive()], "a call hangs"
    assert trouble == [], f"{len(trouble)} of {sum(told.values())}"
    assert sum(told.values()) == EXCHANGES // len(services) * len(services)
    assert {kind.split(" -> ")[0] for kind in told} == set(kinds), json.dumps(told, indent=1)
    for entry in cache().entries():  # whatever is left there is whole
        assert cache().peek(entry.key) is not None
    time.sleep(0.1)
    left = {t.name for t in threading.enumerate() if t.name.startswith("specviz-")} - threads_before
    assert left == set()
