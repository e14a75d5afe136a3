"""``FakeSky``: answers like :class:`specviz.archives.finder.Sky`, from a script instead of the network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from specviz.archives.demo import DemoArchive
from specviz.archives.protocol import Candidate, Outcome
from specviz.errors import AmbiguousError, NotFoundError, OfflineError, ServiceDownError
from specviz.spectra.star import Star

CHOICES = (
    Candidate("HD 1234 A", "simbad", "Star, G2V", 284.3867, 41.302),
    Candidate("HD 1234 B", "simbad", "Star, <b>K5</b>", 284.3871, 41.3024),
    Candidate("Gaia DR3 1234", "gaia", "G 11.2", 284.387, -1.3024),
)


class FakeSky:
    """Names: ``slow S`` works S seconds, ``stuck S`` too but heeds only ``let_go``, ``half`` lacks Gaia, ``down``
    fails, ``HD 1234`` is ambiguous; every other name beginning with ``HD`` is a demo star under that name.
    """

    def __init__(self, online: bool = True) -> None:
        self.online = online
        self.asked: list[Any] = []
        self.at_work = 0
        self.most_at_work = 0
        self.down = True
        self.let_go = threading.Event()
        self.demo = DemoArchive()

    def suggest(self, text: str, n: int = 8) -> list[Candidate]:
        """From a few names."""
        names = ["HD 1234 A", "HD 1234 B", "HD 140283", 'HD 1<img src=x onerror="window.evil=1">']
        known = [Candidate(name, "kept", "F3, LAMOST and Gaia XP") for name in names]
        return [c for c in known if text.lower() in c.name.lower()][:n]

    def fetch(self, which: Any, monitor: Any = None) -> Star:
        """See the class."""
        self.asked.append(which)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            return self._fetch(which.name if isinstance(which, Candidate) else str(which), which, monitor)
        finally:
            self.at_work -= 1

    def _fetch(self, name: str, which: Any, monitor: Any) -> Star:
        word, _, number = name.partition(" ")
        if word == "demo":
            return self.demo.fetch(name)
        if not self.online:
            raise OfflineError(f"{name} has not been fetched before", remedy="Open a demo star")
        known: dict[str, Callable[[], Star]] = {
            "slow": lambda: self._slow(name, float(number), monitor),
            "stuck": lambda: self._stuck(name, float(number)),
            "half": lambda: self._half(name, "gaia_xp", "gaia"),
            "dark": lambda: self._half(name, "lamost_lrs", "lamost"),
        }
        if word in known:
            return known[word]()
        if word == "down" and self.down:
            raise ServiceDownError("SIMBAD does not answer", service="simbad", tries=3, status=500)
        if name == "HD 1234":
            raise AmbiguousError("“HD 1234” may be several stars", CHOICES)
        if word in ("HD", "Gaia", "down", "evil") or name.startswith("<"):
            return self._named(name, "demo 3", {})
        raise NotFoundError(f"No star called {name}", remedy="Check the spelling")

    def _named(self, name: str, like: str, services: dict[str, Outcome]) -> Star:
        star = self.demo.fetch(like)
        found = {"simbad": Outcome("found"), "lamost": Outcome("found"), "gaia": Outcome("found")}
        return star.with_(name=name, meta={**star.meta, "services": {**found, **services}})

    def _slow(self, name: str, seconds: float, monitor: Any) -> Star:
        monitor.step("simbad", "asking")
        monitor.wait(min(0.3, seconds / 4))
        monitor.step("simbad", "found")
        monitor.step("gaia", "asking")
        for i in range(1, 20):
            monitor.step("lamost", "receiving", 3000 * i, 57_000)
            monitor.wait(seconds / 20)
        monitor.step("lamost", "found")
        return self._named(name, "demo 5", {})

    def _stuck(self, name: str, seconds: float) -> Star:
        self.let_go.wait(seconds)
        return self._named(name, "demo 6", {})

    def _half(self, name: str, survey: str, service: str) -> Star:
        lacks = Outcome("failed", f"The {service} archive answered with an error (HTTP 503) <i>busy</i>", 3)
        star = self._named(name, "demo 3", {service: lacks} if self.down else {})
        if not self.down:
            return star
        return star.with_(spectra={k: v for k, v in star.spectra.items() if k != survey})
