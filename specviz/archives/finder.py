"""``Sky``: one question, every archive. ``Sky().fetch("HD 140283")`` is a star with every spectrum that exists."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from specviz import extensions
from specviz.archives.cache import Cache, cache
from specviz.archives.demo import DemoArchive
from specviz.archives.freshness import fresh, standing_in
from specviz.archives.gather import gather, why_nothing
from specviz.archives.identity import Identity, identify
from specviz.archives.known import known, note
from specviz.archives.names import Parsed, parse
from specviz.archives.protocol import Archive, Candidate
from specviz.archives.transport import Monitor, offline, online, title, watching
from specviz.errors import AmbiguousError, CancelledError, NotFoundError, OfflineError, OptionError, SpecvizError
from specviz.spectra.star import Star

DEFAULT_RELEASE = "DR3"
_CHOICES = 20


class Sky:
    """Everything that can be asked for a star: the demo sky, folders of yours, and the archives on the network.

    Parameters
    ----------
    online : bool
        False: no service is asked; what was fetched before, the demo sky and ``locals`` answer.
    locals : sequence of Archive
        Asked before the network, in order (see :class:`specviz.archives.local.LocalArchive`), and before archives
        that others added (:func:`specviz.extensions.register_archive`).
    release : str
        Gaia data release that a source id without one belongs to.
    lamost_release : str, optional
        LAMOST release such as ``"dr10/v2.0"``; the newest public one by default.
    light_curve : bool
        Ask MAST for a Kepler or TESS light curve too.

    Notes
    -----
    Safe to use from several threads. Nothing is imported and nobody is asked before the first question.
    """

    def __init__(
        self,
        *,
        online: bool = True,
        locals: Sequence[Archive] = (),
        release: str = DEFAULT_RELEASE,
        lamost_release: str | None = None,
        light_curve: bool = False,
    ) -> None:
        if not isinstance(release, str) or not release.upper().startswith(("DR", "EDR")):
            raise OptionError(f"release={release!r}", expected="a Gaia release such as 'DR3'")
        self.online = online
        self.locals = tuple(locals)
        self.release, self.lamost_release = release.upper(), lamost_release
        self.light_curve = light_curve

    def __repr__(self) -> str:
        return f"<Sky: {'online' if self.reachable else 'offline'}, Gaia {self.release}, {len(self.locals)} of yours>"

    @property
    def reachable(self) -> bool:
        """Whether services may be asked (``online`` here, and ``SPECVIZ_OFFLINE`` not set)."""
        return self.online and online()

    @property
    def cache(self) -> Cache:
        """Where fetched things are kept."""
        return cache()

    # ------------------------------------------------------------------ without the network
    def suggest(self, text: str, n: int = 8) -> list[Candidate]:
        """Names that begin with, or contain, what has been typed so far; never asks the network.

        Stars fetched before come first, then demo stars, then your archives.
        """
        words = " ".join(str(text).lower().split())[:80]
        if not words:
            return []
        names = known(self.cache)
        begin = [c for c in names if c.name.lower().startswith(words)]
        within = [c for c in names if words in c.name.lower() and c not in begin]
        found = [*begin, *within, *self._demo_suggestions(words, n)]
        for archive in self._ours():
            near = getattr(archive, "near", None)
            try:
                found += [Candidate(name, "local") for name in (near(words) if near is not None else ())]
            except SpecvizError as error:  # told when a star is asked for, not at each letter; the others suggest
                logging.getLogger(__name__).info("no suggestions from %r: %s", archive, error)
        return list({c.name: c for c in reversed(found)}.values())[::-1][:n]

    @staticmethod
    def _demo_suggestions(words: str, n: int) -> list[Candidate]:
        if not ("demo".startswith(words[:4]) and words[:1] == "d"):
            return []
        demo = DemoArchive()
        try:
            exact = list(demo.resolve(words))[:n] if words.startswith("demo ") else []
        except OptionError:  # half a question, such as “demo tef”
            exact = []
        kinds = [f"demo {kind.lower()}" for kind in demo.kinds()]
        more = [Candidate(name, "demo", "simulated") for name in kinds if name.startswith(words)]
        return [*exact, *more] if exact else [*more[: n - 1], Candidate("demo 1", "demo", "simulated")][:n]

    # ------------------------------------------------------------------ with it
    def resolve(self, text: str, monitor: Monitor | None = None) -> list[Candidate]:
        """The stars that ``text`` may mean, best first; empty if nobody knows it.

        Raises
        ------
        ArchiveError
            Who might know it cannot be asked.
        """
        try:
            with watching(monitor), offline(not self.online):
                if mine := self._own(text):
                    return mine
                identity = identify(parse(text), release=self.release, lamost_release=self.lamost_release)
        except AmbiguousError as error:
            return [c for c in error.candidates if isinstance(c, Candidate)]
        except NotFoundError:
            return []
        summary = ", ".join(w for w in (identity.object_type, identity.sp_type) if w)
        one = Candidate(
            identity.name,
            "sky",
            summary,
            identity.ra,
            identity.dec,
            identity.identifiers,
            identity.pm_ra,
            identity.pm_dec,
        )
        return [one]

    def fetch(self, which: str | Candidate, monitor: Monitor | None = None, *, again: bool = False) -> Star:
        """The star that is meant, with every spectrum that can be had.

        Parameters
        ----------
        which : str or Candidate
            A name (``"HD 140283"``), ``"Gaia DR3 ..."``, an obsid, ``"TIC ..."``, ``"KIC ..."``, a 2MASS or LAMOST
            designation, a position, or a demo star; or a choice of :meth:`resolve`.
        monitor : Monitor, optional
            Progress and cancel.
        again : bool
            Ask the services even for what was fetched before.

        Returns
        -------
        Star
            ``meta["services"]`` maps each service that was asked to an :class:`~specviz.archives.protocol.Outcome`;
            one that failed costs its own part only.

        Raises
        ------
        AmbiguousError
            Several stars may be meant: ``candidates``.
        NotFoundError
            Nobody knows it, or there is no spectrum of it.
        ArchiveError
            Nothing could be fetched; OfflineError where there is no network.
        CancelledError
        """
        text = which.name if isinstance(which, Candidate) else str(which)
        with watching(monitor), offline(not self.online), fresh(again), standing_in() as kept:
            star = self._own_star(text)
            return star if star is not None else self._fetch(parse(text), kept)

    def _fetch(self, parsed: Parsed, kept: set[str]) -> Star:
        try:
            identity: Identity = identify(parsed, release=self.release, lamost_release=self.lamost_release)
        except OfflineError as error:
            raise self._not_kept(parsed, error) from error
        star = gather(identity, release=self.release, lamost_release=self.lamost_release, light_curve=self.light_curve)
        trouble = why_nothing(star)
        if trouble is not None:
            raise trouble
        star = _with_kept(star, kept)
        note(self.cache, parsed.label, star)
        return star

    def _not_kept(self, parsed: Parsed, error: OfflineError) -> OfflineError:
        count = len(known(self.cache))
        kept = f", or one of the {count} stars fetched before" if count else ""
        why = "Offline" if not self.reachable else error.what
        return OfflineError(
            f"{why}: {parsed.label} has not been fetched before",
            service=error.service,
            tries=error.tries,
            expected=f"a demo star (demo 42), a file{kept}",
            remedy="Try again when there is a network",
        )

    # ------------------------------------------------------------------ ours
    def _ours(self) -> tuple[Archive, ...]:
        return (*self.locals, *extensions.archives())

    def _own(self, text: str) -> list[Candidate]:
        if _asks_demo(text):
            return list(DemoArchive().resolve(text))[:_CHOICES]
        for archive in self._ours():
            if found := list(archive.resolve(text)):
                return found[:_CHOICES]
        return []

    def _own_star(self, text: str) -> Star | None:
        if _asks_demo(text):
            demo = DemoArchive()
            found = list(demo.resolve(text))
            kinds = {f"demo {kind.lower()}" for kind in demo.kinds()}
            if len(found) > 1 and " ".join(text.lower().split()) not in kinds:
                raise AmbiguousError(
                    f"Several demo stars are “{text[:60]}”", found[:_CHOICES], remedy="Choose one by its number"
                )
            return demo.fetch(text)
        for archive in self._ours():
            if list(archive.resolve(text)):
                return archive.fetch(text)  # several visits of one star are one; several stars raise AmbiguousError
        return None


def _asks_demo(text: str) -> bool:
    """Whether a text is a question to the demo sky: “demo 42”, “demo42”, “demo K giant”; not a name like Democritus."""
    words = text.strip().lower()
    return words.startswith(("demo ", "demo_", "demo#", "demo-")) or words[:5].rstrip("0123456789") == "demo"


def _with_kept(star: Star, kept: set[str]) -> Star:
    """The star, saying of which services an older answer had to do."""
    services = dict(star.meta["services"])
    for key in kept & services.keys():
        if services[key].status == "found":
            text = f"{services[key].text}, as fetched before: {title(key)} cannot be reached"
            services[key] = replace(services[key], status="kept", text=text)
    return star.with_(meta={**star.meta, "services": services})


def get(
    name: str | Candidate | Sequence[Any],
    *,
    release: str = DEFAULT_RELEASE,
    lamost_release: str | None = None,
    light_curve: bool = False,
    again: bool = False,
    progress: Any = None,
    cancel: Any = None,
) -> Any:
    """Fetch a star, or a list of them; see :func:`specviz.get`."""
    asked = Sky(release=release, lamost_release=lamost_release, light_curve=light_curve)
    monitor = Monitor(progress, cancel)
    if isinstance(name, str | Candidate):
        return asked.fetch(name, monitor, again=again)
    stars = []
    for one in name:
        try:
            stars.append(asked.fetch(one, monitor, again=again))
        except CancelledError:
            raise
        except SpecvizError as error:  # one of a list must not cost the others
            label = one.name if isinstance(one, Candidate) else str(one)
            stars.append(Star(label[:80] or "unnamed", meta={"error": str(error)}))
    return stars
